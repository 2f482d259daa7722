//! Curves as dots, the letters where they end, and the crosshair.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::canvas::{ACROSS, Canvas, Layer};
use super::frame::{column, row};
use super::{Scene, bold, put};
use crate::series::Bucket;
use crate::view::theme::Theme;

impl Scene<'_> {
    /// How far a place of the horizontal axis is from its left end to its right, 0 to 1.
    pub(super) fn x(&self, x: f64) -> f64 {
        let (from, to) = self.range;
        let place = (x / 2.0 - from / 2.0) / (to / 2.0 - from / 2.0);
        if place.is_finite() { place } else { 0.0 }
    }

    /// Rows of dots from the top; values outside lie on the edge.
    fn dot(&self, value: f64, dots: usize) -> usize {
        let last = dots.saturating_sub(1);
        (((1.0 - self.scale.place(value)).clamp(0.0, 1.0) * last as f64).round() as usize).min(last)
    }

    fn is_focused(&self, curve: usize) -> bool {
        self.focus == Some(curve)
    }
}

/// Where a curve ends on the screen.
struct End {
    curve: usize,
    value: f64,
    x: u16,
    y: u16,
}

/// Draws all curves into the plot; `letters` also at their ends, one column right of it at most.
pub(super) fn draw(scene: &Scene<'_>, letters: bool, buf: &mut Buffer, theme: &Theme) {
    let plot = scene.plot;
    let mut canvas = Canvas::new(plot.width.into(), plot.height.into());
    let (columns, dots) = canvas.dots();
    let mut ends = Vec::new();
    for (i, shape) in scene.shapes.iter().enumerate() {
        let buckets = shape.buckets(scene.axis, scene.range, columns);
        canvas.curve(i, scene.is_focused(i), |layer| curve(layer, &buckets, |v| scene.dot(v, dots)));
        let last = buckets.iter().enumerate().rev().find_map(|(x, bucket)| bucket.map(|b| (x, b.last)));
        ends.extend(last.map(|(x, value)| End {
            curve: i,
            value,
            x: plot.x + (x / ACROSS) as u16 + 1,
            y: row(plot, scene.scale.place(value)),
        }));
    }
    crosshair(scene, buf, theme);
    cells(scene, &canvas, buf, theme);
    if letters {
        place_letters(scene, ends, buf);
        values_at_cursor(scene, buf);
    }
}

/// Low to high in every column, and lines from each column to the next that has values.
fn curve(layer: &mut Layer<'_>, buckets: &[Option<Bucket>], dot: impl Fn(f64) -> usize) {
    let mut before: Option<(usize, usize)> = None;
    let mut seen = 0;
    for (x, bucket) in buckets.iter().enumerate().filter_map(|(x, bucket)| Some((x, (*bucket)?))) {
        if let Some(before) = before {
            layer.line(before, (x, dot(bucket.first)));
        }
        layer.column(x, dot(bucket.low), dot(bucket.high));
        before = Some((x, dot(bucket.last)));
        seen += 1;
    }
    // One dot alone is easily overlooked; a cell wide, since the letter stands in the next one.
    if let (Some((x, y)), 1) = (before, seen) {
        let left = x - x % ACROSS;
        (left..left + ACROSS).for_each(|x| layer.column(x, y.saturating_sub(1), y + 1));
    }
}

/// Writes the dots into the buffer; empty cells keep what is there.
fn cells(scene: &Scene<'_>, canvas: &Canvas, buf: &mut Buffer, theme: &Theme) {
    let plot = scene.plot;
    for (y, line) in (plot.top()..plot.bottom()).enumerate() {
        for (x, place) in (plot.left()..plot.right()).enumerate() {
            let Some(dots) = canvas.cell(x, y).filter(|dots| dots.bits != 0) else { continue };
            let Some(shape) = scene.shapes.get(dots.owner) else { continue };
            let style = if scene.is_focused(dots.owner) { bold(shape.style) } else { shape.style };
            let sign = match (theme.glyphs.utf8, scene.shapes.len()) {
                (true, _) => dots.braille(),
                (false, 1) => '*',
                (false, _) => shape.letter,
            };
            if let Some(cell) = buf.cell_mut((place, line)) {
                cell.reset();
                cell.set_char(sign).set_style(style);
            }
        }
    }
}

fn crosshair(scene: &Scene<'_>, buf: &mut Buffer, theme: &Theme) {
    let Some(cursor) = scene.cursor else { return };
    let x = column(scene.plot, scene.x(cursor));
    for y in scene.plot.top()..scene.plot.bottom() {
        put(buf, scene.plot, x, y, theme.glyphs.cursor, theme.dim);
    }
}

/// Letters at the ends of curves. Those in one column stand in the order of the values there, each in a row of its own
/// as near to its curve as the others let it.
fn place_letters(scene: &Scene<'_>, mut ends: Vec<End>, buf: &mut Buffer) {
    let plot = scene.plot;
    let area = Rect { width: plot.width + 1, ..plot };
    ends.sort_by(|a, b| a.x.cmp(&b.x).then(b.value.total_cmp(&a.value)));
    for group in ends.chunk_by_mut(|a, b| a.x == b.x) {
        let mut free = plot.top();
        for end in group.iter_mut() {
            end.y = end.y.max(free);
            free = end.y.saturating_add(1);
        }
        let mut below = plot.bottom();
        for end in group.iter_mut().rev() {
            end.y = end.y.min(below.saturating_sub(1));
            below = end.y;
            if let Some(shape) = scene.shapes.get(end.curve).filter(|_| end.y >= plot.top()) {
                put(buf, area, end.x, end.y, shape.letter.encode_utf8(&mut [0; 4]), bold(shape.style));
            }
        }
    }
}

/// Letters where curves meet the crosshair.
fn values_at_cursor(scene: &Scene<'_>, buf: &mut Buffer) {
    let Some(cursor) = scene.cursor else { return };
    let x = column(scene.plot, scene.x(cursor));
    // The focused one last, on top.
    for shape in scene.shapes.iter().chain(scene.focus.and_then(|focus| scene.shapes.get(focus))) {
        let value = shape.near(scene.axis, cursor, 0.0).filter(|value| value.is_finite());
        if let Some(value) = value {
            let y = row(scene.plot, scene.scale.place(value));
            put(buf, scene.plot, x, y, shape.letter.encode_utf8(&mut [0; 4]), bold(shape.style));
        }
    }
}
