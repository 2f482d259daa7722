//! Puts what is known into the cache, and takes it out again at the next start.
//!
//! A run comes with the stamps of its files. It is trusted, and only its stamps are looked at, when it was read whole, had
//! ended, has no problems, and nothing of it had changed within two seconds before it was read: a second change at the
//! same tick of the clock would bear the same stamp. Of one that was read without its stamps they have to be ten minutes
//! older than that reading. Every other run is shown as it was and read again.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::due::Due;
use super::open::{Seal, Stamp};
use super::points::{MetricFile, OddFile};
use super::problems::Owner;
use super::run::{Odd, RunFiles};
use super::{ExperimentFiles, FileStore, Seen};
use crate::index::{Experiment, ExperimentKey, Index, Key, Keys, Lifecycle, Parts, Run, RunKey, Text};
use crate::store::cache::codec::{Put, Take, take_bytes, take_maybe, take_text};
use crate::store::cache::{BLOCK, Cache, Kind, Writer};

/// A cache is written again at most so often.
const AGAIN: Duration = Duration::from_secs(300);

/// The cache of a store while it is used.
pub struct Keeper {
    cache: Cache,
    /// A new one that is being written.
    saving: Option<Saving>,
    /// When the last one was.
    saved: Option<Instant>,
    /// Something has changed since.
    pub dirty: bool,
    /// Runs that it holds without stamps that could be trusted. When they have been read again they can.
    untrusted: Vec<RunKey>,
}

/// A cache that is being written, some runs at a time.
struct Saving {
    writer: Writer,
    /// Keys and experiments that were written: a run of a later one could not be understood.
    keys: usize,
    experiments: usize,
    next: usize,
    block: Vec<u8>,
}

impl Keeper {
    /// Uses a cache.
    pub fn new(cache: Cache) -> Self {
        Self { cache, saving: None, saved: None, dirty: false, untrusted: Vec::new() }
    }
}

impl FileStore {
    /// Shows what was known at the last start. All of it is then compared with the store.
    pub(super) fn recall(&mut self, index: &mut Index) -> bool {
        let Some(found) = self.memory.as_ref().and_then(|memory| Recalled::read(&memory.cache, &self.root))
        else {
            return false;
        };
        let Recalled { keys, experiments, index: new, runs, trusted } = found;
        if let Some(memory) = &self.memory {
            memory.cache.is_used();
        }
        self.keys.replace(keys);
        *index = new;
        for (slot, files) in experiments.into_iter().enumerate() {
            let key = ExperimentKey(slot as u32);
            self.by_path.insert(files.path.clone(), key);
            self.experiments.insert(key, files);
            self.agenda.experiment(key);
        }
        self.runs = runs;
        self.known = index.runs.len();
        self.running = index.runs().filter(|run| run.is_running()).map(|run| run.key).collect();
        for (run, trusted) in index.runs().zip(trusted) {
            self.agenda.new_run(run.experiment, run.key, if trusted { Due::CHECK } else { Due::WHOLE });
            if let Some(memory) = self.memory.as_mut().filter(|_| !trusted) {
                memory.untrusted.push(run.key);
            }
            self.unread += usize::from(run.read() != Parts::ALL);
        }
        self.recalled = true;
        self.keys.publish(&mut index.keys);
        index.latest = self.latest(index).map(|(key, _)| key);
        (self.awaited.first, self.awaited.is_chosen) = (index.latest, index.latest.is_some());
        true
    }

    /// Writes the cache when there is something new in it and nothing else to do; says whether there is more to write.
    /// Where it cannot be written the program goes on without.
    pub(super) fn save(&mut self, index: &Index, until: Instant) -> bool {
        let Some(mut memory) = self.memory.take() else { return false };
        if !memory.untrusted.is_empty() && self.progress().complete {
            let is_trusted = |key: &RunKey| {
                let run = index.run(*key);
                run.is_some_and(|run| self.files(*key).is_some_and(|files| self.is_trusted(run, files)))
            };
            memory.dirty |= std::mem::take(&mut memory.untrusted).iter().any(is_trusted);
        }
        let is_time = memory.dirty && memory.saved.is_none_or(|at| at.elapsed() > AGAIN);
        if memory.saving.is_none() && !(is_time && self.progress().complete) {
            self.memory = Some(memory);
            return false;
        }
        let saved = self.save_some(&mut memory, index, until);
        if let Ok(more) = saved {
            self.memory = Some(memory);
            return more;
        }
        false
    }

