//! What a database tells while somebody writes to it, locks it, replaces it and breaks it; and that nobody notices who
//! reads it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::task::Poll;
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::database::{Database, START};
use common::looked::{Looked, metric, run};
use mltop::index::{Access, Lifecycle, Status, Summary};
use mltop::series::Series;
use mltop::store::{self, Location, Want};
use rusqlite::Connection;

fn one_run(status: &str) -> Database {
    let database = Database::new();
    database.experiment("0", "Default").run("0", "aa", "first", status, START);
    database.metric("aa", "loss", 0.5, 1).param("aa", "lr", "0.1");
    database
}

#[test]
fn points_params_tags_states_and_runs_are_found() {
    let database = one_run("RUNNING");
    let mut looked = Looked::database(&database.path);
    assert_eq!(metric(&looked.index, "aa", "loss").unwrap().0, 0.5);
    database.metric("aa", "loss", 0.25, 2).metric("aa", "val/acc", 0.9, 2).param("aa", "batch", "32");
    database.tag("aa", "note", "old").tag("aa", "note", "new").status("aa", "FAILED");
    database.run("0", "bb", "second", "RUNNING", START + 1000).param("bb", "lr", "0.2");
    looked.until("everything", |index| {
        let key = |name: &str| index.keys.find(name);
        let found = run(index, "aa").unwrap();
        metric(index, "aa", "loss").is_some_and(|(value, _)| value == 0.25)
            && metric(index, "aa", "val/acc").is_some()
            && key("batch").is_some_and(|key| found.param(key) == Some("32"))
            && key("note").is_some_and(|key| found.tag(key) == Some("new"))
            && found.status == Status::Failed
            && run(index, "bb").is_some_and(|run| key("lr").is_some_and(|key| run.param(key) == Some("0.2")))
    });
    assert_eq!(looked.run("bb").name(), Some("second"));
}

#[test]
fn what_changes_in_place_in_runs_that_have_ended_is_found_too() {
    let database = one_run("FINISHED");
    let mut looked = Looked::database(&database.path);
    database.execute("UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = 'aa'", []);
    looked.until("deleted", |index| run(index, "aa").unwrap().lifecycle == Lifecycle::Deleted);
    database.execute("UPDATE runs SET name = 'renamed', lifecycle_stage = 'active'", []);
    database.tag("aa", "mlflow.note.content", "a note");
    looked.until("renamed", |index| {
        let found = run(index, "aa").unwrap();
        found.name() == Some("renamed") && found.tag(mltop::index::Key::NOTE) == Some("a note")
    });
    database.execute("DELETE FROM tags WHERE key = 'mlflow.note.content'", []);
    looked.until("a tag has gone", |index| run(index, "aa").unwrap().tag(mltop::index::Key::NOTE).is_none());
    database.execute("UPDATE experiments SET name = 'other'", []);
    looked.until("the experiment's name", |index| index.experiments().next().unwrap().title() == "other");
    database.execute("DELETE FROM runs", []);
    looked.until("gone", |index| index.runs().count() == 0);
}

#[test]
fn rows_whose_numbers_are_given_again_are_read_again() {
    let database = one_run("RUNNING");
    database.run("0", "bb", "second", "RUNNING", START + 1000).metric("bb", "loss", 7.0, 1);
    let mut looked = Looked::database(&database.path);
    // As `mlflow gc` does; the next point has the same rowid.
    database.execute("DELETE FROM metrics WHERE run_uuid = 'bb'", []);
    database.execute("DELETE FROM latest_metrics WHERE run_uuid = 'bb'", []);
    database.execute("DELETE FROM runs WHERE run_uuid = 'bb'", []);
    looked.until("gone", |index| run(index, "bb").is_none());
    database.metric("aa", "loss", 0.125, 3);
    looked.until("the point", |index| metric(index, "aa", "loss").unwrap().0 == 0.125);
    assert_eq!(looked.history("aa", "loss"), [(1, 0.5), (3, 0.125)]);
}

