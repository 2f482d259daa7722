//! Who there is: the little of every run that every answer needs, and how many runs each experiment has.

use std::sync::Arc;

use super::Query;
use crate::index::{Experiment, ExperimentKey, Index, Lifecycle, Run, RunKey};

/// Where a run lies and whether it counts.
#[derive(Clone, Copy, Debug)]
struct Entry {
    experiment: ExperimentKey,
    is_deleted: bool,
    is_running: bool,
}

impl Entry {
    fn of(run: &Run) -> Self {
        let is_deleted = run.lifecycle == Lifecycle::Deleted;
        Self { experiment: run.experiment, is_deleted, is_running: run.is_running() }
    }
}

/// All runs. Of a newer index only the runs are looked at that have changed: a hundred thousand runs lie anywhere in
/// memory, and their entries side by side.
#[derive(Debug, Default)]
pub struct Roll {
    index: Arc<Index>,
    /// By slot; nothing for a run that has gone.
    entries: Vec<Option<Entry>>,
}

impl Roll {
    /// Brings it up to date.
    pub fn keep(&mut self, index: &Arc<Index>) {
        let before = std::mem::replace(&mut self.index, index.clone());
        self.entries.resize(index.runs.len(), None);
        for (slot, entry) in self.entries.iter_mut().enumerate() {
            let run = index.runs.get(slot);
            if run.map(Arc::as_ptr) != before.runs.get(slot).map(Arc::as_ptr) {
                *entry = run.map(|run| Entry::of(run));
            }
        }
    }

    /// The index that it belongs to.
    pub fn index(&self) -> &Arc<Index> {
        &self.index
    }

    /// Counts the runs, and gives those that a query is about.
    pub fn census(&self, query: &Query) -> (Census, Vec<RunKey>) {
        let mut census = Census::new(&self.index, query);
        let mut list = Vec::new();
        for (slot, entry) in self.entries.iter().enumerate() {
            let Some(entry) = entry.filter(|entry| query.deleted || !entry.is_deleted) else { continue };
            if census.count(entry) && query.experiment.is_none_or(|key| entry.experiment == key) {
                list.push(RunKey(slot as u32));
            }
        }
        (census, list)
    }
}

/// Runs that count.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// All.
    pub runs: u32,
    /// Those that are running.
    pub running: u32,
    /// There may be more, which have not been read.
    pub unread: bool,
}

impl Counts {
    /// Adds more of them.
    pub fn add(&mut self, other: Self) {
        (self.runs, self.running) = (self.runs + other.runs, self.running + other.running);
        self.unread |= other.unread;
    }
}

/// How many runs each experiment has, by its slot; none for one that is not shown.
#[derive(Debug)]
pub struct Census(Vec<Option<Counts>>);

impl Census {
    fn new(index: &Index, query: &Query) -> Self {
        let mut counts = vec![Some(Counts::default()); index.experiments.len()];
        for experiment in index.experiments().filter(|e| e.lifecycle == Lifecycle::Deleted && !query.deleted)
        {
            if let Some(count) = counts.get_mut(experiment.key.0 as usize) {
                *count = None;
            }
        }
        Self(counts)
    }

    /// Counts a run; says whether its experiment is shown.
    fn count(&mut self, entry: Entry) -> bool {
        match self.0.get_mut(entry.experiment.0 as usize) {
            Some(Some(counts)) => {
                counts.add(Counts { runs: 1, running: u32::from(entry.is_running), unread: false });
                true
            }
            Some(None) => false,
            // An experiment that nobody knows cannot be deleted.
            None => true,
        }
    }

    /// The runs of an experiment; none for one that is not shown.
    pub fn of(&self, experiment: &Experiment) -> Option<Counts> {
        let counts = self.0.get(experiment.key.0 as usize).copied().flatten()?;
        Some(Counts { unread: experiment.unread, ..counts })
    }

    /// Experiments that are shown, whatever folders are closed.
    pub fn experiments(&self, index: &Index) -> usize {
        index.experiments().filter(|experiment| self.of(experiment).is_some()).count()
    }
}
