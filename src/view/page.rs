//! Pages over the screen: all keys, what could not be read, and what has happened.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::theme::Theme;
use super::{middle, over, put_line, text};
use crate::app::App;
use crate::app::commands::COMMANDS;
use crate::app::cursor::Cursor;
use crate::app::keys::{BINDINGS, Place};
use crate::format;
use crate::shown::shown;

/// A line of the help.
enum HelpLine {
    Blank,
    Heading(&'static str),
    Key(String, &'static str),
}

fn help_lines() -> Vec<HelpLine> {
    let mut lines = Vec::new();
    for place in Place::ALL {
        if !lines.is_empty() {
            lines.push(HelpLine::Blank);
        }
        lines.push(HelpLine::Heading(place.title()));
        for binding in BINDINGS.iter().filter(|binding| binding.place == place) {
            lines.push(HelpLine::Key(binding.keys.replace(' ', "  "), binding.help));
        }
    }
    lines.push(HelpLine::Blank);
    lines.push(HelpLine::Heading("Commands, behind :"));
    for command in COMMANDS {
        lines.push(HelpLine::Key(command.name.to_owned(), command.help));
    }
    lines
}

/// Draws the help.
pub fn help(cursor: Cursor, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let inner = over(buf, area, "Keys", "j k scroll  Esc closes", theme);
    let lines = help_lines();
    let top = cursor.top.min(lines.len().saturating_sub(inner.height.into()));
    for (line, content) in lines.iter().skip(top).take(inner.height.into()).enumerate() {
        let spans = match content {
            HelpLine::Blank => continue,
            HelpLine::Heading(title) => vec![Span::styled(format!("  {title}"), theme.title)],
            HelpLine::Key(keys, help) => vec![
                Span::styled(format!("    {}", text::pad_end(keys, 22)), theme.accent),
                Span::styled(*help, theme.text),
            ],
        };
        put_line(buf, inner, line, spans);
    }
}

/// Draws what could not be read: the run, the file, what is wrong with it, and since when.
pub fn problems(app: &App, cursor: Cursor, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let problems = &app.index().problems;
    let title = format!("Problems {}", format::count(problems.len() as u64));
    let inner = over(buf, area, &title, "Enter the run  Esc closes", theme);
    if problems.is_empty() {
        return middle(buf, inner, &["everything could be read"], theme);
    }
    let list = Rect { height: inner.height.saturating_sub(if inner.height > 8 { 3 } else { 0 }), ..inner };
    for (line, i) in cursor.window(problems.len(), list.height.into()).enumerate() {
        let Some(problem) = problems.get(i) else { continue };
        let at = Rect { y: inner.y + line as u16, height: 1, ..inner };
        let run = problem.run.and_then(|key| app.index().run(key));
        let name = run
            .map_or(String::new(), |run| format!("{}  ", text::cut_middle(shown(run.title()).as_str(), 24)));
        let since = format!(" {:>4} ", format::age(app.now.saturating_sub(problem.since)));
        let room = usize::from(inner.width).saturating_sub(text::width(&name) + text::width(&since) + 3);
        let what = shown(&problem.what);
        let path = shown(&short_path(app, problem));
        let half = room.saturating_sub(text::width(what.as_str()) + 1).clamp(room / 3, room);
        let path = text::cut_middle(path.as_str(), half).into_owned();
        let what = text::cut_end(what.as_str(), room.saturating_sub(text::width(&path) + 1)).into_owned();
        let spans = vec![
            Span::styled(since, theme.dim),
            Span::styled(name, theme.accent),
            Span::styled(format!("{path} "), theme.dim),
            Span::styled(what, theme.text),
        ];
        put_line(buf, at, 0, spans);
        if i == cursor.at {
            buf.set_style(at, theme.selected);
        }
    }
    if list.height < inner.height
        && let Some(problem) = problems.get(cursor.at)
    {
        whole(problem, Rect { y: list.bottom(), height: 3, ..inner }, buf, theme);
    }
}

/// The problem under the cursor without anything cut out of it: the path may be long.
fn whole(problem: &crate::index::Problem, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let room = usize::from(area.width).saturating_sub(2);
    let path = shown(&problem.path.to_string_lossy());
    let since = format!("since {}: ", format::clock(problem.since));
    let what = text::cut_end(shown(&problem.what).as_str(), room.saturating_sub(since.len())).into_owned();
    put_line(
        buf,
        area,
        0,
        vec![Span::styled(theme.glyphs.border.horizontal_top.repeat(room + 2), theme.border)],
    );
    put_line(
        buf,
        area,
        1,
        vec![Span::raw(" "), Span::styled(text::cut_middle(path.as_str(), room).into_owned(), theme.text)],
    );
    put_line(
        buf,
        area,
        2,
        vec![Span::styled(format!(" {since}"), theme.dim), Span::styled(what, theme.warn)],
    );
}

/// Draws what has happened while one watched, the newest first.
pub fn notices(app: &App, cursor: Cursor, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let title = format!("Notices {}", format::count(app.news.len() as u64));
    let inner = over(buf, area, &title, "Enter the run  Esc closes", theme);
    if app.news.is_empty() {
        let lines = [
            "nothing has happened yet",
            "runs that end, go NaN or fall silent while you watch are told here",
        ];
        return middle(buf, inner, &lines, theme);
    }
    for (line, i) in cursor.window(app.news.len(), inner.height.into()).enumerate() {
        let Some(news) = app.news.iter().rev().nth(i) else { continue };
        let at = Rect { y: inner.y + line as u16, height: 1, ..inner };
        let glyph = if news.is_bad() { theme.glyphs.failed } else { theme.glyphs.finished };
        let style = if news.is_bad() { theme.bad } else { theme.good };
        let spans = vec![
            Span::styled(format!(" {}  ", format::clock(news.at)), theme.dim),
            Span::styled(format!("{glyph} "), style),
            Span::styled(text::cut_middle(news.title.as_str(), 40).into_owned(), theme.accent),
            Span::styled(format!("  {}", news.text()), theme.text),
        ];
        put_line(buf, at, 0, spans);
        if i == cursor.at {
            buf.set_style(at, theme.selected);
        }
    }
}

/// The last parts of a path: what is the same for all says nothing.
fn short_path(app: &App, problem: &crate::index::Problem) -> String {
    let path = problem.path.to_string_lossy();
    let run = problem.run.and_then(|key| app.index().run(key));
    match run.and_then(|run| path.split_once(&format!("{}/", run.run_id()))) {
        Some((_, below)) => below.to_owned(),
        None => path.into_owned(),
    }
}
