//! Ranges of an axis, where its ticks stand and what is written there.
//!
//! Ranges may reach from -1.8e308 to 1.8e308, so all differences are taken of halves.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::format::{clock_in, number};
use crate::series::Axis;

/// More ticks than any screen has room for: a stop for steps that are lost in rounding.
const MOST: usize = 1000;

/// Where values stand between the ends of an axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// Lower end; of logarithmic scales its decimal logarithm.
    low: f64,
    /// Upper end, in the same way.
    high: f64,
    log: bool,
}

/// A mark on an axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    /// How far it is from the lower end to the upper, 0 to 1.
    pub place: f64,
    /// What is written there.
    pub label: String,
}

impl Scale {
    /// A scale from `low` to `high`, which are finite, and above 0 where it is logarithmic. Equal ends get room around.
    pub fn new((low, high): (f64, f64), log: bool) -> Self {
        let (low, high) = if log { (low.log10(), high.log10()) } else { (low, high) };
        if low < high {
            return Self { low, high, log };
        }
        let room = if log { 0.1 } else { (low.abs() * 0.05).max(f64::MIN_POSITIVE) };
        Self { low: (low - room).max(f64::MIN), high: (low + room).min(f64::MAX), log }
    }

    /// How far a value is from the lower end to the upper; beyond 0 and 1 outside.
    pub fn place(self, value: f64) -> f64 {
        self.fraction(if self.log { value.log10() } else { value })
    }

    fn fraction(self, value: f64) -> f64 {
        let place = (value / 2.0 - self.low / 2.0) / self.half();
        if place.is_finite() { place } else { 0.5 }
    }

    fn half(self) -> f64 {
        (self.high / 2.0 - self.low / 2.0).max(f64::MIN_POSITIVE)
    }

    /// Ends on the next ticks outside, where they are near, so that the axis ends with a number.
    pub fn rounded(self, most: usize) -> Self {
        if self.log {
            return self;
        }
        let step = nice(self.half(), most);
        let near = self.half() * 0.2;
        let (low, high) = ((self.low / step).floor() * step, (self.high / step).ceil() * step);
        Self {
            low: if low.is_finite() && self.low - low < near { low.min(self.low) } else { self.low },
            high: if high.is_finite() && high - self.high < near { high.max(self.high) } else { self.high },
            ..self
        }
    }

    /// At most about `most` ticks at round numbers.
    pub fn values(self, most: usize) -> Vec<Tick> {
        let most = most.max(1);
        if self.log && self.high - self.low > 0.5 {
            return self.decades(most);
        }
        let (low, high) =
            if self.log { (10f64.powf(self.low), 10f64.powf(self.high)) } else { (self.low, self.high) };
        let step = nice(high / 2.0 - low / 2.0, most);
        let values = multiples((low, high), step);
        let largest = values.iter().fold(0.0_f64, |largest, v| largest.max(v.abs()));
        values.iter().map(|v| Tick { place: self.place(*v), label: digits(*v, step, largest) }).collect()
    }

    /// Ticks of a logarithmic scale: powers of ten, and 2 and 5 times them where there is room.
    fn decades(self, most: usize) -> Vec<Tick> {
        let decades = self.high - self.low;
        let factors: &[f64] = if decades * 3.0 <= most as f64 + 1.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let stride = (decades / most as f64).ceil().max(1.0) as i32;
        let (from, to) = (self.low.floor() as i32, self.high.ceil() as i32);
        (from..=to)
            .filter(|power| power.rem_euclid(stride) == 0)
            .flat_map(|power| {
                factors.iter().map(move |factor| (f64::from(power) + factor.log10(), power, factor))
            })
            .filter(|(log, ..)| (self.low - 1e-9..=self.high + 1e-9).contains(log))
            // Parsed rather than computed: 10^-3 is not exactly 0.001.
            .map(|(log, power, factor)| Tick {
                place: self.fraction(log),
                label: format!("{factor}e{power}").parse().map(number).unwrap_or_default(),
            })
            .collect()
    }
}

/// Ticks of a horizontal axis, about `most` of them.
pub fn along(axis: Axis, (from, to): (f64, f64), most: usize, zone: &TimeZone) -> Vec<Tick> {
    let scale = Scale { low: from, high: to, log: false };
    let step = match axis {
        Axis::Step => nice(scale.half(), most).max(1.0),
        Axis::Elapsed | Axis::Clock => nice_time(scale.half(), most),
    };
    let shift = if axis == Axis::Clock { offset(from, zone) } else { 0.0 };
    let values = multiples((from + shift, to + shift), step);
    let largest = values.iter().fold(0.0_f64, |largest, v| largest.max(v.abs()));
    let label = |value: f64| match axis {
        Axis::Step => steps(value, step, largest),
        Axis::Elapsed => elapsed(value, step),
        Axis::Clock => clock(value - shift, step, zone),
    };
    values.iter().map(|v| Tick { place: scale.place(v - shift), label: label(*v) }).collect()
}

