//! A small database that a test writes as MLflow does: the schema of 3.x as far as runs need it, one commit per call.
#![allow(dead_code, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use rusqlite::{Connection, Params};

/// Tables of runs in MLflow 3.
pub const SCHEMA: &str = include_str!("../../src/demo/schema.sql");

/// When the runs of tests begin, milliseconds since the epoch.
pub const START: i64 = 1_795_400_000_000;

/// A database in a folder of its own.
pub struct Database {
    dir: tempfile::TempDir,
    /// Its file.
    pub path: PathBuf,
    /// The trainer's connection.
    pub connection: Connection,
}

impl Database {
    /// A database with these tables and no experiment.
    pub fn with(schema: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mlflow.db");
        let connection = Connection::open(&path).unwrap();
        // Tests need no disk that survives a power cut.
        connection.pragma_update(None, "synchronous", 0).unwrap();
        connection.execute_batch(schema).unwrap();
        Self { dir, path, connection }
    }

    /// A database of MLflow 3 with no experiment.
    pub fn new() -> Self {
        Self::with(SCHEMA)
    }

    /// The folder it is in.
    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    /// The names of all files beside it, and its own.
    pub fn files(&self) -> Vec<String> {
        let entries = self.dir.path().read_dir().unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// Runs one statement.
    pub fn execute(&self, sql: &str, bounds: impl Params) -> &Self {
        self.connection.execute(sql, bounds).unwrap();
        self
    }

    /// Adds an experiment.
    pub fn experiment(&self, id: &str, name: &str) -> &Self {
        let location = format!("file://{}/mlruns/{id}", self.dir.path().display());
        self.execute(
            "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, \
             last_update_time) VALUES (?1, ?2, ?3, 'active', ?4, ?4)",
            (id.parse::<i64>().unwrap(), name, location, START),
        )
    }

    /// Adds a run.
    pub fn run(&self, experiment: &str, id: &str, name: &str, status: &str, start: i64) -> &Self {
        let uri = format!("file://{}/mlruns/{experiment}/{id}/artifacts", self.dir.path().display());
        let end = (status != "RUNNING").then_some(start + 60_000);
        self.execute(
            "INSERT INTO runs (run_uuid, name, source_type, source_name, user_id, status, start_time, end_time, \
             lifecycle_stage, artifact_uri, experiment_id) \
             VALUES (?1, ?2, 'UNKNOWN', '', 'demo', ?3, ?4, ?5, 'active', ?6, ?7)",
            (id, name, status, start, end, uri, experiment.parse::<i64>().unwrap()),
        );
        self.tag(id, "mlflow.runName", name)
    }

    /// Ends a run, or begins it again.
    pub fn status(&self, id: &str, status: &str) -> &Self {
        let end = (status != "RUNNING").then_some(60_000);
        self.execute(
            "UPDATE runs SET status = ?2, end_time = start_time + ?3 WHERE run_uuid = ?1",
            (id, status, end),
        )
    }

    /// Sets a tag.
    pub fn tag(&self, id: &str, key: &str, value: &str) -> &Self {
        self.execute(
            "INSERT INTO tags VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET value = excluded.value",
            (key, value, id),
        )
    }

    /// Logs a param.
    pub fn param(&self, id: &str, key: &str, value: &str) -> &Self {
        self.execute("INSERT INTO params VALUES (?1, ?2, ?3)", (key, value, id))
    }

    /// Logs one value of a metric at a time that follows its step.
    pub fn metric(&self, id: &str, key: &str, value: f64, step: i64) -> &Self {
        self.metric_at(id, key, value, step, START + step * 1000)
    }

    /// Logs one value: the point and the latest value in one transaction (`SqlAlchemyStore.log_metric`).
    pub fn metric_at(&self, id: &str, key: &str, value: f64, step: i64, time: i64) -> &Self {
        // As `SqlAlchemyStore.sanitize_metric_value` has it.
        let (stored, is_nan) = match value {
            nan if nan.is_nan() => (0.0, true),
            infinite if infinite.is_infinite() => (f64::MAX.copysign(infinite), false),
            value => (value, false),
        };
        let change = self.connection.unchecked_transaction().unwrap();
        change
            .execute(
                "INSERT OR IGNORE INTO metrics VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                (key, stored, time, id, step, is_nan),
            )
            .unwrap();
        let has_latest = change
            .query_row("SELECT count(*) FROM sqlite_master WHERE name = 'latest_metrics'", [], |row| {
                row.get::<_, i64>(0)
            })
            .unwrap();
        if has_latest > 0 {
            change
                .execute(
                    "INSERT INTO latest_metrics VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET \
                     value = excluded.value, timestamp = excluded.timestamp, step = excluded.step, is_nan = excluded.is_nan \
                     WHERE (excluded.step, excluded.timestamp, excluded.value) > (step, timestamp, value)",
                    (key, stored, time, step, is_nan, id),
                )
                .unwrap();
        }
        change.commit().unwrap();
        self
    }

    /// Many points of one metric in one transaction, `value(step)` each.
    pub fn history(
        &self,
        id: &str,
        key: &str,
        steps: std::ops::Range<i64>,
        value: impl Fn(i64) -> f64,
    ) -> &Self {
        let change = self.connection.unchecked_transaction().unwrap();
        let mut insert = change.prepare("INSERT INTO metrics VALUES (?1, ?2, ?3, ?4, ?5, 0)").unwrap();
        for step in steps.clone() {
            insert.execute((key, value(step), START + step * 1000, id, step)).unwrap();
        }
        drop(insert);
        let last = steps.end - 1;
        change
            .execute(
                "INSERT OR REPLACE INTO latest_metrics VALUES (?1, ?2, ?3, ?4, 0, ?5)",
                (key, value(last), START + last * 1000, last, id),
            )
            .unwrap();
        change.commit().unwrap();
        self
    }
}
