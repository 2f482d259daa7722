//! The system calls on a store. Folders are opened once and files named relative to them, which is 15 % cheaper than
//! full paths; d_type tells what is a folder, so nothing is asked twice.

use std::ffi::{CStr, CString};
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// What is read of a metric file's end.
const TAIL: usize = 4096;
const BUFFER: usize = 64 * 1024;
/// Runs that a thread takes at a time.
const BATCH: usize = 32;

/// What is read of a run; each level includes those before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Ids,
    Meta,
    Tags,
    Params,
    Tails,
    Whole,
}

impl Level {
    pub fn of(letter: &str) -> Self {
        match letter {
            "a" => Self::Ids,
            "b" => Self::Meta,
            "c" => Self::Tags,
            "d" => Self::Params,
            "e" => Self::Tails,
            "f" => Self::Whole,
            _ => panic!("no such level: {letter}"),
        }
    }
}

/// What was done.
#[derive(Default)]
pub struct Calls {
    pub calls: u64,
    pub files: u64,
    pub bytes: u64,
    /// Names that could not be opened or looked at.
    pub missing: u64,
}

impl Calls {
    pub fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.files += other.files;
        self.bytes += other.bytes;
        self.missing += other.missing;
    }

    fn open(&mut self, folder: RawFd, name: &CStr, flags: i32) -> Option<RawFd> {
        self.calls += 1;
        // SAFETY: the name ends with NUL.
        let file = unsafe { libc::openat(folder, name.as_ptr(), flags | libc::O_RDONLY | libc::O_CLOEXEC) };
        if file < 0 {
            self.missing += 1;
        }
        (file >= 0).then_some(file)
    }

    fn close(&mut self, file: RawFd) {
        self.calls += 1;
        // SAFETY: the descriptor is ours, and nobody uses it again.
        unsafe { libc::close(file) };
    }

    fn read(&mut self, file: RawFd, buffer: &mut [u8], from: i64) -> usize {
        self.calls += 1;
        // SAFETY: the buffer is valid for its length.
        let count = unsafe { libc::pread(file, buffer.as_mut_ptr().cast(), buffer.len(), from) }.max(0);
        self.bytes += count as u64;
        count as usize
    }

    /// Calls `each(is_folder, name)` for what is in a folder.
    fn list(&mut self, folder: RawFd, buffer: &mut [u8], mut each: impl FnMut(bool, &CStr)) {
        loop {
            self.calls += 1;
            // SAFETY: the buffer is valid for its length.
            let count =
                unsafe { libc::syscall(libc::SYS_getdents64, folder, buffer.as_mut_ptr(), buffer.len()) };
            let Some(mut entries) = buffer.get(..count.max(0) as usize).filter(|e| !e.is_empty()) else {
                return;
            };
            // An entry: inode (8 bytes), offset (8), its length (2), type (1), name.
            while !entries.is_empty() {
                let length = usize::from(u16::from_ne_bytes([entries[16], entries[17]]));
                let (entry, others) = entries.split_at(length);
                let name = CStr::from_bytes_until_nul(&entry[19..]).expect("a name ends with NUL");
                if name != c"." && name != c".." {
                    each(entry[18] == libc::DT_DIR, name);
                }
                entries = others;
            }
        }
    }

    fn whole_file(&mut self, folder: RawFd, name: &CStr, buffer: &mut [u8]) {
        let Some(file) = self.open(folder, name, 0) else { return };
        self.files += 1;
        let mut from = 0;
        loop {
            let count = self.read(file, buffer, from);
            from += count as i64;
            if count < buffer.len() {
                break;
            }
        }
        self.close(file);
    }

    /// One read when the file is no longer than the tail.
    fn tail(&mut self, folder: RawFd, name: &CStr, buffer: &mut [u8]) {
        let Some(file) = self.open(folder, name, 0) else { return };
        self.files += 1;
        let buffer = &mut buffer[..TAIL];
        if self.read(file, buffer, 0) == TAIL {
            self.calls += 1;
            // SAFETY: all zeroes are a stat, and the call fills it.
            let mut stat: libc::stat = unsafe { std::mem::zeroed() };
            // SAFETY: the file is open, and the stat is ours.
            unsafe { libc::fstat(file, &mut stat) };
            if stat.st_size > TAIL as i64 {
                self.read(file, buffer, stat.st_size - TAIL as i64);
            }
        }
        self.close(file);
    }
}

/// The ids of all runs that are meant, by experiment.
pub struct Store {
    /// Open folders of experiments.
    experiments: Vec<RawFd>,
    /// Experiment's number and folder's name.
    runs: Vec<(usize, CString)>,
}

