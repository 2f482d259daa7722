//! What an `mlruns` folder tells while somebody writes, moves, breaks and deletes in it. Without events: each look is a sweep, as
//! where no watch works.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use common::looked::{Looked, run};
use common::stores::{Made, append};
use mltop::index::{Index, Run, Status};
use mltop::store::{self, Location, Want, Watch};

fn one_run(status: u8) -> (Made, common::stores::Run) {
    let store = Made::new();
    store.experiment("0", "Default");
    let run = store.run("0", "aa", "first", status, 1_795_400_000_000);
    run.metric("loss", 0.5, 1).param("lr", "0.1");
    (store, run)
}

fn age(path: &Path) {
    let past = SystemTime::now() - Duration::from_secs(3600);
    fs::File::open(path).unwrap().set_modified(past).unwrap();
}

#[test]
fn a_store_of_nothing_but_deleted_experiments_is_read_too() {
    let (store, _) = one_run(3);
    fs::rename(store.root.join("0"), store.root.join(".trash/0")).unwrap();
    let looked = Looked::files(&store.root);
    assert_eq!(looked.run("aa").name(), Some("first"));
    assert!(looked.index.progress.complete);
}

#[test]
fn points_params_and_states_are_found() {
    let (store, written) = one_run(1);
    let mut looked = Looked::files(&store.root);
    written.metric("loss", 0.25, 2).metric("val/acc", 0.9, 2).param("batch", "32").status(3);
    looked.until("everything", |index| {
        let key = |name: &str| index.keys.find(name);
        let found = run(index, "aa").unwrap();
        let loss = key("loss")
            .and_then(|key| found.metric(key))
            .is_some_and(|m| m.last.value == 0.25 && m.points == 2);
        loss && key("val/acc").is_some_and(|key| found.metric(key).is_some())
            && key("batch").is_some_and(|key| found.param(key).is_some())
            && found.status == Status::Finished
    });
}

#[test]
fn a_meta_that_is_being_rewritten_changes_nothing() {
    let (store, written) = one_run(3);
    let mut looked = Looked::files(&store.root);
    fs::write(written.path.join("meta.yaml"), "").unwrap();
    for _ in 0..10 {
        looked.store.sweep(&looked.index, &Want::default());
        looked.read();
        let found = looked.run("aa");
        assert_eq!((found.name(), found.status, found.broken), (Some("first"), Status::Finished, false));
        sleep(Duration::from_millis(20));
    }
    looked.until("said when it has rested", |index| {
        run(index, "aa").unwrap().broken && !index.problems.is_empty()
    });
    assert_eq!(looked.run("aa").name(), Some("first"), "the last good values stay");
    written.status(4);
    looked.until("cured", |index| {
        let found = run(index, "aa").unwrap();
        !found.broken && found.status == Status::Failed && index.problems.is_empty()
    });
}

/// Reads what is announced, and then without a sweep, until a param has a value.
#[track_caller]
fn until_param(looked: &mut Looked, name: &str, value: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let is_there = |looked: &Looked| {
        let key = looked.index.keys.find(name);
        key.is_some_and(|key| looked.run("aa").param(key) == Some(value))
    };
    while !is_there(looked) {
        assert!(Instant::now() < deadline, "never {value:?}");
        sleep(Duration::from_millis(10));
        looked.read();
    }
}

#[test]
fn a_param_that_is_read_between_its_making_and_its_writing_is_read_again() {
    let (store, written) = one_run(1);
    let mut looked = Looked::files(&store.root);
    let param = |name: &str| written.path.join("params").join(name);
    for (name, wait) in [("soon", 100), ("late", 1200)] {
        fs::write(param(name), "").unwrap();
        looked.store.changed(&looked.index, &[param(name)]);
        until_param(&mut looked, name, "");
        // Meanwhile it is seen to be empty again.
        let written_at = Instant::now() + Duration::from_millis(wait);
        while Instant::now() < written_at {
            looked.read();
            sleep(Duration::from_millis(10));
        }
        fs::write(param(name), "0.5").unwrap();
        until_param(&mut looked, name, "0.5");
    }
    fs::write(param("long"), "x".repeat(8192)).unwrap();
    looked.store.changed(&looked.index, &[param("long")]);
    until_param(&mut looked, "long", &"x".repeat(8192));
    append(&param("long"), "yz");
    until_param(&mut looked, "long", &format!("{}yz", "x".repeat(8192)));
}

#[test]
fn a_file_that_goes_and_comes_back_is_read_again() {
    let (store, written) = one_run(3);
    let meta = written.path.join("meta.yaml");
    age(&meta);
    let mut looked = Looked::files(&store.root);
    fs::rename(&meta, store.root.join("aside")).unwrap();
    looked.until("missed", |index| run(index, "aa").unwrap().broken);
    fs::rename(store.root.join("aside"), &meta).unwrap();
    looked.until("back", |index| !run(index, "aa").unwrap().broken && index.problems.is_empty());
}

