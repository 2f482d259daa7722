//! The commands as a shell sees them: exit codes, what goes to which stream, and that nothing of a store reaches a
//! reader that it could hurt.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// How a command ended.
struct Done {
    code: i32,
    out: String,
    err: String,
}

fn mltop(folder: &Path, words: &[&str]) -> Done {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mltop"));
    command.args(words).current_dir(folder).env_remove("MLFLOW_TRACKING_URI").env("TZ", "UTC");
    let done = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Done { code: done.status.code().unwrap(), out: text(done.stdout), err: text(done.stderr) }
}

/// What a command answers as JSON.
fn ask(folder: &Path, words: &[&str]) -> Value {
    let done = mltop(folder, words);
    assert_eq!(done.code, 0, "{}", done.err);
    serde_json::from_str(&done.out).unwrap()
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    // Nobody is writing here: what looks unfinished is not waited for.
    let past = std::time::SystemTime::now() - std::time::Duration::from_secs(60);
    fs::File::options().write(true).open(path).unwrap().set_modified(past).unwrap();
}

fn experiment(root: &Path, id: &str, name: &str, rest: &str) {
    write(&root.join(id).join("meta.yaml"), &format!("experiment_id: '{id}'\nname: {name}\n{rest}"));
}

fn run(root: &Path, place: &str, name: &str, rest: &str) {
    let (experiment, id) = place.split_once('/').unwrap();
    let folder = root.join(place);
    let meta = format!("experiment_id: '{experiment}'\nrun_id: {id}\nrun_name: {name}\nstatus: 3\n{rest}");
    write(&folder.join("meta.yaml"), &meta);
    for part in ["metrics", "params", "tags", "artifacts"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
}

/// A small store in `mlruns`: two experiments and a deleted one.
fn store() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("mlruns");
    experiment(&root, "0", "Default", "lifecycle_stage: active\n");
    experiment(&root, "7", "sweep", "creation_time: 5\nlifecycle_stage: active\n");
    experiment(&root, "8", "old", "creation_time: 9\nlifecycle_stage: deleted\n");
    run(&root, "0/aaaa1111", "baseline", "start_time: 10\nend_time: 20\n");
    run(&root, "7/aaaa2222", "tuned", "start_time: 30\n");
    run(&root, "7/bbbb3333", "baseline", "start_time: 20\n");
    run(&root, "7/cccc4444", "gone", "start_time: 40\nlifecycle_stage: deleted\n");
    run(&root, "8/dddd5555", "in old", "start_time: 50\n");
    let tuned = root.join("7/aaaa2222");
    write(&tuned.join("metrics/loss"), "1 0.5 0\n2 nan 9223372036854775807\n");
    write(&tuned.join("metrics/val/acc"), "1 inf 0\n2 -inf 1\n");
    write(&tuned.join("params/lr"), "1e-3");
    write(&tuned.join("tags/mlflow.parentRunId"), "aaaa1111");
    write(&tuned.join("artifacts/a/b.txt"), "hello");
    dir
}

fn ids(runs: &Value) -> Vec<&str> {
    runs.as_array().unwrap().iter().map(|run| run["run_id"].as_str().unwrap()).collect()
}

#[test]
fn every_key_is_there_in_its_order() {
    let dir = store();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let sorted = |words: &str| {
        let mut words: Vec<String> = words.split(", ").map(str::to_owned).collect();
        words.sort();
        words
    };
    let in_order = |text: &str, words: &str| {
        let places: Vec<usize> =
            words.split(", ").map(|word| text.find(&format!("\"{word}\":")).unwrap()).collect();
        assert!(places.is_sorted(), "{words}: {text}");
    };
    let experiment = "experiment_id, name, lifecycle_stage, artifact_location, creation_time, last_update_time, tags, runs";
    let run = "run_id, run_name, experiment_id, status, lifecycle_stage, user_id, start_time, end_time, artifact_uri, \
               parent_run_id, params, metrics, tags";
    assert_eq!(keys(&ask(dir.path(), &["ls", "--json"])[0]), sorted(experiment));
    in_order(mltop(dir.path(), &["ls", "--json"]).out.lines().nth(1).unwrap(), experiment);
    assert_eq!(keys(&ask(dir.path(), &["runs", "--json"])[0]), sorted(run));
    in_order(mltop(dir.path(), &["runs", "--json"]).out.lines().nth(1).unwrap(), run);
    let whole = format!("{run}, description, artifacts, datasets, model_inputs, model_outputs");
    assert_eq!(keys(&ask(dir.path(), &["show", "tuned", "--json"])), sorted(&whole));
    in_order(
        &mltop(dir.path(), &["show", "tuned", "--json"]).out,
        "run_id, metrics, tags, description, artifacts, datasets",
    );
    assert_eq!(keys(&ask(dir.path(), &["dump"])), ["experiments", "problems", "runs"]);
}

