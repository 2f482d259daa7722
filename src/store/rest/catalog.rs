//! Which experiments and runs of a server are known, and in which slots of the index they stand.

use std::hash::BuildHasher;

use hashbrown::HashTable;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use super::answers::{ExperimentAnswer, RunAnswer};
use crate::index::{Draft, Experiment, ExperimentKey, Index, Metric, Run, RunKey, Text};

/// The slots by id.
#[derive(Debug, Default)]
pub struct Catalog {
    experiments: FxHashMap<Text, ExperimentKey>,
    /// By run id, which stands in the index and not here once more.
    runs: HashTable<RunKey>,
}

/// What came of putting a run into the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Put {
    /// Its slot.
    pub key: RunKey,
    /// It had not been known.
    pub is_new: bool,
    /// The index has changed.
    pub changed: bool,
}

fn hash(run_id: &str) -> u64 {
    FxBuildHasher.hash_one(run_id)
}

impl Catalog {
    /// The slot of an experiment.
    pub fn experiment(&self, id: &str) -> Option<ExperimentKey> {
        self.experiments.get(id).copied()
    }

    /// The slot of a run.
    pub fn run(&self, index: &Index, run_id: &str) -> Option<RunKey> {
        let is_it = |key: &RunKey| index.run(*key).is_some_and(|run| run.run_id() == run_id);
        self.runs.find(hash(run_id), is_it).copied()
    }

    /// Puts an experiment into the index; says whether that changed it.
    pub fn put_experiment(&mut self, index: &mut Index, answer: ExperimentAnswer) -> bool {
        let known = self.experiments.get(&answer.experiment_id).copied();
        let key = known.unwrap_or_else(|| self.add_experiment(index, answer.experiment_id.clone()));
        let old = index.experiment(key);
        let touched = old.map_or(0, |old| old.touched);
        let unread = known.is_none() || old.is_some_and(|old| old.unread);
        let new = Experiment {
            key,
            experiment_id: answer.experiment_id,
            name: answer.name,
            lifecycle: answer.lifecycle,
            artifact_location: answer.artifact_location,
            touched: touched.max(answer.last_update_time.unwrap_or_default()),
            creation_time: answer.creation_time,
            last_update_time: answer.last_update_time,
            tags: answer.tags.into_iter().collect(),
            unread,
        };
        let changed = index.experiment(key).is_none_or(|old| **old != new);
        if changed {
            index.set_experiment(new);
        }
        changed
    }

    /// All runs of an experiment have been read.
    pub fn has_read(&self, index: &mut Index, id: &str) {
        let Some(experiment) = self.experiment(id).and_then(|key| index.experiment(key)) else { return };
        if experiment.unread {
            let read = Experiment { unread: false, ..(**experiment).clone() };
            index.set_experiment(read);
        }
    }

    fn add_experiment(&mut self, index: &mut Index, id: Text) -> ExperimentKey {
        let key = index.add_experiment(id.clone());
        self.experiments.insert(id, key);
        key
    }

    /// Empties the slots of experiments that a complete listing did not have, and of their runs.
    pub fn keep_experiments(&mut self, index: &mut Index, listed: &FxHashSet<Text>) -> bool {
        let gone: FxHashSet<ExperimentKey> =
            self.experiments.iter().filter(|(id, _)| !listed.contains(*id)).map(|(_, key)| *key).collect();
        if gone.is_empty() {
            return false;
        }
        let runs: Vec<RunKey> =
            index.runs().filter(|run| gone.contains(&run.experiment)).map(|run| run.key).collect();
        runs.into_iter().for_each(|run| self.remove_run(index, run));
        self.experiments.retain(|_, key| !gone.contains(key));
        gone.into_iter().for_each(|key| index.remove_experiment(key));
        true
    }

    /// Puts a run into the index. What was counted of its histories stays, as long as they have not grown.
    pub fn put_run(&mut self, index: &mut Index, answer: RunAnswer) -> Put {
        let RunAnswer { experiment_id, mut run } = answer;
        let known = self.run(index, run.run_id());
        let experiment = self.experiments.get(&experiment_id).copied();
        run.experiment = experiment.unwrap_or_else(|| self.add_experiment(index, experiment_id));
        let newest = run.start_time().max(run.end_time()).unwrap_or_default();
        if index.experiment(run.experiment).is_some_and(|experiment| experiment.touched < newest)
            && let Some(experiment) = index.experiment(run.experiment)
        {
            let mut touched = (**experiment).clone();
            touched.touched = newest;
            index.set_experiment(touched);
        }
        let Some(key) = known else {
            let key = index.add_run(run.run_id(), run.experiment);
            self.runs.insert_unique(hash(run.run_id()), key, |key| {
                hash(index.run(*key).map_or("", |run| run.run_id()))
            });
            run.key = key;
            index.set_run(run);
            return Put { key, is_new: true, changed: true };
        };
        run.key = key;
        let old = index.run(key).cloned();
        if let Some(old) = &old {
            carry(old, &mut run);
        }
        let changed = old.is_none_or(|old| !old.is_like(&run) || old.experiment != run.experiment);
        if changed {
            index.set_run(run);
        }
        Put { key, is_new: false, changed }
    }

