//! Params as numbers, and an order in which people expect them.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::str::Chars;

/// The number that a param is, or `None` for text. Takes what Python's `float` takes (`1e-3`, `.5`, `inf`, `nan`),
/// but no underscores.
pub fn parse_number(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

/// Order for a column of params: numbers by value, then NaN, then text in natural order (`v9` before `v10`, capital
/// letters beside small ones). Total: only equal texts are equal.
pub fn natural_cmp(a: &str, b: &str) -> Ordering {
    let by_value = match (parse_number(a), parse_number(b)) {
        // `partial_cmp` rather than `total_cmp`: NaN has a sign of which nobody knows.
        (Some(x), Some(y)) => x.is_nan().cmp(&y.is_nan()).then(x.partial_cmp(&y).unwrap_or(Ordering::Equal)),
        (Some(_), None) => return Ordering::Less,
        (None, Some(_)) => return Ordering::Greater,
        (None, None) => Ordering::Equal,
    };
    by_value.then_with(|| text_cmp(a, b)).then_with(|| a.cmp(b))
}

/// Compares character by character, runs of digits as numbers of any length.
fn text_cmp(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.chars().peekable(), b.chars().peekable());
    loop {
        let order = match (a.peek().copied(), b.peek().copied()) {
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (x, y) = (digits(&mut a), digits(&mut b));
                x.len().cmp(&y.len()).then_with(|| x.cmp(&y))
            }
            (Some(x), Some(y)) => {
                a.next();
                b.next();
                x.to_lowercase().cmp(y.to_lowercase())
            }
            (x, y) => return x.is_some().cmp(&y.is_some()),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// Takes a run of digits off the front; zeros at its start do not count.
fn digits(text: &mut Peekable<Chars<'_>>) -> String {
    let mut out = String::new();
    while let Some(digit) = text.next_if(char::is_ascii_digit) {
        if digit != '0' || !out.is_empty() {
            out.push(digit);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn params_as_numbers() {
        for (text, value) in [
            ("1e-3", 0.001),
            (" 42 ", 42.0),
            (".5", 0.5),
            ("5.", 5.0),
            ("+1", 1.0),
            ("-inf", f64::NEG_INFINITY),
            ("Infinity", f64::INFINITY),
        ] {
            assert_eq!(parse_number(text), Some(value), "{text}");
        }
        assert!(parse_number("nan").unwrap().is_nan());
        for text in ["", " ", "True", "0x10", "1_000", "1,000", "e5", ".", "1e", "adam", "∞", "3 4"] {
            assert_eq!(parse_number(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_then_natural_text() {
        let sorted =
            ["-inf", "-2", "1e-3", "0.5", "9", "10", "1e3", "nan", "a", "B", "c", "v9", "v10", "v10b"];
        let mut mixed = sorted;
        mixed.reverse();
        mixed.sort_by(|a, b| natural_cmp(a, b));
        assert_eq!(mixed, sorted);
        assert_eq!(natural_cmp("1", "1.0"), "1".cmp("1.0"), "equal values, different texts");
        assert_eq!(natural_cmp("run-007", "run-7"), Ordering::Less);
        assert_eq!(natural_cmp("x99999999999999999999998", "x99999999999999999999999"), Ordering::Less);
    }

    proptest! {
        #[test]
        fn the_order_is_total(mut texts in proptest::collection::vec("[aB0-3é.e-]{0,4}|nan|-nan|-0", 3)) {
            // `sort_by` may panic, and this fails, where an order is not total.
            texts.sort_by(|a, b| natural_cmp(a, b));
            prop_assert!(natural_cmp(&texts[0], &texts[1]).is_le());
            prop_assert!(natural_cmp(&texts[1], &texts[2]).is_le());
            prop_assert!(natural_cmp(&texts[0], &texts[2]).is_le());
            prop_assert_eq!(natural_cmp(&texts[0], &texts[2]), natural_cmp(&texts[2], &texts[0]).reverse());
        }
    }
}
