//! Artifacts on disk: where a run's are, also after the store was moved, and what is in them.
//!
//! `artifact_uri` is data of the store and may name anything (`file:///etc`). A path counts only when it is this run's
//! own folder, `.../<run id>/artifacts`, without `..`; everything else is named and not opened.

use std::path::{Component, Path, PathBuf};

use rustc_hash::FxHashMap;
use walkdir::WalkDir;

use super::open::{Fault, Folder};
use crate::index::Index;
use crate::shown::shown;
use crate::store::{Artifact, Error, Listing, Preview};

/// Entries of one folder that are listed.
const ENTRIES: usize = 100_000;
/// Half-copied files of MLflow 3.18, which it hides itself (`LocalArtifactRepository.list_artifacts`).
const UPLOADING: &str = ".artifact.uploading.";

/// What is needed to find a run's artifacts.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The root of the store as it is now.
    pub root: &'a Path,
    /// The root that the store's experiments recorded, where it differs: the store has been moved.
    pub recorded_root: Option<&'a Path>,
    /// The run's folder.
    pub run: &'a Path,
    /// The run's id.
    pub run_id: &'a str,
    /// `artifact_uri` as recorded.
    pub uri: Option<&'a str>,
}

/// The path that a local URI means, in the spellings that MLflow stores: a plain path, `file:` with two or three
/// slashes or none. `None` for anything that is not local.
pub fn local_path(uri: &str) -> Option<PathBuf> {
    if let Some(rest) = uri.strip_prefix("file:") {
        let path = match rest.strip_prefix("//") {
            Some(host_and_path) => {
                let (host, path) = host_and_path.split_at(host_and_path.find('/')?);
                (host.is_empty() || host == "localhost").then_some(path)?
            }
            None => rest,
        };
        return (!path.is_empty()).then(|| PathBuf::from(path));
    }
    let scheme = uri.split_once(':').map_or("", |(scheme, _)| scheme);
    let has_scheme =
        !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    (!uri.is_empty() && !has_scheme).then(|| PathBuf::from(uri))
}

/// A path with its `%20` turned into what they stand for.
pub fn percent_decoded(path: &Path) -> PathBuf {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let bytes = path.as_os_str().as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while let Some(&byte) = bytes.get(i) {
        let hex =
            bytes.get(i + 1..i + 3).filter(|_| byte == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(decoded) => (out.push(decoded), i += 3),
            None => (out.push(byte), i += 1),
        };
    }
    std::ffi::OsString::from_vec(out).into()
}

/// Where a run's artifacts are now, or a sentence that says why they cannot be shown.
pub fn locate(place: &Place<'_>) -> Result<PathBuf, String> {
    let in_store = place.run.join("artifacts");
    let uri = place.uri.unwrap_or_default();
    let recorded = match local_path(uri) {
        Some(path) => path,
        None if uri.is_empty() => return existing(in_store),
        None => return Err(format!("they are at {}, which is not on this machine", masked(uri))),
    };
    let by_default = place.run.iter().rev().take(2).collect::<Vec<_>>();
    let recorded_tail = recorded.iter().rev().skip(1).take(2).collect::<Vec<_>>();
    if by_default == recorded_tail && is_folder(&in_store) {
        return Ok(in_store); // the usual place, wherever the store has been moved since
    }
    if !is_own(&recorded, place.run_id) {
        let there = shown(uri);
        return existing(in_store)
            .map_err(|_| format!("they are recorded at {there}, which is not this run's own folder"));
    }
    let decoded = percent_decoded(&recorded);
    let moved = place.recorded_root.map(|old| rebased(&decoded, old, place.root));
    let candidates = [Some(recorded), Some(decoded), moved.flatten(), Some(in_store)];
    candidates
        .into_iter()
        .flatten()
        .find(|path| is_own(path, place.run_id) && is_folder(path))
        .ok_or_else(|| format!("their folder {} is not there", shown(uri)))
}

/// Where the folders of experiments were when they were made: what most of their recorded locations say.
pub fn recorded_root(index: &Index) -> Option<PathBuf> {
    let mut counts: FxHashMap<PathBuf, usize> = FxHashMap::default();
    for experiment in index.experiments() {
        let path = experiment.artifact_location.as_deref().and_then(local_path);
        let path = path.map(|path| percent_decoded(&path));
        if let Some(path) = path.filter(|path| path.ends_with(&*experiment.experiment_id)) {
            *counts.entry(path.parent()?.to_owned()).or_default() += 1;
        }
    }
    counts.into_iter().max_by_key(|(path, count)| (*count, path.clone())).map(|(path, _)| path)
}

fn existing(folder: PathBuf) -> Result<PathBuf, String> {
    if is_folder(&folder) { Ok(folder) } else { Err("it has no artifacts folder".to_owned()) }
}

/// Whether it is a folder and no link to one.
fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|meta| meta.is_dir())
}

/// Whether a path is the artifacts folder of this very run.
pub fn is_own(path: &Path, run_id: &str) -> bool {
    path.ends_with(Path::new(run_id).join("artifacts"))
        && path.components().all(|part| !matches!(part, Component::ParentDir))
}

/// A path of the old place in the new one: below the root, or beside it.
fn rebased(path: &Path, old: &Path, new: &Path) -> Option<PathBuf> {
    let below = path.strip_prefix(old).ok().map(|rest| new.join(rest));
    below.or_else(|| Some(new.parent()?.join(path.strip_prefix(old.parent()?).ok()?)))
}

