//! One run: its tabs, and what is on them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::theme::Theme;
use super::{artifacts, frame, metrics, middle, put_line, runs, text};
use crate::app::detail::{Detail, Tab};
use crate::app::overview::{Line, overview};
use crate::app::{App, panes};
use crate::format;
use crate::index::Key;
use crate::query::cell;
use crate::shown::shown;

/// Draws the screen.
pub fn draw(app: &App, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let Some(detail) = &app.detail else { return };
    let run = &detail.kept;
    let gone = app.index().run(detail.run).is_none();
    let (glyph, style) = runs::state(app, run, theme);
    let name = text::cut_middle(shown(run.title()).as_str(), usize::from(area.width) / 2).into_owned();
    let mut title = vec![
        Span::styled(name, theme.title),
        Span::styled(format!("  {glyph} {}", shown(cell::state_now(run, app.index(), app.now))), style),
    ];
    if let Some(ms) = run.duration(app.now) {
        title.push(Span::styled(format!("  {}", cell::duration(run, ms)), theme.dim));
    }
    if app.marks.contains(&detail.run) {
        title.push(Span::styled(format!("  {} marked", theme.glyphs.mark), theme.marked));
    }
    if gone {
        title.push(Span::styled("  deleted: this is how it was last", theme.bad));
    }
    let id = run.run_id().get(..8).unwrap_or(run.run_id());
    let inner = frame(buf, area, title, vec![Span::styled(shown(id).into_string(), theme.dim)], true, theme);
    tabs(detail, inner, buf, theme);
    let body = panes::detail_body(app).intersection(inner);
    match detail.tab {
        Tab::Overview => draw_overview(app, detail, body, buf, theme),
        Tab::Metrics => metrics::draw(app, detail, body, buf, theme),
        Tab::Params => draw_pairs(app, detail, "params", body, buf, theme),
        Tab::Tags => draw_pairs(app, detail, "tags", body, buf, theme),
        Tab::Artifacts => artifacts::draw(detail, body, buf, theme),
    }
}

fn tabs(detail: &Detail, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let run = &detail.kept;
    let mut spans = vec![Span::raw(" ")];
    for (i, tab) in Tab::ALL.iter().enumerate() {
        let count = match tab {
            Tab::Metrics => Some(run.metrics().len()),
            Tab::Params => Some(run.params().len()),
            Tab::Tags => Some(run.tags().len()),
            _ => None,
        };
        let count = count.map_or(String::new(), |count| format!(" {count}"));
        let text = format!(" {} {}{count} ", i + 1, tab.title());
        let style = if *tab == detail.tab { theme.selected } else { theme.dim };
        spans.push(Span::styled(text, style));
        spans.push(Span::raw(" "));
    }
    put_line(buf, area, 0, spans);
}

fn draw_overview(app: &App, detail: &Detail, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let lines = overview(detail, app.index(), app.now);
    let cursor = detail.cursor();
    for (line, i) in cursor.window(lines.len(), area.height.into()).enumerate() {
        let at = Rect { y: area.y + line as u16, height: 1, ..area };
        let spans = match lines.get(i) {
            Some(Line::Heading(title)) => vec![Span::styled(format!(" {title}"), theme.accent)],
            Some(Line::Field(name, value)) => {
                let width = if text::width(name.as_str()) > 12 { 26 } else { 14 };
                let name = text::pad_end(&text::cut_middle(name.as_str(), 24), width);
                let room = usize::from(area.width).saturating_sub(text::width(&name) + 3);
                let value = text::cut_end(value.as_str(), room).into_owned();
                vec![Span::styled(format!("   {name}"), theme.dim), Span::styled(value, theme.text)]
            }
            Some(Line::Text(text)) => {
                let room = usize::from(area.width).saturating_sub(4);
                vec![Span::raw(format!("   {}", text::cut_end(text.as_str(), room)))]
            }
            Some(Line::Link(_, key)) => link(app, *key, theme),
            None => continue,
        };
        put_line(buf, at, 0, spans);
        if i == cursor.at {
            buf.set_style(at, theme.selected);
        }
    }
}

/// A run that can be gone to, with its state and age.
fn link<'a>(app: &App, key: crate::index::RunKey, theme: &Theme) -> Vec<Span<'a>> {
    let Some(run) = app.index().run(key) else { return Vec::new() };
    let (glyph, style) = runs::state(app, run, theme);
    let name = text::pad_end(&text::cut_middle(shown(run.title()).as_str(), 40), 42);
    let age = run.start_time().map(|t| format!("{} ago", format::age(app.now.saturating_sub(t))));
    let time = run.duration(app.now).map(format::duration);
    vec![
        Span::styled(format!("   {} ", if theme.glyphs.utf8 { "→" } else { "->" }), theme.accent),
        Span::styled(name, theme.text),
        Span::styled(format!("{glyph} {:<10}", shown(cell::state_now(run, app.index(), app.now))), style),
        Span::styled(format!("{:>10}", time.unwrap_or_default()), theme.dim),
        Span::styled(format!("  {}", age.unwrap_or_default()), theme.dim),
    ]
}

fn draw_pairs(app: &App, detail: &Detail, what: &str, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let pairs = detail.pairs();
    if pairs.is_empty() {
        let read = detail.kept.read();
        let is_read = if detail.tab == Tab::Params { read.params } else { read.tags };
        let text = if is_read { format!("no {what}") } else { "reading…".to_owned() };
        return middle(buf, area, &[&text], theme);
    }
    let name_of = |key: &Key| shown(app.index().keys.name(*key));
    let widest = pairs.iter().take(500).map(|key| text::width(name_of(key).as_str())).max().unwrap_or(0);
    let width = widest.min(usize::from(area.width) / 2).max(4);
    let title = format!("   {}  {}", text::pad_end("NAME", width), "VALUE");
    put_line(buf, area, 0, vec![Span::styled(title, theme.title)]);
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let cursor = detail.cursor();
    for (line, i) in cursor.window(pairs.len(), body.height.into()).enumerate() {
        let Some(key) = pairs.get(i) else { continue };
        let at = Rect { y: body.y + line as u16, height: 1, ..body };
        let name = text::pad_end(&text::cut_middle(name_of(key).as_str(), width), width);
        let value = shown(detail.value(*key).unwrap_or_default());
        let room = usize::from(area.width).saturating_sub(width + 6);
        let value = text::cut_end(value.as_str(), room).into_owned();
        put_line(buf, at, 0, vec![Span::styled(format!("   {name}  "), theme.dim), Span::raw(value)]);
        if i == cursor.at {
            buf.set_style(at, theme.selected);
        }
    }
}
