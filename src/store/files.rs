//! The file store: a tree of small files that MLflow 0.x to 3.x writes, `mlruns`.
//!
//! The store keeps the index up to date by an agenda of small tasks. What an event announces, what is on screen and
//! what has never been read are the same kind of task; only their order differs. Tasks are done by a pool of readers,
//! which hand back what they found; only the store's own thread changes the index.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use hashbrown::HashTable;
use rustc_hash::{FxHashMap, FxHashSet};

use self::agenda::{Agenda, Level};
use self::due::Due;
use self::interner::Interner;
use self::job::Others;
use self::marks::Mark;
use self::open::{Fault, Folder, OpenFile, Stamp};
use self::pool::Pool;
use self::problems::Ledger;
use self::recall::Keeper;
use self::run::RunFiles;
use self::warm::Warm;
use super::cache::Cache;
use super::{Error, Inputs, Reading, Refreshed, Store, Want, Watch, Watching};
use crate::index::{ExperimentKey, Index, Key, Progress, RunKey};
use crate::series::{Samples, Series};

mod agenda;
pub mod artifacts;
mod descriptors;
mod due;
mod experiment;
mod inputs;
pub(super) mod interner;
mod job;
mod layout;
mod listing;
mod marks;
pub mod meta;
pub mod metric;
pub mod open;
mod points;
mod pool;
pub(super) mod problems;
mod reading;
mod recall;
mod run;
mod stamps;
mod sweep;
mod values;
mod warm;

pub use layout::looks_like_an_experiment;

/// What the file store remembers of an experiment.
struct ExperimentFiles {
    path: PathBuf,
    trashed: bool,
    /// What was last read of it.
    seen: Seen,
    /// Its runs, found by their id, which the index has.
    runs: HashTable<RunKey>,
    /// Whether its runs have been listed.
    is_listed: bool,
    /// A reader lists them just now; and they have to be listed again afterwards. Never two at once: what the slower one
    /// found would be older than what is known.
    listing: bool,
    list_again: bool,
    /// Folders that are no runs (yet), as they were when that was found.
    others: Others,
}

impl ExperimentFiles {
    fn new(path: PathBuf, trashed: bool) -> Self {
        let (seen, runs, others) = (Seen::default(), HashTable::new(), Others::default());
        Self { path, trashed, seen, runs, is_listed: false, listing: false, list_again: false, others }
    }

    /// The run with an id.
    fn run(&self, index: &Index, id: &str) -> Option<RunKey> {
        let is_it = |key: &RunKey| index.run(*key).is_some_and(|run| run.run_id() == id);
        self.runs.find(open::sum(id), is_it).copied()
    }

    /// Takes in a run that the index has.
    fn add(&mut self, index: &Index, key: RunKey) {
        let hash = |key: &RunKey| open::sum(index.run(*key).map_or("", |run| run.run_id()));
        self.runs.insert_unique(hash(&key), key, hash);
    }

    /// Takes out a run that the index still has.
    fn remove(&mut self, index: &Index, key: RunKey) {
        let hash = open::sum(index.run(key).map_or("", |run| run.run_id()));
        if let Ok(entry) = self.runs.find_entry(hash, |other| *other == key) {
            entry.remove();
        }
    }
}

/// Stamps of a folder and of the `meta.yaml` and `tags` in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    folder: Option<Stamp>,
    meta: Option<Stamp>,
    tags: Option<Stamp>,
}

impl Seen {
    /// Of the folder at a path; where the store is on a file server, that is asked.
    fn of(path: &Path, asks: bool) -> Self {
        // What may not be listed still has stamps.
        let folder = if asks {
            Folder::open(path).or_else(|_| Folder::look_into(path))
        } else {
            Folder::look_into(path)
        };
        let Ok(folder) = folder else { return Self::default() };
        let stamp = |name: &str| folder.stamp(OsStr::new(name)).ok();
        Self { folder: folder.own_stamp().ok(), meta: stamp("meta.yaml"), tags: stamp("tags") }
    }

    /// Whether something of it changed so lately that a second change would bear the same time.
    fn is_fresh(self) -> bool {
        let stamps = [self.folder, self.meta, self.tags];
        stamps.into_iter().flatten().any(|stamp| run::within(stamp.modified, run::FRESH))
    }
}

/// What somebody waits for.
#[derive(Default)]
struct Awaited {
    /// The experiment that will be shown first, as far as is known.
    first: Option<ExperimentKey>,
    /// It is known for sure, or that there is none.
    is_chosen: bool,
    /// Rows of the experiment that is shown.
    heads: bool,
    /// They are known since then, and have not been shown yet.
    rows: Option<Instant>,
    /// The experiment of which was guessed which rows will be on screen.
    expected: Option<ExperimentKey>,
    /// Rows on screen, whole.
    visible: bool,
}

