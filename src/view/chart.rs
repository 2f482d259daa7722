//! Curves of metrics in braille dots, with axes, a legend and a crosshair.
//!
//! ```text
//!  title                                        notes      what was left out
//!  2.0 ┤⢣                                       a bold-fox-12    0.038
//!  1.0 ┤ ⠑⠢⢄⣀⡀                                  b rapt-owl-3     0.041    beside the plot, or above it
//!  0.0 ┤     ⠈⠉⠉⠉⠉⠉a
//!      └┬────────┬──                            letters stand where curves end, so colour is not needed
//!  step 0      500
//! ```
//!
//! Small areas lose the legend first, then title and axes.

mod axis;
mod canvas;
mod frame;
mod legend;
mod plot;
mod shape;
#[cfg(test)]
mod tests;

use jiff::tz::TimeZone;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use self::axis::Scale;
use self::legend::Entry;
use self::shape::Shape;
use crate::app::chart::ChartView;
use crate::format::{count, number};
use crate::series::{Axis, Series};
use crate::shown::Shown;
use crate::view::text;
use crate::view::theme::Theme;

/// Columns from which the legend stands beside the plot.
const WIDE: u16 = 100;

/// One curve: a metric of a run.
#[derive(Clone, Debug)]
pub struct Curve<'a> {
    /// Its points.
    pub series: &'a Series,
    /// What the legend calls it.
    pub label: Shown,
    /// What the legend says behind that: why there is no curve, or that the run trains. Names become shorter first.
    pub note: Shown,
    /// Its colour, see [`Theme::series`]; stays with a run while others come and go.
    pub colour: usize,
}

/// A chart of some curves.
#[derive(Clone, Debug, Default)]
pub struct Chart<'a> {
    /// The curves, in the order of the legend; their letters are `a`, `b`, ... in this order.
    pub curves: &'a [Curve<'a>],
    /// What the vertical axis shows: the name of the metric.
    pub title: Shown,
    /// What the horizontal axis shows.
    pub axis: Axis,
    /// Whether the vertical axis is logarithmic; values of 0 and less are left out then.
    pub log: bool,
    /// The curve that lies on top of the others.
    pub focus: Option<usize>,
    /// Part of the horizontal axis to show, in its units; everything when there is none.
    pub window: Option<(f64, f64)>,
    /// Place of the crosshair on the horizontal axis; the legend shows the values there instead of the latest.
    pub cursor: Option<f64>,
}

/// The letter by which a curve is known.
pub fn letter(number: usize) -> char {
    ('a'..='z').chain('A'..='Z').nth(number).unwrap_or('+')
}

/// Where the parts of a chart are.
#[derive(Clone, Copy, Debug, Default)]
struct Plan {
    title: Rect,
    legend: Rect,
    /// Whether the legend stands beside the plot rather than above it.
    beside: bool,
    /// Plot and axes.
    frame: Rect,
    /// Whether there are axes, and letters where curves end.
    axes: bool,
}

/// What is on the screen of a chart: curves, scales and their places.
#[derive(Debug)]
struct Scene<'a> {
    shapes: Vec<Shape<'a>>,
    axis: Axis,
    range: (f64, f64),
    scale: Scale,
    plot: Rect,
    zone: TimeZone,
    focus: Option<usize>,
    cursor: Option<f64>,
}

