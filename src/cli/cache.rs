//! `mltop cache`: where it lies, and how to get rid of it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{Failure, answer, locate};
use crate::format;
use crate::shown::shown;
use crate::store::cache::{self, Cache};

/// Arguments of `mltop cache`.
#[derive(Debug, Args)]
#[command(after_help = "\
Browsing keeps what it has read in the user's cache folder (XDG_CACHE_HOME, else ~/.cache), never inside a store, so \
that the next start shows it at once; it is compared with the store each time. Nothing is lost by removing it.")]
pub struct CacheArgs {
    #[command(subcommand)]
    what: What,
}

/// What to do with caches.
#[derive(Debug, Subcommand)]
enum What {
    /// Print where the caches lie, or the file of one store.
    Path {
        /// The store; left out, the folder of all caches is meant.
        store: Option<String>,
    },
    /// Remove the caches of all stores, or of one.
    Clear {
        /// The store; left out, the caches of all stores are meant.
        store: Option<String>,
    },
}

/// Does it.
pub fn run(args: &CacheArgs) -> Result<ExitCode, Failure> {
    let folder = cache::folder()
        .ok_or_else(|| Failure::Unusable("there is no home, so there are no caches".to_owned()))?;
    match &args.what {
        What::Path { store: None } => say(&folder),
        What::Path { store: Some(store) } => say(of(store, &folder)?.path()),
        What::Clear { store: None } => {
            let found = cache::all(&folder).into_iter();
            clear(found.map(|(path, size)| (std::fs::remove_file(&path), path, size)))
        }
        What::Clear { store: Some(store) } => {
            let cache = of(store, &folder)?;
            let size = cache.path().metadata().map(|meta| meta.len());
            clear(size.into_iter().map(|size| (cache.remove(), cache.path().to_owned(), size)))
        }
    }
}

fn of(store: &str, folder: &Path) -> Result<Cache, Failure> {
    let location = locate(Some(store))?.location;
    let cache = location.folder().and_then(|root| Cache::of(root, folder));
    cache.ok_or_else(|| Failure::Unusable(format!("{} has no cache of its own", shown(&location.title()))))
}

fn say(path: &Path) -> Result<ExitCode, Failure> {
    answer(|answer| answer.line(shown(&path.to_string_lossy()).as_str()))
}

fn clear(removed: impl Iterator<Item = (io::Result<()>, PathBuf, u64)>) -> Result<ExitCode, Failure> {
    let (mut count, mut bytes) = (0, 0);
    for (result, path, size) in removed {
        result.map_err(|error| {
            Failure::Unusable(format!("{} cannot be removed: {error}", shown(&path.to_string_lossy())))
        })?;
        (count, bytes) = (count + 1, bytes + size);
    }
    let s = if count == 1 { "" } else { "s" };
    answer(|answer| answer.line(&format!("{count} cache{s} removed, {}", format::bytes(bytes))))
}
