//! The picture: pure functions of the app into a rectangle of cells. One file for each part of the screen.
//!
//! Nothing here reads a clock or a file or changes the app. Text of a store arrives as [`Shown`](crate::shown::Shown)
//! only.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Widget};

use self::theme::Theme;
use crate::app::{App, Overlay, Screen, panes};
use crate::format;

pub mod artifacts;
mod ascii;
pub mod chart;
pub mod compare;
pub mod detail;
pub mod experiments;
mod filter_bar;
pub mod footer;
mod groups;
pub mod header;
pub mod metrics;
pub mod page;
mod palette;
pub mod picker;
pub mod preview;
pub mod runs;
pub mod spark;
pub mod text;
pub mod theme;
mod typed;

/// Smallest screen that anything is drawn on.
const SMALLEST: (u16, u16) = (20, 5);

/// Draws the whole screen.
pub fn draw(app: &App, area: Rect, buf: &mut Buffer, theme: &Theme) {
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        return put(buf, area, area.y, "mltop: too small", theme);
    }
    let panes = panes::panes(app);
    header::draw(app, clipped(panes.header, area), buf, theme);
    match app.screen {
        Screen::Browse => {
            experiments::draw(app, clipped(panes.experiments, area), buf, theme);
            runs::draw(app, clipped(panes.main, area), buf, theme);
            preview::draw(app, clipped(panes.preview, area), buf, theme);
        }
        Screen::Detail => detail::draw(app, clipped(panes.main, area), buf, theme),
        Screen::Compare => compare::draw(app, clipped(panes.main, area), buf, theme),
    }
    match app.browse.filtering.as_deref().filter(|_| app.is_filtering()) {
        Some(bar) => {
            let at = clipped(panes.footer, area);
            filter_bar::draw(app, bar, at, buf, theme);
            if let Some(popup) = &bar.popup {
                filter_bar::popup(bar, popup, at, area, buf, theme);
            }
        }
        None => footer::draw(app, clipped(panes.footer, area), buf, theme),
    }
    match &app.overlay {
        Some(Overlay::Help(cursor)) => page::help(*cursor, clipped(panes::page(app.size), area), buf, theme),
        Some(Overlay::Problems(cursor)) => {
            page::problems(app, *cursor, clipped(panes::page(app.size), area), buf, theme);
        }
        Some(Overlay::Palette(palette)) => {
            palette::draw(app, palette, clipped(panes::palette(app.size), area), buf, theme);
        }
        Some(Overlay::Notices(cursor)) => {
            page::notices(app, *cursor, clipped(panes::page(app.size), area), buf, theme);
        }
        Some(Overlay::Picker(picker)) => {
            picker::draw(app, picker, clipped(panes::picker(app.size), area), buf, theme);
        }
        None => {}
    }
    if !theme.glyphs.utf8 {
        ascii::only(buf);
    }
}

/// A rectangle inside of another: the size may have changed since the app was told.
fn clipped(area: Rect, whole: Rect) -> Rect {
    area.intersection(whole)
}

/// One line of plain text at a height, cut at the right.
fn put(buf: &mut Buffer, area: Rect, y: u16, text: &str, theme: &Theme) {
    if y >= area.y && y < area.bottom() {
        buf.set_stringn(area.x, y, text, area.width.into(), theme.text);
    }
}

/// One styled line in a rectangle, `line` lines below its top, cut at the right.
fn put_line(buf: &mut Buffer, area: Rect, line: usize, spans: Vec<Span<'_>>) {
    let Ok(line) = u16::try_from(line) else { return };
    if line < area.height {
        buf.set_line(area.x, area.y + line, &Line::from(spans), area.width);
    }
}

/// A line that ends at the right edge.
fn put_right(buf: &mut Buffer, area: Rect, line: u16, spans: Vec<Span<'_>>) {
    let text = Line::from(spans);
    let width = (text.width() as u16).min(area.width);
    if line < area.height {
        buf.set_line(area.right() - width, area.y + line, &text, width);
    }
}

/// A pane's frame with a title at the left and words at the right; gives what is inside.
fn frame(
    buf: &mut Buffer,
    area: Rect,
    title: Vec<Span<'_>>,
    right: Vec<Span<'_>>,
    focused: bool,
    theme: &Theme,
) -> Rect {
    let style = if focused { theme.border_focused } else { theme.border };
    let block = Block::bordered().border_set(theme.glyphs.border).border_style(style);
    let inner = block.inner(area);
    block.render(area, buf);
    let room = Rect { x: area.x.saturating_add(2), width: area.width.saturating_sub(4), height: 1, ..area };
    let room = room.intersection(area);
    let (title, right) = (on_frame(title), on_frame(right));
    let width = |spans: &[Span<'_>]| spans.iter().map(Span::width).sum::<usize>();
    let both = width(&title) + width(&right);
    put_line(buf, room, 0, title);
    if both < room.width.into() {
        put_right(buf, room, 0, right);
    }
    inner
}

/// On the lower edge of a frame: the line of the cursor and how many there are, where they do not all fit.
fn position(buf: &mut Buffer, area: Rect, at: usize, len: usize, lines: u16, theme: &Theme) {
    if len <= lines.into() || area.height < 2 {
        return;
    }
    let edge = Rect { x: area.x + 2, y: area.bottom() - 1, width: area.width.saturating_sub(4), height: 1 };
    let text = format!("{}/{}", format::count(at as u64 + 1), format::count(len as u64));
    put_line(buf, edge.intersection(area), 0, on_frame(vec![Span::styled(text, theme.dim)]));
}

/// Words with a blank on both sides, without the frame's own style shining through; nothing for no words.
fn on_frame(mut spans: Vec<Span<'_>>) -> Vec<Span<'_>> {
    if !spans.is_empty() {
        spans.insert(0, Span::raw(" "));
        spans.push(Span::raw(" "));
    }
    for span in &mut spans {
        span.style = Style::reset().patch(span.style);
    }
    spans
}

/// Empties a rectangle and frames it: something lies over the screen.
fn over(buf: &mut Buffer, area: Rect, title: &str, right: &str, theme: &Theme) -> Rect {
    Clear.render(area, buf);
    let words = |text: &str, style| match text {
        "" => Vec::new(),
        _ => vec![Span::styled(text.to_owned(), style)],
    };
    frame(buf, area, words(title, theme.title), words(right, theme.dim), true, theme)
}

/// A long sentence in the middle of an empty pane, in as many lines as it takes.
fn sentence(buf: &mut Buffer, area: Rect, text: &str, theme: &Theme) {
    let lines = text::wrapped(text, usize::from(area.width).saturating_sub(4));
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    in_the_middle(buf, area, &lines, theme.text, theme.text);
}

/// A sentence in the middle of an empty pane, and what it means for the user below it.
fn middle(buf: &mut Buffer, area: Rect, lines: &[&str], theme: &Theme) {
    in_the_middle(buf, area, lines, theme.text, theme.dim);
}

fn in_the_middle(buf: &mut Buffer, area: Rect, lines: &[&str], first: Style, others: Style) {
    let top = area.height.saturating_sub(lines.len() as u16) / 2;
    for (i, text) in lines.iter().enumerate() {
        let text = text::cut_end(text, area.width.into());
        let left = (area.width - (text::width(&text) as u16).min(area.width)) / 2;
        let style = if i == 0 { first } else { others };
        let line = Rect { x: area.x + left, width: area.width - left, ..area };
        put_line(buf, line, usize::from(top) + i, vec![Span::styled(text.into_owned(), style)]);
    }
}
