//! Follows what trains: compares each version of the index with the one before, and tells what has happened.
//!
//! No store has a list of what happened, and each keeps its index in its own way; but two versions of an index share
//! everything that is the same in both, so what differs is found in no time.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::processes;
use crate::app::news::{News, What};
use crate::index::{ExperimentKey, Index, Parts, Pulse, Pulses, Run, RunKey};
use crate::query::vitals;
use crate::shown::shown;

/// The rate of points is that of so many milliseconds.
const WINDOW: i64 = 60_000;
/// Two counts of points lie so many milliseconds apart.
const APART: i64 = 2_000;
/// Recorded processes are looked for so often, in milliseconds.
const PROCESSES: i64 = 10_000;
/// Parents above a run that live by it.
const ABOVE: usize = 12;

/// Follows what trains.
pub struct Follower {
    before: Option<Arc<Index>>,
    tracks: FxHashMap<RunKey, Track>,
    /// Runs that train by experiment and id, where children look for their parents.
    parents: FxHashMap<(ExperimentKey, String), RunKey>,
    /// Runs of which it has been told that they are stale, or that were so from the beginning.
    stale: FxHashSet<RunKey>,
    stale_after: i64,
    looked_for_processes: i64,
    has_changed: bool,
}

/// What is remembered of a run that trains.
#[derive(Default)]
struct Track {
    pulse: Pulse,
    /// Times and counts of points, the oldest first.
    counts: Vec<(i64, u64)>,
}

impl Track {
    fn count(&mut self, now: i64, points: u64) {
        if self.counts.last().is_some_and(|(_, before)| *before > points) {
            self.counts.clear(); // a history has begun anew
        }
        match self.counts.as_mut_slice() {
            [.., (before, _), (at, counted)] if now.saturating_sub(*before) < APART => {
                (*at, *counted) = (now, points)
            }
            _ => self.counts.push((now, points)),
        }
        let old = self.counts.iter().take_while(|(at, _)| now.saturating_sub(*at) > WINDOW).count();
        self.counts.drain(..old.min(self.counts.len().saturating_sub(2)));
        if let (Some((from, first)), Some((until, last))) = (self.counts.first(), self.counts.last()) {
            (self.pulse.from, self.pulse.until, self.pulse.points) = (*from, *until, last - first);
        }
    }
}

impl Follower {
    /// Follows runs; silent for so many milliseconds they are stale.
    pub fn new(stale_after: i64) -> Self {
        Self {
            before: None,
            tracks: FxHashMap::default(),
            parents: FxHashMap::default(),
            stale: FxHashSet::default(),
            stale_after,
            looked_for_processes: i64::MIN,
            has_changed: true,
        }
    }

    /// Looks at a new version, once everything has been read, before it is published: tells what has happened since the
    /// last one. [`Follower::publish`] has to follow.
    pub fn look(&mut self, index: &Index, now: i64) -> Vec<News> {
        let Some(before) = self.before.take() else {
            if index.progress.complete {
                self.begin(index);
            }
            return Vec::new();
        };
        let mut news = Vec::new();
        for (old, new) in index.runs.changes(&before.runs) {
            self.compare(index, old, new, now, &mut news);
        }
        self.before = Some(before);
        news
    }

    /// What was noticed goes into the index.
    pub fn publish(&mut self, index: &mut Index) {
        if std::mem::take(&mut self.has_changed) {
            let of = self.tracks.iter().map(|(key, track)| (*key, track.pulse)).collect();
            index.pulses = Arc::new(Pulses { stale_after: self.stale_after, of });
        }
    }

    /// That version is what the next one is compared with.
    pub fn published(&mut self, index: &Arc<Index>) {
        if self.before.is_some() || index.progress.complete {
            self.before = Some(index.clone());
        }
    }

    /// Once a second, whether or not anything has changed: who has fallen silent, whose process is no more. Says also
    /// whether the index has to be published for it.
    pub fn tick(&mut self, index: &Index, now: i64) -> (Vec<News>, bool) {
        let is_first = self.looked_for_processes == i64::MIN;
        if self.before.is_none() {
            return (Vec::new(), false);
        }
        if is_first || now.saturating_sub(self.looked_for_processes) >= PROCESSES {
            self.looked_for_processes = now;
            self.look_for_processes(index);
        }
        let (mut news, mut has_new) = (Vec::new(), false);
        let of = self.tracks.iter().map(|(key, track)| (*key, track.pulse)).collect();
        let pulses = Pulses { stale_after: self.stale_after, of };
        for key in self.tracks.keys() {
            let Some(run) = index.run(*key) else { continue };
            match vitals::stale(run, &pulses, now) {
                Some(stale) if self.stale.insert(*key) => {
                    has_new = true;
                    // Who was silent when one came is shown, but no news.
                    if !is_first {
                        news.push(News::new(now, index, *key, What::Stale(stale)));
                    }
                }
                Some(_) => {}
                None => has_new |= self.stale.remove(key),
            }
        }
        (news, has_new | self.has_changed)
    }

