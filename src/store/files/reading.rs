//! Gives the readers their jobs, in the order of the agenda, and takes over what they found.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use super::FileStore;
use super::agenda::{Level, Work};
use super::due::Due;
use super::job::{Done, ExperimentJob, Job, ListJob, RunDone, RunsJob, Task, What, stamp};
use super::open::{Fault, Stamp};
use super::problems::{Look, Owner, Report};
use super::run::{self, Outcome};
use crate::index::{Draft, ExperimentKey, Index, Lifecycle, Parts, Run, RunKey};

/// Rows that are read whole before anybody has said which are on screen: a screenful of the latest.
const SCREENFUL: usize = 64;
/// Rows wait so long for those on screen to be whole, so that both are one picture: with another query and frame between
/// them the whole ones would be later.
const TOGETHER: Duration = Duration::from_millis(10);

impl FileStore {
    /// Reads until then, until there is nothing to read, or until something has come about that somebody waits for. Says
    /// whether the index has changed, and whether the last was the reason.
    pub(super) fn read_until(&mut self, index: &mut Index, until: Instant) -> (bool, bool) {
        let mut changed = false;
        loop {
            self.ripen();
            changed |= self.choose(index);
            if self.has_come_about(index) {
                return (changed, true);
            }
            // Until it is known what will be on screen first, nothing else is begun.
            self.dispatch(index, if self.awaited.is_chosen { Level::Idle } else { Level::Rest });
            self.awaited.heads |= self.pool.at(Level::Heads) > 0;
            self.awaited.visible |= self.pool.at(Level::Visible) > 0;
            if self.pool.in_flight() == 0 {
                return (changed, false);
            }
            let Some(done) = self.pool.wait(until) else { return (changed, false) };
            changed |= self.take(index, done);
            while let Some(done) = self.pool.take() {
                changed |= self.take(index, done);
            }
            if Instant::now() >= until {
                return (changed, false);
            }
        }
    }

    /// Whether those rows that are on screen are whole, or all rows that are to be shown are there and those on screen take
    /// their time, since somebody began to wait.
    fn has_come_about(&mut self, index: &mut Index) -> bool {
        self.dispatch(index, Level::Heads);
        if self.awaited.heads && self.pool.at(Level::Heads) == 0 {
            (self.awaited.heads, self.awaited.rows) = (false, Some(Instant::now()));
            self.expect_rows(index);
        }
        self.dispatch(index, Level::Visible);
        // What is on screen before all rows are known need not be what is on screen then.
        let visible = self.awaited.visible && !self.awaited.heads && self.pool.at(Level::Visible) == 0;
        let rows = self.awaited.rows.is_some_and(|since| visible || since.elapsed() >= TOGETHER);
        if visible {
            self.awaited.visible = false;
        }
        if rows {
            self.awaited.rows = None;
        }
        visible || rows
    }

    /// Gives out as much as the readers will take up soon, of no lower level than `least`.
    fn dispatch(&mut self, index: &mut Index, least: Level) {
        while let Some(room) = self.pool.room() {
            let front = self.front();
            let next = self.agenda.next(index, &self.want, front, &mut self.urgent, least.min(room));
            let Some((level, work)) = next else { return };
            let job = match work {
                Work::Root => {
                    self.list_root(index);
                    continue;
                }
                Work::Experiment(key) => self.experiment_job(index, key),
                Work::List(key) => self.list_job(key),
                Work::Runs(key, runs) => self.runs_job(index, key, runs),
            };
            if let Some(job) = job {
                self.pool.submit(level, job);
            }
        }
    }

    /// The experiment that somebody looks at, or will look at first.
    fn front(&self) -> Option<ExperimentKey> {
        self.want.experiment.or(self.awaited.first)
    }

    fn experiment_job(&self, index: &Index, key: ExperimentKey) -> Option<Job> {
        let files = self.experiments.get(&key)?;
        let (path, trashed) = (files.path.clone(), files.trashed);
        let old = index.experiment(key)?.clone();
        Some(Job::Experiment(ExperimentJob { key, path, trashed, old }))
    }

    fn list_job(&mut self, key: ExperimentKey) -> Option<Job> {
        let files = self.experiments.get_mut(&key)?;
        if std::mem::replace(&mut files.listing, true) {
            files.list_again = true;
            return None;
        }
        let others = std::mem::take(&mut files.others);
        let (root, path) = (self.root.clone(), files.path.clone());
        Some(Job::List(ListJob { key, root, path, others }))
    }

