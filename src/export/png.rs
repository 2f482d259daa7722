//! A canvas for plotters that draws smooth lines and text, and its way into a PNG file.
//!
//! plotters' own bitmap has neither smooth lines nor, without C libraries, text; it keeps the pixels and fills shapes.

use plotters::backend::BitMapBackend;
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
};

use super::glyphs;
use super::plot::Error;

/// plotters' sizes of fonts are this much larger than an em.
pub(super) const EM: f64 = 1.24;

type Failure = <BitMapBackend<'static> as DrawingBackend>::ErrorType;
type Outcome<T = ()> = Result<T, DrawingErrorKind<Failure>>;

/// Pixels in memory, drawn on by plotters.
pub(super) struct Canvas<'a> {
    pixels: BitMapBackend<'a>,
}

impl<'a> Canvas<'a> {
    /// A canvas over a buffer of three bytes a pixel, which must be that large.
    pub(super) fn new(buffer: &'a mut [u8], size: (u32, u32)) -> Option<Self> {
        let pixels = BitMapBackend::with_buffer_and_format(buffer, size).ok()?;
        Some(Self { pixels })
    }

    /// Draws a line with round ends. Its smoothness is by the distance of pixels from it, so that the pieces of a
    /// path join without seams at any angle.
    fn stroke(&mut self, a: BackendCoord, b: BackendCoord, width: u32, color: BackendColor) -> Outcome {
        let line = Line::new(a, b, f64::from(width) / 2.0);
        let (columns, rows) = self.get_size();
        for y in line.rows(rows) {
            for x in line.columns(y, columns) {
                let covered = line.covers(x, y);
                if covered > 0.0 {
                    self.draw_pixel((x, y), BackendColor { alpha: color.alpha * covered, ..color })?;
                }
            }
        }
        Ok(())
    }
}

/// A straight piece of a path.
struct Line {
    from: (f64, f64),
    /// Where it goes, of length one; zero for a dot.
    way: (f64, f64),
    length: f64,
    /// Half of its width.
    radius: f64,
}

impl Line {
    fn new(a: BackendCoord, b: BackendCoord, radius: f64) -> Self {
        let (dx, dy) = (f64::from(b.0) - f64::from(a.0), f64::from(b.1) - f64::from(a.1));
        let length = dx.hypot(dy);
        let way = if length > 0.0 { (dx / length, dy / length) } else { (0.0, 0.0) };
        Self { from: (f64::from(a.0), f64::from(a.1)), way, length, radius }
    }

    fn end(&self) -> (f64, f64) {
        (self.from.0 + self.way.0 * self.length, self.from.1 + self.way.1 * self.length)
    }

    /// Rows that the line touches, of so many.
    fn rows(&self, rows: u32) -> std::ops::Range<i32> {
        let (a, b) = (self.from.1, self.end().1);
        within(a.min(b) - self.radius - 1.0, a.max(b) + self.radius + 1.0, rows)
    }

    /// Pixels of a row that the line may touch: without this, long slanted lines would look at whole rectangles.
    fn columns(&self, y: i32, columns: u32) -> std::ops::Range<i32> {
        let (reach, (a, b)) = (self.radius + 1.0, (self.from.0, self.end().0));
        let (mut low, mut high) = (a.min(b) - reach, a.max(b) + reach);
        if self.way.1.abs() > 1e-9 {
            let middle = self.from.0 + (f64::from(y) - self.from.1) * self.way.0 / self.way.1;
            let half = reach / self.way.1.abs();
            (low, high) = (low.max(middle - half), high.min(middle + half));
        }
        within(low, high, columns)
    }

    /// How much of a pixel the line covers, 0 to 1.
    fn covers(&self, x: i32, y: i32) -> f64 {
        let (x, y) = (f64::from(x) - self.from.0, f64::from(y) - self.from.1);
        let along = (x * self.way.0 + y * self.way.1).clamp(0.0, self.length);
        let (dx, dy) = (x - along * self.way.0, y - along * self.way.1);
        (self.radius + 0.5 - (dx * dx + dy * dy).sqrt()).clamp(0.0, 1.0)
    }
}

/// Whole numbers from `low` to `high` that are pixels of a side of so many.
fn within(low: f64, high: f64, pixels: u32) -> std::ops::Range<i32> {
    let most = f64::from(pixels);
    low.floor().clamp(0.0, most) as i32..(high.floor() + 1.0).clamp(0.0, most) as i32
}

