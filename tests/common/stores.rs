//! Stores on disk for tests: real ones that MLflow wrote, and small ones made on the spot.
#![allow(dead_code, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// A store that real MLflow wrote, unpacked from `tests/data`; gives the folder that holds `mlruns`.
pub fn unpacked(name: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let packed = format!("{}/tests/data/{name}.tar.gz", env!("CARGO_MANIFEST_DIR"));
    let unzipped = flate2::read::GzDecoder::new(fs::File::open(packed).unwrap());
    tar::Archive::new(unzipped).unpack(dir.path()).unwrap();
    let folder = dir.path().join(name);
    (dir, folder)
}

/// The same, unpacked once for all tests that only read it.
pub fn shared(name: &str) -> PathBuf {
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if !shared.exists() {
        let (dir, _) = unpacked(name);
        // Another test may have been faster; what it unpacked is the same.
        let _ = fs::rename(dir.path().join(name), &shared);
    }
    shared
}

/// A small store that a test writes as MLflow does.
pub struct Made {
    _dir: tempfile::TempDir,
    /// Its root.
    pub root: PathBuf,
}

impl Made {
    /// A store with no experiment.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("mlruns");
        fs::create_dir(&root).unwrap();
        fs::create_dir(root.join(".trash")).unwrap();
        Self { _dir: dir, root }
    }

    /// Adds an experiment.
    pub fn experiment(&self, id: &str, name: &str) -> PathBuf {
        let path = self.root.join(id);
        fs::create_dir(&path).unwrap();
        let meta = format!(
            "artifact_location: file://{}\ncreation_time: 1795400000000\nexperiment_id: '{id}'\n\
             last_update_time: 1795400000000\nlifecycle_stage: active\nname: {}\n",
            path.display(),
            scalar(name),
        );
        fs::write(path.join("meta.yaml"), meta).unwrap();
        path
    }

    /// Adds a run in the order in which MLflow writes one.
    pub fn run(&self, experiment: &str, id: &str, name: &str, status: u8, start: i64) -> Run {
        let path = self.root.join(experiment).join(id);
        fs::create_dir(&path).unwrap();
        let (experiment, id_, name_) = (experiment.to_owned(), id.to_owned(), name.to_owned());
        let run = Run { path, id: id_, name: name_, experiment, start, is_deleted: false };
        run.status(status);
        for folder in ["metrics", "params", "artifacts", "tags"] {
            fs::create_dir(run.path.join(folder)).unwrap();
        }
        run.tag("mlflow.runName", name);
        run
    }
}

/// A run of such a store.
pub struct Run {
    /// Its folder.
    pub path: PathBuf,
    id: String,
    name: String,
    experiment: String,
    start: i64,
    /// What `status` writes of its lifecycle.
    pub is_deleted: bool,
}

/// A text as a scalar of YAML: JSON's strings are some.
fn scalar(text: &str) -> String {
    serde_json::json!(text).to_string()
}

impl Run {
    /// Rewrites `meta.yaml` in place, as MLflow does; a run that has ended took a minute.
    pub fn status(&self, status: u8) -> &Self {
        let end = if status == 1 { "null".to_owned() } else { (self.start + 60_000).to_string() };
        let meta = format!(
            "artifact_uri: file://{}/artifacts\nend_time: {end}\nentry_point_name: ''\nexperiment_id: '{}'\n\
             lifecycle_stage: {}\nrun_id: {id}\nrun_name: {}\nrun_uuid: {id}\nsource_name: ''\nsource_type: 4\n\
             source_version: ''\nstart_time: {}\nstatus: {status}\ntags: []\nuser_id: demo\n",
            self.path.display(),
            self.experiment,
            if self.is_deleted { "deleted" } else { "active" },
            scalar(&self.name),
            self.start,
            id = self.id,
        );
        fs::write(self.path.join("meta.yaml"), meta).unwrap();
        self
    }

    fn put(&self, kind: &str, key: &str, value: &str) -> &Self {
        let path = self.path.join(kind).join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, value).unwrap();
        self
    }

    /// Sets a tag.
    pub fn tag(&self, key: &str, value: &str) -> &Self {
        self.put("tags", key, value)
    }

    /// Logs a param.
    pub fn param(&self, key: &str, value: &str) -> &Self {
        self.put("params", key, value)
    }

    /// Logs one value of a metric at a time that follows its step.
    pub fn metric(&self, key: &str, value: f64, step: i64) -> &Self {
        self.metric_at(key, value, step, self.start + step * 1000)
    }

    /// Logs one value of a metric: one write of a whole line.
    pub fn metric_at(&self, key: &str, value: f64, step: i64, time: i64) -> &Self {
        let path = self.path.join("metrics").join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let line = format!("{time} {value:?} {step}\n");
        append(&path, &line);
        self
    }
}

/// Appends to a file in one write.
pub fn append(path: &Path, text: &str) {
    let mut file = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}
