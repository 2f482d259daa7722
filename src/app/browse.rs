//! Experiments and runs: moving, opening, marking, finding.

use std::sync::Arc;

use ratatui::crossterm::event::KeyEvent;
use rustc_hash::FxHashSet;

use super::action::Action;
use super::cursor::Cursor;
use super::keys::{Meaning, Place, meaning};
use super::prompt::Prompt;
use super::{App, Request, Screen, filter_bar, move_cursor, panes};
use crate::index::{ExperimentKey, Run, RunKey};
use crate::query::{Aggregate, Column, Filter, Formats, Grouping, Kind, Query, Row, Rows, Sort};

/// What the browser remembers.
#[derive(Clone, Debug, Default)]
pub struct Browse {
    /// The keys go to the experiments, else to the runs.
    pub on_experiments: bool,
    /// One pane alone on the screen.
    pub zoomed: bool,
    /// No preview below the runs.
    pub no_preview: bool,
    /// The cursor of the experiments.
    pub experiment: Cursor,
    /// The cursor of the runs; it belongs to `run`, not to a line.
    pub cursor: Cursor,
    /// The run under the cursor.
    pub run: Option<RunKey>,
    /// What is being typed to narrow the runs.
    pub finding: Option<Prompt>,
    /// The filter that is being typed.
    pub filtering: Option<Box<filter_bar::FilterBar>>,
    /// The run under the cursor before finding began.
    before_finding: Option<RunKey>,
    /// Columns scrolled out to the left.
    pub first_column: usize,
    /// Somebody has pressed a key since the experiment was shown: the run under the cursor may be meant.
    pub(super) is_touched: bool,
    /// The last run that was marked.
    last_mark: Option<RunKey>,
}

/// How an experiment's runs are looked at: it belongs to the experiment, since params and metrics do.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    columns: Option<Arc<Vec<Column>>>,
    formats: Arc<Formats>,
    aggregate: Aggregate,
    sort: Vec<Sort>,
    by_child: bool,
    grouping: Grouping,
    filter: Option<Arc<Filter>>,
    diff_only: bool,
}

impl Choice {
    /// That part of a query.
    fn of(query: &Query) -> Self {
        Self {
            columns: query.columns.clone(),
            formats: query.formats.clone(),
            aggregate: query.aggregate,
            sort: query.sort.clone(),
            by_child: query.by_child,
            grouping: query.grouping.clone(),
            filter: query.filter.clone(),
            diff_only: query.diff_only,
        }
    }

    fn put_into(self, query: &mut Query) {
        (query.columns, query.formats, query.aggregate) = (self.columns, self.formats, self.aggregate);
        (query.sort, query.by_child, query.grouping) = (self.sort, self.by_child, self.grouping);
        (query.filter, query.diff_only) = (self.filter, self.diff_only);
    }
}

/// The experiment to begin with: where something was last added, among those that have runs.
pub fn newest_experiment(rows: &Rows) -> Option<ExperimentKey> {
    let shown = rows.experiments.iter().filter(|row| !row.deleted);
    shown
        .filter_map(|row| match row.kind {
            Kind::Experiment(key) => Some((row.runs > 0, rows.index.experiment(key)?.touched, key)),
            _ => None,
        })
        .max()
        .map(|(.., key)| key)
}

impl App {
    /// The row under the cursor.
    pub fn current_row(&self) -> Option<&Row> {
        self.rows.items.get(self.browse.cursor.at)
    }

    /// The run under the cursor.
    pub fn current_run(&self) -> Option<&Run> {
        self.index().run(self.current_row()?.run).map(|run| &**run)
    }

    pub(super) fn browse_act(&mut self, action: Action, out: &mut Vec<Request>) {
        match action {
            Action::NextPane | Action::PreviousPane => {
                self.browse.on_experiments = !self.browse.on_experiments
            }
            Action::Experiments => self.browse.on_experiments = true,
            Action::Runs => self.browse.on_experiments = false,
            Action::Zoom => self.browse.zoomed = !self.browse.zoomed,
            Action::Preview => self.browse.no_preview = !self.browse.no_preview,
            Action::Quit => self.quit_or_back(out),
            Action::Back => {
                self.step_back(out);
            }
            _ if self.browse.on_experiments => self.experiments_act(action, out),
            _ => self.runs_act(action, out),
        }
    }

