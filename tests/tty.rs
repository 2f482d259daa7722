//! The real program on a real pseudo terminal, with real keys, over stores that are being written.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::Tty;
use common::stores::Made;

const MIDDLE: (u16, u16) = (120, 36);

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

/// A store with a grid search of three children, the last of which trains.
fn grid_search() -> Made {
    let store = Made::new();
    let start = now() - 600_000;
    store.experiment("0", "Default");
    store.experiment("7", "vision/grid");
    let parent = store.run("7", "aa00", "search", 1, start);
    parent.param("grid", "lr");
    for (i, (name, lr)) in
        [("child-one", "0.1"), ("child-two", "0.01"), ("자식-셋", "1e-3")].iter().enumerate()
    {
        let status = if i == 2 { 1 } else { 3 };
        let run = store.run("7", &format!("bb0{i}"), name, status, start + 1000 * (i as i64 + 1));
        run.tag("mlflow.parentRunId", "aa00").param("lr", lr);
        for step in 0..20 {
            run.metric("loss", 1.0 / (step + 1 + i as i64) as f64, step);
        }
    }
    store
}

fn open(store: &Made, size: (u16, u16)) -> Tty {
    Tty::spawn(&[store.root.to_str().unwrap()], &[], size)
}

/// The whole way that a user goes: experiments, grid search, children, comparison, curves, while somebody trains.
#[test]
fn a_user_compares_children_of_a_grid_search_while_one_trains() {
    let store = grid_search();
    let stop = Arc::new(AtomicBool::new(false));
    let training = store.root.join("7/bb02/metrics/loss");
    let trainer = thread::spawn({
        let stop = stop.clone();
        move || {
            let mut step = 20;
            while !stop.load(Ordering::Relaxed) {
                common::stores::append(&training, &format!("{} 0.{step:04} {step}\n", now()));
                step += 1;
                thread::sleep(Duration::from_millis(20));
            }
            step - 1
        }
    });
    let mut tty = open(&store, MIDDLE);
    tty.wait("live").wait("Experiments").wait("vision/");
    // From the experiments to the grid search, which opens with a key.
    tty.send("1").send("gg").send("j").wait("Runs · Default");
    tty.send("jj").wait("Runs · vision/grid").wait("3 runs");
    tty.send("\r").send("l").wait("child-two").wait("child-one").wait("자식-셋");
    // Two children are marked and compared: the one that trains and a finished one.
    tty.send("l").send(" ").send(" ").wait("2 marked").send("=");
    tty.wait("Compare 2 runs").wait("a 자식-셋").wait("b child-two");
    let row = |screen: &vt100::Screen, begin: &str| {
        screen.contents().lines().find(|line| line.contains(begin)).map(str::to_owned)
    };
    tty.wait_until("the params differ", |screen| {
        row(screen, "≠ lr").is_some_and(|line| line.contains("1e-3") && line.contains("0.01"))
    });
    tty.wait_until("the finished one's last value", |screen| {
        row(screen, "≠ loss").is_some_and(|line| line.contains("0.04762"))
    });
    tty.send("x").wait("only rows that differ").send("m").wait("m table").wait("자식-셋 (running)");
    stop.store(true, Ordering::Relaxed);
    let last = trainer.join().unwrap();
    // The curve and the table end where the file ends.
    let value = mltop::format::number(format!("0.{last:04}").parse().unwrap());
    tty.wait(&value).send("m").wait_until("the last value in the table", |screen| {
        row(screen, "≠ loss").is_some_and(|line| line.contains(&value))
    });
    tty.send("q").wait("Runs · vision/grid").send("q");
    assert_eq!(tty.exit_code(), 0);
    assert_eq!(tty.leftovers(), Vec::<&str>::new());
    assert!(tty.effects().queries.is_empty(), "no question to the terminal");
}

