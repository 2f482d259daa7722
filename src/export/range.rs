//! The range of an axis and its ticks, for any values that a float can have.
//!
//! plotters' own axes overflow, loop or panic at the ends of the floats; here everything is mapped to 0 to 1 first.

/// Most ticks of an axis, a bound for every loop over them.
pub(super) const MOST: usize = 64;
/// Ranges narrower than this part of their values cannot have ticks that differ.
const NARROW: f64 = 1e-12;
/// Below this, halves and steps would lose digits.
const TINY: f64 = 1e-290;

/// What an axis shows: from its low to its high end, with some room.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range {
    /// Ends; exponents of ten on a logarithmic axis.
    low: f64,
    high: f64,
    log: bool,
}

/// A mark on an axis.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    /// Where, 0 to 1 along the axis.
    pub place: f64,
    /// What stands there.
    pub label: String,
    /// What stands below that: the date under a time.
    pub below: String,
}

/// The marks of an axis.
#[derive(Clone, Debug, Default)]
pub(super) struct Ticks {
    /// With labels.
    pub major: Vec<Tick>,
    /// Fine lines between those, 0 to 1 along the axis.
    pub minor: Vec<f64>,
}

impl Range {
    /// The range of values with `room` at both ends, as part of it, and at least as wide as `least`. Values that the
    /// axis cannot show do not count.
    pub(super) fn of(values: impl Iterator<Item = f64>, log: bool, room: f64, least: f64) -> Self {
        let start = (f64::INFINITY, f64::NEG_INFINITY);
        let (low, high) = values
            .filter_map(|value| scaled(value, log))
            .fold(start, |(low, high), value| (low.min(value), high.max(value)));
        if low > high {
            return Self { low: 0.0, high: 1.0, log };
        }
        let size = low.abs().max(high.abs());
        // Halves, so that the widest range does not overflow.
        let half = high / 2.0 - low / 2.0;
        let pad = if half * 2.0 < least || half <= size * NARROW || half < TINY {
            let pad = match (log, least > 0.0) {
                (true, _) => 0.5,
                (false, true) => least / 2.0,
                (false, false) if size < TINY => 1.0,
                (false, false) => size * 0.05,
            };
            pad.max(size * 1e-9)
        } else {
            half * 2.0 * room
        };
        let ends = if log { (-324.0, 308.25) } else { (f64::MIN, f64::MAX) };
        Self { low: (low - pad).max(ends.0), high: (high + pad).min(ends.1), log }
    }

    /// Where a value lies, 0 to 1; `None` when the axis cannot show it.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let value = scaled(value, self.log)?;
        let place = (value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0);
        place.is_finite().then(|| place.clamp(0.0, 1.0))
    }

    /// Lowest and highest value of the axis.
    pub(super) fn ends(&self) -> (f64, f64) {
        if self.log { (10f64.powf(self.low), 10f64.powf(self.high)) } else { (self.low, self.high) }
    }

    /// Marks at round numbers, about so many.
    pub(super) fn ticks(&self, about: usize) -> Ticks {
        let about = about.clamp(2, MOST / 2);
        // Less than a decade has too few powers of ten.
        if self.log && self.high - self.low >= 0.8 { self.powers(about) } else { self.numbers(about) }
    }

    /// Marks at values that came from elsewhere.
    pub(super) fn marks(&self, marks: impl IntoIterator<Item = (f64, String, String)>) -> Ticks {
        let (low, high) = self.ends();
        let major = marks
            .into_iter()
            .filter(|(value, ..)| (low..=high).contains(value))
            .filter_map(|(value, label, below)| Some(Tick { place: self.place(value)?, label, below }))
            .take(MOST)
            .collect();
        Ticks { major, minor: Vec::new() }
    }

    fn numbers(&self, about: usize) -> Ticks {
        let (low, high) = self.ends();
        let step = Step::nice(high / about as f64 - low / about as f64);
        let size = low.abs().max(high.abs());
        self.marks(step.values(low, high).map(|value| (value, step.label(value, size), String::new())))
    }

    fn powers(&self, about: usize) -> Ticks {
        let decades = self.high - self.low;
        let every = (decades / about as f64).ceil().max(1.0) as i32;
        let few = decades < 2.5;
        let mut ticks = Ticks::default();
        for exponent in self.low.floor() as i32..=self.high.ceil() as i32 {
            for factor in 1..=9u8 {
                let place = self.between(f64::from(exponent) + f64::from(factor).log10());
                let Some(place) = place else { continue };
                let labelled = factor == 1 && exponent % every == 0 || few && matches!(factor, 2 | 5);
                if labelled {
                    ticks.major.push(Tick {
                        place,
                        label: power_label(factor, exponent),
                        below: String::new(),
                    });
                } else if every == 1 && decades < 6.0 {
                    ticks.minor.push(place);
                }
            }
        }
        ticks
    }

    /// Where an exponent lies, when it is within the axis.
    fn between(&self, exponent: f64) -> Option<f64> {
        let place = (exponent - self.low) / (self.high - self.low);
        (0.0..=1.0).contains(&place).then_some(place)
    }
}

/// A value in the unit of an axis; `None` when it cannot be shown there.
fn scaled(value: f64, log: bool) -> Option<f64> {
    let value = if log { value.log10() } else { value };
    value.is_finite().then_some(value)
}

fn power_label(factor: u8, exponent: i32) -> String {
    if (-4..6).contains(&exponent) {
        let decimals = usize::try_from(-exponent).unwrap_or(0);
        format!("{:.decimals$}", f64::from(factor) * power(exponent))
    } else {
        format!("{factor}e{exponent}")
    }
}

