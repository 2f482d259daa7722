//! The columns that choose themselves, where nobody chose.

use std::cmp::Reverse;

use super::Column;
use crate::format;
use crate::index::{Index, Key, Keys, Run};
use crate::query::by_key::ByKey;
use crate::query::{Aggregate, Query};

/// Params and metrics that choose themselves, each.
const CHOSEN: usize = 6;

/// The columns where nobody chose: state, age and time, then params that differ and metrics that most runs share. What
/// orders the rows is always among them.
pub fn choose(index: &Index, list: &[&Run], query: &Query) -> Vec<Column> {
    let mut chooser = Chooser::new(&index.keys);
    list.iter().for_each(|run| chooser.take(run));
    chooser.choose(index, query).columns(query)
}

/// Different values of a param that are told apart for choosing columns.
const TOLD_APART: usize = 6;

/// The columns that choose themselves, before it is known what orders the rows.
#[derive(Clone, Debug, Default)]
pub struct Chosen(Vec<Column>);

impl Chosen {
    /// With those that order.
    pub fn columns(&self, query: &Query) -> Vec<Column> {
        let shown = |column: &Column| match *column {
            Column::Metric(key, Aggregate::Last) => Column::Metric(key, query.aggregate),
            other => other,
        };
        let mut columns: Vec<Column> = self.0.iter().map(shown).collect();
        for column in query.sort.iter().map(|sort| sort.column) {
            if column != Column::Name && !columns.contains(&column) {
                columns.push(column);
            }
        }
        columns
    }
}

/// What has been seen of a param.
#[derive(Debug, Default)]
struct Seen<'a> {
    runs: usize,
    values: Vec<&'a str>,
    long: usize,
}

/// Looks at all runs to choose columns.
#[derive(Debug)]
pub struct Chooser<'a> {
    is_running: bool,
    params: ByKey<Seen<'a>>,
    /// Runs that have a metric, and runs that have any.
    metrics: ByKey<usize>,
    with_metrics: usize,
}

impl<'a> Chooser<'a> {
    /// Nothing has been seen.
    pub fn new(keys: &Keys) -> Self {
        Self { is_running: false, params: ByKey::new(keys), metrics: ByKey::new(keys), with_metrics: 0 }
    }

    /// Looks at a run.
    pub fn take(&mut self, run: &'a Run) {
        self.is_running |= run.is_running();
        for (key, value) in run.params().iter() {
            let Some(seen) = self.params.of(key) else { continue };
            seen.runs += 1;
            seen.long += usize::from(value.len() > 24);
            if seen.values.len() < TOLD_APART && !seen.values.contains(&value) {
                seen.values.push(value);
            }
        }
        let metrics = run.metrics();
        self.with_metrics += usize::from(metrics.len() > 0);
        metrics.for_each(|(key, _)| self.metrics.of(key).into_iter().for_each(|count| *count += 1));
    }

    /// The columns, see [`choose`].
    pub fn choose(self, index: &Index, query: &Query) -> Chosen {
        let mut columns = vec![Column::State, Column::Start, Column::Duration];
        if self.is_running {
            columns.push(Column::Step);
        }
        if query.experiment.is_none() {
            columns.insert(0, Column::Experiment);
        }
        columns.extend(differing_params(self.params.list, index).map(Column::Param));
        let metrics = shared_metrics(self.metrics.list, self.with_metrics, index, query);
        columns.extend(metrics.map(|key| Column::Metric(key, Aggregate::Last)));
        Chosen(columns)
    }
}

/// Params with more than one value: of those that most runs have, first the ones that differ most, since these are what
/// a search is about.
fn differing_params(mut params: Vec<(Key, Seen<'_>)>, index: &Index) -> impl Iterator<Item = Key> {
    let most = params.iter().map(|(_, seen)| seen.runs).max().unwrap_or(0);
    params.retain(|(_, seen)| seen.values.len() > 1 && seen.long * 2 <= seen.runs);
    params.sort_by_cached_key(|(key, seen)| {
        let is_rare = seen.runs * 4 < most * 3;
        (is_rare, Reverse((seen.values.len(), seen.runs)), format::natural_key(index.keys.name(*key)))
    });
    params.into_iter().take(CHOSEN).map(|(key, _)| key)
}

/// Metrics of at least a third of the runs that have any; the experiment's primary metric first, then those whose name
/// tells quality, then those that most runs have. Samples of the machine (`system/`) are left to the picker.
fn shared_metrics(
    mut metrics: Vec<(Key, usize)>,
    with_any: usize,
    index: &Index,
    query: &Query,
) -> impl Iterator<Item = Key> {
    let experiment = query.experiment.and_then(|key| index.experiment(key));
    let primary = experiment.and_then(|e| e.tags.get("mlflow.experiment.primaryMetric.name"));
    let is_primary = |name: &str| primary.is_some_and(|primary| **primary == *name);
    metrics.retain(|(key, count)| {
        let name = index.keys.name(*key);
        is_primary(name) || (count * 3 >= with_any && !name.starts_with("system/"))
    });
    metrics.sort_by_cached_key(|(key, count)| {
        let name = index.keys.name(*key);
        (!is_primary(name), !tells_quality(name), Reverse(*count), format::natural_key(name))
    });
    metrics.into_iter().take(CHOSEN).map(|(key, _)| key)
}

/// Whether a metric's name says how good a run is, rather than how fast it was or how it was set up.
fn tells_quality(name: &str) -> bool {
    let lower = name.to_lowercase();
    let about_speed = ["time", "duration", "latency", "throughput", "per_s", "_sec"];
    format::higher_is_better(name).is_some() && !about_speed.iter().any(|word| lower.contains(word))
}
