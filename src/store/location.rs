//! Which store is meant: what was typed, else MLflow's own rule.
//!
//! Parsing a location touches nothing; only [`find`] looks at the file system.

use std::fmt;
use std::path::{Path, PathBuf};

use super::files::{artifacts, looks_like_an_experiment};
use super::{Error, sqlite};
use crate::shown::shown;

mod mistaken;

/// Where runs are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A file store, by its root.
    Files(PathBuf),
    /// A SQLite database, by its file.
    Sqlite(PathBuf),
    /// A tracking server.
    Server(ServerUri),
}

impl Location {
    /// What to call it in the header and in messages; without credentials.
    pub fn title(&self) -> String {
        match self {
            Self::Files(path) | Self::Sqlite(path) => path.to_string_lossy().into_owned(),
            Self::Server(uri) => uri.masked(),
        }
    }

    /// The folder that is the store, into which nothing may be written; none when it is no folder.
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Files(root) => Some(root),
            Self::Sqlite(_) | Self::Server(_) => None,
        }
    }
}

/// The address of a tracking server. It may carry credentials, which no `Debug` and no title tells.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerUri(String);

impl ServerUri {
    /// The address as it was given, with its credentials: for sending, never for showing.
    pub fn with_credentials(&self) -> &str {
        &self.0
    }

    /// The address without user and password.
    pub fn masked(&self) -> String {
        artifacts::masked(&self.0)
    }
}

impl fmt::Debug for ServerUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// The store that is meant, and what there is to tell about that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where the runs are.
    pub location: Location,
    /// The other store of the same project, when both hold runs.
    pub other: Option<Location>,
    /// One sentence, when it is not the store that one would expect.
    pub note: Option<String>,
}

impl From<Location> for Found {
    fn from(location: Location) -> Self {
        Self { location, other: None, note: None }
    }
}

/// What a location means before anything is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    /// A path: a folder, or a database file.
    Path(PathBuf),
    /// A tracking server.
    Server(ServerUri),
    /// Something that only a tracking server can read; its address without credentials.
    Foreign(String),
    /// A scheme that MLflow does not know either.
    Unknown(String),
}

fn parse(text: &str) -> Target {
    // MLflow takes these words for their scheme (`is_databricks_uri`); a folder of that name is `./databricks`.
    if matches!(text, "databricks" | "databricks-uc") {
        return Target::Foreign(text.to_owned());
    }
    if let Some(path) = artifacts::local_path(text) {
        return Target::Path(path);
    }
    let (scheme, rest) = text.split_once(':').unwrap_or_default();
    let scheme = scheme.to_ascii_lowercase();
    let scheme = scheme.split('+').next().unwrap_or_default();
    match scheme {
        "http" | "https" if rest.starts_with("//") => Target::Server(ServerUri(text.to_owned())),
        "sqlite" => {
            database_file(rest).map_or_else(|| Target::Unknown(artifacts::masked(text)), Target::Path)
        }
        "databricks" | "databricks-uc" | "uc" | "postgresql" | "postgres" | "mysql" | "mssql" | "oracle" => {
            Target::Foreign(artifacts::masked(text))
        }
        _ => Target::Unknown(artifacts::masked(text)),
    }
}

/// The file of a SQLAlchemy URI: `sqlite:///relative.db` and `sqlite:////absolute.db`. None for one in memory.
fn database_file(rest: &str) -> Option<PathBuf> {
    let path = rest.strip_prefix("///")?;
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    (!path.is_empty() && path != ":memory:").then(|| PathBuf::from(path))
}

/// Finds the store that is meant: `given` on the command line, else MLflow's rule (`get_tracking_uri`):
/// `MLFLOW_TRACKING_URI` (`environment`), else `./mlruns` when it has an experiment, else `./mlflow.db`.
pub fn find(given: Option<&str>, environment: Option<&str>, folder: &Path) -> Result<Found, Error> {
    if let Some(text) = given.or(environment.filter(|uri| !uri.is_empty())) {
        return match parse(text) {
            // Without what says nothing: `/home/me/./mlruns`.
            Target::Path(path) => at_path(&folder.join(path).components().collect::<PathBuf>()),
            Target::Server(uri) => Ok(Location::Server(uri).into()),
            other => Err(no_place(&other, given.is_none())),
        };
    }
    // Names without the path to here are what people know.
    let is_here = std::env::current_dir().is_ok_and(|here| here == folder);
    let here = if is_here { Path::new("") } else { folder };
    let mlruns = here.join("mlruns");
    match in_folder(here) {
        Some(found) => Ok(found),
        None if mlruns.is_dir() => at_path(&mlruns),
        None => Err(Error(
            "there is no mlruns folder and no mlflow.db here. Name the folder that MLflow writes to \
             (mltop ./mlruns), or try: mltop demo"
                .to_owned(),
        )),
    }
}

