//! What a picture is drawn with, for PNG and SVG alike: lines, marks and text in pixels of the picture.

use plotters::coord::Shift;
use plotters::element::{PathElement, Polygon, Text};
use plotters::prelude::DrawingArea;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontTransform, IntoFont, RGBColor, ShapeStyle, TextStyle, WHITE};
use plotters_backend::DrawingBackend;
use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

use super::glyphs;
use super::plot::Error;
use super::png::EM;

/// Colours that stay apart for colour-blind eyes and on white (Okabe and Ito, the pale yellow replaced).
const COLORS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(136, 34, 85),
    RGBColor(230, 159, 0),
    RGBColor(77, 77, 77),
];
/// Corners of the marks, for a radius of one.
const SHAPES: [&[(f64, f64)]; 6] = [
    &[
        (1.0, 0.0),
        (0.81, 0.59),
        (0.31, 0.95),
        (-0.31, 0.95),
        (-0.81, 0.59),
        (-1.0, 0.0),
        (-0.81, -0.59),
        (-0.31, -0.95),
        (0.31, -0.95),
        (0.81, -0.59),
    ],
    &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
    &[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)],
    &[(0.0, -1.25), (1.25, 0.0), (0.0, 1.25), (-1.25, 0.0)],
    &[(0.0, 1.2), (1.1, -0.8), (-1.1, -0.8)],
    &[
        (-0.4, -1.2),
        (0.4, -1.2),
        (0.4, -0.4),
        (1.2, -0.4),
        (1.2, 0.4),
        (0.4, 0.4),
        (0.4, 1.2),
        (-0.4, 1.2),
        (-0.4, 0.4),
        (-1.2, 0.4),
        (-1.2, -0.4),
        (-0.4, -0.4),
    ],
];
/// Lengths of dashes and of the blanks between them, in pixels; the first curves are solid.
const DASHES: [Option<(f64, f64)>; 3] = [None, Some((9.0, 4.0)), Some((3.0, 3.0))];

/// Curves longer than this many pixels tremble so much that dashes could not be seen; they would only fill the file.
const DASHED: f64 = 8_000.0;

/// How a curve looks: no two of the first 36 share shape, filling and dashes, so that a print without colour can be
/// read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Of line and mark.
    pub color: RGBColor,
    /// Width of the line in pixels.
    pub width: f64,
    shape: &'static [(f64, f64)],
    filled: bool,
    dashes: Option<(f64, f64)>,
}

impl Look {
    /// The look of a curve of a number, of so many.
    pub(super) fn of(number: usize, count: usize) -> Self {
        let round = number / SHAPES.len();
        Self {
            color: COLORS.get(number % COLORS.len()).copied().unwrap_or(INK),
            width: if count <= 4 { 1.8 } else { 1.4 },
            shape: SHAPES.get(number % SHAPES.len()).copied().unwrap_or_default(),
            filled: round.is_multiple_of(2),
            dashes: DASHES.get(round / 2 % DASHES.len()).copied().flatten(),
        }
    }
}

/// The colour of text.
pub(super) const INK: RGBColor = RGBColor(38, 38, 38);
/// The colour of axes and their ticks.
pub(super) const AXIS: RGBColor = RGBColor(110, 110, 110);
/// The colours of the mesh at ticks and between them.
pub(super) const MESH: RGBColor = RGBColor(226, 226, 226);
/// See [`MESH`].
pub(super) const FINE_MESH: RGBColor = RGBColor(241, 241, 241);
/// Families for SVG; the first is what PNG has, so that widths agree.
const FAMILIES: &str = "DejaVu Sans, Verdana, Noto Sans CJK KR, sans-serif";

/// Where a text stands, seen from its position.
#[derive(Clone, Copy, Debug)]
pub(super) enum Side {
    /// It starts there.
    Right,
    /// It ends there.
    Left,
    /// Its middle is there.
    Middle,
    /// Its middle is there, and it runs upwards.
    Upwards,
}

/// A drawing area whose unit is a pixel of the picture, however fine the backend is.
pub(super) struct Brush<DB: DrawingBackend> {
    area: DrawingArea<DB, Shift>,
    /// Pixels of the backend for one of the picture.
    fine: f64,
}

impl<DB: DrawingBackend> Brush<DB> {
    /// A brush on a white ground.
    pub(super) fn new(area: DrawingArea<DB, Shift>, fine: u32) -> Result<Self, Error> {
        area.fill(&WHITE).map_err(drawing)?;
        Ok(Self { area, fine: f64::from(fine) })
    }

    /// Ends the picture.
    pub(super) fn finish(self) -> Result<(), Error> {
        self.area.present().map_err(drawing)
    }

    fn place(&self, (x, y): (f64, f64)) -> (i32, i32) {
        ((x * self.fine).round() as i32, (y * self.fine).round() as i32)
    }

    fn style(&self, color: RGBColor, width: f64) -> ShapeStyle {
        color.stroke_width(((width * self.fine).round() as u32).max(1))
    }

    /// A line through points.
    pub(super) fn line(&self, points: &[(f64, f64)], color: RGBColor, width: f64) -> Result<(), Error> {
        let path: Vec<(i32, i32)> = points.iter().map(|point| self.place(*point)).collect();
        self.area.draw(&PathElement::new(path, self.style(color, width))).map_err(drawing)
    }

