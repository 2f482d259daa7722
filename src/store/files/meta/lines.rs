//! The fast way: files that are nothing but `key: value` lines. Ten times faster than a YAML parser, which matters for
//! ten thousand runs over a network.
//!
//! It never guesses: whatever could mean something else to YAML makes the whole file "not mine".

use super::{Entry, Meta, Span, Value, is_null};

/// Reads a file of plain lines; nothing when anything else stands in it.
pub(super) fn read(text: &str) -> Option<Meta> {
    let mut entries = Vec::with_capacity(16);
    // Values with doubled quotes, which go behind the text of the file.
    let mut unquoted = String::new();
    let (mut rest, mut at) = (text, 0);
    while !rest.is_empty() {
        let end = memchr::memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
        let (line, after) = rest.split_at_checked(end)?;
        entries.push(entry(line, at, text.len(), &mut unquoted)?);
        rest = after.strip_prefix('\n').unwrap_or(after);
        at += end + 1;
    }
    if entries.is_empty() {
        return None;
    }
    let mut whole = String::with_capacity(text.len() + unquoted.len());
    whole.push_str(text);
    whole.push_str(&unquoted);
    Some(Meta { text: whole, entries, nested: Vec::new() })
}

/// The line that starts at `at`; `base` is where `unquoted` will start.
fn entry(line: &str, at: usize, base: usize, unquoted: &mut String) -> Option<Entry> {
    let end = key_end(line)?;
    let key = at..at + end;
    let Some(after) = line.get(end..)?.strip_prefix(": ") else {
        // A bare key: null, unless its value comes on the next lines, which are not mine then.
        return (line.get(end..) == Some(":")).then_some(Entry { key, value: Value::Null });
    };
    if !after.bytes().all(|byte| matches!(byte, b' '..=b'~')) && after.chars().any(is_special) {
        return None;
    }
    let start = at + end + 2;
    let value = match after.as_bytes() {
        b"[]" => Value::List,
        b"{}" => Value::Map(0..0),
        [b'\'', ..] => Value::Text(single(after, start, base, unquoted)?),
        [b'"', inside @ .., b'"'] if !inside.iter().any(|byte| matches!(byte, b'"' | b'\\')) => {
            Value::Text(start + 1..start + 1 + inside.len())
        }
        _ if is_null(after) => Value::Null,
        _ if is_plain(after) => Value::Text(start..start + after.len()),
        _ => return None,
    };
    Some(Entry { key, value })
}

/// Where a key of MLflow ends: letters, digits, `_`, `.` and `-`, first a letter or `_`.
fn key_end(line: &str) -> Option<usize> {
    let first = line.bytes().next()?;
    if !first.is_ascii_alphabetic() && first != b'_' {
        return None;
    }
    line.bytes().position(|byte| !byte.is_ascii_alphanumeric() && !matches!(byte, b'_' | b'.' | b'-'))
}

/// A value in single quotes that ends with its line.
fn single(value: &str, start: usize, base: usize, unquoted: &mut String) -> Option<Span> {
    let inside = value.strip_prefix('\'')?.strip_suffix('\'')?;
    if !inside.contains('\'') {
        return Some(start + 1..start + 1 + inside.len());
    }
    let from = unquoted.len();
    let mut pieces = inside.split("''");
    unquoted.push_str(pieces.next()?);
    for piece in pieces {
        unquoted.push('\'');
        unquoted.push_str(piece);
    }
    // What is left over after taking the pairs stood alone, and ended the value.
    let alone = inside.split("''").any(|piece| piece.contains('\''));
    (!alone).then_some(base + from..base + unquoted.len())
}

/// Whether a value without quotes can mean nothing but itself.
fn is_plain(value: &str) -> bool {
    let bytes = value.as_bytes();
    let starts = match bytes {
        [b'-', second, ..] => second.is_ascii_alphanumeric() || *second == b'.',
        [b'?' | b':' | b',' | b'[' | b']' | b'{' | b'}' | b'#' | b'&' | b'*' | b'!' | b'|' | b'>', ..] => false,
        [b'\'' | b'"' | b'%' | b'@' | b'`' | b' ' | b'-', ..] => false,
        _ => true,
    };
    let mut before = b' ';
    let ambiguous = bytes.iter().any(|byte| {
        let found = (before == b':' && *byte == b' ') || (before == b' ' && *byte == b'#');
        before = *byte;
        found
    });
    starts && !ambiguous && !matches!(before, b' ' | b':')
}

/// Controls, which YAML 1.1 does not allow raw, and the characters that it takes for line breaks or a byte order mark.
fn is_special(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}