#[test]
fn a_run_that_is_copied_in_slowly_appears() {
    let (store, written) = one_run(3);
    let mut looked = Looked::files(&store.root);
    let slow = store.root.join("0/bb");
    fs::create_dir_all(slow.join("artifacts")).unwrap();
    age(&slow);
    for _ in 0..5 {
        looked.store.sweep(&looked.index, &Want::default());
        looked.read();
    }
    assert!(run(&looked.index, "bb").is_none(), "only artifacts: not a run");
    fs::create_dir(slow.join("tags")).unwrap();
    let meta = fs::read_to_string(written.path.join("meta.yaml")).unwrap();
    fs::write(slow.join("meta.yaml"), meta.replace("aa", "bb")).unwrap();
    looked.until("a run by now", |index| run(index, "bb").is_some_and(|run| run.read().meta && !run.broken));
}

#[test]
fn artifact_folders_beside_runs_cost_nothing() {
    let (store, _) = one_run(3);
    for i in 0..30 {
        fs::create_dir_all(store.root.join(format!("0/art{i}/artifacts"))).unwrap();
    }
    let mut looked = Looked::files(&store.root);
    let slots = looked.index.runs.len();
    for i in 0..5 {
        store.run("0", &format!("new{i}"), "new", 3, 1_795_400_000_000);
        looked.store.sweep(&looked.index, &Want::default());
        looked.read();
    }
    looked.until("the new runs", |index| index.runs().count() == 6);
    assert!(looked.index.runs.len() < slots + 100, "{} slots", looked.index.runs.len());
    assert!(looked.index.problems.is_empty());
}

#[test]
fn a_last_line_counts_when_its_run_has_ended() {
    let (store, written) = one_run(1);
    let file = written.path.join("metrics/loss");
    append(&file, "1795400009000 0.125 9");
    age(&file);
    let mut looked = Looked::files(&store.root);
    let key = looked.index.keys.find("loss").unwrap();
    assert_eq!(looked.run("aa").metric(key).unwrap().points, 1, "it may still be written");
    written.status(3);
    looked.until("taken", |index| run(index, "aa").unwrap().metric(key).unwrap().last.step == 9);
}

#[test]
fn the_trash_and_back_is_the_same_experiment() {
    let (store, _) = one_run(3);
    let mut looked = Looked::files(&store.root);
    let (experiment, run_key) = (looked.run("aa").experiment, looked.run("aa").key);
    fs::rename(store.root.join("0"), store.root.join(".trash/0")).unwrap();
    looked.until("deleted", |index| run(index, "aa").is_some_and(|run| index.is_deleted(run)));
    assert_eq!(looked.run("aa").experiment, experiment);
    fs::rename(store.root.join(".trash/0"), store.root.join("0")).unwrap();
    looked.until("restored", |index| run(index, "aa").is_some_and(|run| !index.is_deleted(run)));
    assert_eq!(looked.run("aa").key, run_key);
}

#[test]
fn what_is_deleted_goes_and_what_is_made_again_comes() {
    let (store, written) = one_run(3);
    let mut looked = Looked::files(&store.root);
    fs::remove_dir_all(&written.path).unwrap();
    looked.until("gone", |index| index.runs().count() == 0);
    store.run("0", "aa", "second", 1, 1_795_400_000_000).metric("loss", 7.0, 0);
    looked.until("back", |index| run(index, "aa").is_some_and(|run| run.name() == Some("second")));
    fs::remove_dir_all(store.root.join("0")).unwrap();
    looked.until("no experiment", |index| index.experiments().count() == 0 && index.runs().count() == 0);
}

#[test]
fn a_fault_costs_one_cell() {
    let (store, written) = one_run(3);
    fs::write(written.path.join("metrics/bad"), "rubbish\n").unwrap();
    age(&written.path.join("metrics/bad"));
    std::os::unix::fs::symlink("/etc/passwd", written.path.join("params/stolen")).unwrap();
    let looked = Looked::files(&store.root);
    let found = looked.run("aa");
    assert_eq!(found.metrics().len(), 1);
    assert_eq!(found.params().len(), 1);
    let told: Vec<&str> = looked.index.problems.iter().map(|problem| problem.what.as_str()).collect();
    assert_eq!(told.len(), 2, "{told:?}");
}

/// The least that is a run.
fn old_run(store: &Made, number: usize) {
    let path = store.root.join(format!("0/{number:04}"));
    fs::create_dir(&path).unwrap();
    fs::write(path.join("meta.yaml"), "status: 3\nstart_time: 1795400000000\nend_time: 1795400060000\n")
        .unwrap();
}

