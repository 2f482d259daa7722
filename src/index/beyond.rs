//! What is known of runs only because somebody asked: sums of whole histories, and datasets.
//!
//! Neither a table of latest values nor MLflow's search needs it, and it takes reading every history, or a folder more
//! of every run. So it is read when [`Beyond`] names it, and kept beside the runs, which do not grow.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::sync::Arc;

use rustc_hash::FxHasher;

use super::side::Side;
use super::{Index, Key, Metric, Point, Run, RunKey};

/// What is wanted of all runs of the experiment beyond what every run has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Beyond {
    /// Metrics whose [`Summary`] is wanted.
    pub summaries: Vec<Key>,
    /// Metrics whose value at a step is wanted, see [`Index::at_step`].
    pub at: Vec<(Key, i64)>,
    /// Whether the datasets are wanted, see [`Index::datasets`].
    pub datasets: bool,
}

impl Beyond {
    /// Whether nothing is wanted.
    pub fn is_empty(&self) -> bool {
        self.summaries.is_empty() && self.at.is_empty() && !self.datasets
    }

    /// Whether a metric's whole history is wanted.
    pub fn has(&self, metric: Key) -> bool {
        self.summaries.contains(&metric) || self.at.iter().any(|(key, _)| *key == metric)
    }

    /// Wants something more of a metric.
    pub fn add_summary(&mut self, metric: Key) {
        if !self.summaries.contains(&metric) {
            self.summaries.push(metric);
        }
    }

    /// Wants a metric's value at a step.
    pub fn add_at(&mut self, metric: Key, step: i64) {
        if !self.at.contains(&(metric, step)) {
            self.at.push((metric, step));
        }
    }
}

/// A value and the step that it was logged at.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AtStep {
    /// The value.
    pub value: f64,
    /// The step.
    pub step: i64,
}

/// A whole history in a few numbers. NaN counts as no value, but for the first. What is kept of it by run has no more
/// than it needs, see `Kept`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// The first by step, then time, then place in the history; may be NaN.
    pub first: AtStep,
    /// The lowest value, where it was first reached.
    pub min: AtStep,
    /// The highest value, where it was first reached.
    pub max: AtStep,
    /// Sum of the values.
    pub sum: f64,
    /// How many values that are not NaN.
    pub numbers: u64,
    /// Points of the history that it was made of.
    pub points: u64,
    /// When the first point was logged: tells two of the same step apart.
    first_timestamp: i64,
}

impl Summary {
    /// Of a history, in the order in which it was logged.
    pub fn of(points: impl IntoIterator<Item = Point>) -> Self {
        let mut summary = Self::default();
        points.into_iter().for_each(|point| summary.add(&point));
        summary
    }

    /// Takes in the next point of the history.
    pub fn add(&mut self, point: &Point) {
        let here = AtStep { value: point.value, step: point.step };
        if self.points == 0 || (point.step, point.timestamp) < (self.first.step, self.first_timestamp) {
            (self.first, self.first_timestamp) = (here, point.timestamp);
        }
        self.points += 1;
        if point.value.is_nan() {
            return;
        }
        // Where a value was reached by several steps, the lowest of them: a history need not be in their order.
        let is_earlier = |old: &AtStep| old.value == here.value && here.step < old.step;
        if self.numbers == 0 || here.value < self.min.value || is_earlier(&self.min) {
            self.min = here;
        }
        if self.numbers == 0 || here.value > self.max.value || is_earlier(&self.max) {
            self.max = here;
        }
        self.sum += point.value;
        self.numbers += 1;
    }

    /// The mean of the values.
    pub fn mean(&self) -> Option<f64> {
        (self.numbers > 0).then(|| self.sum / self.numbers as f64)
    }
}

/// The latest of a history up to a step, by MLflow's rule of what is latest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UpTo {
    step: i64,
    found: Option<Point>,
}

impl UpTo {
    /// Nothing of the history has been seen.
    pub fn new(step: i64) -> Self {
        Self { step, found: None }
    }

    /// Takes in the next point of the history.
    pub fn add(&mut self, point: &Point) {
        if point.step <= self.step && self.found.is_none_or(|found| point.is_later_than(&found)) {
            self.found = Some(*point);
        }
    }
}

/// What is kept, and of which state of the metric: a metric that has changed since is being read.
#[derive(Clone, Copy, Debug, Default)]
struct Kept<T> {
    what: T,
    state: u64,
}

impl<T> Kept<T> {
    /// What was kept, where the metric is still as it was.
    fn of(&self, metric: &Metric) -> Option<&T> {
        (metric.exact && self.state == state(metric)).then_some(&self.what)
    }
}

