//! From what is known to what is shown: which runs, in which order, as which tree, with which columns.
//!
//! A pure function of an [`Index`] and a [`Query`]. It has a thread of its own, since it looks at every run; what it
//! gives carries the index that it was computed from, so a row can never point into a newer one.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use crate::index::{ExperimentKey, Index, Run, RunKey};

mod by_key;
pub mod cell;
pub mod columns;
pub mod experiments;
pub mod fuzzy;
mod near;
mod order;
mod roll;
mod rollup;
mod tree;

pub use by_key::ByKey;
pub use columns::{Column, ColumnView};
pub use experiments::{ExperimentRow, Kind};
pub use rollup::{Rollup, Rollups, Spread};

use roll::{Census, Roll};

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
    pub rollups: Arc<Rollups>,
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
    last: Option<Arranged>,
}

impl Answers {
    /// Answers a query.
    pub fn rows(&mut self, index: &Arc<Index>, query: &Arc<Query>) -> Rows {
        let (last, matched) = match self.last.take().filter(|last| last.fits(index, query)) {
            Some(last) => {
                let matched = last.matched(&query.find);
                (last, matched)
            }
            None => {
                self.roll.keep(index);
                Arranged::new(&self.roll, query)
            }
        };
        self.last.insert(last).rows(query, matched)
    }
}

/// How long ages and durations may be old while nothing else changes, in milliseconds: they decide about widths and the
/// order of what is running.
const STALE: i64 = 10_000;

/// All of an answer that depends neither on what is looked for nor on what is open.
#[derive(Debug)]
struct Arranged {
    index: Arc<Index>,
    query: Arc<Query>,
    list: Vec<RunKey>,
    links: tree::Links,
    order: Vec<u32>,
    rollups: Arc<Rollups>,
    columns: Vec<ColumnView>,
    name_width: u16,
    census: Census,
}

impl Arranged {
    fn fits(&self, index: &Arc<Index>, query: &Query) -> bool {
        let asked = |query: &Query| {
            (query.experiment, query.undecided, query.deleted, query.sort, query.columns.clone())
        };
        Arc::ptr_eq(&self.index, index)
            && asked(&self.query) == asked(query)
            && (query.now - STALE..=query.now).contains(&self.query.now)
    }

    /// Also says which runs match, where not all do.
    fn new(roll: &Roll, query: &Arc<Query>) -> (Self, Option<Vec<bool>>) {
        let index = roll.index();
        let (census, mut keys) = roll.census(query);
        if query.undecided {
            keys.clear();
        }
        let list: Vec<&Run> = keys.iter().filter_map(|key| index.run(*key).map(|run| &**run)).collect();
        // Everything that has to look at every run looks at it now, while it is at hand.
        let mut search = fuzzy::Search::new(&query.find, &index.keys);
        let mut matched = (!search.is_empty()).then(|| Vec::with_capacity(list.len()));
        let mut chooser = query.columns.is_none().then(|| columns::Chooser::new(&index.keys));
        let mut linker = tree::Linker::default();
        let mut order = order::Order::new(index, query);
        for runs in list.chunks(FETCHED) {
            fetch(runs.iter());
            for run in runs {
                matched.iter_mut().for_each(|matched| matched.push(search.finds(run)));
                chooser.iter_mut().for_each(|chooser| chooser.take(run));
                linker.take(run);
                order.take(run);
            }
        }
        let chosen = chooser.map(|chooser| Arc::new(chooser.choose(index, query)));
        let columns = chosen.or(query.columns.clone()).unwrap_or_default();
        let (links, sorted) = (linker.link(&list), query.sort.column);
        let rollups = rollup::roll_up(&list, &links, &columns, sorted, index);
        let arranged = Self {
            order: order.sort(&list, &rollups),
            name_width: columns::name_width(&list, &links, &rollups),
            columns: columns::measure(&columns, &list, &rollups, sorted, index, query.now),
            list: keys,
            links,
            rollups: Arc::new(rollups),
            census,
            index: index.clone(),
            query: query.clone(),
        };
        (arranged, matched)
    }

    /// The rows, narrowed and opened as a query asks.
    fn rows(&self, query: &Arc<Query>, matched: Option<Vec<bool>>) -> Rows {
        let index = &self.index;
        let items = tree::flatten(&self.list, &self.links, &self.order, matched.as_deref(), query);
        let mut lines = vec![u32::MAX; index.runs.len()];
        for (line, row) in (0u32..).zip(&items) {
            if let Some(slot) = lines.get_mut(row.run.0 as usize) {
                *slot = line;
            }
        }
        let experiments = experiments::rows(index, query, &self.census);
        let width = |row: &ExperimentRow| row.name.chars().count() + 2 * usize::from(row.depth);
        Rows {
            matched: matched.map_or(self.list.len(), |matched| matched.into_iter().filter(|is| *is).count()),
            total: self.list.len(),
            name_width: self.name_width,
            columns: self.columns.clone(),
            experiments_width: experiments.iter().map(width).max().unwrap_or(0) as u16,
            experiments,
            experiment_count: self.census.experiments(index),
            complete: index.progress.has_all(),
            rollups: self.rollups.clone(),
            items,
            lines,
            query: query.clone(),
            index: index.clone(),
        }
    }

    /// Which runs of the list match; nothing where all do.
    fn matched(&self, find: &str) -> Option<Vec<bool>> {
        let mut search = fuzzy::Search::new(find, &self.index.keys);
        if search.is_empty() {
            return None;
        }
        let mut matched = Vec::with_capacity(self.list.len());
        let mut runs = Vec::with_capacity(FETCHED);
        for keys in self.list.chunks(FETCHED) {
            runs.clear();
            runs.extend(keys.iter().filter_map(|key| self.index.run(*key).map(|run| &**run)));
            fetch(runs.iter());
            matched.extend(runs.iter().map(|run| search.finds(run)));
        }
        Some(matched)
    }
}

#[cfg(test)]
mod tests;