/// A store of a thousand runs that ended long ago, and the one run of `one_run` among them.
fn among_thousand(status: u8, start: i64) -> (Made, common::stores::Run) {
    let store = Made::new();
    store.experiment("0", "Default");
    (0..1000).for_each(|number| old_run(&store, number));
    let run = store.run("0", "zz", "followed", status, start);
    run.metric("loss", 0.5, 1);
    (store, run)
}

/// How many sweeps it takes until a point is seen that was just appended.
fn sweeps_until_seen(looked: &mut Looked, written: &common::stores::Run, step: i64) -> usize {
    sweeps_until_seen_of("loss", looked, written, step)
}

fn sweeps_until_seen_of(
    metric: &str,
    looked: &mut Looked,
    written: &common::stores::Run,
    step: i64,
) -> usize {
    // Longer ago than the ticks of the clock: only its stamp tells.
    sleep(Duration::from_millis(50));
    written.metric(metric, 0.25, step);
    sleep(Duration::from_millis(50));
    let id = written.path.file_name().unwrap().to_str().unwrap();
    (1..100)
        .find(|_| {
            looked.store.sweep(&looked.index, &Want::default());
            looked.read();
            let key = looked.index.keys.find(metric);
            key.and_then(|key| looked.run(id).metric(key)).is_some_and(|metric| metric.last.step == step)
        })
        .unwrap()
}

#[test]
fn a_run_that_has_just_ended_is_looked_at_in_every_sweep() {
    let (store, written) = among_thousand(1, 1_795_400_000_000);
    let mut looked = Looked::files(&store.root);
    let folders = |looked: &Looked| match looked.store.watch(&looked.index, &Want::default()) {
        Watch::Folders(folders) => folders.len(),
        Watch::Every(_) => panic!("files are watched"),
    };
    assert!(folders(&looked) > 3, "it trains");
    written.status(3);
    looked.until("ended", |index| !run(index, "zz").unwrap().is_running());
    assert_eq!(folders(&looked), 3, "the root, its trash and the experiment: no watch for what has ended");
    for step in 2..5 {
        assert!(sweeps_until_seen(&mut looked, &written, step) <= 2, "step {step}");
    }
}

#[test]
fn so_is_one_that_ended_shortly_before_the_store_was_opened() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as i64;
    let (store, written) = among_thousand(3, now - 120_000);
    let mut looked = Looked::files(&store.root);
    for step in 2..5 {
        assert!(sweeps_until_seen(&mut looked, &written, step) <= 2, "step {step}");
    }
}

#[test]
fn one_that_ended_long_ago_is_found_in_turn_and_looked_at_in_every_sweep_from_then_on() {
    let (store, written) = among_thousand(3, 1_795_400_000_000);
    let mut looked = Looked::files(&store.root);
    let sweeps = sweeps_until_seen_of("test_loss", &mut looked, &written, 2);
    assert!(sweeps <= 12, "a thousand runs in ten sweeps, not {sweeps}");
    for step in 3..6 {
        assert!(sweeps_until_seen(&mut looked, &written, step) <= 2, "step {step}");
    }
}

#[test]
fn a_point_more_of_one_that_ended_long_ago_shows_in_one_of_eight_rounds() {
    let (store, written) = among_thousand(3, 1_795_400_000_000);
    let mut looked = Looked::files(&store.root);
    let sweeps = sweeps_until_seen(&mut looked, &written, 2);
    assert!(sweeps <= 8 * 10 + 2, "a thousand runs in ten sweeps, not {sweeps}");
}

#[test]
fn runs_of_an_experiment_that_was_moved_are_looked_at_in_every_sweep() {
    let store = Made::new();
    store.experiment("0", "Default");
    store.experiment("1", "Moved");
    (0..1000).for_each(|number| old_run(&store, number));
    let mut written = store.run("1", "zz", "moved", 3, 1_795_400_000_000);
    written.metric("loss", 0.5, 1);
    let mut looked = Looked::files(&store.root);
    fs::rename(store.root.join("1"), store.root.join(".trash/1")).unwrap();
    looked.until("in the trash", |index| run(index, "zz").is_some_and(|run| index.is_deleted(run)));
    written.path = store.root.join(".trash/1/zz");
    for step in 2..5 {
        assert!(sweeps_until_seen(&mut looked, &written, step) <= 2, "step {step}");
    }
}

#[test]
fn runs_that_have_gone_take_no_turn() {
    let store = Made::new();
    store.experiment("0", "Default");
    let stay = [0, 300, 600, 900];
    let mut written = Vec::new();
    for number in 0..1000 {
        if stay.contains(&number) {
            written.push(store.run("0", &format!("{number:04}"), "old", 3, 1_795_400_000_000));
        } else {
            old_run(&store, number);
        }
    }
    let mut looked = Looked::files(&store.root);
    let gone = (0..1000).filter(|number| !stay.contains(number));
    gone.for_each(|number| fs::remove_dir_all(store.root.join(format!("0/{number:04}"))).unwrap());
    looked.until("gone", |index| index.runs().count() == stay.len());
    written[0].metric("loss", 0.5, 1);
    looked.until("the key", |index| index.keys.find("loss").is_some());
    let sweeps: Vec<usize> =
        written.iter().skip(1).map(|run| sweeps_until_seen(&mut looked, run, 2)).collect();
    assert_eq!(sweeps, [1; 3]);
}

