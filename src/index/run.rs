//! A run in memory: its numbers, and one block of bytes with everything else.
//!
//! ```text
//! bytes = texts | params | tags | metrics        each of the first three as pack::Pairs
//! ```
//!
//! A store has up to a hundred thousand runs with thirty values each, so a run has two allocations and no list of its
//! own. It never changes; who changes a run makes a [`Draft`] of it and packs that.

use std::borrow::Cow;

use super::pack::{Pairs, Sheet};
use super::{ExperimentKey, Key, Keys, Lifecycle, Metric, Point, RunKey, Status};

/// Bytes of a packed metric: key, points, value, step, timestamp.
const METRIC: usize = 4 + 8 + 8 + 8 + 8;
/// The highest bit of a metric's points says that its latest value is only that of the end of the file.
const PROVISIONAL: u64 = 1 << 63;
/// No key: the artifact URI, if any, is not made of a prefix.
const NO_PREFIX: u32 = u32::MAX;

/// What has been read of a run so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Parts {
    /// `meta.yaml`: name, state, times.
    pub meta: bool,
    /// The parent, and the tag that gives a name to runs whose `meta.yaml` has none.
    pub tree: bool,
    /// All tags.
    pub tags: bool,
    /// Params.
    pub params: bool,
    /// Latest metrics.
    pub metrics: bool,
}

impl Parts {
    /// Everything.
    pub const ALL: Self = Self { meta: true, tree: true, tags: true, params: true, metrics: true };

    fn bits(self) -> u8 {
        let flags = [self.meta, self.tree, self.tags, self.params, self.metrics];
        flags.into_iter().enumerate().map(|(bit, is_set)| u8::from(is_set) << bit).sum()
    }

    fn from_bits(bits: u8) -> Self {
        let is = |bit: u8| bits & (1 << bit) != 0;
        Self { meta: is(0), tree: is(1), tags: is(2), params: is(3), metrics: is(4) }
    }
}

/// Texts of a run, as keys of a small table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
enum Field {
    RunId,
    Name,
    User,
    Uri,
    SourceName,
    SourceVersion,
    Status,
}

impl Field {
    fn key(self) -> Key {
        Key(self as u32)
    }
}

/// A run: its attributes, params, tags and latest metrics. Histories are in [`crate::series::Series`].
#[derive(Clone, Debug)]
pub struct Run {
    /// Where it stands in [`super::Index::runs`].
    pub key: RunKey,
    /// The experiment that it lies in.
    pub experiment: ExperimentKey,
    /// Start, milliseconds since the epoch.
    pub start_time: Option<i64>,
    /// End, milliseconds since the epoch. A resumed run is RUNNING and still has the old one.
    pub end_time: Option<i64>,
    /// Its state.
    pub status: Status,
    /// Active or deleted.
    pub lifecycle: Lifecycle,
    /// `meta.yaml` cannot be read: name, state and times are the last that were good, or none.
    pub broken: bool,
    read: u8,
    /// The interned beginning of an artifact URI that ends in `/<run id>/artifacts`, as nearly all do.
    uri_prefix: u32,
    /// Where texts, params and tags end in `bytes`.
    ends: [u32; 3],
    bytes: Box<[u8]>,
}

impl Run {
    /// A run of which only the folder is known.
    pub fn new(key: RunKey, run_id: &str, experiment: ExperimentKey) -> Self {
        let mut draft = Draft::new(key, experiment);
        draft.texts.push(Field::RunId.key(), run_id);
        draft.pack()
    }

    /// What of it has been read.
    pub fn read(&self) -> Parts {
        Parts::from_bits(self.read)
    }

    /// The run id: the name of its folder, which is its identity whatever `meta.yaml` says.
    pub fn run_id(&self) -> &str {
        self.text(Field::RunId).unwrap_or_default()
    }

    /// `run_name`, else the tag `mlflow.runName`, as MLflow's client answers it.
    pub fn name(&self) -> Option<&str> {
        self.text(Field::Name)
    }

    /// Who started it.
    pub fn user_id(&self) -> Option<&str> {
        self.text(Field::User)
    }

    /// `source_name` of versions before 1.0; later ones use the tag `mlflow.source.name`.
    pub fn source_name(&self) -> Option<&str> {
        self.text(Field::SourceName)
    }

    /// `source_version` (git commit) of versions before 1.0; later ones use the tag `mlflow.source.git.commit`.
    pub fn source_version(&self) -> Option<&str> {
        self.text(Field::SourceVersion)
    }

