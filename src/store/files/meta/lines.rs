//! The fast way: files that are nothing but `key: value` lines. Ten times faster than a YAML parser, which matters for
//! ten thousand runs over a network.
//!
//! It never guesses: whatever could mean something else to YAML makes the whole file "not mine".

use memchr::{memchr, memchr2};

use super::{Entry, Meta, Span, Value, is_null};

/// Keys of a file, far more than MLflow writes. Lookups go through all of them.
const KEYS: usize = 1024;

/// Reads a file of plain lines; nothing when anything else stands in it.
pub(super) fn read(text: &str) -> Option<Meta> {
    let mut entries = Vec::with_capacity(16);
    // Values with doubled quotes, which go behind the text of the file.
    let mut unquoted = String::new();
    let (mut rest, mut at) = (text, 0);
    while !rest.is_empty() {
        let end = memchr(b'\n', rest.as_bytes()).unwrap_or(rest.len());
        let (line, after) = rest.split_at_checked(end)?;
        entries.push(entry(line, at, text.len(), &mut unquoted)?);
        if entries.len() > KEYS {
            return None;
        }
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
    let from = base + unquoted.len();
    for (number, piece) in inside.split("''").enumerate() {
        // A quote that has no twin ended the value before the end of the line.
        if piece.contains('\'') {
            return None;
        }
        if number > 0 {
            unquoted.push('\'');
        }
        unquoted.push_str(piece);
    }
    Some(from..base + unquoted.len())
}

/// Whether a value without quotes can mean nothing but itself.
fn is_plain(value: &str) -> bool {
    let starts = match value.as_bytes() {
        [b'-', second, ..] => second.is_ascii_alphanumeric() || *second == b'.',
        [b'?' | b':' | b',' | b'[' | b']' | b'{' | b'}' | b'#' | b'&' | b'*' | b'!' | b'|' | b'>', ..] => {
            false
        }
        [b'\'' | b'"' | b'%' | b'@' | b'`' | b' ' | b'-', ..] => false,
        _ => true,
    };
    starts && goes_on(value)
}

/// Whether the rest of a value without quotes holds neither a key nor a comment, nor blanks that do not count.
fn goes_on(value: &str) -> bool {
    let mut before = b' ';
    let ends = value.bytes().any(|byte| {
        let ends = (before == b':' && byte == b' ') || (before == b' ' && byte == b'#');
        before = byte;
        ends
    });
    !ends && !matches!(before, b' ' | b':')
}

/// Controls, which YAML 1.1 does not allow raw, and the characters that it takes for line breaks or a byte order mark.
fn is_special(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// Whether a file is nothing but `key: scalar`, where a scalar may go on over several lines: what MLflow writes for
/// datasets, whose schema and profile are long. Such a file gives a YAML parser nothing to pile up.
pub(super) fn is_flat(text: &str) -> bool {
    flat(text).is_some()
}

fn flat(text: &str) -> Option<()> {
    let mut rest = text;
    while !rest.is_empty() {
        let after = rest.get(key_end(rest)?..)?.strip_prefix(':')?;
        let (line, below) = split_line(after);
        let Some(value) = line.strip_prefix(' ') else {
            line.is_empty().then_some(())?;
            rest = below;
            continue;
        };
        rest = match value.as_bytes() {
            b"[]" | b"{}" => below,
            [b'\'', ..] => after_single(after.get(2..)?)?,
            [b'"', ..] => after_double(after.get(2..)?)?,
            _ => after_plain(value, below)?,
        };
    }
    Some(())
}

fn after_single(mut rest: &str) -> Option<&str> {
    while let Some(at) = memchr(b'\'', rest.as_bytes()) {
        rest = rest.get(at + 1..)?;
        match rest.strip_prefix('\'') {
            Some(more) => rest = more,
            None => return line_end(rest),
        }
    }
    // Not closed: all the rest is one scalar.
    Some("")
}

fn after_double(mut rest: &str) -> Option<&str> {
    while let Some(at) = memchr2(b'"', b'\\', rest.as_bytes()) {
        let (found, more) = (rest.as_bytes().get(at)?, rest.get(at + 1..)?);
        if *found == b'"' {
            return line_end(more);
        }
        let mut escape = more.chars();
        escape.next();
        rest = escape.as_str();
    }
    Some("")
}

fn after_plain<'a>(value: &str, mut below: &'a str) -> Option<&'a str> {
    (value.is_ascii() || !value.contains(is_special)).then_some(())?;
    is_plain(value).then_some(())?;
    while below.starts_with(' ') {
        let (line, more) = split_line(below);
        goes_on(line.trim_start_matches(' ')).then_some(())?;
        below = more;
    }
    Some(below)
}

fn split_line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

/// What comes after the line that ends here.
fn line_end(rest: &str) -> Option<&str> {
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('\n') }
}
