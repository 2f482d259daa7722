//! Columns by their names, and orders of them: `--cols`, `--order-by`, `:sort`.

use super::Mistake;
use super::complete::quoted_key;
use super::lex::{Kind as TokenKind, Token, tokens};
use super::name;
use super::plan;
use super::tree::Field;
use super::words::{self, Attribute};
use crate::index::Index;
use crate::query::{Column, Sort};

/// The column of an attribute; none for what is no column.
fn attribute_column(attribute: Attribute) -> Option<Column> {
    Some(match attribute {
        Attribute::RunId => Column::RunId,
        Attribute::RunName => Column::Name,
        Attribute::Status => Column::State,
        Attribute::UserId => Column::UserId,
        Attribute::ArtifactUri => Column::ArtifactUri,
        Attribute::StartTime => Column::Start,
        Attribute::EndTime => Column::End,
        Attribute::Duration => Column::Duration,
        Attribute::Experiment => Column::Experiment,
        Attribute::User => Column::User,
        Attribute::Source => Column::Source,
        Attribute::Version => Column::Version,
        Attribute::Step => Column::Step,
        Attribute::ExperimentId
        | Attribute::LifecycleStage
        | Attribute::Children
        | Attribute::Depth
        | Attribute::Stale => return None,
    })
}

/// A column by its name in the filter grammar: `metrics.loss`, `metrics.loss.min`, ``params.`a b` ``, `start_time`. Nothing
/// where no run has such a param, metric or tag.
///
/// # Errors
/// Where it is no name of a column.
pub fn column(text: &str, index: &Index) -> Result<Option<Column>, Mistake> {
    let tokens = tokens(text);
    match tokens.as_slice() {
        [token] => column_of(token, index),
        [_, second, ..] => Err(Mistake::new(second.span.clone(), "one name only", "the end")),
        [] => Err(Mistake::new(0..text.len(), "nothing is named", "a name such as metrics.loss")),
    }
}

fn column_of(token: &Token<'_>, index: &Index) -> Result<Option<Column>, Mistake> {
    let no_column = |what: String| {
        Mistake::new(
            token.span.clone(),
            what,
            "metrics.…, params.…, tags.… or an attribute such as start_time",
        )
    };
    if !matches!(token.kind, TokenKind::Word | TokenKind::Quoted) || token.text.starts_with('\'') {
        return Err(no_column(format!("{} is no name", token.text)));
    }
    let named = name::resolve(token)?;
    if named.above > 0 {
        return Err(no_column("a parent's values are no column".to_owned()));
    }
    let keys = &index.keys;
    Ok(match &named.field {
        Field::Metric { name, suffix } => {
            plan::metric(name, suffix.as_ref(), keys).map(|(key, how)| Column::Metric(key, how))
        }
        Field::Param(name) => keys.find(name).map(Column::Param),
        Field::Tag(name) => keys.find(name).map(Column::Tag),
        Field::Attribute(attribute) => match attribute_column(*attribute) {
            Some(column) => Some(column),
            None => return Err(no_column(format!("{} is no column", token.text))),
        },
        Field::Dataset(_) => return Err(no_column("a dataset is no column".to_owned())),
    })
}

/// The name of a column as [`column()`] takes it: `metrics.loss.min`, ``params.`a b` ``, `start_time`.
pub fn written(column: Column, index: &Index) -> String {
    let key = |entity: &str, key| format!("{entity}.{}", quoted_key(index.keys.name(key)));
    match column {
        Column::Param(name) => key("params", name),
        Column::Tag(name) => key("tags", name),
        Column::Metric(name, how) => format!("{}{}", key("metrics", name), how.suffix()),
        other => {
            let is_it = |word: &&words::AttributeWord| attribute_column(word.attribute) == Some(other);
            let word = words::ATTRIBUTES.iter().find(is_it);
            word.and_then(|word| word.names.first()).copied().unwrap_or_default().to_owned()
        }
    }
}

/// Columns by their names, separated by commas or blanks, with the names; none where no run has such a thing.
///
/// # Errors
/// Where something is no name of a column.
pub fn names<'a>(text: &'a str, index: &Index) -> Result<Vec<(Option<Column>, &'a str)>, Mistake> {
    let tokens = tokens(text);
    let names = tokens.iter().filter(|token| token.kind != TokenKind::Comma);
    let mut columns = Vec::new();
    for token in names {
        let found = (column_of(token, index)?, token.text);
        if !columns.contains(&found) {
            columns.push(found);
        }
    }
    Ok(columns)
}

/// One or more columns with directions, as MLflow's `order_by` writes each of them: `metrics.rmse DESC`; commas may stand
/// between several. Ascending where no direction is told. What no run has orders nothing.
///
/// # Errors
/// Where it is no order.
pub fn order_by(text: &str, by_letter: bool, index: &Index) -> Result<Vec<Sort>, Mistake> {
    let tokens = tokens(text);
    let mut sorts = Vec::new();
    let clauses = tokens.split(|token| token.kind == TokenKind::Comma);
    for clause in clauses {
        let (name, descending) = match clause {
            [name] => (name, false),
            [name, way] if way.is("ASC") => (name, false),
            [name, way] if way.is("DESC") => (name, true),
            [_, way, ..] => {
                let what = format!("{} is no direction", way.text);
                return Err(Mistake::new(way.span.clone(), what, "ASC or DESC"));
            }
            [] => {
                let at = tokens.last().map_or(0..text.len(), |last| last.span.clone());
                return Err(Mistake::new(at, "nothing is named", "a name such as metrics.loss"));
            }
        };
        if let Some(column) = column_of(name, index)? {
            sorts.push(Sort { column, descending, by_letter });
        }
    }
    Ok(sorts)
}
