//! Looking whether what is known is still so: what no event announces, or whose event was lost, is found here.

use std::cmp::Reverse;
use std::path::PathBuf;
use std::time::Instant;

use rustc_hash::FxHashSet;

use super::agenda::Level;
use super::due::Due;
use super::job::Job;
use super::warm;
use super::{FileStore, Seen};
use crate::index::{ExperimentKey, Index, RunKey};
use crate::store::{Want, Watching, Why};

/// Runs that are looked at each time at most: those on screen, and of those that train and have been silent some.
const LOOKED_AT: usize = 256;
/// Folders that are watched at most, of these folders of experiments, and for each run on average: with many folders of
/// metrics the sweep has to do.
const WATCHED_FOLDERS: usize = 4096;
const WATCHED_EXPERIMENTS: usize = 1024;
const WATCHED_OF_A_RUN: usize = 6;
const WATCHED_OF_OPEN: usize = 5;
/// Runs whose stamps one sweep looks at, in turn; and of how many rounds one looks at the stamps of all their files, if
/// they have ended and nothing happens to them.
const SWEPT_RUNS: usize = 110;
const WHOLE_ROUND: u64 = 8;
/// On file systems of a network: questions to the server that looking at what is on screen and trains may take a second,
/// those that a run takes about, and runs of the others that one sweep looks at.
const QUESTIONS: usize = 200;
const QUESTIONS_A_RUN: usize = 20;
const REMOTE_RUNS: usize = 10;
/// Runs whose params one sweep reads again, in turn: one that was overwritten in place has changed no folder.
const REREAD_RUNS: usize = 4;
/// Experiments that one sweep looks at, in turn, apart from the one on screen: where events tell what happens to them, and
/// where none do.
const SWEPT_EXPERIMENTS: usize = 10;
const POLLED_EXPERIMENTS: usize = 100;
/// Folders of an experiment that are no runs (yet) and that one sweep looks at, in turn.
const OTHERS: usize = 20;
/// Stamps of runs with problems or an unfinished line that one sweep compares, in turn if there are more: somebody may be
/// about to mend them.
const HALF_DONE: usize = 2000;
/// Sweeps after which a silent run that says it trains is looked at again: where events tell what happens to it, and where
/// none do.
const SILENT: u64 = 30;
const POLLED_SILENT: u64 = 10;
/// Sweeps after which the tags and params of the open runs are read again.
const REREAD: u64 = 10;
/// Params and tags that a run may have for that; reading a hundred thousand files takes a second.
const REREAD_MOST: usize = 2000;

impl FileStore {
    /// Marks what has to be looked at. Stamps of files and folders are read by the readers.
    pub(super) fn look_around(&mut self, index: &Index, want: &Want) {
        let complete = self.progress().complete;
        if complete {
            self.warm.begin(index);
        }
        let asks = self.asks();
        let seen = [Seen::of(&self.root, asks), Seen::of(&self.root.join(".trash"), asks)];
        if std::mem::replace(&mut self.seen, seen) != seen || seen.iter().any(|seen| seen.is_fresh()) {
            self.agenda.root();
        }
        self.look_at_experiments(index, want);
        for key in self.reborn(OTHERS) {
            self.agenda.list(key);
        }
        // Runs of one experiment together, so that they are few tasks.
        let mut now = self.looked_at_now(index, want);
        now.sort_by_key(|(key, _)| index.run(*key).map(|run| run.experiment));
        now.into_iter().for_each(|(key, look)| self.agenda.check(key, look));
        self.sweeps += 1;
        // While there is much to read, what was read has just been looked at.
        if complete {
            self.look_at_others(index);
        }
        if self.sweeps.is_multiple_of(REREAD) {
            let values = Due::TAGS | Due::PARAMS;
            let open = want.open.iter().copied().filter(|key| is_small(index, *key));
            open.for_each(|key| self.agenda.run(key, values));
            // A folder of the root may have become an experiment by what was put into a folder of it.
            if !self.others.is_empty() {
                self.others.clear();
                self.agenda.root();
            }
        }
    }

