//! Metric files: append-only text, one line per logged value.
//!
//! `<timestamp ms> <value>[ <step>[ more]]`: two fields before 1.0, three since, and MLflow 3 adds dataset and model
//! fields. The third field is always the step (MLflow 3's own reader takes 0 when there are five, a known slip).

use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io;
use std::os::unix::fs::FileExt;

use super::open::OpenFile;
use crate::index::Point;
use crate::series::{Position, Series};

/// Bytes read at once.
const PAGE: usize = 64 << 10;
/// Bytes from which a file is asked for holes.
const SPARSE: u64 = 4 << 20;
/// A longer line is not a point.
const LINE: usize = 4 << 10;
/// A time with more digits is none: 64 bits have 19, and a sign.
const TIME: usize = 20;
/// Bytes before the offset that must be as they were, else the file was rewritten.
const CHECKED: u64 = 64;

/// The point of one line without its newline.
pub fn parse_line(line: &[u8]) -> Option<Point> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    // NULs, which an append race on NFS leaves, make it no point: what stands behind them may be cut off, too.
    let text = std::str::from_utf8(line).ok()?;
    let mut fields = text.split(' ').filter(|field| !field.is_empty());
    // Two writers that wrote into each other's line leave two times in one.
    let timestamp = integer(fields.next().filter(|field| field.len() <= TIME)?)?;
    let value = fields.next()?.parse().ok()?;
    let step = fields.next().map_or(Some(0), integer)?;
    Some(Point { value, step, timestamp })
}

/// An integer; one beyond 64 bits takes the nearest that fits.
fn integer(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| {
        let wide = text.strip_prefix(['-', '+']).unwrap_or(text);
        let digits = !wide.is_empty() && wide.bytes().all(|b| b.is_ascii_digit());
        digits.then_some(if text.starts_with('-') { i64::MIN } else { i64::MAX })
    })
}

/// What one look at a metric file found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The file was replaced, truncated or rewritten: everything before is void, the points are the whole history.
    pub restarted: bool,
    /// New lines, bad ones too.
    pub lines: u64,
    /// New lines that are no points.
    pub bad: u64,
    /// Which of the new lines was the first bad one, from 1.
    pub first_bad: Option<u64>,
    /// The file ends in a line without a newline, which waits to be finished.
    pub unfinished: bool,
}

/// Who gets what a metric file has gained.
pub trait Sink {
    /// The file is not the one that was read before: forget its points.
    fn restart(&mut self);
    /// One more point.
    fn push(&mut self, point: Point);
}

impl Sink for Series {
    fn restart(&mut self) {
        let position = self.position;
        self.clear();
        self.position = position;
    }

    fn push(&mut self, point: Point) {
        self.push(point);
    }
}

