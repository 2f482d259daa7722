//! A server's answers, of all versions that can be met (`mlflow/protos/service.proto`).
//!
//! Parsed on the thread that asked, up to packed runs, so that the store's own thread only puts them into their slots.

use std::borrow::Cow;

use serde::Deserialize;

use super::failure::Failure;
use super::lenient::{List, Object, Words};
use crate::index::{Draft, ExperimentKey, Key, Lifecycle, Metric, Parts, Point, Run, RunKey, Status, Text};
use crate::store::files::interner::Interner;
use crate::store::{Artifact, Dataset, Inputs};

use shapes::{
    DataShape, DatasetInputShape, ExperimentsShape, FilesShape, MetricShape, MetricsShape, ModelShape,
    OneRunShape, PairShape, RunShape, RunsShape,
};

mod shapes;

/// One page of an answer that comes in pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// How to ask for the next one.
    pub next: Option<String>,
    /// Entries that were none.
    pub odd: usize,
}

/// An experiment as a server tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExperimentAnswer {
    /// `experiment_id`.
    pub experiment_id: Text,
    /// `name`.
    pub name: Option<Text>,
    /// `lifecycle_stage`.
    pub lifecycle: Lifecycle,
    /// `artifact_location`.
    pub artifact_location: Option<Text>,
    /// `creation_time`, milliseconds since the epoch.
    pub creation_time: Option<i64>,
    /// `last_update_time`, milliseconds since the epoch.
    pub last_update_time: Option<i64>,
    /// `tags`.
    pub tags: Vec<(Text, Text)>,
}

/// A run as a server tells it: packed, but not in its slot yet.
#[derive(Clone, Debug)]
pub struct RunAnswer {
    /// The experiment that it lies in.
    pub experiment_id: Text,
    /// The run; its key and its experiment are to be set.
    pub run: Run,
}

/// Artifacts of one folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// `root_uri`.
    pub root: Option<String>,
    /// `files`.
    pub page: Vec<Artifact>,
    /// How to ask for more.
    pub next: Option<String>,
}

/// The text of an answer; bytes that are no UTF-8 become U+FFFD.
fn text(body: &[u8]) -> Result<Cow<'_, str>, Failure> {
    let begin = body.iter().find(|byte| !byte.is_ascii_whitespace());
    match begin {
        None => Err(Failure::Foreign("empty")),
        Some(b'{') => Ok(String::from_utf8_lossy(body)),
        Some(b'<') => Err(Failure::Foreign("a web page")),
        Some(_) => Err(Failure::Foreign("not a JSON object")),
    }
}

/// Parses an answer. JSON that nests deeper than serde_json follows (128) is skipped where nobody looks for it.
fn shape<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Eof => Failure::Cut,
        _ => Failure::Damaged(format!("no JSON at column {} of line {}", error.column(), error.line())),
    })
}

/// Page by page: items that are none are counted.
fn page<S, T>(list: List<Object<S>>, next: &Words<'_>, mut take: impl FnMut(S) -> Option<T>) -> Page<T> {
    let all = list.0.len();
    let items: Vec<T> = list.0.into_iter().filter_map(|item| item.0).filter_map(&mut take).collect();
    let odd = all - items.len();
    Page { items, next: next.some().map(str::to_owned), odd }
}

fn owned(words: &Words<'_>) -> Option<Text> {
    words.get().map(Text::from)
}

fn lifecycle(words: &Words<'_>) -> Lifecycle {
    if words.get() == Some("deleted") { Lifecycle::Deleted } else { Lifecycle::Active }
}

fn pairs<'a>(list: &'a List<Object<PairShape<'a>>>) -> impl Iterator<Item = (&'a str, &'a str)> {
    let pairs = list.0.iter().filter_map(|pair| pair.0.as_ref());
    pairs.filter_map(|pair| Some((pair.key.get()?, pair.value.get().unwrap_or_default())))
}

/// `experiments/search`, `experiments/list`.
pub fn experiments(body: &[u8]) -> Result<Page<ExperimentAnswer>, Failure> {
    let text = text(body)?;
    let shape: ExperimentsShape<'_> = shape(&text)?;
    Ok(page(shape.experiments, &shape.next_page_token, |experiment| {
        Some(ExperimentAnswer {
            experiment_id: experiment.experiment_id.some()?.into(),
            name: owned(&experiment.name),
            lifecycle: lifecycle(&experiment.lifecycle_stage),
            artifact_location: owned(&experiment.artifact_location),
            creation_time: experiment.creation_time.0,
            last_update_time: experiment.last_update_time.0,
            tags: pairs(&experiment.tags).map(|(key, value)| (key.into(), value.into())).collect(),
        })
    }))
}

