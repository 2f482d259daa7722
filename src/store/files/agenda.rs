//! What to read next: changes that were announced, then what is on screen, then everything else.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use crate::index::{ExperimentKey, RunKey};
use crate::store::Want;

/// Parts of a run that have to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// `meta.yaml`.
    pub meta: bool,
    /// Tags.
    pub tags: bool,
    /// Params.
    pub params: bool,
    /// Metrics.
    pub metrics: bool,
}

impl Due {
    /// Everything.
    pub const ALL: Self = Self { meta: true, tags: true, params: true, metrics: true };

    fn add(&mut self, more: Self) {
        self.meta |= more.meta;
        self.tags |= more.tags;
        self.params |= more.params;
        self.metrics |= more.metrics;
    }

    fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// List the experiments.
    Root,
    /// Read an experiment and list its runs.
    Experiment(ExperimentKey),
    /// Read parts of a run.
    Run(RunKey, Due),
}

/// Runs of one experiment that wait for their first reading, by stage.
#[derive(Debug, Default)]
struct Stages {
    meta: VecDeque<RunKey>,
    tags: VecDeque<RunKey>,
    rest: VecDeque<RunKey>,
}

/// What is due, and in which order it is done.
#[derive(Debug, Default)]
pub struct Agenda {
    root: bool,
    experiments: BTreeSet<ExperimentKey>,
    due: FxHashMap<RunKey, Due>,
    /// Runs with announced changes, in order of arrival.
    live: VecDeque<RunKey>,
    first: FxHashMap<ExperimentKey, Stages>,
    /// The order of the experiments in `first`.
    order: Vec<ExperimentKey>,
    later: Vec<(Instant, RunKey, Due)>,
}

impl Agenda {
    /// The list of experiments may have changed.
    pub fn root(&mut self) {
        self.root = true;
    }

    /// An experiment may have changed.
    pub fn experiment(&mut self, key: ExperimentKey) {
        self.experiments.insert(key);
    }

    /// A run was found, or may have changed in any way: all of it has to be read, in stages.
    pub fn new_run(&mut self, experiment: ExperimentKey, key: RunKey) {
        if self.due.insert(key, Due::ALL) == Some(Due::ALL) {
            return; // waits already
        }
        if !self.first.contains_key(&experiment) {
            self.order.push(experiment);
        }
        let stages = self.first.entry(experiment).or_default();
        stages.meta.push_back(key);
        stages.tags.push_back(key);
        stages.rest.push_back(key);
    }

    /// Parts of a run may have changed.
    pub fn run(&mut self, key: RunKey, parts: Due) {
        self.due.entry(key).or_default().add(parts);
        self.live.push_back(key);
    }

    /// Parts of a run have to be looked at again after a while.
    pub fn later(&mut self, key: RunKey, parts: Due, wait: Duration) {
        self.later.push((Instant::now() + wait, key, parts));
    }

    /// A run has gone.
    pub fn forget(&mut self, key: RunKey) {
        self.due.remove(&key);
    }

    /// When something put off has to be looked at.
    pub fn wake(&self) -> Option<Instant> {
        self.later.iter().map(|(at, ..)| *at).min()
    }

    /// What is due, in whole runs: a run of which half has been read counts as half.
    pub fn waiting(&self) -> usize {
        let parts =
            |due: &Due| [due.meta, due.tags, due.params, due.metrics].into_iter().filter(|due| *due).count();
        self.due.values().map(parts).sum::<usize>().div_ceil(4)
    }

    /// Whether nothing is due now, apart from what was put off.
    pub fn is_idle(&self) -> bool {
        !self.root && self.experiments.is_empty() && self.due.is_empty()
    }

    /// Whether all experiments and their runs have been listed.
    pub fn is_listed(&self) -> bool {
        !self.root && self.experiments.is_empty()
    }

    /// The next thing to do; it counts as done.
    pub fn next(&mut self, want: &Want, urgent: &mut VecDeque<RunKey>) -> Option<Task> {
        self.ripen();
        if std::mem::take(&mut self.root) {
            return Some(Task::Root);
        }
        if let Some(key) = want.experiment.filter(|key| self.experiments.remove(key)) {
            return Some(Task::Experiment(key));
        }
        if let Some(key) = self.experiments.pop_first() {
            return Some(Task::Experiment(key));
        }
        if let Some(task) = self.take(Due::ALL, |agenda| agenda.live.pop_front()) {
            return Some(task);
        }
        if let Some(task) = self.take(Due::ALL, |_| urgent.pop_front()) {
            return Some(task);
        }
        if let Some(task) = want.experiment.and_then(|key| self.stage_of(key)) {
            return Some(task);
        }
        self.anywhere()
    }