/// A URI without user and password.
pub fn masked(uri: &str) -> String {
    let text = match uri.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = host.rsplit_once('@').map_or(host.to_owned(), |(_, host)| format!("***@{host}"));
            format!("{scheme}://{host}{path}")
        }
        None => uri.to_owned(),
    };
    shown(&text).into_string()
}

/// One level of the artifacts below `root`, sorted by path as MLflow answers it. A root that is not there has none.
pub fn list(root: &Path, path: &str) -> Listing {
    let mut listing = Listing { root: Some(root.to_string_lossy().into_owned()), ..Listing::default() };
    let Some(folder) = below(root, path) else {
        listing.note = Some("that is not below the run's artifacts".to_owned());
        return listing;
    };
    let walk = WalkDir::new(&folder).min_depth(1).max_depth(1).follow_links(false).follow_root_links(false);
    for entry in walk.into_iter().take(ENTRIES) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(_) if path.is_empty() && !root.exists() => break,
            Err(error) => {
                listing.note = Some(error.io_error().map_or("cannot be read".to_owned(), |e| {
                    Fault::from(std::io::Error::from(e.kind())).to_string()
                }));
                continue;
            }
        };
        let name = super::open::name_text(entry.file_name());
        if name.starts_with(UPLOADING) {
            continue;
        }
        let path = if path.is_empty() { name } else { format!("{path}/{name}") };
        let is_dir = entry.file_type().is_dir();
        let file_size = entry.metadata().ok().filter(|_| !is_dir).map(|meta| meta.len());
        listing.entries.push(Artifact { path, is_dir, file_size });
    }
    if listing.entries.len() >= ENTRIES {
        listing.note = Some(format!("only the first {ENTRIES} entries are listed"));
    }
    listing.entries.sort_by(|a, b| a.path.cmp(&b.path));
    listing
}

/// The first bytes of an artifact.
pub fn preview(root: &Path, path: &str, limit: usize) -> Result<Preview, Error> {
    let fail = |fault: Fault| Error(format!("{} {fault}", shown(path)));
    let folder = Folder::open(root).map_err(fail)?;
    let (bytes, stamp) = folder.read(bytes_of(path).as_os_str(), limit).map_err(fail)?;
    Ok(Preview { size: stamp.size, bytes })
}

/// `root` with a relative path; nothing that leads out of it.
fn below(root: &Path, path: &str) -> Option<PathBuf> {
    let relative = bytes_of(path);
    relative.components().all(|part| matches!(part, Component::Normal(_))).then(|| root.join(relative))
}

/// A shown path as it is on disk: `\xff` is the byte again.
fn bytes_of(path: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let mut out = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once("\\x") {
        out.extend_from_slice(before.as_bytes());
        let byte = after.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|b| *b >= 0x80);
        match byte {
            Some(byte) => {
                out.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                out.extend_from_slice(b"\\x");
                rest = after;
            }
        }
    }
    out.extend_from_slice(rest.as_bytes());
    std::ffi::OsString::from_vec(out).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_uris_in_every_spelling() {
        for (uri, path) in [
            ("file:///tmp/a b/mlruns", Some("/tmp/a b/mlruns")),
            ("file:/tmp/x", Some("/tmp/x")),
            ("file://localhost/tmp/x", Some("/tmp/x")),
            ("/tmp/x", Some("/tmp/x")),
            ("./mlruns/0", Some("./mlruns/0")),
            ("file://evil.example/share", None),
            ("s3://bucket/key", None),
            ("mlflow-artifacts:/0/x", None),
            ("http://127.0.0.1:9/", None),
            ("", None),
        ] {
            assert_eq!(local_path(uri), path.map(PathBuf::from), "{uri}");
        }
    }

    #[test]
    fn a_moved_store_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("new/mlruns");
        let run = root.join("7/abc");
        std::fs::create_dir_all(run.join("artifacts")).unwrap();
        std::fs::create_dir_all(dir.path().join("new/custom here/abc/artifacts")).unwrap();
        let place = |uri| Place {
            root: &root,
            recorded_root: Some(Path::new("/old/mlruns")),
            run: &run,
            run_id: "abc",
            uri,
        };
        let usual = Some("file:///old/mlruns/7/abc/artifacts");
        assert_eq!(locate(&place(usual)).unwrap(), run.join("artifacts"));
        let custom = Some("file:///old/custom%20here/abc/artifacts");
        assert_eq!(locate(&place(custom)).unwrap(), dir.path().join("new/custom here/abc/artifacts"));
    }

    #[test]
    fn foreign_places_are_named_and_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().join("7/abc");
        std::fs::create_dir_all(&run).unwrap();
        let place =
            |uri| Place { root: dir.path(), recorded_root: None, run: &run, run_id: "abc", uri: Some(uri) };
        for uri in ["file:///etc", "/etc", "/tmp/../etc/abc/artifacts", "//proc/self/root/etc"] {
            assert!(locate(&place(uri)).is_err(), "{uri}");
        }
        let error = locate(&place("http://user:SECRET@host/x")).unwrap_err();
        assert!(error.contains("***@host") && !error.contains("SECRET"), "{error}");
    }

    #[test]
    fn paths_stay_below_the_artifacts() {
        let root = Path::new("/a");
        assert_eq!(below(root, "x/y"), Some("/a/x/y".into()));
        assert_eq!(below(root, "../y"), None);
        assert_eq!(below(root, "/etc"), None);
    }
}
