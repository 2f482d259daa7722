//! What can be typed next: names and values that were seen in the index, operators, joiners.

use std::collections::BTreeSet;
use std::ops::Range;

use super::lex::{Kind as TokenKind, tokens, unquote};
use super::parse::{Next, Parser};
use super::tree::Field;
use super::words::{self, Attribute, DATASET_FIELDS, DatasetField, ENTITIES, Kind, OPERATORS, Operator};
use super::{plan, value};
use crate::format;
use crate::index::{ExperimentKey, Index, Key, Run, Status};
use crate::query::ByKey;
use crate::shown::{Shown, shown};

/// Candidates that are offered at most.
const MOST: usize = 200;
/// Runs whose values are looked at.
const LOOKED_AT: usize = 20_000;
/// Letters of a value that is offered; nobody wants to complete a text.
const LONGEST: usize = 120;

/// Something that can be typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The text that takes the place of [`Completion::span`], with quotes where it needs some.
    pub text: String,
    /// What it is, for people.
    pub about: Shown,
}

/// What can be typed at a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// Bytes that a candidate takes the place of: what was typed of it.
    pub span: Range<usize>,
    /// What is expected there, in words.
    pub expected: String,
    /// The candidates, the most likely first. They begin with what was typed, or have it somewhere.
    pub list: Vec<Candidate>,
}

/// What can be typed where the cursor is: `cursor` is a byte of the text. Names and values are those of an experiment's
/// runs, or of all.
pub fn complete(text: &str, cursor: usize, index: &Index, experiment: Option<ExperimentKey>) -> Completion {
    let before = text.get(..cursor).unwrap_or(text);
    let all = tokens(before);
    // What touches the cursor is being typed, unless it is a sign.
    let typed = all.last().filter(|last| {
        let is_text = matches!(last.kind, TokenKind::Word | TokenKind::Quoted | TokenKind::Unfinished);
        last.span.end == before.len() && is_text
    });
    let span = typed.map_or(before.len()..before.len(), |typed| typed.span.clone());
    let mut parser = Parser::new(before.get(..span.start).unwrap_or_default());
    // A mistake at the end is what completion is for.
    let _ = parser.filter();
    let part = before.get(span.clone()).unwrap_or_default();
    let runs = || {
        let ours = |run: &&std::sync::Arc<Run>| experiment.is_none_or(|key| run.experiment == key);
        index.runs().filter(ours).take(LOOKED_AT).map(|run| &**run)
    };
    let (expected, list) = match &parser.next {
        Next::Name => ("a name or a word".to_owned(), names(part, index, &mut runs())),
        Next::Operator(field) => (super::operator::all(field.kind()), operators(field.kind())),
        Next::Value(field, operator) => {
            let kind = field.kind();
            (value::expected(kind).to_owned(), values(field, *operator, index, &mut runs()))
        }
        Next::Joiner => ("AND, OR or the end".to_owned(), joiners()),
    };
    Completion { span, expected, list: fitting(list, part) }
}

fn candidate(text: impl Into<String>, about: &str) -> Candidate {
    Candidate { text: text.into(), about: shown(about) }
}

/// Those that begin with what was typed, then those that have it.
fn fitting(list: Vec<Candidate>, part: &str) -> Vec<Candidate> {
    let bare = |text: &str| text.replace(['`', '\'', '"'], "").to_lowercase();
    let part = bare(part);
    let mut ranked: Vec<(usize, Candidate)> = (list.into_iter())
        .filter_map(|candidate| Some((bare(&candidate.text).find(&part)?.min(1), candidate)))
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, candidate)| candidate).take(MOST).collect()
}

/// A key as a filter takes it: in backticks where it has anything but letters, digits, `_` and `.`.
pub fn quoted_key(key: &str) -> String {
    let is_plain = !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
    match key {
        _ if is_plain => key.to_owned(),
        _ if !key.contains('`') => format!("`{key}`"),
        _ => format!("\"{key}\""),
    }
}

/// A value as a filter takes it; nothing where no quotes can hold it.
fn quoted_value(value: &str) -> Option<String> {
    let quote = ['\'', '"'].into_iter().find(|quote| !value.contains(*quote) && !value.ends_with('\\'))?;
    Some(format!("{quote}{value}{quote}"))
}

