//! What the user is doing, and the one function that changes it.
//!
//! [`App::update`] takes an [`Event`] and answers with [`Request`]s for whoever may do I/O. It reads no clock and no
//! file; drawing changes nothing. So a test types keys and looks at the picture.

use std::collections::HashMap;
use std::sync::Arc;

use ratatui::crossterm::event::KeyEvent;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::index::{Access, ExperimentKey, Index, Key, RunKey};
use crate::query::{Column, Look, Opened, Query, Rows};
use crate::series::{KEPT, Series, surplus};
use crate::shown::Shown;
use crate::state::State;
use crate::store::Want;

pub use crate::store::Watching;
pub use event::{Content, Event, Export, Notice, Request};

pub mod action;
mod arrange;
pub mod artifacts;
pub mod browse;
pub mod chart;
pub mod commands;
pub mod compare;
pub mod cursor;
pub mod detail;
mod event;
pub mod filter_bar;
pub mod glance;
pub mod keys;
mod mouse;
pub mod news;
mod obey;
pub mod output;
pub mod overview;
mod pages;
pub mod palette;
pub mod panes;
pub mod picker;
pub mod prompt;
pub mod relatives;
pub mod table;
mod views;
mod want;

use action::Action;
use browse::Browse;
use compare::Compare;
use cursor::Cursor;
use detail::Detail;
use glance::Glance;
use keys::{Meaning, Place};
use news::News;
use pages::{move_cursor, scroll};
use palette::Palette;
use picker::Picker;

/// The screens; what they remember stays while another one is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Screen {
    /// Experiments and runs.
    #[default]
    Browse,
    /// One run.
    Detail,
    /// Marked runs side by side.
    Compare,
}

/// What lies over the screen.
#[derive(Clone, Debug, PartialEq)]
pub enum Overlay {
    /// All keys.
    Help(Cursor),
    /// What could not be read.
    Problems(Cursor),
    /// What has happened while one watched, the newest first.
    Notices(Cursor),
    /// Choosing from a list.
    Picker(Picker),
    /// Every action and command by name.
    Palette(Palette),
}

/// All of the user's state.
#[derive(Debug, Default)]
pub struct App {
    /// What the store is called.
    pub store: Shown,
    /// Columns and lines of the terminal.
    pub size: (u16, u16),
    /// Milliseconds since the epoch; stands still while the picture is frozen.
    pub now: i64,
    /// The same, which never stands still.
    pub clock: i64,
    /// When it was first told how late it is.
    pub started: Option<i64>,
    /// Since when the picture is frozen.
    pub frozen: Option<i64>,
    /// Which screen.
    pub screen: Screen,
    /// What lies over it.
    pub overlay: Option<Overlay>,
    /// Experiments and runs.
    pub browse: Browse,
    /// The run under the cursor, for the preview.
    pub glance: Option<Glance>,
    /// The run that the preview will show next.
    resting: Option<glance::Resting>,
    /// The run that is looked at.
    pub detail: Option<Detail>,
    /// The comparison.
    pub compare: Option<Compare>,
    /// Runs marked for comparing, in order of marking.
    pub marks: Vec<RunKey>,
    /// The newest question.
    pub query: Arc<Query>,
    /// The newest answer.
    pub rows: Arc<Rows>,
    /// How the experiments are looked at that are not shown now.
    choices: FxHashMap<Option<ExperimentKey>, browse::Choice>,
    /// What the user has settled about the store, and whether it has been read.
    pub state: State,
    has_state: bool,
    /// How many runs were known when names of the state were looked up.
    state_runs: usize,
    /// Runs that stand above all others, in this order.
    pub pins: Vec<RunKey>,
    /// Experiments whose last view has been brought back, or had none.
    restored: FxHashSet<Option<ExperimentKey>>,
    /// A view of which not everything is known yet.
    pending: Option<views::Pending>,
    /// The user has changed how the experiment is looked at.
    changed_view: bool,
    /// By what each experiment was grouped last.
    groups: FxHashMap<Option<ExperimentKey>, Arc<[Column]>>,
    /// Histories by run and metric.
    pub series: HashMap<(RunKey, Key), Arc<Series>>,
    /// How changes are noticed.
    pub watching: Watching,
    /// Since when the store has not answered, milliseconds since the epoch.
    pub waits_since: Option<i64>,
    /// The project has another store that holds runs.
    pub has_other: bool,
    /// The last notice.
    pub notice: Option<Notice>,
    /// What has happened to runs while one watched, the newest last.
    pub news: Vec<News>,
    /// How much of it nobody has looked at.
    pub unseen: usize,
    /// The first key of a longer one.
    begun: Option<String>,
    /// Whether the first experiment has been chosen.
    decided: bool,
    /// What was asked of the store last, how often something else was, and when each history was wanted last.
    wanted: Want,
    turn: u64,
    series_wanted: FxHashMap<(RunKey, Key), u64>,
    /// Why a history cannot be shown.
    pub failed_series: FxHashMap<(RunKey, Key), String>,
}

