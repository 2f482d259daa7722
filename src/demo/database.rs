//! Writes the demo into an `mlflow.db`, in the order and with the commits of MLflow's `SqlAlchemyStore`: whoever reads it
//! sees what real training shows. Artifacts lie beside it, as MLflow 3 puts them.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Params};

use super::store::NewRun;
use crate::store::files::meta::{self, Meta};

/// The tables of MLflow 3 as far as runs and their datasets need them.
const SCHEMA: &str = include_str!("schema.sql");

/// A database that is being written. Clones write to the same one.
#[derive(Clone, Debug)]
pub(super) struct Database(Arc<Mutex<Connection>>);

impl Database {
    /// A new database. What is written is kept together until [`Database::begin_commits`].
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let connection = Connection::open(path).map_err(failed)?;
        // A demo need not survive a power cut.
        connection.pragma_update(None, "synchronous", 0).map_err(failed)?;
        connection.execute_batch(SCHEMA).map_err(failed)?;
        connection.execute_batch("BEGIN").map_err(failed)?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn execute(&self, sql: &str, bounds: impl Params) -> io::Result<()> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(sql).map_err(failed)?;
        statement.execute(bounds).map(drop).map_err(failed)
    }

    /// From now on every change is a commit of its own, as while one trains.
    pub(super) fn begin_commits(&self) -> io::Result<()> {
        self.connection().execute_batch("COMMIT").map_err(failed)
    }

    /// Adds an experiment.
    pub(super) fn experiment(
        &self,
        id: &str,
        name: &str,
        uri: &str,
        created: i64,
        deleted: Option<i64>,
    ) -> io::Result<()> {
        let stage = if deleted.is_some() { "deleted" } else { "active" };
        let updated = deleted.unwrap_or(created);
        self.execute(
            "INSERT INTO experiments VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            (number(id), name, uri, stage, created, updated),
        )
    }

    /// Sets a tag of an experiment.
    pub(super) fn experiment_tag(&self, id: &str, key: &str, value: &str) -> io::Result<()> {
        self.execute("INSERT OR REPLACE INTO experiment_tags VALUES (?1, ?2, ?3)", (key, value, number(id)))
    }

    /// Describes a data set, from the `meta.yaml` of a file store.
    pub(super) fn dataset(&self, experiment: &str, id: &str, text: &str) -> io::Result<()> {
        let meta = read(text)?;
        let field = |key: &str| meta.text(key).unwrap_or_default().to_owned();
        self.execute(
            "INSERT OR IGNORE INTO datasets VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            (
                id,
                number(experiment),
                field("name"),
                field("digest"),
                field("source_type"),
                field("source"),
                meta.text("schema"),
                meta.text("profile"),
            ),
        )
    }

    /// Says which data set went into a run, from the `meta.yaml` of a file store.
    pub(super) fn input(&self, run: &str, id: &str, text: &str) -> io::Result<()> {
        let meta = read(text)?;
        let source = meta.text("source_id").unwrap_or_default();
        self.execute("INSERT INTO inputs VALUES (?1, 'DATASET', ?2, 'RUN', ?3, 0)", (id, source, run))?;
        for (key, value) in meta.map("tags").into_iter().flatten() {
            self.execute("INSERT INTO input_tags VALUES (?1, ?2, ?3)", (id, key, value))?;
        }
        Ok(())
    }

    /// Adds a run that trains.
    pub(super) fn run(&self, experiment: &str, uri: &str, new: &NewRun<'_>) -> io::Result<()> {
        self.execute(
            "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, \
             source_version, lifecycle_stage, artifact_uri, experiment_id) \
             VALUES (?1, ?2, 'UNKNOWN', '', '', ?3, 'RUNNING', ?4, '', 'active', ?5, ?6)",
            (&new.id, &new.name, new.user, new.start, uri, number(experiment)),
        )
    }

    /// Ends a run, and marks it as deleted where a time says when. `status` is MLflow's `RunStatus` in words.
    pub(super) fn end(&self, run: &str, status: &str, time: i64, deleted: Option<i64>) -> io::Result<()> {
        let stage = if deleted.is_some() { "deleted" } else { "active" };
        self.execute(
            "UPDATE runs SET status = ?2, end_time = ?3, lifecycle_stage = ?4, deleted_time = ?5 WHERE run_uuid = ?1",
            (run, status, time, stage, deleted),
        )
    }

    /// Logs a param.
    pub(super) fn param(&self, run: &str, key: &str, value: &str) -> io::Result<()> {
        self.execute("INSERT OR IGNORE INTO params VALUES (?1, ?2, ?3)", (key, value, run))
    }

    /// Sets a tag.
    pub(super) fn tag(&self, run: &str, key: &str, value: &str) -> io::Result<()> {
        self.execute("INSERT OR REPLACE INTO tags VALUES (?1, ?2, ?3)", (key, value, run))
    }

    /// Logs one value of a metric: the point, and the latest value where it is one.
    pub(super) fn metric(&self, run: &str, key: &str, time: i64, value: f64, step: i64) -> io::Result<()> {
        let (stored, is_nan) =
            if value.is_nan() { (0.0, true) } else { (value.clamp(f64::MIN, f64::MAX), false) };
        let bounds = (key, stored, time, run, step, is_nan);
        self.execute(
            "INSERT OR IGNORE INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            bounds,
        )?;
        self.execute(
            "INSERT INTO latest_metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
             ON CONFLICT DO UPDATE SET value = excluded.value, timestamp = excluded.timestamp, step = excluded.step, \
             is_nan = excluded.is_nan \
             WHERE (excluded.step, excluded.timestamp, excluded.value) > (step, timestamp, value)",
            bounds,
        )
    }

    /// Logs all lines of a metric file.
    pub(super) fn history(&self, run: &str, key: &str, lines: &str) -> io::Result<()> {
        for line in lines.lines() {
            let mut words = line.split(' ');
            let time = words.next().and_then(|word| word.parse().ok());
            let value = words.next().and_then(|word| word.parse().ok());
            let step = words.next().and_then(|word| word.parse().ok()).unwrap_or_default();
            if let (Some(time), Some(value)) = (time, value) {
                self.metric(run, key, time, value, step)?;
            }
        }
        Ok(())
    }
}

fn number(id: &str) -> i64 {
    id.parse().unwrap_or_default()
}

fn read(text: &str) -> io::Result<Meta> {
    meta::parse(text.as_bytes()).map_err(io::Error::other)
}

fn failed(error: rusqlite::Error) -> io::Error {
    io::Error::other(error)
}
