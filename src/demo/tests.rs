use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::*;

const NOW: i64 = 1_767_225_600_000; // 2026-01-01T00:00:00Z

/// `remove_all` means all of this process, so these tests run one after the other.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Seen {
    experiment: String,
    folder: PathBuf,
    meta: BTreeMap<String, String>,
}

impl Seen {
    fn time(&self, key: &str) -> Option<i64> {
        self.meta[key].parse().ok()
    }
}

fn meta(folder: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(folder.join("meta.yaml")).unwrap();
    let keys: Vec<_> = text.lines().map(|line| line.split_once(':').unwrap().0).collect();
    assert!(keys.is_sorted(), "{text}");
    text.lines()
        .map(|line| line.split_once(": ").unwrap())
        .map(|(key, value)| (key.to_owned(), value.trim_matches('\'').to_owned()))
        .collect()
}

fn folders(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.join("meta.yaml").exists()).collect()
}

fn runs(store: &Path) -> Vec<Seen> {
    let experiments = [folders(store), folders(&store.join(".trash"))].concat();
    let all = experiments.iter().flat_map(|experiment| {
        let name = meta(experiment)["name"].clone();
        folders(experiment).into_iter().map(move |folder| Seen {
            experiment: name.clone(),
            meta: meta(&folder),
            folder,
        })
    });
    all.collect()
}

fn files(path: &Path) -> Vec<PathBuf> {
    let all = walkdir::WalkDir::new(path).into_iter().map(|entry| entry.unwrap());
    all.filter(|entry| entry.file_type().is_file()).map(|entry| entry.into_path()).collect()
}

fn unpacked() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("mlruns");
    unpack(&store, folder.path(), Kind::Files, NOW).unwrap();
    (folder, store)
}

