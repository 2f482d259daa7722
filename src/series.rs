//! The points of one metric of one run, in blocks that know their low and high.
//!
//! Points keep the order of the store, which is that of logging: steps may repeat and go backwards. Full blocks are
//! shared between clones, so publishing a growing series copies one block at most. Blocks lie in groups, and both know
//! what a chart asks of them, so that drawing costs the columns of the screen and not the points.
//!
//! A series may be provisional: while a large file is being read, samples stand for what is not read yet.

mod block;
mod buckets;
mod keep;
mod samples;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::block::Block;
use self::buckets::{Along, Summary};
use crate::index::Point;

pub use buckets::{Bucket, Show};
pub use keep::{KEPT, surplus};
pub use samples::Samples;

/// Values of the curve for sparklines: the widest that is drawn.
pub const SKETCH: usize = 24;
/// Blocks of a full group.
const GROUP: usize = 64;

/// What the horizontal axis of a chart shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Axis {
    /// The step that was logged.
    #[default]
    Step,
    /// Seconds since the first point of the series.
    Elapsed,
    /// Seconds since the epoch.
    Clock,
}

/// How far a store has read the file, rows or pages behind a series; opaque to everybody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Position {
    /// Which file (device and inode), so that a replaced one is noticed.
    pub file: (u64, u64),
    /// Bytes that have been consumed: all up to and with the last newline.
    pub offset: u64,
    /// A sum over the bytes before the offset, so that a rewritten file is noticed.
    pub check: u64,
    /// The last consumed line had no newline; when the file grows, it has to be read again.
    pub open_end: bool,
    /// The offset lies inside of a line that is too long to be a point, and reading goes on behind it.
    pub inside: bool,
}

/// Full blocks that lie together.
#[derive(Clone, Debug, Default)]
struct Group {
    blocks: Vec<Arc<Block>>,
    whole: Summary,
    bytes: usize,
}

/// The history of one metric of one run.
#[derive(Clone, Debug, Default)]
pub struct Series {
    groups: Vec<Arc<Group>>,
    /// The last block, which is not full.
    open: Block,
    len: usize,
    last: Option<Point>,
    min: Option<Point>,
    max: Option<Point>,
    first_time: Option<i64>,
    odd: usize,
    /// The curve for sparklines as it was when the series was published; empty before.
    curve: Vec<f64>,
    /// Points are not kept, only what is known of all of them.
    thin: bool,
    /// Percent of the history that has been read, where samples stand for the rest.
    provisional: Option<u8>,
    /// How far the store has read.
    pub position: Position,
}

impl Series {
    /// Adds a point at the end.
    pub fn push(&mut self, point: Point) {
        if self.open.is_full() {
            self.close_block();
        }
        self.open.push(point);
        self.len += 1;
        if self.last.is_none_or(|best| point.is_later_than(&best)) {
            self.last = Some(point);
        }
        self.first_time = Some(self.first_time.map_or(point.timestamp, |t| t.min(point.timestamp)));
        if !point.value.is_finite() {
            self.odd += 1;
        }
        if !point.value.is_nan() {
            if self.min.is_none_or(|min| point.value < min.value) {
                self.min = Some(point);
            }
            if self.max.is_none_or(|max| point.value > max.value) {
                self.max = Some(point);
            }
        }
    }

    /// The open block is full: it joins the others, where clones share it.
    fn close_block(&mut self) {
        if self.thin {
            self.open = Block::default();
            return;
        }
        let block = Arc::new(std::mem::replace(&mut self.open, Block::roomy()));
        if self.groups.last().is_none_or(|group| group.blocks.len() >= GROUP) {
            self.groups.push(Arc::default());
        }
        if let Some(group) = self.groups.last_mut() {
            let group = Arc::make_mut(group);
            group.whole.join(&block.whole());
            group.bytes += block.bytes();
            group.blocks.push(block);
        }
    }

    /// Points so far.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether these are all points that the store had, and not samples of them.
    pub fn is_exact(&self) -> bool {
        self.provisional.is_none()
    }

    /// Whether the points are there, and not only the curve and what is known of all.
    pub fn has_points(&self) -> bool {
        !self.thin
    }

