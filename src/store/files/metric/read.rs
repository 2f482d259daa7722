//! Reading what a metric file has gained, page by page, for no longer than it may take.

use std::fs::File;
use std::hash::{Hash, Hasher};
use std::io;
use std::os::unix::fs::FileExt;
use std::time::Instant;

use super::{LINE, Look, Sink};
use crate::series::Position;
use crate::store::files::open::OpenFile;

/// Bytes read at once: few calls, and they still lie in the processor's cache when they are parsed.
const PAGE: usize = 256 << 10;
/// Bytes from which a file is asked for holes.
const SPARSE: u64 = 4 << 20;
/// Bytes before the offset that must be as they were, else the file was rewritten.
pub(in crate::store::files) const CHECKED: u64 = 64;

/// How much may be read in one call. At least one page is, so that every call gets on.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Bytes of a page.
    pub page: usize,
    /// When to stop; none for the whole file.
    pub until: Option<Instant>,
}

impl Budget {
    /// Everything there is.
    pub const ALL: Self = Self { page: PAGE, until: None };

    /// What fits into the time until then.
    pub fn until(until: Instant) -> Self {
        Self { page: PAGE, until: Some(until) }
    }

    fn is_spent(self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }
}

/// Reads what a metric file has gained since `position`, and gives it to `sink`. `page` is memory to read into, which
/// the caller keeps for the next file.
///
/// A last line without a newline waits, unless `settled` says that nobody writes any more. When the file is not the one
/// that was read before (another inode, shorter, other bytes before the offset), reading begins at the top.
pub fn read_new<S: Sink + ?Sized>(
    open: &OpenFile,
    position: &mut Position,
    settled: bool,
    sink: &mut S,
    page: &mut Vec<u8>,
    budget: Budget,
) -> io::Result<Look> {
    let OpenFile { file, stamp } = open;
    let grown_past_open_end = position.open_end && stamp.size != position.offset;
    let same = position.offset == 0
        || (position.file == stamp.file
            && stamp.size >= position.offset
            && !grown_past_open_end
            && check(file, position.offset)? == position.check);
    let mut look = Look::default();
    if !same {
        sink.restart();
        *position = Position::default();
        look.restarted = true;
    }
    position.file = stamp.file;
    if stamp.size == position.offset && !position.inside {
        return Ok(look);
    }
    let mut scan = Scan { sink, look, page, filled: 0, rest: 0, skipping: position.inside };
    let mut at = position.offset;
    // Where the last page lies in the file.
    let begin = loop {
        if stamp.size > SPARSE {
            // Holes are NULs, and a terabyte of them takes minutes to read.
            match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(at)) {
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
        // One byte more than is left, so that the end shows without another call.
        let left = stamp.size.saturating_sub(at);
        let room = if left == 0 { budget.page } else { (left as usize).saturating_add(1).min(budget.page) };
        let n = match file.read_at(scan.room(room), at) {
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let begin = at - scan.held() as u64;
        at += n as u64;
        scan.take(n);
        if n < room {
            break begin;
        }
        // Not in the middle of the first line, or the next call would begin where this one did.
        let is_on = at - scan.held() as u64 > position.offset;
        if is_on && budget.is_spent() {
            scan.look.more = true;
            break begin;
        }
    };
    let held = scan.held() as u64;
    position.inside = scan.look.more && scan.skipping;
    let open_end = if scan.look.more { 0 } else { scan.end(settled) };
    look = scan.look;
    position.offset = if look.more || look.unfinished { at - held } else { at };
    position.open_end = !look.unfinished && open_end > 0;
    position.check = match tail_of(scan.read(), begin, position.offset) {
        Some(bytes) => sum(bytes),
        None => check(file, position.offset)?,
    };
    Ok(look)
}

/// The bytes before an offset, where they are in the page that was read last.
fn tail_of(page: &[u8], begin: u64, offset: u64) -> Option<&[u8]> {
    let from = offset.saturating_sub(CHECKED).checked_sub(begin)?;
    page.get(from as usize..offset.checked_sub(begin)? as usize)
}

pub(in crate::store::files) fn sum(bytes: &[u8]) -> u64 {
    let mut hasher = rustc_hash::FxHasher::default();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// A sum over the bytes before an offset.
pub(in crate::store::files) fn check(file: &File, offset: u64) -> io::Result<u64> {
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

/// Cuts pages into lines; memory stays bounded by a page and the longest line that can be a point.
struct Scan<'a, S: ?Sized> {
    sink: &'a mut S,
    look: Look,
    /// What was read: `filled` bytes, of which those from `rest` on are a line whose end is not there yet.
    page: &'a mut Vec<u8>,
    filled: usize,
    rest: usize,
    /// Inside a line that is too long.
    skipping: bool,
}

impl<S: Sink + ?Sized> Scan<'_, S> {
    /// Bytes of the line that has begun.
    fn held(&self) -> usize {
        self.filled - self.rest
    }

    /// What lies in the page.
    fn read(&self) -> &[u8] {
        self.page.get(..self.filled).unwrap_or_default()
    }

    /// Where the next bytes go: behind the line that has begun, which moves to the front.
    fn room(&mut self, room: usize) -> &mut [u8] {
        if self.rest > 0 {
            self.page.copy_within(self.rest..self.filled, 0);
            (self.filled, self.rest) = (self.held(), 0);
        }
        if self.page.len() < self.filled + room {
            self.page.resize(self.filled + room, 0);
        }
        self.page.get_mut(self.filled..self.filled + room).unwrap_or_default()
    }

    /// Takes `n` bytes that were read into the room.
    fn take(&mut self, n: usize) {
        let fresh = self.filled;
        self.filled += n;
        let Self { page, filled, rest, .. } = self;
        let bytes = page.get(..*filled).unwrap_or_default();
        if self.skipping {
            let Some(end) = memchr::memchr(b'\n', bytes) else {
                *rest = *filled;
                return;
            };
            self.skipping = false;
            self.look.new.bad_line();
            *rest = end + 1;
        }
        // What was held has no newline.
        let begun = bytes.get(fresh.max(*rest)..).unwrap_or_default();
        if let Some(end) = memchr::memrchr(b'\n', begun) {
            let end = fresh.max(*rest) + end + 1;
            self.look.new.add(self.sink.lines(bytes.get(*rest..end).unwrap_or_default()));
            *rest = end;
        }
        if *filled - *rest > LINE {
            self.skipping = true;
            *rest = *filled;
        }
    }

    /// NULs that were not read: whatever line they stand in is no point.
    fn gap(&mut self) {
        self.skipping = true;
        self.rest = self.filled;
    }

    /// The end of the file: how many bytes stand after the last newline.
    fn end(&mut self, settled: bool) -> u64 {
        if self.skipping {
            // Too long to be kept: it counts as bad now and is not looked at again until the file changes.
            self.look.new.bad_line();
            return 1;
        }
        let rest = self.page.get(self.rest..self.filled).unwrap_or_default();
        if rest.is_empty() {
            return 0;
        }
        if !settled {
            self.look.unfinished = true;
        } else if rest.trim_ascii().split(|b| *b == b' ').count() < 3 {
            // Cut off before its step, so the value may be cut off too.
            self.look.new.bad_line();
        } else {
            self.look.new.add(self.sink.lines(rest));
        }
        rest.len() as u64
    }
}
