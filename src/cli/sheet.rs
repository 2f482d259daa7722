//! Runs and groups as tables in any format.

use std::io;

use super::answer::Answer;
use super::ask::{Asked, Format};
use super::json::number_text;
use super::table::{Stand, Table};
use crate::export::{self, Cell, column_name, run_cell};
use crate::format::{self, NumberFormat};
use crate::index::{Index, RunKey};
use crate::query::columns::spread_cell;
use crate::query::{Aggregate, Column, Look};
use crate::shown::{Shown, shown};

/// A column of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    /// One of the table's.
    Column(Column),
    /// The step that a metric's value came from.
    StepOf(Column),
    /// How many runs a group has.
    Runs,
    /// Of a metric in a group.
    Count(Column),
    Mean(Column),
    Deviation(Column),
    Min(Column),
    Max(Column),
    Best(Column),
}

/// The answer as a table of full values.
pub struct Sheet<'a> {
    asked: &'a Asked,
    look: Look<'a>,
    fields: Vec<Field>,
    rows: Vec<RunKey>,
}

/// The attributes of runs in a table for programs.
const ATTRIBUTES: [Column; 7] = [
    Column::RunId,
    Column::Name,
    Column::Experiment,
    Column::State,
    Column::UserId,
    Column::Start,
    Column::End,
];

impl<'a> Sheet<'a> {
    /// Runs with these columns, or with the attributes and `values` where nobody chose. The step stands beside a value that
    /// need not be the last.
    pub fn of_runs(asked: &'a Asked, chosen: bool, values: &[Column], top: Option<usize>) -> Self {
        let mut fields = Vec::new();
        let head: &[Column] = if chosen { &[Column::RunId] } else { &ATTRIBUTES };
        for column in head.iter().chain(values.iter().filter(|column| !head.contains(column))) {
            fields.push(Field::Column(*column));
            let has_step = |how| !matches!(how, Aggregate::Last | Aggregate::Mean);
            if let Column::Metric(_, how) = column
                && has_step(*how)
            {
                fields.push(Field::StepOf(*column));
            }
        }
        let rows = asked.runs(top).iter().map(|run| run.key).collect();
        Self { asked, look: asked.rows.query.look(&asked.index), fields, rows }
    }

    /// Groups: what they have in common, how many runs, then of each metric what the format has room for.
    pub fn of_groups(asked: &'a Asked, values: &[Column], top: Option<usize>, is_short: bool) -> Self {
        let by = &asked.rows.groups.by;
        let mut fields: Vec<Field> = by.iter().map(|column| Field::Column(*column)).collect();
        fields.push(Field::Runs);
        for column in values.iter().copied().filter(|column| !by.contains(column)) {
            match column {
                Column::Metric(..) if is_short => {
                    fields.extend([Field::Mean, Field::Min, Field::Max].map(|field| field(column)));
                }
                Column::Metric(..) => {
                    let all =
                        [Field::Count, Field::Mean, Field::Deviation, Field::Min, Field::Max, Field::Best];
                    fields.extend(all.map(|field| field(column)));
                }
                Column::Param(_) | Column::Tag(_) => fields.push(Field::Column(column)),
                _ => {}
            }
        }
        let rows = asked.rows.groups.iter().map(|group| group.key).take(top.unwrap_or(usize::MAX)).collect();
        Self { asked, look: asked.rows.query.look(&asked.index), fields, rows }
    }

    /// Prints it.
    pub fn print(&self, format: Format, answer: &mut Answer<'_>) -> io::Result<()> {
        match format {
            Format::Table => self.table(answer),
            Format::Json => answer.escaped(&export::json(&self.export())),
            Format::Jsonl => answer.escaped(&export::jsonl(&self.export())),
            Format::Csv => answer.for_readers(&export::csv(&self.export())),
            Format::Tsv => answer.raw(&export::tsv(&self.export())),
            Format::Md => answer.raw(&export::markdown(&self.for_people())),
        }
    }

    fn export(&self) -> export::Table {
        let headers = self.fields.iter().map(|field| field.name(&self.asked.index)).collect();
        let rows =
            self.rows.iter().map(|row| self.fields.iter().map(|field| self.cell(*row, *field)).collect());
        export::Table { headers, rows: rows.collect() }
    }

    /// With short numbers, but whole ids.
    fn for_people(&self) -> export::Table {
        let index = &self.asked.index;
        let headers = self.fields.iter().map(|field| field.title(index).into_string()).collect();
        let cell = |row: RunKey, field: Field| match (field, self.cell(row, field)) {
            (Field::Column(Column::RunId), id) => id,
            (Field::Mean(_) | Field::Column(Column::Start | Column::End | Column::Duration), _) => {
                Cell::Text(self.text(row, field, true).into_string())
            }
            (_, cell) => cell,
        };
        let rows = self.rows.iter().map(|row| self.fields.iter().map(|field| cell(*row, *field)).collect());
        export::Table { headers, rows: rows.collect() }
    }

