//! The file store: a tree of small files that MLflow 0.x to 3.x writes, `mlruns`.
//!
//! The store keeps the index up to date by an agenda of small tasks. What an event announces, what is on screen and
//! what has never been read are the same kind of task; only their order differs.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustc_hash::{FxHashMap, FxHashSet};

use self::agenda::{Agenda, Due, Task};
use self::layout::Candidate;
use self::open::{Fault, Folder};
use self::problems::{Ledger, Look, Owner, Report};
use self::run::{Outcome, RunFiles, Values};
use super::{Error, Inputs, Listing, Preview, Refreshed, Store, Want, Watch};
use crate::index::{ExperimentKey, Index, Key, Lifecycle, Progress, RunKey};
use crate::series::Series;

mod agenda;
pub mod artifacts;
mod experiment;
mod inputs;
mod layout;
pub mod meta;
mod metric;
pub mod open;
mod problems;
mod run;

pub use layout::looks_like_an_experiment;
pub use metric::parse_line;

/// Runs whose folders are watched, and with them what they may cost of the user's inotify limit.
const WATCHED_RUNS: usize = 256;
/// Folders that are watched at most.
const WATCHED_FOLDERS: usize = 4096;
/// Runs that one sweep looks at, in turn.
const SWEPT_RUNS: usize = 40;

/// What the file store remembers of an experiment.
struct ExperimentFiles {
    path: PathBuf,
    trashed: bool,
    runs: FxHashMap<String, RunKey>,
    /// Folders that are no runs (yet), and how often they were looked at.
    others: FxHashMap<String, u32>,
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
    ledger: Ledger,
    /// The run that the next sweep begins with.
    swept: u32,
    /// New runs to look at again: they had no files yet.
    unborn: Vec<(Instant, ExperimentKey)>,
}

