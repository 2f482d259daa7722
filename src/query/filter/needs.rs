//! What a filter needs to have been read of every run.

use super::plan;
use super::tree::{Expr, Field, Test};
use super::words::{Attribute, of};
use crate::index::{Beyond, Keys, Parts};

/// Every comparison of an expression.
pub fn each_test<'a>(expr: &'a Expr, with: &mut dyn FnMut(&'a Test)) {
    match expr {
        Expr::All(list) | Expr::Any(list) => list.iter().for_each(|one| each_test(one, with)),
        Expr::Not(inner) => each_test(inner, with),
        Expr::Test(test) => with(test),
        Expr::Word(_) => {}
    }
}

/// Every word of an expression that has to be there.
pub fn each_word<'a>(expr: &'a Expr, with: &mut dyn FnMut(&'a str)) {
    match expr {
        Expr::All(list) | Expr::Any(list) => list.iter().for_each(|one| each_word(one, with)),
        Expr::Word(word) => with(word),
        Expr::Not(_) | Expr::Test(_) => {}
    }
}

fn has_words(expr: &Expr) -> bool {
    match expr {
        Expr::All(list) | Expr::Any(list) => list.iter().any(has_words),
        Expr::Not(inner) => has_words(inner),
        Expr::Word(_) => true,
        Expr::Test(_) => false,
    }
}

/// What has to have been read of all runs, and beyond.
pub fn needs(expr: &Expr, keys: &Keys) -> (Parts, Beyond) {
    let (mut parts, mut beyond) = (Parts::default(), Beyond::default());
    if has_words(expr) {
        (parts.params, parts.tags) = (true, true);
    }
    each_test(expr, &mut |test| match &test.field {
        Field::Metric { name, suffix } => {
            parts.metrics = true;
            if let Some((key, how)) = plan::metric(name, suffix.as_ref(), keys) {
                how.needs(key, &mut beyond);
            }
        }
        Field::Param(_) => parts.params = true,
        Field::Tag(_) => parts.tags = true,
        Field::Dataset(_) => beyond.datasets = true,
        Field::Attribute(attribute) => match attribute {
            Attribute::Step => parts.metrics = true,
            Attribute::Stale => parts.metrics = true,
            Attribute::RunName | Attribute::User | Attribute::Source | Attribute::Version => {
                parts.tags = true
            }
            other => parts.meta |= of(*other).is_mlflow,
        },
    });
    (parts, beyond)
}
