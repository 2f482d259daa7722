//! A small tracking server over a database: it answers what MLflow 3's handlers answer, by plain statements of its own, so
//! that what mltop makes of a server can be compared with what it makes of the database.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Params, Row};
use serde_json::{Value, json};

use super::server::{Asked, Server, Told};

/// Parameters of a request; some come more than once.
type Query = HashMap<String, Vec<String>>;

/// A server over a database, for as long as it is held.
pub fn over(database: &Path) -> Server {
    let database = database.to_owned();
    Server::new(move |asked| Tracking::open(&database).answer(asked))
}

struct Tracking {
    connection: Connection,
    /// Whether there are datasets and models.
    has_inputs: bool,
}

impl Tracking {
    fn open(database: &Path) -> Self {
        let connection = Connection::open(database).unwrap();
        connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
        let has_inputs = connection.table_exists(None, "inputs").unwrap();
        Self { connection, has_inputs }
    }

    fn answer(&self, asked: &Asked) -> Told {
        let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
        let query = parsed(query);
        let body: Value = serde_json::from_str(&asked.body).unwrap_or(Value::Null);
        match path.strip_prefix("/api/2.0/mlflow").unwrap_or(path) {
            "/experiments/search" => paged("experiments", self.experiments(), &body),
            "/runs/search" => paged("runs", self.search(&body), &body),
            "/runs/get" => match self.run(&one(&query, "run_id")) {
                Some(run) => Told::json(&json!({ "run": run })),
                None => Told::status(404),
            },
            "/metrics/get-history" => {
                let size: usize = one(&query, "max_results").parse().unwrap();
                let token = json!(query.get("page_token").map(|token| &token[0]));
                let points = self.points(&one(&query, "run_id"), &one(&query, "metric_key"));
                paged("metrics", points, &json!({"max_results": size, "page_token": token}))
            }
            "/metrics/get-history-bulk-interval" => self.intervals(&query),
            "/artifacts/list" => self.artifacts(&query),
            "/get-artifact" => {
                let file = self.folder(&one(&query, "run_uuid")).join(one(&query, "path"));
                fs::read(file)
                    .map_or_else(|_| Told::status(404), |b| Told::body(200, "application/octet-stream", &b))
            }
            _ => Told::status(404),
        }
    }

