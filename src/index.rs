//! All that is known about a store, as a value: experiments, runs, interned keys, problems.
//!
//! The store thread edits its own copy and publishes clones; what has been published never changes. A clone costs
//! one pointer per run, because every [`Run`] stands behind an [`Arc`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use rustc_hash::FxHashMap;

/// Text that came out of a store: any characters, also control characters. It reaches a screen, a table or a message
/// only through [`crate::shown::shown`].
pub type Text = Arc<str>;

/// The name of a param, metric or tag, interned in [`Keys`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u32);

/// Identity of a run for as long as this process lives: its slot in [`Index::runs`], never given to another run.
///
/// Not the run id: the same id may lie in two experiments, and a run may move to another experiment or to the trash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunKey(pub u32);

/// Identity of an experiment for as long as this process lives: its slot in [`Index::experiments`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExperimentKey(pub u32);

/// Every name of a param, metric or tag that was ever seen, once. Grows only, so a [`Key`] stays good.
#[derive(Clone, Debug, Default)]
pub struct Keys {
    names: Vec<Text>,
    known: FxHashMap<Text, Key>,
}

impl Keys {
    /// The key of a name, made when it is new.
    pub fn intern(&mut self, name: &str) -> Key {
        if let Some(key) = self.known.get(name) {
            return *key;
        }
        let (key, name) = (Key(self.names.len() as u32), Text::from(name));
        self.names.push(name.clone());
        self.known.insert(name, key);
        key
    }

    /// The key of a name that has been seen.
    pub fn find(&self, name: &str) -> Option<Key> {
        self.known.get(name).copied()
    }

    /// The name behind a key; empty for a key of another store.
    pub fn name(&self, key: Key) -> &str {
        self.names.get(key.0 as usize).map_or("", |name| name)
    }

    /// How many names there are: keys are `0..len`.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether nothing was seen yet.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

/// Lifecycle stage of a run or an experiment, MLflow's `LifecycleStage`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Lifecycle {
    /// Shown by default.
    #[default]
    Active,
    /// Marked as deleted, or in the store's `.trash`; the files are still there.
    Deleted,
}

impl Lifecycle {
    /// MLflow's word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deleted => "deleted",
        }
    }
}

/// State of a run, MLflow's `RunStatus`.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Status {
    /// Says that it is training; a process that was killed says so for ever.
    #[default]
    Running,
    /// Waits to be started.
    Scheduled,
    /// Ended without an error.
    Finished,
    /// Ended with an error.
    Failed,
    /// Was stopped.
    Killed,
    /// Anything else that stands in the store, as it stands there.
    Other(Text),
}

impl Status {
    /// From the integer that a file store writes (`RunStatus` in `service.proto`).
    pub fn from_number(number: i64) -> Option<Self> {
        Some(match number {
            1 => Self::Running,
            2 => Self::Scheduled,
            3 => Self::Finished,
            4 => Self::Failed,
            5 => Self::Killed,
            _ => return None,
        })
    }

    /// From MLflow's word, which SQL stores and servers use.
    pub fn from_word(word: &str) -> Self {
        match word {
            "RUNNING" => Self::Running,
            "SCHEDULED" => Self::Scheduled,
            "FINISHED" => Self::Finished,
            "FAILED" => Self::Failed,
            "KILLED" => Self::Killed,
            other => Self::Other(other.into()),
        }
    }

    /// MLflow's word for it.
    pub fn word(&self) -> &str {
        match self {
            Self::Running => "RUNNING",
            Self::Scheduled => "SCHEDULED",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::Killed => "KILLED",
            Self::Other(word) => word,
        }
    }
}

/// One logged value of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The value; NaN and infinities occur.
    pub value: f64,
    /// The step it was logged at; any integer, negative too.
    pub step: i64,
    /// When it was logged, milliseconds since the epoch.
    pub timestamp: i64,
}

impl Point {
    /// Whether `self` takes the place of `best` as the latest value: MLflow's file store folds
    /// `max((step, timestamp, value))` from the left, so a NaN is never greater and a leading NaN is never beaten by
    /// a value of the same step and time (`FileStore._get_metric_from_file`).
    pub fn is_later_than(&self, best: &Self) -> bool {
        (self.step, self.timestamp) > (best.step, best.timestamp)
            || ((self.step, self.timestamp) == (best.step, best.timestamp) && self.value > best.value)
    }
}

/// What is known of a metric of a run without its history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// The latest value by MLflow's rule, see [`Point::is_later_than`].
    pub last: Point,
    /// How many points the history has.
    pub points: u64,
}

/// What has been read of a run so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Parts {
    /// `meta.yaml`: name, state, times.
    pub meta: bool,
    /// Tags, so also the parent.
    pub tags: bool,
    /// Params and latest metrics.
    pub values: bool,
}

impl Parts {
    /// Everything.
    pub const ALL: Self = Self { meta: true, tags: true, values: true };
}