    /// Lets the points go. What stays is the curve as it was sketched, the length, the latest, lowest and highest point;
    /// the series can grow, but its curve has to be taken from samples then.
    pub fn forget_points(&mut self) {
        (self.groups, self.open, self.thin) = (Vec::new(), Block::default(), true);
    }

    /// Percent of the history that has been read; none when the series is exact.
    pub fn percent_read(&self) -> Option<u8> {
        self.provisional
    }

    /// Bytes of memory that its points take. Clones share most of them.
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.groups.iter().map(|group| group.bytes).sum::<usize>() + self.open.bytes()
    }

    /// How many points are NaN or infinite.
    pub fn odd(&self) -> usize {
        self.odd
    }

    /// How many points have a finite value above 0, which is what a logarithmic scale can show.
    pub fn positive(&self) -> usize {
        self.parts().map(|part| part.positive).sum()
    }

    /// The latest point by MLflow's rule, see [`Point::is_later_than`].
    pub fn last(&self) -> Option<Point> {
        self.last
    }

    /// The lowest point, the first of equals; NaN never.
    pub fn min(&self) -> Option<Point> {
        self.min
    }

    /// The highest point, the first of equals; NaN never.
    pub fn max(&self) -> Option<Point> {
        self.max
    }

    /// All points in order of the store.
    pub fn iter(&self) -> impl Iterator<Item = Point> {
        let full = self.groups.iter().flat_map(|group| &group.blocks).flat_map(|block| block.iter());
        full.chain(self.open.iter())
    }

    /// Forgets everything: the file was replaced.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The groups and the open block.
    fn parts(&self) -> impl Iterator<Item = Summary> {
        self.groups.iter().map(|group| group.whole).chain([self.open.whole()])
    }

    /// All of it.
    fn whole(&self) -> Summary {
        self.parts().fold(Summary::default(), |mut all, part| {
            all.join(&part);
            all
        })
    }

    /// Lowest and highest finite value.
    pub fn values(&self) -> Option<(f64, f64)> {
        self.whole().bucket.some().map(|bucket| (bucket.low, bucket.high))
    }

    /// Where a point lies on an axis: its step, or seconds.
    pub fn x(&self, axis: Axis, point: &Point) -> f64 {
        self.along(axis).x(point)
    }

    /// The same for many points.
    fn along(&self, axis: Axis) -> Along {
        Along { axis, first: self.first_time.unwrap_or_default() }
    }

    /// Lowest and highest place on an axis; none without points.
    pub fn span(&self, axis: Axis) -> Option<(f64, f64)> {
        (self.len > 0 && !self.thin).then(|| self.along(axis).range(&self.whole()))
    }

    /// Draws the curve for sparklines, before the series is published: rows are drawn often, and points are many.
    pub fn sketch(&mut self) {
        self.curve = self.spark(SKETCH);
    }

    /// The curve for sparklines, at most [`SKETCH`] values.
    pub fn curve(&self) -> std::borrow::Cow<'_, [f64]> {
        if self.curve.is_empty() { self.spark(SKETCH).into() } else { (&self.curve).into() }
    }

    /// A curve of at most `width` values for a sparkline, in order of steps: the last value of each bucket, and where a
    /// bucket is empty the one before it.
    pub fn spark(&self, width: usize) -> Vec<f64> {
        let Some(span) = self.span(Axis::Step) else { return Vec::new() };
        let (span, axis) = if span.0 < span.1 {
            (span, Axis::Step)
        } else {
            (self.span(Axis::Elapsed).unwrap_or_default(), Axis::Elapsed)
        };
        let mut out = Vec::with_capacity(width);
        for bucket in self.buckets(axis, span, width.min(self.len)) {
            match (bucket, out.last().copied()) {
                (Some(bucket), _) => out.push(bucket.last),
                (None, Some(before)) => out.push(before),
                (None, None) => {}
            }
        }
        out
    }
}

impl FromIterator<Point> for Series {
    fn from_iter<I: IntoIterator<Item = Point>>(points: I) -> Self {
        let mut series = Self::default();
        points.into_iter().for_each(|point| series.push(point));
        series
    }
}
