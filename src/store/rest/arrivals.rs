//! What becomes of answers, and of questions that have none.

use std::time::{Duration, Instant};

use rustc_hash::FxHashSet;

use super::answers::{ExperimentAnswer, Page, RunAnswer};
use super::ask::Answer;
use super::failure::Failure;
use super::groups::{Group, Missed};
use super::histories::{self, Errand as Past};
use super::lanes::Arrival;
use super::paging::{Paging, Turn};
use super::problems::About;
use super::rounds::Round;
use super::{Errand, RUNS, RestStore};
use crate::index::{Index, Lifecycle, RunKey, Text};

impl RestStore {
    /// Takes what has arrived; says whether the index has changed, and whether somebody waits for that.
    pub(super) fn take(&mut self, index: &mut Index, arrival: Arrival, now: Instant) -> (bool, bool) {
        let Some(errand) = self.flying.remove(&arrival.ticket) else { return (false, false) };
        match arrival.answer {
            Ok(answer) => {
                self.blinked = false;
                self.pace.answered();
                self.problems.clear(&About::Server);
                self.answered(index, errand, answer, arrival.took, now)
            }
            Err(failure) => {
                self.failed(index, &errand, failure, now);
                (false, false)
            }
        }
    }

    fn answered(
        &mut self,
        index: &mut Index,
        errand: Errand,
        answer: Answer,
        took: Duration,
        now: Instant,
    ) -> (bool, bool) {
        match (errand, answer) {
            (Errand::Experiments, Answer::Experiments(page)) => {
                (self.take_experiments(index, page, took, now), false)
            }
            (Errand::Group, Answer::Runs(page)) => self.take_group(index, page, took, now),
            (Errand::Round(round), Answer::Runs(page)) => (self.take_round(index, round, page, took), false),
            (Errand::Only, Answer::Run(run)) => {
                self.only = None;
                (self.catalog.put_run(index, run.0).changed, true)
            }
            (Errand::Single(_), Answer::Run(run)) => (self.catalog.put_run(index, run.0).changed, false),
            (Errand::Wish(wish), answer) => {
                let changed = match &answer {
                    Answer::Run(run) => self.catalog.put_run(index, run.0.clone()).changed,
                    _ => false,
                };
                self.wishes.answered(&wish, answer);
                (changed, false)
            }
            (Errand::Past(Past::Page(place)), Answer::History(page)) => {
                self.histories.page(place, page);
                (histories::count(index, self.histories.counted()), false)
            }
            (Errand::Past(Past::Growth(place)), Answer::Bulk(points)) => {
                self.histories.growth(place, points);
                (false, false)
            }
            (Errand::Past(Past::Curves(places)), Answer::Bulk(points)) => {
                self.histories.curves(index, &places, points);
                (false, false)
            }
            (Errand::Past(Past::Look(place)), Answer::Bulk(points)) => {
                self.histories.look(place, points);
                (false, false)
            }
            _ => (false, false), // each question has an answer of its own kind
        }
    }

    fn take_experiments(
        &mut self,
        index: &mut Index,
        page: Page<ExperimentAnswer>,
        took: Duration,
        now: Instant,
    ) -> bool {
        self.listed.in_flight = false;
        let mut changed = false;
        let mut new = 0;
        for answer in page.items {
            new += usize::from(self.listed.seen.insert(answer.experiment_id.clone()));
            changed |= self.catalog.put_experiment(index, answer);
        }
        let turn = self.listed.paging.turn(page.next, new, took);
        if turn == Turn::More {
            return changed;
        }
        let seen = std::mem::take(&mut self.listed.seen);
        (self.listed.paging, self.listed.due) = (Paging::default(), false);
        if turn == Turn::End {
            changed |= self.catalog.keep_experiments(index, &seen);
            self.problems.clear(&About::Experiments);
        } else {
            let what = "the server's pages go round in circles: experiments may be missing";
            self.problems.set(About::Experiments, what.to_owned());
        }
        self.listed.once = true;
        // Those that were used last go first; deleted ones last.
        let mut order: Vec<_> = index.experiments().collect();
        order.sort_by_key(|e| (e.lifecycle == Lifecycle::Deleted, std::cmp::Reverse(e.touched)));
        if self.narrowed {
            return changed;
        }
        self.groups.plan(order.into_iter().map(|experiment| experiment.experiment_id.clone()));
        if self.groups.is_empty() {
            self.rounds.begin(now);
        }
        changed
    }

