//! The tree of parent and child runs, from the tag `mlflow.parentRunId`.
//!
//! Whatever the tags say, every run is shown exactly once: a run whose parent is not there stands at the top, and a
//! circle is cut. Nothing here recurses, since chains of ten thousand parents exist.

use std::hash::Hasher;

use hashbrown::HashTable;
use rustc_hash::{FxHashMap, FxHasher};

use super::{Grouping, Query, Row, Stray};
use crate::index::{ExperimentKey, Run, RunKey};

/// How the runs of a list hang together; numbers are places in the list.
#[derive(Debug, Default)]
pub struct Links {
    /// The parent of each.
    pub parent: Vec<Option<u32>>,
    /// Why one with a parent tag has no parent here.
    pub stray: Vec<Option<Stray>>,
    /// All, each before what is below it, and all of that before anything else.
    pub top_down: Vec<u32>,
}

impl Links {
    /// Links without a tree; none where the query asks for the tree.
    pub fn flat(runs: usize, grouping: &Grouping) -> Option<Self> {
        let flat = || Self { parent: vec![None; runs], stray: vec![None; runs], top_down: Vec::new() };
        (*grouping != Grouping::Tree).then(flat)
    }

    /// Whether there is no tree.
    pub fn is_flat(&self) -> bool {
        self.top_down.is_empty()
    }

    /// Runs and all that is above them.
    pub fn with_parents(&self, passed: &[bool]) -> Vec<bool> {
        let mut kept = passed.to_vec();
        for place in self.top_down.iter().rev() {
            if kept.get(*place as usize).is_some_and(|is| *is)
                && let Some(above) = self.above(*place)
            {
                set(&mut kept, above, true);
            }
        }
        kept
    }

    /// How many children each has, not deeper.
    pub fn children(&self) -> Vec<u32> {
        let mut counts = vec![0u32; self.parent.len()];
        for above in self.parent.iter().flatten() {
            if let Some(count) = counts.get_mut(*above as usize) {
                *count += 1;
            }
        }
        counts
    }

    /// The parent of one.
    pub fn above(&self, place: u32) -> Option<u32> {
        self.parent.get(place as usize).copied().flatten()
    }

    /// Parents above one, as far as `most`.
    pub fn depth(&self, place: u32, most: usize) -> usize {
        std::iter::successors(self.above(place), |above| self.above(*above)).take(most).count()
    }
}

/// Finds the parents: first who is called a parent, of which there are few, then where they stand.
#[derive(Debug, Default)]
pub struct Linker<'a> {
    /// The runs that are called a parent.
    parents: Vec<Parent<'a>>,
    /// Their numbers by id.
    by_id: HashTable<u32>,
    /// The parent that each run names.
    named: Vec<Option<u32>>,
    /// A hash of each run's own id, taken when its text was at hand.
    own: Vec<u64>,
}

#[derive(Debug)]
struct Parent<'a> {
    id: &'a str,
    hash: u64,
    place: Option<u32>,
}

fn hash(id: &str) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(id.as_bytes());
    hasher.finish()
}

impl<'a> Linker<'a> {
    /// Looks at the next run of the list.
    pub fn take(&mut self, run: &'a Run) {
        self.own.push(hash(run.run_id()));
        let parents = &mut self.parents;
        self.named.push(run.parent_run_id().map(|id| {
            let (hash, next) = (hash(id), parents.len() as u32);
            let is_it = |n: &u32| parents.get(*n as usize).is_some_and(|parent| parent.id == id);
            let again = |n: &u32| parents.get(*n as usize).map_or(0, |parent| parent.hash);
            let number = *self.by_id.entry(hash, is_it, again).or_insert(next).get();
            if number == next {
                parents.push(Parent { id, hash, place: None });
            }
            number
        }));
    }

