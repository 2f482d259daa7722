//! What stands in a cell of the runs table, as text and as what kind of thing.

use super::Column;
use crate::format;
use crate::index::{Index, Keys, Run, Status};

/// The content of a cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// The run has no such value.
    Empty,
    /// Not read yet.
    Loading,
    /// A number, aligned on the decimal point.
    Number(String),
    /// Words as they stand in the store.
    Words(String),
}

impl Cell {
    /// Its text, without what stands for nothing.
    pub fn text(&self) -> &str {
        match self {
            Self::Empty => "",
            Self::Loading => "…",
            Self::Number(text) | Self::Words(text) => text,
        }
    }
}

/// A cell of a run.
pub fn cell(run: &Run, column: Column, index: &Index, now: i64) -> Cell {
    let read = match column {
        Column::Param(_) | Column::Metric(_) | Column::Step => run.read.values,
        Column::User | Column::Source | Column::Version | Column::Tag(_) => run.read.tags,
        Column::RunId | Column::Experiment => true,
        _ => run.read.meta,
    };
    let words = |text: Option<&str>| text.filter(|t| !t.is_empty()).map(|t| Cell::Words(t.to_owned()));
    let found = match column {
        Column::Name => words(Some(run.title())),
        Column::State => words(Some(state_word(run))),
        Column::Start => run.start_time.map(|t| Cell::Words(format::age(now.saturating_sub(t)))),
        Column::End => run.end_time.map(|t| Cell::Words(format::clock_short(t))),
        Column::Duration => run.duration(now).map(|ms| Cell::Words(duration(run, ms))),
        Column::Experiment => words(index.experiment(run.experiment).map(|e| e.title())),
        Column::RunId => words(Some(&run.run_id)),
        Column::User => words(user(run, &index.keys)),
        Column::Source => words(source(run, &index.keys)),
        Column::Version => words(version(run, &index.keys).map(|v| v.get(..7).unwrap_or(v))),
        Column::Step => last_step(run).map(|step| Cell::Number(step.to_string())),
        Column::Param(key) => run.param(key).map(|value| number_or_words(value)),
        Column::Tag(key) => run.tag(key).map(|value| number_or_words(value)),
        Column::Metric(key) => run.metric(key).map(|m| Cell::Number(format::number(m.last.value))),
    };
    found.unwrap_or(if read { Cell::Empty } else { Cell::Loading })
}

/// A cell of the runs table, where room is short.
pub fn table_cell(run: &Run, column: Column, index: &Index, now: i64) -> Cell {
    match column {
        Column::State if run.read.meta => Cell::Words(shortest_state_word(run).to_owned()),
        _ => cell(run, column, index, now),
    }
}

/// A duration; that of a running run in whole seconds, since it changes while one looks.
pub fn duration(run: &Run, ms: i64) -> String {
    match ms / 1000 {
        seconds @ 0..60 if run.is_running() => format!("{seconds}s"),
        _ => format::duration(ms),
    }
}

/// A param as it was logged; a number is aligned as one.
fn number_or_words(value: &str) -> Cell {
    if format::parse_number(value).is_some() {
        Cell::Number(value.trim().to_owned())
    } else {
        Cell::Words(value.to_owned())
    }
}

/// The state in one short word.
pub fn state_word(run: &Run) -> &str {
    if !run.read.meta {
        return "…";
    }
    if run.broken {
        return "unreadable";
    }
    match &run.status {
        Status::Running => "running",
        Status::Scheduled => "scheduled",
        Status::Finished => "finished",
        Status::Failed => "failed",
        Status::Killed => "killed",
        Status::Other(word) => word,
    }
}

/// The state in a word that fits beside its sign in the table.
fn shortest_state_word(run: &Run) -> &str {
    match state_word(run) {
        "running" => "run",
        "finished" => "ok",
        "failed" => "fail",
        "scheduled" => "sched",
        "unreadable" => "broken",
        other => other,
    }
}

fn tag<'a>(run: &'a Run, keys: &Keys, name: &str) -> Option<&'a str> {
    run.tag(keys.find(name)?).map(|value| &**value)
}

/// The tag `mlflow.user`, else the attribute, as MLflow's page shows it.
pub fn user<'a>(run: &'a Run, keys: &Keys) -> Option<&'a str> {
    tag(run, keys, "mlflow.user").or(run.user_id.as_deref())
}

/// The last part of the source's name, as MLflow's page shows it.
pub fn source<'a>(run: &'a Run, keys: &Keys) -> Option<&'a str> {
    let name = tag(run, keys, "mlflow.source.name").or(run.source_name.as_deref())?;
    name.trim_end_matches('/').rsplit(['/', '#']).next()
}

/// The git commit.
pub fn version<'a>(run: &'a Run, keys: &Keys) -> Option<&'a str> {
    tag(run, keys, "mlflow.source.git.commit").or(run.source_version.as_deref())
}

/// The highest step of its metrics; samples of the machine (`system/`) count their own steps.
pub fn last_step(run: &Run) -> Option<i64> {
    run.metrics.iter().filter(|(_, metric)| metric.points > 1).map(|(_, metric)| metric.last.step).max()
}
