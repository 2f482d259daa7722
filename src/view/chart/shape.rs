//! A curve as a chart draws it: the points that its scale can show.

use std::borrow::Cow;

use ratatui::style::Style;

use super::{Chart, Curve};
use crate::series::{Axis, Bucket, Series};
use crate::view::theme::Theme;

/// A curve with what the chart decided about it.
#[derive(Debug)]
pub(super) struct Shape<'a> {
    whole: &'a Series,
    /// What the scale can show of it.
    series: Cow<'a, Series>,
    /// Lies between places in `series` and those on the chart: time counts from the first point of the whole curve,
    /// also when that one cannot be shown.
    shift: f64,
    /// Values at or below 0, of which there is no logarithm.
    pub left_out: usize,
    odd: usize,
    /// Stands for the curve in the legend and where it ends.
    pub letter: char,
    /// Its colour.
    pub style: Style,
}

impl<'a> Shape<'a> {
    pub(super) fn new(curve: &Curve<'a>, letter: char, chart: &Chart<'_>, theme: &Theme) -> Self {
        let whole = curve.series;
        let (mut series, mut shift) = (Cow::Borrowed(whole), 0.0);
        if chart.log && whole.values().is_some_and(|(low, _)| low <= 0.0) {
            let positive: Series =
                whole.iter().copied().filter(|p| p.value > 0.0 && p.value.is_finite()).collect();
            if let Some(point) = positive.iter().next() {
                shift = whole.x(chart.axis, point) - positive.x(chart.axis, point);
            }
            series = Cow::Owned(positive);
        }
        let finite = whole.len() - whole.odd();
        let left_out = if let Cow::Owned(positive) = &series { finite - positive.len() } else { 0 };
        let style = theme.series(curve.colour);
        Self { whole, series, shift, left_out, odd: whole.odd(), letter, style }
    }

    /// Whether some values cannot be seen.
    pub(super) fn is_partial(&self) -> bool {
        self.left_out + self.odd > 0
    }

    /// From where to where it goes on an axis, with what cannot be shown: the axis stays when the scale changes.
    pub(super) fn span(&self, axis: Axis) -> Option<(f64, f64)> {
        self.whole.span(axis)
    }

    /// Lowest and highest value within a part of an axis.
    pub(super) fn values(&self, axis: Axis, range: (f64, f64)) -> Option<(f64, f64)> {
        let bucket = self.buckets(axis, range, 1).first().copied()??;
        Some((bucket.low, bucket.high))
    }

    pub(super) fn buckets(&self, axis: Axis, (from, to): (f64, f64), columns: usize) -> Vec<Option<Bucket>> {
        self.series.buckets(axis, (from - self.shift, to - self.shift), columns)
    }

    /// The value of the point nearest to a place; `None` where the curve is farther away than `reach` at both ends.
    pub(super) fn near(&self, axis: Axis, x: f64, reach: f64) -> Option<f64> {
        let (from, to) = self.span(axis)?;
        if x < from - reach || x > to + reach {
            return None;
        }
        let far = |x: f64, of: f64| (of / 2.0 - x / 2.0).abs();
        let points = self.series.iter().map(|p| (far(x, self.series.x(axis, p) + self.shift), p.value));
        // Of several points at one step the last one counts, as it does for the latest value.
        points.reduce(|best, next| if next.0 <= best.0 { next } else { best }).map(|(_, value)| value)
    }
}
