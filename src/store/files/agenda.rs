//! What to read next: changes that were announced, then what people look at, then everything else.
//!
//! What is on screen is read in stages, so that rows are there at once and nobody waits for what is not in view: the
//! ids of an experiment's runs, their states, times and parents, the visible rows whole, what the order or the search
//! needs of all rows, the rest. The other experiments follow, the latest used first, and then long metric files.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::due::Due;
use crate::index::{ExperimentKey, Index, RunKey};
use crate::store::Want;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// List the experiments.
    Root,
    /// Read an experiment's own files.
    Experiment(ExperimentKey),
    /// List the runs of an experiment.
    List(ExperimentKey),
    /// Read parts of some runs of one experiment.
    Runs(ExperimentKey, Vec<(RunKey, Due)>),
}

/// How much somebody waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// It has changed while somebody looks at it, or nothing can be shown without it.
    Live,
    /// Rows of the experiment that is shown.
    Heads,
    /// Runs on screen, whole.
    Visible,
    /// The rest of the experiment that is shown.
    Rest,
    /// Everything else.
    Back,
    /// Whether what is known is still so.
    Idle,
}

impl Level {
    /// How many there are.
    pub const COUNT: usize = 6;
}

/// Runs of one experiment that wait for their first reading, and how far each stage has come.
#[derive(Debug, Default)]
struct Queue {
    runs: Vec<RunKey>,
    heads: usize,
    needed: usize,
    rest: usize,
}

/// Whether a reader has a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Busy {
    #[default]
    No,
    Yes,
    /// And it was passed over meanwhile, when something of it was due.
    PassedOver,
}

/// What is due, and in which order it is done.
#[derive(Debug, Default)]
pub struct Agenda {
    root: bool,
    experiments: BTreeSet<ExperimentKey>,
    lists: BTreeSet<ExperimentKey>,
    /// By slot of the run.
    due: Vec<Due>,
    /// Runs that a reader has just now, by slot.
    busy: Vec<Busy>,
    /// Runs that are being read for the first time.
    waiting: usize,
    /// Runs with announced changes, in order of arrival.
    live: VecDeque<RunKey>,
    /// Runs whose stamps are to be looked at now.
    checks: VecDeque<RunKey>,
    /// Runs to be looked at when there is time.
    idle: VecDeque<RunKey>,
    /// Runs with long metric files.
    long: VecDeque<RunKey>,
    first: FxHashMap<ExperimentKey, Queue>,
    /// The experiments in `first`, the latest used at the end, from where they are taken.
    order: Vec<ExperimentKey>,
    is_sorted: bool,
    later: Vec<(Instant, RunKey, Due)>,
}

/// Runs that one reader takes at a time: many where little is read of each, few where somebody waits.
const HEADS: usize = 32;
const VISIBLE: usize = 4;
const REST: usize = 8;
const BACK: usize = 16;
const CHECKS: usize = 64;

impl Agenda {
    /// The list of experiments may have changed.
    pub fn root(&mut self) {
        self.root = true;
    }

    /// An experiment may have changed.
    pub fn experiment(&mut self, key: ExperimentKey) {
        self.experiments.insert(key);
    }

    /// The runs of an experiment may have changed.
    pub fn list(&mut self, key: ExperimentKey) {
        self.lists.insert(key);
    }

    /// A run was found, or may have changed in any way: it is read in stages.
    pub fn new_run(&mut self, experiment: ExperimentKey, key: RunKey, due: Due) {
        if self.due_of(key).contains(due | Due::FIRST) {
            return; // waits already
        }
        self.add(key, due | Due::FIRST);
        if !self.first.contains_key(&experiment) {
            self.order.push(experiment);
            self.is_sorted = false;
        }
        self.first.entry(experiment).or_default().runs.push(key);
    }

    /// Parts of a run may have changed.
    pub fn run(&mut self, key: RunKey, parts: Due) {
        self.add(key, parts);
        self.live.push_back(key);
    }

    /// A run may have changed; its stamps tell.
    pub fn check(&mut self, key: RunKey, look: Due) {
        self.add(key, look);
        self.checks.push_back(key);
    }

    /// Parts of a run have to be looked at when nothing else is to be done.
    pub fn when_idle(&mut self, key: RunKey, parts: Due) {
        self.add(key, parts);
        self.idle.push_back(key);
    }

    /// A run has long metric files that have to be read.
    pub fn long(&mut self, key: RunKey) {
        self.add(key, Due::LONG);
        self.long.push_back(key);
    }

    /// Parts of a run have to be looked at again after a while.
    pub fn later(&mut self, key: RunKey, parts: Due, wait: Duration) {
        self.later.push((Instant::now() + wait, key, parts));
    }

    /// A run has gone.
    pub fn forget(&mut self, key: RunKey) {
        self.waiting -= usize::from(self.due_of(key).contains(Due::FIRST));
        self.set(key, Due::empty());
    }

