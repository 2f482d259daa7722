//! `LIKE` and `ILIKE`, as the store's own MLflow has them.

use regex::{Regex, RegexBuilder};

use crate::index::Dialect;

/// Bytes that a pattern may take when it is made ready.
const LARGEST: usize = 1 << 20;

/// A pattern that is ready to be asked.
#[derive(Clone, Debug)]
pub enum Like {
    /// In Python a pattern is a regular expression.
    Regex(Regex),
    /// In SQL `%` is any characters and `_` one; of `fold` capital ASCII letters are like small ones.
    Sql {
        /// The pattern's characters.
        pattern: Vec<char>,
        /// `ILIKE`.
        fold: bool,
    },
}

impl Like {
    /// A pattern, ready.
    pub fn new(pattern: &str, fold: bool, dialect: Dialect) -> Self {
        if let Dialect::Python = dialect
            && let Some(regex) = as_python(pattern, fold)
        {
            return Self::Regex(regex);
        }
        let letter = |c: char| if fold { c.to_ascii_lowercase() } else { c };
        Self::Sql { pattern: pattern.chars().map(letter).collect(), fold }
    }

    /// Whether a text is like it.
    pub fn is_like(&self, text: &str) -> bool {
        match self {
            Self::Regex(regex) => regex.is_match(text),
            Self::Sql { pattern, fold } => sql(pattern, text, *fold),
        }
    }
}

/// `re.compile(pattern.replace("_", ".").replace("%", ".*")).match(text)` with `^` and `$` where the pattern has no `%`
/// there (`_convert_like_pattern_to_regex`): nothing is escaped, so `.` is any letter here too, no `.` is a newline, and
/// `$` stands also before a newline at the end. Nothing where that is no expression; MLflow fails then.
fn as_python(pattern: &str, fold: bool) -> Option<Regex> {
    let begin = if pattern.starts_with('%') { "" } else { "^" };
    let end = if pattern.ends_with('%') { "" } else { r"(?:\n?\z)" };
    let body = pattern.replace('_', ".").replace('%', ".*");
    let whole = format!(r"\A(?:{begin}{body}{end})");
    RegexBuilder::new(&whole).case_insensitive(fold).size_limit(LARGEST).build().ok()
}

/// SQLite's `LIKE` without `ESCAPE`: back to the last `%` where something does not fit.
fn sql(pattern: &[char], text: &str, fold: bool) -> bool {
    let letter = |c: char| if fold { c.to_ascii_lowercase() } else { c };
    let (mut at, mut rest) = (0, text);
    let mut back: Option<(usize, &str)> = None;
    loop {
        let mut letters = rest.chars();
        let next = letters.next();
        match (pattern.get(at), next) {
            (Some('%'), _) => {
                at += 1;
                back = Some((at, rest));
            }
            (None, None) => return true,
            (Some(wanted), Some(c)) if *wanted == '_' || *wanted == letter(c) => {
                at += 1;
                rest = letters.as_str();
            }
            _ => {
                let Some((after, from)) = back else { return false };
                let mut letters = from.chars();
                if letters.next().is_none() {
                    return false;
                }
                (at, rest) = (after, letters.as_str());
                back = Some((after, rest));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SQL: Dialect = Dialect::Sql { nan_is_zero: false };

    fn is(text: &str, pattern: &str, fold: bool, dialect: Dialect) -> bool {
        Like::new(pattern, fold, dialect).is_like(text)
    }

    #[test]
    fn python_and_sql_differ_where_mlflow_does() {
        for (text, pattern, fold, python, in_sql) in [
            ("abc", "a%", false, true, true),
            ("abc", "A%", false, false, false),
            ("abc", "A%", true, true, true),
            ("first\nsecond", "first%", false, true, true),
            ("first\nsecond", "%second", false, false, true),
            ("x\n", "x", false, true, false),
            ("ünïcode", "%ÜNÏ%", true, true, false),
            ("a.csv", "%.csv", false, true, true),
            ("axcsv", "%.csv", false, true, false),
            ("a(b", "a(b", false, true, true),
            ("100%", "100%", false, true, true),
            ("", "%", false, true, true),
            ("", "_", false, false, false),
        ] {
            assert_eq!(is(text, pattern, fold, Dialect::Python), python, "python {text:?} {pattern:?}");
            assert_eq!(is(text, pattern, fold, SQL), in_sql, "sql {text:?} {pattern:?}");
        }
    }

    proptest! {
        #[test]
        fn sql_is_the_expression_with_everything_escaped(pattern in "[ab%_.]{0,6}", text in "[aAb.\n]{0,8}", fold: bool) {
            let body: String = pattern.chars().map(|c| match c {
                '%' => ".*".to_owned(),
                '_' => ".".to_owned(),
                c => regex::escape(&c.to_string()),
            }).collect();
            let regex = RegexBuilder::new(&format!(r"(?s)\A{body}\z")).case_insensitive(fold).build().unwrap();
            prop_assert_eq!(is(&text, &pattern, fold, SQL), regex.is_match(&text));
        }
    }
}
