//! The contract of all stores: the same experiments give the same index and the same answers, whether they lie in an
//! `mlruns` folder, in a database, or behind a server.
//!
//! One story (`common/story.rs`) is told to each of them; every test here asks all three.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::path::Path;
use std::process::Command;
use std::task::Poll;
use std::time::Instant;

use common::looked::{Looked, metric, rest, run};
use common::server::Server;
use common::story::{HOSTILE, KINDS, Kind, Place};
use common::{stores, told, tracking};
use mltop::index::{Index, Key, Lifecycle, Status};
use mltop::series::Series;
use mltop::store;
use serde_json::Value;

/// Asks something of the story in each kind of store.
fn everywhere(ask: impl Fn(&Place, &mut Looked)) {
    for kind in KINDS {
        let place = Place::told(kind);
        ask(&place, &mut place.look());
    }
}

#[test]
fn the_same_story_is_the_same_everywhere() {
    let everything = |kind| -> Vec<String> {
        let place = Place::told(kind);
        let mut looked = place.look();
        let lines = told::everything(&mut looked);
        assert!(looked.index.problems.is_empty(), "{kind:?}: {:?}", looked.index.problems);
        assert!(looked.index.progress.complete, "{kind:?}");
        lines.iter().map(|line| place.plain(line)).collect()
    };
    let files = everything(Kind::Files);
    assert!(files.len() > 40, "{} lines", files.len());
    told::same(&everything(Kind::Database), &files, "a database and files");
    told::same(&everything(Kind::Server), &files, "a server and files");
}

/// What the commands print, all of it: `ls`, `runs`, and of each run `show` and `history`.
#[test]
fn the_commands_print_the_same_everywhere() {
    let printed = |kind| -> Vec<String> {
        let place = Place::told(kind);
        let mut all = Vec::new();
        let mut ask = |words: &[&str]| {
            let told = place.plain(&mltop(&place, words));
            // What a database makes of infinities.
            let told = told.replace("\"Infinity\"", "1.7976931348623157e+308");
            let told = told.replace("\"-Infinity\"", "-1.7976931348623157e+308");
            all.extend(told.lines().map(|line| format!("{words:?}: {line}")));
        };
        ask(&["ls", "--json"]);
        ask(&["ls"]);
        ask(&["runs", "--json", "--all"]);
        ask(&["runs", "--json", "--deleted"]);
        ask(&["runs"]);
        for id in ["sweep", "child0", "child1", "leaf", "texts", "dropped", "orphan"] {
            ask(&["show", "--json", id]);
            ask(&["show", id]);
        }
        ask(&["history", "--json", "child0", "loss"]);
        ask(&["history", "--json", "values", "steps"]);
        all
    };
    let files = printed(Kind::Files);
    told::same(&printed(Kind::Database), &files, "a database and files");
    told::same(&printed(Kind::Server), &files, "a server and files");
}