    /// A reader has given a run back, of which it was to read this.
    pub fn is_back(&mut self, key: RunKey, asked: Due) {
        self.waiting -= usize::from(asked.contains(Due::FIRST));
        let busy = self.busy.get_mut(key.0 as usize).map(std::mem::take).unwrap_or_default();
        if busy == Busy::PassedOver {
            let queue = if self.due_of(key) == Due::LONG { &mut self.long } else { &mut self.live };
            queue.push_back(key);
        }
    }

    /// When something put off has to be looked at.
    pub fn wake(&self) -> Option<Instant> {
        self.later.iter().map(|(at, ..)| *at).min()
    }

    /// Runs that are being read for the first time, or again from the beginning.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether the experiments have been listed and read.
    pub fn knows_experiments(&self) -> bool {
        !self.root && self.experiments.is_empty()
    }

    /// Whether all experiments and their runs have been listed.
    pub fn knows_runs(&self) -> bool {
        self.knows_experiments() && self.lists.is_empty()
    }

    /// Whether long metric files wait to be read.
    pub fn has_long(&self) -> bool {
        !self.long.is_empty()
    }

    /// Whether nothing is due now, apart from what was put off and what a reader has.
    pub fn is_idle(&self) -> bool {
        let queues = [&self.live, &self.checks, &self.idle, &self.long];
        self.knows_runs() && self.order.is_empty() && queues.iter().all(|queue| queue.is_empty())
    }

    /// What to do next, of no lower level than `least`; it counts as done. `front` is the experiment that somebody looks
    /// at or will look at first.
    pub fn next(
        &mut self,
        index: &Index,
        want: &Want,
        front: Option<ExperimentKey>,
        urgent: &mut VecDeque<RunKey>,
        least: Level,
    ) -> Option<(Level, Work)> {
        self.ripen();
        if std::mem::take(&mut self.root) {
            return Some((Level::Live, Work::Root));
        }
        if let Some(key) = self.experiments.pop_first() {
            return Some((Level::Live, Work::Experiment(key)));
        }
        if let Some(work) = self.take_from(index, VISIBLE, |agenda| &mut agenda.live) {
            return Some((Level::Live, work));
        }
        if least < Level::Heads {
            return None;
        }
        if let Some(found) = self.in_front(index, want, front, urgent, least) {
            return Some(found);
        }
        if least < Level::Back {
            return None;
        }
        // What trains on screen does not wait for the rest of a large store.
        if let Some(work) = self.take_from(index, CHECKS, |agenda| &mut agenda.checks) {
            return Some((Level::Idle, work));
        }
        if let Some(work) = self.behind(index, want) {
            return Some((Level::Back, work));
        }
        let work = self.take_from(index, 1, |agenda| &mut agenda.long);
        if work.is_some() {
            return work.map(|work| (Level::Back, work));
        }
        let work = self.take_from(index, CHECKS, |agenda| &mut agenda.idle);
        work.map(|work| (Level::Idle, work))
    }

    /// What belongs to the experiment that somebody looks at.
    fn in_front(
        &mut self,
        index: &Index,
        want: &Want,
        front: Option<ExperimentKey>,
        urgent: &mut VecDeque<RunKey>,
        least: Level,
    ) -> Option<(Level, Work)> {
        if let Some(key) = front.filter(|key| self.lists.remove(key)) {
            return Some((Level::Heads, Work::List(key)));
        }
        if let Some(key) = front {
            let work = self.stage(index, key, Due::HEAD, HEADS, |queue| &mut queue.heads);
            if work.is_some() {
                return work.map(|work| (Level::Heads, work));
            }
        }
        if least < Level::Visible {
            return None;
        }
        if let Some(work) = self.take(index, Due::all().difference(Due::LONG), VISIBLE, urgent) {
            return Some((Level::Visible, work));
        }
        if least < Level::Rest {
            return None;
        }
        let needed = needed(want);
        let work = self.stage(index, front?, needed, REST, |queue| &mut queue.needed);
        let work = work.or_else(|| self.stage(index, front?, Due::all(), REST, |queue| &mut queue.rest));
        work.map(|work| (Level::Rest, work))
    }

    /// Everything else.
    fn behind(&mut self, index: &Index, want: &Want) -> Option<Work> {
        if let Some(latest) = self.lists.iter().copied().max_by_key(|key| touched(index, *key)) {
            self.lists.remove(&latest);
            return Some(Work::List(latest));
        }
        if !std::mem::replace(&mut self.is_sorted, true) {
            self.order.sort_by_cached_key(|key| touched(index, *key));
        }
        if want.experiment.is_none() && !want.visible.is_empty() {
            // All experiments are on screen: rows before values.
            for place in (0..self.order.len()).rev() {
                let Some(&key) = self.order.get(place) else { continue };
                let work = self.stage(index, key, Due::HEAD, HEADS, |queue| &mut queue.heads);
                if work.is_some() {
                    return work;
                }
            }
        }
        while let Some(&key) = self.order.last() {
            let work = self.stage(index, key, Due::all(), BACK, |queue| &mut queue.rest);
            if work.is_some() {
                return work;
            }
            self.order.pop();
            self.first.remove(&key);
        }
        None
    }

