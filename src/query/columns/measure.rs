//! How wide columns are, and which give way first where room is short.

use std::borrow::Cow;
use std::sync::Arc;

use unicode_width::UnicodeWidthStr;

use super::{Column, ColumnView, DELETED, WIDEST};
use crate::format::{self, NumberFormat};
use crate::index::{Index, Lifecycle, Run, RunKey};
use crate::query::cell::{Cell, table_cell};
use crate::query::rollup::{Rollups, Spread};
use crate::query::tree::Links;
use crate::query::{ColumnFormat, Grouping, Groups, Query, Ranks};
use crate::shown::{Shown, shown};

/// Runs that widths are measured on.
const MEASURED: usize = 2000;
/// Texts below this length are shown whole.
const WHOLE: usize = 4096;

/// The text of a parent's cell that has no value of its own: what is below it.
fn spread_text(spread: &Spread, numbers: NumberFormat) -> Cow<'_, str> {
    match spread {
        Spread::Best { value, .. } => numbers.write(*value).into(),
        Spread::Range(low, high) if low == high => numbers.write(*low).into(),
        Spread::Range(low, high) => format!("{}…{}", numbers.write(*low), numbers.write(*high)).into(),
        Spread::Same(text) => Cow::Borrowed(text),
        Spread::Kinds(kinds) => format!("{kinds} kinds").into(),
    }
}

/// The cell of a parent that has no value of its own; one number stands where other numbers do.
pub fn spread_cell(spread: &Spread, numbers: NumberFormat) -> Cell<'_> {
    let text = spread_text(spread, numbers);
    match spread {
        Spread::Best { .. } => Cell::Number(text),
        Spread::Range(low, high) if low == high => Cell::Number(text),
        Spread::Same(same) if format::parse_number(same).is_some() => Cell::Number(text),
        _ => Cell::Words(text),
    }
}

/// Cells that the longest name takes with all parents open, with the tree before it and what stands after it.
pub fn name_width(list: &[&Run], links: &Links, rollups: &Rollups, groups: &Groups) -> u16 {
    let runs = (0u32..).zip(list.iter().zip(&links.stray)).take(MEASURED);
    let widths = runs.map(|(place, (run, stray))| {
        let after = match rollups.get(run.key) {
            Some(rollup) => 8 + digits(rollup.below) + sign(rollup.running) + sign(rollup.failed),
            None => 0,
        };
        let stray = if stray.is_some() { 18 } else { 0 };
        let deleted = if run.lifecycle == Lifecycle::Deleted { DELETED.len() } else { 0 };
        width(run.title()) + 3 + 2 * links.depth(place, 12) + after + stray + deleted
    });
    let groups =
        groups.iter().take(MEASURED).map(|group| group.title.as_str().width() + 11 + digits(group.runs));
    widths.chain(groups).max().unwrap_or(4).min(60) as u16
}

/// Cells that a text of a store takes.
fn width(text: &str) -> usize {
    // A control character is shown as a picture, also one cell wide.
    if text.is_ascii() && text.len() < WHOLE { text.len() } else { shown(text).as_str().width() }
}

fn digits(count: u32) -> usize {
    let digits = count.checked_ilog10().unwrap_or(0) as usize;
    digits + 1 + digits / 3
}

fn sign(count: u32) -> usize {
    if count > 0 { 2 + digits(count) } else { 0 }
}

