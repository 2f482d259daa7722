//! The comparison of mltop's answers with MLflow's own, which `expected.json` holds (`tests/mlflow/expected.py`).

// Two test programs share this, and what fails here fails the test.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use serde_json::{Map, Value, json};

/// Where MLflow is known to be wrong about a metric. Steps belong to the values in the order of the file.
pub struct Difference {
    /// The run's name.
    pub run: &'static str,
    /// The metric.
    pub metric: &'static str,
    /// Value and step of each point, as MLflow answers it.
    pub mlflow_says: Vec<(f64, i64)>,
    /// The same as it stands in the file.
    pub we_say: Vec<(f64, i64)>,
    /// Value and step of the latest point.
    pub latest: (f64, i64),
}

/// A store, and what MLflow answers about it.
pub struct Oracle {
    store: PathBuf,
    expected: Value,
    /// Only every so many runs are asked for whole.
    every: usize,
    faults: Mutex<Vec<String>>,
}

impl Oracle {
    /// A store and its `expected.json`.
    pub fn read(store: &Path, expected: &Path) -> Self {
        let expected = serde_json::from_str(&std::fs::read_to_string(expected).unwrap()).unwrap();
        Self { store: store.to_owned(), expected, every: 1, faults: Mutex::default() }
    }

    /// Only every so many runs are asked for whole, each metric by itself: a server takes its time for each.
    pub fn every(self, every: usize) -> Self {
        Self { every, ..self }
    }

