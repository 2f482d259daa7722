//! Lists from which one thing is chosen: what orders, what groups, which way is better, which view.

use std::sync::Arc;

use super::{Choice, Picker, Purpose};
use crate::app::action::Action;
use crate::app::{App, Request};
use crate::query::{Column, Grouping, Sort};
use crate::state::Edit;

impl App {
    /// Takes the item under the cursor; says whether the picker stays.
    pub(super) fn choose(&mut self, picker: &Picker, out: &mut Vec<Request>) -> bool {
        let item = picker.current().map(|item| item.choice.clone());
        match (picker.purpose, item) {
            (Purpose::Sort, Some(Choice::Column(column))) => self.sort_by(Some(column), out),
            (Purpose::Groups, Some(Choice::Grouping(grouping))) => self.group(grouping, out),
            (Purpose::Groups, Some(Choice::Column(column))) => {
                self.group(Grouping::By(Arc::from([column])), out);
            }
            (Purpose::Better, Some(Choice::Column(column))) => {
                self.turn_better(column, out);
                return true;
            }
            (Purpose::Views, Some(Choice::View(name))) => self.open_view(&name, out),
            // No such view yet: what was typed is its name.
            (Purpose::Views, None) if !picker.prompt.text().trim().is_empty() => {
                self.save_view(picker.prompt.text().trim(), out);
            }
            _ => return true,
        }
        false
    }

    pub(super) fn list_act(&mut self, picker: &mut Picker, action: Action, out: &mut Vec<Request>) -> bool {
        match (action, picker.current().map(|item| item.choice.clone())) {
            (Action::SortAlso, Some(Choice::Column(column))) => self.sort_also(column, out),
            (Action::Forget, Some(Choice::View(name))) => {
                self.forget_view(&name, out);
                picker.items.retain(|item| item.choice != Choice::View(name.clone()));
                picker.narrow();
                picker.cursor.fit(picker.found.len(), 1);
            }
            _ => {}
        }
        true
    }

    /// Orders by a column; the same column again turns the order around. Where columns were chosen, one that is not among
    /// them is added, so that what orders can be seen; columns that choose themselves go on doing so.
    pub(in crate::app) fn sort_by(&mut self, column: Option<Column>, out: &mut Vec<Request>) {
        let Some(column) = column else { return };
        let now = self.query.lead();
        let descending =
            if now.column == column { !now.descending } else { self.is_first_descending(column) };
        self.order_by(vec![Sort::new(column, descending)], out);
    }

    /// Orders by one more column, after the others; one that is among them turns around.
    fn sort_also(&mut self, column: Column, out: &mut Vec<Request>) {
        let mut sort = self.query.sort.clone();
        match sort.iter_mut().find(|sort| sort.column == column) {
            Some(known) => known.descending = !known.descending,
            None => sort.push(Sort::new(column, self.is_first_descending(column))),
        }
        self.order_by(sort, out);
    }

    /// Which way a column is ordered at first: the best, the latest, the longest first; words from A to Z.
    pub(in crate::app) fn is_first_descending(&self, column: Column) -> bool {
        match column {
            Column::Metric(key, _) => self.query.better.of(key, self.index()).unwrap_or(true),
            Column::Start | Column::End | Column::Duration | Column::Step => true,
            _ => false,
        }
    }

    /// Orders by columns, the first one first.
    pub(in crate::app) fn order_by(&mut self, sort: Vec<Sort>, out: &mut Vec<Request>) {
        self.ask(out, |query| {
            for column in sort.iter().map(|sort| sort.column) {
                if let Some(chosen) = &mut query.columns
                    && column != Column::Name
                    && !chosen.contains(&column)
                {
                    Arc::make_mut(chosen).push(column);
                }
            }
            query.sort = sort;
        });
    }

    /// The next of: what the name tells, up, down.
    fn turn_better(&mut self, column: Column, out: &mut Vec<Request>) {
        let Column::Metric(key, _) = column else { return };
        let name = self.index().keys.name(key).to_owned();
        let told = crate::format::higher_is_better(&name);
        let set = self.query.better.0.get(name.as_str()).copied();
        // From what is now to the other way, then back to what the name tells.
        let next = match (set, told) {
            (None, Some(up)) => Some(!up),
            (None, None) => Some(true),
            (Some(true), None) => Some(false),
            _ => None,
        };
        self.settle_edit(Edit::Better(name, next), out);
    }
}