/// A run: its attributes, params, tags and latest metrics. Histories are in [`crate::series::Series`].
#[derive(Clone, Debug)]
pub struct Run {
    /// Where it stands in [`Index::runs`].
    pub key: RunKey,
    /// The run id: the name of its folder, which is its identity whatever `meta.yaml` says.
    pub run_id: Text,
    /// The experiment that it lies in.
    pub experiment: ExperimentKey,
    /// `run_name`, else the tag `mlflow.runName`, as MLflow's client answers it.
    pub name: Option<Text>,
    /// Its state.
    pub status: Status,
    /// Active or deleted.
    pub lifecycle: Lifecycle,
    /// Start, milliseconds since the epoch.
    pub start_time: Option<i64>,
    /// End, milliseconds since the epoch. A resumed run is RUNNING and still has the old one.
    pub end_time: Option<i64>,
    /// Who started it.
    pub user_id: Option<Text>,
    /// Where its artifacts were written, as recorded; may be stale or remote.
    pub artifact_uri: Option<Text>,
    /// `source_name` of versions before 1.0; later ones use the tag `mlflow.source.name`.
    pub source_name: Option<Text>,
    /// `source_version` (git commit) of versions before 1.0; later ones use the tag `mlflow.source.git.commit`.
    pub source_version: Option<Text>,
    /// The tag `mlflow.parentRunId`.
    pub parent_run_id: Option<Text>,
    /// Params sorted by key; values are text as logged.
    pub params: Vec<(Key, Text)>,
    /// Tags sorted by key.
    pub tags: Vec<(Key, Text)>,
    /// Metrics sorted by key.
    pub metrics: Vec<(Key, Metric)>,
    /// `meta.yaml` cannot be read: name, state and times are the last that were good, or none.
    pub broken: bool,
    /// What of all this has been read.
    pub read: Parts,
}

impl Run {
    /// A run of which only the folder is known.
    pub fn new(key: RunKey, run_id: Text, experiment: ExperimentKey) -> Self {
        Self {
            key,
            run_id,
            experiment,
            name: None,
            status: Status::Running,
            lifecycle: Lifecycle::Active,
            start_time: None,
            end_time: None,
            user_id: None,
            artifact_uri: None,
            source_name: None,
            source_version: None,
            parent_run_id: None,
            params: Vec::new(),
            tags: Vec::new(),
            metrics: Vec::new(),
            broken: false,
            read: Parts::default(),
        }
    }

    /// What to call it: its name, else its id.
    pub fn title(&self) -> &str {
        self.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&self.run_id)
    }

    /// Whether nothing differs, where a NaN is like a NaN.
    pub fn is_like(&self, other: &Self) -> bool {
        let bits = |m: &Metric| (m.last.value.to_bits(), m.last.step, m.last.timestamp, m.points);
        let same_metrics = self.metrics.len() == other.metrics.len()
            && self.metrics.iter().zip(&other.metrics).all(|(a, b)| a.0 == b.0 && bits(&a.1) == bits(&b.1));
        let attributes = |run: &Self| {
            let (times, texts) = ((run.start_time, run.end_time), (run.name.clone(), run.user_id.clone()));
            let more = (run.artifact_uri.clone(), run.source_name.clone(), run.source_version.clone());
            (times, texts, more, run.lifecycle, run.broken, run.read)
        };
        same_metrics
            && attributes(self) == attributes(other)
            && self.status == other.status
            && self.parent_run_id == other.parent_run_id
            && self.params == other.params
            && self.tags == other.tags
    }

    /// A param's value.
    pub fn param(&self, key: Key) -> Option<&Text> {
        find(&self.params, key)
    }

    /// A tag's value.
    pub fn tag(&self, key: Key) -> Option<&Text> {
        find(&self.tags, key)
    }

    /// A metric's latest value.
    pub fn metric(&self, key: Key) -> Option<&Metric> {
        find(&self.metrics, key)
    }

    /// Whether it says that it is training.
    pub fn is_running(&self) -> bool {
        self.read.meta && !self.broken && self.status == Status::Running
    }

    /// How long it ran, in milliseconds: until `now` for a running one, whose `end_time` is that of an earlier
    /// session; nothing for one that was cut off or ends before it starts.
    pub fn duration(&self, now: i64) -> Option<i64> {
        let end = if self.is_running() { now } else { self.end_time? };
        end.checked_sub(self.start_time?).filter(|ms| *ms >= 0)
    }
}

/// Params, tags and metrics are sorted by key, so a run with ten thousand of them still answers at once.
fn find<T>(sorted: &[(Key, T)], key: Key) -> Option<&T> {
    let place = sorted.binary_search_by_key(&key, |(k, _)| *k).ok()?;
    sorted.get(place).map(|(_, value)| value)
}

