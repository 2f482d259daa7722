//! What the stamps of a run tell: which parts have changed since they were read.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::Duration;

use super::due::Due;
use super::interner::Interner;
use super::open::{Folder, Seal, Stamp};
use super::run::{RunFiles, TICK, within};
use crate::index::{Key, Run};

/// A run whose `meta.yaml` has not changed for so long is read without looking at every stamp. The stamps are looked at
/// later: those that are older by this than the reading tell that nothing has changed since, whatever the clock of a
/// file server says.
const CALM: Duration = Duration::from_secs(600);

/// Whether nothing had changed for long when it was read then.
pub fn is_calm(stamp: Stamp, read_at: i64) -> bool {
    let since = read_at.saturating_sub(CALM.as_secs() as i64).saturating_mul(1_000_000_000);
    stamp.modified < since && stamp.changed < since
}

/// Which parts of a run have changed since they were read, as far as stamps tell: names that came or went, points, a
/// new `meta.yaml`, tags that were overwritten. A param that was overwritten in place does not show; nor do params and
/// tags behind links. Of a run that was read without its stamps they are taken now, if they are old enough to tell.
/// A glance asks for no stamp of a single metric or tag, which are two thirds of all, and takes none.
pub fn changes(run: &Run, files: &mut RunFiles, folder: &Folder, keys: &Interner, closeness: Due) -> Due {
    let mut due = Due::empty();
    let (bare, read_at) = (files.bare, files.read_at);
    let now = |path: &OsStr| folder.stamp(path).ok();
    let mut look = |path: &OsStr, old: &mut Seal, part: Due| {
        let stamp = now(path);
        if bare && *old == Seal::NONE && stamp.is_none_or(|stamp| is_calm(stamp, read_at)) {
            *old = Seal::of(stamp);
        }
        if Seal::of(stamp) != *old || stamp.is_some_and(|stamp| within(stamp.modified, TICK)) {
            due |= part;
        }
    };
    look(OsStr::new("meta.yaml"), &mut files.meta, Due::META);
    look(OsStr::new("tags"), &mut files.tags, Due::TAGS | Due::TREE);
    look(OsStr::new("params"), &mut files.params, Due::PARAMS);
    look(OsStr::new("metrics"), &mut files.metrics, Due::METRICS);
    for (path, seal) in files.odd.iter_mut().flat_map(|odd| &mut odd.folders) {
        let part = match Path::new(path).iter().next().and_then(OsStr::to_str) {
            Some("tags") => Due::TAGS | Due::TREE,
            Some("params") => Due::PARAMS,
            _ => Due::METRICS,
        };
        look(path, seal, part);
    }
    if !closeness.contains(Due::CHECK) {
        return due;
    }
    if !due.contains(Due::TAGS) && have_tags_changed(run, files, folder, keys) {
        due |= Due::TAGS | Due::TREE;
    }
    if !due.contains(Due::METRICS) && have_metrics_changed(files, folder, keys) {
        due |= Due::METRICS;
    }
    if closeness.contains(Due::PARAM_FILES) && !due.contains(Due::PARAMS) {
        let all = stamps_of("params/", run.params().keys(), folder, keys);
        if folded(sum(&all)) != files.param_files {
            due |= Due::PARAMS;
        }
    }
    files.bare = false;
    due
}

/// A sum of stamps as a smaller number: equal ones stay equal.
pub fn folded(stamps: u64) -> u32 {
    (stamps ^ (stamps >> 32)) as u32
}

fn sum(stamps: &[Stamp]) -> u64 {
    stamps.iter().fold(0, |sum, stamp| sum.wrapping_add(Seal::of(Some(*stamp)).0))
}

/// The stamps of the files of some keys that are there.
fn stamps_of(below: &str, all: impl Iterator<Item = Key>, folder: &Folder, keys: &Interner) -> Vec<Stamp> {
    let mut path = OsString::new();
    all.filter_map(|key| {
        path.clear();
        path.push(below);
        keys.with_name(key, |name| path.push(name));
        folder.stamp(&path).ok()
    })
    .collect()
}

fn have_tags_changed(run: &Run, files: &mut RunFiles, folder: &Folder, keys: &Interner) -> bool {
    let all = stamps_of("tags/", run.tags().keys(), folder, keys);
    let is_sure = all.iter().all(|stamp| is_calm(*stamp, files.read_at));
    let stamps = sum(&all);
    if files.bare && is_sure {
        files.tag_files = stamps;
    }
    files.tag_files != stamps
}

fn have_metrics_changed(files: &mut RunFiles, folder: &Folder, keys: &Interner) -> bool {
    let mut path = OsString::new();
    let mut all = std::mem::take(&mut files.files);
    let mut changed = false;
    for file in &mut all {
        file.path(files, keys, &mut path);
        let Ok(stamp) = folder.stamp(&path) else {
            changed = true;
            continue;
        };
        if files.bare && is_calm(stamp, files.read_at) {
            file.take_stamp(stamp);
        }
        changed |= !file.is_like(files, stamp);
    }
    files.files = all;
    changed
}
