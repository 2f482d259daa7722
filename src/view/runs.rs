//! The runs pane: a tree table.
//!
//! ```text
//!  NAME                          STATE      AGE   TIME  │ kernel   C  │ mean_test_score ▼
//! ◆ ▾ bold-fox-12  4 ●1          ● running   2m   1:52  │ 2 kinds 1…10│  0.981 best of 4
//!   ├─ rapt-owl-3                ✓ finished  2m   0:11  │ linear   1  │  0.980 ▁▂▄▇
//!   └─ shy-elk-77                ✓ finished  1m   0:12  │ rbf     10  │  0.981◂▁▃▅█
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::theme::Theme;
use super::{frame, groups, position, put_line, text};
use crate::app::table::{GUTTER, Placed, Table, table};
use crate::app::{App, Screen, panes};
use crate::format;
use crate::index::Run;
use crate::query::fuzzy::Pattern;
use crate::query::{Column, Grouping, Row};
use crate::shown::shown;

pub(super) mod cells;
mod empty;

pub use cells::state;
use cells::{draw_cell, name_cell};

/// Draws the pane.
pub fn draw(app: &App, area: Rect, buf: &mut Buffer, theme: &Theme) {
    if area.is_empty() {
        return;
    }
    let focused = app.screen == Screen::Browse && !app.browse.on_experiments && app.overlay.is_none();
    let inner = frame(buf, area, title(app, theme), right_title(app, theme), focused, theme);
    let parts = panes::runs_parts(app);
    let body = parts.body.intersection(inner);
    position(buf, area, app.browse.cursor.at, app.rows.items.len(), body.height, theme);
    let table = table(app, inner);
    shared_line(app, parts.shared.intersection(inner), buf, theme);
    if app.rows.items.is_empty() && app.pins.is_empty() {
        return empty::draw(app, inner, buf, theme);
    }
    titles(app, parts.titles.intersection(inner), &table, buf, theme);
    hidden_columns(&table, area, buf, theme);
    pinned(app, &table, parts.pinned.intersection(inner), buf, theme);
    if app.rows.items.is_empty() {
        return empty::draw(app, body, buf, theme);
    }
    rows(app, body, &table, focused, buf, theme);
}

/// The rows in view.
fn rows(app: &App, body: Rect, table: &Table<'_>, focused: bool, buf: &mut Buffer, theme: &Theme) {
    let pattern = Pattern::new(&looked_for(app));
    let items = &app.rows.items;
    let window = app.browse.cursor.window(items.len(), body.height.into());
    for (line, i) in window.enumerate() {
        let (Some(row), at) = (items.get(i), Rect { y: body.y + line as u16, height: 1, ..body }) else {
            continue;
        };
        let name = Rect { width: (GUTTER + table.name).min(at.width), ..at };
        if let Some(group) = app.rows.groups.get(row.run) {
            groups::name(app, row, group, name, buf, theme);
            each_cell(table, at, buf, theme, |placed, at, buf| {
                groups::cell(app, row, placed, at, buf, theme)
            });
        } else if let Some(run) = app.rows.index.run(row.run) {
            name_cell(app, row, run, name, &pattern, buf, theme);
            each_cell(table, at, buf, theme, |placed, at, buf| {
                draw_cell(app, row, run, placed, at, buf, theme)
            });
        }
        if row.context {
            buf.set_style(at, theme.dim);
        }
        match (i == app.browse.cursor.at, focused) {
            (true, true) => buf.set_style(at, theme.selected),
            (true, false) => buf.set_style(name, theme.accent),
            (false, _) => {}
        }
    }
}

/// What letters are marked for: what was typed to narrow, and the bare words of the filter.
fn looked_for(app: &App) -> String {
    let words = app.rows.query.filter.as_ref().map(|filter| filter.words()).unwrap_or_default();
    format!("{} {words}", app.rows.query.find).trim().to_owned()
}

