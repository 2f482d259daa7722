//! One run: what its tabs hold, line by line, and moving in them.

use std::sync::Arc;

use super::action::Action;
use super::artifacts::Artifacts;
use super::chart::ChartView;
use super::cursor::Cursor;
use super::keys::Place;
use super::overview::{Line, overview};
use super::relatives::Relatives;
use super::{App, Request, Screen, move_cursor, panes};
use crate::format;
use crate::index::{Index, Key, Run, RunKey};
use crate::query::Rows;
use crate::store::Inputs;

/// The tabs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Tab {
    /// Attributes, description, relatives, datasets.
    #[default]
    Overview,
    /// Metrics and the chart of one.
    Metrics,
    /// Params.
    Params,
    /// Tags.
    Tags,
    /// Artifacts and the file under the cursor.
    Artifacts,
}

impl Tab {
    /// All, in order.
    pub const ALL: [Self; 5] = [Self::Overview, Self::Metrics, Self::Params, Self::Tags, Self::Artifacts];

    /// What stands on it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Metrics => "Metrics",
            Self::Params => "Params",
            Self::Tags => "Tags",
            Self::Artifacts => "Artifacts",
        }
    }

    fn moved(self, by: isize) -> Self {
        let at = (self as isize + by).rem_euclid(Self::ALL.len() as isize);
        Self::ALL.get(at as usize).copied().unwrap_or_default()
    }
}

/// A run that is looked at.
#[derive(Clone, Debug)]
pub struct Detail {
    /// Which.
    pub run: RunKey,
    /// The run as it was last there: it stays on screen when its folder is deleted.
    pub kept: Arc<Run>,
    /// Which tab.
    pub tab: Tab,
    /// A cursor for each tab.
    pub cursors: [Cursor; 5],
    /// How the chart is looked at.
    pub chart: ChartView,
    /// Its artifacts.
    pub artifacts: Artifacts,
    /// Its metrics, params and tags in the order in which they are shown.
    pub sorted: Arc<Sorted>,
    /// Its parent and children.
    pub relatives: Relatives,
    /// Datasets and models, when they have been read.
    pub inputs: Option<Inputs>,
    /// Runs that links were followed from.
    pub back: Vec<RunKey>,
}

impl Detail {
    fn new(run: &Arc<Run>, index: &Index, tab: Tab) -> Self {
        Self {
            run: run.key,
            kept: run.clone(),
            tab,
            cursors: [Cursor::default(); 5],
            chart: ChartView::default(),
            artifacts: Artifacts::default(),
            sorted: Arc::new(Sorted::of(run, index)),
            relatives: Relatives::of(run, index),
            inputs: None,
            back: Vec::new(),
        }
    }

    /// The cursor of the tab.
    pub fn cursor(&self) -> Cursor {
        self.cursors.get(self.tab as usize).copied().unwrap_or_default()
    }

    /// Where its keys go.
    pub fn place(&self) -> Place {
        match self.tab {
            Tab::Metrics => Place::Metrics,
            Tab::Artifacts => Place::Artifacts,
            _ => Place::Detail,
        }
    }

    /// Metrics by name, those of the machine last.
    pub fn metrics(&self) -> &[Key] {
        &self.sorted.metrics
    }

    /// The metric under the cursor.
    pub fn metric(&self) -> Option<Key> {
        let place = self.cursors.get(Tab::Metrics as usize)?.at;
        self.metrics().get(place).copied()
    }

    /// The names of the params or tags in the order in which they are shown.
    pub fn pairs(&self) -> &[Key] {
        if self.tab == Tab::Params { &self.sorted.params } else { &self.sorted.tags }
    }

    /// The value of one of them.
    pub fn value(&self, key: Key) -> Option<&str> {
        if self.tab == Tab::Params { self.kept.param(key) } else { self.kept.tag(key) }
    }
}

