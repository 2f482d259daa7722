//! A run in memory: its numbers, and one block of bytes with everything else.
//!
//! ```text
//! bytes = texts | params | tags | metrics        each of the first three as pack::Pairs
//! ```
//!
//! A store has up to a hundred thousand runs with thirty values each, so a run has two allocations and no list of its
//! own. It never changes; who changes a run makes a [`Draft`] of it and packs that.

use std::borrow::Cow;

use super::pack::Pairs;
use super::{ExperimentKey, Key, Keys, Lifecycle, Metric, Point, RunKey, Status};

mod draft;

pub use draft::Draft;

/// Bytes of a packed metric: key, points, value, step, timestamp.
const METRIC: usize = 4 + 8 + 8 + 8 + 8;
/// The highest bit of a metric's points says that its latest value is only that of the end of the file.
const PROVISIONAL: u64 = 1 << 63;
/// Bytes of a table without pairs, and the ends of three sections that are not even that.
const EMPTY: usize = 4;
const NOTHING: [u32; 3] = [0; 3];
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

/// A run id within the run itself: 32 characters, as nearly all have. A run of which only the id is known then has no
/// block, and a hundred thousand of them leave no holes in memory when they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ShortId {
    text: [u8; 32],
    /// Zero when the id is longer, and stands among the texts.
    len: u8,
}

impl ShortId {
    fn of(id: &str) -> Option<Self> {
        let mut text = [0; 32];
        text.get_mut(..id.len())?.copy_from_slice(id.as_bytes());
        Some(Self { text, len: id.len() as u8 })
    }

    fn get(&self) -> Option<&str> {
        let text = self.text.get(..self.len.into()).filter(|text| !text.is_empty())?;
        std::str::from_utf8(text).ok()
    }
}

/// A time that may be missing, in eight bytes: the lowest number stands for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Time(i64);

impl Time {
    fn of(time: Option<i64>) -> Self {
        Self(time.unwrap_or(i64::MIN))
    }

    fn get(self) -> Option<i64> {
        (self.0 != i64::MIN).then_some(self.0)
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
    /// Its state.
    pub status: Status,
    /// Active or deleted.
    pub lifecycle: Lifecycle,
    /// `meta.yaml` cannot be read: name, state and times are the last that were good, or none.
    pub broken: bool,
    read: u8,
    id: ShortId,
    start: Time,
    end: Time,
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
        draft.set_run_id(run_id);
        draft.pack()
    }

    /// Start, milliseconds since the epoch.
    pub fn start_time(&self) -> Option<i64> {
        self.start.get()
    }

    /// End, milliseconds since the epoch. A resumed run is RUNNING and still has the old one.
    pub fn end_time(&self) -> Option<i64> {
        self.end.get()
    }

    /// What of it has been read.
    pub fn read(&self) -> Parts {
        Parts::from_bits(self.read)
    }

    /// The run id: the name of its folder, which is its identity whatever `meta.yaml` says.
    pub fn run_id(&self) -> &str {
        self.id.get().or_else(|| self.text(Field::RunId)).unwrap_or_default()
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
        let end = if self.is_running() { now } else { self.end_time()? };
        end.checked_sub(self.start_time()?).filter(|ms| *ms >= 0)
    }

    /// Whether nothing differs, where a NaN is like a NaN.
    pub fn is_like(&self, other: &Self) -> bool {
        let numbers = |run: &Self| {
            let times = (run.id, run.start, run.end);
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

/// Bytes of a packed run before its block: what [`Run::write`] writes first.
const HEADER: usize = 8 + 8 + 5 + 32 + 4 * 5;

impl Run {
    /// Appends the run to `out`, for the cache: the numbers, then the block as it is. Its slot and its experiment are
    /// left out, since they are others in another process.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.start.0.to_le_bytes());
        out.extend(self.end.0.to_le_bytes());
        let deleted = u8::from(self.lifecycle == Lifecycle::Deleted);
        out.extend([self.status.number(), deleted, u8::from(self.broken), self.read, self.id.len]);
        out.extend(self.id.text);
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
        let [status, deleted, broken, read, len] = *flags;
        let (text, header) = header.split_first_chunk()?;
        let mut numbers =
            header.chunks_exact(4).filter_map(|four| Some(u32::from_le_bytes(four.try_into().ok()?)));
        let uri_prefix = numbers.next()?;
        let ends = [numbers.next()?, numbers.next()?, numbers.next()?];
        let (block, rest) = rest.split_at_checked(numbers.next()? as usize)?;
        *bytes = rest;
        Some(Self {
            key,
            experiment,
            status: Status::from_number(status.into()).unwrap_or(Status::Other),
            lifecycle: if deleted == 0 { Lifecycle::Active } else { Lifecycle::Deleted },
            broken: broken != 0,
            read,
            id: ShortId { text: *text, len },
            start: Time(i64::from_le_bytes(*start)),
            end: Time(i64::from_le_bytes(*end)),
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
            prop_assert_eq!((run.run_id(), run.name(), run.start_time()), ("abc", name.as_deref(), start));
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
