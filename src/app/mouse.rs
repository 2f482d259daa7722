//! The mouse: clicks choose, the wheel scrolls.

use ratatui::crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use super::action::Action;
use super::{App, Overlay, Request, Screen, panes};

/// Lines that one notch of the wheel scrolls.
const NOTCH: isize = 3;

impl App {
    pub(super) fn mouse(&mut self, mouse: MouseEvent, out: &mut Vec<Request>) {
        let at = Position::new(mouse.column, mouse.row);
        self.browse.is_touched = true;
        match mouse.kind {
            MouseEventKind::Down(MouseButton::Left) => self.click(at, out),
            MouseEventKind::ScrollDown => self.wheel(at, NOTCH, out),
            MouseEventKind::ScrollUp => self.wheel(at, -NOTCH, out),
            _ => {}
        }
    }

    fn click(&mut self, at: Position, out: &mut Vec<Request>) {
        if self.overlay.is_some() || self.screen != Screen::Browse {
            return;
        }
        let panes = panes::panes(self);
        if let Some(line) = line_in(panes::inner(panes.experiments), at) {
            self.browse.on_experiments = true;
            let (len, height) = (self.rows.experiments.len(), panes::experiment_lines(self));
            let line = self.browse.experiment.top + line;
            if line < len {
                self.browse.experiment.to(line, len, height);
                self.show_experiment(out);
            }
        } else if panes::inner(panes.main).contains(at) {
            self.browse.on_experiments = false;
            let parts = panes::runs_parts(self);
            if parts.titles.contains(at) {
                return self.sort_by(Some(self.column_at(at.x)), out);
            }
            let line = line_in(parts.body, at).map(|line| self.browse.cursor.top + line);
            match line {
                Some(line) if line == self.browse.cursor.at => self.act(Action::Open, out),
                Some(line) if line < self.rows.items.len() => self.go_to_line(line),
                _ => {}
            }
        }
    }

    fn wheel(&mut self, at: Position, lines: isize, out: &mut Vec<Request>) {
        let action = if lines > 0 { Action::Down } else { Action::Up };
        match (&self.overlay, self.screen) {
            (Some(Overlay::Picker(_) | Overlay::Palette(_)), _) => {}
            (None, Screen::Browse) => {
                let panes = panes::panes(self);
                if panes.experiments.contains(at) {
                    let (len, height) = (self.rows.experiments.len(), panes::experiment_lines(self));
                    self.browse.experiment.scroll(lines, len, height);
                } else {
                    let (len, height) = (self.rows.items.len(), panes::run_lines(self));
                    self.browse.cursor.scroll(lines, len, height);
                    self.browse.run = self.current_row().map(|row| row.run);
                }
            }
            _ => (0..lines.abs()).for_each(|_| self.act(action, out)),
        }
    }
}

/// The line of a rectangle that a place is in.
fn line_in(area: Rect, at: Position) -> Option<usize> {
    area.contains(at).then(|| usize::from(at.y - area.y))
}