    /// Writes what is not in the cache yet, before the program ends.
    pub(super) fn save_now(&mut self, index: &Index, until: Instant) {
        if let Some(memory) = &mut self.memory {
            memory.saved = None;
        }
        while Instant::now() < until && self.save(index, until) {}
    }

    fn save_some(&self, memory: &mut Keeper, index: &Index, until: Instant) -> std::io::Result<bool> {
        let mut saving = match memory.saving.take() {
            Some(saving) => saving,
            None => {
                memory.dirty = false;
                let mut writer = memory.cache.writer()?;
                self.save_keys(&mut writer, index)?;
                let (keys, experiments) = (index.keys.len(), index.experiments.len());
                Saving { writer, keys, experiments, next: 0, block: Vec::with_capacity(BLOCK + BLOCK / 8) }
            }
        };
        while saving.next < index.runs.len() {
            if let Some(run) = index.run(RunKey(saving.next as u32)) {
                self.put_run(run, &mut saving.block);
            }
            saving.next += 1;
            if saving.block.len() >= BLOCK {
                saving.writer.block(Kind::Runs, &saving.block)?;
                saving.block.clear();
                if Instant::now() >= until {
                    memory.saving = Some(saving);
                    return Ok(true);
                }
            }
        }
        if (index.keys.len(), index.experiments.len()) != (saving.keys, saving.experiments) {
            // Next time; what was written of it is removed.
            (memory.dirty, memory.saved) = (true, Some(Instant::now()));
            return Ok(false);
        }
        saving.writer.block(Kind::Runs, &saving.block)?;
        saving.writer.finish()?;
        memory.saved = Some(Instant::now());
        Ok(false)
    }

    /// Keys and experiments. These are written first: a run that is added while the rest is written changes its
    /// experiment's folder, so the next start lists that again.
    fn save_keys(&self, writer: &mut Writer, index: &Index) -> std::io::Result<()> {
        let mut block = Vec::new();
        index.keys.names().for_each(|name| block.bytes(name.as_bytes()));
        writer.block(Kind::Keys, &block)?;
        block.clear();
        for slot in 0..index.experiments.len() {
            let key = ExperimentKey(slot as u32);
            if let (Some(experiment), Some(files)) = (index.experiment(key), self.experiments.get(&key)) {
                put_experiment(experiment, files, &self.root, &mut block);
            }
        }
        writer.block(Kind::Experiments, &block)
    }

    fn put_run(&self, run: &Run, out: &mut Vec<u8>) {
        let files = self.files(run.key).filter(|files| self.is_trusted(run, files));
        out.short(run.experiment.0);
        out.maybe(files, put_files);
        run.write(out);
    }

    fn is_trusted(&self, run: &Run, files: &RunFiles) -> bool {
        let is_odd = |odd: &Odd| {
            odd.broken_since.is_some() || odd.files.values().any(|file| file.waiting || file.tail)
        };
        run.read() == Parts::ALL
            && !run.broken
            && !run.is_running()
            && !files.young
            && !files.odd.as_deref().is_some_and(is_odd)
            && !self.ledger.has(Owner::Run(run.key))
    }
}

fn put_files(out: &mut Vec<u8>, files: &RunFiles) {
    [files.meta, files.tags, files.params, files.metrics].into_iter().for_each(|seal| out.number(seal.0));
    out.number(files.tag_files);
    out.push(u8::from(files.named));
    out.push(u8::from(files.bare));
    out.number(files.read_at as u64);
    out.short(files.files.len() as u32);
    for file in &files.files {
        [file.key.0, file.ident, file.modified, file.check].into_iter().for_each(|number| out.short(number));
        out.number(file.offset);
    }
    out.maybe(files.odd.as_deref(), |out, odd| {
        out.short(odd.folders.len() as u32);
        for (path, seal) in &odd.folders {
            out.bytes(path.as_bytes());
            out.number(seal.0);
        }
        out.short(odd.files.len() as u32);
        for (key, file) in &odd.files {
            out.short(key.0);
            out.maybe(file.path.as_deref(), |out, path| out.bytes(path.as_bytes()));
            let numbers = [file.size, file.lines, file.bad, file.first_bad, u64::from(file.open_end)];
            numbers.into_iter().for_each(|number| out.number(number));
        }
    });
}

