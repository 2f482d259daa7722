//! The least that reading histories takes: one pass over "time value step" lines, no search for separators first.

use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

/// Columns of a chart.
const COLUMNS: usize = 200;

#[derive(Clone, Copy)]
struct Point {
    time: i64,
    value: f64,
    step: i64,
}

/// Does the work on a file or on everything in a store and prints how long it took.
pub fn parse(path: &str, threads: usize) {
    let mut files = Vec::new();
    if Path::new(path).is_dir() {
        metric_files(Path::new(path), false, &mut files);
    }
    let start = Instant::now();
    let (points, files) = if files.is_empty() {
        (chart(Path::new(path)), 1)
    } else {
        (latest_of_all(&files, threads), files.len())
    };
    println!("{{\"s\":{:.6},\"files\":{files},\"points\":{points}}}", start.elapsed().as_secs_f64());
}

/// The files in folders called metrics. Their names being known is no part of the time.
fn metric_files(folder: &Path, is_metrics: bool, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder can be listed").flatten() {
        let (path, kind) = (entry.path(), entry.file_type().expect("a kind"));
        if kind.is_dir() {
            metric_files(&path, is_metrics || entry.file_name() == "metrics", files);
        } else if is_metrics {
            files.push(path);
        }
    }
}

fn latest_of_all(files: &[PathBuf], threads: usize) -> usize {
    let (next, points) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while let Some(file) = files.get(next.fetch_add(1, Relaxed)) {
            let mut count = 0;
            let mut latest = Point { time: 0, value: 0.0, step: i64::MIN };
            each_point(&fs::read(file).expect("a file can be read"), |point| {
                count += 1;
                if (point.step, point.time) > (latest.step, latest.time)
                    || (point.step, point.time) == (latest.step, latest.time) && point.value > latest.value
                {
                    latest = point;
                }
            });
            black_box(latest);
            points.fetch_add(count, Relaxed);
        }
    };
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    points.into_inner()
}

/// Points of a file kept, and the extremes of each column by step.
fn chart(file: &Path) -> usize {
    let data = fs::read(file).expect("a file can be read");
    let mut points = Vec::with_capacity(data.len() / 20);
    each_point(&data, |point| points.push(point));
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return 0 };
    let scale = COLUMNS as f64 / (last.step - first.step + 1) as f64;
    let mut columns = [(f64::INFINITY, f64::NEG_INFINITY); COLUMNS];
    for point in &points {
        let column = ((point.step - first.step) as f64 * scale) as usize;
        let (low, high) = &mut columns[column.min(COLUMNS - 1)];
        (*low, *high) = (low.min(point.value), high.max(point.value));
    }
    black_box(columns);
    points.len()
}

fn each_point(data: &[u8], mut each: impl FnMut(Point)) {
    let mut at = 0;
    while at < data.len() {
        let time = integer(data, &mut at);
        at += 1;
        let (value, length) = fast_float2::parse_partial(&data[at..]).expect("a value");
        at += length;
        let mut step = 0;
        if data.get(at) == Some(&b' ') {
            at += 1;
            step = integer(data, &mut at);
        }
        at += 1;
        each(Point { time, value, step });
    }
}

fn integer(data: &[u8], at: &mut usize) -> i64 {
    let is_negative = data.get(*at) == Some(&b'-');
    *at += usize::from(is_negative);
    let mut number = 0i64;
    while let Some(digit) = data.get(*at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        number = number.wrapping_mul(10).wrapping_add(digit.into());
        *at += 1;
    }
    if is_negative { -number } else { number }
}
