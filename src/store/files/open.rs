//! The one way into a store: folders and regular files, read with a limit.
//!
//! Anything may lie in a store: FIFOs that hang a reader, devices without an end, links to somewhere else. So a file is
//! looked at before it is opened, opened without following links out of the run (`openat2` with `RESOLVE_BENEATH`), and
//! read up to a limit. Experiment and run folders may be links, since clusters put them on scratch disks; below a run
//! only links that stay inside it are followed.

use std::ffi::{CStr, OsStr, OsString};
use std::hash::{Hash, Hasher};
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use rustc_hash::FxHasher;
use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, RawDir, ResolveFlags};
use rustix::io::Errno;

/// Why a file or folder cannot be read. Its text is a sentence without the path.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It is not there (any more).
    #[error("is missing")]
    Gone,
    /// It is something that must not be read.
    #[error("is {0}, not a file")]
    NotAFile(&'static str),
    /// A folder was expected.
    #[error("is not a folder")]
    NotAFolder,
    /// A link that leads out of the run, or in a circle.
    #[error("is a link that leads out of the run or in a circle, which is not followed")]
    Link,
    /// A link whose target is not there.
    #[error("is a link that leads nowhere")]
    Dangling,
    /// The user may not read it.
    #[error("may not be read: permission denied")]
    Denied,
    /// Anything else that the system says.
    #[error("cannot be read: {0}")]
    System(io::Error),
}

impl From<Errno> for Fault {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::NOENT => Self::Gone,
            Errno::ACCESS | Errno::PERM => Self::Denied,
            Errno::NOTDIR => Self::NotAFolder,
            Errno::LOOP | Errno::XDEV => Self::Link,
            other => Self::System(other.into()),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Errno::from_io_error(&error).map_or_else(|| Self::System(error), Self::from)
    }
}

/// What tells whether a file may have changed since it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Stamp {
    /// Device and inode: another file under the same name.
    pub file: (u64, u64),
    /// Bytes.
    pub size: u64,
    /// Last change of the content, nanoseconds since the epoch.
    pub modified: i64,
    /// Last change of anything, nanoseconds since the epoch: nobody can set it back, as `cp -p` does the other.
    pub changed: i64,
}

/// A [`Stamp`] as one number, for remembering a million of them: equal stamps have equal seals, and different ones have
/// different seals but for one in 2^64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Seal(pub u64);

impl Seal {
    /// The seal of something that is not there.
    pub const NONE: Self = Self(0);

    /// The seal of what there may be.
    pub fn of(stamp: Option<Stamp>) -> Self {
        stamp.map_or(Self::NONE, |stamp| {
            Self(sum((stamp.file, stamp.size, stamp.modified, stamp.changed)).max(1))
        })
    }
}

