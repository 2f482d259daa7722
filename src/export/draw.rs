//! The layout of a chart: where axes, curves and legend go, and what they look like.

use jiff::tz::TimeZone;
use plotters_backend::DrawingBackend;

use super::brush::{AXIS, Brush, FINE_MESH, Look, MESH, Side, cut, width};
use super::plot::{Curve, Error, Plot, Scale};
use super::range::{Range, Ticks};
use super::thin::{Pieces, Spot, pieces};
use super::time;

/// Heights of text in pixels.
const TITLE: f64 = 16.0;
const LABEL: f64 = 12.5;
const SMALL: f64 = 11.5;
/// Room between a line and what stands beside it, and at the edges of the picture.
const GAP: f64 = 8.0;
const EDGE: f64 = 16.0;
/// Height of a line of the legend, and width of the sample before its text.
const LEGEND: f64 = 19.0;
const SAMPLE: f64 = 30.0;
/// Most curves that the legend names: more cannot be told apart.
const NAMED: usize = 30;
/// Pixels between two marks of a curve.
const MARKS: f64 = 84.0;

/// The rectangle between the axes, in pixels.
#[derive(Clone, Copy, Debug)]
struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
}

impl Frame {
    fn x(&self, place: f64) -> f64 {
        self.left + place * (self.right - self.left)
    }

    fn y(&self, place: f64) -> f64 {
        self.bottom - place * (self.bottom - self.top)
    }
}

/// The names of the curves beside the chart.
struct Legend {
    /// Cut to what fits; the last may say how many more there are.
    lines: Vec<String>,
    /// Curves that are named, at most the lines.
    named: usize,
    width: f64,
}

impl Legend {
    /// A column right of the chart when there are several curves.
    fn beside(plot: &Plot, size: (f64, f64), height: f64) -> Self {
        if plot.curves.len() < 2 {
            return Self { lines: Vec::new(), named: 0, width: 0.0 };
        }
        let fit = ((height / LEGEND) as usize).clamp(1, NAMED);
        let named = if plot.curves.len() <= fit { plot.curves.len() } else { fit - 1 };
        let most = (size.0 * 0.3 - SAMPLE).max(20.0);
        let mut lines: Vec<String> =
            plot.curves.iter().take(named).map(|curve| cut(curve.label.as_str(), SMALL, most)).collect();
        if named < plot.curves.len() {
            lines.push(format!("+ {} more", plot.curves.len() - named));
        }
        let widest = lines.iter().map(|line| width(line, SMALL)).fold(0.0, f64::max);
        Self { lines, named, width: SAMPLE + 6.0 + widest }
    }
}

/// Draws a chart of a size in pixels.
pub(super) fn draw<DB: DrawingBackend>(plot: &Plot, brush: Brush<DB>, size: (u32, u32)) -> Result<(), Error> {
    let size = (f64::from(size.0), f64::from(size.1));
    let (x, y) = ranges(plot);
    let single = plot.curves.len() == 1 && plot.curves.iter().any(|c| !c.label.as_str().is_empty());
    let title = if plot.title.as_str().is_empty() { 0.0 } else { TITLE + 14.0 };
    let top = EDGE + title + if single { LEGEND } else { 0.0 };
    let lines = if plot.x == Scale::Clock { 2.0 } else { 1.0 };
    let below =
        GAP + lines * (SMALL + 4.0) + if plot.x_label.as_str().is_empty() { 0.0 } else { LABEL + 10.0 };
    let bottom = (size.1 - below - 8.0).max(top + 20.0);

    let y_ticks = y.ticks(((bottom - top) / 52.0) as usize);
    let widest = y_ticks.major.iter().map(|tick| width(&tick.label, SMALL)).fold(0.0, f64::max);
    let y_label = if plot.y_label.as_str().is_empty() { 0.0 } else { LABEL + 10.0 };
    let left = 10.0 + y_label + widest + GAP;
    let legend = Legend::beside(plot, size, bottom - top + 6.0);
    let beside = if legend.lines.is_empty() { EDGE + 8.0 } else { legend.width + EDGE + GAP + 4.0 };
    let right = (size.0 - beside).max(left + 20.0);
    let frame = Frame { left, right, top, bottom };

    mesh(&brush, frame, &y_ticks, &x_ticks(plot, &x, frame), size)?;
    curves(&brush, plot, frame, (&x, &y))?;
    labels(&brush, plot, frame, size)?;
    if single {
        let names = plot.curves.iter().map(|c| cut(c.label.as_str(), SMALL, right - left - SAMPLE - 8.0));
        names_at(&brush, names, 1, 1, (left, top - LEGEND / 2.0 - 4.0))?;
    } else {
        let at = (right + GAP + 4.0, top + LEGEND / 2.0 - 3.0);
        names_at(&brush, legend.lines.into_iter(), legend.named, plot.curves.len(), at)?;
    }
    brush.finish()
}

