//! What may be asked of a server, as requests, and what their answers mean.

use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::answers::{self, ExperimentAnswer, Files, Page, RunAnswer};
use super::client::{Call, Client};
use super::failure::Failure;
use crate::index::{Point, Text};
use crate::store::files::interner::Interner;
use crate::store::{Inputs, Preview};

/// Runs that one call about several histories takes (`MAX_RUNS_GET_METRIC_HISTORY_BULK`).
pub const BULK_RUNS: usize = 100;
/// Points that it answers at most for each of them (`MAX_RESULTS_PER_RUN`).
pub const BULK_POINTS: usize = 2500;
/// Points of a page of a history. Always sent: without it servers 3.1 to 3.13 answer no points and a token that leads to
/// itself.
pub const HISTORY_PAGE: usize = 25_000;

/// A question to a server.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// A page of the experiments, deleted ones too.
    Experiments {
        /// How to ask for this page; none for the first.
        token: Option<String>,
        /// By the call of servers before 1.28, which knows no pages.
        old: bool,
    },
    /// A page of runs, deleted ones too, newest first.
    Runs {
        /// The experiments that they lie in.
        experiments: Arc<[Text]>,
        /// MLflow's filter.
        filter: Option<String>,
        /// Runs on a page.
        size: usize,
        /// How to ask for this page; none for the first.
        token: Option<String>,
    },
    /// One run, with its datasets and models.
    Run(String),
    /// A page of a history.
    History {
        /// The run.
        run_id: String,
        /// The metric.
        metric: String,
        /// How to ask for this page; none for the first.
        token: Option<String>,
    },
    /// Points from all over the histories of one metric in several runs.
    Bulk {
        /// The runs, at most [`BULK_RUNS`].
        run_ids: Vec<String>,
        /// The metric.
        metric: String,
        /// Points of each run, at most [`BULK_POINTS`].
        most: usize,
        /// Only points from this step on.
        from: Option<i32>,
    },
    /// A page of one level of a run's artifacts.
    Artifacts {
        /// The run.
        run_id: String,
        /// The folder below the artifact root; empty for the root.
        path: String,
        /// How to ask for this page; none for the first.
        token: Option<String>,
    },
    /// The beginning of an artifact.
    Download {
        /// The run.
        run_id: String,
        /// The file below the artifact root.
        path: String,
        /// Bytes that are wanted.
        limit: usize,
    },
}

/// An answer to a question of the same name.
#[derive(Clone, Debug)]
pub enum Answer {
    /// To [`Question::Experiments`].
    Experiments(Page<ExperimentAnswer>),
    /// To [`Question::Runs`].
    Runs(Page<RunAnswer>),
    /// To [`Question::Run`].
    Run(Box<(RunAnswer, Inputs)>),
    /// To [`Question::History`].
    History(Page<Point>),
    /// To [`Question::Bulk`].
    Bulk(Vec<(String, Point)>),
    /// To [`Question::Artifacts`].
    Artifacts(Files),
    /// To [`Question::Download`].
    Download(Preview),
}

/// What may stand in a query as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const API: &str = "/api/2.0/mlflow";

impl Question {
    /// The request that asks it.
    pub fn call(&self) -> Call {
        match self {
            Self::Experiments { old: true, .. } => get("/experiments/list", &[("view_type", "ALL")]),
            Self::Experiments { token, old: false } => {
                let mut body = json!({"max_results": 1000, "view_type": "ALL"});
                put(&mut body, "page_token", token);
                post("/experiments/search", &body)
            }
            Self::Runs { experiments, filter, size, token } => {
                let ids: Vec<&str> = experiments.iter().map(|id| &**id).collect();
                let mut body = json!({"experiment_ids": ids, "run_view_type": "ALL", "max_results": size});
                put(&mut body, "filter", filter);
                put(&mut body, "page_token", token);
                post("/runs/search", &body)
            }
            Self::Run(run_id) => get("/runs/get", &[("run_id", run_id)]),
            Self::History { run_id, metric, token } => {
                let size = HISTORY_PAGE.to_string();
                let mut query =
                    vec![("run_id", run_id.as_str()), ("metric_key", metric), ("max_results", &size)];
                query.extend(token.as_deref().map(|token| ("page_token", token)));
                get("/metrics/get-history", &query)
            }
            Self::Bulk { run_ids, metric, most, from } => {
                let (most, from) = (most.to_string(), from.map(|step| step.to_string()));
                let mut query: Vec<(&str, &str)> =
                    run_ids.iter().map(|id| ("run_ids", id.as_str())).collect();
                query.extend([("metric_key", metric.as_str()), ("max_results", &most)]);
                // Both or none: `_validate_get_metric_history_bulk_interval_request`.
                let last = i32::MAX.to_string();
                query.extend(
                    from.as_deref().into_iter().flat_map(|step| [("start_step", step), ("end_step", &last)]),
                );
                get("/metrics/get-history-bulk-interval", &query)
            }
            Self::Artifacts { run_id, path, token } => {
                let mut query = vec![("run_id", run_id.as_str())];
                query.extend((!path.is_empty()).then_some(("path", path.as_str())));
                query.extend(token.as_deref().map(|token| ("page_token", token)));
                get("/artifacts/list", &query)
            }
            Self::Download { run_id, path, limit } => {
                let path = format!("/get-artifact?{}", query(&[("run_uuid", run_id), ("path", path)]));
                Call { path, body: None, first: Some(*limit) }
            }
        }
    }

