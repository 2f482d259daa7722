//! Params and tags: one file per key, the value is the whole file; and the walk that finds the files of a kind.

use std::borrow::Cow;
use std::ffi::{CStr, OsStr, OsString};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::due::Due;
use super::interner::Interner;
use super::open::{Fault, Folder, Kind, Seal, Stamp, name_text};
use super::points::MetricFile;
use super::problems::Report;
use super::run::{FRESH, within};
use crate::index::{Pairs, Sheet};

/// Bytes of a param or tag that are kept; MLflow allows 8,000 characters.
const VALUE: usize = 64 << 10;
/// Bytes that Python writes at once: of a longer value there may be more to come.
const WRITTEN_AT_ONCE: usize = 8192;
/// Folders within folders below `metrics`, `params` and `tags`: slashes of a key.
const DEPTH: usize = 128;

/// Buffers of one reader, used again for every file.
#[derive(Default)]
pub struct Buffers {
    /// The listing of a folder, in parts.
    pub entries: Listed,
    /// The content of files.
    pub files: FileBuffers,
}

/// The listing of a folder, in parts.
pub struct Listed(Box<[MaybeUninit<u8>]>);

/// The content of a file.
pub struct FileBuffers {
    /// Of a short one all of it, with one byte that tells that there is more.
    pub bytes: Vec<u8>,
    /// Of a long one a part.
    pub page: Vec<u8>,
    /// What is found of the metric files of one run.
    pub metrics: Vec<MetricFile>,
}

impl Default for Listed {
    fn default() -> Self {
        Self(Box::new_uninit_slice(16 << 10))
    }
}

impl Listed {
    /// Where the system puts a part of the listing.
    pub fn room(&mut self) -> &mut [MaybeUninit<u8>] {
        &mut self.0
    }
}

impl Default for FileBuffers {
    fn default() -> Self {
        Self { bytes: vec![0; VALUE + 1], page: Vec::new(), metrics: Vec::new() }
    }
}

/// A run's folder while it is being read.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// The folder.
    pub folder: &'a Folder,
    /// The folder of its experiment, and its id: its path, for problems.
    pub experiment: &'a Path,
    pub run_id: &'a str,
    /// The names of keys.
    pub keys: &'a Interner,
    /// Stamps are not looked at.
    pub bare: bool,
}

impl Place<'_> {
    /// The path of something in the run.
    pub fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.experiment.join(self.run_id).join(below)
    }
}

/// A file of a key.
pub(super) struct Found<'a> {
    /// The key: the path below the folder of its kind, with `/`.
    pub key: &'a str,
    /// The folder that it lies in, and its name there.
    folder: &'a Folder,
    name: &'a CStr,
    /// That folder below the run.
    below: &'a OsStr,
    run: &'a Folder,
    /// Whether it is a link, which has to be looked at before it is opened.
    is_link: bool,
}

impl Found<'_> {
    /// The path below the run.
    pub fn path(&self) -> OsString {
        Path::new(self.below).join(OsStr::from_bytes(self.name.to_bytes())).into_os_string()
    }

    /// Whether it lies where its key says.
    pub fn is_plain(&self) -> bool {
        self.name.to_str().is_ok()
    }

    /// Opens it to be read at once.
    pub fn open(&self) -> Result<super::open::SmallFile, Fault> {
        if self.is_link { Ok(self.run.file(&self.path())?.into()) } else { self.folder.small_file(self.name) }
    }

    /// Its stamp without opening it; of a link that of what it leads to.
    pub fn stamp(&self) -> Result<Stamp, Fault> {
        if self.is_link { Ok(self.run.file(&self.path())?.stamp) } else { self.own_stamp() }
    }

    /// Its stamp, of a link that of the link.
    fn own_stamp(&self) -> Result<Stamp, Fault> {
        self.folder.stamp(OsStr::from_bytes(self.name.to_bytes()))
    }
}

/// Folders of a kind and their seals from before they were listed, relative to the run.
pub(super) type Folders = Vec<(OsString, Seal)>;

