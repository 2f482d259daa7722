//! The metric files of a run: how far each has been read, and reading what they have gained.
//!
//! A short file is read whole, by one system call. Of a long one the end is read first, and its latest value is
//! provisional until all of it has been read: MLflow's latest is the highest (step, timestamp, value) of the whole file.

use std::ffi::OsString;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::due::Due;
use super::interner::Interner;
use super::metric::{self, Latest, LineCounts};
use super::open::{Fault, SmallFile, Stamp, sum};
use super::problems::Report;
use super::run::{FRESH, RunFiles, within};
use super::values::{FileBuffers, Found, Place};
use crate::index::{Key, Metric, Run};

use grown::Grown;

mod grown;

/// A last line without a newline counts when its file has rested for this long.
const SETTLED: Duration = Duration::from_secs(10);
/// Bytes of the end of a long file that are read first.
const TAIL: usize = 8 << 10;
/// Long files that are held open until they are read together.
const LONG: usize = 32;

/// The identity of a file at whose stamp nobody has looked yet.
const BARE: u32 = 0;

/// How far a metric file has been read. There may be a million of them, so the rest of what is known of a file is
/// derived from its key or, where it is not a plain one, in [`OddFile`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricFile {
    /// The metric.
    pub key: Key,
    /// Which file: a sum of device and inode.
    pub ident: u32,
    /// A sum of the times of its last change.
    pub modified: u32,
    /// A sum of the bytes before `offset`, so that a rewritten file is noticed.
    pub check: u32,
    /// Bytes that were consumed: all up to and with the last newline.
    pub offset: u64,
}

/// What is known of a metric file that is not just good lines to the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OddFile {
    /// Where it lies below the run, when the key does not tell.
    pub path: Option<OsString>,
    /// Its size when it was read.
    pub size: u64,
    /// Lines that were read, and how many of them are no points.
    pub lines: u64,
    /// Lines that are no points, and the first one's number.
    pub bad: u64,
    /// The number of the first of them.
    pub first_bad: u64,
    /// Whether its end waits to be finished or to settle.
    pub waiting: bool,
    /// The last line counts though it has no newline.
    pub open_end: bool,
    /// Only its end was read.
    pub tail: bool,
}

fn fold(sum: u64) -> u32 {
    (sum ^ (sum >> 32)) as u32
}

impl MetricFile {
    fn of(key: Key, stamp: Stamp) -> Self {
        let times = sum((stamp.modified, stamp.changed));
        Self { key, ident: fold(sum(stamp.file)).max(1), modified: fold(times), check: 0, offset: 0 }
    }

    /// Takes a stamp that is known to be from before the file was read, when it was read without looking at one.
    pub fn take_stamp(&mut self, stamp: Stamp) {
        if self.ident == BARE {
            let now = Self::of(self.key, stamp);
            (self.ident, self.modified) = (now.ident, now.modified);
        }
    }

    #[cfg(test)]
    pub fn forget_stamp(&mut self) {
        (self.ident, self.modified) = (BARE, 0);
    }

    /// Whether a file with this stamp is the one that was read, with nothing new in it.
    pub fn is_like(&self, files: &RunFiles, stamp: Stamp) -> bool {
        let now = Self::of(self.key, stamp);
        let size = self.odd(files).map_or(self.offset, |odd| odd.size);
        (now.ident, now.modified, stamp.size) == (self.ident, self.modified, size)
    }

    /// Where it lies below the run, written to `path`.
    pub fn path(&self, files: &RunFiles, keys: &Interner, path: &mut OsString) {
        path.clear();
        match self.odd(files).and_then(|odd| odd.path.as_ref()) {
            Some(odd) => path.push(odd),
            None => {
                path.push("metrics/");
                keys.with_name(self.key, |name| path.push(name));
            }
        }
    }

    fn odd<'a>(&self, files: &'a RunFiles) -> Option<&'a OddFile> {
        files.odd.as_ref()?.files.get(&self.key)
    }
}

