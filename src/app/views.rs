//! How an experiment's runs are looked at, told by names, so that it can be kept: views that were saved, and the last one.

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{App, Request};
use crate::format::NumberFormat;
use crate::index::{ExperimentKey, Index, RunKey};
use crate::query::{Aggregate, Column, ColumnFormat, Formats, Grouping, Opened, Query, Sort, filter};
use crate::shown::shown;
use crate::state::{Edit, Kept, RunName, SavedColumn, SavedOpened, SavedSort, SavedView, State};

/// A view of which not everything is known yet: its columns appear when the store has told their names.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    view: SavedView,
    /// Names and runs that were known at the last try.
    known: (usize, usize),
}

impl App {
    /// What is kept of the experiment that is shown.
    pub(super) fn kept(&self) -> Option<&Kept> {
        self.state.of(&self.experiment_id(self.query.experiment)?)
    }

    /// The id by which an experiment is kept; empty for all of them together.
    fn experiment_id(&self, experiment: Option<ExperimentKey>) -> Option<String> {
        match experiment {
            None => Some(String::new()),
            Some(key) => self.index().experiment(key).map(|experiment| experiment.experiment_id.to_string()),
        }
    }

    /// The state of this store has been read.
    pub(super) fn take_state(&mut self, state: State, out: &mut Vec<Request>) {
        self.state = state;
        self.has_state = true;
        self.follow_state(out);
        self.restore(out);
    }

    /// Settles something, here and where it is kept.
    pub(super) fn settle_edit(&mut self, edit: Edit, out: &mut Vec<Request>) {
        self.state.apply(edit.clone());
        self.follow_state(out);
        out.push(Request::Keep(edit));
    }

    /// Makes the query follow what is settled for the whole store: which way is better, which runs are hidden.
    pub(super) fn follow_state(&mut self, out: &mut Vec<Request>) {
        let better = crate::query::Directions(
            self.state.higher_is_better.iter().map(|(name, up)| (name.as_str().into(), *up)).collect(),
        );
        let hidden = self.runs_named(&self.state.hidden);
        self.pins = self.in_order(&self.state.pinned);
        if *self.query.better != better || *self.query.hidden != hidden {
            let shown = (Arc::new(better), Arc::new(hidden));
            self.ask_quietly(out, |query| (query.better, query.hidden) = shown);
        }
        self.state_runs = self.index().runs.len();
    }

    /// Runs that came since may be hidden or pinned ones.
    pub(super) fn follow_new_runs(&mut self, out: &mut Vec<Request>) {
        let has_names = !self.state.hidden.is_empty() || !self.state.pinned.is_empty();
        if has_names && self.state_runs != self.index().runs.len() {
            self.follow_state(out);
        }
    }

    fn runs_named(&self, names: &[RunName]) -> FxHashSet<RunKey> {
        self.in_order(names).into_iter().collect()
    }