    /// Where its artifacts were written, as recorded; may be stale or remote.
    pub fn artifact_uri(&self, keys: &Keys) -> Option<Cow<'_, str>> {
        if self.uri_prefix == NO_PREFIX {
            return self.text(Field::Uri).map(Cow::Borrowed);
        }
        Some(format!("{}/{}/artifacts", keys.name(Key(self.uri_prefix)), self.run_id()).into())
    }

    /// MLflow's word for its state, or whatever stands in the store.
    pub fn status_word(&self) -> &str {
        self.status.word().or_else(|| self.text(Field::Status)).unwrap_or_default()
    }

    /// The tag `mlflow.parentRunId`.
    pub fn parent_run_id(&self) -> Option<&str> {
        self.tag(Key::PARENT).filter(|id| !id.is_empty())
    }

    /// What to call it: its name, else its id.
    pub fn title(&self) -> &str {
        self.name().filter(|name| !name.is_empty()).unwrap_or(self.run_id())
    }

    /// Params sorted by key; values are text as logged.
    pub fn params(&self) -> Pairs<'_> {
        Pairs::read(self.section(0, 1))
    }

    /// Tags sorted by key.
    pub fn tags(&self) -> Pairs<'_> {
        Pairs::read(self.section(1, 2))
    }

    /// Metrics sorted by key.
    pub fn metrics(&self) -> impl ExactSizeIterator<Item = (Key, Metric)> {
        self.metric_bytes().chunks_exact(METRIC).map(unpack_metric)
    }

    /// A param's value.
    pub fn param(&self, key: Key) -> Option<&str> {
        self.params().get(key)
    }

    /// A tag's value.
    pub fn tag(&self, key: Key) -> Option<&str> {
        self.tags().get(key)
    }

    /// A metric's latest value.
    pub fn metric(&self, key: Key) -> Option<Metric> {
        let bytes = self.metric_bytes();
        let at = |place: usize| bytes.get(place * METRIC..(place + 1) * METRIC);
        let (mut low, mut high) = (0, bytes.len() / METRIC);
        while low < high {
            let middle = low.midpoint(high);
            let (found, metric) = unpack_metric(at(middle)?);
            match found.cmp(&key) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return Some(metric),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Whether it says that it is training.
    pub fn is_running(&self) -> bool {
        self.read().meta && !self.broken && self.status == Status::Running
    }

    /// How long it ran, in milliseconds: until `now` for a running one, whose `end_time` is that of an earlier
    /// session; nothing for one that was cut off or ends before it starts.
    pub fn duration(&self, now: i64) -> Option<i64> {
        let end = if self.is_running() { now } else { self.end_time? };
        end.checked_sub(self.start_time?).filter(|ms| *ms >= 0)
    }

    /// Whether nothing differs, where a NaN is like a NaN.
    pub fn is_like(&self, other: &Self) -> bool {
        let numbers = |run: &Self| {
            let times = (run.start_time, run.end_time);
            (times, run.status, run.lifecycle, run.broken, run.read, run.uri_prefix, run.ends)
        };
        numbers(self) == numbers(other) && self.bytes == other.bytes
    }

    /// Bytes that it takes in memory, for bounding caches.
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.bytes.len()
    }

    fn text(&self, field: Field) -> Option<&str> {
        Pairs::read(self.bytes.get(..self.ends[0] as usize)?).get(field.key())
    }

    fn section(&self, before: usize, end: usize) -> &[u8] {
        let at = |place: usize| self.ends.get(place).copied().unwrap_or_default() as usize;
        self.bytes.get(at(before)..at(end)).unwrap_or_default()
    }

    fn metric_bytes(&self) -> &[u8] {
        self.bytes.get(self.ends[2] as usize..).unwrap_or_default()
    }
}

fn unpack_metric(bytes: &[u8]) -> (Key, Metric) {
    let read = || {
        let (key, rest) = bytes.split_first_chunk()?;
        let (points, rest) = rest.split_first_chunk()?;
        let (value, rest) = rest.split_first_chunk()?;
        let (step, rest) = rest.split_first_chunk()?;
        let last = Point {
            value: f64::from_le_bytes(*value),
            step: i64::from_le_bytes(*step),
            timestamp: i64::from_le_bytes(*rest.first_chunk()?),
        };
        let points = u64::from_le_bytes(*points);
        let exact = points & PROVISIONAL == 0;
        Some((Key(u32::from_le_bytes(*key)), Metric { last, points: points & !PROVISIONAL, exact }))
    };
    let nothing = Point { value: f64::NAN, step: 0, timestamp: 0 };
    read().unwrap_or((Key(u32::MAX), Metric { last: nothing, points: 0, exact: false }))
}

