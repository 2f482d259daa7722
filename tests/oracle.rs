//! What the commands print, compared with what MLflow's own client answers about the same store: experiment by
//! experiment, run by run, value by value. The stores were written by real MLflow 1.30.1 and 3.18.0 in `/tmp/demo`, so
//! every absolute path in them is stale here.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::path::PathBuf;

use compare::{Difference, Oracle};
use serde_json::json;

#[path = "oracle/compare.rs"]
mod compare;

fn unpacked(name: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let packed = format!("{}/tests/data/{name}.tar.gz", env!("CARGO_MANIFEST_DIR"));
    let unzipped = flate2::read::GzDecoder::new(std::fs::File::open(packed).unwrap());
    tar::Archive::new(unzipped).unpack(dir.path()).unwrap();
    let folder = dir.path().join(name);
    (dir, folder)
}

#[test]
fn a_store_of_mlflow_1() {
    let (_dir, folder) = unpacked("v1-file");
    Oracle::read(&folder.join("mlruns"), &folder.join("expected.json")).compare(&[]);
}

/// MLflow 3 reads the step of every line with a dataset as 0, and so finds another latest value; the lines have the
/// real steps.
#[test]
fn a_store_of_mlflow_3() {
    let (_dir, folder) = unpacked("v3-file");
    let on_dataset = |run| Difference {
        run,
        metric: "acc_on_ds2",
        mlflow_says: [(0.5, 0), (0.6, 0), (0.4, 5)].to_vec(),
        we_say: [(0.5, 3), (0.6, 7), (0.4, 5)].to_vec(),
        latest: (0.6, 7),
    };
    let checkpoints = Difference {
        run: "checkpoints",
        metric: "val_loss",
        mlflow_says: [(1.0 / 10.0, 0), (1.0 / 20.0, 0), (1.0 / 30.0, 0)].to_vec(),
        we_say: [(1.0 / 10.0, 10), (1.0 / 20.0, 20), (1.0 / 30.0, 30)].to_vec(),
        latest: (1.0 / 30.0, 30),
    };
    let oracle = Oracle::read(&folder.join("mlruns"), &folder.join("expected.json"));
    oracle.compare(&[on_dataset("with-datasets-0"), on_dataset("with-datasets-1"), checkpoints]);
}

/// A database needs no known differences: it has the step of every point.
#[test]
fn a_database_of_mlflow_2() {
    let (_dir, folder) = unpacked("v2-sqlite");
    Oracle::read(&folder.join("mlflow.db"), &folder.join("expected.json")).compare(&[]);
}

#[test]
fn a_database_of_mlflow_3() {
    let (_dir, folder) = unpacked("v3-sqlite");
    Oracle::read(&folder, &folder.join("expected.json")).compare(&[]);
}

/// A dataset name with a blank makes MLflow refuse the whole experiment; its two runs are there all the same.
#[test]
fn an_experiment_that_mlflow_refuses() {
    let (_dir, folder) = unpacked("v3-file");
    let oracle = Oracle::read(&folder.join("mlruns"), &folder.join("expected.json"));
    let refused = oracle.refused();
    assert_eq!(refused, ["mlflow-bug dataset name with a space"]);
    let runs = oracle.ask(&["runs", "--json", "--experiment", &refused[0]]);
    let told: Vec<_> = runs
        .as_array()
        .unwrap()
        .iter()
        .map(|run| {
            let points: Vec<_> = run["metrics"].as_object().unwrap().iter().collect();
            (
                run["run_name"].clone(),
                json!(points.iter().map(|(k, m)| json!([k, m["value"], m["step"]])).collect::<Vec<_>>()),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (json!("bricked"), json!([["acc", 0.92, 4]])),
            (json!("innocent neighbour"), json!([["m", 1.0, 0]])),
        ]
    );
    let history = oracle.ask(&["history", "--json", "bricked", "acc"]);
    let steps: Vec<_> = history.as_array().unwrap().iter().map(|point| point["step"].clone()).collect();
    assert_eq!(steps, [3, 4]);
}