    /// What a command answers as JSON; the store is put after the command's name.
    pub fn ask(&self, words: &[&str]) -> Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mltop"));
        command.arg(words[0]).arg(&self.store).args(&words[1..]).env_remove("MLFLOW_TRACKING_URI");
        let done = command.output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{words:?}: {said}");
        serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{words:?}: {error}"))
    }

    /// Names of experiments whose runs MLflow could not answer.
    pub fn refused(&self) -> Vec<String> {
        let experiments = self.expected["experiments"].as_array().unwrap();
        let refused = experiments.iter().filter(|experiment| !experiment["runs"].is_array());
        refused.map(|experiment| experiment["name"].as_str().unwrap().to_owned()).collect()
    }

    /// Compares everything; every fault is told before the test fails.
    pub fn compare(&self, known: &[Difference]) {
        self.compare_experiments();
        let runs: Vec<_> = self.compare_runs(known).into_iter().step_by(self.every).collect();
        let used: BTreeSet<(String, &str)> = thread::scope(|scope| {
            let chunks = runs.chunks(runs.len().div_ceil(3).max(1));
            let workers: Vec<_> =
                chunks.map(|chunk| scope.spawn(|| self.compare_whole_runs(chunk, known))).collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
        });
        assert_eq!(used.len(), known.len(), "each known difference is there");
        let faults = self.faults.lock().unwrap();
        assert!(faults.is_empty(), "{} differences:\n{}", faults.len(), faults.join("\n"));
    }

    fn same(&self, place: &str, ours: &Value, mlflows: &Value) {
        if ours != mlflows {
            self.faults.lock().unwrap().push(format!("{place}: {ours}, MLflow says {mlflows}"));
        }
    }

    /// All experiments in MLflow's order, all fields.
    fn compare_experiments(&self) {
        let ours = self.ask(&["ls", "--json"]);
        let (ours, mlflows) = (ours.as_array().unwrap(), self.expected["experiments"].as_array().unwrap());
        let ids = |list: &[Value]| list.iter().map(|e| e["experiment_id"].clone()).collect::<Value>();
        self.same("order of experiments", &ids(ours), &ids(mlflows));
        for (ours, mlflows) in ours.iter().zip(mlflows) {
            let place = format!("experiment {}", mlflows["name"]);
            for field in [
                "experiment_id",
                "name",
                "artifact_location",
                "lifecycle_stage",
                "creation_time",
                "last_update_time",
                "tags",
            ] {
                self.same(&format!("{place} {field}"), &ours[field], &mlflows[field]);
            }
            if let Some(runs) = mlflows["runs"].as_array() {
                self.same(&format!("{place} runs"), &ours["runs"], &json!(runs.len()));
            }
        }
    }

    /// Runs of each experiment in MLflow's order, by each of the three views; answers ours beside MLflow's.
    fn compare_runs(&self, known: &[Difference]) -> Vec<(Value, Value)> {
        let mut pairs = Vec::new();
        for experiment in self.expected["experiments"].as_array().unwrap() {
            let Some(mlflows) = experiment["runs"].as_array() else { continue };
            let id = experiment["experiment_id"].as_str().unwrap();
            let name = experiment["name"].as_str().unwrap();
            let ids = |runs: &[&Value]| runs.iter().map(|run| run["run_id"].clone()).collect::<Value>();
            for (view, stages) in
                [("--all", ["active", "deleted"].as_slice()), ("--deleted", &["deleted"]), ("", &["active"])]
            {
                let mut words = vec!["runs", "--json", "--experiment", id];
                words.extend((!view.is_empty()).then_some(view));
                let ours = self.ask(&words);
                let ours: Vec<&Value> = ours.as_array().unwrap().iter().collect();
                let mlflows: Vec<&Value> = mlflows
                    .iter()
                    .filter(|run| stages.contains(&run["lifecycle_stage"].as_str().unwrap()))
                    .collect();
                self.same(&format!("{name}: order of runs {view}"), &ids(&ours), &ids(&mlflows));
                if view == "--all" {
                    pairs.extend(ours.into_iter().cloned().zip(mlflows.into_iter().cloned()));
                }
            }
        }
        self.compare_whole_list(&pairs);
        pairs.iter().for_each(|(ours, mlflows)| self.compare_run(ours, mlflows, known));
        pairs
    }

    /// The list over all experiments has the same runs, by start and id.
    fn compare_whole_list(&self, pairs: &[(Value, Value)]) {
        let all = self.ask(&["runs", "--json", "--all"]);
        let order: Vec<_> = all
            .as_array()
            .unwrap()
            .iter()
            .map(|run| (-run["start_time"].as_i64().unwrap(), run["run_id"].to_string()))
            .collect();
        assert!(order.is_sorted());
        let all: BTreeSet<String> = order.into_iter().map(|(_, id)| id).collect();
        assert!(pairs.iter().all(|(_, mlflows)| all.contains(&mlflows["run_id"].to_string())));
        if self.refused().is_empty() {
            assert_eq!(all.len(), pairs.len());
        }
        let dumped = self.ask(&["dump", "--histories"]);
        assert_eq!(dumped["runs"].as_array().unwrap().len(), all.len());
        assert_eq!(dumped["experiments"], self.ask(&["ls", "--json"]));
        self.same("problems", &dumped["problems"], &json!([]));
    }

    fn compare_run(&self, ours: &Value, mlflows: &Value, known: &[Difference]) {
        let place = format!("run {} {}", mlflows["run_id"], mlflows["run_name"]);
        for field in [
            "run_id",
            "run_name",
            "experiment_id",
            "status",
            "lifecycle_stage",
            "user_id",
            "start_time",
            "end_time",
            "artifact_uri",
            "params",
            "tags",
        ] {
            self.same(&format!("{place} {field}"), &ours[field], &mlflows[field]);
        }
        self.same(&format!("{place} parent"), &ours["parent_run_id"], &mlflows["tags"]["mlflow.parentRunId"]);
        let (metrics, latest) =
            (ours["metrics"].as_object().unwrap(), mlflows["latest_metrics"].as_object().unwrap());
        let keys = |map: &Map<String, Value>| map.keys().cloned().collect::<Value>();
        self.same(&format!("{place} metrics"), &keys(metrics), &keys(latest));
        for (key, mlflow_says) in latest {
            let place = format!("{place} {key}");
            let we_say = json!([metrics[key]["value"], metrics[key]["timestamp"], metrics[key]["step"]]);
            if let Some(known) = find(known, mlflows, key) {
                self.same(&place, &json!([we_say[0], we_say[2]]), &json!([known.latest.0, known.latest.1]));
                continue;
            }
            self.same(&place, &we_say, &json!([number(&mlflow_says[0]), mlflow_says[1], mlflow_says[2]]));
            self.same(&place, &we_say[0], &number(&mlflows["metrics"][key]));
        }
    }

    /// Histories, artifacts, datasets and models of some runs; answers which known differences were met.
    fn compare_whole_runs<'k>(
        &self,
        runs: &[(Value, Value)],
        known: &'k [Difference],
    ) -> Vec<(String, &'k str)> {
        let mut used = Vec::new();
        for (listed, mlflows) in runs {
            let id = mlflows["run_id"].as_str().unwrap();
            let whole = self.ask(&["show", "--json", id]);
            let place = format!("run {id} {}", mlflows["run_name"]);
            self.compare_inputs(&place, &whole, mlflows);
            for (field, value) in listed.as_object().unwrap().iter().filter(|(field, _)| *field != "metrics")
            {
                self.same(&format!("{place} show {field}"), &whole[field], value);
            }
            for (key, mlflow_says) in mlflows["metric_history"].as_object().unwrap() {
                let we_say = self.ask(&["history", "--json", "--", id, key]);
                let place = format!("{place} history {key}");
                let points = we_say.as_array().unwrap().len();
                self.same(&place, &whole["metrics"][key]["points"], &json!(points));
                if let Some(known) = find(known, mlflows, key) {
                    self.compare_known(&place, &we_say, mlflow_says, known);
                    used.push((id.to_owned(), known.metric));
                } else {
                    self.same(&place, &shortened(&we_say, mlflow_says), &numbers(mlflow_says));
                }
            }
        }
        used
    }

    fn compare_known(&self, place: &str, we_say: &Value, mlflow_says: &Value, known: &Difference) {
        let ours = |row: &Value| json!([row["value"], row["step"]]);
        let theirs = |row: &Value| json!([row[0], row[2]]);
        let each = |list: &Value, pick: &dyn Fn(&Value) -> Value| {
            list.as_array().unwrap().iter().map(pick).collect::<Value>()
        };
        self.same(place, &each(we_say, &ours), &json!(known.we_say));
        self.same(&format!("{place} (MLflow)"), &each(mlflow_says, &theirs), &json!(known.mlflow_says));
        self.same(
            place,
            &each(we_say, &|row| row["timestamp"].clone()),
            &each(mlflow_says, &|row| row[1].clone()),
        );
    }

    fn compare_inputs(&self, place: &str, whole: &Value, mlflows: &Value) {
        let artifacts: Value = whole["artifacts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|a| json!([a["path"], a["is_dir"], a["file_size"]]))
            .collect();
        self.same(&format!("{place} artifacts"), &artifacts, &mlflows["artifacts"]);
        // Versions before 2.4 know no inputs.
        let list = |field: &str| mlflows.get(field).cloned().unwrap_or(json!([]));
        self.same(&format!("{place} datasets"), &whole["datasets"], &list("dataset_inputs"));
        self.same(&format!("{place} model inputs"), &whole["model_inputs"], &list("model_inputs"));
        let made: Value = whole["model_outputs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| json!([m["model_id"], m["step"]]))
            .collect();
        self.same(&format!("{place} model outputs"), &made, &list("model_outputs"));
    }
}

fn find<'k>(known: &'k [Difference], run: &Value, metric: &str) -> Option<&'k Difference> {
    known.iter().find(|known| run["run_name"] == known.run && metric == known.metric)
}

