//! What the file store remembers of a run, and reading it: `meta.yaml`, tags, params, and what its metric files have
//! gained. Runs on a reader's thread and touches nothing but the run.

use std::ffi::{CStr, OsStr};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use rustc_hash::FxHashMap;

use super::due::Due;
use super::interner::Interner;
use super::meta::{self, Meta};
use super::open::{Fault, Folder, Kind, Seal, Stamp};
use super::points::{self, MetricFile, OddFile};
use super::problems::{Look, Report};
use super::stamps::{changes, folded, is_calm};
use super::values::{Buffers, Folders, Place, read_values, walk};
use crate::index::{Draft, Key, Lifecycle, Run, Status};

mod glance;
mod head;
#[cfg(test)]
mod tests;

pub use glance::is_as_before;
pub use head::read_head;

/// Bytes of a `meta.yaml`; MLflow's have some hundred.
const META: usize = 1 << 20;
/// A file this young may be in the middle of being rewritten: MLflow truncates and rewrites in place.
pub(super) const FRESH: Duration = Duration::from_secs(2);
/// Clocks of file times have ticks: what changed twice in one bears the same time.
pub(super) const TICK: Duration = Duration::from_millis(20);

/// What the file store remembers of a run, beside what the index shows.
#[derive(Debug, Default)]
pub struct RunFiles {
    /// `meta.yaml` as it was last read well.
    pub meta: Seal,
    /// The folders of tags, params and metrics as they were last read.
    pub tags: Seal,
    pub params: Seal,
    pub metrics: Seal,
    /// A sum of the stamps of the files of tags: one that is overwritten in place changes no folder.
    pub tag_files: u64,
    /// The same of params, where somebody looks at these; else 0. MLflow overwrites no params, somebody else may.
    pub param_files: u32,
    /// Its metric files, sorted by key.
    pub files: Box<[MetricFile]>,
    /// What few runs have.
    pub odd: Option<Box<Odd>>,
    /// Whether `meta.yaml` gave the name; else the tag does.
    pub named: bool,
    /// Something of it had changed so shortly before it was read that a second change may bear the same time.
    pub young: bool,
    /// Tags, params and metrics were read without looking at their stamps, which is for later: `meta.yaml` had been
    /// calm for long.
    pub bare: bool,
    /// When it was read then, seconds since the epoch.
    pub read_at: i64,
}

/// What few runs have.
#[derive(Debug, Default)]
pub struct Odd {
    /// Folders below `tags`, `params` and `metrics`, relative to the run: keys with a slash.
    pub folders: Folders,
    /// Metric files that are not just good lines to the end.
    pub files: FxHashMap<Key, OddFile>,
    /// `meta.yaml` has no state, which MLflow always writes, near the end.
    pub cut: bool,
    /// Since when `meta.yaml` cannot be read, after it could.
    pub broken_since: Option<Instant>,
}

impl RunFiles {
    /// Folders below `metrics` and the like that have to be watched, relative to the run.
    pub fn folders(&self) -> impl Iterator<Item = &OsStr> {
        self.odd.iter().flat_map(|odd| &odd.folders).map(|(path, _)| path.as_os_str())
    }

    /// Forgets what was read, so that everything counts as changed: the folder could not be opened.
    pub fn forget(&mut self) {
        (self.meta, self.tags, self.params) = (Seal::NONE, Seal::NONE, Seal::NONE);
        self.bare = false;
    }

    /// Whether the end of a metric file waits to be finished: once the run has ended, it counts as it is.
    pub fn waits(&self) -> bool {
        self.odd.as_ref().is_some_and(|odd| odd.files.values().any(|file| file.waiting))
    }

    /// Whether something of it looks as if somebody were still writing it, without being a problem.
    pub fn is_unfinished(&self) -> bool {
        self.waits() || self.odd.as_ref().is_some_and(|odd| odd.cut)
    }

    pub(super) fn odd_mut(&mut self) -> &mut Odd {
        self.odd.get_or_insert_default()
    }

