//! Stores behind tracking servers: real servers of three generations, replayed, and servers that misbehave.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::io::Write;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use common::looked::rest;
use common::server::{Recording, Server, Told};
use mltop::index::{Access, Index};
use mltop::store::rest::RestStore;
use mltop::store::{self, Store, Want};
use serde_json::{Value, json};

/// What a command prints. Variables of whoever runs the test do not count.
fn mltop(server: &str, words: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mltop"));
    command.arg(words[0]).arg(server).args(&words[1..]);
    let home = tempfile::tempdir().unwrap();
    command.env_clear().env("HOME", home.path()).envs(variables.iter().copied());
    command.output().unwrap()
}

fn asked(server: &Server, words: &[&str]) -> Value {
    let done = mltop(&server.url, words, &[]);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{words:?}: {said}");
    serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("{words:?}: {error}"))
}

/// The one line on standard error of a command that fails.
fn failed(server: &str, words: &[&str], variables: &[(&str, &str)]) -> String {
    let done = mltop(server, words, variables);
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert_eq!((said.lines().count(), done.stdout.len()), (1, 0), "{said}");
    said
}

#[test]
fn a_server_2_over_a_database_tells_what_it_was_asked() {
    let server = Server::replay("v2-sqlite");
    let recording = Recording::read("v2-sqlite");
    let listed = asked(&server, &["runs", "--all", "--json"]);
    let ids: Vec<&str> =
        listed.as_array().unwrap().iter().map(|run| run["run_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 132);
    let run = listed.as_array().unwrap().iter().find(|run| run["run_name"] == "weird-metrics").unwrap();
    assert_eq!(run["metrics"]["nan"]["value"], "NaN");
    assert_eq!(run["metrics"]["max_step"]["step"], json!(i64::MAX));
    let id = run["run_id"].as_str().unwrap();
    let history = asked(&server, &["history", "--json", id, "series_with_nan"]);
    let steps: Vec<_> = history.as_array().unwrap().iter().map(|point| point["step"].clone()).collect();
    assert_eq!(steps, [0, 1, 2, 3, 4, 5, 6]);
    let negative = asked(&server, &["history", "--json", id, "negative_step"]);
    assert_eq!(negative[0]["step"], -5);
    drop(recording);
}

#[test]
fn one_run_is_found_by_its_id_without_reading_the_others() {
    let server = Server::replay("v3-file");
    let listed = asked(&server, &["runs", "--json", "--all"]);
    let run = listed.as_array().unwrap().iter().find(|run| run["run_name"] == "with-datasets-1").unwrap();
    let before = server.asked().len();
    let whole = asked(&server, &["show", "--json", run["run_id"].as_str().unwrap()]);
    assert_eq!(whole["metrics"]["acc"]["points"], 1);
    let names: Vec<_> = whole["datasets"].as_array().unwrap().iter().map(|set| set["name"].clone()).collect();
    assert!(names.contains(&json!("train set")), "{names:?}");
    let since: Vec<String> = server.asked()[before..].iter().map(|asked| asked.path.clone()).collect();
    assert!(!since.iter().any(|path| path.contains("runs/search")), "{since:#?}");
    let gone = failed(&server.url, &["show", &"0".repeat(32)], &[]);
    assert!(gone.contains("this store has no run"), "{gone}");
}

/// Enough of the API for one experiment with so many runs.
fn runs(count: usize) -> impl Fn(&common::server::Asked) -> Told + Send + Sync {
    move |asked| {
        let body: Value = serde_json::from_str(&asked.body).unwrap_or(Value::Null);
        if asked.path.contains("/experiments/search") {
            return Told::json(
                &json!({"experiments": [{"experiment_id": "0", "name": "all", "lifecycle_stage": "active"}]}),
            );
        }
        if !asked.path.contains("/runs/search") {
            return Told::json(&json!({}));
        }
        let from: usize = body["page_token"].as_str().map_or(0, |token| token.parse().unwrap());
        let to = count.min(from + body["max_results"].as_u64().unwrap() as usize);
        let run = |i: usize| json!({"info": {"run_id": format!("{i:032x}"), "experiment_id": "0", "status": "FINISHED", "start_time": 9_000_000 - i}});
        let mut answer = json!({"runs": (from..to).map(run).collect::<Vec<_>>()});
        if to < count {
            answer["next_page_token"] = json!(to.to_string());
        }
        Told::json(&answer)
    }
}

#[test]
fn runs_come_in_pages() {
    let server = Server::new(runs(1234));
    let index = store::read_all(&mut rest(&server.url)).unwrap();
    assert_eq!((index.runs().count(), index.progress.complete), (1234, true));
    assert!(server.asked().iter().filter(|asked| asked.path.contains("/runs/search")).count() > 1);
}

#[test]
fn a_login_is_sent_and_never_told() {
    let server = Server::new(|_: &common::server::Asked| {
        Told::body(401, "application/json", br#"{"message": "SECRET-ZQ is no token of ours"}"#)
    });
    let told = failed(&server.url, &["ls"], &[]);
    assert!(told.contains("MLFLOW_TRACKING_TOKEN") && told.contains("401"), "{told}");
    let told = failed(&server.url, &["ls"], &[("MLFLOW_TRACKING_TOKEN", "SECRET-ZQ")]);
    assert!(told.contains("*** is no token of ours"), "{told}");
    let sent = server.asked();
    assert_eq!(sent.len(), 2, "each was tried once");
    assert_eq!(sent[1].headers["authorization"], "Bearer SECRET-ZQ");
    let with = server.url.replace("http://", "http://me:SECRET-ZQ@");
    let told = failed(&with, &["ls"], &[]);
    assert!(!told.contains("SECRET"), "{told}");
    assert!(server.asked()[2].headers["authorization"].starts_with("Basic "));
}

#[test]
fn a_login_goes_to_no_other_origin() {
    let other = Server::new(|_: &common::server::Asked| Told::status(401));
    let elsewhere = other.url.clone();
    let server = Server::new(move |asked: &common::server::Asked| {
        Told::status(307).with("Location", &format!("{elsewhere}{}", asked.path))
    });
    let variables = [("MLFLOW_TRACKING_USERNAME", "me"), ("MLFLOW_TRACKING_PASSWORD", "SECRET-ZQ")];
    let told = failed(&server.url, &["ls"], &variables);
    assert!(told.contains("sent to no other"), "{told}");
    assert!(server.asked()[0].headers.contains_key("authorization"));
    assert!(other.asked().iter().all(|asked| !asked.headers.contains_key("authorization")));
    assert_eq!(other.asked()[0].method, "POST");
}

#[test]
fn what_is_no_mlflow_server_says_so_in_one_line() {
    let told = |answer: fn() -> Told| {
        let server = Server::new(move |_: &common::server::Asked| answer());
        failed(&server.url, &["runs"], &[])
    };
    let html = told(|| Told::body(200, "text/html", b"<html><title>Sign in</title>"));
    assert!(html.contains("no MLflow tracking server"), "{html}");
    assert!(told(|| Told::status(302).with("Location", "/again")).contains("redirects more than 5 times"));
    assert!(
        told(|| Told::status(302).with("Location", "file:///etc/passwd")).contains("no address of a server")
    );
    assert!(told(|| Told::status(404)).contains("404"));
    assert!(told(|| Told::status(403)).contains("forbids"));
    let tunnel = told(|| {
        Told::body(403, "text/plain", b"Invalid Host header - possible DNS rebinding attack detected")
    });
    assert!(tunnel.contains("localhost"), "{tunnel}");
    assert!(told(|| Told::body(200, "application/json", b"[1, 2")).contains("not a JSON object"));
    let nobody = failed("http://127.0.0.1:9", &["runs"], &[]);
    assert!(nobody.contains("nobody listens"), "{nobody}");
}

#[test]
fn bombs_are_not_swallowed() {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(b"{\"experiments\": [").unwrap();
    let blanks = vec![b' '; 1 << 20];
    (0..100).for_each(|_| packed.write_all(&blanks).unwrap());
    let bomb = packed.finish().unwrap();
    let server = Server::new(move |_: &common::server::Asked| {
        Told::body(200, "application/json", &bomb).with("Content-Encoding", "gzip")
    });
    let told = failed(&server.url, &["runs"], &[]);
    assert!(told.contains("larger than"), "{told}");
}

#[test]
fn pages_that_go_round_in_circles_end() {
    let answer = runs(40);
    let server = Server::new(move |asked: &common::server::Asked| {
        let mut asked = asked.clone();
        asked.body = asked.body.replace("\"again\"", "\"0\"");
        let mut told = answer(&asked);
        let mut value: Value = serde_json::from_slice(&told.body).unwrap();
        value["next_page_token"] = json!("again");
        told.body = value.to_string().into_bytes();
        told
    });
    let answer = store::read_all(&mut rest(&server.url));
    assert!(answer.is_ok_and(|index| !index.problems.is_empty()));
    assert!(server.asked().len() < 20);
}

/// One answer after the other, each of them asked for when the one before has come: nothing else takes time.
#[test]
fn commands_wait_for_answers_only() {
    let some = runs(1);
    let server = Server::new(move |asked: &common::server::Asked| {
        let Some((_, query)) = asked.path.split_once("/artifacts/list?") else { return some(asked) };
        let depth = query.matches("d").count() - "run_id".matches("d").count();
        Told::json(
            &json!({"files": (depth < 6).then(|| json!([{"path": "d/".repeat(depth) + "d", "is_dir": true}]))}),
        )
    });
    let mut store = rest(&server.url);
    let index = store::read_all(&mut store).unwrap();
    let (run, begun) = (index.runs().next().unwrap().key, Instant::now());
    let tree = store::artifact_tree(&mut store, &index, run);
    assert_eq!(tree.entries.len(), 6);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

/// A run that the server lists, but of which it fails to tell more: what it used is not known, which is not nothing.
#[test]
fn datasets_that_cannot_be_read_are_not_none() {
    let some = runs(2);
    let server = Server::new(
        move |asked: &common::server::Asked| {
            if asked.path.contains("/runs/get") { Told::status(500) } else { some(asked) }
        },
    );
    let mut store = rest(&server.url);
    let mut index = store::read_all(&mut store).unwrap();
    let run = index.runs().next().unwrap().key;
    let inputs = store::awaited(&mut store, &index, |store, index| store.inputs(index, run));
    assert!(inputs.note.as_deref().is_some_and(|note| note.contains("500")), "{inputs:?}");
    // A filter by datasets is not answered as if there were none.
    let datasets = mltop::index::Beyond { datasets: true, ..Default::default() };
    let answer = store::beyond::read_beyond(&mut store, &mut index, datasets, None);
    assert!(answer.unwrap_err().to_string().contains("datasets of"));
    assert_eq!(index.datasets(run), None);
    let told = failed(&server.url, &["runs", "--filter", "dataset.name = 'iris'"], &[]);
    assert!(told.contains("cannot be read"), "{told}");
}

#[test]
fn how_many_runs_an_experiment_has_is_not_known_before_they_are_read() {
    let begun = Instant::now();
    let server = Server::new(move |asked: &common::server::Asked| {
        let body: Value = serde_json::from_str(&asked.body).unwrap_or(Value::Null);
        let run = |id: &str, experiment: &str| json!({"info": {"run_id": id, "experiment_id": experiment, "status": "FINISHED", "start_time": 7}});
        if asked.path.contains("/experiments/search") {
            let one = |id: &str| json!({"experiment_id": id, "name": format!("name {id}"), "lifecycle_stage": "active"});
            return Told::json(&json!({"experiments": [one("1"), one("2")]}));
        }
        let is_first = body["page_token"].is_null();
        match is_first {
            true => Told::json(&json!({"runs": [run("a", "1")], "next_page_token": "more"})),
            false if begun.elapsed() < Duration::from_secs(2) => Told::status(503),
            false => Told::json(&json!({"runs": [run("b", "1")]})),
        }
    });
    let mut live = Live::new(&server);
    let unread = |index: &Index| -> Vec<bool> { index.experiments().map(|e| e.unread).collect() };
    live.until("the first page", |_| Want::default(), |index| index.runs().count() == 1);
    assert_eq!(unread(&live.index), [true, true]);
    let rows = |index: &Index| {
        let query = std::sync::Arc::new(mltop::query::Query::default());
        mltop::query::rows(&std::sync::Arc::new(index.clone()), &query)
    };
    assert!(rows(&live.index).experiments.iter().all(|row| row.unread), "all together, too");
    live.until("all", |_| Want::default(), |index| index.progress.complete);
    assert_eq!((unread(&live.index), live.index.runs().count()), (vec![false, false], 2));
    assert!(rows(&live.index).experiments.iter().all(|row| !row.unread));
}

/// A store that somebody looks at, as the store thread has it.
struct Live {
    store: RestStore,
    index: Index,
}

impl Live {
    fn new(server: &Server) -> Self {
        let mut store = rest(&server.url);
        store.look_every(Duration::from_millis(500));
        store.on_arrival(Box::new(|| {}));
        Self { store, index: Index::default() }
    }

    #[track_caller]
    fn until(&mut self, what: &str, want: impl Fn(&Index) -> Want, is_so: impl Fn(&Index) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is_so(&self.index) {
            assert!(
                Instant::now() < deadline,
                "never: {what}; {:?} {:?}",
                self.index.access,
                self.index.problems
            );
            let want = want(&self.index);
            let until = Instant::now() + Duration::from_millis(5);
            let begun = Instant::now();
            let _ = self.store.refresh(&mut self.index, &want, until).unwrap();
            assert!(begun.elapsed() < Duration::from_millis(500), "the store thread was blocked");
            self.store.wait(Instant::now() + Duration::from_millis(20));
        }
    }
}

#[test]
fn a_server_that_comes_back_is_read_on() {
    let begun = Instant::now();
    let answer = runs(3);
    let server =
        Server::new(
            move |asked: &common::server::Asked| {
                if begun.elapsed() < Duration::from_secs(4) { Told::status(503) } else { answer(asked) }
            },
        );
    let mut live = Live::new(&server);
    live.until("offline", |_| Want::default(), |index| matches!(index.access, Access::Offline { .. }));
    assert!(live.index.problems.iter().any(|problem| problem.what.contains("busy (503)")));
    live.until("read", |_| Want::default(), |index| index.progress.complete);
    assert_eq!(
        (live.index.runs().count(), live.index.access, live.index.problems.len()),
        (3, Access::Open, 0)
    );
    assert!(server.asked().len() < 12, "{}", server.asked().len());
}

#[test]
fn a_server_that_wants_a_login_is_asked_once() {
    let server = Server::new(|_: &common::server::Asked| Told::status(401));
    let mut live = Live::new(&server);
    live.until("stopped", |_| Want::default(), |index| index.access == Access::Stopped);
    let begun = Instant::now();
    live.until("a while", |_| Want::default(), |_| begun.elapsed() > Duration::from_secs(3));
    assert_eq!(server.asked().len(), 1);
    live.store.rescan();
    let begun = Instant::now();
    live.until("a while", |_| Want::default(), |_| begun.elapsed() > Duration::from_secs(2));
    assert_eq!(server.asked().len(), 2, "once for each key");
}

#[test]
fn new_runs_and_ends_of_runs_are_found() {
    let begun = Instant::now();
    let server = Server::new(move |asked: &common::server::Asked| {
        let run = |id: &str, status: &str, start: i64| json!({"info": {"run_id": id, "experiment_id": "0", "status": status, "start_time": start}});
        let is_late = begun.elapsed() > Duration::from_secs(3);
        let first = run("a1", if is_late { "FINISHED" } else { "RUNNING" }, 10);
        let second = run("b2", "RUNNING", 20);
        let body: Value = serde_json::from_str(&asked.body).unwrap_or(Value::Null);
        let filter = body["filter"].as_str().unwrap_or_default();
        if asked.path.contains("/experiments/search") {
            return Told::json(&json!({"experiments": [{"experiment_id": "0", "name": "all"}]}));
        }
        if asked.path.contains("/runs/get") {
            return Told::json(&json!({"run": first}));
        }
        let runs: Vec<Value> = match (filter, is_late) {
            (filter, false) if filter.is_empty() || filter.contains("'a1'") || filter.contains("RUNNING") => {
                vec![first]
            }
            (filter, true) if filter.contains("'a1'") => vec![first],
            (filter, true) if filter.contains("RUNNING") => vec![second],
            (filter, true) if filter.is_empty() || filter.contains("start_time") => vec![second, first],
            _ => vec![],
        };
        Told::json(&json!({ "runs": runs }))
    });
    let mut live = Live::new(&server);
    let want = |index: &Index| Want {
        experiment: index.latest,
        visible: index.runs().map(|run| run.key).collect(),
        ..Want::default()
    };
    live.until("read", want, |index| index.progress.complete);
    assert_eq!(live.index.runs().count(), 1);
    live.until("ended", want, |index| index.runs().any(|run| run.run_id() == "a1" && !run.is_running()));
    live.until("the new one", want, |index| index.runs().any(|run| run.run_id() == "b2" && run.is_running()));
}