    /// Undoes the nearest thing: a narrowing, marks, a zoom. Says whether there was one.
    fn step_back(&mut self, out: &mut Vec<Request>) -> bool {
        if !self.query.find.is_empty() {
            self.stop_finding(out);
        } else if self.query.filter.is_some() {
            self.ask(out, |query| query.filter = None);
            self.tell("all runs again; f and ↑ bring the filter back");
        } else if !self.marks.is_empty() {
            self.marks.clear();
        } else if self.browse.zoomed {
            self.browse.zoomed = false;
        } else if self.browse.on_experiments {
            self.browse.on_experiments = false;
        } else {
            return false;
        }
        true
    }

    fn quit_or_back(&mut self, out: &mut Vec<Request>) {
        if self.query.find.is_empty() {
            out.push(Request::Quit);
        } else {
            self.stop_finding(out);
        }
    }

    fn experiments_act(&mut self, action: Action, out: &mut Vec<Request>) {
        let (len, height) = (self.rows.experiments.len(), panes::experiment_lines(self));
        let row = self.rows.experiments.get(self.browse.experiment.at).cloned();
        match (action, row.map(|row| row.kind)) {
            (Action::Open, Some(Kind::Folder(path, closed))) => self.fold(path, !closed, out),
            (Action::Collapse, Some(Kind::Folder(path, false))) => self.fold(path, true, out),
            (Action::Collapse, Some(_)) => self.go_to_folder(out),
            (Action::Open, Some(_)) => self.browse.on_experiments = false,
            (Action::Copy, Some(Kind::Experiment(key))) => {
                let id = self.index().experiment(key).map(|e| e.experiment_id.to_string());
                self.copy(id.as_deref(), "experiment id", out);
            }
            _ => {
                let before = self.browse.experiment.at;
                move_cursor(&mut self.browse.experiment, action, len, height);
                if self.browse.experiment.at != before {
                    self.show_experiment(out);
                }
            }
        }
    }

    /// Shows the runs of the experiment under the cursor.
    pub(super) fn show_experiment(&mut self, out: &mut Vec<Request>) {
        let experiment = match self.rows.experiments.get(self.browse.experiment.at).map(|row| &row.kind) {
            Some(Kind::All) => None,
            Some(Kind::Experiment(key)) => Some(*key),
            _ => return,
        };
        if self.query.experiment != experiment {
            self.switch_to(experiment, out);
        }
    }

    /// Shows another experiment's runs as they were looked at last: the columns and the order stay with the one that
    /// is left.
    pub(super) fn switch_to(&mut self, experiment: Option<ExperimentKey>, out: &mut Vec<Request>) {
        self.keep_view(out);
        self.pending = None;
        self.choices.insert(self.query.experiment, Choice::of(&self.query));
        let choice = self.choices.remove(&experiment).unwrap_or_default();
        (self.browse.cursor, self.browse.run, self.browse.first_column) = (Cursor::default(), None, 0);
        (self.browse.finding, self.browse.before_finding, self.browse.filtering) = (None, None, None);
        self.browse.is_touched = false;
        self.decided = true;
        self.ask_quietly(out, |query| {
            choice.put_into(query);
            query.find.clear();
            (query.experiment, query.undecided) = (experiment, false);
        });
        self.restore(out);
    }

    fn fold(&mut self, path: String, close: bool, out: &mut Vec<Request>) {
        self.ask(out, |query| {
            let folded = Arc::make_mut(&mut query.folded);
            if close {
                folded.insert(path)
            } else {
                folded.remove(&path)
            };
        });
    }

    /// From an experiment to the folder that it stands in.
    fn go_to_folder(&mut self, out: &mut Vec<Request>) {
        let (at, rows) = (self.browse.experiment.at, self.rows.clone());
        let Some(depth) = rows.experiments.get(at).map(|row| row.depth) else { return };
        let above = rows.experiments.iter().take(at).rposition(|row| row.depth < depth);
        if let Some(line) = above.filter(|_| depth > 0) {
            self.browse.experiment.to(line, rows.experiments.len(), panes::experiment_lines(self));
            self.show_experiment(out);
        }
    }