/// Visits all files below `kind` without following links out of the run and without recursion; gives the folders there
/// are, the one of the kind first, and when the youngest of them was last changed.
pub(super) fn walk(
    place: Place<'_>,
    kind: &str,
    entries: &mut Listed,
    report: &mut Report,
    visit: &mut dyn FnMut(&Found<'_>, &mut Report),
) -> (Folders, i64) {
    let (mut folders, mut youngest) = (Folders::new(), i64::MIN);
    let mut stack = vec![(OsString::from(kind), String::new(), 0)];
    while let Some((below, prefix, depth)) = stack.pop() {
        // A folder of the run itself may be a link inside it; those below were listed as folders.
        let opened = place.folder.folder(&below).and_then(|folder| {
            let stamp = if place.bare { None } else { Some(folder.own_stamp()?) };
            Ok((stamp, folder))
        });
        let (stamp, folder) = match opened {
            Ok(opened) => opened,
            // Empty folders get lost in git and in cloud syncs.
            Err(Fault::Gone) => continue,
            Err(fault) => {
                report.add(place.path(&below), fault);
                continue;
            }
        };
        let listed = folder.visit(entries.room(), |name, kind| {
            let text = match name.to_str() {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => Cow::Owned(name_text(OsStr::from_bytes(name.to_bytes()))),
            };
            let key = if prefix.is_empty() { text } else { Cow::Owned(format!("{prefix}{text}")) };
            let path = || Path::new(&below).join(OsStr::from_bytes(name.to_bytes())).into_os_string();
            match kind {
                Kind::Folder if depth >= DEPTH => {
                    report.add(place.path(path()), "lies too deep to be a key");
                }
                Kind::Folder => stack.push((path(), format!("{key}/"), depth + 1)),
                Kind::File | Kind::Link => {
                    let (is_link, run) = (kind == Kind::Link, place.folder);
                    visit(&Found { key: &key, folder: &folder, name, below: &below, run, is_link }, report);
                }
                Kind::Other(what) => report.add(place.path(path()), format!("is {what}, not a file")),
            }
        });
        if let Err(fault) = listed {
            report.add(place.path(&below), fault);
        }
        youngest = youngest.max(stamp.map_or(i64::MIN, |stamp| stamp.modified));
        folders.push((below, Seal::of(stamp)));
    }
    (folders, youngest)
}

/// What reading params or tags found besides their values.
pub(super) struct Looked {
    /// A value is being written just now: MLflow truncates the file first, so for a moment it is empty.
    again: bool,
    /// A value may still be written: it is empty or as long as what is written at once, and the file is young. Of a param
    /// no stamp would tell.
    settles: bool,
    /// The folders there are, the one of the kind first.
    pub folders: Folders,
    /// The sum of the stamps of all files, of tags only.
    pub stamps: u64,
    /// When one of them was last changed, nanoseconds since the epoch.
    pub youngest: i64,
}

impl Looked {
    /// What has to be looked at again: soon, and when it has rested.
    pub fn due(&self, kind: Due) -> (Due, Due) {
        let due = |is_due| if is_due { kind } else { Due::empty() };
        (due(self.again), due(self.settles))
    }
}

/// One file per key, the value is the whole file; with the stamps of the files, if they are wanted. Where a value is being written, `old` has the one before.
pub(super) fn read_values(
    place: Place<'_>,
    (kind, is_stamped): (&str, bool),
    old: Pairs<'_>,
    out: &mut Sheet,
    buffers: &mut Buffers,
    report: &mut Report,
) -> Looked {
    let Buffers { entries, files: FileBuffers { bytes, .. } } = buffers;
    let (mut again, mut settles, mut stamps, mut newest) = (false, false, 0u64, i64::MIN);
    let (folders, youngest) = walk(place, kind, entries, report, &mut |found, report| {
        let read = found.open().and_then(|file| {
            // From before it is read: what changes meanwhile shows at the next look.
            let stamp = match (is_stamped, found.is_link) {
                (false, _) => None,
                (true, false) => Some(file.stamp()?),
                (true, true) => Some(found.own_stamp()?),
            };
            Ok((file.read(bytes)?, file, stamp))
        });
        let (len, file, stamp) = match read {
            Ok(read) => read,
            Err(Fault::Gone) => return,
            Err(fault) => return report.add(place.path(found.path()), fault),
        };
        // A name that is no UTF-8 is not found again by its key.
        if let Some(stamp) = stamp.filter(|_| found.is_plain()) {
            stamps = stamps.wrapping_add(Seal::of(Some(stamp)).0);
            newest = newest.max(stamp.modified);
        }
        let key = place.keys.intern(found.key);
        let is_young = || file.stamp().is_ok_and(|stamp| within(stamp.modified, FRESH));
        if (len == 0 || len >= WRITTEN_AT_ONCE) && is_young() {
            settles = true;
            let before = old.get(key).filter(|_| len == 0);
            again |= len == 0 && before.is_none_or(|before| !before.is_empty());
            if let Some(before) = before {
                out.push(key, before);
                return;
            }
        }
        let text = bytes.get(..len.min(VALUE)).unwrap_or_default();
        if len > VALUE {
            let size = file.stamp().map_or(len as u64, |stamp| stamp.size);
            let told = format!("has {size} bytes; the first 64 KiB are shown");
            report.add(place.path(found.path()), told);
        }
        let text = String::from_utf8_lossy(text);
        if matches!(text, Cow::Owned(_)) && len <= VALUE {
            report.add(place.path(found.path()), "is not UTF-8");
        }
        if !out.push(key, &text) {
            report.add(place.path(found.path()), "is one value too many: those before it fill 512 MiB");
        }
    });
    Looked { again, settles, folders, stamps, youngest: youngest.max(newest) }
}
