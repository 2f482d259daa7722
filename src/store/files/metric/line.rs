//! One line of a metric file: what it is, and a faster way for those that are as MLflow writes them.

use super::LINE;
use crate::index::Point;

/// Digits that fit into 64 bits whatever they are.
const DIGITS: usize = 18;

/// The point of one line without its newline.
pub fn parse_line(line: &[u8]) -> Option<Point> {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    // NULs, which an append race on NFS leaves, make it no point: what stands behind them may be cut off, too.
    let text = std::str::from_utf8(line).ok()?;
    let mut fields = text.split(' ').filter(|field| !field.is_empty());
    let timestamp = integer(fields.next()?)?;
    let value = fields.next()?.parse().ok()?;
    let step = fields.next().map_or(Some(0), integer)?;
    // A dataset's name and digest, and a name may hold blanks; one field more is no run's metric (`_get_metric_from_line`).
    let is_known = fields.next().is_none() || fields.next().is_some();
    is_known.then_some(Point { value, step, timestamp })
}

/// The same, but a line that is too long is none.
pub(super) fn parse_short(line: &[u8]) -> Option<Point> {
    if line.len() > LINE { None } else { parse_line(line) }
}

/// An integer; one beyond 64 bits takes the nearest that fits. MLflow's have no end, so it takes as a point what two
/// writers have left who wrote their times into one line.
fn integer(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| {
        let wide = text.strip_prefix(['-', '+']).unwrap_or(text);
        let digits = !wide.is_empty() && wide.bytes().all(|b| b.is_ascii_digit());
        digits.then_some(if text.starts_with('-') { i64::MIN } else { i64::MAX })
    })
}

/// The first line without its newline, and what follows.
pub(super) fn cut(bytes: &[u8]) -> (&[u8], &[u8]) {
    match memchr::memchr(b'\n', bytes).and_then(|end| bytes.split_at_checked(end)) {
        Some((line, rest)) => (line, rest.get(1..).unwrap_or_default()),
        None => (bytes, &[]),
    }
}

/// The point of the first line and what follows it, where the line is whole and as MLflow writes it: one space between
/// fields, decimal numbers. `None` is no verdict: [`parse_line`] has to look at the line.
#[inline]
pub(super) fn point(bytes: &[u8]) -> Option<(Point, &[u8])> {
    let (timestamp, rest) = number(bytes)?;
    let rest = rest.strip_prefix(b" ")?;
    // `nan`, `inf`, `+1` and `.5` take the long way: rare, and the one place that says what they are.
    if !matches!(rest, [b'0'..=b'9', ..] | [b'-', b'0'..=b'9', ..]) {
        return None;
    }
    let (value, used) = fast_float2::parse_partial::<f64, _>(rest).ok()?;
    let (step, rest) = ending(rest.get(used..)?)?;
    (bytes.len() - rest.len() <= LINE + 1).then_some((Point { value, step, timestamp }, rest))
}

/// A line whose value is known to be a number, but not yet which.
pub(super) struct Unparsed<'a> {
    pub timestamp: i64,
    pub value: &'a [u8],
    pub step: i64,
}

impl Unparsed<'_> {
    /// The point, value and all.
    pub(super) fn parse(&self) -> Option<Point> {
        let value = fast_float2::parse(self.value).ok()?;
        Some(Point { value, step: self.step, timestamp: self.timestamp })
    }
}

/// As [`point`], without parsing the value.
#[inline]
pub(super) fn unparsed(bytes: &[u8]) -> Option<(Unparsed<'_>, &[u8])> {
    let (timestamp, rest) = number(bytes)?;
    let begin = rest.strip_prefix(b" ")?;
    let rest = decimal(begin)?;
    let value = begin.get(..begin.len() - rest.len())?;
    let (step, rest) = ending(rest)?;
    (bytes.len() - rest.len() <= LINE + 1).then_some((Unparsed { timestamp, value, step }, rest))
}

/// Bytes that are no digits in a line with a time, a value with a fraction, and a step.
pub(super) const MARKS: usize = 4;

