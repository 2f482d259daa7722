//! Which changes stamps tell.
use super::*;
use crate::index::{ExperimentKey, RunKey};
use std::fs;

/// A run on disk, what is known of it, and whoever reads it.
struct Bed {
    dir: tempfile::TempDir,
    keys: Interner,
    run: Run,
    files: RunFiles,
}

impl Bed {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("aa");
        for (file, text) in [
            ("meta.yaml", "run_id: aa\nstatus: 3\nexperiment_id: '0'\n"),
            ("tags/note", "old"),
            ("params/lr", "0.1"),
            ("metrics/loss", "1 0.5 1\n"),
        ] {
            fs::create_dir_all(path.join(file).parent().unwrap()).unwrap();
            fs::write(path.join(file), text).unwrap();
        }
        let run = Run::new(RunKey(0), "aa", ExperimentKey(0));
        let mut bed = Self { dir, keys: Interner::default(), run, files: RunFiles::default() };
        bed.read(Due::WHOLE);
        bed
    }

    fn read(&mut self, due: Due) -> Outcome {
        let (mut buffers, mut draft) = (Buffers::default(), Draft::new(RunKey(0), ExperimentKey(0)));
        let mut reader = Reader { buffers: &mut buffers, draft: &mut draft, keys: &self.keys };
        let folder = Folder::open(&self.dir.path().join("aa")).unwrap();
        let mut outcome = read(&mut reader, &self.run, &mut self.files, (&folder, self.dir.path()), "0", due);
        if let Some(run) = outcome.run.take() {
            self.run = run;
        }
        outcome
    }

    /// As if it had been read without its stamps at this time.
    fn forget_stamps(&mut self, read_at: i64) {
        (self.files.bare, self.files.read_at) = (true, read_at);
        (self.files.tags, self.files.params, self.files.metrics) = (Seal::NONE, Seal::NONE, Seal::NONE);
        self.files.tag_files = 0;
        self.files.files.iter_mut().for_each(MetricFile::forget_stamp);
    }

    fn changes(&mut self) -> Due {
        let folder = Folder::open(&self.dir.path().join("aa")).unwrap();
        std::thread::sleep(TICK * 2);
        changes(&self.run, &mut self.files, &folder, &self.keys, Due::CHECK)
    }
}

const HOUR: i64 = 3600;

#[test]
fn stamps_that_are_much_older_than_the_reading_are_taken_later() {
    let mut bed = Bed::new();
    bed.forget_stamps(seconds() + HOUR);
    assert_eq!(bed.changes(), Due::empty(), "all of it has been calm since before it was read");
    assert!(!bed.files.bare);
    fs::write(bed.dir.path().join("aa/tags/note"), "new").unwrap();
    assert_eq!(bed.changes(), Due::TAGS | Due::TREE, "from then on every change shows");
    let mut path = fs::OpenOptions::new().append(true).open(bed.dir.path().join("aa/metrics/loss")).unwrap();
    std::io::Write::write_all(&mut path, b"2 0.25 2\n").unwrap();
    assert!(bed.changes().contains(Due::METRICS));
}

#[test]
fn stamps_that_may_be_younger_than_the_reading_tell_nothing() {
    let mut bed = Bed::new();
    bed.forget_stamps(seconds());
    let due = bed.changes();
    assert!(due.contains(Due::TAGS | Due::PARAMS | Due::METRICS), "it is read again: {due:?}");
}

#[test]
fn what_has_not_changed_is_not_due_and_what_has_is_read_by_the_same_look() {
    let mut bed = Bed::new();
    std::thread::sleep(TICK * 2);
    assert!(bed.read(Due::CHECK).reports.is_empty(), "nothing was read");
    fs::write(bed.dir.path().join("aa/tags/note"), "new").unwrap();
    fs::write(bed.dir.path().join("aa/params/late"), "1").unwrap();
    bed.read(Due::CHECK);
    let text =
        |pairs: crate::index::Pairs<'_>, name: &str| pairs.get(bed.keys.intern(name)).map(str::to_owned);
    assert_eq!(text(bed.run.tags(), "note").as_deref(), Some("new"));
    assert_eq!(text(bed.run.params(), "late").as_deref(), Some("1"));
}

