//! How long a long history takes: to be read, to be sampled, to become the columns of a chart.
#![allow(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::ffi::OsStr;
use std::path::Path;
use std::task::Poll;

use divan::Bencher;
use mltop::index::{Index, Key, Point, RunKey};
use mltop::series::{Axis, Position, Series, Show};
use mltop::store::files::metric::{self, Budget, Latest};
use mltop::store::files::open::{Folder, OpenFile};
use mltop::store::{self, Location, Store};

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

/// A run with 20 metrics of half a million points; one file under 20 names.
struct Run {
    _dir: tempfile::TempDir,
    store: Box<dyn Store>,
    index: Index,
    places: Vec<(RunKey, Key)>,
}

impl Run {
    fn new() -> Self {
        let file = File::new();
        let run = file.0.path().join("mlruns/0/11111111111111111111111111111111");
        std::fs::create_dir_all(run.join("metrics")).unwrap();
        std::fs::write(run.join("../meta.yaml"), "experiment_id: '0'\nname: long\n").unwrap();
        std::fs::write(run.join("meta.yaml"), "run_id: 11111111111111111111111111111111\nstatus: 3\n")
            .unwrap();
        for i in 0..20 {
            std::fs::hard_link(file.0.path().join("loss"), run.join(format!("metrics/loss-{i}"))).unwrap();
        }
        let mut store = store::open(&Location::Files(file.0.path().join("mlruns")), None).unwrap();
        let index = store::read_all(store.as_mut()).unwrap();
        let places = index
            .runs()
            .flat_map(|run| run.metrics().map(|(key, _)| (run.key, key)).collect::<Vec<_>>())
            .collect();
        Self { _dir: file.0, store, index, places }
    }
}

/// The first sparklines of a run of 10 million points.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn first_look_at_20_metrics(bencher: Bencher<'_, '_>) {
    let Run { _dir, mut store, index, places } = Run::new();
    bencher.bench_local(|| {
        let look = |(run, key): &(RunKey, Key)| {
            let Poll::Ready(Some(samples)) = store.sample(&index, *run, *key).unwrap() else {
                unreachable!()
            };
            let mut series = Series::default().provisional(&samples);
            series.sketch();
            series
        };
        places.iter().map(look).collect::<Vec<_>>()
    });
}

/// All of its points, of one metric after the other.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn whole_of_20_metrics(bencher: Bencher<'_, '_>) {
    let Run { _dir, mut store, index, places } = Run::new();
    bencher.bench_local(|| {
        for (run, key) in &places {
            divan::black_box(store::history(store.as_mut(), &index, *run, *key).unwrap());
        }
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
