//! The cells of a row: the name with the tree before it, values, and what stands beside them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

use super::is_right;
use crate::app::App;
use crate::app::table::Placed;
use crate::format;
use crate::index::{Key, Lifecycle, Run};
use crate::query::cell::{Cell, table_cell};
use crate::query::columns::{DELETED, spread_cell};
use crate::query::fuzzy::Pattern;
use crate::query::{Aggregate, Column, ColumnView, Row, Spread, Stray, heat, vitals};
use crate::shown::shown;
use crate::view::theme::Theme;
use crate::view::{put_line, spark, text};

pub(super) fn name_cell(
    app: &App,
    row: &Row,
    run: &Run,
    area: Rect,
    pattern: &Pattern,
    buf: &mut Buffer,
    theme: &Theme,
) {
    let glyphs = &theme.glyphs;
    let marked = app.marks.contains(&row.run);
    let (mark, mark_style) = match marked {
        true => (glyphs.mark, theme.marked),
        false if app.pins.contains(&row.run) => (glyphs.pin, theme.accent),
        false => (" ", theme.text),
    };
    let mut spans = vec![Span::styled(mark, mark_style), Span::styled(rails(row, theme), theme.border)];
    let arrow = match (row.children, row.open) {
        (0, _) if row.depth == 0 => "  ".to_owned(),
        (0, _) => " ".to_owned(),
        (_, true) => format!("{} ", glyphs.open),
        (_, false) => format!("{} ", glyphs.closed),
    };
    spans.push(Span::styled(arrow, theme.accent));
    let title = shown(run.title());
    let mut after = after_name(app, row, run, pattern, theme);
    let before: usize = spans.iter().map(Span::width).sum();
    let room_beside = |after: &[Span<'_>]| {
        usize::from(area.width).saturating_sub(before + after.iter().map(Span::width).sum::<usize>())
    };
    // What stands after a name gives way before the name is cut to nothing.
    while room_beside(&after) < text::width(title.as_str()).min(10) && after.pop().is_some() {}
    let room = room_beside(&after);
    let named = run.name().is_some_and(|name| !name.is_empty());
    let base = if marked {
        theme.marked
    } else if run.lifecycle == Lifecycle::Deleted || !named {
        theme.dim
    } else {
        theme.text
    };
    let hits = if pattern.is_empty() { Vec::new() } else { pattern.hits(title.as_str()) };
    spans.extend(text::highlight_middle(title.as_str(), room.max(1), &hits, base, theme.hit));
    spans.extend(after);
    put_line(buf, area, 0, spans);
}

/// The lines of the tree before a name. Deep trees show their depth as a number.
fn rails(row: &Row, theme: &Theme) -> String {
    let glyphs = &theme.glyphs;
    if row.depth == 0 {
        return " ".to_owned();
    }
    if row.depth > 12 {
        return format!(" {}{}", glyphs.ellipsis, row.depth);
    }
    // Each line begins below the arrow of the row it hangs on.
    let mut out = " ".to_owned();
    for level in 1..row.depth {
        out.push_str(if row.rails & (1 << level) != 0 { glyphs.rail } else { " " });
        out.push(' ');
    }
    out.push_str(if row.last { glyphs.corner } else { glyphs.tee });
    out.push_str(glyphs.border.horizontal_top);
    out
}

/// What stands after a name: what a parent's children do, why a run with a parent stands at the top, where it was found.
fn after_name<'a>(app: &App, row: &Row, run: &Run, pattern: &Pattern, theme: &Theme) -> Vec<Span<'a>> {
    let glyphs = &theme.glyphs;
    let mut spans = Vec::new();
    if run.lifecycle == Lifecycle::Deleted {
        spans.push(Span::styled(DELETED, theme.dim));
    }
    if let Some(rollup) = app.rows.rollups.get(row.run).filter(|_| row.children > 0) {
        let s = if rollup.below == 1 { "" } else { "s" };
        spans.push(Span::styled(format!("  {} run{s}", format::count(rollup.below.into())), theme.dim));
        if rollup.running > 0 {
            spans.push(Span::styled(format!(" {}{}", glyphs.running, rollup.running), theme.running));
        }
        if rollup.failed > 0 {
            spans.push(Span::styled(format!(" {}{}", glyphs.failed, rollup.failed), theme.bad));
        }
    }
    match row.stray {
        Some(Stray::Orphan) => spans.push(Span::styled("  parent not here", theme.dim)),
        Some(Stray::Circle) => spans.push(Span::styled("  circle of parents", theme.warn)),
        None => {}
    }
    if !pattern.is_empty()
        && !row.context
        && let Some((found, hits)) = pattern.elsewhere(run, &app.rows.index.keys)
    {
        spans.push(Span::raw("  "));
        let found = shown(&found);
        spans.extend(text::highlight_middle(found.as_str(), 24, &hits, theme.dim, theme.hit));
    }
    spans
}

pub(super) fn draw_cell(
    app: &App,
    row: &Row,
    run: &Run,
    placed: &Placed<'_>,
    area: Rect,
    buf: &mut Buffer,
    theme: &Theme,
) {
    let view = placed.view;
    let content = table_cell(run, view.column, &app.look());
    let number_width = view.values_width(placed.spark);
    let spread = app.rows.rollups.spread(row.run, view.column);
    let (body, style) = match (&content, spread) {
        (Cell::Empty, Some(spread)) => {
            (cell_text(&spread_cell(spread, view.format.numbers), view, number_width, theme), theme.dim)
        }
        _ => {
            (cell_text(&content, view, number_width, theme), style_of(app, run, view.column, &content, theme))
        }
    };
    let mut spans = Vec::new();
    if view.column == Column::State && run.read().meta {
        let (glyph, style) = state(app, run, theme);
        spans.push(Span::styled(format!("{glyph} "), style));
    }
    let is_best = is_best(app, row, run, view.column);
    let style = if is_best { theme.good } else { style };
    spans.push(Span::styled(body, heat(app, run, view, theme).unwrap_or(style)));
    if view.spark {
        spans.push(Span::styled(if is_best { theme.glyphs.best } else { " " }, theme.good));
        spans.extend(beside(app, run, placed, &content, spread, theme));
    }
    put_line(buf, area, 0, spans);
}

