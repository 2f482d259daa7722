//! Numbers, times and sizes as people read them, and the words of metric names.
//!
//! Everything here is a function of its arguments; only [`clock`] and dates also look at the local time zone.

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use self::moment::{day_before, parse_date, parse_duration};
pub use self::natural::{natural_key, ordered, parse_number, push_natural_key};
pub use self::numbers::NumberFormat;
pub use self::words::higher_is_better;

mod moment;
mod natural;
mod numbers;
mod words;

/// Relative difference that still counts as the same number: half the last digit that a 32-bit float knows, since
/// most values were one before they were logged.
const SAME: f64 = 1e-7;

/// A value for a table: four significant digits (`0.03814`, `1.234e-7`), whole numbers below ten millions in full.
///
/// Zeros at the end go away when nothing was rounded (`0.98`), and stay when they are digits of the value (`1.000`
/// for 0.99996).
pub fn number(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "∞" } else { "-∞" }.to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    if value.fract() == 0.0 && value.abs() < 1e7 {
        return format!("{value:.0}");
    }
    let (digits, power) = four_digits(value.abs()).unwrap_or_else(|| four_digits_of_any(value.abs()));
    let sign = if value < 0.0 { "-" } else { "" };
    match power {
        -4..=3 => plain(value, digits, power),
        4..7 => format!("{value:.0}"),
        // A rounded power of ten keeps its exponent short all the same.
        _ => format!("{sign}{}e{power}", without_zeros(&format!("{}.{:03}", digits / 1000, digits % 1000))),
    }
}

/// The first four digits of a positive number, rounded, and the power of ten of the first one, where multiplying it
/// tells them for sure.
fn four_digits(size: f64) -> Option<(u32, i32)> {
    let place = SCALES.iter().position(|(from, _)| size >= *from)?;
    let (_, scale) = SCALES.get(place).filter(|_| size < 9999.0)?;
    let (scaled, power) = (size * scale, 3 - place as i32);
    // The product is off by less than a billionth: only near the middle of two numbers that matters.
    let rest = scaled.fract();
    if (rest - 0.5).abs() < 1e-6 {
        return None;
    }
    let digits = scaled as u32 + u32::from(rest > 0.5);
    Some(if digits < 10_000 { (digits, power) } else { (digits / 10, power + 1) })
}

/// Powers of ten, and what makes four digits before the point of the numbers from there on.
const SCALES: [(f64, f64); 8] =
    [(1e3, 1.0), (1e2, 1e1), (1e1, 1e2), (1.0, 1e3), (1e-1, 1e4), (1e-2, 1e5), (1e-3, 1e6), (1e-4, 1e7)];

fn four_digits_of_any(size: f64) -> (u32, i32) {
    let scientific = format!("{size:.3e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits = mantissa.bytes().filter(u8::is_ascii_digit);
    (digits.fold(0, |sum, c| sum * 10 + u32::from(c - b'0')), exponent.parse().unwrap_or_default())
}

/// Four digits of a value, the first of them of a power of ten from -4 to 3, without an exponent. Zeros at the end go
/// where they stand for nothing that was rounded.
fn plain(value: f64, mut digits: u32, power: i32) -> String {
    let mut decimals = usize::try_from(3 - power).unwrap_or_default();
    let rounded = f64::from(digits) / 10f64.powi(3 - power);
    if (rounded - value.abs()).abs() <= value.abs() * SAME {
        while decimals > 0 && digits.is_multiple_of(10) {
            (digits, decimals) = (digits / 10, decimals - 1);
        }
    }
    // By hand, since tables are made of numbers: the formatting machinery takes four times as long.
    let mut out = String::with_capacity(12);
    if value < 0.0 {
        out.push('-');
    }
    let first = decimals.max(digits.checked_ilog10().unwrap_or_default() as usize);
    for place in (0..=first).rev() {
        out.push(char::from(b'0' + (digits / 10u32.pow(place as u32) % 10) as u8));
        if place == decimals && decimals > 0 {
            out.push('.');
        }
    }
    out
}

/// A value with every digit it has: the shortest text from which Python, or anybody, reads the same number.
pub fn exact(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let size = value.abs();
    // Python changes to exponents at the same places.
    if size != 0.0 && !(1e-4..1e16).contains(&size) { format!("{value:e}") } else { format!("{value:?}") }
}

/// The word that other programs read for a number that is none (`NaN`, `Infinity`), as Python's `json` writes it; `None`
/// for a finite one.
pub fn no_number(value: f64) -> Option<&'static str> {
    match value {
        n if n.is_nan() => Some("NaN"),
        f64::INFINITY => Some("Infinity"),
        f64::NEG_INFINITY => Some("-Infinity"),
        _ => None,
    }
}

