//! The line at the bottom: what is typed or narrowed, what can be done, what was just done.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::theme::Theme;
use super::{put_line, put_right, text};
use crate::app::action::Action;
use crate::app::keys::{BINDINGS, Place, shown_key};
use crate::app::{App, Overlay, Screen};

/// Draws the line at the bottom: what is typed, else what keys do; at the right what was just done, or the marks.
pub fn draw(app: &App, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let mut right = Vec::new();
    if let Some(notice) = &app.notice {
        let style = if notice.bad { theme.bad } else { theme.accent };
        let most = usize::from(area.width).saturating_sub(3);
        right.push(Span::styled(format!("  {} ", text::cut_middle(notice.text.as_str(), most)), style));
    } else if !app.marks.is_empty() {
        right.push(Span::styled(format!(" {} {} marked ", theme.glyphs.mark, app.marks.len()), theme.marked));
    }
    let taken = Line::from(right.clone()).width() as u16;
    let left = Rect { width: area.width.saturating_sub(taken), ..area };
    match app.browse.finding.as_ref().filter(|_| app.screen == Screen::Browse && app.overlay.is_none()) {
        Some(prompt) => {
            let (before, after) = prompt.split();
            let (before, after) = (crate::shown::shown(before), crate::shown::shown(after));
            let mut spans = vec![
                Span::styled(" / ", theme.accent),
                Span::styled(before.into_string(), theme.text),
                Span::styled(theme.glyphs.current, theme.accent),
                Span::styled(after.into_string(), theme.text),
            ];
            if prompt.text().is_empty() {
                spans.push(Span::styled(" type parts of names, ids, params, tags", theme.dim));
            }
            put_line(buf, left, 0, spans);
            right.insert(0, Span::styled(" ↵ keep  Esc all ", theme.dim));
            put_right(buf, area, 0, right);
        }
        None => {
            let left = narrowed(app, left, buf, theme);
            // Lists have theirs at their own lower edge.
            if !matches!(app.overlay, Some(Overlay::Picker(_) | Overlay::Palette(_))) {
                hints(app, left, buf, theme);
            }
            put_right(buf, area, 0, right);
        }
    }
}

/// What the runs are narrowed to, while it is kept; gives the room beside it.
fn narrowed(app: &App, area: Rect, buf: &mut Buffer, theme: &Theme) -> Rect {
    let find = app.query.find.trim();
    let filter = app.query.filter.as_ref().map(|filter| filter.text());
    if (find.is_empty() && filter.is_none()) || app.screen != Screen::Browse || app.overlay.is_some() {
        return area;
    }
    let cut = |text: &str, most: u16| {
        text::cut_middle(crate::shown::shown(text).as_str(), usize::from(most).max(8)).into_owned()
    };
    let mut spans = Vec::new();
    if let Some(filter) = filter {
        spans.push(Span::styled(format!(" f {}", cut(filter, area.width / 2)), theme.hit));
    }
    if !find.is_empty() {
        spans.push(Span::styled(format!(" /{}", cut(find, area.width / 3)), theme.hit));
    }
    spans.push(Span::styled("  Esc clears ", theme.dim));
    let taken = (spans.iter().map(Span::width).sum::<usize>() as u16).min(area.width);
    put_line(buf, area, 0, spans);
    Rect { x: area.x + taken, width: area.width - taken, ..area }
}

/// The keys that matter here, the less important left out first where room is short.
fn hints(app: &App, area: Rect, buf: &mut Buffer, theme: &Theme) {
    hints_of(app, app.place(), area, buf, theme);
}

/// The keys that matter in a place.
pub(super) fn hints_of(app: &App, place: Place, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let only_differing = app.compare.as_ref().is_some_and(|compare| compare.differing);
    let mut hints: Vec<(u8, usize, String, &str)> = Vec::new();
    for near in place.chain() {
        for (order, binding) in BINDINGS.iter().enumerate().filter(|(_, binding)| binding.place == *near) {
            let Some((rank, word)) = binding.hint else { continue };
            let word = if binding.action == Action::Differing && only_differing { "all rows" } else { word };
            // A key that a nearer place has, too, means something else here.
            let key = binding.keys.split(' ').next().unwrap_or_default();
            let hidden = place.chain().iter().take_while(|p| *p != near).any(|nearer| {
                BINDINGS.iter().any(|b| b.place == *nearer && b.keys.split(' ').any(|k| k == key))
            });
            if !hidden {
                hints.push((rank, order, shown_key(binding.keys), word));
            }
        }
    }
    let width = |(_, _, key, word): &(u8, usize, String, &str)| text::width(key) + 1 + word.len() + 2;
    // The last one's two blanks need no room.
    while hints.iter().map(width).sum::<usize>() > usize::from(area.width) + 1 {
        let Some(last) = hints.iter().enumerate().max_by_key(|(i, hint)| (hint.0, *i)).map(|(i, _)| i) else {
            break;
        };
        hints.remove(last);
    }
    let mut spans = vec![Span::raw(" ")];
    for (_, _, key, word) in hints {
        // A word may begin with the second key of a pair: `← → move`.
        let pair = word.split_once(' ').filter(|(second, _)| !second.contains(char::is_alphabetic));
        let (second, word) =
            pair.map_or((String::new(), word), |(second, word)| (format!(" {second}"), word));
        spans.push(Span::styled(key + &second, theme.accent));
        spans.push(Span::styled(format!(" {word}  "), theme.dim));
    }
    put_line(buf, area, 0, spans);
}
