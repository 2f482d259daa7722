//! From tokens to an expression, by recursive descent: a filter is a line, and what matters is what is said about a
//! mistake in it.

use std::ops::Range;

use regex::RegexBuilder;

use super::lex::{Kind as TokenKind, Token, tokens};
use super::name::{self, Named};
use super::operator;
use super::tree::{Check, Compare, Expr, Field, Test};
use super::words::{Kind, Operator};
use super::{Mistake, value};

/// Parentheses and NOTs within each other; more are a mistake, not a crash.
const DEEPEST: usize = 100;
/// Bytes that a regular expression may take when it is made ready.
const LARGEST_REGEX: usize = 1 << 20;

/// What may come next where a text ends, for completion.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// A name or a word.
    Name,
    /// An operator for a field.
    Operator(Field),
    /// A value for a field; whether in a list.
    Value(Field, Operator),
    /// What goes on after a comparison.
    Joiner,
}

/// Reads tokens.
pub struct Parser<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    depth: usize,
    end: usize,
    /// What may come next at the end, as far as it came.
    pub next: Next,
}

/// Parses a whole filter.
pub fn parse(text: &str) -> Result<Expr, Mistake> {
    let mut parser = Parser::new(text);
    parser.filter()
}

impl<'a> Parser<'a> {
    /// Before the first token.
    pub fn new(text: &'a str) -> Self {
        Self { tokens: tokens(text), at: 0, depth: 0, end: text.trim_end().len(), next: Next::Name }
    }

    /// All of it. ANDs alone say nothing, which MLflow takes for no filter.
    pub fn filter(&mut self) -> Result<Expr, Mistake> {
        if self.tokens.iter().all(|token| token.is("AND")) {
            return Ok(Expr::All(Vec::new()));
        }
        let expr = self.any(true)?;
        match self.peek() {
            None => Ok(expr),
            Some(token) if token.kind == TokenKind::Close => {
                Err(Mistake::new(token.span.clone(), "no parenthesis is open here", "AND, OR or the end"))
            }
            Some(token) => Err(self.stray(token)),
        }
    }

