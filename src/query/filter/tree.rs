//! What a filter says, as values.

use std::ops::Range;

use regex::Regex;

use super::words::{Attribute, DatasetField, Kind, Operator, of};
use crate::query::Aggregate;

/// An expression.
#[derive(Clone, Debug)]
pub enum Expr {
    /// All of them hold; with none, everything passes.
    All(Vec<Expr>),
    /// One of them holds.
    Any(Vec<Expr>),
    /// It does not hold.
    Not(Box<Expr>),
    /// A comparison.
    Test(Test),
    /// A word that is found fuzzily, as by `/`.
    Word(String),
}

/// A comparison of one field.
#[derive(Clone, Debug)]
pub struct Test {
    /// So many parents above the run: `parent.params.lr`.
    pub above: u16,
    /// What is compared.
    pub field: Field,
    /// With what.
    pub check: Check,
    /// Where it stands in the text.
    pub span: Range<usize>,
}

/// What is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// A metric by name. `suffix` is there where the name without quotes ends in one of the [`Aggregate`]s: MLflow takes
    /// it as part of the name, so it counts only where no key has that name.
    Metric {
        /// The name, all of it.
        name: String,
        /// The name without the suffix, and the suffix.
        suffix: Option<(String, Aggregate)>,
    },
    /// A param by name.
    Param(String),
    /// A tag by name.
    Tag(String),
    /// What every run has.
    Attribute(Attribute),
    /// Any dataset that it used.
    Dataset(DatasetField),
}

impl Field {
    /// What its values are.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Metric { .. } => Kind::Number,
            Self::Param(_) | Self::Tag(_) => Kind::TextOrNumber,
            Self::Attribute(attribute) => of(*attribute).kind,
            Self::Dataset(_) => Kind::Text,
        }
    }
}

/// How it is compared.
#[derive(Clone, Debug)]
pub enum Check {
    /// With a number or a time.
    Number(Compare, Number),
    /// With one of some numbers; not with any of them where `not`.
    Numbers {
        /// The numbers.
        list: Vec<f64>,
        /// `NOT IN`.
        not: bool,
    },
    /// With one of some texts: `=` has one, `IN` has more; not with any of them where `not`.
    Texts {
        /// The texts.
        list: Vec<String>,
        /// `!=`, `NOT IN`.
        not: bool,
    },
    /// With a pattern of `%` and `_`.
    Like {
        /// The pattern.
        pattern: String,
        /// Whether capitals are like small letters.
        fold: bool,
        /// `NOT LIKE`.
        not: bool,
    },
    /// With a regular expression, anywhere in the text.
    Regex {
        /// The expression.
        regex: Regex,
        /// `!~`.
        not: bool,
    },
    /// Whether there is no value; whether there is one where `not`.
    Null {
        /// `IS NOT NULL`.
        not: bool,
    },
    /// Whether it is so, of a flag.
    Flag,
}

/// Comparison of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Compare {
    /// Of an operator that compares numbers.
    pub fn of(operator: Operator) -> Option<Self> {
        Some(match operator {
            Operator::Equal => Self::Equal,
            Operator::NotEqual => Self::NotEqual,
            Operator::Less => Self::Less,
            Operator::LessOrEqual => Self::LessOrEqual,
            Operator::Greater => Self::Greater,
            Operator::GreaterOrEqual => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    /// Compares with all numbers from `low` to `high`, a day for example: greater is what comes after all of them. A NaN
    /// is unequal to every number, and neither less nor greater, as in Python.
    pub fn holds(self, value: f64, (low, high): (f64, f64)) -> bool {
        match self {
            Self::Equal => low <= value && value <= high,
            Self::NotEqual => !(low <= value && value <= high),
            Self::Less => value < low,
            Self::LessOrEqual => value <= high,
            Self::Greater => value > high,
            Self::GreaterOrEqual => value >= low,
        }
    }
}

/// A number that is compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// All from the first to the second; mostly they are the same.
    Between(f64, f64),
    /// So many milliseconds before now.
    Ago(f64),
    /// The day that lies so many days before today.
    DaysAgo(i64),
}
