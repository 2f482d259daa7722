//! The steps from an index to rows, each kept until what it depends on changes: which runs there are and how they hang
//! together, then what passes the filter in its order, then what is found and open.

use std::sync::Arc;

use super::columns::{self, Chooser, Chosen};
use super::experiments::{self, ExperimentRow};
use super::filter::{Plan, World};
use super::order::Order;
use super::roll::{Census, Roll};
use super::tree::{self, Links};
use super::{
    Column, ColumnView, FETCHED, Grouping, Groups, Query, Rollups, Rows, Shared, fetch, fuzzy, group, rollup,
    shared,
};
use crate::index::{Index, Run, RunKey};

/// How long ages and durations may be old while nothing else changes, in milliseconds: they decide about widths and the
/// order of what is running.
const STALE: i64 = 10_000;

/// What depends only on which runs a query is about.
#[derive(Debug)]
pub struct Ground {
    index: Arc<Index>,
    query: Arc<Query>,
    list: Vec<RunKey>,
    links: Links,
    chosen: Chosen,
    census: Census,
}

impl Ground {
    pub fn fits(&self, index: &Arc<Index>, query: &Query) -> bool {
        let asked = |query: &Query| (query.experiment, query.undecided, query.deleted);
        Arc::ptr_eq(&self.index, index) && asked(&self.query) == asked(query)
    }

    pub fn new(roll: &Roll, query: &Arc<Query>) -> Self {
        let index = roll.index();
        let (census, mut list) = roll.census(query);
        if query.undecided {
            list.clear();
        }
        let runs = runs_of(index, &list);
        // Everything that has to look at every run looks at it now, while it is at hand.
        let mut chooser = Chooser::new(&index.keys);
        let mut linker = tree::Linker::default();
        for runs in runs.chunks(FETCHED) {
            fetch(runs.iter());
            for run in runs {
                chooser.take(run);
                linker.take(run);
            }
        }
        let (chosen, links) = (chooser.choose(index, query), linker.link(&runs));
        Self { list, links, chosen, census, index: index.clone(), query: query.clone() }
    }
}

fn runs_of<'a>(index: &'a Index, list: &[RunKey]) -> Vec<&'a Run> {
    list.iter().filter_map(|key| index.run(*key).map(|run| &**run)).collect()
}

/// All of an answer that depends neither on what is looked for nor on what is open.
#[derive(Debug)]
pub struct Arranged {
    query: Arc<Query>,
    /// Which runs pass, where not all do.
    passed: Option<Vec<bool>>,
    hidden: usize,
    undecided: usize,
    order: Vec<u32>,
    rollups: Arc<Rollups>,
    groups: Arc<Groups>,
    shared: Arc<Shared>,
    columns: Vec<ColumnView>,
    name_width: u16,
}

impl Arranged {
    pub fn fits(&self, query: &Query) -> bool {
        let (old, new) = (&*self.query, query);
        (&old.filter, &old.hidden, &old.sort, &old.by_child)
            == (&new.filter, &new.hidden, &new.sort, &new.by_child)
            && (&old.grouping, &old.better, &old.columns) == (&new.grouping, &new.better, &new.columns)
            && (&old.formats, old.aggregate, old.diff_only) == (&new.formats, new.aggregate, new.diff_only)
            && (new.now - STALE..=new.now).contains(&old.now)
    }

    pub fn new(ground: &Ground, query: &Arc<Query>) -> Self {
        let index = &*ground.index;
        let list = runs_of(index, &ground.list);
        let flat = Links::flat(list.len(), &query.grouping);
        let links = flat.as_ref().unwrap_or(&ground.links);
        let mut order = Order::new(index, query);
        let (passed, undecided) = passing(ground, query, &list, &mut order);
        let hidden = if query.hidden.is_empty() { 0 } else { hidden(ground, query) };
        if let Some(passed) = &passed {
            // What passes has been taken while it was looked at; parents come as the way to it.
            let kept = links.with_parents(passed);
            for (place, run) in (0..).zip(&list) {
                let is = |flags: &[bool]| flags.get(place as usize).is_some_and(|is| *is);
                if is(&kept) && !is(passed) {
                    order.take(place, run);
                }
            }
        }
        let all = query.columns.as_deref().cloned().unwrap_or_else(|| ground.chosen.columns(query));
        let (columns, shared) = if query.diff_only {
            let is = |place: &usize| passed.as_ref().is_none_or(|p| p.get(*place).is_some_and(|is| *is));
            let runs: Vec<&Run> =
                (0..list.len()).filter(is).filter_map(|place| list.get(place).copied()).collect();
            shared::differing(&runs, all, index, query)
        } else {
            (all, Shared::default())
        };
        let wanted = columns_with(&columns, query);
        let mut rollups = if links.is_flat() {
            Rollups::default()
        } else {
            rollup::roll_up(&list, links, passed.as_deref(), &wanted, index, query)
        };
        let order = order.sort(&list, &rollups);
        let mut groups = Groups::default();
        if let Grouping::By(by) = &query.grouping {
            (groups, rollups) = group::group(&list, &order, by, &wanted, index, query);
        }
        Self {
            name_width: columns::name_width(&list, links, &rollups, &groups),
            columns: columns::measure(&columns, &list, (&rollups, &groups), index, query),
            passed,
            hidden,
            undecided,
            order,
            rollups: Arc::new(rollups),
            groups: Arc::new(groups),
            shared: Arc::new(shared),
            query: query.clone(),
        }
    }

