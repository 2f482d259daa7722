//! A chart as a value, and as the bytes of a picture.

use plotters::drawing::IntoDrawingArea;
use plotters::prelude::SVGBackend;

use super::brush::Brush;
use super::draw::draw;
use super::png::{Canvas, encode, shrink};
use crate::shown::Shown;

/// Pixels that are drawn for each pixel of a PNG, in each direction: what makes shapes smooth.
const FINE: u32 = 3;
/// Units of an SVG for each of its pixels: plotters has whole numbers only.
const SVG_FINE: u32 = 10;
/// Smallest width and height of a picture, in pixels.
const SMALLEST: (u32, u32) = (160, 100);
/// Most pixels of a picture, those of an 8K screen divided by four: drawing needs 27 bytes for each.
const MOST: u64 = 3840 * 2160;
/// Longest side of a picture, in pixels.
const LONGEST: u32 = 16_384;

/// A chart of curves.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// Stands above the chart.
    pub title: Shown,
    /// What the horizontal axis shows.
    pub x_label: Shown,
    /// What the vertical axis shows.
    pub y_label: Shown,
    /// How places on the horizontal axis are written.
    pub x: Scale,
    /// Whether the vertical axis is logarithmic; values of zero and less are then left out.
    pub log_y: bool,
    /// The curves, in order of the legend.
    pub curves: Vec<Curve>,
}

/// One line of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// What the legend says.
    pub label: Shown,
    /// Places in the unit of [`Plot::x`] and values, in the order in which they are joined. A value that is NaN or
    /// infinite breaks the line.
    pub points: Vec<(f64, f64)>,
}

/// How places on the horizontal axis are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Scale {
    /// As numbers: steps.
    #[default]
    Linear,
    /// As durations; places are seconds.
    Seconds,
    /// As local times; places are seconds since the epoch.
    Clock,
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The size cannot be drawn.
    #[error("a picture of {0} by {1} pixels is too small or too large")]
    Size(u32, u32),
    /// plotters failed.
    #[error("cannot draw the picture: {0}")]
    Drawing(String),
    /// The PNG could not be encoded.
    #[error("cannot encode the picture: {0}")]
    Encoding(#[from] png::EncodingError),
}

/// A chart as a PNG file of so many pixels.
pub fn png(plot: &Plot, width: u32, height: u32) -> Result<Vec<u8>, Error> {
    check(width, height)?;
    let size = (width * FINE, height * FINE);
    let mut large = vec![0; size.0 as usize * size.1 as usize * 3];
    let canvas = Canvas::new(&mut large, size).ok_or(Error::Size(width, height))?;
    draw(plot, Brush::new(canvas.into_drawing_area(), FINE)?, (width, height))?;
    encode(&shrink(&large, width, FINE), width, height)
}

/// A chart as an SVG file of so many pixels. Text stays text, in the fonts of whoever looks at it.
pub fn svg(plot: &Plot, width: u32, height: u32) -> Result<String, Error> {
    check(width, height)?;
    let (mut out, wide, high) = (String::new(), width * SVG_FINE, height * SVG_FINE);
    let area = SVGBackend::with_string(&mut out, (wide, high)).into_drawing_area();
    draw(plot, Brush::new(area, SVG_FINE)?, (width, height))?;
    // plotters makes a picture as large as its units; the view box stays, and makes them fine.
    let (large, real) =
        (format!("width=\"{wide}\" height=\"{high}\""), format!("width=\"{width}\" height=\"{height}\""));
    Ok(out.replacen(&large, &real, 1))
}

fn check(width: u32, height: u32) -> Result<(), Error> {
    let small = width < SMALLEST.0 || height < SMALLEST.1;
    let large = width.max(height) > LONGEST || u64::from(width) * u64::from(height) > MOST;
    if small || large { Err(Error::Size(width, height)) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