    fn cell(&self, row: RunKey, field: Field) -> Cell {
        let rows = &self.asked.rows;
        if let Some(group) = rows.groups.get(row) {
            let stat = |column: Column| rows.groups.stat(row, column);
            let number = |number: Option<f64>| number.map_or(Cell::Empty, Cell::Number);
            return match field {
                Field::Column(column) => match rows.groups.by.iter().position(|by| *by == column) {
                    Some(place) => match group.values.get(place).cloned().flatten() {
                        Some(value) => Cell::Text(value.into_string()),
                        None => Cell::Empty,
                    },
                    None => match rows.rollups.spread(row, column) {
                        Some(spread) => Cell::Text(spread_cell(spread, NumberFormat::Auto).text().to_owned()),
                        None => Cell::Empty,
                    },
                },
                Field::Runs => Cell::Integer(group.runs.into()),
                Field::Count(column) => Cell::Integer(stat(column).map_or(0, |stat| stat.count.into())),
                Field::Mean(column) => number(stat(column).map(|stat| stat.mean)),
                Field::Deviation(column) => number(stat(column).and_then(|stat| stat.sd)),
                Field::Min(column) => number(stat(column).map(|stat| stat.min)),
                Field::Max(column) => number(stat(column).map(|stat| stat.max)),
                Field::Best(column) => {
                    let best = stat(column).and_then(|stat| self.asked.index.run(stat.best?));
                    best.map_or(Cell::Empty, |run| Cell::Text(run.run_id().to_owned()))
                }
                Field::StepOf(_) => Cell::Empty,
            };
        }
        let Some(run) = self.asked.index.run(row) else { return Cell::Empty };
        match field {
            Field::Column(column) => run_cell(run, column, &self.look),
            Field::StepOf(Column::Metric(key, how)) => {
                let picked = self.look.pick(run, key, how).picked();
                picked.and_then(|picked| picked.step).map_or(Cell::Empty, Cell::Integer)
            }
            _ => Cell::Empty,
        }
    }

    /// For people: short numbers and times on a terminal, all digits on a pipe.
    fn table(&self, answer: &mut Answer<'_>) -> io::Result<()> {
        let (is_screen, index) = (answer.columns.is_some(), &self.asked.index);
        let mut table = Table::default();
        for field in &self.fields {
            let title = if is_screen { field.title(index) } else { shown(&field.name(index)) };
            table.column(title, field.stand());
        }
        for row in &self.rows {
            let cells = self.fields.iter().map(|field| self.text(*row, *field, is_screen));
            table.row(cells.collect());
        }
        table.print(answer)
    }

    fn text(&self, row: RunKey, field: Field, is_screen: bool) -> Shown {
        if let (true, Field::Mean(column)) = (is_screen, field)
            && let Some(stat) = self.asked.rows.groups.stat(row, column)
        {
            let sd = stat.sd.map(|sd| format!(" ± {}", format::number(sd)));
            return Shown::own(format!("{}{}", format::number(stat.mean), sd.unwrap_or_default()));
        }
        let time = |ms: i64| if is_screen { format::clock_short(ms) } else { format::clock(ms) };
        match (field, self.cell(row, field)) {
            (Field::Column(Column::Start | Column::End), Cell::Integer(ms)) => Shown::own(time(ms)),
            (Field::Column(Column::Duration), Cell::Integer(ms)) => Shown::own(format::duration(ms)),
            (Field::Column(Column::RunId), Cell::Text(id)) if is_screen => {
                shown(&id.chars().take(super::runs::SHORT_ID).collect::<String>())
            }
            (_, Cell::Empty) => Shown::default(),
            (_, Cell::Text(text)) => shown(&text),
            (_, Cell::Integer(number)) => Shown::own(number.to_string()),
            (_, Cell::Number(number)) if is_screen => Shown::own(format::number(number)),
            (_, Cell::Number(number)) => Shown::own(number_text(number)),
        }
    }
}

impl Field {
    /// What stands above it where people look.
    fn title(self, index: &Index) -> Shown {
        match self {
            Self::Column(Column::Start) => Shown::own("STARTED"),
            Self::Column(column) | Self::Mean(column) => column.title(index),
            Self::StepOf(_) => Shown::own("@step"),
            Self::Min(_) => Shown::own("min"),
            Self::Max(_) => Shown::own("max"),
            Self::Runs => Shown::own("RUNS"),
            other => shown(&other.name(index)),
        }
    }

    /// What it is called in a file.
    fn name(self, index: &Index) -> String {
        let of = |column: Column, what: &str| format!("{}.{what}", column_name(column, index));
        match self {
            Self::Column(column) => column_name(column, index),
            Self::StepOf(column) => of(column, "step"),
            Self::Runs => "runs".to_owned(),
            Self::Count(column) => of(column, "count"),
            Self::Mean(column) => of(column, "mean"),
            Self::Deviation(column) => of(column, "sd"),
            Self::Min(column) => of(column, "min"),
            Self::Max(column) => of(column, "max"),
            Self::Best(column) => of(column, "best_run_id"),
        }
    }

    fn stand(self) -> Stand {
        match self {
            Self::Column(Column::Metric(..))
            | Self::Mean(_)
            | Self::Deviation(_)
            | Self::Min(_)
            | Self::Max(_) => Stand::Decimal,
            Self::Column(Column::RunId | Column::Start | Column::End | Column::State) | Self::Best(_) => {
                Stand::Fixed
            }
            Self::StepOf(_) | Self::Runs | Self::Count(_) | Self::Column(Column::Duration | Column::Step) => {
                Stand::Right
            }
            Self::Column(_) => Stand::Left,
        }
    }
}
