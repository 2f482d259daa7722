//! A first look at a large metric file: some windows spread over it, enough for a chart at once.

use std::io;
use std::os::unix::fs::FileExt;

use super::line;
use crate::series::Samples;
use crate::store::files::open::OpenFile;

/// A smaller file is read as fast as it is sampled.
pub const LARGE: u64 = 1 << 20;
/// Windows, and bytes of one: more than a chart has columns of dots, and some lines in each.
const WINDOWS: u64 = 256;
const WINDOW: usize = 1 << 10;
/// Bytes of the end, which may be a line that grows: what is latest stands there.
const TAIL: usize = 4 << 10;

/// Points of windows that lie evenly over a file, its head and its tail among them; none where the file is so small that
/// reading it is as good. What stands at the edges of a window is left out, and so is what is no point.
pub fn sample(open: &OpenFile, page: &mut Vec<u8>) -> io::Result<Option<Samples>> {
    let OpenFile { file, stamp } = open;
    if stamp.size < LARGE {
        return Ok(None);
    }
    if page.len() < TAIL {
        page.resize(TAIL, 0);
    }
    let mut out = Samples { points: Vec::with_capacity(WINDOWS as usize * 32), end: stamp.size };
    let tail = stamp.size - TAIL as u64;
    for window in 0..=WINDOWS {
        let last = window == WINDOWS;
        let at = if last { tail } else { tail / WINDOWS * window };
        let Some(room) = page.get_mut(..if last { TAIL } else { WINDOW }) else { break };
        let n = file.read_at(room, at)?;
        lines(page.get(..n).unwrap_or_default(), at, &mut out);
    }
    Ok(Some(out))
}

/// The points of a window whose lines are whole: from the first newline to the last, and from the top at the head.
fn lines(bytes: &[u8], begin: u64, out: &mut Samples) {
    let mut rest = bytes;
    if begin > 0 {
        rest = line::cut(rest).1;
    }
    let Some(end) = memchr::memrchr(b'\n', rest) else { return };
    // Behind the last newline of the window stands the beginning of a line.
    let cut = rest.len() - (end + 1);
    while rest.len() > cut {
        let at = begin + (bytes.len() - rest.len()) as u64;
        let (line, after) = line::cut(rest);
        if let Some(point) = line::point(rest).map(|(point, _)| point).or_else(|| line::parse_short(line)) {
            out.points.push((at, point));
        }
        rest = after;
    }
}