    fn runs_job(&mut self, index: &Index, key: ExperimentKey, runs: Vec<(RunKey, Due)>) -> Option<Job> {
        let path = self.experiments.get(&key)?.path.clone();
        let experiment_id = index.experiment(key)?.experiment_id.clone();
        let asks = self.is_remote();
        let tasks = runs.into_iter().filter_map(|(key, due)| {
            let run = index.run(key)?.clone();
            let files = self.runs.get_mut(key.0 as usize)?.take().unwrap_or_default();
            Some(Task { run, files, due })
        });
        Some(Job::Runs(RunsJob { path, experiment_id, asks, tasks: tasks.collect() }))
    }

    /// Takes over what was read; says whether the index has changed.
    fn take(&mut self, index: &mut Index, done: Done) -> bool {
        match done {
            Done::Experiment(done) => self.take_experiment(index, *done),
            Done::List(done) => self.take_list(index, done),
            Done::Runs(runs) => {
                runs.into_iter().fold(false, |changed, done| self.take_run(index, done) | changed)
            }
            Done::Look(changed) => {
                changed.into_iter().for_each(|key| self.agenda.experiment(key));
                false
            }
        }
    }

    fn take_run(&mut self, index: &mut Index, done: RunDone) -> bool {
        let RunDone { key, files, asked, what } = done;
        self.agenda.is_back(key, asked);
        let Some(run) = index.run(key) else { return false };
        let (experiment, had_been_read) = (run.experiment, run.read() == Parts::ALL);
        if files.is_unfinished() {
            self.unfinished.insert(key);
        } else {
            self.unfinished.remove(&key);
        }
        if let Some(slot) = self.runs.get_mut(key.0 as usize) {
            *slot = Some(files);
        }
        let was_look = !asked.is_empty() && Due::LOOK.contains(asked);
        if was_look && matches!(&what, What::Read(outcome) if outcome.run.is_some()) {
            self.found.push(key);
        }
        let changed = match what {
            What::Read(outcome) => self.take_outcome(index, key, *outcome),
            What::Unreadable(Fault::Gone) => {
                self.agenda.list(experiment);
                false
            }
            What::Unreadable(fault) => self.unreadable_run(index, key, &fault.to_string()),
            What::Lost(said) => self.unreadable_run(index, key, &format!("internal error: {said}")),
        };
        // A long file that has been read to its beginning is the end of a first reading, and no news.
        if changed && asked != Due::LONG {
            self.warm.changed(key, had_been_read);
        }
        changed
    }

    fn take_outcome(&mut self, index: &mut Index, key: RunKey, outcome: Outcome) -> bool {
        if let Some(stamp) = outcome.nothing {
            return self.not_a_run(index, key, stamp);
        }
        for (look, report) in outcome.reports {
            self.ledger.set(Owner::Run(key), look, report);
        }
        self.look_again(key, outcome.again);
        if !outcome.settles.is_empty() {
            self.agenda.later(key, outcome.settles, run::FRESH);
        }
        let changed = outcome.run.is_some();
        outcome.run.into_iter().for_each(|run| self.put(index, run));
        changed
    }

    /// What is being written just now is looked at again soon; the end of a metric file when it may have settled; a
    /// long one is read to its beginning when there is time.
    fn look_again(&mut self, key: RunKey, again: Due) {
        let soon = again.difference(Due::METRICS | Due::LONG);
        if !soon.is_empty() {
            self.agenda.later(key, soon, Duration::from_millis(50));
        }
        if again.contains(Due::METRICS) {
            self.agenda.later(key, Due::METRICS, Duration::from_secs(5));
        }
        if again.contains(Due::LONG) {
            self.agenda.long(key);
        }
    }

    fn unreadable_run(&mut self, index: &mut Index, key: RunKey, what: &str) -> bool {
        let mut report = Report::default();
        if let Some(path) = self.path(index, key) {
            report.add(path, what);
        }
        if let Some(files) = self.runs.get_mut(key.0 as usize).and_then(Option::as_mut) {
            files.forget();
        }
        self.ledger.set(Owner::Run(key), Look::Meta, report);
        let Some(run) = index.run(key).filter(|run| !run.broken || run.read() != Parts::ALL) else {
            return false;
        };
        let mut draft = Draft::of(run);
        (draft.broken, draft.read) = (true, Parts::ALL);
        self.put(index, draft.pack());
        true
    }

