//! What could not be read, by whose and which part it is, so that a cured problem goes away by itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::index::{ExperimentKey, Index, Problem, RunKey};

/// Whose problem it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The store's.
    Root,
    /// An experiment's.
    Experiment(ExperimentKey),
    /// A run's.
    Run(RunKey),
}

/// Which look found it; the next look of the same kind replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Look {
    /// Listing the folder.
    Listing,
    /// Reading `meta.yaml`.
    Meta,
    /// Reading tags.
    Tags,
    /// Reading params.
    Params,
    /// Reading metrics.
    Metrics,
}

/// Problems found in one look.
#[derive(Debug, Default)]
pub struct Report(Vec<(PathBuf, String)>);

impl Report {
    /// Adds one: a path and a sentence without it.
    pub fn add(&mut self, path: impl AsRef<Path>, what: impl ToString) {
        self.0.push((path.as_ref().to_owned(), what.to_string()));
    }

    /// Sorts them by path: folders are listed in no order.
    pub fn sort(&mut self) {
        self.0.sort();
    }
}

/// All problems of a store.
#[derive(Debug, Default)]
pub struct Ledger {
    found: BTreeMap<(Owner, Look), Vec<Problem>>,
    dirty: bool,
}

impl Ledger {
    /// What a look found takes the place of what the last one of its kind found.
    pub fn set(&mut self, owner: Owner, look: Look, report: Report) {
        let run = if let Owner::Run(key) = owner { Some(key) } else { None };
        let new: Vec<Problem> =
            report.0.into_iter().map(|(path, what)| Problem { run, path, what }).collect();
        if new.is_empty() {
            self.dirty |= self.found.remove(&(owner, look)).is_some();
        } else if self.found.get(&(owner, look)) != Some(&new) {
            self.found.insert((owner, look), new);
            self.dirty = true;
        }
    }

    /// Whether somebody has any.
    pub fn has(&self, owner: Owner) -> bool {
        self.found.range((owner, Look::Listing)..=(owner, Look::Metrics)).next().is_some()
    }

    /// Forgets everything of somebody who has gone.
    pub fn forget(&mut self, owner: Owner) {
        for look in [Look::Listing, Look::Meta, Look::Tags, Look::Params, Look::Metrics] {
            self.set(owner, look, Report::default());
        }
    }

    /// Puts the problems into the index where they have changed; says whether they have.
    pub fn publish(&mut self, index: &mut Index) -> bool {
        if !std::mem::take(&mut self.dirty) {
            return false;
        }
        index.problems = Arc::new(self.found.values().flatten().cloned().collect());
        true
    }
}
