//! The picker of columns, and of the column that orders.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::theme::Theme;
use super::{middle, over, put_line, text};
use crate::app::App;
use crate::app::picker::{Picker, Purpose};
use crate::query::Column;
use crate::query::fuzzy::Pattern;
use crate::shown::shown;

/// Draws the picker.
pub fn draw(app: &App, picker: &Picker, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let (title, hint) = match picker.purpose {
        Purpose::Columns => ("Columns", "␣ on/off  ← → order  ^r automatic  Esc done"),
        Purpose::Sort => ("Sort by", "↵ sort; again: other way  Esc back"),
    };
    let inner = over(buf, area, title, "", theme);
    let (before, after) = picker.prompt.split();
    let mut typed = vec![
        Span::styled(" / ", theme.accent),
        Span::raw(shown(before).into_string()),
        Span::styled(theme.glyphs.current, theme.accent),
        Span::raw(shown(after).into_string()),
    ];
    if picker.prompt.text().is_empty() {
        typed.push(Span::styled(" type to narrow", theme.dim));
    }
    put_line(buf, inner, 0, typed);
    let last = Rect { y: inner.bottom().saturating_sub(1), height: inner.height.min(1), ..inner };
    let body = Rect { y: inner.y + 2, height: inner.height.saturating_sub(3), ..inner }.intersection(inner);
    let found = picker.found(app);
    if found.is_empty() {
        middle(buf, body, &["nothing matches"], theme);
    }
    let pattern = Pattern::new(picker.prompt.text());
    for (line, i) in picker.cursor.window(found.len(), body.height.into()).enumerate() {
        let Some(column) = found.get(i) else { continue };
        let at = Rect { y: body.y + line as u16, height: 1, ..body };
        put_line(buf, at, 0, row(app, picker, *column, &pattern, body.width.into(), theme));
        if i == picker.cursor.at {
            buf.set_style(at, theme.selected);
        }
    }
    put_line(buf, last, 0, vec![Span::styled(format!(" {hint}"), theme.dim)]);
}

fn row<'a>(
    app: &App,
    picker: &Picker,
    column: Column,
    pattern: &Pattern,
    width: usize,
    theme: &Theme,
) -> Vec<Span<'a>> {
    let sort = app.query.lead();
    let sign = match picker.purpose {
        Purpose::Columns if picker.chosen.contains(&column) => theme.glyphs.finished,
        Purpose::Sort if sort.column == column && sort.descending => theme.glyphs.descending,
        Purpose::Sort if sort.column == column => theme.glyphs.ascending,
        _ => " ",
    };
    let name = column.full_name(app.index());
    let mut spans = vec![Span::styled(format!("  {sign} "), theme.good)];
    let hits = pattern.hits(name.as_str());
    spans.extend(text::highlight_middle(
        name.as_str(),
        width.saturating_sub(6),
        &hits,
        theme.text,
        theme.hit,
    ));
    spans
}
