//! The least that reading histories takes: one pass over "time value step" lines, no search for separators first. In
//! pieces that stay in the processor's cache: fresh memory for a whole file would cost more than parsing it.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

/// Columns of a chart.
const COLUMNS: usize = 200;
/// Bytes that are read at a time.
const PIECE: usize = 256 << 10;
/// More than a line has.
const LINE: u64 = 256;

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
            each_point(&File::open(file).expect("a file can be opened"), |point| {
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

/// The extremes of each column of steps; the last line tells how many steps there are.
fn chart(path: &Path) -> usize {
    let file = File::open(path).expect("a file can be opened");
    let mut tail = vec![0; LINE as usize];
    let size = file.metadata().expect("a size").len();
    let read = file.read_at(&mut tail, size.saturating_sub(LINE)).expect("a file can be read");
    let end = tail[..read].trim_ascii_end();
    let mut last = 0;
    lines(&end[end.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)..], |point| {
        last = point.step
    });

    let scale = COLUMNS as f64 / (last + 1) as f64;
    let mut columns = [(f64::INFINITY, f64::NEG_INFINITY); COLUMNS];
    let mut count = 0;
    each_point(&file, |point| {
        count += 1;
        let (low, high) = &mut columns[((point.step as f64 * scale) as usize).min(COLUMNS - 1)];
        (*low, *high) = (low.min(point.value), high.max(point.value));
    });
    black_box(columns);
    count
}

fn each_point(mut file: &File, mut each: impl FnMut(Point)) {
    let mut piece = vec![0; PIECE];
    let mut kept = 0;
    loop {
        let read = file.read(&mut piece[kept..]).expect("a file can be read");
        let filled = &piece[..kept + read];
        let whole = match filled.iter().rposition(|byte| *byte == b'\n') {
            Some(at) if read > 0 => at + 1,
            _ => filled.len(),
        };
        lines(&filled[..whole], &mut each);
        if read == 0 {
            return;
        }
        kept = filled.len() - whole;
        piece.copy_within(whole..whole + kept, 0);
    }
}

fn lines(data: &[u8], mut each: impl FnMut(Point)) {
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