    fn runs_act(&mut self, action: Action, out: &mut Vec<Request>) {
        match action {
            Action::Open => match self.current_row().copied() {
                Some(row) if row.children > 0 && !row.open => self.set_open(row.run, true, out),
                Some(row) if row.run.is_group() => self.set_open(row.run, false, out),
                Some(row) => self.open_detail(row.run, out),
                None => {}
            },
            Action::Details => {
                if let Some(run) = self.current_row().map(|row| row.run).filter(|run| !run.is_group()) {
                    self.open_detail(run, out);
                }
            }
            Action::Expand => self.expand(out),
            Action::Collapse => self.collapse(out),
            Action::ExpandAll => self.expand_all(out),
            Action::Mark => self.mark(),
            Action::MarkRange => self.mark_range(),
            Action::Unmark => self.marks.clear(),
            Action::Compare => self.open_compare(false),
            Action::Charts => self.open_charts(out),
            Action::Find => {
                self.browse.before_finding = self.browse.run;
                self.browse.finding = Some(Prompt::new(&self.query.find));
            }
            Action::NextMatch => self.next_match(1),
            Action::PreviousMatch => self.next_match(-1),
            Action::Reverse => self.ask(out, |query| match query.sort.first_mut() {
                Some(lead) => lead.descending = !lead.descending,
                None => query.sort = vec![Sort { descending: !query.lead().descending, ..query.lead() }],
            }),
            Action::Right => self.browse.first_column += 1,
            Action::Left => self.browse.first_column = self.browse.first_column.saturating_sub(1),
            Action::Copy => {
                let id = self.current_run().map(|run| run.run_id().to_owned());
                self.copy(id.as_deref(), "run id", out);
            }
            Action::Export => self.export_runs(out),
            _ if self.arrange_act(action, out) => {}
            _ => {
                let (len, height) = (self.rows.items.len(), panes::run_lines(self));
                move_cursor(&mut self.browse.cursor, action, len, height);
                self.browse.run = self.current_row().map(|row| row.run);
            }
        }
    }

    fn set_open(&mut self, run: RunKey, open: bool, out: &mut Vec<Request>) {
        let mut opened = self.opened();
        opened.set(run, open);
        self.ask(out, |query| query.opened = Arc::new(opened));
    }

    /// Opens the children; when they are open, goes to the first.
    fn expand(&mut self, out: &mut Vec<Request>) {
        match self.current_row().copied() {
            Some(row) if row.children > 0 && !row.open => self.set_open(row.run, true, out),
            Some(row) if row.children > 0 => self.runs_act(Action::Down, out),
            _ => {}
        }
    }

    /// Closes the children; when there are none or they are closed, goes to the parent.
    fn collapse(&mut self, out: &mut Vec<Request>) {
        let Some(row) = self.current_row().copied() else { return };
        if row.open && self.query.opened.contains(row.run) {
            return self.set_open(row.run, false, out);
        }
        if let Some(line) = row.parent {
            self.go_to_line(line as usize);
        }
    }

    fn expand_all(&mut self, out: &mut Vec<Request>) {
        let all = !self.query.opened.all;
        self.ask(out, |query| query.opened = Arc::new(crate::query::Opened { all, ..Default::default() }));
        let what = if self.rows.groups.is_empty() { "parent runs" } else { "groups" };
        self.tell(&format!("all {what} are {}", if all { "open" } else { "closed" }));
    }

    pub(super) fn go_to_line(&mut self, line: usize) {
        let (len, height) = (self.rows.items.len(), panes::run_lines(self));
        self.browse.cursor.to(line, len, height);
        self.browse.run = self.current_row().map(|row| row.run);
    }

    fn mark(&mut self) {
        let Some(run) = self.current_row().map(|row| row.run) else { return };
        if run.is_group() {
            return self.tell("a group cannot be marked: Enter opens it");
        }
        self.toggle_mark(run);
        let (len, height) = (self.rows.items.len(), panes::run_lines(self));
        self.browse.cursor.move_by(1, len, height);
        self.browse.run = self.current_row().map(|row| row.run);
    }

    pub(super) fn toggle_mark(&mut self, run: RunKey) {
        match self.marks.iter().position(|marked| *marked == run) {
            Some(place) => {
                self.marks.remove(place);
            }
            None => {
                self.marks.push(run);
                self.browse.last_mark = Some(run);
            }
        }
    }

    fn mark_range(&mut self) {
        let from = self.browse.last_mark.and_then(|run| self.rows.place(run));
        let at = self.browse.cursor.at;
        let from = from.unwrap_or(at);
        let range = from.min(at)..=from.max(at);
        let rows = self.rows.items.get(range).unwrap_or_default().iter();
        let runs: Vec<RunKey> = rows.map(|row| row.run).filter(|run| !run.is_group()).collect();
        let marked: FxHashSet<RunKey> = self.marks.iter().copied().collect();
        self.marks.extend(runs.into_iter().filter(|run| !marked.contains(run)));
        self.browse.last_mark = self.current_row().map(|row| row.run);
    }

    fn next_match(&mut self, step: isize) {
        let (len, at) = (self.rows.items.len(), self.browse.cursor.at);
        let lines =
            (1..=len).map(|n| (at as isize + step * n as isize).rem_euclid(len.max(1) as isize) as usize);
        let line = lines.into_iter().find(|line| self.rows.items.get(*line).is_some_and(|row| !row.context));
        if let Some(line) = line {
            self.go_to_line(line);
        }
    }