#[test]
fn what_is_written_appears_without_a_key() {
    let store = grid_search();
    let mut tty = open(&store, MIDDLE);
    tty.wait("live").send("1").send("G").wait("Runs · vision/grid").send("2E").wait("child-one");
    let row = |tty: &mut Tty, name: &str, part: &str| {
        tty.wait_until(&format!("{name}: {part}"), |screen| {
            screen.contents().lines().any(|line| line.contains(name) && line.contains(part))
        });
    };
    // A new child, with the tag that makes it one written after everything else.
    let child = store.run("7", "cc00", "late-child", 1, now());
    child.param("lr", "7").tag("mlflow.parentRunId", "aa00").metric("loss", 0.777, 3);
    row(&mut tty, "late-child", "0.777");
    tty.wait("4 runs");
    // A point, the end, another name.
    child.metric("loss", 0.666, 4);
    row(&mut tty, "late-child", "0.666");
    child.status(4);
    row(&mut tty, "late-child", "✗ fail");
    tty.wait("late-child has failed").wait("1 notice").send("W").wait("Notices 1").send("q");
    tty.wait_gone("Notices 1").wait_gone("1 notice");
    // MLflow truncates and rewrites in place: meanwhile the row keeps its last good state.
    fs::write(child.path.join("meta.yaml"), "").unwrap();
    tty.idle(Duration::from_millis(700));
    row(&mut tty, "late-child", "✗ fail");
    child.status(3);
    row(&mut tty, "late-child", "✓ ok");
    // Deleted on disk: gone from the list.
    fs::remove_dir_all(&child.path).unwrap();
    tty.wait_gone("late-child").send("q");
    assert_eq!(tty.exit_code(), 0);
}

#[test]
fn the_cursor_stays_with_its_run_when_rows_are_added() {
    let store = grid_search();
    let mut tty = open(&store, MIDDLE);
    tty.wait("live").send("1").send("G").wait("Runs · vision/grid").send("2E").wait("child-one").send("jj");
    let is_under_cursor = |screen: &vt100::Screen, name: &str| {
        let (rows, columns) = (screen.size().0.get(), screen.size().1.get());
        (0..rows).any(|row| {
            let line = screen.contents_between(row, 0, row, columns);
            let cell =
                (0..columns).rev().find_map(|column| screen.cell(row, column).filter(|cell| cell.inverse()));
            cell.is_some() && line.contains(name)
        })
    };
    tty.wait_until("the cursor on child-two", |screen| is_under_cursor(screen, "child-two"));
    for i in 0..5 {
        store
            .run("7", &format!("dd0{i}"), &format!("newer-{i}"), 1, now() + i)
            .tag("mlflow.parentRunId", "aa00");
    }
    tty.wait("newer-4").wait_until("still on child-two", |screen| is_under_cursor(screen, "child-two"));
}

#[test]
fn starts_and_quits_on_a_small_screen() {
    let store = grid_search();
    let mut tty = open(&store, (80, 24));
    tty.wait("mltop").send("q");
    assert_eq!(tty.exit_code(), 0);
}

#[test]
fn resizing_to_nothing_and_back() {
    let store = grid_search();
    let mut tty = open(&store, MIDDLE);
    tty.wait("live");
    for size in [(1, 1), (19, 4), (500, 3), (80, 24)] {
        tty.resize(size);
        tty.idle(Duration::from_millis(60));
    }
    tty.wait("Runs · ").send("q");
    assert_eq!(tty.exit_code(), 0);
}

#[test]
fn signals_give_the_terminal_back() {
    for (signal, code) in [("TERM", 143), ("HUP", 129), ("INT", 130)] {
        let store = grid_search();
        let mut tty = open(&store, MIDDLE);
        tty.wait("live");
        Command::new("kill").args([&format!("-{signal}"), &tty.process().to_string()]).status().unwrap();
        assert_eq!(tty.exit_code(), code, "{signal}");
        assert_eq!(tty.leftovers(), Vec::<&str>::new(), "{signal}");
    }
}

