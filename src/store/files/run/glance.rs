//! A glance at a run to which nothing happens: by their paths from the experiment, so that its folder need not be opened.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::{RunFiles, TICK, within};
use crate::store::files::open::{Folder, Seal};

/// Whether state, names of tags, params and metrics are as they were read, as far as the stamps of `meta.yaml` and the
/// folders tell. A run whose stamps have not been taken, or that has folders within these, takes a closer look.
pub fn is_as_before(id: &str, files: &RunFiles, experiment: &Folder) -> bool {
    let is_plain = files.odd.as_ref().is_none_or(|odd| odd.folders.is_empty());
    let is_as_before = |name: &str, seal: Seal| {
        let path = [id.as_bytes(), b"/", name.as_bytes()].concat();
        let stamp = experiment.stamp(OsStr::from_bytes(&path)).ok();
        Seal::of(stamp) == seal && stamp.is_none_or(|stamp| !within(stamp.modified, TICK))
    };
    is_plain
        && is_as_before("meta.yaml", files.meta)
        && is_as_before("tags", files.tags)
        && is_as_before("params", files.params)
        && is_as_before("metrics", files.metrics)
}