/// The place of the crosshair in words.
pub fn exactly(axis: Axis, x: f64, zone: &TimeZone) -> String {
    match axis {
        Axis::Step => steps(x.round(), 1.0, x.abs()),
        Axis::Elapsed => elapsed(x, if x.abs() < 10.0 { 0.1 } else { 1.0 }),
        Axis::Clock => clock_in((x * 1e3) as i64, zone, "%m-%d %H:%M:%S"),
    }
}

/// 1, 2 or 5 times a power of ten, so that about `most` steps fill a range, given its half.
fn nice(half: f64, most: usize) -> f64 {
    let raw = (half / most.max(1) as f64 * 2.0).clamp(f64::MIN_POSITIVE, f64::MAX);
    let power = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| power * m).into_iter().find(|step| *step >= raw * 0.999);
    // Twice 1e308 is no number any more.
    step.filter(|step| step.is_finite() && *step > 0.0).unwrap_or(if power > 0.0 { power } else { raw })
}

/// Seconds that clocks count in, so that about `most` steps fill a range, given its half.
fn nice_time(half: f64, most: usize) -> f64 {
    const DAY: f64 = 86_400.0;
    const TIMES: [f64; 16] = [
        1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 10_800.0,
        21_600.0,
    ];
    let raw = half / most.max(1) as f64 * 2.0;
    match TIMES.into_iter().chain([43_200.0, DAY]).find(|step| *step >= raw) {
        Some(step) if raw > 0.5 => step,
        Some(_) => nice(half, most),
        None => nice(half / DAY, most) * DAY,
    }
}

/// The multiples of a step inside a range.
fn multiples((from, to): (f64, f64), step: f64) -> Vec<f64> {
    let (first, last) = ((from / step - 1e-9).ceil(), (to / step + 1e-9).floor());
    if !(first.is_finite() && last.is_finite()) {
        return vec![];
    }
    let mut out: Vec<f64> = Vec::new();
    for i in 0..MOST {
        let k = first + i as f64;
        if k > last {
            break;
        }
        // Adding 0 turns -0 into 0.
        let value = k * step + 0.0;
        if value.is_finite() && out.last().is_none_or(|before| value > *before) {
            out.push(value);
        }
    }
    out
}