#[test]
fn a_param_that_is_overwritten_in_place_shows_to_who_looks_at_params() {
    let mut bed = Bed::new();
    let param = bed.dir.path().join("aa/params/late");
    fs::write(&param, "1").unwrap();
    std::thread::sleep(TICK * 2);
    let close = Due::CHECK | Due::PARAM_FILES;
    bed.read(close);
    let value = |bed: &Bed| bed.run.params().get(bed.keys.intern("late")).map(str::to_owned);
    assert_eq!(value(&bed).as_deref(), Some("1"));
    assert!(bed.read(close).reports.is_empty(), "nothing was read again");
    fs::write(&param, "2").unwrap();
    bed.read(close);
    assert_eq!(value(&bed).as_deref(), Some("2"), "of the same length");
}

#[test]
fn a_glance_sees_what_came_and_leaves_what_was_appended_to_a_closer_look() {
    let mut bed = Bed::new();
    std::thread::sleep(TICK * 2);
    let loss = bed.dir.path().join("aa/metrics/loss");
    let points = |bed: &Bed| bed.run.metric(bed.keys.intern("loss")).map(|metric| metric.points);
    let before = points(&bed);
    let mut file = fs::OpenOptions::new().append(true).open(loss).unwrap();
    std::io::Write::write_all(&mut file, b"2 0.25 2\n").unwrap();
    fs::write(bed.dir.path().join("aa/params/late"), "1").unwrap();
    bed.read(Due::GLANCE);
    assert_eq!(points(&bed), before);
    assert!(bed.run.params().get(bed.keys.intern("late")).is_some());
    bed.read(Due::GLANCE | Due::CHECK);
    assert_eq!(points(&bed), before.map(|before| before + 1), "both at once are the closer one");
}

#[test]
fn a_glance_at_a_run_that_was_read_without_stamps_takes_those_of_its_folders_only() {
    let mut bed = Bed::new();
    std::thread::sleep(TICK * 2);
    bed.forget_stamps(seconds() + HOUR);
    assert!(!is_as_before("aa", &bed.files, &Folder::open(bed.dir.path()).unwrap()), "not known yet");
    bed.read(Due::GLANCE);
    assert!(is_as_before("aa", &bed.files, &Folder::open(bed.dir.path()).unwrap()));
    assert!(bed.files.bare, "what files have is for a closer look");
    bed.files.read_at = seconds() - HOUR;
    let mut file = fs::OpenOptions::new().append(true).open(bed.dir.path().join("aa/metrics/loss")).unwrap();
    std::io::Write::write_all(&mut file, b"2 0.25 2\n").unwrap();
    assert!(bed.changes().contains(Due::METRICS), "which can tell what has been written since");
}

#[test]
fn many_long_files_of_one_run_give_their_exact_latest_points_and_bad_lines() {
    let mut bed = Bed::new();
    let files = 5;
    for file in 0..files {
        // The highest step stands in the middle, out of sight of a tail.
        let mut text = String::new();
        for line in 0..60_000 {
            let step = if line == 30_000 + file { 1_000_000 + file } else { line };
            text += &format!("{} {}.5 {step}\n", 1_795_400_000_000_i64 + line, file * 100_000 + line);
        }
        let bad = if file == 3 { "half a li\n" } else { "" };
        let name = bed.dir.path().join(format!("aa/metrics/long{file}"));
        fs::write(name, format!("{text}{bad}")).unwrap();
    }
    let again = bed.read(Due::METRICS).again;
    assert!(again.contains(Due::LONG), "their ends were read: {again:?}");
    let outcome = bed.read(Due::LONG);
    for file in 0..files {
        let metric = bed.run.metric(bed.keys.intern(&format!("long{file}"))).unwrap();
        assert_eq!((metric.exact, metric.points), (true, 60_000));
        let value = (file * 100_000 + 30_000 + file) as f64 + 0.5;
        assert_eq!((metric.last.step, metric.last.value), (1_000_000 + file, value), "file {file}");
    }
    let told = format!("{:?}", outcome.reports);
    assert!(told.contains("long3") && told.contains("line 60001"), "{told}");
    assert_eq!(told.matches("bad lines").count(), 1, "{told}");
}

