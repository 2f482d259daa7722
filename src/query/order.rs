//! The order of rows: by one column, numbers as numbers, what is missing last, ties as MLflow breaks them.

use std::cmp::Ordering;

use super::rollup::Rollups;
use super::{Column, Query, Sort, Spread, cell};
use crate::format;
use crate::index::{Index, Run};

/// Letters of a text that count; a description may have thousands.
const LETTERS: usize = 200;

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

/// A value as it is compared: everything is parsed once.
struct Entry {
    place: u32,
    /// Values, then NaN, then what is missing, whatever the direction.
    rank: u8,
    /// Words stand after numbers.
    is_text: bool,
    /// The number, or the beginning of the text.
    first: u64,
    /// Where all of the text is.
    text: (u32, u32),
    /// The later start first.
    start: u64,
}

/// Places in the list in the order in which they are shown among their siblings.
pub fn sort(list: &[&Run], rollups: &Rollups, index: &Index, query: &Query) -> Vec<u32> {
    let Sort { column, descending } = query.sort;
    let mut texts = Vec::new();
    let mut entries: Vec<Entry> = Vec::with_capacity(list.len());
    for (place, run) in (0u32..).zip(list) {
        let value = match value(run, column, index, query.now) {
            // A parent that has no value of its own stands where the first of its children would.
            Value::Missing => {
                rollups.spread(run.key, column).map_or(Value::Missing, |s| below(s, descending))
            }
            own => own,
        };
        entries.push(Entry::new(place, run, &value, &mut texts));
    }
    let text = |entry: &Entry| texts.get(entry.text.0 as usize..entry.text.1 as usize).unwrap_or_default();
    entries.sort_unstable_by(|a, b| {
        let within = (a.is_text, a.first).cmp(&(b.is_text, b.first)).then_with(|| text(a).cmp(text(b)));
        let within = if descending { within.reverse() } else { within };
        a.rank.cmp(&b.rank).then(within).then(a.start.cmp(&b.start)).then_with(|| tie(list, a, b))
    });
    entries.into_iter().map(|entry| entry.place).collect()
}

impl Entry {
    /// Puts the text, if there is one, behind `texts`.
    fn new(place: u32, run: &Run, value: &Value<'_>, texts: &mut Vec<u8>) -> Self {
        let begin = texts.len() as u32;
        let (rank, first) = match value {
            Value::Number(number) => (0, format::ordered(*number)),
            Value::Text(text) => {
                let end = text.char_indices().nth(LETTERS).map_or(text.len(), |(end, _)| end);
                format::push_natural_key(text.get(..end).unwrap_or_default(), texts);
                let key = texts.get(begin as usize..).unwrap_or_default();
                let mut first = [0; 8];
                first.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
                (0, u64::from_be_bytes(first))
            }
            Value::NotANumber => (1, 0),
            Value::Missing => (2, 0),
        };
        let is_text = matches!(value, Value::Text(_));
        let start = run.start_time().map_or(u64::MAX, |time| !(time as u64 ^ 1 << 63));
        Self { place, rank, is_text, first, text: (begin, texts.len() as u32), start }
    }
}

/// Runs that started at the same time, or of which nobody knows when.
fn tie(list: &[&Run], a: &Entry, b: &Entry) -> Ordering {
    let (Some(a), Some(b)) = (list.get(a.place as usize), list.get(b.place as usize)) else {
        return Ordering::Equal;
    };
    a.run_id().cmp(b.run_id()).then(a.key.cmp(&b.key))
}

/// What a parent is ordered by that has no value of its own.
fn below(spread: &Spread, descending: bool) -> Value<'_> {
    match spread {
        Spread::Best { value, .. } => number(*value),
        Spread::Range(low, high) => number(if descending { *high } else { *low }),
        Spread::Same(value) => text(value),
        Spread::Kinds(_) => Value::Missing,
    }
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
        Column::State => Value::Text(cell::state_word(run)),
        Column::Start => time(run.start_time()),
        Column::End => time(run.end_time()),
        Column::Duration => time(run.duration(now)),
        Column::Experiment => words(index.experiment(run.experiment).map(|e| e.title())),
        Column::RunId => Value::Text(run.run_id()),
        Column::User => words(cell::user(run)),
        Column::Source => words(cell::source(run)),
        Column::Version => words(cell::version(run)),
        Column::Step => cell::last_step(run).map_or(Value::Missing, |step| Value::Number(step as f64)),
        Column::Param(key) => run.param(key).map_or(Value::Missing, text),
        Column::Tag(key) => run.tag(key).map_or(Value::Missing, text),
        Column::Metric(key) => run.metric(key).map_or(Value::Missing, |metric| number(metric.last.value)),
    }
}
