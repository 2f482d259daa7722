//! Ticks of time axes: round durations, and round local times.

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};

use super::range::{MOST, Range, Step, Ticks};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Round distances in seconds, up to a week.
const STEPS: [i64; 20] = [
    1,
    2,
    5,
    10,
    15,
    30,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
];
/// Round distances in months.
const MONTHS: [i64; 10] = [1, 3, 6, 12, 24, 60, 120, 240, 600, 1200];

/// Marks of an axis of seconds at round durations, about so many.
pub(super) fn durations(range: &Range, about: usize) -> Ticks {
    let (low, high) = range.ends();
    let rough = high / about.max(2) as f64 - low / about.max(2) as f64;
    let size = low.abs().max(high.abs());
    if rough < 1.0 || size > 1e14 {
        let step = Step::nice(rough);
        return range.marks(step.values(low, high).map(|v| (v, step.label(v, size) + "s", String::new())));
    }
    let step = match STEPS.iter().find(|step| **step as f64 >= rough && **step <= DAY) {
        Some(step) => *step,
        None => Step::nice(rough / DAY as f64).size.max(1.0) as i64 * DAY,
    };
    let first = (low / step as f64).ceil() as i64;
    let values = (first..).take(MOST).map(|i| i.saturating_mul(step));
    range.marks(values.map(|value| (value as f64, duration(value, high), String::new())))
}

/// A duration in seconds, as short as it can be on an axis that goes up to `high` seconds: `90s`, `5m`, `1h 20m`, `2d 6h`.
fn duration(seconds: i64, high: f64) -> String {
    if seconds < 0 {
        return format!("-{}", duration(seconds.saturating_neg(), high));
    }
    if high <= 120.0 {
        return format!("{seconds}s");
    }
    let units = [
        (seconds / DAY, "d"),
        (seconds % DAY / HOUR, "h"),
        (seconds % HOUR / MINUTE, "m"),
        (seconds % MINUTE, "s"),
    ];
    let parts: Vec<String> =
        units.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}")).collect();
    if parts.is_empty() { "0".to_owned() } else { parts.join(" ") }
}

/// Marks of an axis of seconds since the epoch at round local times, about so many. Dates stand below times where
/// they change, and years below dates.
pub(super) fn clock(range: &Range, about: usize, zone: &TimeZone) -> Ticks {
    let (low, high) = range.ends();
    let local = |seconds: f64| {
        let moment = Timestamp::from_second(seconds as i64).ok()?;
        Some(moment.to_zoned(zone.clone()).datetime())
    };
    let (Some(first), Some(_)) = (local(low), local(high)) else {
        return range.ticks(about);
    };
    let rough = (high - low) / about.max(2) as f64;
    let pace = Pace::of(rough);
    let mut shown = String::new();
    let marks = (0..MOST as i64 * 2).map_while(|number| pace.at(first, number)).filter_map(|time| {
        let value = zone.to_timestamp(time).ok()?.as_second() as f64;
        if !(low..=high).contains(&value) {
            return None;
        }
        let (label, mut below) = pace.label(time);
        if below == shown {
            below.clear();
        } else {
            shown.clone_from(&below);
        }
        Some((value, label, below))
    });
    range.marks(marks)
}

/// The distance of ticks of local time.
#[derive(Clone, Copy, Debug)]
enum Pace {
    Seconds(i64),
    Months(i64),
}

impl Pace {
    fn of(rough: f64) -> Self {
        if let Some(step) = STEPS.iter().find(|step| **step as f64 >= rough) {
            return Self::Seconds(*step);
        }
        let month = 30.4 * DAY as f64;
        let months = MONTHS.iter().find(|months| **months as f64 * month >= rough);
        Self::Months(*months.unwrap_or(&12_000))
    }