/// An `mlruns` tree.
pub struct FileStore {
    root: PathBuf,
    agenda: Agenda,
    pool: Pool,
    keys: Arc<Interner>,
    urgent: VecDeque<RunKey>,
    awaited: Awaited,
    want: Want,
    experiments: FxHashMap<ExperimentKey, ExperimentFiles>,
    by_path: FxHashMap<PathBuf, ExperimentKey>,
    /// By slot of the run; nothing while a reader has it, and when the run has gone.
    runs: Vec<Option<RunFiles>>,
    /// Runs there are, and of those the ones that have never been read whole.
    known: usize,
    unread: usize,
    /// The cache, if there is one.
    memory: Option<Keeper>,
    /// Somebody has asked for something, so the cache has been looked at.
    asked: bool,
    /// What is shown came out of the cache.
    recalled: bool,
    /// Memory that histories are read into.
    page: Vec<u8>,
    ledger: Ledger,
    /// The root and its `.trash` at the last sweep.
    seen: [Seen; 2],
    /// Where the last sweep ended: the run, the one whose values were read again, the experiment, of those that are on
    /// screen or train, and of those that are half-done.
    swept: [usize; 5],
    sweeps: u64,
    /// How often all runs have been looked at in turn.
    rounds: u64,
    /// Folders in the root that are no experiments (yet).
    others: FxHashSet<PathBuf>,
    /// New runs to look at again: they had no files yet.
    unborn: Vec<(Instant, ExperimentKey)>,
    /// Runs in which a look has found a change, that nobody has asked for yet.
    found: Vec<RunKey>,
    /// Runs with a metric file whose last line has no end yet, or a `meta.yaml` that was cut.
    unfinished: FxHashSet<RunKey>,
    /// Runs in which something happened lately.
    warm: Warm,
    /// Runs that say they train.
    running: FxHashSet<RunKey>,
    /// How changes are noticed.
    watching: Watching,
}

impl FileStore {
    /// A file store; its root has to be a folder that can be read.
    pub fn open(root: &Path) -> Result<Self, Error> {
        Folder::open(root)
            .map_err(|fault| Error(format!("{} {fault}", crate::shown::shown(&root.to_string_lossy()))))?;
        let mut agenda = Agenda::default();
        agenda.root();
        let keys = Arc::new(Interner::default());
        Ok(Self {
            root: root.to_owned(),
            agenda,
            pool: Pool::new(keys.clone()),
            keys,
            urgent: VecDeque::new(),
            awaited: Awaited::default(),
            want: Want::default(),
            experiments: FxHashMap::default(),
            by_path: FxHashMap::default(),
            runs: Vec::new(),
            known: 0,
            unread: 0,
            memory: None,
            asked: false,
            recalled: false,
            page: Vec::new(),
            ledger: Ledger::default(),
            seen: [Seen::default(); 2],
            swept: [0; 5],
            sweeps: 0,
            rounds: 0,
            others: FxHashSet::default(),
            unborn: Vec::new(),
            found: Vec::new(),
            unfinished: FxHashSet::default(),
            warm: Warm::default(),
            running: FxHashSet::default(),
            watching: Watching::Not,
        })
    }

    /// The same store, which remembers in a folder of caches what it has read.
    pub fn with_cache(mut self, folder: Option<&Path>) -> Self {
        self.memory = folder.and_then(|folder| Cache::of(&self.root, folder)).map(Keeper::new);
        self
    }

    fn files(&self, key: RunKey) -> Option<&RunFiles> {
        self.runs.get(key.0 as usize)?.as_ref()
    }

    /// The folder of a run.
    fn path(&self, index: &Index, key: RunKey) -> Option<PathBuf> {
        let run = index.run(key)?;
        Some(self.experiments.get(&run.experiment)?.path.join(run.run_id()))
    }

    fn progress(&self) -> Progress {
        let waiting = self.agenda.waiting();
        let is_read = waiting == 0 && self.agenda.knows_runs() && !self.agenda.has_long();
        let in_flight = [Level::Heads, Level::Visible, Level::Rest, Level::Back];
        let complete = is_read && in_flight.into_iter().all(|level| self.pool.at(level) == 0);
        Progress {
            done: self.known.saturating_sub(waiting),
            total: self.known,
            complete,
            listed: self.recalled || self.agenda.knows_runs(),
            verifying: self.recalled && self.unread == 0 && !complete,
        }
    }

    /// The open file of a history, and who says why it cannot be read.
    fn history_file(
        &self,
        index: &Index,
        run: RunKey,
        metric: Key,
    ) -> Result<Option<(OpenFile, Unreadable)>, Error> {
        let Some(path) = self.path(index, run) else { return Ok(None) };
        let file = match self.files(run) {
            Some(files) => points::metric_path(files, metric, &self.keys),
            // A reader has it: nearly all lie where their name says.
            None => Some(points::plain_path(metric, &self.keys)),
        };
        let Some(file) = file else { return Ok(None) };
        let fail = Unreadable(open::name_text(&file));
        let open = Folder::open(&path).and_then(|folder| folder.file(&file));
        open.map_err(|fault| fail.of(fault)).map(|open| Some((open, fail)))
    }
}

/// The name of a file that could not be read.
struct Unreadable(String);

impl Unreadable {
    fn of(&self, fault: Fault) -> Error {
        Error(format!("{} {fault}", self.0))
    }
}