#[test]
fn odd_values_have_their_words() {
    let dir = store();
    let whole = ask(dir.path(), &["show", "mlruns", "tuned", "--json"]);
    let last = json!({"value": "NaN", "step": i64::MAX, "timestamp": 2, "points": 2});
    assert_eq!(
        whole["metrics"],
        json!({"loss": last, "val/acc": {"value": "-Infinity", "step": 1, "timestamp": 2, "points": 2}})
    );
    assert_eq!(
        whole["artifacts"],
        json!([
            {"path": "a", "is_dir": true, "file_size": null},
            {"path": "a/b.txt", "is_dir": false, "file_size": 5},
        ])
    );
    assert_eq!(
        (&whole["end_time"], &whole["parent_run_id"], &whole["params"]["lr"]),
        (&json!(null), &json!("aaaa1111"), &json!("1e-3"))
    );
    let history = ask(dir.path(), &["history", "mlruns", "tuned", "val/acc", "--json"]);
    assert_eq!(history[0], json!({"value": "Infinity", "step": 0, "timestamp": 1}));
    let csv = mltop(dir.path(), &["history", "mlruns", "tuned", "loss", "--csv"]).out;
    write(&dir.path().join("mlruns/7/aaaa2222/metrics/-dash"), "1 2 3\n");
    for words in [
        ["mlruns", "tuned", "-dash", "--json"].as_slice(),
        &["--json", "tuned", "-dash"],
        &["tuned", "--json", "--", "-dash"],
    ] {
        assert_eq!(ask(dir.path(), &[&["history"], words].concat())[0]["step"], 3, "{words:?}");
    }
    assert_eq!(csv, "value,step,timestamp\r\n0.5,0,1\r\nNaN,9223372036854775807,2\r\n");
}

#[test]
fn which_runs_and_in_which_order() {
    let dir = store();
    for (words, expected) in [
        (["runs", "--json"].as_slice(), ["aaaa2222", "bbbb3333", "aaaa1111"].as_slice()),
        (&["runs", "mlruns", "--json", "--deleted"], &["dddd5555", "cccc4444"]),
        (&["runs", "--json", "--all"], &["dddd5555", "cccc4444", "aaaa2222", "bbbb3333", "aaaa1111"]),
        (&["runs", "--json", "-e", "sweep"], &["aaaa2222", "bbbb3333"]),
        (&["runs", "--json", "--experiment", "0", "--experiment", "7", "--deleted"], &["cccc4444"]),
        (&["runs", "--json", "-e", "old"], &["dddd5555"]),
    ] {
        assert_eq!(ids(&ask(dir.path(), words)), expected, "{words:?}");
    }
    let names = |words: &[&str]| {
        ask(dir.path(), words)
            .as_array()
            .unwrap()
            .iter()
            .map(|e| (e["name"].to_string(), e["runs"].as_i64().unwrap()))
            .collect::<Vec<_>>()
    };
    let (old, sweep, default) = (("\"old\"".into(), 1), ("\"sweep\"".into(), 3), ("\"Default\"".into(), 1));
    assert_eq!(names(&["ls", "--json"]), [old, sweep, default], "without a time last");
    assert_eq!(names(&["ls", "--json", "--active"]).len(), 2);
    assert_eq!(names(&["ls", "--json", "--deleted"]).len(), 1);
}

