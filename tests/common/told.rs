//! All that is known of a store as lines of text, so that two stores can be compared and a difference can be read.
#![allow(dead_code, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use mltop::index::{Index, Pairs, Run, RunKey};
use mltop::store;

use super::looked::Looked;

/// What an index tells of experiments and runs, but for how long histories are.
pub fn heads(index: &Index) -> Vec<String> {
    let mut lines: Vec<String> = index.runs().map(|run| head(index, run)).collect();
    lines.extend(index.experiments().map(|e| {
        let times = (e.creation_time, e.last_update_time);
        let words = (&e.experiment_id, &e.name, e.lifecycle, &e.artifact_location);
        format!("experiment {words:?} {times:?} {:?}", e.tags)
    }));
    lines.sort();
    lines
}

fn head(index: &Index, run: &Run) -> String {
    let name = |key| index.keys.name(key).to_owned();
    let pairs = |pairs: Pairs<'_>| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, text)| (name(key), text.to_owned())).collect()
    };
    let metrics: BTreeMap<String, String> = run
        .metrics()
        .map(|(key, metric)| {
            let last = metric.last;
            (
                name(key),
                format!("{} at {} {}, {}", stored(last.value), last.step, last.timestamp, metric.exact),
            )
        })
        .collect();
    let experiment = &index.experiment(run.experiment).unwrap().experiment_id;
    let words =
        (run.name(), run.status, run.status_word(), run.user_id(), run.lifecycle, run.parent_run_id());
    let times = (run.start_time(), run.end_time());
    let uri = run.artifact_uri(&index.keys);
    let (params, tags) = (pairs(run.params()), pairs(run.tags()));
    format!(
        "run {} in {experiment} {words:?} {times:?} {uri:?} {params:?} {tags:?} {metrics:?}",
        run.run_id()
    )
}

/// A database keeps infinities as the largest numbers there are (`SqlAlchemyStore.sanitize_metric_value`).
fn stored(value: f64) -> f64 {
    if value.is_infinite() { f64::MAX.copysign(value) } else { value }
}

/// The same, and what is read of each run only when somebody asks: histories, artifacts, datasets, models.
pub fn everything(looked: &mut Looked) -> Vec<String> {
    let runs: Vec<(RunKey, String)> = looked.index.runs().map(|r| (r.key, r.run_id().to_owned())).collect();
    let keys: Vec<RunKey> = runs.iter().map(|(key, _)| *key).collect();
    store::count_points(looked.store.as_mut(), &mut looked.index, &keys).unwrap();
    let mut lines = heads(&looked.index);
    for (key, id) in runs {
        let (store, index) = (looked.store.as_mut(), &looked.index);
        for (metric, known) in index.run(key).unwrap().metrics() {
            let series = store::history(store, index, key, metric).unwrap();
            // A file has them as they were logged, and twice what was logged twice; a database by their time, and once.
            let mut points: Vec<_> =
                series.iter().map(|p| (p.timestamp, p.step, format!("{:?}", stored(p.value)))).collect();
            points.sort();
            points.dedup();
            let name = index.keys.name(metric);
            lines.push(format!("history {id} {name:?} {} points: {points:?}", known.points));
        }
        let artifacts = store::artifact_tree(store, index, key);
        lines.push(format!("artifacts {id} {:?} {:?}", artifacts.entries, artifacts.note));
        for file in artifacts.entries.iter().filter(|entry| !entry.is_dir) {
            let preview =
                store::awaited(store, index, |store, index| store.preview(index, key, &file.path, 100));
            lines.push(format!("artifact {id} {:?} {:?}", file.path, preview.unwrap()));
        }
        let inputs = store::awaited(store, index, |store, index| store.inputs(index, key));
        lines.push(format!("inputs {id} {inputs:?}"));
    }
    lines.sort();
    lines
}

/// Two tellings line by line, so that a failure names the line.
#[track_caller]
pub fn same(ours: &[String], theirs: &[String], what: &str) {
    for (ours, theirs) in ours.iter().zip(theirs) {
        assert_eq!(ours, theirs, "{what}");
    }
    assert_eq!(ours.len(), theirs.len(), "{what}");
}