    /// A piece of a curve; a single point is a dot.
    pub(super) fn curve(&self, points: &[(f64, f64)], look: Look) -> Result<(), Error> {
        match (points, look.dashes) {
            ([only], _) => self.polygon(only, &Look { width: 1.0, filled: true, ..look }, 1.6),
            (points, None) => self.line(points, look.color, look.width),
            (points, Some(_)) if length(points) > DASHED => self.line(points, look.color, look.width),
            (points, Some(dashes)) => {
                dashed(points, dashes).iter().try_for_each(|dash| self.line(dash, look.color, look.width))
            }
        }
    }

    /// The mark of a curve, with a white seam: it stays visible on a curve that trembles.
    pub(super) fn mark(&self, at: (f64, f64), look: Look) -> Result<(), Error> {
        self.polygon(&at, &Look { color: WHITE, ..look }, 4.8)?;
        self.polygon(&at, &look, 3.4)
    }

    fn polygon(&self, at: &(f64, f64), look: &Look, radius: f64) -> Result<(), Error> {
        let mut corners: Vec<(i32, i32)> =
            look.shape.iter().map(|(x, y)| self.place((at.0 + x * radius, at.1 + y * radius))).collect();
        let fill = if look.filled { look.color } else { WHITE };
        self.area.draw(&Polygon::new(corners.clone(), fill.filled())).map_err(drawing)?;
        corners.extend(corners.first().copied());
        self.area.draw(&PathElement::new(corners, self.style(look.color, 1.2))).map_err(drawing)
    }

    /// A line of text, the middle of its letters at the position.
    pub(super) fn text(&self, text: &str, at: (f64, f64), size: f64, side: Side) -> Result<(), Error> {
        if text.is_empty() {
            return Ok(());
        }
        let (horizontal, transform) = match side {
            Side::Right => (HPos::Left, FontTransform::None),
            Side::Left => (HPos::Right, FontTransform::None),
            Side::Middle => (HPos::Center, FontTransform::None),
            Side::Upwards => (HPos::Center, FontTransform::Rotate270),
        };
        let font = (FAMILIES, size * EM * self.fine).into_font().transform(transform);
        let style = TextStyle::from(font).color(&INK).pos(Pos::new(horizontal, VPos::Center));
        self.area.draw(&Text::new(text, self.place(at), style)).map_err(drawing)
    }
}

fn drawing(error: impl std::fmt::Display) -> Error {
    Error::Drawing(error.to_string())
}

/// How long a path is.
fn length(points: &[(f64, f64)]) -> f64 {
    let ends = points.iter().zip(points.iter().skip(1));
    ends.map(|(from, to)| (to.0 - from.0).hypot(to.1 - from.1)).sum()
}

/// A path cut into dashes of a length, with blanks of another between them.
fn dashed(points: &[(f64, f64)], (dash, blank): (f64, f64)) -> Vec<Vec<(f64, f64)>> {
    let mut dashes = vec![points.first().copied().into_iter().collect::<Vec<_>>()];
    let (mut inked, mut left) = (true, dash);
    for pair in points.windows(2) {
        let [mut from, to] = *pair else { continue };
        loop {
            let (dx, dy) = (to.0 - from.0, to.1 - from.1);
            let length = dx.hypot(dy);
            let ends = length <= left;
            let part = if ends { 1.0 } else { left / length };
            from = if ends { to } else { (from.0 + dx * part, from.1 + dy * part) };
            if let (true, Some(current)) = (inked, dashes.last_mut()) {
                current.push(from);
            }
            if ends {
                left -= length;
                break;
            }
            inked = !inked;
            left = if inked { dash } else { blank };
            if inked {
                dashes.push(vec![from]);
            }
        }
    }
    dashes.retain(|dash| dash.len() > 1);
    dashes
}

/// How wide a text is, in pixels.
pub(super) fn width(text: &str, size: f64) -> f64 {
    f64::from(glyphs::width(text, size as f32))
}

/// A text that is at most so wide; a longer one is cut, with an ellipsis that says so.
pub(super) fn cut(text: &str, size: f64, most: f64) -> String {
    // Composed, or Hangul of a macOS store would fall apart into letters.
    let text: String = text.nfc().collect();
    if width(&text, size) <= most {
        return text;
    }
    let (mut kept, mut room) = (String::new(), most - width("…", size));
    for part in text.graphemes(true) {
        room -= width(part, size);
        if room < 0.0 {
            break;
        }
        kept.push_str(part);
    }
    kept + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_to_its_room() {
        assert_eq!(cut("short", 12.0, 100.0), "short");
        let cut_text = cut(&"한글 label ".repeat(50), 12.0, 100.0);
        assert!(cut_text.ends_with('…') && width(&cut_text, 12.0) <= 100.0);
        assert!(width(&cut_text, 12.0) > 80.0);
        assert_eq!(cut("abc", 12.0, 0.0), "…");
        assert_eq!(cut("\u{1112}\u{1161}\u{11ab}", 12.0, 100.0), "한");
        assert_eq!(cut("exact", 12.0, width("exact", 12.0)), "exact");
    }

    #[test]
    fn dashes_have_their_length() {
        let dashes = dashed(&[(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)], (6.0, 2.0));
        assert_eq!(
            dashes,
            [
                vec![(0.0, 0.0), (6.0, 0.0)],
                vec![(8.0, 0.0), (10.0, 0.0), (10.0, 4.0)],
                vec![(10.0, 6.0), (10.0, 10.0)]
            ]
        );
    }

    #[test]
    fn looks_differ_without_colour() {
        let looks: Vec<Look> = (0..36).map(|i| Look::of(i, 36)).collect();
        for (i, a) in looks.iter().enumerate() {
            let same = |b: &&Look| (a.shape, a.filled, a.dashes) == (b.shape, b.filled, b.dashes);
            assert_eq!(looks.iter().filter(same).count(), 1, "{i}");
        }
    }
}
