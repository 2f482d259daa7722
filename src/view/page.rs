//! Pages over the screen: all keys, what could not be read, and what has happened.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::theme::Theme;
use super::{middle, over, put_line, text};
use crate::app::App;
use crate::app::commands::COMMANDS;
use crate::app::cursor::Cursor;
use crate::app::keys::{self, BINDINGS};
use crate::format;
use crate::index::Problem;
use crate::shown::shown;

/// A line of the help.
enum HelpLine {
    Blank,
    Heading(&'static str),
    Key(String, &'static str),
}

impl HelpLine {
    /// Cells that its keys take.
    fn keys(&self) -> usize {
        if let Self::Key(keys, _) = self { text::width(keys) } else { 0 }
    }
}

fn help_lines() -> Vec<HelpLine> {
    let mut lines = Vec::new();
    for place in keys::Place::ALL {
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
    let keys = lines.iter().map(HelpLine::keys).max().unwrap_or(0) + 2;
    let room = usize::from(inner.width).saturating_sub(keys + 4);
    let top = cursor.top.min(lines.len().saturating_sub(inner.height.into()));
    for (line, content) in lines.iter().skip(top).take(inner.height.into()).enumerate() {
        let spans = match content {
            HelpLine::Blank => continue,
            HelpLine::Heading(title) => vec![Span::styled(format!("  {title}"), theme.title)],
            HelpLine::Key(name, help) => vec![
                Span::styled(format!("    {}", text::pad_end(name, keys)), theme.accent),
                Span::styled(text::cut_end(help, room), theme.text),
            ],
        };
        put_line(buf, inner, line, spans);
    }
}

/// Draws what could not be read: since when, where, and what is wrong with it.
pub fn problems(app: &App, cursor: Cursor, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let problems = &app.index().problems;
    let title = format!("Problems {}", format::count(problems.len() as u64));
    let inner = over(buf, area, &title, "Enter the run  Esc closes", theme);
    if problems.is_empty() {
        return middle(buf, inner, &["everything could be read"], theme);
    }
    let list = Rect { height: inner.height.saturating_sub(if inner.height > 8 { 4 } else { 0 }), ..inner };
    let window = cursor.window(problems.len(), list.height.into());
    let lines: Vec<(usize, &Problem, Place)> = (window.clone())
        .zip(problems.get(window).unwrap_or_default())
        .map(|(i, problem)| (i, problem, place_of(app, problem)))
        .collect();
    // What is wrong begins in one column, as far as it then has room.
    let room = usize::from(inner.width).saturating_sub(7);
    let width = |(_, _, place): &(usize, &Problem, Place)| place.width();
    let places = lines.iter().map(width).max().unwrap_or(0).min(room / 2);
    for (line, (i, problem, place)) in lines.iter().enumerate() {
        let at = Rect { y: inner.y + line as u16, height: 1, ..inner };
        let since = format!(" {:>4}  ", format::age(app.now.saturating_sub(problem.since)));
        let path = text::cut_middle(&place.path, places.saturating_sub(text::width(&place.run))).into_owned();
        let used = text::width(&place.run) + text::width(&path);
        let gap = places.saturating_sub(used) + 2;
        let what = text::cut_end(shown(&problem.what).as_str(), room.saturating_sub(used + gap)).into_owned();
        let spans = vec![
            Span::styled(since, theme.dim),
            Span::styled(place.run.clone(), theme.accent),
            Span::styled(path, theme.dim),
            Span::raw(" ".repeat(gap)),
            Span::styled(what, theme.text),
        ];
        put_line(buf, at, 0, spans);
        if *i == cursor.at {
            buf.set_style(at, theme.selected);
        }
    }
    if list.height < inner.height
        && let Some(problem) = problems.get(cursor.at)
    {
        whole(problem, Rect { y: list.bottom(), height: 4, ..inner }, buf, theme);
    }
}

/// Where a problem is: the run's name with two blanks behind it, if it is one's, and the path below the run or the store.
struct Place {
    run: String,
    path: String,
}

impl Place {
    fn width(&self) -> usize {
        text::width(&self.run) + text::width(&self.path)
    }
}

/// What is the same for all paths says nothing, so only what is below the run or the store is shown.
fn place_of(app: &App, problem: &Problem) -> Place {
    let path = problem.path.to_string_lossy();
    let run = problem.run.and_then(|key| app.index().run(key));
    let below = match run {
        Some(run) => path.split_once(&format!("{}/", run.run_id())).map(|(_, below)| below),
        None => path.strip_prefix(app.store.as_str()).map(|below| below.trim_start_matches('/')),
    };
    let below = below.filter(|below| !below.is_empty()).unwrap_or(&path);
    let name = run.map(|run| text::cut_middle(shown(run.title()).as_str(), 24).into_owned());
    Place { run: name.map_or(String::new(), |name| format!("{name}  ")), path: shown(below).into_string() }
}

/// The problem under the cursor without anything cut out of it: the path may be long.
fn whole(problem: &Problem, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let room = usize::from(area.width).saturating_sub(2);
    let path = shown(&problem.path.to_string_lossy());
    let since = format!("since {}: ", format::clock(problem.since));
    let mut lines = text::wrapped(&format!("{since}{}", shown(&problem.what)), room);
    if lines.len() > 2 {
        let rest = lines.split_off(1).join(" ");
        lines.push(text::cut_end(&rest, room).into_owned());
    }
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
    for (line, text) in lines.iter().enumerate() {
        let (since, what) = text.split_at(if line == 0 { since.len().min(text.len()) } else { 0 });
        let spans = vec![
            Span::raw(" "),
            Span::styled(since.to_owned(), theme.dim),
            Span::styled(what.to_owned(), theme.warn),
        ];
        put_line(buf, area, line + 2, spans);
    }
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
        // The date is worth its room only where there is enough.
        let time = if inner.width >= 90 {
            format!(" {}  ", format::clock(news.at))
        } else {
            format!(" {:>4}  ", format::age(app.now.saturating_sub(news.at)))
        };
        let title = text::cut_middle(news.title.as_str(), usize::from(inner.width / 3)).into_owned();
        let room = usize::from(inner.width).saturating_sub(time.len() + text::width(&title) + 5);
        let spans = vec![
            Span::styled(time, theme.dim),
            Span::styled(format!("{glyph} "), style),
            Span::styled(title, theme.accent),
            Span::styled(format!("  {}", text::cut_end(&news.text(), room)), theme.text),
        ];
        put_line(buf, at, 0, spans);
        if i == cursor.at {
            buf.set_style(at, theme.selected);
        }
    }
}
