//! The rank of a value among all values of its column, for colouring.

use super::{Column, Look};
use crate::index::Run;

/// Values that are kept of a column to tell ranks by; of more every so many.
const KEPT: usize = 1024;

/// The values of a column in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranks {
    /// From the worst to the best.
    values: Vec<f64>,
    /// Whether lower is better.
    is_lower_better: bool,
}

impl Ranks {
    /// The values of some runs in a column of metrics, or of params that are numbers.
    pub fn of(runs: &[&Run], column: Column, look: &Look<'_>) -> Self {
        let is_lower_better = match column {
            Column::Metric(key, _) => look.better.of(key, look.index) == Some(false),
            _ => false,
        };
        let mut values: Vec<f64> = runs.iter().filter_map(|run| value(run, column, look)).collect();
        values.sort_unstable_by(f64::total_cmp);
        if values.len() > KEPT {
            let last = values.len() - 1;
            values = (0..KEPT).filter_map(|n| values.get(n * last / (KEPT - 1)).copied()).collect();
        }
        Self { values, is_lower_better }
    }

    /// Where a value stands: 0 for the worst, 1 for the best; none where all are the same, and for what is no number.
    pub fn rank(&self, value: f64) -> Option<f64> {
        let (first, last) = (self.values.first()?, self.values.last()?);
        if value.is_nan() || first == last {
            return None;
        }
        // In the middle of those that are equal, so that a value and its equals have one colour.
        let below = self.values.partition_point(|other| *other < value);
        let up_to = self.values.partition_point(|other| *other <= value).saturating_sub(1).max(below);
        let place = if value <= *first {
            0.0
        } else if value >= *last {
            1.0
        } else {
            (below + up_to) as f64 / 2.0 / (self.values.len() - 1) as f64
        };
        Some(if self.is_lower_better { 1.0 - place } else { place })
    }
}

/// The number in a column of a run.
pub fn value(run: &Run, column: Column, look: &Look<'_>) -> Option<f64> {
    let value = match column {
        Column::Metric(key, how) => look.pick(run, key, how).value(),
        Column::Param(key) => run.param(key).and_then(crate::format::parse_number),
        Column::Tag(key) => run.tag(key).and_then(crate::format::parse_number),
        Column::Duration => run.duration(look.now).map(|ms| ms as f64),
        Column::Start => run.start_time().map(|ms| ms as f64),
        Column::End => run.end_time().map(|ms| ms as f64),
        Column::Step => super::cell::last_step(run).map(|step| step as f64),
        _ => None,
    };
    value.filter(|value| !value.is_nan())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ranks(mut values: Vec<f64>, is_lower_better: bool) -> Ranks {
        values.sort_unstable_by(f64::total_cmp);
        Ranks { values, is_lower_better }
    }

    #[test]
    fn the_best_is_one_and_the_worst_is_zero() {
        let up = ranks(vec![1.0, 2.0, 3.0, 4.0, 5.0], false);
        assert_eq!([1.0, 3.0, 5.0].map(|value| up.rank(value)), [Some(0.0), Some(0.5), Some(1.0)]);
        let down = ranks(vec![1.0, 2.0, 3.0], true);
        assert_eq!([1.0, 3.0].map(|value| down.rank(value)), [Some(1.0), Some(0.0)]);
        assert_eq!(ranks(vec![2.0, 2.0], false).rank(2.0), None, "nobody is better than the others");
        assert_eq!(up.rank(f64::NAN), None);
        assert_eq!(Ranks::default().rank(1.0), None);
    }

    proptest! {
        #[test]
        fn a_better_value_never_has_a_lower_rank(values in proptest::collection::vec(-50i8..50, 2..40), a in -60i8..60, b in -60i8..60) {
            let ranks = ranks(values.iter().map(|value| f64::from(*value)).collect(), false);
            let (low, high) = (ranks.rank(f64::from(a.min(b))), ranks.rank(f64::from(a.max(b))));
            prop_assert!(low <= high);
            prop_assert!([low, high].into_iter().flatten().all(|rank| (0.0..=1.0).contains(&rank)));
        }
    }
}
