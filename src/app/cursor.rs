//! A place in a list and the part of the list that is in view.

use std::ops::Range;

/// Which line is selected, and which one is the first in view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// The selected line.
    pub at: usize,
    /// The first line in view.
    pub top: usize,
}

impl Cursor {
    /// Moves by lines, staying in the list and in view.
    pub fn move_by(&mut self, lines: isize, len: usize, height: usize) {
        self.to(self.at.saturating_add_signed(lines), len, height);
    }

    /// Goes to a line, or the last one.
    pub fn to(&mut self, line: usize, len: usize, height: usize) {
        self.at = line.min(len.saturating_sub(1));
        self.fit(len, height);
    }

    /// Keeps the line in view, and the view full while there are lines to fill it.
    pub fn fit(&mut self, len: usize, height: usize) {
        self.at = self.at.min(len.saturating_sub(1));
        let height = height.max(1);
        self.top = self.top.min(self.at).max((self.at + 1).saturating_sub(height));
        self.top = self.top.min(len.saturating_sub(height));
    }

    /// Moves the view without the line, as a wheel does; the line follows when it would leave the view.
    pub fn scroll(&mut self, lines: isize, len: usize, height: usize) {
        let height = height.max(1);
        self.top = self.top.saturating_add_signed(lines).min(len.saturating_sub(height));
        self.at = self.at.clamp(self.top, (self.top + height - 1).min(len.saturating_sub(1)).max(self.top));
        self.at = self.at.min(len.saturating_sub(1));
    }

    /// The lines in view.
    pub fn window(&self, len: usize, height: usize) -> Range<usize> {
        let from = self.top.min(len);
        from..(from + height).min(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn stays_in_the_list_and_in_view(
            steps in proptest::collection::vec((0usize..4, -50isize..50, 0usize..60, 0usize..20), 1..40)
        ) {
            let mut cursor = Cursor::default();
            for (kind, by, len, height) in steps {
                match kind {
                    0 => cursor.move_by(by, len, height),
                    1 => cursor.to(by.unsigned_abs(), len, height),
                    2 => cursor.scroll(by, len, height),
                    _ => cursor.fit(len, height),
                }
                prop_assert!(cursor.at < len.max(1));
                prop_assert!(len == 0 || cursor.window(len, height.max(1)).contains(&cursor.at));
            }
        }
    }
}