impl App {
    /// An app that shows a store of this name.
    pub fn new(store: Shown) -> Self {
        Self { store, size: (80, 24), ..Self::default() }
    }

    /// What is known of the store, as it is on screen.
    pub fn index(&self) -> &Index {
        &self.rows.index
    }

    /// How runs of that index are looked at now.
    pub fn look(&self) -> Look<'_> {
        Look {
            index: &self.rows.index,
            now: self.now,
            better: &self.query.better,
            formats: &self.query.formats,
        }
    }

    /// Takes one event in, and all that follows from it.
    pub fn update(&mut self, event: Event) -> Vec<Request> {
        let mut out = Vec::new();
        self.take(event, &mut out);
        self.settle_and_want(&mut out);
        out
    }

    /// Takes one event in; [`App::settle_and_want`] has to follow before anything is drawn, once for many events.
    pub fn take(&mut self, event: Event, out: &mut Vec<Request>) {
        match event {
            Event::Key(key) => self.key(key, out),
            Event::Mouse(mouse) => self.mouse(mouse, out),
            Event::Paste(text) => self.paste(&text, out),
            Event::Size(columns, lines) => self.size = (columns, lines),
            Event::Now(now) => self.tick(now),
            Event::Rows(rows) => self.take_rows(rows, out),
            Event::Series(run, key, series) => {
                self.failed_series.remove(&(run, key));
                // What is whole does not become a sample again, when the store has forgotten it and reads it anew.
                let is_frozen = self.frozen.is_some();
                let keeps = |old: &Arc<Series>| {
                    old.is_exact() && old.has_points() && (is_frozen || !series.is_exact())
                };
                if !self.series.get(&(run, key)).is_some_and(keeps) {
                    self.series.insert((run, key), series);
                }
            }
            Event::SeriesFailed(run, key, why) => {
                self.failed_series.insert((run, key), why);
            }
            Event::Listing(run, path, listing) => self.take_listing(run, path, listing, out),
            Event::Preview(run, path, preview) => self.take_preview(run, &path, preview),
            Event::Inputs(run, inputs) => {
                if let Some(detail) = self.detail.as_mut().filter(|detail| detail.run == run) {
                    detail.inputs = Some(inputs);
                }
            }
            Event::Watching(watching) => self.watching = watching,
            Event::Notice(notice) => self.take_notice(notice),
            Event::State(state) => self.take_state(*state, out),
            Event::Columns(experiment, columns) => {
                if experiment == self.query.experiment {
                    self.take_columns(&columns);
                    self.take_names(&columns);
                }
            }
            Event::Completed(asked, completion) => self.take_completion(&asked, completion, out),
            Event::News(news) => self.take_news(news),
        }
    }

    /// It is this late, milliseconds since the epoch.
    pub fn tick(&mut self, now: i64) {
        self.clock = now;
        self.started.get_or_insert(now);
        self.now = self.frozen.unwrap_or(now);
    }

    /// Keeps cursors in their lists, and tells the store what is on screen when that has changed.
    pub fn settle_and_want(&mut self, out: &mut Vec<Request>) {
        self.settle();
        self.keep_view(out);
        self.ask_for_what_is_shown(out);
    }

    /// Whether something on screen depends on the time: running runs, ages.
    pub fn shows_time(&self) -> bool {
        let index = self.index();
        let is_under_way = index.access != Access::Open || !index.progress.complete;
        !self.rows.items.is_empty() || self.detail.is_some() || is_under_way
    }

    /// Where the keys go.
    pub fn place(&self) -> Place {
        match (&self.overlay, self.screen) {
            (Some(Overlay::Picker(picker)), _) => picker.purpose.place(),
            (Some(Overlay::Palette(_)), _) => Place::Palette,
            (Some(Overlay::Help(_) | Overlay::Problems(_) | Overlay::Notices(_)), _) => Place::Page,
            (None, Screen::Browse) if self.browse.filtering.is_some() => Place::Filter,
            (None, Screen::Browse) if self.browse.finding.is_some() => Place::Find,
            (None, Screen::Browse) if self.browse.on_experiments => Place::Experiments,
            (None, Screen::Browse) => Place::Runs,
            (None, Screen::Detail) => self.detail.as_ref().map_or(Place::Detail, Detail::place),
            (None, Screen::Compare) => match &self.compare {
                Some(compare) if compare.curves => Place::Curves,
                _ => Place::Compare,
            },
        }
    }

    /// Changes the query as the user wants it, and asks it.
    fn ask(&mut self, out: &mut Vec<Request>, change: impl FnOnce(&mut Query)) {
        let before = self.pending.is_some().then(|| self.view());
        self.changed_view = true;
        self.ask_quietly(out, change);
        if let Some(before) = before {
            self.change_pending(&before);
        }
    }

    /// Changes the query and asks it; the user has not changed how the experiment is looked at.
    fn ask_quietly(&mut self, out: &mut Vec<Request>, change: impl FnOnce(&mut Query)) {
        let query = Arc::make_mut(&mut self.query);
        change(query);
        query.now = self.now;
        out.push(Request::Query(self.query.clone()));
    }

    fn key(&mut self, key: KeyEvent, out: &mut Vec<Request>) {
        self.notice = None;
        self.browse.is_touched = true;
        let keys = keys::notation(key);
        if matches!(keys.as_str(), "Ctrl-c") {
            return out.push(Request::Quit);
        }
        if self.typed(key, &keys, out) {
            return;
        }
        let place = self.place();
        let both = self.begun.take().map(|begun| begun + &keys);
        let found = both.map_or(Meaning::Nothing, |both| keys::meaning(place, &both));
        match if found == Meaning::Nothing { keys::meaning(place, &keys) } else { found } {
            Meaning::Do(action) => self.act(action, out),
            Meaning::Begun => self.begun = Some(keys),
            Meaning::Nothing => {}
        }
    }

    /// Gives a key to whatever text is being typed; says whether it went there.
    fn typed(&mut self, key: KeyEvent, keys: &str, out: &mut Vec<Request>) -> bool {
        let is_browsing = self.overlay.is_none() && self.screen == Screen::Browse;
        if keys == "Ctrl-z" {
            return false;
        }
        match self.overlay {
            Some(Overlay::Picker(_)) => self.picker_key(key, keys, out),
            Some(Overlay::Palette(_)) => self.palette_key(key, keys, out),
            None if is_browsing && self.browse.filtering.is_some() => self.filter_key(key, keys, out),
            None if is_browsing && self.browse.finding.is_some() => return self.find_key(key, keys, out),
            _ => return false,
        }
        true
    }

    fn paste(&mut self, text: &str, out: &mut Vec<Request>) {
        if let Some(Overlay::Picker(_)) = self.overlay {
            self.picker_paste(text);
        } else if let Some(Overlay::Palette(_)) = self.overlay {
            self.palette_paste(text);
        } else if self.is_filtering() {
            self.filter_paste(text, out);
        } else if self.screen == Screen::Browse
            && let Some(prompt) = &mut self.browse.finding
        {
            prompt.insert(text);
            let find = prompt.text().to_owned();
            self.ask(out, |query| query.find = find);
        }
    }

    /// Does what a key asks for.
    pub fn act(&mut self, action: Action, out: &mut Vec<Request>) {
        match action {
            Action::QuitNow => out.push(Request::Quit),
            Action::Suspend => out.push(Request::Suspend),
            Action::OtherStore if self.has_other => out.push(Request::OtherStore),
            Action::OtherStore => self.tell("this project has no other store with runs in it"),
            Action::Rescan => {
                self.tell("looking at the whole store again");
                out.push(Request::Rescan);
            }
            Action::Freeze => self.freeze(out),
            Action::Deleted => {
                let show = !self.query.deleted;
                self.ask(out, |query| query.deleted = show);
                self.tell(if show {
                    "deleted runs and experiments are shown"
                } else {
                    "deleted runs are hidden"
                });
            }
            Action::Palette => {
                // In place of a page, if there is one: lists and lines of text have no such key.
                self.overlay = None;
                self.open_palette("", out);
            }
            Action::Help if self.overlay.is_none() => self.overlay = Some(Overlay::Help(Cursor::default())),
            Action::Problems if self.overlay.is_none() => {
                self.overlay = Some(Overlay::Problems(Cursor::default()));
            }
            Action::Notices if self.overlay.is_none() => {
                self.unseen = 0;
                self.overlay = Some(Overlay::Notices(Cursor::default()));
            }
            _ if self.overlay.is_some() => self.page_act(action, out),
            _ => match self.screen {
                Screen::Browse => self.browse_act(action, out),
                Screen::Detail => self.detail_act(action, out),
                Screen::Compare => self.compare_act(action, out),
            },
        }
    }

    /// A new answer: what has gone leaves the marks, the cursor follows its run.
    fn take_rows(&mut self, rows: Arc<Rows>, out: &mut Vec<Request>) {
        let before = std::mem::replace(&mut self.rows, rows);
        self.show_pending(out);
        self.follow_new_runs(out);
        self.marks.retain(|run| self.rows.index.run(*run).is_some());
        self.follow(&before);
        self.keep_details(&before);
        if let Some(first) = self.rows.query.experiment.filter(|_| self.query.undecided) {
            self.decided = true;
            let query = Arc::make_mut(&mut self.query);
            (query.experiment, query.undecided) = (Some(first), false);
        }
        let index = &self.rows.index;
        if !self.decided && (index.latest.is_some() || index.progress.listed) {
            self.decided = true;
            if let Some(latest) = index.latest.or_else(|| browse::newest_experiment(&self.rows)) {
                self.switch_to(Some(latest), out);
            }
        }
        self.restore(out);
    }

    /// Something else is wanted: when histories take too much memory, those go that were wanted longest ago. Of those
    /// that are on screen as sparklines only the points go.
    fn trim_series(&mut self) {
        self.turn += 1;
        let now = self.turn;
        self.series_wanted.extend(self.wanted.series.iter().map(|place| (*place, now)));
        let charts = self.wanted.series.get(..self.wanted.charts).unwrap_or_default();
        let all = self.series.iter().map(|(place, series)| {
            let wanted = self.series_wanted.get(place).copied().unwrap_or_default();
            (*place, series.bytes(), (!charts.contains(place)).then_some(wanted))
        });
        for place in surplus(all, KEPT) {
            let is_wanted = self.series_wanted.get(&place) == Some(&now);
            match self.series.get_mut(&place).filter(|_| is_wanted) {
                Some(series) => Arc::make_mut(series).forget_points(),
                None => drop(self.series.remove(&place)),
            }
        }
        let series = &self.series;
        self.series_wanted.retain(|place, wanted| *wanted == now || series.contains_key(place));
    }

    /// A word in the footer.
    fn tell(&mut self, text: &str) {
        self.notice = Some(Notice { text: Shown::own(text), bad: false });
    }

    /// Which parents are open, to be changed.
    fn opened(&self) -> Opened {
        (*self.query.opened).clone()
    }
}