/// A run that is being put together. Made once and used for many runs, so that reading allocates nothing but the runs.
#[derive(Debug)]
pub struct Draft {
    /// Start, milliseconds since the epoch.
    pub start_time: Option<i64>,
    /// End, milliseconds since the epoch.
    pub end_time: Option<i64>,
    /// Its state; see [`Draft::set_status_word`] for one that MLflow does not know.
    pub status: Status,
    /// Active or deleted.
    pub lifecycle: Lifecycle,
    /// `meta.yaml` cannot be read.
    pub broken: bool,
    /// What has been read.
    pub read: Parts,
    key: RunKey,
    experiment: ExperimentKey,
    uri_prefix: u32,
    texts: Sheet,
    params: Part,
    tags: Part,
    /// Packed metrics, as they were.
    old_metrics: Vec<u8>,
    metrics: Option<Vec<(Key, Metric)>>,
    spare: Vec<(Key, Metric)>,
    out: Vec<u8>,
}

/// Params or tags of a draft: as they were, until somebody begins new ones.
#[derive(Debug, Default)]
struct Part {
    old: Vec<u8>,
    new: Sheet,
    is_new: bool,
}

impl Part {
    fn load(&mut self, bytes: &[u8]) {
        self.is_new = false;
        self.old.clear();
        self.old.extend_from_slice(bytes);
    }

    fn begin(&mut self) -> &mut Sheet {
        self.is_new = true;
        self.new.clear();
        &mut self.new
    }

    fn edit(&mut self) -> &mut Sheet {
        if !self.is_new {
            self.is_new = true;
            self.new.clear();
            self.new.extend(Pairs::read(&self.old));
        }
        &mut self.new
    }

    fn write(&mut self, out: &mut Vec<u8>) {
        if self.is_new {
            self.new.write(out);
        } else {
            out.extend_from_slice(&self.old);
        }
    }
}

impl Draft {
    /// An empty draft.
    pub fn new(key: RunKey, experiment: ExperimentKey) -> Self {
        Self {
            start_time: None,
            end_time: None,
            status: Status::Running,
            lifecycle: Lifecycle::Active,
            broken: false,
            read: Parts::default(),
            key,
            experiment,
            uri_prefix: NO_PREFIX,
            texts: Sheet::default(),
            params: Part::default(),
            tags: Part::default(),
            old_metrics: Vec::new(),
            metrics: None,
            spare: Vec::new(),
            out: Vec::new(),
        }
    }

    /// Begins with a run as it is.
    pub fn load(&mut self, run: &Run) {
        (self.key, self.experiment) = (run.key, run.experiment);
        (self.start_time, self.end_time, self.status) = (run.start_time, run.end_time, run.status);
        (self.lifecycle, self.broken, self.read) = (run.lifecycle, run.broken, run.read());
        self.uri_prefix = run.uri_prefix;
        self.texts.clear();
        self.texts.extend(Pairs::read(run.bytes.get(..run.ends[0] as usize).unwrap_or_default()));
        self.params.load(run.section(0, 1));
        self.tags.load(run.section(1, 2));
        self.old_metrics.clear();
        self.old_metrics.extend_from_slice(run.metric_bytes());
        self.metrics = None;
    }

    /// A draft of a run.
    pub fn of(run: &Run) -> Self {
        let mut draft = Self::new(run.key, run.experiment);
        draft.load(run);
        draft
    }

    /// Its name.
    pub fn set_name(&mut self, name: Option<&str>) {
        self.set(Field::Name, name);
    }

    /// Who started it.
    pub fn set_user_id(&mut self, user: Option<&str>) {
        self.set(Field::User, user);
    }

    /// Name and version of its source, of MLflow before 1.0.
    pub fn set_source(&mut self, name: Option<&str>, version: Option<&str>) {
        self.set(Field::SourceName, name);
        self.set(Field::SourceVersion, version);
    }

    /// A state that MLflow does not know, as it stands in the store.
    pub fn set_status_word(&mut self, word: Option<&str>) {
        self.set(Field::Status, word);
    }

