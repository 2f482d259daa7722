//! Reading one run: `meta.yaml`, tags, params, and what its metric files have gained.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::agenda::Due;
use super::meta::{self, Meta};
use super::metric::{self, Budget, Latest, Sink};
use super::open::{Fault, Folder, Stamp};
use super::problems::Report;
use super::values::{Found, Values, read_values, walk};
use crate::index::{Index, Key, Lifecycle, Metric, Run, Status, Text};
use crate::series::Position;

/// Bytes of a `meta.yaml`; MLflow's have some hundred.
const META: usize = 1 << 20;
/// A file this young may be in the middle of being rewritten: MLflow truncates and rewrites in place.
pub(super) const FRESH: Duration = Duration::from_secs(2);
/// Clocks of file times have ticks: what changed twice in one bears the same time.
const TICK: Duration = Duration::from_millis(20);
/// A last line without a newline counts when its file has rested for this long.
const SETTLED: Duration = Duration::from_secs(10);

/// What the file store remembers of a run, beside what the index shows.
#[derive(Debug, Default)]
pub struct RunFiles {
    /// Its folder.
    pub path: PathBuf,
    /// `meta.yaml` as it was last read well.
    meta: Stamp,
    /// Since when it cannot be read, after it could.
    broken_since: Option<Instant>,
    /// Whether `meta.yaml` gave the name; else the tag does.
    named: bool,
    /// The folders `tags` and `params` as they were last read.
    tags: Option<Stamp>,
    params: Option<Stamp>,
    /// Its metric files.
    metrics: Vec<MetricFile>,
    /// The folders below `metrics`, relative to the run, `metrics` itself included: what has to be watched.
    pub metric_folders: Vec<OsString>,
    /// Their stamps, in the same order.
    metric_stamps: Vec<Option<Stamp>>,
}

impl RunFiles {
    /// A run of which only the folder is known.
    pub fn new(path: PathBuf) -> Self {
        Self { path, ..Self::default() }
    }
}

/// How far a metric file has been read.
#[derive(Debug)]
struct MetricFile {
    key: Key,
    /// Below the run's folder.
    path: OsString,
    stamp: Stamp,
    position: Position,
    latest: Latest,
    /// Lines that are no points, and the first one's number.
    bad: u64,
    first_bad: u64,
    lines: u64,
    /// Whether its end waits to be finished or to settle.
    waiting: bool,
}

/// What became of a look at a part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Outcome {
    /// The index has changed.
    pub changed: bool,
    /// Something is being written just now: what was known stays, look again soon.
    pub again: bool,
    /// It is not a run.
    pub nothing: bool,
}

/// Whether a time in nanoseconds lies less than `age` away from now, in either direction.
pub(super) fn within(modified: i64, age: Duration) -> bool {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_nanos() as i64;
    u128::from(now.abs_diff(modified)) < age.as_nanos()
}

/// Reads `meta.yaml` where it has changed, `force` aside.
pub fn read_meta(
    index: &mut Index,
    run: &Run,
    files: &mut RunFiles,
    folder: &Folder,
    report: &mut Report,
) -> Outcome {
    let path = files.path.join("meta.yaml");
    let name = OsStr::new("meta.yaml");
    let (bytes, stamp) = match folder.read(name, META) {
        Ok(read) => read,
        Err(Fault::Gone) if !layout_is_a_run(folder) => {
            return Outcome { nothing: true, ..Outcome::default() };
        }
        Err(fault) => {
            let fresh = folder.own_stamp().is_ok_and(|stamp| within(stamp.modified, FRESH));
            return broken(index, run, files, fresh, (&path, &fault.to_string()), report);
        }
    };
    match meta::parse(&bytes) {
        Ok(meta) if stamp.size as usize <= META => {
            (files.meta, files.broken_since) = (stamp, None);
            let mut new = run.clone();
            files.named = apply(&mut new, &meta, index, &path, report);
            // The clock of file times has coarse ticks: a second write in this one would not show.
            let again = within(stamp.modified, TICK);
            Outcome { changed: put(index, run, new), again, nothing: false }
        }
        Ok(_) => broken(index, run, files, false, (&path, "is larger than 1 MiB"), report),
        Err(fault) => {
            broken(index, run, files, within(stamp.modified, FRESH), (&path, &fault.to_string()), report)
        }
    }
}

