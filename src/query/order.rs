//! The order of rows: by some columns, numbers as numbers, what is missing last, ties as MLflow breaks them.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::aggregate::{Look, Pick};
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
    /// Letter by letter.
    Letters(Cow<'a, str>),
    /// After all numbers, in both directions, as MLflow has it.
    NotANumber,
    /// Last, in both directions.
    Missing,
}

/// A value as it is compared: everything is parsed once.
#[derive(Clone, Copy, Debug, Default)]
struct Weight {
    /// Nearly all that tells two values apart, see [`Weight::of`].
    value: u128,
    /// Where all of the text is; empty for anything else.
    text: (u32, u32),
}

/// A run in the order.
struct Entry {
    place: u32,
    /// By the first column.
    first: Weight,
    /// The later start first.
    start: u64,
    /// Where its other weights are.
    number: u32,
}

/// The bits for values, NaN, and what is missing, which come in this order whatever the direction.
const RANK: u32 = 121;
/// The bit for words, which stand after numbers.
const IS_TEXT: u32 = 120;

/// One column of the order.
#[derive(Clone, Copy)]
struct By {
    sort: Sort,
    /// How a metric's value is picked, where it is one.
    pick: Option<Pick>,
}

/// The values of runs.
pub struct Order<'a> {
    look: Look<'a>,
    /// Whether a parent stands where the first of its children would, though it has a value.
    by_child: bool,
    by: Vec<By>,
    entries: Vec<Entry>,
    /// The weights of all columns but the first, run after run.
    others: Vec<Weight>,
    texts: Vec<u8>,
}

impl<'a> Order<'a> {
    /// Nothing yet.
    pub fn new(index: &'a Index, query: &'a Query) -> Self {
        let natural = [Sort::default()];
        let sorts = if query.sort.is_empty() { natural.as_slice() } else { &query.sort };
        let by = sorts.iter().map(|sort| {
            let pick = match sort.column {
                Column::Metric(key, how) => Some(Pick::new(key, how, index, &query.better)),
                _ => None,
            };
            By { sort: *sort, pick }
        });
        Self {
            look: query.look(index),
            by_child: query.by_child,
            by: by.collect(),
            entries: Vec::new(),
            others: Vec::new(),
            texts: Vec::new(),
        }
    }

    /// Looks at the next run, which stands at a place of the list.
    pub fn take(&mut self, place: u32, run: &Run) {
        let start = run.start_time().map_or(u64::MAX, |time| !(time as u64 ^ 1 << 63));
        let mut first = Weight::default();
        for (number, by) in self.by.iter().enumerate() {
            let weight = Weight::of(&by.value(run, &self.look), by.sort.descending, &mut self.texts);
            if number == 0 {
                first = weight;
            } else {
                self.others.push(weight);
            }
        }
        self.entries.push(Entry { place, first, start, number: self.entries.len() as u32 });
    }

    /// Places in the list in the order in which they are shown among their siblings.
    pub fn sort(mut self, list: &[&Run], rollups: &Rollups) -> Vec<u32> {
        if !rollups.is_empty() {
            self.look_below(list, rollups);
        }
        let Self { by, mut entries, others, texts, .. } = self;
        let text =
            |weight: &Weight| texts.get(weight.text.0 as usize..weight.text.1 as usize).unwrap_or_default();
        let compare = |a: &Weight, b: &Weight, descending: bool| {
            a.value.cmp(&b.value).then_with(|| match (a.text == b.text, descending) {
                (true, _) => Ordering::Equal,
                (false, false) => text(a).cmp(text(b)),
                (false, true) => text(b).cmp(text(a)),
            })
        };
        let is_first_descending = by.first().is_some_and(|by| by.sort.descending);
        let rest = by.get(1..).unwrap_or_default();
        let compare_rest = |a: &Entry, b: &Entry| {
            let weights = |entry: &Entry| {
                let begin = entry.number as usize * rest.len();
                others.get(begin..begin + rest.len()).unwrap_or_default()
            };
            let pairs = weights(a).iter().zip(weights(b)).zip(rest);
            pairs
                .map(|((a, b), by)| compare(a, b, by.sort.descending))
                .find(|o| o.is_ne())
                .unwrap_or(Ordering::Equal)
        };
        entries.sort_unstable_by(|a, b| {
            let by_value = compare(&a.first, &b.first, is_first_descending);
            let by_all = by_value.then_with(|| compare_rest(a, b));
            by_all.then(a.start.cmp(&b.start)).then_with(|| tie(list, a, b))
        });
        entries.into_iter().map(|entry| entry.place).collect()
    }

