//! Choosing columns: which, in which order, how wide, written and coloured how.

use std::sync::Arc;

use super::{Choice, Picker};
use crate::app::action::Action;
use crate::app::{App, Request};
use crate::query::{Column, ColumnFormat};

/// Widths that can be chosen, in cells.
const WIDTHS: std::ops::RangeInclusive<u16> = 3..=60;

impl App {
    /// Does what a key asks for; says whether the picker stays.
    pub(super) fn columns_act(
        &mut self,
        picker: &mut Picker,
        action: Action,
        out: &mut Vec<Request>,
    ) -> bool {
        if action == Action::Automatic {
            self.ask(out, |query| (query.columns, query.formats) = (None, Arc::default()));
            self.tell("the columns choose themselves again");
            return false;
        }
        let Some(column) = picker.column() else { return true };
        match action {
            Action::Toggle => self.toggle_column(picker, column, out),
            Action::Left => self.move_column(picker, column, -1, out),
            Action::Right => self.move_column(picker, column, 1, out),
            Action::Narrower => self.widen(column, -1, out),
            Action::Wider => self.widen(column, 1, out),
            Action::KeepLeft => self.format_column(column, out, |format| format.left = !format.left),
            Action::NumberFormat => {
                self.format_column(column, out, |format| format.numbers = format.numbers.next());
            }
            Action::Heat => self.format_column(column, out, |format| format.heat = !format.heat),
            _ => {}
        }
        true
    }

    fn toggle_column(&mut self, picker: &mut Picker, column: Column, out: &mut Vec<Request>) {
        match picker.chosen.iter().position(|chosen| *chosen == column) {
            Some(place) => _ = picker.chosen.remove(place),
            None => picker.chosen.push(column),
        }
        self.choose_columns(picker, out);
    }

    fn move_column(&mut self, picker: &mut Picker, column: Column, by: isize, out: &mut Vec<Request>) {
        let place = picker.chosen.iter().position(|chosen| *chosen == column);
        let Some(place) = place else { return };
        let to = place.saturating_add_signed(by);
        if to < picker.chosen.len() && to != place {
            picker.chosen.swap(place, to);
            // The list shows the chosen ones first, in their order.
            let chosen: rustc_hash::FxHashMap<Column, usize> =
                picker.chosen.iter().enumerate().map(|(place, column)| (*column, place)).collect();
            picker.items.sort_by_key(|item| match item.choice {
                Choice::Column(column) => chosen.get(&column).copied().unwrap_or(usize::MAX),
                _ => usize::MAX,
            });
            picker.narrow();
            let is_it = |place: &u32| {
                let item = picker.items.get(*place as usize);
                item.is_some_and(|item| item.choice == Choice::Column(column))
            };
            picker.cursor.at = picker.found.iter().position(is_it).unwrap_or(picker.cursor.at);
            self.choose_columns(picker, out);
        }
    }

    fn choose_columns(&mut self, picker: &Picker, out: &mut Vec<Request>) {
        let chosen = picker.chosen.clone();
        self.ask(out, |query| query.columns = Some(Arc::new(chosen)));
    }

    /// One cell more or less than now; from then on the width no longer follows the values.
    fn widen(&mut self, column: Column, by: i16, out: &mut Vec<Request>) {
        let view = self.rows.columns.iter().find(|view| view.column == column);
        let Some(now) = view.map(|view| view.content) else {
            return self.tell("a column that is shown can be made wider");
        };
        self.format_column(column, out, |format| {
            let width = format.width.unwrap_or(now).saturating_add_signed(by);
            format.width = Some(width.clamp(*WIDTHS.start(), *WIDTHS.end()));
        });
    }

    /// Changes how a column looks; one that was not shown comes with it.
    fn format_column(
        &mut self,
        column: Column,
        out: &mut Vec<Request>,
        change: impl FnOnce(&mut ColumnFormat),
    ) {
        self.ask(out, |query| Arc::make_mut(&mut query.formats).edit(column, change));
    }
}