/// An experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct Experiment {
    /// Where it stands in [`Index::experiments`].
    pub key: ExperimentKey,
    /// The experiment id: the name of its folder. Text: ids of 18 digits do not fit a float.
    pub experiment_id: Text,
    /// Its name; may contain `/`, which the experiments pane shows as folders.
    pub name: Option<Text>,
    /// Active, or deleted: marked so, or in `.trash`.
    pub lifecycle: Lifecycle,
    /// Where new runs put their artifacts.
    pub artifact_location: Option<Text>,
    /// When something was last added to its folder, milliseconds since the epoch: which experiment is in use.
    pub touched: i64,
    /// Milliseconds since the epoch; since MLflow 1.29.
    pub creation_time: Option<i64>,
    /// Milliseconds since the epoch; since MLflow 1.29.
    pub last_update_time: Option<i64>,
    /// Its tags.
    pub tags: BTreeMap<Text, Text>,
}

impl Experiment {
    /// An experiment of which only the folder is known.
    pub fn new(key: ExperimentKey, experiment_id: Text) -> Self {
        Self {
            key,
            experiment_id,
            name: None,
            lifecycle: Lifecycle::Active,
            artifact_location: None,
            touched: 0,
            creation_time: None,
            last_update_time: None,
            tags: BTreeMap::new(),
        }
    }

    /// What to call it: its name, else its id.
    pub fn title(&self) -> &str {
        self.name.as_deref().filter(|name| !name.is_empty()).unwrap_or(&self.experiment_id)
    }
}

/// Something in the store that could not be read as it should. It costs one cell, never a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The run it belongs to.
    pub run: Option<RunKey>,
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong with it, a sentence without the path.
    pub what: String,
}

/// How far reading has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Progress {
    /// Runs of which everything has been read.
    pub done: usize,
    /// Runs that are known.
    pub total: usize,
    /// Whether everything that was known to be new has been read.
    pub complete: bool,
    /// Whether the experiments and the ids of their runs are known.
    pub listed: bool,
}

/// All that is known about a store.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// Experiments by slot; a slot is empty when its experiment has gone.
    pub experiments: Vec<Option<Arc<Experiment>>>,
    /// Runs by slot; a slot is empty when its run has gone.
    pub runs: Vec<Option<Arc<Run>>>,
    /// Names of params, metrics and tags.
    pub keys: Arc<Keys>,
    /// What could not be read.
    pub problems: Arc<Vec<Problem>>,
    /// How far reading has come.
    pub progress: Progress,
    /// Counts published versions; for telling two apart.
    pub version: u64,
}

impl Index {
    /// The run in a slot.
    pub fn run(&self, key: RunKey) -> Option<&Run> {
        self.runs.get(key.0 as usize)?.as_deref()
    }

    /// The experiment in a slot.
    pub fn experiment(&self, key: ExperimentKey) -> Option<&Experiment> {
        self.experiments.get(key.0 as usize)?.as_deref()
    }

    /// All runs, in the order in which they were found.
    pub fn runs(&self) -> impl Iterator<Item = &Arc<Run>> {
        self.runs.iter().flatten()
    }

    /// All experiments, in the order in which they were found.
    pub fn experiments(&self) -> impl Iterator<Item = &Arc<Experiment>> {
        self.experiments.iter().flatten()
    }

    /// The run in a slot, to be changed; copied first where a published index still shows it.
    pub fn run_mut(&mut self, key: RunKey) -> Option<&mut Run> {
        self.runs.get_mut(key.0 as usize)?.as_mut().map(Arc::make_mut)
    }

    /// The experiment in a slot, to be changed.
    pub fn experiment_mut(&mut self, key: ExperimentKey) -> Option<&mut Experiment> {
        self.experiments.get_mut(key.0 as usize)?.as_mut().map(Arc::make_mut)
    }

    /// Makes a slot for a new run.
    pub fn add_run(&mut self, run_id: Text, experiment: ExperimentKey) -> RunKey {
        let key = RunKey(self.runs.len() as u32);
        self.runs.push(Some(Arc::new(Run::new(key, run_id, experiment))));
        key
    }

    /// Makes a slot for a new experiment.
    pub fn add_experiment(&mut self, experiment_id: Text) -> ExperimentKey {
        let key = ExperimentKey(self.experiments.len() as u32);
        self.experiments.push(Some(Arc::new(Experiment::new(key, experiment_id))));
        key
    }

    /// Empties the slot of a run that has gone. Its problems are the caller's business.
    pub fn remove_run(&mut self, key: RunKey) {
        if let Some(slot) = self.runs.get_mut(key.0 as usize) {
            *slot = None;
        }
    }

    /// Empties the slot of an experiment that has gone. Its runs are the caller's business.
    pub fn remove_experiment(&mut self, key: ExperimentKey) {
        if let Some(slot) = self.experiments.get_mut(key.0 as usize) {
            *slot = None;
        }
    }

    /// The key of a name, made when it is new.
    pub fn intern(&mut self, name: &str) -> Key {
        self.keys.find(name).unwrap_or_else(|| Arc::make_mut(&mut self.keys).intern(name))
    }

    /// Whether an experiment or the run itself is deleted.
    pub fn is_deleted(&self, run: &Run) -> bool {
        run.lifecycle == Lifecycle::Deleted
            || self.experiment(run.experiment).is_some_and(|e| e.lifecycle == Lifecycle::Deleted)
    }
}
