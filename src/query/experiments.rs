//! The lines of the experiments pane: names with `/` as a folding tree.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::Query;
use crate::format;
use crate::index::{Experiment, ExperimentKey, Index, Lifecycle};

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// All experiments together.
    All,
    /// A part of names that others share, `vision` of `vision/cifar`: its whole path, and whether it is closed.
    Folder(String, bool),
    /// An experiment.
    Experiment(ExperimentKey),
}

/// A line of the experiments pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExperimentRow {
    /// What it is.
    pub kind: Kind,
    /// Its name, without the folders it stands in; raw text of the store.
    pub name: String,
    /// Folders above it.
    pub depth: u16,
    /// Runs in it.
    pub runs: u32,
    /// Of those, running.
    pub running: u32,
    /// Whether it is deleted.
    pub deleted: bool,
}

#[derive(Clone, Copy, Default)]
struct Counts {
    runs: u32,
    running: u32,
}

#[derive(Default)]
struct Node<'a> {
    folders: BTreeMap<Natural, Node<'a>>,
    experiments: Vec<(&'a str, &'a Experiment)>,
}

/// A name in natural order.
#[derive(PartialEq, Eq)]
struct Natural(String);

impl PartialOrd for Natural {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Natural {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        format::natural_cmp(&self.0, &other.0).then_with(|| self.0.cmp(&other.0))
    }
}

/// Folders within folders that a name makes at most; the rest of the name stays together.
const DEPTH: usize = 8;

/// Experiments that are shown, whatever folders are closed.
pub fn count(index: &Index, query: &Query) -> usize {
    index.experiments().filter(|e| query.deleted || e.lifecycle != Lifecycle::Deleted).count()
}

/// All lines, in natural order of the names, folders and experiments mixed.
pub fn rows(index: &Index, query: &Query) -> Vec<ExperimentRow> {
    let mut counts: FxHashMap<ExperimentKey, Counts> = FxHashMap::default();
    for run in index.runs().filter(|run| query.deleted || !index.is_deleted(run)) {
        let count = counts.entry(run.experiment).or_default();
        count.runs += 1;
        count.running += u32::from(run.is_running());
    }
    let mut root = Node::default();
    let mut all = Counts::default();
    for experiment in index.experiments() {
        if experiment.lifecycle == Lifecycle::Deleted && !query.deleted {
            continue;
        }
        let count = counts.get(&experiment.key).copied().unwrap_or_default();
        (all.runs, all.running) = (all.runs + count.runs, all.running + count.running);
        insert(&mut root, experiment);
    }
    let mut rows = vec![ExperimentRow {
        kind: Kind::All,
        name: String::new(),
        depth: 0,
        runs: all.runs,
        running: all.running,
        deleted: false,
    }];
    emit(&root, "", 0, query, &counts, &mut rows);
    rows
}

fn insert<'a>(root: &mut Node<'a>, experiment: &'a Experiment) {
    let mut node = root;
    let mut rest = experiment.title();
    for _ in 0..DEPTH {
        match rest.split_once('/') {
            Some((folder, below)) if !folder.is_empty() && !below.is_empty() => {
                node = node.folders.entry(Natural(folder.to_owned())).or_default();
                rest = below;
            }
            _ => break,
        }
    }
    node.experiments.push((rest, experiment));
}

/// Writes a node's lines and gives what it holds in all. The depth is bounded, so this may recurse.
fn emit(
    node: &Node<'_>,
    path: &str,
    depth: u16,
    query: &Query,
    counts: &FxHashMap<ExperimentKey, Counts>,
    rows: &mut Vec<ExperimentRow>,
) -> Counts {
    enum Line<'a> {
        Folder(&'a str, &'a Node<'a>),
        Experiment(&'a str, &'a Experiment),
    }
    let folders = node.folders.iter().map(|(name, below)| Line::Folder(&name.0, below));
    let mut lines: Vec<Line<'_>> = folders.collect();
    lines.extend(node.experiments.iter().map(|(name, experiment)| Line::Experiment(name, experiment)));
    let name = |line: &Line<'_>| match line {
        Line::Folder(name, _) | Line::Experiment(name, _) => (*name).to_owned(),
    };
    lines.sort_by(|a, b| format::natural_cmp(&name(a), &name(b)));
    let mut total = Counts::default();
    for line in lines {
        let count = match line {
            Line::Folder(name, below) => {
                let path = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
                let closed = query.folded.contains(&path);
                let place = rows.len();
                let (kind, name) = (Kind::Folder(path.clone(), closed), name.to_owned());
                rows.push(ExperimentRow { kind, name, depth, runs: 0, running: 0, deleted: false });
                let count = emit(below, &path, depth + 1, query, counts, rows);
                if closed {
                    rows.truncate(place + 1);
                }
                if let Some(row) = rows.get_mut(place) {
                    (row.runs, row.running) = (count.runs, count.running);
                }
                count
            }
            Line::Experiment(name, experiment) => {
                let count = counts.get(&experiment.key).copied().unwrap_or_default();
                rows.push(ExperimentRow {
                    kind: Kind::Experiment(experiment.key),
                    name: name.to_owned(),
                    depth,
                    runs: count.runs,
                    running: count.running,
                    deleted: experiment.lifecycle == Lifecycle::Deleted,
                });
                count
            }
        };
        (total.runs, total.running) = (total.runs + count.runs, total.running + count.running);
    }
    total
}