impl DrawingBackend for Canvas<'_> {
    type ErrorType = Failure;

    fn get_size(&self) -> (u32, u32) {
        self.pixels.get_size()
    }

    fn ensure_prepared(&mut self) -> Outcome {
        self.pixels.ensure_prepared()
    }

    fn present(&mut self) -> Outcome {
        self.pixels.present()
    }

    fn draw_pixel(&mut self, at: BackendCoord, color: BackendColor) -> Outcome {
        self.pixels.draw_pixel(at, color)
    }

    fn draw_line<S: BackendStyle>(&mut self, a: BackendCoord, b: BackendCoord, style: &S) -> Outcome {
        self.stroke(a, b, style.stroke_width(), style.color())
    }

    fn draw_path<S, I>(&mut self, path: I, style: &S) -> Outcome
    where
        S: BackendStyle,
        I: IntoIterator<Item = BackendCoord>,
    {
        let mut points = path.into_iter();
        let Some(mut before) = points.next() else { return Ok(()) };
        for point in points {
            self.stroke(before, point, style.stroke_width(), style.color())?;
            before = point;
        }
        Ok(())
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        a: BackendCoord,
        b: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Outcome {
        self.pixels.draw_rect(a, b, style, fill)
    }

    fn fill_polygon<S, I>(&mut self, corners: I, style: &S) -> Outcome
    where
        S: BackendStyle,
        I: IntoIterator<Item = BackendCoord>,
    {
        self.pixels.fill_polygon(corners, style)
    }

    fn estimate_text_size<S: BackendTextStyle>(&self, text: &str, style: &S) -> Outcome<(u32, u32)> {
        let size = (style.size() / EM) as f32;
        Ok((glyphs::width(text, size).ceil() as u32, size.ceil() as u32))
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: BackendCoord) -> Outcome {
        let drawn = glyphs::rasterise(text, (style.size() / EM) as f32);
        let (width, height) = (drawn.width as i32, (drawn.pixels.len() / drawn.width.max(1)) as i32);
        let left = match style.anchor().h_pos {
            HPos::Left => 0,
            HPos::Right => -width,
            HPos::Center => -width / 2,
        };
        let top = match style.anchor().v_pos {
            VPos::Top => 0,
            VPos::Center => -height / 2,
            VPos::Bottom => -height,
        };
        let color = style.color();
        for (y, row) in (top..).zip(drawn.pixels.chunks(drawn.width.max(1))) {
            for (x, covered) in (left..).zip(row).filter(|(_, covered)| **covered > 0.0) {
                let (x, y) = style.transform().transform(x, y);
                let color = BackendColor { alpha: color.alpha * f64::from(*covered), ..color };
                self.draw_pixel((at.0.saturating_add(x), at.1.saturating_add(y)), color)?;
            }
        }
        Ok(())
    }
}

/// Each pixel the average of `fine` by `fine` of a picture that is so many times as large as `width`.
pub(super) fn shrink(large: &[u8], width: u32, fine: u32) -> Vec<u8> {
    let (width, fine) = (width as usize, fine as usize);
    let row = width * 3;
    let mut out = Vec::with_capacity(large.len() / (fine * fine).max(1));
    for rows in large.chunks_exact((row * fine * fine).max(1)) {
        let mut sums = vec![0u32; row];
        for line in rows.chunks_exact((row * fine).max(1)) {
            for (pixel, sum) in line.chunks_exact((3 * fine).max(1)).zip(sums.chunks_exact_mut(3)) {
                for color in pixel.chunks_exact(3) {
                    sum.iter_mut().zip(color).for_each(|(sum, part)| *sum += u32::from(*part));
                }
            }
        }
        let parts = (fine * fine) as u32;
        out.extend(sums.iter().map(|sum| ((sum + parts / 2) / parts) as u8));
    }
    out
}

/// A PNG file of pixels of three bytes.
pub(super) fn encode(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, Error> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plotters::style::{BLACK, Color};

    fn drawn(draw: impl FnOnce(&mut Canvas<'_>)) -> Vec<u8> {
        let mut buffer = vec![255; 20 * 20 * 3];
        draw(&mut Canvas::new(&mut buffer, (20, 20)).unwrap());
        buffer
    }

    fn ink(buffer: &[u8]) -> f64 {
        buffer.iter().map(|part| 1.0 - f64::from(*part) / 255.0).sum::<f64>() / 3.0
    }

    #[test]
    fn a_line_has_its_width_at_any_angle() {
        for end in [(16, 4), (4, 16), (13, 13)] {
            let buffer =
                drawn(|canvas| canvas.draw_line((4, 4), end, &Color::stroke_width(&BLACK, 3)).unwrap());
            let length = f64::from(end.0 - 4).hypot(f64::from(end.1 - 4));
            let want = length * 3.0 + std::f64::consts::PI * 2.25;
            assert!((ink(&buffer) / want - 1.0).abs() < 0.1, "{end:?}: {} {want}", ink(&buffer));
        }
    }

    #[test]
    fn nothing_is_drawn_outside() {
        let far = i32::MAX;
        let buffer = drawn(|canvas| {
            canvas.draw_line((-far, -far), (far, -far), &BLACK).unwrap();
            canvas.draw_line((100, 3), (200, 3), &BLACK).unwrap();
        });
        assert_eq!(ink(&buffer), 0.0);
        let across = drawn(|canvas| canvas.draw_line((-far, 10), (far, 10), &BLACK).unwrap());
        assert!(ink(&across) > 19.0);
    }

    #[test]
    fn shrinking_averages_boxes() {
        let mut large = vec![0; 6 * 3 * 3];
        large[..3].fill(90);
        assert_eq!(shrink(&large, 2, 3), [10, 10, 10, 0, 0, 0]);
    }
}
