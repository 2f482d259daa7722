//! Groups: runs with equal values in some columns in one row that opens, with mean and deviation of each metric.

use std::borrow::Cow;
use std::hash::Hasher;

use hashbrown::HashTable;
use rustc_hash::{FxHashMap, FxHasher};

use super::aggregate::{Look, Pick};
use super::cell::{self, Cell};
use super::rollup::{Gathered, Rollups, Spreading};
use super::{Column, Query, Row};
use crate::index::{Index, Run, RunKey};
use crate::shown::{Shown, shown};

/// The values of a column in a group.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stat {
    /// Runs that have a value that is not NaN.
    pub count: u32,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation, of a sample (divided by n - 1); nothing for one value.
    pub sd: Option<f64>,
    /// The lowest.
    pub min: f64,
    /// The highest.
    pub max: f64,
    /// The run with the best, the first in the order of the rows; the highest where nobody knows what is better.
    pub best: Option<RunKey>,
}

/// A group.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The key of its row.
    pub key: RunKey,
    /// Its values of the columns that group, in their order; nothing where its runs have none.
    pub values: Vec<Option<Shown>>,
    /// The values with the names of the columns, `lr=0.1 kernel=rbf`.
    pub title: Shown,
    /// Runs in it.
    pub runs: u32,
    /// Of each metric column, where some run has a value.
    stats: Vec<Option<Stat>>,
    /// Its runs, places in the list, in the order of the rows.
    members: Vec<u32>,
}

/// All groups.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    /// The columns that group.
    pub by: Vec<Column>,
    metrics: Vec<Column>,
    groups: Vec<Group>,
    places: FxHashMap<RunKey, u32>,
}

