//! Params as numbers, and an order in which people expect them.

/// The number that a param is, or `None` for text. Takes what Python's `float` takes (`1e-3`, `.5`, `inf`, `nan`),
/// but no underscores.
pub fn parse_number(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

/// A text as bytes whose order is the one in which people expect texts: numbers by value, then NaN, then text in
/// natural order (`v9` before `v10`, capital letters beside small ones). Only equal texts have equal bytes.
///
/// Comparing two texts means parsing both, so lists are sorted by bytes that were made once.
pub fn natural_key(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(2 * text.len() + 16);
    push_natural_key(text, &mut out);
    out
}

/// Like [`natural_key`], behind what is in `out`.
pub fn push_natural_key(text: &str, out: &mut Vec<u8>) {
    match parse_number(text) {
        Some(number) if number.is_nan() => out.push(1),
        Some(number) => {
            out.push(0);
            // Zero has a sign which nobody means.
            out.extend(ordered(number + 0.0).to_be_bytes());
        }
        None => out.push(2),
    }
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c.is_ascii_digit() {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (digits, after) = rest.split_at(end);
            let digits = digits.trim_start_matches('0');
            // Numbers of any length, between the same neighbours as a digit: the longer one is the greater one.
            out.push(b'0');
            out.extend((digits.len() as u32).to_be_bytes());
            out.extend(digits.as_bytes());
            rest = after;
        } else {
            let mut bytes = [0; 4];
            c.to_lowercase().for_each(|lower| out.extend(lower.encode_utf8(&mut bytes).as_bytes()));
            rest = rest.get(c.len_utf8()..).unwrap_or_default();
        }
    }
    out.push(0);
    out.extend(text.as_bytes());
}

/// A number as an integer of the same order, that of [`f64::total_cmp`].
pub fn ordered(number: f64) -> u64 {
    let bits = number.to_bits();
    if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
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
            ["-inf", "-2", "-0", "1e-3", "0.5", "9", "10", "1e3", "nan", "a", "B", "c", "v9", "v10", "v10b"];
        let mut mixed = sorted;
        mixed.reverse();
        mixed.sort_by_cached_key(|text| natural_key(text));
        assert_eq!(mixed, sorted);
        for (before, after) in
            [("1", "1.0"), ("run-007", "run-7"), ("x99999999999999999999998", "x99999999999999999999999")]
        {
            assert!(natural_key(before) < natural_key(after), "{before} {after}");
        }
    }

    proptest! {
        #[test]
        fn numbers_keep_their_order(a in any::<f64>(), b in any::<f64>()) {
            prop_assert_eq!(ordered(a).cmp(&ordered(b)), a.total_cmp(&b));
            prop_assume!(a < b);
            prop_assert!(natural_key(&a.to_string()) < natural_key(&b.to_string()));
        }

        #[test]
        fn texts_compare_letter_by_letter_and_numbers_as_numbers(
            before in "[a-z.]{0,3}", a in 0u64..2000, b in 0u64..2000, after in "[a-z.]{0,3}", zeros in "0{0,3}",
        ) {
            prop_assume!(a < b);
            let text = |number| natural_key(&format!("x{before}{number}{after}"));
            prop_assert!(text(a.to_string()) < text(b.to_string()));
            let padded = format!("{zeros}{a}");
            prop_assert!(text(padded) < text(b.to_string()));
            let (low, high) = (format!("X{before}{a}"), format!("x{before}{b}"));
            prop_assert!(natural_key(&low) < natural_key(&high));
        }

        #[test]
        fn only_equal_texts_have_equal_keys(a in "[aB0-3é.e-]{0,4}|nan|-nan|-0", b in "[aB0-3é.e-]{0,4}|nan|-nan|-0") {
            prop_assert_eq!(natural_key(&a) == natural_key(&b), a == b);
        }
    }
}
