//! Tables: aligned and cut to the width on a terminal, separated by tabs on a pipe.

use std::io;

use super::answer::Answer;
use crate::shown::Shown;
use crate::view::text::{align_decimal, cut_middle, decimal_widths, pad_end, pad_start, width};

/// Columns of the terminal between two columns of the table.
const GAP: usize = 2;
/// A column is not made narrower than this to make room for others; rather the last ones are left out.
const NARROWEST: usize = 16;
/// A column is not wider than this on a terminal.
const WIDEST: usize = 48;

/// How the cells of a column stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// Words, to the left.
    Left,
    /// Words that are no use in part, such as ids and times, to the left.
    Fixed,
    /// Whole numbers, to the right.
    Right,
    /// Numbers, with their decimal points below each other.
    Decimal,
}

/// Rows under headers.
#[derive(Debug, Default)]
pub struct Table {
    columns: Vec<(Shown, Stand)>,
    rows: Vec<Vec<Shown>>,
}

/// How wide a column is on a terminal.
struct Width {
    /// Before the decimal point, and from it on; words have only the first.
    parts: (usize, usize),
    /// All of it, perhaps less than the parts need.
    total: usize,
    /// Whether it may become narrower.
    is_soft: bool,
}

impl Table {
    /// Adds a column.
    pub fn column(&mut self, title: Shown, stand: Stand) {
        self.columns.push((title, stand));
    }

    /// Adds a row, with a cell for every column.
    pub fn row(&mut self, cells: Vec<Shown>) {
        self.rows.push(cells);
    }

    /// Prints it.
    pub fn print(&self, answer: &mut Answer<'_>) -> io::Result<()> {
        match answer.columns {
            Some(columns) => self.print_aligned(answer, columns),
            None => self.print_plain(answer),
        }
    }

    fn print_plain(&self, answer: &mut Answer<'_>) -> io::Result<()> {
        // No trimming here: empty cells at the end are cells.
        let titles: Vec<&str> = self.columns.iter().map(|(title, _)| title.as_str()).collect();
        answer.raw(&titles.join("\t"))?;
        answer.raw("\n")?;
        for row in &self.rows {
            let cells: Vec<&str> = row.iter().map(Shown::as_str).collect();
            answer.raw(&cells.join("\t"))?;
            answer.raw("\n")?;
        }
        Ok(())
    }

    fn print_aligned(&self, answer: &mut Answer<'_>, columns: usize) -> io::Result<()> {
        let widths = self.widths(columns);
        let titles = self.columns.iter().zip(&widths).map(|((title, stand), width)| match stand {
            Stand::Left | Stand::Fixed => pad_end(&cut_middle(title.as_str(), width.total), width.total),
            _ => pad_start(&cut_middle(title.as_str(), width.total), width.total),
        });
        let gap = " ".repeat(GAP);
        answer.heading(&titles.collect::<Vec<_>>().join(&gap))?;
        for row in &self.rows {
            let stands = self.columns.iter().map(|(_, stand)| *stand);
            let cells =
                row.iter().zip(stands).zip(&widths).map(|((cell, stand), width)| align(cell, stand, width));
            answer.line(&cells.collect::<Vec<_>>().join(&gap))?;
        }
        Ok(())
    }

    /// Widths that fit into the terminal: first the widest words are cut, then the last ones are left out.
    fn widths(&self, columns: usize) -> Vec<Width> {
        let mut widths: Vec<Width> = (0..self.columns.len()).map(|place| self.needed(place)).collect();
        let room = |widths: &[Width]| columns.saturating_sub(GAP * widths.len().saturating_sub(1));
        let used = |widths: &[Width]| widths.iter().map(|width| width.total).sum::<usize>();
        while used(&widths) > room(&widths) {
            let over = used(&widths) - room(&widths);
            let count = widths.len();
            let soft = widths.iter_mut().filter(|width| width.is_soft && width.total > NARROWEST);
            match soft.max_by_key(|width| width.total) {
                // Not all at once: the next round may find another one to be the widest.
                Some(width) => width.total -= over.div_ceil(4).min(width.total - NARROWEST),
                None if count > 1 => widths.truncate(count - 1),
                None => break,
            }
        }
        widths
    }

    fn needed(&self, place: usize) -> Width {
        let Some((title, stand)) = self.columns.get(place) else {
            return Width { parts: (0, 0), total: 0, is_soft: false };
        };
        let cells = self.rows.iter().filter_map(|row| row.get(place)).map(Shown::as_str);
        let parts = cells.fold((0, 0), |widest: (usize, usize), cell| {
            let parts = if *stand == Stand::Decimal { decimal_widths(cell) } else { (width(cell), 0) };
            (widest.0.max(parts.0), widest.1.max(parts.1))
        });
        let total = (parts.0 + parts.1).max(width(title.as_str())).min(WIDEST);
        Width { parts, total, is_soft: *stand == Stand::Left }
    }
}

fn align(cell: &Shown, stand: Stand, width: &Width) -> String {
    let text = cell.as_str();
    let (whole, fraction) = width.parts;
    match stand {
        Stand::Left | Stand::Fixed => pad_end(&cut_middle(text, width.total), width.total),
        Stand::Decimal if whole + fraction <= width.total => {
            pad_start(&align_decimal(text, whole, fraction), width.total)
        }
        Stand::Right | Stand::Decimal => pad_start(&cut_middle(text, width.total), width.total),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shown::shown;

    fn table() -> Table {
        let mut table = Table::default();
        table.column(shown("NAME"), Stand::Left);
        table.column(shown("POINTS"), Stand::Right);
        table.column(shown("loss"), Stand::Decimal);
        for (name, points, loss) in
            [("baseline", "10", "0.5"), ("실험 이름\n긴 이름", "200", "12.25"), ("", "", "")]
        {
            table.row(vec![shown(name), shown(points), shown(loss)]);
        }
        table
    }

    #[test]
    fn aligned_to_the_width() {
        let widths = |columns| table().widths(columns).iter().map(|width| width.total).collect::<Vec<_>>();
        assert_eq!(widths(80), [17, 6, 5]);
        assert_eq!(widths(31), [16, 6, 5]);
        assert_eq!(widths(24), [16, 6], "the last column has no room");
        assert_eq!(widths(5), [16], "one column stays");
        let cells: Vec<String> =
            table().rows.iter().map(|row| align(&row[2], Stand::Decimal, &table().needed(2))).collect();
        assert_eq!(cells, [" 0.5 ", "12.25", "     "]);
    }

    #[test]
    fn tabs_on_a_pipe() {
        let mut out = Vec::new();
        table().print(&mut Answer::to_file(&mut out)).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "NAME\tPOINTS\tloss\nbaseline\t10\t0.5\n실험 이름␊긴 이름\t200\t12.25\n\t\t\n");
    }
}