/// A power of ten, as close as a float can be.
fn power(exponent: i32) -> f64 {
    format!("1e{exponent}").parse().unwrap_or(0.0)
}

/// The distance of ticks: 1, 2 or 5 times a power of ten.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// The distance.
    pub size: f64,
    exponent: i32,
}

impl Step {
    /// The round distance that is closest to a rough one.
    pub(super) fn nice(rough: f64) -> Self {
        let exponent = rough.log10().floor();
        let exponent = if exponent.is_finite() { exponent as i32 } else { 0 };
        let unit = power(exponent);
        let (factor, exponent) = match rough / unit {
            part if part < 1.5 => (1.0, exponent),
            part if part < 3.0 => (2.0, exponent),
            part if part < 7.0 => (5.0, exponent),
            _ => (10.0, exponent + 1),
        };
        let size = unit * factor;
        // The least is the smallest float, for ranges of a few of those.
        Self { size: if size.is_finite() { size } else { unit }.max(f64::from_bits(1)), exponent }
    }

    /// Its multiples between two ends.
    pub(super) fn values(self, low: f64, high: f64) -> impl Iterator<Item = f64> {
        let first = (low / self.size).ceil();
        (0..MOST).map(move |i| (first + i as f64) * self.size).take_while(move |value| *value <= high)
    }

    /// A multiple as text, with the digits that tell it from the next one; `size` is the largest on the axis.
    pub(super) fn label(self, value: f64, size: f64) -> String {
        let digits = |value: f64| value.abs().log10().floor() as i32;
        if value.abs() < self.size / 2.0 {
            "0".to_owned()
        } else if (-3..7).contains(&digits(size)) {
            let decimals = usize::try_from(-self.exponent).unwrap_or(0);
            format!("{value:.decimals$}")
        } else {
            let decimals = usize::try_from(digits(value) - self.exponent).unwrap_or(0).min(15);
            format!("{value:.decimals$e}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(values: &[f64], log: bool, about: usize) -> Vec<String> {
        let range = Range::of(values.iter().copied(), log, 0.0, 0.0);
        range.ticks(about).major.into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(labels(&[0.0, 1.0], false, 5), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&[0.0, 3e7], false, 3), ["0", "1e7", "2e7", "3e7"]);
        assert_eq!(labels(&[0.9e-5, 3.1e-5], false, 4), ["1.0e-5", "1.5e-5", "2.0e-5", "2.5e-5", "3.0e-5"]);
        assert_eq!(labels(&[-20.0, 35.0], false, 3), ["-20", "0", "20"]);
    }

    #[test]
    fn powers_of_ten_on_a_logarithmic_axis() {
        assert_eq!(labels(&[1e-6, 1.0], true, 8), ["1e-6", "1e-5", "0.0001", "0.001", "0.01", "0.1", "1"]);
        assert_eq!(labels(&[0.1, 3.0, 0.0, -1.0], true, 8), ["0.1", "0.2", "0.5", "1", "2"]);
        assert_eq!(labels(&[5e-324, 1e308], true, 5).len(), 5);
    }

    #[test]
    fn ranges_without_width_get_one() {
        for (values, want) in [(vec![], 0.5), (vec![0.0], 0.5), (vec![7.0, 7.0], 0.5), (vec![f64::MAX], 0.99)]
        {
            let range = Range::of(values.iter().copied(), false, 0.04, 0.0);
            let place = range.place(values.first().copied().unwrap_or(0.5)).unwrap();
            assert!((want - 0.05..=want + 0.05).contains(&place), "{values:?} {place}");
            assert!(!range.ticks(5).major.is_empty(), "{values:?}");
        }
    }

    #[test]
    fn the_widest_range_has_ticks() {
        assert_eq!(labels(&[f64::MIN, f64::MAX], false, 4), ["-1e308", "0", "1e308"]);
        assert!(!labels(&[f64::MIN, f64::MAX], false, 2).is_empty());
    }

    #[test]
    fn the_smallest_floats_have_ticks() {
        assert!(!labels(&[8.7e-309, 6.05e-309], true, 2).is_empty());
        assert!(!labels(&[5e-324, 1.5e-323], true, 2).is_empty());
    }

    proptest! {
        #[test]
        fn any_values_have_ticks_in_order(values in proptest::collection::vec(any::<f64>(), 0..20), log: bool, about in 0usize..30) {
            let range = Range::of(values.iter().copied(), log, 0.04, 0.0);
            let ticks = range.ticks(about);
            prop_assert!(!ticks.major.is_empty() && ticks.major.len() <= MOST);
            prop_assert!(ticks.major.windows(2).all(|w| w[0].place < w[1].place), "{:?}", ticks);
            prop_assert!(ticks.major.iter().all(|t| t.label.len() < 30));
            for value in values.into_iter().filter(|v| v.is_finite() && (!log || *v > 0.0)) {
                prop_assert!(range.place(value).is_some());
            }
        }

        #[test]
        fn close_values_have_different_labels(base in -1e6f64..1e6, width in 1e-6f64..1e6) {
            let range = Range::of([base, base + width].into_iter(), false, 0.04, 0.0);
            let major = range.ticks(6).major;
            prop_assert!(major.len() >= 3, "{:?}", major);
            prop_assert!(major.windows(2).all(|w| w[0].label != w[1].label), "{:?}", major);
        }
    }
}
