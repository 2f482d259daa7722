//! `mltop demo`: a sample store in a temporary folder, with live training in it.
//!
//! Half of it was recorded with real MLflow (`archive`), the rest is synthetic (`past`); the `trainer` goes on
//! from there. All times are moved, so that the newest run ended minutes ago and the oldest weeks ago.

mod archive;
mod course;
mod database;
mod folder;
mod past;
mod plan;
mod store;
mod trainer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use folder::Stop;
use store::Store;
use trainer::Trainer;

/// Stack of the trainer's thread in bytes: it only formats numbers and writes files.
const STACK: usize = 256 * 1024;

/// What the sample store is kept in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An `mlruns` folder.
    Files,
    /// An `mlflow.db`, with its artifacts in an `mlruns` folder beside it.
    Sqlite,
}

impl Kind {
    /// What the store is called in its folder.
    fn name(self) -> &'static str {
        match self {
            Self::Files => "mlruns",
            Self::Sqlite => "mlflow.db",
        }
    }
}

/// A sample store in which a thread trains. Dropped, it stops and removes the store.
#[derive(Debug)]
pub struct Demo {
    folder: PathBuf,
    store: PathBuf,
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

impl Demo {
    /// Unpacks the store into a new folder of its own and begins to train. `now_ms` is the present in ms since 1970.
    ///
    /// What is on the disk when this fails is removed.
    pub fn start(now_ms: i64, kind: Kind) -> io::Result<Self> {
        let stop = Arc::new(Stop::default());
        let folder = folder::create(&stop)?;
        let store = folder.join(kind.name());
        // From here on dropping it removes the folder.
        let mut demo = Self { folder, store, stop, thread: None };
        let trainer = unpack(&demo.store, &demo.folder, kind, now_ms)?;
        let stop = Arc::clone(&demo.stop);
        let thread = thread::Builder::new().name("demo".to_owned()).stack_size(STACK);
        demo.thread = Some(thread.spawn(move || train(trainer, &stop))?);
        Ok(demo)
    }

    /// The store: the folder `…/mlruns`, or the file `…/mlflow.db`.
    pub fn store(&self) -> &Path {
        &self.store
    }

    /// Stops the training and removes the store.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.stop.set();
        if let Some(thread) = self.thread.take() {
            // It cannot have panicked, and there is nobody to tell.
            let _ = thread.join();
        }
        folder::remove(&self.folder);
    }
}

/// Removes the stores of all demos of this process, while they may still be training.
///
/// Tries again for at most three seconds, which is many times what a local disk needs; a try itself is not cut short. For
/// the ways out on which nothing is dropped. May be called from any thread, again and again; not from a signal handler,
/// because it takes a lock.
pub fn remove_all() {
    folder::remove_all();
}

/// Writes the sample store into a folder as it is at `now_ms`, and does not train; gives where it is.
///
/// # Errors
/// What the file system or the database said.
pub fn write(folder: &Path, kind: Kind, now_ms: i64) -> io::Result<PathBuf> {
    let store = folder.join(kind.name());
    unpack(&store, folder, kind, now_ms)?;
    Ok(store)
}

/// Writes the whole store as it is at `now`.
fn unpack(place: &Path, folder: &Path, kind: Kind, now: i64) -> io::Result<Trainer> {
    let store = match kind {
        Kind::Files => Store::create(place)?,
        Kind::Sqlite => Store::create_in(place, &folder.join("mlruns"))?,
    };
    archive::unpack(&store, now)?;
    past::write(&store, now)?;
    let trainer = Trainer::begin(&store, now)?;
    store.is_past()?;
    Ok(trainer)
}

/// Trains until stopped, until everything is trained, or until the store is gone.
fn train(mut trainer: Trainer, stop: &Stop) {
    let mut pause = Duration::ZERO;
    while !stop.wait(pause) {
        // An error is a removed folder or a full disk: the store stays as it is, only without news.
        match trainer.work() {
            Ok(Some(next)) => pause = next,
            Ok(None) | Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests;
