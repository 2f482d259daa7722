//! Which runs: MLflow's filter grammar, and more.
//!
//! Whatever MLflow's `search_runs` takes means the same here, so a filter from a notebook works unchanged; the rest is in
//! `docs/filter.md`. [`parse`] makes a [`Filter`] of a text, or a [`Mistake`] that says where and what was expected. A
//! [`Plan`] asks it of the runs of one index: names are looked up once, and nothing is allocated for a run. [`complete`]
//! offers what can be typed next. All three read the one table of [`words`].

use std::fmt;
use std::ops::Range;

use crate::index::{Beyond, Keys, Parts};

mod complete;
mod lex;
mod like;
mod name;
mod names;
mod needs;
mod operator;
mod parse;
mod plan;
mod tree;
mod value;
pub mod words;

pub use complete::{Candidate, Completion, complete};
pub use names::{column, names, order_by, written};
pub use plan::{Plan, World};
pub use tree::{Check, Compare, Expr, Field, Number, Test};

/// A filter that was understood.
#[derive(Clone, Debug)]
pub struct Filter {
    text: String,
    expr: Expr,
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Filter {
    /// The text that it was made of.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What it says.
    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    /// Whether everything passes.
    pub fn is_empty(&self) -> bool {
        matches!(&self.expr, Expr::All(all) if all.is_empty())
    }

    /// The words that are looked for fuzzily, for marking them.
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        needs::each_word(&self.expr, &mut |word| words.push(word));
        words.join(" ")
    }

    /// What it needs to have been read of all runs, and what it needs beyond that.
    pub fn needs(&self, keys: &Keys) -> (Parts, Beyond) {
        needs::needs(&self.expr, keys)
    }
}

/// Why a text is no filter: what is wrong, where, and what was expected there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Bytes of the text that are wrong; empty at the end of a text that should go on.
    pub span: Range<usize>,
    /// What is wrong.
    pub what: String,
    /// What would be right.
    pub expected: String,
}

impl Mistake {
    pub(crate) fn new(span: Range<usize>, what: impl Into<String>, expected: impl Into<String>) -> Self {
        Self { span, what: what.into(), expected: expected.into() }
    }

    /// The filter with a line below it that marks the place, for a terminal.
    pub fn underlined(&self, text: &str) -> String {
        let width = |range: Range<usize>| {
            text.get(range)
                .map_or(0, |part| unicode_width::UnicodeWidthStr::width(crate::shown::shown(part).as_str()))
        };
        let before = width(0..self.span.start);
        let marks = width(self.span.clone()).max(1);
        format!("{}\n{}{}", crate::shown::shown(text), " ".repeat(before), "^".repeat(marks))
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}; expected {}", self.what, self.expected);
        f.write_str(crate::shown::shown(&text).as_str())
    }
}

impl std::error::Error for Mistake {}

/// Understands a filter.
///
/// # Errors
/// A [`Mistake`] where it says nothing that can be asked of runs.
pub fn parse(text: &str) -> Result<Filter, Mistake> {
    Ok(Filter { text: text.to_owned(), expr: parse::parse(text)? })
}

#[cfg(test)]
mod tests;
