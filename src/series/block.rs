//! Some points that lie together, in about 16 bytes each.

use super::buckets::{Bucket, Summary};
use crate::index::Point;

/// Points of a full block.
const BLOCK: usize = 1024;
/// Points of a leaf, the smallest part whose extremes are kept.
const LEAF: usize = 64;

/// A point as its differences to the first one of the block.
#[derive(Clone, Copy, Debug)]
struct Packed {
    value: f64,
    step: i32,
    time: u32,
}

/// The points of a block. Steps and times of one block lie near to each other, in nearly every history.
#[derive(Clone, Debug)]
enum Points {
    Packed {
        step: i64,
        time: i64,
        all: Vec<Packed>,
    },
    /// Where they do not: steps that jump by billions, times that go back or span more than 49 days.
    Full(Vec<Point>),
}

/// Points with their extremes.
#[derive(Clone, Debug)]
pub(super) struct Block {
    points: Points,
    /// Extremes of every [`LEAF`] points.
    leaves: Vec<Bucket>,
    steps: (i64, i64),
    times: (i64, i64),
    positive: usize,
    /// Whether steps and times never go back.
    pub steps_sorted: bool,
    pub times_sorted: bool,
}

impl Default for Block {
    fn default() -> Self {
        let empty = Summary::default();
        Self {
            points: Points::Packed { step: 0, time: 0, all: Vec::new() },
            leaves: Vec::new(),
            steps: empty.steps,
            times: empty.times,
            positive: 0,
            steps_sorted: true,
            times_sorted: true,
        }
    }
}

impl Packed {
    fn new(point: &Point, (step, time): (i64, i64)) -> Option<Self> {
        Some(Self {
            value: point.value,
            step: point.step.checked_sub(step)?.try_into().ok()?,
            time: point.timestamp.checked_sub(time)?.try_into().ok()?,
        })
    }

    fn point(self, (step, time): (i64, i64)) -> Point {
        // The sums were there before.
        Point {
            value: self.value,
            step: step.wrapping_add(self.step.into()),
            timestamp: time.wrapping_add(self.time.into()),
        }
    }
}

impl Block {
    /// An empty block with room for all that it will get: it follows a full one.
    pub fn roomy() -> Self {
        Self {
            points: Points::Packed { step: 0, time: 0, all: Vec::with_capacity(BLOCK) },
            leaves: Vec::with_capacity(BLOCK / LEAF),
            ..Self::default()
        }
    }

    pub fn len(&self) -> usize {
        match &self.points {
            Points::Packed { all, .. } => all.len(),
            Points::Full(all) => all.len(),
        }
    }

    pub fn is_full(&self) -> bool {
        self.len() >= BLOCK
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        let points = match &self.points {
            Points::Packed { all, .. } => all.capacity() * size_of::<Packed>(),
            Points::Full(all) => all.capacity() * size_of::<Point>(),
        };
        size_of::<Self>() + points + self.leaves.capacity() * size_of::<Bucket>()
    }

    #[inline]
    pub fn push(&mut self, point: Point) {
        let len = self.len();
        if len.is_multiple_of(LEAF) {
            self.leaves.push(Bucket::EMPTY);
        }
        if point.value.is_finite() {
            self.positive += usize::from(point.value > 0.0);
            if let Some(leaf) = self.leaves.last_mut() {
                leaf.add(point.value);
            }
        }
        self.steps_sorted &= point.step >= self.steps.1;
        self.times_sorted &= point.timestamp >= self.times.1;
        self.steps = (self.steps.0.min(point.step), self.steps.1.max(point.step));
        self.times = (self.times.0.min(point.timestamp), self.times.1.max(point.timestamp));
        self.store(point, len);
    }

    fn store(&mut self, point: Point, len: usize) {
        match &mut self.points {
            Points::Full(all) => return all.push(point),
            Points::Packed { step, time, all } => {
                if len == 0 {
                    (*step, *time) = (point.step, point.timestamp);
                }
                if let Some(packed) = Packed::new(&point, (*step, *time)) {
                    return all.push(packed);
                }
            }
        }
        let mut all = Vec::with_capacity(BLOCK.min(len * 2));
        all.extend(self.iter());
        all.push(point);
        self.points = Points::Full(all);
    }

    pub fn get(&self, i: usize) -> Option<Point> {
        match &self.points {
            Points::Packed { step, time, all } => all.get(i).map(|packed| packed.point((*step, *time))),
            Points::Full(all) => all.get(i).copied(),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Point> {
        (0..self.len()).filter_map(|i| self.get(i))
    }

    /// What a chart asks of it.
    pub fn whole(&self) -> Summary {
        let bucket = self.leaves.iter().fold(Bucket::EMPTY, |mut all, leaf| {
            all.join(leaf);
            all
        });
        Summary { bucket, steps: self.steps, times: self.times, positive: self.positive }
    }

    /// Joins the points of a range to a bucket: whole leaves where it can.
    pub fn join_range(&self, range: std::ops::Range<usize>, bucket: &mut Bucket) {
        let mut i = range.start;
        while i < range.end {
            if i.is_multiple_of(LEAF)
                && i + LEAF <= range.end
                && let Some(leaf) = self.leaves.get(i / LEAF)
            {
                bucket.join(leaf);
                i += LEAF;
                continue;
            }
            let to = range.end.min((i / LEAF + 1) * LEAF);
            match &self.points {
                Points::Packed { all, .. } => {
                    all.get(i..to).unwrap_or_default().iter().for_each(|p| bucket.add_any(p.value));
                }
                Points::Full(all) => {
                    all.get(i..to).unwrap_or_default().iter().for_each(|p| bucket.add_any(p.value));
                }
            }
            i = to;
        }
    }

    /// The first place from `from` on for which `test` fails, where it holds for all before: first small steps, then
    /// ever larger ones, since the place is often near.
    pub fn advance(&self, from: usize, test: impl Fn(&Point) -> bool) -> usize {
        let holds = |i: usize| self.get(i).is_some_and(|point| test(&point));
        let (mut low, mut step) = (from, 1);
        while holds(low + step - 1) {
            low += step;
            step *= 2;
        }
        let mut high = (low + step - 1).min(self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if holds(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}
