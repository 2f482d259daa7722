//! Opens a database so that nobody notices: for reading only, nothing created beside it, no lock held.
//!
//! | database | how it is opened |
//! | --- | --- |
//! | rollback journal (MLflow's own) | read-only; a shared lock for as long as one short statement takes |
//! | WAL, and somebody has it open (`-shm`) | read-only, the `-shm` too |
//! | WAL with a `-wal` that a killed writer left, no `-shm` | read-only without locks: nobody else can be reading it |
//! | WAL at rest | as immutable, since SQLite would create `-wal` and `-shm` and leave them |
//! | one that a killed writer left in the middle of a change | a private copy, on which SQLite undoes the change |
//! | one whose end is missing | read-only, and told to make do with what is there |
//!
//! Where no locks are used, what was read is good only as long as no writer comes, so [`Database::is_current`] has to
//! be asked after reading.

use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::copied;

/// Bytes of one value or row that are read: MLflow's own limits are a thousand times smaller.
const LONGEST: i32 = 8 << 20;
/// A locked database is tried so long before it is called busy.
const PATIENCE: Duration = Duration::from_millis(250);
/// No statement takes longer.
const DEADLINE: Duration = Duration::from_secs(2);
/// Instructions of SQLite's machine between two looks at the clock: a fraction of a millisecond.
const OPERATIONS: i32 = 2000;
/// Kibibytes of the database that a connection keeps in memory.
const CACHE: i32 = -4096;

/// Why something cannot be read. Its text is a sentence without the path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A writer holds it.
    #[error("is locked by a writer")]
    Busy,
    /// A statement took longer than it may.
    #[error("takes too long to read")]
    Slow,
    /// A writer was killed while it wrote, and only a writer may clean up.
    #[error(
        "was left by a writer that was killed in the middle of a change. Let MLflow open it once, which puts it right"
    )]
    Hot,
    /// A value is longer than is read.
    #[error("holds a value of more than 8 MB, which is not read")]
    TooLong,
    /// A page of it makes no sense.
    #[error("is damaged")]
    Damaged,
    /// It is something else.
    #[error("is no SQLite database")]
    Foreign,
    /// It has been replaced by another file, or is gone.
    #[error("is gone")]
    Gone,
    /// Anything else that SQLite or the system says.
    #[error("cannot be read: {0}")]
    Other(String),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        let rusqlite::Error::SqliteFailure(failure, _) = &error else {
            return Self::Other(error.to_string());
        };
        match failure.code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::Busy,
            ErrorCode::OperationInterrupted => Self::Slow,
            ErrorCode::ReadOnly => Self::Hot,
            ErrorCode::TooBig => Self::TooLong,
            ErrorCode::DatabaseCorrupt => Self::Damaged,
            ErrorCode::NotADatabase => Self::Foreign,
            _ => Self::Other(error.to_string()),
        }
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::NotFound => Self::Gone,
            std::io::ErrorKind::PermissionDenied => Self::Other("permission denied".to_owned()),
            _ => Self::Other(error.to_string()),
        }
    }
}

/// What tells whether the database may have changed: device, inode, size and times of the file and its `-wal`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    file: Option<(u64, u64)>,
    main: (u64, i64, i64),
    wal: (u64, i64),
}

impl Stamp {
    /// Looks at the files without opening them: closing a database's file would give up this process' locks on it.
    pub fn of(path: &Path) -> Self {
        let look = |path: &Path| path.metadata().ok();
        let times = |meta: &std::fs::Metadata| {
            let nanoseconds = |s: i64, ns: i64| s.saturating_mul(1_000_000_000).saturating_add(ns);
            let (modified, changed) =
                (nanoseconds(meta.mtime(), meta.mtime_nsec()), nanoseconds(meta.ctime(), meta.ctime_nsec()));
            (meta.len(), modified, changed)
        };
        let (main, wal) = (look(path), look(&beside(path, "-wal")));
        Self {
            file: main.as_ref().map(|meta| (meta.dev(), meta.ino())),
            main: main.as_ref().map(times).unwrap_or_default(),
            // Not ctime: SQLite gives the file to its owner again whenever root opens it.
            wal: wal.as_ref().map(times).map(|(size, modified, _)| (size, modified)).unwrap_or_default(),
        }
    }
}

/// How a database was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// With SQLite's own locks.
    Shared,
    /// Without locks, the `-wal` read too.
    Alone,
    /// Without locks, since nobody writes.
    Immutable,
    /// A copy, which nobody else knows.
    Copied,
}

/// An open database.
pub struct Database {
    connection: Connection,
    mode: Mode,
    path: PathBuf,
    stamp: Stamp,
    clock: Arc<Clock>,
    note: Option<&'static str>,
    // Kept open for as long as the connection is: see `Stamp::of`.
    _file: Option<File>,
}

/// When a statement has to stop, in microseconds since the connection was opened.
struct Clock {
    begun: Instant,
    end: AtomicU64,
}

