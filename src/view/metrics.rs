//! The Metrics tab: a list of metrics, and the chart of the one under the cursor.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::chart::{Chart, Curve};
use super::theme::Theme;
use super::{middle, put_line, spark, text};
use crate::app::detail::Detail;
use crate::app::{App, panes};
use crate::format;
use crate::index::Key;
use crate::series::Series;
use crate::shown::{Shown, shown};

/// Cells of a sparkline.
const SPARK: usize = 16;
/// Cells of a number.
const NUMBER: usize = 10;

/// Draws the tab.
pub fn draw(app: &App, detail: &Detail, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let keys = detail.metrics();
    if keys.is_empty() {
        let text = if detail.kept.read().metrics { "no metrics" } else { "reading…" };
        return middle(buf, area, &[text], theme);
    }
    let split = panes::split(area);
    list(app, detail, keys, split.list, buf, theme);
    if split.other.height > 2 {
        chart(app, detail, split.other, buf, theme);
    }
}

/// Which of the numbers fit: the latest always, then step, extremes, points, sparkline.
struct Shape {
    name: usize,
    step: bool,
    extremes: bool,
    points: bool,
    spark: bool,
}

fn shape(names: usize, width: usize) -> Shape {
    let name = names.min(width / 3).max(6);
    let mut room = width.saturating_sub(name + 4 + NUMBER + 1);
    let mut take = |cells: usize| {
        let fits = room >= cells;
        room -= if fits { cells } else { 0 };
        fits
    };
    let spark = take(SPARK + 2);
    let step = take(NUMBER + 1);
    let extremes = take(2 * (NUMBER + 1));
    Shape { name, step, extremes, points: take(NUMBER + 1), spark }
}

fn list(app: &App, detail: &Detail, keys: &[Key], area: Rect, buf: &mut Buffer, theme: &Theme) {
    let name_of = |key: &Key| shown(app.index().keys.name(*key));
    let widest = keys.iter().take(500).map(|key| text::width(name_of(key).as_str())).max().unwrap_or(0);
    let shape = shape(widest, area.width.into());
    put_line(buf, area, 0, vec![Span::styled(head(&shape), theme.title)]);
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let cursor = detail.cursor();
    for (line, i) in cursor.window(keys.len(), body.height.into()).enumerate() {
        let Some(key) = keys.get(i) else { continue };
        let at = Rect { y: body.y + line as u16, height: 1, ..body };
        let name = text::pad_end(&text::cut_middle(name_of(key).as_str(), shape.name), shape.name);
        let mut spans = vec![Span::raw(format!("   {name} "))];
        spans.extend(numbers(app, detail, *key, &shape, theme));
        put_line(buf, at, 0, spans);
        if i == cursor.at {
            buf.set_style(at, theme.selected);
        }
    }
}

fn head(shape: &Shape) -> String {
    let mut text =
        format!("   {} {}", text::pad_end("METRIC", shape.name), text::pad_start("LATEST", NUMBER));
    let mut column = |shown: bool, title: &str| {
        if shown {
            text.push(' ');
            text.push_str(&text::pad_start(title, NUMBER));
        }
    };
    column(shape.step, "STEP");
    column(shape.extremes, "MIN");
    column(shape.extremes, "MAX");
    column(shape.points, "POINTS");
    if shape.spark {
        text.push_str("  HISTORY");
    }
    text
}

fn numbers<'a>(app: &App, detail: &Detail, key: Key, shape: &Shape, theme: &Theme) -> Vec<Span<'a>> {
    let Some(metric) = detail.kept.metric(key) else { return Vec::new() };
    let series = app.series.get(&(detail.run, key));
    let number = |value: Option<f64>| value.map_or("…".to_owned(), format::number);
    let cell = |text: String| format!(" {}", text::pad_start(&text::cut_end(&text, NUMBER), NUMBER));
    let bad = !metric.last.value.is_finite();
    let latest = text::pad_start(&format::number(metric.last.value), NUMBER);
    let mut spans = vec![Span::styled(latest, if bad { theme.bad } else { theme.title })];
    if shape.step {
        spans.push(Span::styled(cell(metric.last.step.to_string()), theme.dim));
    }
    if shape.extremes {
        // Samples miss extremes.
        let series = series.filter(|series| series.is_exact());
        spans.push(Span::raw(cell(number(series.map(|s| s.min().map_or(f64::NAN, |p| p.value))))));
        spans.push(Span::raw(cell(number(series.map(|s| s.max().map_or(f64::NAN, |p| p.value))))));
    }
    if shape.points {
        let counted = series.filter(|series| series.is_exact()).map_or(metric.points, |s| s.len() as u64);
        let points = if metric.is_counted() { metric.points } else { counted };
        let text = if points == 0 { "…".to_owned() } else { format::count(points) };
        spans.push(Span::styled(cell(text), theme.dim));
    }
    if shape.spark && metric.has_history() {
        let curve = series.map_or("…".to_owned(), |s| spark::spark(&s.curve(), SPARK, &theme.glyphs));
        let style = if detail.kept.is_running() { theme.running } else { theme.accent_soft() };
        spans.push(Span::styled(format!("  {curve}"), style));
    }
    spans
}

fn chart(app: &App, detail: &Detail, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let Some(key) = detail.metric() else { return };
    if let Some(why) = app.failed_series.get(&(detail.run, key)) {
        return middle(buf, area, &["this history cannot be read", shown(why).as_str()], theme);
    }
    let Some(series) = app.series.get(&(detail.run, key)).filter(|series| series.has_points()) else {
        return middle(buf, area, &["reading the history…"], theme);
    };
    let label = Shown::own(text::cut_middle(shown(detail.kept.title()).as_str(), 30).into_owned());
    let curves = [Curve { series: series.as_ref() as &Series, label, note: Shown::default(), colour: 0 }];
    let title = shown(app.index().keys.name(key));
    Chart::new(&curves, title, &detail.chart, None).draw(area, buf, theme);
}