#[test]
fn sentences_say_what_to_do() {
    let dir = store();
    fs::create_dir(dir.path().join("empty")).unwrap();
    fs::create_dir_all(dir.path().join("other/0/abc/artifacts")).unwrap();
    fs::create_dir_all(dir.path().join("beside/mlruns/0/abc/artifacts")).unwrap();
    fs::write(dir.path().join("beside/mlflow.db"), "SQLite format 3\0").unwrap();
    for (words, code, part) in [
        (["ls", "nowhere"].as_slice(), 1, "nowhere does not exist"),
        (&["ls", "empty"], 1, "empty is empty"),
        (&["dump", "other"], 1, "is not an MLflow store"),
        (&["runs", "beside/mlruns"], 1, "mlflow.db is no SQLite database"),
        (&["ls", "http://user:secret@127.0.0.1:9/"], 1, "http://127.0.0.1:9: no connection"),
        (
            &["show", "mlruns", "aaaa"],
            1,
            "aaaa means 2 runs, give an id: aaaa2222 (tuned in sweep), aaaa1111 (baseline in Default)",
        ),
        (&["show", "mlruns", "baseline"], 1, "baseline means 2 runs"),
        (&["show", "mlruns", "basline"], 1, "has no run basline; the closest is: baseline"),
        (&["history", "mlruns", "tuned", "acc"], 1, "run tuned has no metric acc; the closest is: val/acc"),
        (&["runs", "mlruns", "-e", "swep"], 1, "has no experiment swep; the closest is: sweep"),
        (&["runs", "--all", "--deleted"], 2, "cannot be used with"),
        (&["show"], 2, "Usage: mltop show [OPTIONS] [STORE] <RUN>"),
        (&["history", "mlruns"], 2, "Usage: mltop history"),
        (&["--frobnicate"], 2, "--frobnicate"),
        (&["--once", "mlruns"], 2, "there is no terminal"),
        (&["demo"], 2, "needs a terminal"),
    ] {
        let done = mltop(dir.path(), words);
        assert_eq!(done.code, code, "{words:?}: {}", done.err);
        assert!(done.err.contains(part) && !done.err.contains("secret"), "{words:?}: {}", done.err);
        assert_eq!(done.out, "", "{words:?}");
        assert!(code == 2 || done.err.lines().count() == 1, "{words:?}: {}", done.err);
    }
}

#[test]
fn help_and_version_are_answers() {
    let dir = store();
    for words in [["--help"].as_slice(), &["--version"], &["runs", "--help"], &["help", "show"]] {
        let done = mltop(dir.path(), words);
        assert_eq!((done.code, done.err.as_str()), (0, ""), "{words:?}");
        assert!(!done.out.is_empty());
    }
}

#[test]
fn a_store_that_cannot_be_read() {
    let dir = store();
    let root = dir.path().join("mlruns");
    let set = |mode| fs::set_permissions(&root, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    set(0o000);
    let is_root = fs::read_dir(&root).is_ok();
    let done = mltop(dir.path(), &["ls", "mlruns"]);
    set(0o755);
    // The superuser may read everything.
    if !is_root {
        assert_eq!(done.code, 1);
        assert!(done.err.contains("permission denied"), "{}", done.err);
    }
}

#[test]
fn without_a_terminal_the_runs_are_printed() {
    let dir = store();
    let done = mltop(dir.path(), &["mlruns"]);
    assert_eq!((done.code, &done.out), (0, &mltop(dir.path(), &["runs", "mlruns"]).out));
    assert_eq!(done.out.lines().count(), 4);
}

#[test]
fn one_broken_run_is_counted_and_hides_nothing() {
    let dir = store();
    write(&dir.path().join("mlruns/7/bbbb3333/meta.yaml"), "name: 'cut");
    let done = mltop(dir.path(), &["runs", "mlruns", "--json"]);
    assert_eq!(done.code, 0);
    assert!(done.err.starts_with("mltop: 1 problem while reading; to see it: mltop dump "), "{}", done.err);
    let runs: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(ids(&runs), ["aaaa2222", "aaaa1111", "bbbb3333"], "without a start last");
    assert_eq!(runs[2]["status"], json!(null));
    let dump = ask(dir.path(), &["dump"]);
    assert_eq!(dump["problems"].as_array().unwrap().len(), 1);
    assert_eq!(dump["problems"][0]["run_id"], "bbbb3333");
    assert!(dump["problems"][0]["path"].as_str().unwrap().ends_with("7/bbbb3333/meta.yaml"));
    assert_eq!(mltop(dir.path(), &["show", "mlruns", "tuned"]).err, "", "other runs are not bothered");
}

#[test]
fn hostile_text_is_visible_and_harmless() {
    let dir = store();
    let root = dir.path().join("mlruns");
    let evil = "\\e]0;title\\a\\tb\\x9b31m\\u202e";
    run(&root, "7/eeee6666", &format!("\"{evil}\""), "start_time: 60\nuser_id: \"a\\nb\"\n");
    experiment(&root, "9", &format!("\"{evil}\""), "");
    let folder = root.join("7/eeee6666");
    write(&folder.join("params/lr"), "\x1b[2J\t\u{9d}0;x\u{7f}");
    write(&folder.join("tags/mlflow.note.content"), "first\n\x1b[31msecond\u{202e}");
    write(&folder.join("metrics/\x1b[31mm"), "1 1 1\n");
    write(&folder.join("artifacts/\x1b[2Jx"), "");
    for words in [
        ["ls", "mlruns"].as_slice(),
        &["runs", "mlruns"],
        &["show", "mlruns", "eeee"],
        &["show", "mlruns", "no\x1b[31m"],
        &["runs", "mlruns", "-e", "no\u{202e}"],
        &["history", "mlruns", "eeee", "none"],
    ] {
        let done = mltop(dir.path(), words);
        let is_bad = |c: char| c.is_control() && c != '\n' && c != '\t' || c == '\u{202e}';
        assert!(
            !done.out.contains(is_bad) && !done.err.contains(is_bad),
            "{words:?}: {:?} {:?}",
            done.out,
            done.err
        );
    }
    let table = mltop(dir.path(), &["runs", "mlruns"]).out;
    let columns: Vec<usize> = table.lines().map(|line| line.split('\t').count()).collect();
    assert!(columns.iter().all(|count| *count == columns[0] && *count > 9), "{columns:?}");
    assert!(table.lines().nth(1).unwrap().contains("␛]0;title␇␉b<9b>31m<202e>"), "{table}");
    let exact = ask(dir.path(), &["runs", "mlruns", "--json"]);
    assert_eq!(exact[0]["run_name"], "\x1b]0;title\x07\tb\u{9b}31m\u{202e}", "JSON is exact");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let dir = store();
    let history: String = (0..200_000).map(|step| format!("{step} 0.5 {step}\n")).collect();
    write(&dir.path().join("mlruns/7/aaaa2222/metrics/long"), &history);
    let mut command = Command::new(env!("CARGO_BIN_EXE_mltop"));
    command.args(["history", "mlruns", "tuned", "long"]).current_dir(dir.path());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 5];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let done = child.wait_with_output().unwrap();
    assert_eq!((done.status.code(), done.stderr.as_slice()), (Some(0), b"".as_slice()));
}

