//! Values as they come out of a database. SQLite keeps any type in any column, so text may stand where a number belongs
//! and bytes where text does.

use std::borrow::Cow;

use rusqlite::Row;
use rusqlite::types::ValueRef;

/// Text, whatever it was stored as; none for NULL. Bytes that are no UTF-8 become the replacement character.
pub fn text<'r>(row: &'r Row<'_>, column: usize) -> Option<Cow<'r, str>> {
    match row.get_ref(column).ok()? {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number.to_string().into()),
        ValueRef::Real(number) => Some(number.to_string().into()),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(String::from_utf8_lossy(bytes)),
    }
}

/// A whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// NULL.
    None,
    /// The number.
    Some(i64),
    /// Something that is no whole number.
    Odd,
}

impl Whole {
    /// The number, if there is a good one.
    pub fn get(self) -> Option<i64> {
        match self {
            Self::Some(number) => Some(number),
            Self::None | Self::Odd => None,
        }
    }
}

/// A whole number, also from text or from a float that is whole.
pub fn whole(row: &Row<'_>, column: usize) -> Whole {
    let Ok(value) = row.get_ref(column) else { return Whole::None };
    let found = match value {
        ValueRef::Null => return Whole::None,
        ValueRef::Integer(number) => Some(number),
        ValueRef::Real(number) => is_whole(number).then_some(number as i64),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            std::str::from_utf8(bytes).ok().and_then(|text| text.trim().parse().ok())
        }
    };
    found.map_or(Whole::Odd, Whole::Some)
}

fn is_whole(number: f64) -> bool {
    number.fract() == 0.0 && number.abs() < 9.0e15
}

/// A float; none for what is no number.
pub fn float(row: &Row<'_>, column: usize) -> Option<f64> {
    match row.get_ref(column).ok()? {
        ValueRef::Null => None,
        ValueRef::Integer(number) => Some(number as f64),
        ValueRef::Real(number) => Some(number),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            std::str::from_utf8(bytes).ok().and_then(|text| text.trim().parse().ok())
        }
    }
}

/// The value of a metric: MLflow stores NaN as 0 with a mark (`SqlMetric.is_nan`). Infinities are stored as the largest
/// number, from which nobody can tell them.
pub fn metric_value(row: &Row<'_>, value: usize, is_nan: usize) -> Option<f64> {
    let marked = match row.get_ref(is_nan).ok()? {
        ValueRef::Integer(mark) => mark != 0,
        ValueRef::Real(mark) => mark != 0.0,
        _ => false,
    };
    if marked { Some(f64::NAN) } else { float(row, value) }
}
