//! A curve as a chart draws it: the points that its scale can show.

use ratatui::style::Style;

use super::{Chart, Curve};
use crate::series::{Axis, Bucket, Series, Show};
use crate::view::theme::Theme;

/// A curve with what the chart decided about it.
#[derive(Debug)]
pub(super) struct Shape<'a> {
    series: &'a Series,
    /// What the scale can show of it.
    show: Show,
    /// Values at or below 0, of which there is no logarithm.
    pub left_out: usize,
    /// Stands for the curve in the legend and where it ends.
    pub letter: char,
    /// Its colour.
    pub style: Style,
}

impl<'a> Shape<'a> {
    pub(super) fn new(curve: &Curve<'a>, letter: char, chart: &Chart<'_>, theme: &Theme) -> Self {
        let series = curve.series;
        let cannot_show = chart.log && series.values().is_some_and(|(low, _)| low <= 0.0);
        let (show, left_out) = if cannot_show {
            (Show::Positive, series.len() - series.odd() - series.positive())
        } else {
            (Show::All, 0)
        };
        Self { series, show, left_out, letter, style: theme.series(curve.colour) }
    }

    /// Whether some values cannot be seen.
    pub(super) fn is_partial(&self) -> bool {
        self.left_out + self.series.odd() > 0
    }

    /// Whether it is drawn from samples, as long as the history is being read.
    pub(super) fn is_sampled(&self) -> bool {
        !self.series.is_exact()
    }

    /// From where to where it goes on an axis, with what cannot be shown: the axis stays when the scale changes.
    pub(super) fn span(&self, axis: Axis) -> Option<(f64, f64)> {
        self.series.span(axis)
    }

    /// Lowest and highest value within a part of an axis.
    pub(super) fn values(&self, axis: Axis, range: (f64, f64)) -> Option<(f64, f64)> {
        let bucket = self.buckets(axis, range, 1).first().copied()??;
        Some((bucket.low, bucket.high))
    }

    pub(super) fn buckets(&self, axis: Axis, range: (f64, f64), columns: usize) -> Vec<Option<Bucket>> {
        self.series.shown_buckets(axis, range, columns, self.show)
    }

    /// The value of the point nearest to a place; `None` where the curve is farther away than `reach` at both ends.
    pub(super) fn near(&self, axis: Axis, x: f64, reach: f64) -> Option<f64> {
        let (from, to) = self.span(axis)?;
        if x < from - reach || x > to + reach {
            return None;
        }
        self.series.near(axis, x, self.show).map(|point| point.value)
    }
}
