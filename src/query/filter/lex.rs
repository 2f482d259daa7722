//! From text to tokens, as `sqlparse` cuts a filter: where quotes end decides what a filter from a notebook means.

use std::ops::Range;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A name, keyword or number: letters without blanks, quoted parts beside a dot among them.
    Word,
    /// A text in quotes.
    Quoted,
    /// A text whose quote does not end.
    Unfinished,
    /// `=`, `<`, `~`, ... as many as stand together.
    Operator,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `,`
    Comma,
    /// `;`
    Semicolon,
}

/// A token with its place in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// The text, with quotes.
    pub text: &'a str,
    /// Where it stands.
    pub span: Range<usize>,
}

impl Token<'_> {
    /// Whether it is this keyword, in any case.
    pub fn is(&self, keyword: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(keyword)
    }
}

fn is_quote(c: char) -> bool {
    matches!(c, '\'' | '"' | '`')
}

fn is_operator(c: char) -> bool {
    matches!(c, '=' | '!' | '<' | '>' | '~')
}

fn is_word(c: char) -> bool {
    !(c.is_whitespace() || is_quote(c) || is_operator(c) || matches!(c, '(' | ')' | ',' | ';'))
}

/// All tokens of a text.
pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let rest = text.get(at..).unwrap_or_default();
        let (kind, length) = match first {
            c if c.is_whitespace() => {
                at += c.len_utf8();
                continue;
            }
            '(' => (Kind::Open, 1),
            ')' => (Kind::Close, 1),
            ',' => (Kind::Comma, 1),
            ';' => (Kind::Semicolon, 1),
            c if is_operator(c) => (Kind::Operator, rest.find(|c| !is_operator(c)).unwrap_or(rest.len())),
            _ => name(rest),
        };
        let span = at..at + length;
        at = span.end;
        tokens.push(Token { kind, text: text.get(span.clone()).unwrap_or_default(), span });
    }
    tokens
}

/// Words and quoted parts that stand together: a quoted part beside a dot belongs to the name, ``metrics.`val/loss` ``.
fn name(rest: &str) -> (Kind, usize) {
    let mut end = 0;
    let mut parts = 0;
    loop {
        let here = rest.get(end..).unwrap_or_default();
        let first = here.chars().next();
        let is_beside_dot = parts == 0 || rest.get(..end).is_some_and(|before| before.ends_with('.'));
        match first {
            Some(quote) if is_quote(quote) && is_beside_dot => match quoted(here, quote) {
                Some(length) => end += length,
                None => return (Kind::Unfinished, rest.len()),
            },
            Some(c) if is_word(c) && (c == '.' || parts == 0 || is_beside_dot) => {
                end += here.find(|c| !is_word(c)).unwrap_or(here.len());
            }
            _ => break,
        }
        parts += 1;
    }
    let is_quoted = parts == 1 && rest.starts_with(is_quote);
    (if is_quoted { Kind::Quoted } else { Kind::Word }, end)
}

/// How long a quoted text is, with its quotes. A quote that is doubled or comes after a backslash does not end it, unless
/// no other one does (`'(''|\\'|[^'])*'` in `sqlparse/keywords.py`, which goes back when it finds no end).
fn quoted(text: &str, quote: char) -> Option<usize> {
    let bytes = text.as_bytes();
    let (quote, mut at, mut passed) = (quote as u8, 1, None);
    while let Some(byte) = bytes.get(at).copied() {
        let next = bytes.get(at + 1).copied();
        if byte == quote {
            if next != Some(quote) {
                return Some(at + 1);
            }
            passed = Some(at + 1);
            at += 2;
        } else if byte == b'\\' && next == Some(quote) && quote != b'`' {
            passed = Some(at + 2);
            at += 2;
        } else {
            at += 1;
        }
    }
    passed
}

/// A text without its quotes, if it has some: MLflow cuts them off and takes what is inside as it stands.
pub fn unquote(text: &str) -> &str {
    let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('\'').or_else(|| inner('"')).or_else(|| inner('`')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(text: &str) -> Vec<&str> {
        tokens(text).iter().map(|token| token.text).collect()
    }

    #[test]
    fn tokens_are_cut_as_mlflow_does() {
        assert_eq!(
            texts("metrics.rmse<60 and a != 'b'"),
            ["metrics.rmse", "<", "60", "and", "a", "!=", "'b'"]
        );
        assert_eq!(texts("metrics.`val/loss` < -1"), ["metrics.`val/loss`", "<", "-1"]);
        assert_eq!(texts("`metrics`.\"a b\".c=1"), ["`metrics`.\"a b\".c", "=", "1"]);
        assert_eq!(texts("a IN('x', \"y\")"), ["a", "IN", "(", "'x'", ",", "\"y\"", ")"]);
        assert_eq!(texts("'it''s' 'x\\'y' 'x\\'"), ["'it''s'", "'x\\'y'", "'x\\'"]);
        assert_eq!(texts("'a''"), ["'a'", "'"]);
        assert_eq!(texts("p='한글'q"), ["p", "=", "'한글'", "q"]);
        assert_eq!(tokens("p = 'x").last().unwrap().kind, Kind::Unfinished);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_but_blanks(text in "[ a.'\"`\\\\=<(),;한\n]{0,20}") {
            let tokens = tokens(&text);
            let mut at = 0;
            for token in &tokens {
                prop_assert!(text[at..token.span.start].chars().all(char::is_whitespace));
                prop_assert_eq!(&text[token.span.clone()], token.text);
                prop_assert!(!token.text.is_empty());
                at = token.span.end;
            }
            prop_assert!(text[at..].chars().all(char::is_whitespace));
        }
    }
}