impl FileStore {
    /// A file store; its root has to be a folder that can be read.
    pub fn open(root: &Path) -> Result<Self, Error> {
        Folder::open(root).map_err(|fault| {
            Error(format!("{} {fault}", crate::shown::shown(&root.to_string_lossy())))
        })?;
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
            ledger: Ledger::default(),
            swept: 0,
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

    /// Compares the experiments on disk with those in the index. An experiment that moved to the trash or back keeps
    /// its key, so whoever looks at it goes on looking at it.
    fn list_root(&mut self, index: &mut Index) -> bool {
        let mut report = Report::default();
        let mut found = self.list_folder(&self.root.clone(), false, &mut report);
        found.extend(self.list_folder(&self.root.join(".trash"), true, &mut report));
        self.ledger.set(Owner::Root, Look::Listing, report);
        let present: FxHashSet<&PathBuf> = found.iter().map(|(candidate, _)| &candidate.path).collect();
        let mut gone: Vec<ExperimentKey> = self
            .experiments
            .iter()
            .filter(|(_, files)| !present.contains(&files.path))
            .map(|(key, _)| *key)
            .collect();
        let known: FxHashSet<PathBuf> = self.experiments.values().map(|files| files.path.clone()).collect();
        let mut changed = false;
        for (candidate, trashed) in found.into_iter().filter(|(c, _)| !known.contains(&c.path)) {
            let moved = gone.iter().position(|key| {
                index.experiment(*key).is_some_and(|experiment| *experiment.experiment_id == *candidate.id)
            });
            match moved {
                Some(place) => self.move_experiment(gone.swap_remove(place), candidate.path, trashed),
                None => self.add_experiment(index, candidate, trashed),
            }
            changed = true;
        }
        for key in gone {
            self.remove_experiment(index, key);
            changed = true;
        }
        changed
    }

    fn list_folder(&self, folder: &Path, trashed: bool, report: &mut Report) -> Vec<(Candidate, bool)> {
        match layout::experiments(&self.root, folder, report) {
            Ok(found) => found.into_iter().map(|candidate| (candidate, trashed)).collect(),
            Err(Fault::Gone) if trashed => Vec::new(),
            Err(fault) => {
                report.add(folder, fault);
                // Keep what was known: a file system that does not answer is not an empty store.
                let kept = self.experiments.values().filter(|files| files.trashed == trashed);
                let id = |path: &Path| open::name_text(path.file_name().unwrap_or_default());
                kept.map(|files| (Candidate { path: files.path.clone(), id: id(&files.path) }, trashed)).collect()
            }
        }
    }

    fn add_experiment(&mut self, index: &mut Index, candidate: Candidate, trashed: bool) {
        if !layout::looks_like_an_experiment(&candidate.path) {
            return;
        }
        let key = index.add_experiment(candidate.id.as_str().into());
        if let Some(experiment) = index.experiment_mut(key).filter(|_| trashed) {
            experiment.lifecycle = Lifecycle::Deleted;
        }
        let files = ExperimentFiles {
            path: candidate.path,
            trashed,
            runs: FxHashMap::default(),
            others: FxHashMap::default(),
        };
        self.experiments.insert(key, files);
        self.agenda.experiment(key);
    }

    fn move_experiment(&mut self, key: ExperimentKey, path: PathBuf, trashed: bool) {
        let Some(files) = self.experiments.get_mut(&key) else { return };
        for (id, run) in &files.runs {
            if let Some(run_files) = self.runs.get_mut(run) {
                run_files.path = path.join(id);
                self.agenda.run(*run, Due { meta: true, ..Due::default() });
            }
        }
        (files.path, files.trashed) = (path, trashed);
        self.agenda.experiment(key);
    }

    fn remove_experiment(&mut self, index: &mut Index, key: ExperimentKey) {
        if let Some(files) = self.experiments.remove(&key) {
            for run in files.runs.into_values() {
                self.forget_run(index, run);
            }
        }
        self.ledger.forget(Owner::Experiment(key));
        index.remove_experiment(key);
    }

    fn forget_run(&mut self, index: &mut Index, key: RunKey) {
        self.runs.remove(&key);
        self.agenda.forget(key);
        self.ledger.forget(Owner::Run(key));
        index.remove_run(key);
    }

    /// Reads an experiment and compares its runs on disk with those in the index.
    fn read_experiment(&mut self, index: &mut Index, key: ExperimentKey) -> bool {
        let Some(files) = self.experiments.get_mut(&key) else { return false };
        let mut report = Report::default();
        let outcome = experiment::read(index, key, &files.path, files.trashed, &mut report);
        self.ledger.set(Owner::Experiment(key), Look::Meta, report);
        if outcome.again {
            self.unborn.push((Instant::now() + Duration::from_millis(100), key));
        }
        let mut report = Report::default();
        let listed = layout::runs(&self.root, &files.path, &mut report);
        let found = match listed {
            Ok(found) => found,
            Err(Fault::Gone) => {
                self.agenda.root();
                return outcome.changed;
            }
            Err(fault) => {
                report.add(&files.path, fault);
                self.ledger.set(Owner::Experiment(key), Look::Listing, report);
                return outcome.changed;
            }
        };
        self.ledger.set(Owner::Experiment(key), Look::Listing, report);
        let changed = self.compare_runs(index, key, found);
        changed || outcome.changed
    }

    fn compare_runs(&mut self, index: &mut Index, key: ExperimentKey, found: Vec<Candidate>) -> bool {
        let Some(files) = self.experiments.get_mut(&key) else { return false };
        let mut changed = false;
        let mut gone = files.runs.clone();
        for candidate in found {
            if gone.remove(&candidate.id).is_some() {
                continue;
            }
            let Candidate { path, id } = candidate;
            let run = index.add_run(id.as_str().into(), key);
            self.agenda.new_run(key, run);
            self.runs.insert(run, RunFiles::new(path));
            files.runs.insert(id, run);
            changed = true;
        }
        for (id, run) in gone {
            files.runs.remove(&id);
            self.runs.remove(&run);
            self.agenda.forget(run);
            self.ledger.forget(Owner::Run(run));
            index.remove_run(run);
            changed = true;
        }
        changed
    }

    /// Reads what is due of a run.
    fn read_run(&mut self, index: &mut Index, key: RunKey, due: Due) -> bool {
        let (Some(files), Some(run)) = (self.runs.get_mut(&key), index.run(key).cloned()) else { return false };
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
                let young = folder.own_stamp().is_ok_and(|stamp| run::within(stamp.modified, run::FRESH));
                return self.not_a_run(index, key, young);
            }
            if !outcome.again {
                self.ledger.set(owner, Look::Meta, report);
            }
            (changed, again.meta) = (outcome.changed, outcome.again);
        }
        let mut step = |look: Look, read: &mut dyn FnMut(&mut Index, &crate::index::Run, &mut Report) -> Outcome| {
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
        if let Some(files) = self.runs.get(&key) {
            report.add(&files.path, fault);
        }
        self.ledger.set(Owner::Run(key), Look::Meta, report);
        let Some(run) = index.run_mut(key).filter(|run| !run.broken || !run.read.meta) else { return false };
        run.broken = true;
        run.read = crate::index::Parts::ALL;
        true
    }