    fn look_at_experiments(&mut self, index: &Index, want: &Want) {
        let slots = index.experiments.len();
        let mut looks = Vec::new();
        let is_told = self.watching == Watching::Events && self.are_all_watched();
        let most = if is_told { SWEPT_EXPERIMENTS } else { POLLED_EXPERIMENTS };
        let turn = (0..slots.min(most)).map(|step| (self.swept[2] + step) % slots.max(1));
        let front = want.experiment.map(|key| key.0 as usize);
        for slot in front.into_iter().chain(turn) {
            let key = ExperimentKey(slot as u32);
            if let Some(files) = self.experiments.get(&key) {
                looks.push((key, files.path.clone(), files.seen));
            }
        }
        self.swept[2] = (self.swept[2] + most) % slots.max(1);
        if !looks.is_empty() && self.pool.at(Level::Idle) == 0 {
            self.pool.submit(Level::Idle, Job::Look(looks, self.asks()));
        }
    }

    /// Some runs in turn: their stamps, and of fewer the values themselves.
    fn look_at_others(&mut self, index: &Index) {
        let (swept, reread) = if self.is_remote() { (REMOTE_RUNS, 1) } else { (SWEPT_RUNS, REREAD_RUNS) };
        let before = self.swept[0];
        let turn = in_turn(index, &mut self.swept[0], swept);
        for key in turn {
            // Those behind the end of the last round begin the next one.
            let round = self.rounds + u64::from(key.0 as usize <= before);
            let look = self.look_at(key, round);
            self.agenda.when_idle(key, look);
        }
        self.rounds += u64::from(self.swept[0] <= before);
        for key in in_turn(index, &mut self.swept[1], reread) {
            if is_small(index, key) {
                self.agenda.when_idle(key, Due::PARAMS);
            }
        }
    }

    /// Whether the store lies on a file system of a network, where each look is a question to a server.
    pub(super) fn is_remote(&self) -> bool {
        matches!(self.watching, Watching::Polling(_, Some(Why::FileSystem(_))))
    }

    /// Whether a file server is asked for stamps of experiments, by opening them: unless events tell that there is none.
    fn asks(&self) -> bool {
        self.watching != Watching::Events
    }

    /// Whether all experiments are watched, where events come.
    fn are_all_watched(&self) -> bool {
        self.experiments.len() <= WATCHED_EXPERIMENTS
    }

    /// Runs that are looked at this time: all that are on screen, train, are half-done or have changed lately, but on file
    /// systems of a network only as many as some questions a second allow, in turn; what is open always. What is only on
    /// screen is mostly glanced at.
    fn looked_at_now(&mut self, index: &Index, want: &Want) -> Vec<(RunKey, Due)> {
        let mut keys = self.looked_at(index, want);
        let mut seen: FxHashSet<RunKey> = keys.iter().copied().collect();
        let mut others = self.half_done(index);
        others.extend(self.warm.turn(index, Instant::now()));
        let closely: FxHashSet<RunKey> = others.iter().chain(&want.open).copied().collect();
        keys.extend(others.into_iter().filter(|key| seen.insert(*key)));
        if let Watching::Polling(ms, Some(Why::FileSystem(_))) = self.watching {
            let most = (ms as usize * QUESTIONS / 1000 / QUESTIONS_A_RUN).max(want.open.len() + 1);
            if keys.len() > most {
                let in_turn = most - want.open.len();
                let others = keys.split_off(want.open.len().min(keys.len()));
                let from = self.swept[3] % others.len().max(1);
                self.swept[3] = from + in_turn;
                keys.extend(others.iter().cycle().skip(from).take(in_turn.min(others.len())));
            }
        }
        let look = |key: RunKey| {
            let is_close = closely.contains(&key) || self.running.contains(&key);
            match (is_close, is_small(index, key)) {
                (true, true) => Due::CHECK | Due::PARAM_FILES,
                (true, false) => Due::CHECK,
                (false, _) => self.look_at(key, self.sweeps),
            }
        };
        keys.into_iter().map(|key| (key, look(key))).collect()
    }

    /// How closely a run is looked at to which nothing happens, in one of several rounds.
    fn look_at(&self, key: RunKey, round: u64) -> Due {
        let is_whole = (u64::from(key.0) + round).is_multiple_of(WHOLE_ROUND);
        if is_whole || self.running.contains(&key) || self.is_remote() { Due::CHECK } else { Due::GLANCE }
    }