/// The ranges of both axes, over points that can be seen on both.
fn ranges(plot: &Plot) -> (Range, Range) {
    let seen = || {
        let points = plot.curves.iter().flat_map(|curve| &curve.points);
        points.filter(|(x, y)| x.is_finite() && y.is_finite() && (!plot.log_y || *y > 0.0))
    };
    let least = match plot.x {
        Scale::Linear => 0.0,
        Scale::Seconds => 1e-3,
        Scale::Clock => 10.0,
    };
    let x = Range::of(seen().map(|point| point.0), false, 0.012, least);
    (x, Range::of(seen().map(|point| point.1), plot.log_y, 0.04, 0.0))
}

/// As many ticks as there is room for their labels.
fn x_ticks(plot: &Plot, range: &Range, frame: Frame) -> Ticks {
    let zone = TimeZone::system();
    let room = frame.right - frame.left;
    let mut about = ((room / 70.0) as usize).clamp(2, 14);
    loop {
        let ticks = match plot.x {
            Scale::Linear => range.ticks(about),
            Scale::Seconds => time::durations(range, about),
            Scale::Clock => time::clock(range, about, &zone),
        };
        let widest = ticks.major.iter().map(|tick| width(&tick.label, SMALL)).fold(0.0, f64::max);
        let places = ticks.major.iter().map(|tick| tick.place * room);
        let next = places.clone().skip(1);
        if about <= 2 || places.zip(next).all(|(a, b)| b - a >= widest + 14.0) {
            return ticks;
        }
        about -= 1;
    }
}

/// Mesh, axes, ticks and their labels.
fn mesh<DB: DrawingBackend>(
    brush: &Brush<DB>,
    frame: Frame,
    y: &Ticks,
    x: &Ticks,
    size: (f64, f64),
) -> Result<(), Error> {
    let Frame { left, right, top, bottom } = frame;
    for place in &y.minor {
        brush.line(&[(left, frame.y(*place)), (right, frame.y(*place))], FINE_MESH, 1.0)?;
    }
    for tick in &x.major {
        brush.line(&[(frame.x(tick.place), top), (frame.x(tick.place), bottom)], MESH, 1.0)?;
    }
    for tick in &y.major {
        let at = frame.y(tick.place);
        brush.line(&[(left, at), (right, at)], MESH, 1.0)?;
        brush.line(&[(left - 4.0, at), (left, at)], AXIS, 1.0)?;
        brush.text(&tick.label, (left - GAP, at), SMALL, Side::Left)?;
    }
    brush.line(&[(left, top), (left, bottom), (right, bottom)], AXIS, 1.0)?;
    let mut free = [0.0; 2];
    for tick in &x.major {
        let at = frame.x(tick.place);
        brush.line(&[(at, bottom), (at, bottom + 4.0)], AXIS, 1.0)?;
        let mut line = bottom + GAP + SMALL / 2.0;
        for (label, free) in [&tick.label, &tick.below].into_iter().zip(&mut free) {
            let wide = width(label, SMALL);
            // Labels at the ends move inwards rather than out of the picture; no two overlap.
            let middle = at.max(wide / 2.0 + 4.0).min(size.0 - wide / 2.0 - 4.0);
            if !label.is_empty() && middle - wide / 2.0 >= *free {
                brush.text(label, (middle, line), SMALL, Side::Middle)?;
                *free = middle + wide / 2.0 + 6.0;
            }
            line += SMALL + 4.0;
        }
    }
    Ok(())
}

