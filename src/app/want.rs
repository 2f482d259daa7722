//! What is on screen, so what is read first.

use rustc_hash::FxHashSet;

use super::detail::Tab;
use super::table::table;
use super::{App, Request, Screen, panes};
use crate::index::{Beyond, Key, Parts, RunKey};
use crate::query::{Column, Grouping};
use crate::store::Want;

/// Rows beyond the screen whose sparklines are read too, so that scrolling shows them at once.
const MARGIN: usize = 10;

impl App {
    /// Tells the store what is on screen, when that has changed.
    pub(super) fn ask_for_what_is_shown(&mut self, out: &mut Vec<Request>) {
        let want = self.want();
        if want != self.wanted {
            self.wanted = want.clone();
            self.trim_series();
            out.push(Request::Want(want));
        }
    }

    fn want(&self) -> Want {
        let height = panes::run_lines(self);
        let window = self.browse.cursor.window(self.rows.items.len(), height);
        let visible: Vec<RunKey> = self
            .rows
            .items
            .get(window)
            .unwrap_or_default()
            .iter()
            .map(|row| row.run)
            .chain(self.pins.iter().copied())
            .filter(|run| !run.is_group())
            .collect();
        let mut open = Vec::new();
        let (mut series, mut charts) = (Vec::new(), 0);
        match self.screen {
            Screen::Browse => {
                self.previewed_series(&mut series);
                self.row_series(&mut series);
            }
            Screen::Detail => {
                if let Some(detail) = &self.detail {
                    open.push(detail.run);
                    charts = self.detail_series(detail, &mut series);
                }
            }
            Screen::Compare => {
                if let Some(compare) = &self.compare {
                    open.extend(compare.runs.iter().map(|run| run.key));
                    let metric = compare.shown_metric();
                    series.extend(compare.runs.iter().filter_map(|run| Some((run.key, metric?))));
                    charts = series.len();
                }
            }
        }
        let mut seen = FxHashSet::default();
        series.retain(|place| seen.insert(*place));
        let (needs, beyond) = self.needs();
        Want { experiment: self.query.experiment, visible, open, series, charts, needs, beyond }
    }

    /// What the columns, the order, the groups, the search and the filter look at in every run.
    fn needs(&self) -> (Parts, Beyond) {
        let query = &self.query;
        let (mut parts, mut beyond) = match &query.filter {
            Some(filter) => filter.needs(&self.index().keys),
            None => Default::default(),
        };
        if !query.find.trim().is_empty() {
            (parts.tags, parts.params) = (true, true);
        }
        let grouping = match &query.grouping {
            Grouping::By(columns) => &**columns,
            Grouping::Tree | Grouping::Flat => &[],
        };
        for column in query.sort.iter().map(|sort| sort.column).chain(grouping.iter().copied()) {
            match column {
                Column::Tag(_) | Column::User | Column::Source | Column::Version => parts.tags = true,
                Column::Param(_) => parts.params = true,
                Column::Metric(..) | Column::Step => parts.metrics = true,
                _ => {}
            }
            if let Column::Metric(key, how) = column {
                how.needs(key, &mut beyond);
            }
        }
        for view in &self.rows.columns {
            if let Column::Metric(key, how) = view.column {
                how.needs(key, &mut beyond);
            }
        }
        (parts, beyond)
    }

    /// Sparklines of the visible rows and some around them.
    fn row_series(&self, series: &mut Vec<(RunKey, Key)>) {
        let height = panes::run_lines(self);
        let window = self.browse.cursor.window(self.rows.items.len(), height);
        let window = window.start.saturating_sub(MARGIN)..(window.end + MARGIN).min(self.rows.items.len());
        // Only of columns in view: there may be hundreds.
        let table = table(self, panes::inner(panes::panes(self).main));
        let rows = self.rows.items.get(window).unwrap_or_default().iter().map(|row| row.run);
        for key in self.pins.iter().copied().chain(rows) {
            let Some(run) = self.index().run(key) else { continue };
            for placed in &table.columns {
                if let Column::Metric(key, _) = placed.view.column
                    && run.metric(key).is_some_and(|metric| metric.has_history())
                {
                    series.push((run.key, key));
                }
            }
        }
    }

    /// Metrics in the preview of the run under the cursor.
    fn previewed_series(&self, series: &mut Vec<(RunKey, Key)>) {
        let preview = panes::panes(self).preview;
        let Some(glance) = self.glance.as_ref().filter(|_| preview.height > 2) else { return };
        let metrics = glance.sorted.metrics.iter().take(preview.height.into());
        series.extend(metrics.map(|key| (glance.run.key, *key)));
    }

    /// Metrics in view on the Metrics tab, the one of the chart first; says how many are charts.
    fn detail_series(&self, detail: &super::detail::Detail, series: &mut Vec<(RunKey, Key)>) -> usize {
        if detail.tab != Tab::Metrics {
            return 0;
        }
        let metrics = detail.metrics();
        series.extend(detail.metric().map(|key| (detail.run, key)));
        let charts = series.len();
        let height = panes::split(panes::detail_body(self)).list.height.into();
        let window = detail.cursor().window(metrics.len(), height);
        series.extend(metrics.get(window).unwrap_or_default().iter().map(|key| (detail.run, *key)));
        charts
    }
}
