//! `meta.yaml` and its kin as text: what MLflow wrote, before anybody guesses what it means.
//!
//! MLflow writes through PyYAML, which follows YAML 1.1. It leaves `1e5`, `0o17`, `089` or `nan` unquoted because they
//! are strings there; a YAML 1.2 reader would make numbers of them. So a value stays the text that stands in the file,
//! and whoever asks says whether a text or an integer is meant.
//!
//! Nearly every file is plain `key: value` lines, which `lines` reads in one pass. The others (folded names, escapes,
//! nested maps, files edited by hand) go through a YAML parser in `events`.

mod events;
mod lines;
#[cfg(test)]
mod tests;

use std::ops::Range;

/// Files beyond this are not read; MLflow's own have some hundred bytes, those of datasets some ten thousand.
const LIMIT: usize = 1 << 20;

/// Files beyond this must be flat, since the parser keeps all of a list or map in brackets until it ends, a hundred
/// bytes for each of its characters.
const NESTED_LIMIT: usize = 64 << 10;

/// The top level of a file: scalars as text, and maps one level deep.
#[derive(Clone, Debug, Default)]
pub struct Meta {
    /// All text, into which every [`Span`] points: one allocation for a whole file.
    text: String,
    /// The top level in the order of the file. A key may stand there twice; then the last one counts, as in PyYAML.
    entries: Vec<Entry>,
    /// What stands in nested maps, each a slice of this.
    nested: Vec<Entry>,
}

/// A piece of [`Meta::text`].
type Span = Range<usize>;

#[derive(Clone, Debug)]
struct Entry {
    key: Span,
    value: Value,
}

#[derive(Clone, Debug)]
enum Value {
    /// `null`, `~` or nothing, without quotes.
    Null,
    /// Any other scalar.
    Text(Span),
    /// A list; what is in it does not matter to anybody.
    List,
    /// A map: a range of [`Meta::nested`]. Deeper ones are empty.
    Map(Range<usize>),
}

/// Why a file gives no [`Meta`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing but blanks. MLflow truncates a file before it writes it, so a writer is probably at work: try again.
    #[error("empty")]
    Empty,
    /// Not what MLflow writes, in words that go after the path. May contain a character of the file.
    #[error("{0}")]
    Broken(String),
}

impl Fault {
    fn broken(what: impl Into<String>) -> Self {
        Self::Broken(what.into())
    }
}

/// Reads a file.
///
/// Half a file that is still YAML is read as what it is; one that ends inside quotes or a key is broken. Time and stack
/// are bounded whatever the bytes are: at most 1 MiB, of that 64 KiB with lists or maps, 16 levels and 16,384 values,
/// no aliases.
pub fn parse(bytes: &[u8]) -> Result<Meta, Fault> {
    if bytes.len() > LIMIT {
        return Err(Fault::broken("larger than 1 MiB"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Fault::broken(if error.error_len().is_none() { "cut off inside a character" } else { "not UTF-8" })
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(meta) = lines::read(text) {
        return Ok(meta);
    }
    if text.trim().is_empty() {
        return Err(Fault::Empty);
    }
    // A file system that crashed leaves blocks of zeros.
    if text.contains('\0') {
        return Err(Fault::broken("contains NUL bytes"));
    }
    if text.len() > NESTED_LIMIT && !lines::is_flat(text) {
        return Err(Fault::broken("lists or maps beyond 64 KiB"));
    }
    events::read(text).or_else(|fault| match with_pairs_joined(text) {
        Some(text) => events::read(&text),
        None => Err(fault),
    })
}

/// Text in which a character that is written as JSON writes it beyond 16 bits (`\ud83d\ude00`) is one escape, as YAML
/// knows it (`\U0001f600`). Nothing when there is none.
fn with_pairs_joined(text: &str) -> Option<String> {
    let unit = |text: &str| u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok();
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut is_changed = false;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let second = escape.get(6..).and_then(unit);
        let units = unit(escape).zip(second).map(|(first, second)| [first, second]);
        let pair = units.and_then(|units| char::decode_utf16(units).next()?.ok());
        // An escape that is no pair, or a backslash that is escaped itself, stays with the character after it.
        let after = escape.chars().nth(1).map_or(1, |c| 1 + c.len_utf8());
        let taken = match pair.filter(|c| *c as u32 > 0xffff) {
            Some(c) => {
                out.push_str(&format!("\\U{:08x}", c as u32));
                is_changed = true;
                12
            }
            None => {
                out.push_str(escape.get(..after).unwrap_or_default());
                after
            }
        };
        rest = escape.get(taken..).unwrap_or_default();
    }
    out.push_str(rest);
    is_changed.then_some(out)
}

impl Meta {
    /// The text of a scalar; nothing when the key is absent, null, a list or a map. `null` in quotes is text.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.value(key)? {
            Value::Text(span) => Some(self.piece(span)),
            _ => None,
        }
    }

    /// A scalar as an integer, quoted or not: ids were numbers before MLflow 1.0 and are strings since.
    ///
    /// Decimal digits with a sign; what has a fraction or an exponent is cut to its integer, since other tools write
    /// times that way. Nothing for what does not fit, and for Python's underscores, octal and hexadecimal.
    pub fn integer(&self, key: &str) -> Option<i64> {
        let text = self.text(key)?;
        if let Ok(integer) = text.parse() {
            return Some(integer);
        }
        // Digits alone that did not parse do not fit, and a float would only round them.
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        if digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        // The bound is 2^63, the first float that does not fit.
        let bound = -(i64::MIN as f64);
        text.parse().ok().filter(|float: &f64| (-bound..bound).contains(float)).map(|float| float as i64)
    }

    /// The entries of a map, such as `tags:` of an input. Those that are null, lists or maps are left out, and of a
    /// key that stands there twice the last counts. Nothing when the key is absent or not a map.
    pub fn map(&self, key: &str) -> Option<impl Iterator<Item = (&str, &str)>> {
        let Value::Map(range) = self.value(key)? else { return None };
        let entries = self.nested.get(range.clone()).unwrap_or_default();
        Some(entries.iter().enumerate().filter_map(move |(at, entry)| {
            let Value::Text(value) = &entry.value else { return None };
            let key = self.piece(&entry.key);
            let mut later = entries.iter().skip(at + 1);
            if later.any(|other| self.piece(&other.key) == key) {
                return None;
            }
            Some((key, self.piece(value)))
        }))
    }

    /// Whether a key is there, even as null.
    pub fn contains(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    fn value(&self, key: &str) -> Option<&Value> {
        self.entries.iter().rev().find(|entry| self.piece(&entry.key) == key).map(|entry| &entry.value)
    }

    fn piece(&self, span: &Span) -> &str {
        self.text.get(span.clone()).unwrap_or_default()
    }
}

/// Whether a scalar without quotes means nothing: PyYAML's resolver for `tag:yaml.org,2002:null`.
fn is_null(plain: &str) -> bool {
    matches!(plain, "" | "~" | "null" | "Null" | "NULL")
}
