//! How a chart is looked at: axis, scale, stretch and crosshair.

use super::action::Action;
use crate::series::Axis;

/// The user's view of a chart.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ChartView {
    /// What lies along it.
    pub axis: Axis,
    /// Logarithmic values.
    pub log: bool,
    /// The stretch that is shown; none for the whole.
    pub window: Option<(f64, f64)>,
    /// Where the crosshair is; none for no crosshair.
    pub cross: Option<f64>,
}

impl ChartView {
    /// Changes by a key; `whole` is the span of all that could be shown. Says whether the key means something here.
    pub fn act(&mut self, action: Action, whole: Option<(f64, f64)>) -> bool {
        match action {
            Action::Axis => {
                let axis = match self.axis {
                    Axis::Step => Axis::Elapsed,
                    Axis::Elapsed => Axis::Clock,
                    Axis::Clock => Axis::Step,
                };
                *self = Self { axis, log: self.log, ..Self::default() };
            }
            Action::Log => self.log = !self.log,
            Action::ZoomReset => self.window = None,
            Action::ZoomIn => self.zoom(0.5, whole),
            Action::ZoomOut => self.zoom(2.0, whole),
            Action::CrossLeft => self.step(-0.02, whole),
            Action::CrossRight => self.step(0.02, whole),
            _ => return false,
        }
        true
    }

    /// Makes the stretch longer or shorter around the crosshair, else around its middle.
    fn zoom(&mut self, factor: f64, whole: Option<(f64, f64)>) {
        let Some((first, last)) = whole.filter(|(a, b)| a < b) else { return };
        let (from, to) = self.window.unwrap_or((first, last));
        let middle = self.cross.filter(|x| (from..=to).contains(x)).unwrap_or(from / 2.0 + to / 2.0);
        let (left, right) = ((middle - from) * factor, (to - middle) * factor);
        let (from, to) = ((middle - left).max(first), (middle + right).min(last));
        self.window = (from < to && (from > first || to < last)).then_some((from, to));
    }

    /// Moves the crosshair by a part of the stretch; it begins at the end that it comes from.
    fn step(&mut self, part: f64, whole: Option<(f64, f64)>) {
        let Some((from, to)) = self.window.or(whole) else { return };
        let begin = if part < 0.0 { to } else { from };
        let x = self.cross.map_or(begin, |x| x + part * (to - from));
        self.cross = Some(x.clamp(from.min(to), to.max(from)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zooms_around_the_crosshair_and_back() {
        let whole = Some((0.0, 100.0));
        let mut view = ChartView { cross: Some(80.0), ..ChartView::default() };
        view.act(Action::ZoomIn, whole);
        assert_eq!(view.window, Some((40.0, 90.0)));
        view.act(Action::ZoomOut, whole);
        view.act(Action::ZoomOut, whole);
        assert_eq!(view.window, None);
    }

    #[test]
    fn the_crosshair_stays_in_the_stretch() {
        let mut view = ChartView::default();
        for _ in 0..200 {
            view.act(Action::CrossRight, Some((0.0, 10.0)));
        }
        assert_eq!(view.cross, Some(10.0));
        let mut empty = ChartView::default();
        empty.act(Action::CrossLeft, None);
        assert_eq!(empty.cross, None);
    }
}
