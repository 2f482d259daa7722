//! The points of one metric of one run, in blocks that know their low and high.
//!
//! Points keep the order of the store, which is that of logging: steps may repeat and go backwards. Full blocks are
//! shared between clones, so publishing a growing series copies one block at most.

use std::sync::Arc;

use crate::index::Point;

/// Values of the curve for sparklines: the widest that is drawn.
pub const SKETCH: usize = 24;
/// Points of a full block.
const BLOCK: usize = 1024;

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

/// Points that lie together in the store, with their extremes.
#[derive(Clone, Debug)]
struct Block {
    points: Vec<Point>,
    /// Lowest and highest finite value; `low > high` when there is none.
    low: f64,
    high: f64,
    /// Lowest and highest step, and the same of timestamps.
    steps: (i64, i64),
    times: (i64, i64),
}

impl Default for Block {
    fn default() -> Self {
        Self {
            points: Vec::new(),
            low: f64::INFINITY,
            high: f64::NEG_INFINITY,
            steps: (i64::MAX, i64::MIN),
            times: (i64::MAX, i64::MIN),
        }
    }
}

impl Block {
    fn push(&mut self, point: Point) {
        if point.value.is_finite() {
            self.low = self.low.min(point.value);
            self.high = self.high.max(point.value);
        }
        self.steps = (self.steps.0.min(point.step), self.steps.1.max(point.step));
        self.times = (self.times.0.min(point.timestamp), self.times.1.max(point.timestamp));
        self.points.push(point);
    }
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
    /// The offset lies inside a line that is too long to be a point.
    pub inside: bool,
}

/// What falls into one column of a chart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// First finite value in order of the store.
    pub first: f64,
    /// Last finite value in order of the store.
    pub last: f64,
    /// Lowest finite value.
    pub low: f64,
    /// Highest finite value.
    pub high: f64,
}

/// The history of one metric of one run.
#[derive(Clone, Debug, Default)]
pub struct Series {
    blocks: Vec<Arc<Block>>,
    len: usize,
    last: Option<Point>,
    min: Option<Point>,
    max: Option<Point>,
    first_time: Option<i64>,
    odd: usize,
    /// The curve for sparklines as it was when the series was published; empty before.
    curve: Vec<f64>,
    /// How far the store has read.
    pub position: Position,
}

impl Series {
    /// Adds a point at the end.
    pub fn push(&mut self, point: Point) {
        if self.blocks.last().is_none_or(|block| block.points.len() >= BLOCK) {
            self.blocks.push(Arc::default());
        }
        if let Some(block) = self.blocks.last_mut() {
            Arc::make_mut(block).push(point);
        }
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

    /// Points so far.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no point.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many points are NaN or infinite.
    pub fn odd(&self) -> usize {
        self.odd
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
    pub fn iter(&self) -> impl Iterator<Item = &Point> {
        self.blocks.iter().flat_map(|block| &block.points)
    }

    /// Forgets everything: the file was replaced.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Lowest and highest finite value.
    pub fn values(&self) -> Option<(f64, f64)> {
        let (low, high) =
            self.blocks.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), block| {
                (low.min(block.low), high.max(block.high))
            });
        (low <= high).then_some((low, high))
    }

    /// Where a point lies on an axis: its step, or seconds.
    pub fn x(&self, axis: Axis, point: &Point) -> f64 {
        match axis {
            Axis::Step => point.step as f64,
            Axis::Elapsed => point.timestamp.saturating_sub(self.first_time.unwrap_or_default()) as f64 / 1e3,
            Axis::Clock => point.timestamp as f64 / 1e3,
        }
    }

    /// Lowest and highest place on an axis.
    pub fn span(&self, axis: Axis) -> Option<(f64, f64)> {
        let wide = |range: fn(&Block) -> (i64, i64)| {
            self.blocks.iter().map(|b| range(b)).reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
        };
        let (from, to) = match axis {
            Axis::Step => wide(|b| b.steps)?,
            Axis::Elapsed => {
                let (from, to) = wide(|b| b.times)?;
                (0, to.saturating_sub(from))
            }
            Axis::Clock => wide(|b| b.times)?,
        };
        let unit = if axis == Axis::Step { 1.0 } else { 1e3 };
        Some((from as f64 / unit, to as f64 / unit))
    }

