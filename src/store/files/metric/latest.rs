//! The latest point of a metric file without parsing all the others: most files are read for nothing else.

use super::line::{self, Unparsed};
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

/// Finds the latest point of some whole lines. Step and time decide in nearly every file, so a value is parsed only
/// where both are equal, and at the end.
pub fn latest_of(bytes: &[u8], latest: &mut Latest) -> LineCounts {
    let mut counts = LineCounts::default();
    let mut rest = bytes;
    let rank = |point: Point| (point.step, point.timestamp);
    let mut highest = latest.best.map(rank);
    // The line that is later than `latest.best`, as long as its value is not needed.
    let mut pending: Option<Unparsed<'_>> = None;
    while !rest.is_empty() {
        if let Some((found, after)) = line::unparsed(rest) {
            rest = after;
            counts.lines += 1;
            let own = Some((found.step, found.timestamp));
            if own > highest {
                latest.points += 1;
                highest = own;
                pending = Some(found);
                continue;
            }
            if own < highest {
                latest.points += 1;
                continue;
            }
            settle(&mut pending, latest);
            if let Some(point) = found.parse() {
                latest.push(point);
            }
            continue;
        }
        let (line, after) = line::cut(rest);
        rest = after;
        match line::parse_short(line) {
            Some(point) => {
                settle(&mut pending, latest);
                latest.push(point);
                highest = latest.best.map(rank);
                counts.point(point);
            }
            None => counts.no_point(line),
        }
    }
    settle(&mut pending, latest);
    counts
}

/// Parses the line that was later than all before; it has been counted.
fn settle(pending: &mut Option<Unparsed<'_>>, latest: &mut Latest) {
    if let Some(point) = pending.take().and_then(|line| line.parse()) {
        latest.best = Some(point);
    }
}