    /// Asks it and reads the answer.
    pub fn ask(&self, client: &Client, keys: &Interner) -> Result<Answer, Failure> {
        let reply = client.call(&self.call())?;
        let body = &reply.body;
        Ok(match self {
            Self::Experiments { .. } => Answer::Experiments(answers::experiments(body)?),
            Self::Runs { .. } => Answer::Runs(answers::runs(body, keys)?),
            Self::Run(_) => Answer::Run(Box::new(answers::run(body, keys)?)),
            Self::History { .. } => Answer::History(answers::points(body)?),
            Self::Bulk { .. } => Answer::Bulk(answers::bulk(body)?),
            Self::Artifacts { .. } => Answer::Artifacts(answers::files(body)?),
            Self::Download { .. } => {
                let size = reply.size.unwrap_or(body.len() as u64);
                Answer::Download(Preview { size, bytes: reply.body })
            }
        })
    }
}

fn put(body: &mut Value, field: &str, text: &Option<String>) {
    if let (Some(object), Some(text)) = (body.as_object_mut(), text) {
        object.insert(field.to_owned(), json!(text));
    }
}

fn post(path: &str, body: &Value) -> Call {
    Call { path: format!("{API}{path}"), body: Some(body.to_string()), first: None }
}

fn get(path: &str, pairs: &[(&str, &str)]) -> Call {
    Call { path: format!("{API}{path}?{}", query(pairs)), body: None, first: None }
}

fn query(pairs: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| format!("{name}={}", utf8_percent_encode(value, PLAIN));
    pairs.iter().map(pair).collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_the_calls_that_mlflow_documents() {
        let call = Question::History {
            run_id: "ab".into(),
            metric: "val/loss #1 é".into(),
            token: Some("a=".into()),
        }
        .call();
        assert_eq!(
            call.path,
            "/api/2.0/mlflow/metrics/get-history?run_id=ab&metric_key=val%2Floss%20%231%20%C3%A9&max_results=25000&page_token=a%3D"
        );
        let call = Question::Bulk {
            run_ids: vec!["a".into(), "b".into()],
            metric: "m".into(),
            most: 5,
            from: Some(7),
        }
        .call();
        assert_eq!(
            call.path,
            "/api/2.0/mlflow/metrics/get-history-bulk-interval?run_ids=a&run_ids=b&metric_key=m&max_results=5&start_step=7&end_step=2147483647"
        );
        let experiments: Arc<[Text]> = ["0".into()].into();
        let call = Question::Runs { experiments, filter: None, size: 9, token: Some("t".into()) }.call();
        let body: Value = serde_json::from_str(call.body.as_deref().unwrap()).unwrap();
        assert_eq!(
            body,
            json!({"experiment_ids": ["0"], "run_view_type": "ALL", "max_results": 9, "page_token": "t"})
        );
    }

    #[test]
    fn only_searches_are_posted() {
        let experiments: Arc<[Text]> = ["0".into()].into();
        for question in [
            Question::Experiments { token: None, old: false },
            Question::Experiments { token: None, old: true },
            Question::Runs { experiments, filter: None, size: 1, token: None },
            Question::Run("a".into()),
            Question::History { run_id: "a".into(), metric: "m".into(), token: None },
            Question::Bulk { run_ids: vec![], metric: "m".into(), most: 1, from: None },
            Question::Artifacts { run_id: "a".into(), path: String::new(), token: None },
            Question::Download { run_id: "a".into(), path: "p".into(), limit: 1 },
        ] {
            let call = question.call();
            assert_eq!(call.body.is_some(), call.path.ends_with("/search"), "{call:?}");
        }
    }
}
