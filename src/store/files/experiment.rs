//! Reading one experiment: `meta.yaml` and its tags.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use super::meta::{self, Meta};
use super::open::{Fault, Folder, Stamp, name_text};
use super::problems::Report;
use super::run::{FRESH, Outcome, within};
use crate::index::{Experiment, ExperimentKey, Index, Lifecycle, Text};

/// Bytes of a `meta.yaml` or a tag.
const LIMIT: usize = 1 << 20;

/// Reads an experiment. Its id is the folder's name; where `meta.yaml` is broken, the last good values stay.
pub fn read(
    index: &mut Index,
    key: ExperimentKey,
    path: &Path,
    trashed: bool,
    report: &mut Report,
) -> Outcome {
    let Some(old) = index.experiment(key).cloned() else { return Outcome::default() };
    let mut new = old.clone();
    let folder = match Folder::open(path) {
        Ok(folder) => folder,
        Err(fault) => {
            report.add(path, fault);
            return Outcome::default();
        }
    };
    new.touched = folder.own_stamp().map_or(0, |stamp| stamp.modified / 1_000_000);
    let mut again = false;
    let file = path.join("meta.yaml");
    match folder.read(OsStr::new("meta.yaml"), LIMIT) {
        Ok((bytes, stamp)) => match meta::parse(&bytes) {
            Ok(meta) => apply(&mut new, &meta, trashed, &file, report),
            Err(_) if is_fresh(stamp) => again = true,
            Err(fault) => report.add(&file, fault),
        },
        // MLflow replaces the file by renaming another one onto it.
        Err(Fault::Gone) if folder.own_stamp().is_ok_and(is_fresh) => again = true,
        Err(fault) => report.add(&file, fault),
    }
    if trashed {
        new.lifecycle = Lifecycle::Deleted;
    }
    new.tags = tags(&folder, path, report);
    let changed = new != old;
    if let Some(slot) = index.experiment_mut(key).filter(|_| changed) {
        *slot = new;
    }
    Outcome { changed, again, nothing: false }
}

fn is_fresh(stamp: Stamp) -> bool {
    within(stamp.modified, FRESH)
}

fn apply(new: &mut Experiment, meta: &Meta, trashed: bool, path: &Path, report: &mut Report) {
    new.name = meta.text("name").map(Text::from);
    new.artifact_location = meta.text("artifact_location").map(Text::from);
    new.creation_time = meta.integer("creation_time");
    new.last_update_time = meta.integer("last_update_time");
    // Until 2.2 MLflow moved the folder and left `active` in the file, so the place counts too.
    let deleted = trashed || meta.text("lifecycle_stage") == Some("deleted");
    new.lifecycle = if deleted { Lifecycle::Deleted } else { Lifecycle::Active };
    if let Some(id) = meta.text("experiment_id").filter(|id| *id != &*new.experiment_id) {
        report.add(path, format!("says experiment_id {id:?}, but the folder is the experiment's id"));
    }
    for key in ["creation_time", "last_update_time"] {
        if let (Some(text), None) = (meta.text(key), meta.integer(key)) {
            report.add(path, format!("has a {key} that is no time: {text:?}"));
        }
    }
}

/// The tags; the copy in `meta.yaml` is stale.
fn tags(folder: &Folder, path: &Path, report: &mut Report) -> BTreeMap<Text, Text> {
    let below = super::values::walk(folder, "tags", path, report);
    let mut out = BTreeMap::new();
    for found in below.files {
        let read = found.open(folder).and_then(|open| open.read(LIMIT));
        let (key, file) = (found.key, found.path);
        match read {
            Ok((bytes, _)) => {
                out.insert(key.into(), String::from_utf8_lossy(&bytes).into());
            }
            Err(Fault::Gone) => {}
            Err(fault) => report.add(path.join(name_text(&file)), fault),
        }
    }
    out
}
