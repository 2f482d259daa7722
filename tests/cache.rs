//! The second start: what was known is shown at once, says that it is not verified, and is put right where the store has
//! changed meanwhile.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::stores::{Made, append, unpacked};
use mltop::index::Index;
use mltop::store::cache::Cache;
use mltop::store::{self, Location, Store, Want};

/// What a user sees of a store: of each run its experiment, name, state, params, tags and metrics.
type Picture = BTreeMap<String, Vec<String>>;

fn picture(index: &Index) -> Picture {
    let line = |run: &mltop::index::Run| {
        let pairs = |pairs: mltop::index::Pairs<'_>| {
            pairs.iter().map(|(key, text)| format!("{}={text}", index.keys.name(key))).collect::<Vec<_>>()
        };
        let metric = |(key, metric): (mltop::index::Key, mltop::index::Metric)| {
            format!("{}={:?} of {}", index.keys.name(key), metric.last, metric.points)
        };
        let mut out = vec![
            index.experiment(run.experiment).unwrap().title().to_owned(),
            format!("{} {} {:?}", run.title(), run.status_word(), run.start_time()),
            format!("{:?} {:?}", run.artifact_uri(&index.keys), run.end_time()),
        ];
        let (mut values, mut metrics) = (pairs(run.params()), run.metrics().map(metric).collect::<Vec<_>>());
        values.extend(pairs(run.tags()));
        values.sort();
        metrics.sort();
        out.extend(values.into_iter().chain(metrics));
        out
    };
    index.runs().map(|run| (run.run_id().to_owned(), line(run))).collect()
}

/// A store that is open with a cache.
struct Started {
    store: Box<dyn Store>,
    index: Index,
}

impl Started {
    fn at(root: &Path, caches: &Path) -> Self {
        let store = store::open(&Location::Files(root.to_owned()), Some(caches)).unwrap();
        Self { store, index: Index::default() }
    }

    /// The first thing that it shows.
    fn begin(&mut self) {
        self.store.refresh(&mut self.index, &Want::default(), Instant::now()).unwrap();
    }

    /// Reads, or verifies, everything.
    fn finish(&mut self) {
        let until = || Instant::now() + Duration::from_secs(1);
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.store.refresh(&mut self.index, &Want::default(), until()).unwrap().more {
            assert!(Instant::now() < deadline, "never ends");
        }
        assert!(self.index.progress.complete && !self.index.progress.verifying);
    }

    fn close(mut self) {
        self.store.close(&self.index, Instant::now() + Duration::from_secs(5));
    }
}

/// What is in the store, read without a cache.
fn truth(root: &Path) -> Picture {
    let mut store = store::open(&Location::Files(root.to_owned()), None).unwrap();
    picture(&store::read_all(store.as_mut()).unwrap())
}

/// Reads a store whole and keeps it.
fn first_start(root: &Path, caches: &Path) {
    let mut first = Started::at(root, caches);
    first.finish();
    first.close();
}

#[test]
fn the_second_start_shows_everything_at_once_and_then_verifies_it() {
    let (_dir, folder) = unpacked("v3-file");
    let root = folder.join("mlruns");
    let caches = tempfile::tempdir().unwrap();
    // What was written in these two seconds is not trusted, and would be read again.
    sleep(Duration::from_millis(2100));
    first_start(&root, caches.path());
    let mut second = Started::at(&root, caches.path());
    second.begin();
    let progress = second.index.progress;
    assert!(progress.verifying && !progress.complete, "it says that it is not verified: {progress:?}");
    assert!(second.index.latest.is_some(), "and it is known what to show");
    assert_eq!(picture(&second.index), truth(&root));
    second.finish();
    assert_eq!(picture(&second.index), truth(&root));
}

#[test]
fn what_has_changed_between_the_starts_is_put_right() {
    let store = Made::new();
    let experiment = store.experiment("0", "before");
    let runs: Vec<_> = ["aa", "bb", "cc", "dd"].map(|id| store.run("0", id, id, 3, 1_795_400_000_000)).into();
    for run in &runs {
        run.metric("loss", 0.5, 1)
            .metric("eval/loss", 0.7, 1)
            .param("lr", "0.1")
            .tag("note", "old")
            .tag("a/b", "x");
    }
    let caches = tempfile::tempdir().unwrap();
    sleep(Duration::from_millis(2100));
    first_start(&store.root, caches.path());
    let before = truth(&store.root);

    append(&runs[0].path.join("metrics/loss"), "1795400000001 0.25 2\n");
    append(&runs[0].path.join("metrics/eval/loss"), "1795400000001 0.35 2\n");
    fs::write(runs[1].path.join("tags/note"), "new").unwrap();
    runs[1].param("late", "1");
    fs::write(runs[2].path.join("tags/a/b"), "y").unwrap();
    fs::remove_dir_all(&runs[3].path).unwrap();
    store.run("0", "ee", "ee", 1, 1_795_400_009_000).metric("loss", 1.0, 1);
    let meta = fs::read_to_string(experiment.join("meta.yaml")).unwrap();
    fs::write(experiment.join("meta.yaml"), meta.replace("before", "after")).unwrap();

    let mut second = Started::at(&store.root, caches.path());
    second.begin();
    assert_eq!(picture(&second.index), before, "as it was");
    assert!(second.index.progress.verifying);
    second.finish();
    assert_eq!(picture(&second.index), truth(&store.root), "as it is");
}

