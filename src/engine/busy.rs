//! Whether the store answers. A file system whose server has gone lets whoever asks it sleep for ever; the screen then
//! has to say so, and cannot ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Instant;

use super::now;

/// Waiting so many milliseconds is nothing to speak of.
const LONG: i64 = 3_000;

/// Since when the store thread, or one of its readers, waits for an answer, milliseconds since the epoch; zero when
/// nobody does.
#[derive(Clone, Debug, Default)]
pub struct Busy(Arc<AtomicI64>);

impl Busy {
    /// Somebody has been waiting since then, or nobody is.
    pub fn wait_for(&self, since: Option<Instant>) {
        let since = since.map_or(0, |since| now() - since.elapsed().as_millis() as i64);
        self.0.store(since, Relaxed);
    }

    /// Since when, if it is for long.
    pub fn since(&self, now: i64) -> Option<i64> {
        Some(self.0.load(Relaxed)).filter(|since| *since > 0 && now - since >= LONG)
    }
}
