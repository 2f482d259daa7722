//! Marked runs side by side: rows of attributes, params and metrics, and the curves of one metric.

use std::sync::Arc;

use super::action::Action;
use super::chart::ChartView;
use super::cursor::Cursor;
use super::detail::Tab;
use super::{App, Request, Screen, move_cursor, panes};
use crate::index::{Index, Key, Run};
use crate::query::{Aggregate, Column, Look, columns};
use crate::series::Series;
use crate::shown::Shown;

pub mod table;

use table::Table;
pub use table::{Line, Values};

/// Runs that are compared at most.
const MOST: usize = 100;

/// A comparison.
#[derive(Clone, Debug)]
pub struct Compare {
    /// The runs as they were last there, in order of marking.
    pub runs: Vec<Arc<Run>>,
    /// Only rows that differ.
    pub differing: bool,
    /// The cursor of the rows.
    pub cursor: Cursor,
    /// Runs scrolled out to the left.
    pub first_run: usize,
    /// The curves fill the screen.
    pub curves: bool,
    /// The metric whose curves are shown.
    pub metric: Option<Key>,
    /// The run whose curve lies on top: overlapping dots can have one colour only.
    pub focus: Option<usize>,
    /// How the chart is looked at.
    pub chart: ChartView,
    /// Its rows.
    pub table: Table,
    /// The runs have changed since the rows were found.
    has_changed: bool,
}

impl Compare {
    /// The runs as new as the index; those that have gone stay as they were.
    pub fn keep(&mut self, index: &Index) {
        for run in &mut self.runs {
            if let Some(new) = index.run(run.key).filter(|new| !Arc::ptr_eq(run, new)) {
                *run = new.clone();
                self.has_changed = true;
            }
        }
    }

    /// Finds the rows anew, where something has changed.
    fn settle(&mut self, look: &Look<'_>) {
        if std::mem::take(&mut self.has_changed) {
            self.table = Table::of(&self.runs, look, self.differing);
        } else {
            self.table.keep(&self.runs, look, self.differing);
        }
    }

    /// The rows: all, or those that differ.
    pub fn lines(&self) -> &[Line] {
        &self.table.lines
    }

    /// The metric whose curves are shown: the chosen one, else the first with a history.
    pub fn shown_metric(&self) -> Option<Key> {
        let metrics = &self.table.metrics;
        let chosen = self.metric.filter(|key| metrics.contains(key));
        chosen.or(self.table.with_history).or(metrics.first().copied())
    }
}

impl App {
    /// Compares the marked runs; with fewer than two marks says what to do.
    pub(super) fn open_compare(&mut self, curves: bool) {
        let runs: Vec<Arc<Run>> =
            self.marks.iter().filter_map(|key| self.rows.index.run(*key).cloned()).take(MOST).collect();
        if runs.len() < 2 {
            return self.tell("mark two or more runs with Space, then press = to compare them");
        }
        // The metric that orders the table, else the first one in it with a history.
        let has_history =
            |key: &Key| runs.iter().any(|run| run.metric(*key).is_some_and(|m| m.has_history()));
        let mut in_table = self.rows.columns.iter().filter_map(|view| match view.column {
            Column::Metric(key, _) => Some(key),
            _ => None,
        });
        let metric = match self.query.lead().column {
            Column::Metric(key, _) => Some(key),
            _ => in_table.find(has_history),
        };
        self.compare = Some(Compare {
            table: Table::of(&runs, &self.look(), false),
            has_changed: false,
            runs,
            differing: false,
            cursor: Cursor { at: 1, top: 0 },
            first_run: 0,
            curves,
            metric,
            focus: None,
            chart: ChartView::default(),
        });
        self.screen = Screen::Compare;
        self.cursor_to_metric();
    }

    /// Curves: of the marked runs, else the Metrics tab of the one that is marked or under the cursor.
    pub(super) fn open_charts(&mut self, out: &mut Vec<Request>) {
        if self.marks.len() >= 2 {
            self.open_compare(true);
        } else if let Some(run) = self.marks.first().copied().or(self.current_row().map(|row| row.run)) {
            self.open_detail_at(run, Tab::Metrics, out);
        }
    }