/// The store at a path: a database, `mlruns` itself, or the project folder around either.
fn at_path(path: &Path) -> Result<Found, Error> {
    let path = if path.exists() { path.to_owned() } else { artifacts::percent_decoded(path) };
    let name = shown(&path.to_string_lossy());
    let meta = path.metadata().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error(match mistaken::nearby(&path) {
            Some(store) => {
                format!("{name} does not exist, but there is {}", shown(&store.to_string_lossy()))
            }
            None => format!(
                "{name} does not exist. Name the folder that MLflow writes to, usually ./mlruns in the folder \
                 where training was started, or its mlflow.db"
            ),
        }),
        std::io::ErrorKind::PermissionDenied => {
            Error(format!("{name} cannot be reached: permission denied. Ask its owner for access"))
        }
        _ => Error(format!("{name} cannot be read: {error}")),
    })?;
    if !meta.is_dir() {
        return at_file(&path, meta.is_file());
    }
    let entries = path.read_dir().map_err(|error| {
        Error(format!("{name} cannot be read: {}. Ask its owner for access", short(&error)))
    })?;
    if let Some(found) = in_folder(&path) {
        return Ok(found);
    }
    let inside = path.join("mlruns");
    if inside.is_dir() {
        return at_path(&inside);
    }
    Err(no_store(&path, entries.flatten().next().is_none()))
}

/// The store of a folder: of the file stores in it (`mlruns`, or the folder itself) and the databases in it or beside it
/// the one that MLflow would take. None when it has neither.
fn in_folder(folder: &Path) -> Option<Found> {
    let inside = folder.join("mlruns");
    let in_place = folder.join("mlflow.db");
    let beside = folder.canonicalize().ok().and_then(|full| Some(full.parent()?.join("mlflow.db")));
    let is_mlruns = folder.canonicalize().is_ok_and(|full| full.ends_with("mlruns"));
    let itself = (!inside.is_dir() && !folder.as_os_str().is_empty()).then(|| folder.to_owned());
    let has_itself = itself.as_deref().is_some_and(|root| has_experiments(root, |_| true));
    let database = is_database(&in_place).then_some(in_place.clone()).or_else(|| {
        let is_artifact_root = is_mlruns || !has_itself && !inside.is_dir();
        beside.filter(|file| is_artifact_root && is_database(file))
    });
    let is_artifacts_of = |database: &Path| database != in_place;
    // MLflow takes an mlruns only for the sake of an experiment with a number.
    let is_number = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    let files = if has_itself {
        itself
    } else if has_experiments(&inside, is_number) || database.is_none() && is_file_store(&inside) {
        Some(inside.clone())
    } else {
        itself.filter(|root| database.is_none() && is_file_store(root))
    };
    match (files, database) {
        (Some(root), Some(database)) if sqlite::holds_runs(&database) => Some(Found {
            note: Some(format!("{} holds runs, too", shown(&database.to_string_lossy()))),
            other: Some(Location::Sqlite(database)),
            location: Location::Files(root),
        }),
        (Some(root), _) => Some(Location::Files(root).into()),
        (None, Some(database)) => {
            let other = has_experiments(&inside, |_| true).then(|| Location::Files(inside.clone()));
            let note = match &other {
                Some(other) => Some(format!("{} holds runs, too", shown(&other.title()))),
                None if is_artifacts_of(&database) => Some(format!(
                    "{} holds only artifacts; these are the runs in the mlflow.db beside it",
                    shown(&folder.to_string_lossy())
                )),
                None => None,
            };
            Some(Found { location: Location::Sqlite(database), other, note })
        }
        (None, None) => None,
    }
}