#[test]
fn a_writer_is_never_kept_waiting() {
    let database = one_run("RUNNING");
    for i in 0..3000 {
        database.param("aa", &format!("p{i}"), "x");
    }
    let writer = Connection::open(&database.path).unwrap();
    writer.busy_timeout(Duration::ZERO).unwrap();
    let mut looked = Looked::database(&database.path);
    let mut step = 10;
    let mut commit = || {
        step += 1;
        writer.execute("INSERT INTO metrics VALUES ('loss', 1.0, ?1, 'aa', ?1, 0)", [step]).unwrap();
    };
    commit();
    let (key, metric) = (looked.run("aa").key, looked.index.keys.find("loss").unwrap());
    let mut series = Series::default();
    for _ in 0..20 {
        // Between any two calls nothing is held.
        let soon = Instant::now() + Duration::from_micros(200);
        looked.store.sweep(&looked.index, &Want::default());
        looked.store.refresh(&mut looked.index, &Want::default(), soon).unwrap();
        commit();
        assert!(matches!(
            looked.store.points(&looked.index, key, metric, &mut series, soon),
            Ok(Poll::Ready(_))
        ));
        commit();
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_locked_database_says_busy_and_keeps_what_is_known() {
    let database = one_run("RUNNING");
    let mut looked = Looked::database(&database.path);
    database.metric("aa", "loss", 0.25, 2);
    database.connection.execute_batch("BEGIN EXCLUSIVE").unwrap();
    looked.until("busy", |index| index.access == Access::Busy);
    assert_eq!(metric(&looked.index, "aa", "loss").unwrap().0, 0.5);
    assert!(looked.index.problems.is_empty());
    database.connection.execute_batch("COMMIT").unwrap();
    looked.until("open again", |index| {
        index.access == Access::Open && metric(index, "aa", "loss").unwrap().0 == 0.25
    });
}

#[test]
fn one_that_is_locked_at_first_is_read_when_it_can_be() {
    let database = one_run("RUNNING");
    database.connection.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let store = store::open(&Location::Sqlite(database.path.clone()), None).unwrap();
    let mut looked = Looked::unread(store);
    looked.until("busy", |index| index.access == Access::Busy);
    database.connection.execute_batch("COMMIT").unwrap();
    looked.until("read", |index| run(index, "aa").is_some() && index.progress.complete);
}

#[test]
fn a_file_that_takes_the_place_of_another_is_read() {
    let database = one_run("FINISHED");
    let mut looked = Looked::database(&database.path);
    let other = Database::new();
    other.experiment("0", "Default").experiment("1", "new");
    other.run("0", "aa", "restored", "FINISHED", START).run("1", "cc", "third", "FINISHED", START);
    fs::copy(&other.path, database.folder().join("copy")).unwrap();
    fs::rename(database.folder().join("copy"), &database.path).unwrap();
    looked.until("the other", |index| run(index, "cc").is_some() && index.progress.complete);
    assert_eq!((looked.run("aa").name(), looked.run("aa").metrics().len()), (Some("restored"), 0));
}

#[test]
fn nothing_is_left_beside_a_database() {
    let database = one_run("FINISHED");
    Looked::database(&database.path);
    assert_eq!(database.files(), ["mlflow.db"]);
    // As `mlflow migrate-filestore` leaves it.
    database.connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).unwrap();
    database.metric("aa", "loss", 0.25, 2);
    let path = database.folder().join("at-rest.db");
    database.connection.execute("VACUUM INTO ?1", [path.to_str().unwrap()]).unwrap();
    Connection::open(&path)
        .unwrap()
        .pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))
        .unwrap();
    let before = database.files();
    assert!(before.contains(&"mlflow.db-wal".to_owned()) && !before.contains(&"at-rest.db-wal".to_owned()));
    assert_eq!(metric(&Looked::database(&path).index, "aa", "loss").unwrap().0, 0.25);
    assert_eq!(database.files(), before);
}

#[test]
fn one_in_wal_mode_is_followed() {
    let database = one_run("RUNNING");
    database.connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).unwrap();
    database.metric("aa", "loss", 0.25, 2);
    let mut looked = Looked::database(&database.path);
    assert_eq!(metric(&looked.index, "aa", "loss").unwrap().0, 0.25);
    for step in 3..6 {
        database.metric("aa", "loss", 1.0 / step as f64, step);
        looked.until("the point", |index| metric(index, "aa", "loss").unwrap().0 == 1.0 / step as f64);
    }
}

