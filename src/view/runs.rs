//! The runs pane: a tree table.
//!
//! ```text
//!  NAME                          STATE      AGE   TIME  │ kernel   C  │ mean_test_score ▼
//! ◆▾ bold-fox-12  4 ●1           ● running   2m   1:52  │ 2 kinds 1…10│  0.981 best of 4
//!   ├ rapt-owl-3                 ✓ finished  2m   0:11  │ linear   1  │  0.980 ▁▂▄▇
//!   └ shy-elk-77                 ✓ finished  1m   0:12  │ rbf     10  │  0.981◂▁▃▅█
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::theme::Theme;
use super::{frame, middle, position, put_line, text};
use crate::app::{App, Screen, panes};
use crate::format;
use crate::index::Lifecycle;
use crate::query::fuzzy::Pattern;
use crate::query::{Column, ColumnView};
use crate::shown::shown;

mod cells;

pub use cells::state;
use cells::{draw_cell, name_cell};

/// Cells before the name: the mark, and a blank.
const GUTTER: u16 = 2;
/// The name is never cut below this, whatever other columns want.
const NARROWEST: u16 = 18;

/// A column and where it is drawn.
struct Placed<'a> {
    view: &'a ColumnView,
    x: u16,
    width: u16,
    /// Cells of its sparkline.
    spark: u16,
    /// Whether a rule stands before it: another group begins.
    rule: bool,
}

/// Cells of a sparkline, without the blank before it: fewer where the pane is narrow.
fn spark_width(inner: Rect) -> u16 {
    if inner.width < 110 { 8 } else { 12 }
}

/// Width of the name and places of the columns that fit.
fn place(app: &App, inner: Rect) -> (u16, Vec<Placed<'_>>) {
    let room = inner.width.saturating_sub(GUTTER);
    let least = app.rows.name_width.clamp(4, NARROWEST.max(room / 3)).min(room);
    let spark = spark_width(inner);
    let chosen = fitting(app, room - least, spark);
    let used: u16 = chosen.iter().map(|(_, view, rule)| view.width(spark) + gap(*rule)).sum();
    let name = (room - used).min(app.rows.name_width.max(least));
    let mut x = inner.x + GUTTER + name;
    let placed = chosen.into_iter().map(|(_, view, rule)| {
        let here = x + gap(rule);
        x = here + view.width(spark);
        Placed { view, x: here, width: view.width(spark), spark, rule }
    });
    (name, placed.collect())
}

/// Blanks before a column, with a rule in the middle where another group begins.
fn gap(rule: bool) -> u16 {
    if rule { 3 } else { 2 }
}

