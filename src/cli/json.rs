//! The shapes of what the commands print as JSON. Fields stand in the order in which they are printed, maps are
//! sorted by key, and text is exactly what stands in the store.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::format;
use crate::index::{Experiment, Index, Key, Metric, Point, Problem, Run};
use crate::store::files::open::name_text;
use crate::store::{Artifact, Dataset, Inputs, Listing};

/// A number; JSON has no NaN and no infinities, so they are strings.
pub struct Number(pub f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match format::no_number(self.0) {
            Some(word) => serializer.serialize_str(word),
            None => serializer.serialize_f64(self.0),
        }
    }
}

/// A number with all its digits, for plain tables and CSV.
pub fn number_text(number: f64) -> String {
    format::no_number(number).map_or_else(|| format::exact(number), str::to_owned)
}

/// Pairs as an object, in their order.
pub struct Map<'a, V>(Vec<(&'a str, V)>);

impl<'a, V> Map<'a, V> {
    /// Pairs whose keys are interned, sorted by name.
    fn interned(index: &'a Index, pairs: impl Iterator<Item = (Key, V)>) -> Self {
        let mut out: Vec<(&str, V)> = pairs.map(|(key, value)| (index.keys.name(key), value)).collect();
        out.sort_by(|a, b| a.0.cmp(b.0));
        Self(out)
    }
}

impl<V: Serialize> Serialize for Map<'_, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

/// An experiment, as `mltop ls` prints it.
#[derive(serde::Serialize)]
pub struct ExperimentJson<'a> {
    experiment_id: &'a str,
    name: Option<&'a str>,
    lifecycle_stage: &'static str,
    artifact_location: Option<&'a str>,
    creation_time: Option<i64>,
    last_update_time: Option<i64>,
    tags: Map<'a, &'a str>,
    runs: usize,
}

impl<'a> ExperimentJson<'a> {
    /// An experiment with so many runs.
    pub fn new(experiment: &'a Experiment, runs: usize) -> Self {
        Self {
            experiment_id: &experiment.experiment_id,
            name: experiment.name.as_deref(),
            lifecycle_stage: experiment.lifecycle.word(),
            artifact_location: experiment.artifact_location.as_deref(),
            creation_time: experiment.creation_time,
            last_update_time: experiment.last_update_time,
            tags: Map(experiment.tags.iter().map(|(key, value)| (&**key, &**value)).collect()),
            runs,
        }
    }
}

/// The latest value of a metric, and how many points its history has where that was asked for.
#[derive(serde::Serialize)]
struct MetricJson {
    value: Number,
    step: i64,
    timestamp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    points: Option<u64>,
}

/// One point of a history.
#[derive(serde::Serialize)]
pub struct PointJson {
    value: Number,
    step: i64,
    timestamp: i64,
}

impl From<&Point> for PointJson {
    fn from(point: &Point) -> Self {
        Self { value: Number(point.value), step: point.step, timestamp: point.timestamp }
    }
}

/// A run, as `mltop runs` prints it.
#[derive(serde::Serialize)]
pub struct RunJson<'a> {
    run_id: &'a str,
    run_name: Option<&'a str>,
    experiment_id: &'a str,
    status: Option<&'a str>,
    lifecycle_stage: &'static str,
    user_id: Option<&'a str>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    artifact_uri: Option<Cow<'a, str>>,
    parent_run_id: Option<&'a str>,
    params: Map<'a, &'a str>,
    metrics: Map<'a, MetricJson>,
    tags: Map<'a, &'a str>,
}

