//! The experiments pane.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Span;

use super::theme::Theme;
use super::{frame, position, put_line, put_right, text};
use crate::app::{App, Screen};
use crate::format;
use crate::query::{ExperimentRow, Kind};
use crate::shown::shown;

/// Draws the pane.
pub fn draw(app: &App, area: Rect, buf: &mut Buffer, theme: &Theme) {
    if area.is_empty() {
        return;
    }
    let focused = app.screen == Screen::Browse && app.browse.on_experiments && app.overlay.is_none();
    let title = vec![Span::styled("Experiments", theme.title)];
    let inner = frame(buf, area, title, Vec::new(), focused, theme);
    let rows = &app.rows.experiments;
    position(buf, area, app.browse.experiment.at, rows.len(), inner.height, theme);
    for (line, i) in app.browse.experiment.window(rows.len(), inner.height.into()).enumerate() {
        let Some(row) = rows.get(i) else { continue };
        let at = Rect { y: inner.y + line as u16, height: 1, ..inner };
        draw_row(app, row, at, buf, theme);
        if i == app.browse.experiment.at {
            let style = if focused { theme.selected } else { theme.accent };
            buf.set_style(at, style);
        }
    }
}

/// How many runs there are, as far as that is known.
fn runs(row: &ExperimentRow) -> String {
    match (row.unread, row.runs) {
        (false, runs) => format::count(runs.into()),
        (true, 0) => "…".to_owned(),
        (true, some) => format!("{}…", format::count(some.into())),
    }
}

fn draw_row(app: &App, row: &ExperimentRow, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let mut right = Vec::new();
    if row.running > 0 {
        right.push(Span::styled(format!("{}{} ", theme.glyphs.running, row.running), theme.running));
    }
    right.push(Span::styled(format!("{:>4} ", runs(row)), theme.dim));
    let taken: usize = right.iter().map(Span::width).sum();
    let (sign, style) = match &row.kind {
        Kind::Folder(_, closed) => {
            (if *closed { theme.glyphs.closed } else { theme.glyphs.open }, theme.text)
        }
        Kind::All => (" ", theme.text),
        Kind::Experiment(_) => (" ", if row.deleted { theme.dim } else { theme.text }),
    };
    let indent = " ".repeat(usize::from(row.depth.min(12)) * 2);
    let room = usize::from(area.width).saturating_sub(taken + indent.len() + 4);
    let name = match row.kind {
        Kind::All if room < 15 => "All".to_owned(),
        Kind::All => "All experiments".to_owned(),
        Kind::Folder(..) => format!("{}/", shown(&row.name)),
        Kind::Experiment(_) => shown(&row.name).into_string(),
    };
    let deleted = if row.deleted { " (deleted)" } else { "" };
    let name = text::cut_middle(&format!("{name}{deleted}"), room).into_owned();
    let current = match (&row.kind, app.query.experiment) {
        (Kind::All, None) => true,
        (Kind::Experiment(key), Some(shown)) => *key == shown,
        _ => false,
    };
    let mark = if current { theme.glyphs.current } else { " " };
    let spans = vec![
        Span::styled(mark, theme.accent),
        Span::raw(indent),
        Span::styled(format!("{sign} "), theme.dim),
        Span::styled(name, style),
    ];
    put_line(buf, area, 0, spans);
    put_right(buf, area, 0, right);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_not_been_read_is_not_counted_as_nothing() {
        let row = |runs, unread| ExperimentRow {
            kind: Kind::All,
            name: String::new(),
            depth: 0,
            runs,
            running: 0,
            unread,
            deleted: false,
        };
        let told =
            [(0, false), (0, true), (12, true), (12, false)].map(|(count, unread)| runs(&row(count, unread)));
        assert_eq!(told, ["0", "…", "12…", "12"]);
    }
}