    /// Drops the folders of a kind, and takes the new ones: the first is the one of the kind.
    fn take_folders(&mut self, kind: &str, mut found: Folders) -> Seal {
        let seal = if found.is_empty() { Seal::NONE } else { found.remove(0).1 };
        if !found.is_empty() || self.odd.is_some() {
            let odd = self.odd_mut();
            odd.folders.retain(|(path, _)| !Path::new(path).starts_with(kind));
            odd.folders.extend(found);
        }
        seal
    }

    /// Gives up what is empty.
    fn settle(&mut self) {
        let is_empty = |odd: &Odd| {
            odd.folders.is_empty() && odd.files.is_empty() && !odd.cut && odd.broken_since.is_none()
        };
        if self.odd.as_deref().is_some_and(is_empty) {
            self.odd = None;
        }
    }
}

/// Whether a time in nanoseconds lies less than `age` away from now, in either direction.
pub(super) fn within(modified: i64, age: Duration) -> bool {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos() as i64;
    u128::from(now.abs_diff(modified)) < age.as_nanos()
}

/// Seconds since the epoch.
fn seconds() -> i64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs() as i64
}

/// Who reads: the buffers of one thread, and what it was told.
pub struct Reader<'a> {
    pub buffers: &'a mut Buffers,
    pub draft: &'a mut Draft,
    pub keys: &'a Interner,
}

/// What became of a look at a run.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The run as it is now, where it has changed.
    pub run: Option<Run>,
    /// What is being written just now: what was known stays, look again soon.
    pub again: Due,
    /// What may still be written: look again when it has rested.
    pub settles: Due,
    /// There is nothing of a run in the folder; its stamp.
    pub nothing: Option<Option<Stamp>>,
    /// What could not be read, by look. A look without problems is here too.
    pub reports: Vec<(Look, Report)>,
}

impl Outcome {
    fn note(&mut self, look: Look, read: impl FnOnce(&mut Report) -> (Due, Due)) {
        let mut report = Report::default();
        let (again, settles) = read(&mut report);
        self.again |= again;
        self.settles |= settles;
        report.sort();
        self.reports.push((look, report));
    }
}

/// Reads what is due of a run. `experiment_id` is that of the experiment that it lies in.
pub fn read(
    reader: &mut Reader<'_>,
    run: &Run,
    files: &mut RunFiles,
    (folder, experiment): (&Folder, &Path),
    experiment_id: &str,
    mut due: Due,
) -> Outcome {
    let looks_at_params = due.contains(Due::PARAM_FILES);
    if due.intersects(Due::LOOK) {
        let found = changes(run, files, folder, reader.keys, due.intersection(Due::LOOK));
        due = due.difference(Due::LOOK) | found;
    }
    if due.contains(Due::WHOLE) {
        (files.young, files.bare) = (false, false);
    }
    let mut outcome = Outcome { reports: Vec::with_capacity(4), ..Outcome::default() };
    reader.draft.load(run);
    let mut place = Place { folder, experiment, run_id: run.run_id(), keys: reader.keys, bare: false };
    if due.contains(Due::META) {
        let mut report = Report::default();
        let meta = read_meta(reader, run, files, place, experiment_id, &mut report);
        if meta.nothing.is_some() {
            return Outcome { nothing: meta.nothing, ..outcome };
        }
        if meta.again {
            // It is being written: nothing is said before it stays so.
            outcome.again |= Due::META;
        } else {
            outcome.reports.push((Look::Meta, report));
        }
    }
    // What has been read before is read again because it may have changed: not without its stamps.
    let (bare, read) = (files.bare, run.read());
    if due.contains(Due::TREE) && !due.contains(Due::TAGS) {
        read_tree(reader, run, files.named, &|name, buffer| small(place.folder, name, buffer));
    }
    if due.contains(Due::TAGS) {
        place.bare = bare && !read.tags;
        outcome.note(Look::Tags, |report| read_tags(reader, run, files, place, report));
    }
    if due.contains(Due::PARAMS) {
        place.bare = bare && !read.params;
        outcome.note(Look::Params, |report| read_params(reader, run, files, place, looks_at_params, report));
    }
    // A run that has ended finishes its last lines.
    let ended = due.contains(Due::META) && files.waits() && reader.draft.status != run.status;
    if due.intersects(Due::METRICS | Due::LONG) || ended {
        let whole = due.contains(Due::LONG);
        place.bare = bare && !read.metrics;
        outcome.note(Look::Metrics, |report| {
            (read_metrics(reader, run, files, place, whole, report), Due::empty())
        });
    }
    files.settle();
    let new = reader.draft.pack();
    outcome.run = (!new.is_like(run)).then_some(new);
    outcome
}

