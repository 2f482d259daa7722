//! What the user has settled about a store and wants to find again: views, filters, pins, which way is best.
//!
//! It is kept between starts in one file per store ([`mod@file`]), outside of the store. Everything is told by name, since
//! keys and slots belong to one process. Changes are [`Edit`]s, not whole states: two programs that look at one store
//! keep what either of them has settled.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub mod file;

/// Filters that are remembered, the latest of them.
const HISTORY: usize = 200;
/// Parents of a view whose children are told to be shown or hidden.
const OPENED: usize = 5_000;

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct State {
    /// Filters by name.
    pub filters: BTreeMap<String, String>,
    /// Filters that were used, the latest last.
    pub history: Vec<String>,
    /// For each metric, by name, whether higher is better, where the user said so.
    pub higher_is_better: BTreeMap<String, bool>,
    /// Runs that stand above all others, in this order.
    pub pinned: Vec<RunName>,
    /// Runs that are left out.
    pub hidden: Vec<RunName>,
    /// By experiment id; what belongs to all experiments together has an empty one.
    pub experiments: BTreeMap<String, Kept>,
}

/// What is kept of an experiment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// How it was looked at last.
    pub last: SavedView,
    /// Views that were given a name.
    pub views: BTreeMap<String, SavedView>,
}

/// A run by what stands in the store; the same run id may lie in two experiments.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RunName {
    /// The experiment id.
    pub experiment: String,
    /// The run id.
    pub run: String,
}

/// How the runs of an experiment are looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedView {
    /// The filter as it was typed.
    pub filter: String,
    /// The columns; none when they choose themselves.
    pub columns: Option<Vec<SavedColumn>>,
    /// How columns look that choose themselves.
    pub formats: Vec<SavedColumn>,
    /// The columns that order, the first one first; none for MLflow's own order.
    pub sort: Vec<SavedSort>,
    /// Parents stand where the best of their children would.
    pub by_best_child: bool,
    /// `tree` or nothing, `flat`, or what groups: `experiment`, `params.seed`.
    pub group: String,
    /// Which value of a metric is shown: `last` or nothing, `best`, `min`, `max`, `first`, `mean`, or a step.
    pub aggregate: String,
    /// Only columns in which the runs differ.
    pub only_differing: bool,
    /// Which parents are open.
    pub opened: SavedOpened,
}

impl SavedView {
    /// Takes over what differs between two other views.
    pub fn change(&mut self, before: &Self, after: Self) {
        fn take<T: PartialEq>(own: &mut T, before: &T, after: T) {
            if after != *before {
                *own = after;
            }
        }
        take(&mut self.filter, &before.filter, after.filter);
        take(&mut self.columns, &before.columns, after.columns);
        take(&mut self.formats, &before.formats, after.formats);
        take(&mut self.sort, &before.sort, after.sort);
        take(&mut self.by_best_child, &before.by_best_child, after.by_best_child);
        take(&mut self.group, &before.group, after.group);
        take(&mut self.aggregate, &before.aggregate, after.aggregate);
        take(&mut self.only_differing, &before.only_differing, after.only_differing);
        take(&mut self.opened, &before.opened, after.opened);
    }
}

/// A column.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedColumn {
    /// Its name in the filter grammar: `metrics.rmse`, `params.lr`, `status`.
    pub name: String,
    /// How wide, in cells; none for as wide as its values.
    pub width: Option<u16>,
    /// How numbers are written: `4` significant digits, `%`, `e`; nothing for what suits each number.
    pub format: String,
    /// Coloured by rank.
    pub heat: bool,
    /// Stays at the left when the others scroll.
    pub left: bool,
}

/// A column that orders.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SavedSort {
    /// The column.
    pub by: String,
    /// Highest first.
    pub descending: bool,
}

/// Which parents are open.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedOpened {
    /// All but the others; else none but the others.
    pub all: bool,
    /// The exceptions: run ids, and names of groups.
    pub others: Vec<String>,
}

/// One thing that was settled.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// An experiment is looked at in this way now.
    Look(String, SavedView),
    /// A view of an experiment gets a name.
    SaveView(String, String, SavedView),
    /// A view's name is forgotten.
    ForgetView(String, String),
    /// A filter was used.
    UseFilter(String),
    /// A filter gets a name.
    SaveFilter(String, String),
    /// A filter's name is forgotten.
    ForgetFilter(String),
    /// Whether higher is better for a metric; none for what its name tells.
    Better(String, Option<bool>),
    /// A run is pinned, or no longer.
    Pin(RunName, bool),
    /// A run is hidden, or no longer.
    Hide(RunName, bool),
}

impl Edit {
    /// Whether the user has asked for it, and wants to know when it could not be kept.
    pub fn is_asked_for(&self) -> bool {
        !matches!(self, Self::Look(..) | Self::UseFilter(_))
    }
}

impl State {
    /// What is kept of an experiment, by its id.
    pub fn of(&self, experiment: &str) -> Option<&Kept> {
        self.experiments.get(experiment)
    }

    /// Settles something.
    pub fn apply(&mut self, edit: Edit) {
        match edit {
            Edit::Look(experiment, mut view) => {
                view.opened.others.truncate(OPENED);
                self.experiments.entry(experiment).or_default().last = view;
            }
            Edit::SaveView(experiment, name, mut view) => {
                view.opened.others.truncate(OPENED);
                self.experiments.entry(experiment).or_default().views.insert(name, view);
            }
            Edit::ForgetView(experiment, name) => {
                self.experiments.entry(experiment).or_default().views.remove(&name);
            }
            Edit::UseFilter(text) => {
                self.history.retain(|known| *known != text);
                self.history.push(text);
                self.history.drain(..self.history.len().saturating_sub(HISTORY));
            }
            Edit::SaveFilter(name, text) => _ = self.filters.insert(name, text),
            Edit::ForgetFilter(name) => _ = self.filters.remove(&name),
            Edit::Better(metric, Some(up)) => _ = self.higher_is_better.insert(metric, up),
            Edit::Better(metric, None) => _ = self.higher_is_better.remove(&metric),
            Edit::Pin(run, on) => set(&mut self.pinned, run, on),
            Edit::Hide(run, on) => set(&mut self.hidden, run, on),
        }
    }
}

fn set(runs: &mut Vec<RunName>, run: RunName, on: bool) {
    runs.retain(|known| *known != run);
    if on {
        runs.push(run);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_filter_stands_last_and_once() {
        let mut state = State::default();
        for text in ["a", "b", "a"] {
            state.apply(Edit::UseFilter(text.to_owned()));
        }
        assert_eq!(state.history, ["b", "a"]);
        (0..500).for_each(|n| state.apply(Edit::UseFilter(n.to_string())));
        assert_eq!((state.history.len(), state.history.last().map(String::as_str)), (HISTORY, Some("499")));
    }

    #[test]
    fn what_is_settled_twice_is_settled_once() {
        let mut state = State::default();
        let run = || RunName { experiment: "0".to_owned(), run: "a".to_owned() };
        for edit in [Edit::Pin(run(), true), Edit::Pin(run(), true), Edit::Hide(run(), true)] {
            state.apply(edit);
        }
        assert_eq!((state.pinned.len(), state.hidden.len()), (1, 1));
        state.apply(Edit::Pin(run(), false));
        state.apply(Edit::Hide(run(), false));
        assert_eq!(state, State::default());
    }
}