/// A well-mixed sum: FxHash alone leaves the low bits to themselves.
pub fn sum(of: impl Hash) -> u64 {
    let mut hasher = FxHasher::default();
    of.hash(&mut hasher);
    let mixed = hasher.finish();
    (mixed ^ (mixed >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

impl Stamp {
    fn of(stat: &fs::Stat) -> Self {
        Self {
            file: (stat.st_dev, stat.st_ino),
            size: stat.st_size.try_into().unwrap_or_default(),
            modified: nanoseconds(stat.st_mtime, stat.st_mtime_nsec as i64),
            changed: nanoseconds(stat.st_ctime, stat.st_ctime_nsec as i64),
        }
    }
}

fn nanoseconds(seconds: i64, rest: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

/// What kind of thing a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// FIFO, socket or device, by its name.
    Other(&'static str),
}

impl From<FileType> for Kind {
    fn from(kind: FileType) -> Self {
        match kind {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Folder,
            FileType::Symlink => Self::Link,
            FileType::Fifo => Self::Other("a FIFO"),
            FileType::Socket => Self::Other("a socket"),
            FileType::CharacterDevice | FileType::BlockDevice => Self::Other("a device"),
            FileType::Unknown => Self::Other("of an unknown kind"),
        }
    }
}

/// A name in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name, any bytes.
    pub name: OsString,
    /// What it stands for.
    pub kind: Kind,
}

/// A folder of the store, held open so that everything in it is reached without its path.
pub struct Folder {
    fd: OwnedFd,
    /// Stamps are asked of the file server.
    asks: bool,
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
const FILE: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);
/// Paths stay below the folder, and `/proc` links are refused.
const INSIDE: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);

impl Folder {
    fn of(fd: OwnedFd) -> Self {
        Self { fd, asks: false }
    }

    /// The same folder, whose stamps are asked of the file server, if so: network file systems answer `stat` out of a cache
    /// for up to a minute, but ask when a file is opened (close-to-open consistency).
    pub fn asking(self, asks: bool) -> Self {
        Self { asks, ..self }
    }

    /// Opens a folder by its path; links are followed.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        Ok(Self::of(fs::open(path, FOLDER, Mode::empty())?))
    }

    /// Opens a folder by its path to look at what is in it, not to list it. Nobody who watches it is told.
    pub fn look_into(path: &Path) -> Result<Self, Fault> {
        Ok(Self::of(fs::open(path, FOLDER.union(OFlags::PATH), Mode::empty())?))
    }

    /// Opens a folder in this one; `path` may have several parts, and links may not lead out.
    pub fn folder(&self, path: &OsStr) -> Result<Self, Fault> {
        // One name that is no link leads nowhere else, and is nearly always what it is.
        if !path.as_bytes().contains(&b'/')
            && path != ".."
            && let Ok(fd) = fs::openat(&self.fd, path, FOLDER.union(OFlags::NOFOLLOW), Mode::empty())
        {
            return Ok(Self::of(fd));
        }
        Ok(Self::of(open_inside(self.fd.as_fd(), path, FOLDER)?))
    }

    /// Opens a folder in this one to reach what is in it: links are followed, as for experiments and runs on scratch
    /// disks.
    pub fn linked_folder(&self, name: &str) -> Result<Self, Fault> {
        Ok(Self::of(fs::openat(&self.fd, name, FOLDER.union(OFlags::PATH), Mode::empty())?))
    }

    /// Visits what is in it, without `.` and `..`, in no order. `buffer` takes a part of the listing at a time.
    pub fn visit(
        &self,
        buffer: &mut [MaybeUninit<u8>],
        mut visit: impl FnMut(&CStr, Kind),
    ) -> Result<(), Fault> {
        let mut entries = RawDir::new(&self.fd, buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let kind = match entry.file_type() {
                // Some file systems do not say in their listings what a name stands for.
                FileType::Unknown => match fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => FileType::from_raw_mode(stat.st_mode).into(),
                    Err(_) => Kind::Other("gone"),
                },
                known => known.into(),
            };
            visit(name, kind);
        }
        Ok(())
    }

    /// Opens a file that a listing of this folder, or a look at it, has just told to be a regular one. Should it have
    /// become a link meanwhile it is not followed, and should it have become a FIFO the open does not wait.
    pub fn small_file(&self, name: &CStr) -> Result<SmallFile, Fault> {
        Ok(SmallFile(fs::openat(&self.fd, name, FILE.union(OFlags::NOFOLLOW), Mode::empty())?))
    }

    /// What is in it, without `.` and `..`, in no order.
    pub fn entries(&self) -> Result<Vec<Entry>, Fault> {
        list(fs::Dir::read_from(&self.fd)?)
    }

    /// What a name in it stands for; links are not followed.
    pub fn kind(&self, name: &OsStr) -> Result<Kind, Fault> {
        let stat = fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(FileType::from_raw_mode(stat.st_mode).into())
    }

    /// What a name in it stands for, and its stamp; links are not followed.
    pub fn look(&self, name: &CStr) -> Result<(Kind, Stamp), Fault> {
        let stat = fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok((FileType::from_raw_mode(stat.st_mode).into(), Stamp::of(&stat)))
    }

    /// The stamp of something in it; links are not followed.
    pub fn stamp(&self, path: &OsStr) -> Result<Stamp, Fault> {
        let stat = fs::statat(&self.fd, path, AtFlags::SYMLINK_NOFOLLOW)?;
        let is_plain =
            matches!(FileType::from_raw_mode(stat.st_mode), FileType::RegularFile | FileType::Directory);
        if !(self.asks && is_plain) {
            return Ok(Stamp::of(&stat));
        }
        // What may not be opened still has a stamp.
        let opened = fs::openat(&self.fd, path, FILE.union(OFlags::NOFOLLOW), Mode::empty());
        Ok(opened.and_then(fs::fstat).map_or(Stamp::of(&stat), |stat| Stamp::of(&stat)))
    }

    /// Its own stamp.
    pub fn own_stamp(&self) -> Result<Stamp, Fault> {
        Ok(Stamp::of(&fs::fstat(&self.fd)?))
    }

    /// Opens a regular file in it. `path` may have several parts. Nothing but a regular file is ever opened for
    /// reading: opening the reading end of a FIFO would wake its writer.
    pub fn file(&self, path: &OsStr) -> Result<OpenFile, Fault> {
        let stat = fs::statat(&self.fd, path, AtFlags::SYMLINK_NOFOLLOW)?;
        let kind = match FileType::from_raw_mode(stat.st_mode).into() {
            Kind::Link => {
                let target = open_inside(self.fd.as_fd(), path, OFlags::PATH | OFlags::CLOEXEC);
                let target = target.map_err(|errno| match errno {
                    Errno::NOENT => Fault::Dangling,
                    other => other.into(),
                })?;
                FileType::from_raw_mode(fs::fstat(&target)?.st_mode).into()
            }
            kind => kind,
        };
        match kind {
            Kind::File => {}
            Kind::Folder => return Err(Fault::NotAFile("a folder")),
            Kind::Link => return Err(Fault::Link),
            Kind::Other(what) => return Err(Fault::NotAFile(what)),
        }
        self.opened(path, FILE)
    }

    fn opened(&self, path: &OsStr, flags: OFlags) -> Result<OpenFile, Fault> {
        let fd = open_inside(self.fd.as_fd(), path, flags)?;
        let stat = fs::fstat(&fd)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Fault::NotAFile("something else by now"));
        }
        Ok(OpenFile { file: fd.into(), stamp: Stamp::of(&stat) })
    }

    /// A small file, whole: at most `limit` bytes, and its stamp, which tells when it was longer.
    pub fn read(&self, path: &OsStr, limit: usize) -> Result<(Vec<u8>, Stamp), Fault> {
        self.file(path)?.read(limit)
    }
}