pub(super) struct MetaOutcome {
    pub again: bool,
    pub nothing: Option<Option<Stamp>>,
}

/// Reads `meta.yaml`.
fn read_meta(
    reader: &mut Reader<'_>,
    run: &Run,
    files: &mut RunFiles,
    place: Place<'_>,
    experiment_id: &str,
    report: &mut Report,
) -> MetaOutcome {
    let path = || place.path("meta.yaml");
    let read = small(place.folder, c"meta.yaml", &mut reader.buffers.files.bytes);
    let (len, stamp) = match read {
        Ok(read) => read,
        Err(Fault::Gone) if !super::layout::looks_like_a_run(place.folder) => {
            return MetaOutcome { again: false, nothing: Some(place.folder.own_stamp().ok()) };
        }
        Err(fault) => {
            let fresh = place.folder.own_stamp().is_ok_and(|stamp| within(stamp.modified, FRESH));
            return broken(reader.draft, run, files, fresh, (&path(), &fault.to_string()), report);
        }
    };
    let bytes = reader.buffers.files.bytes.get(..len).unwrap_or_default();
    let large;
    let bytes = if len < reader.buffers.files.bytes.len() {
        bytes
    } else {
        // Longer than the buffer: few are, and none of MLflow's.
        large = place.folder.read(OsStr::new("meta.yaml"), META).map_or(Vec::new(), |(bytes, _)| bytes);
        large.as_slice()
    };
    let fresh = within(stamp.modified, FRESH);
    match meta::parse(bytes) {
        Ok(_) if stamp.size as usize > META => {
            broken(reader.draft, run, files, false, (&path(), "is larger than 1 MiB"), report)
        }
        Ok(meta) => take_meta(reader, run, files, (&meta, stamp), experiment_id, &path, report),
        Err(fault) => broken(reader.draft, run, files, fresh, (&path(), &fault.to_string()), report),
    }
}

/// Takes over a good `meta.yaml`.
pub(super) fn take_meta(
    reader: &mut Reader<'_>,
    run: &Run,
    files: &mut RunFiles,
    (meta, stamp): (&Meta, Stamp),
    experiment_id: &str,
    path: &dyn Fn() -> std::path::PathBuf,
    report: &mut Report,
) -> MetaOutcome {
    let is_new = files.meta == Seal::NONE;
    files.meta = Seal::of(Some(stamp));
    files.young |= within(stamp.modified, FRESH);
    if let Some(odd) = &mut files.odd {
        odd.broken_since = None;
    }
    files.named = apply(reader, run, meta, experiment_id, path, report);
    let cut = meta.text("status").is_none();
    if cut || files.odd.is_some() {
        files.odd_mut().cut = cut;
    }
    files.bare = is_new && reader.draft.status != Status::Running && is_calm(stamp, seconds());
    files.read_at = seconds();
    // The clock of file times has coarse ticks: a second write in this one would not show.
    MetaOutcome { again: within(stamp.modified, TICK), nothing: None }
}