/// Where the line ends that begins at `begin`, behind its newline, and its step: where it is a time, a value with a
/// fraction and no exponent, and a step of at most eight digits, as are nearly all. `marks` are the places of bytes that
/// are no digits, from the line's first on. `None` is no verdict.
#[inline]
pub(super) fn plain(bytes: &[u8], begin: usize, marks: &[u16]) -> Option<(usize, i64)> {
    let (marks, _) = marks.split_first_chunk::<MARKS>()?;
    let [time, dot, value, step] = marks.map(usize::from);
    let kinds = [*bytes.get(time)?, *bytes.get(dot)?, *bytes.get(value)?, *bytes.get(step)?];
    // Only digits are between them, so lengths decide.
    let is_plain = (u32::from_le_bytes(kinds) == u32::from_le_bytes(*b" . \n"))
        & (time.wrapping_sub(begin + 1) < DIGITS)
        & (dot > time + 1)
        & (value > dot + 1)
        & (step.wrapping_sub(value + 2) < 8);
    if !is_plain {
        return None;
    }
    // The step is at the end of these bytes; what stands before it is made zeros.
    let eight = u64::from_le_bytes(*bytes.get(..step)?.last_chunk::<8>()?);
    let others = (8 * (8 + value + 1 - step)) as u32;
    let digits = (eight & (u64::MAX << others)) | (0x3030_3030_3030_3030 & !(u64::MAX << others));
    Some((step + 1, eight_digits(digits) as i64))
}

/// What follows a decimal number: digits, then perhaps a fraction and an exponent.
#[inline]
fn decimal(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = digits(bytes.strip_prefix(b"-").unwrap_or(bytes))?;
    if let [b'.', after @ ..] = rest {
        rest = digits(after)?;
    }
    if let [b'e' | b'E', after @ ..] = rest {
        rest = digits(match after {
            [b'+' | b'-', after @ ..] => after,
            after => after,
        })?;
    }
    Some(rest)
}

/// What follows one digit or more.
#[inline]
fn digits(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first_chunk::<8>() {
        if !are_digits(u64::from_le_bytes(*first)) {
            break;
        }
        rest = after;
    }
    while let [b'0'..=b'9', after @ ..] = rest {
        rest = after;
    }
    (rest.len() < bytes.len()).then_some(rest)
}

/// Step and end of a line, from behind its value.
#[inline]
fn ending(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let rest = match bytes {
        [b' ', rest @ ..] => rest,
        [b'\n', rest @ ..] => return Some((0, rest)),
        _ => return None,
    };
    let (step, rest) = match rest {
        [b'-', rest @ ..] => number(rest).map(|(step, rest)| (-step, rest))?,
        _ => number(rest)?,
    };
    match rest {
        [b'\n', rest @ ..] => Some((step, rest)),
        // Dataset and model: not shown, but a line that is no text is no point.
        [b' ', ..] => {
            let end = memchr::memchr(b'\n', rest)?;
            let (more, rest) = rest.split_at_checked(end)?;
            let (name, digest) = std::str::from_utf8(more.get(1..)?).ok()?.split_once(' ')?;
            let is_known = !name.is_empty() && digest.bytes().any(|byte| !matches!(byte, b' ' | b'\r'));
            is_known.then_some((step, rest.get(1..)?))
        }
        _ => None,
    }
}

/// A number without a sign, and what follows it.
#[inline]
fn number(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let mut rest = bytes;
    let mut number: u64 = 0;
    // Times have 13 digits.
    if let Some((first, after)) = rest.split_first_chunk::<8>() {
        let eight = u64::from_le_bytes(*first);
        if are_digits(eight) {
            (number, rest) = (eight_digits(eight), after);
        }
    }
    while let [digit @ b'0'..=b'9', after @ ..] = rest {
        number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
        rest = after;
    }
    let used = bytes.len() - rest.len();
    (used > 0 && used <= DIGITS).then_some((number as i64, rest))
}

/// Whether eight bytes are digits: their high halves are 3, also after adding 6.
#[inline]
fn are_digits(eight: u64) -> bool {
    const HIGH: u64 = 0xF0F0_F0F0_F0F0_F0F0;
    let over = eight.wrapping_add(0x0606_0606_0606_0606);
    (eight & HIGH) | ((over & HIGH) >> 4) == 0x3333_3333_3333_3333
}

/// The number that eight digits are, the first in the lowest byte: neighbours are joined to pairs, fours and all.
#[inline]
fn eight_digits(eight: u64) -> u64 {
    const PAIRS: u64 = 0x0000_00FF_0000_00FF;
    let ones = eight.wrapping_sub(0x3030_3030_3030_3030);
    let pairs = ones.wrapping_mul(10).wrapping_add(ones >> 8);
    let low = (pairs & PAIRS).wrapping_mul(100 + (1_000_000 << 32));
    let high = ((pairs >> 16) & PAIRS).wrapping_mul(1 + (10_000 << 32));
    low.wrapping_add(high) >> 32
}