fn list(mut folder: fs::Dir) -> Result<Vec<Entry>, Fault> {
    let mut out = Vec::new();
    let mut unknown = Vec::new();
    for entry in folder.by_ref() {
        let entry = entry?;
        let name: &CStr = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        if entry.file_type() == FileType::Unknown {
            unknown.push(out.len());
        }
        out.push(Entry {
            name: OsString::from_vec(name.to_bytes().to_vec()),
            kind: entry.file_type().into(),
        });
    }
    // Some file systems do not say in their listings what a name stands for.
    for place in unknown {
        if let Some(entry) = out.get_mut(place) {
            let stat = fs::statat(folder.fd()?, &entry.name, AtFlags::SYMLINK_NOFOLLOW);
            entry.kind =
                stat.map_or(Kind::Other("gone"), |stat| FileType::from_raw_mode(stat.st_mode).into());
        }
    }
    Ok(out)
}

/// A file that is open for being read at once.
pub struct SmallFile(OwnedFd);

impl SmallFile {
    /// Reads from the beginning until the end or until `buffer` is full; says how much. One system call where the
    /// file is shorter than the buffer.
    pub fn read(&self, buffer: &mut [u8]) -> Result<usize, Fault> {
        let mut len = 0;
        while let Some(rest) = buffer.get_mut(len..).filter(|rest| !rest.is_empty()) {
            let room = rest.len();
            let n = match rustix::io::pread(&self.0, rest, len as u64) {
                Err(Errno::INTR) => continue,
                other => other?,
            };
            len += n;
            // A regular file gives all it has, up to its end.
            if n < room {
                break;
            }
        }
        Ok(len)
    }

    /// Reads from a place of the file, as much as fits and is there.
    pub fn read_at(&self, buffer: &mut [u8], at: u64) -> Result<usize, Fault> {
        Ok(rustix::io::pread(&self.0, buffer, at)?)
    }

    /// Its stamp.
    pub fn stamp(&self) -> Result<Stamp, Fault> {
        Ok(Stamp::of(&fs::fstat(&self.0)?))
    }

    /// The same file for reading in pieces; it has to be a regular one.
    pub fn into_open(self, stamp: Stamp) -> OpenFile {
        OpenFile { file: self.0.into(), stamp }
    }
}

impl From<OpenFile> for SmallFile {
    fn from(open: OpenFile) -> Self {
        Self(open.file.into())
    }
}

/// A regular file that is open for reading.
pub struct OpenFile {
    /// The file.
    pub file: std::fs::File,
    /// Its stamp when it was opened.
    pub stamp: Stamp,
}