    /// A parent that has no value of its own stands where the first of its children would; all parents that have
    /// children with values do, where the query says so.
    fn look_below(&mut self, list: &[&Run], rollups: &Rollups) {
        let rest = self.by.len().saturating_sub(1);
        for entry in &mut self.entries {
            let Some(run) = list.get(entry.place as usize) else { continue };
            if rollups.get(run.key).is_none() {
                continue;
            }
            let begin = entry.number as usize * rest;
            let others = self.others.iter_mut().skip(begin).take(rest);
            for (weight, by) in std::iter::once(&mut entry.first).chain(others).zip(&self.by) {
                if (self.by_child || weight.value >> RANK == MISSING)
                    && let Some(spread) = rollups.spread(run.key, by.sort.column)
                {
                    let value = below(spread, by.sort.descending);
                    if value != Value::Missing {
                        *weight = Weight::of(&value, by.sort.descending, &mut self.texts);
                    }
                }
            }
        }
    }
}

/// The last rank.
const MISSING: u128 = 2;

impl Weight {
    /// The weight of a value; a text is put behind `texts`. The highest bits of what is compared are the rank; the others
    /// are turned around where the order is: whether it is a text, and the number or the beginning of the text.
    fn of(value: &Value<'_>, descending: bool, texts: &mut Vec<u8>) -> Self {
        let begin = texts.len();
        let (rank, first) = match value {
            // Zero has a sign which nobody means.
            Value::Number(number) => (0, format::ordered(*number + 0.0).into()),
            Value::Text(text) => {
                let end = text.char_indices().nth(LETTERS).map_or(text.len(), |(end, _)| end);
                format::push_natural_key(text.get(..end).unwrap_or_default(), texts);
                (0, beginning(texts, begin))
            }
            Value::Letters(text) => {
                texts.extend_from_slice(text.as_bytes());
                (0, beginning(texts, begin))
            }
            Value::NotANumber => (1, 0),
            Value::Missing => (MISSING, 0),
        };
        let is_text = u128::from(texts.len() > begin);
        let value = rank << RANK | is_text << IS_TEXT | first;
        Self {
            value: if descending { value ^ ((1 << RANK) - 1) } else { value },
            text: if texts.len() > begin { (begin as u32, texts.len() as u32) } else { (0, 0) },
        }
    }
}

/// The first letters of a text, as a number of the same order.
fn beginning(texts: &[u8], begin: usize) -> u128 {
    let mut first = [0; 16];
    first.iter_mut().skip(1).zip(texts.iter().skip(begin)).for_each(|(to, from)| *to = *from);
    u128::from_be_bytes(first)
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

impl By {
    fn value<'a>(&self, run: &'a Run, look: &Look<'a>) -> Value<'a> {
        if let Some(pick) = self.pick {
            return pick.of(run, look.index).value().map_or(Value::Missing, number);
        }
        let by_letter = if self.sort.by_letter { letters(run, self.sort.column, look.index) } else { None };
        by_letter.unwrap_or_else(|| natural(run, self.sort.column, look))
    }
}

/// What MLflow orders by letters (`SearchUtils._get_value_for_sort`): attributes as they are recorded, not as a page
/// shows them. Nothing for what it orders as numbers.
fn letters<'a>(run: &'a Run, column: Column, index: &'a Index) -> Option<Value<'a>> {
    let text = match column {
        Column::Param(key) => run.param(key).map(Cow::Borrowed),
        Column::Tag(key) => run.tag(key).map(Cow::Borrowed),
        Column::Name => run.name().map(Cow::Borrowed),
        Column::RunId => Some(run.run_id().into()),
        Column::UserId => run.user_id().map(Cow::Borrowed),
        Column::ArtifactUri => run.artifact_uri(&index.keys),
        Column::State => (run.read().meta && !run.broken).then(|| run.status_word().into()),
        _ => return None,
    };
    Some(text.map_or(Value::Missing, Value::Letters))
}

fn natural<'a>(run: &'a Run, column: Column, look: &Look<'a>) -> Value<'a> {
    let (index, now) = (look.index, look.now);
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
        Column::UserId => words(run.user_id()),
        Column::ArtifactUri => run.artifact_uri(&index.keys).map_or(Value::Missing, Value::Letters),
        Column::Source => words(cell::source(run)),
        Column::Version => words(cell::version(run)),
        Column::Step => cell::last_step(run).map_or(Value::Missing, |step| Value::Number(step as f64)),
        Column::Param(key) => run.param(key).map_or(Value::Missing, text),
        Column::Tag(key) => run.tag(key).map_or(Value::Missing, text),
        Column::Metric(key, how) => look.pick(run, key, how).value().map_or(Value::Missing, number),
    }
}