impl Store {
    pub fn list(root: &str, experiment: Option<&str>, only: usize, calls: &mut Calls) -> Self {
        let mut buffer = vec![0; BUFFER];
        let path = CString::new(root).expect("a path");
        let root = calls.open(libc::AT_FDCWD, &path, libc::O_DIRECTORY).expect("the store can be opened");
        let mut names = Vec::new();
        calls.list(root, &mut buffer, |is_folder, name| {
            let is_meant = experiment.is_none_or(|id| name.to_bytes() == id.as_bytes());
            if is_folder && is_meant && name != c".trash" && name != c"models" {
                names.push(name.to_owned());
            }
        });
        let mut store = Self { experiments: Vec::new(), runs: Vec::new() };
        for name in names {
            let Some(folder) = calls.open(root, &name, libc::O_DIRECTORY) else { continue };
            let number = store.experiments.len();
            store.experiments.push(folder);
            calls.list(folder, &mut buffer, |is_folder, name| {
                if is_folder && ![c"tags", c"datasets", c"traces", c"models"].contains(&name) {
                    store.runs.push((number, name.to_owned()));
                }
            });
        }
        store.runs.truncate(only);
        store
    }

    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    pub fn read(&self, level: Level, threads: usize) -> Calls {
        let mut sum = Calls::default();
        if level == Level::Ids {
            return sum;
        }
        let next = AtomicUsize::new(0);
        let work = || {
            let mut reader =
                Reader { level, calls: Calls::default(), names: vec![0; BUFFER], buffer: vec![0; BUFFER] };
            loop {
                let from = next.fetch_add(BATCH, Relaxed);
                let Some(runs) = self.runs.get(from..) else { return reader.calls };
                for (experiment, name) in runs.iter().take(BATCH) {
                    reader.run(self.experiments[*experiment], name);
                }
            }
        };
        if threads == 1 {
            return work();
        }
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers.into_iter().for_each(|worker| sum.add(&worker.join().expect("no panic")));
        });
        sum
    }

    /// What `stat` asks for, relative to the folder of an experiment.
    pub fn names(&self, level: &str) -> Vec<(RawFd, CString)> {
        let (mut calls, mut buffer, mut names) = (Calls::default(), vec![0; BUFFER], Vec::new());
        for (experiment, run) in &self.runs {
            let folder = self.experiments[*experiment];
            let run = run.to_str().expect("an id is plain text");
            let mut push = |name: String| names.push((folder, CString::new(name).expect("no NUL")));
            push(format!("{run}/meta.yaml"));
            if level != "b" {
                ["metrics", "params", "tags"].iter().for_each(|part| push(format!("{run}/{part}")));
            }
            let metrics = CString::new(format!("{run}/metrics")).expect("no NUL");
            if level == "m"
                && let Some(metrics) = calls.open(folder, &metrics, libc::O_DIRECTORY)
            {
                calls.list(metrics, &mut buffer, |_, name| {
                    push(format!("{run}/metrics/{}", name.to_string_lossy()));
                });
                calls.close(metrics);
            }
        }
        names
    }
}

/// One thread's own things.
struct Reader {
    level: Level,
    calls: Calls,
    names: Vec<u8>,
    buffer: Vec<u8>,
}

impl Reader {
    fn run(&mut self, experiment: RawFd, name: &CStr) {
        if self.level == Level::Meta {
            // Its path from the experiment: the run's folder need not be opened.
            let path = CString::new([name.to_bytes(), b"/meta.yaml"].concat()).expect("no NUL");
            return self.calls.whole_file(experiment, &path, &mut self.buffer);
        }
        let Some(run) = self.calls.open(experiment, name, libc::O_DIRECTORY | libc::O_PATH) else { return };
        self.calls.whole_file(run, c"meta.yaml", &mut self.buffer);
        self.folder(run, c"tags", false);
        if self.level >= Level::Params {
            self.folder(run, c"params", false);
        }
        if self.level >= Level::Tails {
            self.folder(run, c"metrics", self.level == Level::Tails);
        }
        self.calls.close(run);
    }

    fn folder(&mut self, run: RawFd, name: &CStr, tails: bool) {
        let Some(folder) = self.calls.open(run, name, libc::O_DIRECTORY) else { return };
        let mut entries = Vec::new();
        self.calls
            .list(folder, &mut self.names, |is_folder, name| entries.push((is_folder, name.to_owned())));
        for (is_folder, name) in entries {
            match (is_folder, tails) {
                (true, _) => self.folder(folder, &name, tails), // a key with a "/"
                (false, true) => self.calls.tail(folder, &name, &mut self.buffer),
                (false, false) => self.calls.whole_file(folder, &name, &mut self.buffer),
            }
        }
        self.calls.close(folder);
    }
}

pub fn stat(names: &[(RawFd, CString)], threads: usize) -> Calls {
    let part = names.len().div_ceil(threads).max(1);
    let work = |names: &[(RawFd, CString)]| {
        let mut calls = Calls::default();
        for (folder, name) in names {
            calls.calls += 1;
            // SAFETY: all zeroes are a stat, the name ends with NUL.
            let failed = unsafe {
                let mut stat: libc::stat = std::mem::zeroed();
                libc::fstatat(*folder, name.as_ptr(), &mut stat, 0) != 0
            };
            calls.missing += u64::from(failed);
        }
        calls
    };
    let mut sum = Calls::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = names.chunks(part).map(|part| scope.spawn(move || work(part))).collect();
        workers.into_iter().for_each(|worker| sum.add(&worker.join().expect("no panic")));
    });
    sum
}