fn take_files(bytes: &mut &[u8]) -> Option<RunFiles> {
    let mut seal = || u64::take(bytes).map(Seal);
    let (meta, tags, params, metrics) = (seal()?, seal()?, seal()?, seal()?);
    let tag_files = u64::take(bytes)?;
    let named = u8::take(bytes)? != 0;
    let (bare, read_at) = (u8::take(bytes)? != 0, u64::take(bytes)? as i64);
    let count = u32::take(bytes)?;
    let file = |_| {
        let (key, ident) = (Key(u32::take(bytes)?), u32::take(bytes)?);
        let (modified, check) = (u32::take(bytes)?, u32::take(bytes)?);
        Some(MetricFile { key, ident, modified, check, offset: u64::take(bytes)? })
    };
    let files = (0..count).map(file).collect::<Option<Box<[MetricFile]>>>()?;
    let odd = take_maybe(bytes, take_odd)?.map(Box::new);
    Some(RunFiles {
        meta,
        tags,
        params,
        metrics,
        tag_files,
        files,
        odd,
        named,
        bare,
        read_at,
        ..RunFiles::default()
    })
}

fn take_odd(bytes: &mut &[u8]) -> Option<Odd> {
    let mut odd = Odd::default();
    for _ in 0..u32::take(bytes)? {
        let path = OsStr::from_bytes(take_bytes(bytes)?).to_owned();
        odd.folders.push((path, Seal(u64::take(bytes)?)));
    }
    for _ in 0..u32::take(bytes)? {
        let key = Key(u32::take(bytes)?);
        let path = take_maybe(bytes, take_bytes)?.map(|path| OsStr::from_bytes(path).to_owned());
        let mut number = || u64::take(bytes);
        let (size, lines, bad, first_bad) = (number()?, number()?, number()?, number()?);
        let open_end = number()? != 0;
        let file = OddFile { path, size, lines, bad, first_bad, open_end, ..OddFile::default() };
        odd.files.insert(key, file);
    }
    Some(odd)
}

fn put_stamp(out: &mut Vec<u8>, stamp: Stamp) {
    let Stamp { file: (device, inode), size, modified, changed } = stamp;
    [device, inode, size, modified as u64, changed as u64].into_iter().for_each(|number| out.number(number));
}

fn take_stamp(bytes: &mut &[u8]) -> Option<Stamp> {
    let mut number = || u64::take(bytes);
    let (file, size) = ((number()?, number()?), number()?);
    Some(Stamp { file, size, modified: number()? as i64, changed: number()? as i64 })
}

fn put_experiment(experiment: &Experiment, files: &ExperimentFiles, root: &Path, out: &mut Vec<u8>) {
    out.short(experiment.key.0);
    out.bytes(files.path.strip_prefix(root).unwrap_or(&files.path).as_os_str().as_bytes());
    out.push(u8::from(files.trashed));
    let Seen { folder, meta, tags } = files.seen;
    // Folders that are no runs yet are not kept, so the next start has to list them again.
    let folder = folder.filter(|_| files.others.is_empty() && !files.seen.is_fresh());
    [folder, meta, tags].into_iter().for_each(|stamp| out.maybe(stamp, put_stamp));
    out.bytes(experiment.experiment_id.as_bytes());
    for text in [&experiment.name, &experiment.artifact_location] {
        out.maybe(text.as_deref(), |out, text| out.bytes(text.as_bytes()));
    }
    out.push(u8::from(experiment.lifecycle == Lifecycle::Deleted));
    out.number(experiment.touched as u64);
    for time in [experiment.creation_time, experiment.last_update_time] {
        out.maybe(time, |out, time| out.number(time as u64));
    }
    out.short(experiment.tags.len() as u32);
    for (key, value) in &experiment.tags {
        out.bytes(key.as_bytes());
        out.bytes(value.as_bytes());
    }
}