/// Whether a folder has an experiment whose name is one of these.
fn has_experiments(root: &Path, is_name: impl Fn(&str) -> bool) -> bool {
    let Ok(entries) = root.read_dir() else { return false };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        !name.starts_with('.')
            && name != "models"
            && is_name(&name)
            && entry.path().is_dir()
            && looks_like_an_experiment(&entry.path())
    })
}

/// Whether a folder is a file store, though perhaps an empty one.
fn is_file_store(root: &Path) -> bool {
    has_experiments(root, |_| true) || root.join(".trash").is_dir()
}

/// Why a folder that can be read is no store, and what to do.
fn no_store(path: &Path, is_empty: bool) -> Error {
    let name = shown(&path.to_string_lossy());
    if is_empty {
        return Error(format!(
            "{name} is empty: no run has been logged here yet. Start a training, or name another folder"
        ));
    }
    Error(format!(
        "{name} is not an MLflow store: no folder in it has a meta.yaml. Name the folder that MLflow writes to, \
         usually called mlruns, or its mlflow.db"
    ))
}

/// A database that was named; the `mlruns` beside MLflow's own may hold runs, too.
fn database(path: &Path) -> Found {
    let location = Location::Sqlite(path.to_owned());
    let mlruns = path.with_file_name("mlruns");
    let has_other = path.ends_with("mlflow.db") && has_experiments(&mlruns, |_| true);
    let note = has_other.then(|| format!("{} holds runs, too", shown(&mlruns.to_string_lossy())));
    Found { location, other: has_other.then_some(Location::Files(mlruns)), note }
}

/// The database in a file.
fn at_file(path: &Path, is_regular: bool) -> Result<Found, Error> {
    let name = shown(&path.to_string_lossy());
    let say = |what: String| Err(Error(format!("{name} {what}")));
    if !is_regular {
        return say(
            "is neither a folder nor a file. Name the folder that MLflow writes to, usually ./mlruns"
                .to_owned(),
        );
    }
    match std::fs::File::open(path) {
        Err(error) => say(format!("cannot be read: {}. Ask its owner for access", short(&error))),
        Ok(_) if is_database(path) => Ok(database(path)),
        Ok(file) if file.metadata().is_ok_and(|meta| meta.len() == 0) => {
            say("is an empty file: no run has been logged there yet".to_owned())
        }
        Ok(_) => say(
            "is a file, but no SQLite database. Name the folder that MLflow writes to, usually ./mlruns, \
             or its mlflow.db"
                .to_owned(),
        ),
    }
}

/// Whether a file begins as SQLite databases do. Only before the store is opened: closing a database's file gives up the
/// locks that this process holds on it.
fn is_database(path: &Path) -> bool {
    let is_regular = path.metadata().is_ok_and(|meta| meta.is_file());
    is_regular
        && std::fs::File::open(path).is_ok_and(|mut file| {
            let mut magic = [0; 16];
            std::io::Read::read_exact(&mut file, &mut magic).is_ok() && &magic == b"SQLite format 3\0"
        })
}

