//! When to look again: file system events where they arrive.
//!
//! Folders are watched one by one, never recursively: a store may have a million of them. An event only says that a
//! path may have changed; what has changed is found by reading.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use rustc_hash::FxHashSet;

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
    watched: FxHashSet<PathBuf>,
    /// Folders that could not be watched, and when that was tried last.
    refused: FxHashSet<PathBuf>,
    tried: Option<Instant>,
    /// Some were refused because the system has no more watches to give.
    limited: bool,
}

/// Watches that are kept though nobody wants them just now: who scrolls away often comes back.
const SPARE: usize = 1024;
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
        let (watched, refused) = (FxHashSet::default(), FxHashSet::default());
        Self { notify: notify.ok(), watched, refused, tried: None, limited: false }
    }

    /// Watches these folders. Gives those that are watched from now on: they have to be read after this, since what
    /// happened before the watch was there is told by nobody.
    pub fn watch(&mut self, folders: Vec<PathBuf>) -> Vec<PathBuf> {
        let Some(notify) = &mut self.notify else { return Vec::new() };
        if self.tried.is_some_and(|at| at.elapsed() > AGAIN) {
            (self.refused, self.tried, self.limited) = (FxHashSet::default(), None, false);
        }
        let wanted: FxHashSet<PathBuf> = folders.into_iter().collect();
        let is_new = |path: &&PathBuf| !self.refused.contains(*path) && path.is_dir();
        let new: Vec<PathBuf> = wanted.difference(&self.watched).filter(is_new).cloned().collect();
        let gone: Vec<PathBuf> = if self.watched.len() + new.len() > SPARE {
            self.watched.difference(&wanted).cloned().collect()
        } else {
            Vec::new()
        };
        if gone.is_empty() && new.is_empty() {
            return new;
        }
        let mut paths = notify.paths_mut();
        for path in &gone {
            let _ = paths.remove(path); // its folder may be gone, and its watch with it
            self.watched.remove(path);
        }
        let mut added = Vec::new();
        for path in new {
            match paths.add(&path, RecursiveMode::NonRecursive) {
                Ok(()) => {
                    self.watched.insert(path.clone());
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

    /// Forgets the watch of a folder that was deleted, so that a new folder of the same name is watched again.
    pub fn forget(&mut self, path: &Path) {
        self.watched.remove(path);
    }

    /// Whether some folders cannot be watched, because the system has no more watches to give.
    pub fn has_failed(&self) -> bool {
        self.notify.is_none() || self.limited
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