    /// How the runs hang together.
    pub fn link(mut self, list: &[&Run]) -> Links {
        let twins = self.find_parents(list);
        let mut links = Links::default();
        for ((place, run), named) in (0u32..).zip(list).zip(&self.named) {
            let found = named.and_then(|number| {
                // The parent is in the child's own experiment, if it is there.
                let twin =
                    if twins.is_empty() { None } else { twins.get(&(run.experiment, number)).copied() };
                twin.or(self.parents.get(number as usize)?.place)
            });
            links.parent.push(found.filter(|parent| *parent != place));
            links.stray.push(match (named, found) {
                (Some(_), None) => Some(Stray::Orphan),
                (Some(_), Some(parent)) if parent == place => Some(Stray::Circle),
                _ => None,
            });
        }
        cut_circles(&mut links, list);
        links.top_down = top_down(&links.parent);
        links
    }

    /// Finds where the parents stand. The same id may lie in two experiments; where each of those stands is given back.
    fn find_parents(&mut self, list: &[&Run]) -> FxHashMap<(ExperimentKey, u32), u32> {
        let mut twins = FxHashMap::default();
        if self.parents.is_empty() {
            return twins;
        }
        for ((place, run), own) in (0u32..).zip(list).zip(&self.own) {
            let is_it = |parent: &Parent<'_>| parent.hash == *own && parent.id == run.run_id();
            let number = self.by_id.find(*own, |n| self.parents.get(*n as usize).is_some_and(is_it));
            let Some(number) = number.copied() else { continue };
            let Some(parent) = self.parents.get_mut(number as usize) else { continue };
            match parent.place.and_then(|first| Some((first, list.get(first as usize)?.experiment))) {
                None => parent.place = Some(place),
                Some((first, experiment)) => {
                    twins.entry((experiment, number)).or_insert(first);
                    twins.insert((run.experiment, number), place);
                }
            }
        }
        twins
    }
}

/// Cuts each circle above the run with the smallest id, so that the cut does not depend on the order on disk.
fn cut_circles(links: &mut Links, list: &[&Run]) {
    // The walk upwards that came by here first, named by the place where it began.
    let mut walks: Vec<Option<u32>> = vec![None; list.len()];
    let mut path = Vec::new();
    for start in 0..list.len() as u32 {
        path.clear();
        let mut at = Some(start);
        while let Some(place) = at {
            match walks.get(place as usize).copied().flatten() {
                None => {}
                Some(walk) if walk == start => {
                    let from = path.iter().position(|p| *p == place).unwrap_or(0);
                    let circle = path.iter().skip(from).copied();
                    let cut = circle.min_by_key(|p| list.get(*p as usize).map(|run: &&Run| run.run_id()));
                    if let Some(cut) = cut {
                        set(&mut links.parent, cut, None);
                        set(&mut links.stray, cut, Some(Stray::Circle));
                    }
                    break;
                }
                Some(_) => break,
            }
            set(&mut walks, place, Some(start));
            path.push(place);
            at = links.above(place);
        }
    }
}

fn set<T>(list: &mut [T], place: u32, value: T) {
    if let Some(slot) = list.get_mut(place as usize) {
        *slot = value;
    }
}

/// The children of each run, one after the other in one list.
struct Children {
    /// Where the children of each begin; the last but one are the runs without a parent, the last is the end.
    begins: Vec<u32>,
    places: Vec<u32>,
}

