//! Long curves with as few points as can be seen: the extremes of every column of pixels.

/// A curve in pixels, broken into pieces where values are missing.
pub(super) type Pieces = Vec<Vec<(f64, f64)>>;

/// Lowest and highest point of a column of pixels, with their place in the order of the curve.
#[derive(Clone, Copy)]
struct Column {
    low: (usize, (f64, f64)),
    high: (usize, (f64, f64)),
}

/// Makes pieces of points in pixels between `left` and `left + columns`; `None` is a gap at that x, when it has one.
///
/// Few points stay as they are, in their order. Many become two for each column, from left to right: a curve that goes
/// back (a run that was resumed) then shows as the band that it covers. One pass over the points.
pub(super) fn pieces(points: impl Iterator<Item = Spot>, left: f64, columns: usize, few: bool) -> Pieces {
    if few { as_they_are(points) } else { by_column(points, left, columns) }
}

/// A point of a curve on its way to pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Spot {
    /// A point, in pixels.
    At(f64, f64),
    /// A point without a value, at this column of pixels when it has an x.
    Gap(Option<f64>),
}

fn as_they_are(points: impl Iterator<Item = Spot>) -> Pieces {
    let mut pieces = vec![Vec::new()];
    for spot in points {
        match (spot, pieces.last_mut()) {
            (Spot::At(x, y), Some(piece)) => piece.push((x, y)),
            _ => pieces.push(Vec::new()),
        }
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

fn by_column(points: impl Iterator<Item = Spot>, left: f64, columns: usize) -> Pieces {
    let mut found: Vec<Option<Column>> = vec![None; columns + 1];
    let mut gaps = vec![false; columns + 1];
    let column = |x: f64| ((x - left).max(0.0) as usize).min(columns);
    for (order, spot) in points.enumerate() {
        match spot {
            Spot::At(x, y) => {
                if let Some(slot) = found.get_mut(column(x)) {
                    let point = (order, (x, y));
                    let column = slot.get_or_insert(Column { low: point, high: point });
                    if y < column.low.1.1 {
                        column.low = point;
                    }
                    if y > column.high.1.1 {
                        column.high = point;
                    }
                }
            }
            Spot::Gap(Some(x)) => gaps.iter_mut().skip(column(x)).take(1).for_each(|gap| *gap = true),
            Spot::Gap(None) => {}
        }
    }
    let spots = found.into_iter().zip(gaps).flat_map(|(column, gap)| match column {
        Some(Column { low, high }) => {
            let (first, second) = if low.0 <= high.0 { (low, high) } else { (high, low) };
            let second = (second.0 != first.0).then_some(Spot::At(second.1.0, second.1.1));
            [Some(Spot::At(first.1.0, first.1.1)), second]
        }
        // A gap within a column that has points cannot be seen.
        None => [gap.then_some(Spot::Gap(None)), None],
    });
    as_they_are(spots.flatten())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn gaps_break_a_curve() {
        let spots = [Spot::Gap(None), Spot::At(1.0, 1.0), Spot::Gap(Some(2.0)), Spot::At(3.0, 1.0)];
        let want = vec![vec![(1.0, 1.0)], vec![(3.0, 1.0)]];
        assert_eq!(pieces(spots.into_iter(), 0.0, 10, true), want);
        assert_eq!(pieces(spots.into_iter(), 0.0, 10, false), want);
    }

    #[test]
    fn a_spike_survives() {
        let spots = (0..500_000).map(|i| Spot::At(f64::from(i) / 1000.0, f64::from(u8::from(i == 123_456))));
        let pieces = pieces(spots, 0.0, 500, false);
        assert_eq!(pieces.len(), 1);
        assert!(pieces[0].contains(&(123.456, 1.0)));
        assert!(pieces[0].len() <= 1002);
    }

    proptest! {
        #[test]
        fn extremes_are_kept(points in proptest::collection::vec((0.0f64..100.0, -1e3f64..1e3), 1..500)) {
            let spots = points.iter().map(|(x, y)| Spot::At(*x, *y));
            let thin = pieces(spots, 0.0, 100, false).concat();
            prop_assert!(thin.len() <= 202);
            prop_assert!(thin.windows(2).all(|w| w[0].0.floor() <= w[1].0.floor()));
            let low = |points: &[(f64, f64)]| points.iter().map(|p| p.1).fold(f64::INFINITY, f64::min);
            let high = |points: &[(f64, f64)]| points.iter().map(|p| p.1).fold(f64::NEG_INFINITY, f64::max);
            prop_assert_eq!((low(&thin), high(&thin)), (low(&points), high(&points)));
        }
    }
}
