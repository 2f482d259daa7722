//! What a changed path concerns: the store, an experiment, or a part of a run.

use std::path::{Path, PathBuf};

use super::due::Due;
use super::{FileStore, open};
use crate::index::{ExperimentKey, Index, RunKey};

/// What a changed path concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Mark {
    Root,
    Experiment(ExperimentKey),
    Run(RunKey, Part),
}

/// Which part of a run a changed path concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Part {
    All,
    Meta,
    Tags,
    Params,
    Metrics,
}

impl Part {
    pub(super) fn due(self) -> Due {
        match self {
            Self::All => Due::WHOLE,
            Self::Meta => Due::META,
            Self::Tags => Due::TAGS,
            Self::Params => Due::PARAMS,
            Self::Metrics => Due::METRICS,
        }
    }
}

impl FileStore {
    /// What a path concerns; artifacts and other trees concern nobody.
    pub(super) fn mark(&self, index: &Index, path: &Path) -> Option<Mark> {
        let below = path.strip_prefix(&self.root).ok()?;
        let mut parts: Vec<String> = below.iter().map(open::name_text).collect();
        if parts.first().is_some_and(|first| first == ".trash") {
            parts.remove(0);
        }
        let [id, rest @ ..] = parts.as_slice() else { return Some(Mark::Root) };
        let base: PathBuf = below.iter().take(below.iter().count() - rest.len()).collect();
        let base = self.root.join(base);
        let found = self.by_path.get(&base).and_then(|key| Some((*key, self.experiments.get(key)?)));
        let Some((experiment, files)) = found.filter(|_| !id.is_empty()) else { return Some(Mark::Root) };
        let [run, rest @ ..] = rest else { return Some(Mark::Experiment(experiment)) };
        let Some(key) = files.run(index, run) else { return Some(Mark::Experiment(experiment)) };
        match rest.first().map(String::as_str) {
            None => Some(Mark::Run(key, Part::All)),
            Some("meta.yaml") => Some(Mark::Run(key, Part::Meta)),
            Some("tags") => Some(Mark::Run(key, Part::Tags)),
            Some("params") => Some(Mark::Run(key, Part::Params)),
            Some("metrics") => Some(Mark::Run(key, Part::Metrics)),
            Some(_) => None,
        }
    }
}
