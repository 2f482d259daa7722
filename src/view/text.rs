//! Text in columns of the screen: how wide it is, cut, filled up and aligned.
//!
//! All widths are terminal columns, counted as [`ratatui::buffer::Buffer`] counts them when it draws. Nothing here
//! cuts through a character that people see as one (a grapheme), nor through a wide one.

use std::borrow::Cow;

use ratatui::buffer::CellWidth;
use ratatui::style::Style;
use ratatui::text::Span;
use unicode_segmentation::UnicodeSegmentation;

/// Stands for what was cut off; one column.
const ELLIPSIS: &str = "…";

/// The columns that a text takes.
pub fn width(text: &str) -> usize {
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return text.len();
    }
    text.graphemes(true).map(columns_of).sum()
}

fn columns_of(grapheme: &str) -> usize {
    // The buffer leaves out whatever contains a control character.
    if grapheme.contains(char::is_control) { 0 } else { usize::from(grapheme.cell_width()) }
}

/// At most `columns` of a text; when it is longer, its beginning and `…`.
pub fn cut_end(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    if columns == 0 {
        return Cow::Borrowed("");
    }
    Cow::Owned(format!("{}{ELLIPSIS}", head(text, columns - 1)))
}

/// At most `columns` of a text; when it is longer, `…` stands in the middle, and the end that tells names apart stays:
/// `bold-fox…-12`.
pub fn cut_middle(text: &str, columns: usize) -> Cow<'_, str> {
    match middle(text, columns) {
        None => Cow::Borrowed(text),
        Some((head, tail)) if columns > 0 => Cow::Owned(format!("{head}{ELLIPSIS}{tail}")),
        Some(_) => Cow::Borrowed(""),
    }
}

/// Exactly `columns`: cut at the end, or filled with spaces at the end.
pub fn pad_end(text: &str, columns: usize) -> String {
    let cut = cut_end(text, columns);
    format!("{cut}{}", " ".repeat(columns.saturating_sub(width(&cut))))
}

/// Exactly `columns`: cut at the end, or filled with spaces at the start, so that the text stands on the right.
pub fn pad_start(text: &str, columns: usize) -> String {
    let cut = cut_end(text, columns);
    format!("{}{cut}", " ".repeat(columns.saturating_sub(width(&cut))))
}

/// The columns of a number before its decimal point, and from the point on (0 where there is none).
pub fn decimal_widths(text: &str) -> (usize, usize) {
    let point = text.find(['.', 'e']).filter(|_| text.contains(|c: char| c.is_ascii_digit()));
    let (whole, fraction) = text.split_at(point.unwrap_or(text.len()));
    (width(whole), width(fraction))
}

/// Exactly `int_width + frac_width` columns, in which the decimal point comes after `int_width`. A number that does
/// not fit to one side moves to the other, and is cut only where both are full.
pub fn align_decimal(text: &str, int_width: usize, frac_width: usize) -> String {
    let total = int_width + frac_width;
    let (whole, fraction) = decimal_widths(text);
    let left = int_width.saturating_sub(whole).min(total.saturating_sub(whole + fraction));
    pad_end(&format!("{}{text}", " ".repeat(left)), total)
}

/// A text in pieces, those with the characters at `indices` (which a fuzzy match found) in the style `hit`.
pub fn highlight(text: &str, indices: &[usize], base: Style, hit: Style) -> Vec<Span<'static>> {
    pieces(text, 0, indices, base, hit)
}

/// Like [`highlight`], cut as by [`cut_middle`]; `indices` count in the whole text.
pub fn highlight_middle(
    text: &str,
    columns: usize,
    indices: &[usize],
    base: Style,
    hit: Style,
) -> Vec<Span<'static>> {
    let Some((head, tail)) = middle(text, columns) else { return highlight(text, indices, base, hit) };
    if columns == 0 {
        return Vec::new();
    }
    let before_tail = text.chars().count() - tail.chars().count();
    let mut out = pieces(head, 0, indices, base, hit);
    out.push(Span::styled(ELLIPSIS, base));
    out.extend(pieces(tail, before_tail, indices, base, hit));
    out
}

/// `first` is the index of the first character in the text that `indices` are about.
fn pieces(text: &str, first: usize, indices: &[usize], base: Style, hit: Style) -> Vec<Span<'static>> {
    let mut out: Vec<(String, bool)> = Vec::new();
    let mut at = first;
    for grapheme in text.graphemes(true) {
        let next = at + grapheme.chars().count();
        let is_hit = indices.iter().any(|index| (at..next).contains(index));
        at = next;
        match out.last_mut() {
            Some((piece, same)) if *same == is_hit => piece.push_str(grapheme),
            _ => out.push((grapheme.to_owned(), is_hit)),
        }
    }
    out.into_iter().map(|(piece, is_hit)| Span::styled(piece, if is_hit { hit } else { base })).collect()
}

/// As many graphemes from the beginning as fit.
fn head(text: &str, columns: usize) -> &str {
    let mut used = 0;
    let end = text.grapheme_indices(true).find(|(_, grapheme)| {
        used += columns_of(grapheme);
        used > columns
    });
    end.and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}

