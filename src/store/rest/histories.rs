//! Histories of metrics: whole ones page by page for charts, a few points of many runs at once for sparklines.
//!
//! Servers since 2.11 answer points from all over the histories of up to a hundred runs in one call
//! (`get-history-bulk-interval`); older ones are asked for whole histories, a run at a time. A history that grows is
//! continued from its highest step by the same call, and read once more from its beginning when the run has ended, since
//! points may be logged for earlier steps.

use std::task::Poll;

use rustc_hash::FxHashMap;

use super::answers::Page;
use super::ask::{BULK_POINTS, BULK_RUNS, Question};
use super::failure::Failure;
use super::paging::Turn;
use crate::index::{Index, Key, Metric, Point, RunKey};
use crate::series::{SKETCH, Samples, Series};
use crate::store::{Error, Reading};

use history::History;

mod history;
#[cfg(test)]
mod tests;

/// A metric of a run.
pub type Place = (RunKey, Key);

/// Points of a sparkline: twice as many as it has columns, so that each column has its own.
const CURVE: usize = 2 * SKETCH;
/// Histories that end before this step are read at once, without a look at samples first.
const FEW: i64 = 20_000;
/// A history of more points is not read on: it would not fit into memory.
const MOST: usize = 20_000_000;
/// A page that fails so often fails the history.
const TRIES: u32 = 2;

/// Some points of a history, for a sparkline or as a first look.
#[derive(Debug)]
enum Look {
    Wanted,
    InFlight,
    Here(Samples),
    /// The call says nothing about it: it has to be read.
    Nothing,
}

/// What a question about histories is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Errand {
    /// The next page of a history.
    Page(Place),
    /// What has come at its end.
    Growth(Place),
    /// Sparklines.
    Curves(Vec<Place>),
    /// A first look.
    Look(Place),
}

/// All histories that somebody looks at.
#[derive(Debug)]
pub struct Histories {
    whole: FxHashMap<Place, History>,
    curves: FxHashMap<Place, Look>,
    looks: FxHashMap<Place, Look>,
    /// The server knows the call about many histories.
    bulk: bool,
    /// Histories that were read to their ends: how many points, and the last.
    counted: Vec<(Place, u64, Point)>,
}

impl Default for Histories {
    fn default() -> Self {
        Self {
            whole: FxHashMap::default(),
            curves: FxHashMap::default(),
            looks: FxHashMap::default(),
            bulk: true,
            counted: Vec::new(),
        }
    }
}

impl Histories {
    /// Moves what has come into `series`; see [`crate::store::Store::points`].
    pub fn points(
        &mut self,
        index: &Index,
        place: Place,
        series: &mut Series,
    ) -> Result<Poll<Reading>, Error> {
        let Some(run) = index.run(place.0) else { return Ok(Poll::Ready(Reading::default())) };
        let Some(metric) = run.metric(place.1) else { return Ok(Poll::Ready(Reading::default())) };
        let history = self.whole.entry(place).or_default();
        if series.position.offset != history.taken {
            // Another series: it has to be read from its beginning.
            let in_flight = history.in_flight;
            *history = History { in_flight, taken: series.position.offset, ..History::default() };
            history.anew = history.taken > 0;
        }
        if let Some(why) = history.failed.take() {
            self.whole.remove(&place);
            return Err(Error(why));
        }
        // A history that is read once more is shown when it is whole, so that no chart shrinks meanwhile.
        if !history.arrived.is_empty() && (!history.anew || history.whole) {
            let restarted = std::mem::take(&mut history.anew);
            if restarted {
                series.clear();
                history.taken = 0;
            }
            for points in history.arrived.drain(..) {
                history.taken += points.len() as u64;
                points.into_iter().for_each(|point| series.push(point));
            }
            series.position.offset = history.taken;
            return Ok(Poll::Ready(Reading { changed: true, restarted, more: !history.whole }));
        }
        if history.in_flight {
            return Ok(Poll::Pending);
        }
        let has_grown = history.last.is_none_or(|last| metric.last.is_later_than(&last));
        if history.whole && has_grown {
            let can_grow = self.bulk && run.is_running() && history.next_step().is_some();
            if can_grow { history.wanted = true } else { history.restart() }
        } else if history.whole && history.grown && !run.is_running() {
            history.restart();
        } else if history.whole {
            return Ok(Poll::Ready(Reading::default()));
        }
        history.wanted = true;
        Ok(Poll::Pending)
    }

    /// A first look at a long history; see [`crate::store::Store::sample`].
    pub fn sample(&mut self, index: &Index, place: Place) -> Poll<Option<Samples>> {
        let metric = index.run(place.0).and_then(|run| run.metric(place.1));
        if !self.bulk || metric.is_none_or(|metric| metric.last.step < FEW) {
            return Poll::Ready(None);
        }
        look(&mut self.looks, place)
    }

