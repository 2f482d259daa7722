//! The file store: a tree of small files that MLflow 0.x to 3.x writes, `mlruns`.
//!
//! The store keeps the index up to date by an agenda of small tasks. What an event announces, what is on screen and
//! what has never been read are the same kind of task; only their order differs.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustc_hash::{FxHashMap, FxHashSet};

use self::agenda::{Agenda, Due, Task};
use self::marks::Mark;
use self::open::{Fault, Folder, OpenFile, Stamp};
use self::problems::{Ledger, Look, Owner, Report};
use self::run::{Outcome, RunFiles};
use self::values::Values;
use super::{Error, Inputs, Listing, Preview, Reading, Refreshed, Store, Want, Watch};
use crate::index::{ExperimentKey, Index, Key, Progress, RunKey};
use crate::series::{Samples, Series};

mod agenda;
pub mod artifacts;
mod experiment;
mod inputs;
mod layout;
mod listing;
mod marks;
pub mod meta;
pub mod metric;
pub mod open;
mod problems;
mod run;
mod values;

pub use layout::looks_like_an_experiment;

/// Runs whose folders are watched, and with them what they may cost of the user's inotify limit.
const WATCHED_RUNS: usize = 256;
/// Folders that are watched at most.
const WATCHED_FOLDERS: usize = 4096;
/// Runs that one sweep looks at, in turn.
const SWEPT_RUNS: u32 = 170;
/// Folders of an experiment that are no runs (yet) and that one sweep looks at, in turn.
const OTHERS: usize = 20;
/// Sweeps after which the tags and params of the open runs are read again.
const REREAD: u64 = 10;
/// Params and tags that an open run may have for that; reading a hundred thousand files takes a second.
const REREAD_MOST: usize = 2000;

/// What the file store remembers of an experiment.
struct ExperimentFiles {
    path: PathBuf,
    trashed: bool,
    /// What was last read of it.
    seen: Seen,
    runs: FxHashMap<String, RunKey>,
    /// Folders that are no runs (yet), as they were when that was found.
    others: FxHashMap<String, Option<Stamp>>,
}

/// Stamps of a folder and of the `meta.yaml` and `tags` in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Seen {
    folder: Option<Stamp>,
    meta: Option<Stamp>,
    tags: Option<Stamp>,
}

impl Seen {
    fn of(path: &Path) -> Self {
        let Ok(folder) = Folder::open(path) else { return Self::default() };
        let stamp = |name: &str| folder.stamp(OsStr::new(name)).ok();
        Self { folder: folder.own_stamp().ok(), meta: stamp("meta.yaml"), tags: stamp("tags") }
    }

    /// Whether something of it changed so lately that a second change would bear the same time.
    fn is_fresh(self) -> bool {
        let stamps = [self.folder, self.meta, self.tags];
        stamps.into_iter().flatten().any(|stamp| run::within(stamp.modified, run::FRESH))
    }
}

/// An `mlruns` tree.
pub struct FileStore {
    root: PathBuf,
    agenda: Agenda,
    urgent: VecDeque<RunKey>,
    want: Want,
    experiments: FxHashMap<ExperimentKey, ExperimentFiles>,
    runs: FxHashMap<RunKey, RunFiles>,
    values: Values,
    /// Memory that histories are read into.
    page: Vec<u8>,
    ledger: Ledger,
    /// The root and its `.trash` at the last sweep.
    seen: [Seen; 2],
    /// The run that the last sweep ended with, and how many sweeps there were.
    swept: u32,
    sweeps: u64,
    /// Folders in the root that are no experiments (yet).
    others: FxHashSet<PathBuf>,
    /// New runs to look at again: they had no files yet.
    unborn: Vec<(Instant, ExperimentKey)>,
}

impl FileStore {
    /// A file store; its root has to be a folder that can be read.
    pub fn open(root: &Path) -> Result<Self, Error> {
        Folder::open(root)
            .map_err(|fault| Error(format!("{} {fault}", crate::shown::shown(&root.to_string_lossy()))))?;
        let mut agenda = Agenda::default();
        agenda.root();
        Ok(Self {
            root: root.to_owned(),
            agenda,
            urgent: VecDeque::new(),
            want: Want::default(),
            experiments: FxHashMap::default(),
            runs: FxHashMap::default(),
            values: Values::default(),
            page: Vec::new(),
            ledger: Ledger::default(),
            seen: [Seen::default(); 2],
            swept: 0,
            sweeps: 0,
            others: FxHashSet::default(),
            unborn: Vec::new(),
        })
    }