/// The file of a metric, for its history.
pub fn metric_path(files: &RunFiles, key: Key, keys: &Interner) -> Option<OsString> {
    let place = files.files.binary_search_by_key(&key, |file| file.key).ok()?;
    let mut path = OsString::new();
    files.files.get(place)?.path(files, keys, &mut path);
    Some(path)
}

/// Where the file of a metric lies if its name is a plain one.
pub fn plain_path(key: Key, keys: &Interner) -> OsString {
    keys.with_name(key, |name| format!("metrics/{name}").into())
}

/// Whether a metric file that was last changed then has come to rest.
pub fn is_settled(running: bool, stamp: Stamp) -> bool {
    !running && !within(stamp.modified, SETTLED)
}

/// Reads the metric files of one run.
pub(super) struct MetricReader<'a> {
    run: &'a Run,
    old: Box<[MetricFile]>,
    old_odd: FxHashMap<Key, OddFile>,
    running: bool,
    /// Long files too are read to their beginning.
    whole: bool,
    /// Short files are read without looking at their stamps.
    bare: bool,
    buffers: &'a mut FileBuffers,
    metrics: &'a mut Vec<(Key, Metric)>,
    files: Vec<MetricFile>,
    odd: FxHashMap<Key, OddFile>,
    /// Long files that wait until some can be read at a time.
    long: Vec<Long>,
}

/// What one file gave.
struct Read {
    file: MetricFile,
    odd: OddFile,
    latest: Latest,
    exact: bool,
}

/// What a look at a file has found.
enum Looked {
    Read(Read),
    /// There is more to read.
    Grown(Grown),
    /// So much that several such files are read at a time.
    Long(Grown),
}

/// A long file that waits, and where it lies below the run.
struct Long {
    grown: Grown,
    path: OsString,
    is_plain: bool,
}

impl<'a> MetricReader<'a> {
    /// A reader of the run's files, which begins where the last one ended. Puts what it finds into `metrics`.
    pub fn new(
        run: &'a Run,
        files: &mut RunFiles,
        running: bool,
        (whole, bare): (bool, bool),
        buffers: &'a mut FileBuffers,
        metrics: &'a mut Vec<(Key, Metric)>,
    ) -> Self {
        let old = std::mem::take(&mut files.files);
        let old_odd = files.odd.as_mut().map(|odd| std::mem::take(&mut odd.files)).unwrap_or_default();
        let odd = FxHashMap::default();
        let mut files = std::mem::take(&mut buffers.metrics);
        files.clear();
        let long = Vec::new();
        Self { run, old, old_odd, running, whole, bare, buffers, metrics, files, odd, long }
    }

    /// Reads what a file has gained.
    pub fn file(&mut self, found: &Found<'_>, place: Place<'_>, report: &mut Report) {
        let key = place.keys.intern(found.key);
        let before = self.old.binary_search_by_key(&key, |file| file.key).ok();
        let before = before.and_then(|at| self.old.get(at)).copied();
        let path = || found.path();
        match self.look(key, before, found) {
            Ok(Looked::Read(read)) => self.keep(read, (&path, found.is_plain()), place, report),
            Ok(Looked::Grown(grown)) => {
                let mut page = std::mem::take(&mut self.buffers.page);
                let read = grown.read(self.run, &mut page);
                self.buffers.page = page;
                self.keep_or_tell(key, read, (&path, found.is_plain()), place, report);
            }
            Ok(Looked::Long(grown)) => {
                self.long.push(Long { grown, path: found.path(), is_plain: found.is_plain() });
                if self.long.len() >= LONG {
                    self.read_long(place, report);
                }
            }
            Err(fault) => self.keep_or_tell(key, Err(fault), (&path, found.is_plain()), place, report),
        }
    }

    /// Reads the long files that wait, several at a time.
    fn read_long(&mut self, place: Place<'_>, report: &mut Report) {
        if self.long.is_empty() {
            return; // as for nearly all runs
        }
        let waiting = std::mem::take(&mut self.long);
        let grown: Vec<&Grown> = waiting.iter().map(|long| &long.grown).collect();
        let all = grown::read_all(&grown, self.run, &mut self.buffers.page);
        for (long, read) in waiting.iter().zip(all) {
            let path = || long.path.clone();
            self.keep_or_tell(long.grown.key, read, (&path, long.is_plain), place, report);
        }
    }

