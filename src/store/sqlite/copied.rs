//! A private copy of a database that a killed writer left in the middle of a change. Only who may write can undo the
//! change, and we may not, so it is undone in a copy.

use std::collections::hash_map::RandomState;
use std::fs::{self, DirBuilder};
use std::hash::{BuildHasher, Hasher};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::open::{Fault, Stamp, beside};

/// Bytes that are copied at most.
const MOST: u64 = 1 << 30;

/// A copy in a folder that nobody else can read. Dropped, its files are removed; a connection that is open by then goes on
/// reading them.
pub struct Copied {
    folder: PathBuf,
    path: PathBuf,
}

impl Copied {
    /// Copies a database and its journal. Nothing is copied that is too large, or that changes meanwhile.
    pub fn of(path: &Path) -> Result<Self, Fault> {
        if path.metadata()?.len() > MOST {
            return Err(Fault::Hot);
        }
        let before = Stamp::of(path);
        // Randomly keyed by the standard library: nobody can guess the name and take it first.
        let random = RandomState::new().build_hasher().finish();
        let folder = std::env::temp_dir().join(format!("mltop-sqlite-{}-{random:016x}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&folder)?;
        let copied = Self { path: folder.join("copy.db"), folder };
        fs::copy(path, &copied.path)?;
        fs::copy(beside(path, "-journal"), beside(&copied.path, "-journal"))?;
        if Stamp::of(path) == before { Ok(copied) } else { Err(Fault::Busy) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder); // it is private and in the system's temporary folder
    }
}