    fn do_task(&mut self, index: &mut Index, task: Task) -> bool {
        match task {
            Task::Root => self.list_root(index),
            Task::Experiment(key) => self.read_experiment(index, key),
            Task::Run(key, due) => self.read_run(index, key, due),
        }
    }

    /// Reads what is due of a run.
    fn read_run(&mut self, index: &mut Index, key: RunKey, mut due: Due) -> bool {
        let (Some(files), Some(run)) = (self.runs.get_mut(&key), index.run(key).cloned()) else {
            return false;
        };
        let folder = match Folder::open(&files.path) {
            Ok(folder) => folder,
            Err(Fault::Gone) => {
                self.agenda.experiment(run.experiment);
                return false;
            }
            Err(fault) => return self.unreadable_run(index, key, &fault),
        };
        let mut changed = false;
        let mut again = Due::default();
        let owner = Owner::Run(key);
        if due.meta {
            let mut report = Report::default();
            let outcome = run::read_meta(index, &run, files, &folder, &mut report);
            if outcome.nothing {
                let stamp = folder.own_stamp().ok();
                return self.not_a_run(index, key, stamp);
            }
            if !outcome.again {
                self.ledger.set(owner, Look::Meta, report);
            }
            (changed, again.meta) = (outcome.changed, outcome.again);
            // A run that has ended finishes its last lines.
            due.metrics |= outcome.changed && run::waits(files);
        }
        let mut step =
            |look: Look, read: &mut dyn FnMut(&mut Index, &crate::index::Run, &mut Report) -> Outcome| {
                let Some(run) = index.run(key).cloned() else { return false };
                let mut report = Report::default();
                let outcome = read(index, &run, &mut report);
                self.ledger.set(owner, look, report);
                changed |= outcome.changed;
                outcome.again
            };
        let values = &mut self.values;
        if due.tags {
            again.tags = step(Look::Tags, &mut |index, run, report| {
                run::read_tags(index, run, files, &folder, values, report)
            });
        }
        if due.params {
            again.params = step(Look::Params, &mut |index, run, report| {
                run::read_params(index, run, files, &folder, values, report)
            });
        }
        if due.metrics {
            again.metrics = step(Look::Metrics, &mut |index, run, report| {
                run::read_metrics(index, run, files, &folder, report)
            });
        }
        self.look_again(key, again);
        changed
    }

    /// What is being written just now is looked at again soon; the end of a metric file when it may have settled.
    fn look_again(&mut self, key: RunKey, again: Due) {
        let soon = Due { metrics: false, ..again };
        if soon != Due::default() {
            self.agenda.later(key, soon, Duration::from_millis(50));
        }
        if again.metrics {
            self.agenda.later(key, Due { metrics: true, ..Due::default() }, Duration::from_secs(5));
        }
    }

    fn unreadable_run(&mut self, index: &mut Index, key: RunKey, fault: &Fault) -> bool {
        let mut report = Report::default();
        if let Some(files) = self.runs.get_mut(&key) {
            run::forget_stamps(files);
            report.add(&files.path, fault);
        }
        self.ledger.set(Owner::Run(key), Look::Meta, report);
        let Some(run) = index.run_mut(key).filter(|run| !run.broken || !run.read.meta) else { return false };
        run.broken = true;
        run.read = crate::index::Parts::ALL;
        true
    }

    /// A folder with nothing of a run in it: an artifact root, or a run in the moment of its birth. It is looked at
    /// again when something has been added to it.
    fn not_a_run(&mut self, index: &mut Index, key: RunKey, stamp: Option<Stamp>) -> bool {
        let Some(run) = index.run(key) else { return false };
        let (id, experiment) = (run.run_id.to_string(), run.experiment);
        if let Some(files) = self.experiments.get_mut(&experiment) {
            files.runs.remove(&id);
            files.others.insert(id, stamp);
        }
        if stamp.is_some_and(|stamp| run::within(stamp.modified, run::FRESH)) {
            for wait in [20, 60, 200, 600] {
                self.unborn.push((Instant::now() + Duration::from_millis(wait), experiment));
            }
        }
        self.forget_run(index, key);
        true
    }

