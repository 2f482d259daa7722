//! What a chart asks of a series: its extremes in the columns of a stretch, and the point nearest to a place.

use super::block::Block;
use super::{Axis, Series};
use crate::index::Point;

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

impl Bucket {
    /// Without a value: low is above high.
    pub(super) const EMPTY: Self =
        Self { first: f64::NAN, last: f64::NAN, low: f64::INFINITY, high: f64::NEG_INFINITY };

    /// Itself if there is a value in it.
    pub(super) fn some(self) -> Option<Self> {
        (self.low <= self.high).then_some(self)
    }

    /// Adds a finite value.
    #[inline]
    pub(super) fn add(&mut self, value: f64) {
        if self.low > self.high {
            self.first = value;
        }
        self.last = value;
        self.low = self.low.min(value);
        self.high = self.high.max(value);
    }

    /// Adds a value if it is finite.
    #[inline]
    pub(super) fn add_any(&mut self, value: f64) {
        if value.is_finite() {
            self.add(value);
        }
    }

    /// Adds all that follows.
    #[inline]
    pub(super) fn join(&mut self, after: &Self) {
        if after.low > after.high {
            return;
        }
        if self.low > self.high {
            self.first = after.first;
        }
        self.last = after.last;
        self.low = self.low.min(after.low);
        self.high = self.high.max(after.high);
    }
}

/// Which points are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Show {
    /// Every finite value.
    #[default]
    All,
    /// Values above 0: others have no logarithm.
    Positive,
}

impl Show {
    fn has(self, value: f64) -> bool {
        value.is_finite() && (self == Self::All || value > 0.0)
    }
}

/// What is known of some points without looking at them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Summary {
    pub bucket: Bucket,
    /// Lowest and highest step, and the same of timestamps; the lowest is above the highest where there is no point.
    pub steps: (i64, i64),
    pub times: (i64, i64),
    /// Finite values above 0.
    pub positive: usize,
}

impl Default for Summary {
    fn default() -> Self {
        Self { bucket: Bucket::EMPTY, steps: (i64::MAX, i64::MIN), times: (i64::MAX, i64::MIN), positive: 0 }
    }
}

impl Summary {
    pub fn join(&mut self, after: &Self) {
        self.bucket.join(&after.bucket);
        self.steps = (self.steps.0.min(after.steps.0), self.steps.1.max(after.steps.1));
        self.times = (self.times.0.min(after.times.0), self.times.1.max(after.times.1));
        self.positive += after.positive;
    }
}

/// Places along an axis.
#[derive(Clone, Copy, Debug)]
pub(super) struct Along {
    pub axis: Axis,
    /// The earliest time, where time counts from there.
    pub first: i64,
}

impl Along {
    #[inline]
    pub fn x(&self, point: &Point) -> f64 {
        self.place(if self.axis == Axis::Step { point.step } else { point.timestamp })
    }

    #[inline]
    fn place(&self, at: i64) -> f64 {
        match self.axis {
            Axis::Step => at as f64,
            Axis::Elapsed => at.saturating_sub(self.first) as f64 / 1e3,
            Axis::Clock => at as f64 / 1e3,
        }
    }

    /// From where to where some points lie.
    pub fn range(&self, part: &Summary) -> (f64, f64) {
        let (from, to) = if self.axis == Axis::Step { part.steps } else { part.times };
        (self.place(from), self.place(to))
    }

    fn is_sorted(&self, block: &Block) -> bool {
        if self.axis == Axis::Step { block.steps_sorted } else { block.times_sorted }
    }
}

/// The columns of a chart while they are filled.
struct Columns {
    along: Along,
    show: Show,
    from: f64,
    to: f64,
    width: f64,
    all: Vec<Bucket>,
}

impl Columns {
    /// The column of a place in the stretch. It never goes back when `x` does not.
    fn column(&self, x: f64) -> usize {
        let all = self.all.len();
        let place =
            if self.width > 0.0 { (x / 2.0 - self.from / 2.0) / self.width * all as f64 } else { 0.0 };
        (place as usize).min(all.saturating_sub(1))
    }

    /// Joins points that fall into one column or none without looking at them; says whether that was so.
    fn take_whole(&mut self, part: &Summary) -> bool {
        let (low, high) = self.along.range(part);
        let nothing = match self.show {
            Show::All => part.bucket.some().is_none(),
            Show::Positive => part.positive == 0,
        };
        if nothing || high < self.from || low > self.to {
            return true;
        }
        let is_mixed = self.show == Show::Positive && part.bucket.low <= 0.0;
        if is_mixed || low < self.from || high > self.to {
            return false;
        }
        let column = self.column(low);
        if column != self.column(high) {
            return false;
        }
        if let Some(slot) = self.all.get_mut(column) {
            slot.join(&part.bucket);
        }
        true
    }

