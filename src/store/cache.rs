//! What was known of a store when the program last looked at it, so that a second start shows the table at once.
//!
//! One file per store in the user's cache folder, never inside the store. What comes out of it is shown as it was and
//! compared with the store run by run: see ARCHITECTURE.md for which changes a stamp reveals. A file that is damaged,
//! of another version or of another store is no cache.
//!
//! ```text
//! head:    "mltop runs", version, device and inode and path of the store
//! blocks:  kind, length, checksum, bytes            keys, then experiments, then runs, then the end
//! ```

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use self::codec::{Put, Take};
use super::files::open::sum;

pub mod codec;

/// What every cache begins with; another format has another one.
const MAGIC: &[u8; 12] = b"mltop runs\x00\x02";
/// Bytes of a block, about; one is written and read at a time.
pub const BLOCK: usize = 1 << 20;
/// No block is longer: a run with everything that is kept of it fits.
const LONGEST: usize = 2 << 30;
/// Caches of stores that nobody has looked at for so long are removed.
const OLD: Duration = Duration::from_secs(60 * 24 * 3600);
/// What the names of caches end in.
const EXTENSION: &str = "runs";

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Names of keys, in their order.
    Keys = 1,
    /// Experiments.
    Experiments = 2,
    /// Runs with what the file store remembers of them.
    Runs = 3,
    /// Nothing follows.
    End = 4,
}

/// The folder of all caches, by the XDG rules; none when the user has no home.
pub fn folder() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    Some(absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?.join("mltop"))
}

/// The cache of one store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    path: PathBuf,
    identity: Vec<u8>,
}

impl Cache {
    /// The cache of the store at `root` in a folder of caches; none when the store cannot be told from others, or the
    /// folder lies inside of it.
    pub fn of(root: &Path, folder: &Path) -> Option<Self> {
        let path = root.canonicalize().ok()?;
        let meta = path.metadata().ok()?;
        let is_inside =
            folder.ancestors().any(|above| above.canonicalize().is_ok_and(|above| above.starts_with(&path)));
        if is_inside {
            return None;
        }
        let mut identity = Vec::new();
        identity.number(meta.dev());
        identity.number(meta.ino());
        identity.bytes(path.as_os_str().as_bytes());
        let name = format!("{:016x}.{EXTENSION}", sum(&identity));
        Some(Self { path: folder.join(name), identity })
    }

    /// Where it is, or would be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens it for reading; none when there is none that fits.
    pub fn reader(&self) -> Option<Reader> {
        let mut file = BufReader::with_capacity(BLOCK, File::open(&self.path).ok()?);
        let mut head = vec![0; MAGIC.len() + self.identity.len()];
        file.read_exact(&mut head).ok()?;
        let fits = head.strip_prefix(MAGIC)? == self.identity;
        fits.then_some(Reader { file, bytes: Vec::new() })
    }

    /// Begins a new one, which takes the place of the old one when it is finished.
    pub fn writer(&self) -> io::Result<Writer> {
        let folder = self.path.parent().ok_or(io::ErrorKind::NotFound)?;
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        remove_old(folder);
        let temporary = self.path.with_extension(format!("{}.tmp", std::process::id()));
        // Params may be secrets: nobody else may read them.
        let file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        let mut writer = Writer { file: Some(BufWriter::new(file)), temporary, path: self.path.clone() };
        writer.put(MAGIC)?;
        writer.put(&self.identity)?;
        Ok(writer)
    }

    /// Notes that it is used, so that it does not count as one of a store that nobody looks at.
    pub fn is_used(&self) {
        let used = File::open(&self.path).and_then(|file| file.set_modified(SystemTime::now()));
        let _ = used; // it will be written again before long, or not be missed
    }