#[test]
fn copies_go_through_the_terminal() {
    let store = grid_search();
    let mut tty = open(&store, MIDDLE);
    tty.wait("live").send("1").send("G").wait("Runs · vision/grid").send("2").wait("search").send("y");
    tty.wait("copied the run id").wait_effect("a copy", |effects| effects.clipboard.is_some());
    assert_eq!(tty.clipboard(), Some(&b"YWEwMA=="[..]), "aa00");
}

#[test]
fn exports_land_in_the_current_folder() {
    let store = grid_search();
    let folder = tempfile::tempdir().unwrap();
    let program = format!(
        "cd {} && exec {} {}",
        folder.path().display(),
        env!("CARGO_BIN_EXE_mltop"),
        store.root.display()
    );
    let mut tty = Tty::spawn_program("/bin/sh".as_ref(), &["-c", &program], &[], MIDDLE);
    tty.wait("live")
        .send("1")
        .send("G")
        .wait("Runs · vision/grid")
        .send("2")
        .wait("3 runs")
        // What is exported sooner says so far.
        .wait_gone("reading")
        .send("e")
        .wait("wrote 4 runs: ./vision-grid-runs.csv, .json");
    let csv = fs::read_to_string(folder.path().join("vision-grid-runs.csv")).unwrap();
    assert!(csv.contains("bb01") && csv.contains("0.01"), "{csv}");
    tty.send("E").wait("child-one").send("j").send("i2").wait("LATEST").wait("loss").send("e").wait(".svg");
    let names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into())
        .collect();
    assert!(
        names.iter().any(|name| name.ends_with(".png")) && names.iter().any(|name| name.ends_with(".svg")),
        "{names:?}"
    );
}

#[test]
fn the_demo_trains_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut tty = Tty::spawn(&["demo"], &[("TMPDIR", folder.path().to_str().unwrap())], MIDDLE);
    tty.wait("live").wait("running").wait("grid-search-2").wait("lr1e-05-bs16");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    tty.send("q");
    assert_eq!(tty.exit_code(), 0);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "the sample store is gone");
}

#[test]
fn the_demo_leaves_nothing_after_a_signal() {
    let folder = tempfile::tempdir().unwrap();
    let mut tty = Tty::spawn(&["demo"], &[("TMPDIR", folder.path().to_str().unwrap())], MIDDLE);
    tty.wait("live");
    Command::new("kill").args(["-TERM", &tty.process().to_string()]).status().unwrap();
    assert_eq!(tty.exit_code(), 143);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "the sample store is gone");
}

/// Clock ticks of processor time that a process has used.
fn used(process: i32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn a_server_that_is_not_there_is_waited_for_without_work() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let mut tty = Tty::spawn(&["--no-state", &address], &[], MIDDLE);
    tty.wait("offline").wait("nobody listens");
    let before = used(tty.process());
    tty.idle(Duration::from_secs(4));
    let spent = used(tty.process()) - before;
    assert!(spent <= 100, "{spent} ticks of 400");
    tty.send("q");
    assert_eq!(tty.exit_code(), 0);
}

#[test]
fn what_was_on_screen_can_be_dumped() {
    let store = grid_search();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dump.json");
    let mut tty =
        Tty::spawn(&["--dump-on-exit", file.to_str().unwrap(), store.root.to_str().unwrap()], &[], MIDDLE);
    // On a busy machine the store is followed before all of it is read.
    tty.wait("live").wait_gone("reading").send("q");
    assert_eq!(tty.exit_code(), 0);
    let dump: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let printed = Command::new(env!("CARGO_BIN_EXE_mltop"))
        .args(["dump", store.root.to_str().unwrap(), "--histories"])
        .output()
        .unwrap();
    let printed: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert_eq!(dump, printed, "the view and the command read the same");
}

#[cfg(feature = "crash-test")]
#[test]
fn a_panic_gives_the_terminal_back() {
    for (kind, told) in [("panic", "internal error"), ("overflow", ""), ("alloc", "")] {
        let store = grid_search();
        let mut tty = Tty::spawn(&["--crash-test", kind, store.root.to_str().unwrap()], &[], MIDDLE);
        tty.wait("live");
        assert_ne!(tty.exit_code(), 0, "{kind}");
        assert_eq!(tty.leftovers(), Vec::<&str>::new(), "{kind}");
        assert!(tty.screen().contains(told), "{kind}: {}", tty.screen());
    }
}

