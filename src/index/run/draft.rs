//! A run that is being put together, and packed when it is done.

use super::{
    EMPTY, Field, METRIC, NO_PREFIX, NOTHING, PROVISIONAL, Parts, Run, ShortId, Time, unpack_metric,
};
use crate::index::pack::{Pairs, Sheet};
use crate::index::{ExperimentKey, Key, Lifecycle, Metric, RunKey, Status};

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
    id: ShortId,
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
            id: ShortId { text: [0; 32], len: 0 },
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
        (self.start_time, self.end_time, self.status) = (run.start_time(), run.end_time(), run.status);
        self.id = run.id;
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

    pub(super) fn set_run_id(&mut self, id: &str) {
        let short = ShortId::of(id);
        self.set(Field::RunId, Some(id).filter(|_| short.is_none()));
        self.id = short.unwrap_or(ShortId { text: [0; 32], len: 0 });
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
        let mut ends = [texts, params, tags];
        match &mut self.metrics {
            None => out.extend_from_slice(&self.old_metrics),
            Some(metrics) => {
                metrics.sort_unstable_by_key(|(key, _)| *key);
                metrics.iter().for_each(|(key, metric)| pack_metric(*key, metric, &mut out));
            }
        }
        if self.read == Parts::default() && out.len() == NOTHING.len() * EMPTY {
            // Only the id is known, which needs no block.
            out.clear();
            ends = NOTHING;
        }
        let bytes = out.as_slice().into();
        self.out = out;
        Run {
            key: self.key,
            experiment: self.experiment,
            status: self.status,
            lifecycle: self.lifecycle,
            broken: self.broken,
            read: self.read.bits(),
            id: self.id,
            start: Time::of(self.start_time),
            end: Time::of(self.end_time),
            uri_prefix: self.uri_prefix,
            ends,
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