/// An experiment, its files, and the key that it had.
fn take_experiment(
    bytes: &mut &[u8],
    root: &Path,
    key: ExperimentKey,
) -> Option<(u32, ExperimentFiles, Experiment)> {
    let before = u32::take(bytes)?;
    let path = root.join(OsStr::from_bytes(take_bytes(bytes)?));
    let mut files = ExperimentFiles::new(path, u8::take(bytes)? != 0);
    files.is_listed = true;
    let mut stamp = || take_maybe(bytes, take_stamp);
    files.seen = Seen { folder: stamp()?, meta: stamp()?, tags: stamp()? };
    let mut experiment = Experiment::new(key, take_text(bytes)?.into());
    experiment.name = take_maybe(bytes, take_text)?.map(Text::from);
    experiment.artifact_location = take_maybe(bytes, take_text)?.map(Text::from);
    experiment.lifecycle = if u8::take(bytes)? == 0 { Lifecycle::Active } else { Lifecycle::Deleted };
    experiment.touched = u64::take(bytes)? as i64;
    experiment.creation_time = take_maybe(bytes, u64::take)?.map(|time| time as i64);
    experiment.last_update_time = take_maybe(bytes, u64::take)?.map(|time| time as i64);
    for _ in 0..u32::take(bytes)? {
        let key = take_text(bytes)?;
        experiment.tags.insert(key.into(), take_text(bytes)?.into());
    }
    Some((before, files, experiment))
}

/// What a cache holds.
#[derive(Default)]
struct Recalled {
    keys: Keys,
    experiments: Vec<ExperimentFiles>,
    index: Index,
    runs: Vec<Option<RunFiles>>,
    /// Whether the stamps of a run are enough to trust it.
    trusted: Vec<bool>,
}

impl Recalled {
    /// Reads a whole cache; nothing when any of it is damaged.
    fn read(cache: &Cache, root: &Path) -> Option<Self> {
        let mut reader = cache.reader()?;
        let mut out = Self::default();
        // Keys of experiments as they were when the cache was written.
        let mut before: Vec<(u32, ExperimentKey)> = Vec::new();
        loop {
            let (kind, mut bytes) = reader.block()?;
            match kind {
                Kind::Keys => out.take_keys(bytes)?,
                Kind::Experiments => {
                    while !bytes.is_empty() {
                        let key = ExperimentKey(out.experiments.len() as u32);
                        let (old, files, experiment) = take_experiment(&mut bytes, root, key)?;
                        before.push((old, key));
                        out.experiments.push(files);
                        out.index.add_experiment(experiment.experiment_id.clone());
                        out.index.set_experiment(experiment);
                    }
                    before.sort_unstable();
                }
                Kind::Runs => {
                    while !bytes.is_empty() {
                        out.take_run(&mut bytes, &before)?;
                    }
                }
                Kind::End => break,
            }
        }
        out.index.keys = Arc::new(out.keys.clone());
        Some(out)
    }

    fn take_keys(&mut self, mut bytes: &[u8]) -> Option<()> {
        let mut place = 0;
        while !bytes.is_empty() {
            let key = self.keys.intern(take_text(&mut bytes)?);
            // Another order would give every param another name.
            if key != Key(place) {
                return None;
            }
            place += 1;
        }
        Some(())
    }

    fn take_run(&mut self, bytes: &mut &[u8], before: &[(u32, ExperimentKey)]) -> Option<()> {
        let old = u32::take(bytes)?;
        let files = take_maybe(bytes, take_files)?;
        let key = RunKey(self.index.runs.len() as u32);
        let place = before.binary_search_by_key(&old, |(old, _)| *old).ok()?;
        let (_, experiment) = *before.get(place)?;
        let run = Run::take(bytes, key, experiment)?;
        self.index.runs.push(run);
        self.trusted.push(files.is_some());
        self.runs.push(Some(files.unwrap_or_default()));
        self.experiments.get_mut(experiment.0 as usize)?.add(&self.index, key);
        Some(())
    }
}