/// As many graphemes from the end as fit.
fn tail(text: &str, columns: usize) -> &str {
    let mut used = 0;
    let start = text.grapheme_indices(true).rev().find(|(_, grapheme)| {
        used += columns_of(grapheme);
        used > columns
    });
    start.and_then(|(at, grapheme)| text.get(at + grapheme.len()..)).unwrap_or(text)
}

/// What stays of a text before and after the ellipsis; `None` when all of it fits.
fn middle(text: &str, columns: usize) -> Option<(&str, &str)> {
    if width(text) <= columns {
        return None;
    }
    let room = columns.saturating_sub(1);
    // The last part of a name is what differs; but neither may it take everything, nor be next to nothing.
    let part = text.rfind(|c: char| !c.is_alphanumeric()).and_then(|at| text.get(at..)).unwrap_or(text);
    let end = tail(text, width(part).clamp(room / 3, room / 2));
    Some((head(text, room - width(end)), end))
}

/// A sentence in lines of so many columns.
pub fn wrapped(sentence: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in sentence.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if width(line) + 1 + width(word) <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn widths() {
        for (text, columns) in
            [("", 0), ("abc", 3), ("실험", 4), ("é", 1), ("e\u{301}", 1), ("👨\u{200d}👩\u{200d}👧", 2)]
        {
            assert_eq!(width(text), columns, "{text}");
        }
    }

    #[test]
    fn cuts() {
        for (text, columns, end, middle) in [
            ("bold-fox-something-12", 12, "bold-fox-so…", "bold-fox…-12"),
            ("bold-fox-12", 11, "bold-fox-12", "bold-fox-12"),
            ("bold-fox-12", 10, "bold-fox-…", "bold-f…-12"),
            ("abcdefghij", 7, "abcdef…", "abc…hij"),
            ("run/a-very-long-last-part-itself", 9, "run/a-ve…", "run/…self"),
            ("실험이름", 5, "실험…", "실…름"),
            ("실험이름", 4, "실…", "실…"),
            ("abc", 1, "…", "…"),
            ("abc", 0, "", ""),
            ("", 0, "", ""),
        ] {
            assert_eq!(cut_end(text, columns), end);
            assert_eq!(cut_middle(text, columns), middle, "{text} in {columns}");
        }
    }

    #[test]
    fn pads() {
        assert_eq!(pad_end("실험", 5), "실험 ");
        assert_eq!(pad_end("실험", 3), "실…");
        assert_eq!(pad_end("실험실", 4), "실… ");
        assert_eq!(pad_start("12", 4), "  12");
        assert_eq!(pad_start("12345", 4), "123…");
    }

    #[test]
    fn decimal_points_align() {
        let numbers = ["0.981", "12.5", "100", "1.5e-7", "1e-7", "NaN", "∞", "-3"];
        let (int, frac) =
            numbers.iter().map(|n| decimal_widths(n)).fold((0, 0), |a, b| (a.0.max(b.0), a.1.max(b.1)));
        let lines: Vec<String> = numbers.iter().map(|n| align_decimal(n, int, frac)).collect();
        insta::assert_snapshot!(lines.iter().map(|l| format!("|{l}|")).collect::<Vec<_>>().join("\n"), @r"
        |  0.981 |
        | 12.5   |
        |100     |
        |  1.5e-7|
        |  1e-7  |
        |NaN     |
        |  ∞     |
        | -3     |
        ");
        assert_eq!(align_decimal("123.4", 1, 4), "123.4");
        assert_eq!(align_decimal("123.456", 1, 4), "123.…");
        assert_eq!(align_decimal("1234", 0, 0), "");
    }

    #[test]
    fn hits_stand_out() {
        let text = |spans: Vec<Span<'_>>| {
            spans
                .iter()
                .map(
                    |s| if s.style.fg.is_some() { format!("[{}]", s.content) } else { s.content.to_string() },
                )
                .collect::<String>()
        };
        let (base, hit) = (Style::new(), Style::new().fg(ratatui::style::Color::Red));
        assert_eq!(text(highlight("bold-fox", &[0, 5, 6], base, hit)), "[b]old-[fo]x");
        assert_eq!(
            text(highlight("e\u{301}a", &[1], base, hit)),
            "[e\u{301}]a",
            "a mark takes its letter along"
        );
        assert_eq!(text(highlight("", &[3], base, hit)), "");
        let cut = highlight_middle("bold-fox-something-12", 12, &[0, 10, 19], base, hit);
        assert_eq!(text(cut), "[b]old-fox…-[1]2");
    }

    proptest! {
        #[test]
        fn widths_are_kept(text in "\\PC{0,12}|[a-z실-]{0,20}", columns in 0usize..14) {
            prop_assert!(width(&cut_end(&text, columns)) <= columns);
            prop_assert!(width(&cut_middle(&text, columns)) <= columns);
            prop_assert_eq!(width(&pad_end(&text, columns)), columns);
            prop_assert_eq!(width(&pad_start(&text, columns)), columns);
            prop_assert_eq!(width(&align_decimal(&text, columns, 3)), columns + 3);
            let spans = highlight_middle(&text, columns, &[0, 2, 5], Style::new(), Style::new().fg(ratatui::style::Color::Red));
            let joined: String = spans.iter().map(|s| s.content.as_ref()).collect();
            prop_assert_eq!(joined, cut_middle(&text, columns).into_owned());
        }
    }
}