    pub(super) fn find_key(&mut self, key: KeyEvent, keys: &str, out: &mut Vec<Request>) -> bool {
        match meaning(Place::Find, keys) {
            Meaning::Do(Action::Back) => self.stop_finding(out),
            Meaning::Do(Action::Open) => self.browse.finding = None,
            Meaning::Do(action) => self.runs_act(action, out),
            _ => {
                let Some(prompt) = &mut self.browse.finding else { return false };
                if prompt.key(key) {
                    let find = prompt.text().to_owned();
                    self.ask(out, |query| query.find = find);
                }
            }
        }
        true
    }

    /// Everything is shown again, and the cursor stays with its run or goes back to where it was.
    fn stop_finding(&mut self, out: &mut Vec<Request>) {
        self.browse.finding = None;
        self.browse.run = self.browse.run.or(self.browse.before_finding);
        self.ask(out, |query| query.find.clear());
    }

    /// After a new answer: the cursor follows its run, and the view stays where it was unless it has to move.
    pub(super) fn follow(&mut self, before: &Rows) {
        let (len, height) = (self.rows.items.len(), panes::run_lines(self));
        if !self.browse.is_touched && !before.complete {
            // Runs come in any order while the store is read: nobody has chosen the one that came first.
            self.browse.cursor.to(0, len, height);
            self.browse.run = self.current_row().map(|row| row.run);
            return self.follow_experiment();
        }
        let old_line = self.browse.cursor.at;
        let line =
            self.browse.run.and_then(|run| self.rows.place(run).or_else(|| self.moved_or_above(run, before)));
        let line = line.unwrap_or(old_line);
        if self.browse.cursor.top > 0 {
            // Scrolled: what is on screen stays, and what is new comes above it.
            let shift = line as isize - old_line as isize;
            self.browse.cursor.top = self.browse.cursor.top.saturating_add_signed(shift);
        }
        self.browse.cursor.to(line, len, height);
        if self.browse.run.is_none_or(|run| self.rows.place(run).is_none()) && !self.rows.items.is_empty() {
            // Not while an answer to an older question passes through: its run may be back in the next.
            let asked = Arc::ptr_eq(&self.rows.query, &self.query);
            if asked || self.browse.run.is_none() {
                self.browse.run = self.current_row().map(|row| row.run);
            }
        }
        self.follow_experiment();
    }

    /// Where a run that is gone from the lines went: another experiment's run of the same id, or a closed parent.
    fn moved_or_above(&self, run: RunKey, before: &Rows) -> Option<usize> {
        if self.index().run(run).is_none() {
            let old = before.index.run(run)?.run_id();
            let same_id = |row: &Row| self.index().run(row.run).is_some_and(|new| new.run_id() == old);
            if let Some(place) = self.rows.items.iter().position(same_id) {
                return Some(place);
            }
        }
        let above = before.above(before.place(run)?).filter_map(|line| before.items.get(line));
        above.filter_map(|row| self.rows.place(row.run)).next()
    }

    /// The cursor of the experiments stands on the one whose runs are shown.
    fn follow_experiment(&mut self) {
        let shown = match self.query.experiment {
            None => Kind::All,
            Some(key) => Kind::Experiment(key),
        };
        let (len, height) = (self.rows.experiments.len(), panes::experiment_lines(self));
        let on_folder = self
            .rows
            .experiments
            .get(self.browse.experiment.at)
            .is_some_and(|row| matches!(row.kind, Kind::Folder(..)));
        let place = self.rows.experiments.iter().position(|row| row.kind == shown);
        match place {
            Some(line) if !on_folder => self.browse.experiment.to(line, len, height),
            _ => self.browse.experiment.fit(len, height),
        }
    }

    /// After every event: cursors stay in their lists whatever the size.
    pub(super) fn settle(&mut self) {
        let (len, height) = (self.rows.items.len(), panes::run_lines(self));
        self.browse.cursor.fit(len, height);
        let (len, height) = (self.rows.experiments.len(), panes::experiment_lines(self));
        self.browse.experiment.fit(len, height);
        let scrolled = self.rows.columns.iter().filter(|view| !view.format.left).count();
        self.browse.first_column = self.browse.first_column.min(scrolled.saturating_sub(1));
        if self.screen == Screen::Detail && self.detail.is_none()
            || self.screen == Screen::Compare && self.compare.is_none()
        {
            self.screen = Screen::Browse;
        }
        self.settle_glance();
        self.settle_detail();
        self.settle_compare();
    }
}