#[test]
fn the_store_is_complete() {
    let (folder, store) = unpacked();
    let runs = runs(&store);
    assert!((60..=90).contains(&runs.len()), "{} runs", runs.len());
    let ids: HashSet<_> = runs.iter().map(|run| run.meta["run_id"].clone()).collect();
    assert_eq!(ids.len(), runs.len());
    for run in &runs {
        assert_eq!(run.folder.file_name().unwrap().to_str().unwrap(), run.meta["run_id"]);
        assert_eq!(
            run.folder.parent().unwrap().file_name().unwrap().to_str().unwrap(),
            run.meta["experiment_id"]
        );
        let uri = &run.meta["artifact_uri"];
        assert!(
            uri.starts_with(&format!("file://{}/", store.display())) && uri.ends_with("/artifacts"),
            "{uri}"
        );
        let name = fs::read_to_string(run.folder.join("tags/mlflow.runName")).unwrap();
        assert_eq!(name, run.meta["run_name"]);
        if let Ok(parent) = fs::read_to_string(run.folder.join("tags/mlflow.parentRunId")) {
            assert!(ids.contains(&parent));
        }
    }
    let statuses: HashSet<_> = runs.iter().map(|run| run.meta["status"].as_str()).collect();
    assert_eq!(statuses, HashSet::from(["1", "3", "4", "5"]));
    assert!(runs.iter().any(|run| run.experiment == "vision/mnist-warmup"));
    assert!(
        runs.iter()
            .any(|r| r.meta["lifecycle_stage"] == "deleted" && r.experiment == "vision/cifar10-resnet")
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn metrics_can_be_read() {
    let (_folder, store) = unpacked();
    let mut points = 0;
    for path in files(&store).iter().filter(|path| path.to_str().unwrap().contains("/metrics/")) {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.ends_with('\n'));
        for line in text.lines() {
            let fields: Vec<_> = line.split(' ').collect();
            assert_eq!(fields.len(), 3, "{line}");
            assert!(fields[0].parse::<i64>().unwrap() <= NOW, "{}: {line}", path.display());
            fields[1].parse::<f64>().unwrap();
            fields[2].parse::<i64>().unwrap();
            points += 1;
        }
    }
    assert!(points > 10_000);
    let nan = runs(&store).iter().any(|run| {
        run.meta["status"] == "4"
            && fs::read_to_string(run.folder.join("metrics/train_loss"))
                .is_ok_and(|text| text.contains(" nan "))
    });
    assert!(nan);
}

#[test]
fn times_are_shortly_before_now() {
    let (_folder, store) = unpacked();
    let runs = runs(&store);
    let (minute, day) = (60_000, 86_400_000);
    for run in &runs {
        let start = run.time("start_time").unwrap();
        assert!(start <= NOW && start > NOW - 40 * day);
        assert!(run.time("end_time").is_none_or(|end| start < end && end < NOW), "{:?}", run.meta);
        assert_eq!(run.meta["status"] == "1", run.meta["end_time"] == "null");
    }
    let newest = runs.iter().filter_map(|run| run.time("end_time")).max().unwrap();
    assert!(newest > NOW - 30 * minute);
    assert!(runs.iter().any(|run| run.time("start_time").unwrap() < NOW - 10 * day));
}

#[test]
fn it_trains_and_stops() {
    let _alone = alone();
    let demo = Demo::start(NOW, Kind::Files).unwrap();
    let mode = fs::metadata(demo.store().parent().unwrap()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let live: Vec<_> = runs(demo.store()).into_iter().filter(|run| run.meta["status"] == "1").collect();
    let points = || -> Vec<usize> {
        let path = |run: &Seen| run.folder.join("metrics/loss");
        live.iter().map(|run| fs::read_to_string(path(run)).map_or(0, |text| text.lines().count())).collect()
    };
    let before = points();
    let begin = Instant::now();
    while points().iter().zip(&before).filter(|(now, before)| now > before).count() < 2 {
        assert!(begin.elapsed() < Duration::from_secs(2), "no new points");
        thread::sleep(Duration::from_millis(20));
    }
    let folder = demo.store().parent().unwrap().to_owned();
    demo.stop();
    assert!(!folder.exists());
}

#[test]
fn all_is_removed_while_it_trains() {
    let _alone = alone();
    let demos = [Demo::start(NOW, Kind::Files).unwrap(), Demo::start(NOW, Kind::Files).unwrap()];
    let parents: Vec<_> = demos.iter().map(|demo| demo.store().parent().unwrap().to_owned()).collect();
    thread::sleep(Duration::from_millis(300));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(remove_all);
        }
    });
    remove_all();
    for parent in &parents {
        let mut gone = parent.clone().into_os_string();
        gone.push(".gone");
        assert!(!parent.exists() && !Path::new(&gone).exists());
    }
    drop(demos);
    assert!(parents.iter().all(|parent| !parent.exists()));
}

#[test]
fn what_took_the_place_of_the_folder_is_left_alone() {
    let _alone = alone();
    let demo = Demo::start(NOW, Kind::Files).unwrap();
    let folder = demo.store().parent().unwrap().to_owned();
    let moved = folder.with_extension("moved");
    fs::rename(&folder, &moved).unwrap();
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("precious"), "").unwrap();
    demo.stop();
    assert!(folder.join("precious").exists() && moved.exists());
    fs::remove_dir_all(&folder).unwrap();
    fs::remove_dir_all(&moved).unwrap();
}

/// Hours of training in a moment: searches follow each other, runs end, nothing grows without bound.
#[test]
fn the_trainer_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("mlruns");
    let mut trainer = unpack(&store, folder.path(), Kind::Files, NOW).unwrap();
    let before = runs(&store).len();
    trainer.hurry(1_400).unwrap();
    let after = runs(&store);
    assert!((before + 15..before + 30).contains(&after.len()), "{before} -> {}", after.len());
    let running: Vec<_> = after.iter().filter(|run| run.meta["status"] == "1").collect();
    assert!(running.iter().any(|run| run.experiment == "nlp/bert-finetune"));
    assert!(running.len() <= 4, "{}", running.len());
}
