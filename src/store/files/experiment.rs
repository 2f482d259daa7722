//! Reading one experiment: `meta.yaml` and its tags.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use super::interner::Interner;
use super::meta::{self, Meta};
use super::open::{Fault, Folder, Stamp};
use super::problems::Report;
use super::run::{FRESH, within};
use super::values::{Buffers, Place, read_values};
use crate::index::{Experiment, Lifecycle, Pairs, Sheet, Text};

/// Bytes of a `meta.yaml`.
const LIMIT: usize = 1 << 20;

/// Reads an experiment; says also whether it is being written just now. Its id is the folder's name; where `meta.yaml`
/// is broken, the last good values stay.
pub fn read(
    old: &Experiment,
    path: &Path,
    trashed: bool,
    buffers: &mut Buffers,
    report: &mut Report,
) -> (Experiment, bool) {
    let mut new = old.clone();
    let folder = match Folder::open(path) {
        Ok(folder) => folder,
        Err(fault) => {
            report.add(path, fault);
            return (new, false);
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
    new.tags = tags(&folder, path, buffers, report);
    report.sort();
    (new, again)
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
fn tags(folder: &Folder, path: &Path, buffers: &mut Buffers, report: &mut Report) -> BTreeMap<Text, Text> {
    let keys = Interner::default();
    let place = Place { folder, experiment: path, run_id: "", keys: &keys, bare: false };
    let mut sheet = Sheet::default();
    read_values(place, ("tags", false), Pairs::default(), &mut sheet, buffers, report);
    let mut bytes = Vec::new();
    sheet.write(&mut bytes);
    let name = |key| keys.with_name(key, |name| Text::from(name));
    Pairs::read(&bytes).iter().map(|(key, value)| (name(key), value.into())).collect()
}
