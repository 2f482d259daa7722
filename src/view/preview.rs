//! The run under the cursor at a glance: latest metrics with their histories, and params.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::theme::Theme;
use super::{frame, groups, put_line, runs, spark, text};
use crate::app::App;
use crate::app::glance::Glance;
use crate::format;
use crate::index::{Key, Run};
use crate::query::{cell, vitals};
use crate::shown::shown;

/// Cells of a sparkline.
const SPARK: usize = 24;

/// Draws the pane.
pub fn draw(app: &App, area: Rect, buf: &mut Buffer, theme: &Theme) {
    if area.is_empty() {
        return;
    }
    let group = app.current_row().and_then(|row| app.rows.groups.get(row.run));
    if let Some(group) = group {
        return groups::preview(app, group, area, buf, theme);
    }
    let Some(Glance { run, sorted }) = &app.glance else {
        frame(buf, area, Vec::new(), Vec::new(), false, theme);
        return;
    };
    let (glyph, style) = runs::state(app, run, theme);
    let name = text::cut_middle(shown(run.title()).as_str(), 40).into_owned();
    let mut title = vec![Span::styled(name, theme.title)];
    if run.read().meta {
        title.push(Span::styled(
            format!("  {glyph} {}", shown(cell::state_now(run, app.index(), app.now))),
            style,
        ));
        let told = |text: String| Span::styled(format!("  {text}"), theme.dim);
        let mut pieces = vitals::pieces(app.index(), run, app.now).into_iter();
        // Why a run may be dead is said before anything else.
        if vitals::stale(run, &app.index().pulses, app.now).is_some() {
            title.extend(pieces.next().map(told));
        }
        title.extend(run.duration(app.now).map(|ms| told(cell::duration(run, ms))));
        title.extend(cell::last_step(run).map(|step| told(format!("step {step}"))));
        title.extend(pieces.map(told));
        // Half of one is worse than none.
        let room = usize::from(area.width).saturating_sub(6);
        while title.len() > 2 && title.iter().map(Span::width).sum::<usize>() > room {
            title.pop();
        }
    }
    let hint = Span::styled("i details", theme.dim);
    let inner = frame(buf, area, title, vec![hint], false, theme);
    if !run.read().metrics {
        return put_line(buf, inner, 0, vec![Span::styled(" reading…", theme.dim)]);
    }
    let split = if run.params().is_empty() { inner.width } else { (inner.width * 3 / 5).min(inner.width) };
    let left = Rect { x: inner.x + 1, width: split.saturating_sub(1), ..inner };
    let right = Rect { x: inner.x + split + 1, width: inner.width.saturating_sub(split + 1), ..inner };
    metrics(app, run, &sorted.metrics, left, buf, theme);
    params(app, run, &sorted.params, right, buf, theme);
}

fn metrics(app: &App, run: &Run, keys: &[Key], area: Rect, buf: &mut Buffer, theme: &Theme) {
    if keys.is_empty() {
        let below = app.rows.rollups.get(run.key).map_or(0, |rollup| rollup.below);
        let text = if below > 0 {
            format!("no metrics of its own; {below} runs below")
        } else {
            "no metrics".to_owned()
        };
        return put_line(buf, area, 0, vec![Span::styled(text, theme.dim)]);
    }
    let shown_keys = &keys.get(..keys.len().min(lines(area, keys.len()))).unwrap_or_default();
    let names: Vec<_> = shown_keys.iter().map(|key| shown(app.index().keys.name(*key))).collect();
    let name_width = names.iter().map(|name| text::width(name.as_str())).max().unwrap_or(0).min(28);
    for (line, (key, name)) in shown_keys.iter().zip(&names).enumerate() {
        let mut spans =
            vec![Span::raw(text::pad_end(&text::cut_middle(name.as_str(), name_width), name_width + 1))];
        spans.extend(metric(app, run, *key, theme));
        // Part of a number is worse than none.
        while spans.iter().map(Span::width).sum::<usize>() > area.width.into() && spans.pop().is_some() {}
        put_line(buf, area, line, spans);
    }
    more(keys.len(), shown_keys.len(), "metrics", area, buf, theme);
}

/// Latest value, sparkline, extremes.
fn metric<'a>(app: &App, run: &Run, key: Key, theme: &Theme) -> Vec<Span<'a>> {
    let Some(metric) = run.metric(key) else { return Vec::new() };
    let value = format::number(metric.last.value);
    let style = if metric.last.value.is_finite() { theme.title } else { theme.bad };
    let mut spans = vec![Span::styled(text::pad_start(&value, 10), style)];
    if !metric.has_history() {
        return spans;
    }
    let Some(series) = app.series.get(&(run.key, key)) else {
        spans.push(Span::styled("  …", theme.dim));
        return spans;
    };
    let curve = spark::spark(&series.curve(), SPARK, &theme.glyphs);
    let style = if run.is_running() { theme.running } else { theme.accent_soft() };
    spans.push(Span::styled(format!("  {}", text::pad_end(&curve, SPARK)), style));
    if let (true, Some(min), Some(max)) = (series.is_exact(), series.min(), series.max()) {
        let best = match app.query.better.of(key, app.index()) {
            Some(true) => format!("  best {} @ {}", format::number(max.value), max.step),
            Some(false) => format!("  best {} @ {}", format::number(min.value), min.step),
            None => format!("  {} … {}", format::number(min.value), format::number(max.value)),
        };
        spans.push(Span::styled(best, theme.dim));
    }
    spans
}

fn params(app: &App, run: &Run, keys: &[Key], area: Rect, buf: &mut Buffer, theme: &Theme) {
    let shown_keys = keys.iter().take(lines(area, keys.len()));
    let pair = |key: &Key| (shown(app.index().keys.name(*key)), shown(run.param(*key).unwrap_or_default()));
    let names: Vec<_> = shown_keys.map(pair).collect();
    let width = names.iter().map(|(name, _)| text::width(name.as_str())).max().unwrap_or(0).min(24);
    for (line, (name, value)) in names.iter().enumerate() {
        let name = text::pad_end(&text::cut_middle(name.as_str(), width), width + 2);
        let room = usize::from(area.width).saturating_sub(width + 3);
        let value = text::cut_end(value.as_str(), room).into_owned();
        put_line(buf, area, line, vec![Span::styled(name, theme.dim), Span::raw(value)]);
    }
    more(keys.len(), names.len(), "params", area, buf, theme);
}

/// Lines for `len` things: all but the last one where there are more than fit.
fn lines(area: Rect, len: usize) -> usize {
    let height = usize::from(area.height);
    if len > height { height.saturating_sub(1) } else { len }
}

fn more(all: usize, drawn: usize, what: &str, area: Rect, buf: &mut Buffer, theme: &Theme) {
    if all > drawn {
        put_line(buf, area, drawn, vec![Span::styled(format!("{} more {what}", all - drawn), theme.dim)]);
    }
}