impl Children {
    /// The children in the order of `order`, which may leave some out.
    fn new(parent: &[Option<u32>], order: &[u32], is_kept: impl Fn(u32) -> bool) -> Self {
        let roots = parent.len();
        let above = |place: u32| parent.get(place as usize).copied().flatten().map_or(roots, |p| p as usize);
        // Counted one place too far, so that what is left after filling is where each begins.
        let mut begins = vec![0u32; roots + 2];
        let kept = || order.iter().copied().filter(|place| is_kept(*place));
        for place in kept() {
            if let Some(count) = begins.get_mut(above(place) + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for count in &mut begins {
            sum += *count;
            *count = sum;
        }
        let mut places = vec![0; sum as usize];
        let mut ends = begins.clone();
        for place in kept() {
            if let Some(end) = ends.get_mut(above(place)) {
                set(&mut places, *end, place);
                *end += 1;
            }
        }
        Self { begins, places }
    }

    fn of(&self, place: usize) -> &[u32] {
        let at = |place: usize| self.begins.get(place).map_or(0, |begin| *begin as usize);
        self.places.get(at(place)..at(place + 1)).unwrap_or_default()
    }

    /// Those without a parent.
    fn roots(&self) -> &[u32] {
        self.of(self.begins.len().saturating_sub(2))
    }
}

fn top_down(parent: &[Option<u32>]) -> Vec<u32> {
    let all: Vec<u32> = (0..parent.len() as u32).collect();
    if parent.iter().all(Option::is_none) {
        return all;
    }
    let children = Children::new(parent, &all, |_| true);
    let mut out = Vec::with_capacity(parent.len());
    let mut stack: Vec<u32> = children.roots().iter().rev().copied().collect();
    while let Some(place) = stack.pop() {
        out.push(place);
        stack.extend(children.of(place as usize).iter().rev());
    }
    out
}

/// A line that is about to be written.
struct Next {
    place: u32,
    parent: Option<u32>,
    depth: u16,
    rails: u32,
    last: bool,
}

/// The visible lines: matches with their ancestors, children of open parents. Parents that are there only for what
/// matches below them are open, and while something is looked for (`is_narrowed`) all above what was found. Without
/// `matched` everything matches.
pub fn flatten(
    list: &[RunKey],
    links: &Links,
    order: &[u32],
    matched: Option<&[bool]>,
    is_narrowed: bool,
    query: &Query,
) -> Vec<Row> {
    let is = |flags: &[bool], place: u32| flags.get(place as usize).copied().unwrap_or_default();
    let (mut kept, mut below) = (Vec::new(), Vec::new());
    if let Some(matched) = matched {
        kept = matched.to_vec();
        below = vec![false; list.len()];
        for &place in links.top_down.iter().rev() {
            if let Some(above) = links.above(place).filter(|_| is(&kept, place)) {
                set(&mut kept, above, true);
                set(&mut below, above, true);
            }
        }
    }
    let children = Children::new(&links.parent, order, |place| matched.is_none() || is(&kept, place));
    let mut rows = Vec::with_capacity(children.roots().len());
    let mut stack = Vec::new();
    push_children(&mut stack, children.roots(), None);
    while let Some(next) = stack.pop() {
        let Some(run) = list.get(next.place as usize).copied() else { continue };
        let kids = children.of(next.place as usize);
        let context = matched.is_some_and(|matched| !is(matched, next.place));
        let is_way = is(&below, next.place) && (context || is_narrowed);
        let open = !kids.is_empty() && (query.opened.contains(run) || is_way);
        let line = rows.len() as u32;
        rows.push(Row {
            run,
            parent: next.parent,
            depth: next.depth,
            last: next.last,
            rails: next.rails,
            children: kids.len() as u32,
            open,
            context,
            stray: links.stray.get(next.place as usize).copied().flatten(),
        });
        if open {
            push_children(&mut stack, kids, Some((line, &next)));
        }
    }
    rows
}

/// Pushes in reverse, so that the first child is taken first.
fn push_children(stack: &mut Vec<Next>, kids: &[u32], above: Option<(u32, &Next)>) {
    let parent = above.map(|(line, _)| line);
    let (depth, rails) = above.map_or((0, 0), |(_, above)| {
        // Bit n says whether the ancestor at depth n has a later sibling; deeper than that the rails are not drawn.
        let bit = if above.last || above.depth >= 32 { 0 } else { 1 << above.depth };
        (above.depth.saturating_add(1), above.rails | bit)
    });
    let count = kids.len();
    let nexts = kids.iter().enumerate().rev();
    stack.extend(nexts.map(|(i, place)| Next { place: *place, parent, depth, rails, last: i + 1 == count }));
}
