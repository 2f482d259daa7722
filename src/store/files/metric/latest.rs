//! The latest point of a metric file without parsing all the others: most files are read for nothing else.

use super::line;
use super::{LineCounts, Sink};
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

/// Finds the latest point of some whole lines. The step decides in nearly every file, so a line is parsed only where two
/// have the same, and at the end.
pub fn latest_of(bytes: &[u8], latest: &mut Latest) -> LineCounts {
    let mut counts = LineCounts::default();
    let mut rest = bytes;
    let mut highest = latest.best.map(|point| point.step);
    // The line with the highest step, as long as nothing else of it is needed. It has been counted.
    let mut pending: Option<&[u8]> = None;
    while !rest.is_empty() {
        if let Some((step, after)) = line::glance(rest)
            && highest != Some(step)
        {
            counts.lines += 1;
            latest.points += 1;
            if highest.is_none_or(|highest| step > highest) {
                (highest, pending) = (Some(step), Some(rest));
            }
            rest = after;
            continue;
        }
        settle(&mut pending, latest);
        if let Some((point, after)) = line::point(rest) {
            counts.lines += 1;
            latest.push(point);
            rest = after;
        } else {
            let (line, after) = line::cut(rest);
            rest = after;
            match line::parse_short(line) {
                Some(point) => {
                    counts.lines += 1;
                    latest.push(point);
                }
                None => counts.no_point(line),
            }
        }
        highest = latest.best.map(|point| point.step);
    }
    settle(&mut pending, latest);
    counts
}

/// Parses the line that was later than all before.
fn settle(pending: &mut Option<&[u8]>, latest: &mut Latest) {
    if let Some((point, _)) = pending.take().and_then(line::point) {
        latest.best = Some(point);
    }
}