/// Reads what a metric file has gained since `position`, and gives it to `sink`.
///
/// A last line without a newline waits, unless `settled` says that nobody writes any more. When the file is not the one
/// that was read before (another inode, shorter, other bytes before the offset), reading begins at the top.
pub fn read_new(
    open: OpenFile,
    position: &mut Position,
    settled: bool,
    sink: &mut dyn Sink,
) -> io::Result<Look> {
    let OpenFile { file, stamp } = open;
    let grown_past_open_end = position.open_end && stamp.size != position.offset;
    let same = position.offset == 0
        || (position.file == stamp.file
            && stamp.size >= position.offset
            && !grown_past_open_end
            && check(&file, position.offset)? == position.check);
    let mut look = Look::default();
    if !same {
        sink.restart();
        *position = Position::default();
        look.restarted = true;
    }
    position.file = stamp.file;
    if stamp.size == position.offset {
        return Ok(look);
    }
    let mut scan = Scan { sink, look, carry: Vec::new(), skipping: false };
    let mut page = vec![0; PAGE.min((stamp.size - position.offset) as usize + 1)];
    let (mut at, mut tail) = (position.offset, (0, 0));
    loop {
        if stamp.size > SPARSE {
            // Holes are NULs, and a terabyte of them takes minutes to read.
            match rustix::fs::seek(&file, rustix::fs::SeekFrom::Data(at)) {
                Ok(data) if data > at => {
                    scan.gap();
                    at = data;
                }
                Err(rustix::io::Errno::NXIO) => {
                    scan.gap();
                    at = stamp.size.max(at);
                }
                _ => {}
            }
        }
        let n = match file.read_at(&mut page, at) {
            Ok(0) => break,
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        tail = (at, n);
        at += n as u64;
        scan.page(page.get(..n).unwrap_or_default());
        if n < page.len() {
            break; // the end: a page is one byte longer than what was left
        }
    }
    let open_end = scan.end(settled);
    look = scan.look;
    position.offset = if look.unfinished { at - open_end } else { at };
    position.open_end = !look.unfinished && open_end > 0;
    position.check = match tail_of(page.get(..tail.1).unwrap_or_default(), tail.0, position.offset) {
        Some(bytes) => sum(bytes),
        None => check(&file, position.offset)?,
    };
    Ok(look)
}

/// The bytes before an offset, where they are in the page that was read last.
fn tail_of(page: &[u8], begin: u64, offset: u64) -> Option<&[u8]> {
    let from = offset.saturating_sub(CHECKED).checked_sub(begin)?;
    page.get(from as usize..offset.checked_sub(begin)? as usize)
}

fn sum(bytes: &[u8]) -> u64 {
    let mut hasher = rustc_hash::FxHasher::default();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// A sum over the bytes before an offset.
fn check(file: &File, offset: u64) -> io::Result<u64> {
    let from = offset.saturating_sub(CHECKED);
    let mut bytes = [0; CHECKED as usize];
    let Some(bytes) = bytes.get_mut(..(offset - from) as usize) else { return Ok(0) };
    match file.read_exact_at(bytes, from) {
        Ok(()) => Ok(sum(bytes)),
        // Truncated in this moment: another sum than any that was kept.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
        Err(error) => Err(error),
    }
}

/// Cuts pages into lines; memory stays bounded by the longest line that can be a point.
struct Scan<'a> {
    sink: &'a mut dyn Sink,
    look: Look,
    /// The beginning of a line whose end is in a later page.
    carry: Vec<u8>,
    /// Inside a line that is too long; bytes of it so far.
    skipping: bool,
}

impl Scan<'_> {
    fn page(&mut self, mut bytes: &[u8]) {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(end);
            self.finish(line);
            bytes = rest.get(1..).unwrap_or_default();
        }
        if self.carry.len() + bytes.len() > LINE {
            self.skipping = true;
        }
        if self.skipping {
            self.carry.clear();
        } else {
            self.carry.extend_from_slice(bytes);
        }
    }

    /// NULs that were not read: whatever line they stand in is no point.
    fn gap(&mut self) {
        self.skipping = true;
        self.carry.clear();
    }

    fn finish(&mut self, line: &[u8]) {
        if std::mem::take(&mut self.skipping) {
            self.carry.clear();
            self.look.lines += 1;
            self.note_bad();
        } else if self.carry.is_empty() {
            self.line(line);
        } else {
            let mut whole = std::mem::take(&mut self.carry);
            whole.extend_from_slice(line);
            self.line(&whole);
            whole.clear();
            self.carry = whole;
        }
    }

    fn line(&mut self, line: &[u8]) {
        self.look.lines += 1;
        match parse_line(line) {
            Some(point) => self.sink.push(point),
            None if line.iter().all(|b| matches!(b, b' ' | b'\r' | b'\t')) => {}
            None => self.note_bad(),
        }
    }

    fn note_bad(&mut self) {
        self.look.bad += 1;
        self.look.first_bad = self.look.first_bad.or(Some(self.look.lines));
    }

    /// The end of the file: how many bytes stand after the last newline.
    fn end(&mut self, settled: bool) -> u64 {
        let rest = std::mem::take(&mut self.carry);
        if self.skipping {
            // Too long to be kept: it counts as bad now and is not looked at again until the file changes.
            self.look.lines += 1;
            self.note_bad();
            return 1;
        }
        if rest.is_empty() {
            return 0;
        }
        if !settled {
            self.look.unfinished = true;
        } else if rest.trim_ascii().split(|b| *b == b' ').count() < 3 {
            // Cut off before its step, so the value may be cut off too.
            self.look.lines += 1;
            self.note_bad();
        } else {
            self.line(&rest);
        }
        rest.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::files::open::Folder;
    use proptest::prelude::*;
    use std::ffi::OsStr;
    use std::fs;
    use std::io::Write;
    use std::path::Path;

    fn look(dir: &Path, series: &mut Series, settled: bool) -> Look {
        let open = Folder::open(dir).unwrap().file(OsStr::new("m")).unwrap();
        let mut position = series.position;
        let look = read_new(open, &mut position, settled, series).unwrap();
        series.position = position;
        look
    }

    fn whole(bytes: &[u8]) -> (Vec<Point>, Look) {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("m"), bytes).unwrap();
        let mut series = Series::default();
        let look = look(dir.path(), &mut series, true);
        (series.iter().copied().collect(), look)
    }

    #[test]
    fn lines_of_every_version() {
        for (line, value, step, timestamp) in [
            ("1795416642537 0.98 7", 0.98, 7, 1795416642537),
            ("1795416642537 0.98", 0.98, 0, 1795416642537),
            ("1 0.6 7 dataset 2bf3ace3", 0.6, 7, 1),
            ("1 0.6 -7 m-0123 my dataset 2bf3ace3", 0.6, -7, 1),
            ("1 1e-07 9223372036854775807", 1e-7, i64::MAX, 1),
            ("1 inf 99999999999999999999", f64::INFINITY, i64::MAX, 1),
            ("1 -inf 0\r", f64::NEG_INFINITY, 0, 1),
        ] {
            assert_eq!(parse_line(line.as_bytes()), Some(Point { value, step, timestamp }), "{line}");
        }
        assert!(parse_line(b"1 nan 0").unwrap().value.is_nan());
    }

    #[test]
    fn what_is_no_point() {
        for line in
            ["", "1", "\0\0\x001 7 0", "x 1 1", "1 1_000 1", "1 0x1F 1", "1 0.5 1.5", "<html>", "1\t2\t3"]
        {
            assert_eq!(parse_line(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn good_lines_count_and_bad_ones_are_told() {
        let (points, look) = whole(b"1 0.5 0\nrubbish\n\n2 0.4 1\n3 0.3 2");
        assert_eq!(points.iter().map(|p| p.value).collect::<Vec<_>>(), [0.5, 0.4, 0.3]);
        assert_eq!((look.bad, look.first_bad, look.unfinished), (1, Some(2), false));
    }

    #[test]
    fn a_line_of_a_megabyte_is_one_bad_line() {
        let mut bytes = b"1 0.5 0\n".to_vec();
        bytes.extend(vec![b'9'; 1 << 20]);
        bytes.extend(b"\n2 0.4 1\n");
        let (points, look) = whole(&bytes);
        assert_eq!((points.len(), look.bad), (2, 1));
    }

    #[test]
    fn gigabytes_of_nothing_are_one_bad_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = fs::File::create(dir.path().join("m")).unwrap();
        (&file).write_all(b"1 0.5 0\n").unwrap();
        file.write_all_at(b"\n2 0.25 1\n", 1 << 30).unwrap();
        file.set_len(1 << 32).unwrap();
        let mut series = Series::default();
        let look = look(dir.path(), &mut series, true);
        assert_eq!(series.iter().map(|p| p.value).collect::<Vec<_>>(), [0.5, 0.25]);
        assert_eq!(look.bad, 2);
    }

    #[test]
    fn an_unfinished_line_waits_while_somebody_may_write() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("m"), "1 0.5 0\n2 0.").unwrap();
        let mut series = Series::default();
        assert!(look(dir.path(), &mut series, false).unfinished);
        assert_eq!(series.len(), 1);
        fs::OpenOptions::new().append(true).open(dir.path().join("m")).unwrap().write_all(b"25 1\n").unwrap();
        look(dir.path(), &mut series, false);
        assert_eq!(series.last().unwrap().value, 0.25);
        assert_eq!(series.len(), 2);
    }

    #[test]
    fn a_line_that_grows_after_it_was_taken_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("m"), "1 0.5 1").unwrap();
        let mut series = Series::default();
        look(dir.path(), &mut series, true);
        assert_eq!(series.last().unwrap().step, 1);
        fs::write(dir.path().join("m"), "1 0.5 17\n").unwrap();
        assert!(look(dir.path(), &mut series, true).restarted);
        assert_eq!((series.len(), series.last().unwrap().step), (1, 17));
    }

    #[test]
    fn truncated_rewritten_and_replaced_files_start_over() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("m");
        let mut series = Series::default();
        fs::write(&file, "1 1 0\n2 2 1\n").unwrap();
        look(dir.path(), &mut series, false);
        for (how, bytes) in
            [("shorter", "9 9 0\n"), ("same size", "1 3 0\n2 4 1\n"), ("longer", "5 5 5\n6 6 6\n7 7 7\n")]
        {
            fs::write(&file, bytes).unwrap();
            assert!(look(dir.path(), &mut series, false).restarted, "{how}");
            assert_eq!(series.len(), bytes.lines().count(), "{how}");
        }
        fs::write(dir.path().join("new"), "5 5 5\n6 6 6\n7 7 7\n8 8 8\n").unwrap();
        fs::rename(dir.path().join("new"), &file).unwrap();
        assert!(look(dir.path(), &mut series, false).restarted, "another inode");
        assert_eq!(series.len(), 4);
        assert_eq!(look(dir.path(), &mut series, false), Look::default(), "nothing new");
    }

    #[test]
    fn torn_lines_are_no_points() {
        assert_eq!(parse_line(b"17000000001700000001000 0.4 2"), None);
        let dir = tempfile::tempdir().unwrap();
        for (text, points) in [("1 0.5 1\n2 0.2", 1), ("1 0.5 1\n2 0.25 2", 2), ("1 0.5\n2 0.25\n", 2)] {
            fs::write(dir.path().join("m"), text).unwrap();
            let mut series = Series::default();
            look(dir.path(), &mut series, true);
            assert_eq!(series.len(), points, "{text:?}");
        }
    }

    proptest! {
        /// However a growing file is cut into looks, the points are the same.
        #[test]
        fn any_cut_gives_the_same_points(
            lines in proptest::collection::vec(prop_oneof![
                (0i64..9999, any::<f64>(), -5i64..500).prop_map(|(t, v, s)| format!("{t} {v:?} {s}\n")),
                Just("rubbish\n".to_owned()), Just("\n".to_owned()), Just("1 2 3 a b\r\n".to_owned()),
            ], 0..20),
            cuts in proptest::collection::vec(0usize..400, 0..6),
        ) {
            let bytes = lines.concat().into_bytes();
            let (expected, _) = whole(&bytes);
            let dir = tempfile::tempdir().unwrap();
            let mut file = fs::File::create(dir.path().join("m")).unwrap();
            let mut series = Series::default();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.push(bytes.len());
            cuts.sort_unstable();
            let mut from = 0;
            for to in cuts {
                file.write_all(&bytes[from..to]).unwrap();
                from = to;
                look(dir.path(), &mut series, false);
            }
            let bits = |p: &Point| (p.value.to_bits(), p.step, p.timestamp);
            prop_assert_eq!(series.iter().map(bits).collect::<Vec<_>>(), expected.iter().map(bits).collect::<Vec<_>>());
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            whole(&bytes);
        }
    }
}