/// The order of what a run has, found once for each version of it: a run may have a hundred thousand tags.
#[derive(Clone, Debug, Default)]
pub struct Sorted {
    /// Metrics by name, those of the machine last.
    pub metrics: Vec<Key>,
    /// Params by name.
    pub params: Vec<Key>,
    /// Tags by name, MLflow's own last.
    pub tags: Vec<Key>,
}

impl Sorted {
    /// The order of what a run has.
    pub fn of(run: &Run, index: &Index) -> Self {
        Self {
            metrics: by_name(run.metrics().map(|(key, _)| key), "system/", index),
            params: by_name(run.params().keys(), "mlflow.", index),
            tags: by_name(run.tags().keys(), "mlflow.", index),
        }
    }
}

/// Keys by name; those whose names begin with `last` come last.
fn by_name(keys: impl Iterator<Item = Key>, last: &str, index: &Index) -> Vec<Key> {
    let mut keys: Vec<Key> = keys.collect();
    keys.sort_by_cached_key(|key| {
        let name = index.keys.name(*key);
        (name.starts_with(last), format::natural_key(name))
    });
    keys
}

impl App {
    /// Looks at a run whole.
    pub(super) fn open_detail(&mut self, key: RunKey, out: &mut Vec<Request>) {
        self.open_detail_at(key, Tab::Overview, out);
    }

    pub(super) fn open_detail_at(&mut self, key: RunKey, tab: Tab, out: &mut Vec<Request>) {
        let Some(run) = self.rows.index.run(key) else { return };
        self.detail = Some(Detail::new(run, &self.rows.index, tab));
        self.screen = Screen::Detail;
        out.push(Request::Inputs(key));
        self.list_artifacts(out);
    }

    pub(super) fn detail_act(&mut self, action: Action, out: &mut Vec<Request>) {
        let Some(detail) = &mut self.detail else { return };
        match action {
            Action::NextTab => detail.tab = detail.tab.moved(1),
            Action::PreviousTab => detail.tab = detail.tab.moved(-1),
            Action::Tab(n) => detail.tab = Tab::ALL.get(usize::from(n)).copied().unwrap_or_default(),
            Action::Back | Action::Quit => return self.leave_detail(out),
            Action::NextRun => return self.neighbour(1, out),
            Action::PreviousRun => return self.neighbour(-1, out),
            Action::Mark => {
                let run = detail.run;
                self.toggle_mark(run);
                let text =
                    if self.marks.contains(&run) { "marked for comparing" } else { "no longer marked" };
                self.tell(text);
            }
            Action::Export => self.export_chart(out),
            Action::Copy => self.copy_from_detail(out),
            _ => {
                let tab = detail.tab;
                match tab {
                    Tab::Metrics if self.act_on_chart(action) => {}
                    Tab::Artifacts => return self.artifacts_act(action, out),
                    Tab::Overview if action == Action::Open => return self.follow_link(out),
                    _ => self.move_in_tab(action),
                }
            }
        }
        self.list_artifacts(out);
    }

    fn leave_detail(&mut self, out: &mut Vec<Request>) {
        let Some(detail) = &mut self.detail else { return };
        let (tab, mut back) = (detail.tab, std::mem::take(&mut detail.back));
        match back.pop() {
            Some(run) if self.rows.index.run(run).is_some() => {
                self.open_detail_at(run, tab, out);
                if let Some(detail) = &mut self.detail {
                    detail.back = back;
                }
            }
            _ => self.screen = Screen::Browse,
        }
    }

    /// The run below or above in the table, with the same tab.
    fn neighbour(&mut self, by: isize, out: &mut Vec<Request>) {
        let Some(detail) = &self.detail else { return };
        let (tab, chart) = (detail.tab, detail.chart);
        let Some(place) = self.rows.place(detail.run) else { return };
        let line = place.saturating_add_signed(by);
        let Some(row) = self.rows.items.get(line).copied().filter(|_| line != place) else { return };
        self.go_to_line(line);
        self.open_detail_at(row.run, tab, out);
        if let Some(detail) = &mut self.detail {
            detail.chart = ChartView { window: None, cross: None, ..chart };
        }
    }

