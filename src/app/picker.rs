//! Lists to choose from that narrow as one types: columns, what orders, what groups, which way is better, views.

use ratatui::crossterm::event::KeyEvent;

use super::action::Action;
use super::cursor::Cursor;
use super::keys::{Meaning, Place, meaning};
use super::prompt::Prompt;
use super::{App, Overlay, Request, move_cursor, panes};
use crate::query::{Column, Grouping, fuzzy};
use crate::shown::{Shown, shown};

mod choose;
mod columns;

/// What is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The columns of the table, their order and how they look.
    Columns,
    /// The columns that order.
    Sort,
    /// How rows hang together.
    Groups,
    /// Which way a metric is better.
    Better,
    /// A saved view.
    Views,
}

impl Purpose {
    /// Where its keys stand in the table.
    pub fn place(self) -> Place {
        match self {
            Self::Columns => Place::Columns,
            Self::Sort => Place::Order,
            Self::Views => Place::Views,
            Self::Groups | Self::Better => Place::Pick,
        }
    }

    /// Whether its list is not complete before the names of all columns are known.
    fn needs_all_columns(self) -> bool {
        self != Self::Views
    }

    fn offers(self, column: Column) -> bool {
        match self {
            Self::Columns | Self::Sort => true,
            Self::Groups => !matches!(
                column,
                Column::Metric(..)
                    | Column::Start
                    | Column::End
                    | Column::Duration
                    | Column::RunId
                    | Column::Name
            ),
            Self::Better => column.is_metric(),
            Self::Views => false,
        }
    }
}

/// Something that can be chosen.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    /// A column.
    Column(Column),
    /// A way in which rows hang together that needs no column.
    Grouping(Grouping),
    /// A saved view, by name.
    View(String),
}

/// A line of the list.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// What it stands for.
    pub choice: Choice,
    /// What it is called; that is what typing narrows.
    pub name: Shown,
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
    pub items: Vec<Item>,
    /// Places of the items that match what was typed.
    pub found: Vec<u32>,
    /// Whether the names of all columns are still being gathered.
    pub waiting: bool,
    /// The chosen columns in order.
    pub chosen: Vec<Column>,
}

impl Picker {
    /// The item under the cursor.
    pub fn current(&self) -> Option<&Item> {
        self.items.get(*self.found.get(self.cursor.at)? as usize)
    }

    fn column(&self) -> Option<Column> {
        match self.current()?.choice {
            Choice::Column(column) => Some(column),
            _ => None,
        }
    }

    /// Narrows the list to what was typed; once for each change, since there may be thousands of columns.
    fn narrow(&mut self) {
        let pattern = fuzzy::Pattern::new(self.prompt.text());
        let is_found = |item: &Item| pattern.is_empty() || pattern.finds_text(item.name.as_str());
        let found = (0..).zip(&self.items).filter(|(_, item)| is_found(item));
        self.found = found.map(|(place, _)| place).collect();
    }

    /// Adds columns that are not in the list yet.
    fn add(&mut self, columns: impl IntoIterator<Item = Column>, app: &App) {
        let index = app.index();
        let known: rustc_hash::FxHashSet<Column> = (self.items.iter())
            .filter_map(|item| match item.choice {
                Choice::Column(column) => Some(column),
                _ => None,
            })
            .collect();
        let purpose = self.purpose;
        let new = columns.into_iter().filter(|column| purpose.offers(*column) && !known.contains(column));
        let new = new.map(|column| Item { choice: Choice::Column(column), name: column.full_name(index) });
        self.items.extend(new);
        self.narrow();
    }
}

impl App {
    /// Opens a list. What is not on screen is added when the query thread has gathered it.
    pub(super) fn pick(&mut self, purpose: Purpose, out: &mut Vec<Request>) {
        let mut picker = Picker {
            purpose,
            prompt: Prompt::default(),
            cursor: Cursor::default(),
            items: Vec::new(),
            found: Vec::new(),
            waiting: purpose.needs_all_columns(),
            chosen: self.rows.columns.iter().map(|view| view.column).collect(),
        };
        match purpose {
            Purpose::Groups => {
                for (grouping, name) in [
                    (Grouping::Tree, "tree: child runs below their parents"),
                    (Grouping::Flat, "flat: all runs side by side"),
                ] {
                    picker.items.push(Item { choice: Choice::Grouping(grouping), name: Shown::own(name) });
                }
            }
            Purpose::Views => {
                let views = self.kept().map(|kept| kept.views.keys().cloned().collect::<Vec<_>>());
                let item = |name: String| Item { name: shown(&name), choice: Choice::View(name) };
                picker.items = views.unwrap_or_default().into_iter().map(item).collect();
            }
            Purpose::Sort => picker.add([Column::Name], self),
            Purpose::Columns | Purpose::Better => {}
        }
        let chosen = picker.chosen.clone();
        match purpose {
            // What orders comes first: it is what one most likely wants to turn around.
            Purpose::Better => {
                let lead = self.query.lead().column;
                picker.add([lead].into_iter().chain(chosen).map(Column::latest), self);
            }
            _ => picker.add(chosen, self),
        }
        picker.narrow();
        if picker.waiting {
            out.push(Request::Columns(self.query.clone()));
        }
        self.overlay = Some(Overlay::Picker(picker));
    }

    /// The names of all columns have been gathered.
    pub(super) fn take_columns(&mut self, columns: &[Column]) {
        let Some(Overlay::Picker(mut picker)) =
            self.overlay.take_if(|overlay| matches!(overlay, Overlay::Picker(_)))
        else {
            return;
        };
        if picker.waiting {
            picker.waiting = false;
            // The cursor stays on its item: what is new comes after what was there.
            picker.add(columns.iter().copied(), self);
        }
        self.overlay = Some(Overlay::Picker(picker));
    }

    pub(super) fn picker_paste(&mut self, text: &str) {
        if let Some(Overlay::Picker(picker)) = &mut self.overlay {
            picker.prompt.insert(text);
            picker.cursor = Cursor::default();
            picker.narrow();
        }
    }

    pub(super) fn picker_key(&mut self, key: KeyEvent, keys: &str, out: &mut Vec<Request>) {
        let Some(Overlay::Picker(mut picker)) = self.overlay.take() else { return };
        let stays = match meaning(picker.purpose.place(), keys) {
            Meaning::Do(Action::Back) => false,
            Meaning::Do(action @ (Action::Up | Action::Down | Action::PageUp | Action::PageDown)) => {
                let height = panes::picker(self.size).height.saturating_sub(5).into();
                move_cursor(&mut picker.cursor, action, picker.found.len(), height);
                true
            }
            Meaning::Do(Action::Open) if picker.purpose == Purpose::Columns => false,
            Meaning::Do(Action::Open) => self.choose(&picker, out),
            Meaning::Do(action) => match picker.purpose {
                Purpose::Columns => self.columns_act(&mut picker, action, out),
                _ => self.list_act(&mut picker, action, out),
            },
            _ => {
                if picker.prompt.key(key) {
                    picker.cursor = Cursor::default();
                    picker.narrow();
                }
                true
            }
        };
        // Choosing may have opened something else.
        if stays && self.overlay.is_none() {
            self.overlay = Some(Overlay::Picker(picker));
        }
    }
}