    fn peek(&self) -> Option<&Token<'a>> {
        self.tokens.get(self.at)
    }

    fn peek_at(&self, ahead: usize) -> Option<&Token<'a>> {
        self.tokens.get(self.at + ahead)
    }

    fn take(&mut self) -> Option<Token<'a>> {
        let token = self.tokens.get(self.at).cloned();
        self.at += usize::from(token.is_some());
        token
    }

    fn eat(&mut self, keyword: &str) -> bool {
        let is = self.peek().is_some_and(|token| token.is(keyword));
        self.at += usize::from(is);
        is
    }

    fn at_end(&self, what: impl Into<String>, expected: impl Into<String>) -> Mistake {
        Mistake::new(self.end..self.end, what, expected)
    }

    fn stray(&self, token: &Token<'_>) -> Mistake {
        let what = match token.kind {
            TokenKind::Semicolon => "only one filter: no semicolon".to_owned(),
            TokenKind::Comma => "a comma joins nothing".to_owned(),
            TokenKind::Unfinished => return value::unfinished(token),
            TokenKind::Quoted => format!("{} alone says nothing", token.text),
            TokenKind::Word if token.text.starts_with("--") || token.text.starts_with("/*") => {
                "no comments here".to_owned()
            }
            _ => format!("{} alone says nothing", token.text),
        };
        Mistake::new(token.span.clone(), what, "a comparison such as metrics.loss < 0.1, or a word")
    }

    fn any(&mut self, at_top: bool) -> Result<Expr, Mistake> {
        let mut all = vec![self.all(at_top)?];
        while self.eat("OR") {
            self.next = Next::Name;
            all.push(self.all(at_top)?);
        }
        Ok(if all.len() == 1 { all.pop().unwrap_or(Expr::All(Vec::new())) } else { Expr::Any(all) })
    }

    /// Comparisons one after the other: MLflow takes an AND between them as it takes none, or several.
    fn all(&mut self, at_top: bool) -> Result<Expr, Mistake> {
        let mut all = Vec::new();
        loop {
            if self.eat("AND") {
                self.next = Next::Name;
                continue;
            }
            match self.peek() {
                None => break,
                Some(token) if token.is("OR") || token.kind == TokenKind::Close => break,
                _ => all.push(self.one()?),
            }
        }
        match (all.len(), self.peek()) {
            (0, Some(token)) => {
                let what = format!("nothing stands before {}", token.text);
                Err(Mistake::new(token.span.clone(), what, "a comparison"))
            }
            (0, None)
                if !at_top || self.at > 0 && self.tokens.get(self.at - 1).is_some_and(|t| t.is("OR")) =>
            {
                Err(self.at_end("the filter is not complete", "a comparison"))
            }
            (1, _) => Ok(all.pop().unwrap_or(Expr::All(Vec::new()))),
            _ => Ok(Expr::All(all)),
        }
    }

    fn one(&mut self) -> Result<Expr, Mistake> {
        self.next = Next::Name;
        let Some(token) = self.peek().cloned() else {
            return Err(self.at_end("the filter is not complete", "a comparison"));
        };
        if self.depth >= DEEPEST {
            return Err(Mistake::new(token.span, "too deep", "fewer parentheses"));
        }
        if token.is("NOT") {
            self.at += 1;
            self.depth += 1;
            let inner = self.one();
            self.depth -= 1;
            return Ok(Expr::Not(Box::new(inner?)));
        }
        if token.kind == TokenKind::Open {
            self.at += 1;
            self.depth += 1;
            let inner = self.any(false);
            self.depth -= 1;
            let inner = inner?;
            return match self.take() {
                Some(close) if close.kind == TokenKind::Close => {
                    self.next = Next::Joiner;
                    Ok(inner)
                }
                Some(other) => Err(self.stray(&other)),
                None => Err(Mistake::new(token.span, "the parenthesis does not close", ")")),
            };
        }
        self.comparison(token)
    }

    fn comparison(&mut self, token: Token<'a>) -> Result<Expr, Mistake> {
        let is_name = token.kind == TokenKind::Word || token.kind == TokenKind::Quoted;
        let Some(operator) = operator::after(&self.tokens, self.at + 1, self.end).filter(|_| is_name) else {
            return self.word(&token);
        };
        let is_number = crate::format::parse_number(token.text).is_some();
        if is_number || (token.kind == TokenKind::Quoted && token.text.starts_with('\'')) {
            let what = format!("{} is a value: the name comes first", token.text);
            return Err(Mistake::new(token.span, what, "a name such as params.lr"));
        }
        let named = name::resolve(&token)?;
        self.at += 1;
        self.next = Next::Operator(named.field.clone());
        let operator_span = self.operator_span(operator.1);
        let operator = operator.0?;
        self.at += operator_span.0;
        let kind = named.field.kind();
        if !operator.takes(kind) {
            return Err(operator::wrong(&named, operator, operator_span.1));
        }
        self.next = Next::Value(named.field.clone(), operator);
        let check = self.check(&named, kind, operator, &operator_span.1)?;
        self.next = Next::Joiner;
        let end = self.tokens.get(self.at.saturating_sub(1)).map_or(token.span.end, |last| last.span.end);
        Ok(Expr::Test(Test { above: named.above, field: named.field, check, span: token.span.start..end }))
    }

    /// How many tokens an operator has that comes now, and where it stands.
    fn operator_span(&self, length: usize) -> (usize, Range<usize>) {
        let first = self.peek().map_or(self.end..self.end, |token| token.span.clone());
        let last = self.peek_at(length.saturating_sub(1)).map_or(first.end, |token| token.span.end);
        (length, first.start..last)
    }

    /// A word alone: a flag, or something to be found.
    fn word(&mut self, token: &Token<'a>) -> Result<Expr, Mistake> {
        let says_something = token.text.chars().any(char::is_alphanumeric);
        let is_comment = token.text.starts_with("--") || token.text.starts_with("/*");
        let is_keyword =
            ["AND", "OR", "NOT", "IN", "LIKE", "ILIKE", "IS", "NULL"].iter().any(|k| token.is(k));
        if token.kind != TokenKind::Word || !says_something || is_comment || is_keyword {
            return Err(self.stray(token));
        }
        if let Some(named) = name::flag(token.text) {
            self.at += 1;
            self.next = Next::Joiner;
            let span = token.span.clone();
            return Ok(Expr::Test(Test { above: named.above, field: named.field, check: Check::Flag, span }));
        }
        if name::has_entity(token.text) {
            let named = name::resolve(token)?;
            self.at += 1;
            self.next = Next::Operator(named.field.clone());
            let place = token.span.end..self.peek().map_or(token.span.end, |after| after.span.end);
            let place = if place.is_empty() { token.span.clone() } else { place };
            let what = format!("{} is compared with nothing", token.text);
            return Err(Mistake::new(place, what, operator::all(named.field.kind())));
        }
        self.at += 1;
        self.next = Next::Joiner;
        Ok(Expr::Word(token.text.to_owned()))
    }

    fn check(
        &mut self,
        named: &Named,
        kind: Kind,
        operator: Operator,
        place: &Range<usize>,
    ) -> Result<Check, Mistake> {
        match operator {
            Operator::IsNull => return Ok(Check::Null { not: false }),
            Operator::IsNotNull => return Ok(Check::Null { not: true }),
            Operator::In | Operator::NotIn => return self.list(named, kind, operator == Operator::NotIn),
            _ => {}
        }
        let Some(token) = self.take() else {
            let what = format!("nothing comes after {}", operator.text());
            return Err(self.at_end(what, value::expected(kind)));
        };
        let is_quoted = matches!(token.kind, TokenKind::Quoted | TokenKind::Unfinished);
        let compare = Compare::of(operator);
        match (kind, compare) {
            (Kind::TextOrNumber, Some(compare)) if !is_quoted => {
                Ok(Check::Number(compare, value::number(&token, kind)?))
            }
            (Kind::TextOrNumber, Some(compare)) if !matches!(compare, Compare::Equal | Compare::NotEqual) => {
                let what = format!("{} compares numbers, and {} is a text", operator.text(), token.text);
                let without = super::lex::unquote(token.text);
                let expected = match crate::format::parse_number(without) {
                    Some(_) => format!("{without} without quotes"),
                    None => "a number".to_owned(),
                };
                Err(Mistake::new(place.start..token.span.end, what, expected))
            }
            (Kind::Text | Kind::TextOrNumber, Some(compare)) => {
                Ok(Check::Texts { list: vec![value::text(&token, kind)?], not: compare == Compare::NotEqual })
            }
            (_, Some(compare)) => Ok(Check::Number(compare, value::number(&token, kind)?)),
            (_, None) => self.pattern(&token, operator),
        }
    }

    fn pattern(&self, token: &Token<'_>, operator: Operator) -> Result<Check, Mistake> {
        let pattern = value::text(token, Kind::Text)?;
        let (fold, not) = match operator {
            Operator::Like => (false, false),
            Operator::NotLike => (false, true),
            Operator::Ilike => (true, false),
            Operator::NotIlike => (true, true),
            _ => {
                let regex = RegexBuilder::new(&pattern).size_limit(LARGEST_REGEX).build();
                let regex = regex.map_err(|error| {
                    let error = error.to_string();
                    let what =
                        error.lines().last().unwrap_or("wrong").trim_start_matches("error: ").to_owned();
                    Mistake::new(token.span.clone(), what, "a regular expression")
                })?;
                return Ok(Check::Regex { regex, not: operator == Operator::MatchesNot });
            }
        };
        Ok(Check::Like { pattern, fold, not })
    }

    /// `('a', 'b')`; a comma may stand at the end, as in Python.
    fn list(&mut self, named: &Named, kind: Kind, not: bool) -> Result<Check, Mistake> {
        let expected = "a list: ('a', 'b')";
        let open = match self.take() {
            Some(token) if token.kind == TokenKind::Open => token,
            Some(token) => return Err(Mistake::new(token.span, "IN takes a list", expected)),
            None => return Err(self.at_end("IN takes a list", expected)),
        };
        let (mut texts, mut numbers) = (Vec::new(), Vec::new());
        loop {
            let Some(token) = self.take() else {
                return Err(Mistake::new(open.span, "the list does not close", ")"));
            };
            if token.kind == TokenKind::Close && texts.is_empty() && numbers.is_empty() {
                return Err(Mistake::new(open.span.start..token.span.end, "the list is empty", "a value"));
            }
            if token.kind == TokenKind::Close {
                break;
            }
            let is_word = token.kind == TokenKind::Word && kind == Kind::TextOrNumber && texts.is_empty();
            if kind == Kind::Number || (is_word && (numbers.is_empty() || texts.is_empty())) {
                match value::number(&token, kind)? {
                    super::tree::Number::Between(number, _) => numbers.push(number),
                    _ => return Err(Mistake::new(token.span, "no number", "a number")),
                }
            } else if matches!(kind, Kind::Text | Kind::TextOrNumber) && numbers.is_empty() {
                texts.push(value::text(&token, Kind::Text)?);
            } else {
                let what = "a list has numbers or texts, not both".to_owned();
                return Err(Mistake::new(token.span, what, value::expected(kind)));
            }
            match self.take() {
                Some(token) if token.kind == TokenKind::Close => break,
                Some(token) if token.kind == TokenKind::Comma => {}
                Some(token) => return Err(Mistake::new(token.span, "values stand apart", "a comma or )")),
                None => return Err(Mistake::new(open.span, "the list does not close", ")")),
            }
        }
        if numbers.is_empty() {
            name::as_mlflow_has_it(&named.field, &mut texts);
            return Ok(Check::Texts { list: texts, not });
        }
        Ok(Check::Numbers { list: numbers, not })
    }
}
