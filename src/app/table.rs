//! Where the columns of the runs table stand: what fits beside the name, for drawing, clicks, and for what is read.

use ratatui::layout::Rect;

use super::App;
use crate::query::{Column, ColumnView};

/// Cells before the name: the mark, and a blank.
pub const GUTTER: u16 = 2;
/// The name is never cut below this, whatever other columns want.
const NARROWEST: u16 = 18;

/// A column and where it is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Placed<'a> {
    /// The column.
    pub view: &'a ColumnView,
    /// Its first cell.
    pub x: u16,
    /// Its cells.
    pub width: u16,
    /// Cells of its sparkline.
    pub spark: u16,
    /// Whether a rule stands before it: another group begins.
    pub rule: bool,
}

/// What fits.
#[derive(Clone, Debug, Default)]
pub struct Table<'a> {
    /// Cells of the name.
    pub name: u16,
    /// The columns in view.
    pub columns: Vec<Placed<'a>>,
    /// Columns that were scrolled out to the left.
    pub before: usize,
    /// Columns that have no room.
    pub after: usize,
}

/// Cells of a sparkline, without the blank before it: fewer where the pane is narrow, more where groups tell deviation
/// and range there.
fn spark_width(app: &App, inner: Rect) -> u16 {
    let is_grouped = !app.rows.groups.is_empty();
    match inner.width {
        ..110 => 8,
        130.. if is_grouped => 22,
        _ => 12,
    }
}

/// A column that may be shown, with its place among all of them.
type Numbered<'a> = (usize, &'a ColumnView);

/// Width of the name and places of the columns that fit into a pane.
pub fn table(app: &App, inner: Rect) -> Table<'_> {
    let room = inner.width.saturating_sub(GUTTER);
    let least = app.rows.name_width.clamp(4, NARROWEST.max(room / 3)).min(room);
    let spark = spark_width(app, inner);
    let (chosen, before) = fitting(app, room - least, spark);
    let used = used(&chosen, spark);
    let name = (room - used.min(room)).min(app.rows.name_width.max(least));
    let mut x = inner.x + GUTTER + name;
    let mut columns = Vec::with_capacity(chosen.len());
    for (place, (_, view)) in chosen.iter().enumerate() {
        let rule = has_rule(&chosen, place);
        let from = x + gap(rule);
        let width = view.width(spark);
        x = from + width;
        columns.push(Placed { view, x: from, width, spark, rule });
    }
    let after = app.rows.columns.len().saturating_sub(before + columns.len());
    Table { name, columns, before, after }
}

/// Blanks before a column, with a rule in the middle where another group begins.
fn gap(rule: bool) -> u16 {
    if rule { 3 } else { 2 }
}

/// Whether a rule stands before a column: it is of another kind than the one before, or those that stay end here.
fn has_rule(chosen: &[Numbered<'_>], place: usize) -> bool {
    let at = |place: usize| chosen.get(place).map(|(_, view)| (view.format.left, kind(view.column)));
    place == 0 || place.checked_sub(1).and_then(at) != at(place)
}

/// Cells of columns with what stands between them.
fn used(chosen: &[Numbered<'_>], spark: u16) -> u16 {
    let widths = chosen.iter().enumerate();
    let widths = widths.map(|(place, (_, view))| view.width(spark) + gap(has_rule(chosen, place)));
    widths.fold(0, u16::saturating_add)
}

/// The columns that fit from left to right, and how many were scrolled out. Those that stay at the left come first; then
/// those of the highest rank as long as they chose themselves, else in their order from the first in view. The column
/// that orders comes before all others, unless it was scrolled past.
fn fitting(app: &App, room: u16, spark: u16) -> (Vec<Numbered<'_>>, usize) {
    let all = app.rows.columns.iter().enumerate();
    let (left, others): (Vec<Numbered<'_>>, Vec<Numbered<'_>>) = all.partition(|(_, view)| view.format.left);
    let before = app.browse.first_column.min(others.len().saturating_sub(1));
    let others = others.get(before..).unwrap_or_default();
    let by_rank = app.rows.query.columns.is_none() && before == 0;
    let mut order = others.to_vec();
    if by_rank {
        order.sort_by_key(|(_, view)| view.rank);
    }
    let lead = app.rows.query.lead().column;
    let lead = Some(lead).filter(|column| !by_rank || *column != Column::Start);
    order.sort_by_key(|(_, view)| Some(view.column) != lead);
    let mut taken: Vec<Numbered<'_>> = Vec::new();
    for (number, view) in left.into_iter().chain(order) {
        // Those that stay stand before all others; each kind keeps its order.
        let key = (!view.format.left, number);
        let place = taken.partition_point(|(other, view)| (!view.format.left, *other) < key);
        taken.insert(place, (number, view));
        if used(&taken, spark) > room {
            taken.remove(place);
            // Narrow ones that are less important may still fit where the columns chose themselves.
            if !by_rank && !view.format.left {
                break;
            }
        }
    }
    (taken, before)
}

/// Columns of one kind stand together.
fn kind(column: Column) -> u8 {
    match column {
        Column::Param(_) => 1,
        Column::Metric(..) => 2,
        Column::Tag(_) => 3,
        _ => 0,
    }
}

impl App {
    /// The column whose title is at a place of the screen.
    pub(super) fn column_at(&self, x: u16) -> Column {
        let table = table(self, super::panes::inner(super::panes::panes(self).main));
        let found = table.columns.iter().find(|placed| (placed.x..placed.x + placed.width).contains(&x));
        found.map_or(Column::Name, |placed| placed.view.column)
    }
}
