//! The order of rows: by one column, numbers as numbers, what is missing last, ties as MLflow breaks them.

use std::cmp::Ordering;

use super::rollup::Rollup;
use super::{Column, Query, Sort, Spread};
use crate::format;
use crate::index::{Index, Run};

/// What a run is ordered by.
#[derive(Clone, Debug, PartialEq)]
enum Value<'a> {
    Number(f64),
    Text(&'a str),
    /// After all numbers, in both directions, as MLflow has it.
    NotANumber,
    /// Last, in both directions.
    Missing,
}

/// Places in the list in the order in which they are shown among their siblings.
pub fn sort(list: &[&Run], rollups: &[Option<Rollup>], index: &Index, query: &Query) -> Vec<usize> {
    let Sort { column, descending } = query.sort;
    let values: Vec<Value<'_>> = list
        .iter()
        .zip(rollups)
        .map(|(run, rollup)| match value(run, column, index, query.now) {
            // A parent that has no value of its own stands where the first of its children would.
            Value::Missing => rollup.as_ref().map_or(Value::Missing, |r| below(r, column, descending)),
            own => own,
        })
        .collect();
    let mut order: Vec<usize> = (0..list.len()).collect();
    order.sort_by(|a, b| {
        let (Some(x), Some(y)) = (values.get(*a), values.get(*b)) else { return Ordering::Equal };
        compare(x, y, descending).then_with(|| tie(list, *a, *b))
    });
    order
}

/// What a parent is ordered by that has no value of its own.
fn below(rollup: &Rollup, column: Column, descending: bool) -> Value<'_> {
    match rollup.sorted.as_ref().filter(|(of, _)| *of == column).map(|(_, spread)| spread) {
        Some(Spread::Best { value, .. }) => number(*value),
        Some(Spread::Range(low, high)) => number(if descending { *high } else { *low }),
        Some(Spread::Same(value)) => text(value),
        Some(Spread::Kinds(_)) | None => Value::Missing,
    }
}

fn tie(list: &[&Run], a: usize, b: usize) -> Ordering {
    let (Some(a), Some(b)) = (list.get(a), list.get(b)) else { return Ordering::Equal };
    b.start_time.cmp(&a.start_time).then_with(|| a.run_id.cmp(&b.run_id)).then_with(|| a.key.cmp(&b.key))
}

fn number<'a>(value: f64) -> Value<'a> {
    if value.is_nan() { Value::NotANumber } else { Value::Number(value) }
}

/// Params and tags that look like numbers are numbers: `1e-3` comes before `0.01`.
fn text(value: &str) -> Value<'_> {
    format::parse_number(value).map_or(Value::Text(value), number)
}

fn value<'a>(run: &'a Run, column: Column, index: &'a Index, now: i64) -> Value<'a> {
    let time = |time: Option<i64>| time.map_or(Value::Missing, |t| Value::Number(t as f64));
    let words = |words: Option<&'a str>| words.filter(|w| !w.is_empty()).map_or(Value::Missing, Value::Text);
    match column {
        Column::Name => Value::Text(run.title()),
        Column::State => Value::Text(super::cell::state_word(run)),
        Column::Start => time(run.start_time),
        Column::End => time(run.end_time),
        Column::Duration => time(run.duration(now)),
        Column::Experiment => words(index.experiment(run.experiment).map(|e| e.title())),
        Column::RunId => Value::Text(&run.run_id),
        Column::User => words(super::cell::user(run, &index.keys)),
        Column::Source => words(super::cell::source(run, &index.keys)),
        Column::Version => words(super::cell::version(run, &index.keys)),
        Column::Step => super::cell::last_step(run).map_or(Value::Missing, |step| Value::Number(step as f64)),
        Column::Param(key) => run.param(key).map_or(Value::Missing, |value| text(value)),
        Column::Tag(key) => run.tag(key).map_or(Value::Missing, |value| text(value)),
        Column::Metric(key) => run.metric(key).map_or(Value::Missing, |metric| number(metric.last.value)),
    }
}

/// Numbers before words; missing and NaN last whatever the direction.
fn compare(a: &Value<'_>, b: &Value<'_>, descending: bool) -> Ordering {
    let rank = |value: &Value<'_>| match value {
        Value::Number(_) | Value::Text(_) => 0,
        Value::NotANumber => 1,
        Value::Missing => 2,
    };
    let within = match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.total_cmp(b),
        (Value::Text(a), Value::Text(b)) => format::natural_cmp(a, b),
        (Value::Number(_), Value::Text(_)) => Ordering::Less,
        (Value::Text(_), Value::Number(_)) => Ordering::Greater,
        _ => Ordering::Equal,
    };
    rank(a).cmp(&rank(b)).then(if descending { within.reverse() } else { within })
}
