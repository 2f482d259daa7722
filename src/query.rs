//! From what is known to what is shown: which runs, in which order, as which tree, with which columns.
//!
//! A pure function of an [`Index`] and a [`Query`]. It has a thread of its own, since it looks at every run; what it
//! gives carries the index that it was computed from, so a row can never point into a newer one.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use crate::index::{ExperimentKey, Index, Run, RunKey};

pub mod aggregate;
mod arrange;
mod by_key;
pub mod cell;
pub mod columns;
pub mod experiments;
pub mod filter;
mod formats;
pub mod fuzzy;
pub mod group;
pub mod heat;
mod near;
mod order;
mod roll;
mod rollup;
pub mod shared;
mod tree;
pub mod vitals;

pub use aggregate::{Aggregate, Directions, Look};
pub use by_key::ByKey;
pub use columns::{Column, ColumnView};
pub use experiments::{ExperimentRow, Kind};
pub use filter::Filter;
pub use formats::{ColumnFormat, Formats};
pub use group::{Group, Groups, Stat};
pub use heat::Ranks;
pub use rollup::{Rollup, Rollups, Spread};
pub use shared::Shared;

use arrange::{Arranged, Ground};
use roll::Roll;

/// Column and direction of the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sort {
    /// By which column.
    pub column: Column,
    /// Highest, latest or last in the alphabet first. What is missing comes last either way.
    pub descending: bool,
    /// Params, tags and names letter by letter, as MLflow's `order_by` has them; else numbers as numbers and `v10`
    /// after `v9`.
    pub by_letter: bool,
}

impl Sort {
    /// In natural order.
    pub fn new(column: Column, descending: bool) -> Self {
        Self { column, descending, by_letter: false }
    }
}

impl Default for Sort {
    /// MLflow's own order: `start_time DESC`, then the run id.
    fn default() -> Self {
        Self::new(Column::Start, true)
    }
}

/// How the rows hang together.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Grouping {
    /// Children below their parents.
    #[default]
    Tree,
    /// All runs side by side.
    Flat,
    /// Runs with equal values in these columns below a row of their own.
    By(Arc<[Column]>),
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
    /// Only what passes this; in the tree also the parents above.
    pub filter: Option<Arc<Filter>>,
    /// Without these runs.
    pub hidden: Arc<FxHashSet<RunKey>>,
    /// Narrowed to what matches this, fuzzily.
    pub find: String,
    /// In this order; what is equal in all of it, and everything where it is empty, in MLflow's own.
    pub sort: Vec<Sort>,
    /// Parents stand where the first of what is below them would, even where they have a value of their own.
    pub by_child: bool,
    /// Which hang together in this way.
    pub grouping: Grouping,
    /// Which direction of a metric is better, where somebody set it.
    pub better: Arc<Directions>,
    /// With these parents open.
    pub opened: Arc<Opened>,
    /// Which value of the metrics is shown where the columns choose themselves.
    pub aggregate: Aggregate,
    /// How columns look.
    pub formats: Arc<Formats>,
    /// With these columns; when none are named they choose themselves, and those that order are among them.
    pub columns: Option<Arc<Vec<Column>>>,
    /// Without columns of params, tags and metrics in which all runs that pass the filter are the same.
    pub diff_only: bool,
    /// Folders of the experiments pane that are closed.
    pub folded: Arc<FxHashSet<String>>,
    /// The time, milliseconds since the epoch, for what depends on it.
    pub now: i64,
}

impl Query {
    /// The first column of the order.
    pub fn lead(&self) -> Sort {
        self.sort.first().copied().unwrap_or_default()
    }
}

/// One line of the runs table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// The run; of a group its own key, which is no run's: see [`RunKey::is_group`] and [`Rows::groups`].
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

impl Row {
    /// A run by itself, without a place among the others.
    pub fn alone(run: RunKey) -> Self {
        Self {
            run,
            parent: None,
            depth: 0,
            last: true,
            rails: 0,
            children: 0,
            open: false,
            context: false,
            stray: None,
        }
    }
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
    /// Runs there would be without filter, hiding and narrowing.
    pub total: usize,
    /// Of those, hidden ones.
    pub hidden: usize,
    /// Runs of which the filter cannot tell yet, since what it asks for is being read. They are not among the lines.
    pub undecided: usize,
    /// Cells that the longest name takes with all parents open, with the tree before it and what stands after it.
    pub name_width: u16,
    /// The columns, measured.
    pub columns: Vec<ColumnView>,
    /// What parent rows, and rows of groups, tell about what is below them.
    pub rollups: Arc<Rollups>,
    /// The groups, where the query asks for some.
    pub groups: Arc<Groups>,
    /// What all runs share, where the query asks for what differs.
    pub shared: Arc<Shared>,
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
        if run.is_group() {
            return self.items.iter().position(|row| row.run == run);
        }
        let line = *self.lines.get(run.0 as usize)?;
        self.items.get(line as usize).is_some_and(|row| row.run == run).then_some(line as usize)
    }

    /// The line of a row's parent, and of its parent, and so on.
    pub fn above(&self, line: usize) -> impl Iterator<Item = usize> {
        let parent = |line: usize| self.items.get(line)?.parent.map(|line| line as usize);
        std::iter::successors(parent(line), move |line| parent(*line))
    }
}

/// Runs that are fetched at once.
pub const FETCHED: usize = 32;

/// Has the processor fetch runs all at the same time. They lie anywhere in memory, and waiting for one after the other
/// takes most of the time of a query.
pub fn fetch<'a>(runs: impl Iterator<Item = &'a &'a Run>) {
    std::hint::black_box(runs.map(|run| run.params().len() + run.tags().len()).sum::<usize>());
}

/// Answers a query.
pub fn rows(index: &Arc<Index>, query: &Arc<Query>) -> Rows {
    Answers::default().rows(index, query)
}

/// Answers one query after the other: what a query has in common with the one before is not found again, so typing and
/// opening parents cost little, and a new index costs what is new in it and what is shown.
#[derive(Debug, Default)]
pub struct Answers {
    roll: Roll,
    ground: Option<Ground>,
    last: Option<Arranged>,
}

impl Answers {
    /// Answers a query.
    pub fn rows(&mut self, index: &Arc<Index>, query: &Arc<Query>) -> Rows {
        let ground = match self.ground.take().filter(|ground| ground.fits(index, query)) {
            Some(ground) => ground,
            None => {
                self.last = None;
                self.roll.keep(index);
                Ground::new(&self.roll, query)
            }
        };
        let last = self.last.take().filter(|last| last.fits(query));
        let last = last.unwrap_or_else(|| Arranged::new(&ground, query));
        let rows = last.rows(&ground, query);
        (self.ground, self.last) = (Some(ground), Some(last));
        rows
    }
}

#[cfg(test)]
mod tests;