    /// Runs with problems, and those that look as if somebody were still writing them.
    fn half_done(&mut self, index: &Index) -> Vec<RunKey> {
        let mut keys: Vec<RunKey> = self.ledger.runs().chain(self.unfinished.iter().copied()).collect();
        keys.sort_unstable();
        keys.dedup();
        let turn = self.swept[4] % keys.len().max(1);
        keys.rotate_left(turn);
        let some = warm::within(index, keys.into_iter(), HALF_DONE);
        self.swept[4] = turn + some.len();
        some
    }

    /// Runs that are looked at each time: what is on screen, then what trains. Of what says that it trains and has been
    /// silent for minutes some in turn: mostly it was killed.
    fn looked_at(&self, index: &Index, want: &Want) -> Vec<RunKey> {
        let mut seen = FxHashSet::default();
        let shown = want.open.iter().chain(&want.visible).copied();
        // What trains and has been heard of lately is looked at anyway.
        let silent = if self.watching == Watching::Events { SILENT } else { POLLED_SILENT };
        let is_turn = |key: &RunKey| (self.sweeps + u64::from(key.0)).is_multiple_of(silent);
        let complete = self.progress().complete;
        let running = self.running(index).filter(|key| !complete || is_turn(key));
        let all = shown.chain(running);
        all.filter(|key| seen.insert(*key)).take(LOOKED_AT).collect()
    }

    /// The folders that are watched: few, since a user has a limit of watches for all programs together. Runs that are
    /// on screen and have ended are only looked at each second.
    pub(super) fn watched_folders(&self, index: &Index, want: &Want) -> Vec<PathBuf> {
        let mut folders = vec![self.root.clone(), self.root.join(".trash")];
        let touched = |key: &ExperimentKey| {
            (Some(*key) == want.experiment, index.experiment(*key).map(|experiment| experiment.touched))
        };
        let mut experiments: Vec<ExperimentKey> = self.experiments.keys().copied().collect();
        if !self.are_all_watched() {
            experiments.sort_by_cached_key(|key| Reverse(touched(key)));
            experiments.truncate(WATCHED_EXPERIMENTS);
        }
        folders.extend(experiments.iter().filter_map(|key| Some(self.experiments.get(key)?.path.clone())));
        let open = want.open.first().copied();
        let running: Vec<RunKey> = self.running(index).filter(|key| Some(*key) != open).collect();
        let of_open = if open.is_some() { WATCHED_OF_OPEN } else { 0 };
        let most = (folders.len() + of_open + running.len() * WATCHED_OF_A_RUN).min(WATCHED_FOLDERS);
        for key in open.into_iter().chain(running) {
            if folders.len() >= most {
                break;
            }
            let Some(path) = self.path(index, key) else { continue };
            folders.push(path.clone());
            folders.extend(["metrics", "tags", "params"].map(|kind| path.join(kind)));
            let below = self.files(key).into_iter().flat_map(|files| files.folders());
            folders.extend(below.map(|below| path.join(below)));
        }
        folders.truncate(most);
        folders
    }

    /// What trains, the newest first: killed runs say for ever that they train.
    fn running(&self, index: &Index) -> impl Iterator<Item = RunKey> {
        let runs = self.running.iter().filter_map(|key| index.run(*key));
        let mut running: Vec<(Option<i64>, RunKey)> = runs.map(|run| (run.start_time(), run.key)).collect();
        running.sort_unstable_by(|a, b| b.cmp(a));
        running.into_iter().map(|(_, key)| key)
    }
}

/// The next runs behind a slot, which moves on. Those that have gone have left their slots, and take no turn.
fn in_turn(index: &Index, last: &mut usize, most: usize) -> Vec<RunKey> {
    let slots = index.runs.len();
    let turn = (1..=slots).map(|step| RunKey(((*last + step) % slots) as u32));
    let keys: Vec<RunKey> = turn.filter(|key| index.run(*key).is_some()).take(most).collect();
    *last = keys.last().map_or(0, |key| key.0 as usize);
    keys
}

fn is_small(index: &Index, key: RunKey) -> bool {
    index.run(key).is_some_and(|run| run.tags().len() + run.params().len() < REREAD_MOST)
}
