//! Ways to write the numbers of a column, for people who want another one than what suits each number.

use super::number;

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum NumberFormat {
    /// Up to four significant digits, as [`number`] does; params as they were logged.
    #[default]
    Auto,
    /// So many significant digits.
    Digits(u8),
    /// In percent, with two decimals.
    Percent,
    /// With an exponent.
    Scientific,
}

/// What a key goes through.
const ALL: [NumberFormat; 7] = [
    NumberFormat::Auto,
    NumberFormat::Digits(2),
    NumberFormat::Digits(3),
    NumberFormat::Digits(6),
    NumberFormat::Digits(9),
    NumberFormat::Percent,
    NumberFormat::Scientific,
];

impl NumberFormat {
    /// The next one, for a key that goes through them.
    pub fn next(self) -> Self {
        let place = ALL.iter().position(|format| *format == self);
        place.and_then(|place| ALL.get(place + 1)).copied().unwrap_or_default()
    }

    /// Its name: a number of digits, `%`, `e`, or nothing for [`NumberFormat::Auto`].
    pub fn word(self) -> String {
        match self {
            Self::Auto => String::new(),
            Self::Digits(digits) => digits.to_string(),
            Self::Percent => "%".to_owned(),
            Self::Scientific => "e".to_owned(),
        }
    }

    /// By its name.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "" => Self::Auto,
            "%" => Self::Percent,
            "e" => Self::Scientific,
            digits => Self::Digits(digits.parse().ok().filter(|digits| (1..=17).contains(digits))?),
        })
    }

    /// A number in this way. NaN and infinities are what they are in any.
    pub fn write(self, value: f64) -> String {
        match self {
            _ if !value.is_finite() => number(value),
            Self::Auto => number(value),
            Self::Percent => format!("{:.2}%", value * 100.0),
            Self::Scientific => format!("{value:.3e}"),
            Self::Digits(digits) => significant(value, digits.max(1).into()),
        }
    }
}

/// So many significant digits; as decimals as long as that takes no more than some zeros, else with an exponent.
fn significant(value: f64, digits: usize) -> String {
    let scientific = format!("{value:.*e}", digits - 1);
    let power = scientific.rsplit('e').next().and_then(|power| power.parse::<i32>().ok()).unwrap_or_default();
    match usize::try_from(digits as i32 - 1 - power) {
        _ if value == 0.0 => "0".to_owned(),
        Ok(decimals) if power >= -5 => format!("{value:.decimals$}"),
        // An integer with more digits than asked for keeps them: they stand for themselves.
        Err(_) if power < 9 => format!("{value:.0}"),
        _ => scientific,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_in_every_way() {
        use NumberFormat::*;
        for (format, value, text) in [
            (Auto, 0.123_456, "0.1235"),
            (Digits(2), 0.123_456, "0.12"),
            (Digits(6), 0.123_456_789, "0.123457"),
            (Digits(3), 123.456, "123"),
            (Digits(2), 12_345.6, "12346"),
            (Digits(3), 1.5e-9, "1.50e-9"),
            (Digits(3), 0.0, "0"),
            (Digits(2), 9.99, "10"),
            (Digits(3), 1e300, "1.00e300"),
            (Percent, 0.987_65, "98.77%"),
            (Percent, -0.5, "-50.00%"),
            (Scientific, 12_345.0, "1.234e4"),
            (Percent, f64::NAN, "NaN"),
            (Scientific, f64::INFINITY, "∞"),
        ] {
            assert_eq!(format.write(value), text, "{format:?} {value}");
        }
    }

    #[test]
    fn a_key_goes_through_all_and_words_name_them() {
        let mut format = NumberFormat::default();
        for expected in ALL {
            assert_eq!(format, expected);
            assert_eq!(NumberFormat::from_word(&format.word()), Some(format));
            format = format.next();
        }
        assert_eq!(format, NumberFormat::Auto);
        assert_eq!(NumberFormat::from_word("99"), None);
    }

    proptest! {
        #[test]
        fn any_number_can_be_written(value in any::<f64>(), digits in 0u8..=20) {
            for format in ALL.into_iter().chain([NumberFormat::Digits(digits)]) {
                prop_assert!(!format.write(value).is_empty());
            }
        }
    }
}
