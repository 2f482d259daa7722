//! Where the artifacts of a database's runs are. MLflow records a path, a path relative to where training ran, or an
//! address at its server, whose files lie beside the database unless somebody chose otherwise.

use std::path::{Path, PathBuf};

use super::SqliteStore;
use crate::index::{Index, Run, RunKey};
use crate::store::files::artifacts::{self, Place};

/// Folders that MLflow puts artifacts into, beside the database: of clients and of `mlflow server`.
const ROOTS: [&str; 2] = ["mlruns", "mlartifacts"];

impl SqliteStore {
    /// The folder of a run's artifacts, or a sentence that says why there is none. MLflow makes the folder with the first
    /// artifact (`LocalArtifactRepository`), so it need not be there yet.
    pub(super) fn artifact_place(&self, index: &Index, key: RunKey) -> Result<PathBuf, String> {
        let Some(run) = index.run(key) else { return Err("the run is gone".to_owned()) };
        let home = self.path.parent().unwrap_or(Path::new("/"));
        let uri = run.artifact_uri(&index.keys);
        let uri = uri.as_deref().unwrap_or_default();
        let proxied = uri.strip_prefix("mlflow-artifacts:").map(|path| path.trim_start_matches('/'));
        let (mut first, mut none_yet) = (None, None);
        for root in ROOTS.map(|root| home.join(root)) {
            let recorded = match (proxied, artifacts::local_path(uri)) {
                (Some(path), _) => Some(root.join(path)),
                (None, Some(path)) if path.is_relative() => {
                    Some(home.join(path.strip_prefix(".").unwrap_or(&path)))
                }
                (None, absolute) => absolute,
            };
            let recorded = recorded.map(|path| path.to_string_lossy().into_owned());
            match locate(index, run, &root, recorded.as_deref().unwrap_or(uri)) {
                Ok(found) => return Ok(found),
                Err(note) => first = first.or(Some(note)),
            }
            none_yet = none_yet.or(recorded.filter(|path| would_be(Path::new(path), run.run_id())));
        }
        none_yet.map(PathBuf::from).ok_or(first.unwrap_or_default())
    }
}

/// Whether a path that is not there is where MLflow would put artifacts of this run: the folder of the experiment, that of
/// all experiments, or what that stands in is there.
fn would_be(path: &Path, run_id: &str) -> bool {
    let mut above = path.ancestors().skip(2).take(3);
    artifacts::is_own(path, run_id) && above.any(|folder| folder.parent().is_some() && folder.is_dir())
}

fn locate(index: &Index, run: &Run, root: &Path, uri: &str) -> Result<PathBuf, String> {
    let experiment = index.experiment(run.experiment);
    let folder = root.join(experiment.map_or("", |e| &e.experiment_id)).join(run.run_id());
    let recorded = artifacts::recorded_root(index);
    let recorded = recorded.as_deref();
    artifacts::locate(&Place {
        root,
        recorded_root: recorded,
        run: &folder,
        run_id: run.run_id(),
        uri: Some(uri),
    })
}