fn layout_is_a_run(folder: &Folder) -> bool {
    super::layout::looks_like_a_run(folder)
}

/// A `meta.yaml` that cannot be read: the last good values stay, and while the file is young, or was good a moment ago
/// by our own clock (that of a file server may differ), nothing is said.
fn broken(
    index: &mut Index,
    run: &Run,
    files: &mut RunFiles,
    fresh: bool,
    (path, what): (&Path, &str),
    report: &mut Report,
) -> Outcome {
    // Whatever is there next is new, also when it is the very file that was good before.
    files.meta = Stamp::default();
    let was_good = run.read.meta && !run.broken;
    let since = *files.broken_since.get_or_insert_with(Instant::now);
    if fresh || (was_good && since.elapsed() < FRESH) {
        return Outcome { again: true, ..Outcome::default() };
    }
    report.add(path, what);
    let mut new = run.clone();
    new.broken = true;
    new.read.meta = true;
    Outcome { changed: put(index, run, new), ..Outcome::default() }
}

/// Puts a run into the index if it has changed; says whether it has.
fn put(index: &mut Index, old: &Run, new: Run) -> bool {
    // Not `!=`: a NaN that stays is no change.
    let changed = !old.is_like(&new);
    if let Some(slot) = index.run_mut(old.key).filter(|_| changed) {
        *slot = new;
    }
    changed
}

/// Takes over the fields of a `meta.yaml`; says whether it gave a name. Both names of a field are known, and what is
/// odd costs that field only.
fn apply(run: &mut Run, meta: &Meta, index: &Index, path: &Path, report: &mut Report) -> bool {
    let text = |key: &str| meta.text(key).map(Text::from);
    run.broken = false;
    run.read.meta = true;
    let name = meta.text("run_name").or_else(|| meta.text("name")).filter(|name| !name.is_empty());
    match name {
        Some(name) => run.name = Some(name.into()),
        None if run.read.tags => run.name = name_tag(run, index),
        None => run.name = None,
    }
    run.status = status(meta, path, report);
    run.lifecycle = match meta.text("lifecycle_stage") {
        Some("deleted") => Lifecycle::Deleted,
        Some("active") | None => Lifecycle::Active,
        Some(other) => {
            report.add(path, format!("has the unknown lifecycle_stage {other:?}"));
            Lifecycle::Active
        }
    };
    run.start_time = time(meta, "start_time", path, report);
    run.end_time = time(meta, "end_time", path, report);
    run.user_id = text("user_id");
    run.artifact_uri = text("artifact_uri");
    run.source_name = text("source_name").filter(|name| !name.is_empty());
    run.source_version = text("source_version").filter(|version| !version.is_empty());
    for key in ["run_id", "run_uuid"] {
        if let Some(id) = meta.text(key).filter(|id| *id != &*run.run_id) {
            report.add(path, format!("says {key} {id:?}, but the folder is the run's id"));
        }
    }
    let experiment = index.experiment(run.experiment).map(|e| e.experiment_id.clone());
    if let Some(id) = meta.text("experiment_id").filter(|id| Some(*id) != experiment.as_deref()) {
        report.add(path, format!("says experiment_id {id:?}, but lies in another experiment"));
    }
    name.is_some()
}

