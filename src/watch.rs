//! When to look again: file system events where they arrive.
//!
//! Folders are watched one by one, never recursively: a store may have a million of them. An event only says that a
//! path may have changed; what has changed is found by reading.
//!
//! Events do not come everywhere: not on network file systems, not when the system has no watches left, and sometimes
//! nobody knows why. Changes that are found by looking though an event should have come are counted; see [`silence`].

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::store::Why;

mod filesystem;
pub mod silence;

use silence::Silence;

/// What a watcher has to tell.
#[derive(Debug)]
pub enum Change {
    /// These paths may have changed.
    Paths(Vec<PathBuf>),
    /// These paths have gone or have another name; if they were watched, they no longer are.
    Gone(Vec<PathBuf>),
    /// Events were lost: look at everything.
    Lost,
}

/// Watches a changing set of folders.
pub struct Watcher {
    notify: Option<RecommendedWatcher>,
    /// Nobody wants events.
    is_off: bool,
    watched: FxHashMap<PathBuf, Instant>,
    /// Folders that could not be watched, and when that was tried last.
    refused: FxHashSet<PathBuf>,
    tried: Option<Instant>,
    /// Some were refused because the system has no more watches to give.
    limited: bool,
    /// Folders on file systems that announce nothing, and the name of one of these.
    mute: FxHashSet<PathBuf>,
    remote: Option<&'static str>,
    /// By device: which file systems announce nothing.
    devices: FxHashMap<u64, Option<&'static str>>,
    silence: Silence,
}

/// Folders that could not be watched are tried again so often.
const AGAIN: Duration = Duration::from_secs(30);

impl Watcher {
    /// A watcher that tells `tell`. Where the system has none to give, everything is found by looking.
    pub fn new(tell: impl Fn(Change) + Send + 'static) -> Self {
        let notify = notify::recommended_watcher(move |event| {
            if let Some(change) = change(event) {
                tell(change);
            }
        });
        Self { notify: notify.ok(), ..Self::off() }.on()
    }

    /// A watcher that watches nothing: the user wants to poll.
    pub fn off() -> Self {
        Self {
            notify: None,
            is_off: true,
            watched: FxHashMap::default(),
            refused: FxHashSet::default(),
            tried: None,
            limited: false,
            mute: FxHashSet::default(),
            remote: None,
            devices: FxHashMap::default(),
            silence: Silence::default(),
        }
    }

    fn on(self) -> Self {
        Self { is_off: false, ..self }
    }

    /// Watches these folders and no others. Gives those that are watched from now on: they have to be read after this,
    /// since what happened before the watch was there is told by nobody.
    pub fn watch(&mut self, folders: Vec<PathBuf>) -> Vec<PathBuf> {
        if self.tried.is_some_and(|at| at.elapsed() > AGAIN) {
            (self.refused, self.tried, self.limited) = (FxHashSet::default(), None, false);
        }
        let wanted: FxHashSet<PathBuf> = folders.into_iter().collect();
        let unknown = |path: &&PathBuf| !self.watched.contains_key(*path) && !self.refused.contains(*path);
        let unknown = wanted.iter().filter(unknown).filter(|path| !self.mute.contains(*path));
        let mut new: Vec<PathBuf> = unknown.cloned().collect();
        new.retain(|path| self.announces(path));
        self.mute.retain(|path| wanted.contains(path));
        if self.mute.is_empty() {
            self.remote = None;
        }
        let gone: Vec<PathBuf> =
            self.watched.keys().filter(|path| !wanted.contains(*path)).cloned().collect();
        if self.notify.is_none() || (gone.is_empty() && new.is_empty()) {
            return Vec::new();
        }
        self.change(gone, new)
    }

    fn change(&mut self, gone: Vec<PathBuf>, new: Vec<PathBuf>) -> Vec<PathBuf> {
        let Some(notify) = &mut self.notify else { return Vec::new() };
        let mut paths = notify.paths_mut();
        for path in &gone {
            let _ = paths.remove(path); // its folder may be gone, and its watch with it
            self.watched.remove(path);
        }
        let mut added = Vec::new();
        for path in new {
            match paths.add(&path, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(path.clone(), Instant::now());
                    added.push(path);
                }
                Err(error) => {
                    self.limited |= is_limit(&error);
                    self.refused.insert(path);
                    self.tried = Some(self.tried.unwrap_or_else(Instant::now));
                }
            }
        }
        let _ = paths.commit(); // on Linux every path was added or refused above
        added
    }

    /// Whether a path is a folder on a file system that announces changes.
    fn announces(&mut self, path: &Path) -> bool {
        let Ok(found) = path.metadata() else { return false };
        if !found.is_dir() {
            return false;
        }
        let mute = *self.devices.entry(found.dev()).or_insert_with(|| filesystem::without_events(path));
        if mute.is_some() {
            self.remote = mute;
            self.mute.insert(path.to_owned());
        }
        mute.is_none()
    }

    /// Forgets the watch of a folder that was deleted, so that a new folder of the same name is watched again.
    pub fn forget(&mut self, path: &Path) {
        self.watched.remove(path);
    }

    /// Events have come of these paths.
    pub fn heard(&mut self, paths: &[PathBuf]) {
        self.silence.heard(paths);
    }

    /// Looking has found changes in these folders, whose contents are all watched: an event of each should come or have
    /// come. To be told once a second.
    pub fn found(&mut self, folders: Vec<PathBuf>) {
        let old =
            |path: &PathBuf| self.watched.get(path).is_some_and(|since| since.elapsed() > silence::LATE);
        let parts = |folder: &Path| ["params", "tags", "metrics"].map(|part| folder.join(part));
        let watched = |folder: &PathBuf| old(folder) && parts(folder).iter().all(old);
        self.silence.found(folders.into_iter().filter(watched).collect());
    }

    /// Why changes have to be looked for, if they have.
    pub fn why(&self) -> Option<Why> {
        if self.is_off {
            return Some(Why::Asked);
        }
        if let Some(name) = self.remote {
            return Some(Why::FileSystem(name));
        }
        if self.notify.is_none() || self.limited {
            return Some(Why::Limit);
        }
        self.silence.is_silent().then_some(Why::Silence)
    }

    /// Folders that are watched.
    pub fn len(&self) -> usize {
        self.watched.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }
}

fn is_limit(error: &notify::Error) -> bool {
    match &error.kind {
        notify::ErrorKind::MaxFilesWatch => true,
        notify::ErrorKind::Io(error) => error.raw_os_error().is_some_and(|code| code == libc::EMFILE),
        _ => false,
    }
}

/// What an event means. Reading is no change, or our own reading would never end.
fn change(event: notify::Result<Event>) -> Option<Change> {
    let Ok(event) = event else { return Some(Change::Lost) };
    if event.need_rescan() {
        return Some(Change::Lost);
    }
    match event.kind {
        _ if event.paths.is_empty() => None,
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Some(Change::Paths(event.paths)),
        EventKind::Access(_) => None,
        // A folder that was deleted and made again at once has no watch any more, though its path is there.
        EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) => Some(Change::Gone(event.paths)),
        _ => Some(Change::Paths(event.paths)),
    }
}