#[test]
fn a_writer_comes_to_one_that_was_at_rest() {
    let database = one_run("RUNNING");
    let path = database.path.clone();
    database.connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).unwrap();
    let copy = database.folder().join("copy.db");
    database.connection.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    Connection::open(&copy)
        .unwrap()
        .pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))
        .unwrap();
    drop(path);
    let mut looked = Looked::database(&copy);
    let writer = Connection::open(&copy).unwrap();
    writer.execute("UPDATE runs SET name = 'later'", []).unwrap();
    looked.until("the change", |index| run(index, "aa").unwrap().name() == Some("later"));
}

#[test]
fn a_wal_that_a_killed_writer_left_is_read() {
    let database = one_run("FINISHED");
    database.connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(())).unwrap();
    database.metric("aa", "loss", 0.25, 2);
    let dir = tempfile::tempdir().unwrap();
    for suffix in ["", "-wal"] {
        let name = format!("mlflow.db{suffix}");
        fs::copy(database.folder().join(&name), dir.path().join(&name)).unwrap();
    }
    let looked = Looked::database(&dir.path().join("mlflow.db"));
    assert_eq!(metric(&looked.index, "aa", "loss").unwrap().0, 0.25);
    assert_eq!(dir.path().read_dir().unwrap().count(), 2);
}

#[test]
fn a_change_that_a_killed_writer_left_half_done_is_undone_in_a_copy() {
    let database = one_run("FINISHED");
    database.connection.execute_batch("PRAGMA cache_size = 1; BEGIN").unwrap();
    for i in 0..300 {
        database
            .connection
            .execute("INSERT INTO tags VALUES (?1, ?2, 'aa')", (format!("k{i}"), "x".repeat(2000)))
            .unwrap();
    }
    let dir = tempfile::tempdir().unwrap();
    for suffix in ["", "-journal"] {
        let name = format!("mlflow.db{suffix}");
        fs::copy(database.folder().join(&name), dir.path().join(&name)).unwrap();
    }
    let looked = Looked::database(&dir.path().join("mlflow.db"));
    assert_eq!(looked.run("aa").tags().len(), 1);
    assert!(looked.index.problems[0].what.contains("killed in the middle of a change"));
    assert_eq!(dir.path().read_dir().unwrap().count(), 2);
}

/// The tables that MLflow 1.0.0 makes (`tests/data/schema-1.0.0.sql`): no latest values, no NaN, names of runs in
/// tags only, no index but primary keys.
#[test]
fn the_schema_of_mlflow_1_has_no_latest_values() {
    let database = Database::with(include_str!("data/schema-1.0.0.sql"));
    database.execute(
        "INSERT INTO experiments VALUES (0, 'Default', './mlruns/0', 'active'), (7, 'old', './mlruns/7', 'deleted')",
        [],
    );
    for (id, status, stage, experiment) in
        [("aa", "FINISHED", "active", 0), ("bb", "RUNNING", "deleted", 0), ("cc", "FAILED", "active", 7)]
    {
        database.execute(
            "INSERT INTO runs VALUES (?1, '', 'LOCAL', 'train.py', '', 'demo', ?2, 5, 9, '', ?3, './mlruns/0/x', ?4)",
            (id, status, stage, experiment),
        );
    }
    database.tag("aa", "mlflow.runName", "old").param("aa", "lr", "0.1");
    for (value, step) in [(0.5, 1), (0.25, 3), (0.75, 2)] {
        database.execute("INSERT INTO metrics VALUES ('loss', ?1, ?2, 'aa', ?2)", (value, step));
    }
    let mut looked = Looked::database(&database.path);
    assert!(looked.index.problems.is_empty(), "{:?}", looked.index.problems);
    let aa = looked.run("aa");
    assert_eq!((aa.name(), aa.lifecycle, aa.status), (Some("old"), Lifecycle::Active, Status::Finished));
    assert_eq!((aa.start_time(), aa.end_time(), aa.user_id()), (Some(5), Some(9), Some("demo")));
    assert_eq!(aa.param(looked.index.keys.find("lr").unwrap()), Some("0.1"));
    assert_eq!((looked.run("bb").lifecycle, looked.run("bb").status), (Lifecycle::Deleted, Status::Running));
    assert!(looked.index.is_deleted(looked.run("cc")), "its experiment is");
    assert_eq!(metric(&looked.index, "aa", "loss"), Some((0.25, 3)));
    assert_eq!(looked.history("aa", "loss"), [(1, 0.5), (2, 0.75), (3, 0.25)]);
    database.execute("INSERT INTO metrics VALUES ('loss', 0.125, 4, 'aa', 4)", []);
    looked.until("the point", |index| metric(index, "aa", "loss") == Some((0.125, 4)));
}