/// The state: an integer (`RunStatus`), RUNNING where it is absent; a word is understood too.
fn status(meta: &Meta, path: &Path, report: &mut Report) -> Status {
    let Some(text) = meta.text("status") else { return Status::Running };
    let status = text.parse().ok().and_then(Status::from_number).unwrap_or_else(|| Status::from_word(text));
    if matches!(status, Status::Other(_)) {
        report.add(path, format!("has the unknown status {text:?}"));
    }
    status
}

/// A time in milliseconds since the epoch.
fn time(meta: &Meta, key: &str, path: &Path, report: &mut Report) -> Option<i64> {
    let text = meta.text(key)?;
    let time = meta.integer(key);
    if time.is_none() && text != "None" {
        report.add(path, format!("has a {key} that is no time: {text:?}"));
    }
    time
}

fn name_tag(run: &Run, index: &Index) -> Option<Text> {
    run.tag(index.keys.find("mlflow.runName")?).cloned()
}

/// Reads all tags; the parent and, where `meta.yaml` has none, the name come from them.
pub fn read_tags(
    index: &mut Index,
    run: &Run,
    files: &mut RunFiles,
    folder: &Folder,
    values: &mut Values,
    report: &mut Report,
) -> Outcome {
    files.tags = folder.stamp(OsStr::new("tags")).ok();
    let (tags, again) = read_values("tags", &run.tags, index, files, folder, values, report);
    let mut new = run.clone();
    new.tags = tags;
    new.read.tags = true;
    let parent = index.keys.find("mlflow.parentRunId").and_then(|key| new.tag(key).cloned());
    new.parent_run_id = parent.filter(|id| !id.is_empty());
    if !files.named {
        new.name = name_tag(&new, index);
    }
    Outcome { changed: put(index, run, new), again, nothing: false }
}

/// Reads all params.
pub fn read_params(
    index: &mut Index,
    run: &Run,
    files: &mut RunFiles,
    folder: &Folder,
    values: &mut Values,
    report: &mut Report,
) -> Outcome {
    files.params = folder.stamp(OsStr::new("params")).ok();
    let (params, again) = read_values("params", &run.params, index, files, folder, values, report);
    let mut new = run.clone();
    new.params = params;
    Outcome { changed: put(index, run, new), again, nothing: false }
}

/// Reads what the metric files have gained.
pub fn read_metrics(
    index: &mut Index,
    run: &Run,
    files: &mut RunFiles,
    folder: &Folder,
    report: &mut Report,
) -> Outcome {
    let below = walk(folder, "metrics", &files.path, report);
    let running = run.is_running();
    let mut known: Vec<Option<MetricFile>> = files.metrics.drain(..).map(Some).collect();
    let mut again = false;
    for found in below.files {
        // Sorted by path, so that ten thousand metrics are found without ten thousand scans.
        let place = known.binary_search_by(|file| file.as_ref().map(|f| &f.path).cmp(&Some(&found.path)));
        let before = place.ok().and_then(|place| known.get_mut(place)).and_then(Option::take);
        let mut file =
            before.unwrap_or_else(|| MetricFile::new(index.intern(&found.key), found.path.clone()));
        match file.look(folder, &found, running) {
            Ok(()) => file.tell(&files.path, report),
            Err(Fault::Gone) if folder.kind(&file.path).is_err() => continue,
            Err(fault) => report.add(files.path.join(&file.path), fault),
        }
        again |= file.waiting && !running;
        files.metrics.push(file);
    }
    (files.metric_folders, files.metric_stamps) = (below.folders, below.stamps);
    let mut metrics: Vec<(Key, Metric)> = files
        .metrics
        .iter()
        .filter_map(|file| Some((file.key, Metric { last: file.latest.best?, points: file.latest.points })))
        .collect();
    metrics.sort_unstable_by_key(|(key, _)| *key);
    let mut new = run.clone();
    new.metrics = metrics;
    new.read.values = true;
    Outcome { changed: put(index, run, new), again, nothing: false }
}