/// Draws the cells of a row, with rules between groups of columns.
fn each_cell(
    table: &Table<'_>,
    at: Rect,
    buf: &mut Buffer,
    theme: &Theme,
    mut draw: impl FnMut(&Placed<'_>, Rect, &mut Buffer),
) {
    for placed in &table.columns {
        rule(placed, at, buf, theme);
        draw(placed, Rect { x: placed.x, width: placed.width, ..at }.intersection(at), buf);
    }
}

/// The rule before a column of another group.
fn rule(placed: &Placed<'_>, at: Rect, buf: &mut Buffer, theme: &Theme) {
    if placed.rule {
        let at = Rect { x: placed.x.saturating_sub(2), width: 1, ..at }.intersection(at);
        put_line(buf, at, 0, vec![Span::styled(theme.glyphs.rail, theme.border)]);
    }
}

/// Runs that stand above all others, whichever experiment they are in, and a rule below them.
fn pinned(app: &App, table: &Table<'_>, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let lines = area.height.saturating_sub(1);
    for (line, key) in (0..lines).zip(&app.pins) {
        let Some(run) = app.rows.index.run(*key) else { continue };
        let at = Rect { y: area.y + line, height: 1, ..area };
        let name = Rect { width: (GUTTER + table.name).min(at.width), ..at };
        let row = Row::alone(*key);
        pinned_name(app, run, name, buf, theme);
        each_cell(table, at, buf, theme, |placed, at, buf| draw_cell(app, &row, run, placed, at, buf, theme));
    }
    if area.height > 1 {
        let more = app.pins.len().saturating_sub(lines.into());
        let text = if more > 0 { format!("{more} more pinned ") } else { String::new() };
        let line =
            theme.glyphs.border.horizontal_top.repeat(usize::from(area.width).saturating_sub(text.len()));
        put_line(buf, area, lines.into(), vec![Span::styled(text + &line, theme.border)]);
    }
}

/// The name of a pinned run, and its experiment where that is another one.
fn pinned_name(app: &App, run: &Run, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let marked = app.marks.contains(&run.key);
    let sign = if marked { theme.glyphs.mark } else { theme.glyphs.pin };
    let elsewhere = app.query.experiment.filter(|shown| *shown != run.experiment);
    let experiment = elsewhere.and_then(|_| app.rows.index.experiment(run.experiment));
    let after = experiment.map_or(String::new(), |experiment| format!("  {}", shown(experiment.title())));
    let room = usize::from(area.width).saturating_sub(3);
    let name = text::cut_middle(shown(run.title()).as_str(), room).into_owned();
    let after = text::cut_end(&after, room.saturating_sub(text::width(&name))).into_owned();
    let spans = vec![
        Span::styled(format!("{sign}  "), if marked { theme.marked } else { theme.accent }),
        Span::styled(name, theme.title),
        Span::styled(after, theme.dim),
    ];
    put_line(buf, area, 0, spans);
}

/// What all runs share and is left out therefore: how many, and which values.
fn shared_line(app: &App, area: Rect, buf: &mut Buffer, theme: &Theme) {
    if area.is_empty() {
        return;
    }
    let shared = &app.rows.shared;
    let count = shared.values.len();
    let mut told = match (count, shared.empty) {
        (0, 0) => "nothing is the same in all runs".to_owned(),
        (0, _) => String::new(),
        _ => format!("{} the same in all runs: ", format::count(count as u64)),
    };
    let empty = match shared.empty {
        0 => String::new(),
        more => format!("{more} empty"),
    };
    let gap = if told.is_empty() || empty.is_empty() { "" } else { "  " };
    let head = format!(" {told}");
    let tail = format!("{gap}{empty} ");
    let mut left = usize::from(area.width).saturating_sub(text::width(&head) + text::width(&tail));
    told = String::new();
    for (i, (column, value)) in shared.values.iter().enumerate() {
        let value = text::cut_middle(value.as_str(), 24).into_owned();
        let pair = format!("{}{}={value}", if i > 0 { "  " } else { "" }, column.title(&app.rows.index));
        if text::width(&pair) + 2 > left {
            told.push_str(if left > 1 { " …" } else { "" });
            break;
        }
        left -= text::width(&pair);
        told.push_str(&pair);
    }
    let spans =
        vec![Span::styled(head, theme.accent), Span::styled(told, theme.dim), Span::styled(tail, theme.dim)];
    put_line(buf, area, 0, spans);
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
    let count = if rows.query.find.trim().is_empty() && rows.query.filter.is_none() {
        let s = if rows.total == 1 { "" } else { "s" };
        format!("{} run{s}", format::count(rows.total as u64))
    } else {
        format!("{} of {} runs", format::count(rows.matched as u64), format::count(rows.total as u64))
    };
    let hidden = match rows.hidden {
        0 => String::new(),
        hidden => format!("  {} hidden", format::count(hidden as u64)),
    };
    let so_far = if rows.complete { "" } else { " so far" };
    let sort = rows.query.lead();
    let arrow = if sort.descending { theme.glyphs.descending } else { theme.glyphs.ascending };
    let by = text::cut_middle(sort.column.full_name(&rows.index).as_str(), 30).into_owned();
    let by =
        if sort.column == Column::Start { "newest first".to_owned() } else { format!("by {by} {arrow}") };
    let by = if sort.column == Column::Start && !sort.descending { "oldest first".to_owned() } else { by };
    let by = if rows.query.sort.len() > 1 { format!("{by} +{}", rows.query.sort.len() - 1) } else { by };
    let by = if rows.query.by_child { format!("{by} by best child") } else { by };
    let grouped = match &rows.query.grouping {
        Grouping::Tree => String::new(),
        Grouping::Flat => "flat  ".to_owned(),
        Grouping::By(_) => format!("{} groups  ", format::count(rows.groups.len() as u64)),
    };
    vec![
        Span::styled(format!("{grouped}{by}  "), theme.dim),
        Span::styled(format!("{count}{so_far}"), theme.text),
        Span::styled(hidden, theme.warn),
    ]
}

fn titles(app: &App, area: Rect, table: &Table<'_>, buf: &mut Buffer, theme: &Theme) {
    let by_name = app.rows.query.sort.iter().position(|sort| sort.column == Column::Name);
    let order = by_name.and_then(|place| Some((place as u16, app.rows.query.sort.get(place)?.descending)));
    let orders = app.rows.query.sort.len() as u16;
    let first = Rect { x: area.x + GUTTER.min(area.width), width: table.name, height: area.height, ..area };
    head("NAME", order, orders, None, false, first.intersection(area), buf, theme);
    for placed in &table.columns {
        rule(placed, area, buf, theme);
        let (view, at) = (placed.view, Rect { x: placed.x, width: placed.width, ..area }.intersection(area));
        let right = is_right(view.column) || (view.numeric && !view.spark);
        // MLflow's own order needs no arrow where nobody asked for it.
        let order = view.order.or((view.sorted && view.column == Column::Start).then_some((0, true)));
        head(view.title.as_str(), order, orders, view.better, right, at, buf, theme);
    }
}

/// The title of a column: which way a metric is better, and how it orders the rows.
#[allow(clippy::too_many_arguments, reason = "each is a part of one line")]
fn head(
    title: &str,
    order: Option<(u16, bool)>,
    orders: u16,
    better: Option<bool>,
    right: bool,
    area: Rect,
    buf: &mut Buffer,
    theme: &Theme,
) {
    let glyphs = &theme.glyphs;
    let style = if order.is_some() { theme.accent } else { theme.title };
    let way = better.map_or("", |up| if up { glyphs.up } else { glyphs.down });
    let arrow = order.map_or(String::new(), |(place, descending)| {
        let arrow = if descending { glyphs.descending } else { glyphs.ascending };
        if orders > 1 { format!(" {arrow}{}", place + 1) } else { format!(" {arrow}") }
    });
    let signs = text::width(way) + text::width(&arrow);
    let title = text::cut_middle(title, usize::from(area.width).saturating_sub(signs)).into_owned();
    let before = usize::from(area.width).saturating_sub(text::width(&title) + signs);
    let mut spans = Vec::new();
    if right {
        spans.push(Span::raw(" ".repeat(before)));
    }
    spans.extend([
        Span::styled(title, style),
        Span::styled(way, theme.dim),
        Span::styled(arrow, theme.accent),
    ]);
    put_line(buf, area, 0, spans);
}

/// On the lower edge: columns that are not in view, and the key that brings them.
fn hidden_columns(table: &Table<'_>, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let text = match (table.before, table.after) {
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
