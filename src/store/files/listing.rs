//! Which experiments and runs there are: what is on disk compared with what the index has.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;

use super::due::Due;
use super::job::{ExperimentDone, ListDone};
use super::layout::{self, Candidate};
use super::open::{self, Fault};
use super::problems::{Look, Owner, Report};
use super::run::RunFiles;
use super::{ExperimentFiles, FileStore, Seen};
use crate::index::{Experiment, ExperimentKey, Index, Lifecycle, Parts, RunKey};

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
                    self.move_experiment(index, gone.swap_remove(place), candidate.path, trashed);
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
            let is_young = Seen::of(&candidate.path, true).is_fresh();
            if !is_young {
                self.others.insert(candidate.path);
            }
            return false;
        }
        let key = index.add_experiment(candidate.id.as_str().into());
        if trashed && let Some(experiment) = index.experiment(key) {
            index.set_experiment(Experiment { lifecycle: Lifecycle::Deleted, ..(**experiment).clone() });
        }
        self.by_path.insert(candidate.path.clone(), key);
        self.experiments.insert(key, ExperimentFiles::new(candidate.path, trashed));
        self.agenda.experiment(key);
        self.agenda.list(key);
        true
    }

    fn move_experiment(&mut self, index: &Index, key: ExperimentKey, path: PathBuf, trashed: bool) {
        for run in index.runs().filter(|run| run.experiment == key) {
            self.warm.changed(run.key, true);
            // A reader has it at the old path, or its reading was lost there.
            if self.files(run.key).is_none() || run.read() != Parts::ALL {
                self.agenda.new_run(key, run.key, Due::WHOLE);
            } else {
                self.agenda.run(run.key, Due::META | Due::CHECK);
            }
        }
        let Some(files) = self.experiments.get_mut(&key) else { return };
        self.by_path.remove(&files.path);
        self.by_path.insert(path.clone(), key);
        (files.path, files.trashed) = (path, trashed);
        self.agenda.experiment(key);
        self.agenda.list(key);
    }

    fn remove_experiment(&mut self, index: &mut Index, key: ExperimentKey) {
        if let Some(files) = self.experiments.remove(&key) {
            self.by_path.remove(&files.path);
            for run in files.runs {
                self.forget_run(index, run);
            }
        }
        self.ledger.forget(Owner::Experiment(key));
        index.remove_experiment(key);
    }

    pub(super) fn forget_run(&mut self, index: &mut Index, key: RunKey) {
        if let Some(slot) = self.runs.get_mut(key.0 as usize) {
            *slot = None;
        }
        if let Some(run) = index.run(key) {
            self.known -= 1;
            self.unread -= usize::from(run.read() != Parts::ALL);
        }
        self.agenda.forget(key);
        self.unfinished.remove(&key);
        self.running.remove(&key);
        self.ledger.forget(Owner::Run(key));
        index.remove_run(key);
    }

    /// Takes over what an experiment's files say.
    pub(super) fn take_experiment(&mut self, index: &mut Index, done: ExperimentDone) -> bool {
        let ExperimentDone { key, path, seen, new, report, again } = done;
        // It has moved while it was read: it is being read anew where it is now, and that reading may have ended first.
        let here = self.experiments.get_mut(&key).filter(|files| files.path == path);
        let Some(files) = here else { return false };
        // The folder's stamp tells of new runs, so they are listed when it has changed.
        if files.seen.folder != seen.folder || seen.is_fresh() {
            self.agenda.list(key);
        }
        files.seen = seen;
        self.ledger.set(Owner::Experiment(key), Look::Meta, report);
        if again {
            self.unborn.push((Instant::now() + Duration::from_millis(100), key));
        }
        let changed = index.experiment(key).is_some_and(|old| **old != new);
        if changed {
            index.set_experiment(new);
        }
        changed
    }

    /// Compares the runs on disk with those in the index.
    pub(super) fn take_list(&mut self, index: &mut Index, done: ListDone) -> bool {
        let ListDone { key, found, others, report } = done;
        let Some(files) = self.experiments.get_mut(&key) else { return false };
        files.others = others;
        files.listing = false;
        if std::mem::take(&mut files.list_again) {
            self.agenda.list(key);
        }
        let names = match found {
            Ok(names) => names,
            Err(Fault::Gone) => {
                self.agenda.root();
                return false;
            }
            Err(fault) => {
                let mut report = report;
                report.add(&files.path, fault);
                self.ledger.set(Owner::Experiment(key), Look::Listing, report);
                return false;
            }
        };
        self.ledger.set(Owner::Experiment(key), Look::Listing, report);
        files.is_listed = true;
        let mut changed = false;
        let mut present: FxHashSet<RunKey> = FxHashSet::default();
        let before = files.runs.len();
        for name in names.iter() {
            let known = files.run(index, name);
            let run = known.unwrap_or_else(|| {
                changed = true;
                let run = index.add_run(name, key);
                self.runs.push(Some(RunFiles::default()));
                self.known += 1;
                self.unread += 1;
                self.agenda.new_run(key, run, Due::WHOLE);
                files.add(index, run);
                run
            });
            if before > 0 {
                present.insert(run);
            }
        }
        if before > 0 {
            let gone: Vec<RunKey> = files.runs.iter().filter(|run| !present.contains(run)).copied().collect();
            files.runs.retain(|run| present.contains(run));
            changed |= !gone.is_empty();
            gone.into_iter().for_each(|run| self.forget_run(index, run));
        }
        changed
    }
}
