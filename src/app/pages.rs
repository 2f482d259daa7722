//! Pages over the screen: help, problems, notices; and the picture that stands still.

use super::action::Action;
use super::cursor::Cursor;
use super::keys::{self, Place};
use super::{App, Overlay, Request, commands, panes};
use crate::index::RunKey;

impl App {
    /// The picture stays as it is, or is alive again.
    pub(super) fn freeze(&mut self, out: &mut Vec<Request>) {
        self.frozen = if self.frozen.is_some() { None } else { Some(self.clock) };
        self.tick(self.clock);
        out.push(Request::Freeze(self.frozen.is_some()));
        self.tell(match self.frozen {
            Some(_) => "frozen: nothing changes until R is pressed again",
            None => "follows the store again",
        });
    }

    /// Keys of help, problems and notices: scrolling, to the run under the cursor, and any way out.
    pub(super) fn page_act(&mut self, action: Action, out: &mut Vec<Request>) {
        let height = panes::page(self.size).height.saturating_sub(2).into();
        let len = match &self.overlay {
            Some(Overlay::Help(_)) => {
                keys::BINDINGS.len() + Place::ALL.len() * 2 + commands::COMMANDS.len() + 2
            }
            Some(Overlay::Notices(_)) => self.news.len(),
            _ => self.index().problems.len(),
        };
        if action == Action::Open {
            let run = self.page_run();
            if let Some(run) = run.filter(|run| self.index().run(*run).is_some()) {
                self.overlay = None;
                self.open_detail(run, out);
            }
            return;
        }
        match (&mut self.overlay, action) {
            (_, Action::Back | Action::Quit | Action::Help | Action::Problems | Action::Notices) => {
                self.overlay = None;
            }
            (Some(Overlay::Help(cursor)), action) => {
                // Text, not a list: the view moves.
                cursor.top = scroll(cursor.top, action, len, height);
            }
            (Some(Overlay::Problems(cursor) | Overlay::Notices(cursor)), action) => {
                move_cursor(cursor, action, len, height);
            }
            _ => {}
        }
    }

    /// The run of the line under the cursor of a page.
    fn page_run(&self) -> Option<RunKey> {
        match &self.overlay {
            Some(Overlay::Problems(cursor)) => self.index().problems.get(cursor.at)?.run,
            Some(Overlay::Notices(cursor)) => self.news.iter().rev().nth(cursor.at).map(|news| news.run),
            _ => None,
        }
    }
}

/// The first line of a text after a key that scrolls it.
pub(super) fn scroll(top: usize, action: Action, len: usize, height: usize) -> usize {
    let most = len.saturating_sub(height);
    let by = |lines: isize| top.saturating_add_signed(lines).min(most);
    let height = height as isize;
    match action {
        Action::Down => by(1),
        Action::Up => by(-1),
        Action::HalfDown => by(height / 2),
        Action::HalfUp => by(-height / 2),
        Action::PageDown => by(height),
        Action::PageUp => by(-height),
        Action::First => 0,
        Action::Last => most,
        _ => top.min(most),
    }
}

/// Moves a list's cursor by a key; other keys leave it.
pub(super) fn move_cursor(cursor: &mut Cursor, action: Action, len: usize, height: usize) {
    let page = height.max(1) as isize;
    match action {
        Action::Down => cursor.move_by(1, len, height),
        Action::Up => cursor.move_by(-1, len, height),
        Action::HalfDown => cursor.move_by((page / 2).max(1), len, height),
        Action::HalfUp => cursor.move_by(-(page / 2).max(1), len, height),
        Action::PageDown => cursor.move_by(page, len, height),
        Action::PageUp => cursor.move_by(-page, len, height),
        Action::First => cursor.to(0, len, height),
        Action::Last => cursor.to(usize::MAX, len, height),
        _ => {}
    }
}