impl<'a> RunJson<'a> {
    /// A run; `points` says whether each metric tells how many points it has.
    pub fn new(index: &'a Index, run: &'a Run, points: bool) -> Self {
        let metric = |Metric { last, points: count, .. }: Metric| MetricJson {
            value: Number(last.value),
            step: last.step,
            timestamp: last.timestamp,
            points: points.then_some(count),
        };
        Self {
            run_id: run.run_id(),
            run_name: run.name(),
            experiment_id: index.experiment(run.experiment).map_or("", |e| &e.experiment_id),
            status: (run.read().meta && !run.broken).then(|| run.status_word()),
            lifecycle_stage: run.lifecycle.word(),
            user_id: run.user_id(),
            start_time: run.start_time(),
            end_time: run.end_time(),
            artifact_uri: run.artifact_uri(&index.keys),
            parent_run_id: run.parent_run_id(),
            params: Map::interned(index, run.params().iter()),
            metrics: Map::interned(index, run.metrics().map(|(key, m)| (key, metric(m)))),
            tags: Map::interned(index, run.tags().iter()),
        }
    }
}

/// Something that could not be read, as `mltop dump` prints it.
#[derive(serde::Serialize)]
pub struct ProblemJson<'a> {
    path: String,
    run_id: Option<&'a str>,
    what: &'a str,
}

impl<'a> ProblemJson<'a> {
    /// A problem; bytes of the path that are not UTF-8 become `\xff`.
    pub fn new(index: &'a Index, problem: &'a Problem) -> Self {
        let run = problem.run.and_then(|key| index.run(key));
        let path = name_text(problem.path.as_os_str());
        Self { path, run_id: run.map(|run| run.run_id()), what: &problem.what }
    }
}

/// A file or folder of a run's artifacts.
#[derive(serde::Serialize)]
struct ArtifactJson<'a> {
    path: &'a str,
    is_dir: bool,
    file_size: Option<u64>,
}

impl<'a> From<&'a Artifact> for ArtifactJson<'a> {
    fn from(artifact: &'a Artifact) -> Self {
        Self { path: &artifact.path, is_dir: artifact.is_dir, file_size: artifact.file_size }
    }
}

/// A dataset that a run used.
#[derive(serde::Serialize)]
struct DatasetJson<'a> {
    name: &'a str,
    digest: &'a str,
    source_type: &'a str,
    source: &'a str,
    schema: Option<&'a str>,
    profile: Option<&'a str>,
    tags: Map<'a, &'a str>,
}

impl<'a> From<&'a Dataset> for DatasetJson<'a> {
    fn from(dataset: &'a Dataset) -> Self {
        Self {
            name: &dataset.name,
            digest: &dataset.digest,
            source_type: &dataset.source_type,
            source: &dataset.source,
            schema: dataset.schema.as_deref(),
            profile: dataset.profile.as_deref(),
            tags: Map(dataset.tags.iter().map(|(key, value)| (&**key, &**value)).collect()),
        }
    }
}

/// A logged model that a run made.
#[derive(serde::Serialize)]
struct ModelJson<'a> {
    model_id: &'a str,
    step: i64,
}

/// One run whole, as `mltop show` prints it.
#[derive(serde::Serialize)]
pub struct WholeRunJson<'a> {
    #[serde(flatten)]
    run: RunJson<'a>,
    description: Option<&'a str>,
    artifacts: Vec<ArtifactJson<'a>>,
    datasets: Vec<DatasetJson<'a>>,
    model_inputs: Vec<&'a str>,
    model_outputs: Vec<ModelJson<'a>>,
}

impl<'a> WholeRunJson<'a> {
    /// A run with what is read only when it is looked at.
    pub fn new(index: &'a Index, run: &'a Run, listing: &'a Listing, inputs: &'a Inputs) -> Self {
        let made = inputs.model_outputs.iter().map(|(id, step)| ModelJson { model_id: id, step: *step });
        Self {
            run: RunJson::new(index, run, true),
            description: description(run),
            artifacts: listing.entries.iter().map(ArtifactJson::from).collect(),
            datasets: inputs.datasets.iter().map(DatasetJson::from).collect(),
            model_inputs: inputs.model_inputs.iter().map(|id| &**id).collect(),
            model_outputs: made.collect(),
        }
    }
}

/// The note that MLflow's page shows as description.
pub fn description(run: &Run) -> Option<&str> {
    run.tag(Key::NOTE)
}
