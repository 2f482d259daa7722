//! The thorough way: YAML events, for files that are more than plain lines.
//!
//! The parser knows YAML 1.2 and PyYAML writes YAML 1.1. They differ in two things that occur, both in quoted scalars:
//! U+2028 and U+2029 are line breaks in 1.1, which PyYAML writes as they are with indentation behind them that is not
//! part of the value; and quotes may be closed at the start of a line, which older versions of libyaml do after a newline.

use std::borrow::Cow;
use std::ops::Range;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, StrInput};

use super::{Entry, Fault, Meta, Span, Value, is_null};

/// Levels of maps and lists; MLflow's files have two.
const DEPTH: usize = 16;
/// Scalars, maps and lists in a file; MLflow's have some dozens.
const EVENTS: usize = 16_384;

/// Reads any YAML.
pub(super) fn read(text: &str) -> Result<Meta, Fault> {
    let text = with_indented_quotes(text);
    let (text, newline) = without_old_breaks(&text)?;
    let parser = Parser::new_from_str(&text);
    let mut reader = Reader { parser, newline, events: 0, meta: Meta::default() };
    reader.document()?;
    Ok(reader.meta)
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    /// The character that stands for a line break, see [`without_old_breaks`].
    newline: Option<char>,
    events: usize,
    meta: Meta,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<(), Fault> {
        loop {
            match self.next()? {
                Event::StreamStart | Event::DocumentStart(_) => {}
                Event::MappingStart(..) => break,
                _ => return Err(Fault::broken("not a mapping")),
            }
        }
        while let Some(key) = self.key()? {
            let value = self.value()?;
            self.meta.entries.push(Entry { key, value });
        }
        loop {
            match self.next()? {
                Event::DocumentEnd => {}
                Event::StreamEnd => return Ok(()),
                // MLflow refuses these too (`yaml.load` takes one document).
                _ => return Err(Fault::broken("more than one document")),
            }
        }
    }

    /// The next key of a map; nothing at its end.
    fn key(&mut self) -> Result<Option<Span>, Fault> {
        match self.next()? {
            Event::Scalar(text, ..) => Ok(Some(self.keep(&text))),
            Event::MappingEnd => Ok(None),
            _ => Err(Fault::broken("a key is not text")),
        }
    }

    /// A value of the top level.
    fn value(&mut self) -> Result<Value, Fault> {
        let event = self.next()?;
        if matches!(event, Event::MappingStart(..)) {
            return Ok(Value::Map(self.map()?));
        }
        self.shallow(event, 1)
    }

    /// A map inside of the top level.
    fn map(&mut self) -> Result<Range<usize>, Fault> {
        let start = self.meta.nested.len();
        while let Some(key) = self.key()? {
            let event = self.next()?;
            let value = self.shallow(event, 2)?;
            self.meta.nested.push(Entry { key, value });
        }
        Ok(start..self.meta.nested.len())
    }

    /// A scalar as it is; a list or map by its kind, with its content read and dropped.
    fn shallow(&mut self, event: Event<'a>, depth: usize) -> Result<Value, Fault> {
        match event {
            Event::Scalar(text, ScalarStyle::Plain, _, None) if is_null(&text) => Ok(Value::Null),
            Event::Scalar(text, ..) => Ok(Value::Text(self.keep(&text))),
            Event::MappingStart(..) => self.skip(depth).map(|()| Value::Map(0..0)),
            Event::SequenceStart(..) => self.skip(depth).map(|()| Value::List),
            _ => Err(Fault::broken("a key has no value")),
        }
    }

    /// Reads to the end of a list or map, without recursion.
    fn skip(&mut self, depth: usize) -> Result<(), Fault> {
        let mut open = 1;
        while open > 0 {
            match self.next()? {
                Event::MappingStart(..) | Event::SequenceStart(..) => open += 1,
                Event::MappingEnd | Event::SequenceEnd => open -= 1,
                _ => {}
            }
            if depth + open > DEPTH {
                return Err(Fault::broken("nested deeper than 16 levels"));
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Event<'a>, Fault> {
        self.events += 1;
        if self.events > EVENTS {
            return Err(Fault::broken("more than 16,384 values"));
        }
        match self.parser.next_event() {
            // An alias may stand for any amount of text; MLflow writes none.
            Some(Ok((Event::Alias(_), span))) => Err(Fault::broken(format!(
                "an alias, which mltop does not follow, in line {}",
                span.start.line()
            ))),
            Some(Ok((event, _))) => Ok(event),
            Some(Err(error)) => Err(fault(&error)),
            None => Err(Fault::broken("cut off")),
        }
    }

    /// Puts a text behind the others.
    fn keep(&mut self, text: &str) -> Span {
        let start = self.meta.text.len();
        match self.newline {
            Some(newline) => {
                self.meta.text.extend(text.chars().map(|c| if c == newline { '\n' } else { c }));
            }
            None => self.meta.text.push_str(text),
        }
        start..self.meta.text.len()
    }
}

fn fault(error: &ScanError) -> Fault {
    let (info, line) = (error.info(), error.marker().line());
    // The parser reports where the quotes were opened, which is the value that is not whole.
    if info.contains("end of stream") || info.contains("eof") {
        return Fault::broken(format!("cut off in the value of line {line}"));
    }
    if info.starts_with("simple key expect") {
        return Fault::broken("a line without `key: value`, or cut off inside a key");
    }
    Fault::broken(format!("not YAML: {info} in line {line}"))
}

/// Moves a closing quote that stands alone at the start of a line to the right, where YAML 1.2 wants it. Such a line
/// means nothing else, and blanks at the start of a line are not part of a quoted scalar.
fn with_indented_quotes(text: &str) -> Cow<'_, str> {
    if text.contains("\n'\n") {
        Cow::Owned(text.replace("\n'\n", "\n        '\n"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Rewrites runs of line breaks that contain U+2028 or U+2029 such that a YAML 1.2 parser gives what PyYAML meant.
///
/// PyYAML drops blanks around the breaks of a quoted scalar; of the breaks it keeps all but a first newline, which
/// `yaml_emitter_write_single_quoted` doubles (PyYAML's `scan_flow_scalar_spaces` is the inverse). U+2028 then is an
/// ordinary character for YAML 1.2, but a newline beside it would be folded: a character that the file does not use
/// stands for it and is turned back in [`Reader::keep`].
fn without_old_breaks(text: &str) -> Result<(Cow<'_, str>, Option<char>), Fault> {
    let is_old = |c| matches!(c, '\u{2028}' | '\u{2029}');
    if !text.contains(is_old) {
        return Ok((Cow::Borrowed(text), None));
    }
    let newline = unused(text).ok_or_else(|| Fault::broken("uses every private character"))?;
    let is_space = |c| matches!(c, ' ' | '\t' | '\n') || is_old(c);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = rest.find(is_space).and_then(|at| rest.split_at_checked(at)) {
        let end = from.find(|c| !is_space(c)).unwrap_or(from.len());
        let Some((run, after)) = from.split_at_checked(end) else { break };
        out.push_str(before);
        if run.contains(is_old) {
            let breaks = run.trim_start_matches([' ', '\t']);
            let kept = breaks.strip_prefix('\n').unwrap_or(breaks).chars();
            out.extend(
                kept.filter(|c| !matches!(c, ' ' | '\t')).map(|c| if c == '\n' { newline } else { c }),
            );
        } else {
            out.push_str(run);
        }
        rest = after;
    }
    out.push_str(rest);
    Ok((Cow::Owned(out), Some(newline)))
}

/// A private character that does not occur in the text, neither as it is nor, being printable, as an escape of PyYAML.
fn unused(text: &str) -> Option<char> {
    let mut used = vec![false; 0x1900];
    for c in text.chars() {
        if let Some(slot) = (c as usize).checked_sub(0xe000).and_then(|at| used.get_mut(at)) {
            *slot = true;
        }
    }
    let free = used.iter().rposition(|used| !used)?;
    char::from_u32(0xe000 + free as u32)
}
