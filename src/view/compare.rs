//! Marked runs side by side, and their curves over each other.
//!
//! ```text
//!                     a rapt-owl-3   b shy-elk-77
//!  Metrics
//! ≠ mean_test_score          0.980         0.981 ◂
//!  Params
//! ≠ kernel                  linear           rbf
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::chart::{Chart, Curve, letter};
use super::theme::Theme;
use super::{frame, middle, position, put_line, text};
use crate::app::compare::{Compare, Line};
use crate::app::{App, panes};
use crate::index::{Key, Run};
use crate::query::cell::Cell;
use crate::query::{Column, cell};
use crate::series::Series;
use crate::shown::{Shown, shown};

/// Widest column of a run.
const WIDEST: usize = 28;
/// Narrowest column of a run.
const NARROWEST: usize = 12;

/// Draws the screen.
pub fn draw(app: &App, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let Some(compare) = &app.compare else { return };
    let split = panes::compare_body(app);
    let metric = compare.shown_metric();
    let mut title = vec![Span::styled(format!("Compare {} runs", compare.runs.len()), theme.title)];
    if let Some(key) = metric.filter(|_| compare.curves) {
        title.push(Span::styled(format!(" {} ", theme.glyphs.separator), theme.dim));
        title.push(Span::styled(shown(app.index().keys.name(key)).into_string(), theme.accent));
    }
    let right = match (compare.curves, compare.differing) {
        (true, _) => vec![Span::styled("m table", theme.dim)],
        (false, true) => vec![Span::styled("only rows that differ", theme.warn)],
        (false, false) => Vec::new(),
    };
    let inner = frame(buf, area, title, right, true, theme);
    table(app, compare, split.list.intersection(inner), area, buf, theme);
    let other = split.other.intersection(inner);
    if other.height > 3 {
        curves(app, compare, metric, other, buf, theme);
    }
}

fn table(app: &App, compare: &Compare, area: Rect, framed: Rect, buf: &mut Buffer, theme: &Theme) {
    if area.is_empty() {
        return;
    }
    let lines = compare.lines();
    if lines.is_empty() {
        let text = if compare.differing { "the runs do not differ" } else { "nothing to compare yet" };
        return middle(buf, area, &[text, "x shows all rows"], theme);
    }
    let name_width = compare.table.name_width.clamp(8, usize::from(area.width / 3).max(8));
    let columns = place(compare, name_width, area.width.into());
    titles(compare, &columns, name_width, area, buf, theme);
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    position(buf, framed, compare.cursor.at, lines.len(), body.height, theme);
    for (line, i) in compare.cursor.window(lines.len(), body.height.into()).enumerate() {
        let Some(row) = lines.get(i) else { continue };
        let at = Rect { y: body.y + line as u16, height: 1, ..body };
        put_line(buf, at, 0, row_spans(app, compare, row, &columns, name_width, theme));
        if i == compare.cursor.at {
            buf.set_style(at, theme.selected);
        }
    }
}

/// Which runs fit, from the first one in view: their numbers and widths.
fn place(compare: &Compare, name_width: usize, width: usize) -> Vec<(usize, usize)> {
    let mut room = width.saturating_sub(name_width + 4);
    let mut out = Vec::new();
    let runs = compare.runs.iter().zip(&compare.table.widths).enumerate();
    for (number, (run, widest)) in runs.skip(compare.first_run) {
        let title = text::width(shown(run.title()).as_str());
        let column = (title.max(*widest) + 2).clamp(NARROWEST, WIDEST) + 2;
        if column > room && !out.is_empty() {
            break;
        }
        room = room.saturating_sub(column);
        out.push((number, column));
    }
    out
}

fn titles(
    compare: &Compare,
    columns: &[(usize, usize)],
    name_width: usize,
    area: Rect,
    buf: &mut Buffer,
    theme: &Theme,
) {
    let hidden = compare.first_run;
    let before = if hidden > 0 { format!("‹ {hidden} more") } else { String::new() };
    let mut spans = vec![Span::styled(text::pad_end(&format!("   {before}"), name_width + 4), theme.dim)];
    for (number, width) in columns {
        let Some(run) = compare.runs.get(*number) else { continue };
        let name = text::cut_middle(shown(run.title()).as_str(), width.saturating_sub(4)).into_owned();
        let text = format!("{} {name}", letter(*number));
        let text = text::pad_end(&text::pad_start(&text, width.saturating_sub(2)), *width);
        spans.push(Span::styled(text, theme.series(*number).add_modifier(ratatui::style::Modifier::BOLD)));
    }
    put_line(buf, area, 0, spans);
    let after = compare.runs.len().saturating_sub(hidden + columns.len());
    if after > 0 {
        super::put_right(buf, area, 0, vec![Span::styled(format!(" +{after} ›"), theme.dim)]);
    }
}