#[test]
fn what_is_half_done_is_looked_at_in_every_sweep_since_somebody_may_finish_it() {
    let store = Made::new();
    store.experiment("0", "Default");
    (0..2000).for_each(|number| old_run(&store, number));
    let runs: Vec<common::stores::Run> = (0..400)
        .map(|number| store.run("0", &format!("zz{number:03}"), "half", 1, 1_795_400_000_000))
        .collect();
    for (number, run) in runs.iter().enumerate() {
        run.metric("loss", 0.5, 1);
        match number % 4 {
            0 => fs::write(run.path.join("meta.yaml"), "run_name: 'cut").unwrap(),
            1 => append(&run.path.join("metrics/loss"), "1795400009000 0.125 9"),
            2 => fs::write(run.path.join("meta.yaml"), "run_name: cut\nstart_time: 1795400000000\n").unwrap(),
            _ => std::os::unix::fs::symlink("/etc/passwd", run.path.join("metrics/acc")).unwrap(),
        }
        age(&run.path.join("meta.yaml"));
    }
    let mut looked = Looked::files(&store.root);
    looked.until("told", |index| index.problems.len() == 200);
    let (loss, acc) = (looked.index.keys.find("loss").unwrap(), "acc");
    for (number, run) in runs.iter().enumerate() {
        match number % 4 {
            0 | 2 => _ = run.status(3),
            1 => append(&run.path.join("metrics/loss"), "\n"),
            _ => {
                fs::remove_file(run.path.join("metrics/acc")).unwrap();
                run.metric(acc, 0.75, 1);
            }
        }
    }
    sleep(Duration::from_millis(50));
    for _ in 0..2 {
        looked.store.sweep(&looked.index, &Want::default());
        looked.read();
    }
    let is_right = |number: usize| {
        let run = looked.run(&format!("zz{number:03}"));
        match number % 4 {
            0 | 2 => run.status == Status::Finished,
            1 => run.metric(loss).unwrap().last.step == 9,
            _ => run.metric(looked.index.keys.find(acc).unwrap()).is_some(),
        }
    };
    let wrong: Vec<usize> = (0..400).filter(|number| !is_right(*number)).collect();
    assert!(wrong.is_empty(), "{} of 400: {wrong:?}", wrong.len());
    assert!(looked.index.problems.is_empty());
}

#[test]
fn runs_that_go_or_move_while_they_are_read_leave_nothing_behind() {
    let store = Made::new();
    store.experiment("0", "Default");
    store.experiment("1", "Other");
    let runs: Vec<common::stores::Run> =
        (0..300).map(|number| store.run("0", &format!("{number:03}"), "run", 3, 1_795_400_000_000)).collect();
    for run in &runs {
        (0..10).for_each(|key| _ = run.metric(&format!("m{key}"), 0.5, 1));
    }
    let open = || store::open(&Location::Files(store.root.clone()), None).unwrap();
    let mut looked = Looked::unread(open());
    // Its runs are known, and readers have them.
    while looked.index.runs().count() < 300 {
        let now = Instant::now();
        looked.store.refresh(&mut looked.index, &looked.want, now).unwrap();
    }
    for (number, run) in runs.iter().enumerate() {
        match number % 3 {
            0 => fs::remove_dir_all(&run.path).unwrap(),
            1 => fs::rename(&run.path, store.root.join(format!("1/{number:03}"))).unwrap(),
            _ => {}
        }
    }
    assert!(!looked.index.progress.complete, "in the middle of it");
    looked.read();
    let picture = |index: &Index| {
        let line = |run: &Run| (run.experiment, run.run_id().to_owned(), run.status, run.metrics().len());
        let mut lines: Vec<_> = index.runs().map(|run| line(run)).collect();
        lines.sort_by(|a, b| a.1.cmp(&b.1));
        lines
    };
    looked.until("as it is", |index| {
        let lines = picture(index);
        lines.len() == 200 && lines.iter().all(|(.., metrics)| *metrics == 10)
    });
    // Those that were moved say where they come from; those that have gone are no problem.
    let odd = looked.index.problems.iter().filter(|problem| !problem.what.contains("another experiment"));
    assert_eq!((odd.count(), looked.index.problems.len()), (0, 100));
    let mut fresh = Looked::unread(open());
    fresh.read();
    assert_eq!(picture(&looked.index), picture(&fresh.index));
}
