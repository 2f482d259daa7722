//! What a series promises, against the plain way to compute it.

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

/// Points as training logs them, and as it should not: steps that go back or jump, values that are no numbers.
fn any_points() -> impl Strategy<Value = Vec<Point>> {
    let value = prop_oneof![
        8 => -100.0f64..100.0,
        1 => proptest::sample::select(vec![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 1e300]),
    ];
    let jump = prop_oneof![
        20 => 0i64..3, 1 => -2000i64..2000, 1 => proptest::sample::select(vec![i64::MAX, i64::MIN, 1 << 33]),
    ];
    let calm = prop_oneof![Just(1i64), Just(10), Just(0)];
    let wild = proptest::collection::vec((value.clone(), jump.clone(), jump), 0..400);
    let steady = (proptest::collection::vec((value, calm.clone(), calm), 1..40), 1usize..120)
        .prop_map(|(all, times)| all.iter().cycle().take(all.len() * times).copied().collect::<Vec<_>>());
    prop_oneof![wild, steady].prop_map(|all| {
        let (mut step, mut timestamp) = (0i64, 1_700_000_000_000i64);
        all.into_iter()
            .map(|(value, steps, times)| {
                (step, timestamp) = (step.wrapping_add(steps), timestamp.wrapping_add(times));
                Point { value, step, timestamp }
            })
            .collect()
    })
}

/// Buckets in the plain way.
fn naive(
    series: &Series,
    points: &[Point],
    axis: Axis,
    (from, to): (f64, f64),
    columns: usize,
    show: Show,
) -> Vec<Option<Bucket>> {
    let mut out: Vec<Option<Bucket>> = vec![None; columns];
    let width = to / 2.0 - from / 2.0;
    for point in points.iter().filter(|p| p.value.is_finite() && (show == Show::All || p.value > 0.0)) {
        let x = series.x(axis, point);
        if x < from || x > to {
            continue;
        }
        let place = if width > 0.0 { (x / 2.0 - from / 2.0) / width * columns as f64 } else { 0.0 };
        let v = point.value;
        let slot = &mut out[(place as usize).min(columns - 1)];
        *slot = Some(match slot {
            None => Bucket { first: v, last: v, low: v, high: v },
            Some(b) => Bucket { first: b.first, last: v, low: b.low.min(v), high: b.high.max(v) },
        });
    }
    out
}

#[test]
fn groups_of_blocks_keep_everything() {
    let points: Vec<Point> = (0..200_000).map(|i| point(i, ((i * 37) % 1009) as f64)).collect();
    let series: Series = points.iter().copied().collect();
    assert!(series.groups.len() > 2);
    assert_eq!(series.iter().collect::<Vec<_>>(), points);
    for (span, columns) in [((0.0, 199_999.0), 200), ((777.0, 133_333.3), 77), ((65_000.0, 66_000.0), 300)] {
        let expected = naive(&series, &points, Axis::Step, span, columns, Show::All);
        assert_eq!(series.buckets(Axis::Step, span, columns), expected);
    }
    assert!(series.bytes() < 200_000 * 18, "{}", series.bytes());
    assert_eq!(series.near(Axis::Step, 123_456.4, Show::All).unwrap().step, 123_456);
}

#[test]
fn a_series_without_points_says_so_and_still_grows() {
    let mut series = series(&[3.0, 1.0, 2.0]);
    series.sketch();
    series.forget_points();
    (3..5000).for_each(|i| series.push(point(i, i as f64)));
    assert!(!series.has_points() && series.is_exact());
    assert_eq!((series.len(), series.min().unwrap().value, series.last().unwrap().step), (5000, 1.0, 4999));
    assert_eq!((series.span(Axis::Step), series.curve().len()), (None, 3));
    assert!(series.bytes() < 40_000);
    let samples = Samples { points: (0..100).map(|i| (i, point(i as i64, i as f64))).collect(), end: 100 };
    series.sketch_from(&samples);
    assert_eq!(series.curve().len(), SKETCH);
}

proptest! {
    #[test]
    fn buckets_are_those_of_the_plain_way(
        points in any_points(), columns in 1usize..300, part in (-0.2f64..1.2, -0.2f64..1.2), whole: bool, positive: bool,
    ) {
        let series: Series = points.iter().copied().collect();
        let bits = |p: &Point| (p.value.to_bits(), p.step, p.timestamp);
        prop_assert_eq!(series.iter().map(|p| bits(&p)).collect::<Vec<_>>(), points.iter().map(bits).collect::<Vec<_>>());
        prop_assert_eq!(series.positive(), points.iter().filter(|p| p.value.is_finite() && p.value > 0.0).count());
        let show = if positive { Show::Positive } else { Show::All };
        for axis in [Axis::Step, Axis::Elapsed, Axis::Clock] {
            let Some((first, last)) = series.span(axis) else { continue };
            let at = |part: f64| first + (last / 2.0 - first / 2.0) * part * 2.0;
            let span = if whole { (first, last) } else { (at(part.0), at(part.1)) };
            let expected = naive(&series, &points, axis, span, columns, show);
            prop_assert_eq!(series.shown_buckets(axis, span, columns, show), expected);
            let x = at(part.0);
            let far = |p: &Point| (series.x(axis, p) / 2.0 - x / 2.0).abs();
            let shown = points.iter().filter(|p| !positive || (p.value.is_finite() && p.value > 0.0));
            let nearest = shown.reduce(|best, next| if far(next) <= far(best) { next } else { best });
            let near = series.near(axis, x, show);
            if last / 2.0 - first / 2.0 < 2f64.powi(50) {
                prop_assert_eq!(near.map(|p| bits(&p)), nearest.map(bits));
            } else {
                // So far apart, distances of different places are rounded to the same number.
                prop_assert_eq!(near.map(|p| far(&p)), nearest.map(far));
            }
        }
    }

    #[test]
    fn samples_never_make_a_series_exact(points in any_points(), read in 0usize..400) {
        let samples: Vec<(u64, Point)> = points.iter().enumerate().map(|(i, p)| (i as u64, *p)).collect();
        let samples = Samples { end: samples.len() as u64, points: samples };
        let read = read.min(points.len());
        let mut series: Series = points[..read].iter().copied().collect();
        series.position.offset = read as u64;
        let mixed = series.provisional(&samples);
        prop_assert!(!mixed.is_exact() && mixed.percent_read() < Some(100));
        prop_assert_eq!(mixed.len(), points.len());
        prop_assert!(series.is_exact());
    }

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