    /// Puts runs into the index; gives their slots, how many were new, and whether something changed.
    fn put(&mut self, index: &mut Index, items: Vec<RunAnswer>) -> (Vec<RunKey>, usize, bool) {
        let (mut keys, mut new, mut changed) = (Vec::with_capacity(items.len()), 0, false);
        for answer in items {
            if index.runs.len() >= RUNS && self.catalog.run(index, answer.run.run_id()).is_none() {
                self.problems.set(About::Server, format!("only {RUNS} runs are read"));
                continue;
            }
            if self.catalog.experiment(&answer.experiment_id).is_none() {
                self.listed.due = true; // it was made after the list was read
            }
            let put = self.catalog.put_run(index, answer);
            keys.push(put.key);
            new += usize::from(put.is_new);
            changed |= put.changed;
        }
        (keys, new, changed)
    }

    fn take_group(
        &mut self,
        index: &mut Index,
        page: Page<RunAnswer>,
        took: Duration,
        now: Instant,
    ) -> (bool, bool) {
        let (keys, _, changed) = self.put(index, page.items);
        // What somebody looks at is read as fast as the server answers; the rest leaves it as much time as it takes.
        let shown = self.shown_id(index);
        let rests = self.live
            && shown.as_deref().is_none_or(|id| {
                !self.groups.front().is_some_and(|g| g.experiments.iter().any(|e| **e == *id))
            });
        let Some(group) = self.groups.front() else { return (changed, false) };
        let new = keys.into_iter().filter(|key| group.seen.insert(*key)).count();
        let turn = group.paging.turn(page.next, new, took);
        let ids = group.experiments.clone();
        let about = About::Runs(ids.join(", "));
        if page.odd > 0 {
            self.problems.set(about, format!("{} entries of the answer are no runs", page.odd));
        } else if turn == Turn::Loop {
            self.problems
                .set(about, "the server's pages go round in circles: runs may be missing".to_owned());
        } else {
            self.problems.clear(&about);
        }
        if let Some(group) = self.groups.turned(turn, rests.then_some(now + took)) {
            self.look_for_missing(index, &group, turn);
            group.experiments.iter().for_each(|id| self.catalog.has_read(index, id));
        }
        let first = !self.decided;
        if first {
            self.decide(index);
        }
        let complete = self.groups.is_empty();
        if complete {
            self.rounds.begin(now);
        }
        (changed, first || complete)
    }

    /// Runs that were there before and are not among all that a group has now. A page that shifted may have hidden a run
    /// that is still there, so each is asked for.
    fn look_for_missing(&mut self, index: &Index, group: &Group, turn: Turn) {
        if turn == Turn::End {
            let missing = group.known.difference(&group.seen).copied();
            self.single.extend(missing.filter(|key| index.run(*key).is_some()));
        }
    }

    /// The experiment to begin with: where a run was started last.
    fn decide(&mut self, index: &mut Index) {
        self.decided = true;
        let active = index.runs().filter(|run| !index.is_deleted(run));
        let newest = active.max_by_key(|run| run.start_time()).map(|run| run.experiment);
        index.latest = newest.or(index.latest);
        self.prefer_shown(index);
    }

