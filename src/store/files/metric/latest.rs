//! The latest point of a metric file without parsing all the others: most files are read for nothing else.

use super::marks::Marks;
use super::{LineCounts, Sink, line};
use crate::index::Point;

/// Only the latest point and how many there are: what the index keeps of a history.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Latest {
    /// The latest point by MLflow's rule, see [`Point::is_later_than`].
    pub best: Option<Point>,
    /// Points so far.
    pub points: u64,
}

impl Sink for Latest {
    fn restart(&mut self) {
        *self = Self::default();
    }

    fn push(&mut self, point: Point) {
        self.points += 1;
        if self.best.is_none_or(|best| point.is_later_than(&best)) {
            self.best = Some(point);
        }
    }

    fn lines(&mut self, bytes: &[u8]) -> LineCounts {
        latest_of(bytes, self)
    }
}

/// Finds the latest point of some whole lines. Step and time decide in nearly every file, so a value is parsed only
/// where both are equal, and at the end.
pub fn latest_of(bytes: &[u8], latest: &mut Latest) -> LineCounts {
    let mut counts = LineCounts::default();
    let mut marks = Marks::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let looked = marks.find(rest);
        let window = rest.get(..looked).unwrap_or_default();
        let mut used = lines_of(window, marks.places(), latest, &mut counts);
        if used == 0 {
            // The line goes on where nobody has looked, or has no newline.
            let (line, after) = line::cut(rest);
            used = rest.len() - after.len();
            odd_line(line, latest, &mut counts);
        }
        rest = rest.get(used..).unwrap_or_default();
    }
    counts
}

/// Takes the whole lines of a window whose bytes that are no digits are known; gives how many bytes these were.
fn lines_of(window: &[u8], marks: &[u16], latest: &mut Latest, counts: &mut LineCounts) -> usize {
    let mut marks = marks;
    let mut begin = 0;
    let mut highest = latest.best.map_or(i64::MIN, |best| best.step);
    // The line with the highest step, later than `latest.best`, as long as its value is not needed.
    let mut pending: Option<&[u8]> = None;
    loop {
        let next = line::plain(window, begin, marks);
        if let Some((end, step)) = next.filter(|(_, step)| *step != highest) {
            counts.lines += 1;
            latest.points += 1;
            if step > highest {
                highest = step;
                pending = window.get(begin..end);
            }
            begin = end;
            marks = marks.get(line::MARKS..).unwrap_or_default();
            continue;
        }
        settle(&mut pending, latest);
        let is_end = |place: &u16| window.get(usize::from(*place)) == Some(&b'\n');
        let Some(last) = marks.iter().position(is_end) else { break };
        let (of_line, after) = marks.split_at(last + 1);
        let end = of_line.last().map_or(begin, |place| usize::from(*place) + 1);
        any_line(window.get(begin..end).unwrap_or_default(), latest, counts);
        highest = latest.best.map_or(i64::MIN, |best| best.step);
        begin = end;
        marks = after;
    }
    begin
}

/// Parses the line that was later than all before; it has been counted.
fn settle(pending: &mut Option<&[u8]>, latest: &mut Latest) {
    if let Some((point, _)) = pending.take().and_then(line::point) {
        latest.best = Some(point);
    }
}

/// One line with its newline: what has the latest step again, or is written otherwise.
fn any_line(line: &[u8], latest: &mut Latest, counts: &mut LineCounts) {
    let Some((found, _)) = line::unparsed(line) else {
        return odd_line(line.strip_suffix(b"\n").unwrap_or(line), latest, counts);
    };
    counts.lines += 1;
    if latest.best.is_some_and(|best| (found.step, found.timestamp) < (best.step, best.timestamp)) {
        latest.points += 1;
    } else if let Some(point) = found.parse() {
        latest.push(point);
    }
}

/// One line without its newline, which only the plain parser knows.
fn odd_line(line: &[u8], latest: &mut Latest, counts: &mut LineCounts) {
    match line::parse_short(line) {
        Some(point) => {
            latest.push(point);
            counts.point(point);
        }
        None => counts.no_point(line),
    }
}
