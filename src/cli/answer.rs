//! Where an answer goes: a terminal, which must not be told what a store says, or a pipe or file, which gets it all.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::sync_channel;
use std::thread::Builder;

use ratatui::crossterm::terminal::size;
use serde::Serialize;

use crate::shown::{is_hidden, shown};
use crate::terminal;

/// Entries of a long array that one thread writes at a time.
const PIECE: usize = 64;
/// Pieces that a thread may be ahead of what is printed.
const AHEAD: usize = 2;
/// Columns of a terminal that does not say how wide it is.
const COLUMNS: usize = 80;

/// The reader's side of an answer.
pub struct Answer<'a> {
    out: &'a mut dyn Write,
    /// The columns of a terminal; none on a pipe.
    pub columns: Option<usize>,
    /// Whether headings stand out.
    bold: bool,
}

impl<'a> Answer<'a> {
    /// An answer that goes to standard output through `out`.
    pub fn to_stdout(out: &'a mut dyn Write) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let width = || size().map_or(COLUMNS, |(columns, _)| usize::from(columns).max(20));
        let plain = |name: &str, is_plain: fn(&str) -> bool| std::env::var(name).is_ok_and(|v| is_plain(&v));
        let no_colour = plain("NO_COLOR", |v| !v.is_empty()) || plain("TERM", |v| v == "dumb");
        Self { out, columns: is_terminal.then(width), bold: is_terminal && !no_colour }
    }

    /// An answer that goes to a file.
    pub fn to_file(out: &'a mut dyn Write) -> Self {
        Self { out, columns: None, bold: false }
    }

    /// One line. The text has been through [`crate::shown::shown`].
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{}", text.trim_end())
    }

    /// A line that stands out.
    pub fn heading(&mut self, text: &str) -> io::Result<()> {
        if self.bold { writeln!(self.out, "\x1b[1m{}\x1b[0m", text.trim_end()) } else { self.line(text) }
    }

    /// Bytes that are fit for any reader as they are.
    pub fn raw(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())
    }

    /// JSON text. On a terminal nothing in it does anything.
    pub fn escaped(&mut self, json: &str) -> io::Result<()> {
        self.json_text(json)
    }

    /// Text with the store's own characters, for programs; on a terminal these are shown, line by line.
    pub fn for_readers(&mut self, text: &str) -> io::Result<()> {
        if self.columns.is_none() {
            return self.raw(text);
        }
        text.lines().try_for_each(|line| self.line(shown(line).as_str()))
    }

    /// A value as JSON on one line, without an end of line.
    pub fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string(value)?;
        self.json_text(&text)
    }

    /// A value as JSON for reading, indented.
    pub fn json_pretty(&mut self, value: &impl Serialize) -> io::Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        self.json_text(&text)?;
        self.raw("\n")
    }

    /// An array of values, one a line, without an end of line.
    pub fn json_array<T: Serialize>(&mut self, values: impl Iterator<Item = T>) -> io::Result<()> {
        let mut is_empty = true;
        for value in values {
            self.raw(if is_empty { "[\n" } else { ",\n" })?;
            self.json(&value)?;
            is_empty = false;
        }
        self.raw(if is_empty { "[]" } else { "\n]" })
    }

    /// The same for very many: several threads write pieces of the array, a few ahead of what is printed.
    pub fn long_json_array<T: Sync, J: Serialize>(
        &mut self,
        items: &[T],
        json: impl Fn(&T) -> J + Sync,
    ) -> io::Result<()> {
        let piece = &|items: &[T]| {
            let mut out = Vec::with_capacity(PIECE * 2048);
            for item in items {
                if !out.is_empty() {
                    out.extend_from_slice(b",\n");
                }
                serde_json::to_writer(&mut out, &json(item))?;
            }
            Ok::<_, io::Error>(out)
        };
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
        let threads = threads.min(items.len().div_ceil(PIECE));
        std::thread::scope(|scope| {
            // Each thread takes every so many-th piece and gives them in order, so taking turns keeps the whole order.
            let writers: Vec<_> = (0..threads)
                .map(|nr| {
                    let (give, pieces) = sync_channel(AHEAD);
                    let mut own = items.chunks(PIECE).skip(nr).step_by(threads).map(piece);
                    // A bug in writing one run is an error of the answer, not of the whole scope.
                    let write = move || _ = terminal::caught(|| own.try_for_each(|piece| give.send(piece)));
                    Builder::new().name(format!("json {nr}")).spawn_scoped(scope, write).map(|_| pieces)
                })
                .collect();
            let mut is_empty = true;
            for (items, writer) in items.chunks(PIECE).zip(writers.iter().cycle()) {
                // Where the system gives no thread, it only takes longer.
                let json = match writer {
                    Ok(pieces) => pieces.recv().map_err(|_| io::Error::other("a thread was lost"))?,
                    Err(_) => piece(items),
                };
                self.raw(if is_empty { "[\n" } else { ",\n" })?;
                self.json_bytes(json?)?;
                is_empty = false;
            }
            self.raw(if is_empty { "[]" } else { "\n]" })
        })
    }

    /// JSON goes out as it is, unless somebody looks at it.
    fn json_bytes(&mut self, json: Vec<u8>) -> io::Result<()> {
        if self.columns.is_none() {
            return self.out.write_all(&json);
        }
        self.json_text(&String::from_utf8(json).map_err(io::Error::other)?)
    }

    fn json_text(&mut self, text: &str) -> io::Result<()> {
        if self.columns.is_some() { self.raw(&escaped(text)) } else { self.raw(text) }
    }
}

/// JSON in which every character that does something to a terminal, or cannot be seen, is written as `\u202e`. JSON
/// escapes only C0 controls itself; all others can stand only inside of strings, where an escape means the same.
fn escaped(json: &str) -> Cow<'_, str> {
    let is_bad = |c: char| c == '\x7f' || is_hidden(c as u32);
    if !json.contains(is_bad) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        if is_bad(c) {
            let mut units = [0; 2];
            c.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn arrays_of_any_length_are_json() {
        let text = |values: &[i64]| {
            let mut out = Vec::new();
            Answer::to_file(&mut out).json_array(values.iter()).unwrap();
            String::from_utf8(out).unwrap()
        };
        assert_eq!(text(&[]), "[]");
        assert_eq!(text(&[1, 2]), "[\n1,\n2\n]");
    }

    #[test]
    fn a_bug_in_writing_one_entry_is_an_error() {
        let mut out = Vec::new();
        let entries: Vec<u32> = (0..500).collect();
        let json = |entry: &u32| if *entry == 300 { panic!("asked to") } else { *entry };
        assert!(Answer::to_file(&mut out).long_json_array(&entries, json).is_err());
    }

    proptest! {
        #[test]
        fn escaped_json_means_the_same_and_shows_nothing_dangerous(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            let safe = escaped(&json);
            prop_assert!(!safe.chars().any(|c| c.is_control() || is_hidden(c as u32)));
            prop_assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), text);
        }
    }
}
