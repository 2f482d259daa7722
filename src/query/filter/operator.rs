//! The operator between a name and a value, and what is said where it does not fit.

use std::ops::Range;

use super::Mistake;
use super::lex::{Kind as TokenKind, Token};
use super::name::Named;
use super::words::{Kind, OPERATORS, Operator};

/// The operator that begins at a token and how many tokens it has; a mistake where something stands there that looks
/// like one, nothing where no comparison goes on. `end` is where the text ends.
pub fn after(tokens: &[Token<'_>], at: usize, end: usize) -> Option<(Result<Operator, Mistake>, usize)> {
    let peek = |ahead: usize| tokens.get(at + ahead);
    let token = peek(0)?;
    let is = |ahead: usize, keyword| peek(ahead).is_some_and(|token: &Token<'_>| token.is(keyword));
    if token.kind == TokenKind::Operator {
        let signs = [
            Operator::Equal,
            Operator::NotEqual,
            Operator::Less,
            Operator::LessOrEqual,
            Operator::Greater,
            Operator::GreaterOrEqual,
            Operator::Matches,
            Operator::MatchesNot,
        ];
        let found = signs.into_iter().find(|operator| operator.text() == token.text);
        return Some((found.ok_or_else(|| unknown(token)), 1));
    }
    let not = is(0, "NOT");
    let first = usize::from(not);
    for (keyword, plain, negative) in [
        ("LIKE", Operator::Like, Operator::NotLike),
        ("ILIKE", Operator::Ilike, Operator::NotIlike),
        ("IN", Operator::In, Operator::NotIn),
    ] {
        if is(first, keyword) {
            return Some((Ok(if not { negative } else { plain }), first + 1));
        }
    }
    if is(0, "IS") {
        let not = is(1, "NOT");
        let length = 2 + usize::from(not);
        let operator = if not { Operator::IsNotNull } else { Operator::IsNull };
        if is(length - 1, "NULL") {
            return Some((Ok(operator), length));
        }
        let after = peek(length - 1).map_or(end..end, |t| t.span.clone());
        return Some((Err(Mistake::new(after, "IS asks whether a value is there", "NULL or NOT NULL")), 1));
    }
    for (keyword, instead) in
        [("RLIKE", "~ 'regular expression'"), ("REGEXP", "~ 'regular expression'"), ("BETWEEN", ">= and <=")]
    {
        if is(first, keyword) {
            let span = token.span.start..peek(first).map_or(token.span.end, |t| t.span.end);
            return Some((Err(Mistake::new(span, format!("{keyword} is not known"), instead)), 1));
        }
    }
    None
}

/// The operators of a kind, for messages.
pub fn all(kind: Kind) -> String {
    let all = OPERATORS.iter().filter(|(operator, ..)| operator.takes(kind));
    let texts: Vec<&str> = all.map(|(_, text, ..)| *text).collect();
    format!("one of {}", texts.join(" "))
}

fn unknown(token: &Token<'_>) -> Mistake {
    let instead = match token.text {
        "==" => "=",
        "<>" => "!=",
        "=~" => "~",
        "=<" => "<=",
        "=>" => ">=",
        _ => "one of = != < <= > >= ~ !~",
    };
    Mistake::new(token.span.clone(), format!("{} is not known", token.text), instead)
}

/// An operator that compares another kind of values.
pub fn wrong(named: &Named, operator: Operator, place: Range<usize>) -> Mistake {
    let kind = named.field.kind();
    let what = match kind {
        Kind::Number => format!("{} compares texts, and this is a number", operator.text()),
        Kind::Time => format!("{} compares texts, and this is a time", operator.text()),
        Kind::Span => format!("{} compares texts, and this is a duration", operator.text()),
        Kind::Flag => "this stands alone".to_owned(),
        _ => format!("{} compares numbers, and this is a text", operator.text()),
    };
    Mistake::new(place, what, all(kind))
}