/// The columns that fit, with their number and whether a rule stands before them. Those of the highest rank as long as
/// they chose themselves; from left to right where the user chose or scrolls. The column that orders comes before all
/// others, unless it was scrolled past.
fn fitting(app: &App, room: u16, spark: u16) -> Vec<(usize, &ColumnView, bool)> {
    let all: Vec<(usize, &ColumnView)> =
        app.rows.columns.iter().enumerate().skip(app.browse.first_column).collect();
    let by_rank = app.rows.query.columns.is_none() && app.browse.first_column == 0;
    let mut order = all.clone();
    if by_rank {
        order.sort_by_key(|(_, view)| view.rank);
    }
    let sorted = Some(app.rows.query.lead().column).filter(|column| !by_rank || *column != Column::Start);
    order.sort_by_key(|(_, view)| Some(view.column) != sorted);
    let mut taken: Vec<usize> = Vec::new();
    let with_rules = |taken: &[usize]| {
        let mut group = None;
        let views = all.iter().filter(|(number, _)| taken.contains(number));
        let ruled = views.map(|(number, view)| {
            let rule = group.replace(kind(view.column)) != Some(kind(view.column));
            (*number, *view, rule)
        });
        ruled.collect::<Vec<_>>()
    };
    for (number, _) in order {
        taken.push(number);
        let used: u16 = with_rules(&taken).iter().map(|(_, view, rule)| view.width(spark) + gap(*rule)).sum();
        if used > room {
            taken.pop();
            if !by_rank {
                break;
            }
        }
    }
    with_rules(&taken)
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

/// The column whose title is at a place of the screen.
pub fn column_at(app: &App, x: u16) -> Option<Column> {
    let inner = panes::inner(panes::panes(app).main);
    let (_, columns) = place(app, inner);
    let found = columns.iter().find(|placed| (placed.x..placed.x + placed.width).contains(&x));
    Some(found.map_or(Column::Name, |placed| placed.view.column))
}

/// Draws the pane.
pub fn draw(app: &App, area: Rect, buf: &mut Buffer, theme: &Theme) {
    if area.is_empty() {
        return;
    }
    let focused = app.screen == Screen::Browse && !app.browse.on_experiments && app.overlay.is_none();
    let inner = frame(buf, area, title(app, theme), right_title(app, theme), focused, theme);
    let lines = inner.height.saturating_sub(1);
    position(buf, area, app.browse.cursor.at, app.rows.items.len(), lines, theme);
    if app.rows.items.is_empty() {
        return empty(app, inner, buf, theme);
    }
    let (name_width, columns) = place(app, inner);
    titles(app, inner, name_width, &columns, buf, theme);
    hidden_columns(app, columns.len(), area, buf, theme);
    let body = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1), ..inner };
    let pattern = Pattern::new(&app.rows.query.find);
    let items = &app.rows.items;
    let window = app.browse.cursor.window(items.len(), body.height.into());
    for (line, i) in window.enumerate() {
        let (Some(row), at) = (items.get(i), Rect { y: body.y + line as u16, height: 1, ..body }) else {
            continue;
        };
        let Some(run) = app.rows.index.run(row.run) else { continue };
        name_cell(app, row, run, Rect { width: GUTTER + name_width, ..at }, &pattern, buf, theme);
        for placed in &columns {
            if placed.rule {
                put_line(
                    buf,
                    Rect { x: placed.x - 2, width: 1, ..at },
                    0,
                    vec![Span::styled(theme.glyphs.rail, theme.border)],
                );
            }
            let cell_area = Rect { x: placed.x, width: placed.width, ..at };
            draw_cell(app, row, run, placed, cell_area, buf, theme);
        }
        if row.context {
            buf.set_style(at, theme.dim);
        }
        if i == app.browse.cursor.at {
            if focused {
                buf.set_style(at, theme.selected);
            } else {
                buf.set_style(Rect { width: GUTTER + name_width, ..at }, theme.accent);
            }
        }
    }
}

fn title<'a>(app: &App, theme: &Theme) -> Vec<Span<'a>> {
    let name = match app.query.experiment {
        None => "all experiments".to_owned(),
        Some(key) => {
            let experiment = app.index().experiment(key);
            experiment.map_or("gone".to_owned(), |experiment| shown(experiment.title()).into_string())
        }
    };
    let mut spans = vec![
        Span::styled("Runs", theme.title),
        Span::styled(format!(" {} ", theme.glyphs.separator), theme.dim),
        Span::styled(text::cut_middle(&name, 50).into_owned(), theme.accent),
    ];
    if app.query.deleted {
        spans.push(Span::styled("  with deleted", theme.warn));
    }
    spans
}

fn right_title<'a>(app: &App, theme: &Theme) -> Vec<Span<'a>> {
    let rows = &app.rows;
    let count = if rows.query.find.trim().is_empty() {
        let s = if rows.total == 1 { "" } else { "s" };
        format!("{} run{s}", format::count(rows.total as u64))
    } else {
        format!("{} of {} runs", format::count(rows.matched as u64), format::count(rows.total as u64))
    };
    let so_far = if rows.complete { "" } else { " so far" };
    let sort = rows.query.lead();
    let arrow = if sort.descending { theme.glyphs.descending } else { theme.glyphs.ascending };
    let by = text::cut_middle(sort.column.full_name(&rows.index).as_str(), 30).into_owned();
    let by =
        if sort.column == Column::Start { "newest first".to_owned() } else { format!("by {by} {arrow}") };
    let by = if sort.column == Column::Start && !sort.descending { "oldest first".to_owned() } else { by };
    vec![Span::styled(format!("{by}  "), theme.dim), Span::styled(format!("{count}{so_far}"), theme.text)]
}

