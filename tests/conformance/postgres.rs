//! A PostgreSQL of its own on loopback, from Debian's package, ended when it is dropped.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it skips"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A server with one empty database.
pub struct Postgres {
    programs: PathBuf,
    folder: tempfile::TempDir,
    port: u16,
}

impl Postgres {
    /// Starts one; none, with a line that says why, where there is no PostgreSQL or no Python package that reaches it.
    pub fn start(python: &str) -> Option<Self> {
        let Some(programs) = programs() else {
            println!("skipped: no PostgreSQL on this machine (apt-get install postgresql)");
            return None;
        };
        let driver = Command::new(python).args(["-c", "import psycopg2"]).stderr(Stdio::null()).status();
        if !driver.is_ok_and(|status| status.success()) {
            println!("skipped: {python} cannot import psycopg2 (pip install psycopg2-binary)");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let this = Self { programs, folder, port: free.port() };
        // It refuses to run as root, so it runs as the user that the package has made.
        if is_root() {
            let owned = Command::new("chown").arg("postgres").arg(this.folder.path()).status().unwrap();
            assert!(owned.success(), "the folder of the database");
        }
        this.run("initdb", &["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8"]);
        let folder = this.data();
        let options = format!("-p {} -h 127.0.0.1 -k {} -F", this.port, this.folder.path().display());
        let log = folder.join("log").display().to_string();
        this.run("pg_ctl", &["-w", "-t", "60", "-l", &log, "-o", &options, "start"]);
        Some(this)
    }

    /// What MLflow calls it.
    pub fn uri(&self) -> String {
        format!("postgresql://postgres@127.0.0.1:{}/postgres", self.port)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn run(&self, program: &str, words: &[&str]) {
        let program = self.programs.join(program);
        let mut command = Command::new(if is_root() { Path::new("runuser") } else { program.as_path() });
        if is_root() {
            command.args(["-u", "postgres", "--"]).arg(&program);
        }
        // What it leaves running must not hold our output open.
        command
            .arg("-D")
            .arg(self.data())
            .args(words)
            .current_dir("/")
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        assert!(command.status().unwrap().success(), "{program:?} {words:?}");
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.run("pg_ctl", &["-m", "immediate", "stop"]);
    }
}

/// Where the programs of the newest version are.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let folders = versions.flatten().map(|entry| entry.path().join("bin"));
    folders.filter(|folder| folder.join("initdb").exists()).max()
}

fn is_root() -> bool {
    let user = Command::new("id").arg("-u").output().unwrap();
    user.stdout.trim_ascii() == b"0"
}
