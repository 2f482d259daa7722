//! Which experiments and runs there are: what is on disk compared with what the index has.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustc_hash::{FxHashMap, FxHashSet};

use super::agenda::Due;
use super::layout::{self, Candidate};
use super::open::{self, Fault, Folder};
use super::problems::{Look, Owner, Report};
use super::run::RunFiles;
use super::{ExperimentFiles, FileStore, Seen, experiment};
use crate::index::{ExperimentKey, Index, Lifecycle, RunKey};

impl FileStore {
    /// Compares the experiments on disk with those in the index. An experiment that moved to the trash or back keeps
    /// its key, so whoever looks at it goes on looking at it.
    pub(super) fn list_root(&mut self, index: &mut Index) -> bool {
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
            changed |= match moved {
                Some(place) => {
                    self.move_experiment(gone.swap_remove(place), candidate.path, trashed);
                    true
                }
                None => self.add_experiment(index, candidate, trashed),
            };
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
                kept.map(|files| (Candidate { path: files.path.clone(), id: id(&files.path) }, trashed))
                    .collect()
            }
        }
    }

    /// Takes a folder for an experiment, if it is one; says whether.
    fn add_experiment(&mut self, index: &mut Index, candidate: Candidate, trashed: bool) -> bool {
        if self.others.contains(&candidate.path) || !layout::looks_like_an_experiment(&candidate.path) {
            // An artifact root may have as many folders as there are runs: not each time anew.
            let is_young = Seen::of(&candidate.path).is_fresh();
            if !is_young {
                self.others.insert(candidate.path);
            }
            return false;
        }
        let key = index.add_experiment(candidate.id.as_str().into());
        if let Some(experiment) = index.experiment_mut(key).filter(|_| trashed) {
            experiment.lifecycle = Lifecycle::Deleted;
        }
        let files = ExperimentFiles {
            path: candidate.path,
            trashed,
            seen: Seen::default(),
            runs: FxHashMap::default(),
            others: FxHashMap::default(),
        };
        self.experiments.insert(key, files);
        self.agenda.experiment(key);
        true
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

    pub(super) fn forget_run(&mut self, index: &mut Index, key: RunKey) {
        self.runs.remove(&key);
        self.agenda.forget(key);
        self.ledger.forget(Owner::Run(key));
        index.remove_run(key);
    }

    /// Reads an experiment and compares its runs on disk with those in the index.
    pub(super) fn read_experiment(&mut self, index: &mut Index, key: ExperimentKey) -> bool {
        let Some(files) = self.experiments.get_mut(&key) else { return false };
        // Taken before reading: what changes meanwhile is looked at again.
        files.seen = Seen::of(&files.path);
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
        let mut present: FxHashSet<RunKey> = FxHashSet::default();
        for candidate in found {
            if let Some(run) = files.runs.get(&candidate.id) {
                present.insert(*run);
                continue;
            }
            let Candidate { path, id } = candidate;
            let stamp = || Folder::open(&path).and_then(|folder| folder.own_stamp()).ok();
            if files.others.get(&id).is_some_and(|before| *before == stamp()) {
                continue;
            }
            files.others.remove(&id);
            let run = index.add_run(id.as_str().into(), key);
            self.agenda.new_run(key, run);
            self.runs.insert(run, RunFiles::new(path));
            files.runs.insert(id, run);
            present.insert(run);
            changed = true;
        }
        let gone: Vec<RunKey> = files.runs.values().filter(|run| !present.contains(run)).copied().collect();
        files.runs.retain(|_, run| present.contains(run));
        for run in gone {
            self.runs.remove(&run);
            self.agenda.forget(run);
            self.ledger.forget(Owner::Run(run));
            index.remove_run(run);
            changed = true;
        }
        changed
    }
}