/// What can begin a name: attributes, what stands before the names of others, and names that are typed without it.
fn beginnings(
    above: &str,
    name: &str,
    index: &Index,
    runs: &mut dyn Iterator<Item = &Run>,
) -> Vec<Candidate> {
    let with = |text: String| format!("{above}{text}");
    let first = |names: &[&str]| names.first().copied().unwrap_or_default().to_owned();
    let entities = ENTITIES.iter().filter(|(entity, ..)| *entity != words::Entity::Attribute);
    let mut list: Vec<Candidate> =
        entities.map(|(_, names, about)| candidate(with(format!("{}.", first(names))), about)).collect();
    list.extend(words::ATTRIBUTES.iter().map(|word| candidate(with(first(word.names)), word.about)));
    list.push(candidate(with("parent.".to_owned()), "of the run's parent: parent.params.lr"));
    if above.is_empty() {
        list.extend([candidate("NOT ", "what does not hold"), candidate("(", "holds together")]);
    }
    if !name.is_empty() {
        // `lr` finds `params.lr` too.
        for (prefix, keys) in ["metrics", "params", "tags"].into_iter().zip(Keys::of(index, runs).0) {
            list.extend(keys.iter().map(|key| candidate(with(format!("{prefix}.{}", quoted_key(key))), "")));
        }
    }
    list
}

/// Names that can begin a comparison.
fn names(part: &str, index: &Index, runs: &mut dyn Iterator<Item = &Run>) -> Vec<Candidate> {
    let above = part.len() - part.trim_start_matches("parent.").len();
    let (above, name) = part.split_at_checked(above).unwrap_or(("", part));
    let first = name.split_once('.').and_then(|(first, _)| Some((first, words::entity(unquote(first))?)));
    let with = |text: String| format!("{above}{text}");
    let Some((first, entity)) = first else { return beginnings(above, name, index, runs) };
    match entity {
        words::Entity::Attribute => (words::ATTRIBUTES.iter())
            .map(|word| {
                candidate(
                    with(format!("{first}.{}", word.names.first().copied().unwrap_or_default())),
                    word.about,
                )
            })
            .collect(),
        words::Entity::Dataset => (DATASET_FIELDS.iter())
            .map(|(_, name, about)| candidate(with(format!("{first}.{name}")), about))
            .collect(),
        kind => {
            let [metrics, params, tags] = Keys::of(index, runs).0;
            let keys = match kind {
                words::Entity::Metric => metrics,
                words::Entity::Param => params,
                _ => tags,
            };
            keys.iter().map(|key| candidate(with(format!("{first}.{}", quoted_key(key))), "")).collect()
        }
    }
}

/// Names of metrics, params and tags that runs have, in natural order; MLflow's own tags last.
struct Keys<'a>([Vec<&'a str>; 3]);

impl<'a> Keys<'a> {
    fn of(index: &'a Index, runs: &mut dyn Iterator<Item = &Run>) -> Self {
        let mut seen: [ByKey<()>; 3] = std::array::from_fn(|_| ByKey::new(&index.keys));
        let [metrics, params, tags] = &mut seen;
        for run in runs {
            run.metrics().for_each(|(key, _)| _ = metrics.of(key));
            run.params().keys().for_each(|key| _ = params.of(key));
            run.tags().keys().for_each(|key| _ = tags.of(key));
        }
        Self(seen.map(|seen| {
            let mut names: Vec<&str> = seen.list.iter().map(|(key, ())| index.keys.name(*key)).collect();
            names.sort_by_cached_key(|name| (name.starts_with("mlflow."), format::natural_key(name)));
            names
        }))
    }
}

fn operators(kind: Kind) -> Vec<Candidate> {
    let takes = OPERATORS.iter().filter(|(operator, ..)| operator.takes(kind));
    takes.map(|(_, text, _, _, about)| candidate(format!("{text} "), about)).collect()
}

fn joiners() -> Vec<Candidate> {
    vec![candidate("AND ", "both hold"), candidate("OR ", "one of them holds")]
}

