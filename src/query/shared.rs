//! Only what differs: which params, tags and metrics are the same in all runs, so that a table can leave them out and
//! say so.

use super::by_key::ByKey;
use super::{Aggregate, Column, Query};
use crate::format;
use crate::index::{Index, Key, Run};
use crate::shown::{Shown, shown};

/// What all runs have in common.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shared {
    /// Params, tags and metrics that all runs have with the same value, by name, with that value.
    pub values: Vec<(Column, Shown)>,
    /// Columns that were left out since no run has a value.
    pub empty: usize,
}

/// The same value so far, of a param, tag or metric.
#[derive(Debug, Default)]
struct Same<T> {
    runs: usize,
    first: Option<T>,
    differs: bool,
}

impl<T: PartialEq> Same<T> {
    fn take(&mut self, value: T) {
        self.runs += 1;
        match &self.first {
            Some(first) => self.differs |= *first != value,
            None => self.first = Some(value),
        }
    }

    fn is_shared(&self, runs: usize) -> bool {
        self.runs == runs && !self.differs
    }
}

/// What was seen of all names.
struct Seen<'a> {
    params: ByKey<Same<&'a str>>,
    tags: ByKey<Same<&'a str>>,
    /// Bits, so that a NaN is like a NaN.
    metrics: ByKey<Same<u64>>,
}

/// Of `columns` those in which the runs differ, and what these runs share. One run differs from none.
pub fn differing(runs: &[&Run], columns: Vec<Column>, index: &Index, query: &Query) -> (Vec<Column>, Shared) {
    if runs.len() < 2 {
        return (columns, Shared::default());
    }
    let keys = &index.keys;
    let mut seen = Seen { params: ByKey::new(keys), tags: ByKey::new(keys), metrics: ByKey::new(keys) };
    for run in runs {
        run.params()
            .iter()
            .for_each(|(key, value)| seen.params.of(key).into_iter().for_each(|s| s.take(value)));
        run.tags().iter().for_each(|(key, value)| seen.tags.of(key).into_iter().for_each(|s| s.take(value)));
        for (key, metric) in run.metrics() {
            seen.metrics.of(key).into_iter().for_each(|same| same.take(metric.last.value.to_bits()));
        }
    }
    let mut shared = Shared { values: seen.shared(runs.len(), index), empty: 0 };
    let look = query.look(index);
    let kept = columns.into_iter().filter(|column| {
        let (count, is_shared) = match column {
            Column::Param(key) => {
                seen.params.of(*key).map_or((0, false), |s| (s.runs, s.is_shared(runs.len())))
            }
            Column::Tag(key) => seen.tags.of(*key).map_or((0, false), |s| (s.runs, s.is_shared(runs.len()))),
            Column::Metric(key, Aggregate::Last) => {
                seen.metrics.of(*key).map_or((0, false), |s| (s.runs, s.is_shared(runs.len())))
            }
            Column::Metric(key, how) => {
                let mut same = Same::default();
                let values = runs.iter().filter_map(|run| look.pick(run, *key, *how).value());
                values.for_each(|value| same.take(value.to_bits()));
                // What is still being read may differ.
                let count = seen.metrics.of(*key).map_or(0, |seen| seen.runs);
                (count, same.is_shared(runs.len()))
            }
            _ => return true,
        };
        shared.empty += usize::from(count == 0);
        count > 0 && !is_shared
    });
    (kept.collect(), shared)
}

impl Seen<'_> {
    /// MLflow's own tags are left out: most are the same everywhere, and nobody asked for them.
    fn shared(&self, runs: usize, index: &Index) -> Vec<(Column, Shown)> {
        let name = |key: Key| index.keys.name(key);
        let words = |list: &[(Key, Same<&str>)], column: fn(Key) -> Column| -> Vec<(Column, Shown)> {
            let shared = list.iter().filter(|(_, same)| same.is_shared(runs));
            shared.filter_map(|(key, same)| Some((column(*key), shown(same.first?)))).collect()
        };
        let mut values = words(&self.params.list, Column::Param);
        let is_own =
            |column: &Column| matches!(column, Column::Tag(key) if name(*key).starts_with("mlflow."));
        values.extend(words(&self.tags.list, Column::Tag).into_iter().filter(|(column, _)| !is_own(column)));
        let metrics = self.metrics.list.iter().filter(|(_, same)| same.is_shared(runs));
        values.extend(metrics.filter_map(|(key, same)| {
            let value = Shown::own(format::number(f64::from_bits(same.first?)));
            Some((Column::Metric(*key, Aggregate::Last), value))
        }));
        let rank = |column: &Column| match column {
            Column::Param(key) => (0, format::natural_key(name(*key))),
            Column::Tag(key) => (1, format::natural_key(name(*key))),
            Column::Metric(key, _) => (2, format::natural_key(name(*key))),
            _ => (3, Vec::new()),
        };
        values.sort_by_cached_key(|(column, _)| rank(column));
        values
    }
}
