//! The right side of a comparison.

use super::Mistake;
use super::lex::{Kind as TokenKind, Token, unquote};
use super::tree::Number;
use super::words::Kind;
use crate::format;

/// What may stand there, for messages and completion.
pub fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Number => "a number: 60, -1.5, 1e-3",
        Kind::Text => "a text in quotes: 'x'",
        Kind::TextOrNumber => "a text in quotes: 'x', or a number",
        Kind::Time => "a time: -2d, '2026-11-01', today, or milliseconds since 1970",
        Kind::Span => "a duration: 90s, 1h30m, or milliseconds",
        Kind::Flag => "nothing more",
    }
}

/// A text in single or double quotes.
pub fn text(token: &Token<'_>, kind: Kind) -> Result<String, Mistake> {
    match token.kind {
        TokenKind::Quoted if !token.text.starts_with('`') => Ok(unquote(token.text).to_owned()),
        TokenKind::Quoted => {
            Err(Mistake::new(token.span.clone(), "backticks are for names", "a text in quotes: 'x'"))
        }
        TokenKind::Unfinished => Err(unfinished(token)),
        _ => {
            let quoted = format!("quotes: '{}'", token.text);
            let what = format!("{} is no text without quotes", token.text);
            Err(Mistake::new(
                token.span.clone(),
                what,
                if kind == Kind::Text { quoted } else { expected(kind).into() },
            ))
        }
    }
}

/// A quote that does not end.
pub fn unfinished(token: &Token<'_>) -> Mistake {
    let quote = token.text.chars().find(|c| matches!(c, '\'' | '"' | '`')).unwrap_or('\'');
    Mistake::new(token.span.clone(), "the quote does not end", format!("a closing {quote}"))
}

/// A number, as a kind of field takes it.
pub fn number(token: &Token<'_>, kind: Kind) -> Result<Number, Mistake> {
    let wrong = |what: String| Mistake::new(token.span.clone(), what, expected(kind));
    let word = match token.kind {
        TokenKind::Word => token.text,
        TokenKind::Quoted if kind == Kind::Time => unquote(token.text),
        TokenKind::Quoted => {
            let inside = unquote(token.text);
            let what = match format::parse_number(inside) {
                Some(_) => format!("{} is a text: write {inside} without quotes", token.text),
                None => format!("{} is a text", token.text),
            };
            return Err(wrong(what));
        }
        TokenKind::Unfinished => return Err(unfinished(token)),
        _ => return Err(wrong(format!("{} is no value", token.text))),
    };
    let exactly = |number: f64| Number::Between(number, number);
    // `parse_number` takes blanks around, of which a word has none.
    if let Some(number) = format::parse_number(word) {
        return Ok(exactly(number));
    }
    let found = match kind {
        Kind::Span => format::parse_duration(word).map(exactly),
        Kind::Time => time(word),
        _ => None,
    };
    found.ok_or_else(|| match kind {
        Kind::TextOrNumber => {
            let what = format!("{word} is no text without quotes, and no number");
            Mistake::new(token.span.clone(), what, format!("quotes: '{word}'"))
        }
        _ => wrong(format!("{word} is no {}", noun(kind))),
    })
}

fn time(word: &str) -> Option<Number> {
    match word.to_ascii_lowercase().as_str() {
        "now" => return Some(Number::Ago(0.0)),
        "today" => return Some(Number::DaysAgo(0)),
        "yesterday" => return Some(Number::DaysAgo(1)),
        _ => {}
    }
    if let Some(ago) = word.strip_prefix('-').and_then(format::parse_duration) {
        return Some(Number::Ago(ago));
    }
    format::parse_date(word).map(|(from, to)| Number::Between(from as f64, to as f64))
}

fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Time => "time",
        Kind::Span => "duration",
        _ => "number",
    }
}
