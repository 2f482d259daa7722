//! A line of text that is being typed: scrolled so that the cursor is in view, with a mistake marked where it is.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Span;
use unicode_segmentation::UnicodeSegmentation;

use super::theme::Theme;
use super::{put_line, text};
use crate::app::prompt::Prompt;
use crate::shown::shown;

/// A piece of the line that must not be cut: what is shown of one character, with its style.
struct Piece {
    shown: String,
    style: Style,
}

/// Draws a text with its cursor; `wrong` are bytes of the text that are marked, a blank behind it where it should go on.
pub fn draw(prompt: &Prompt, wrong: Option<&Range<usize>>, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let at = prompt.split().0.len();
    let whole = prompt.text();
    let is_wrong = |place: usize| wrong.is_some_and(|wrong| wrong.contains(&place));
    let style = |place: usize| {
        let base = if is_wrong(place) { theme.wrong } else { theme.text };
        if place == at { base.add_modifier(Modifier::REVERSED) } else { base }
    };
    let mut pieces: Vec<Piece> = (whole.grapheme_indices(true))
        .map(|(place, grapheme)| Piece { shown: shown(grapheme).into_string(), style: style(place) })
        .collect();
    let cursor = whole.grapheme_indices(true).take_while(|(place, _)| *place < at).count();
    // Behind the last character: the cursor may stand there, and a text that should go on is marked there.
    let is_open = wrong.is_some_and(|wrong| wrong.start >= whole.trim_end().len());
    let end = if is_open { theme.wrong } else { theme.text };
    let end = if at >= whole.len() { end.add_modifier(Modifier::REVERSED) } else { end };
    pieces.push(Piece { shown: " ".to_owned(), style: end });
    let first = first_in_view(&pieces, cursor, area.width.into());
    let mut left = usize::from(area.width);
    let mut spans = Vec::new();
    for piece in pieces.into_iter().skip(first) {
        let width = text::width(&piece.shown);
        if width > left {
            break;
        }
        left -= width;
        spans.push(Span::styled(piece.shown, piece.style));
    }
    put_line(buf, area, 0, spans);
}

/// The first piece in view: as many before the cursor as fit with some room behind it.
fn first_in_view(pieces: &[Piece], cursor: usize, width: usize) -> usize {
    let widths: Vec<usize> = pieces.iter().map(|piece| text::width(&piece.shown)).collect();
    let room = width.saturating_sub(1);
    let mut used: usize = widths.get(..=cursor).unwrap_or_default().iter().sum();
    let mut first = 0;
    while used > room && first < cursor {
        used -= widths.get(first).copied().unwrap_or_default();
        first += 1;
    }
    first
}
