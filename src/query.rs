//! From what is known to what is shown: which runs, in which order, as which tree, with which columns.
//!
//! A pure function of an [`Index`] and a [`Query`]. It has a thread of its own, since it looks at every run; what it
//! gives carries the index that it was computed from, so a row can never point into a newer one.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use crate::index::{ExperimentKey, Index, Lifecycle, Run, RunKey};

mod by_key;
pub mod cell;
pub mod columns;
pub mod experiments;
pub mod fuzzy;
mod near;
mod order;
mod rollup;
mod tree;

pub use by_key::ByKey;
pub use columns::{Column, ColumnView};
pub use experiments::{ExperimentRow, Kind};
pub use rollup::{Rollup, Rollups, Spread};

/// Column and direction of the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// By which column.
    pub column: Column,
    /// Highest, latest or last in the alphabet first. What is missing comes last either way.
    pub descending: bool,
}

impl Default for Sort {
    /// MLflow's own order: `start_time DESC`, then the run id.
    fn default() -> Self {
        Self { column: Column::Start, descending: true }
    }
}

/// Which parent runs show their children.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Opened {
    /// All, apart from `others`; else none, apart from `others`.
    pub all: bool,
    /// The exceptions.
    pub others: FxHashSet<RunKey>,
}

impl Opened {
    /// Whether a parent run shows its children.
    pub fn contains(&self, key: RunKey) -> bool {
        self.all != self.others.contains(&key)
    }

    /// Opens or closes one.
    pub fn set(&mut self, key: RunKey, open: bool) {
        if open == self.all {
            self.others.remove(&key);
        } else {
            self.others.insert(key);
        }
    }
}

/// What is asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// Of which experiment; none for all of them.
    pub experiment: Option<ExperimentKey>,
    /// Nobody has chosen an experiment yet: [`Index::latest`] is meant as soon as it is known.
    pub undecided: bool,
    /// Deleted runs and experiments too.
    pub deleted: bool,
    /// Narrowed to what matches this, fuzzily. MLflow's filter grammar will stand beside it.
    pub find: String,
    /// In this order.
    pub sort: Sort,
    /// With these parents open.
    pub opened: Arc<Opened>,
    /// With these columns; when none are named they choose themselves, and the one that orders is among them.
    pub columns: Option<Arc<Vec<Column>>>,
    /// Folders of the experiments pane that are closed.
    pub folded: Arc<FxHashSet<String>>,
    /// The time, milliseconds since the epoch, for what depends on it.
    pub now: i64,
}

/// One line of the runs table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The run.
    pub run: RunKey,
    /// The line of its parent.
    pub parent: Option<u32>,
    /// Parents above it.
    pub depth: u16,
    /// Whether it is the last child of its parent.
    pub last: bool,
    /// Which of the levels above go on below this line, lowest bit the outermost: where the tree's rails are drawn.
    pub rails: u32,
    /// Its children, not deeper.
    pub children: u32,
    /// Whether its children follow.
    pub open: bool,
    /// Shown only because something below it matches.
    pub context: bool,
    /// Its parent is not here, or it is its own ancestor.
    pub stray: Option<Stray>,
}

/// Why a run with a parent stands at the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stray {
    /// The parent is not in what is shown: deleted, in another experiment, or never there.
    Orphan,
    /// The parents form a circle, which is cut here.
    Circle,
}

/// The answer.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// The index it was computed from.
    pub index: Arc<Index>,
    /// The question.
    pub query: Arc<Query>,
    /// The lines, closed parents' children left out.
    pub items: Vec<Row>,
    /// Runs that match.
    pub matched: usize,
    /// Runs there would be without narrowing.
    pub total: usize,
    /// Cells that the longest name takes with all parents open, with the tree before it and what stands after it.
    pub name_width: u16,
    /// The columns, measured.
    pub columns: Vec<ColumnView>,
    /// What parent rows tell about their children.
    pub rollups: Rollups,
    /// The lines of the experiments pane.
    pub experiments: Vec<ExperimentRow>,
    /// Characters of the longest of them, with the blanks before it.
    pub experiments_width: u16,
    /// Experiments there are, also those in closed folders.
    pub experiment_count: usize,
    /// Whether all of it has been read; else order and columns are so far.
    pub complete: bool,
    /// The line of each run by its slot.
    lines: Vec<u32>,
}

impl Rows {
    /// The line of a run.
    pub fn place(&self, run: RunKey) -> Option<usize> {
        let line = *self.lines.get(run.0 as usize)?;
        self.items.get(line as usize).is_some_and(|row| row.run == run).then_some(line as usize)
    }

    /// The line of a row's parent, and of its parent, and so on.
    pub fn above(&self, line: usize) -> impl Iterator<Item = usize> {
        let parent = |line: usize| self.items.get(line)?.parent.map(|line| line as usize);
        std::iter::successors(parent(line), move |line| parent(*line))
    }
}

/// Answers a query.
pub fn rows(index: &Arc<Index>, query: &Arc<Query>) -> Rows {
    let mut census = experiments::Census::new(index, query);
    let mut list: Vec<&Run> = Vec::new();
    for run in index.runs().filter(|run| query.deleted || run.lifecycle != Lifecycle::Deleted) {
        let is_asked_for = !query.undecided && query.experiment.is_none_or(|key| run.experiment == key);
        if census.count(run) && is_asked_for {
            list.push(run);
        }
    }
    let mut pattern = fuzzy::Search::new(&query.find, &index.keys);
    let matched =
        (!pattern.is_empty()).then(|| list.iter().map(|run| pattern.finds(run)).collect::<Vec<bool>>());
    let columns = query.columns.clone().unwrap_or_else(|| Arc::new(columns::choose(index, &list, query)));
    let links = tree::link(&list);
    let rollups = rollup::roll_up(&list, &links, &columns, query.sort.column, index);
    let order = order::sort(&list, &rollups, index, query);
    let items = tree::flatten(&list, &links, &order, matched.as_deref(), query);
    let mut lines = vec![u32::MAX; index.runs.len()];
    for (line, row) in (0u32..).zip(&items) {
        if let Some(slot) = lines.get_mut(row.run.0 as usize) {
            *slot = line;
        }
    }
    let experiments = experiments::rows(index, query, &census);
    let width = |row: &ExperimentRow| row.name.chars().count() + 2 * usize::from(row.depth);
    Rows {
        matched: matched.map_or(list.len(), |matched| matched.into_iter().filter(|is| *is).count()),
        total: list.len(),
        name_width: columns::name_width(&list, &links, &rollups),
        columns: columns::measure(&columns, &list, &rollups, query.sort.column, index, query.now),
        experiments_width: experiments.iter().map(width).max().unwrap_or(0) as u16,
        experiments,
        experiment_count: census.experiments(index),
        complete: index.progress.has_all(),
        rollups,
        items,
        lines,
        query: query.clone(),
        index: index.clone(),
    }
}
