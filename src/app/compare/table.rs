//! The rows of a comparison, found once for each change of the runs: a hundred runs may have ten thousand metrics each.

use std::sync::Arc;

use crate::format;
use crate::index::{Index, Key, Keys, Run};
use crate::query::cell::{Cell, whole_cell};
use crate::query::{Aggregate, ByKey, Column, Look};
use crate::shown::{Shown, shown};
use crate::view::text;

/// Rows that the widths of the columns are measured on.
const MEASURED: usize = 500;
/// The attributes that are compared.
const ATTRIBUTES: [Column; 8] = [
    Column::Experiment,
    Column::State,
    Column::Start,
    Column::Duration,
    Column::User,
    Column::Source,
    Column::Version,
    Column::Step,
];

/// One row of a comparison.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Line {
    /// The beginning of a group.
    Heading(&'static str),
    /// One thing of all runs.
    Values(Values),
}

/// One thing of all runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Values {
    /// Which.
    pub column: Column,
    /// Whether not all runs have the same.
    pub differs: bool,
    /// The best value of a metric, where not all are as good and the name says which direction is good.
    pub best: Option<f64>,
}

impl Values {
    /// Its name.
    pub fn name(&self, index: &Index) -> Shown {
        match self.column {
            Column::Param(_) | Column::Metric(..) | Column::Tag(_) => self.column.title(index),
            attribute => attribute.full_name(index),
        }
    }

    /// Whether a run has the best value.
    pub fn is_best(&self, run: &Run) -> bool {
        let Column::Metric(key, _) = self.column else { return false };
        self.best.is_some() && run.metric(key).map(|metric| metric.last.value) == self.best
    }
}

/// The rows.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Metrics of any of the runs by name, those of the machine last.
    pub metrics: Vec<Key>,
    /// The first metric that has a history in one of the runs.
    pub with_history: Option<Key>,
    /// All rows, or those that differ.
    pub lines: Vec<Line>,
    /// Columns of the terminal that the longest name takes.
    pub name_width: usize,
    /// Columns of the terminal that the longest value of each run takes.
    pub widths: Vec<usize>,
    /// All rows: metrics, params, attributes, tags.
    groups: [Vec<Values>; 4],
    /// Only rows that differ; the second for which the attributes were found.
    state: (bool, i64),
}

impl Table {
    /// The rows of these runs.
    pub fn of(runs: &[Arc<Run>], look: &Look<'_>, differing: bool) -> Self {
        let keys = &look.index.keys;
        let mut metrics =
            keys_of(runs, keys, |run, found| run.metrics().for_each(|(key, _)| _ = found.of(key)));
        metrics.sort_by_key(|key| keys.name(*key).starts_with("system/"));
        let params = keys_of(runs, keys, |run, found| run.params().keys().for_each(|key| _ = found.of(key)));
        let mut tags = keys_of(runs, keys, |run, found| run.tags().keys().for_each(|key| _ = found.of(key)));
        tags.retain(|key| !keys.name(*key).starts_with("mlflow."));
        let has_history =
            |key: &&Key| runs.iter().any(|run| run.metric(**key).is_some_and(|metric| metric.has_history()));
        let values = |list: &[Key], column: fn(Key) -> Column| {
            list.iter().map(|key| values(runs, column(*key), look)).collect()
        };
        let groups = [
            values(&metrics, |key| Column::Metric(key, Aggregate::Last)),
            values(&params, Column::Param),
            Vec::new(),
            values(&tags, Column::Tag),
        ];
        let with_history = metrics.iter().find(has_history).copied();
        let mut table = Self { metrics, with_history, groups, ..Self::default() };
        table.find_lines(runs, look, differing);
        table
    }

    /// Brings up to date what depends on the time and on which rows are shown.
    pub fn keep(&mut self, runs: &[Arc<Run>], look: &Look<'_>, differing: bool) {
        if self.state != (differing, look.now / 1000) {
            self.find_lines(runs, look, differing);
        }
    }

    fn find_lines(&mut self, runs: &[Arc<Run>], look: &Look<'_>, differing: bool) {
        self.state = (differing, look.now / 1000);
        let has_any =
            |values: &Values| runs.iter().any(|run| whole_cell(run, values.column, look) != Cell::Empty);
        let all = ATTRIBUTES.iter().map(|column| values(runs, *column, look));
        let [_, _, attributes, _] = &mut self.groups;
        *attributes = all.filter(has_any).collect();
        self.lines.clear();
        for (title, group) in ["Metrics", "Params", "Attributes", "Tags"].into_iter().zip(&self.groups) {
            let shown = || group.iter().filter(|values| values.differs || !differing);
            self.lines.extend(shown().next().map(|_| Line::Heading(title)));
            self.lines.extend(shown().map(|values| Line::Values(*values)));
        }
        let values = || {
            self.lines.iter().filter_map(|line| match line {
                Line::Values(values) => Some(values),
                Line::Heading(_) => None,
            })
        };
        let name_width =
            values().map(|values| text::width(values.name(look.index).as_str())).max().unwrap_or(0);
        let cell_width =
            |run: &Run, column| text::width(shown(whole_cell(run, column, look).text()).as_str());
        let widest = |run: &Run| values().take(MEASURED).map(|values| cell_width(run, values.column)).max();
        let widths = runs.iter().map(|run| widest(run).unwrap_or(0)).collect();
        (self.name_width, self.widths) = (name_width, widths);
    }
}

/// The keys that any of the runs has, by name.
fn keys_of(runs: &[Arc<Run>], keys: &Keys, find: impl Fn(&Run, &mut ByKey<()>)) -> Vec<Key> {
    let mut found = ByKey::new(keys);
    runs.iter().for_each(|run| find(run, &mut found));
    found.list.sort_by_cached_key(|(key, ())| format::natural_key(keys.name(*key)));
    found.list.into_iter().map(|(key, ())| key).collect()
}

fn values(runs: &[Arc<Run>], column: Column, look: &Look<'_>) -> Values {
    let pairs = runs.iter().zip(runs.iter().skip(1));
    let differs = pairs.into_iter().any(|(a, b)| differ(a, b, column, look));
    Values { column, differs, best: best(runs, column, look) }
}

/// Numbers are the same when they are equal as numbers: `0.10` and `1e-1`; and what looks the same is the same.
fn differ(a: &Run, b: &Run, column: Column, look: &Look<'_>) -> bool {
    let same =
        |a: Option<f64>, b: Option<f64>| a.zip(b).is_some_and(|(a, b)| a == b || (a.is_nan() && b.is_nan()));
    let value = |run: &Run, key: Key| run.metric(key).map(|metric| metric.last.value);
    if let Column::Metric(key, _) = column
        && same(value(a, key), value(b, key))
    {
        return false;
    }
    let (x, y) = (whole_cell(a, column, look), whole_cell(b, column, look));
    let number = |cell: &Cell<'_>| format::parse_number(cell.text());
    x != y && (column.is_metric() || !same(number(&x), number(&y)))
}

fn best(runs: &[Arc<Run>], column: Column, look: &Look<'_>) -> Option<f64> {
    let Column::Metric(key, _) = column else { return None };
    let up = look.better.of(key, look.index)?;
    let known = || runs.iter().filter_map(|run| run.metric(key).map(|metric| metric.last.value));
    let known = || known().filter(|value| !value.is_nan());
    let best = known().reduce(|a, b| if (b > a) == up { b } else { a })?;
    known().any(|value| value != best).then_some(best)
}