/// Why nothing can be read from a place that is no path and no server.
fn no_place(target: &Target, from_environment: bool) -> Error {
    let source = if from_environment { "MLFLOW_TRACKING_URI: " } else { "" };
    Error(match target {
        Target::Foreign(uri) => format!(
            "{source}{uri} cannot be read directly. Point mltop at the tracking server that uses it: \
             mltop http://HOST:5000"
        ),
        Target::Unknown(uri) if uri.is_empty() => {
            "the store's name is empty. Name a folder of runs: mltop ./mlruns".to_owned()
        }
        Target::Unknown(uri) => {
            format!("{source}{} is no place of MLflow runs. {}", shown(uri), mistaken::instead(uri))
        }
        Target::Path(path) => format!("{source}{}", shown(&path.to_string_lossy())),
        Target::Server(uri) => format!("{source}{}", uri.masked()),
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

    fn found(given: Option<&str>, environment: Option<&str>, folder: &Path) -> Location {
        find(given, environment, folder).unwrap().location
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
            assert_eq!(found(Some(&given), None, Path::new("/")), here, "{given}");
        }
        assert_eq!(found(project.to_str(), None, Path::new("/")), here);
        assert_eq!(found(Some("mlruns"), None, project), here);
        assert_eq!(found(None, None, project), here);
        assert_eq!(found(None, Some(path), Path::new("/")), here, "MLFLOW_TRACKING_URI");
    }

    #[test]
    fn one_sentence_that_says_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path();
        fs::create_dir(at.join("empty")).unwrap();
        fs::create_dir_all(at.join("other/src")).unwrap();
        fs::write(at.join("notes.txt"), "x").unwrap();
        assert!(sentence(Some("nowhere"), None, at).contains("does not exist. Name the folder"));
        assert!(!sentence(Some("./nowhere"), None, at).contains("./nowhere"));
        store(&at.join("other/mlruns"));
        assert!(sentence(Some("other/mlrun"), None, at).contains("but there is"));
        fs::remove_dir_all(at.join("other/mlruns")).unwrap();
        assert!(sentence(Some("empty"), None, at).contains("is empty"));
        assert!(sentence(Some("other"), None, at).contains("is not an MLflow store"));
        assert!(sentence(Some("notes.txt"), None, at).contains("is a file"));
        assert!(sentence(None, None, at).contains("mltop demo"));
    }

    /// A database with one run.
    fn database(path: &Path) {
        let database = rusqlite::Connection::open(path).unwrap();
        let tables = "CREATE TABLE experiments (experiment_id); CREATE TABLE runs (run_uuid, experiment_id);";
        database.execute_batch(tables).unwrap();
        database.execute("INSERT INTO runs VALUES ('a', 0)", []).unwrap();
    }

    #[test]
    fn runs_in_a_database_beside_an_artifact_root() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path();
        fs::create_dir_all(at.join("mlruns/0/0123/artifacts")).unwrap();
        database(&at.join("mlflow.db"));
        let here = at.canonicalize().unwrap();
        let uri = format!("sqlite:///{}", at.join("mlflow.db").display());
        for given in
            [None, Some("mlruns"), Some("mlflow.db"), Some("."), Some("sqlite:///mlflow.db"), Some(&uri)]
        {
            let found = find(given, None, at).unwrap();
            let Location::Sqlite(file) = &found.location else { panic!("{given:?}: {found:?}") };
            assert_eq!(file.canonicalize().unwrap(), here.join("mlflow.db"), "{given:?}");
            assert_eq!(found.note.is_some(), given == Some("mlruns"), "{given:?}");
        }
    }

    #[test]
    fn of_two_stores_the_one_that_mlflow_takes() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path();
        store(&at.join("mlruns"));
        database(&at.join("mlflow.db"));
        for given in [None, Some("."), Some("mlruns")] {
            let found = find(given, None, at).unwrap();
            assert!(matches!(&found.location, Location::Files(_)), "{given:?}");
            assert!(matches!(&found.other, Some(Location::Sqlite(_))), "{given:?}");
            assert!(found.note.unwrap().contains("mlflow.db holds runs"));
        }
        rusqlite::Connection::open(at.join("mlflow.db")).unwrap().execute("DELETE FROM runs", []).unwrap();
        assert_eq!(find(None, None, at).unwrap().other, None, "it holds none");
        // An experiment without a number is none to MLflow.
        fs::rename(at.join("mlruns/0"), at.join("mlruns/old")).unwrap();
        let found = find(None, None, at).unwrap();
        assert!(matches!((found.location, found.other), (Location::Sqlite(_), Some(Location::Files(_)))));
    }

    #[test]
    fn what_only_a_server_can_read() {
        for given in
            ["postgresql://u:SECRET@h/db", "mysql+pymysql://u:SECRET@h/db", "databricks", "databricks://x"]
        {
            let told = sentence(Some(given), None, Path::new("/"));
            assert!(told.contains("tracking server") && !told.contains("SECRET"), "{told}");
        }
    }

    #[test]
    fn credentials_are_never_told() {
        let found = find(None, Some("https://user:SECRET@host/x"), Path::new("/")).unwrap();
        let Location::Server(uri) = &found.location else { panic!("{found:?}") };
        assert!(uri.with_credentials().contains("SECRET"));
        let told = format!("{found:?} {}", found.location.title());
        assert!(told.contains("***@host") && !told.contains("SECRET"), "{told}");
    }
}
