//! Any bytes as a metric file: the quick reader of lines and the plain one agree on every line, and on the latest point.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mltop::index::Point;
use mltop::store::files::metric::{Latest, Sink, latest_of, parse_line};

fn same(a: &Point, b: &Point) -> bool {
    (a.value.to_bits(), a.step, a.timestamp) == (b.value.to_bits(), b.step, b.timestamp)
        || (a.value.is_nan() && b.value.is_nan() && (a.step, a.timestamp) == (b.step, b.timestamp))
}

fuzz_target!(|bytes: &[u8]| {
    let mut quick: Vec<Point> = Vec::new();
    let counts = quick.lines(bytes);
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| line.len() < 60_000);
    let plain: Vec<Point> = lines.filter_map(parse_line).collect();
    assert!(counts.bad <= counts.lines);
    if bytes.len() < 60_000 {
        assert_eq!(quick.len(), plain.len());
        assert!(quick.iter().zip(&plain).all(|(a, b)| same(a, b)));
    }
    let mut latest = Latest::default();
    latest_of(bytes, &mut latest);
    assert_eq!(latest.points as usize, quick.len());
    let mut best: Option<Point> = None;
    for point in &quick {
        if best.is_none_or(|best| point.is_later_than(&best)) {
            best = Some(*point);
        }
    }
    assert_eq!(best.is_some(), latest.best.is_some());
    if let (Some(a), Some(b)) = (best, latest.best) {
        assert!(same(&a, &b), "{a:?} {b:?}");
    }
});
