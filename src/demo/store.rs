//! Writes a file store with the system calls of MLflow 2.22's `FileStore`, so that whoever reads it sees what real
//! training shows: a run folder before its tags, an empty `meta.yaml` for a moment, metric files that only grow.
//!
//! The layout is that of 2.22 because every later MLflow reads it too. Folders are made one by one, never with their
//! parents: a store that was removed meanwhile is an error, and does not come back.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::database::Database;
use crate::index::Status;

/// MLflow's `RunStatus` numbers.
pub(super) const RUNNING: u8 = 1;
/// Ended without an error.
pub(super) const FINISHED: u8 = 3;
/// Ended with an error.
pub(super) const FAILED: u8 = 4;
/// Was stopped.
pub(super) const KILLED: u8 = 5;

/// A store that is being written.
#[derive(Clone, Debug)]
pub(super) struct Store {
    root: PathBuf,
    uri: String,
    /// Where everything but artifacts goes, when it is no file store.
    database: Option<Database>,
}

impl Store {
    /// A new, empty store in a folder that does not exist yet.
    pub(super) fn create(root: &Path) -> io::Result<Self> {
        mkdir(root)?;
        mkdir(&root.join(".trash"))?;
        Ok(Self { root: root.to_owned(), uri: file_uri(root), database: None })
    }

    /// A new, empty database, and a folder for artifacts that does not exist yet.
    pub(super) fn create_in(database: &Path, artifacts: &Path) -> io::Result<Self> {
        mkdir(artifacts)?;
        let database = Some(Database::create(database)?);
        Ok(Self { root: artifacts.to_owned(), uri: file_uri(artifacts), database })
    }

    /// The past is written; what follows is training.
    pub(super) fn is_past(&self) -> io::Result<()> {
        self.database.as_ref().map_or(Ok(()), Database::begin_commits)
    }

    /// `file://` URI of the store.
    pub(super) fn uri(&self) -> &str {
        &self.uri
    }

    /// A new experiment, created at a time in ms; `deleted` is when it went to the trash.
    pub(super) fn experiment(
        &self,
        id: &str,
        name: &str,
        created: i64,
        deleted: Option<i64>,
    ) -> io::Result<Experiment> {
        let parent = if deleted.is_some() { self.root.join(".trash") } else { self.root.clone() };
        let experiment = Experiment {
            id: id.to_owned(),
            folder: parent.join(id),
            // MLflow does not rewrite this when the folder moves to the trash.
            uri: format!("{}/{id}", self.uri),
            database: self.database.clone(),
        };
        if let Some(database) = &self.database {
            database.experiment(id, name, &experiment.uri, created, deleted)?;
            return Ok(Experiment { folder: self.root.join(id), ..experiment });
        }
        mkdir(&experiment.folder)?;
        let mut meta = format!(
            "artifact_location: {}\ncreation_time: {created}\nexperiment_id: '{id}'\nlast_update_time: {}\n\
             lifecycle_stage: {}\nname: {}\n",
            experiment.uri,
            deleted.unwrap_or(created),
            if deleted.is_some() { "deleted" } else { "active" },
            scalar(name),
        );
        if deleted.is_some() {
            meta.push_str("tags: {}\n");
        }
        put(&experiment.folder.join("meta.yaml"), meta.as_bytes())?;
        Ok(experiment)
    }
}

/// An experiment of the store.
#[derive(Clone, Debug)]
pub(super) struct Experiment {
    id: String,
    folder: PathBuf,
    uri: String,
    database: Option<Database>,
}

impl Experiment {
    /// Sets a tag of the experiment.
    pub(super) fn tag(&self, key: &str, value: &str) -> io::Result<()> {
        if let Some(database) = &self.database {
            return database.experiment_tag(&self.id, key, value);
        }
        put_under(&self.folder, &format!("tags/{key}"), value.as_bytes())
    }

    /// Describes a data set; `id` names its folder.
    pub(super) fn dataset(&self, id: &str, meta: &str) -> io::Result<()> {
        if let Some(database) = &self.database {
            return database.dataset(&self.id, id, meta);
        }
        put_under(&self.folder, &format!("datasets/{id}/meta.yaml"), meta.as_bytes())
    }

