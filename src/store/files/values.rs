//! Params and tags: one file per key, the value is the whole file; and the walk that finds the files of a kind.

use std::ffi::OsString;
use std::path::Path;

use rustc_hash::FxHashSet;

use super::open::{Fault, Folder, Kind, OpenFile, Stamp, name_text};
use super::problems::Report;
use super::run::{FRESH, RunFiles, within};
use crate::index::{Index, Key, Text};

/// Bytes of a param or tag that are kept; MLflow allows 8,000 characters.
const VALUE: usize = 64 << 10;
/// Folders within folders below `metrics`, `params` and `tags`: slashes of a key.
const DEPTH: usize = 128;

/// Remembers values, so that a param value which thousands of runs share is kept once.
#[derive(Debug, Default)]
pub struct Values(FxHashSet<Text>);

impl Values {
    fn intern(&mut self, value: &str) -> Text {
        if value.len() > 64 {
            return value.into();
        }
        if let Some(known) = self.0.get(value) {
            return known.clone();
        }
        let text = Text::from(value);
        if self.0.len() < 1 << 20 {
            self.0.insert(text.clone());
        }
        text
    }
}

/// One file per key, the value is the whole file. Says whether a value is being written just now: MLflow truncates the
/// file first, so for a moment it is empty.
pub(super) fn read_values(
    kind: &str,
    old: &[(Key, Text)],
    index: &mut Index,
    files: &RunFiles,
    folder: &Folder,
    values: &mut Values,
    report: &mut Report,
) -> (Vec<(Key, Text)>, bool) {
    let mut out = Vec::with_capacity(old.len());
    let mut again = false;
    let below = walk(folder, kind, &files.path, report);
    for found in below.files {
        let read = found.open(folder).and_then(|open| open.read(VALUE));
        let Found { key, path, .. } = found;
        let (bytes, stamp) = match read {
            Ok(read) => read,
            Err(Fault::Gone) => continue,
            Err(fault) => {
                report.add(files.path.join(&path), fault);
                continue;
            }
        };
        let key = index.intern(&key);
        let before = old
            .binary_search_by_key(&key, |(k, _)| *k)
            .ok()
            .and_then(|place| old.get(place))
            .map(|(_, value)| value);
        if let Some(before) = before.filter(|_| bytes.is_empty() && within(stamp.modified, FRESH)) {
            again |= !before.is_empty();
            out.push((key, before.clone()));
            continue;
        }
        if stamp.size as usize > VALUE {
            report
                .add(files.path.join(&path), format!("has {} bytes; the first 64 KiB are shown", stamp.size));
        }
        let text = String::from_utf8_lossy(&bytes);
        if matches!(text, std::borrow::Cow::Owned(_)) && stamp.size as usize <= VALUE {
            report.add(files.path.join(&path), "is not UTF-8");
        }
        out.push((key, values.intern(&text)));
    }
    out.sort_unstable_by_key(|(key, _)| *key);
    (out, again)
}

/// A file of a key.
pub(super) struct Found {
    /// The key: the path below the folder of its kind, with `/`.
    pub key: String,
    /// The path below the run.
    pub path: OsString,
    /// Whether it is a link, which has to be looked at before it is opened.
    is_link: bool,
}

impl Found {
    /// Opens it.
    pub fn open(&self, run: &Folder) -> Result<OpenFile, Fault> {
        if self.is_link { run.file(&self.path) } else { run.listed_file(&self.path) }
    }
}

/// Files below a folder of a run.
#[derive(Default)]
pub(super) struct Below {
    /// The files, sorted by path.
    pub files: Vec<Found>,
    /// Folders, relative to the run, the first one included.
    pub folders: Vec<OsString>,
    /// Their stamps from before they were listed.
    pub stamps: Vec<Option<Stamp>>,
}

/// All files below `kind`, sorted by path, without following links out of the run and without recursion.
pub(super) fn walk(run: &Folder, kind: &str, path: &Path, report: &mut Report) -> Below {
    let mut below = Below::default();
    let mut stack = vec![(OsString::from(kind), String::new(), 0)];
    while let Some((folder, prefix, depth)) = stack.pop() {
        let listed = run.folder(&folder).and_then(Folder::into_entries);
        let (stamp, entries) = match listed {
            Ok(listed) => listed,
            // Empty folders get lost in git and in cloud syncs.
            Err(Fault::Gone) => continue,
            Err(fault) => {
                report.add(path.join(&folder), fault);
                continue;
            }
        };
        for entry in entries {
            let relative = Path::new(&folder).join(&entry.name).into_os_string();
            let key = format!("{prefix}{}", name_text(&entry.name));
            match entry.kind {
                Kind::Folder if depth >= DEPTH => {
                    report.add(path.join(&relative), "lies too deep to be a key")
                }
                Kind::Folder => stack.push((relative, format!("{key}/"), depth + 1)),
                kind @ (Kind::File | Kind::Link) => {
                    below.files.push(Found { key, path: relative, is_link: kind == Kind::Link });
                }
                Kind::Other(what) => report.add(path.join(&relative), format!("is {what}, not a file")),
            }
        }
        below.folders.push(folder);
        below.stamps.push(stamp);
    }
    below.files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    below
}