    /// Where its artifacts were written. `intern` makes a key of what comes before `/<run id>/artifacts`.
    pub fn set_artifact_uri(&mut self, uri: Option<&str>, run_id: &str, intern: impl FnOnce(&str) -> Key) {
        let prefix =
            uri.and_then(|uri| uri.strip_suffix("/artifacts")?.strip_suffix(run_id)?.strip_suffix('/'));
        self.uri_prefix = prefix.map_or(NO_PREFIX, |prefix| intern(prefix).0);
        self.set(Field::Uri, uri.filter(|_| prefix.is_none()));
    }

    /// Begins the params anew.
    pub fn new_params(&mut self) -> &mut Sheet {
        self.params.begin()
    }

    /// Begins the tags anew.
    pub fn new_tags(&mut self) -> &mut Sheet {
        self.tags.begin()
    }

    /// The params, to be added to.
    pub fn params(&mut self) -> &mut Sheet {
        self.params.edit()
    }

    /// The tags, to be added to.
    pub fn tags(&mut self) -> &mut Sheet {
        self.tags.edit()
    }

    /// Puts a metric in, or another value for it.
    pub fn set_metric(&mut self, key: Key, metric: Metric) {
        let old = &self.old_metrics;
        let metrics =
            self.metrics.get_or_insert_with(|| old.chunks_exact(METRIC).map(unpack_metric).collect());
        metrics.retain(|(other, _)| *other != key);
        metrics.push((key, metric));
    }

    /// Begins the metrics anew. No key may come twice.
    pub fn new_metrics(&mut self) -> &mut Vec<(Key, Metric)> {
        let mut spare = self.metrics.take().unwrap_or_else(|| std::mem::take(&mut self.spare));
        spare.clear();
        self.metrics.insert(spare)
    }

    /// The run.
    pub fn pack(&mut self) -> Run {
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        self.texts.write(&mut out);
        let texts = out.len() as u32;
        self.params.write(&mut out);
        let params = out.len() as u32;
        self.tags.write(&mut out);
        let tags = out.len() as u32;
        match &mut self.metrics {
            None => out.extend_from_slice(&self.old_metrics),
            Some(metrics) => {
                metrics.sort_unstable_by_key(|(key, _)| *key);
                metrics.iter().for_each(|(key, metric)| pack_metric(*key, metric, &mut out));
            }
        }
        let bytes = out.as_slice().into();
        self.out = out;
        Run {
            key: self.key,
            experiment: self.experiment,
            start_time: self.start_time,
            end_time: self.end_time,
            status: self.status,
            lifecycle: self.lifecycle,
            broken: self.broken,
            read: self.read.bits(),
            uri_prefix: self.uri_prefix,
            ends: [texts, params, tags],
            bytes,
        }
    }

    fn set(&mut self, field: Field, text: Option<&str>) {
        self.texts.remove(field.key());
        if let Some(text) = text {
            self.texts.push(field.key(), text);
        }
    }
}

fn pack_metric(key: Key, metric: &Metric, out: &mut Vec<u8>) {
    let points = metric.points & !PROVISIONAL | if metric.exact { 0 } else { PROVISIONAL };
    out.extend(key.0.to_le_bytes());
    out.extend(points.to_le_bytes());
    out.extend(metric.last.value.to_le_bytes());
    out.extend(metric.last.step.to_le_bytes());
    out.extend(metric.last.timestamp.to_le_bytes());
}

/// Bytes of a packed run before its block: what [`Run::write`] writes first.
const HEADER: usize = 8 + 8 + 5 + 4 * 5;

impl Run {
    /// Appends the run to `out`, for the cache: the numbers, then the block as it is. Its slot and its experiment are
    /// left out, since they are others in another process.
    pub fn write(&self, out: &mut Vec<u8>) {
        let times = u8::from(self.start_time.is_some()) | u8::from(self.end_time.is_some()) << 1;
        out.extend(self.start_time.unwrap_or_default().to_le_bytes());
        out.extend(self.end_time.unwrap_or_default().to_le_bytes());
        let deleted = u8::from(self.lifecycle == Lifecycle::Deleted);
        out.extend([times, self.status.number(), deleted, u8::from(self.broken), self.read]);
        let [texts, params, tags] = self.ends;
        [self.uri_prefix, texts, params, tags, self.bytes.len() as u32]
            .into_iter()
            .for_each(|number| out.extend(number.to_le_bytes()));
        out.extend_from_slice(&self.bytes);
    }

