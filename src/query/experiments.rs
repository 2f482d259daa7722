//! The lines of the experiments pane: names with `/` as a folding tree.

use rustc_hash::FxHashMap;

use super::Query;
use super::roll::{Census, Counts};
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
    /// There may be more of them, which have not been read.
    pub unread: bool,
    /// Whether it is deleted.
    pub deleted: bool,
}

#[derive(Default)]
struct Node<'a> {
    folders: FxHashMap<&'a str, Node<'a>>,
    experiments: Vec<(&'a str, &'a Experiment)>,
}

/// Folders within folders that a name makes at most; the rest of the name stays together.
const DEPTH: usize = 8;

/// All lines, in natural order of the names, folders and experiments mixed.
pub fn rows(index: &Index, query: &Query, census: &Census) -> Vec<ExperimentRow> {
    let mut root = Node::default();
    let mut all = Counts::default();
    for experiment in index.experiments() {
        let Some(counts) = census.of(experiment) else { continue };
        all.add(counts);
        insert(&mut root, experiment);
    }
    let mut rows = vec![row(Kind::All, "", 0, all, false)];
    emit(root, "", 0, query, census, &mut rows);
    rows
}

fn row(kind: Kind, name: &str, depth: u16, counts: Counts, deleted: bool) -> ExperimentRow {
    let Counts { runs, running, unread } = counts;
    ExperimentRow { kind, name: name.to_owned(), depth, runs, running, unread, deleted }
}

fn insert<'a>(root: &mut Node<'a>, experiment: &'a Experiment) {
    let mut node = root;
    let mut rest = experiment.title();
    for _ in 0..DEPTH {
        match rest.split_once('/') {
            Some((folder, below)) if !folder.is_empty() && !below.is_empty() => {
                node = node.folders.entry(folder).or_default();
                rest = below;
            }
            _ => break,
        }
    }
    node.experiments.push((rest, experiment));
}

/// Writes a node's lines and gives what it holds in all. The depth is bounded, so this may recurse.
fn emit(
    node: Node<'_>,
    path: &str,
    depth: u16,
    query: &Query,
    census: &Census,
    rows: &mut Vec<ExperimentRow>,
) -> Counts {
    enum Line<'a> {
        Folder(Node<'a>),
        Experiment(&'a Experiment),
    }
    let folders = node.folders.into_iter().map(|(name, below)| (name, Line::Folder(below)));
    let mut lines: Vec<(&str, Line<'_>)> = folders.collect();
    lines.extend(node.experiments.into_iter().map(|(name, experiment)| (name, Line::Experiment(experiment))));
    // Stable: a folder stands before an experiment of the same name.
    lines.sort_by_cached_key(|(name, _)| format::natural_key(name));
    let mut total = Counts::default();
    for (name, line) in lines {
        let place = rows.len();
        let row = |kind, counts, deleted| row(kind, name, depth, counts, deleted);
        let counts = match line {
            Line::Folder(below) => {
                let path = if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
                let closed = query.folded.contains(&path);
                rows.push(row(Kind::Folder(path.clone(), closed), Counts::default(), false));
                let counts = emit(below, &path, depth + 1, query, census, rows);
                if closed {
                    rows.truncate(place + 1);
                }
                if let Some(row) = rows.get_mut(place) {
                    (row.runs, row.running, row.unread) = (counts.runs, counts.running, counts.unread);
                }
                counts
            }
            Line::Experiment(experiment) => {
                let counts = census.of(experiment).unwrap_or_default();
                let is_deleted = experiment.lifecycle == Lifecycle::Deleted;
                rows.push(row(Kind::Experiment(experiment.key), counts, is_deleted));
                counts
            }
        };
        total.add(counts);
    }
    total
}