#[test]
fn any_type_in_any_column_costs_a_cell() {
    let database = one_run("FINISHED");
    database.execute("INSERT INTO runs VALUES (x'00ff', 7, NULL, NULL, NULL, x'80', 3.5, 'abc', '17', NULL, 'odd', 1e300, 'x', NULL)", []);
    database.execute("INSERT INTO latest_metrics VALUES ('m', 'text', 'x', 'y', 'z', 'aa')", []);
    let looked = Looked::database(&database.path);
    assert_eq!(looked.index.runs().count(), 2);
    assert_eq!(metric(&looked.index, "aa", "loss").unwrap().0, 0.5);
    let odd = looked.index.runs().find(|run| run.run_id() != "aa").unwrap();
    assert_eq!(
        (odd.name(), odd.start_time(), odd.end_time(), odd.status),
        (Some("7"), None, Some(17), Status::Other)
    );
    assert!(looked.index.problems.len() >= 4, "{:?}", looked.index.problems);
}

#[test]
fn values_that_are_too_long_cost_a_cell() {
    let database = one_run("FINISHED");
    database.execute("INSERT INTO params SELECT 'big', hex(zeroblob(5000000)), 'aa'", []);
    database.execute("INSERT INTO runs (run_uuid, name, status, experiment_id) SELECT 'bb', hex(zeroblob(5000000)), 'FINISHED', 0", []);
    let looked = Looked::database(&database.path);
    assert_eq!(looked.run("aa").params().len(), 1);
    assert_eq!(looked.run("bb").name(), None);
    assert_eq!(looked.index.problems.len(), 2, "{:?}", looked.index.problems);
}

#[test]
fn a_damaged_page_hides_no_other() {
    let database = one_run("FINISHED");
    for i in 0..400 {
        database.run("0", &format!("run{i}"), "x", "FINISHED", START + i);
    }
    let root: i64 = database
        .connection
        .query_row("SELECT rootpage FROM sqlite_master WHERE name = 'runs'", [], |row| row.get(0))
        .unwrap();
    let path = database.folder().join("copy.db");
    fs::copy(&database.path, &path).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    // The second leaf of the table.
    let at = (root as usize - 1) * 4096 + 12 + 2;
    let cell = u16::from_be_bytes([bytes[at], bytes[at + 1]]) as usize;
    let cell = (root as usize - 1) * 4096 + cell;
    let leaf = u32::from_be_bytes(bytes[cell..cell + 4].try_into().unwrap()) as usize;
    bytes[(leaf - 1) * 4096..leaf * 4096].fill(0xee);
    fs::write(&path, bytes).unwrap();
    let looked = Looked::database(&path);
    let count = looked.index.runs().count();
    assert!((300..401).contains(&count), "{count} runs");
    assert!(looked.index.problems.iter().any(|problem| problem.what.contains("damaged")));
}