#[cfg(feature = "crash-test")]
#[test]
fn a_panic_of_a_worker_costs_a_line() {
    let store = grid_search();
    let mut tty = Tty::spawn(&["--crash-test", "worker-panic", store.root.to_str().unwrap()], &[], MIDDLE);
    tty.wait("internal error").wait("Runs · ").send("q");
    assert_eq!(tty.exit_code(), 0);
}

/// Views and filters lie outside of the store, and the next start brings them back.
#[test]
fn an_experiment_comes_back_as_it_was_left() {
    let store = grid_search();
    let folder = tempfile::tempdir().unwrap();
    let names = |folder: &std::path::Path| {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let in_store = names(&store.root);
    let variables = [("XDG_STATE_HOME", folder.path().to_str().unwrap())];
    let args = ["--no-cache", store.root.to_str().unwrap()];
    let mut tty = Tty::spawn(&args, &variables, MIDDLE);
    tty.wait("vision/grid").wait("live").send("f").send("params.lr >= 0.01").wait("2 of 4");
    tty.send("\r").send(":sort params.lr\r").wait("by params.lr");
    tty.send(":save small steps\r").wait("saved the view small steps").send("q");
    assert_eq!(tty.exit_code(), 0);
    assert_eq!(names(&folder.path().join("mltop")).len(), 1, "one file for the store");
    assert_eq!(names(&store.root), in_store, "nothing is written into the store");

    let mut tty = Tty::spawn(&args, &variables, MIDDLE);
    tty.wait("f params.lr >= 0.01").wait("2 of 4 runs").wait("by params.lr");
    tty.send("w").wait("small steps").send("\x1b").wait_gone("small steps").send("q");
    assert_eq!(tty.exit_code(), 0);

    let mut tty = Tty::spawn(&["--no-state", args[0], args[1]], &variables, MIDDLE);
    tty.wait("newest first").wait("4 runs").send("q");
    assert_eq!(tty.exit_code(), 0);
}

/// Where nothing can be kept it goes on, and says so when somebody wanted something kept.
#[test]
fn without_a_place_to_keep_views_it_goes_on() {
    let store = grid_search();
    let mut tty = Tty::spawn(&[store.root.to_str().unwrap()], &[("XDG_STATE_HOME", "/dev/null")], MIDDLE);
    tty.wait("live").send(":save mine\r").wait("kept only until the end").send("w").wait("mine");
    tty.send("\x1b").wait_gone("Views").send("q");
    assert_eq!(tty.exit_code(), 0);
}

#[test]
fn a_key_shows_the_other_store_of_the_project_and_another_the_first_again() {
    let store = grid_search();
    let database = common::database::Database::new();
    database.experiment("7", "in the database").run("7", "dd", "a row", "FINISHED", common::database::START);
    fs::copy(&database.path, store.root.with_file_name("mlflow.db")).unwrap();
    // A place for views: that there is none would be told in the same line, and cut this short.
    let state = tempfile::tempdir().unwrap();
    let variables = [("XDG_STATE_HOME", state.path().to_str().unwrap())];
    let mut tty = Tty::spawn(&[store.root.to_str().unwrap()], &variables, MIDDLE);
    tty.wait("mlflow.db holds runs, too: O shows them").wait("live").send("O");
    tty.wait("in the database").wait("a row").wait("live").send("O");
    tty.wait("vision/grid").wait("live").send("q");
    assert_eq!(tty.exit_code(), 0);
    assert_eq!(tty.leftovers(), Vec::<&str>::new());
}

#[test]
fn the_demo_trains_in_a_database_too() {
    let mut tty = Tty::spawn(&["demo", "--sqlite"], &[], MIDDLE);
    tty.wait("live").wait("running").send("q");
    assert_eq!(tty.exit_code(), 0);
}
