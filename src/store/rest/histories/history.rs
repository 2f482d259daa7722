//! How far one history has been read, whichever way its points come.

use std::collections::VecDeque;

use super::super::paging::Paging;
use crate::index::Point;

/// How far a history has been read.
#[derive(Debug, Default)]
pub(super) struct History {
    /// Points that have come and were not taken.
    pub(super) arrived: VecDeque<Vec<Point>>,
    /// Points that the series has.
    pub(super) taken: u64,
    /// Points that have come in all.
    pub(super) count: usize,
    pub(super) paging: Paging,
    /// It has been read to its end.
    pub(super) whole: bool,
    /// Somebody waits for its next page.
    pub(super) wanted: bool,
    pub(super) in_flight: bool,
    /// It is read once more from its beginning; what comes takes the place of what is there.
    pub(super) anew: bool,
    /// Points at its end were asked for by step; earlier ones may be missing.
    pub(super) grown: bool,
    /// The points at the highest step, so that they are not taken twice.
    pub(super) edge: Vec<Point>,
    pub(super) last: Option<Point>,
    pub(super) tries: u32,
    pub(super) failed: Option<String>,
}

impl History {
    pub(super) fn learn(&mut self, point: Point) {
        match self.edge.first().map(|edge| point.step.cmp(&edge.step)) {
            None | Some(std::cmp::Ordering::Greater) => self.edge = vec![point],
            Some(std::cmp::Ordering::Equal) => self.edge.push(point),
            Some(std::cmp::Ordering::Less) => {}
        }
        if self.last.is_none_or(|last| point.is_later_than(&last)) {
            self.last = Some(point);
        }
    }

    pub(super) fn arrive(&mut self, points: Vec<Point>) {
        points.iter().for_each(|point| self.learn(*point));
        self.count += points.len();
        self.arrived.push_back(points);
    }

    pub(super) fn restart(&mut self) {
        let taken = self.taken;
        *self = Self { taken, anew: true, wanted: true, ..Self::default() };
    }

    /// From which step on it can be continued.
    pub(super) fn next_step(&self) -> Option<i32> {
        self.edge.first().and_then(|edge| i32::try_from(edge.step).ok()).filter(|step| *step >= 0)
    }

    /// Points from the highest step on have come: those that are new.
    pub(super) fn grow(&mut self, points: Vec<Point>) {
        let mut known = self.edge.clone();
        let is_same = |a: &Point, b: &Point| {
            (a.step, a.timestamp, a.value.to_bits()) == (b.step, b.timestamp, b.value.to_bits())
        };
        let new: Vec<Point> = points
            .into_iter()
            .filter(|point| {
                let at = known.iter().position(|other| is_same(other, point));
                at.map(|at| known.swap_remove(at)).is_none()
            })
            .collect();
        self.grown = true;
        self.arrive(new);
    }
}
