//! Rows of groups: the values that their runs share, how many there are, and mean and deviation of each metric.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::runs::cells;
use super::theme::Theme;
use super::{frame, put_line, text};
use crate::app::App;
use crate::app::table::Placed;
use crate::format;
use crate::query::columns::spread_cell;
use crate::query::{Column, Group, Row, Stat};
use crate::shown::shown;

/// The name of a group's row.
pub fn name(app: &App, row: &Row, group: &Group, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let glyphs = &theme.glyphs;
    let arrow = if row.open { glyphs.open } else { glyphs.closed };
    let s = if group.runs == 1 { "" } else { "s" };
    let mut after = vec![Span::styled(format!("  {} run{s}", format::count(group.runs.into())), theme.dim)];
    if let Some(rollup) = app.rows.rollups.get(row.run) {
        if rollup.running > 0 {
            after.push(Span::styled(format!(" {}{}", glyphs.running, rollup.running), theme.running));
        }
        if rollup.failed > 0 {
            after.push(Span::styled(format!(" {}{}", glyphs.failed, rollup.failed), theme.bad));
        }
    }
    let taken: usize = 4 + after.iter().map(Span::width).sum::<usize>();
    let room = usize::from(area.width).saturating_sub(taken).max(1);
    let title = text::cut_middle(group.title.as_str(), room).into_owned();
    let mut spans = vec![
        Span::raw("  "),
        Span::styled(format!("{arrow} "), theme.accent),
        Span::styled(title, theme.title),
    ];
    spans.extend(after);
    put_line(buf, area, 0, spans);
}

/// A cell of a group's row: of a metric its mean, with the deviation beside it and the range where there is room; of a
/// param what there is of it.
pub fn cell(app: &App, row: &Row, placed: &Placed<'_>, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let view = placed.view;
    let width = view.values_width(placed.spark);
    if let Some(stat) = app.rows.groups.stat(row.run, view.column) {
        let mean = view.format.numbers.write(stat.mean);
        let mean = cells::number_text(&mean, view, width);
        let spans = vec![
            Span::styled(mean, theme.title),
            Span::styled(text::pad_end(&beside(&stat, placed), (placed.spark + 1).into()), theme.dim),
        ];
        return put_line(buf, area, 0, spans);
    }
    let text = match app.rows.rollups.spread(row.run, view.column) {
        Some(spread) => cells::cell_text(&spread_cell(spread, view.format.numbers), view, width, theme),
        None => return,
    };
    put_line(buf, area, 0, vec![Span::styled(text, theme.text)]);
}

/// As much as fits of: deviation, lowest and highest.
fn beside(stat: &Stat, placed: &Placed<'_>) -> String {
    let numbers = placed.view.format.numbers;
    let room = usize::from(placed.spark);
    let Some(sd) = stat.sd else { return String::new() };
    let deviation = format!(" ±{}", short(sd));
    let range = format!(" {}…{}", numbers.write(stat.min), numbers.write(stat.max));
    if text::width(&deviation) + text::width(&range) <= room + 1 { deviation + &range } else { deviation }
}

/// A deviation in few digits: more say nothing.
fn short(sd: f64) -> String {
    format::NumberFormat::Digits(2).write(sd)
}

/// Everything about the group under the cursor: a line for each metric.
pub fn preview(app: &App, group: &Group, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let s = if group.runs == 1 { "" } else { "s" };
    let title = vec![
        Span::styled(
            text::cut_middle(group.title.as_str(), usize::from(area.width / 2)).into_owned(),
            theme.title,
        ),
        Span::styled(format!("  {} run{s}", format::count(group.runs.into())), theme.dim),
    ];
    let hint = vec![Span::styled("Enter opens", theme.dim)];
    let inner = frame(buf, area, title, hint, false, theme);
    let metrics = app.rows.columns.iter().filter(|view| view.column.is_metric());
    let stats: Vec<(Column, Stat)> = metrics
        .filter_map(|view| Some((view.column, app.rows.groups.stat(group.key, view.column)?)))
        .collect();
    if stats.is_empty() {
        return put_line(buf, inner, 0, vec![Span::styled(" no metrics", theme.dim)]);
    }
    let names: Vec<String> =
        stats.iter().map(|(column, _)| column.title(&app.rows.index).into_string()).collect();
    let widest = names.iter().map(|name| text::width(name)).max().unwrap_or(0).clamp(6, 30);
    let columns = ["mean", "± sd", "min", "max", "runs"];
    let mut head = format!(" {}", text::pad_end("metric", widest));
    columns.iter().for_each(|title| head.push_str(&text::pad_start(title, 12)));
    put_line(buf, inner, 0, vec![Span::styled(format!("{head}  best run"), theme.title)]);
    for (line, ((column, stat), name)) in stats.iter().zip(&names).enumerate() {
        let numbers = app.query.formats.of(*column).numbers;
        let cells = [
            numbers.write(stat.mean),
            stat.sd.map_or("".to_owned(), short),
            numbers.write(stat.min),
            numbers.write(stat.max),
            format::count(stat.count.into()),
        ];
        let mut spans =
            vec![Span::raw(format!(" {}", text::pad_end(&text::cut_middle(name, widest), widest)))];
        for (place, cell) in cells.iter().enumerate() {
            let style = if place == 0 { theme.title } else { theme.text };
            spans.push(Span::styled(text::pad_start(cell, 12), style));
        }
        let best = stat.best.and_then(|run| app.rows.index.run(run));
        let room = usize::from(inner.width).saturating_sub(widest + 65);
        let best = best.map(|run| text::cut_middle(shown(run.title()).as_str(), room).into_owned());
        spans.push(Span::styled(format!("  {}", best.unwrap_or_default()), theme.good));
        put_line(buf, inner, line + 1, spans);
    }
}
