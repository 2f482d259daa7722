//! The file in which a store's [`State`] is kept: `$XDG_STATE_HOME/mltop`, one file per store, never inside of it.
//!
//! A store is known by the canonical path of its folder or file, or by its address. Unlike the cache's, the name does
//! not hold device and inode: a view of a store that was made anew at the same place is still what the user wants.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Edit, State};
/// The format. A file of another one is left alone, neither read nor written.
const VERSION: u32 = 1;
/// No file is longer that was written by this program, in bytes.
const LONGEST: u64 = 64 << 20;

/// What the file holds.
#[derive(Debug, Serialize, Deserialize)]
struct Content {
    version: u32,
    /// For whoever looks into the file.
    store: String,
    state: State,
}

/// The file of one store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateFile {
    path: PathBuf,
    store: String,
}

/// The folder of all of them, by the XDG rules; none when the user has no home.
pub fn folder() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    Some(absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?.join("mltop"))
}

impl StateFile {
    /// The file of a store, told by its path or address, in a folder of them; none when the folder lies inside of the
    /// store.
    pub fn of(store: &str, folder: &Path) -> Option<Self> {
        let path = Path::new(store).canonicalize();
        let is_inside = |root: &PathBuf| {
            folder.ancestors().any(|above| above.canonicalize().is_ok_and(|above| above.starts_with(root)))
        };
        if path.as_ref().is_ok_and(is_inside) {
            return None;
        }
        let sum = crc32fast::hash(path.as_ref().map_or(store.as_bytes(), |path| path.as_os_str().as_bytes()));
        let store = path.map_or(store.to_owned(), |path| path.to_string_lossy().into_owned());
        // The last part of the path is for people who look for the file.
        let last = store.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let last: String = last.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
        Some(Self { path: folder.join(format!("{last}-{sum:08x}.json")), store })
    }

    /// Where it is, or would be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was settled so far; nothing where there is no file.
    ///
    /// # Errors
    /// When there is a file that cannot be read, is damaged, or is of another version.
    pub fn load(&self) -> io::Result<State> {
        let mut text = String::new();
        match File::open(&self.path) {
            Ok(file) => file.take(LONGEST).read_to_string(&mut text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(State::default()),
            Err(error) => return Err(error),
        };
        let content: Content = serde_json::from_str(&text).map_err(|error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", self.path.display()))
        })?;
        if content.version != VERSION {
            let what = format!("{} is of another version of mltop", self.path.display());
            return Err(io::Error::new(io::ErrorKind::Unsupported, what));
        }
        // Two stores whose sums are the same: whoever wrote last has the file.
        Ok(if content.store == self.store { content.state } else { State::default() })
    }

    /// Settles something more: on top of what is in the file by now, which another program may have written.
    ///
    /// # Errors
    /// When it could not be written; the file is as it was then. A damaged file is set aside, not lost.
    pub fn add(&self, edits: impl IntoIterator<Item = Edit>) -> io::Result<()> {
        let folder = self.path.parent().ok_or(io::ErrorKind::NotFound)?;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        // Where a file system has no locks, the last one wins.
        let held = File::open(folder)?;
        let _ = held.lock();
        let written = self.add_locked(edits);
        // Closing it would not do: a reader that has started meanwhile has a copy of the descriptor.
        let _ = held.unlock();
        written
    }