    /// A new run, in MLflow's order: folder, `meta.yaml`, sub-folders, tags, and `meta.yaml` again for its name.
    pub(super) fn run(&self, new: NewRun<'_>) -> io::Result<Run> {
        let uri = format!("{}/{}/artifacts", self.uri, new.id);
        if let Some(database) = &self.database {
            database.run(&self.id, &uri, &new)?;
        }
        let run = Run {
            folder: self.folder.join(&new.id),
            uri,
            database: self.database.clone(),
            experiment: self.id.clone(),
            id: new.id,
            name: new.name,
            user: new.user.to_owned(),
            start: new.start,
        };
        if run.database.is_none() {
            mkdir(&run.folder)?;
            run.write_meta(RUNNING, None, Stage::Fresh)?;
            for part in ["metrics", "params", "artifacts", "tags"] {
                mkdir(&run.folder.join(part))?;
            }
        }
        run.tag("mlflow.user", new.user)?;
        run.tag("mlflow.source.name", new.source)?;
        run.tag("mlflow.source.type", "LOCAL")?;
        if let Some(commit) = new.commit {
            run.tag("mlflow.source.git.commit", commit)?;
        }
        if let Some(parent) = new.parent {
            run.tag("mlflow.parentRunId", parent)?;
        }
        run.tag("mlflow.runName", &run.name)?;
        if run.database.is_none() {
            run.write_meta(RUNNING, None, Stage::Active)?;
        }
        Ok(run)
    }
}

/// What a run starts with.
#[derive(Debug)]
pub(super) struct NewRun<'a> {
    /// 32 hex digits with a letter among them, which YAML needs no quotes for.
    pub(super) id: String,
    pub(super) name: String,
    pub(super) user: &'a str,
    pub(super) source: &'a str,
    /// Git commit of the program that trains.
    pub(super) commit: Option<&'a str>,
    /// Id of the run that this one is a part of.
    pub(super) parent: Option<&'a str>,
    /// Start in ms since 1970.
    pub(super) start: i64,
}

/// What `meta.yaml` says about the deletion of a run.
#[derive(Clone, Copy, Debug)]
enum Stage {
    /// First written: `deleted_time: null`, which every rewrite drops.
    Fresh,
    Active,
    /// Deleted at a time in ms.
    Deleted(i64),
}

/// A run of the store.
#[derive(Clone, Debug)]
pub(super) struct Run {
    folder: PathBuf,
    uri: String,
    experiment: String,
    id: String,
    name: String,
    user: String,
    start: i64,
    database: Option<Database>,
}

impl Run {
    /// Its id, 32 hex digits.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Logs a param.
    pub(super) fn param(&self, key: &str, value: &str) -> io::Result<()> {
        if let Some(database) = &self.database {
            return database.param(&self.id, key, value);
        }
        put(&self.folder.join("params").join(key), value.as_bytes())
    }

    /// Sets a tag.
    pub(super) fn tag(&self, key: &str, value: &str) -> io::Result<()> {
        if let Some(database) = &self.database {
            return database.tag(&self.id, key, value);
        }
        put(&self.folder.join("tags").join(key), value.as_bytes())
    }

    /// Logs one value of a metric, as MLflow does: open for append, one write of one line, close.
    pub(super) fn metric(&self, key: &str, time: i64, value: f64, step: u32) -> io::Result<()> {
        if let Some(database) = &self.database {
            return database.metric(&self.id, key, time, value, step.into());
        }
        let path = self.metric_path(key)?;
        let line = format!("{time} {} {step}\n", repr(value));
        OpenOptions::new().append(true).create(true).open(path)?.write_all(line.as_bytes())
    }

    /// Writes all lines of a metric at once. The file gets the age of its last value, `last` in ms, because only that
    /// tells a run that trains from one whose process has died.
    pub(super) fn history(&self, key: &str, lines: &str, last: i64) -> io::Result<()> {
        if let Some(database) = &self.database {
            return database.history(&self.id, key, lines);
        }
        let mut file = File::create(self.metric_path(key)?)?;
        file.write_all(lines.as_bytes())?;
        file.set_modified(UNIX_EPOCH + Duration::from_millis(last.max(0).unsigned_abs()))
    }

    fn metric_path(&self, key: &str) -> io::Result<PathBuf> {
        let folder = self.folder.join("metrics");
        if let Some((group, _)) = key.rsplit_once('/') {
            mkdir_under(&folder, group)?;
        }
        Ok(folder.join(key))
    }

    /// Adds an artifact; its path may name sub-folders.
    pub(super) fn artifact(&self, path: &str, content: &[u8]) -> io::Result<()> {
        if self.database.is_some() {
            // MLflow makes the folders of a run with its first artifact.
            let experiment = self.folder.parent().unwrap_or(&self.folder);
            let root = experiment.parent().unwrap_or(experiment);
            return put_under(root, &format!("{}/{}/artifacts/{path}", self.experiment, self.id), content);
        }
        put_under(&self.folder, &format!("artifacts/{path}"), content)
    }

    /// Says which data set went into the run; `id` names the folder of that fact.
    pub(super) fn input(&self, id: &str, meta: &str) -> io::Result<()> {
        if let Some(database) = &self.database {
            return database.input(&self.id, id, meta);
        }
        put_under(&self.folder, &format!("inputs/{id}/meta.yaml"), meta.as_bytes())
    }

