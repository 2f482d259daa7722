//! Marked runs side by side: rows of attributes, params and metrics, and the curves of one metric.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::action::Action;
use super::chart::ChartView;
use super::cursor::Cursor;
use super::detail::Tab;
use super::{App, Request, Screen, move_cursor, panes};
use crate::format;
use crate::index::{Index, Key, Run};
use crate::query::cell::{Cell, cell};
use crate::query::{Column, columns};
use crate::series::Series;
use crate::shown::Shown;

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
}

/// One row of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// The beginning of a group.
    Heading(&'static str),
    /// One thing of all runs.
    Values {
        /// Which.
        column: Column,
        /// Its name.
        name: Shown,
        /// A cell for each run.
        cells: Vec<Cell>,
        /// Whether not all runs have the same.
        differs: bool,
        /// The runs with the best value of a metric.
        best: Vec<usize>,
    },
}

impl Compare {
    /// The runs as new as the index; those that have gone stay as they were.
    pub fn keep(&mut self, index: &Index) {
        for run in &mut self.runs {
            if let Some(Some(new)) = index.runs.get(run.key.0 as usize) {
                *run = new.clone();
            }
        }
    }

    /// All rows, or those that differ.
    pub fn lines(&self, index: &Index, now: i64) -> Vec<Line> {
        let mut lines = Vec::new();
        let attributes = [Column::Experiment, Column::State, Column::Start, Column::Duration, Column::User];
        let more = [Column::Source, Column::Version, Column::Step];
        let keys = |of: fn(&Run) -> Vec<Key>| {
            let all: BTreeSet<Key> = self.runs.iter().flat_map(|run| of(run)).collect();
            let mut all: Vec<Key> = all.into_iter().collect();
            all.sort_by(|a, b| format::natural_cmp(index.keys.name(*a), index.keys.name(*b)));
            all
        };
        let params = keys(|run| run.params.iter().map(|(key, _)| *key).collect());
        let tags = keys(|run| run.tags.iter().map(|(key, _)| *key).collect());
        let tags = tags.into_iter().filter(|key| !index.keys.name(*key).starts_with("mlflow."));
        let groups: [(&'static str, Vec<Column>); 4] = [
            ("Metrics", self.metrics(index).into_iter().map(Column::Metric).collect()),
            ("Params", params.into_iter().map(Column::Param).collect()),
            ("Attributes", attributes.into_iter().chain(more).collect()),
            ("Tags", tags.map(Column::Tag).collect()),
        ];
        for (title, columns) in groups {
            let rows = columns.into_iter().map(|column| self.line(column, index, now));
            let rows: Vec<Line> = rows.filter(|line| self.is_shown(line)).collect();
            if !rows.is_empty() {
                lines.push(Line::Heading(title));
                lines.extend(rows);
            }
        }
        lines
    }

    fn is_shown(&self, line: &Line) -> bool {
        match line {
            Line::Values { cells, differs, .. } => {
                (*differs || !self.differing) && cells.iter().any(|cell| *cell != Cell::Empty)
            }
            Line::Heading(_) => true,
        }
    }

    /// Metrics of any of the runs, those of the machine last.
    pub fn metrics(&self, index: &Index) -> Vec<Key> {
        let all: BTreeSet<Key> =
            self.runs.iter().flat_map(|run| run.metrics.iter().map(|(key, _)| *key)).collect();
        let mut all: Vec<Key> = all.into_iter().collect();
        let name = |key: &Key| index.keys.name(*key);
        let of_machine = |key: &Key| name(key).starts_with("system/");
        all.sort_by(|a, b| {
            of_machine(a).cmp(&of_machine(b)).then_with(|| format::natural_cmp(name(a), name(b)))
        });
        all
    }

    fn line(&self, column: Column, index: &Index, now: i64) -> Line {
        let cells: Vec<Cell> = self.runs.iter().map(|run| cell(run, column, index, now)).collect();
        Line::Values {
            column,
            name: match column {
                Column::Param(_) | Column::Metric(_) | Column::Tag(_) => column.title(index),
                attribute => attribute.full_name(index),
            },
            differs: self.differs(column, &cells),
            best: self.best(column, index),
            cells,
        }
    }

    /// Numbers are the same when they are equal as numbers: `0.10` and `1e-1`.
    fn differs(&self, column: Column, cells: &[Cell]) -> bool {
        let values: Vec<Option<f64>> = match column {
            Column::Metric(key) => {
                self.runs.iter().map(|run| run.metric(key).map(|m| m.last.value)).collect()
            }
            _ => cells.iter().map(|cell| format::parse_number(cell.text())).collect(),
        };
        let same = |a: &Option<f64>, b: &Option<f64>| match (a, b) {
            (Some(a), Some(b)) => a == b || (a.is_nan() && b.is_nan()),
            _ => false,
        };
        let pairs = values.iter().zip(cells).zip(values.iter().zip(cells).skip(1));
        pairs.into_iter().any(|((a, x), (b, y))| !same(a, b) && x != y)
    }

    /// The runs with the best value, where there are several values and the name says which direction is good.
    fn best(&self, column: Column, index: &Index) -> Vec<usize> {
        let Column::Metric(key) = column else { return Vec::new() };
        let Some(up) = format::higher_is_better(index.keys.name(key)) else { return Vec::new() };
        let values: Vec<Option<f64>> =
            self.runs.iter().map(|run| run.metric(key).map(|m| m.last.value)).collect();
        let known = || values.iter().flatten().copied().filter(|value| !value.is_nan());
        let best = known().reduce(|a, b| if (b > a) == up { b } else { a });
        match best {
            Some(best) if known().any(|value| value != best) => {
                (0..values.len()).filter(|i| values.get(*i).copied().flatten() == Some(best)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The metric whose curves are shown: the chosen one, else the first with a history.
    pub fn shown_metric(&self, index: &Index) -> Option<Key> {
        let metrics = self.metrics(index);
        let has_history = |key: &&Key| {
            self.runs.iter().any(|run| run.metric(**key).is_some_and(|metric| metric.points > 1))
        };
        self.metric
            .filter(|key| metrics.contains(key))
            .or_else(|| metrics.iter().find(has_history).or(metrics.first()).copied())
    }
}

impl App {
    /// Compares the marked runs; with fewer than two marks says what to do.
    pub(super) fn open_compare(&mut self, curves: bool) {
        let runs: Vec<Arc<Run>> = self
            .marks
            .iter()
            .filter_map(|key| self.rows.index.runs.get(key.0 as usize)?.clone())
            .take(MOST)
            .collect();
        if runs.len() < 2 {
            return self.tell("mark two or more runs with Space, then press = to compare them");
        }
        // The metric that orders the table, else the first one in it with a history.
        let has_history = |key: &Key| runs.iter().any(|run| run.metric(*key).is_some_and(|m| m.points > 1));
        let mut in_table = self.rows.columns.iter().filter_map(|view| match view.column {
            Column::Metric(key) => Some(key),
            _ => None,
        });
        let metric = match self.query.sort.column {
            Column::Metric(key) => Some(key),
            _ => in_table.find(has_history),
        };
        self.compare = Some(Compare {
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
        let (index, now) = (self.rows.index.clone(), self.now);
        let Some(compare) = &mut self.compare else { return };
        let lines = compare.lines(&index, now);
        move_cursor(&mut compare.cursor, action, lines.len(), height);
        if let Some(Line::Values { column: Column::Metric(key), .. }) = lines.get(compare.cursor.at)
            && compare.metric != Some(*key)
        {
            compare.metric = Some(*key);
            (compare.chart.window, compare.chart.cross) = (None, None);
        }
    }

    fn next_metric(&mut self, by: isize) {
        let index = self.rows.index.clone();
        let Some(compare) = &mut self.compare else { return };
        let metrics = compare.metrics(&index);
        let at = compare.shown_metric(&index).and_then(|key| metrics.iter().position(|k| *k == key));
        let next = (at.unwrap_or(0) as isize + by).rem_euclid(metrics.len().max(1) as isize);
        compare.metric = metrics.get(next as usize).copied();
        (compare.chart.window, compare.chart.cross) = (None, None);
        self.cursor_to_metric();
    }

    /// In the table the cursor stands on the metric whose curves are shown.
    fn cursor_to_metric(&mut self) {
        let (index, now) = (self.rows.index.clone(), self.now);
        let Some(compare) = &mut self.compare else { return };
        let shown = compare.shown_metric(&index);
        let lines = compare.lines(&index, now);
        let place = lines.iter().position(
            |line| matches!(line, Line::Values { column: Column::Metric(key), .. } if Some(*key) == shown),
        );
        compare.cursor.at = place.unwrap_or(compare.cursor.at);
    }

    /// Lines of the comparison in view: without the names of the runs.
    pub fn compare_height(&self) -> usize {
        panes::compare_body(self).list.height.saturating_sub(1).into()
    }

    /// The histories of the metric whose curves are shown, as far as they have been read, with the number of their run.
    pub fn compare_series(&self) -> Vec<(usize, &Arc<Series>)> {
        let Some(compare) = &self.compare else { return Vec::new() };
        let Some(metric) = compare.shown_metric(self.index()) else { return Vec::new() };
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
        let (index, now) = (self.rows.index.clone(), self.now);
        if let Some(compare) = self.compare.as_mut().filter(|_| self.screen == Screen::Compare) {
            let len = compare.lines(&index, now).len();
            compare.cursor.fit(len, height);
            compare.first_run = compare.first_run.min(compare.runs.len().saturating_sub(1));
        }
    }

    /// A name for the files of a comparison's chart.
    pub(super) fn metric_name(&self, key: Key) -> Shown {
        columns::Column::Metric(key).title(self.index())
    }
}
