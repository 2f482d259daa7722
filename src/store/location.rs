//! Which store is meant: what was typed, else MLflow's own rule.
//!
//! Parsing a location touches nothing; only [`find`] looks at the file system.

use std::path::{Path, PathBuf};

use super::Error;
use super::files::{artifacts, looks_like_an_experiment};
use crate::shown::shown;

/// Where runs are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A file store, by its root.
    Files(PathBuf),
}

impl Location {
    /// What to call it in the header.
    pub fn title(&self) -> String {
        match self {
            Self::Files(root) => root.to_string_lossy().into_owned(),
        }
    }
}

/// What a location means before anything is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    /// A path: a folder, or a database file.
    Path(PathBuf),
    /// A database by URI.
    Database(String),
    /// A tracking server by URI.
    Server(String),
    /// A scheme that MLflow does not know either.
    Unknown(String),
}

fn parse(text: &str) -> Target {
    if let Some(path) = artifacts::local_path(text) {
        return Target::Path(path);
    }
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme).to_ascii_lowercase();
    let masked = artifacts::masked(text);
    match scheme.split('+').next().unwrap_or_default() {
        "http" | "https" | "databricks" | "uc" => Target::Server(masked),
        "sqlite" | "postgresql" | "postgres" | "mysql" | "mssql" => Target::Database(masked),
        _ => Target::Unknown(masked),
    }
}

/// Finds the store that is meant: `given` on the command line, else MLflow's rule (`get_tracking_uri`):
/// `MLFLOW_TRACKING_URI` (`environment`), else `./mlruns` when it has runs, else `./mlflow.db`.
pub fn find(given: Option<&str>, environment: Option<&str>, folder: &Path) -> Result<Location, Error> {
    if let Some(text) = given.or(environment.filter(|uri| !uri.is_empty())) {
        return match parse(text) {
            Target::Path(path) => at_path(&folder.join(path)),
            other => Err(not_yet(&other, given.is_none())),
        };
    }
    let mlruns = folder.join("mlruns");
    if mlruns.is_dir() {
        return at_path(&PathBuf::from("mlruns")).or_else(|_| at_path(&mlruns));
    }
    if folder.join("mlflow.db").is_file() {
        return Err(in_database("This folder has no mlruns; its", &folder.join("mlflow.db")));
    }
    Err(Error(
        "there is no mlruns folder here. Name the folder that MLflow writes to (mltop ./mlruns), \
               or try: mltop demo"
            .to_owned(),
    ))
}

/// A file store at a path: `mlruns` itself, or the project folder around it.
fn at_path(path: &Path) -> Result<Location, Error> {
    let path = if path.exists() { path.to_owned() } else { artifacts::percent_decoded(path) };
    let name = shown(&path.to_string_lossy());
    let meta = path.metadata().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error(format!(
            "{name} does not exist. Name the folder that MLflow writes to, usually ./mlruns in the folder where \
             training was started"
        )),
        std::io::ErrorKind::PermissionDenied => {
            Error(format!("{name} cannot be reached: permission denied. Ask its owner for access"))
        }
        _ => Error(format!("{name} cannot be read: {error}")),
    })?;
    if !meta.is_dir() {
        return Err(a_file(&path));
    }
    let entries = path.read_dir().map_err(|error| {
        Error(format!("{name} cannot be read: {}. Ask its owner for access", short(&error)))
    })?;
    let inside = path.join("mlruns");
    if inside.is_dir() {
        return at_path(&inside);
    }
    let folders: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    let hidden =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    if folders
        .iter()
        .any(|f| !hidden(f) && !f.ends_with("models") && f.is_dir() && looks_like_an_experiment(f))
        || path.join(".trash").is_dir()
    {
        return Ok(Location::Files(path));
    }
    Err(no_store(&path, &folders))
}

/// Why a folder that can be read is no file store, and what to do.
fn no_store(path: &Path, folders: &[PathBuf]) -> Error {
    let name = shown(&path.to_string_lossy());
    let beside = path.canonicalize().ok().and_then(|full| Some(full.parent()?.join("mlflow.db")));
    let databases = [Some(path.join("mlflow.db")), beside];
    if let Some(database) = databases.into_iter().flatten().find(|file| file.is_file()) {
        return in_database(&format!("{name} holds only artifacts; the"), &database);
    }
    if folders.is_empty() {
        return Error(format!(
            "{name} is empty: no run has been logged here yet. Start a training, or name another folder"
        ));
    }
    Error(format!(
        "{name} is not an MLflow store: no folder in it has a meta.yaml. Name the folder that MLflow writes to, \
         usually called mlruns"
    ))
}

