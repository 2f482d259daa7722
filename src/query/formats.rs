//! How columns look: wide, written, coloured, kept at the left.

use rustc_hash::FxHashMap;

use super::Column;
use crate::format::NumberFormat;

/// How a column looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ColumnFormat {
    /// How wide its values are, in cells; none for as wide as they need.
    pub width: Option<u16>,
    /// How its numbers are written.
    pub numbers: NumberFormat,
    /// Its values are coloured by rank.
    pub heat: bool,
    /// It stays at the left when the others scroll.
    pub left: bool,
}

/// How columns look that do not look as all do. A metric's last, best and other values look the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Formats(FxHashMap<Column, ColumnFormat>);

impl Formats {
    /// How a column looks.
    pub fn of(&self, column: Column) -> ColumnFormat {
        if self.0.is_empty() {
            return ColumnFormat::default();
        }
        self.0.get(&column.latest()).copied().unwrap_or_default()
    }

    /// Changes how a column looks.
    pub fn edit(&mut self, column: Column, change: impl FnOnce(&mut ColumnFormat)) {
        let mut format = self.of(column);
        change(&mut format);
        if format == ColumnFormat::default() {
            self.0.remove(&column.latest());
        } else {
            self.0.insert(column.latest(), format);
        }
    }

    /// All columns that look different.
    pub fn iter(&self) -> impl Iterator<Item = (&Column, &ColumnFormat)> {
        self.0.iter()
    }
}