/// `runs/search`.
pub fn runs(body: &[u8], keys: &Interner) -> Result<Page<RunAnswer>, Failure> {
    let text = text(body)?;
    let shape: RunsShape<'_> = shape(&text)?;
    let mut draft = Draft::new(RunKey(0), ExperimentKey(0));
    Ok(page(shape.runs, &shape.next_page_token, |run| packed(&run, keys, &mut draft)))
}

/// `runs/get`: the run, and what it used and made.
pub fn run(body: &[u8], keys: &Interner) -> Result<(RunAnswer, Inputs), Failure> {
    let text = text(body)?;
    let shape: OneRunShape<'_> = shape(&text)?;
    let none = || Failure::Damaged("it holds no run".to_owned());
    let run = shape.run.0.ok_or_else(none)?;
    let answer = packed(&run, keys, &mut Draft::new(RunKey(0), ExperimentKey(0))).ok_or_else(none)?;
    Ok((answer, inputs(run)))
}

fn packed(run: &RunShape<'_>, keys: &Interner, draft: &mut Draft) -> Option<RunAnswer> {
    let info = run.info.0.as_ref()?;
    let id = info.run_id.some().or_else(|| info.run_uuid.some())?;
    draft.load(&Run::new(RunKey(0), id, ExperimentKey(0)));
    draft.read = Parts::ALL;
    (draft.start_time, draft.end_time) = (info.start_time.0, info.end_time.0);
    let word = info.status.get().unwrap_or_default();
    draft.status = Status::from_word(word).unwrap_or(Status::Other);
    draft.set_status_word(Some(word).filter(|_| draft.status == Status::Other));
    draft.lifecycle = lifecycle(&info.lifecycle_stage);
    draft.set_user_id(info.user_id.get());
    draft.set_artifact_uri(info.artifact_uri.get(), id, |prefix| keys.intern(prefix));
    draft.new_params();
    draft.new_tags();
    draft.new_metrics();
    let mut name = info.run_name.some();
    if let Some(data) = &run.data.0 {
        for (key, value) in pairs(&data.params) {
            draft.params().push(keys.intern(key), value);
        }
        for (key, value) in pairs(&data.tags) {
            let key = keys.intern(key);
            draft.tags().push(key, value);
            if key == Key::RUN_NAME {
                name = name.or(Some(value));
            }
        }
        metrics(data, keys, draft.new_metrics());
    }
    draft.set_name(name);
    Some(RunAnswer { experiment_id: info.experiment_id.get().unwrap_or_default().into(), run: draft.pack() })
}

/// The latest points. How long their histories are is not said.
fn metrics(data: &DataShape<'_>, keys: &Interner, out: &mut Vec<(Key, Metric)>) {
    for shape in data.metrics.0.iter().filter_map(|metric| metric.0.as_ref()) {
        let (Some(name), Some(last)) = (shape.key.get(), point(shape)) else { continue };
        out.push((keys.intern(name), Metric { last, points: 0, exact: true }));
    }
    // No key may come twice; of two points the later one counts.
    out.sort_by_key(|(key, _)| *key);
    out.dedup_by(|next, kept| {
        let is_same = next.0 == kept.0;
        if is_same && next.1.last.is_later_than(&kept.1.last) {
            *kept = *next;
        }
        is_same
    });
}

fn point(shape: &MetricShape<'_>) -> Option<Point> {
    Some(Point {
        value: shape.value.0?,
        step: shape.step.0.unwrap_or_default(),
        timestamp: shape.timestamp.0.unwrap_or_default(),
    })
}

/// `metrics/get-history`.
pub fn points(body: &[u8]) -> Result<Page<Point>, Failure> {
    let text = text(body)?;
    let shape: MetricsShape<'_> = shape(&text)?;
    Ok(page(shape.metrics, &shape.next_page_token, |metric| point(&metric)))
}

/// `metrics/get-history-bulk-interval`: points with the ids of their runs, in the order of the answer.
pub fn bulk(body: &[u8]) -> Result<Vec<(String, Point)>, Failure> {
    let text = text(body)?;
    let shape: MetricsShape<'_> = shape(&text)?;
    let take = |metric: MetricShape<'_>| Some((metric.run_id.some()?.to_owned(), point(&metric)?));
    Ok(page(shape.metrics, &shape.next_page_token, take).items)
}

fn inputs(run: RunShape<'_>) -> Inputs {
    let used = run.inputs.0.unwrap_or_default();
    let made = run.outputs.0.unwrap_or_default();
    let datasets = used.dataset_inputs.0.into_iter().filter_map(|input| input.0);
    let mut datasets: Vec<Dataset> = datasets.filter_map(|input| dataset(&input)).collect();
    datasets.sort_by(|a, b| (&a.name, &a.digest).cmp(&(&b.name, &b.digest)));
    let models = |list: List<Object<ModelShape<'_>>>| {
        let models = list.0.into_iter().filter_map(|model| model.0);
        let mut models: Vec<(Text, i64)> = models
            .filter_map(|model| Some((owned(&model.model_id)?, model.step.0.unwrap_or_default())))
            .collect();
        models.sort();
        models
    };
    Inputs {
        datasets,
        model_inputs: models(used.model_inputs).into_iter().map(|(id, _)| id).collect(),
        model_outputs: models(made.model_outputs),
        note: None,
    }
}