impl Groups {
    /// In the order of the rows.
    pub fn iter(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether there is none, or nobody asked for groups.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The group of a row.
    pub fn get(&self, row: RunKey) -> Option<&Group> {
        self.groups.get(*self.places.get(&row)? as usize)
    }

    /// The values of a metric column in a group.
    pub fn stat(&self, row: RunKey, column: Column) -> Option<Stat> {
        let place = self.metrics.iter().position(|metric| *metric == column)?;
        *self.get(row)?.stats.get(place)?
    }

    /// The lines: groups, and the runs of those that are open. Without `matched` all runs match.
    pub fn flatten(&self, list: &[RunKey], matched: Option<&[bool]>, query: &Query) -> Vec<Row> {
        let is_found = |place: u32| matched.is_none_or(|m| m.get(place as usize).is_some_and(|is| *is));
        let is_narrowed = !query.find.trim().is_empty();
        let mut rows = Vec::with_capacity(self.groups.len());
        let kept: Vec<(&Group, u32)> = (self.groups.iter())
            .map(|group| (group, group.members.iter().filter(|place| is_found(**place)).count() as u32))
            .filter(|(_, found)| *found > 0)
            .collect();
        for (number, (group, found)) in kept.iter().enumerate() {
            let open = query.opened.contains(group.key) || is_narrowed;
            let (line, last) = (rows.len() as u32, number + 1 == kept.len());
            let row = Row {
                run: group.key,
                parent: None,
                depth: 0,
                last,
                rails: 0,
                children: *found,
                open,
                context: false,
                stray: None,
            };
            rows.push(row);
            if open {
                let members = group.members.iter().filter(|place| is_found(**place));
                let runs = members.filter_map(|place| list.get(*place as usize));
                rows.extend((1..).zip(runs).map(|(number, run)| Row {
                    run: *run,
                    parent: Some(line),
                    depth: 1,
                    last: number == *found,
                    rails: u32::from(!last),
                    children: 0,
                    open: false,
                    ..row
                }));
            }
        }
        rows
    }
}

/// What a run is grouped by in one column: the text of its cell, without a copy where that can be.
fn word<'a>(run: &'a Run, column: Column, look: &Look<'a>) -> Option<Cow<'a, str>> {
    match column {
        Column::Param(key) => run.param(key).map(Cow::Borrowed),
        Column::Tag(key) => run.tag(key).map(Cow::Borrowed),
        _ => match cell::cell(run, column, look) {
            Cell::Empty | Cell::Loading => None,
            Cell::Number(text) | Cell::Words(text) => Some(text),
        },
    }
}

fn hash(run: &Run, by: &[Column], look: &Look<'_>) -> u64 {
    let mut hasher = FxHasher::default();
    for column in by {
        match word(run, *column, look) {
            Some(word) => {
                hasher.write_u8(1);
                hasher.write(word.as_bytes());
            }
            None => hasher.write_u8(0),
        }
        hasher.write_u8(b'\n');
    }
    hasher.finish()
}

/// Puts the runs of `order` into groups, and rolls up what is in them.
pub fn group(
    list: &[&Run],
    order: &[u32],
    by: &[Column],
    columns: &[Column],
    index: &Index,
    query: &Query,
) -> (Groups, Rollups) {
    let look = query.look(index);
    let mut groups = Groups {
        by: by.to_vec(),
        metrics: columns.iter().copied().filter(|column| column.is_metric()).collect(),
        ..Groups::default()
    };
    let members = members(list, order, by, &look);
    let picks: Vec<(Pick, Option<bool>)> = (groups.metrics.iter())
        .filter_map(|column| match column {
            Column::Metric(key, how) => {
                Some((Pick::new(*key, *how, index, &query.better), query.better.of(*key, index)))
            }
            _ => None,
        })
        .collect();
    for (hash, members) in members {
        let Some(first) = members.first().and_then(|place| list.get(*place as usize)) else { continue };
        let runs = || members.iter().filter_map(|place| list.get(*place as usize).copied());
        let values: Vec<Option<Shown>> =
            by.iter().map(|column| word(first, *column, &look).map(|word| shown(&word))).collect();
        let stats = picks.iter().map(|(pick, up)| {
            stat(runs().filter_map(|run| Some((run.key, pick.of(run, index).value()?))), *up)
        });
        let key = groups.free_key(hash);
        groups.places.insert(key, groups.groups.len() as u32);
        let (runs, stats) = (members.len() as u32, stats.collect());
        let title = title(by, &values, index);
        groups.groups.push(Group { key, values, title, runs, stats, members });
    }
    groups.sort(query);
    let rollups = groups.roll_up(list, columns, index, query);
    (groups, rollups)
}

/// The runs of each group in the order of the rows, with a hash of its values; groups in the order of their first runs.
fn members(list: &[&Run], order: &[u32], by: &[Column], look: &Look<'_>) -> Vec<(u64, Vec<u32>)> {
    let mut members: Vec<(u64, Vec<u32>)> = Vec::new();
    let mut known: HashTable<u32> = HashTable::new();
    for place in order {
        let Some(run) = list.get(*place as usize) else { continue };
        let own = hash(run, by, look);
        let is_same = |number: &u32| {
            let Some((hash, places)) = members.get(*number as usize) else { return false };
            let first = places.first().and_then(|place| list.get(*place as usize));
            let is_equal = |first: &Run| by.iter().all(|c| word(first, *c, look) == word(run, *c, look));
            *hash == own && first.is_some_and(|first| is_equal(first))
        };
        let again = |number: &u32| members.get(*number as usize).map_or(0, |(hash, _)| *hash);
        let next = members.len() as u32;
        let number = *known.entry(own, is_same, again).or_insert(next).get();
        match members.get_mut(number as usize) {
            Some((_, places)) => places.push(*place),
            None => members.push((own, vec![*place])),
        }
    }
    members
}

fn title(by: &[Column], values: &[Option<Shown>], index: &Index) -> Shown {
    let pairs = by.iter().zip(values).map(|(column, value)| {
        let name = column.title(index);
        match value {
            Some(value) => format!("{name}={value}"),
            None => format!("no {name}"),
        }
    });
    Shown::own(pairs.collect::<Vec<_>>().join("  "))
}

/// The values of one column, in the order of the rows.
fn stat(values: impl Iterator<Item = (RunKey, f64)>, up: Option<bool>) -> Option<Stat> {
    let (mut stat, mut squares) = (Stat::default(), 0.0);
    for (run, value) in values.filter(|(_, value)| !value.is_nan()) {
        let is_first = stat.count == 0;
        stat.count += 1;
        // Welford's way, which does not lose small differences between large numbers.
        let away = value - stat.mean;
        stat.mean += away / f64::from(stat.count);
        squares += away * (value - stat.mean);
        let is_best = if up == Some(false) { value < stat.min } else { value > stat.max };
        if is_first || is_best {
            stat.best = Some(run);
        }
        stat.min = if is_first { value } else { stat.min.min(value) };
        stat.max = if is_first { value } else { stat.max.max(value) };
    }
    stat.sd = (stat.count > 1).then(|| (squares / f64::from(stat.count - 1)).sqrt());
    (stat.count > 0).then_some(stat)
}

impl Groups {
    /// A key that is the same as long as the values are, so that a group stays open when others come and go.
    fn free_key(&self, hash: u64) -> RunKey {
        let mut key = hash as u32 | RunKey::GROUPS;
        while self.places.contains_key(&RunKey(key)) {
            key = key.wrapping_add(1) | RunKey::GROUPS;
        }
        RunKey(key)
    }

    /// By the mean where a metric orders the rows, else where their first runs stand. Groups without a mean are last.
    fn sort(&mut self, query: &Query) {
        let lead = query.lead();
        let Some(place) = self.metrics.iter().position(|metric| *metric == lead.column) else { return };
        let mean = |group: &Group| group.stats.get(place).copied().flatten().map(|stat| stat.mean);
        self.groups.sort_by(|a, b| match (mean(a), mean(b)) {
            (Some(a), Some(b)) if lead.descending => b.total_cmp(&a),
            (Some(a), Some(b)) => a.total_cmp(&b),
            (a, b) => b.is_some().cmp(&a.is_some()),
        });
        self.places = (0..).zip(&self.groups).map(|(place, group)| (group.key, place)).collect();
    }

    fn roll_up(&self, list: &[&Run], columns: &[Column], index: &Index, query: &Query) -> Rollups {
        let spreading = Spreading::new(columns, index, query);
        let (mut rollups, mut gathered) = (Rollups::new(&spreading), Gathered::new(&spreading));
        for group in &self.groups {
            gathered.clear();
            let runs = group.members.iter().filter_map(|place| list.get(*place as usize).copied());
            runs.for_each(|run| gathered.take_run(run, &spreading));
            rollups.add(group.key, &gathered, &spreading);
        }
        rollups
    }
}
