//! Which folders of a file store are experiments and runs.
//!
//! ```text
//! mlruns/<experiment id>/meta.yaml
//! mlruns/<experiment id>/<run id>/{meta.yaml,metrics/,params/,tags/,artifacts/}
//! mlruns/.trash/<experiment id>/...
//! ```
//!
//! An artifact root often shares the tree: folders that hold nothing but `artifacts` are not runs.

use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::open::{Fault, Folder, Kind};
use super::problems::Report;

/// Folders beside the runs of an experiment that are none (`FileStore.RESERVED_EXPERIMENT_FOLDERS`).
const RESERVED: [&str; 4] = ["tags", "datasets", "traces", "models"];

/// Characters of a run id at most.
const RUN_ID: usize = 256;

/// A folder that may be an experiment or a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its path.
    pub path: PathBuf,
    /// Its name, which is its id.
    pub id: String,
}

/// Whether a name can be an experiment id (`_validate_experiment_id_string`) or a run id (`_validate_run_id`): letters,
/// digits, `_` and `-`, not starting with a dash or underscore.
fn is_id(name: &str, limit: usize) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().count() <= limit
        && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

/// Folders in the root, or in `.trash`, that may be experiments. Anything with a name that MLflow stumbles over is a
/// problem; hidden names, files and the model registry are nothing.
pub fn experiments(root: &Path, folder: &Path, report: &mut Report) -> Result<Vec<Candidate>, Fault> {
    candidates(root, folder, 64, &["models"], report)
}

/// Visits the names of folders in an experiment that may be runs. `entries` takes a part of the listing at a time.
pub fn runs(
    root: &Path,
    folder: &Path,
    entries: &mut [MaybeUninit<u8>],
    report: &mut Report,
    visit: &mut dyn FnMut(&str),
) -> Result<(), Fault> {
    Folder::open(folder)?.visit(entries, |name, kind| {
        // What nearly all are: no path is made for them.
        match name.to_str() {
            Ok(name) if kind == Kind::Folder && is_id(name, RUN_ID) && !RESERVED.contains(&name) => {
                visit(name)
            }
            _ => {
                let name = OsStr::from_bytes(name.to_bytes());
                let found = candidate(root, folder, name, kind, RUN_ID, &RESERVED, report);
                found.iter().for_each(|found| visit(&found.id));
            }
        }
    })
}

fn candidates(
    root: &Path,
    folder: &Path,
    limit: usize,
    reserved: &[&str],
    report: &mut Report,
) -> Result<Vec<Candidate>, Fault> {
    let entries = Folder::open(folder)?.entries()?;
    let found = entries.into_iter();
    let found =
        found.filter_map(|entry| candidate(root, folder, &entry.name, entry.kind, limit, reserved, report));
    Ok(found.collect())
}

/// What a name in a folder may stand for: an experiment or a run, if anything.
fn candidate(
    root: &Path,
    folder: &Path,
    entry: &OsStr,
    kind: Kind,
    limit: usize,
    reserved: &[&str],
    report: &mut Report,
) -> Option<Candidate> {
    let name = super::open::name_text(entry);
    if name.starts_with('.') || reserved.contains(&name.as_str()) {
        return None;
    }
    let path = folder.join(entry);
    match kind {
        Kind::File => return None,
        Kind::Other(what) => {
            report.add(&path, format!("is {what}, not a folder"));
            return None;
        }
        Kind::Link => match link(root, &path) {
            Linked::Folder => {}
            Linked::File => return None,
            Linked::Bad(what) => {
                report.add(&path, what);
                return None;
            }
        },
        Kind::Folder => {}
    }
    if is_id(&name, limit) && name.len() == entry.len() {
        return Some(Candidate { path, id: name });
    }
    report.add(&path, "has a name that is no id of MLflow's");
    None
}

/// Where a link leads.
enum Linked {
    /// To a folder outside of the store: a scratch disk.
    Folder,
    /// To a file.
    File,
    /// Nowhere, or to something that is listed anyway.
    Bad(&'static str),
}

/// Links to folders elsewhere are followed; a link into the store, to the store or to a folder around it would show
/// runs twice, or never end.
fn link(root: &Path, path: &Path) -> Linked {
    let Ok(target) = path.canonicalize() else { return Linked::Bad("is a link that leads nowhere") };
    if target.is_file() {
        return Linked::File;
    }
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    if target.starts_with(&root) || root.starts_with(&target) {
        return Linked::Bad("is a link into the store, where its target is listed already");
    }
    if target.is_dir() { Linked::Folder } else { Linked::Bad("is a link to something that is no folder") }
}

/// Whether a folder without `meta.yaml` is a run all the same: something of a run lies in it, not only artifacts.
pub fn looks_like_a_run(folder: &Folder) -> bool {
    ["metrics", "params", "tags"].iter().any(|name| folder.kind(OsStr::new(name)).is_ok())
}

/// Whether a folder in the root is an experiment: it has a `meta.yaml` of whatever quality, or one of its folders has.
pub fn looks_like_an_experiment(path: &Path) -> bool {
    let Ok(folder) = Folder::open(path) else { return path.is_dir() };
    if folder.kind(OsStr::new("meta.yaml")).is_ok() {
        return true;
    }
    folder.entries().unwrap_or_default().iter().any(|entry| {
        entry.kind == Kind::Folder
            && !RESERVED.iter().any(|name| entry.name == *name)
            && folder.kind(Path::new(&entry.name).join("meta.yaml").as_os_str()).is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids() {
        for good in ["0", "148157803260759381", "my-experiment", "2d54aa", "한글x".trim_start_matches("한글")]
        {
            assert!(is_id(good, 64), "{good}");
        }
        for bad in ["", "-rf", "_x", "a b", "a/b", "exp\nnew", &"9".repeat(65)] {
            assert!(!is_id(bad, 64), "{bad}");
        }
    }

    #[test]
    fn links_into_the_store_are_problems_and_links_out_of_it_are_followed() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("mlruns");
        std::fs::create_dir_all(root.join("0")).unwrap();
        std::fs::create_dir_all(dir.path().join("scratch/1")).unwrap();
        std::os::unix::fs::symlink(".", root.join("self")).unwrap();
        std::os::unix::fs::symlink("0", root.join("again")).unwrap();
        std::os::unix::fs::symlink("nowhere", root.join("dangling")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("scratch/1"), root.join("1")).unwrap();
        let mut report = Report::default();
        let mut found: Vec<String> =
            experiments(&root, &root, &mut report).unwrap().into_iter().map(|c| c.id).collect();
        found.sort();
        assert_eq!(found, ["0", "1"]);
        assert!(format!("{report:?}").contains("dangling"));
    }
}
