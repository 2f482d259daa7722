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
    /// Nearly all that tells two values apart, see [`Entry::set`].
    value: u128,
    /// Where all of the text is; empty for anything else.
    text: (u32, u32),
    /// The later start first.
    start: u64,
}

/// The bits for values, NaN, and what is missing, which come in this order whatever the direction.
const RANK: u32 = 121;
/// The bit for words, which stand after numbers.
const IS_TEXT: u32 = 120;

/// The values of all runs of a list.
pub struct Order<'a> {
    index: &'a Index,
    query: &'a Query,
    entries: Vec<Entry>,
    texts: Vec<u8>,
}

impl<'a> Order<'a> {
    /// Nothing yet.
    pub fn new(index: &'a Index, query: &'a Query) -> Self {
        Self { index, query, entries: Vec::new(), texts: Vec::new() }
    }

    /// Looks at the next run of the list.
    pub fn take(&mut self, run: &Run) {
        let place = self.entries.len() as u32;
        let start = run.start_time().map_or(u64::MAX, |time| !(time as u64 ^ 1 << 63));
        let mut entry = Entry { place, value: 0, text: (0, 0), start };
        let Sort { column, descending } = self.query.sort;
        entry.set(&value(run, column, self.index, self.query.now), descending, &mut self.texts);
        self.entries.push(entry);
    }

    /// Places in the list in the order in which they are shown among their siblings.
    pub fn sort(self, list: &[&Run], rollups: &Rollups) -> Vec<u32> {
        let Self { mut entries, mut texts, .. } = self;
        let Sort { column, descending } = self.query.sort;
        // A parent that has no value of its own stands where the first of its children would.
        let is_missing = |entry: &&mut Entry| entry.value >> RANK == MISSING && !rollups.is_empty();
        for entry in entries.iter_mut().filter(is_missing) {
            let run = list.get(entry.place as usize);
            if let Some(spread) = run.and_then(|run| rollups.spread(run.key, column)) {
                entry.set(&below(spread, descending), descending, &mut texts);
            }
        }
        let text =
            |entry: &Entry| texts.get(entry.text.0 as usize..entry.text.1 as usize).unwrap_or_default();
        let by_text = |a: &Entry, b: &Entry| match (a.text == b.text, descending) {
            (true, _) => Ordering::Equal,
            (false, false) => text(a).cmp(text(b)),
            (false, true) => text(b).cmp(text(a)),
        };
        entries.sort_unstable_by(|a, b| {
            let by_value = a.value.cmp(&b.value).then_with(|| by_text(a, b));
            by_value.then(a.start.cmp(&b.start)).then_with(|| tie(list, a, b))
        });
        entries.into_iter().map(|entry| entry.place).collect()
    }
}

/// The last rank.
const MISSING: u128 = 2;

impl Entry {
    /// Takes a value over; a text is put behind `texts`. The highest bits of what is compared are the rank; the others
    /// are turned around where the order is: whether it is a text, and the number or the beginning of the text.
    fn set(&mut self, value: &Value<'_>, descending: bool, texts: &mut Vec<u8>) {
        let begin = texts.len();
        let (rank, first) = match value {
            Value::Number(number) => (0, format::ordered(*number).into()),
            Value::Text(text) => {
                let end = text.char_indices().nth(LETTERS).map_or(text.len(), |(end, _)| end);
                format::push_natural_key(text.get(..end).unwrap_or_default(), texts);
                let mut first = [0; 16];
                first.iter_mut().skip(1).zip(texts.iter().skip(begin)).for_each(|(to, from)| *to = *from);
                (0, u128::from_be_bytes(first))
            }
            Value::NotANumber => (1, 0),
            Value::Missing => (MISSING, 0),
        };
        let is_text = u128::from(texts.len() > begin);
        let value = rank << RANK | is_text << IS_TEXT | first;
        self.value = if descending { value ^ ((1 << RANK) - 1) } else { value };
        self.text = if texts.len() > begin { (begin as u32, texts.len() as u32) } else { (0, 0) };
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