    fn keep_or_tell(
        &mut self,
        key: Key,
        read: Result<Read, Fault>,
        (path, is_plain): (&dyn Fn() -> OsString, bool),
        place: Place<'_>,
        report: &mut Report,
    ) {
        let read = match read {
            Ok(read) => read,
            Err(Fault::Gone) => return,
            Err(fault) => {
                report.add(place.path(path()), fault);
                // Points that were counted are counted again from the top.
                Read {
                    file: MetricFile { offset: 0, ..MetricFile::of(key, Stamp::default()) },
                    ..Read::nothing(key)
                }
            }
        };
        self.keep(read, (path, is_plain), place, report);
    }

    fn look(&mut self, key: Key, before: Option<MetricFile>, found: &Found<'_>) -> Result<Looked, Fault> {
        let odd = self.old_odd.remove(&key);
        if let Some(before) = before
            && let Some(unchanged) = self.unchanged(before, odd.as_ref(), found)?
        {
            return Ok(Looked::Read(unchanged));
        }
        let file = found.open()?;
        if self.bare
            && before.is_none()
            && let Some(read) = self.read_short(key, &file, None)?
        {
            return Ok(Looked::Read(read));
        }
        let stamp = file.stamp()?;
        let settled = is_settled(self.running, stamp);
        let before = before.filter(|before| before.offset > 0);
        let is_short = (stamp.size as usize) < self.buffers.bytes.len();
        if before.is_none() && is_short {
            if let Some(read) = self.read_short(key, &file, Some(stamp))? {
                return Ok(Looked::Read(read));
            }
        } else if before.is_none() && !self.whole {
            return self.read_tail(key, &file, stamp).map(Looked::Read);
        }
        let is_long = stamp.size - before.map_or(0, |before| before.offset.min(stamp.size)) >= grown::LARGE;
        let (odd, open) = (odd.unwrap_or_default(), file.into_open(stamp));
        let grown = Grown { key, before, odd, open, settled };
        Ok(if is_long { Looked::Long(grown) } else { Looked::Grown(grown) })
    }

    /// What is known of a file that has not changed.
    fn unchanged(
        &self,
        file: MetricFile,
        odd: Option<&OddFile>,
        found: &Found<'_>,
    ) -> Result<Option<Read>, Fault> {
        if odd.is_some_and(|odd| odd.waiting || (odd.tail && self.whole)) {
            return Ok(None);
        }
        let stamp = found.stamp()?;
        let now = MetricFile::of(file.key, stamp);
        let size = odd.map_or(file.offset, |odd| odd.size);
        if (now.ident, now.modified, stamp.size) != (file.ident, file.modified, size) {
            return Ok(None);
        }
        let metric = self.run.metric(file.key);
        let latest = metric
            .map_or_else(Latest::default, |metric| Latest { best: Some(metric.last), points: metric.points });
        let odd = odd.cloned().unwrap_or_else(|| OddFile::plain(file.offset, latest.points));
        Ok(Some(Read { file, exact: !odd.tail, odd, latest }))
    }

    /// The whole of a short file, unless it is not short after all, or its last line is not finished: that takes a closer
    /// look.
    fn read_short(
        &mut self,
        key: Key,
        file: &SmallFile,
        stamp: Option<Stamp>,
    ) -> Result<Option<Read>, Fault> {
        let len = file.read(&mut self.buffers.bytes)?;
        let bytes = self.buffers.bytes.get(..len).unwrap_or_default();
        if len == self.buffers.bytes.len() || bytes.last().is_some_and(|last| *last != b'\n') {
            return Ok(None);
        }
        let mut latest = Latest::default();
        let lines = metric::latest_of(bytes, &mut latest);
        let checked = bytes.get(len.saturating_sub(metric::CHECKED as usize)..).unwrap_or_default();
        let check = fold(metric::sum(checked));
        let bare = MetricFile { key, ident: BARE, modified: 0, check, offset: len as u64 };
        let file = stamp.map_or(bare, |stamp| MetricFile {
            check,
            offset: len as u64,
            ..MetricFile::of(key, stamp)
        });
        let size = stamp.map_or(len as u64, |stamp| stamp.size);
        Ok(Some(Read { file, odd: OddFile::with(size, lines), latest, exact: true }))
    }

