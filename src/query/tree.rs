//! The tree of parent and child runs, from the tag `mlflow.parentRunId`.
//!
//! Whatever the tags say, every run is shown exactly once: a run whose parent is not there stands at the top, and a
//! circle is cut. Nothing here recurses, since chains of ten thousand parents exist.

use rustc_hash::FxHashMap;

use super::{Query, Row, Stray};
use crate::index::Run;

/// How the runs of a list hang together; numbers are places in the list.
#[derive(Debug, Default)]
pub struct Links {
    /// The parent of each.
    pub parent: Vec<Option<usize>>,
    /// Why one with a parent tag has no parent here.
    pub stray: Vec<Option<Stray>>,
    /// All, parents before their children.
    pub top_down: Vec<usize>,
}

impl Links {
    /// Parents above each.
    pub fn depths(&self) -> Vec<u16> {
        let mut depths = vec![0u16; self.parent.len()];
        for &place in &self.top_down {
            let above = self.parent.get(place).copied().flatten().and_then(|parent| depths.get(parent));
            let depth = above.map_or(0, |depth| depth.saturating_add(1));
            set(&mut depths, place, depth);
        }
        depths
    }
}

/// Finds the parents.
pub fn link(list: &[&Run]) -> Links {
    let mut by_id: FxHashMap<&str, usize> = FxHashMap::default();
    let mut by_place: FxHashMap<(u32, &str), usize> = FxHashMap::default();
    for (i, run) in list.iter().enumerate() {
        by_id.entry(&run.run_id).or_insert(i);
        by_place.insert((run.experiment.0, &run.run_id), i);
    }
    let mut parent = Vec::with_capacity(list.len());
    let mut stray = Vec::with_capacity(list.len());
    for (i, run) in list.iter().enumerate() {
        let id = run.parent_run_id.as_deref();
        // The same id may lie in two experiments; the parent is in the child's own, if it is there.
        let found =
            id.and_then(|id| by_place.get(&(run.experiment.0, id)).or_else(|| by_id.get(id)).copied());
        parent.push(found.filter(|place| *place != i));
        stray.push(match (id, found) {
            (Some(_), None) => Some(Stray::Orphan),
            (Some(_), Some(place)) if place == i => Some(Stray::Circle),
            _ => None,
        });
    }
    let mut links = Links { parent, stray, top_down: Vec::new() };
    cut_circles(&mut links, list);
    links.top_down = top_down(&links.parent);
    links
}

/// Cuts each circle above the run with the smallest id, so that the cut does not depend on the order on disk.
fn cut_circles(links: &mut Links, list: &[&Run]) {
    #[derive(Clone, Copy, PartialEq)]
    enum Seen {
        No,
        Now(usize),
        Done,
    }
    let mut seen = vec![Seen::No; list.len()];
    for start in 0..list.len() {
        let mut path = Vec::new();
        let mut at = Some(start);
        while let Some(place) = at {
            match seen.get(place) {
                Some(Seen::No) => {}
                Some(Seen::Now(walk)) if *walk == start => {
                    let from = path.iter().position(|p| *p == place).unwrap_or(0);
                    let circle = path.get(from..).unwrap_or_default();
                    let cut = circle
                        .iter()
                        .copied()
                        .min_by_key(|p| list.get(*p).map(|run: &&Run| run.run_id.clone()));
                    if let Some(cut) = cut {
                        set(&mut links.parent, cut, None);
                        set(&mut links.stray, cut, Some(Stray::Circle));
                    }
                    break;
                }
                _ => break,
            }
            set(&mut seen, place, Seen::Now(start));
            path.push(place);
            at = links.parent.get(place).copied().flatten();
        }
        for place in path {
            set(&mut seen, place, Seen::Done);
        }
    }
}

fn set<T>(list: &mut [T], place: usize, value: T) {
    if let Some(slot) = list.get_mut(place) {
        *slot = value;
    }
}

/// Children of each, in the order of `order`; the last list holds the roots.
fn children(parent: &[Option<usize>], order: impl Iterator<Item = usize>) -> Vec<Vec<usize>> {
    let mut out = vec![Vec::new(); parent.len() + 1];
    for place in order {
        let above = parent.get(place).copied().flatten().unwrap_or(parent.len());
        if let Some(list) = out.get_mut(above) {
            list.push(place);
        }
    }
    out
}

fn top_down(parent: &[Option<usize>]) -> Vec<usize> {
    let mut below = children(parent, 0..parent.len());
    let mut out = below.pop().unwrap_or_default();
    let mut at = 0;
    while let Some(&place) = out.get(at) {
        out.extend_from_slice(below.get(place).map_or(&[], Vec::as_slice));
        at += 1;
    }
    out
}

/// The visible lines: matches with their ancestors, children of open parents. While something is looked for, the
/// parents of what was found are open.
pub fn flatten(list: &[&Run], links: &Links, order: &[usize], matched: &[bool], query: &Query) -> Vec<Row> {
    let narrowed = !query.find.trim().is_empty();
    let mut kept = matched.to_vec();
    let mut below = vec![false; list.len()];
    for &place in links.top_down.iter().rev() {
        let keep = kept.get(place).copied().unwrap_or_default();
        if let Some(above) = links.parent.get(place).copied().flatten().filter(|_| keep) {
            set(&mut kept, above, true);
            set(&mut below, above, true);
        }
    }
    let is = |flags: &[bool], place: usize| flags.get(place).copied().unwrap_or_default();
    let mut children = children(&links.parent, order.iter().copied().filter(|place| is(&kept, *place)));
    let roots = children.pop().unwrap_or_default();
    let mut rows = Vec::with_capacity(roots.len());
    let mut stack: Vec<(usize, u16, u32, bool)> = Vec::new();
    push_children(&mut stack, &roots, 0, 0);
    while let Some((place, depth, rails, last)) = stack.pop() {
        let Some(run) = list.get(place) else { continue };
        let kids = children.get(place).map_or(&[][..], Vec::as_slice);
        let open = !kids.is_empty() && (query.opened.contains(run.key) || (narrowed && is(&below, place)));
        rows.push(Row {
            run: run.key,
            depth,
            last,
            rails,
            children: kids.len() as u32,
            open,
            context: narrowed && !is(matched, place),
            stray: links.stray.get(place).copied().flatten(),
        });
        if open {
            // Bit n says whether the ancestor at depth n has a later sibling; deeper than that the rails are not drawn.
            let bit = if last || depth >= 32 { 0 } else { 1 << depth };
            push_children(&mut stack, kids, depth.saturating_add(1), rails | bit);
        }
    }
    rows
}

/// Pushes in reverse, so that the first child is taken first.
fn push_children(stack: &mut Vec<(usize, u16, u32, bool)>, kids: &[usize], depth: u16, rails: u32) {
    let count = kids.len();
    stack.extend(kids.iter().enumerate().rev().map(|(i, place)| (*place, depth, rails, i + 1 == count)));
}