/// Widths of the columns, measured once on the first runs of all that could be shown: opening a parent or narrowing
/// moves no column.
pub fn measure(
    columns: &[Column],
    all: &[&Run],
    (rollups, groups): (&Rollups, &Groups),
    index: &Index,
    query: &Query,
) -> Vec<ColumnView> {
    let (look, sorted) = (query.look(index), query.lead().column);
    let mut views = Vec::with_capacity(columns.len());
    let list = all.get(..MEASURED).unwrap_or(all);
    let parents = list.iter().map(|run| run.key).filter(|run| rollups.get(*run).is_some());
    let parents: Vec<RunKey> = parents.chain(groups.iter().take(MEASURED).map(|group| group.key)).collect();
    for &column in columns {
        let mut measured = Measured::default();
        list.iter().for_each(|run| measured.add(&table_cell(run, column, &look)));
        let spreads = parents.iter().filter_map(|run| rollups.spread(*run, column));
        let format = query.formats.of(column);
        spreads.for_each(|spread| measured.add(&spread_cell(spread, format.numbers)));
        if let Column::Metric(key, _) = column {
            measured.spark =
                list.iter().any(|run| run.metric(key).is_some_and(|metric| metric.has_history()));
            // Groups tell the deviation there.
            measured.spark |= matches!(query.grouping, Grouping::By(_));
            measured.better = query.better.of(key, index);
        }
        let title = title_among(column, columns, index);
        let order = (0..).zip(&query.sort).find(|(_, sort)| sort.column == column);
        let order = order.map(|(place, sort)| (place, sort.descending));
        let ranks = format.heat.then(|| Arc::new(Ranks::of(all, column, &look)));
        let orders = query.sort.len() as u16;
        let view = measured.view(column, title);
        views.push(ColumnView { sorted: column == sorted, order, orders, format, ranks, ..view });
    }
    rank(&mut views, sorted);
    views
}

/// What stands above a column; the full name where another column has the same.
fn title_among(column: Column, columns: &[Column], index: &Index) -> Shown {
    let key = |column: Column| match column {
        Column::Param(key) | Column::Tag(key) | Column::Metric(key, _) => Some(key),
        _ => None,
    };
    let is_metric = |other: &Column| other.is_metric() && column.is_metric();
    let is_other =
        |other: &&Column| key(**other).is_some() && key(**other) == key(column) && !is_metric(other);
    if columns.iter().filter(|other| **other != column).any(|other| is_other(&other)) {
        column.full_name(index)
    } else {
        column.title(index)
    }
}

/// Where room is short, what orders the rows has to be seen, and a metric says more than the third param: kinds take
/// turns, one metric and two params before the age.
fn rank(views: &mut [ColumnView], sorted: Column) {
    let (mut metrics, mut others) = (0, 0);
    for view in views {
        view.rank = match view.column {
            column if column == sorted && column != Column::Start => 0,
            Column::State => 0,
            Column::Metric(..) => {
                metrics += 1;
                4 * metrics - 3
            }
            Column::Start => 4,
            Column::Step => 6,
            Column::Duration => 7,
            _ => {
                others += 1;
                if others < 3 { others + 1 } else { 4 * (others - 1) }
            }
        };
    }
}

#[derive(Default)]
struct Measured {
    words: usize,
    whole: usize,
    fraction: usize,
    spark: bool,
    better: Option<bool>,
}

impl Measured {
    fn add(&mut self, cell: &Cell<'_>) {
        match cell {
            Cell::Empty | Cell::Loading => self.words = self.words.max(1),
            Cell::Words(text) => self.words = self.words.max(width(text)),
            Cell::Number(text) => {
                let (whole, fraction) = decimal_parts(text);
                self.whole = self.whole.max(whole);
                self.fraction = self.fraction.max(fraction);
            }
        }
    }

    fn view(self, column: Column, title: Shown) -> ColumnView {
        let sign = if column == Column::State { 2 } else { 0 };
        ColumnView {
            column,
            title,
            sorted: false,
            order: None,
            orders: 0,
            better: self.better,
            format: ColumnFormat::default(),
            ranks: None,
            content: sign + (self.whole + self.fraction).max(self.words).min(WIDEST.into()) as u16,
            fraction: self.fraction as u16,
            numeric: self.whole > 0,
            spark: self.spark,
            rank: 0,
        }
    }
}

/// Characters of a number before the decimal point, and from it on.
pub fn decimal_parts(text: &str) -> (usize, usize) {
    let all = text.chars().count();
    let whole = text.chars().position(|c| matches!(c, '.' | 'e' | '…')).unwrap_or(all);
    (whole, all - whole)
}