/// A value of a metric; MLflow's client may answer a whole number, which is the same.
fn number(value: &Value) -> Value {
    value.as_f64().map_or(value.clone(), |number| json!(number))
}

/// Rows, or their summary, with all values as floats.
fn numbers(history: &Value) -> Value {
    let row = |row: &Value| json!([number(&row[0]), row[1], row[2]]);
    let rows = |rows: &Value| rows.as_array().map(|rows| rows.iter().map(row).collect::<Value>());
    match history.as_object() {
        Some(summary) if summary.contains_key("len") => {
            json!({"len": summary["len"], "first": rows(&summary["first"]), "last": rows(&summary["last"]), "sum": number(&summary["sum"])})
        }
        _ => rows(history).unwrap_or(history.clone()),
    }
}

/// Our rows in the form of MLflow's, which are summarised beyond 200.
fn shortened(we_say: &Value, mlflow_says: &Value) -> Value {
    let rows: Vec<Value> = we_say
        .as_array()
        .unwrap()
        .iter()
        .map(|row| json!([row["value"], row["timestamp"], row["step"]]))
        .collect();
    if mlflow_says.is_array() {
        return json!(rows);
    }
    let sum: f64 =
        rows.iter().map(|row| row[0].as_f64().unwrap_or(f64::NAN)).fold(0.0, |sum, value| sum + value);
    let ends = |range: &[Value]| json!(range);
    json!({"len": rows.len(), "first": ends(&rows[..3]), "last": ends(&rows[rows.len() - 3..]), "sum": sum})
}
