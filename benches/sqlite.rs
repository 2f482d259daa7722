//! Reading a whole database, beside a plain program that reads the same rows with the same SQLite and keeps them: what is
//! told is the ratio, since machines differ.
//!
//! ```text
//! cargo bench --bench sqlite -- mlflow.db [python that can import mlflow]
//! ```
//!
//! With a Python, MLflow's own `search_runs` over all experiments is timed in the same run. A database of any size is
//! made by `gen_mlruns.py --sqlite`.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench fails by panicking and prints what it measured"
)]

use std::collections::HashMap;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use mltop::index::{Index, Parts};
use mltop::store::{self, Location, Want};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

/// How often each is measured; the middle counts.
const TIMES: usize = 5;
/// MLflow's client, page by page, as a script would.
const MLFLOW: &str = "
import sys, time, logging
logging.disable(logging.CRITICAL)
from mlflow.tracking import MlflowClient
client = MlflowClient('sqlite:///' + sys.argv[1])
begun, count, token = time.time(), 0, None
ids = [e.experiment_id for e in client.search_experiments()]
while True:
    page = client.search_runs(ids, max_results=1000, page_token=token)
    count, token = count + len(page), page.token
    if not token or time.time() - begun > 60:
        break
print(count, time.time() - begun)
";

fn main() {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    let Some(file) = words.next() else {
        println!("cargo bench --bench sqlite -- mlflow.db [python]");
        return;
    };
    let file = Path::new(&file);
    let (mut plain, mut whole, mut first) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TIMES {
        plain.push(timed(|| black_box(read_plainly(file))).0);
        let (time, (index, rows)) = timed(|| read_all(file));
        black_box(index);
        whole.push(time);
        first.push(rows);
    }
    let (plain, whole, first) = (middle(&mut plain), middle(&mut whole), middle(&mut first));
    println!("plain program  {:>9.1} ms", ms(plain));
    println!("mltop, all     {:>9.1} ms   {:.2} times the plain program", ms(whole), ms(whole) / ms(plain));
    println!("mltop, rows    {:>9.1} ms   a screenful of whole rows", ms(first));
    if let Some(python) = words.next() {
        let done =
            Command::new(python).args(["-c", MLFLOW]).arg(file.canonicalize().unwrap()).output().unwrap();
        let said = String::from_utf8_lossy(&done.stdout);
        let mut numbers = said.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
        let (Some(runs), Some(seconds)) = (numbers.next(), numbers.next()) else {
            println!("MLflow did not answer: {}", String::from_utf8_lossy(&done.stderr));
            return;
        };
        let all = read_all(file).0.runs().count() as f64;
        let times = (seconds / runs) / (whole.as_secs_f64() / all);
        println!(
            "MLflow         {:>9.1} ms for {runs} runs: mltop is {times:.0} times as fast a run",
            seconds * 1e3
        );
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let begun = Instant::now();
    let done = work();
    (begun.elapsed(), done)
}

fn middle(times: &mut [Duration]) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Everything, and when the first screenful was whole.
fn read_all(file: &Path) -> (Index, Duration) {
    let begun = Instant::now();
    let mut store = store::open(&Location::Sqlite(file.to_owned()), None).unwrap();
    let (mut index, mut first) = (Index::default(), None);
    loop {
        let until = Instant::now() + Duration::from_millis(5);
        let state = store.refresh(&mut index, &Want::default(), until).unwrap();
        if first.is_none() && index.runs().filter(|run| run.read() == Parts::ALL).count() >= 64 {
            first = Some(begun.elapsed());
        }
        if index.progress.complete && !state.more {
            return (index, first.unwrap_or_else(|| begun.elapsed()));
        }
    }
}

/// What a program does that only wants the rows: four tables, one after the other, copied out.
fn read_plainly(file: &Path) -> usize {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut runs: HashMap<Vec<u8>, u32> = HashMap::new();
    let mut keys: HashMap<Vec<u8>, u32> = HashMap::new();
    let (mut text, mut values, mut points) = (Vec::new(), Vec::new(), Vec::new());
    let bytes = |value: ValueRef<'_>| value.as_bytes().unwrap_or_default().to_owned();
    let columns =
        "run_uuid, name, user_id, status, lifecycle_stage, artifact_uri, start_time, end_time, experiment_id";
    let mut statement = connection.prepare(&format!("SELECT {columns} FROM runs")).unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let number = runs.len() as u32;
        runs.insert(bytes(row.get_ref(0).unwrap()), number);
        (1..6).for_each(|column| text.extend(bytes(row.get_ref(column).unwrap())));
        (6..9).for_each(|column| _ = black_box(row.get::<_, Option<i64>>(column).unwrap()));
    }
    for table in ["params", "tags"] {
        let mut statement = connection.prepare(&format!("SELECT run_uuid, key, value FROM {table}")).unwrap();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let Some(run) = runs.get(row.get_ref(0).unwrap().as_bytes().unwrap_or_default()).copied() else {
                continue;
            };
            let next = keys.len() as u32;
            let key = *keys.entry(bytes(row.get_ref(1).unwrap())).or_insert(next);
            let value = row.get_ref(2).unwrap().as_bytes().unwrap_or_default();
            values.push((run, key, text.len(), value.len()));
            text.extend_from_slice(value);
        }
    }
    let columns = "run_uuid, key, value, step, timestamp, is_nan";
    let mut statement = connection.prepare(&format!("SELECT {columns} FROM latest_metrics")).unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let Some(run) = runs.get(row.get_ref(0).unwrap().as_bytes().unwrap_or_default()).copied() else {
            continue;
        };
        let next = keys.len() as u32;
        let key = *keys.entry(bytes(row.get_ref(1).unwrap())).or_insert(next);
        let (value, step): (f64, i64) = (row.get(2).unwrap(), row.get(3).unwrap());
        points.push((run, key, value, step, row.get::<_, i64>(4).unwrap(), row.get::<_, i64>(5).unwrap()));
    }
    runs.len() + values.len() + points.len() + text.len()
}
