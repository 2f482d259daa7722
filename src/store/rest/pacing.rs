//! When a server may be asked again, and what is said while it gives no answer.
//!
//! Errors are answered with patience: 1, 2, 4 up to 60 s, each a little more or less by chance, so that many clients do
//! not come back together (`Retry-After` is obeyed up to five minutes). While a server fails, one question at a time is
//! a probe; the rest waits for its answer.

use std::hash::{BuildHasher, RandomState};
use std::time::{Duration, Instant};

use super::failure::Failure;
use super::lanes::LANES;

/// The first pause after an error.
const FIRST: Duration = Duration::from_secs(1);
/// The longest pause that nobody asked for.
const LONGEST: Duration = Duration::from_secs(60);

/// Since when a server has given no answer, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// When the first of the failures in a row came.
    pub since: Instant,
    /// How many there are.
    pub failures: u32,
    /// The last of them.
    pub why: Failure,
}

/// Whether and when a server may be asked.
#[derive(Debug)]
pub struct Pace {
    trouble: Option<Trouble>,
    /// Nothing is asked before.
    not_before: Option<Instant>,
    /// Nothing is asked until somebody presses a key.
    stopped: bool,
    dice: RandomState,
    throws: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { trouble: None, not_before: None, stopped: false, dice: RandomState::new(), throws: 0 }
    }
}

impl Pace {
    /// Why there is no answer just now.
    pub fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// Whether nothing more is asked until somebody presses a key.
    pub fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// How many questions may be on their way.
    pub fn lanes(&self) -> usize {
        if self.trouble.is_some() { 1 } else { LANES }
    }

    /// How long nothing may be asked; none while it is stopped.
    pub fn pause(&self, now: Instant) -> Option<Duration> {
        if self.stopped {
            return None;
        }
        Some(self.not_before.map_or(Duration::ZERO, |at| at.saturating_duration_since(now)))
    }

    /// Somebody wants it now.
    pub fn resume(&mut self) {
        (self.stopped, self.not_before) = (false, None);
    }

    /// An answer has come.
    pub fn answered(&mut self) {
        (self.trouble, self.not_before, self.stopped) = (None, None, false);
    }

    /// A failure that is about the server has come.
    pub fn failed(&mut self, why: Failure, now: Instant) {
        let before = self.trouble.take();
        let failures = before.as_ref().map_or(0, |trouble| trouble.failures) + 1;
        let asked = match &why {
            Failure::Busy { after, .. } => *after,
            _ => None,
        };
        let pause = asked.unwrap_or_else(|| self.about(pause_after(failures)));
        self.stopped |= why.needs_somebody();
        self.not_before = Some(now + pause);
        let since = before.map_or(now, |trouble| trouble.since);
        self.trouble = Some(Trouble { since, failures, why });
    }

    /// A time and up to a quarter more, by chance.
    pub fn about(&mut self, time: Duration) -> Duration {
        self.throws += 1;
        let chance = self.dice.hash_one(self.throws) % 1000;
        time + time.mul_f64(chance as f64 / 4000.0)
    }
}

/// The pause after so many failures in a row.
fn pause_after(failures: u32) -> Duration {
    let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    FIRST.saturating_mul(doubled.min(60)).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken() -> Failure {
        Failure::Broken { status: 500, message: String::new() }
    }

    #[test]
    fn pauses_grow_and_end_with_an_answer() {
        let (mut pace, begun) = (Pace::default(), Instant::now());
        assert_eq!((pace.pause(begun), pace.lanes()), (Some(Duration::ZERO), 2));
        let mut now = begun;
        let mut pauses = Vec::new();
        for _ in 0..9 {
            pace.failed(broken(), now);
            let pause = pace.pause(now).unwrap();
            pauses.push(pause.as_secs());
            now += pause;
        }
        for (pause, least) in pauses.iter().zip([1, 2, 4, 8, 16, 32, 60, 60, 60]) {
            assert!((least..=least + least / 4 + 1).contains(pause), "{pauses:?}");
        }
        let trouble = pace.trouble().unwrap();
        assert_eq!((trouble.since, trouble.failures, pace.lanes()), (begun, 9, 1));
        pace.answered();
        assert_eq!((pace.trouble(), pace.pause(now), pace.lanes()), (None, Some(Duration::ZERO), 2));
    }

    #[test]
    fn a_server_that_asks_for_patience_gets_it() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        pace.failed(Failure::Busy { status: 429, after: Some(Duration::from_secs(17)) }, now);
        assert_eq!(pace.pause(now), Some(Duration::from_secs(17)));
    }

    #[test]
    fn a_login_is_not_tried_twice_by_itself() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        pace.failed(Failure::Login("x".into()), now);
        assert_eq!(pace.pause(now + Duration::from_secs(3600)), None);
        pace.resume();
        assert_eq!(pace.pause(now), Some(Duration::ZERO));
        assert!(pace.trouble().is_some(), "it is still said why, until there is an answer");
    }
}