    /// Empties the slot of a run that has gone.
    pub fn remove_run(&mut self, index: &mut Index, key: RunKey) {
        let Some(run) = index.run(key) else { return };
        if let Ok(entry) = self.runs.find_entry(hash(run.run_id()), |other| *other == key) {
            entry.remove();
        }
        index.remove_run(key);
    }
}

/// Takes over how long histories are that end where they did.
fn carry(old: &Run, run: &mut Run) {
    let is_same = |a: &Metric, b: &Metric| {
        let bits = |metric: &Metric| (metric.last.step, metric.last.timestamp, metric.last.value.to_bits());
        bits(a) == bits(b)
    };
    let counted: Vec<_> = old.metrics().filter(|(_, metric)| metric.is_counted()).collect();
    let mut draft: Option<Draft> = None;
    for (key, metric) in counted {
        if run.metric(key).is_some_and(|new| is_same(&new, &metric)) {
            draft.get_or_insert_with(|| Draft::of(run)).set_metric(key, metric);
        }
    }
    if let Some(mut draft) = draft {
        *run = draft.pack();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Lifecycle;
    use crate::store::files::interner::Interner;
    use crate::store::rest::answers;

    fn experiment(id: &str) -> ExperimentAnswer {
        ExperimentAnswer {
            experiment_id: id.into(),
            name: Some("n".into()),
            lifecycle: Lifecycle::Active,
            artifact_location: None,
            creation_time: Some(1),
            last_update_time: Some(2),
            tags: Vec::new(),
        }
    }

    fn runs(keys: &Interner, id: &str, experiment: &str, loss: f64) -> Vec<RunAnswer> {
        let body = format!(
            r#"{{"runs": [{{"info": {{"run_id": "{id}", "experiment_id": "{experiment}", "status": "RUNNING", "start_time": 9}},
            "data": {{"metrics": [{{"key": "loss", "value": {loss}, "timestamp": 1, "step": 3}}]}}}}]}}"#
        );
        answers::runs(body.as_bytes(), keys).unwrap().items
    }

    #[test]
    fn runs_keep_their_slots_and_what_was_counted() {
        let (mut catalog, mut index, keys) = (Catalog::default(), Index::default(), Interner::default());
        assert!(catalog.put_experiment(&mut index, experiment("7")));
        let put = |catalog: &mut Catalog, index: &mut Index, loss| {
            runs(&keys, "ab", "7", loss).into_iter().map(|run| catalog.put_run(index, run)).next().unwrap()
        };
        let first = put(&mut catalog, &mut index, 0.5);
        assert!(first.is_new && first.changed);
        assert_eq!(index.experiment(catalog.experiment("7").unwrap()).unwrap().touched, 9);
        let loss = keys.intern("loss");
        index.edit_run(first.key, |draft| {
            let mut metric = index_metric(draft, loss);
            metric.points = 40;
            draft.set_metric(loss, metric);
        });
        let again = put(&mut catalog, &mut index, 0.5);
        assert_eq!(again, Put { key: first.key, is_new: false, changed: false });
        assert_eq!(index.run(first.key).unwrap().metric(loss).unwrap().points, 40);
        let grown = put(&mut catalog, &mut index, 0.25);
        assert!(grown.changed && !grown.is_new);
        assert_eq!(index.run(first.key).unwrap().metric(loss).unwrap().points, 0, "not counted");
        catalog.remove_run(&mut index, first.key);
        assert_eq!(catalog.run(&index, "ab"), None);
    }

    fn index_metric(draft: &mut Draft, key: crate::index::Key) -> Metric {
        draft.pack().metric(key).unwrap()
    }

    #[test]
    fn a_run_of_an_experiment_that_nobody_listed_has_one() {
        let (mut catalog, mut index, keys) = (Catalog::default(), Index::default(), Interner::default());
        let run = runs(&keys, "ab", "9", 1.0).remove(0);
        let put = catalog.put_run(&mut index, run);
        let found = index.run(put.key).unwrap().experiment;
        assert_eq!(&*index.experiment(found).unwrap().experiment_id, "9");
        assert!(catalog.keep_experiments(&mut index, &FxHashSet::default()));
        assert_eq!((index.runs().count(), index.experiments().count()), (0, 0));
    }
}