impl OpenFile {
    /// At most `limit` bytes of it, and its stamp, which tells when it was longer. One read where it has not grown since
    /// it was opened.
    pub fn read(self, limit: usize) -> Result<(Vec<u8>, Stamp), Fault> {
        let Self { mut file, stamp } = self;
        let expected = (stamp.size as usize).min(limit);
        let mut bytes = vec![0; expected];
        let read = file.read(&mut bytes)?;
        bytes.truncate(read);
        if read < expected {
            // Interrupted, or shorter by now: what is left, if anything.
            file.take((limit - read) as u64).read_to_end(&mut bytes)?;
        }
        Ok((bytes, stamp))
    }
}

/// `openat2` below a folder; on kernels and in containers without it `openat`, which then follows no link in the last
/// part of the path.
fn open_inside(folder: BorrowedFd<'_>, path: &OsStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    match fs::openat2(folder, path, flags, Mode::empty(), INSIDE) {
        Err(Errno::NOSYS | Errno::PERM) => fs::openat(folder, path, flags | OFlags::NOFOLLOW, Mode::empty()),
        other => other,
    }
}

/// A name as text: UTF-8 as it is, other bytes as `\xff`, so that two different names stay different.
pub fn name_text(name: &OsStr) -> String {
    let mut out = String::new();
    for chunk in name.as_bytes().utf8_chunks() {
        out.push_str(chunk.valid());
        for byte in chunk.invalid() {
            out.push_str(&format!("\\x{byte:02x}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn links_may_not_lead_out() {
        let dir = tempfile::tempdir().unwrap();
        let run = dir.path().join("run");
        std::fs::create_dir_all(run.join("metrics")).unwrap();
        std::fs::write(dir.path().join("secret"), "outside").unwrap();
        std::fs::write(run.join("metrics/loss"), "inside").unwrap();
        symlink("loss", run.join("metrics/same")).unwrap();
        symlink("../../secret", run.join("metrics/out")).unwrap();
        symlink("/etc/passwd", run.join("metrics/absolute")).unwrap();
        symlink("circle", run.join("metrics/circle")).unwrap();
        symlink("nowhere", run.join("metrics/dangling")).unwrap();
        let folder = Folder::open(&run).unwrap();
        let read =
            |name: &str| folder.read(OsStr::new(&format!("metrics/{name}")), 100).map(|(bytes, _)| bytes);
        assert_eq!(read("loss").unwrap(), b"inside");
        assert_eq!(read("same").unwrap(), b"inside");
        for name in ["out", "absolute", "circle"] {
            assert!(matches!(read(name), Err(Fault::Link)), "{name}");
        }
        assert!(matches!(read("dangling"), Err(Fault::Dangling)), "a problem, not a file that has just gone");
    }

    #[test]
    fn only_regular_files_are_read() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("folder")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        for name in ["folder", "socket"] {
            assert!(matches!(folder.read(OsStr::new(name), 10), Err(Fault::NotAFile(_))), "{name}");
        }
        assert!(matches!(folder.read(OsStr::new("nothing"), 10), Err(Fault::Gone)));
    }

    #[test]
    fn a_stamp_is_the_same_however_it_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("folder")).unwrap();
        std::fs::write(dir.path().join("file"), "x").unwrap();
        symlink("file", dir.path().join("link")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
        let folder = |asks| Folder::open(dir.path()).unwrap().asking(asks);
        for name in ["folder", "file", "link", "socket"] {
            let stamp = |asks| folder(asks).stamp(OsStr::new(name)).unwrap();
            assert_eq!(stamp(true), stamp(false), "{name}");
        }
        assert!(matches!(folder(true).stamp(OsStr::new("nothing")), Err(Fault::Gone)));
    }

    #[test]
    fn reading_stops_at_the_limit() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("big"), vec![b'x'; 10_000]).unwrap();
        let (bytes, stamp) = Folder::open(dir.path()).unwrap().read(OsStr::new("big"), 100).unwrap();
        assert_eq!((bytes.len(), stamp.size), (100, 10_000));
    }

    #[test]
    fn names_that_are_not_utf8_stay_distinct() {
        assert_eq!(name_text(OsStr::from_bytes(b"caf\xe9")), "caf\\xe9");
        assert_eq!(name_text(OsStr::new("이름")), "이름");
    }
}