fn a_file(path: &Path) -> Error {
    let name = shown(&path.to_string_lossy());
    let is_database = std::fs::File::open(path).is_ok_and(|mut file| {
        let mut magic = [0; 15];
        std::io::Read::read_exact(&mut file, &mut magic).is_ok() && &magic == b"SQLite format 3"
    });
    if path.metadata().is_ok_and(|meta| meta.is_file()) && is_database {
        return in_database("The", path);
    }
    Error(format!(
        "{name} is a file, not a folder of runs. Name the folder that MLflow writes to, usually ./mlruns"
    ))
}

fn in_database(lead: &str, database: &Path) -> Error {
    Error(format!(
        "{lead} runs are in the SQLite database {} (MLflow's default since 3.7), which this version of mltop does \
         not read yet. Export them to files, or see `mlflow ui --backend-store-uri sqlite:///{}`",
        shown(&database.to_string_lossy()),
        shown(&database.to_string_lossy())
    ))
}

fn not_yet(target: &Target, from_environment: bool) -> Error {
    let source = if from_environment { "MLFLOW_TRACKING_URI: " } else { "" };
    let later = "which this version of mltop does not read yet. Name a folder of runs: mltop ./mlruns";
    Error(match target {
        Target::Server(uri) => format!("{source}{uri} is a tracking server, {later}"),
        Target::Database(uri) => format!("{source}{uri} is a database, {later}"),
        Target::Unknown(uri) if uri.is_empty() => {
            "the store's name is empty. Name a folder of runs: mltop ./mlruns".to_owned()
        }
        Target::Unknown(uri) => {
            format!("{source}{uri} is no place of MLflow runs. Name a folder of runs: mltop ./mlruns")
        }
        Target::Path(path) => format!("{source}{}", shown(&path.to_string_lossy())),
    })
}

fn short(error: &std::io::Error) -> String {
    if error.kind() == std::io::ErrorKind::PermissionDenied {
        "permission denied".to_owned()
    } else {
        error.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn sentence(given: Option<&str>, environment: Option<&str>, folder: &Path) -> String {
        find(given, environment, folder).unwrap_err().to_string()
    }

    fn store(root: &Path) {
        fs::create_dir_all(root.join("0")).unwrap();
        fs::write(root.join("0/meta.yaml"), "experiment_id: '0'\nname: Default\n").unwrap();
    }

    #[test]
    fn a_store_by_path_uri_project_folder_and_rule() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("a b/mlruns");
        store(&root);
        let project = root.parent().unwrap();
        let path = root.to_str().unwrap();
        let here = Location::Files(root.clone());
        for given in
            [path.to_owned(), format!("file://{path}"), format!("file://{}", path.replace(' ', "%20"))]
        {
            assert_eq!(find(Some(&given), None, Path::new("/")).unwrap(), here, "{given}");
        }
        assert_eq!(find(project.to_str(), None, Path::new("/")).unwrap(), here);
        assert_eq!(find(Some("mlruns"), None, project).unwrap(), here);
        assert_eq!(find(None, None, project).unwrap(), here);
        assert_eq!(find(None, Some(path), Path::new("/")).unwrap(), here, "MLFLOW_TRACKING_URI");
    }

    #[test]
    fn one_sentence_that_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path();
        fs::create_dir(at.join("empty")).unwrap();
        fs::create_dir_all(at.join("other/src")).unwrap();
        fs::write(at.join("notes.txt"), "x").unwrap();
        assert!(sentence(Some("nowhere"), None, at).contains("does not exist. Name the folder"));
        assert!(sentence(Some("empty"), None, at).contains("is empty"));
        assert!(sentence(Some("other"), None, at).contains("is not an MLflow store"));
        assert!(sentence(Some("notes.txt"), None, at).contains("is a file"));
        assert!(sentence(None, None, at).contains("mltop demo"));
    }

    #[test]
    fn runs_in_a_database_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path();
        fs::create_dir_all(at.join("mlruns/0/0123/artifacts")).unwrap();
        fs::write(at.join("mlflow.db"), "SQLite format 3\0").unwrap();
        for given in [None, Some("mlruns"), Some("mlflow.db"), Some(".")] {
            assert!(sentence(given, None, at).contains("mlflow.db"), "{given:?}");
        }
    }

    #[test]
    fn credentials_are_never_told() {
        let told = sentence(None, Some("https://user:SECRET@host/x"), Path::new("/"));
        assert!(told.contains("***@host") && !told.contains("SECRET"), "{told}");
        let told = sentence(Some("postgresql+psycopg2://u:SECRET@h/db"), None, Path::new("/"));
        assert!(!told.contains("SECRET"), "{told}");
    }
}
