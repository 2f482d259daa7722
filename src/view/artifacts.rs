//! The Artifacts tab: a tree with sizes, and the file under the cursor.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::theme::Theme;
use super::{middle, put_line, put_right, text};
use crate::app::detail::Detail;
use crate::app::panes;
use crate::format;
use crate::shown::shown;

/// Draws the tab.
pub fn draw(detail: &Detail, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let Some(root) = detail.artifacts.listings.get("") else {
        return middle(buf, area, &["reading…"], theme);
    };
    if root.entries.is_empty() {
        let note = root.note.clone().unwrap_or_default();
        return middle(buf, area, &["no artifacts", shown(&note).as_str()], theme);
    }
    let split = panes::split(area);
    tree(detail, split.list, buf, theme);
    file(detail, split.other, buf, theme);
}

fn tree(detail: &Detail, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let lines = detail.artifact_lines();
    let cursor = detail.cursor();
    for (line, i) in cursor.window(lines.len(), area.height.into()).enumerate() {
        let Some((depth, entry)) = lines.get(i) else { continue };
        let at = Rect { y: area.y + line as u16, height: 1, ..area };
        let open = detail.artifacts.open.contains(&entry.path);
        let sign = match (entry.is_dir, open) {
            (true, true) => theme.glyphs.open,
            (true, false) => theme.glyphs.closed,
            (false, _) => " ",
        };
        let indent = " ".repeat((*depth).min(12) * 2 + 2);
        let name = entry.path.rsplit('/').next().unwrap_or_default();
        let slash = if entry.is_dir { "/" } else { "" };
        let room = usize::from(area.width).saturating_sub(indent.len() + 14);
        let name = text::cut_middle(&format!("{}{slash}", shown(name)), room).into_owned();
        let spans = vec![Span::raw(indent), Span::styled(format!("{sign} "), theme.accent), Span::raw(name)];
        put_line(buf, at, 0, spans);
        let note = detail.artifacts.listings.get(&entry.path).and_then(|listing| listing.note.clone());
        let size = match (entry.file_size, note) {
            (Some(size), _) => format!("{} ", format::bytes(size)),
            (None, Some(note)) => format!("{} ", text::cut_end(shown(&note).as_str(), 40)),
            (None, None) => String::new(),
        };
        put_right(buf, at, 0, vec![Span::styled(size, theme.dim)]);
        if i == cursor.at {
            buf.set_style(at, theme.selected);
        }
    }
}

fn file(detail: &Detail, area: Rect, buf: &mut Buffer, theme: &Theme) {
    if area.height < 2 {
        return;
    }
    let Some((path, _)) = &detail.artifacts.preview else {
        return middle(buf, area, &["", "a file under the cursor is shown here"], theme);
    };
    let rule = if theme.glyphs.utf8 { "─" } else { "-" };
    let name = text::cut_middle(shown(path).as_str(), usize::from(area.width).saturating_sub(6)).into_owned();
    let rest = usize::from(area.width).saturating_sub(text::width(&name) + 4);
    let head = vec![
        Span::styled(rule, theme.border),
        Span::styled(format!(" {name} "), theme.title),
        Span::styled(rule.repeat(rest), theme.border),
    ];
    put_line(buf, area, 0, head);
    let body =
        Rect { x: area.x + 1, y: area.y + 1, width: area.width.saturating_sub(1), height: area.height - 1 };
    let Some(lines) = detail.preview_lines() else {
        return middle(buf, body, &["reading…"], theme);
    };
    let digits = lines.len().to_string().len();
    for (line, text) in lines.iter().skip(detail.artifacts.scrolled).take(body.height.into()).enumerate() {
        let number = format!("{:>digits$} ", detail.artifacts.scrolled + line + 1);
        let room = usize::from(body.width).saturating_sub(digits + 1);
        let style = if text.as_str().starts_with("… cut here") { theme.warn } else { theme.text };
        let text = text::cut_end(text.as_str(), room).into_owned();
        put_line(buf, body, line, vec![Span::styled(number, theme.dim), Span::styled(text, style)]);
    }
}
