//! All that is known about a store, as a value: experiments, runs, interned keys, problems.
//!
//! The store thread edits its own copy and publishes clones; what has been published never changes. A clone costs
//! one pointer per 256 runs, see [`Slots`].

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

pub mod beyond;
pub mod keys;
pub mod pack;
pub mod pulse;
pub mod run;
pub mod side;
pub mod slots;

pub use beyond::{AtStep, Beyond, Summary, Sums, UpTo, Used};
pub use keys::{Key, Keys};
pub use pack::{Pairs, Sheet};
pub use pulse::{Death, Pulse, Pulses};
pub use run::{Draft, Parts, Run};
pub use slots::Slots;

/// Text that came out of a store: any characters, also control characters. It reaches a screen, a table or a message
/// only through [`crate::shown::shown`].
pub type Text = Arc<str>;

/// Identity of a run for as long as this process lives: its slot in [`Index::runs`], never given to another run.
///
/// Not the run id: the same id may lie in two experiments, and a run may move to another experiment or to the trash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunKey(pub u32);

impl RunKey {
    /// Keys from here on are no slots: rows of groups have them, so that what holds for a run's row (the cursor is on
    /// it, it is open) can be said of a group's.
    pub const GROUPS: u32 = 1 << 31;

    /// Whether it stands for a group of runs; no index has a run with such a key.
    pub fn is_group(self) -> bool {
        self.0 >= Self::GROUPS
    }
}

/// Identity of an experiment for as long as this process lives: its slot in [`Index::experiments`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExperimentKey(pub u32);

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
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
    /// Anything else that stands in the store; [`Run::status_word`] tells what.
    Other,
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

    /// The integer of it, 0 for a state that MLflow does not know.
    pub fn number(self) -> u8 {
        match self {
            Self::Running => 1,
            Self::Scheduled => 2,
            Self::Finished => 3,
            Self::Failed => 4,
            Self::Killed => 5,
            Self::Other => 0,
        }
    }

    /// From MLflow's word, which SQL stores and servers use.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "RUNNING" => Self::Running,
            "SCHEDULED" => Self::Scheduled,
            "FINISHED" => Self::Finished,
            "FAILED" => Self::Failed,
            "KILLED" => Self::Killed,
            _ => return None,
        })
    }

    /// MLflow's word for it; none for a state that MLflow does not know.
    pub fn word(self) -> Option<&'static str> {
        Some(match self {
            Self::Running => "RUNNING",
            Self::Scheduled => "SCHEDULED",
            Self::Finished => "FINISHED",
            Self::Failed => "FAILED",
            Self::Killed => "KILLED",
            Self::Other => return None,
        })
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
    /// How many points the history has; so far, where it is not exact; 0 where the store keeps latest values apart from
    /// histories (a database, a server), and nobody has counted yet.
    pub points: u64,
    /// Whether the latest value is sure. Of a long file the end is read first, and the latest point need not stand
    /// there.
    pub exact: bool,
}

impl Metric {
    /// Whether there is a curve to draw: more than one point, as far as is known.
    pub fn has_history(&self) -> bool {
        self.points > 1 || (!self.is_counted() && self.last.step != 0)
    }

    /// Whether the points were counted, or some of them.
    pub fn is_counted(&self) -> bool {
        self.points > 0
    }
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
    /// When something was last added to it, milliseconds since the epoch: which experiment is in use.
    pub touched: i64,
    /// Milliseconds since the epoch; since MLflow 1.29.
    pub creation_time: Option<i64>,
    /// Milliseconds since the epoch; since MLflow 1.29.
    pub last_update_time: Option<i64>,
    /// Its tags.
    pub tags: BTreeMap<Text, Text>,
    /// Its runs have not been read, or not all of them, where nothing lists them first: how many there are is not known.
    pub unread: bool,
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
            unread: false,
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
    /// The file or folder; of a database its table, of a server what was asked for.
    pub path: PathBuf,
    /// What is wrong with it, a sentence without the path.
    pub what: String,
    /// When it was noticed, milliseconds since the epoch.
    pub since: i64,
}

/// Whether the store can be read just now. When it cannot, what is known stays on screen and says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Access {
    /// It answers.
    #[default]
    Open,
    /// Somebody holds it locked; it is tried again.
    Busy,
    /// It has not answered since then, milliseconds since the epoch; it is tried again.
    Offline {
        /// When it answered last.
        since: i64,
    },
    /// It does not let us in, and is not tried again until somebody says so.
    Stopped,
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
    /// What is shown comes from the cache, and not all of it has been compared with the store.
    pub verifying: bool,
}