    fn begin(&mut self, index: &Index) {
        for run in index.runs().filter(|run| run.is_running()) {
            self.track(run);
        }
        // Parents live as long as their children; those that have ended count with their end.
        for run in index.runs() {
            let sign = if run.is_running() { vitals::last_sign(run, None, i64::MAX) } else { run.end_time() };
            if let (Some(sign), Some(_)) = (sign, run.parent_run_id()) {
                self.tell_parents(index, run, sign);
            }
        }
        self.has_changed = true;
    }

    fn track(&mut self, run: &Run) -> &mut Track {
        self.parents.insert((run.experiment, run.run_id().to_owned()), run.key);
        self.has_changed = true;
        self.tracks.entry(run.key).or_default()
    }

    fn forget(&mut self, run: &Run) {
        self.parents.remove(&(run.experiment, run.run_id().to_owned()));
        self.stale.remove(&run.key);
        self.has_changed |= self.tracks.remove(&run.key).is_some();
    }

    /// One run before and now.
    fn compare(
        &mut self,
        index: &Index,
        old: Option<&Arc<Run>>,
        new: Option<&Arc<Run>>,
        now: i64,
        news: &mut Vec<News>,
    ) {
        let was_running = old.is_some_and(|old| old.is_running());
        let Some(new) = new else {
            if let Some(old) = old {
                self.forget(old);
            }
            return;
        };
        // What is read for the first time is nothing that has happened.
        let was_known = old.is_some_and(|old| old.read() == Parts::ALL);
        if was_known || old.is_none() {
            self.tell_parents(index, new, now);
        }
        if !new.is_running() {
            if was_running && was_known && !new.broken {
                news.push(News::new(now, index, new.key, What::Ended(new.status)));
            }
            if !new.broken {
                self.forget(new);
            }
            return;
        }
        let points = new.metrics().fold(0u64, |sum, (_, metric)| sum.saturating_add(metric.points));
        let track = self.track(new);
        track.count(now, points);
        if was_known {
            track.pulse.heard = Some(now);
        }
        if let Some(old) = old.filter(|_| was_known) {
            news.extend(not_finite(index, old, new, now));
        }
    }

    /// Who has children that live is alive.
    fn tell_parents(&mut self, index: &Index, run: &Run, sign: i64) {
        let mut above = run.parent_run_id().map(str::to_owned);
        for _ in 0..ABOVE {
            let Some(id) = above.take() else { return };
            let Some(key) = self.parents.get(&(run.experiment, id)) else { return };
            let Some(track) = self.tracks.get_mut(key) else { return };
            if track.pulse.below.is_none_or(|before| before < sign) {
                track.pulse.below = Some(sign);
                self.has_changed = true;
            }
            above = index.run(*key).and_then(|parent| parent.parent_run_id().map(str::to_owned));
        }
    }

    fn look_for_processes(&mut self, index: &Index) {
        let machine = processes::Machine::here();
        for (key, track) in &mut self.tracks {
            let death = index.run(*key).and_then(|run| machine.death(index, run));
            self.has_changed |= track.pulse.death != death;
            track.pulse.death = death;
        }
    }
}

/// Metrics whose latest value was a number, or that were not there, and is none now.
fn not_finite(index: &Index, old: &Run, new: &Run, now: i64) -> Option<News> {
    let is_news = |(key, value): &(crate::index::Key, f64)| {
        !value.is_finite() && old.metric(*key).is_none_or(|before| before.last.value.is_finite())
    };
    let mut found = new.metrics().map(|(key, metric)| (key, metric.last.value)).filter(is_news);
    let (key, value) = found.next()?;
    let what = What::NotFinite(shown(index.keys.name(key)), value, found.count());
    Some(News::new(now, index, new.key, what))
}

#[cfg(test)]
mod tests;