/// What a command prints about a store. Variables of whoever runs the test do not count.
fn mltop(place: &Place, words: &[&str]) -> String {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mltop"));
    command.arg(words[0]).arg(&place.address).args(&words[1..]).env_clear().env("HOME", home.path());
    let done = command.output().unwrap();
    assert!(done.status.success(), "{words:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn runs_have_their_states_and_times() {
    everywhere(|_, looked| {
        let state = |id: &str| (looked.run(id).status, looked.run(id).lifecycle);
        assert_eq!(state("child0"), (Status::Finished, Lifecycle::Active));
        assert_eq!(state("child1"), (Status::Failed, Lifecycle::Active));
        assert_eq!(state("child2"), (Status::Running, Lifecycle::Active));
        assert_eq!(state("leaf"), (Status::Killed, Lifecycle::Active));
        assert_eq!(state("texts"), (Status::Scheduled, Lifecycle::Active));
        assert_eq!(state("dropped"), (Status::Finished, Lifecycle::Deleted));
        let start = common::database::START;
        assert_eq!(looked.run("child1").start_time(), Some(start + 2000));
        assert_eq!(looked.run("child1").end_time(), Some(start + 62_000));
        assert_eq!(looked.run("child2").end_time(), None);
    });
}

#[test]
fn what_was_deleted_is_known_as_deleted() {
    everywhere(|_, looked| {
        let index = &looked.index;
        let deleted = |id: &str| index.is_deleted(run(index, id).unwrap());
        assert!(deleted("dropped") && deleted("orphan"));
        assert!(!deleted("sweep"));
        let stages: Vec<(&str, Lifecycle)> =
            index.experiments().map(|e| (&*e.experiment_id, e.lifecycle)).collect();
        assert!(stages.contains(&("3", Lifecycle::Deleted)), "{stages:?}");
        assert!(stages.contains(&("4", Lifecycle::Active)), "an empty experiment is one: {stages:?}");
    });
}

#[test]
fn what_is_no_number_is_told_as_it_was_logged() {
    everywhere(|place, looked| {
        let value = |name: &str| metric(&looked.index, "values", name).unwrap().0;
        assert!(value("nan").is_nan());
        // A database keeps infinities as the largest numbers there are, and MLflow tells these.
        let infinity = if place.kind == Kind::Files { f64::INFINITY } else { f64::MAX };
        assert_eq!((value("inf"), value("minus inf")), (infinity, -infinity));
        assert_eq!(value("tiny"), 5e-324);
        assert_eq!(value("same step"), 0.5, "the later one, though it is less");
        let points = looked.history("values", "with nan");
        let is_nan: Vec<bool> = points.iter().map(|(_, value)| value.is_nan()).collect();
        assert_eq!(is_nan, [false, true, false, true]);
        assert_eq!(looked.history("values", "steps"), [(-5, 1.0), (i64::MAX, 2.0)]);
    });
}

#[test]
fn hostile_and_wide_texts_come_as_they_are() {
    everywhere(|_, looked| {
        let index = &looked.index;
        let texts = run(index, "texts").unwrap();
        let key = |name: &str| index.keys.find(name).unwrap();
        assert_eq!(texts.name(), Some(HOSTILE));
        assert_eq!(texts.param(key("hostile")), Some(HOSTILE));
        assert_eq!(texts.param(key("empty")), Some(""));
        assert_eq!(texts.param(key("long")).map(str::len), Some(7000));
        assert_eq!(texts.param(key("número/ключ 鍵")), Some("value"));
        assert_eq!(texts.tag(key("hostile")), Some(HOSTILE));
        assert_eq!(texts.tag(Key::NOTE), Some("# A note\n\nof *several* lines"));
        assert_eq!(index.experiment(texts.experiment).unwrap().name.as_deref(), Some(HOSTILE));
    });
}

#[test]
fn parents_are_known() {
    everywhere(|_, looked| {
        let parent = |id: &str| looked.run(id).parent_run_id();
        assert_eq!(
            (parent("child0"), parent("leaf"), parent("sweep")),
            (Some("sweep"), Some("child0"), None)
        );
    });
}

#[test]
fn datasets_and_models_are_known() {
    everywhere(|_, looked| {
        let mut inputs = |id: &str| {
            let key = looked.run(id).key;
            store::awaited(looked.store.as_mut(), &looked.index, |store, index| store.inputs(index, key))
        };
        let used = inputs("child0").datasets;
        let names: Vec<(&str, &str)> = used.iter().map(|d| (&*d.name, &*d.tags[0].1)).collect();
        assert_eq!(names, [("données: \"日本\" ", "eval"), ("iris", "training")]);
        assert_eq!(used[1].profile.as_deref(), Some(r#"{"num_rows": 150}"#));
        let models = inputs("child1");
        assert_eq!(models.model_inputs, ["m-used".into()]);
        assert_eq!(models.model_outputs, [("m-first".into(), 0), ("m-made".into(), 4)]);
        assert_eq!(inputs("leaf"), store::Inputs::default());
    });
}

#[test]
fn artifacts_are_listed_and_read() {
    everywhere(|place, looked| {
        let (key, store) = (looked.run("texts").key, looked.store.as_mut());
        let listing = store::artifact_tree(store, &looked.index, key);
        let entries: Vec<(&str, Option<u64>)> =
            listing.entries.iter().map(|entry| (entry.path.as_str(), entry.file_size)).collect();
        let wide = HOSTILE.len() as u64;
        assert_eq!(
            entries,
            [
                ("model", None),
                ("model/MLmodel", Some(12)),
                ("model/data", None),
                ("model/data/empty", Some(0)),
                ("plot é 日.svg", Some(wide)),
            ]
        );
        let mut preview = |path: &str| {
            store::awaited(store, &looked.index, |store, index| store.preview(index, key, path, 4))
        };
        let begin = preview("model/MLmodel").unwrap();
        assert_eq!((begin.bytes.as_slice(), begin.size), (b"flav".as_slice(), 12), "{:?}", place.kind);
        assert!(preview("model/none").is_err());
    });
}

/// Points that were logged out of order: files have them as they were logged, everything else by time.
#[test]
fn histories_come_in_the_order_of_the_store() {
    for kind in KINDS {
        let place = Place::new(kind);
        place.writer.experiment("1", "one");
        place.writer.run("1", "aa", "first", "RUNNING", 0);
        for (step, time) in [(5, 500), (1, 100), (9, 900)] {
            place.writer.metric("aa", "loss", step as f64, step, time);
        }
        let steps: Vec<i64> = place.look().history("aa", "loss").iter().map(|(step, _)| *step).collect();
        let expected = if kind == Kind::Files { [5, 1, 9] } else { [1, 5, 9] };
        assert_eq!(steps, expected, "{kind:?}");
    }
}

/// A filter and what to order by find the same runs in the same order, whatever they need to have been read for it.
#[test]
fn filters_and_orders_mean_the_same_everywhere() {
    const QUERIES: &[(&str, &str, &[&str])] = &[
        ("metrics.loss < 0.15", "metrics.loss ASC", &["child2"]),
        ("params.kernel = 'rbf' AND params.lr >= 1e-3", "params.lr DESC", &["child2", "child0"]),
        ("params.lr LIKE '0.%'", "", &["child1", "child0"]),
        ("status != 'FINISHED'", "", &["leaf", "child2", "child1"]),
        ("metrics.`val/acc top-1` >= 0.6", "metrics.`val/acc top-1` DESC", &["child2", "child1"]),
        ("metrics.loss IS NULL", "", &["sweep"]),
        // Whole histories.
        ("metrics.loss.min < -0.6", "", &["child2", "child1"]),
        ("metrics.loss.max > 0.9", "metrics.loss.max DESC", &["leaf", "child0"]),
        ("metrics.loss.first = 0.5", "", &["child1"]),
        ("metrics.loss.mean < 1", "metrics.loss.mean ASC", &["child2", "child1", "child0"]),
        ("metrics.loss.at:1 < 1", "", &["child2", "child1", "child0"]),
        ("metrics.loss.best < -0.6", "", &["child2", "child1"]),
        // Datasets.
        ("dataset.name = 'iris'", "", &["child1", "child0"]),
        ("dataset.name = 'iris' AND dataset.context = 'training'", "", &["child0"]),
        ("dataset.digest LIKE 'b%'", "", &["child0"]),
        ("dataset.context IN ('eval')", "", &["child1", "child0"]),
        // The tree.
        ("parent.params.kernel = 'rbf'", "", &["leaf", "child2", "child1", "child0"]),
        ("parent.parent.run_name = 'sweep'", "", &["leaf"]),
        ("children > 1", "", &["sweep"]),
        ("depth = 2 OR children = 3", "", &["leaf", "sweep"]),
        // Times, words.
        ("duration < 2m", "start_time ASC", &["sweep", "child0", "child1", "leaf"]),
        ("start_time > 1795400001500", "end_time DESC", &["leaf", "child1", "child2"]),
        ("trial AND NOT status = 'FAILED'", "", &["child2", "child0"]),
        ("run_name ~ '^trial [01]$'", "run_name DESC", &["child1", "child0"]),
    ];
    for kind in KINDS {
        let place = Place::told(kind);
        for (filter, order, expected) in QUERIES {
            let mut words = vec!["runs", "--json", "--experiment", "1", "--filter", filter];
            if !order.is_empty() {
                words.extend(["--order-by", order]);
            }
            let told: Value = serde_json::from_str(&mltop(&place, &words)).unwrap();
            let ids: Vec<&str> =
                told.as_array().unwrap().iter().map(|run| run["run_id"].as_str().unwrap()).collect();
            assert_eq!(&ids, expected, "{kind:?}: {filter} by {order}");
        }
    }
}

/// Values of whole histories, groups of runs with their means, and the best run.
#[test]
fn aggregates_are_the_same_everywhere() {
    let asked: Vec<Vec<String>> = KINDS
        .iter()
        .map(|kind| {
            let place = Place::told(*kind);
            let rows = |words: &str| mltop(&place, &words.split(' ').collect::<Vec<_>>());
            let aggregates = ["last", "best", "min", "max", "first", "mean", "at:2"];
            let mut all: Vec<String> = aggregates
                .iter()
                .map(|which| {
                    rows(&format!(
                        "runs --experiment 1 --format csv --cols run_id,metrics.loss --agg {which}"
                    ))
                })
                .collect();
            all.push(rows("runs --experiment 1 --format csv --group-by params.kernel --agg min"));
            all.push(rows("best loss --json"));
            all
        })
        .collect();
    assert!(asked[0][2].contains("-0.7"), "{}", asked[0][2]);
    assert!(asked[0][6].contains("-0.56"), "{}", asked[0][6]);
    told::same(&asked[1], &asked[0], "a database and files");
    told::same(&asked[2], &asked[0], "a server and files");
}

/// Who looks sees what somebody writes meanwhile.
#[test]
fn what_is_written_meanwhile_is_found_everywhere() {
    for kind in KINDS {
        let place = Place::new(kind);
        let writer = place.writer.as_ref();
        writer.experiment("1", "one");
        writer.run("1", "aa", "first", "RUNNING", common::database::START);
        writer.metric("aa", "loss", 0.5, 1, 1000);
        let mut looked = place.look();
        looked.want.experiment = looked.index.latest;
        looked.show_all();
        assert_eq!(looked.history("aa", "loss"), [(1, 0.5)]);
        writer.metric("aa", "loss", 0.25, 2, 2000);
        writer.metric("aa", "acc", 0.9, 2, 2000);
        writer.param("aa", "batch", "32");
        writer.tag("aa", "note", "new");
        writer.run("1", "bb", "second", "RUNNING", common::database::START + 1000);
        let is_new = |index: &Index| {
            let found = run(index, "aa").unwrap();
            let key = |name: &str| index.keys.find(name);
            metric(index, "aa", "loss").is_some_and(|(value, _)| value == 0.25)
                && metric(index, "aa", "acc").is_some_and(|(value, _)| value == 0.9)
                && key("batch").is_some_and(|key| found.param(key) == Some("32"))
                && key("note").is_some_and(|key| found.tag(key) == Some("new"))
                && run(index, "bb").is_some_and(|run| run.name() == Some("second"))
        };
        looked.until(&format!("{kind:?}: what is new"), is_new);
        assert_eq!(looked.history("aa", "loss"), [(1, 0.5), (2, 0.25)], "{kind:?}");
        let (kept, before) = (looked.run("aa").key, looked.run("bb").key);
        looked.show_all();
        writer.status("aa", "FAILED");
        writer.delete("bb");
        looked.until(&format!("{kind:?}: the ends"), |index| {
            let (ended, gone) = (run(index, "aa").unwrap(), run(index, "bb").unwrap());
            ended.status == Status::Failed
                && ended.end_time().is_some()
                && gone.lifecycle == Lifecycle::Deleted
        });
        assert_eq!((looked.run("aa").key, looked.run("bb").key), (kept, before), "runs keep their slots");
    }
}

/// A history goes on where it was, with what has come since.
#[test]
fn a_series_grows_everywhere() {
    for kind in KINDS {
        let place = Place::new(kind);
        place.writer.experiment("1", "one");
        place.writer.run("1", "aa", "first", "RUNNING", 0);
        (0..3).for_each(|step| place.writer.metric("aa", "loss", step as f64, step, 100 + step));
        let mut looked = place.look();
        looked.want.experiment = looked.index.latest;
        looked.show_all();
        let (run_key, loss) = (looked.run("aa").key, looked.index.keys.find("loss").unwrap());
        (looked.want.series, looked.want.charts) = (vec![(run_key, loss)], 1);
        let mut series = Series::default();
        for count in [3, 5] {
            if count == 5 {
                (3..5).for_each(|step| place.writer.metric("aa", "loss", step as f64, step, 100 + step));
                looked.until(&format!("{kind:?}: the points"), |index| {
                    metric(index, "aa", "loss").is_some_and(|(value, _)| value == 4.0)
                });
            }
            let begun = Instant::now();
            while series.len() < count {
                assert!(begun.elapsed().as_secs() < 20, "{kind:?}: {} points", series.len());
                let until = Instant::now() + std::time::Duration::from_millis(50);
                let answer = looked.store.points(&looked.index, run_key, loss, &mut series, until).unwrap();
                assert!(!matches!(answer, Poll::Ready(reading) if reading.restarted), "{kind:?}");
                looked.read();
                looked.store.wait(until);
            }
            let steps: Vec<i64> = series.iter().map(|point| point.step).collect();
            assert_eq!(steps, (0..count as i64).collect::<Vec<_>>(), "{kind:?}");
        }
    }
}

/// The demo in files, in a database and behind a server.
#[test]
fn the_demo_is_the_same_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    let now = 1_767_225_600_000; // 2026-01-01T00:00:00Z
    let write = |name: &str, kind| {
        let folder = dir.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        (mltop::demo::write(&folder, kind, now).unwrap(), folder)
    };
    let (files, files_folder) = write("files", mltop::demo::Kind::Files);
    let (database, folder) = write("database", mltop::demo::Kind::Sqlite);
    let server = tracking::over(&database);
    let everything = |mut looked: Looked, folder: &Path| -> Vec<String> {
        let lines = told::everything(&mut looked);
        assert!(looked.index.problems.is_empty(), "{:?}", looked.index.problems);
        lines.iter().map(|line| line.replace(&folder.display().to_string(), "HERE")).collect()
    };
    let of_files = everything(Looked::files(&files), &files_folder);
    assert!(of_files.len() > 300, "{} lines", of_files.len());
    told::same(&everything(Looked::database(&database), &folder), &of_files, "a database and files");
    told::same(&everything(Looked::server(&server.url), &folder), &of_files, "a server and files");
}

/// Databases of real MLflow, read as they are and through a server.
#[test]
fn real_databases_are_the_same_behind_a_server() {
    for name in ["v2-sqlite", "v3-sqlite"] {
        let database = stores::shared(name).join("mlflow.db");
        let server = tracking::over(&database);
        let theirs = told::heads(&Looked::database(&database).index);
        assert!(theirs.len() > 100, "{} lines", theirs.len());
        told::same(&told::heads(&Looked::server(&server.url).index), &theirs, name);
    }
}

/// What a real server of MLflow 1 answered about files, and the files themselves.
#[test]
fn a_server_1_over_files_tells_what_the_files_tell() {
    let server = Server::replay("v1-file");
    let index = store::read_all(&mut rest(&server.url)).unwrap();
    let files = Looked::files(&stores::shared("v1-file").join("mlruns")).index;
    told::same(&told::heads(&index), &told::heads(&files), "MLflow 1");
    assert!(index.problems.is_empty(), "{:?}", index.problems);
}

/// MLflow 3 reads the steps of metrics on a dataset as 0, and refuses the experiment with the blank in a dataset's name.
#[test]
fn a_server_3_over_files_tells_what_the_files_tell() {
    let server = Server::replay("v3-file");
    let index = store::read_all(&mut rest(&server.url)).unwrap();
    let files = Looked::files(&stores::shared("v3-file").join("mlruns")).index;
    let (ours, theirs) = (told::heads(&index), told::heads(&files));
    let missing: Vec<&String> = theirs.iter().filter(|line| !ours.contains(line)).collect();
    let known = ["\"bricked\"", "\"innocent neighbour\"", "\"with-datasets-", "\"checkpoints\""];
    assert_eq!(missing.len(), 5, "{missing:#?}");
    assert!(missing.iter().all(|line| known.iter().any(|name| line.contains(name))), "{missing:#?}");
    let told: Vec<&str> = index.problems.iter().map(|problem| problem.what.as_str()).collect();
    assert!(matches!(told.as_slice(), [only] if only.contains("Metric 'acc' is malformed")), "{told:?}");
}