    /// The tick of a number, the first at or shortly before a time.
    fn at(self, first: DateTime, number: i64) -> Option<DateTime> {
        match self {
            Self::Seconds(step) => {
                let midnight = first.date().to_datetime(Time::midnight());
                let passed = first.duration_since(midnight).as_secs();
                midnight.checked_add(SignedDuration::from_secs((passed / step + number) * step)).ok()
            }
            Self::Months(step) => {
                let year = i64::from(first.year()).div_euclid((step / 12).max(1)) * (step / 12).max(1);
                let start = DateTime::new(i16::try_from(year).ok()?, 1, 1, 0, 0, 0, 0).ok()?;
                start.checked_add(Span::new().try_months(number * step).ok()?).ok()
            }
        }
    }

    /// What stands at a tick, and what below it.
    fn label(self, time: DateTime) -> (String, String) {
        let text = |format: &str| time.strftime(format).to_string();
        match self {
            Self::Seconds(step) if step < MINUTE => (text("%H:%M:%S"), text("%Y-%m-%d")),
            Self::Seconds(step) if step < DAY => (text("%H:%M"), text("%Y-%m-%d")),
            Self::Seconds(_) => (text("%b %-d"), text("%Y")),
            Self::Months(step) if step < 12 => (text("%b"), text("%Y")),
            Self::Months(_) => (text("%Y"), String::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn range(low: f64, high: f64) -> Range {
        Range::of([low, high].into_iter(), false, 0.0, 0.0)
    }

    fn labels(ticks: Ticks) -> Vec<String> {
        ticks.major.into_iter().map(|t| format!("{} {}", t.label, t.below).trim().to_owned()).collect()
    }

    #[test]
    fn durations_are_round() {
        let labels = |high| labels(durations(&range(0.0, high), 5));
        assert_eq!(labels(90.0), ["0s", "30s", "60s", "90s"]);
        assert_eq!(labels(600.0), ["0", "2m", "4m", "6m", "8m", "10m"]);
        assert_eq!(labels(6000.0), ["0", "30m", "1h", "1h 30m"]);
        assert_eq!(labels(400_000.0), ["0", "1d", "2d", "3d", "4d"]);
        assert_eq!(labels(0.4), ["0s", "0.1s", "0.2s", "0.3s", "0.4s"]);
    }

    #[test]
    fn clock_ticks_are_round_local_times() {
        let seoul = TimeZone::fixed(jiff::tz::offset(9));
        // 2024-03-01 21:30 to 2024-03-02 03:30 in Seoul.
        let start = 1_709_296_200.0;
        assert_eq!(
            labels(clock(&range(start, start + 6.0 * 3600.0), 4, &seoul)),
            ["22:00 2024-03-01", "00:00 2024-03-02", "02:00"]
        );
        assert_eq!(
            labels(clock(&range(start, start + 90.0), 4, &seoul)),
            ["21:30:00 2024-03-01", "21:30:30", "21:31:00", "21:31:30"]
        );
        assert_eq!(
            labels(clock(&range(start, start + 3.9e7), 5, &seoul)),
            ["Apr 2024", "Jul", "Oct", "Jan 2025", "Apr"]
        );
        assert_eq!(labels(clock(&range(0.0, 4e9), 5, &seoul)), ["2000", "2050"]);
    }

    #[test]
    fn the_end_of_summer_time_is_no_problem() {
        let Ok(berlin) = TimeZone::get("Europe/Berlin") else { return };
        // 2024-10-27 00:00 to 06:00 local, seven hours long.
        let ticks = clock(&range(1_729_980_000.0, 1_730_005_200.0), 3, &berlin);
        assert_eq!(labels(ticks), ["00:00 2024-10-27", "03:00", "06:00"]);
    }

    proptest! {
        #[test]
        fn any_range_is_harmless(low in any::<f64>(), width in any::<f64>(), about in 0usize..20) {
            for range in [range(low, width), range(low, low + width.abs()), range(low % 3e11, low % 3e11 + width.abs() % 1e9)] {
                prop_assert!(durations(&range, about).major.len() <= MOST);
                prop_assert!(clock(&range, about, &TimeZone::UTC).major.len() <= MOST);
            }
        }
    }
}
