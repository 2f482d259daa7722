//! Keys that change how the runs are arranged: values of metrics, tree and groups, what differs, pinned and hidden runs.

use std::sync::Arc;

use super::action::Action;
use super::picker::Purpose;
use super::{App, Request};
use crate::index::RunKey;
use crate::query::{Aggregate, Column, Grouping};
use crate::shown::shown;
use crate::state::Edit;

impl App {
    /// Does what a key asks for; says whether it was one of these.
    pub(super) fn arrange_act(&mut self, action: Action, out: &mut Vec<Request>) -> bool {
        match action {
            Action::Filter => self.open_filter(),
            Action::Differing => {
                let only = !self.query.diff_only;
                self.ask(out, |query| query.diff_only = only);
                self.tell(if only { "only columns in which the runs differ" } else { "all columns" });
            }
            Action::ByChild => {
                let by_child = !self.query.by_child;
                self.ask(out, |query| query.by_child = by_child);
                self.tell(if by_child {
                    "parents stand where their best child would"
                } else {
                    "parents stand by their own value"
                });
            }
            Action::NextAggregate => self.aggregate(self.query.aggregate.next(), out),
            Action::NextGrouping => self.next_grouping(out),
            Action::Better => self.pick(Purpose::Better, out),
            Action::Groups => self.pick(Purpose::Groups, out),
            Action::Sort => self.pick(Purpose::Sort, out),
            Action::Columns => self.pick(Purpose::Columns, out),
            Action::Views => self.pick(Purpose::Views, out),
            Action::Pin => self.pin(out),
            Action::Hide => self.hide(out),
            Action::Unhide => self.unhide(out),
            _ => return false,
        }
        true
    }

    /// Shows another value of all metrics.
    pub(super) fn aggregate(&mut self, how: Aggregate, out: &mut Vec<Request>) {
        let before = self.query.aggregate;
        self.ask(out, |query| {
            query.aggregate = how;
            // What was chosen goes along, unless it shows another value on purpose.
            let turn = |column: &mut Column| {
                if let Column::Metric(_, shown) = column
                    && *shown == before
                {
                    *shown = how;
                }
            };
            query.sort.iter_mut().for_each(|sort| turn(&mut sort.column));
            if let Some(columns) = &mut query.columns {
                Arc::make_mut(columns).iter_mut().for_each(turn);
            }
        });
        self.tell(&match how {
            Aggregate::Last => "metrics: the latest value".to_owned(),
            Aggregate::Best => "metrics: the best value".to_owned(),
            Aggregate::Min => "metrics: the lowest value".to_owned(),
            Aggregate::Max => "metrics: the highest value".to_owned(),
            Aggregate::First => "metrics: the first value".to_owned(),
            Aggregate::Mean => "metrics: the mean".to_owned(),
            Aggregate::At(step) => format!("metrics: the value at step {step}"),
        });
    }

    /// Tree, flat, and what was grouped by last, in turn; where nothing was, the param that differs and is shared most.
    fn next_grouping(&mut self, out: &mut Vec<Request>) {
        let next = match &self.query.grouping {
            Grouping::Tree => Grouping::Flat,
            Grouping::Flat => match self.last_groups() {
                Some(by) => Grouping::By(by),
                None => Grouping::Tree,
            },
            Grouping::By(_) => Grouping::Tree,
        };
        self.group(next, out);
    }

    fn last_groups(&self) -> Option<Arc<[Column]>> {
        let known = self.groups.get(&self.query.experiment).cloned();
        known.or_else(|| {
            let param = |column: &Column| matches!(column, Column::Param(_));
            let first = self.rows.columns.iter().map(|view| view.column).find(param)?;
            Some(Arc::from([first]))
        })
    }

    /// Makes the rows hang together in another way.
    pub(super) fn group(&mut self, grouping: Grouping, out: &mut Vec<Request>) {
        let told = match &grouping {
            Grouping::Tree => "tree: child runs below their parents".to_owned(),
            Grouping::Flat => "flat: all runs side by side".to_owned(),
            Grouping::By(columns) => {
                self.groups.insert(self.query.experiment, columns.clone());
                let names = columns.iter().map(|column| column.full_name(self.index()).into_string());
                format!("grouped by {}; T chooses", names.collect::<Vec<_>>().join(", "))
            }
        };
        self.ask(out, |query| query.grouping = grouping);
        self.tell(&told);
    }

    /// Pins the run under the cursor, or lets it go.
    fn pin(&mut self, out: &mut Vec<Request>) {
        let Some(run) = self.current_row().map(|row| row.run) else { return };
        let Some(name) = self.run_name(run) else { return };
        let on = !self.pins.contains(&run);
        self.settle_edit(Edit::Pin(name, on), out);
        let title = self.index().run(run).map(|run| shown(run.title())).unwrap_or_default();
        self.tell(&if on { format!("pinned {title}: P lets it go") } else { format!("let go of {title}") });
    }

    /// Hides the marked runs, else the one under the cursor.
    fn hide(&mut self, out: &mut Vec<Request>) {
        let marked: Vec<RunKey> = self.marks.drain(..).collect();
        let runs = if marked.is_empty() {
            self.current_row().map(|row| row.run).into_iter().collect()
        } else {
            marked
        };
        let names: Vec<_> = runs.iter().filter_map(|run| self.run_name(*run)).collect();
        let count = names.len();
        for name in names {
            let edit = Edit::Hide(name, true);
            self.state.apply(edit.clone());
            out.push(Request::Keep(edit));
        }
        if count > 0 {
            self.follow_state(out);
            let s = if count == 1 { "" } else { "s" };
            self.tell(&format!("hid {count} run{s}: U brings back what is hidden here"));
        }
    }

    /// Brings back what is hidden of the experiment that is shown.
    fn unhide(&mut self, out: &mut Vec<Request>) {
        let experiment = self.query.experiment;
        let is_here = |run: &RunKey| {
            let run = self.index().run(*run);
            run.is_some_and(|run| experiment.is_none_or(|key| run.experiment == key))
        };
        let names: Vec<_> = self
            .query
            .hidden
            .iter()
            .filter(|run| is_here(run))
            .filter_map(|run| self.run_name(*run))
            .collect();
        let count = names.len();
        for name in names {
            let edit = Edit::Hide(name, false);
            self.state.apply(edit.clone());
            out.push(Request::Keep(edit));
        }
        self.follow_state(out);
        self.tell(&match count {
            0 => "no run is hidden here".to_owned(),
            1 => "1 run is back".to_owned(),
            _ => format!("{count} runs are back"),
        });
    }
}