    /// Folders that were no runs when they were looked at, and have changed since. Some of them in turn: an artifact
    /// root beside the runs may have as many folders as there are runs.
    fn reborn(&self) -> Vec<ExperimentKey> {
        let turn = self.sweeps as usize * OTHERS;
        let changed = |files: &ExperimentFiles| {
            let from = if files.others.is_empty() { 0 } else { turn % files.others.len() };
            files.others.iter().cycle().skip(from).take(OTHERS.min(files.others.len())).any(|(id, stamp)| {
                Folder::open(&files.path.join(id)).and_then(|folder| folder.own_stamp()).ok() != *stamp
            })
        };
        self.experiments.iter().filter(|(_, files)| changed(files)).map(|(key, _)| *key).collect()
    }

    /// Experiments whose new folders have to be looked at again.
    fn ripen(&mut self) {
        let now = Instant::now();
        let Self { unborn, agenda, .. } = self;
        unborn.retain(|(at, key)| {
            if *at <= now {
                agenda.experiment(*key);
            }
            *at > now
        });
    }

    /// Where the tree was when its runs were made: what most experiments' recorded locations say.
    fn recorded_root(&self, index: &Index) -> Option<PathBuf> {
        let mut counts: FxHashMap<PathBuf, usize> = FxHashMap::default();
        for experiment in index.experiments() {
            let path = experiment.artifact_location.as_deref().and_then(artifacts::local_path);
            let path = path.map(|path| artifacts::percent_decoded(&path));
            if let Some(path) = path.filter(|path| path.ends_with(&*experiment.experiment_id)) {
                *counts.entry(path.parent()?.to_owned()).or_default() += 1;
            }
        }
        counts.into_iter().max_by_key(|(path, count)| (*count, path.clone())).map(|(path, _)| path)
    }

    fn artifact_root(&self, index: &Index, key: RunKey) -> Result<PathBuf, String> {
        let (Some(run), Some(files)) = (index.run(key), self.runs.get(&key)) else {
            return Err("the run is gone".to_owned());
        };
        let recorded = self.recorded_root(index);
        artifacts::locate(&artifacts::Place {
            root: &self.root,
            recorded_root: recorded.as_deref(),
            run: &files.path,
            run_id: &run.run_id,
            uri: run.artifact_uri.as_deref(),
        })
    }

    /// The open file of a history, and who says why it cannot be read.
    fn history_file(&self, run: RunKey, metric: Key) -> Result<Option<(OpenFile, Unreadable)>, Error> {
        let Some(files) = self.runs.get(&run) else { return Ok(None) };
        let Some(path) = run::metric_path(files, metric) else { return Ok(None) };
        let fail = Unreadable(open::name_text(path));
        let open = Folder::open(&files.path).and_then(|folder| folder.file(path));
        open.map_err(|fault| fail.of(fault)).map(|open| Some((open, fail)))
    }

    /// Runs whose folders are watched: what is on screen, then what trains, the newest first: killed runs say for ever
    /// that they train.
    fn watched_runs(&self, index: &Index, want: &Want) -> Vec<RunKey> {
        let mut seen = FxHashSet::default();
        let mut running: Vec<(Option<i64>, RunKey)> =
            index.runs().filter(|run| run.is_running()).map(|run| (run.start_time, run.key)).collect();
        running.sort_unstable_by(|a, b| b.cmp(a));
        let shown = want.open.iter().chain(&want.visible).copied();
        let all = shown.chain(running.into_iter().map(|(_, key)| key));
        all.filter(|key| seen.insert(*key)).take(WATCHED_RUNS).collect()
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
        let mut changed = false;
        loop {
            self.ripen();
            let Some(task) = self.agenda.next(want, &mut self.urgent) else { break };
            changed |= self.do_task(index, task);
            if Instant::now() >= until {
                break;
            }
        }
        changed |= self.ledger.publish(index);
        let total = self.runs.len();
        let done = total - self.agenda.waiting().min(total);
        let later = self.agenda.wake().into_iter().chain(self.unborn.iter().map(|(at, _)| *at)).min();
        let later = later.map(|at| at.saturating_duration_since(Instant::now()));
        let progress =
            Progress { done, total, complete: self.agenda.is_idle(), listed: self.agenda.is_listed() };
        changed |= progress != index.progress;
        index.progress = progress;
        Ok(Refreshed { changed, more: !progress.complete, later })
    }

