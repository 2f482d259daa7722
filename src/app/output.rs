//! What leaves the screen: copies and exported files. The app only says what; writing is somebody else's.

use std::path::PathBuf;
use std::sync::Arc;

use super::compare::Line;
use super::detail::Tab;
use super::overview::{self, overview};
use super::{App, Content, Export, Request};
use crate::export::{Cell as OutCell, Curve, Plot, Scale, Table, column_name, run_cell};
use crate::format;
use crate::index::Key;
use crate::query::cell;
use crate::query::{self, Column, Opened, Query, Rows};
use crate::series::{Axis, Series};
use crate::shown::{Shown, shown};
use crate::store::Preview;

/// Lines of a file that are shown.
const LINES: usize = 20_000;
/// What is told where samples would be taken for a whole history.
const STILL_READING: &str =
    "the history is still being read: export it when the chart no longer says sampled";

/// The runs of a table with everything below closed parents.
#[derive(Clone, Debug)]
pub struct AllRuns {
    /// The lines as they are shown.
    pub rows: Arc<Rows>,
    /// The time, milliseconds since the epoch, for durations that go on.
    pub now: i64,
}

/// One file instead of all that could be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Only {
    /// Its extension.
    pub format: &'static str,
    /// Where; none for the usual name in the current folder.
    pub file: Option<PathBuf>,
}

impl PartialEq for AllRuns {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.rows, &other.rows) && self.now == other.now
    }
}

/// All runs that match, also those below closed parents, with full values: what is written takes a while for many
/// runs, so nobody calls this who draws.
pub fn runs_table(all: &AllRuns) -> Table {
    let (index, now) = (&all.rows.index, all.now);
    let opened = Arc::new(Opened { all: true, ..Opened::default() });
    let rows = query::rows(index, &Arc::new(Query { opened, now, ..(*all.rows.query).clone() }));
    let look = rows.query.look(index);
    let columns: Vec<Column> = rows.columns.iter().map(|view| view.column).collect();
    let fixed = ["run_id", "run_name", "parent_run_id"].map(str::to_owned);
    let names = columns.iter().map(|column| column_name(*column, index));
    let headers = fixed.into_iter().chain(names).collect();
    let runs = rows.items.iter().filter(|row| !row.context).filter_map(|row| index.run(row.run));
    let text = |text: Option<&str>| text.map_or(OutCell::Empty, |t| OutCell::Text(t.to_owned()));
    let table = runs.map(|run| {
        let mut row = vec![text(Some(run.run_id())), text(run.name()), text(run.parent_run_id())];
        row.extend(columns.iter().map(|column| run_cell(run, *column, &look)));
        row
    });
    Table { headers, rows: table.collect() }
}

impl App {
    /// Puts text on the clipboard and says so.
    pub(super) fn copy(&mut self, text: Option<&str>, what: &str, out: &mut Vec<Request>) {
        if let Some(text) = text {
            let text = shown(text);
            self.tell(&format!("copied the {what}"));
            out.push(Request::Copy(text));
        }
    }

    pub(super) fn copy_from_detail(&mut self, out: &mut Vec<Request>) {
        let Some(detail) = &self.detail else { return };
        let (run, index, at) = (detail.kept.clone(), self.rows.index.clone(), detail.cursor().at);
        let (text, what) = match detail.tab {
            Tab::Overview => {
                let lines = overview(detail, &index, self.now);
                match lines.get(at) {
                    Some(overview::Line::Field(_, value)) => (value.as_str().to_owned(), "value"),
                    Some(overview::Line::Text(text)) => (text.as_str().to_owned(), "line"),
                    Some(overview::Line::Link(_, key)) => {
                        (index.run(*key).map_or(String::new(), |run| run.run_id().to_owned()), "run id")
                    }
                    _ => (run.run_id().to_owned(), "run id"),
                }
            }
            Tab::Metrics => {
                let metric = detail.metric().and_then(|key| run.metric(key));
                (metric.map_or(String::new(), |metric| format::exact(metric.last.value)), "value")
            }
            Tab::Params | Tab::Tags => {
                let value = detail.pairs().get(at).and_then(|key| detail.value(*key));
                (value.unwrap_or_default().to_owned(), "value")
            }
            Tab::Artifacts => {
                let entry = detail.artifact_lines().get(at).map(|(_, entry)| entry.path.clone());
                let root = detail.artifacts.listings.get("").and_then(|listing| listing.root.clone());
                let path = entry.map(|path| {
                    root.map_or(path.clone(), |root| format!("{}/{path}", root.trim_end_matches('/')))
                });
                (path.unwrap_or_default(), "artifact path")
            }
        };
        self.copy(Some(&text), what, out);
    }

    pub(super) fn copy_from_compare(&mut self, out: &mut Vec<Request>) {
        let Some(compare) = &self.compare else { return };
        if let Some(Line::Values(values)) = compare.lines().get(compare.cursor.at) {
            let cells = compare.runs.iter().map(|run| cell::whole_cell(run, values.column, &self.look()));
            let text = cells.map(|cell| cell.text().to_owned()).collect::<Vec<_>>().join("  ");
            self.copy(Some(&text), "values", out);
        }
    }