    fn act_on_chart(&mut self, action: Action) -> bool {
        let Some(metric) = self.detail.as_ref().and_then(|detail| detail.metric()) else {
            return false;
        };
        let Some(detail) = &mut self.detail else { return false };
        let series = self.series.get(&(detail.run, metric));
        let whole = series.and_then(|series| series.span(detail.chart.axis));
        detail.chart.act(action, whole)
    }

    fn follow_link(&mut self, out: &mut Vec<Request>) {
        let Some(detail) = &self.detail else { return };
        let lines = overview(detail, self.index(), self.now);
        if let Some(Line::Link(_, run)) = lines.get(detail.cursor().at) {
            let (run, from) = (*run, detail.run);
            let mut back = detail.back.clone();
            back.push(from);
            self.open_detail_at(run, Tab::Overview, out);
            if let Some(detail) = &mut self.detail {
                detail.back = back;
            }
        }
    }

    /// Lines of the list of a tab.
    pub fn tab_lines(&self, detail: &Detail) -> usize {
        match detail.tab {
            Tab::Overview => overview(detail, self.index(), self.now).len(),
            Tab::Metrics => detail.kept.metrics().len(),
            Tab::Params => detail.kept.params().len(),
            Tab::Tags => detail.kept.tags().len(),
            Tab::Artifacts => detail.artifact_lines().len(),
        }
    }

    /// Lines of the list of a tab that are in view.
    fn tab_height(&self, tab: Tab) -> usize {
        let body = panes::detail_body(self);
        let split = panes::split(body);
        match tab {
            Tab::Overview => body.height.into(),
            Tab::Params | Tab::Tags => body.height.saturating_sub(1).into(),
            Tab::Metrics => split.list.height.saturating_sub(1).into(),
            Tab::Artifacts => split.list.height.into(),
        }
    }

    pub(super) fn move_in_tab(&mut self, action: Action) {
        let Some(detail) = &self.detail else { return };
        let (len, height, tab) = (self.tab_lines(detail), self.tab_height(detail.tab), detail.tab);
        if let Some(cursor) = self.detail.as_mut().and_then(|detail| detail.cursors.get_mut(tab as usize)) {
            let before = cursor.at;
            move_cursor(cursor, action, len, height);
            let moved = cursor.at != before;
            if let Some(detail) = self.detail.as_mut().filter(|_| moved && tab == Tab::Metrics) {
                // Another metric may have other steps.
                (detail.chart.window, detail.chart.cross) = (None, None);
            }
        }
    }

    /// The run that is looked at is as new as the answer; one that has gone stays as it was.
    pub(super) fn keep_details(&mut self, before: &Rows) {
        let rows: &Rows = &self.rows;
        if let Some(detail) = self.detail.as_mut().filter(|_| self.screen == Screen::Detail)
            && let Some(run) = rows.index.run(detail.run)
        {
            let is_same = Arc::ptr_eq(&detail.kept, run);
            if !is_same {
                detail.sorted = Arc::new(Sorted::of(run, &rows.index));
            }
            detail.kept = run.clone();
            if !Arc::ptr_eq(&before.index, &rows.index) {
                detail.relatives.keep(run, is_same, &before.index, &rows.index);
            }
        }
        if let Some(compare) = &mut self.compare {
            compare.keep(&rows.index);
        }
    }

    pub(super) fn settle_detail(&mut self) {
        let Some(detail) = &self.detail else { return };
        let (len, height, tab) = (self.tab_lines(detail), self.tab_height(detail.tab), detail.tab);
        if let Some(cursor) = self.detail.as_mut().and_then(|detail| detail.cursors.get_mut(tab as usize)) {
            cursor.fit(len, height);
        }
    }
}
