//! The comparison of tests/oracle.rs with a store that an installed MLflow writes now.
//!
//! Ignored where there is no MLflow: `.ci/run` names a Python that has one (mlflow-skinny is enough for all but the server) and runs
//!
//! ```text
//! MLTOP_PYTHON=venv/bin/python cargo test --test conformance -- --ignored
//! ```

#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use mltop::store::Location;

#[path = "search/ask.rs"]
mod ask;
#[path = "oracle/compare.rs"]
mod compare;
#[path = "conformance/postgres.rs"]
mod postgres;

/// The Python that has MLflow.
fn interpreter() -> String {
    std::env::var("MLTOP_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

/// Runs a script of tests/mlflow with it.
fn python(script: &str, words: &[&Path]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mlflow").join(script);
    let mut command = Command::new(interpreter());
    command
        .arg("-B")
        .arg(&script)
        .args(words)
        .env("PYTHONWARNINGS", "ignore")
        .env("GIT_PYTHON_REFRESH", "quiet");
    let done = command.output().unwrap();
    assert!(done.status.success(), "{script:?}: {}", String::from_utf8_lossy(&done.stderr));
}

#[test]
#[ignore = "needs a Python with mlflow, named by MLTOP_PYTHON"]
fn a_store_of_the_installed_mlflow() {
    let dir = tempfile::tempdir().unwrap();
    let (store, expected) = (dir.path().join("mlruns"), dir.path().join("expected.json"));
    python("make_store.py", &[&store]);
    python("expected.py", &[&store, &expected]);
    compare::Oracle::read(&store, &expected).compare(&[]);
}

/// MLflow's client answers the same when the store lies elsewhere, apart from artifacts, which it no longer finds; they
/// are found all the same.
#[test]
#[ignore = "needs a Python with mlflow, named by MLTOP_PYTHON"]
fn the_same_store_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let (made, moved) = (dir.path().join("made"), dir.path().join("moved here"));
    std::fs::create_dir(&made).unwrap();
    let expected = dir.path().join("expected.json");
    python("make_store.py", &[&made.join("mlruns")]);
    python("expected.py", &[&made.join("mlruns"), &expected]);
    std::fs::rename(made, &moved).unwrap();
    compare::Oracle::read(&moved.join("mlruns"), &expected).compare(&[]);
}

/// Filters and orders, made up of what the store has, find the same runs in the same order.
#[test]
#[ignore = "needs a Python with mlflow, named by MLTOP_PYTHON"]
fn filters_of_the_installed_mlflow() {
    let dir = tempfile::tempdir().unwrap();
    let (store, expected) = (dir.path().join("mlruns"), dir.path().join("search.json"));
    python("make_store.py", &[&store]);
    python("search.py", &[&store, &expected]);
    let oracle = serde_json::from_reader(std::fs::File::open(&expected).unwrap()).unwrap();
    ask::compare(&ask::read_files(&store), &oracle);
}

/// The same of any other store with what tests/mlflow/search.py wrote beside it, in the folder that MLTOP_ORACLE names.
#[test]
#[ignore = "needs a folder with mlflow.db or mlruns and search.json, named by MLTOP_ORACLE"]
fn filters_over_a_store_that_is_given() {
    let Ok(folder) = std::env::var("MLTOP_ORACLE") else { return };
    let folder = Path::new(&folder);
    let Ok(file) = std::fs::File::open(folder.join("search.json")) else { return };
    let database = folder.join("mlflow.db");
    let location =
        if database.exists() { Location::Sqlite(database) } else { Location::Files(folder.join("mlruns")) };
    ask::compare(&ask::read(&location), &serde_json::from_reader(file).unwrap());
}

/// A tracking server of the installed MLflow on loopback, ended when it is dropped.
struct Server {
    process: std::process::Child,
    address: String,
}

impl Server {
    /// Over a database by its URI, in a folder, as soon as it answers.
    fn over(database: &str, folder: &Path) -> Self {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(interpreter());
        command
            .args(["-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1", "--port"])
            .args([&free.port().to_string(), "--backend-store-uri", database])
            .current_dir(folder)
            .env("MLFLOW_DISABLE_TELEMETRY", "true")
            // It starts processes of its own: all of them end with their group.
            .process_group(0)
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        let server = Self { process: command.spawn().unwrap(), address: format!("http://{free}") };
        let begun = std::time::Instant::now();
        while !server.answers(free) {
            assert!(begun.elapsed().as_secs() < 90, "the server does not start");
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        server
    }

    fn answers(&self, at: std::net::SocketAddr) -> bool {
        let Ok(mut connection) = std::net::TcpStream::connect(at) else { return false };
        let _ = connection.set_read_timeout(Some(std::time::Duration::from_secs(5)));
        let mut answer = [0; 12];
        connection.write_all(b"GET /health HTTP/1.0\r\n\r\n").is_ok()
            && connection.read_exact(&mut answer).is_ok()
            && answer.ends_with(b" 200")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let group = format!("-{}", self.process.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.process.wait();
    }
}

/// A database and a live server over it: both answer what MLflow's own client answers about them.
#[test]
#[ignore = "needs a Python with the whole of mlflow, named by MLTOP_PYTHON"]
fn a_database_and_a_live_server_over_it() {
    let dir = tempfile::tempdir().unwrap();
    let (database, expected) = (dir.path().join("mlflow.db"), dir.path().join("expected.json"));
    let uri = format!("sqlite:///{}", database.display());
    python("make_store.py", &[Path::new(&uri)]);
    python("expected.py", &[Path::new(&uri), &expected]);
    compare::Oracle::read(&database, &expected).compare(&[]);
    let server = Server::over(&uri, dir.path());
    python("expected.py", &[Path::new(&server.address), &expected]);
    compare::Oracle::read(Path::new(&server.address), &expected).every(7).compare(&[]);
}

/// The same on PostgreSQL, which mltop reaches through the server only.
#[test]
#[ignore = "needs a Python with the whole of mlflow, named by MLTOP_PYTHON, and PostgreSQL"]
fn a_live_server_over_postgresql() {
    let Some(database) = postgres::Postgres::start(&interpreter()) else { return };
    let dir = tempfile::tempdir().unwrap();
    let expected = dir.path().join("expected.json");
    python("make_store.py", &[Path::new(&database.uri()), dir.path()]);
    let server = Server::over(&database.uri(), dir.path());
    python("expected.py", &[Path::new(&server.address), &expected]);
    compare::Oracle::read(Path::new(&server.address), &expected).every(20).compare(&[]);
}

/// Any other store with an `expected.json` beside it, in the folder that MLTOP_ORACLE names.
#[test]
#[ignore = "needs a folder with mlruns and expected.json, named by MLTOP_ORACLE"]
fn a_store_that_is_given() {
    let Ok(folder) = std::env::var("MLTOP_ORACLE") else { return };
    let folder = Path::new(&folder);
    compare::Oracle::read(&folder.join("mlruns"), &folder.join("expected.json")).compare(&[]);
}

/// A server over such a store, by its address in MLTOP_SERVER and the file that MLTOP_EXPECTED names.
#[test]
#[ignore = "needs a server, named by MLTOP_SERVER, and its expected.json, named by MLTOP_EXPECTED"]
fn a_server_that_is_given() {
    let (Ok(server), Ok(expected)) = (std::env::var("MLTOP_SERVER"), std::env::var("MLTOP_EXPECTED")) else {
        return;
    };
    compare::Oracle::read(Path::new(&server), Path::new(&expected)).compare(&[]);
}