#[test]
fn an_answer_that_cannot_be_written_is_an_error() {
    let dir = store();
    let Ok(full) = fs::File::options().write(true).open("/dev/full") else { return };
    // The second store would be an error of its own: nobody reads a large one for nothing.
    for store in ["mlruns", "http://127.0.0.1:1"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mltop"));
        let full = full.try_clone().unwrap();
        let done = command.args(["dump", store]).current_dir(dir.path()).stdout(full).output().unwrap();
        assert_eq!(done.status.code(), Some(1));
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(said.starts_with("mltop: the answer could not be written: "), "{said}");
    }
}

/// A store in which runs of a small search have histories.
fn searched() -> tempfile::TempDir {
    let dir = store();
    let root = dir.path().join("mlruns");
    for (id, name, lr, loss) in [
        ("aaaa1111", "baseline", "0.1", "1 0.9 0\n2 0.2 1\n3 0.4 2\n"),
        ("aaaa2222", "tuned", "9", "1 0.8 0\n2 0.6 1\n"),
        ("bbbb3333", "other", "10", "1 nan 0\n2 0.3 5\n"),
    ] {
        let folder = root.join(if name == "baseline" { "0" } else { "7" }).join(id);
        write(&folder.join("metrics/loss"), loss);
        write(&folder.join("params/lr"), lr);
        write(&folder.join("params/seed"), "1");
    }
    dir
}

#[test]
fn a_filter_and_an_order_as_in_a_notebook() {
    let dir = searched();
    let found = |words: &[&str]| -> Vec<String> {
        let runs = ask(dir.path(), &[&["runs", "mlruns", "--json"], words].concat());
        ids(&runs).into_iter().map(|id| id.get(..4).unwrap().to_owned()).collect()
    };
    assert_eq!(found(&["--filter", "metrics.loss < 0.5"]), ["bbbb", "aaaa"]);
    assert_eq!(
        found(&["--filter", "params.lr >= 1 OR baseline", "--order-by", "metrics.loss"]),
        ["bbbb", "aaaa", "aaaa"]
    );
    assert_eq!(found(&["--filter", "metrics.loss.min < 0.25"]), ["aaaa"]);
    assert_eq!(found(&["--filter", "parent.run_name = 'baseline'"]), ["aaaa"]);
    assert_eq!(
        found(&["--order-by", "params.lr", "--top", "1", "--filter", "params.lr != '0.1'"]),
        ["bbbb"],
        "by letter"
    );
    assert_eq!(found(&["--order-by", "params.lr", "--natural", "--top", "2"]), ["aaaa", "aaaa"]);
    assert_eq!(found(&["--deleted"]), ["dddd", "cccc"]);
    let wrong = mltop(dir.path(), &["runs", "mlruns", "--filter", "metrics.loss < 'x'"]);
    assert_eq!((wrong.code, wrong.out.as_str()), (2, ""));
    let said = "mltop: --filter: 'x' is a text; expected a number: 60, -1.5, 1e-3\n  metrics.loss < 'x'\n                 ^^^\n";
    assert_eq!(wrong.err, said);
}