/// How many of something: `1,204`.
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// How long something took, from milliseconds: `380ms`, `3.4s`, `1:52`, `2:03:10`, `3d 4h`. Rounds down, as clocks do.
pub fn duration(ms: i64) -> String {
    let sign = if ms < 0 { "-" } else { "" };
    let ms = ms.unsigned_abs();
    let seconds = ms / 1000;
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match seconds {
        _ if ms < 1000 => format!("{sign}{ms}ms"),
        0..60 => format!("{sign}{seconds}.{}s", ms % 1000 / 100),
        60..3600 => format!("{sign}{minutes}:{:02}", seconds % 60),
        3600..86_400 => format!("{sign}{hours}:{:02}:{:02}", minutes % 60, seconds % 60),
        _ => format!("{sign}{}d {}h", hours / 24, hours % 24),
    }
}

/// How long ago something was, from milliseconds: `now`, `5s`, `2m`, `3h`, `4d`, `7w`, `2y`. The future is `now`: a
/// clock of another machine.
pub fn age(ms: i64) -> String {
    let seconds = ms / 1000;
    let days = seconds / 86_400;
    match seconds {
        ..1 => "now".to_owned(),
        1..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ if days < 14 => format!("{days}d"),
        _ if days < 365 => format!("{}w", days / 7),
        _ => format!("{}y", days / 365),
    }
}

/// A size in units of a thousand: `512 B`, `3.4 MB`, `120 GB`.
pub fn bytes(bytes: u64) -> String {
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64;
    let mut unit = "B";
    for next in ["kB", "MB", "GB", "TB", "PB", "EB"] {
        // What would be rounded to 1000 belongs to the next unit.
        if value < 999.5 {
            break;
        }
        (value, unit) = (value / 1000.0, next);
    }
    if value < 9.95 { format!("{value:.1} {unit}") } else { format!("{value:.0} {unit}") }
}

/// A time in milliseconds since the epoch as local time: `2026-11-23 14:05:09`. Times that no calendar has stay
/// numbers.
pub fn clock(ms: i64) -> String {
    clock_in(ms, &TimeZone::system(), "%Y-%m-%d %H:%M:%S")
}

/// Like [`clock`], without the year and the seconds: `11-23 14:05`.
pub fn clock_short(ms: i64) -> String {
    clock_in(ms, &TimeZone::system(), "%m-%d %H:%M")
}

/// A time in milliseconds since the epoch in a time zone, by a `strftime` pattern.
pub(crate) fn clock_in(ms: i64, zone: &TimeZone, pattern: &str) -> String {
    match Timestamp::from_millisecond(ms) {
        Ok(time) => time.to_zoned(zone.clone()).strftime(pattern).to_string(),
        Err(_) => ms.to_string(),
    }
}