#[test]
fn a_run_that_trains_is_read_again() {
    let store = Made::new();
    store.experiment("0", "Default");
    let run = store.run("0", "aa", "first", 1, 1_795_400_000_000);
    run.metric("loss", 0.5, 1).param("model/width", "3");
    let caches = tempfile::tempdir().unwrap();
    sleep(Duration::from_millis(2100));
    first_start(&store.root, caches.path());
    // No stamp of a folder that is looked at tells this, but a run that trains is not trusted.
    fs::write(run.path.join("params/model/width"), "4").unwrap();
    let mut second = Started::at(&store.root, caches.path());
    second.finish();
    assert_eq!(picture(&second.index), truth(&store.root));
}

#[test]
fn a_damaged_cache_is_none() {
    let store = Made::new();
    store.experiment("0", "Default");
    store.run("0", "aa", "first", 3, 1_795_400_000_000).metric("loss", 0.5, 1);
    let caches = tempfile::tempdir().unwrap();
    first_start(&store.root, caches.path());
    let file = Cache::of(&store.root, caches.path()).unwrap().path().to_owned();
    let good = fs::read(&file).unwrap();
    for at in (0..good.len()).step_by(7) {
        let mut bad = good.clone();
        bad[at] ^= 0xff;
        fs::write(&file, bad).unwrap();
        let mut second = Started::at(&store.root, caches.path());
        second.begin();
        assert!(!second.index.progress.verifying, "byte {at}");
        second.finish();
        assert_eq!(picture(&second.index), truth(&store.root), "byte {at}");
    }
    second_start_writes_it_anew(&store.root, caches.path());
}

fn second_start_writes_it_anew(root: &Path, caches: &Path) {
    first_start(root, caches);
    let mut next = Started::at(root, caches);
    next.begin();
    assert!(next.index.progress.verifying);
}

#[test]
fn a_copy_of_a_store_has_no_cache_and_nothing_is_written_into_a_store() {
    let store = Made::new();
    store.experiment("0", "Default");
    store.run("0", "aa", "first", 3, 1_795_400_000_000).metric("loss", 0.5, 1);
    let caches = tempfile::tempdir().unwrap();
    first_start(&store.root, caches.path());
    let copy = store.root.parent().unwrap().join("copy");
    fs::rename(&store.root, &copy).unwrap();
    let mut moved = Started::at(&copy, caches.path());
    moved.begin();
    assert!(!moved.index.progress.verifying, "another path is another store");
    let inside = copy.join("cache");
    first_start(&copy, &inside);
    assert!(!inside.exists());
}

#[test]
fn where_nothing_can_be_written_it_goes_on_without() {
    let store = Made::new();
    store.experiment("0", "Default");
    store.run("0", "aa", "first", 3, 1_795_400_000_000).metric("loss", 0.5, 1);
    let file = store.root.parent().unwrap().join("a file");
    fs::write(&file, "").unwrap();
    let mut first = Started::at(&store.root, &file.join("below"));
    first.finish();
    assert_eq!(first.index.runs().count(), 1);
    first.close();
}

#[test]
fn stores_without_runs_and_those_with_deleted_runs_only_come_back_too() {
    let fill: [fn(&Made); 4] = [
        |_| {},
        |store| _ = store.experiment("0", "no runs"),
        |store| {
            store.experiment("0", "deleted runs");
            let run = store.run("0", "aa", "gone", 3, 1_795_400_000_000);
            let meta = fs::read_to_string(run.path.join("meta.yaml")).unwrap();
            fs::write(run.path.join("meta.yaml"), meta.replace("stage: active", "stage: deleted")).unwrap();
        },
        |store| {
            store.experiment("0", "in the trash");
            store.run("0", "aa", "gone", 3, 1_795_400_000_000).metric("loss", 0.5, 1);
            fs::rename(store.root.join("0"), store.root.join(".trash/0")).unwrap();
        },
    ];
    let stores = fill.map(|fill| {
        let store = Made::new();
        fill(&store);
        store
    });
    sleep(Duration::from_millis(2100));
    for (place, store) in stores.iter().enumerate() {
        let caches = tempfile::tempdir().unwrap();
        first_start(&store.root, caches.path());
        let mut second = Started::at(&store.root, caches.path());
        second.begin();
        let is_deleted = |index: &Index| index.runs().all(|run| index.is_deleted(run));
        if place >= 2 {
            assert_eq!(picture(&second.index), truth(&store.root), "store {place}, at once");
            assert!(second.index.runs().count() == 1 && is_deleted(&second.index), "store {place}");
        }
        second.finish();
        assert_eq!(picture(&second.index), truth(&store.root), "store {place}");
        assert!(is_deleted(&second.index) && second.index.problems.is_empty(), "store {place}");
    }
}