    /// The chart of the Metrics tab.
    pub(super) fn export_chart(&mut self, out: &mut Vec<Request>) {
        let Some(detail) = &self.detail else { return };
        let metric = detail.metric().filter(|_| detail.tab == Tab::Metrics);
        let series = metric.and_then(|key| Some((key, self.series.get(&(detail.run, key))?)));
        let Some((key, series)) = series else { return self.tell("there is no chart to export here") };
        if !series.is_exact() || !series.has_points() {
            return self.tell(STILL_READING);
        }
        let view = detail.chart;
        let curve =
            Curve { label: shown(detail.kept.title()), points: points(series, view.axis, view.window) };
        let plot = self.plot(key, view, vec![curve], shown(detail.kept.title()));
        let stem = format!("{}-{}", detail.kept.title(), self.metric_name(key));
        self.export(stem, Content::Plot(plot), out);
    }

    /// The curves of the comparison.
    pub(super) fn export_curves(&mut self, out: &mut Vec<Request>) {
        let Some(compare) = &self.compare else { return };
        let Some(key) = compare.shown_metric() else { return };
        let view = compare.chart;
        let series = self.compare_series();
        if series.iter().any(|(_, series)| !series.is_exact()) {
            return self.tell(STILL_READING);
        }
        let curves: Vec<Curve> = series
            .into_iter()
            .filter_map(|(i, series)| {
                let run = compare.runs.get(i)?;
                Some(Curve { label: shown(run.title()), points: points(series, view.axis, view.window) })
            })
            .collect();
        let title = Shown::own(format!("{} of {} runs", self.metric_name(key), compare.runs.len()));
        let plot = self.plot(key, view, curves, title);
        self.export(format!("compare-{}", self.metric_name(key)), Content::Plot(plot), out);
    }

    fn plot(&self, key: Key, view: super::chart::ChartView, curves: Vec<Curve>, title: Shown) -> Plot {
        let (x, label) = match view.axis {
            Axis::Step => (Scale::Linear, "step"),
            Axis::Elapsed => (Scale::Seconds, "time since the first point"),
            Axis::Clock => (Scale::Clock, "time"),
        };
        let (x_label, y_label) = (Shown::own(label), self.metric_name(key));
        Plot { title, x_label, y_label, x, log_y: view.log, curves }
    }

    /// The runs table: all runs that match.
    pub(super) fn export_runs(&mut self, out: &mut Vec<Request>) {
        let all = AllRuns { rows: self.rows.clone(), now: self.now };
        self.export(self.runs_stem(), Content::Runs(all), out);
    }

    /// What files of the runs table are called.
    pub(super) fn runs_stem(&self) -> String {
        let experiment = self.query.experiment.and_then(|key| self.index().experiment(key));
        format!("{}-runs", experiment.map_or("all-experiments", |experiment| experiment.title()))
    }

    pub(super) fn export_compare(&mut self, out: &mut Vec<Request>) {
        let Some(compare) = &self.compare else { return };
        let runs = &compare.runs;
        let names =
            runs.iter().map(|run| format!("{} ({})", run.title(), run.run_id().get(..8).unwrap_or("")));
        let headers = ["name".to_owned()].into_iter().chain(names).collect();
        let rows = compare
            .lines()
            .iter()
            .filter_map(|line| match line {
                Line::Values(values) => Some(values.column),
                Line::Heading(_) => None,
            })
            .map(|column| {
                let name = [OutCell::Text(column_name(column, self.index()))];
                name.into_iter().chain(runs.iter().map(|run| run_cell(run, column, &self.look()))).collect()
            })
            .collect();
        self.export("compare-runs".to_owned(), Content::Table(Table { headers, rows }), out);
    }

    fn export(&mut self, stem: String, content: Content, out: &mut Vec<Request>) {
        self.tell("writing…");
        out.push(Request::Export(Export { stem, content, only: None }));
    }
}

fn points(series: &Series, axis: Axis, window: Option<(f64, f64)>) -> Vec<(f64, f64)> {
    let all = series.iter().map(|point| (series.x(axis, &point), point.value));
    let mut points: Vec<(f64, f64)> =
        all.filter(|(x, _)| window.is_none_or(|(from, to)| (from..=to).contains(x))).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    points
}

/// The beginning of a file as lines; JSON is indented, anything that is no text is named.
pub(super) fn text_of(path: &str, preview: &Preview) -> Vec<Shown> {
    let cut = preview.size > preview.bytes.len() as u64;
    let size = format::bytes(preview.size);
    if preview.bytes.is_empty() {
        return vec![Shown::own("the file is empty")];
    }
    // UTF-8 may be cut inside a character by the limit; anything else with NULs or many odd bytes is no text.
    let text = String::from_utf8_lossy(&preview.bytes);
    let odd =
        text.chars().filter(|c| *c == '\u{fffd}' || (c.is_control() && !"\n\r\t\x1b".contains(*c))).count();
    if odd * 20 > text.chars().count() {
        return vec![Shown::own(format!("not text: {size}"))];
    }
    let is_json = path.ends_with(".json") && !cut;
    let pretty = is_json.then(|| serde_json::from_str::<serde_json::Value>(&text).ok()).flatten();
    let pretty = pretty.and_then(|value| serde_json::to_string_pretty(&value).ok());
    let text = pretty.as_deref().unwrap_or(&text);
    let mut lines: Vec<Shown> = text
        .lines()
        .take(LINES)
        .map(|line| shown(&line.trim_end_matches('\r').replace('\t', "    ")))
        .collect();
    if cut || text.lines().nth(LINES).is_some() {
        let shown_bytes = format::bytes(preview.bytes.len() as u64);
        lines.push(Shown::own(format!("… cut here: the first {shown_bytes} of {size} are shown")));
    }
    lines
}