    /// A folder with nothing of a run in it: an artifact root, or a run in the moment of its birth.
    fn not_a_run(&mut self, index: &mut Index, key: RunKey, young: bool) -> bool {
        let Some(run) = index.run(key) else { return false };
        let (id, experiment) = (run.run_id.to_string(), run.experiment);
        if let Some(files) = self.experiments.get_mut(&experiment) {
            files.runs.remove(&id);
            let looks = files.others.entry(id).or_default();
            *looks += 1;
            if young && *looks <= 5 {
                self.unborn.push((Instant::now() + Duration::from_millis(10 << *looks), experiment));
            }
        }
        self.forget_run(index, key);
        true
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

    /// Runs whose folders are watched: what is on screen, and what trains.
    fn watched_runs(&self, index: &Index, want: &Want) -> Vec<RunKey> {
        let mut seen = FxHashSet::default();
        let running = index.runs().filter(|run| run.is_running()).map(|run| run.key);
        let shown = want.open.iter().chain(&want.visible).copied();
        shown.chain(running).filter(|key| seen.insert(*key)).take(WATCHED_RUNS).collect()
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
        let waiting = self.agenda.waiting().min(total);
        let done = total - waiting;
        let later = self.agenda.wake().is_some() || !self.unborn.is_empty();
        let progress = Progress { done, total, complete: self.agenda.is_idle(), listed: self.agenda.is_listed() };
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
        self.experiments.keys().for_each(|key| self.agenda.experiment(*key));
        self.runs.keys().for_each(|key| self.agenda.run(*key, Due::ALL));
    }

    fn sweep(&mut self, index: &Index, want: &Want) {
        self.agenda.root();
        self.experiments.keys().for_each(|key| self.agenda.experiment(*key));
        for key in self.watched_runs(index, want) {
            self.agenda.run(key, Due::ALL);
        }
        let slots = index.runs.len() as u32;
        for _ in 0..slots.min(SWEPT_RUNS as u32) {
            self.swept = (self.swept + 1) % slots;
            if self.runs.contains_key(&RunKey(self.swept)) {
                self.agenda.run(RunKey(self.swept), Due::ALL);
            }
        }
    }

    fn watch(&self, index: &Index, want: &Want) -> Watch {
        let mut folders = vec![self.root.clone(), self.root.join(".trash")];
        folders.extend(self.experiments.values().map(|files| files.path.clone()));
        for files in self.watched_runs(index, want).iter().filter_map(|key| self.runs.get(key)) {
            folders.push(files.path.clone());
            folders.extend(["params", "tags"].map(|kind| files.path.join(kind)));
            if files.metric_folders.is_empty() {
                folders.push(files.path.join("metrics"));
            }
            folders.extend(files.metric_folders.iter().map(|below: &OsString| files.path.join(below)));
        }
        folders.truncate(WATCHED_FOLDERS);
        Watch::Folders(folders)
    }

    fn points(&mut self, index: &Index, run: RunKey, metric: Key, series: &mut Series) -> Result<bool, Error> {
        let Some(files) = self.runs.get(&run) else { return Ok(false) };
        let Some(path) = run::metric_path(files, metric) else { return Ok(false) };
        let fail = |fault: Fault| Error(format!("{} {fault}", open::name_text(path)));
        let open = Folder::open(&files.path).and_then(|folder| folder.file(path)).map_err(fail)?;
        let settled = run::is_settled(index.run(run).is_some_and(|run| run.is_running()), open.stamp);
        let mut position = series.position;
        let look = metric::read_new(open, &mut position, settled, series).map_err(|e| fail(e.into()))?;
        series.position = position;
        Ok(look.restarted || look.lines > 0)
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

/// What a changed path concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Mark {
    Root,
    Experiment(ExperimentKey),
    Run(RunKey, Part),
}

/// Which part of a run a changed path concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Part {
    All,
    Meta,
    Tags,
    Params,
    Metrics,
}

impl Part {
    fn due(self) -> Due {
        let nothing = Due::default();
        match self {
            Self::All => Due::ALL,
            Self::Meta => Due { meta: true, ..nothing },
            Self::Tags => Due { tags: true, ..nothing },
            Self::Params => Due { params: true, ..nothing },
            Self::Metrics => Due { metrics: true, ..nothing },
        }
    }
}

impl FileStore {
    /// What a path concerns; artifacts and other trees concern nobody.
    fn mark(&self, path: &Path) -> Option<Mark> {
        let below = path.strip_prefix(&self.root).ok()?;
        let mut parts: Vec<String> = below.iter().map(open::name_text).collect();
        if parts.first().is_some_and(|first| first == ".trash") {
            parts.remove(0);
        }
        let [id, rest @ ..] = parts.as_slice() else { return Some(Mark::Root) };
        let base: PathBuf = below.iter().take(below.iter().count() - rest.len()).collect();
        let base = self.root.join(base);
        let found = self.experiments.iter().find(|(_, files)| files.path == base);
        let Some((&experiment, files)) = found.filter(|_| !id.is_empty()) else { return Some(Mark::Root) };
        let [run, rest @ ..] = rest else { return Some(Mark::Experiment(experiment)) };
        let Some(&key) = files.runs.get(run) else { return Some(Mark::Experiment(experiment)) };
        match rest.first().map(String::as_str) {
            None => Some(Mark::Run(key, Part::All)),
            Some("meta.yaml") => Some(Mark::Run(key, Part::Meta)),
            Some("tags") => Some(Mark::Run(key, Part::Tags)),
            Some("params") => Some(Mark::Run(key, Part::Params)),
            Some("metrics") => Some(Mark::Run(key, Part::Metrics)),
            Some(_) => None,
        }
    }
}
