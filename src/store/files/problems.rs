//! What could not be read, by whose and which part it is, so that a cured problem goes away by itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

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

/// Milliseconds since the epoch.
fn now() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
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
        let old = self.found.remove(&(owner, look));
        self.dirty |= report.0.is_empty() && old.is_some();
        if report.0.is_empty() {
            return;
        }
        let old = old.unwrap_or_default();
        // Of a path that had a problem before, whatever it said then, the time stays: a file may get worse by the line.
        let before =
            |path: &Path| old.iter().find(|problem| problem.path == path).map(|problem| problem.since);
        let now = now();
        let new = report.0.into_iter().map(|(path, what)| {
            let since = before(&path).unwrap_or(now);
            Problem { run, path, what, since }
        });
        let new: Vec<Problem> = new.collect();
        self.dirty |= new != old;
        self.found.insert((owner, look), new);
    }

    /// Whether somebody has any.
    pub fn has(&self, owner: Owner) -> bool {
        self.found.range((owner, Look::Listing)..=(owner, Look::Metrics)).next().is_some()
    }

    /// Runs that have any, some more than once.
    pub fn runs(&self) -> impl Iterator<Item = RunKey> {
        self.found.keys().filter_map(|(owner, _)| if let Owner::Run(key) = owner { Some(*key) } else { None })
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

#[cfg(test)]
mod tests {
    use super::*;

    fn report(problems: &[(&str, &str)]) -> Report {
        Report(problems.iter().map(|(path, what)| (PathBuf::from(path), (*what).to_owned())).collect())
    }

    #[test]
    fn a_problem_keeps_its_time_until_it_is_cured() {
        let (mut ledger, mut index) = (Ledger::default(), Index::default());
        let owner = Owner::Run(RunKey(3));
        ledger.set(owner, Look::Metrics, report(&[("loss", "has 1 bad lines")]));
        assert!(ledger.publish(&mut index));
        let first = index.problems[0].clone();
        std::thread::sleep(std::time::Duration::from_millis(5));
        ledger.set(owner, Look::Metrics, report(&[("acc", "has no points"), ("loss", "has 2 bad lines")]));
        assert!(ledger.publish(&mut index));
        assert_eq!((index.problems[1].since, &*index.problems[1].what), (first.since, "has 2 bad lines"));
        assert!(index.problems[0].since > first.since);
        ledger.set(owner, Look::Metrics, report(&[("acc", "has no points"), ("loss", "has 2 bad lines")]));
        assert!(!ledger.publish(&mut index), "nothing new");
        ledger.set(owner, Look::Metrics, Report::default());
        assert!(ledger.publish(&mut index) && index.problems.is_empty(), "gone when cured");
    }
}