    fn changed(&mut self, paths: &[PathBuf]) {
        let marks: FxHashSet<Mark> = paths.iter().filter_map(|path| self.mark(path)).collect();
        for mark in marks {
            match mark {
                Mark::Root => self.agenda.root(),
                Mark::Experiment(key) => self.agenda.experiment(key),
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
            // In the order of a first reading: what is on screen before everything else.
            files.runs.values().for_each(|run| self.agenda.new_run(*key, *run));
        }
        self.urgent = self.want.open.iter().chain(&self.want.visible).copied().collect();
    }

    fn sweep(&mut self, index: &Index, want: &Want) {
        let seen = [Seen::of(&self.root), Seen::of(&self.root.join(".trash"))];
        if std::mem::replace(&mut self.seen, seen) != seen || seen.iter().any(|seen| seen.is_fresh()) {
            self.agenda.root();
        }
        for (key, files) in &self.experiments {
            let seen = Seen::of(&files.path);
            if seen != files.seen || seen.is_fresh() {
                self.agenda.experiment(*key);
            }
        }
        for key in self.reborn() {
            self.agenda.experiment(key);
        }
        let mut keys = self.watched_runs(index, want);
        let slots = index.runs.len() as u32;
        for _ in 0..slots.min(SWEPT_RUNS) {
            self.swept = (self.swept + 1) % slots;
            keys.push(RunKey(self.swept));
        }
        for key in keys {
            let Some(files) = self.runs.get(&key) else { continue };
            let due = run::has_changed(files);
            if due != Due::default() {
                self.agenda.run(key, due);
            }
        }
        // A tag that is overwritten in place changes no folder.
        self.sweeps += 1;
        if self.sweeps.is_multiple_of(REREAD) {
            let is_small = |key: &&RunKey| {
                index.run(**key).is_some_and(|run| run.tags.len() + run.params.len() < REREAD_MOST)
            };
            let values = Due { tags: true, params: true, ..Due::default() };
            want.open.iter().filter(is_small).for_each(|key| self.agenda.run(*key, values));
            // A folder of the root may have become an experiment by what was put into a folder of it.
            if !self.others.is_empty() {
                self.others.clear();
                self.agenda.root();
            }
        }
    }

    fn watch(&self, index: &Index, want: &Want) -> Watch {
        let mut folders = vec![self.root.clone(), self.root.join(".trash")];
        for files in self.watched_runs(index, want).iter().filter_map(|key| self.runs.get(key)) {
            folders.push(files.path.clone());
            folders.extend(["params", "tags"].map(|kind| files.path.join(kind)));
            if files.metric_folders.is_empty() {
                folders.push(files.path.join("metrics"));
            }
            folders.extend(files.metric_folders.iter().map(|below: &OsString| files.path.join(below)));
        }
        folders.extend(self.experiments.values().map(|files| files.path.clone()));
        folders.truncate(WATCHED_FOLDERS);
        Watch::Folders(folders)
    }

    fn points(
        &mut self,
        index: &Index,
        run: RunKey,
        metric: Key,
        series: &mut Series,
        until: Instant,
    ) -> Result<Reading, Error> {
        let Some((open, fail)) = self.history_file(run, metric)? else { return Ok(Reading::default()) };
        let settled = run::is_settled(index.run(run).is_some_and(|run| run.is_running()), open.stamp);
        let (mut position, budget) = (series.position, metric::Budget::until(until));
        let look = metric::read_new(&open, &mut position, settled, series, &mut self.page, budget);
        let look = look.map_err(|error| fail.of(error.into()))?;
        series.position = position;
        Ok(Reading {
            changed: look.restarted || look.new.lines > 0,
            restarted: look.restarted,
            more: look.more,
        })
    }

    fn sample(&mut self, _: &Index, run: RunKey, metric: Key) -> Result<Option<Samples>, Error> {
        let Some((open, fail)) = self.history_file(run, metric)? else { return Ok(None) };
        metric::sample(&open, &mut self.page).map_err(|error| fail.of(error.into()))
    }

    fn artifacts(&mut self, index: &Index, run: RunKey, path: &str) -> Listing {
        match self.artifact_root(index, run) {
            Ok(root) => artifacts::list(&root, path),
            Err(note) => Listing { note: Some(note), ..Listing::default() },
        }
    }

    fn preview(&mut self, index: &Index, run: RunKey, path: &str, limit: usize) -> Result<Preview, Error> {
        artifacts::preview(&self.artifact_root(index, run).map_err(Error)?, path, limit)
    }

    fn inputs(&mut self, index: &Index, run: RunKey) -> Inputs {
        let experiment = index.run(run).and_then(|run| self.experiments.get(&run.experiment));
        match (experiment, self.runs.get(&run)) {
            (Some(experiment), Some(files)) => inputs::read(&experiment.path, &files.path),
            _ => Inputs::default(),
        }
    }
}
