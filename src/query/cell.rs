//! What stands in a cell of the runs table, as text and as what kind of thing.

use std::borrow::Cow;

use super::aggregate::Found;
use super::{Column, Look, vitals};
use crate::format::{self, NumberFormat};
use crate::index::{Index, Key, Run, Status};

/// The content of a cell.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    /// The run has no such value.
    Empty,
    /// Not read yet.
    Loading,
    /// A number, aligned on the decimal point.
    Number(Cow<'a, str>),
    /// Words as they stand in the store.
    Words(Cow<'a, str>),
}

impl Cell<'_> {
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
pub fn cell<'a>(run: &'a Run, column: Column, look: &Look<'a>) -> Cell<'a> {
    let (index, now, read) = (look.index, look.now, run.read());
    let is_read = match column {
        Column::Param(_) => read.params,
        Column::Metric(..) | Column::Step => read.metrics,
        Column::User | Column::Source | Column::Version | Column::Tag(_) => read.tags,
        Column::RunId | Column::Experiment => true,
        _ => read.meta,
    };
    let numbers = look.formats.of(column).numbers;
    let words = |text: Option<&'a str>| text.filter(|t| !t.is_empty()).map(|t| Cell::Words(t.into()));
    let found = match column {
        Column::Name => words(Some(run.title())),
        Column::State => words(Some(state_word(run))),
        Column::Start => run.start_time().map(|t| Cell::Words(format::age(now.saturating_sub(t)).into())),
        Column::End => run.end_time().map(|t| Cell::Words(format::clock_short(t).into())),
        Column::Duration => run.duration(now).map(|ms| Cell::Words(duration(run, ms).into())),
        Column::Experiment => words(index.experiment(run.experiment).map(|e| e.title())),
        Column::RunId => words(Some(run.run_id())),
        Column::User => words(user(run)),
        Column::Source => words(source(run)),
        Column::Version => words(version(run).map(|v| v.get(..7).unwrap_or(v))),
        Column::Step => last_step(run).map(|step| Cell::Number(step.to_string().into())),
        Column::Param(key) => run.param(key).map(|value| number_or_words(value, numbers)),
        Column::Tag(key) => run.tag(key).map(|value| number_or_words(value, numbers)),
        Column::UserId => words(run.user_id()),
        Column::ArtifactUri => run.artifact_uri(&index.keys).map(Cell::Words),
        Column::Metric(key, how) => match look.pick(run, key, how) {
            Found::Nothing => None,
            Found::Loading => Some(Cell::Loading),
            Found::Value(picked) => Some(Cell::Number(numbers.write(picked.value).into())),
        },
    };
    found.unwrap_or(if is_read { Cell::Empty } else { Cell::Loading })
}

/// A cell of the runs table, where room is short.
pub fn table_cell<'a>(run: &'a Run, column: Column, look: &Look<'a>) -> Cell<'a> {
    match column {
        Column::State if run.read().meta => {
            let is_stale = vitals::stale(run, &look.index.pulses, look.now).is_some();
            Cell::Words(if is_stale { STALE } else { shortest_state_word(run) }.into())
        }
        _ => cell(run, column, look),
    }
}

/// A cell where there is room for the state in full, with what is known of it now.
pub fn whole_cell<'a>(run: &'a Run, column: Column, look: &Look<'a>) -> Cell<'a> {
    match column {
        Column::State if run.read().meta => Cell::Words(state_now(run, look.index, look.now).into()),
        _ => cell(run, column, look),
    }
}

/// A duration; that of a running run in whole seconds, since it changes while one looks.
pub fn duration(run: &Run, ms: i64) -> String {
    match ms / 1000 {
        seconds @ 0..60 if run.is_running() => format!("{seconds}s"),
        _ => format::duration(ms),
    }
}

/// A param as it was logged, if nobody wants its number in another way; a number is aligned as one.
fn number_or_words(value: &str, numbers: NumberFormat) -> Cell<'_> {
    match format::parse_number(value) {
        None => Cell::Words(value.into()),
        Some(_) if numbers == NumberFormat::Auto => Cell::Number(value.trim().into()),
        Some(number) => Cell::Number(numbers.write(number).into()),
    }
}

/// The state in one short word.
pub fn state_word(run: &Run) -> &str {
    if !run.read().meta {
        return "…";
    }
    if run.broken {
        return "unreadable";
    }
    match run.status {
        Status::Running => "running",
        Status::Scheduled => "scheduled",
        Status::Finished => "finished",
        Status::Failed => "failed",
        Status::Killed => "killed",
        Status::Other => run.status_word(),
    }
}

/// What a run that says RUNNING is called when it may not be training any more.
pub const STALE: &str = "stale?";

/// The state in one short word, with what is known of it beyond its own word.
pub fn state_now<'a>(run: &'a Run, index: &Index, now: i64) -> &'a str {
    if vitals::stale(run, &index.pulses, now).is_some() { STALE } else { state_word(run) }
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

/// The tag `mlflow.user`, else the attribute, as MLflow's page shows it.
pub fn user(run: &Run) -> Option<&str> {
    run.tag(Key::USER).or(run.user_id())
}

/// The last part of the source's name, as MLflow's page shows it.
pub fn source(run: &Run) -> Option<&str> {
    let name = run.tag(Key::SOURCE_NAME).or(run.source_name())?;
    name.trim_end_matches('/').rsplit(['/', '#']).next()
}

/// The git commit.
pub fn version(run: &Run) -> Option<&str> {
    run.tag(Key::COMMIT).or(run.source_version())
}

/// The highest step of its metrics; samples of the machine (`system/`) count their own steps.
pub fn last_step(run: &Run) -> Option<i64> {
    run.metrics().filter(|(_, metric)| metric.has_history()).map(|(_, metric)| metric.last.step).max()
}