/// A small file that no listing has told to be one: looked at, then read as far as the buffer goes.
fn small(folder: &Folder, name: &CStr, buffer: &mut [u8]) -> Result<(usize, Stamp), Fault> {
    let (kind, stamp) = folder.look(name)?;
    if kind == Kind::File {
        let file = folder.small_file(name)?;
        return Ok((file.read(buffer)?, stamp));
    }
    let open = folder.file(OsStr::new(name.to_str().unwrap_or_default()))?;
    let stamp = open.stamp;
    Ok((super::open::SmallFile::from(open).read(buffer)?, stamp))
}

/// A `meta.yaml` that cannot be read: the last good values stay, and while the file is young, or was good a moment ago
/// by our own clock (that of a file server may differ), nothing is said.
fn broken(
    draft: &mut Draft,
    run: &Run,
    files: &mut RunFiles,
    fresh: bool,
    (path, what): (&Path, &str),
    report: &mut Report,
) -> MetaOutcome {
    // Whatever is there next is new, also when it is the very file that was good before.
    (files.meta, files.bare) = (Seal::NONE, false);
    let was_good = run.read().meta && !run.broken;
    let since = *files.odd_mut().broken_since.get_or_insert_with(Instant::now);
    if fresh || (was_good && since.elapsed() < FRESH) {
        return MetaOutcome { again: true, nothing: None };
    }
    report.add(path, what);
    draft.broken = true;
    draft.read.meta = true;
    MetaOutcome { again: false, nothing: None }
}

/// Takes over the fields of a `meta.yaml`; says whether it gave a name. Both names of a field are known, and what is
/// odd costs that field only.
fn apply(
    reader: &mut Reader<'_>,
    run: &Run,
    meta: &Meta,
    experiment_id: &str,
    path: &dyn Fn() -> std::path::PathBuf,
    report: &mut Report,
) -> bool {
    let Reader { draft, keys, .. } = reader;
    draft.broken = false;
    draft.read.meta = true;
    let name = meta.text("run_name").or_else(|| meta.text("name")).filter(|name| !name.is_empty());
    draft.set_name(name.or_else(|| run.tag(Key::RUN_NAME)));
    draft.status = status(draft, meta, path, report);
    draft.lifecycle = match meta.text("lifecycle_stage") {
        Some("deleted") => Lifecycle::Deleted,
        Some("active") | None => Lifecycle::Active,
        Some(other) => {
            report.add(path(), format!("has the unknown lifecycle_stage {other:?}"));
            Lifecycle::Active
        }
    };
    draft.start_time = time(meta, "start_time", path, report);
    draft.end_time = time(meta, "end_time", path, report);
    draft.set_user_id(meta.text("user_id"));
    draft.set_artifact_uri(meta.text("artifact_uri"), run.run_id(), |prefix| keys.intern(prefix));
    let filled = |key: &str| meta.text(key).filter(|text| !text.is_empty());
    draft.set_source(filled("source_name"), filled("source_version"));
    for key in ["run_id", "run_uuid"] {
        if let Some(id) = meta.text(key).filter(|id| *id != run.run_id()) {
            report.add(path(), format!("says {key} {id:?}, but the folder is the run's id"));
        }
    }
    if let Some(id) = meta.text("experiment_id").filter(|id| *id != experiment_id) {
        report.add(path(), format!("says experiment_id {id:?}, but lies in another experiment"));
    }
    name.is_some()
}

/// The state: an integer (`RunStatus`), RUNNING where it is absent; a word is understood too.
fn status(
    draft: &mut Draft,
    meta: &Meta,
    path: &dyn Fn() -> std::path::PathBuf,
    report: &mut Report,
) -> Status {
    draft.set_status_word(None);
    let Some(text) = meta.text("status") else { return Status::Running };
    let known = text.parse().ok().and_then(Status::from_number).or_else(|| Status::from_word(text));
    known.unwrap_or_else(|| {
        report.add(path(), format!("has the unknown status {text:?}"));
        draft.set_status_word(Some(text));
        Status::Other
    })
}