    pub(super) fn compare_act(&mut self, action: Action, out: &mut Vec<Request>) {
        let whole = self.compare_span();
        let Some(compare) = &mut self.compare else { return };
        match action {
            Action::Back | Action::Quit if compare.curves => compare.curves = false,
            Action::Back | Action::Quit => self.screen = Screen::Browse,
            Action::Charts => compare.curves = !compare.curves,
            Action::Export if compare.curves => self.export_curves(out),
            Action::Export => self.export_compare(out),
            Action::NextMetric | Action::Down if compare.curves => self.next_metric(1),
            Action::PreviousMetric | Action::Up if compare.curves => self.next_metric(-1),
            Action::Front if compare.curves => self.next_to_front(),
            _ if compare.curves => drop(compare.chart.act(action, whole)),
            Action::Differing => compare.differing = !compare.differing,
            Action::Right => {
                compare.first_run = (compare.first_run + 1).min(compare.runs.len().saturating_sub(1));
            }
            Action::Left => compare.first_run = compare.first_run.saturating_sub(1),
            Action::Copy => self.copy_from_compare(out),
            _ => self.move_in_compare(action),
        }
    }

    /// Brings the next run that has a curve to the front; after the last one none.
    fn next_to_front(&mut self) {
        let drawn: Vec<usize> = self.compare_series().into_iter().map(|(number, _)| number).collect();
        if let Some(compare) = &mut self.compare {
            let after = |number: &usize| compare.focus.is_none_or(|focus| *number > focus);
            compare.focus = drawn.into_iter().find(after);
        }
    }

    fn move_in_compare(&mut self, action: Action) {
        let height = self.compare_height();
        let Some(compare) = &mut self.compare else { return };
        let lines = &compare.table.lines;
        move_cursor(&mut compare.cursor, action, lines.len(), height);
        if let Some(Line::Values(Values { column: Column::Metric(key, _), .. })) =
            lines.get(compare.cursor.at)
            && compare.metric != Some(*key)
        {
            compare.metric = Some(*key);
            (compare.chart.window, compare.chart.cross) = (None, None);
        }
    }

    fn next_metric(&mut self, by: isize) {
        let Some(compare) = &mut self.compare else { return };
        let metrics = &compare.table.metrics;
        let at = compare.shown_metric().and_then(|key| metrics.iter().position(|k| *k == key));
        let next = (at.unwrap_or(0) as isize + by).rem_euclid(metrics.len().max(1) as isize);
        compare.metric = metrics.get(next as usize).copied();
        (compare.chart.window, compare.chart.cross) = (None, None);
        self.cursor_to_metric();
    }

    /// In the table the cursor stands on the metric whose curves are shown.
    fn cursor_to_metric(&mut self) {
        let Some(compare) = &mut self.compare else { return };
        let shown = compare.shown_metric().map(|key| Column::Metric(key, Aggregate::Last));
        let place = compare
            .lines()
            .iter()
            .position(|line| matches!(line, Line::Values(values) if Some(values.column) == shown));
        compare.cursor.at = place.unwrap_or(compare.cursor.at);
    }

    /// Lines of the comparison in view: without the names of the runs.
    pub fn compare_height(&self) -> usize {
        panes::compare_body(self).list.height.saturating_sub(1).into()
    }

    /// The histories of the metric whose curves are shown, as far as they have been read, with the number of their run.
    pub fn compare_series(&self) -> Vec<(usize, &Arc<Series>)> {
        let Some(compare) = &self.compare else { return Vec::new() };
        let Some(metric) = compare.shown_metric() else { return Vec::new() };
        let runs = compare.runs.iter().enumerate();
        let read = |run: &Run| self.series.get(&(run.key, metric)).filter(|series| series.has_points());
        runs.filter_map(|(i, run)| Some((i, read(run)?))).collect()
    }

    fn compare_span(&self) -> Option<(f64, f64)> {
        let axis = self.compare.as_ref()?.chart.axis;
        let spans = self.compare_series().into_iter().filter_map(|(_, series)| series.span(axis));
        spans.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))
    }

    pub(super) fn settle_compare(&mut self) {
        let height = self.compare_height();
        let rows = self.rows.clone();
        let query = self.query.clone();
        let look = Look { now: self.now, ..query.look(&rows.index) };
        if let Some(compare) = self.compare.as_mut().filter(|_| self.screen == Screen::Compare) {
            compare.settle(&look);
            compare.cursor.fit(compare.lines().len(), height);
            compare.first_run = compare.first_run.min(compare.runs.len().saturating_sub(1));
        }
    }

    /// A name for the files of a comparison's chart.
    pub(super) fn metric_name(&self, key: Key) -> Shown {
        columns::Column::Metric(key, Aggregate::Last).title(self.index())
    }
}
