//! Parent and children of the run that is looked at. Finding them means looking at all runs, so afterwards only those
//! are looked at that have changed.

use std::sync::Arc;

use crate::index::{Index, Lifecycle, Run, RunKey};
use crate::query::{FETCHED, fetch};

/// The runs that a run hangs together with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relatives {
    /// The parent, if it is in the store; the child's own experiment goes first.
    pub parent: Option<RunKey>,
    /// The children, oldest first.
    pub children: Vec<RunKey>,
}

impl Relatives {
    /// The relatives of a run.
    pub fn of(run: &Run, index: &Index) -> Self {
        let all: Vec<&Run> = index.runs().map(|run| &**run).collect();
        let mut relatives = Self::default();
        for runs in all.chunks(FETCHED) {
            fetch(runs.iter());
            runs.iter().for_each(|other| relatives.take(run, other));
        }
        relatives.sort(index);
        relatives
    }

    /// The relatives of a run in a newer index. `is_same` says whether nothing has changed in the run itself.
    pub fn keep(&mut self, run: &Run, is_same: bool, before: &Index, index: &Index) {
        let slots = (0..index.runs.len()).map(|slot| RunKey(slot as u32));
        let is_other = |key: &RunKey| before.run(*key).map(Arc::as_ptr) != index.run(*key).map(Arc::as_ptr);
        let changed: Vec<RunKey> = slots.filter(is_other).collect();
        let parent = run.parent_run_id();
        let is_parent = |key: &RunKey| {
            let id = || index.run(*key).or(before.run(*key)).map(|run| run.run_id());
            self.parent == Some(*key) || (parent.is_some() && id() == parent)
        };
        if !is_same || changed.iter().any(is_parent) {
            return *self = Self::of(run, index);
        }
        let known = self.children.len();
        self.children.retain(|child| changed.binary_search(child).is_err());
        let kept = self.children.len();
        for other in changed.iter().filter_map(|key| index.run(*key)) {
            self.take(run, other);
        }
        if (kept, kept) != (known, self.children.len()) {
            self.sort(index);
        }
    }

    fn take(&mut self, run: &Run, other: &Run) {
        if other.key == run.key {
            return;
        }
        if run.parent_run_id().is_some_and(|id| id == other.run_id())
            && (self.parent.is_none() || other.experiment == run.experiment)
        {
            self.parent = Some(other.key);
        }
        let is_shown = other.lifecycle == Lifecycle::Active || run.lifecycle == Lifecycle::Deleted;
        if is_shown && other.parent_run_id() == Some(run.run_id()) {
            self.children.push(other.key);
        }
    }

    fn sort(&mut self, index: &Index) {
        let of = |key: &RunKey| index.run(*key).map(|run| (run.start_time(), run.run_id()));
        self.children.sort_by(|a, b| of(a).cmp(&of(b)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Key;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_kept_is_what_would_be_found(
            edits in proptest::collection::vec(proptest::collection::vec((0..8u32, 0..4u8, 0..8usize), 0..4), 1..8),
        ) {
            let mut index = Index::default();
            let experiments = [index.add_experiment("0".into()), index.add_experiment("1".into())];
            let ids = ["a", "b", "c", "d", "a", "b", "c", "e"];
            for (i, id) in ids.iter().enumerate() {
                index.add_run(id, experiments[i / 4]);
            }
            let mut kept = Relatives::of(index.run(RunKey(0)).unwrap(), &index);
            for edits in edits {
                let before = index.clone();
                for (key, what, value) in edits {
                    let key = RunKey(key);
                    match what {
                        0 if key.0 > 0 => index.remove_run(key),
                        1 => index.edit_run(key, |draft| draft.start_time = Some(value as i64)),
                        2 => index.edit_run(key, |draft| draft.lifecycle = Lifecycle::Deleted),
                        _ => index.edit_run(key, |draft| _ = draft.tags().push(Key::PARENT, ids[value])),
                    }
                }
                let (old, run) = (before.run(RunKey(0)).unwrap(), index.run(RunKey(0)).unwrap());
                kept.keep(run, Arc::ptr_eq(old, run), &before, &index);
                let found = Relatives::of(run, &index);
                prop_assert_eq!(kept.parent, found.parent);
                let sorted = |keys: &[RunKey]| {
                    let mut keys = keys.to_vec();
                    keys.sort();
                    keys
                };
                prop_assert_eq!(sorted(&kept.children), sorted(&found.children));
                let started = |key: &RunKey| index.run(*key).unwrap().start_time();
                prop_assert!(kept.children.is_sorted_by_key(started));
            }
        }
    }
}
