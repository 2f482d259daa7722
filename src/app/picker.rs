//! Choosing columns, or the column that orders: a list that narrows as one types.

use std::sync::Arc;

use ratatui::crossterm::event::KeyEvent;

use super::cursor::Cursor;
use super::prompt::Prompt;
use super::{App, Overlay, Request, panes};
use crate::query::columns::{self, Column};
use crate::query::{Sort, fuzzy};

/// What is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The columns of the table and their order.
    Columns,
    /// The column that orders.
    Sort,
}

/// The picker's state.
#[derive(Clone, Debug, PartialEq)]
pub struct Picker {
    /// What for.
    pub purpose: Purpose,
    /// What was typed.
    pub prompt: Prompt,
    /// The cursor in the narrowed list.
    pub cursor: Cursor,
    /// Everything that can be chosen, the chosen columns first.
    pub all: Vec<Column>,
    /// The chosen columns in order.
    pub chosen: Vec<Column>,
}

impl Picker {
    /// A picker over what the shown runs have.
    pub fn new(purpose: Purpose, app: &App) -> Self {
        let chosen: Vec<Column> = app.rows.columns.iter().map(|view| view.column).collect();
        let mut all = chosen.clone();
        if purpose == Purpose::Sort {
            all.insert(0, Column::Name);
        }
        all.extend(
            columns::all(app.index(), &app.query).into_iter().filter(|column| !chosen.contains(column)),
        );
        Self { purpose, prompt: Prompt::default(), cursor: Cursor::default(), all, chosen }
    }

    /// What matches the text that was typed.
    pub fn found(&self, app: &App) -> Vec<Column> {
        let pattern = fuzzy::Pattern::new(self.prompt.text());
        let is_found = |column: &&Column| pattern.finds_text(column.full_name(app.index()).as_str());
        self.all.iter().filter(|column| pattern.is_empty() || is_found(column)).copied().collect()
    }
}

impl App {
    pub(super) fn picker_key(&mut self, key: KeyEvent, keys: &str, out: &mut Vec<Request>) {
        let Some(Overlay::Picker(mut picker)) = self.overlay.take() else { return };
        let found = picker.found(self);
        let under = found.get(picker.cursor.at).copied();
        let height = panes::picker(self.size).height.saturating_sub(5).into();
        let mut stay = true;
        match (keys, picker.purpose) {
            ("Esc", _) => stay = false,
            ("Up" | "Ctrl-p", _) => picker.cursor.move_by(-1, found.len(), height),
            ("Down" | "Ctrl-n", _) => picker.cursor.move_by(1, found.len(), height),
            ("PageUp", _) => picker.cursor.move_by(-(height as isize), found.len(), height),
            ("PageDown", _) => picker.cursor.move_by(height as isize, found.len(), height),
            ("Enter", Purpose::Sort) => {
                stay = false;
                self.sort_by(under, out);
            }
            ("Enter", Purpose::Columns) => stay = false,
            ("Space" | "Tab", Purpose::Columns) => self.toggle_column(&mut picker, under, out),
            ("Left", Purpose::Columns) => self.move_column(&mut picker, under, -1, out),
            ("Right", Purpose::Columns) => self.move_column(&mut picker, under, 1, out),
            ("Ctrl-r", Purpose::Columns) => {
                stay = false;
                self.ask(out, |query| query.columns = None);
                self.tell("the columns choose themselves again");
            }
            _ => {
                if picker.prompt.key(key) {
                    picker.cursor = Cursor::default();
                }
            }
        }
        if stay {
            self.overlay = Some(Overlay::Picker(picker));
        }
    }

    /// Orders by a column; the same column again turns the order around. Where columns were chosen, one that is not among
    /// them is added, so that what orders can be seen; columns that choose themselves go on doing so.
    pub(super) fn sort_by(&mut self, column: Option<Column>, out: &mut Vec<Request>) {
        let Some(column) = column else { return };
        let now = self.query.lead();
        let descending = match column {
            _ if now.column == column => !now.descending,
            Column::Metric(key, _) => self.query.better.of(key, self.index()).unwrap_or(true),
            Column::Start | Column::End | Column::Duration | Column::Step => true,
            _ => false,
        };
        self.ask(out, |query| {
            query.sort = vec![Sort::new(column, descending)];
            if let Some(chosen) = &mut query.columns
                && column != Column::Name
                && !chosen.contains(&column)
            {
                Arc::make_mut(chosen).push(column);
            }
        });
    }

    fn toggle_column(&mut self, picker: &mut Picker, column: Option<Column>, out: &mut Vec<Request>) {
        let Some(column) = column else { return };
        match picker.chosen.iter().position(|chosen| *chosen == column) {
            Some(place) => {
                picker.chosen.remove(place);
            }
            None => picker.chosen.push(column),
        }
        self.choose_columns(picker, out);
    }

    fn move_column(
        &mut self,
        picker: &mut Picker,
        column: Option<Column>,
        by: isize,
        out: &mut Vec<Request>,
    ) {
        let place = picker.chosen.iter().position(|chosen| Some(*chosen) == column);
        let Some(place) = place else { return };
        let to = place.saturating_add_signed(by);
        if to < picker.chosen.len() && to != place {
            picker.chosen.swap(place, to);
            // The list shows the chosen ones first, in their order.
            let chosen = picker.chosen.clone();
            picker.all.sort_by_key(|c| chosen.iter().position(|x| x == c).unwrap_or(usize::MAX));
            let at = picker.found(self).iter().position(|c| Some(*c) == column);
            picker.cursor.at = at.unwrap_or(picker.cursor.at);
            self.choose_columns(picker, out);
        }
    }

    fn choose_columns(&mut self, picker: &Picker, out: &mut Vec<Request>) {
        let chosen = picker.chosen.clone();
        self.ask(out, |query| query.columns = Some(Arc::new(chosen)));
    }
}
