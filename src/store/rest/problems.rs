//! What a server did not answer as it should, by what was asked for, so that it goes away when it is cured.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use crate::index::{Index, Problem};

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum About {
    /// The server itself.
    Server,
    /// The list of experiments.
    Experiments,
    /// The runs of an experiment, by its id.
    Runs(String),
}

/// All problems.
#[derive(Debug, Default)]
pub struct Problems {
    found: BTreeMap<About, Problem>,
    dirty: bool,
}

impl Problems {
    /// Something is wrong: a sentence.
    pub fn set(&mut self, about: About, what: String) {
        let path = PathBuf::from(match &about {
            About::Server => "server".to_owned(),
            About::Experiments => "experiments".to_owned(),
            About::Runs(id) => format!("experiments/{id}/runs"),
        });
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let known = self.found.get(&about).map(|known| (known.since, known.what == what));
        if known.is_none_or(|(_, is_same)| !is_same) {
            let since = known.map_or(now.as_millis() as i64, |(since, _)| since);
            self.found.insert(about, Problem { run: None, path, what, since });
            self.dirty = true;
        }
    }

    /// It is well again.
    pub fn clear(&mut self, about: &About) {
        self.dirty |= self.found.remove(about).is_some();
    }

    /// Brings the index up to date; says whether that changed it.
    pub fn publish(&mut self, index: &mut Index) -> bool {
        let dirty = std::mem::take(&mut self.dirty);
        if dirty {
            index.problems = Arc::new(self.found.values().cloned().collect());
        }
        dirty
    }
}