/// What tells a metric that has changed: how many points it has, where the store counts them, and its latest one.
fn state(metric: &Metric) -> u64 {
    let Point { value, step, timestamp } = metric.last;
    let mut hasher = FxHasher::default();
    [metric.points, value.to_bits(), step as u64, timestamp as u64]
        .into_iter()
        .for_each(|n| hasher.write_u64(n));
    hasher.finish()
}

/// The numbers of a [`Summary`] that are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sums {
    /// The first; may be NaN.
    pub first: AtStep,
    /// The lowest and the highest; nothing where all values are NaN.
    pub range: Option<(AtStep, AtStep)>,
    /// The mean; NaN where all values are.
    pub mean: f64,
}

impl From<Summary> for Sums {
    fn from(summary: Summary) -> Self {
        let range = (summary.numbers > 0).then_some((summary.min, summary.max));
        Self { first: summary.first, range, mean: summary.mean().unwrap_or(f64::NAN) }
    }
}

/// A dataset that a run used, in what a filter asks: all three are interned in [`super::Keys`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// Its name.
    pub name: Key,
    /// Its digest.
    pub digest: Key,
    /// The input's tag `mlflow.data.context`.
    pub context: Option<Key>,
}

/// All of it, by run.
#[derive(Clone, Debug, Default)]
pub struct Aside {
    summaries: BTreeMap<Key, Side<Kept<Sums>>>,
    at: BTreeMap<(Key, i64), Side<Kept<Option<AtStep>>>>,
    datasets: Side<Arc<[Used]>>,
}

impl Index {
    /// The whole history of a metric in a few numbers; nothing while it is not known. A history of one point needs no
    /// reading.
    pub fn summary(&self, run: &Run, key: Key, metric: &Metric) -> Option<Sums> {
        if metric.points == 1 && metric.exact {
            return Some(Summary::of([metric.last]).into());
        }
        self.aside.summaries.get(&key)?.get(run.key)?.of(metric).copied()
    }

    /// The latest value of a metric up to a step, with its own step: nothing while it is not known, and nothing within
    /// where the history begins later.
    pub fn at_step(&self, run: &Run, key: Key, step: i64, metric: &Metric) -> Option<Option<AtStep>> {
        if metric.exact && (metric.last.step <= step || metric.points == 1) {
            let last = AtStep { value: metric.last.value, step: metric.last.step };
            return Some(Some(last).filter(|last| last.step <= step));
        }
        self.aside.at.get(&(key, step))?.get(run.key)?.of(metric).copied()
    }

    /// The datasets that a run used; nothing while they are not known.
    pub fn datasets(&self, run: RunKey) -> Option<&[Used]> {
        self.aside.datasets.get(run).map(|used| &**used)
    }

    /// Keeps a summary. It counts as long as the metric is as it is now.
    pub fn set_summary(&mut self, run: RunKey, metric: Key, summary: Summary) {
        let Some(state) = self.state_of(run, metric) else { return };
        let kept = Kept { what: summary.into(), state };
        Arc::make_mut(&mut self.aside).summaries.entry(metric).or_default().set(run, kept);
    }

    /// Keeps a value at a step, likewise.
    pub fn set_at_step(&mut self, run: RunKey, metric: Key, found: &UpTo) {
        let Some(state) = self.state_of(run, metric) else { return };
        let what = found.found.map(|point| AtStep { value: point.value, step: point.step });
        let side = Arc::make_mut(&mut self.aside).at.entry((metric, found.step)).or_default();
        side.set(run, Kept { what, state });
    }

    fn state_of(&self, run: RunKey, metric: Key) -> Option<u64> {
        Some(state(&self.run(run)?.metric(metric)?))
    }

    /// Keeps the datasets of a run, all of them.
    pub fn set_datasets(&mut self, run: RunKey, used: &[Used]) {
        Arc::make_mut(&mut self.aside).datasets.set(run, used.into());
    }

    /// Drops what is not wanted any more: tables of 100,000 runs take megabytes.
    pub fn keep_only(&mut self, beyond: &Beyond) {
        let is_idle = |aside: &Aside| {
            aside.summaries.keys().all(|key| beyond.summaries.contains(key))
                && aside.at.keys().all(|at| beyond.at.contains(at))
        };
        if !is_idle(&self.aside) {
            let aside = Arc::make_mut(&mut self.aside);
            aside.summaries.retain(|key, _| beyond.summaries.contains(key));
            aside.at.retain(|at, _| beyond.at.contains(at));
        }
    }

    /// Whether something that is wanted of a metric of a run is not known.
    pub fn lacks_history(&self, run: &Run, key: Key, metric: &Metric, beyond: &Beyond) -> bool {
        let mut at = beyond.at.iter().filter(|(of, _)| *of == key);
        (beyond.summaries.contains(&key) && self.summary(run, key, metric).is_none())
            || at.any(|(_, step)| self.at_step(run, key, *step, metric).is_none())
    }
}