    fn in_order(&self, names: &[RunName]) -> Vec<RunKey> {
        if names.is_empty() {
            return Vec::new();
        }
        let places: FxHashMap<(&str, &str), usize> = (names.iter().enumerate())
            .map(|(place, name)| ((name.experiment.as_str(), name.run.as_str()), place))
            .collect();
        let index = self.index();
        let mut found: Vec<(usize, RunKey)> = (index.runs())
            .filter_map(|run| {
                let experiment = index.experiment(run.experiment)?;
                Some((*places.get(&(&*experiment.experiment_id, run.run_id()))?, run.key))
            })
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, run)| run).collect()
    }

    /// A run by what stands in the store.
    pub(super) fn run_name(&self, run: RunKey) -> Option<RunName> {
        let run = self.index().run(run)?;
        let experiment = self.index().experiment(run.experiment)?;
        Some(RunName { experiment: experiment.experiment_id.to_string(), run: run.run_id().to_owned() })
    }

    /// The view as it is now.
    pub fn view(&self) -> SavedView {
        saved(&self.query, self.index())
    }

    /// Looks at the experiment as it was looked at last, as soon as that is known.
    pub(super) fn restore(&mut self, out: &mut Vec<Request>) {
        let experiment = self.query.experiment;
        let is_ready = self.has_state && self.decided && self.experiment_id(experiment).is_some();
        if !is_ready || !self.restored.insert(experiment) {
            return;
        }
        let last = self.kept().map(|kept| kept.last.clone());
        if let Some(last) = last.filter(|last| *last != SavedView::default() && *last != self.view()) {
            self.show(last, out);
        }
    }

    /// Looks at the runs in a way that was saved.
    pub(super) fn show(&mut self, view: SavedView, out: &mut Vec<Request>) {
        self.pending = Some(Pending { view, known: (0, 0) });
        self.show_pending(out);
    }

    /// What was not known of a view may be known by now.
    pub(super) fn show_pending(&mut self, out: &mut Vec<Request>) {
        let Some(mut pending) = self.pending.take() else { return };
        let index = &self.rows.index;
        let known = (index.keys.len(), index.runs.len());
        if known != pending.known {
            pending.known = known;
            let mut query = (*self.query).clone();
            let is_whole = apply(&pending.view, &mut query, index);
            self.ask_quietly(out, |now| *now = query);
            if is_whole {
                return;
            }
        }
        // What the store does not have when all of it is known is not there any more.
        if !index_is_whole(&self.rows.index) {
            self.pending = Some(pending);
        }
    }

    /// The user has changed the view before all of it was known: what was not changed is still to come.
    pub(super) fn change_pending(&mut self, before: &SavedView) {
        let after = self.view();
        if let Some(pending) = &mut self.pending {
            pending.view.change(before, after);
        }
    }

    pub(super) fn open_view(&mut self, name: &str, out: &mut Vec<Request>) {
        let Some(view) = self.kept().and_then(|kept| kept.views.get(name)).cloned() else { return };
        self.show(view, out);
        self.changed_view = true;
        self.tell(&format!("view {}", shown(name)));
    }

    pub(super) fn save_view(&mut self, name: &str, out: &mut Vec<Request>) {
        let Some(experiment) = self.experiment_id(self.query.experiment) else { return };
        let view = self.view();
        self.tell(&format!("saved the view {}", shown(name)));
        self.settle_edit(Edit::SaveView(experiment, name.to_owned(), view), out);
    }

    pub(super) fn forget_view(&mut self, name: &str, out: &mut Vec<Request>) {
        let Some(experiment) = self.experiment_id(self.query.experiment) else { return };
        self.tell(&format!("forgot the view {}", shown(name)));
        self.settle_edit(Edit::ForgetView(experiment, name.to_owned()), out);
    }

    /// Keeps how the experiment is looked at when the user has changed it.
    pub(super) fn keep_view(&mut self, out: &mut Vec<Request>) {
        // What is not known yet must not be kept as if it had been left out.
        if self.pending.is_some() || !std::mem::take(&mut self.changed_view) {
            return;
        }
        let Some(experiment) = self.experiment_id(self.query.experiment) else { return };
        let view = self.view();
        let last = self.state.of(&experiment).map(|kept| &kept.last);
        if last.map_or(view != SavedView::default(), |last| *last != view) {
            let edit = Edit::Look(experiment, view);
            self.state.apply(edit.clone());
            out.push(Request::Keep(edit));
        }
    }

    /// The view as if the experiment had never been looked at.
    pub(super) fn reset_view(&mut self, out: &mut Vec<Request>) {
        self.pending = None;
        self.ask(out, |query| {
            let fresh = Query {
                experiment: query.experiment,
                deleted: query.deleted,
                hidden: query.hidden.clone(),
                better: query.better.clone(),
                folded: query.folded.clone(),
                ..Query::default()
            };
            *query = fresh;
        });
    }
}

/// Whether nothing more is to be expected.
fn index_is_whole(index: &Index) -> bool {
    index.progress.listed && index.progress.has_all()
}

