//! Values of runs for other programs: metrics unrounded, times as milliseconds, names as MLflow's own tables have them.

use super::table::Cell;
use crate::index::{Index, Run};
use crate::query::cell::{self, Cell as Shown};
use crate::query::{Column, Look};

/// A cell with its full value.
pub fn run_cell(run: &Run, column: Column, look: &Look<'_>) -> Cell {
    let number = |number: Option<i64>| number.map_or(Cell::Empty, Cell::Integer);
    let text = |text: Option<&str>| text.map_or(Cell::Empty, |text| Cell::Text(text.to_owned()));
    match column {
        Column::Metric(key, how) => look.pick(run, key, how).value().map_or(Cell::Empty, Cell::Number),
        Column::Param(key) => text(run.param(key)),
        Column::Tag(key) => text(run.tag(key)),
        Column::Start => number(run.start_time()),
        Column::End => number(run.end_time()),
        Column::Duration => number(run.duration(look.now)),
        Column::Name => text(run.name()),
        Column::State => text((run.read().meta && !run.broken).then(|| run.status_word())),
        Column::Version => text(cell::version(run)),
        Column::Step => number(cell::last_step(run)),
        _ => match cell::cell(run, column, look) {
            Shown::Empty | Shown::Loading => Cell::Empty,
            Shown::Number(text) | Shown::Words(text) => Cell::Text(text.into_owned()),
        },
    }
}

/// The name of a column in a file.
pub fn column_name(column: Column, index: &Index) -> String {
    let keys = &index.keys;
    match column {
        Column::Param(key) => format!("params.{}", keys.name(key)),
        Column::Metric(key, how) => format!("metrics.{}{}", keys.name(key), how.suffix()),
        Column::Tag(key) => format!("tags.{}", keys.name(key)),
        Column::Name => "run_name".to_owned(),
        Column::Start => "start_time".to_owned(),
        Column::End => "end_time".to_owned(),
        Column::Duration => "duration_ms".to_owned(),
        Column::State => "status".to_owned(),
        other => other.title(index).as_str().to_lowercase().replace(' ', "_"),
    }
}
