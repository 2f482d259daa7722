//! A canvas of braille dots, two across and four down in every cell, shared by all curves.
//!
//! Where curves cross, a cell has the dots of all of them, and the colour of the focused one or of the one with most
//! dots there. Ratatui's own chart gives the cell to the last curve, and the others lose their dots.

/// Dots across a cell.
pub const ACROSS: usize = 2;
/// Dots down a cell.
pub const DOWN: usize = 4;

/// The bit of a dot in a braille character (U+2800 + bits), by row and column of the cell.
const BITS: [[u8; ACROSS]; DOWN] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

/// One cell of the canvas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dots {
    /// The dots, as bits of a braille character.
    pub bits: u8,
    /// Which curve gives its colour; means nothing where there are no dots.
    pub owner: usize,
    /// How strong its claim is: the number of its dots.
    claim: u32,
}

impl Dots {
    /// The dots as a character.
    pub fn braille(self) -> char {
        char::from_u32(0x2800 + u32::from(self.bits)).unwrap_or(' ')
    }
}

/// Cells of dots; all curves are drawn one after another.
#[derive(Debug)]
pub struct Canvas {
    width: usize,
    height: usize,
    cells: Vec<Dots>,
    layer: Vec<u8>,
}

impl Canvas {
    /// An empty canvas of so many cells.
    pub fn new(width: usize, height: usize) -> Self {
        let cells = width * height;
        Self { width, height, cells: vec![Dots::default(); cells], layer: vec![0; cells] }
    }

    /// Dots across and down.
    pub fn dots(&self) -> (usize, usize) {
        (self.width * ACROSS, self.height * DOWN)
    }

    /// The cell in a column and row.
    pub fn cell(&self, column: usize, row: usize) -> Option<Dots> {
        if column < self.width { self.cells.get(row * self.width + column).copied() } else { None }
    }

    /// Draws a curve that `draw` paints on a layer of its own, and lays it over the others; `first` gives it the
    /// colour of all its cells.
    pub fn curve(&mut self, owner: usize, first: bool, draw: impl FnOnce(&mut Layer<'_>)) {
        self.layer.fill(0);
        draw(&mut Layer { width: self.width, bits: &mut self.layer });
        for (cell, bits) in self.cells.iter_mut().zip(&self.layer).filter(|(_, bits)| **bits != 0) {
            let claim = if first { u32::MAX } else { bits.count_ones() };
            if claim > cell.claim {
                (cell.owner, cell.claim) = (owner, claim);
            }
            cell.bits |= bits;
        }
    }
}

/// What one curve draws on.
#[derive(Debug)]
pub struct Layer<'a> {
    width: usize,
    bits: &'a mut [u8],
}

impl Layer<'_> {
    /// Sets a dot; places outside do nothing.
    pub fn dot(&mut self, x: usize, y: usize) {
        let bit = BITS.get(y % DOWN).and_then(|row| row.get(x % ACROSS));
        let cell = self.bits.get_mut(y / DOWN * self.width + x / ACROSS).filter(|_| x / ACROSS < self.width);
        if let (Some(bit), Some(cell)) = (bit, cell) {
            *cell |= bit;
        }
    }

    /// Sets all dots between two heights of a column.
    pub fn column(&mut self, x: usize, y: usize, to: usize) {
        (y.min(to)..=y.max(to)).for_each(|y| self.dot(x, y));
    }

    /// Draws a line, in which every dot touches the next.
    pub fn line(&mut self, (x0, y0): (usize, usize), (x1, y1): (usize, usize)) {
        let (wide, high) = (x0.abs_diff(x1), y0.abs_diff(y1));
        let steps = wide.max(high);
        // Rounded part of the way from one number to another.
        let part = |from: usize, to: usize, i: usize| {
            let way = (from.abs_diff(to) * i * 2 + steps) / (steps * 2).max(1);
            if to < from { from - way } else { from + way }
        };
        (0..=steps).for_each(|i| self.dot(part(x0, x1, i), part(y0, y1, i)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(canvas: &Canvas) -> String {
        let rows = (0..canvas.height).map(|row| {
            (0..canvas.width).filter_map(|c| canvas.cell(c, row)).map(Dots::braille).collect::<String>()
        });
        rows.collect::<Vec<_>>().join("/")
    }

    #[test]
    fn dots_lines_and_columns() {
        let mut canvas = Canvas::new(3, 2);
        canvas.curve(0, false, |layer| layer.line((0, 0), (5, 7)));
        assert_eq!(text(&canvas), "⠱⡀⠀/⠀⠈⢆");
        let mut canvas = Canvas::new(1, 1);
        canvas.curve(0, false, |layer| layer.column(1, 3, 1));
        assert_eq!(text(&canvas), "⢰");
    }

    #[test]
    fn dots_add_up_and_the_majority_gives_the_colour() {
        let mut canvas = Canvas::new(1, 1);
        canvas.curve(0, false, |layer| layer.column(0, 0, 1));
        canvas.curve(1, false, |layer| layer.column(1, 0, 2));
        canvas.curve(2, false, |layer| layer.dot(0, 3));
        assert_eq!(text(&canvas), "⡻");
        assert_eq!(canvas.cell(0, 0).unwrap().owner, 1);
        canvas.curve(3, true, |layer| layer.dot(0, 3));
        canvas.curve(4, false, |layer| layer.column(0, 0, 3));
        assert_eq!(canvas.cell(0, 0).unwrap().owner, 3, "the focused curve");
    }

    #[test]
    fn outside_is_nowhere() {
        for (width, height) in [(0, 0), (0, 3), (1, 1), (2, 1)] {
            let mut canvas = Canvas::new(width, height);
            canvas.curve(0, false, |layer| layer.line((0, 9), (9, 0)));
            assert_eq!(canvas.cell(width, 0), None);
        }
    }
}
