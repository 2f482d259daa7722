//! The run under the cursor as the preview shows it: put in order once, not for every frame.
//!
//! The preview follows when the cursor has rested for a moment. While a key is held down only two lines change, and
//! neither histories are read nor half a screen is written for runs that nobody looks at.

use std::sync::Arc;

use super::detail::Sorted;
use super::{App, panes};
use crate::index::{Run, RunKey};

/// How long the cursor rests on a run before the preview follows, in milliseconds.
const REST: i64 = 100;

/// A run and the order of what it has.
#[derive(Clone, Debug)]
pub struct Glance {
    /// The run.
    pub run: Arc<Run>,
    /// Its metrics and params in the order in which they are shown.
    pub sorted: Sorted,
}

/// A run on which the cursor has come to rest, which the preview does not show yet.
#[derive(Clone, Copy, Debug)]
pub struct Resting {
    run: RunKey,
    /// When the preview follows, milliseconds since the epoch.
    until: i64,
}

impl App {
    /// Puts in order what the run under the cursor has, when it is another one or has changed.
    pub(super) fn settle_glance(&mut self) {
        let is_drawn = panes::panes(self).preview.height > 0;
        let run = self.current_row().and_then(|row| self.index().run(row.run)).filter(|_| is_drawn);
        let known = self.glance.as_ref().map(|glance| &glance.run);
        if run.map(Arc::as_ptr) == known.map(Arc::as_ptr) {
            self.resting = None;
            return;
        }
        let run = run.cloned();
        if let Some(run) = run.as_ref().filter(|run| self.is_elsewhere(run.key)) {
            let resting = self.resting.filter(|resting| resting.run == run.key);
            let until = resting.map_or(self.clock + REST, |resting| resting.until);
            // A clock that was set back must not keep the preview from following.
            if (until - REST..until).contains(&self.clock) {
                self.resting = Some(Resting { run: run.key, until });
                return;
            }
        }
        self.resting = None;
        let index = self.index();
        self.glance = run.map(|run| Glance { sorted: Sorted::of(&run, index), run });
    }

    /// Whether the preview shows another run that is still in the table, as after a move of the cursor.
    fn is_elsewhere(&self, run: RunKey) -> bool {
        let shown = self.glance.as_ref().map(|glance| glance.run.key);
        shown.is_some_and(|shown| shown != run && self.rows.place(shown).is_some())
    }

    /// When something on screen changes without an event, milliseconds since the epoch: an [`Event::Now`] is due then.
    ///
    /// [`Event::Now`]: super::Event::Now
    pub fn due(&self) -> Option<i64> {
        self.resting.map(|resting| resting.until)
    }
}
