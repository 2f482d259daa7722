//! Metric files: append-only text, one line per logged value.
//!
//! `<timestamp ms> <value>[ <step>[ more]]`: two fields before 1.0, three since, and MLflow 3 adds dataset and model
//! fields. The third field is always the step (MLflow 3's own reader takes 0 when there are five, a known slip).
//!
//! Two readers of lines: [`line::parse_line`] says what a line is, and one that goes over the bytes once takes what
//! MLflow writes every day, several times as fast, and leaves the rest to the first. Who needs only the latest point
//! ([`Latest`]) gets it without parsing the values of all others.

mod latest;
mod line;
mod marks;
mod read;
mod sample;
#[cfg(test)]
mod tests;

pub use latest::{Latest, latest_of};
pub use line::parse_line;
pub use read::{Budget, read_new};
pub(super) use read::{CHECKED, check, sum};
pub use sample::sample;

use crate::index::Point;
use crate::series::Series;

/// A longer line is not a point.
const LINE: usize = 64 << 10;

/// What some lines were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineCounts {
    /// Lines, bad and blank ones too.
    pub lines: u64,
    /// Lines that are neither points nor blank, and points whose time is beyond 64 bits.
    pub bad: u64,
    /// Which of the lines was the first bad one, from 1.
    pub first_bad: Option<u64>,
}

impl LineCounts {
    /// One more line, which is a point.
    fn point(&mut self, point: Point) {
        if [i64::MIN, i64::MAX].contains(&point.timestamp) {
            return self.bad_line();
        }
        self.lines += 1;
    }

    /// One more line, which is no point; blank ones are not bad.
    fn no_point(&mut self, line: &[u8]) {
        if line.len() > LINE || !line.iter().all(|b| matches!(b, b' ' | b'\r' | b'\t')) {
            return self.bad_line();
        }
        self.lines += 1;
    }

    /// One more line, which is bad whatever is in it.
    fn bad_line(&mut self) {
        self.lines += 1;
        self.bad += 1;
        self.first_bad = self.first_bad.or(Some(self.lines));
    }

    /// Lines that follow.
    fn add(&mut self, after: Self) {
        self.first_bad = self.first_bad.or(after.first_bad.map(|line| self.lines + line));
        self.lines += after.lines;
        self.bad += after.bad;
    }
}

/// What one look at a metric file found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// The file was replaced, truncated or rewritten: everything before is void, the points are the whole history.
    pub restarted: bool,
    /// New lines.
    pub new: LineCounts,
    /// The file ends in a line without a newline, which waits to be finished.
    pub unfinished: bool,
    /// The budget was used up before the end: read on from the position.
    pub more: bool,
}

/// Who gets what a metric file has gained.
pub trait Sink {
    /// The file is not the one that was read before: forget its points.
    fn restart(&mut self);

    /// One more point.
    fn push(&mut self, point: Point);

    /// Takes whole lines, the last one with or without its newline; who does not need every point may be faster.
    fn lines(&mut self, bytes: &[u8]) -> LineCounts {
        let mut counts = LineCounts::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            if let Some((point, after)) = line::point(rest) {
                counts.lines += 1;
                self.push(point);
                rest = after;
                continue;
            }
            let (line, after) = line::cut(rest);
            rest = after;
            match line::parse_short(line) {
                Some(point) => {
                    counts.point(point);
                    self.push(point);
                }
                None => counts.no_point(line),
            }
        }
        counts
    }
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

impl Sink for Vec<Point> {
    fn restart(&mut self) {
        self.clear();
    }

    fn push(&mut self, point: Point) {
        self.push(point);
    }
}