/// Digits after a point, without zeros at the end.
fn without_zeros(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_for_tables() {
        for (value, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "∞"),
            (f64::NEG_INFINITY, "-∞"),
            (2000.0, "2000"),
            (-3.0, "-3"),
            (500_000.0, "500000"),
            (9_999_999.0, "9999999"),
            (12_345_678.0, "1.235e7"),
            (0.98, "0.98"),
            (f64::from(0.98_f32), "0.98"),
            (0.1 + 0.2, "0.3"),
            (0.99996, "1.000"),
            (0.98004, "0.9800"),
            (0.038_142_3, "0.03814"),
            (123.456, "123.5"),
            (12_345.678, "12346"),
            (999_999.5, "1000000"),
            (0.000_123_4, "0.0001234"),
            (1.234e-7, "1.234e-7"),
            (1e-7, "1e-7"),
            (-1e-300, "-1e-300"),
            (5e-324, "4.941e-324"),
            (f64::MAX, "1.798e308"),
        ] {
            assert_eq!(number(value), text, "{value:?}");
        }
    }

    #[test]
    fn numbers_in_full() {
        for (value, text) in [
            (0.1, "0.1"),
            (1e-7, "1e-7"),
            (2.0, "2.0"),
            (0.0001, "0.0001"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e16"),
            (-0.0, "-0.0"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(exact(value), text);
        }
    }

    #[test]
    fn counts_and_sizes() {
        for (value, text) in [(0, "0"), (999, "999"), (1204, "1,204"), (1_234_567, "1,234,567")] {
            assert_eq!(count(value), text);
        }
        assert_eq!(count(u64::MAX), "18,446,744,073,709,551,615");
        for (value, text) in [
            (0, "0 B"),
            (512, "512 B"),
            (1000, "1.0 kB"),
            (3_400_000, "3.4 MB"),
            (9_960, "10 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (u64::MAX, "18 EB"),
        ] {
            assert_eq!(bytes(value), text);
        }
    }

    #[test]
    fn durations_and_ages() {
        const DAY: i64 = 86_400_000;
        for (ms, text) in [
            (0, "0ms"),
            (380, "380ms"),
            (3_456, "3.4s"),
            (59_999, "59.9s"),
            (112_000, "1:52"),
            (7_390_000, "2:03:10"),
            (3 * DAY + 4 * 3_600_000, "3d 4h"),
            (-2_000, "-2.0s"),
            (i64::MIN, "-106751991167d 7h"),
        ] {
            assert_eq!(duration(ms), text);
        }
        for (ms, text) in [
            (-5_000, "now"),
            (999, "now"),
            (5_000, "5s"),
            (125_000, "2m"),
            (3 * 3_600_000, "3h"),
            (4 * DAY, "4d"),
            (50 * DAY, "7w"),
            (800 * DAY, "2y"),
        ] {
            assert_eq!(age(ms), text);
        }
        assert_eq!(age(i64::MIN), "now");
    }

    #[test]
    fn clocks() {
        let zone = TimeZone::fixed(jiff::tz::offset(9));
        let clock = |ms| clock_in(ms, &zone, "%Y-%m-%d %H:%M:%S");
        assert_eq!(clock(0), "1970-01-01 09:00:00");
        assert_eq!(clock(1_795_409_999_000), "2026-11-23 13:59:59");
        assert_eq!(clock(i64::MAX), "9223372036854775807");
        assert_eq!(super::clock(i64::MIN), i64::MIN.to_string());
    }

    proptest! {
        #[test]
        fn exact_numbers_read_back(value in any::<f64>()) {
            prop_assert_eq!(exact(value).parse::<f64>().unwrap().to_bits(), value.to_bits());
            prop_assert!(number(value).chars().count() <= 11, "{}", number(value));
        }

        #[test]
        fn four_digits_are_those_of_the_number(value in 0.0f64..9999.0, scale in 0i32..10) {
            let value = value / 10f64.powi(scale);
            prop_assume!(value > 0.0);
            if let Some(quick) = four_digits(value) {
                prop_assert_eq!(quick, four_digits_of_any(value));
            }
            let (digits, power) = four_digits_of_any(value);
            prop_assume!((-4..=3).contains(&power));
            let whole = format!("{value:.*}", usize::try_from(3 - power).unwrap());
            let text = plain(-value, digits, power);
            let zeros = whole.strip_prefix(text.strip_prefix('-').unwrap()).unwrap();
            prop_assert!(zeros.chars().all(|c| c == '0' || c == '.'));
            prop_assert!(zeros.is_empty() || (whole.parse::<f64>().unwrap() - value).abs() <= value * SAME);
        }

        #[test]
        fn times_never_panic(ms in any::<i64>()) {
            let _ = (duration(ms), age(ms), clock(ms), clock_short(ms), bytes(ms as u64), count(ms as u64));
        }
    }
}