    /// The next runs of one of the own queues.
    fn take_from(
        &mut self,
        index: &Index,
        most: usize,
        queue: impl Fn(&mut Self) -> &mut VecDeque<RunKey>,
    ) -> Option<Work> {
        let mut taken = std::mem::take(queue(self));
        let work = self.take(index, Due::all(), most, &mut taken);
        *queue(self) = taken;
        work
    }

    /// The next runs of an experiment of which some of `parts` is due.
    fn stage(
        &mut self,
        index: &Index,
        experiment: ExperimentKey,
        parts: Due,
        most: usize,
        at: impl Fn(&mut Queue) -> &mut usize,
    ) -> Option<Work> {
        let mut queue = self.first.remove(&experiment)?;
        let mut runs = Vec::new();
        while runs.len() < most {
            let place = *at(&mut queue);
            let Some(&key) = queue.runs.get(place) else { break };
            *at(&mut queue) += 1;
            if let Some(due) = self.claim(index, key, parts) {
                runs.push((key, due));
            }
        }
        self.first.insert(experiment, queue);
        (!runs.is_empty()).then_some(Work::Runs(experiment, runs))
    }

    /// The next runs of a queue, of one experiment.
    fn take(&mut self, index: &Index, parts: Due, most: usize, queue: &mut VecDeque<RunKey>) -> Option<Work> {
        let mut runs: Vec<(RunKey, Due)> = Vec::new();
        let mut of = None;
        while runs.len() < most {
            let Some(&key) = queue.front() else { break };
            let Some(run) = index.run(key) else {
                queue.pop_front();
                continue;
            };
            if of.is_some_and(|experiment| experiment != run.experiment) {
                break;
            }
            queue.pop_front();
            if let Some(due) = self.claim(index, key, parts) {
                of = Some(run.experiment);
                runs.push((key, due));
            }
        }
        Some(Work::Runs(of?, runs))
    }

    /// Takes what is due of a run, for a reader that will have it.
    fn claim(&mut self, index: &Index, key: RunKey, parts: Due) -> Option<Due> {
        let due = self.due_of(key);
        let mut now = due & parts.difference(Due::FIRST);
        if now.is_empty() || index.run(key).is_none() {
            return None;
        }
        let slot = key.0 as usize;
        if self.busy.len() <= slot {
            self.busy.resize(slot + 1, Busy::No);
        }
        let busy = self.busy.get_mut(slot)?;
        if *busy != Busy::No {
            *busy = Busy::PassedOver;
            return None;
        }
        *busy = Busy::Yes;
        let mut left = due.difference(now);
        if left == Due::FIRST {
            (now, left) = (now | Due::FIRST, Due::empty());
        }
        self.set(key, left);
        Some(now)
    }

    fn due_of(&self, key: RunKey) -> Due {
        self.due.get(key.0 as usize).copied().unwrap_or_default()
    }

    fn set(&mut self, key: RunKey, due: Due) {
        let slot = key.0 as usize;
        if self.due.len() <= slot {
            self.due.resize(slot + 1, Due::empty());
        }
        if let Some(place) = self.due.get_mut(slot) {
            *place = due;
        }
    }

    fn add(&mut self, key: RunKey, parts: Due) {
        let before = self.due_of(key);
        self.waiting += usize::from(parts.difference(before).contains(Due::FIRST));
        self.set(key, before | parts);
    }

    /// Moves what was put off and whose time has come to the live queue.
    fn ripen(&mut self) {
        if self.later.is_empty() {
            return;
        }
        let now = Instant::now();
        let (ripe, green) = std::mem::take(&mut self.later).into_iter().partition(|(at, ..)| *at <= now);
        self.later = green;
        for (_, key, parts) in ripe {
            self.run(key, parts);
        }
    }
}

/// What the order of the rows or the search needs of all runs.
fn needed(want: &Want) -> Due {
    let parts =
        [(want.needs.tags, Due::TAGS), (want.needs.params, Due::PARAMS), (want.needs.metrics, Due::METRICS)];
    parts.into_iter().filter(|(needs, _)| *needs).map(|(_, due)| due).collect()
}

fn touched(index: &Index, key: ExperimentKey) -> i64 {
    index.experiment(key).map_or(i64::MIN, |experiment| experiment.touched)
}

#[cfg(test)]
mod tests;