impl Store for FileStore {
    fn refresh(&mut self, index: &mut Index, want: &Want, until: Instant) -> Result<Refreshed, Error> {
        if self.want != *want {
            self.want = want.clone();
            self.urgent = want.open.iter().chain(&want.visible).copied().collect();
        }
        if !std::mem::replace(&mut self.asked, true) && self.recall(index) {
            index.progress = self.progress();
            return Ok(Refreshed { changed: true, urgent: true, more: true, ..Refreshed::default() });
        }
        let (mut changed, urgent) = self.read_until(index, until);
        if let Some(memory) = &mut self.memory {
            memory.dirty |= changed;
        }
        changed |= self.keys.publish(&mut index.keys);
        changed |= self.ledger.publish(index);
        let later = self.agenda.wake().into_iter().chain(self.unborn.iter().map(|(at, _)| *at)).min();
        let later = later.map(|at| at.saturating_duration_since(Instant::now()));
        let progress = self.progress();
        // Whoever waits for the last run has waited long enough.
        let urgent = urgent || (progress.complete && !index.progress.complete);
        changed |= progress != index.progress;
        index.progress = progress;
        let saves = self.save(index, until);
        let more = saves || self.pool.in_flight() > 0 || !self.agenda.is_idle();
        Ok(Refreshed { changed, urgent, more, later, ..Refreshed::default() })
    }

    fn changed(&mut self, index: &Index, paths: &[PathBuf]) {
        let marks: FxHashSet<Mark> = paths.iter().filter_map(|path| self.mark(index, path)).collect();
        for mark in marks {
            match mark {
                Mark::Root => self.agenda.root(),
                Mark::Experiment(key) => {
                    self.agenda.experiment(key);
                    self.agenda.list(key);
                }
                Mark::Run(key, part) => self.agenda.run(key, part.due()),
            }
        }
    }

    fn rescan(&mut self) {
        self.agenda.root();
        self.others.clear();
        for (key, files) in &mut self.experiments {
            files.others.clear();
            self.agenda.experiment(*key);
            self.agenda.list(*key);
            // In the order of a first reading: what is on screen before everything else.
            files.runs.iter().for_each(|run| self.agenda.new_run(*key, *run, Due::WHOLE));
        }
        self.urgent = self.want.open.iter().chain(&self.want.visible).copied().collect();
    }

    fn sweep(&mut self, index: &Index, want: &Want) {
        self.look_around(index, want);
    }

    fn watch(&self, index: &Index, want: &Want) -> Watch {
        Watch::Folders(self.watched_folders(index, want))
    }

    fn found_by_looking(&mut self, index: &Index) -> Vec<PathBuf> {
        let found = std::mem::take(&mut self.found);
        found.into_iter().filter_map(|key| self.path(index, key)).collect()
    }

    fn noticed_by(&mut self, watching: Watching) {
        self.watching = watching;
    }

    fn waits_since(&self) -> Option<Instant> {
        self.pool.waits_since()
    }

    fn close(&mut self, index: &Index, until: Instant) {
        self.save_now(index, until);
    }

    fn points(
        &mut self,
        index: &Index,
        run: RunKey,
        metric: Key,
        series: &mut Series,
        until: Instant,
    ) -> Result<Poll<Reading>, Error> {
        let found = self.history_file(index, run, metric)?;
        let Some((open, fail)) = found else { return Ok(Poll::Ready(Reading::default())) };
        let settled = points::is_settled(index.run(run).is_some_and(|run| run.is_running()), open.stamp);
        let (mut position, budget) = (series.position, metric::Budget::until(until));
        let look = metric::read_new(&open, &mut position, settled, series, &mut self.page, budget);
        let look = look.map_err(|error| fail.of(error.into()))?;
        series.position = position;
        Ok(Poll::Ready(Reading {
            changed: look.restarted || look.new.lines > 0,
            restarted: look.restarted,
            more: look.more,
        }))
    }

    fn sample(&mut self, index: &Index, run: RunKey, metric: Key) -> Result<Poll<Option<Samples>>, Error> {
        let Some((open, fail)) = self.history_file(index, run, metric)? else { return Ok(Poll::Ready(None)) };
        metric::sample(&open, &mut self.page).map(Poll::Ready).map_err(|error| fail.of(error.into()))
    }

    fn artifact_root(&self, index: &Index, key: RunKey) -> Result<PathBuf, String> {
        let (Some(run), Some(path)) = (index.run(key), self.path(index, key)) else {
            return Err("the run is gone".to_owned());
        };
        let recorded = artifacts::recorded_root(index);
        artifacts::locate(&artifacts::Place {
            root: &self.root,
            recorded_root: recorded.as_deref(),
            run: &path,
            run_id: run.run_id(),
            uri: run.artifact_uri(&index.keys).as_deref(),
        })
    }

    fn inputs(&mut self, index: &Index, run: RunKey) -> Poll<Inputs> {
        let experiment = index.run(run).and_then(|run| self.experiments.get(&run.experiment));
        Poll::Ready(match (experiment, self.path(index, run)) {
            (Some(experiment), Some(path)) => inputs::read(&experiment.path, &path),
            _ => Inputs::default(),
        })
    }
}