    /// Rows of a statement about one thing.
    fn rows<T>(&self, sql: &str, id: &str, make: impl Fn(&Row<'_>) -> rusqlite::Result<T>) -> Vec<T> {
        self.bound(sql, [id], make)
    }

    fn bound<T>(
        &self,
        sql: &str,
        bounds: impl Params,
        make: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Vec<T> {
        let mut statement = self.connection.prepare(sql).unwrap();
        statement.query_map(bounds, |row| make(row)).unwrap().map(Result::unwrap).collect()
    }

    fn pairs(&self, sql: &str, id: &str) -> Vec<Value> {
        self.rows(sql, id, |row| {
            Ok(json!({"key": row.get::<_, String>(0)?, "value": row.get::<_, String>(1)?}))
        })
    }

    fn experiments(&self) -> Vec<Value> {
        let sql = "SELECT experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time \
                   FROM experiments WHERE ?1 = ?1 ORDER BY last_update_time DESC, experiment_id";
        self.rows(sql, "", |row| {
            let id = row.get::<_, i64>(0)?.to_string();
            let tags = self.pairs("SELECT key, value FROM experiment_tags WHERE experiment_id = ?1", &id);
            Ok(json!({
                "experiment_id": id, "name": text(row, 1), "artifact_location": text(row, 2),
                "lifecycle_stage": text(row, 3), "creation_time": whole(row, 4), "last_update_time": whole(row, 5),
                "tags": tags,
            }))
        })
    }

    /// MLflow's filter by attributes is SQL but for the names of two columns.
    fn search(&self, body: &Value) -> Vec<Value> {
        let ids: Vec<&str> =
            body["experiment_ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        let filter = body["filter"].as_str().unwrap_or("1 = 1");
        let filter = filter.replace("attributes.run_id", "run_uuid").replace("attributes.", "");
        let sql = format!(
            "SELECT run_uuid FROM runs WHERE experiment_id IN ({}) AND ({filter}) AND ?1 = ?1 \
             ORDER BY start_time DESC, run_uuid",
            ids.join(",")
        );
        let runs = self.rows(&sql, "", |row| row.get::<_, String>(0));
        runs.iter().filter_map(|id| self.run(id)).collect()
    }

    fn run(&self, id: &str) -> Option<Value> {
        let sql = "SELECT run_uuid, name, experiment_id, user_id, status, start_time, end_time, artifact_uri, \
                   lifecycle_stage FROM runs WHERE run_uuid = ?1";
        let info = self.rows(sql, id, |row| {
            Ok(json!({
                "run_id": text(row, 0), "run_uuid": text(row, 0), "run_name": text(row, 1),
                "experiment_id": row.get::<_, i64>(2)?.to_string(), "user_id": text(row, 3), "status": text(row, 4),
                "start_time": whole(row, 5), "end_time": whole(row, 6), "artifact_uri": text(row, 7),
                "lifecycle_stage": text(row, 8),
            }))
        });
        let latest = "SELECT key, value, is_nan, timestamp, step FROM latest_metrics WHERE run_uuid = ?1";
        let data = json!({
            "metrics": self.rows(latest, id, point),
            "params": self.pairs("SELECT key, value FROM params WHERE run_uuid = ?1", id),
            "tags": self.pairs("SELECT key, value FROM tags WHERE run_uuid = ?1", id),
        });
        let mut run = json!({"info": info.into_iter().next()?, "data": data});
        if self.has_inputs {
            (run["inputs"], run["outputs"]) = self.inputs(id);
        }
        Some(run)
    }

    fn inputs(&self, id: &str) -> (Value, Value) {
        let sql = "SELECT d.name, d.digest, d.dataset_source_type, d.dataset_source, d.dataset_schema, \
                   d.dataset_profile, i.input_uuid FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id \
                   WHERE i.destination_type = 'RUN' AND i.destination_id = ?1";
        let datasets = self.rows(sql, id, |row| {
            let input: String = row.get(6)?;
            Ok(json!({
                "tags": self.pairs("SELECT name, value FROM input_tags WHERE input_uuid = ?1", &input),
                "dataset": {
                    "name": text(row, 0), "digest": text(row, 1), "source_type": text(row, 2),
                    "source": text(row, 3), "schema": text(row, 4), "profile": text(row, 5),
                },
            }))
        });
        let models = |what: &str| {
            let step =
                if self.connection.column_exists(None, "inputs", "step").unwrap() { "step" } else { "0" };
            let sql = format!(
                "SELECT destination_id, {step} FROM inputs WHERE source_type = 'RUN_{what}' AND source_id = ?1"
            );
            self.rows(&sql, id, |row| Ok(json!({"model_id": text(row, 0), "step": whole(row, 1)})))
        };
        (
            json!({"dataset_inputs": datasets, "model_inputs": models("INPUT")}),
            json!({"model_outputs": models("OUTPUT")}),
        )
    }

    fn points(&self, id: &str, key: &str) -> Vec<Value> {
        let sql = "SELECT key, value, is_nan, timestamp, step FROM metrics WHERE run_uuid = ?1 AND key = ?2 \
                   ORDER BY timestamp, step, value";
        self.bound(sql, [id, key], point)
    }

    /// Points at steps from all over each history, the first and the last among them.
    fn intervals(&self, query: &Query) -> Told {
        let most: usize = one(query, "max_results").parse().unwrap();
        let from: i64 = one(query, "start_step").parse().unwrap_or(i64::MIN);
        let mut metrics = Vec::new();
        for id in &query["run_ids"] {
            let points = self.points(id, &one(query, "metric_key"));
            let points: Vec<Value> =
                points.into_iter().filter(|p| p["step"].as_i64().unwrap() >= from).collect();
            let every = points.len().div_ceil(most).max(1);
            let last = points.len().saturating_sub(1);
            for (at, mut point) in points.into_iter().enumerate() {
                if at % every == 0 || at == last {
                    point["run_id"] = json!(id);
                    metrics.push(point);
                }
            }
        }
        Told::json(&json!({ "metrics": metrics }))
    }

    fn folder(&self, id: &str) -> PathBuf {
        let sql = "SELECT artifact_uri FROM runs WHERE run_uuid = ?1";
        let uri = self.rows(sql, id, |row| row.get::<_, String>(0)).remove(0);
        PathBuf::from(uri.strip_prefix("file://").unwrap_or(&uri))
    }

    fn artifacts(&self, query: &Query) -> Told {
        let root = self.folder(&one(query, "run_id"));
        let entries = fs::read_dir(root.join(one(query, "path")));
        let files = entries.into_iter().flatten().map(|entry| {
            let entry = entry.unwrap();
            let path = entry.path().strip_prefix(&root).unwrap().to_str().unwrap().to_owned();
            let meta = entry.metadata().unwrap();
            match meta.is_dir() {
                true => json!({"path": path, "is_dir": true}),
                false => json!({"path": path, "is_dir": false, "file_size": meta.len()}),
            }
        });
        Told::json(&json!({"root_uri": root.to_str(), "files": files.collect::<Vec<_>>()}))
    }
}

/// A page of a list: the token is an offset, as MLflow's are.
fn paged(name: &str, all: Vec<Value>, asked: &Value) -> Told {
    let from: usize = asked["page_token"].as_str().map_or(0, |token| token.parse().unwrap());
    let to = all.len().min(from + asked["max_results"].as_u64().unwrap() as usize);
    let mut answer = json!({ name: all[from..to] });
    if to < all.len() {
        answer["next_page_token"] = json!(to.to_string());
    }
    Told::json(&answer)
}

/// A point of `key, value, is_nan, timestamp, step`. JSON has no NaN: it is a text.
fn point(row: &Row<'_>) -> rusqlite::Result<Value> {
    let value = if row.get(2)? { json!("NaN") } else { json!(row.get::<_, f64>(1)?) };
    Ok(json!({"key": text(row, 0), "value": value, "timestamp": whole(row, 3), "step": whole(row, 4)}))
}

fn text(row: &Row<'_>, column: usize) -> Option<String> {
    row.get(column).unwrap()
}

fn whole(row: &Row<'_>, column: usize) -> Option<i64> {
    row.get(column).unwrap()
}

fn one(query: &Query, name: &str) -> String {
    query.get(name).map_or_else(String::new, |values| values[0].clone())
}

fn parsed(query: &str) -> Query {
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
    let mut out = Query::new();
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        out.entry(decoded(name)).or_default().push(decoded(value));
    }
    out
}