    /// A sparkline; see [`crate::store::Store::curve`].
    pub fn curve(&mut self, place: Place) -> Poll<Option<Samples>> {
        if self.bulk { look(&mut self.curves, place) } else { Poll::Ready(None) }
    }

    /// The next question: charts before sparklines, in the order of the screen.
    pub fn question(&mut self, index: &Index, wanted: &[Place], charts: usize) -> Option<(Errand, Question)> {
        let first = wanted.get(..charts.min(wanted.len())).unwrap_or_default();
        first
            .iter()
            .find_map(|place| self.look_question(index, *place).or_else(|| self.page_question(index, *place)))
            .or_else(|| self.curve_question(index, wanted))
            .or_else(|| wanted.iter().find_map(|place| self.page_question(index, *place)))
            .or_else(|| self.any_question(index))
    }

    /// What somebody waits for who says nothing about a screen: the commands that print.
    fn any_question(&mut self, index: &Index) -> Option<(Errand, Question)> {
        let waiting = self.whole.iter().find(|(_, history)| history.wanted && !history.in_flight);
        let place = waiting.map(|(place, _)| *place)?;
        self.page_question(index, place)
    }

    fn look_question(&mut self, index: &Index, place: Place) -> Option<(Errand, Question)> {
        let look = self.looks.get_mut(&place).filter(|look| matches!(look, Look::Wanted))?;
        let (run_id, metric) = names(index, place)?;
        *look = Look::InFlight;
        let question = Question::Bulk { run_ids: vec![run_id], metric, most: BULK_POINTS, from: None };
        Some((Errand::Look(place), question))
    }

    fn page_question(&mut self, index: &Index, place: Place) -> Option<(Errand, Question)> {
        let history = self.whole.get_mut(&place).filter(|history| history.wanted && !history.in_flight)?;
        let (run_id, metric) = names(index, place)?;
        history.in_flight = true;
        if history.whole {
            let (from, most) = (history.next_step(), BULK_POINTS);
            return Some((
                Errand::Growth(place),
                Question::Bulk { run_ids: vec![run_id], metric, most, from },
            ));
        }
        let token = history.paging.token.clone();
        Some((Errand::Page(place), Question::History { run_id, metric, token }))
    }

    /// One metric of as many runs as one call takes.
    fn curve_question(&mut self, index: &Index, wanted: &[Place]) -> Option<(Errand, Question)> {
        let is_wanted = |place: &&Place| matches!(self.curves.get(place), Some(Look::Wanted));
        let (_, key) = wanted.iter().find(is_wanted)?;
        let places: Vec<Place> = wanted
            .iter()
            .filter(|place| place.1 == *key)
            .filter(is_wanted)
            .take(BULK_RUNS)
            .copied()
            .collect();
        let metric = index.keys.name(*key).to_owned();
        let run_ids = places.iter().filter_map(|place| Some(names(index, *place)?.0)).collect();
        for place in &places {
            self.curves.insert(*place, Look::InFlight);
        }
        Some((Errand::Curves(places), Question::Bulk { run_ids, metric, most: CURVE, from: None }))
    }

    /// A page of a history has come.
    pub fn page(&mut self, place: Place, page: Page<Point>) {
        let Some(history) = self.whole.get_mut(&place) else { return };
        (history.in_flight, history.wanted, history.tries) = (false, false, 0);
        let count = page.items.len();
        history.arrive(page.items);
        let turn = history.paging.turn(page.next, count, std::time::Duration::ZERO);
        history.whole = turn != Turn::More || history.count >= MOST;
        history.wanted = !history.whole;
        if let Some(last) = history.last.filter(|_| turn == Turn::End) {
            self.counted.push((place, history.count as u64, last));
        }
    }

    /// The end of a history has come.
    pub fn growth(&mut self, place: Place, points: Vec<(String, Point)>) {
        let Some(history) = self.whole.get_mut(&place) else { return };
        (history.in_flight, history.wanted, history.tries) = (false, false, 0);
        if points.len() >= BULK_POINTS {
            // More than one call answers, so some are missing.
            history.restart();
        } else {
            history.grow(points.into_iter().map(|(_, point)| point).collect());
        }
    }

    /// Sparklines have come.
    pub fn curves(&mut self, index: &Index, places: &[Place], points: Vec<(String, Point)>) {
        let mut by_run: FxHashMap<String, Vec<Point>> = FxHashMap::default();
        points.into_iter().for_each(|(run_id, point)| by_run.entry(run_id).or_default().push(point));
        for place in places {
            let found = names(index, *place).and_then(|(run_id, _)| by_run.remove(&run_id));
            self.curves.insert(*place, found.map_or(Look::Nothing, |points| Look::Here(samples(points))));
        }
    }

