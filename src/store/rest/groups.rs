//! In which order the runs of a server are read: groups of experiments, page by page, what is on screen first.
//!
//! One search over many experiments is cheaper than many searches, so at first all of them are one group: its first page
//! shows where runs were started last. What somebody looks at becomes a group of its own and goes to the front. A group
//! that a server cannot answer (one damaged metric of a file store fails the whole search) is taken apart, so that
//! only the experiment that is to blame is missed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;

use super::ask::Question;
use super::failure::Failure;
use super::paging::{Paging, Turn};
use crate::index::{RunKey, Text};

/// Experiments that one search goes through at most.
const MOST: usize = 200;
/// An experiment that cannot be read is given up after so many tries; the next sweep tries it again.
const TRIES: u32 = 3;
/// The pause before the next try.
const PAUSE: Duration = Duration::from_secs(2);

/// Experiments that are read together.
#[derive(Clone, Debug)]
pub struct Group {
    /// Their ids.
    pub experiments: Arc<[Text]>,
    /// How far it has come.
    pub paging: Paging,
    /// Runs that were known in them before, when they are read once more.
    pub known: FxHashSet<RunKey>,
    /// Runs that have been read.
    pub seen: FxHashSet<RunKey>,
    tries: u32,
    not_before: Option<Instant>,
}

impl Group {
    /// Experiments of which nothing has been read.
    pub fn new(experiments: impl Into<Arc<[Text]>>) -> Self {
        Self {
            experiments: experiments.into(),
            paging: Paging::default(),
            known: FxHashSet::default(),
            seen: FxHashSet::default(),
            tries: 0,
            not_before: None,
        }
    }

    /// How to ask for its next page.
    pub fn question(&self) -> Question {
        Question::Runs {
            experiments: self.experiments.clone(),
            filter: None,
            size: self.paging.size,
            token: self.paging.token.clone(),
        }
    }

    fn is_alone(&self, id: &Text) -> bool {
        *self.experiments == [id.clone()]
    }
}

/// What has to be read.
#[derive(Debug, Default)]
pub struct Groups {
    groups: VecDeque<Group>,
    /// Experiments that were read, are being read or were given up.
    planned: FxHashSet<Text>,
    /// The front group is on its way.
    pub in_flight: bool,
}

/// What came of a page that did not come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missed {
    /// It is tried again, smaller or in parts.
    Again,
    /// These are given up.
    Given(Arc<[Text]>),
}

impl Groups {
    /// Plans experiments that are not planned yet, in this order.
    pub fn plan(&mut self, ids: impl Iterator<Item = Text>) {
        let new: Vec<Text> = ids.filter(|id| self.planned.insert(id.clone())).collect();
        self.groups.extend(new.chunks(MOST).map(Group::new));
    }

    /// Plans everything anew.
    pub fn forget(&mut self) {
        // What is on its way belongs to the front.
        let front = self.groups.pop_front().filter(|_| self.in_flight);
        self.planned = front.iter().flat_map(|group| group.experiments.iter().cloned()).collect();
        self.groups = front.into_iter().collect();
    }

    /// A group that is read before all others, though its experiments were read before.
    pub fn again(&mut self, group: Group) {
        if self.groups.iter().any(|other| other.experiments == group.experiments) {
            return;
        }
        self.groups.insert(self.groups.len().min(usize::from(self.in_flight)), group);
    }

    /// Whether nothing is left to read.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The group that is read now.
    pub fn front(&mut self) -> Option<&mut Group> {
        self.groups.front_mut()
    }

    /// The next group whose time has come; it moves to the front.
    pub fn due(&mut self, now: Instant) -> Option<&Group> {
        if self.in_flight {
            return None;
        }
        let at = self.groups.iter().position(|group| group.not_before.is_none_or(|at| at <= now))?;
        if let Some(group) = self.groups.remove(at) {
            self.groups.push_front(group);
        }
        self.groups.front()
    }

    /// When the next group is due; none when there is none.
    pub fn wake(&self, now: Instant) -> Option<Instant> {
        self.groups.iter().map(|group| group.not_before.unwrap_or(now)).min().filter(|_| !self.in_flight)
    }

