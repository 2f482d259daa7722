//! Runs in which something happened lately, which is where more is to be expected: an evaluation is logged after a training
//! has ended, a job is resumed, somebody tidies up. No watch is spent on them (there are few for all programs of a
//! user), but every sweep compares their stamps, so that a change of theirs need not wait for its turn.

use std::cmp::Reverse;
use std::time::{Duration, Instant, SystemTime};

use rustc_hash::FxHashMap;

use crate::index::{Index, Run, RunKey};

/// For so long after the last change.
const LATELY: Duration = Duration::from_secs(600);
/// Runs that are kept at least, and stamps that one sweep compares: of the latest first, then of the others in turn: of six
/// thousand runs of a search that has just ended each is looked at every four seconds.
const RUNS: usize = 8192;
const STAMPS: [usize; 2] = [10_000, 15_000];
/// Stamps of a run apart from those of its tags, params and metrics: its folders and `meta.yaml`.
const OWN_STAMPS: usize = 5;

/// Runs in which something happened lately, and when it was noticed.
#[derive(Debug, Default)]
pub struct Warm {
    since: FxHashMap<RunKey, Instant>,
    /// The store had been read whole, so from then on what is read is what has happened.
    is_begun: bool,
    /// Where the last turn ended.
    last: Option<RunKey>,
}

impl Warm {
    /// Something of a run has changed; or its first reading has come further, which is news only once the store had
    /// been read.
    pub fn changed(&mut self, key: RunKey, had_been_read: bool) {
        if had_been_read || self.is_begun {
            self.note(key, Instant::now());
        }
    }

    /// The store has been read whole: takes what started or ended lately by the clock of those who wrote it.
    pub fn begin(&mut self, index: &Index) {
        if std::mem::replace(&mut self.is_begun, true) {
            return;
        }
        let now =
            SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
        let lately = index.runs().filter(|run| happened_lately(run, now));
        lately.for_each(|run| self.note(run.key, Instant::now()));
    }

    /// The runs to compare now: the latest, and some of the others.
    pub fn turn(&mut self, index: &Index, now: Instant) -> Vec<RunKey> {
        self.since.retain(|key, since| now.duration_since(*since) < LATELY && index.run(*key).is_some());
        let mut latest: Vec<(Reverse<Instant>, RunKey)> =
            self.since.iter().map(|(key, since)| (Reverse(*since), *key)).collect();
        latest.sort_unstable();
        let [of_latest, of_others] = STAMPS;
        let mut turn = within(index, latest.iter().map(|(_, key)| *key), of_latest);
        let mut others: Vec<RunKey> = latest.into_iter().skip(turn.len()).map(|(_, key)| key).collect();
        others.sort_unstable();
        let from = self.last.map_or(0, |last| others.partition_point(|key| *key <= last));
        others.rotate_left(from);
        let others = within(index, others.into_iter(), of_others);
        self.last = others.last().copied();
        turn.extend(others);
        turn
    }

    fn note(&mut self, key: RunKey, now: Instant) {
        self.since.insert(key, now);
        if self.since.len() > RUNS + RUNS / 2 {
            let mut times: Vec<Instant> = self.since.values().copied().collect();
            let (_, oldest, _) = times.select_nth_unstable(RUNS / 2);
            let oldest = *oldest;
            self.since.retain(|_, since| *since > oldest);
        }
    }
}

/// As many of some runs, one at least, as can be compared by so many stamps.
pub fn within(index: &Index, keys: impl Iterator<Item = RunKey>, mut stamps: usize) -> Vec<RunKey> {
    let mut is_first = true;
    keys.take_while(|key| {
        let of = |run: &Run| OWN_STAMPS + run.tags().len() + run.params().len() + run.metrics().len();
        let needed = index.run(*key).map_or(0, |run| of(run));
        let is_paid = needed <= stamps || is_first;
        (stamps, is_first) = (stamps.saturating_sub(needed), false);
        is_paid
    })
    .collect()
}