/// A time in milliseconds since the epoch.
fn time(meta: &Meta, key: &str, path: &dyn Fn() -> std::path::PathBuf, report: &mut Report) -> Option<i64> {
    let text = meta.text(key)?;
    let time = meta.integer(key);
    if time.is_none() && text != "None" {
        report.add(path(), format!("has a {key} that is no time: {text:?}"));
    }
    time
}

/// Reads a small file of a run into a buffer; gives its length and its stamp.
type ReadSmall<'a> = dyn Fn(&CStr, &mut [u8]) -> Result<(usize, Stamp), Fault> + 'a;

/// The two tags that a row needs, by name: cheaper than all of them. What is wrong with them is told when all are read.
pub(super) fn read_tree(reader: &mut Reader<'_>, run: &Run, is_named: bool, read: &ReadSmall<'_>) {
    let mut tag = |key: Key, name: &CStr| {
        let (len, _) = read(name, &mut reader.buffers.files.bytes).ok()?;
        let text = String::from_utf8_lossy(reader.buffers.files.bytes.get(..len)?).into_owned();
        // Truncated and not yet written again: what was known stays.
        let text = if text.is_empty() { run.tag(key)?.to_owned() } else { text };
        let tags = reader.draft.tags();
        tags.remove(key);
        tags.push(key, &text);
        Some(text)
    };
    tag(Key::PARENT, c"tags/mlflow.parentRunId");
    if !is_named && let Some(name) = tag(Key::RUN_NAME, c"tags/mlflow.runName") {
        reader.draft.set_name(Some(&name));
    }
    reader.draft.read.tree = true;
}

/// Reads all tags; the parent and, where `meta.yaml` has none, the name come from them.
fn read_tags(
    reader: &mut Reader<'_>,
    run: &Run,
    files: &mut RunFiles,
    place: Place<'_>,
    report: &mut Report,
) -> (Due, Due) {
    let tags = reader.draft.new_tags();
    let kind = ("tags", !place.bare);
    let looked = read_values(place, kind, run.tags(), tags, reader.buffers, report);
    let name = tags.get(Key::RUN_NAME).map(str::to_owned);
    if !files.named {
        reader.draft.set_name(name.as_deref());
    }
    (reader.draft.read.tags, reader.draft.read.tree) = (true, true);
    files.young |= within(looked.youngest, FRESH);
    files.tag_files = looked.stamps;
    let due = looked.due(Due::TAGS);
    files.tags = files.take_folders("tags", looked.folders);
    due
}

/// Reads all params.
fn read_params(
    reader: &mut Reader<'_>,
    run: &Run,
    files: &mut RunFiles,
    place: Place<'_>,
    is_stamped: bool,
    report: &mut Report,
) -> (Due, Due) {
    let params = reader.draft.new_params();
    // A stamp is a system call more, which only those are worth to which something happens.
    let kind = ("params", is_stamped && !place.bare);
    let looked = read_values(place, kind, run.params(), params, reader.buffers, report);
    files.param_files = folded(looked.stamps);
    reader.draft.read.params = true;
    files.young |= within(looked.youngest, FRESH);
    let due = looked.due(Due::PARAMS);
    files.params = files.take_folders("params", looked.folders);
    due
}

/// Reads what the metric files have gained.
fn read_metrics(
    reader: &mut Reader<'_>,
    run: &Run,
    files: &mut RunFiles,
    place: Place<'_>,
    whole: bool,
    report: &mut Report,
) -> Due {
    let running = reader.draft.read.meta && !reader.draft.broken && reader.draft.status == Status::Running;
    let Buffers { entries, files: buffers } = &mut *reader.buffers;
    let metrics = reader.draft.new_metrics();
    let mut read = points::MetricReader::new(run, files, running, (whole, place.bare), buffers, metrics);
    let (folders, youngest) = walk(place, "metrics", entries, report, &mut |found, report| {
        read.file(found, place, report);
    });
    let again = read.finish(files, place, report);
    reader.draft.read.metrics = true;
    files.young |= within(youngest, FRESH);
    files.metrics = files.take_folders("metrics", folders);
    again
}