    /// The next stage of the experiment on screen: states and times of all, then names and the tree, then values.
    fn stage_of(&mut self, key: ExperimentKey) -> Option<Task> {
        self.take(META, |agenda| agenda.first.get_mut(&key)?.meta.pop_front())
            .or_else(|| self.take(TAGS, |agenda| agenda.first.get_mut(&key)?.tags.pop_front()))
            .or_else(|| self.take(Due::ALL, |agenda| agenda.first.get_mut(&key)?.rest.pop_front()))
    }

    /// The next stage of all other experiments.
    fn anywhere(&mut self) -> Option<Task> {
        for stage in [0, 1, 2] {
            for place in 0..self.order.len() {
                let Some(&key) = self.order.get(place) else { continue };
                let task = match stage {
                    0 => self.take(META, |agenda| agenda.first.get_mut(&key)?.meta.pop_front()),
                    1 => self.take(TAGS, |agenda| agenda.first.get_mut(&key)?.tags.pop_front()),
                    _ => self.take(Due::ALL, |agenda| agenda.first.get_mut(&key)?.rest.pop_front()),
                };
                if task.is_some() {
                    return task;
                }
            }
        }
        self.order.clear();
        self.first.clear();
        None
    }

    /// Takes runs from a queue until one has some of `parts` due.
    fn take(&mut self, parts: Due, mut queue: impl FnMut(&mut Self) -> Option<RunKey>) -> Option<Task> {
        while let Some(key) = queue(self) {
            let Some(due) = self.due.get_mut(&key) else { continue };
            let now = Due {
                meta: due.meta && parts.meta,
                tags: due.tags && parts.tags,
                params: due.params && parts.params,
                metrics: due.metrics && parts.metrics,
            };
            if now.is_nothing() {
                continue;
            }
            due.meta &= !now.meta;
            due.tags &= !now.tags;
            due.params &= !now.params;
            due.metrics &= !now.metrics;
            if due.is_nothing() {
                self.due.remove(&key);
            }
            return Some(Task::Run(key, now));
        }
        None
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

const META: Due = Due { meta: true, tags: false, params: false, metrics: false };
const TAGS: Due = Due { meta: false, tags: true, params: false, metrics: false };

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(agenda: &mut Agenda, want: &Want, urgent: &[u32]) -> Vec<(u32, Due)> {
        let mut urgent = urgent.iter().map(|key| RunKey(*key)).collect();
        std::iter::from_fn(|| agenda.next(want, &mut urgent))
            .filter_map(|task| if let Task::Run(key, due) = task { Some((key.0, due)) } else { None })
            .collect()
    }

    #[test]
    fn people_see_first_what_they_look_at() {
        let mut agenda = Agenda::default();
        for (experiment, run) in [(0, 0), (0, 1), (1, 2), (1, 3)] {
            agenda.new_run(ExperimentKey(experiment), RunKey(run));
        }
        let want = Want { experiment: Some(ExperimentKey(1)), ..Want::default() };
        let done = drain(&mut agenda, &want, &[3]);
        let keys: Vec<u32> = done.iter().map(|(key, _)| *key).collect();
        assert_eq!(
            keys,
            [3, 2, 2, 2, 0, 1, 0, 1, 0, 1],
            "visible, its experiment by stages, then the others"
        );
        assert_eq!(done[0].1, Due::ALL);
        assert_eq!(done[1].1, META);
        assert_eq!(agenda.waiting(), 0);
    }

    #[test]
    fn a_change_goes_before_the_rest_and_is_read_once() {
        let mut agenda = Agenda::default();
        agenda.new_run(ExperimentKey(0), RunKey(0));
        agenda.run(RunKey(7), META);
        agenda.run(RunKey(7), META);
        let done = drain(&mut agenda, &Want::default(), &[]);
        assert_eq!(done[0], (7, META));
        assert_eq!(done.iter().filter(|(key, _)| *key == 7).count(), 1);
    }
}