    /// A first look has come.
    pub fn look(&mut self, place: Place, points: Vec<(String, Point)>) {
        let points: Vec<Point> = points.into_iter().map(|(_, point)| point).collect();
        let look = if points.is_empty() { Look::Nothing } else { Look::Here(samples(points)) };
        self.looks.insert(place, look);
    }

    /// No answer has come. Says whether that is to be told as the server's trouble.
    pub fn failed(&mut self, errand: &Errand, failure: &Failure) {
        let is_for_good = !failure.passes();
        match errand {
            Errand::Page(place) | Errand::Growth(place) => {
                let Some(history) = self.whole.get_mut(place) else { return };
                history.in_flight = false;
                history.tries += 1;
                if matches!(errand, Errand::Growth(_)) {
                    history.restart();
                } else if is_for_good || history.tries >= TRIES {
                    history.failed = Some(failure.to_string());
                }
            }
            Errand::Curves(places) => {
                places.iter().for_each(|place| self.not_looked(*place, is_for_good, true))
            }
            Errand::Look(place) => self.not_looked(*place, is_for_good, false),
        }
        // 404: a server before 2.11; 400: one that takes fewer.
        if is_for_good && !failure.needs_somebody() && !matches!(errand, Errand::Page(_)) {
            self.bulk = false;
        }
    }

    fn not_looked(&mut self, place: Place, is_for_good: bool, is_curve: bool) {
        let looks = if is_curve { &mut self.curves } else { &mut self.looks };
        looks.insert(place, if is_for_good { Look::Nothing } else { Look::Wanted });
    }

    /// Nothing will come: whoever waits is told why.
    pub fn give_up(&mut self, why: &str) {
        for history in self.whole.values_mut().filter(|history| history.wanted) {
            history.failed = Some(why.to_owned());
        }
    }

    /// Lets go what nobody looks at any more, but for what is on its way.
    pub fn keep(&mut self, wanted: &[Place]) {
        let is_kept = |place: &Place| wanted.contains(place);
        self.curves.retain(|place, look| is_kept(place) || matches!(look, Look::InFlight));
        self.looks.retain(|place, look| is_kept(place) || matches!(look, Look::InFlight));
        self.whole.retain(|place, history| {
            history.wanted &= is_kept(place);
            is_kept(place) || history.in_flight || history.arrived.is_empty()
        });
    }

    /// Histories that were read to their ends since the last call: how many points there are, and the last.
    pub fn counted(&mut self) -> Vec<(Place, u64, Point)> {
        std::mem::take(&mut self.counted)
    }
}

/// What is known of a look. Asked for once more, it is looked at again.
fn look(looks: &mut FxHashMap<Place, Look>, place: Place) -> Poll<Option<Samples>> {
    match looks.get(&place) {
        None => {
            looks.insert(place, Look::Wanted);
            Poll::Pending
        }
        Some(Look::Wanted | Look::InFlight) => Poll::Pending,
        Some(Look::Nothing) => Poll::Ready(None),
        Some(Look::Here(_)) => match looks.remove(&place) {
            Some(Look::Here(samples)) => Poll::Ready(Some(samples)),
            _ => Poll::Ready(None),
        },
    }
}

/// Where each point lies in its history is not told; steps stand for it.
fn samples(mut points: Vec<Point>) -> Samples {
    points.sort_by_key(|point| point.step);
    let first = points.first().map_or(0, |point| point.step);
    let at = |point: &Point| point.step.saturating_sub(first).max(0) as u64;
    let end = points.last().map_or(0, |point| at(point) + 1);
    Samples { points: points.iter().map(|point| (at(point), *point)).collect(), end }
}

fn names(index: &Index, (run, key): Place) -> Option<(String, String)> {
    Some((index.run(run)?.run_id().to_owned(), index.keys.name(key).to_owned()))
}

/// Puts what was counted into the index; says whether that changed it.
pub fn count(index: &mut Index, counted: Vec<(Place, u64, Point)>) -> bool {
    let mut changed = false;
    for ((run, key), points, last) in counted {
        let Some(metric) = index.run(run).and_then(|run| run.metric(key)) else { continue };
        let bits = |point: &Point| (point.step, point.timestamp, point.value.to_bits());
        if bits(&metric.last) == bits(&last) && metric.points != points {
            index.edit_run(run, |draft| draft.set_metric(key, Metric { points, ..metric }));
            changed = true;
        }
    }
    changed
}