fn empty(app: &App, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let progress = app.index().progress;
    if !progress.listed || (!progress.has_all() && app.rows.total == 0) {
        return middle(buf, area, &["reading the store…"], theme);
    }
    if let Some(key) = app.query.experiment {
        match app.index().experiment(key) {
            None => return middle(buf, area, &["this experiment is gone"], theme),
            Some(experiment) if experiment.lifecycle == Lifecycle::Deleted && !app.query.deleted => {
                return middle(buf, area, &["this experiment was deleted: D shows it"], theme);
            }
            Some(_) => {}
        }
    }
    let find = app.rows.query.find.trim();
    if !find.is_empty() {
        let so_far = if app.rows.complete { "" } else { " so far" };
        let told = format!("nothing matches \"{}\"{so_far}", text::cut_middle(shown(find).as_str(), 40));
        return middle(buf, area, &[&told, "Esc shows all runs again"], theme);
    }
    if app.query.deleted {
        return middle(buf, area, &["no runs here"], theme);
    }
    let hint = "Tab goes to the experiments, D shows deleted runs";
    middle(buf, area, &["no runs here yet", "a new run appears by itself", hint], theme);
}

fn titles(app: &App, inner: Rect, name_width: u16, columns: &[Placed<'_>], buf: &mut Buffer, theme: &Theme) {
    let sort = app.rows.query.lead();
    let arrow = if sort.descending { theme.glyphs.descending } else { theme.glyphs.ascending };
    let head = |column: Column, title: &str, width: u16, right: bool| {
        let by_this = sort.column == column;
        let room = usize::from(width) - if by_this { 2.min(usize::from(width)) } else { 0 };
        let mut text = text::cut_middle(title, room).into_owned();
        if by_this {
            text = format!("{text} {arrow}");
        }
        let text =
            if right { text::pad_start(&text, width.into()) } else { text::pad_end(&text, width.into()) };
        Span::styled(text, if by_this { theme.accent } else { theme.title })
    };
    let first = Rect { x: inner.x + GUTTER, width: name_width, height: 1, ..inner };
    put_line(buf, first, 0, vec![head(Column::Name, "NAME", name_width, false)]);
    for placed in columns {
        let at = Rect { x: placed.x, width: placed.width, height: 1, ..inner };
        if placed.rule {
            put_line(
                buf,
                Rect { x: placed.x - 2, width: 1, ..at },
                0,
                vec![Span::styled(theme.glyphs.rail, theme.border)],
            );
        }
        let column = placed.view.column;
        let right = is_right(column) || (placed.view.numeric && !placed.view.spark);
        put_line(buf, at, 0, vec![head(column, placed.view.title.as_str(), placed.width, right)]);
    }
}

/// On the lower edge: columns that are not in view, and the key that brings them.
fn hidden_columns(app: &App, shown: usize, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let before = app.browse.first_column;
    let after = app.rows.columns.len().saturating_sub(before + shown);
    let text = match (before, after) {
        (0, 0) => return,
        (0, after) => format!("{} more: >", columns_word(after)),
        (before, 0) => format!("< {} before", columns_word(before)),
        (before, after) => format!("< {} before, {after} more: >", columns_word(before)),
    };
    let edge = Rect { x: area.x + 2, y: area.bottom() - 1, width: area.width.saturating_sub(4), height: 1 };
    super::put_right(buf, edge, 0, super::on_frame(vec![Span::styled(text, theme.dim)]));
}

fn columns_word(count: usize) -> String {
    format!("{count} column{}", if count == 1 { "" } else { "s" })
}

fn is_right(column: Column) -> bool {
    matches!(column, Column::Start | Column::Duration | Column::Step)
}