/// Does something to a run's folder.
type Change = fn(&Path);

/// What the head of a run is after something was done to its folder: read from the experiment, and from its own folder.
fn both_heads(change: impl Fn(&Path)) -> (Option<Run>, Option<Run>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("aa");
    fs::create_dir_all(path.join("tags")).unwrap();
    fs::write(path.join("meta.yaml"), "run_id: aa\nstatus: 3\nrun_name: name\nstart_time: 7\n").unwrap();
    fs::write(path.join("tags/mlflow.parentRunId"), "bb").unwrap();
    change(&path);
    let (keys, run) = (Interner::default(), Run::new(RunKey(0), "aa", ExperimentKey(0)));
    let (mut buffers, mut draft) = (Buffers::default(), Draft::new(RunKey(0), ExperimentKey(0)));
    let mut reader = Reader { buffers: &mut buffers, draft: &mut draft, keys: &keys };
    let due = Due::HEAD | Due::FIRST;
    let experiment = Folder::open(dir.path()).unwrap();
    let head = read_head(&mut reader, &run, &mut RunFiles::default(), (&experiment, dir.path()), "0", due);
    let folder = Folder::open(&path).unwrap();
    let whole = read(&mut reader, &run, &mut RunFiles::default(), (&folder, dir.path()), "0", due);
    (head.map(|head| head.run.unwrap()), whole.run)
}

#[test]
fn a_head_is_the_same_without_opening_the_folder_of_the_run() {
    use std::os::unix::fs::symlink;
    let changes: [(&str, Change); 6] = [
        ("plain", |_| {}),
        ("no parent", |run| fs::remove_file(run.join("tags/mlflow.parentRunId")).unwrap()),
        ("no tags", |run| fs::remove_dir_all(run.join("tags")).unwrap()),
        ("name in a tag", |run| {
            fs::write(run.join("meta.yaml"), "run_id: aa\nstatus: 1\n").unwrap();
            fs::write(run.join("tags/mlflow.runName"), "another").unwrap();
        }),
        ("a link inside of the run", |run| {
            fs::rename(run.join("tags/mlflow.parentRunId"), run.join("parent")).unwrap();
            symlink("../parent", run.join("tags/mlflow.parentRunId")).unwrap();
        }),
        ("a link out of the run", |run| {
            fs::rename(run.join("tags/mlflow.parentRunId"), run.parent().unwrap().join("parent")).unwrap();
            symlink("../../parent", run.join("tags/mlflow.parentRunId")).unwrap();
        }),
    ];
    for (what, change) in changes {
        let (head, whole) = both_heads(change);
        let told =
            |run: &Run| (run.name().map(str::to_owned), run.parent_run_id().map(str::to_owned), run.status);
        let (head, whole) = (head.unwrap(), whole.unwrap());
        assert_eq!(told(&head), told(&whole), "{what}");
        assert!(head.is_like(&whole), "{what}");
    }
}

#[test]
fn what_is_wrong_with_a_head_is_left_to_the_reader_of_whole_runs() {
    let odd: [Change; 4] = [
        |run| fs::remove_file(run.join("meta.yaml")).unwrap(),
        |run| fs::write(run.join("meta.yaml"), "{").unwrap(),
        |run| fs::write(run.join("meta.yaml"), format!("run_id: aa\n# {}\n", "x".repeat(70_000))).unwrap(),
        |run| {
            fs::remove_file(run.join("meta.yaml")).unwrap();
            fs::create_dir(run.join("meta.yaml")).unwrap();
        },
    ];
    odd.into_iter().for_each(|change| assert!(both_heads(change).0.is_none()));
}
