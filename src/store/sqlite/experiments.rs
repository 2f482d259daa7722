//! Experiments and their tags: few, so all of them are read whenever something has changed.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::SqliteStore;
use super::open::Fault;
use super::rows::page;
use super::text::{Whole, text, whole};
use crate::index::{Experiment, ExperimentKey, Index, Lifecycle, Text};
use crate::store::files::problems::{Look, Owner, Report};

/// Tags of experiments that are read.
const TAGS: &str = "SELECT experiment_id, key, value FROM experiment_tags LIMIT 200000";

impl SqliteStore {
    /// Brings all experiments up to date.
    pub(super) fn read_experiments(&mut self, index: &mut Index) -> Result<(), Fault> {
        let Some(reader) = &self.reader else { return Ok(()) };
        let mut tags: FxHashMap<String, BTreeMap<Text, Text>> = FxHashMap::default();
        let mut fault = None;
        if reader.schema.experiment_tags {
            fault = page(&reader.database, TAGS, [], (), &mut |(), row| {
                if let (Some(id), Some(key)) = (text(row, 0), text(row, 1)) {
                    let value = text(row, 2).unwrap_or_default();
                    tags.entry(id.into_owned()).or_default().insert((&*key).into(), (&*value).into());
                }
                0
            })
            .fault;
        }
        let rows = page(
            &reader.database,
            &reader.schema.experiments(),
            [],
            Vec::new(),
            &mut |rows: &mut Vec<_>, row| {
                let texts: [Option<Text>; 4] =
                    std::array::from_fn(|column| text(row, column).map(|text| (&*text).into()));
                rows.push((texts, whole(row, 4), whole(row, 5)));
                0
            },
        );
        let fault = fault.or(rows.fault);
        if let Some(fault @ (Fault::Busy | Fault::Slow)) = fault {
            return Err(fault);
        }
        let mut seen = FxHashSet::default();
        for (texts, created, updated) in rows.rows {
            let [Some(id), name, location, stage] = texts else { continue };
            let key = self.experiment(index, &id);
            seen.insert(key);
            let mut report = Report::default();
            if created == Whole::Odd || updated == Whole::Odd {
                report.add(self.place("experiments"), format!("a time of experiment {id} is no number"));
            }
            self.ledger.set(Owner::Experiment(key), Look::Meta, report);
            let touched = index.experiment(key).map_or(0, |old| old.touched);
            self.put_experiment(
                index,
                Experiment {
                    name,
                    lifecycle: if stage.as_deref() == Some("deleted") {
                        Lifecycle::Deleted
                    } else {
                        Lifecycle::Active
                    },
                    artifact_location: location,
                    touched: touched.max(created.get().unwrap_or_default()),
                    creation_time: created.get(),
                    last_update_time: updated.get(),
                    tags: tags.remove(&*id).unwrap_or_default(),
                    ..Experiment::new(key, id)
                },
            );
        }
        self.unnamed = false;
        self.forget_experiments(index, &seen, fault.is_none());
        let mut report = Report::default();
        if let Some(fault) = fault {
            report.add(self.place("experiments"), format!("some are missing here: the database {fault}"));
        }
        self.ledger.set(Owner::Root, Look::Tags, report);
        Ok(())
    }

    fn put_experiment(&mut self, index: &mut Index, experiment: Experiment) {
        if index.experiment(experiment.key).is_none_or(|old| **old != experiment) {
            index.set_experiment(experiment);
            self.changes += 1;
        }
    }

    /// Takes out experiments that have gone; those that still have runs stay.
    fn forget_experiments(&mut self, index: &mut Index, seen: &FxHashSet<ExperimentKey>, all: bool) {
        if !all || self.experiments.len() == seen.len() {
            return;
        }
        let used: FxHashSet<ExperimentKey> = index.runs().map(|run| run.experiment).collect();
        let gone = self.experiments.extract_if(|_, key| !seen.contains(key) && !used.contains(key));
        for (_, key) in gone {
            index.remove_experiment(key);
            self.ledger.forget(Owner::Experiment(key));
            self.changes += 1;
        }
    }
}