impl Database {
    /// Opens the database at a path, which is canonical.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let meta = path.metadata()?;
        if !meta.is_file() {
            return Err(Fault::Foreign);
        }
        let file = File::open(path)?;
        let mut header = [0; 20];
        file.read_exact_at(&mut header, 0).map_err(|_| Fault::Foreign)?;
        let is_wal = header.get(18..20).is_some_and(|versions| versions.contains(&2));
        let exists = |suffix| beside(path, suffix).symlink_metadata().is_ok();
        let has_wal = beside(path, "-wal").metadata().is_ok_and(|meta| meta.len() > 0);
        let (mode, flags) = match (is_wal, has_wal, exists("-shm")) {
            (false, ..) => (Mode::Shared, "mode=ro"),
            (true, _, true) => (Mode::Shared, "mode=ro&readonly_shm=1"),
            (true, true, false) => (Mode::Alone, "mode=ro&vfs=unix-none"),
            (true, false, false) => (Mode::Immutable, "mode=ro&immutable=1"),
        };
        let stamp = Stamp::of(path);
        let connect = |mode, uri: &str, access, salvages| {
            let open = access | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(uri, open)?;
            let clock = Arc::new(Clock { begun: Instant::now(), end: AtomicU64::new(u64::MAX) });
            let mut database =
                Self { connection, mode, path: path.to_owned(), stamp, clock, note: None, _file: None };
            database.prepare(salvages)?;
            Ok(database)
        };
        let read_only = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let uri_of = |path: &Path| uri(path, flags);
        let mut database = match connect(mode, &uri_of(path), read_only, false) {
            Err(Fault::Hot) if mode == Mode::Shared && !is_wal => {
                let copy = copied::Copied::of(path)?;
                let whole = OpenFlags::SQLITE_OPEN_READ_WRITE;
                let mut database = connect(Mode::Copied, &uri(copy.path(), "mode=rw"), whole, false)?;
                database.note = Some(
                    "a writer was killed in the middle of a change; shown is what was there before. Let MLflow open it \
                     once, which puts it right",
                );
                database
            }
            Err(Fault::Damaged) => {
                let mut database = connect(mode, &uri_of(path), read_only, true)?;
                database.note = Some("is damaged: what can be read is shown, the rest is missing");
                database
            }
            done => done?,
        };
        database._file = Some(file);
        Ok(database)
    }

    /// What every connection is told before it reads anything.
    fn prepare(&mut self, salvages: bool) -> Result<(), Fault> {
        let connection = &mut self.connection;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, !salvages)?;
        connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, LONGEST)?;
        connection.busy_timeout(PATIENCE)?;
        connection.set_prepared_statement_cache_capacity(64);
        let clock = self.clock.clone();
        connection.progress_handler(
            OPERATIONS,
            Some(move || clock.begun.elapsed().as_micros() as u64 >= clock.end.load(Ordering::Relaxed)),
        )?;
        if salvages {
            // SQLite reads files that are shorter than their header says only for those who may write the schema.
            connection.pragma_update(None, "writable_schema", 1)?;
        }
        if self.mode == Mode::Alone {
            // Its index of the `-wal` is in memory then, and no `-shm` is made.
            connection.pragma_update_and_check(None, "locking_mode", "exclusive", |_| Ok(()))?;
        }
        for (pragma, value) in
            [("query_only", 1), ("trusted_schema", 0), ("cell_size_check", 1), ("cache_size", CACHE)]
        {
            connection.pragma_update(None, pragma, value)?;
        }
        connection.pragma_update_and_check(None, "mmap_size", 0, |_| Ok(()))?;
        // The first read: only now is the file looked at.
        connection.query_row("SELECT count(*) FROM sqlite_master", [], |_| Ok(()))?;
        Ok(())
    }

    /// What the files were like when it was opened.
    pub fn opened_at(&self) -> Stamp {
        self.stamp
    }

    /// What there is to tell about all that is read from it.
    pub fn note(&self) -> Option<&'static str> {
        self.note
    }

    /// The connection for one statement, whose time runs from now.
    pub fn now(&self) -> &Connection {
        self.within(DEADLINE)
    }

    /// The connection for one statement that may take so long.
    pub fn within(&self, time: Duration) -> &Connection {
        let end = (self.clock.begun.elapsed() + time).as_micros() as u64;
        self.clock.end.store(end, Ordering::Relaxed);
        &self.connection
    }

    /// Whether what was read counts: the file is still the one that was opened, and where no locks are used nobody has
    /// come to write.
    pub fn is_current(&self) -> bool {
        let now = Stamp::of(&self.path);
        match self.mode {
            Mode::Shared => now.file == self.stamp.file,
            Mode::Copied => now == self.stamp,
            Mode::Alone => now == self.stamp && beside(&self.path, "-shm").symlink_metadata().is_err(),
            Mode::Immutable => now == self.stamp && beside(&self.path, "-wal").symlink_metadata().is_err(),
        }
    }

    /// A number that changes when somebody has written. Where no locks are used it never does, see
    /// [`Database::is_current`].
    pub fn version(&self) -> Result<i64, Fault> {
        let mut statement = self.now().prepare_cached("PRAGMA data_version")?;
        Ok(statement.query_row([], |row| row.get(0))?)
    }
}

/// A file beside the database.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// A path as SQLite takes it in a URI.
fn uri(path: &Path, parameters: &str) -> String {
    let mut out = String::from("file:");
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte) {
            out.push(byte.into());
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out + "?" + parameters
}