    /// Somebody looks at an experiment: it goes first, alone.
    pub fn prefer(&mut self, id: &Text) {
        if self.in_flight {
            return; // asked again with the next look
        }
        let Some(at) = self.groups.iter().position(|group| group.experiments.contains(id)) else { return };
        let Some(mut group) = self.groups.remove(at) else { return };
        if group.is_alone(id) {
            self.groups.push_front(group);
            return;
        }
        let others: Vec<Text> = group.experiments.iter().filter(|other| *other != id).cloned().collect();
        // What its pages had of the others comes once more: rows that are there already cost little.
        group = Group { known: group.known, ..Group::new(others) };
        self.groups.insert(at.min(self.groups.len()), group);
        self.groups.push_front(Group::new([id.clone()]));
    }

    /// The page of the front group has come, and means this; gives the group when it has been read to its end.
    pub fn turned(&mut self, turn: Turn, rest: Option<Instant>) -> Option<Group> {
        self.in_flight = false;
        let group = self.groups.front_mut()?;
        group.tries = 0;
        group.not_before = rest;
        if turn == Turn::More {
            return None;
        }
        self.groups.pop_front()
    }

    /// The page of the front group has not come.
    pub fn missed(&mut self, failure: &Failure, now: Instant) -> Missed {
        self.in_flight = false;
        let Some(mut group) = self.groups.pop_front() else { return Missed::Again };
        let too_much = matches!(failure, Failure::Large(_) | Failure::Slow(_));
        let is_its_own = failure.is_about_the_request() || matches!(failure, Failure::Broken { .. });
        group.not_before = Some(now + PAUSE);
        if too_much && group.paging.shrink() {
            self.groups.push_front(group);
            return Missed::Again;
        }
        if !is_its_own {
            self.groups.push_front(group);
            return Missed::Again;
        }
        group.tries += 1;
        if group.experiments.len() > 1 && group.tries > 1 {
            for id in group.experiments.iter().rev() {
                self.groups.push_front(Group::new([id.clone()]));
            }
            return Missed::Again;
        }
        if group.tries < TRIES {
            self.groups.push_back(group);
            return Missed::Again;
        }
        Missed::Given(group.experiments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(list: &[&str]) -> Vec<Text> {
        list.iter().map(|id| Text::from(*id)).collect()
    }

    fn order(groups: &Groups) -> Vec<String> {
        groups.groups.iter().map(|group| group.experiments.join("+")).collect()
    }

    #[test]
    fn what_is_looked_at_goes_first() {
        let mut groups = Groups::default();
        groups.plan(ids(&["a", "b", "c"]).into_iter());
        groups.plan(ids(&["a", "d"]).into_iter());
        assert_eq!(order(&groups), ["a+b+c", "d"]);
        groups.prefer(&"b".into());
        groups.prefer(&"b".into());
        assert_eq!(order(&groups), ["b", "a+c", "d"]);
        groups.prefer(&"d".into());
        assert_eq!(order(&groups), ["d", "b", "a+c"]);
        assert!(groups.turned(Turn::More, None).is_none());
        assert!(groups.turned(Turn::End, None).is_some_and(|group| group.is_alone(&"d".into())));
        groups.again(Group::new(ids(&["d"])));
        assert_eq!(order(&groups), ["d", "b", "a+c"]);
    }

    #[test]
    fn one_bad_experiment_costs_no_other() {
        let mut groups = Groups::default();
        groups.plan(ids(&["a", "bad", "c"]).into_iter());
        let broken = Failure::Broken { status: 500, message: String::new() };
        let (mut now, mut given, mut read) = (Instant::now(), Vec::new(), Vec::new());
        for _ in 0..20 {
            now += PAUSE;
            let Some(group) = groups.due(now) else { break };
            let has_bad = group.experiments.contains(&"bad".into());
            if !has_bad {
                read.extend(groups.turned(Turn::End, None).unwrap().experiments.iter().cloned());
            } else if let Missed::Given(ids) = groups.missed(&broken, now) {
                given.extend(ids.iter().cloned());
            }
        }
        assert_eq!((given, read), (ids(&["bad"]), ids(&["a", "c"])));
        assert!(groups.is_empty());
    }

    #[test]
    fn a_page_that_is_too_large_becomes_smaller() {
        let mut groups = Groups::default();
        groups.plan(ids(&["a"]).into_iter());
        assert_eq!(groups.missed(&Failure::Large(1), Instant::now()), Missed::Again);
        assert!(groups.front().unwrap().paging.size < super::super::paging::FIRST);
    }
}
