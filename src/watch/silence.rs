//! Noticing that events do not come: what looking has found, and no event has told.
//!
//! An event of a change is there within a millisecond, but may be taken in after the change was found. So judging
//! waits for a second, and one case alone proves nothing.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;

/// A folder has to have been watched for so long before its silence means anything.
pub const LATE: Duration = Duration::from_secs(2);
/// Changes without an event that prove it.
const PROOF: u32 = 2;
/// After so long without another such change, events that come are believed again.
const FORGIVEN: Duration = Duration::from_secs(60);

/// What is known of events that should have come.
#[derive(Debug, Default)]
pub struct Silence {
    /// Folders of which events came, in this second and in the two before.
    heard: [FxHashSet<PathBuf>; 3],
    /// Folders in which a change was found in the last second.
    found: Vec<PathBuf>,
    missed: u32,
    /// When the last event was missed.
    last: Option<Instant>,
}

impl Silence {
    /// Events have come of these paths.
    pub fn heard(&mut self, paths: &[PathBuf]) {
        let [now, ..] = &mut self.heard;
        for path in paths {
            let folder = path.parent().unwrap_or(path);
            if !now.contains(folder) {
                now.insert(folder.to_owned());
            }
            // The event may be the folder's own.
            if !now.contains(path) && now.len() < 10_000 {
                now.insert(path.clone());
            }
        }
    }

    /// Looking has found changes in these folders. What was found a second ago is judged.
    pub fn found(&mut self, folders: Vec<PathBuf>) {
        let before = std::mem::replace(&mut self.found, folders);
        let missed = before.iter().filter(|folder| !self.was_heard(folder)).count();
        if missed > 0 {
            self.missed += missed as u32;
            self.last = Some(Instant::now());
        } else if self.last.is_some_and(|last| last.elapsed() > FORGIVEN)
            && self.heard.iter().any(|some| !some.is_empty())
        {
            (self.missed, self.last) = (0, None);
        }
        self.heard.rotate_right(1);
        let [now, ..] = &mut self.heard;
        now.clear();
    }

    /// Whether events do not come.
    pub fn is_silent(&self) -> bool {
        self.missed >= PROOF
    }

    fn was_heard(&self, folder: &Path) -> bool {
        self.heard.iter().flatten().any(|heard| heard.starts_with(folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(texts: &[&str]) -> Vec<PathBuf> {
        texts.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn an_event_before_or_after_the_look_is_enough() {
        let mut silence = Silence::default();
        for _ in 0..10 {
            silence.heard(&paths(&["/s/0/run/metrics/loss"]));
            silence.found(paths(&["/s/0/run"]));
        }
        silence.found(paths(&["/s/0/run"]));
        silence.heard(&paths(&["/s/0/run/metrics/loss"]));
        silence.found(Vec::new());
        assert!(!silence.is_silent());
    }

    #[test]
    fn two_changes_without_an_event_prove_it() {
        let mut silence = Silence::default();
        silence.heard(&paths(&["/s/0/another/metrics/loss"]));
        silence.found(paths(&["/s/0/run"]));
        silence.found(Vec::new());
        assert!(!silence.is_silent(), "one may be a race that nobody has thought of");
        silence.found(paths(&["/s/0/run"]));
        silence.found(Vec::new());
        assert!(silence.is_silent());
    }
}