fn row_spans<'a>(
    app: &App,
    compare: &Compare,
    row: &Line,
    columns: &[(usize, usize)],
    name_width: usize,
    theme: &Theme,
) -> Vec<Span<'a>> {
    let values = match row {
        Line::Values(values) => values,
        Line::Heading(title) => return vec![Span::styled(format!(" {title}"), theme.accent)],
    };
    let sign = match (values.differs, theme.glyphs.utf8) {
        (false, _) => "  ",
        (true, true) => "≠ ",
        (true, false) => "* ",
    };
    let name = values.name(app.index());
    let name = text::pad_end(&text::cut_middle(name.as_str(), name_width), name_width);
    let (base, title) = if values.differs { (theme.text, theme.title) } else { (theme.dim, theme.dim) };
    let mut spans =
        vec![Span::styled(format!(" {sign}"), theme.warn), Span::styled(format!("{name} "), title)];
    for (number, width) in columns {
        let Some(run) = compare.runs.get(*number) else { continue };
        let content = cell::whole_cell(run, values.column, &app.look());
        let is_best = values.is_best(run);
        let text = match &content {
            Cell::Empty => theme.glyphs.empty.to_owned(),
            Cell::Loading => theme.glyphs.ellipsis.to_owned(),
            other => shown(other.text()).into_string(),
        };
        let text = text::cut_middle(&text, width.saturating_sub(2)).into_owned();
        let text = text::pad_start(&text, width.saturating_sub(2));
        let style = style_of(app, values.column, &content, run, is_best, base, theme);
        spans.push(Span::styled(text, style));
        spans.push(Span::styled(
            if is_best { format!("{} ", theme.glyphs.best) } else { "  ".to_owned() },
            theme.good,
        ));
    }
    spans
}

fn style_of(
    app: &App,
    column: Column,
    content: &Cell<'_>,
    run: &Run,
    is_best: bool,
    base: ratatui::style::Style,
    theme: &Theme,
) -> ratatui::style::Style {
    match (column, content) {
        _ if is_best => theme.good,
        (_, Cell::Empty | Cell::Loading) => theme.dim,
        (Column::State, _) => super::runs::state(app, run, theme).1,
        (Column::Metric(..), Cell::Number(text)) if text == "NaN" || text.contains('∞') => theme.bad,
        _ => base,
    }
}

fn curves(app: &App, compare: &Compare, metric: Option<Key>, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let Some(key) = metric else {
        return middle(buf, area, &["these runs have no metrics"], theme);
    };
    let read = app.compare_series();
    let with_metric = compare.runs.iter().filter(|run| run.metric(key).is_some()).count();
    if read.is_empty() {
        let text =
            if with_metric == 0 { "none of the runs has this metric" } else { "reading the histories…" };
        return middle(buf, area, &[text], theme);
    }
    // Every run has its place, so letters and colours are those of the table.
    let nothing = Series::default();
    let runs = compare.runs.iter().enumerate();
    let curves: Vec<Curve<'_>> = runs
        .map(|(number, run)| {
            let series = app.series.get(&(run.key, key)).map(|series| &**series).filter(|s| s.has_points());
            let note = note(run, key, series.is_some(), app);
            Curve { series: series.unwrap_or(&nothing), label: shown(run.title()), note, colour: number }
        })
        .collect();
    let title = shown(app.index().keys.name(key));
    Chart::new(&curves, title, &compare.chart, compare.focus).draw(area, buf, theme);
}

/// Why a run has no curve, and its state while it trains.
fn note(run: &Run, key: Key, is_read: bool, app: &App) -> Shown {
    Shown::own(if run.metric(key).is_none() {
        format!(" (no {})", shown(app.index().keys.name(key)))
    } else if app.failed_series.contains_key(&(run.key, key)) {
        " (unreadable)".to_owned()
    } else if !is_read {
        " (reading)".to_owned()
    } else if run.is_running() {
        format!(" ({})", cell::state_now(run, app.index(), app.now))
    } else {
        String::new()
    })
}