impl Progress {
    /// Whether there is a value for everything, though it may not have been compared with the store yet.
    pub fn has_all(self) -> bool {
        self.complete || self.verifying
    }
}

/// All that is known about a store.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// Experiments by slot; a slot is empty when its experiment has gone.
    pub experiments: Slots<Experiment>,
    /// Runs by slot; a slot is empty when its run has gone.
    pub runs: Slots<Run>,
    /// Names of params, metrics and tags.
    pub keys: Arc<Keys>,
    /// What could not be read.
    pub problems: Arc<Vec<Problem>>,
    /// What was noticed of runs that train.
    pub pulses: Arc<Pulses>,
    /// How far reading has come.
    pub progress: Progress,
    /// Whether the store can be read just now.
    pub access: Access,
    /// The experiment to begin with, as soon as it is known: where something was last added, among those with runs.
    pub latest: Option<ExperimentKey>,
    /// Counts published versions; for telling two apart.
    pub version: u64,
    /// How the store compares, which its own MLflow does in one of several ways.
    pub dialect: Dialect,
    /// What was read of runs only because somebody asked for it.
    aside: Arc<beyond::Aside>,
}

/// How values are compared in a filter, so that a filter means what it means to MLflow on the same store: a file store
/// compares in Python, the others in SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Dialect {
    /// `LIKE` is a regular expression in which `%` is `.*` and `_` is `.`, `ILIKE` knows all alphabets
    /// (`_convert_like_pattern_to_regex` in `search_utils.py`).
    #[default]
    Python,
    /// SQLite's own `LIKE`, and `ILIKE` with `lower()`, which knows ASCII only.
    Sql {
        /// NaN counts as 0, as it is stored: MLflow before it guarded comparisons with `is_nan`.
        nan_is_zero: bool,
    },
}

impl Index {
    /// The run in a slot.
    pub fn run(&self, key: RunKey) -> Option<&Arc<Run>> {
        self.runs.get(key.0 as usize)
    }

    /// The experiment in a slot.
    pub fn experiment(&self, key: ExperimentKey) -> Option<&Arc<Experiment>> {
        self.experiments.get(key.0 as usize)
    }

    /// All runs, in the order in which they were found.
    pub fn runs(&self) -> impl Iterator<Item = &Arc<Run>> {
        self.runs.iter()
    }

    /// All experiments, in the order in which they were found.
    pub fn experiments(&self) -> impl Iterator<Item = &Arc<Experiment>> {
        self.experiments.iter()
    }

    /// Puts a run into its slot, in place of what is there.
    pub fn set_run(&mut self, run: Run) {
        self.runs.set(run.key.0 as usize, Some(run));
    }

    /// Changes a run.
    pub fn edit_run(&mut self, key: RunKey, change: impl FnOnce(&mut Draft)) {
        let Some(run) = self.run(key) else { return };
        let mut draft = Draft::of(run);
        change(&mut draft);
        self.set_run(draft.pack());
    }

    /// Puts an experiment into its slot, in place of what is there.
    pub fn set_experiment(&mut self, experiment: Experiment) {
        self.experiments.set(experiment.key.0 as usize, Some(experiment));
    }

    /// Makes a slot for a new run.
    pub fn add_run(&mut self, run_id: &str, experiment: ExperimentKey) -> RunKey {
        let key = RunKey(self.runs.len() as u32);
        self.runs.push(Run::new(key, run_id, experiment));
        key
    }

    /// Makes a slot for a new experiment.
    pub fn add_experiment(&mut self, experiment_id: Text) -> ExperimentKey {
        let key = ExperimentKey(self.experiments.len() as u32);
        self.experiments.push(Experiment::new(key, experiment_id));
        key
    }

    /// Empties the slot of a run that has gone. Its problems are the caller's business.
    pub fn remove_run(&mut self, key: RunKey) {
        self.runs.set(key.0 as usize, None);
    }

    /// Empties the slot of an experiment that has gone. Its runs are the caller's business.
    pub fn remove_experiment(&mut self, key: ExperimentKey) {
        self.experiments.set(key.0 as usize, None);
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
