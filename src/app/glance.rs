//! The run under the cursor as the preview shows it: put in order once, not for every frame.

use std::sync::Arc;

use super::detail::Sorted;
use super::{App, panes};
use crate::index::Run;

/// A run and the order of what it has.
#[derive(Clone, Debug)]
pub struct Glance {
    /// The run.
    pub run: Arc<Run>,
    /// Its metrics and params in the order in which they are shown.
    pub sorted: Sorted,
}

impl App {
    /// Puts in order what the run under the cursor has, when it is another one or has changed.
    pub(super) fn settle_glance(&mut self) {
        let is_drawn = panes::panes(self).preview.height > 0;
        let run = self.current_row().and_then(|row| self.index().run(row.run)).filter(|_| is_drawn);
        let known = self.glance.as_ref().map(|glance| &glance.run);
        if run.map(Arc::as_ptr) != known.map(Arc::as_ptr) {
            let glance = |run: &Arc<Run>| Glance { run: run.clone(), sorted: Sorted::of(run, self.index()) };
            self.glance = run.map(glance);
        }
    }
}