/// Sign and style of a run's state.
pub fn state(app: &App, run: &Run, theme: &Theme) -> (&'static str, Style) {
    if run.broken {
        (theme.glyphs.unknown, theme.bad)
    } else if vitals::stale(run, &app.index().pulses, app.now).is_some() {
        (theme.glyphs.stale, theme.warn)
    } else {
        theme.state(run.status)
    }
}

fn style_of(app: &App, run: &Run, column: Column, content: &Cell<'_>, theme: &Theme) -> Style {
    match (column, content) {
        (_, Cell::Empty | Cell::Loading) => theme.dim,
        (Column::State, _) => state(app, run, theme).1,
        (Column::Metric(..), Cell::Number(text)) if text == "NaN" || text.contains('∞') => theme.bad,
        (Column::Start | Column::Duration | Column::User | Column::Version | Column::RunId, _) => theme.dim,
        _ => theme.text,
    }
}

/// The text of a cell, aligned.
pub(in crate::view) fn cell_text(content: &Cell<'_>, view: &ColumnView, width: u16, theme: &Theme) -> String {
    let width = usize::from(width);
    let whole = width.saturating_sub(view.fraction.into());
    match content {
        Cell::Empty | Cell::Loading => {
            let sign = if *content == Cell::Empty { theme.glyphs.empty } else { theme.glyphs.ellipsis };
            if view.numeric || is_right(view.column) {
                let before = whole.clamp(1, width.max(1));
                text::pad_end(&text::pad_start(sign, before), width)
            } else {
                text::pad_end(sign, width)
            }
        }
        Cell::Number(number) => number_text(shown(number).as_str(), view, width as u16),
        Cell::Words(words) => {
            let words = shown(words);
            let cut = text::cut_middle(words.as_str(), width);
            let right = is_right(view.column) || view.numeric;
            if right { text::pad_start(&cut, width) } else { text::pad_end(&cut, width) }
        }
    }
}

/// A number, aligned on the decimal point; one that is wider than its column is cut.
pub(in crate::view) fn number_text(number: &str, view: &ColumnView, width: u16) -> String {
    let width = usize::from(width);
    if text::width(number) > width {
        return text::pad_end(&text::cut_end(number, width), width);
    }
    let fraction = usize::from(view.fraction).min(width);
    text::align_decimal(number, width - fraction, fraction)
}

/// The colour of a value by its rank, in a column that is coloured so.
fn heat(app: &App, run: &Run, view: &ColumnView, theme: &Theme) -> Option<Style> {
    let ranks = view.ranks.as_ref()?;
    let value = heat::value(run, view.column, &app.look())?;
    ranks.rank(value).map(|rank| theme.heat(rank))
}

/// Whether a run has the best value of a metric among its siblings and their children.
fn is_best(app: &App, row: &Row, run: &Run, column: Column) -> bool {
    let Column::Metric(key, how) = column else { return false };
    let parent = row.parent.and_then(|line| app.rows.items.get(line as usize));
    let spread = parent.and_then(|parent| app.rows.rollups.spread(parent.run, column));
    match (spread, app.look().pick(run, key, how).value()) {
        (Some(Spread::Best { value, of }), Some(own)) => *of > 1 && own == *value,
        _ => false,
    }
}

/// What stands beside a metric's value: its history, or what the children reached.
fn beside<'a>(
    app: &App,
    run: &Run,
    placed: &Placed<'_>,
    content: &Cell<'_>,
    spread: Option<&Spread>,
    theme: &Theme,
) -> Vec<Span<'a>> {
    let Column::Metric(key, how) = placed.view.column else { return Vec::new() };
    let width = usize::from(placed.spark);
    if run.metric(key).is_some_and(|metric| metric.has_history()) {
        let step =
            step_of(app, run, key, how).filter(|step| text::width(step) + 2 <= width).unwrap_or_default();
        let width = width - text::width(&step);
        let series = app.series.get(&(run.key, key));
        let text = series.map_or(theme.glyphs.ellipsis.to_owned(), |series| {
            spark::spark(&series.curve(), width, &theme.glyphs)
        });
        let style = if run.is_running() { theme.running } else { theme.accent_soft() };
        return vec![Span::styled(text::pad_end(&text, width), style), Span::styled(step, theme.dim)];
    }
    let text = match spread {
        Some(Spread::Best { of, .. }) if *content == Cell::Empty => {
            fits(format!("best of {of}"), || format!("best/{of}"), width)
        }
        Some(Spread::Best { value, .. }) => {
            let value = format::number(*value);
            fits(format!("best {value}"), || format!("{}{value}", theme.glyphs.corner), width)
        }
        _ => String::new(),
    };
    vec![Span::styled(text::pad_end(&text::cut_end(&text, width), width), theme.dim)]
}

/// The step that a value came from, where it is not the latest.
fn step_of(app: &App, run: &Run, key: Key, how: Aggregate) -> Option<String> {
    match how {
        Aggregate::Last | Aggregate::Mean => None,
        _ => app.look().pick(run, key, how).picked()?.step.map(|step| format!(" @{step}")),
    }
}

/// The long form where it fits, else the short one.
fn fits(long: String, short: impl FnOnce() -> String, width: usize) -> String {
    if text::width(&long) <= width { long } else { short() }
}