/// Values of an attribute: all that there can be, usual ones, or those that were seen.
fn attribute_values<'a>(
    attribute: Attribute,
    operator: Operator,
    index: &'a Index,
    runs: &mut dyn Iterator<Item = &'a Run>,
) -> Vec<Candidate> {
    let seen = |run: &'a Run| match attribute {
        Attribute::RunId => Some(run.run_id()),
        Attribute::RunName => run.name(),
        Attribute::UserId => run.user_id(),
        Attribute::User => crate::query::cell::user(run),
        Attribute::Source => crate::query::cell::source(run),
        Attribute::Version => crate::query::cell::version(run),
        Attribute::Experiment => index.experiment(run.experiment).map(|e| e.title()),
        Attribute::ExperimentId => index.experiment(run.experiment).map(|e| &*e.experiment_id),
        _ => None,
    };
    match attribute {
        Attribute::Status => {
            let all = (1..=5).filter_map(Status::from_number).filter_map(Status::word);
            quoted(all.collect(), operator)
        }
        Attribute::LifecycleStage => quoted(["active", "deleted"].into(), operator),
        Attribute::StartTime | Attribute::EndTime => [
            ("-1h", "an hour ago"),
            ("-1d", "a day ago"),
            ("-1w", "a week ago"),
            ("today", ""),
            ("yesterday", ""),
        ]
        .map(|(text, about)| candidate(text, about))
        .to_vec(),
        Attribute::Duration => ["1m", "10m", "1h", "1d"].map(|text| candidate(text, "")).to_vec(),
        _ => quoted(runs.filter_map(seen).collect(), operator),
    }
}

/// Values that were seen.
fn values<'a>(
    field: &Field,
    operator: Operator,
    index: &'a Index,
    runs: &mut dyn Iterator<Item = &'a Run>,
) -> Vec<Candidate> {
    let key = |name: &str| index.keys.find(name);
    let mut texts: BTreeSet<&'a str> = BTreeSet::new();
    match field {
        Field::Param(name) => {
            let Some(key) = key(name) else { return Vec::new() };
            runs.for_each(|run| texts.extend(run.param(key)));
        }
        Field::Tag(name) => {
            let Some(key) = key(name) else { return Vec::new() };
            runs.for_each(|run| texts.extend(run.tag(key)));
        }
        Field::Metric { name, suffix } => {
            let Some((key, _)) = plan::metric(name, suffix.as_ref(), &index.keys) else { return Vec::new() };
            return metric_range(key, runs);
        }
        Field::Attribute(attribute) => return attribute_values(*attribute, operator, index, runs),
        Field::Dataset(field) => {
            for run in runs {
                for used in index.datasets(run.key).unwrap_or_default() {
                    let key = match field {
                        DatasetField::Name => Some(used.name),
                        DatasetField::Digest => Some(used.digest),
                        DatasetField::Context => used.context,
                    };
                    texts.extend(key.map(|key| index.keys.name(key)));
                }
            }
        }
    }
    quoted(texts, operator)
}

fn quoted(texts: BTreeSet<&str>, operator: Operator) -> Vec<Candidate> {
    let numeric = matches!(
        operator,
        Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual
    );
    let mut texts: Vec<&str> = texts.into_iter().filter(|text| text.len() <= LONGEST).collect();
    texts.sort_by_cached_key(|text| format::natural_key(text));
    let as_typed = |text: &&str| match format::parse_number(text) {
        Some(_) if numeric => Some((*text).to_owned()),
        None if numeric => None,
        _ => quoted_value(text),
    };
    texts.iter().filter_map(as_typed).map(|text| candidate(text, "")).collect()
}

/// The lowest and the highest value of a metric.
fn metric_range(key: Key, runs: &mut dyn Iterator<Item = &Run>) -> Vec<Candidate> {
    let values = runs.filter_map(|run| Some(run.metric(key)?.last.value)).filter(|value| value.is_finite());
    let range = values.fold(None, |range: Option<(f64, f64)>, value| {
        Some(range.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
    });
    let Some((low, high)) = range else { return Vec::new() };
    [(low, "the lowest"), (high, "the highest")]
        .map(|(value, about)| candidate(format::exact(value), about))
        .to_vec()
}