    fn read_tail(&mut self, key: Key, file: &SmallFile, stamp: Stamp) -> Result<Read, Fault> {
        let from = stamp.size.saturating_sub(TAIL as u64);
        let buffer = self.buffers.bytes.get_mut(..TAIL).unwrap_or_default();
        let len = file.read_at(buffer, from)?;
        let bytes = buffer.get(..len).unwrap_or_default();
        let begin = memchr::memchr(b'\n', bytes).map_or(len, |at| at + 1);
        let end = memchr::memrchr(b'\n', bytes).map_or(begin, |at| at + 1).max(begin);
        let mut latest = Latest::default();
        let lines = metric::latest_of(bytes.get(begin..end).unwrap_or_default(), &mut latest);
        let odd = OddFile { tail: true, ..OddFile::with(stamp.size, lines) };
        Ok(Read { file: MetricFile::of(key, stamp), odd, latest, exact: false })
    }

    /// Takes over what a file gave, and says what is wrong with it.
    fn keep(
        &mut self,
        read: Read,
        (path, is_plain): (&dyn Fn() -> OsString, bool),
        place: Place<'_>,
        report: &mut Report,
    ) {
        let Read { file, mut odd, latest, exact } = read;
        if odd.bad > 0 {
            let told = format!("has {} bad lines, the first is line {}", odd.bad, odd.first_bad);
            report.add(place.path(path()), told);
        } else if latest.points == 0 && exact && file.offset == odd.size {
            let stamp = place.folder.file(&path()).map(|open| open.stamp);
            if !stamp.is_ok_and(|stamp| within(stamp.modified, FRESH)) {
                report.add(place.path(path()), "has no points");
            }
        }
        if let Some(last) = latest.best {
            self.metrics.push((file.key, Metric { last, points: latest.points, exact }));
        }
        if !is_plain {
            odd.path = Some(path());
        }
        if !odd.is_plain(&file, latest.points) {
            self.odd.insert(file.key, odd);
        }
        self.files.push(file);
    }

    /// Reads what is left and gives the run's files back; says what has to be looked at again.
    pub fn finish(mut self, files: &mut RunFiles, place: Place<'_>, report: &mut Report) -> Due {
        self.read_long(place, report);
        self.files.sort_unstable_by_key(|file| file.key);
        // Two names that are no UTF-8 may give the same key.
        self.files.dedup_by_key(|file| file.key);
        self.metrics.sort_unstable_by_key(|(key, _)| *key);
        self.metrics.dedup_by_key(|(key, _)| *key);
        files.files = self.files.as_slice().into();
        self.buffers.metrics = self.files;
        let mut again = Due::empty();
        if self.odd.values().any(|odd| odd.waiting) && !self.running {
            again |= Due::METRICS;
        }
        if self.odd.values().any(|odd| odd.tail) {
            again |= Due::LONG;
        }
        if !self.odd.is_empty() || files.odd.is_some() {
            files.odd_mut().files = self.odd;
        }
        again
    }
}

impl Read {
    /// What a file gave that could not be read.
    fn nothing(key: Key) -> Self {
        let file = MetricFile::of(key, Stamp::default());
        // No file has this size, so the next look reads it.
        let odd = OddFile { size: u64::MAX, ..OddFile::default() };
        Self { file, odd, latest: Latest::default(), exact: false }
    }
}

impl OddFile {
    /// A file that is just good lines to the end.
    fn plain(size: u64, points: u64) -> Self {
        Self { size, lines: points, ..Self::default() }
    }

    fn with(size: u64, lines: LineCounts) -> Self {
        let LineCounts { lines, bad, first_bad } = lines;
        Self { size, lines, bad, first_bad: first_bad.unwrap_or(0), ..Self::default() }
    }

    fn is_plain(&self, file: &MetricFile, points: u64) -> bool {
        points > 0 && *self == Self::plain(file.offset, points)
    }
}