    /// The series as `columns` buckets between two places of an axis: extremes are exact, so no spike is lost.
    /// A bucket without a finite value is `None`.
    pub fn buckets(&self, axis: Axis, (from, to): (f64, f64), columns: usize) -> Vec<Option<Bucket>> {
        let mut out: Vec<Option<Bucket>> = vec![None; columns];
        // Halves, so that the widest range of steps does not overflow to infinity.
        let width = to / 2.0 - from / 2.0;
        for point in self.iter().filter(|point| point.value.is_finite()) {
            let x = self.x(axis, point);
            if columns == 0 || x < from || x > to {
                continue;
            }
            let place = if width > 0.0 { (x / 2.0 - from / 2.0) / width * columns as f64 } else { 0.0 };
            let column = (place as usize).min(columns - 1);
            if let Some(slot) = out.get_mut(column) {
                match slot {
                    None => {
                        let v = point.value;
                        *slot = Some(Bucket { first: v, last: v, low: v, high: v });
                    }
                    Some(bucket) => {
                        bucket.last = point.value;
                        bucket.low = bucket.low.min(point.value);
                        bucket.high = bucket.high.max(point.value);
                    }
                }
            }
        }
        out
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn point(step: i64, value: f64) -> Point {
        Point { value, step, timestamp: step.saturating_mul(1000) }
    }

    fn series(values: &[f64]) -> Series {
        values.iter().enumerate().map(|(step, value)| point(step as i64, *value)).collect()
    }

    #[test]
    fn latest_follows_mlflows_rule() {
        let same = |values: &[f64]| {
            values.iter().map(|v| Point { value: *v, step: 1, timestamp: 1 }).collect::<Series>()
        };
        assert!(same(&[f64::NAN, 5.0]).last().unwrap().value.is_nan(), "tie_nan_first");
        assert_eq!(same(&[5.0, f64::NAN]).last().unwrap().value, 5.0, "tie_nan_last");
        assert_eq!(same(&[-5.0, f64::NAN, -7.0]).last().unwrap().value, -5.0);
        let backwards: Series = [point(9, 1.0), point(3, 2.0)].into_iter().collect();
        assert_eq!(backwards.last().unwrap().step, 9, "the highest step, not the last line");
    }

    #[test]
    fn a_spike_survives_any_zoom() {
        let mut values = vec![1.0; 100_000];
        values[61_803] = 50.0;
        let series = series(&values);
        for columns in [1, 7, 80, 400] {
            let high = series.buckets(Axis::Step, (0.0, 99_999.0), columns);
            assert_eq!(high.iter().flatten().map(|b| b.high).fold(0.0, f64::max), 50.0);
        }
    }

    #[test]
    fn odd_values_are_counted_and_not_drawn() {
        let series = series(&[1.0, f64::NAN, f64::INFINITY, 2.0]);
        assert_eq!(series.odd(), 2);
        assert_eq!(series.values(), Some((1.0, 2.0)));
        assert_eq!(series.max().unwrap().value, f64::INFINITY);
        assert!(super::Series::default().spark(10).is_empty());
    }

    #[test]
    fn extreme_steps_do_not_overflow() {
        let series: Series = [point(i64::MIN, 1.0), point(i64::MAX, 2.0)].into_iter().collect();
        let span = series.span(Axis::Step).unwrap();
        let buckets = series.buckets(Axis::Step, span, 10);
        assert!(buckets[0].is_some() && buckets[9].is_some());
    }

    #[test]
    fn many_points_at_one_step_spread_by_time() {
        let series: Series =
            (0..10).map(|i| Point { value: f64::from(i), step: 0, timestamp: i.into() }).collect();
        assert_eq!(series.spark(10).len(), 10);
    }

    proptest! {
        #[test]
        fn buckets_keep_the_extremes(values in proptest::collection::vec(-1e9f64..1e9, 1..3000), columns in 1usize..300) {
            let series = series(&values);
            let span = series.span(Axis::Step).unwrap();
            let buckets = series.buckets(Axis::Step, span, columns);
            let low = buckets.iter().flatten().map(|b| b.low).fold(f64::INFINITY, f64::min);
            let high = buckets.iter().flatten().map(|b| b.high).fold(f64::NEG_INFINITY, f64::max);
            prop_assert_eq!(Some((low, high)), series.values());
            prop_assert!(series.spark(columns).len() <= columns);
        }

        #[test]
        fn a_clone_does_not_change(values in proptest::collection::vec(any::<f64>(), 0..3000), more in 0usize..2000) {
            let mut series = series(&values);
            let before = series.clone();
            (0..more).for_each(|i| series.push(point(i as i64, 0.5)));
            prop_assert_eq!(before.len(), values.len());
            prop_assert_eq!(before.iter().count(), values.len());
            prop_assert_eq!(series.len(), values.len() + more);
        }
    }
}