impl MetricFile {
    fn new(key: Key, path: OsString) -> Self {
        Self {
            key,
            path,
            stamp: Stamp::default(),
            position: Position::default(),
            latest: Latest::default(),
            bad: 0,
            first_bad: 0,
            lines: 0,
            waiting: false,
        }
    }

    /// Reads what is new in it.
    fn look(&mut self, folder: &Folder, found: &Found, running: bool) -> Result<(), Fault> {
        let is_new = self.stamp == Stamp::default();
        if !is_new && !self.waiting && folder.stamp(&self.path)? == self.stamp {
            return Ok(());
        }
        let open = found.open(folder)?;
        let opened = open.stamp;
        let settled = !running && !within(opened.modified, SETTLED);
        let look = metric::read_new(
            &open,
            &mut self.position,
            settled,
            &mut self.latest,
            &mut Vec::new(),
            Budget::ALL,
        );
        let look = look.inspect_err(|_| self.start_over())?;
        if look.restarted {
            (self.bad, self.first_bad, self.lines) = (0, 0, 0);
        }
        if let (0, Some(first)) = (self.first_bad, look.new.first_bad) {
            self.first_bad = self.lines + first;
        }
        self.bad += look.new.bad;
        self.lines += look.new.lines;
        self.waiting = look.unfinished;
        // Of the file itself, not of a link to it: a link's own stamp never changes.
        self.stamp = opened;
        Ok(())
    }

    /// After a failure in the middle: points that were counted are counted again from the top.
    fn start_over(&mut self) {
        self.latest.restart();
        (self.position, self.stamp) = (Position::default(), Stamp::default());
    }

    /// Says what is wrong with it.
    fn tell(&self, run: &Path, report: &mut Report) {
        let path = || run.join(&self.path);
        if self.bad > 0 {
            report.add(path(), format!("has {} bad lines, the first is line {}", self.bad, self.first_bad));
        } else if self.latest.points == 0 && !within(self.stamp.modified, FRESH) {
            report.add(path(), "has no points");
        }
    }
}

/// Forgets what was read, so that everything counts as changed: the folder could not be opened.
pub fn forget_stamps(files: &mut RunFiles) {
    (files.meta, files.tags, files.params) = (Stamp::default(), None, None);
}

/// Whether the end of a metric file waits to be finished: once the run has ended, it counts as it is.
pub fn waits(files: &RunFiles) -> bool {
    files.metrics.iter().any(|file| file.waiting)
}

/// Which parts of a run have changed since they were read, as far as stamps tell: names that came or went, points, a
/// new `meta.yaml`. A param or tag that was overwritten in place does not show.
pub fn has_changed(files: &RunFiles) -> Due {
    let Ok(folder) = Folder::open(&files.path) else { return Due { meta: true, ..Due::default() } };
    let stamp = |path: &OsStr| folder.stamp(path).ok();
    let new = |path: &str, old: Option<Stamp>| {
        let now = stamp(OsStr::new(path));
        now != old || now.is_some_and(|now| within(now.modified, TICK))
    };
    let folders = files.metric_folders.iter().zip(&files.metric_stamps);
    let names = folders.into_iter().any(|(path, old)| stamp(path) != *old);
    let points = || files.metrics.iter().any(|file| stamp(&file.path) != Some(file.stamp));
    Due {
        meta: new("meta.yaml", Some(files.meta)),
        tags: new("tags", files.tags),
        params: new("params", files.params),
        metrics: names || files.metric_folders.is_empty() || points(),
    }
}

/// Opens the file of a metric, for its history.
pub fn metric_path(files: &RunFiles, key: Key) -> Option<&OsStr> {
    files.metrics.iter().find(|file| file.key == key).map(|file| file.path.as_os_str())
}

/// Whether a metric file that was last changed then has come to rest.
pub fn is_settled(running: bool, stamp: Stamp) -> bool {
    !running && !within(stamp.modified, SETTLED)
}