fn dataset(input: &DatasetInputShape<'_>) -> Option<Dataset> {
    let dataset = input.dataset.0.as_ref()?;
    let text = |words: &Words<'_>| owned(words).unwrap_or_default();
    Some(Dataset {
        name: text(&dataset.name),
        digest: text(&dataset.digest),
        source_type: text(&dataset.source_type),
        source: text(&dataset.source),
        schema: owned(&dataset.schema),
        profile: owned(&dataset.profile),
        tags: pairs(&input.tags).map(|(key, value)| (key.into(), value.into())).collect(),
    })
}

/// `artifacts/list`: one level.
pub fn files(body: &[u8]) -> Result<Files, Failure> {
    let text = text(body)?;
    let shape: FilesShape<'_> = shape(&text)?;
    let files = page(shape.files, &shape.next_page_token, |file| {
        let is_dir = file.is_dir.0;
        let size = file.file_size.0.and_then(|size| size.try_into().ok());
        // A size of 0 is left out.
        let file_size = (!is_dir).then_some(size.unwrap_or(0));
        Some(Artifact { path: file.path.some()?.to_owned(), is_dir, file_size })
    });
    Ok(Files { root: shape.root_uri.some().map(str::to_owned), page: files.items, next: files.next })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_run_of_odd_types_costs_no_other() {
        let keys = Interner::default();
        let body = br#"{"runs": [null, 5, "x", {}, {"info": null},
            {"info": {"run_id": 7, "start_time": "soon", "end_time": 1e300, "status": [1]}, "data": {"metrics": {}, "params": "no", "tags": null}},
            {"info": {"run_id": "../../etc", "start_time": -9223372036854775808, "end_time": 18446744073709551616},
             "data": {"metrics": [{"key": "k", "value": "NaN", "timestamp": "x", "step": 1.5}, {"key": "k2", "value": "Infinity"}, {"key": null, "value": null}]}},
            {"info": {"run_uuid": "abc", "experiment_id": 3, "status": "FINISHED", "start_time": "1795417322003"},
             "data": {"tags": [{"key": "mlflow.runName", "value": "old"}], "metrics": [{"key": "a", "value": 1, "step": "2"}, {"key": "a", "value": 5, "step": "1"}]}}]}"#;
        let page = runs(body, &keys).unwrap();
        assert_eq!((page.items.len(), page.odd, page.next), (3, 5, None));
        let ids: Vec<&str> = page.items.iter().map(|answer| answer.run.run_id()).collect();
        assert_eq!(ids, ["7", "../../etc", "abc"]);
        let last = &page.items[2];
        assert_eq!(
            (&*last.experiment_id, last.run.name(), last.run.status),
            ("3", Some("old"), Status::Finished)
        );
        assert_eq!(last.run.start_time(), Some(1_795_417_322_003));
        let metrics: Vec<_> = last.run.metrics().collect();
        assert_eq!(metrics.len(), 1);
        assert_eq!((metrics[0].1.last.value, metrics[0].1.last.step), (1.0, 2));
    }

    #[test]
    fn what_is_no_answer_says_so() {
        let keys = Interner::default();
        let deep = format!("{{\"runs\": {}{}}}", "[".repeat(500_000), "]".repeat(500_000));
        assert!(runs(deep.as_bytes(), &keys).is_ok_and(|page| page.items.is_empty() && page.odd == 1));
        let told = |body: &[u8]| runs(body, &keys).unwrap_err().to_string();
        assert!(told(b"<html>").contains("web page"));
        assert!(told(b"").contains("empty"));
        assert!(told(b"[]").contains("not a JSON object"));
        assert!(told(b"{\"runs\": [").contains("ended within"));
        assert!(
            told(b"{\"runs\": [{\"info\": {\"run_id\": \"a\", \"start_time\": 1e999}}]}").contains("damaged")
        );
        assert_eq!(runs(b"{}", &keys).unwrap().items.len(), 0);
        let latin = b"{\"runs\": [{\"info\": {\"run_id\": \"a\", \"user_id\": \"J\xe9\"}}]}";
        assert_eq!(runs(latin, &keys).unwrap().items[0].run.user_id(), Some("J\u{fffd}"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let keys = Interner::default();
            let mut body = b"{\"runs\": [".to_vec();
            body.extend(&bytes);
            for body in [&bytes, &body] {
                let _ = (runs(body, &keys).is_ok(), experiments(body).is_ok(), bulk(body).is_ok(), files(body).is_ok());
            }
        }
    }
}