#[test]
fn columns_in_every_format() {
    let dir = searched();
    let print = |format: &str| {
        let words = ["runs", "mlruns", "--filter", "seed", "--order-by", "metrics.loss", "--cols"];
        let words = [&words[..], &["metrics.loss.min,params.lr,metrics.loss", "--format", format]].concat();
        let done = mltop(dir.path(), &words);
        assert_eq!(done.code, 0, "{}", done.err);
        format!("{format}\n{}\n", done.out)
    };
    insta::assert_snapshot!(["table", "json", "jsonl", "csv", "tsv", "md"].map(print).concat());
}

#[test]
fn groups_with_mean_and_deviation() {
    let dir = searched();
    let words = [
        "runs",
        "mlruns",
        "--group-by",
        "params.seed",
        "--cols",
        "metrics.loss,metrics.loss.first,params.lr",
    ];
    let groups = ask(dir.path(), &[&words[..], &["--format", "json"]].concat());
    let with_seed = &groups.as_array().unwrap().iter().find(|group| group["params.seed"] == "1").unwrap();
    let number = |name: &str| with_seed[name].as_f64().unwrap();
    assert_eq!(with_seed["runs"], 3);
    assert!((number("metrics.loss.mean") - 1.3 / 3.0).abs() < 1e-12);
    assert!((number("metrics.loss.sd") - 0.152_752_523).abs() < 1e-6);
    assert_eq!((number("metrics.loss.min"), number("metrics.loss.max")), (0.3, 0.6));
    assert_eq!(with_seed["metrics.loss.best_run_id"], "bbbb3333");
    assert_eq!(
        (&with_seed["metrics.loss.first.count"], &with_seed["params.lr"]),
        (&json!(2), &json!("0.1…10"))
    );
}

#[test]
fn the_best_run_over_all_steps() {
    let dir = searched();
    let best = ask(dir.path(), &["best", "mlruns", "loss", "--json"]);
    let first = &best[0];
    assert_eq!(best.as_array().unwrap().len(), 1);
    assert_eq!((&first["run_id"], &first["metrics.loss.min"]), (&json!("aaaa1111"), &json!(0.2)));
    assert_eq!(first["metrics.loss.min.step"], 1);
    let worst =
        ask(dir.path(), &["best", "mlruns", "loss", "--max", "--top", "2", "--filter", "lr", "--json"]);
    assert_eq!(ids(&worst), ["aaaa1111", "aaaa2222"]);
    let unknown = mltop(dir.path(), &["best", "mlruns", "los"]);
    assert_eq!(
        (unknown.code, unknown.err.as_str()),
        (1, "mltop: this store has no metric los; the closest is: loss\n")
    );
}

#[test]
fn what_all_runs_share_is_told_aside() {
    let dir = searched();
    let words = ["runs", "mlruns", "--filter", "seed", "--diff-only", "--format", "csv"];
    let done = mltop(dir.path(), &words);
    assert_eq!(done.err, "mltop: 1 the same in all runs: params.seed=1\n");
    assert!(
        done.out.starts_with(
            "run_id,run_name,experiment,status,user_id,start_time,end_time,params.lr,metrics.loss,metrics.val/acc\r\n"
        ),
        "{}",
        done.out
    );
}

#[test]
fn what_was_mistyped_is_answered_with_what_was_meant() {
    let dir = store();
    let told = |words: &[&str]| {
        let done = mltop(dir.path(), words);
        assert!(done.out.is_empty() && done.err.lines().count() == 1, "{words:?}: {}", done.err);
        (done.code, done.err)
    };
    for (words, code, meant) in [
        (&["rns"][..], 2, "the closest is: mltop runs"),
        (&["localhost:5000"], 1, "mltop http://localhost:5000"),
        (&["./mlrun"], 1, "but there is"),
        (&["show", "mlruns"], 2, "mlruns is a store, so the run is missing: mltop show STORE RUN"),
        (&["best", "mlruns"], 2, "the metric is missing: mltop best STORE METRIC"),
        (&["history", "mlruns", "loss"], 2, "the metric is missing: mltop history STORE RUN METRIC"),
        (&["runs", "mlruns", "--experiment", "nothing like it"], 1, "mltop ls prints them"),
    ] {
        let (is, err) = told(words);
        assert_eq!(is, code, "{err}");
        assert!(err.contains(meant), "{words:?}: {err}");
    }
}