    fn take_round(&mut self, index: &mut Index, round: Round, page: Page<RunAnswer>, took: Duration) -> bool {
        let running: Vec<RunKey> = match round {
            Round::Running => index.runs().filter(|run| run.is_running()).map(|run| run.key).collect(),
            Round::Training => {
                let shown = self.want.open.iter().chain(&self.want.visible).copied();
                shown.filter(|key| index.run(*key).is_some_and(|run| run.is_running())).collect()
            }
            _ => Vec::new(),
        };
        let has_more = page.next.is_some();
        let next = page.next.clone();
        let (keys, new, changed) = self.put(index, page.items);
        if round == Round::Sweep {
            if let Some(mut group) = self.rounds.take_sweep() {
                let seen = keys.into_iter().filter(|key| group.seen.insert(*key)).count();
                match group.paging.turn(next, seen, took) {
                    Turn::More => self.rounds.go_on_sweeping(group),
                    turn => self.look_for_missing(index, &group, turn),
                }
            }
            return changed;
        }
        if round == Round::News && has_more && new == keys.len() && new > 0 {
            // More has happened than one page tells.
            let ids: FxHashSet<Text> = keys
                .iter()
                .filter_map(|key| index.experiment(index.run(*key)?.experiment))
                .map(|experiment| experiment.experiment_id.clone())
                .collect();
            self.groups.again(Group::new(ids.into_iter().collect::<Vec<_>>()));
        }
        // Those that no longer say that they run have ended, or gone.
        let told: FxHashSet<RunKey> = keys.into_iter().collect();
        if !has_more {
            self.single.extend(running.into_iter().filter(|key| !told.contains(key)).take(50));
        }
        changed
    }

    /// A question has no answer.
    fn failed(&mut self, index: &mut Index, errand: &Errand, failure: Failure, now: Instant) {
        // A connection that the server closed while nobody used it says nothing.
        let is_blink = failure.may_be_an_idle_connection() && !std::mem::replace(&mut self.blinked, true);
        let mut is_about_server = !failure.is_about_the_request() && !is_blink;
        match errand {
            Errand::Experiments => {
                self.listed.in_flight = false;
                self.listed.due = true;
                if matches!(failure, Failure::Missing(_)) && !self.listed.old {
                    self.listed.old = true; // before 1.28
                    return;
                }
                is_about_server |= failure.is_about_the_request();
            }
            Errand::Group => {
                if let Missed::Given(ids) = self.groups.missed(&failure, now) {
                    for id in ids.iter() {
                        self.problems.set(About::Runs(id.to_string()), failure.to_string());
                    }
                    self.decided = true;
                    // It is about these: everything else was answered in between.
                    is_about_server = false;
                    self.pace.answered();
                    self.problems.clear(&About::Server);
                    if self.groups.is_empty() {
                        self.rounds.begin(now);
                    }
                }
            }
            Errand::Round(round) => {
                self.rounds.plain |= matches!(failure, Failure::Refused { .. })
                    && !matches!(round, Round::Sweep | Round::Running);
                if *round == Round::Sweep {
                    let _ = self.rounds.take_sweep();
                }
            }
            Errand::Only if failure.is_about_the_request() => {
                // A name that looks like an id, or an id of a run that has gone: everything is read after all.
                (self.only, self.narrowed, self.listed.due) = (None, false, true);
            }
            Errand::Only => {}
            Errand::Single(key) => {
                if matches!(failure, Failure::Missing(_)) {
                    self.catalog.remove_run(index, *key);
                }
            }
            Errand::Past(past) => self.histories.failed(past, &failure),
            Errand::Wish(wish) => self.wishes.failed(wish, &failure),
        }
        if is_about_server {
            let what = match (&failure, errand) {
                (Failure::Missing(words), Errand::Experiments) => format!(
                    "there is no tracking server of MLflow's at this address (404){words}. Look at the address, \
                     and whether a path is missing in it"
                ),
                _ => failure.to_string(),
            };
            self.problems.set(About::Server, what);
            self.pace.failed(failure, now);
        }
    }
}
