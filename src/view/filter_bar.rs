//! The line in which a filter is typed, what is wrong with it, and what completes it.
//!
//! ```text
//!  filter  metrics.rmse < 0.8 and params.kernal = 'rbf'▌
//!          no run has params.kernal; expected ...
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::theme::Theme;
use super::{footer, over, put_line, put_right, text, typed};
use crate::app::App;
use crate::app::filter_bar::{FilterBar, POPUP, Popup};
use crate::app::keys::Place;
use crate::format;
use crate::shown::shown;

/// What stands before the text.
const LABEL: &str = " filter ";
/// Widest popup.
const WIDEST: usize = 64;

/// Draws the line, and the one below it.
pub fn draw(app: &App, bar: &FilterBar, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let line = Rect { height: area.height.min(1), ..area };
    let label = if bar.naming.is_some() { " name of the filter " } else { LABEL };
    put_line(buf, line, 0, vec![Span::styled(label, theme.accent)]);
    let before = (label.len() as u16).min(line.width);
    let room = Rect { x: line.x + before, width: line.width - before, ..line };
    match &bar.naming {
        Some(name) => typed::draw(name, None, room, buf, theme),
        None => typed::draw(&bar.prompt, bar.mistake.as_ref().map(|mistake| &mistake.span), room, buf, theme),
    }
    below(app, bar, Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area }, buf, theme);
}

/// What is wrong, else what keys do, and how many runs match.
fn below(app: &App, bar: &FilterBar, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let count =
        format!("{} of {} ", format::count(app.rows.matched as u64), format::count(app.rows.total as u64));
    let count = vec![Span::styled(count, theme.dim)];
    let taken = (count.iter().map(Span::width).sum::<usize>() as u16 + 1).min(area.width);
    let room = Rect { width: area.width - taken, ..area };
    let indent = " ".repeat(LABEL.len());
    if let Some(mistake) = bar.mistake.as_ref().filter(|_| bar.naming.is_none()) {
        let what = shown(&mistake.what);
        let expected = shown(&mistake.expected);
        let room_for = usize::from(room.width).saturating_sub(indent.len());
        let what = text::cut_end(what.as_str(), room_for).into_owned();
        let left = room_for.saturating_sub(text::width(&what));
        let expected = text::cut_end(&format!("; expected {expected}"), left).into_owned();
        let spans =
            vec![Span::raw(indent), Span::styled(what, theme.bad), Span::styled(expected, theme.text)];
        put_line(buf, room, 0, spans);
    } else {
        footer::hints_of(app, Place::Filter, room, buf, theme);
    }
    put_right(buf, area, 0, count);
}

/// Draws what completes the text above the line, below the place where it begins.
pub fn popup(bar: &FilterBar, popup: &Popup, area: Rect, screen: Rect, buf: &mut Buffer, theme: &Theme) {
    let list = &popup.completion.list;
    let room = usize::from(area.y.saturating_sub(screen.y)).saturating_sub(2);
    let window = popup.cursor.window(list.len(), POPUP.min(room));
    let lines: Vec<(String, &str)> = (list.get(window.clone()).unwrap_or_default().iter())
        .map(|one| (shown(&one.text).into_string(), one.about.as_str()))
        .collect();
    if lines.is_empty() {
        return;
    }
    let names = lines.iter().map(|(name, _)| text::width(name)).max().unwrap_or(0).min(WIDEST / 2);
    let about = lines.iter().map(|(_, about)| text::width(about)).max().unwrap_or(0).min(WIDEST - names);
    let inside = names + about + if about > 0 { 4 } else { 2 };
    let (width, height) = (inside.max(16) as u16 + 2, lines.len() as u16 + 2);
    let begin = bar.prompt.text().get(..popup.completion.span.start).unwrap_or_default();
    let x = area.x + LABEL.len() as u16 + text::width(shown(begin).as_str()) as u16;
    let x = x.saturating_sub(2).min(screen.right().saturating_sub(width));
    let at = Rect { x, y: area.y.saturating_sub(height), width, height }.intersection(screen);
    let count = if list.len() > lines.len() {
        format!("{} in all", format::count(list.len() as u64))
    } else {
        String::new()
    };
    let inner = over(buf, at, "", &count, theme);
    for (line, (i, (name, about_it))) in window.zip(&lines).enumerate() {
        let here = Rect { y: inner.y + line as u16, height: 1, ..inner }.intersection(inner);
        let mut spans = vec![Span::styled(
            format!(" {} ", text::pad_end(&text::cut_middle(name, names), names)),
            theme.text,
        )];
        if about > 0 {
            spans.push(Span::styled(format!(" {}", text::pad_end(about_it, about)), theme.dim));
        }
        put_line(buf, here, 0, spans);
        if i == popup.cursor.at && popup.is_put_in {
            buf.set_style(here, theme.selected);
        }
    }
}