    /// Ends the run at a time in ms.
    pub(super) fn end(&self, status: u8, time: i64) -> io::Result<()> {
        if let Some(database) = &self.database {
            return database.end(&self.id, word(status), time, None);
        }
        self.write_meta(status, Some(time), Stage::Active)
    }

    /// Ends the run and marks it as deleted an hour later.
    pub(super) fn end_deleted(&self, status: u8, time: i64) -> io::Result<()> {
        let deleted = time + 3_600_000;
        if let Some(database) = &self.database {
            return database.end(&self.id, word(status), time, Some(deleted));
        }
        self.write_meta(status, Some(time), Stage::Deleted(deleted))
    }

    /// Writes `meta.yaml` in place: readers may see it empty, as with MLflow.
    fn write_meta(&self, status: u8, end: Option<i64>, stage: Stage) -> io::Result<()> {
        let Self { uri, experiment, id, start, .. } = self;
        let end = end.map_or_else(|| "null".to_owned(), |time| time.to_string());
        let (deleted, lifecycle) = match stage {
            Stage::Fresh => ("deleted_time: null\n".to_owned(), "active"),
            Stage::Active => (String::new(), "active"),
            Stage::Deleted(time) => (format!("deleted_time: {time}\n"), "deleted"),
        };
        let (name, user) = (scalar(&self.name), scalar(&self.user));
        let meta = format!(
            "artifact_uri: {uri}\n{deleted}end_time: {end}\nentry_point_name: ''\nexperiment_id: '{experiment}'\n\
             lifecycle_stage: {lifecycle}\nrun_id: {id}\nrun_name: {name}\nrun_uuid: {id}\nsource_name: ''\n\
             source_type: 4\nsource_version: ''\nstart_time: {start}\nstatus: {status}\ntags: []\nuser_id: {user}\n"
        );
        put(&self.folder.join("meta.yaml"), meta.as_bytes())
    }
}

/// MLflow's word for a state.
fn word(status: u8) -> &'static str {
    Status::from_number(status.into()).and_then(Status::word).unwrap_or_default()
}

/// A number as Python's `repr` writes it, which MLflow stores: `0.1`, `1e-05`, `nan`, `-inf`.
pub(super) fn repr(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    // Rust switches to exponents where Python does, but writes them without sign and leading zero.
    let text = format!("{value:?}");
    match text.split_once('e') {
        None => text,
        Some((digits, exponent)) => match exponent.strip_prefix('-') {
            Some(exponent) => format!("{digits}e-{exponent:0>2}"),
            None => format!("{digits}e+{exponent:0>2}"),
        },
    }
}

/// A short text of the demo as PyYAML writes it: plain if YAML cannot misread it, else in single quotes.
fn scalar(text: &str) -> String {
    let plain = text.chars().next().is_some_and(char::is_alphabetic)
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with([':', ' ']);
    if plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "''")) }
}

/// `file://` URI of an absolute path, with what is not plain in a URI as `%XX`, like Python's `pathname2url`.
fn file_uri(path: &Path) -> String {
    let mut uri = "file://".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' | b'~' => {
                uri.push(*byte as char)
            }
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri
}

fn mkdir(path: &Path) -> io::Result<()> {
    DirBuilder::new().create(path)
}

/// Makes the sub-folders of a folder that exists, where they are missing.
fn mkdir_under(folder: &Path, names: &str) -> io::Result<()> {
    let mut path = folder.to_owned();
    for name in names.split('/') {
        path.push(name);
        match mkdir(&path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Writes a file with its missing sub-folders.
fn put_under(folder: &Path, path: &str, content: &[u8]) -> io::Result<()> {
    if let Some((names, _)) = path.rsplit_once('/') {
        mkdir_under(folder, names)?;
    }
    put(&folder.join(path), content)
}

/// Writes a file in place: truncate, one write.
fn put(path: &Path, content: &[u8]) -> io::Result<()> {
    fs::write(path, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_pythons() {
        for (value, text) in [
            (0.1, "0.1"),
            (1.0, "1.0"),
            (1e-5, "1e-05"),
            (2.5e-7, "2.5e-07"),
            (1e-4, "0.0001"),
            (1e16, "1e+16"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(repr(value), text);
        }
    }

    #[test]
    fn names_are_quoted_where_yaml_needs_it() {
        assert_eq!(scalar("실험-3 (증강)"), "실험-3 (증강)");
        assert_eq!(scalar("lr=0.1 bs=64"), "lr=0.1 bs=64");
        assert_eq!(scalar("2024-01-01"), "'2024-01-01'");
        assert_eq!(scalar("it's: a name"), "'it''s: a name'");
    }

    #[test]
    fn uris_are_escaped() {
        assert_eq!(file_uri(Path::new("/tmp/a b/실")), "file:///tmp/a%20b/%EC%8B%A4");
    }
}
