//! Points from all over a history that is too large to be read at once.

use super::Series;
use crate::index::Point;

/// Some points of a history with their places in it, in order.
#[derive(Clone, Debug, Default)]
pub struct Samples {
    /// Where each point begins, as [`Position::offset`](super::Position::offset) counts, and the point.
    pub points: Vec<(u64, Point)>,
    /// Where the history ends.
    pub end: u64,
}

impl Samples {
    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        self.points.capacity() * size_of::<(u64, Point)>()
    }
}

impl Series {
    /// What is known while a history is being read: the points so far, then samples of the rest. Extremes of the rest
    /// may be missing, so it is never exact.
    pub fn provisional(&self, samples: &Samples) -> Self {
        let mut out = self.clone();
        let from = samples.points.partition_point(|(at, _)| *at < self.position.offset);
        let rest = samples.points.get(from..).unwrap_or_default();
        rest.iter().for_each(|(_, point)| out.push(*point));
        let read = self.position.offset.min(samples.end).saturating_mul(100).checked_div(samples.end);
        out.provisional = Some(read.unwrap_or_default().min(99) as u8);
        out
    }

    /// Draws the curve for sparklines from samples, for a series without points.
    pub fn sketch_from(&mut self, samples: &Samples) {
        let sampled: Self = samples.points.iter().map(|(_, point)| *point).collect();
        self.curve = sampled.spark(super::SKETCH);
    }
}