/// A number on a vertical axis, with as many decimals as the step needs, so that all ticks look alike.
fn digits(value: f64, step: f64, largest: f64) -> String {
    let power = |v: f64| v.log10().floor();
    if (1e-6..1e7).contains(&largest) && step >= 1e-9 {
        return format!("{value:.*}", (-power(step * 1.0001)).clamp(0.0, 9.0) as usize);
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let decimals = (power(value.abs() * 1.0001) - power(step * 1.0001)).clamp(0.0, 15.0);
    format!("{value:.*e}", decimals as usize)
}

/// A step: `500`, `1.5k`, `2M`; in full where it would need more than two decimals.
fn steps(value: f64, step: f64, largest: f64) -> String {
    let units = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    let Some((unit, name)) = units.into_iter().find(|(unit, _)| largest >= *unit) else {
        return format!("{value:.0}");
    };
    if largest >= 1e15 {
        return format!("{value:.1e}").replace(".0e", "e").replace("0e0", "0");
    }
    if step * 100.5 < unit {
        return format!("{value:.0}");
    }
    let (unit, name) = if value.abs() < 1e3 { (1.0, "") } else { (unit, name) };
    let text = format!("{:.2}", value / unit);
    format!("{}{name}", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Time since the first point: `0`, `0.5s`, `90s`, `5m30s`, `1h20m`, `2d6h`.
fn elapsed(seconds: f64, step: f64) -> String {
    if seconds == 0.0 {
        return "0".to_owned();
    }
    if step < 1.0 {
        return format!("{seconds:.*}s", (-step.log10().floor()).clamp(1.0, 3.0) as usize);
    }
    if seconds.abs() > 1e15 {
        return format!("{seconds:.1e}s");
    }
    let sign = if seconds < 0.0 { "-" } else { "" };
    let s = seconds.abs().round() as u64;
    let two = |high: u64, unit: &str, low: u64, small: &str| match low {
        0 => format!("{sign}{high}{unit}"),
        _ => format!("{sign}{high}{unit}{low}{small}"),
    };
    match s {
        0..120 if step < 60.0 => format!("{sign}{s}s"),
        0..3600 => two(s / 60, "m", s % 60, "s"),
        3600..86_400 => two(s / 3600, "h", s % 3600 / 60, "m"),
        _ => two(s / 86_400, "d", s % 86_400 / 3600, "h"),
    }
}

/// Local time at a tick: the date at midnight, the time of day elsewhere.
fn clock(seconds: f64, step: f64, zone: &TimeZone) -> String {
    let ms = (seconds * 1e3).round() as i64;
    let pattern = match step {
        _ if clock_in(ms, zone, "%H:%M:%S") == "00:00:00" => "%m-%d",
        ..1.0 => "%H:%M:%S%.3f",
        1.0..60.0 => "%H:%M:%S",
        _ => "%H:%M",
    };
    clock_in(ms, zone, pattern)
}

/// Seconds that local time is ahead, so that ticks stand at round local times.
fn offset(seconds: f64, zone: &TimeZone) -> f64 {
    let time = Timestamp::from_second(seconds as i64);
    time.map_or(0.0, |time| f64::from(zone.to_offset(time).seconds()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(ticks: &[Tick]) -> String {
        ticks.iter().map(|tick| tick.label.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn ticks_at_round_numbers() {
        for (range, log, most, expected) in [
            ((0.0, 2.3), false, 5, "0.0 0.5 1.0 1.5 2.0"),
            ((0.951, 0.981), false, 4, "0.96 0.97 0.98"),
            ((-30.0, 120.0), false, 4, "0 50 100"),
            ((1e-8, 9e-8), false, 4, "2e-8 4e-8 6e-8 8e-8"),
            ((-1.7e308, 1.7e308), false, 4, "-1e308 0 1e308"),
            ((f64::MIN, f64::MAX), false, 4, "-1e308 0 1e308"),
            ((5.0, 5.0), false, 3, "4.8 5.0 5.2"),
            ((0.0, 0.0), false, 1, "0"),
            ((1e-4, 10.0), true, 6, "0.0001 0.001 0.01 0.1 1 10"),
            ((1e-300, 1e300), true, 4, "1e-300 1e-150 1 1e150 1e300"),
            ((0.05, 1.2), true, 6, "0.05 0.1 0.2 0.5 1"),
            ((0.5, 0.6), true, 3, "0.50 0.55 0.60"),
        ] {
            assert_eq!(labels(&Scale::new(range, log).values(most)), expected, "{range:?}");
        }
    }

    #[test]
    fn steps_and_times() {
        let zone = TimeZone::fixed(jiff::tz::offset(9));
        for (axis, range, most, expected) in [
            (Axis::Step, (0.0, 2000.0), 4, "0 500 1k 1.5k 2k"),
            (Axis::Step, (0.0, 3.0), 9, "0 1 2 3"),
            (Axis::Step, (0.0, 3e6), 3, "0 1M 2M 3M"),
            (Axis::Step, (100_000.0, 100_006.0), 3, "100000 100002 100004 100006"),
            (Axis::Step, (-9.2e18, 9.2e18), 2, "0"),
            (Axis::Elapsed, (0.0, 90.0), 3, "0 30s 60s 90s"),
            (Axis::Elapsed, (0.0, 5400.0), 4, "0 30m 1h 1h30m"),
            (Axis::Elapsed, (0.0, 0.4), 4, "0 0.1s 0.2s 0.3s 0.4s"),
            (Axis::Elapsed, (0.0, 200_000.0), 4, "0 1d 2d"),
            (Axis::Clock, (1_795_409_999.0, 1_795_413_599.0), 4, "14:00 14:15 14:30 14:45"),
            (Axis::Clock, (1_795_440_000.0, 1_795_460_000.0), 3, "11-24 02:00"),
        ] {
            assert_eq!(labels(&along(axis, range, most, &zone)), expected, "{axis:?} {range:?}");
        }
        assert_eq!(exactly(Axis::Step, 1204.0, &zone), "1204");
        assert_eq!(exactly(Axis::Clock, 0.0, &zone), "01-01 09:00:00");
    }

    proptest! {
        #[test]
        fn any_range_has_places(a in any::<f64>(), b in any::<f64>(), v in any::<f64>(), most in 0usize..50) {
            prop_assume!(a.is_finite() && b.is_finite() && v.is_finite());
            for (range, log) in [((a.min(b), a.max(b)), false), ((a.abs().min(b.abs()), a.abs().max(b.abs())), true)] {
                if log && range.0 <= 0.0 {
                    continue;
                }
                let scale = Scale::new(range, log).rounded(most);
                prop_assert!(scale.place(v.abs()).is_finite());
                for tick in scale.values(most) {
                    prop_assert!((-1e-6..=1.000_001).contains(&tick.place), "{:?} {:?}", range, tick);
                }
            }
        }

        #[test]
        fn any_time_has_ticks(from in any::<i64>(), to in any::<i64>(), most in 0usize..50) {
            let range = (from.min(to) as f64 / 1e3, from.max(to) as f64 / 1e3);
            for axis in [Axis::Step, Axis::Elapsed, Axis::Clock] {
                prop_assert!(along(axis, range, most, &TimeZone::UTC).len() <= MOST);
                exactly(axis, range.0, &TimeZone::UTC);
            }
        }
    }
}