    fn add_locked(&self, edits: impl IntoIterator<Item = Edit>) -> io::Result<()> {
        let mut state = match self.load() {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                fs::rename(&self.path, self.path.with_extension("damaged"))?;
                State::default()
            }
            state => state?,
        };
        edits.into_iter().for_each(|edit| state.apply(edit));
        let content = Content { version: VERSION, store: self.store.clone(), state };
        let temporary = self.path.with_extension(format!("{}.tmp", std::process::id()));
        // Params in filters may be secrets: nobody else may read them.
        let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&temporary);
        let written = file.and_then(|mut file| {
            file.write_all(&serde_json::to_vec_pretty(&content)?)?;
            file.sync_data()?;
            fs::rename(&temporary, &self.path)
        });
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{SavedColumn, SavedOpened, SavedSort, SavedView};
    use proptest::prelude::*;
    use std::os::unix::fs::PermissionsExt;

    fn in_folder() -> (tempfile::TempDir, StateFile) {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("mlruns")).unwrap();
        let store = dir.path().join("mlruns").to_string_lossy().into_owned();
        let file = StateFile::of(&store, &dir.path().join("state")).unwrap();
        (dir, file)
    }

    #[test]
    fn two_programs_keep_what_either_has_settled() {
        let (_dir, file) = in_folder();
        assert_eq!(file.load().unwrap(), State::default());
        file.add([Edit::SaveFilter("good".to_owned(), "metrics.acc > 0.9".to_owned())]).unwrap();
        file.clone().add([Edit::Better("acc".to_owned(), Some(false))]).unwrap();
        let state = file.load().unwrap();
        assert_eq!((state.filters.len(), state.higher_is_better.len()), (1, 1));
    }

    #[test]
    fn never_inside_of_the_store() {
        let (dir, _) = in_folder();
        let store = dir.path().join("mlruns").to_string_lossy().into_owned();
        assert_eq!(StateFile::of(&store, &dir.path().join("mlruns/deep/below")), None);
    }

    #[test]
    fn servers_are_known_by_their_address() {
        let folder = Path::new("/nowhere");
        let of = |address: &str| StateFile::of(address, folder).unwrap().path().to_owned();
        assert_eq!(of("http://a:5000"), of("http://a:5000"));
        assert_ne!(of("http://a:5000"), of("http://b:5000"));
    }

    #[test]
    fn a_damaged_file_is_told_and_set_aside() {
        let (_dir, file) = in_folder();
        file.add([]).unwrap();
        fs::write(file.path(), "{ \"version\": 1,").unwrap();
        assert!(file.load().unwrap_err().to_string().contains("EOF"), "says what is wrong");
        file.add([Edit::UseFilter("a".to_owned())]).unwrap();
        assert_eq!(file.load().unwrap().history, ["a"]);
        assert!(file.path().with_extension("damaged").exists());
    }

    #[test]
    fn where_nothing_can_be_written_it_says_why() {
        let (dir, file) = in_folder();
        fs::write(dir.path().join("state"), "a file where the folder should be").unwrap();
        assert!(file.add([]).is_err());
    }

    #[test]
    fn nobody_else_may_read_it() {
        let (_dir, file) = in_folder();
        file.add([]).unwrap();
        assert_eq!(fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
        let left = fs::read_dir(file.path().parent().unwrap()).unwrap().count();
        assert_eq!(left, 1, "nothing is left of writing");
    }

    fn view() -> impl Strategy<Value = SavedView> {
        let text = || "\\PC{0,8}";
        let column = (text(), proptest::option::of(any::<u16>()), text(), any::<bool>(), any::<bool>());
        let column = column.prop_map(|(name, width, format, heat, left)| SavedColumn {
            name,
            width,
            format,
            heat,
            left,
        });
        let sort = (text(), any::<bool>()).prop_map(|(by, descending)| SavedSort { by, descending });
        let opened = (any::<bool>(), proptest::collection::vec(text(), 0..4));
        let opened = opened.prop_map(|(all, others)| SavedOpened { all, others });
        let formats = proptest::collection::vec(column.clone(), 0..3);
        let columns = (proptest::option::of(proptest::collection::vec(column, 0..4)), formats);
        let lists = (columns, proptest::collection::vec(sort, 0..3), opened);
        let words = (text(), text(), text(), any::<bool>(), any::<bool>());
        (lists, words).prop_map(
            |(
                ((columns, formats), sort, opened),
                (filter, group, aggregate, by_best_child, only_differing),
            )| {
                SavedView {
                    filter,
                    columns,
                    formats,
                    sort,
                    by_best_child,
                    group,
                    aggregate,
                    only_differing,
                    opened,
                }
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn views_survive_a_restart(experiment in "\\PC{0,8}", name in "\\PC{1,8}", view in view()) {
            let (_dir, file) = in_folder();
            let saved = Edit::SaveView(experiment.clone(), name.clone(), view.clone());
            file.add([saved, Edit::Look(experiment.clone(), view.clone())]).unwrap();
            let state = file.load().unwrap();
            let kept = state.of(&experiment).unwrap();
            prop_assert_eq!(&kept.last, &view);
            prop_assert_eq!(kept.views.get(&name), Some(&view));
        }
    }
}
