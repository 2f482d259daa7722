//! Times and durations as people type them: `2026-11-01`, `-2d`, `1h30m`.
//!
//! Dates without an offset are local, so this looks at the local time zone, like [`super::clock`].

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};

/// Units of a duration in milliseconds.
const UNITS: [(&str, f64); 7] = [
    ("ms", 1.0),
    ("s", 1e3),
    ("m", 60e3),
    ("min", 60e3),
    ("h", 3600e3),
    ("d", 86_400e3),
    ("w", 7.0 * 86_400e3),
];

/// A duration in milliseconds: numbers with units one after the other, `1.5h`, `1h30m`, `250ms`. Nothing for a number
/// without a unit.
pub fn parse_duration(text: &str) -> Option<f64> {
    let (mut rest, mut sum) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let (_, size) = UNITS.iter().find(|(name, _)| *name == unit)?;
        sum += number.parse::<f64>().ok()? * size;
        rest = after;
    }
    (!text.is_empty()).then_some(sum)
}

/// The first and the last millisecond of what a text names: a day (`2026-11-01`), a minute (`2026-11-01 12:30`), a
/// second, or a time with an offset (`2026-11-01T12:30:00Z`). With `T` or a blank before the time.
pub fn parse_date(text: &str) -> Option<(i64, i64)> {
    let zone = TimeZone::system();
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some((time.as_millisecond(), time.as_millisecond()));
    }
    let from = |time: DateTime| zone.to_zoned(time).ok();
    let last = |end: Zoned| end.timestamp().as_millisecond() - 1;
    if text.len() <= "2026-11-01".len() {
        let day: Date = text.parse().ok()?;
        let begin = from(day.to_datetime(jiff::civil::Time::midnight()))?;
        return Some((begin.timestamp().as_millisecond(), last(begin.checked_add(1.day()).ok()?)));
    }
    let begin = from(text.replacen(' ', "T", 1).parse().ok()?)?;
    let length = if text.matches(':').count() > 1 { 1.second() } else { 1.minute() };
    Some((begin.timestamp().as_millisecond(), last(begin.checked_add(length).ok()?)))
}

/// The first and the last millisecond of a day that lies so many days before that of `now`, by the local calendar.
pub fn day_before(now: i64, days: i64) -> Option<(i64, i64)> {
    let today = Timestamp::from_millisecond(now).ok()?.to_zoned(TimeZone::system());
    let begin = today.start_of_day().ok()?.checked_sub(days.days()).ok()?;
    let end = begin.checked_add(1.day()).ok()?;
    Some((begin.timestamp().as_millisecond(), end.timestamp().as_millisecond() - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, ms) in
            [("1h", 3600e3), ("1h30m", 5400e3), ("1.5h", 5400e3), ("250ms", 250.0), ("2w", 1_209_600e3)]
        {
            assert_eq!(parse_duration(text), Some(ms), "{text}");
        }
        for text in ["", "1", "h", "1x", "1h 30m", "-1h", "1h30", "..h", "1e3s"] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn dates() {
        let length = |text| parse_date(text).map(|(from, to)| to - from + 1);
        assert_eq!(length("2026-11-01 12:30"), Some(60_000));
        assert_eq!(length("2026-11-01T12:30:05"), Some(1_000));
        // Where clocks change, a day has 23 or 25 hours.
        assert!((82_800_000..=90_000_000).contains(&length("2026-11-01").unwrap()));
        assert_eq!(parse_date("1970-01-01T00:00:01Z"), Some((1000, 1000)));
        assert_eq!(parse_date("1970-01-01T09:00:01+09:00"), Some((1000, 1000)));
        for text in ["", "2026", "2026-13-01", "2026-02-30", "12:30", "yesterday", "2026-11-01 25:00"] {
            assert_eq!(parse_date(text), None, "{text}");
        }
        let (from, to) = parse_date("2026-06-15").unwrap();
        assert_eq!(day_before(from + 3_600_000, 0), Some((from, to)));
        assert_eq!(day_before(from + 86_400_000 + 3_600_000, 1), Some((from, to)));
    }
}
