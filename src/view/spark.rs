//! A curve in one line of text.

use crate::view::theme::Glyphs;

/// A curve of at most `width` columns, one value each; of more values, every column takes the last of its share.
///
/// The lowest value stands on the lowest level and the highest on the highest; where all are equal, a flat line in
/// the middle. NaN is a gap; infinities stand at the ends.
pub fn spark(values: &[f64], width: usize, glyphs: &Glyphs) -> String {
    let columns = values.len().min(width);
    let finite = || values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    let top = glyphs.spark.len() - 1;
    (1..=columns)
        .filter_map(|column| values.get((column * values.len()).div_ceil(columns) - 1))
        .map(|value| match level(*value, low, high, top) {
            Some(level) => glyphs.spark.get(level).copied().unwrap_or(" "),
            None => " ",
        })
        .collect()
}

/// The level of a value, 0 to `top`. Halves keep the widest range from overflowing.
fn level(value: f64, low: f64, high: f64, top: usize) -> Option<usize> {
    if value.is_nan() {
        return None;
    }
    if value.is_infinite() {
        return Some(if value > 0.0 { top } else { 0 });
    }
    let range = high / 2.0 - low / 2.0;
    if range <= 0.0 {
        return Some(top / 2);
    }
    Some((((value / 2.0 - low / 2.0) / range * top as f64).round() as usize).min(top))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn curves() {
        let utf8 = Glyphs::new(true);
        let ascii = Glyphs::new(false);
        assert_eq!(spark(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 8, &utf8), "▁▂▃▄▅▆▇");
        assert_eq!(spark(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 8, &ascii), ".:-=+*#");
        assert_eq!(spark(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], 3, &utf8), "▂▅▇", "the last of each share");
        assert_eq!(spark(&[5.0; 3], 8, &utf8), "▄▄▄");
        assert_eq!(spark(&[1.0, f64::NAN, 2.0], 8, &utf8), "▁ ▇");
        assert_eq!(spark(&[f64::NAN, f64::INFINITY, f64::NEG_INFINITY], 8, &utf8), " ▇▁");
        assert_eq!(spark(&[-1.7e308, 0.0, 1.7e308], 8, &utf8), "▁▄▇");
        assert_eq!(spark(&[], 8, &utf8), "");
        assert_eq!(spark(&[1.0], 0, &utf8), "");
    }

    proptest! {
        #[test]
        fn never_wider(values in proptest::collection::vec(any::<f64>(), 0..50), width in 0usize..60) {
            let line = spark(&values, width, &Glyphs::new(true));
            prop_assert_eq!(line.chars().count(), values.len().min(width));
        }
    }
}
