//! The axes of a chart, with ticks and labels.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::axis::{Tick, along, exactly};
use super::{Scene, bold, put};
use crate::series::Axis;
use crate::view::text;
use crate::view::theme::Theme;

/// Rows below the plot: the axis and its labels.
const BELOW: u16 = 2;

/// About how many ticks a vertical axis has.
pub(super) fn rows(frame: Rect) -> usize {
    usize::from(frame.height.saturating_sub(BELOW)).div_ceil(4).clamp(2, 8)
}

/// Draws both axes and says what is left for the plot.
pub(super) fn draw(scene: &Scene<'_>, frame: Rect, buf: &mut Buffer, theme: &Theme) -> Rect {
    let name = match scene.axis {
        Axis::Step => "step",
        Axis::Elapsed | Axis::Clock => "time",
    };
    let height = frame.height.saturating_sub(BELOW);
    let ticks = vertical(scene, rows(frame));
    let labels = ticks.iter().map(|tick| text::width(&tick.label)).max().unwrap_or_default();
    let gutter = (labels.max(name.len()) as u16).min(frame.width / 3);
    // One column for the axis, and one at the right for the letters at the ends.
    let plot = Rect::new(frame.x + gutter + 2, frame.y, frame.width.saturating_sub(gutter + 3), height);
    let (x, floor) = (plot.x.saturating_sub(1), plot.bottom());
    let [line, tick_mark, corner, flat, ..] = theme.glyphs.axis;
    for y in plot.top()..plot.bottom() {
        put(buf, frame, x, y, line, theme.axis);
    }
    for tick in &ticks {
        let y = row(plot, tick.place);
        let label = text::pad_start(&tick.label, gutter.into());
        put(buf, frame, frame.x, y, &label, theme.dim);
        put(buf, frame, x, y, tick_mark, theme.axis);
    }
    put(buf, frame, x, floor, corner, theme.axis);
    put(buf, frame, plot.x, floor, &flat.repeat(plot.width.into()), theme.axis);
    put(buf, frame, frame.x, floor + 1, &text::pad_start(name, gutter.into()), theme.dim);
    horizontal(scene, plot, frame, buf, theme);
    plot
}

/// Ticks of the vertical axis, aligned on the decimal point.
fn vertical(scene: &Scene<'_>, most: usize) -> Vec<Tick> {
    let mut ticks = scene.scale.values(most);
    let widths = |tick: &Tick| text::decimal_widths(&tick.label);
    let (whole, fraction) = ticks.iter().map(widths).fold((0, 0), |a, b| (a.0.max(b.0), a.1.max(b.1)));
    for tick in &mut ticks {
        tick.label = text::align_decimal(&tick.label, whole, fraction);
    }
    ticks
}

/// Ticks and labels below the plot: as many as fit with two columns between them.
fn horizontal(scene: &Scene<'_>, plot: Rect, frame: Rect, buf: &mut Buffer, theme: &Theme) {
    let floor = plot.bottom();
    let most = usize::from(plot.width / 8).max(1);
    let placed = (1..=most).rev().map(|n| places(scene, plot, frame, n)).find(|(fits, _)| *fits);
    let ticks = placed.or_else(|| Some(places(scene, plot, frame, 1))).unwrap_or_default().1;
    let cursor = scene.cursor.map(|x| {
        let label = format!(" {} ", exactly(scene.axis, x, &scene.zone));
        let x = column(plot, scene.x(x));
        (x, centred(x, &label, frame), label)
    });
    let is_free = |start: u16, label: &str| {
        let end = |start: u16, label: &str| usize::from(start) + text::width(label);
        cursor
            .as_ref()
            .is_none_or(|(_, from, at)| end(start, label) <= (*from).into() || end(*from, at) <= start.into())
    };
    let mut end = 0;
    for (x, start, label) in ticks {
        put(buf, frame, x, floor, theme.glyphs.axis[4], theme.axis);
        if start >= end && is_free(start, &label) {
            put(buf, frame, start, floor + 1, &label, theme.dim);
            end = start + text::width(&label) as u16 + 1;
        }
    }
    if let Some((x, start, label)) = cursor {
        put(buf, frame, start, floor + 1, &label, bold(theme.accent));
        put(buf, frame, x, floor, theme.glyphs.axis[4], theme.accent);
    }
}

/// Column of each tick, first column of its label, and the label; and whether all of them have room.
fn places(scene: &Scene<'_>, plot: Rect, frame: Rect, most: usize) -> (bool, Vec<(u16, u16, String)>) {
    let ticks = along(scene.axis, scene.range, most, &scene.zone);
    let place = |tick: Tick| {
        let x = column(plot, tick.place);
        (x, centred(x, &tick.label, frame).max(plot.x.saturating_sub(1)), tick.label)
    };
    let placed: Vec<_> = ticks.into_iter().map(place).collect();
    let fits = placed.iter().zip(placed.iter().skip(1)).all(|((_, start, label), (_, next, _))| {
        usize::from(*start) + text::width(label) + 2 <= usize::from(*next)
    });
    (fits, placed)
}

/// First column of a text around a column, moved so that the frame holds it.
fn centred(x: u16, text: &str, frame: Rect) -> u16 {
    let width = text::width(text) as u16;
    x.saturating_sub(width / 2).min(frame.right().saturating_sub(width)).max(frame.x)
}

/// Column of a place from 0 to 1.
pub(super) fn column(plot: Rect, place: f64) -> u16 {
    let last = plot.width.saturating_sub(1);
    plot.x + ((place * f64::from(plot.width)).clamp(0.0, f64::from(last)) as u16)
}

/// Row of a place from 0 (below) to 1.
pub(super) fn row(plot: Rect, place: f64) -> u16 {
    let dots = (f64::from(plot.height) * 4.0 - 1.0).max(0.0);
    let dot = ((1.0 - place).clamp(0.0, 1.0) * dots).round() as u16;
    plot.y + (dot / 4).min(plot.height.saturating_sub(1))
}
