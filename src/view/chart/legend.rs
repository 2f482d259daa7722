//! Which curve is which, with their values: a column beside the plot, or lines above it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::{bold, put};
use crate::view::text;
use crate::view::theme::Theme;

/// Narrowest and widest place of a curve in lines above the plot.
const PLACE: (usize, usize) = (20, 40);
/// Columns at least of a name that is cut so that its note is not; a third of the room, if that is more.
const NAME: usize = 6;

/// A curve in the legend.
#[derive(Debug)]
pub(super) struct Entry {
    /// The letter that also stands on the curve.
    pub letter: char,
    /// Its name.
    pub label: String,
    /// What is said behind it, which is not cut while there is room for a part of the name.
    pub note: String,
    /// Its value, where it has one.
    pub value: Option<String>,
    /// Its colour.
    pub style: Style,
    /// Whether it lies on top.
    pub is_focused: bool,
}

impl Entry {
    fn value(&self, theme: &Theme) -> String {
        self.value.clone().unwrap_or_else(|| theme.glyphs.empty.to_owned())
    }

    /// Name and note.
    fn name(&self, room: usize) -> String {
        let Self { label, note, .. } = self;
        let left = room.saturating_sub(text::width(note));
        if left < NAME.max(room / 3) {
            text::cut_middle(&format!("{label}{note}"), room).into()
        } else {
            format!("{}{note}", text::cut_middle(label, left))
        }
    }

    fn width(&self) -> usize {
        text::width(&self.label) + text::width(&self.note)
    }

    /// Letter, name and value, the value in `value` columns at the right end of `width`.
    fn draw(
        &self,
        (x, y): (u16, u16),
        width: usize,
        value: &str,
        area: Rect,
        buf: &mut Buffer,
        theme: &Theme,
    ) {
        let style = if self.is_focused { bold(self.style) } else { self.style };
        put(buf, area, x, y, self.letter.encode_utf8(&mut [0; 4]), bold(self.style));
        let room = width.saturating_sub(text::width(value) + 3);
        let label = self.name(room).replace('…', theme.glyphs.ellipsis);
        put(buf, area, x.saturating_add(2), y, &text::pad_end(&label, room), style);
        let at = width.saturating_sub(text::width(value)) as u16;
        put(
            buf,
            area,
            x.saturating_add(at),
            y,
            value,
            if self.is_focused { bold(theme.text) } else { theme.text },
        );
    }
}

/// Columns of values, before the decimal point and from it on.
fn decimals(entries: &[Entry]) -> (usize, usize) {
    let widths = entries.iter().filter_map(|entry| entry.value.as_deref()).map(text::decimal_widths);
    widths.fold((1, 0), |a, b| (a.0.max(b.0), a.1.max(b.1)))
}

/// Columns that a legend beside the plot would like to have.
pub(super) fn side_width(entries: &[Entry]) -> usize {
    let (whole, fraction) = decimals(entries);
    let label = entries.iter().map(Entry::width).max().unwrap_or_default();
    (label + whole.max(3) + fraction + 4).clamp(18, 60)
}

/// Lines of a legend above the plot, `most` of them at most.
pub(super) fn lines_needed(entries: &[Entry], width: u16, most: usize) -> usize {
    entries.len().div_ceil(per_line(entries, width, most).0).min(most)
}

/// How many curves stand in a line, and how wide each is, with the space behind it. Names become shorter before curves
/// are left out.
fn per_line(entries: &[Entry], width: u16, lines: usize) -> (usize, usize) {
    let width = usize::from(width);
    let wish = (width / (side_width(entries) + 2).clamp(PLACE.0, PLACE.1)).max(1);
    let need = entries.len().div_ceil(lines.max(1));
    let many = wish.max(need.min(width / PLACE.0)).clamp(1, entries.len().max(1));
    (many, (width / many).min(PLACE.1))
}

/// The part of a list that fits, so that the focused curve is in it, and how many are left out.
fn window(entries: &[Entry], room: usize) -> (&[Entry], usize) {
    if entries.len() <= room {
        return (entries, 0);
    }
    let room = room.saturating_sub(1);
    let focus = entries.iter().position(|entry| entry.is_focused).unwrap_or_default();
    let start = (focus + 1).saturating_sub(room);
    (entries.get(start..start + room).unwrap_or_default(), entries.len() - room)
}

/// Draws a column with a head, values aligned on the decimal point.
pub(super) fn side(entries: &[Entry], head: &str, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let width = usize::from(area.width);
    put(buf, area, area.x, area.y, &text::pad_start(head, width), theme.dim);
    let (whole, fraction) = decimals(entries);
    let (fitting, more) = window(entries, usize::from(area.height.saturating_sub(1)));
    let mut y = area.y.saturating_add(1);
    for entry in fitting {
        let value = text::align_decimal(&entry.value(theme), whole, fraction);
        entry.draw((area.x, y), width, &value, area, buf, theme);
        y = y.saturating_add(1);
    }
    if more > 0 {
        put(buf, area, area.x, y, &format!("+ {more} more"), theme.dim);
    }
}

/// Draws lines of several curves.
pub(super) fn lines(entries: &[Entry], area: Rect, buf: &mut Buffer, theme: &Theme) {
    let (many, one) = per_line(entries, area.width, area.height.into());
    let (fitting, more) = window(entries, many * usize::from(area.height));
    let place =
        |i: usize| (area.x.saturating_add((i % many * one) as u16), area.y.saturating_add((i / many) as u16));
    for (i, entry) in fitting.iter().enumerate() {
        entry.draw(
            place(i),
            one.saturating_sub(2).min(area.width.into()),
            &entry.value(theme),
            area,
            buf,
            theme,
        );
    }
    if more > 0 {
        let (x, y) = place(fitting.len());
        put(buf, area, x, y, &format!("+ {more} more"), theme.dim);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_shorter_before_its_note_does() {
        let entry = Entry {
            letter: 'b',
            label: "artifacts elsewhere".into(),
            note: " (no loss)".into(),
            value: None,
            style: Style::default(),
            is_focused: false,
        };
        assert_eq!(entry.name(40), "artifacts elsewhere (no loss)");
        assert_eq!(entry.name(28), "artifacts…lsewhere (no loss)");
        assert_eq!(entry.name(16), "art…re (no loss)");
        assert_eq!(entry.name(10), "artifa…ss)", "no room for both");
    }
}
