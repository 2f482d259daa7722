//! Who trains: the same calls write into files and into a database, each as MLflow writes it.
#![allow(dead_code, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::cell::RefCell;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::database::Database;
use super::stores::{Made, Run};

/// A dataset as `mlflow.log_input` describes it.
#[derive(Clone, Copy, Debug)]
pub struct Dataset {
    /// The experiment that it belongs to.
    pub experiment: &'static str,
    pub id: &'static str,
    pub name: &'static str,
    pub digest: &'static str,
}

impl Dataset {
    /// Type, source, schema, profile.
    const REST: [&'static str; 4] =
        ["local", r#"{"uri": "data.csv"}"#, r#"{"mlflow_colspec": []}"#, r#"{"num_rows": 150}"#];
}

/// Something that keeps runs and can be written to, one change a call.
pub trait Writer {
    fn experiment(&self, id: &str, name: &str);
    fn experiment_tag(&self, id: &str, key: &str, value: &str);
    /// Deletes it with all its runs (`delete_experiment`).
    fn delete_experiment(&self, id: &str);
    /// Starts a run; `status` is MLflow's word, and one that has ended took a minute.
    fn run(&self, experiment: &str, id: &str, name: &str, status: &str, start: i64);
    fn status(&self, id: &str, status: &str);
    fn delete(&self, id: &str);
    fn tag(&self, id: &str, key: &str, value: &str);
    fn param(&self, id: &str, key: &str, value: &str);
    fn metric(&self, id: &str, key: &str, value: f64, step: i64, time: i64);
    fn dataset(&self, dataset: &Dataset);
    fn input(&self, id: &str, dataset: &Dataset, context: &str);
    /// A logged model that the run used.
    fn model_input(&self, id: &str, model: &str);
    /// A logged model that the run made.
    fn model_output(&self, id: &str, model: &str, step: i64);
    /// The folder of a run's artifacts, as recorded.
    fn artifacts(&self, experiment: &str, id: &str) -> PathBuf;
    /// The folder above that of the experiments, which stands in URIs.
    fn root(&self) -> PathBuf;
}

/// An `mlruns` folder that is written to.
pub struct Files {
    pub made: Made,
    runs: RefCell<HashMap<String, (Run, u8)>>,
}

impl Files {
    pub fn new() -> Self {
        Self { made: Made::new(), runs: RefCell::default() }
    }

    fn with(&self, id: &str, write: impl FnOnce(&mut (Run, u8))) {
        write(self.runs.borrow_mut().get_mut(id).unwrap());
    }

    fn source(&self, id: &str, kind: &str, name: &str, meta: &str) {
        self.with(id, |(run, _)| put(&run.path.join(kind).join(name).join("meta.yaml"), meta));
    }
}

fn put(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn number(status: &str) -> u8 {
    match status {
        "RUNNING" => 1,
        "SCHEDULED" => 2,
        "FINISHED" => 3,
        "FAILED" => 4,
        _ => 5,
    }
}

impl Writer for Files {
    fn experiment(&self, id: &str, name: &str) {
        self.made.experiment(id, name);
    }

    fn experiment_tag(&self, id: &str, key: &str, value: &str) {
        put(&self.made.root.join(id).join("tags").join(key), value);
    }

    fn delete_experiment(&self, id: &str) {
        let folder = self.made.root.join(id);
        let ids: Vec<String> = {
            let runs = self.runs.borrow();
            runs.iter()
                .filter(|(_, (run, _))| run.path.starts_with(&folder))
                .map(|(id, _)| id.clone())
                .collect()
        };
        ids.iter().for_each(|id| self.delete(id));
        let meta = folder.join("meta.yaml");
        let text = fs::read_to_string(&meta).unwrap();
        fs::write(&meta, text.replace("lifecycle_stage: active", "lifecycle_stage: deleted")).unwrap();
        fs::rename(folder, self.made.root.join(".trash").join(id)).unwrap();
    }

    fn run(&self, experiment: &str, id: &str, name: &str, status: &str, start: i64) {
        let status = number(status);
        let run = self.made.run(experiment, id, name, status, start);
        self.runs.borrow_mut().insert(id.to_owned(), (run, status));
    }

    fn status(&self, id: &str, status: &str) {
        self.with(id, |(run, now)| {
            *now = number(status);
            run.status(*now);
        });
    }

    fn delete(&self, id: &str) {
        self.with(id, |(run, status)| {
            run.is_deleted = true;
            run.status(*status);
        });
    }

    fn tag(&self, id: &str, key: &str, value: &str) {
        self.with(id, |(run, _)| _ = run.tag(key, value));
    }

    fn param(&self, id: &str, key: &str, value: &str) {
        self.with(id, |(run, _)| _ = run.param(key, value));
    }

    fn metric(&self, id: &str, key: &str, value: f64, step: i64, time: i64) {
        self.with(id, |(run, _)| _ = run.metric_at(key, value, step, time));
    }

    fn dataset(&self, dataset: &Dataset) {
        let [kind, source, schema, profile] = Dataset::REST.map(|text| json!(text));
        let meta = format!(
            "digest: {}\nname: {}\nprofile: {profile}\nschema: {schema}\nsource: {source}\nsource_type: {kind}\n",
            json!(dataset.digest),
            json!(dataset.name),
        );
        put(
            &self.made.root.join(dataset.experiment).join("datasets").join(dataset.id).join("meta.yaml"),
            &meta,
        );
    }

    fn input(&self, id: &str, dataset: &Dataset, context: &str) {
        let meta = format!(
            "destination_id: {0}\ndestination_type: RUN\nsource_id: {0}\nsource_type: DATASET\n\
             tags:\n  mlflow.data.context: {context}\n",
            dataset.id
        );
        self.source(id, "inputs", dataset.id, &meta);
    }

    fn model_input(&self, id: &str, model: &str) {
        let meta = format!(
            "destination_id: {model}\ndestination_type: MODEL_INPUT\nsource_id: {model}\nsource_type: MODEL\ntags: {{}}\n"
        );
        self.source(id, "inputs", model, &meta);
    }

    fn model_output(&self, id: &str, model: &str, step: i64) {
        let meta = format!(
            "destination_id: {model}\ndestination_type: MODEL_OUTPUT\nsource_id: {model}\nsource_type: RUN_OUTPUT\n\
             step: {step}\ntags: {{}}\n"
        );
        self.source(id, "outputs", model, &meta);
    }

    fn artifacts(&self, experiment: &str, id: &str) -> PathBuf {
        self.made.root.join(experiment).join(id).join("artifacts")
    }

    fn root(&self) -> PathBuf {
        self.made.root.clone()
    }
}

impl Writer for Database {
    fn experiment(&self, id: &str, name: &str) {
        self.experiment(id, name);
    }

    fn experiment_tag(&self, id: &str, key: &str, value: &str) {
        self.execute("INSERT INTO experiment_tags VALUES (?1, ?2, ?3)", (key, value, id));
    }

    fn delete_experiment(&self, id: &str) {
        self.execute("UPDATE experiments SET lifecycle_stage = 'deleted' WHERE experiment_id = ?1", [id]);
        self.execute("UPDATE runs SET lifecycle_stage = 'deleted' WHERE experiment_id = ?1", [id]);
    }

    fn run(&self, experiment: &str, id: &str, name: &str, status: &str, start: i64) {
        self.run(experiment, id, name, status, start);
        fs::create_dir_all(self.artifacts(experiment, id)).unwrap();
    }

    fn status(&self, id: &str, status: &str) {
        self.status(id, status);
    }

    fn delete(&self, id: &str) {
        self.execute("UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = ?1", [id]);
    }

    fn tag(&self, id: &str, key: &str, value: &str) {
        self.tag(id, key, value);
    }

    fn param(&self, id: &str, key: &str, value: &str) {
        self.param(id, key, value);
    }

    fn metric(&self, id: &str, key: &str, value: f64, step: i64, time: i64) {
        self.metric_at(id, key, value, step, time);
    }

    fn dataset(&self, dataset: &Dataset) {
        let [kind, source, schema, profile] = Dataset::REST;
        self.execute(
            "INSERT INTO datasets VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            (dataset.id, dataset.experiment, dataset.name, dataset.digest, kind, source, schema, profile),
        );
    }

    fn input(&self, id: &str, dataset: &Dataset, context: &str) {
        let input = format!("{id}-{}", dataset.id);
        self.execute("INSERT INTO inputs VALUES (?1, 'DATASET', ?2, 'RUN', ?3, 0)", (&input, dataset.id, id));
        self.execute("INSERT INTO input_tags VALUES (?1, 'mlflow.data.context', ?2)", (&input, context));
    }

    fn model_input(&self, id: &str, model: &str) {
        let input = format!("{id}-{model}");
        self.execute(
            "INSERT INTO inputs VALUES (?1, 'RUN_INPUT', ?2, 'MODEL_INPUT', ?3, 0)",
            (input, id, model),
        );
    }

    fn model_output(&self, id: &str, model: &str, step: i64) {
        self.execute(
            "INSERT INTO inputs VALUES (?1, 'RUN_OUTPUT', ?2, 'MODEL_OUTPUT', ?3, ?4)",
            (format!("{id}-{model}-{step}"), id, model, step),
        );
    }

    fn artifacts(&self, experiment: &str, id: &str) -> PathBuf {
        self.root().join(experiment).join(id).join("artifacts")
    }

    fn root(&self) -> PathBuf {
        self.folder().join("mlruns")
    }
}
