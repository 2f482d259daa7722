//! How long a file takes to become values.

use divan::Bencher;
use mltop::index::Point;
use mltop::series::Series;
use mltop::store::files::meta;
use mltop::store::files::metric::{self, Latest, Sink};

fn main() {
    divan::main();
}

/// A run as MLflow 2 writes it.
const RUN: &str =
    "artifact_uri: file:///home/demo/project/mlruns/0/2d54a5b1c3e84f2f9b6d7a8c9e0f1a2b/artifacts
end_time: 1795414927467
entry_point_name: ''
experiment_id: '0'
lifecycle_stage: active
run_id: 2d54a5b1c3e84f2f9b6d7a8c9e0f1a2b
run_name: nosy-crane-12
run_uuid: 2d54a5b1c3e84f2f9b6d7a8c9e0f1a2b
source_name: ''
source_type: 4
source_version: ''
start_time: 1795414927421
status: 3
tags: []
user_id: demo
";

/// Only plain lines.
#[divan::bench]
fn meta_plain_lines(bencher: Bencher<'_, '_>) {
    bencher.bench(|| meta::parse(divan::black_box(RUN.as_bytes())));
}

/// The same with a name that is folded, which takes the YAML parser.
#[divan::bench]
fn meta_folded_name(bencher: Bencher<'_, '_>) {
    let folded = RUN.replace("nosy-crane-12", "nosy\n  crane 12");
    bencher.bench(|| meta::parse(divan::black_box(folded.as_bytes())));
}

/// Lines of a metric as MLflow writes them: a time that goes on, 17 digits, a step.
fn metric_lines(points: u64) -> Vec<u8> {
    let mut value = 2.0f64;
    let line = |step: u64| {
        value *= 0.999_99;
        format!("{} {:?} {step}\n", 1_795_414_927_467 + step * 137, value + (step as f64).sin() / 50.0)
    };
    (0..points).map(line).collect::<String>().into_bytes()
}

/// Lines of one metric file: 50 for most of them, half a million for a long one.
const POINTS: [u64; 2] = [50, 500_000];

/// Only counts, so that nothing but reading lines is measured.
#[derive(Default)]
struct Sum(f64);

impl Sink for Sum {
    fn restart(&mut self) {}

    fn push(&mut self, point: Point) {
        self.0 += point.value + point.step as f64;
    }
}

/// The way that says what a line is: UTF-8, split, parse of std.
#[divan::bench(args = POINTS)]
fn metric_lines_std(bencher: Bencher<'_, '_>, points: u64) {
    let bytes = metric_lines(points);
    bencher.counter(divan::counter::ItemsCount::new(points)).bench(|| {
        let mut sum = Sum::default();
        divan::black_box(&bytes)
            .split(|b| *b == b'\n')
            .filter_map(metric::parse_line)
            .for_each(|point| sum.push(point));
        sum.0
    });
}

/// One pass.
#[divan::bench(args = POINTS)]
fn metric_lines_one_pass(bencher: Bencher<'_, '_>, points: u64) {
    let bytes = metric_lines(points);
    bencher.counter(divan::counter::ItemsCount::new(points)).bench(|| {
        let mut sum = Sum::default();
        let counts = sum.lines(divan::black_box(&bytes));
        (sum.0, counts)
    });
}

/// The latest point and how many there are.
#[divan::bench(args = POINTS)]
fn metric_lines_latest(bencher: Bencher<'_, '_>, points: u64) {
    let bytes = metric_lines(points);
    bencher.counter(divan::counter::ItemsCount::new(points)).bench(|| {
        let mut latest = Latest::default();
        let counts = metric::latest_of(divan::black_box(&bytes), &mut latest);
        (latest, counts)
    });
}

/// One pass into the blocks of a series.
#[divan::bench(args = POINTS)]
fn metric_lines_series(bencher: Bencher<'_, '_>, points: u64) {
    let bytes = metric_lines(points);
    bencher.counter(divan::counter::ItemsCount::new(points)).bench(|| {
        let mut series = Series::default();
        series.lines(divan::black_box(&bytes));
        series
    });
}