/// The part of a query that is a view.
fn saved(query: &Query, index: &Index) -> SavedView {
    let column = |column: &Column| {
        let format = query.formats.of(*column);
        SavedColumn {
            name: filter::written(*column, index),
            width: format.width,
            format: format.numbers.word(),
            heat: format.heat,
            left: format.left,
        }
    };
    let others = query.opened.others.iter().filter_map(|run| match run.is_group() {
        true => Some(format!("#{:08x}", run.0)),
        false => index.run(*run).map(|run| run.run_id().to_owned()),
    });
    let mut others: Vec<String> = others.collect();
    others.sort_unstable();
    // Columns that choose themselves may have formats too.
    let automatic = query.formats.iter().filter(|_| query.columns.is_none());
    let mut formats: Vec<SavedColumn> = automatic.map(|(of, _)| column(of)).collect();
    formats.sort_by(|a, b| a.name.cmp(&b.name));
    SavedView {
        filter: query.filter.as_ref().map_or(String::new(), |filter| filter.text().to_owned()),
        columns: query.columns.as_ref().map(|columns| columns.iter().map(column).collect()),
        formats,
        sort: (query.sort.iter())
            .map(|sort| SavedSort { by: filter::written(sort.column, index), descending: sort.descending })
            .collect(),
        by_best_child: query.by_child,
        group: match &query.grouping {
            Grouping::Tree => String::new(),
            Grouping::Flat => "flat".to_owned(),
            Grouping::By(columns) => {
                columns.iter().map(|column| filter::written(*column, index)).collect::<Vec<_>>().join(", ")
            }
        },
        aggregate: query.aggregate.suffix().trim_start_matches('.').to_owned(),
        only_differing: query.diff_only,
        opened: SavedOpened { all: query.opened.all, others },
    }
}

/// Makes a query look at runs like a view; says whether everything that the view names is known.
fn apply(view: &SavedView, query: &mut Query, index: &Index) -> bool {
    let mut is_whole = true;
    let mut column = |name: &str| {
        let found = filter::column(name, index).ok().flatten();
        is_whole &= found.is_some();
        found
    };
    let mut formats = Formats::default();
    let named = |saved: &SavedColumn| ColumnFormat {
        width: saved.width,
        numbers: NumberFormat::from_word(&saved.format).unwrap_or_default(),
        heat: saved.heat,
        left: saved.left,
    };
    query.columns = view.columns.as_ref().map(|columns| {
        let found = columns.iter().filter_map(|saved| Some((column(&saved.name)?, named(saved))));
        let found: Vec<(Column, ColumnFormat)> = found.collect();
        found.iter().for_each(|(column, format)| formats.edit(*column, |known| *known = *format));
        Arc::new(found.into_iter().map(|(column, _)| column).collect())
    });
    for saved in &view.formats {
        if let Some(column) = column(&saved.name) {
            formats.edit(column, |known| *known = named(saved));
        }
    }
    query.formats = Arc::new(formats);
    let sort = view.sort.iter().filter_map(|saved| Some(Sort::new(column(&saved.by)?, saved.descending)));
    query.sort = sort.collect();
    query.by_child = view.by_best_child;
    query.grouping = match view.group.as_str() {
        "" | "tree" => Grouping::Tree,
        "flat" => Grouping::Flat,
        names => {
            let columns: Vec<Column> = super::commands::parts(names).into_iter().filter_map(column).collect();
            if columns.is_empty() { Grouping::Tree } else { Grouping::By(columns.into()) }
        }
    };
    query.aggregate = Aggregate::from_word(&view.aggregate).unwrap_or_default();
    query.diff_only = view.only_differing;
    // A filter of another version may be none of this one.
    query.filter = filter::parse(&view.filter).ok().filter(|filter| !filter.is_empty()).map(Arc::new);
    query.opened = Arc::new(opened(&view.opened, index, &mut is_whole));
    is_whole
}

fn opened(saved: &SavedOpened, index: &Index, is_whole: &mut bool) -> Opened {
    let mut opened = Opened { all: saved.all, ..Opened::default() };
    let (groups, runs): (Vec<&String>, Vec<&String>) =
        saved.others.iter().partition(|name| name.starts_with('#'));
    let group = |name: &String| u32::from_str_radix(name.trim_start_matches('#'), 16).ok().map(RunKey);
    opened.others.extend(groups.into_iter().filter_map(group).filter(|key| key.is_group()));
    if !runs.is_empty() {
        let names: FxHashSet<&str> = runs.iter().map(|name| name.as_str()).collect();
        let found = index.runs().filter(|run| names.contains(run.run_id())).map(|run| run.key);
        let before = opened.others.len();
        opened.others.extend(found);
        *is_whole &= opened.others.len() - before >= names.len();
    }
    opened
}