    /// Puts a run into the index.
    fn put(&mut self, index: &mut Index, run: Run) {
        let was_unread = index.run(run.key).is_some_and(|run| run.read() != Parts::ALL);
        let is_unread = run.read() != Parts::ALL;
        self.unread = self.unread + usize::from(is_unread) - usize::from(was_unread);
        if run.is_running() {
            self.running.insert(run.key);
        } else {
            self.running.remove(&run.key);
        }
        index.set_run(run);
    }

    /// A folder with nothing of a run in it: an artifact root, or a run in the moment of its birth. It is looked at
    /// again when something has been added to it.
    fn not_a_run(&mut self, index: &mut Index, key: RunKey, stamp: Option<Stamp>) -> bool {
        let Some(run) = index.run(key).cloned() else { return false };
        if let Some(files) = self.experiments.get_mut(&run.experiment) {
            files.remove(index, key);
            files.others.insert(run.run_id().to_owned(), stamp);
        }
        if stamp.is_some_and(|stamp| run::within(stamp.modified, run::FRESH)) {
            for wait in [20, 60, 200, 600] {
                self.unborn.push((Instant::now() + Duration::from_millis(wait), run.experiment));
            }
        }
        self.forget_run(index, key);
        true
    }

    /// Folders that were no runs when they were looked at, and have changed since. Some of them in turn: an artifact
    /// root beside the runs may have as many folders as there are runs.
    pub(super) fn reborn(&self, most: usize) -> Vec<ExperimentKey> {
        let turn = self.sweeps as usize * most;
        let changed = |files: &super::ExperimentFiles| {
            let from = if files.others.is_empty() { 0 } else { turn % files.others.len() };
            let some = files.others.iter().cycle().skip(from).take(most.min(files.others.len()));
            some.into_iter().any(|(id, before)| stamp(&files.path.join(id)) != *before)
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
                agenda.list(*key);
            }
            *at > now
        });
    }

    /// Chooses the experiment to begin with as soon as it is known: the one where something was last added, among those
    /// that have runs. Its runs are listed before all others, since it will be on screen.
    fn choose(&mut self, index: &mut Index) -> bool {
        if index.latest.is_some() || !self.agenda.knows_experiments() || self.pool.at(Level::Live) > 0 {
            return false;
        }
        let found = self.latest(index);
        self.awaited.first = found.map(|(key, _)| key);
        if found.is_none_or(|(_, is_known)| is_known) {
            index.latest = self.awaited.first;
            self.awaited.is_chosen = true;
        }
        index.latest.is_some()
    }

    /// The experiment to begin with as far as is known, and whether that is sure: of the later ones none has runs.
    pub(super) fn latest(&self, index: &Index) -> Option<(ExperimentKey, bool)> {
        let shown = index.experiments().filter(|experiment| experiment.lifecycle != Lifecycle::Deleted);
        let mut latest: Vec<(Reverse<i64>, Reverse<ExperimentKey>)> =
            shown.map(|experiment| (Reverse(experiment.touched), Reverse(experiment.key))).collect();
        latest.sort_unstable();
        let mut files = latest.iter().filter_map(|(_, key)| Some((key.0, self.experiments.get(&key.0)?)));
        // The first that is not known to be empty; the very first when all are.
        let found = files.find(|(_, files)| !files.is_listed || !files.runs.is_empty());
        found.map(|(key, files)| (key, files.is_listed)).or(latest.first().map(|(_, key)| (key.0, true)))
    }

    /// Reads what will be on screen before anybody has asked for it: the latest runs that have no parent. Once for an
    /// experiment: what is on screen before these are known is another choice of rows.
    fn expect_rows(&mut self, index: &Index) {
        let front = self.front();
        if std::mem::replace(&mut self.awaited.expected, front) == front {
            return;
        }
        let mut rows: Vec<(Reverse<Option<i64>>, RunKey)> = index
            .runs()
            .filter(|run| Some(run.experiment) == front && run.parent_run_id().is_none())
            .map(|run| (Reverse(run.start_time()), run.key))
            .collect();
        let most = SCREENFUL.min(rows.len());
        if most > 0 && most < rows.len() {
            rows.select_nth_unstable(most);
        }
        rows.truncate(SCREENFUL);
        rows.sort_unstable();
        self.urgent.extend(rows.into_iter().map(|(_, key)| key));
    }
}