    /// Removes it.
    pub fn remove(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

/// All caches in a folder, with their sizes in bytes.
pub fn all(folder: &Path) -> Vec<(PathBuf, u64)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_ours = |path: &Path| path.extension().is_some_and(|it| it == EXTENSION || it == "tmp");
    let found = entries.map(|entry| (entry.path(), entry.metadata().map_or(0, |meta| meta.len())));
    found.filter(|(path, _)| is_ours(path)).collect()
}

/// Removes caches of stores that nobody looks at, and what a process left that ended while it wrote.
fn remove_old(folder: &Path) {
    for (path, _) in all(folder) {
        let age = path.metadata().and_then(|meta| meta.modified());
        let age = age.ok().and_then(|at| SystemTime::now().duration_since(at).ok()).unwrap_or_default();
        let is_left = path.extension().is_some_and(|it| it == "tmp") && age > Duration::from_secs(3600);
        if age > OLD || is_left {
            let _ = fs::remove_file(path); // the next one who writes tries again
        }
    }
}

/// Reads a cache block by block.
pub struct Reader {
    file: BufReader<File>,
    bytes: Vec<u8>,
}

impl Reader {
    /// The next block; none when it is damaged.
    pub fn block(&mut self) -> Option<(Kind, &[u8])> {
        let mut head = [0; 1 + 4 + 4];
        self.file.read_exact(&mut head).ok()?;
        let [kind, numbers @ ..] = &head;
        let mut numbers: &[u8] = numbers;
        let (len, check) = (u32::take(&mut numbers)? as usize, u32::take(&mut numbers)?);
        if len > LONGEST {
            return None;
        }
        self.bytes.clear();
        // Not `resize`: a damaged length must not ask for memory that the file does not fill.
        (&mut self.file).take(len as u64).read_to_end(&mut self.bytes).ok()?;
        if self.bytes.len() != len || crc32fast::hash(&self.bytes) != check {
            return None;
        }
        let kinds = [Kind::Keys, Kind::Experiments, Kind::Runs, Kind::End];
        Some((kinds.into_iter().find(|known| *known as u8 == *kind)?, &self.bytes))
    }
}

/// Writes a cache block by block.
pub struct Writer {
    file: Option<BufWriter<File>>,
    temporary: PathBuf,
    path: PathBuf,
}

impl Writer {
    /// Adds a block.
    pub fn block(&mut self, kind: Kind, bytes: &[u8]) -> io::Result<()> {
        if bytes.len() > LONGEST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.put(&[kind as u8])?;
        self.put(&(bytes.len() as u32).to_le_bytes())?;
        self.put(&crc32fast::hash(bytes).to_le_bytes())?;
        self.put(bytes)
    }

    /// Puts the new cache in the place of the old one.
    pub fn finish(mut self) -> io::Result<()> {
        self.block(Kind::End, &[])?;
        if let Some(mut file) = self.file.take() {
            file.flush()?;
        }
        fs::rename(&self.temporary, &self.path)
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(bytes))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Not finished: what is there is of no use. After `finish` there is nothing of this name.
        let _ = fs::remove_file(&self.temporary);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(cache: &Cache) -> Option<Vec<Vec<u8>>> {
        let mut reader = cache.reader()?;
        let mut out = Vec::new();
        loop {
            let (kind, bytes) = reader.block()?;
            out.push(bytes.to_vec());
            if kind == Kind::End {
                return Some(out);
            }
        }
    }

    fn write(cache: &Cache) {
        let mut writer = cache.writer().unwrap();
        writer.block(Kind::Keys, b"abc").unwrap();
        writer.block(Kind::Runs, &[7; 5000]).unwrap();
        writer.finish().unwrap();
    }

    #[test]
    fn a_cache_is_read_back_by_its_own_store_only() {
        let dir = tempfile::tempdir().unwrap();
        let [store, copy, home] = ["store", "copy", "home"].map(|name| dir.path().join(name));
        fs::create_dir(&store).unwrap();
        fs::create_dir(&copy).unwrap();
        let cache = Cache::of(&store, &home).unwrap();
        assert_eq!(blocks(&cache), None, "there is none yet");
        write(&cache);
        assert_eq!(blocks(&cache).unwrap()[0], b"abc");
        let other = Cache::of(&copy, &home).unwrap();
        assert_ne!(other.path(), cache.path());
        fs::copy(cache.path(), other.path()).unwrap();
        assert_eq!(blocks(&other), None, "it is that of another store");
        assert_eq!(all(&home).len(), 2);
    }

    #[test]
    fn a_cache_that_is_used_does_not_grow_old() {
        let dir = tempfile::tempdir().unwrap();
        let [store, home] = ["store", "home"].map(|name| dir.path().join(name));
        fs::create_dir(&store).unwrap();
        let cache = Cache::of(&store, &home).unwrap();
        let long_ago = SystemTime::now() - OLD - Duration::from_secs(60);
        write(&cache);
        File::open(cache.path()).unwrap().set_modified(long_ago).unwrap();
        cache.is_used();
        remove_old(&home);
        assert!(cache.path().exists(), "somebody looks at it every day, though nothing changes");
        File::open(cache.path()).unwrap().set_modified(long_ago).unwrap();
        remove_old(&home);
        assert!(!cache.path().exists());
    }

    #[test]
    fn damage_anywhere_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::of(dir.path(), &std::env::temp_dir().join("mltop-test-of-damage")).unwrap();
        write(&cache);
        let good = fs::read(cache.path()).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x20;
            fs::write(cache.path(), bad).unwrap();
            assert_eq!(blocks(&cache), None, "byte {at}");
            if at % 97 == 0 {
                fs::write(cache.path(), &good[..at]).unwrap();
                assert_eq!(blocks(&cache), None, "cut at {at}");
            }
        }
        cache.remove().unwrap();
    }

    #[test]
    fn never_inside_the_store_and_nothing_is_left_of_half_a_cache() {
        let dir = tempfile::tempdir().unwrap();
        let store = dir.path().join("store");
        fs::create_dir(&store).unwrap();
        assert_eq!(Cache::of(&store, &store.join("deep/below")), None);
        let home = dir.path().join("home");
        let cache = Cache::of(&store, &home).unwrap();
        drop(cache.writer().unwrap());
        assert_eq!(all(&home), []);
    }
}
