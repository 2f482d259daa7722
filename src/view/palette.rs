//! The palette: a line of text, and what it could mean.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::theme::Theme;
use super::{footer, middle, over, put_line, text, typed};
use crate::app::App;
use crate::app::commands;
use crate::app::keys::{Place, shown_key};
use crate::app::palette::{Entry, Palette};
use crate::query::fuzzy::Pattern;
use crate::shown::shown;

/// Cells for a key at the right.
const KEY: usize = 8;

/// Cells for a command and what follows it.
const COMMAND: usize = 34;

/// Draws the palette.
pub fn draw(app: &App, palette: &Palette, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let inner = over(buf, area, "Actions and commands", "", theme);
    let line = Rect { height: inner.height.min(1), ..inner };
    put_line(buf, line, 0, vec![Span::styled(" : ", theme.accent)]);
    let room = Rect { x: line.x + 3.min(line.width), width: line.width.saturating_sub(4), ..line };
    typed::draw(&palette.prompt, None, room, buf, theme);
    let begun = commands::begun(palette.prompt.text());
    let below = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1).min(1), ..inner };
    tell(palette, below, buf, theme);
    let last = Rect { y: inner.bottom().saturating_sub(1), height: inner.height.min(1), ..inner };
    let body = Rect { y: inner.y + 2, height: inner.height.saturating_sub(3), ..inner }.intersection(inner);
    let pattern = Pattern::new(if begun.is_some() { "" } else { palette.prompt.text() });
    let nothing = Pattern::new("");
    if palette.entries.is_empty() && begun.is_none() {
        middle(buf, body, &["no action and no command is called so"], theme);
    }
    for (line, i) in palette.cursor.window(palette.entries.len(), body.height.into()).enumerate() {
        let Some(entry) = palette.entries.get(i) else { continue };
        let at = Rect { y: body.y + line as u16, height: 1, ..body };
        let marks = if entry.is_marked(palette.prompt.text().trim()) { &pattern } else { &nothing };
        put_line(buf, at, 0, row(entry, marks, body.width.into(), theme));
        if i == palette.cursor.at && begun.is_none() {
            buf.set_style(at, theme.selected);
        } else if i == palette.cursor.at {
            // Enter does the command; Tab takes what is marked.
            let first = Rect { width: at.width.min(1), ..at };
            put_line(buf, first, 0, vec![Span::styled(theme.glyphs.current, theme.accent)]);
        }
    }
    footer::hints_of(app, Place::Palette, last, buf, theme);
}

/// Below the line: what is wrong, else how the command that is being typed goes.
fn tell(palette: &Palette, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let room = usize::from(area.width).saturating_sub(4);
    let spans = match (&palette.problem, commands::begun(palette.prompt.text())) {
        (Some(problem), _) => {
            vec![Span::styled(format!("   {}", text::cut_end(problem.as_str(), room)), theme.bad)]
        }
        (None, Some((command, _))) => {
            let usage = format!("   {} {}", command.name, command.usage);
            vec![Span::styled(usage, theme.title), Span::styled(format!("  {}", command.help), theme.dim)]
        }
        (None, None) => vec![Span::styled("   type a word of what you want to do", theme.dim)],
    };
    put_line(buf, area, 0, spans);
}

fn row<'a>(entry: &Entry, pattern: &Pattern, width: usize, theme: &Theme) -> Vec<Span<'a>> {
    let marked = |words: &str, room: usize| {
        let hits = pattern.hits(words);
        text::highlight(&text::cut_end(words, room), &hits, theme.text, theme.hit)
    };
    match entry {
        Entry::Word(word) => vec![Span::styled(
            format!("  {}", text::cut_middle(shown(word).as_str(), width.saturating_sub(4))),
            theme.text,
        )],
        Entry::Command(command) => {
            let name = format!("  {} ", command.name);
            let usage = text::cut_end(command.usage, COMMAND - name.len().min(COMMAND)).into_owned();
            let left = text::pad_end(&format!("{name}{usage}"), (COMMAND + 2).min(width));
            let usage = left.get(name.len()..).unwrap_or_default().to_owned();
            let mut spans = vec![Span::styled(name, theme.accent), Span::styled(usage, theme.dim)];
            spans.extend(marked(command.help, width.saturating_sub(text::width(&left) + 2)));
            spans
        }
        Entry::Key(binding) => {
            let room = width.saturating_sub(KEY + 3);
            let mut spans = vec![Span::raw("  ")];
            spans.extend(marked(binding.help, room));
            let used: usize = spans.iter().map(Span::width).sum();
            spans.push(Span::raw(" ".repeat((width - KEY.min(width)).saturating_sub(used))));
            spans.push(Span::styled(text::pad_end(&shown_key(binding.keys), KEY - 1), theme.accent));
            spans
        }
    }
}
