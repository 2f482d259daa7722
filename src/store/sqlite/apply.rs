//! Puts what was read into the index.

use rustc_hash::FxHashMap;

use super::rows::{Entry, Field, Group, Head, Heads, Value, Values};
use super::schema::Table;
use super::text::Whole;
use super::{Kept, SqliteStore};
use crate::index::{ExperimentKey, Index, Key, Lifecycle, Metric, Parts, Point, Run, RunKey, Status};
use crate::store::files::open::sum;
use crate::store::files::problems::{Look, Owner, Report};

/// Values of one run among pages: which page, which group.
type Place = (RunKey, usize, usize);

impl SqliteStore {
    /// The run with an id.
    pub(super) fn run(&self, index: &Index, id: &str) -> Option<RunKey> {
        self.runs.find(sum(id), |key| index.run(*key).is_some_and(|run| run.run_id() == id)).copied()
    }

    fn put(&mut self, index: &mut Index, run: Run) {
        index.set_run(run);
        self.changes += 1;
    }

    /// Takes heads in; gives the runs that are new or have changed.
    pub(super) fn take_heads(&mut self, index: &mut Index, heads: &Heads) -> Vec<RunKey> {
        heads.rows.iter().filter_map(|head| self.take_head(index, heads, head)).collect()
    }

    fn take_head(&mut self, index: &mut Index, heads: &Heads, head: &Head) -> Option<RunKey> {
        let id = heads.text(head, Field::RunId)?;
        let experiment = self.experiment(index, heads.text(head, Field::Experiment).unwrap_or("none"));
        let known = self.run(index, id).filter(|key| {
            // A run of another experiment is another run: its rows are elsewhere.
            let stays = index.run(*key).is_some_and(|run| run.experiment == experiment);
            if !stays {
                self.forget_run(index, *key);
            }
            stays
        });
        let key = known.unwrap_or_else(|| self.add_run(index, id, experiment));
        if let Some(kept) = self.kept.get_mut(key.0 as usize) {
            (kept.rowid, kept.generation) = (head.rowid, self.generation);
        }
        let old = index.run(key)?.clone();
        let run = self.head(&old, heads, head);
        let start = run.start_time().unwrap_or_default();
        if let Some(shown) = index.experiment(experiment).filter(|shown| shown.touched < start) {
            let mut shown = (**shown).clone();
            shown.touched = start;
            index.set_experiment(shown);
            self.changes += 1;
        }
        if run.is_running() {
            self.running.insert(key)
        } else {
            self.running.remove(&key)
        };
        let is_new = known.is_none();
        if !is_new && run.is_like(&old) {
            return None;
        }
        self.put(index, run);
        Some(key)
    }

    /// A run with another head.
    fn head(&mut self, old: &Run, heads: &Heads, head: &Head) -> Run {
        let text = |field| heads.text(head, field);
        let full = |field| text(field).filter(|text| !text.is_empty());
        let mut report = Report::default();
        let place = self.place("runs");
        let mut odd = |what: &str| report.add(&place, what);
        let draft = &mut self.draft;
        draft.load(old);
        draft.set_name(full(Field::Name).or(text(Field::RunName)).or(text(Field::Name)));
        draft.set_user_id(text(Field::User));
        draft.set_source(full(Field::SourceName), full(Field::SourceVersion));
        draft.set_artifact_uri(text(Field::Uri), old.run_id(), |prefix| self.keys.intern(prefix));
        let word = text(Field::Status).unwrap_or_default();
        let status = Status::from_word(word);
        draft.status = status.unwrap_or(Status::Other);
        draft.set_status_word(Some(word).filter(|_| status.is_none()));
        if status.is_none() {
            odd("status is none that MLflow knows");
        }
        (draft.start_time, draft.end_time) = (head.start.get(), head.end.get());
        for (time, what) in [(head.start, "start_time is no number"), (head.end, "end_time is no number")] {
            if time == Whole::Odd {
                odd(what);
            }
        }
        let stage = text(Field::Lifecycle).unwrap_or("active");
        draft.lifecycle =
            if stage == Lifecycle::Deleted.word() { Lifecycle::Deleted } else { Lifecycle::Active };
        if stage != draft.lifecycle.word() {
            odd("lifecycle_stage is neither active nor deleted");
        }
        if head.too_long {
            odd("a text of more than 8 MB is not read");
        }
        match text(Field::Parent) {
            Some(parent) if draft.tags().get(Key::PARENT) != Some(parent) => {
                draft.tags().push(Key::PARENT, parent);
            }
            None if draft.tags().get(Key::PARENT).is_some() => draft.tags().remove(Key::PARENT),
            _ => {}
        }
        draft.read = Parts { meta: true, tree: true, ..draft.read };
        self.ledger.set(Owner::Run(old.key), Look::Meta, report);
        draft.pack()
    }

