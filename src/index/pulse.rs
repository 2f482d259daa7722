//! What was noticed of runs that train while this program looked on. No store records it, and it is gone with the
//! program.

use rustc_hash::FxHashMap;

use super::RunKey;

/// A run that says RUNNING and has been silent for so long is `stale?`, if nobody says otherwise.
pub const STALE_AFTER: i64 = 600_000;

/// What was noticed of all runs that train.
#[derive(Clone, Debug, PartialEq)]
pub struct Pulses {
    /// Silence after which a run is `stale?`, milliseconds; `i64::MAX` for never.
    pub stale_after: i64,
    /// By run; only of those that say RUNNING.
    pub of: FxHashMap<RunKey, Pulse>,
}

impl Default for Pulses {
    fn default() -> Self {
        Self { stale_after: STALE_AFTER, of: FxHashMap::default() }
    }
}

/// What was noticed of a run that trains. Times are milliseconds since the epoch, by the clock of this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pulse {
    /// When something of it changed last under our eyes.
    pub heard: Option<i64>,
    /// The latest sign of life of its child runs: a parent of a sweep logs nothing itself.
    pub below: Option<i64>,
    /// Points that came between two looks, and when these were.
    pub points: u64,
    /// The first of the two.
    pub from: i64,
    /// The second; the same as the first as long as there was only one.
    pub until: i64,
    /// How it is known that its process is no more.
    pub death: Option<Death>,
}

/// How it is known that the process that a run recorded is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// There is no such process on this machine, which is the recorded one.
    Process(u32),
    /// This machine, which is the recorded one, has started anew since.
    Restart,
}