/// Whether a run started or ended within the last minutes, or logged a point that is its latest; a clock that is ahead by
/// as much is believed too.
fn happened_lately(run: &Run, now: i64) -> bool {
    let is_late = |time: i64| u128::from(time.abs_diff(now)) < LATELY.as_millis();
    let times = [run.start_time(), run.end_time()];
    times.into_iter().flatten().any(is_late)
        || (run.is_running() && run.metrics().any(|(_, metric)| is_late(metric.last.timestamp)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::index::{Key, Metric, Parts, Point, Status};

    const NOW: i64 = 1_795_400_000_000;

    fn runs(count: usize) -> Index {
        let mut index = Index::default();
        let experiment = index.add_experiment("0".into());
        (0..count).for_each(|number| _ = index.add_run(&number.to_string(), experiment));
        index
    }

    #[test]
    fn a_store_in_which_nothing_happens_has_none() {
        let index = runs(3);
        let mut warm = Warm::default();
        warm.changed(RunKey(0), false);
        warm.begin(&index);
        assert_eq!(warm.turn(&index, Instant::now()), [], "the first reading is no change");
    }

    #[test]
    fn a_change_counts_for_some_minutes() {
        let index = runs(3);
        let mut warm = Warm::default();
        warm.changed(RunKey(1), true);
        warm.begin(&index);
        warm.changed(RunKey(2), false);
        let now = Instant::now();
        assert_eq!(warm.turn(&index, now), [RunKey(2), RunKey(1)], "the latest first, new runs too");
        assert_eq!(warm.turn(&index, now + LATELY), []);
    }

    #[test]
    fn there_are_never_many() {
        let most = 3 * RUNS as u32;
        let index = runs(3 * RUNS);
        let mut warm = Warm::default();
        (0..most).for_each(|slot| warm.changed(RunKey(slot), true));
        assert!(warm.since.len() <= RUNS + RUNS / 2);
        let turn = warm.turn(&index, Instant::now());
        assert_eq!(turn.first(), Some(&RunKey(most - 1)), "the latest first");
        assert_eq!(turn.len(), STAMPS.iter().sum::<usize>() / OWN_STAMPS);
    }

    #[test]
    fn of_many_all_have_their_turn() {
        let count = 6000;
        let index = runs(count);
        let mut warm = Warm::default();
        (0..count as u32).for_each(|slot| warm.changed(RunKey(slot), true));
        let now = Instant::now();
        let seen: std::collections::BTreeSet<RunKey> = (0..3).flat_map(|_| warm.turn(&index, now)).collect();
        assert_eq!(seen.len(), count, "after two sweeps or three");
    }

    #[test]
    fn what_has_gone_is_forgotten() {
        let mut index = runs(2);
        let mut warm = Warm::default();
        warm.changed(RunKey(0), true);
        index.remove_run(RunKey(0));
        assert_eq!(warm.turn(&index, Instant::now()), []);
        assert!(warm.since.is_empty());
    }

    #[test]
    fn the_clock_of_a_run_tells_when_it_ended() {
        let run = |end: i64| {
            let mut draft = crate::index::Draft::new(RunKey(0), crate::index::ExperimentKey(0));
            (draft.start_time, draft.end_time) = (Some(i64::MIN), Some(end));
            draft.pack()
        };
        assert!(happened_lately(&run(NOW - 60_000), NOW));
        assert!(!happened_lately(&run(NOW - 3_600_000), NOW));
        assert!(!happened_lately(&run(i64::MAX), NOW));
    }

    #[test]
    fn the_last_point_of_what_trains_tells_that_it_does() {
        let run = |is_running: bool, timestamp: i64| {
            let mut draft = crate::index::Draft::new(RunKey(0), crate::index::ExperimentKey(0));
            draft.start_time = Some(NOW - 86_400_000);
            draft.status = if is_running { Status::Running } else { Status::Finished };
            draft.read = Parts::ALL;
            let last = Point { value: 0.5, step: 7, timestamp };
            draft.set_metric(Key(9), Metric { last, points: 8, exact: true });
            draft.pack()
        };
        assert!(happened_lately(&run(true, NOW - 60_000), NOW));
        assert!(!happened_lately(&run(true, NOW - 3_600_000), NOW));
        assert!(!happened_lately(&run(false, NOW - 60_000), NOW));
    }
}
