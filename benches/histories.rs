//! How long a long history takes: to be read, to be sampled, to become the columns of a chart.
#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::ffi::OsStr;
use std::path::Path;

use divan::Bencher;
use mltop::index::Point;
use mltop::series::{Axis, Position, Series, Show};
use mltop::store::files::metric::{self, Budget, Latest};
use mltop::store::files::open::{Folder, OpenFile};

fn main() {
    divan::main();
}

const POINTS: i64 = 500_000;

fn points() -> impl Iterator<Item = Point> {
    (0..POINTS).map(|i| Point {
        value: (-i as f64 / 1e5).exp() + (i as f64).sin() / 50.0,
        step: i * 10,
        timestamp: 1_795_414_927_467 + i * 137,
    })
}

/// A file of 20 MB in memory.
struct File(tempfile::TempDir);

impl File {
    fn new() -> Self {
        let shm = Path::new("/dev/shm");
        let dir = if shm.is_dir() { tempfile::tempdir_in(shm) } else { tempfile::tempdir() };
        let dir = dir.unwrap();
        let line = |p: Point| format!("{} {:?} {}\n", p.timestamp, p.value, p.step);
        std::fs::write(dir.path().join("loss"), points().map(line).collect::<String>()).unwrap();
        Self(dir)
    }

    fn open(&self) -> OpenFile {
        Folder::open(self.0.path()).unwrap().file(OsStr::new("loss")).unwrap()
    }
}

/// All columns of a chart of 200 columns.
#[divan::bench]
fn buckets_whole(bencher: Bencher<'_, '_>) {
    let series: Series = points().collect();
    let span = series.span(Axis::Step).unwrap();
    bencher.bench(|| divan::black_box(&series).buckets(Axis::Step, span, 200));
}

/// A tenth of it.
#[divan::bench]
fn buckets_zoomed(bencher: Bencher<'_, '_>) {
    let series: Series = points().collect();
    bencher.bench(|| divan::black_box(&series).buckets(Axis::Step, (2e6, 2.5e6), 200));
}

/// The plain way, for comparison: every point is looked at.
#[divan::bench]
fn buckets_by_points(bencher: Bencher<'_, '_>) {
    let series: Series = points().collect();
    let (from, to) = series.span(Axis::Step).unwrap();
    bencher.bench(|| {
        let mut out = vec![(f64::INFINITY, f64::NEG_INFINITY); 200];
        for point in divan::black_box(&series).iter() {
            let column = ((point.step as f64 - from) / (to - from) * 199.0) as usize;
            if let Some(slot) = out.get_mut(column) {
                *slot = (slot.0.min(point.value), slot.1.max(point.value));
            }
        }
        out
    });
}

/// The point under the crosshair.
#[divan::bench]
fn nearest(bencher: Bencher<'_, '_>) {
    let series: Series = points().collect();
    bencher.bench(|| divan::black_box(&series).near(Axis::Step, 3_141_592.0, Show::All));
}

/// Windows of a file, as a series that can be drawn.
#[divan::bench]
fn sample_20_mb(bencher: Bencher<'_, '_>) {
    let file = File::new();
    let mut page = Vec::new();
    bencher.bench_local(|| {
        let samples = metric::sample(&file.open(), &mut page).unwrap().unwrap();
        let mut series = Series::default().provisional(&samples);
        series.sketch();
        series
    });
}

/// The whole file, to a series.
#[divan::bench]
fn read_20_mb(bencher: Bencher<'_, '_>) {
    let file = File::new();
    let mut page = Vec::new();
    bencher.bench_local(|| {
        let (mut series, mut position) = (Series::default(), Position::default());
        metric::read_new(&file.open(), &mut position, true, &mut series, &mut page, Budget::ALL).unwrap();
        series
    });
}

/// The whole file, to the columns of a chart: what opening it costs.
#[divan::bench]
fn read_20_mb_to_columns(bencher: Bencher<'_, '_>) {
    let file = File::new();
    let mut page = Vec::new();
    bencher.bench_local(|| {
        let (mut series, mut position) = (Series::default(), Position::default());
        metric::read_new(&file.open(), &mut position, true, &mut series, &mut page, Budget::ALL).unwrap();
        series.sketch();
        series.buckets(Axis::Step, series.span(Axis::Step).unwrap(), 200)
    });
}

/// The whole file, to its latest point.
#[divan::bench]
fn latest_20_mb(bencher: Bencher<'_, '_>) {
    let file = File::new();
    let mut page = Vec::new();
    bencher.bench_local(|| {
        let (mut latest, mut position) = (Latest::default(), Position::default());
        metric::read_new(&file.open(), &mut position, true, &mut latest, &mut page, Budget::ALL).unwrap();
        latest
    });
}

/// Some points more: what a live run costs for each of its metrics.
#[divan::bench]
fn publish_a_clone(bencher: Bencher<'_, '_>) {
    let mut series: Series = points().collect();
    bencher.bench_local(|| {
        series.sketch();
        series.clone()
    });
}