impl<'a> Chart<'a> {
    /// Curves as the user looks at them.
    pub fn new(curves: &'a [Curve<'a>], title: Shown, view: &ChartView, focus: Option<usize>) -> Self {
        let ChartView { axis, log, window, cross } = *view;
        Self { curves, title, axis, log, focus, window, cursor: cross }
    }

    /// From where to where the horizontal axis goes: the window, or all that the curves have.
    pub fn span(&self) -> Option<(f64, f64)> {
        span(&self.shapes(&Theme::new(false, true)), self.axis, self.window)
    }

    /// Draws the chart; writes nothing outside of `area`.
    pub fn draw(&self, area: Rect, buf: &mut Buffer, theme: &Theme) {
        let area = area.intersection(buf.area);
        if area.is_empty() {
            return;
        }
        let shapes = self.shapes(theme);
        let plan = self.plan(area, &shapes);
        self.title(plan.title, &shapes, buf, theme);
        self.legend(plan, &shapes, buf, theme);
        let Some((range, values)) = self.ranges(&shapes) else {
            let why = self.why_empty();
            let middle = Rect { y: area.y + area.height / 2, height: 1, ..plan.frame };
            let column = middle.x + middle.width.saturating_sub(text::width(why) as u16) / 2;
            return put(buf, middle, column, middle.y, why, theme.dim);
        };
        let scale = Scale::new(values, self.log);
        let scale = if plan.axes { scale.rounded(frame::rows(plan.frame)) } else { scale };
        let mut scene = Scene {
            shapes,
            axis: self.axis,
            range,
            scale,
            plot: plan.frame,
            zone: TimeZone::system(),
            focus: self.focus,
            cursor: self.cursor.filter(|x| (range.0..=range.1).contains(x)),
        };
        if plan.axes {
            scene.plot = frame::draw(&scene, plan.frame, buf, theme);
        }
        plot::draw(&scene, plan.axes, buf, theme);
    }

    fn shapes(&self, theme: &Theme) -> Vec<Shape<'_>> {
        self.curves
            .iter()
            .enumerate()
            .map(|(number, curve)| Shape::new(curve, letter(number), self, theme))
            .collect()
    }

    /// Both ranges that are shown, horizontal and vertical; `None` without a single value.
    fn ranges(&self, shapes: &[Shape<'_>]) -> Option<((f64, f64), (f64, f64))> {
        let range = span(shapes, self.axis, self.window)?;
        let values = shapes.iter().filter_map(|shape| shape.values(self.axis, range));
        Some((range, values.reduce(union)?))
    }

    fn why_empty(&self) -> &'static str {
        let all = |test: fn(&Series) -> bool| self.curves.iter().all(|curve| test(curve.series));
        match () {
            () if self.curves.is_empty() => "no metric chosen",
            () if all(Series::is_empty) => "no points yet",
            () if all(|s| s.min().is_none()) => "all values are NaN",
            () if all(|s| s.values().is_none()) => "no value is finite",
            () if self.log && all(|s| s.values().is_none_or(|v| v.1 <= 0.0)) => {
                "no value above 0 for a log scale"
            }
            () => "no points in this window",
        }
    }

    fn plan(&self, area: Rect, shapes: &[Shape<'_>]) -> Plan {
        let mut plan = Plan { frame: area, axes: area.width >= 24 && area.height >= 6, ..Plan::default() };
        if !plan.axes {
            return plan;
        }
        let notes = !self.title.as_str().is_empty()
            || self.log
            || shapes.iter().any(|s| s.is_partial() || s.is_sampled());
        if notes {
            (plan.title, plan.frame) = split_top(plan.frame, 1);
        }
        let entries = self.entries(shapes, None);
        if area.width >= WIDE {
            let width = (legend::side_width(&entries) as u16).min(area.width * 3 / 10);
            plan.beside = true;
            plan.legend = Rect { x: area.right() - width, width, ..plan.frame };
            plan.frame.width -= width + 2;
        } else if area.height >= 9 {
            let lines = legend::lines_needed(&entries, area.width, (area.height / 5).into());
            (plan.legend, plan.frame) = split_top(plan.frame, lines as u16);
        }
        plan
    }

    /// Name of the metric, and what of it cannot be seen.
    fn title(&self, area: Rect, shapes: &[Shape<'_>], buf: &mut Buffer, theme: &Theme) {
        let room = usize::from(area.width);
        let title = text::cut_middle(self.title.as_str(), room);
        put(buf, area, area.x, area.y, &title, theme.title);
        let odd: usize = self.curves.iter().map(|curve| curve.series.odd()).sum();
        let left_out: usize = shapes.iter().map(|shape| shape.left_out).sum();
        let notes = [
            (shapes.iter().any(Shape::is_sampled), self.progress()),
            (self.log, "log scale".to_owned()),
            (left_out > 0, format!("{} at or below 0 left out", count(left_out as u64))),
            (odd > 0, format!("{} NaN or infinite", count(odd as u64))),
        ];
        let notes: Vec<_> = notes.into_iter().filter(|(is, _)| *is).map(|(_, note)| note).collect();
        let notes = notes.join(&format!(" {} ", theme.glyphs.separator));
        let notes = text::cut_end(&notes, room.saturating_sub(text::width(&title) + 2));
        put(buf, area, area.right() - text::width(&notes) as u16, area.y, &notes, theme.dim);
    }

    /// That curves are not all there yet, and how much is.
    fn progress(&self) -> String {
        let percents = || self.curves.iter().filter_map(|curve| curve.series.percent_read());
        format!("sampled, {} % read", percents().min().unwrap_or_default())
    }

    fn legend(&self, plan: Plan, shapes: &[Shape<'_>], buf: &mut Buffer, theme: &Theme) {
        let cursor = self.cursor.filter(|x| x.is_finite());
        let entries = self.entries(shapes, cursor);
        if plan.beside {
            let head = cursor.map_or("latest".to_owned(), |x| {
                format!("at {}", axis::exactly(self.axis, x, &TimeZone::system()))
            });
            legend::side(&entries, &head, plan.legend, buf, theme);
        } else {
            legend::lines(&entries, plan.legend, buf, theme);
        }
    }

    fn entries(&self, shapes: &[Shape<'_>], cursor: Option<f64>) -> Vec<Entry> {
        let step =
            span(shapes, self.axis, self.window).map_or(0.0, |(from, to)| (to / 2.0 - from / 2.0) / 50.0);
        let one = |(i, (curve, shape)): (usize, (&Curve<'_>, &Shape<'_>))| Entry {
            letter: shape.letter,
            label: curve.label.as_str().to_owned(),
            note: curve.note.as_str().to_owned(),
            value: match cursor {
                Some(x) => shape.near(self.axis, x, step).map(number),
                None => curve.series.last().map(|last| number(last.value)),
            },
            style: shape.style,
            is_focused: self.focus == Some(i),
        };
        self.curves.iter().zip(shapes).enumerate().map(one).collect()
    }
}

/// The window when it is one, or all that some shapes have; a single place gets room around.
fn span(shapes: &[Shape<'_>], axis: Axis, window: Option<(f64, f64)>) -> Option<(f64, f64)> {
    let window = window.filter(|(from, to)| from.is_finite() && to.is_finite() && from < to);
    let (from, to) = window.or_else(|| shapes.iter().filter_map(|shape| shape.span(axis)).reduce(union))?;
    let room = if from < to { 0.0 } else { (from.abs() * 1e-12).max(1.0) };
    Some((from - room, to + room))
}

fn union(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    (a.0.min(b.0), a.1.max(b.1))
}

fn split_top(area: Rect, lines: u16) -> (Rect, Rect) {
    let lines = lines.min(area.height);
    (Rect { height: lines, ..area }, Rect { y: area.y + lines, height: area.height - lines, ..area })
}

/// Writes a text where it is inside of an area, which itself is inside of the buffer.
fn put(buf: &mut Buffer, area: Rect, x: u16, y: u16, text: &str, style: Style) {
    if area.contains((x, y).into()) {
        buf.set_stringn(x, y, text, usize::from(area.right() - x), style);
    }
}

fn bold(style: Style) -> Style {
    style.add_modifier(Modifier::BOLD)
}