    fn take_block(&mut self, block: &Block) {
        let whole = block.whole();
        if self.take_whole(&whole) {
            return;
        }
        let is_mixed = self.show == Show::Positive && whole.bucket.low <= 0.0;
        let along = self.along;
        if is_mixed || !along.is_sorted(block) || self.from.is_nan() || self.to.is_nan() {
            for point in block.iter().filter(|point| self.show.has(point.value)) {
                let x = along.x(&point);
                if x < self.from || x > self.to {
                    continue;
                }
                let column = self.column(x);
                if let Some(slot) = self.all.get_mut(column) {
                    slot.add(point.value);
                }
            }
            return;
        }
        let (from, to) = (self.from, self.to);
        let mut i = block.advance(0, |point| along.x(point) < from);
        while let Some(x) = block.get(i).map(|point| along.x(&point)).filter(|x| *x <= to) {
            let column = self.column(x);
            let end = block.advance(i + 1, |point| {
                let x = along.x(point);
                x <= to && self.column(x) <= column
            });
            if let Some(slot) = self.all.get_mut(column) {
                block.join_range(i..end, slot);
            }
            i = end;
        }
    }
}

impl Series {
    /// The series as `columns` buckets between two places of an axis: extremes are exact, so no spike is lost.
    /// A bucket without a finite value is `None`. This costs the columns, not the points: what lies in one column is
    /// taken as a whole.
    pub fn buckets(&self, axis: Axis, span: (f64, f64), columns: usize) -> Vec<Option<Bucket>> {
        self.shown_buckets(axis, span, columns, Show::All)
    }

    /// The same of some of the values only.
    pub fn shown_buckets(
        &self,
        axis: Axis,
        (from, to): (f64, f64),
        columns: usize,
        show: Show,
    ) -> Vec<Option<Bucket>> {
        if columns == 0 {
            return Vec::new();
        }
        // Halves, so that the widest range of steps does not overflow to infinity.
        let width = to / 2.0 - from / 2.0;
        let along = self.along(axis);
        let mut all = Columns { along, show, from, to, width, all: vec![Bucket::EMPTY; columns] };
        for group in &self.groups {
            if !all.take_whole(&group.whole) {
                group.blocks.iter().for_each(|block| all.take_block(block));
            }
        }
        all.take_block(&self.open);
        all.all.into_iter().map(Bucket::some).collect()
    }

    /// The shown point nearest to a place of an axis; of several at one place the last one, as it is for the latest value.
    pub fn near(&self, axis: Axis, x: f64, show: Show) -> Option<Point> {
        let along = self.along(axis);
        // Halves, so that the widest range does not overflow.
        let far = |at: f64| (at / 2.0 - x / 2.0).abs();
        let at_least = |part: &Summary| {
            let (low, high) = along.range(part);
            if (low..=high).contains(&x) { 0.0 } else { far(low).min(far(high)) }
        };
        let mut best: Option<(f64, Point)> = None;
        let mut look = |block: &Block| {
            if block.len() == 0 || best.is_some_and(|(distance, _)| at_least(&block.whole()) > distance) {
                return;
            }
            let mut take = |point: Point| {
                let distance = far(along.x(&point));
                let is_shown = show == Show::All || show.has(point.value);
                if is_shown && best.is_none_or(|(least, _)| distance <= least) {
                    best = Some((distance, point));
                }
            };
            if show == Show::All && along.is_sorted(block) {
                // The last one at or below the place, and the last of those at the first place above it.
                let above = block.advance(0, |point| along.x(point) <= x);
                let next = block.get(above).map(|point| along.x(&point));
                let end = next.map_or(above, |next| block.advance(above, |point| along.x(point) <= next));
                [above.checked_sub(1), end.checked_sub(1)]
                    .into_iter()
                    .flatten()
                    .filter_map(|i| block.get(i))
                    .for_each(&mut take);
            } else {
                block.iter().for_each(take);
            }
        };
        for group in &self.groups {
            group.blocks.iter().for_each(|block| look(block));
        }
        look(&self.open);
        best.map(|(_, point)| point)
    }
}
