//! The private folders of this process's demos: made, remembered, and removed whatever happens.
//!
//! Only what [`create`] made is ever removed: a folder is known by its device and inode too, so that nothing else that
//! has come to stand at its path is touched.

use std::collections::hash_map::RandomState;
use std::fs::{self, DirBuilder};
use std::hash::{BuildHasher, Hasher};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a removal is tried, the wait for another removal included: many times what a local disk needs, but a busy machine
/// has been seen to take a second. The terminal has been given back by then.
const PATIENCE: Duration = Duration::from_secs(3);
/// Pause between two tries.
const PAUSE: Duration = Duration::from_millis(10);

/// Every folder that was made and not yet removed.
static FOLDERS: Mutex<Vec<Folder>> = Mutex::new(Vec::new());

/// Tells the trainer to stop, at once.
#[derive(Debug, Default)]
pub(super) struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Stops whoever waits or will wait.
    pub(super) fn set(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits so long, or until stopped; whether it is stopped.
    pub(super) fn wait(&self, time: Duration) -> bool {
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let result = self.changed.wait_timeout_while(stopped, time, |stopped| !*stopped);
        *result.unwrap_or_else(PoisonError::into_inner).0
    }
}

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    device: u64,
    inode: u64,
    stop: Arc<Stop>,
}

/// Makes a folder `mltop-demo-<pid>-<random>` in the system's temporary folder that nobody else can read.
pub(super) fn create(stop: &Arc<Stop>) -> io::Result<PathBuf> {
    // Without links and relative parts, so that the URIs in the store are good.
    let parent = fs::canonicalize(std::env::temp_dir())?;
    // Randomly keyed by the standard library: nobody can guess the name and take it first.
    let random = RandomState::new().build_hasher().finish();
    let path = parent.join(format!("mltop-demo-{}-{random:016x}", std::process::id()));
    // The lock is held over both, so that a removal in between misses nothing.
    let mut folders = FOLDERS.lock().unwrap_or_else(PoisonError::into_inner);
    DirBuilder::new().mode(0o700).create(&path)?;
    let meta = fs::symlink_metadata(&path)?;
    folders.push(Folder {
        path: path.clone(),
        device: meta.dev(),
        inode: meta.ino(),
        stop: Arc::clone(stop),
    });
    Ok(path)
}

/// Removes one folder that [`create`] made; nothing if it is gone already.
pub(super) fn remove(path: &Path) {
    remove_where(|folder| folder.path == path);
}

/// Removes all folders that [`create`] made.
pub(super) fn remove_all() {
    remove_where(|_| true);
}

fn remove_where(wanted: impl Fn(&Folder) -> bool) {
    let deadline = Instant::now() + PATIENCE;
    // Who comes second waits until the first has removed everything: it may be about to end the process.
    let Some(mut folders) = lock_until(deadline) else { return };
    for folder in folders.iter().filter(|folder| wanted(folder)) {
        folder.stop.set();
    }
    folders.retain(|folder| !(wanted(folder) && folder.remove(deadline)));
}

/// The registry, unless somebody holds it for too long.
fn lock_until(deadline: Instant) -> Option<MutexGuard<'static, Vec<Folder>>> {
    loop {
        match FOLDERS.try_lock() {
            Ok(folders) => return Some(folders),
            Err(TryLockError::Poisoned(error)) => return Some(error.into_inner()),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => return None,
            Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
        }
    }
}

impl Folder {
    /// Removes the folder with all that is in it; whether it is gone.
    ///
    /// It is renamed first: the trainer, which may be in the middle of a write, knows only the old path and never makes
    /// parents, so nothing new appears. What it is just writing may, hence the tries.
    fn remove(&self, deadline: Instant) -> bool {
        if !self.is_at(&self.path) {
            return true;
        }
        let mut gone = self.path.clone().into_os_string();
        gone.push(".gone");
        let gone = PathBuf::from(gone);
        let path = if fs::rename(&self.path, &gone).is_ok() { &gone } else { &self.path };
        while self.is_at(path) && fs::remove_dir_all(path).is_err() {
            if Instant::now() >= deadline {
                return false;
            }
            thread::sleep(PAUSE);
        }
        true
    }

    fn is_at(&self, path: &Path) -> bool {
        fs::symlink_metadata(path)
            .is_ok_and(|meta| meta.is_dir() && (meta.dev(), meta.ino()) == (self.device, self.inode))
    }
}