/// All curves, then all marks above them.
fn curves<DB: DrawingBackend>(
    brush: &Brush<DB>,
    plot: &Plot,
    frame: Frame,
    ranges: (&Range, &Range),
) -> Result<(), Error> {
    let count = plot.curves.len();
    let drawn: Vec<(Look, Pieces)> = plot
        .curves
        .iter()
        .enumerate()
        .map(|(number, curve)| (Look::of(number, count), in_pixels(curve, frame, ranges)))
        .collect();
    for (look, pieces) in &drawn {
        pieces.iter().try_for_each(|piece| brush.curve(piece, *look))?;
    }
    for (number, (look, pieces)) in drawn.iter().enumerate().filter(|_| count > 1) {
        // Curves of equal points do not hide each other's marks.
        let start = frame.left + MARKS * ((number * 3 % 7) as f64 + 0.5) / 7.0;
        marks(pieces, start).into_iter().try_for_each(|at| brush.mark(at, *look))?;
    }
    if drawn.iter().all(|(_, pieces)| pieces.is_empty()) {
        let middle = (frame.x(0.5), frame.y(0.5));
        brush.text("no points to show", middle, LABEL, Side::Middle)?;
    }
    Ok(())
}

fn in_pixels(curve: &Curve, frame: Frame, (x, y): (&Range, &Range)) -> Pieces {
    let spots = curve.points.iter().map(|point| {
        let column = x.place(point.0).map(|place| frame.x(place));
        match (column, y.place(point.1)) {
            (Some(x), Some(place)) => Spot::At(x, frame.y(place)),
            (x, _) => Spot::Gap(x),
        }
    });
    let columns = (frame.right - frame.left).ceil().max(1.0) as usize;
    pieces(spots, frame.left, columns, curve.points.len() <= columns * 2)
}

/// Points for marks: apart from each other, from `start` on, and at least one.
fn marks(pieces: &Pieces, start: f64) -> Vec<(f64, f64)> {
    let mut found: Vec<(f64, f64)> = Vec::new();
    let mut next = start;
    for point in pieces.iter().flatten() {
        if point.0 >= next {
            found.push(*point);
            next = start + (((point.0 - start) / MARKS).floor() + 1.0) * MARKS;
        }
    }
    if found.is_empty() {
        found.extend(pieces.last().and_then(|piece| piece.last()));
    }
    found
}

/// Title and names of the axes.
fn labels<DB: DrawingBackend>(
    brush: &Brush<DB>,
    plot: &Plot,
    frame: Frame,
    size: (f64, f64),
) -> Result<(), Error> {
    let title = cut(plot.title.as_str(), TITLE, size.0 - frame.left - EDGE);
    brush.text(&title, (frame.left, EDGE + TITLE / 2.0 - 2.0), TITLE, Side::Right)?;
    let x = cut(plot.x_label.as_str(), LABEL, frame.right - frame.left);
    brush.text(&x, (frame.x(0.5), size.1 - 8.0 - LABEL / 2.0), LABEL, Side::Middle)?;
    let y = cut(plot.y_label.as_str(), LABEL, frame.bottom - frame.top);
    brush.text(&y, (10.0 + LABEL / 2.0, frame.y(0.5)), LABEL, Side::Upwards)
}

/// Lines of the legend below each other, the first `named` with a sample of their curve.
fn names_at<DB: DrawingBackend>(
    brush: &Brush<DB>,
    lines: impl Iterator<Item = String>,
    named: usize,
    count: usize,
    (x, mut y): (f64, f64),
) -> Result<(), Error> {
    for (number, line) in lines.enumerate() {
        if number < named {
            let look = Look::of(number, count);
            brush.curve(&[(x, y), (x + SAMPLE - 4.0, y)], look)?;
            if count > 1 {
                brush.mark((x + SAMPLE / 2.0 - 2.0, y), look)?;
            }
        }
        brush.text(&line, (x + SAMPLE + 4.0, y), SMALL, Side::Right)?;
        y += LEGEND;
    }
    Ok(())
}