    fn add_run(&mut self, index: &mut Index, id: &str, experiment: ExperimentKey) -> RunKey {
        let key = index.add_run(id, experiment);
        self.kept.resize_with(index.runs.len(), Kept::default);
        let hash = |key: &RunKey| sum(index.run(*key).map_or("", |run| run.run_id()));
        self.runs.insert_unique(hash(&key), key, hash);
        key
    }

    /// Takes out a run that has gone.
    pub(super) fn forget_run(&mut self, index: &mut Index, key: RunKey) {
        let hash = sum(index.run(key).map_or("", |run| run.run_id()));
        if let Ok(entry) = self.runs.find_entry(hash, |other| *other == key) {
            entry.remove();
        }
        self.running.remove(&key);
        self.ledger.forget(Owner::Run(key));
        index.remove_run(key);
        self.changes += 1;
    }

    /// The experiment with an id; one that is in no table gets a place all the same, so that its runs have one.
    pub(super) fn experiment(&mut self, index: &mut Index, id: &str) -> ExperimentKey {
        if let Some(key) = self.experiments.get(id) {
            return *key;
        }
        let key = index.add_experiment(id.into());
        self.experiments.insert(id.into(), key);
        self.unnamed = true;
        key
    }

    /// Takes pages of values in. `whole` says that they are all that their runs have. Gives the runs that changed.
    pub(super) fn take_values(&mut self, index: &mut Index, pages: &[Values], whole: bool) -> Vec<RunKey> {
        let mut places: Vec<Place> = Vec::new();
        for (at, page) in pages.iter().enumerate() {
            let found = page.groups.iter().enumerate();
            places
                .extend(found.filter_map(|(group, of)| Some((self.run(index, page.run_id(of))?, at, group))));
        }
        places.sort_unstable();
        let mut changed = Vec::new();
        for places in places.chunk_by(|a, b| a.0 == b.0) {
            let Some((key, ..)) = places.first() else { continue };
            let groups: Vec<(&Values, &Group)> = places
                .iter()
                .filter_map(|(_, page, group)| {
                    pages.get(*page).and_then(|page| Some((page, page.groups.get(*group)?)))
                })
                .collect();
            if self.take_groups(index, *key, &groups, whole) {
                changed.push(*key);
            }
        }
        changed
    }

    /// Takes the values of one run in; says whether it has changed.
    pub(super) fn take_groups(
        &mut self,
        index: &mut Index,
        key: RunKey,
        groups: &[(&Values, &Group)],
        whole: bool,
    ) -> bool {
        let Some(old) = index.run(key).cloned() else { return false };
        let Some(kept) = self.kept.get_mut(key.0 as usize) else { return false };
        // What was read of this run alone, since the load began, is newer than what the load brings.
        if self.load.is_some() && kept.is_whole(self.generation) && !whole {
            return false;
        }
        let fresh = kept.begin(self.generation, self.load.is_some() || whole);
        self.draft.load(&old);
        if whole {
            kept.touched = Kept::ALL;
            self.draft.read = Parts::ALL;
            self.draft.new_params();
            self.draft.new_tags();
        }
        let mut metrics: Option<Vec<(Key, Metric)>> = whole.then(Vec::new);
        let mut odd = 0;
        for (page, group) in groups {
            let bit = 1 << page.table as u8;
            let anew = fresh && !whole && kept.touched & bit == 0;
            kept.touched |= bit;
            match page.table {
                Table::Params | Table::Tags => {
                    let sheet = match (page.table, anew) {
                        (Table::Params, true) => self.draft.new_params(),
                        (Table::Params, false) => self.draft.params(),
                        (_, true) => {
                            // The tree stays as it is when the rest of the tags follows on another page.
                            let tags = self.draft.new_tags();
                            old.parent_run_id().into_iter().for_each(|id| _ = tags.push(Key::PARENT, id));
                            tags
                        }
                        (_, false) => self.draft.tags(),
                    };
                    for Entry { key, value } in page.of(group) {
                        match value {
                            Value::Text(piece) => _ = sheet.push(*key, page.piece(piece)),
                            Value::Point(_) | Value::Odd => odd += 1,
                        }
                    }
                }
                Table::Latest => {
                    let begin = || if anew { Vec::new() } else { old.metrics().collect() };
                    let metrics = metrics.get_or_insert_with(begin);
                    odd += add_metrics(
                        metrics,
                        page.of(group),
                        &old,
                        !self.reader.as_ref().is_none_or(|r| r.schema.latest),
                    );
                }
            }
        }
        if let Some(metrics) = metrics {
            self.draft.new_metrics().extend(metrics);
        }
        let mut report = Report::default();
        if odd > 0 {
            report.add(
                self.place("params, tags or metrics"),
                format!("{odd} values are no numbers or too long"),
            );
        }
        if odd > 0 || whole {
            self.ledger.set(Owner::Run(key), Look::Params, report);
        }
        let run = self.draft.pack();
        let changed = !run.is_like(&old);
        if changed {
            self.put(index, run);
        }
        changed
    }

