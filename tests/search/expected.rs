//! An index of what an `expected.json` tells: everything that a run has, as MLflow's client answered it.

use std::sync::Arc;

use mltop::index::{Dialect, Index, Key, Lifecycle, Metric, Parts, Point, Status, Used};
use serde_json::Value;

fn number(value: &Value) -> f64 {
    match value.as_str() {
        Some("NaN") => f64::NAN,
        Some("Infinity") => f64::INFINITY,
        Some("-Infinity") => f64::NEG_INFINITY,
        _ => value.as_f64().unwrap(),
    }
}

/// All experiments with their runs.
pub fn index(oracle: &Value, dialect: Dialect) -> Arc<Index> {
    let mut index = Index::default();
    index.dialect = dialect;
    for told in oracle["experiments"].as_array().unwrap() {
        let experiment = index.add_experiment(told["experiment_id"].as_str().unwrap().into());
        for run in told["runs"].as_array().into_iter().flatten() {
            let key = index.add_run(run["run_id"].as_str().unwrap(), experiment);
            add(&mut index, key, run);
        }
    }
    index.progress.complete = true;
    Arc::new(index)
}

fn add(index: &mut Index, key: mltop::index::RunKey, run: &Value) {
    let pairs = |index: &mut Index, name: &str| -> Vec<(Key, String)> {
        let map = run[name].as_object().into_iter().flatten();
        map.map(|(key, value)| (index.intern(key), value.as_str().unwrap().to_owned())).collect()
    };
    let (params, tags) = (pairs(index, "params"), pairs(index, "tags"));
    let metrics = run["latest_metrics"].as_object().into_iter().flatten();
    let metrics: Vec<(Key, Metric)> = metrics
        .map(|(key, told)| {
            let last = Point {
                value: number(&told[0]),
                timestamp: told[1].as_i64().unwrap(),
                step: told[2].as_i64().unwrap(),
            };
            (index.intern(key), Metric { last, points: 1, exact: true })
        })
        .collect();
    let uri = run["artifact_uri"].as_str();
    let id = run["run_id"].as_str().unwrap();
    let mut prefix = None;
    if let Some(before) = uri.and_then(|uri| uri.strip_suffix(&format!("/{id}/artifacts"))) {
        prefix = Some(index.intern(before));
    }
    index.edit_run(key, |draft| {
        draft.read = Parts::ALL;
        draft.set_name(run["run_name"].as_str());
        draft.set_user_id(run["user_id"].as_str());
        draft.set_artifact_uri(uri, id, |_| prefix.unwrap());
        (draft.start_time, draft.end_time) = (run["start_time"].as_i64(), run["end_time"].as_i64());
        draft.status = Status::from_word(run["status"].as_str().unwrap()).unwrap();
        let is_active = run["lifecycle_stage"] == "active";
        draft.lifecycle = if is_active { Lifecycle::Active } else { Lifecycle::Deleted };
        params.iter().for_each(|(key, value)| _ = draft.params().push(*key, value));
        tags.iter().for_each(|(key, value)| _ = draft.tags().push(*key, value));
        metrics.iter().for_each(|(key, metric)| draft.set_metric(*key, *metric));
    });
    let mut used = Vec::new();
    for dataset in run["dataset_inputs"].as_array().into_iter().flatten() {
        let context = dataset["tags"]["mlflow.data.context"].as_str();
        used.push(Used {
            name: index.intern(dataset["name"].as_str().unwrap()),
            digest: index.intern(dataset["digest"].as_str().unwrap()),
            context: context.map(|context| index.intern(context)),
        });
    }
    index.set_datasets(key, &used);
}