    /// Takes a run from the beginning of `bytes`, which then begin behind it. Nothing when it is not one.
    pub fn take(bytes: &mut &[u8], key: RunKey, experiment: ExperimentKey) -> Option<Self> {
        let (header, rest) = bytes.split_first_chunk::<HEADER>()?;
        let (start, header) = header.split_first_chunk()?;
        let (end, header) = header.split_first_chunk()?;
        let (flags, header) = header.split_first_chunk()?;
        let [times, status, deleted, broken, read] = *flags;
        let mut numbers =
            header.chunks_exact(4).filter_map(|four| Some(u32::from_le_bytes(four.try_into().ok()?)));
        let uri_prefix = numbers.next()?;
        let ends = [numbers.next()?, numbers.next()?, numbers.next()?];
        let (block, rest) = rest.split_at_checked(numbers.next()? as usize)?;
        *bytes = rest;
        let time = |bit: u8, bytes: &[u8; 8]| (times & bit != 0).then(|| i64::from_le_bytes(*bytes));
        Some(Self {
            key,
            experiment,
            start_time: time(1, start),
            end_time: time(2, end),
            status: Status::from_number(status.into()).unwrap_or(Status::Other),
            lifecycle: if deleted == 0 { Lifecycle::Active } else { Lifecycle::Deleted },
            broken: broken != 0,
            read,
            uri_prefix,
            ends,
            bytes: block.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn metric(value: f64, points: u64) -> Metric {
        Metric {
            last: Point { value, step: points as i64, timestamp: -1 },
            points,
            exact: points.is_multiple_of(2),
        }
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_out(
            name in proptest::option::of(".{0,20}"),
            params in proptest::collection::btree_map(6u32..50, ".{0,10}", 0..20),
            metrics in proptest::collection::btree_map(6u32..50, (any::<f64>(), 0u64..1000), 0..20),
            start in any::<Option<i64>>(),
        ) {
            let mut draft = Draft::of(&Run::new(RunKey(3), "abc", ExperimentKey(2)));
            draft.set_name(name.as_deref());
            draft.start_time = start;
            draft.status = Status::Failed;
            draft.read = Parts { meta: true, params: true, ..Parts::default() };
            params.iter().for_each(|(key, text)| assert!(draft.params().push(Key(*key), text)));
            metrics.iter().for_each(|(key, (value, points))| draft.set_metric(Key(*key), metric(*value, *points)));
            let run = draft.pack();
            prop_assert_eq!((run.run_id(), run.name(), run.start_time), ("abc", name.as_deref(), start));
            prop_assert_eq!(run.params().iter().map(|(key, text)| (key.0, text.to_owned())).collect::<Vec<_>>(),
                params.clone().into_iter().collect::<Vec<_>>());
            for (key, (value, points)) in &metrics {
                let found = run.metric(Key(*key)).unwrap();
                prop_assert_eq!((found.last.value.to_bits(), found.points, found.exact), (value.to_bits(), *points, points % 2 == 0));
            }
            prop_assert_eq!(run.metrics().len(), metrics.len());
            prop_assert!(Draft::of(&run).pack().is_like(&run), "a draft that nobody changes gives the same run");
            let mut bytes = Vec::new();
            run.write(&mut bytes);
            bytes.push(77);
            let mut rest = bytes.as_slice();
            prop_assert!(Run::take(&mut rest, RunKey(3), ExperimentKey(2)).unwrap().is_like(&run));
            prop_assert_eq!(rest, [77]);
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let Some(run) = Run::take(&mut bytes.as_slice(), RunKey(0), ExperimentKey(0)) else { return Ok(()) };
            let _ = (run.run_id(), run.name(), run.metric(Key(1)), run.params().iter().count(), run.metrics().count());
            Draft::of(&run).pack();
        }
    }

    #[test]
    fn an_artifact_uri_is_kept_by_its_prefix() {
        let mut keys = Keys::default();
        let mut draft = Draft::of(&Run::new(RunKey(0), "abc", ExperimentKey(0)));
        for uri in ["file:///a/0/abc/artifacts", "s3://elsewhere/abc", "/abc/artifacts", "abc/artifacts"] {
            draft.set_artifact_uri(Some(uri), "abc", |prefix| keys.intern(prefix));
            assert_eq!(draft.pack().artifact_uri(&keys).as_deref(), Some(uri));
        }
        draft.set_artifact_uri(None, "abc", |prefix| keys.intern(prefix));
        assert_eq!(draft.pack().artifact_uri(&keys), None);
    }
}
