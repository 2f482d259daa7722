//! When to look again: file system events where they arrive.
//!
//! Folders are watched one by one, never recursively: a store may have a million of them. An event only says that a
//! path may have changed; what has changed is found by reading.

use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use rustc_hash::FxHashSet;

/// What a watcher has to tell.
#[derive(Debug)]
pub enum Change {
    /// These paths may have changed.
    Paths(Vec<PathBuf>),
    /// Events were lost: look at everything.
    Lost,
}

/// Watches a changing set of folders.
pub struct Watcher {
    notify: Option<RecommendedWatcher>,
    watched: FxHashSet<PathBuf>,
    failed: bool,
}

impl Watcher {
    /// A watcher that tells `tell`. Where the system has none to give, everything is found by looking.
    pub fn new(tell: impl Fn(Change) + Send + 'static) -> Self {
        let notify = notify::recommended_watcher(move |event| {
            if let Some(change) = change(event) {
                tell(change);
            }
        });
        let failed = notify.is_err();
        Self { notify: notify.ok(), watched: FxHashSet::default(), failed }
    }

    /// Watches these folders and no others. Gives those that are watched from now on: they have to be read after
    /// this, since what happened before the watch was there is told by nobody.
    pub fn watch(&mut self, folders: Vec<PathBuf>) -> Vec<PathBuf> {
        let Some(notify) = &mut self.notify else { return Vec::new() };
        let wanted: FxHashSet<PathBuf> = folders.into_iter().collect();
        let gone: Vec<PathBuf> = self.watched.difference(&wanted).cloned().collect();
        let new: Vec<PathBuf> =
            wanted.difference(&self.watched).filter(|path| path.is_dir()).cloned().collect();
        if gone.is_empty() && new.is_empty() {
            return new;
        }
        let mut paths = notify.paths_mut();
        for path in &gone {
            let _ = paths.remove(path); // its folder may be gone, and its watch with it
            self.watched.remove(path);
        }
        for path in &new {
            match paths.add(path, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(path.clone());
                }
                Err(error) => self.failed |= is_limit(&error),
            }
        }
        self.failed |= paths.commit().is_err_and(|error| is_limit(&error));
        new
    }

    /// Forgets the watch of a folder that was deleted, so that a new folder of the same name is watched again.
    pub fn forget(&mut self, path: &Path) {
        self.watched.remove(path);
    }

    /// Whether some folders cannot be watched, because the system has no more watches to give.
    pub fn has_failed(&self) -> bool {
        self.failed
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
    let is_change = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    };
    (is_change && !event.paths.is_empty()).then_some(Change::Paths(event.paths))
}