    /// The rows, narrowed and opened as a query asks.
    pub fn rows(&self, ground: &Ground, query: &Arc<Query>) -> Rows {
        let index = &ground.index;
        let matched = self.found(ground, &query.find);
        let matched = matched.as_ref().or(self.passed.as_ref());
        let flat = Links::flat(ground.list.len(), &query.grouping);
        let links = flat.as_ref().unwrap_or(&ground.links);
        let items = match &query.grouping {
            Grouping::By(_) => self.groups.flatten(&ground.list, matched.map(|m| &**m), query),
            _ => {
                let narrowed = !query.find.trim().is_empty();
                tree::flatten(&ground.list, links, &self.order, matched.map(|m| &**m), narrowed, query)
            }
        };
        let mut lines = vec![u32::MAX; index.runs.len()];
        for (line, row) in (0u32..).zip(&items) {
            if let Some(slot) = lines.get_mut(row.run.0 as usize) {
                *slot = line;
            }
        }
        let experiments = experiments::rows(index, query, &ground.census);
        let width = |row: &ExperimentRow| row.name.chars().count() + 2 * usize::from(row.depth);
        Rows {
            matched: matched.map_or(ground.list.len(), |matched| matched.iter().filter(|is| **is).count()),
            total: ground.list.len(),
            hidden: self.hidden,
            undecided: self.undecided,
            name_width: self.name_width,
            columns: self.columns.clone(),
            experiments_width: experiments.iter().map(width).max().unwrap_or(0) as u16,
            experiments,
            experiment_count: ground.census.experiments(index),
            complete: index.progress.has_all() && self.undecided == 0,
            rollups: self.rollups.clone(),
            groups: self.groups.clone(),
            shared: self.shared.clone(),
            items,
            lines,
            query: query.clone(),
            index: index.clone(),
        }
    }

    /// Which runs of those that pass have what is looked for; nothing where nothing is looked for.
    fn found(&self, ground: &Ground, find: &str) -> Option<Vec<bool>> {
        let mut search = fuzzy::Search::new(find, &ground.index.keys);
        if search.is_empty() {
            return None;
        }
        let list = runs_of(&ground.index, &ground.list);
        let mut found = Vec::with_capacity(list.len());
        for runs in list.chunks(FETCHED) {
            fetch(runs.iter());
            for run in runs {
                let passes = self.passed.as_ref().is_none_or(|p| p.get(found.len()).is_some_and(|is| *is));
                found.push(passes && search.finds(run));
            }
        }
        Some(found)
    }
}

/// Which runs pass the filter and are not hidden, where not all do; and of how many the filter cannot tell yet. Those that
/// pass are put into the order at once, while they are at hand.
fn passing<'a>(
    ground: &'a Ground,
    query: &'a Query,
    list: &'a [&'a Run],
    order: &mut Order<'a>,
) -> (Option<Vec<bool>>, usize) {
    let world = World { list, links: &ground.links, look: query.look(&ground.index) };
    let filter = query.filter.as_deref().filter(|filter| !filter.is_empty());
    let mut plan = filter.map(|filter| Plan::new(filter, &world));
    let all_pass = plan.is_none() && query.hidden.is_empty();
    let (mut passed, mut undecided, mut place) = (Vec::new(), 0, 0);
    if !all_pass {
        passed.reserve(list.len());
    }
    for runs in list.chunks(FETCHED) {
        fetch(runs.iter());
        for run in runs {
            let verdict = match &mut plan {
                _ if !all_pass && query.hidden.contains(&run.key) => Some(false),
                Some(plan) => plan.verdict(run, place),
                None => Some(true),
            };
            if verdict == Some(true) {
                order.take(place, run);
            }
            undecided += usize::from(verdict.is_none());
            if !all_pass {
                passed.push(verdict == Some(true));
            }
            place += 1;
        }
    }
    ((!all_pass).then_some(passed), undecided)
}

fn hidden(ground: &Ground, query: &Query) -> usize {
    ground.list.iter().filter(|run| query.hidden.contains(run)).count()
}

/// The columns that are shown, and those that order.
fn columns_with(columns: &[Column], query: &Query) -> Vec<Column> {
    let mut all = columns.to_vec();
    all.extend(query.sort.iter().map(|sort| sort.column).filter(|column| !columns.contains(column)));
    all
}