    /// What has gone, or was not met, while everything was read; from now on all runs are whole.
    pub(super) fn finish(&mut self, index: &mut Index) {
        for slot in 0..self.kept.len() {
            let key = RunKey(slot as u32);
            let (Some(kept), Some(old)) = (self.kept.get_mut(slot), index.run(key).cloned()) else {
                continue;
            };
            if kept.generation != self.generation {
                self.forget_run(index, key);
                continue;
            }
            let fresh = kept.begin(self.generation, true);
            let touched = |table: Table| !fresh || kept.touched & (1 << table as u8) != 0;
            let stays = [
                touched(Table::Params) || old.params().is_empty(),
                touched(Table::Tags) || old.tags().is_empty(),
                touched(Table::Latest) || old.metrics().len() == 0,
            ];
            if old.read() == Parts::ALL && stays == [true; 3] {
                continue;
            }
            self.draft.load(&old);
            self.draft.read = Parts::ALL;
            if !stays[0] {
                self.draft.new_params();
            }
            if !stays[1] {
                self.draft.new_tags();
            }
            if !stays[2] {
                self.draft.new_metrics();
            }
            let run = self.draft.pack();
            self.put(index, run);
        }
    }

    /// All tags of a run, in place of what is known.
    pub(super) fn replace_tags(&mut self, index: &mut Index, key: RunKey, page: &Values) {
        let Some(old) = index.run(key).cloned() else { return };
        self.draft.load(&old);
        let tags = self.draft.new_tags();
        for Entry { key, value } in &page.entries {
            if let Value::Text(piece) = value {
                tags.push(*key, page.piece(piece));
            }
        }
        let run = self.draft.pack();
        if !run.is_like(&old) {
            self.put(index, run);
        }
    }

    /// How many points each metric of a run has; says whether that is news.
    pub(super) fn take_counts(&mut self, index: &mut Index, key: RunKey, counts: &[(Key, u64)]) -> bool {
        let Some(old) = index.run(key).cloned() else { return false };
        self.draft.load(&old);
        for (metric, points) in counts {
            if let Some(known) = old.metric(*metric) {
                self.draft.set_metric(*metric, Metric { points: *points, ..known });
            }
        }
        let run = self.draft.pack();
        let changed = !run.is_like(&old);
        if changed {
            self.put(index, run);
        }
        changed
    }

    /// Latest values of some metrics, and how many points their histories have gained.
    pub(super) fn take_points(
        &mut self,
        index: &mut Index,
        key: RunKey,
        found: &FxHashMap<Key, (Option<Point>, Vec<Point>)>,
    ) {
        let Some(old) = index.run(key).cloned() else { return };
        self.draft.load(&old);
        for (metric, (latest, points)) in found {
            let before = old.metric(*metric);
            let folded =
                points.iter().copied().fold(before.map(|before| before.last), |best, point| match best {
                    Some(best) if !point.is_later_than(&best) => Some(best),
                    _ => Some(point),
                });
            let Some(last) = latest.or(folded) else { continue };
            let counted = match before {
                None => points.len() as u64,
                Some(before) if before.is_counted() => before.points + points.len() as u64,
                Some(_) => 0,
            };
            self.draft.set_metric(*metric, Metric { last, points: counted, exact: true });
        }
        let run = self.draft.pack();
        if !run.is_like(&old) {
            self.put(index, run);
        }
    }
}

/// Adds rows of latest values, or of histories (`folds`) whose latest value is to be found; says how many were none.
fn add_metrics(metrics: &mut Vec<(Key, Metric)>, entries: &[Entry], old: &Run, folds: bool) -> usize {
    let mut odd = 0;
    for Entry { key, value } in entries {
        let Value::Point(point) = value else {
            odd += 1;
            continue;
        };
        let points = if folds { 1 } else { old.metric(*key).map_or(0, |metric| metric.points) };
        metrics.push((*key, Metric { last: *point, points, exact: true }));
    }
    // Stable: of latest values the one that was read last counts.
    metrics.sort_by_key(|(key, _)| *key);
    metrics.dedup_by(|(key, later), (other, kept)| {
        let same = key == other;
        if same && folds {
            kept.points += later.points;
            if later.last.is_later_than(&kept.last) {
                kept.last = later.last;
            }
        } else if same {
            *kept = *later;
        }
        same
    });
    odd
}