#[test]
fn a_view_that_never_ends_is_refused_at_once() {
    let database = one_run("FINISHED");
    database
        .connection
        .execute_batch(
            "DROP TABLE runs; CREATE VIEW runs AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
             SELECT i AS run_uuid, 0 AS experiment_id FROM n",
        )
        .unwrap();
    let begun = Instant::now();
    assert!(store::open(&Location::Sqlite(database.path.clone()), None).is_err());
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn histories_are_in_mlflows_order_and_grow() {
    let database = one_run("RUNNING");
    database.metric_at("aa", "m", 3.0, 5, START + 5).metric_at("aa", "m", f64::NAN, 1, START + 1);
    database.metric_at("aa", "m", 2.0, 9, START + 1).metric_at("aa", "m", -1.0, 1, START + 1);
    let mut looked = Looked::database(&database.path);
    let told = looked.history("aa", "m");
    assert_eq!(told.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [1, 1, 9, 5]);
    assert!(told[0].1 == -1.0 && told[1].1.is_nan());
    // The same series goes on with what is added, and begins again when that does not belong at its end.
    let (key, metric) = (looked.run("aa").key, looked.index.keys.find("m").unwrap());
    let mut series = Series::default();
    let mut read = |looked: &mut Looked| {
        let until = Instant::now() + Duration::from_secs(5);
        let Ok(Poll::Ready(reading)) = looked.store.points(&looked.index, key, metric, &mut series, until)
        else {
            unreachable!()
        };
        (series.len(), reading.restarted)
    };
    assert_eq!(read(&mut looked), (4, false));
    database.metric_at("aa", "m", 4.0, 6, START + 6);
    assert_eq!(read(&mut looked), (5, false));
    assert_eq!(read(&mut looked), (5, false));
    database.metric_at("aa", "m", 4.0, 0, START);
    assert_eq!(read(&mut looked), (6, true));
    assert_eq!(series.iter().map(|point| point.step).collect::<Vec<_>>(), [0, 1, 1, 9, 5, 6]);
}

#[test]
fn a_large_history_is_read_in_pieces_by_every_index() {
    let count = 30_000;
    let value = |step: i64| (step * 7919 % 1000) as f64;
    for extra in
        ["", "CREATE INDEX by_step ON metrics (run_uuid, key, step)", "DROP INDEX index_metrics_run_uuid"]
    {
        let database = one_run("RUNNING");
        database.run("0", "bb", "other", "RUNNING", START);
        database.history("bb", "large", 0..100, value).history("aa", "large", 0..count, value).history(
            "aa",
            "small",
            0..10,
            value,
        );
        database.connection.execute_batch(extra).unwrap();
        let mut looked = Looked::database(&database.path);
        let (key, large) = (looked.run("aa").key, looked.index.keys.find("large").unwrap());
        let Ok(Poll::Ready(Some(samples))) = looked.store.sample(&looked.index, key, large) else {
            unreachable!("{extra}")
        };
        assert!(samples.points.len() > 200, "{extra}: {}", samples.points.len());
        assert!(
            samples.points.iter().all(|(at, point)| *at <= samples.end && point.value == value(point.step)),
            "{extra}"
        );
        let mut series = Series::default();
        let mut slices = 0;
        while matches!(looked.store.points(&looked.index, key, large, &mut series, Instant::now()), Ok(Poll::Ready(reading)) if reading.more)
        {
            slices += 1;
        }
        assert!(slices > 3, "{extra}");
        let expected: Vec<(i64, f64)> = (0..count).map(|step| (step, value(step))).collect();
        assert_eq!(
            series.iter().map(|point| (point.step, point.value)).collect::<Vec<_>>(),
            expected,
            "{extra}"
        );
        assert_eq!(looked.history("bb", "large").len(), 100, "{extra}");
        assert_eq!(looked.history("aa", "small").len(), 10, "{extra}");
        database.metric("aa", "large", 0.5, count);
        assert_eq!(looked.history("aa", "large").len(), count as usize + 1, "{extra}");
    }
}

#[test]
fn histories_of_many_runs_are_summed_as_each_is_by_itself() {
    let database = Database::new();
    database.experiment("0", "Default");
    for run in 0..30 {
        let id = format!("run{run}");
        database.run("0", &id, "x", "FINISHED", START + run);
        database.history(&id, "loss", 0..run + 1, |step| ((step * 31 + run * 17) % 23) as f64);
        database.metric_at(&id, "loss", f64::NAN, -run, START - 5).metric(&id, "other", 7.0, 1);
    }
    let mut looked = Looked::database(&database.path);
    let loss = looked.index.keys.find("loss").unwrap();
    let runs: Vec<_> = looked.index.runs().map(|run| run.key).collect();
    for _ in 0..2 {
        let Some(Poll::Ready(sums)) = looked.store.sums(&looked.index, loss, &runs) else { unreachable!() };
        assert_eq!(sums.len(), 30);
        for (run, sum) in sums {
            let series = store::history(looked.store.as_mut(), &looked.index, run, loss).unwrap();
            let (sum, expected) = (format!("{sum:?}"), format!("{:?}", Summary::of(series.iter())));
            assert_eq!(sum, expected);
        }
    }
}
