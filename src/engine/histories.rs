//! The histories that the store thread reads: what is on screen, in slices, a first look at large ones before anything
//! else.
//!
//! A history of megabytes takes longer than a frame, so it is told three times: from samples within a millisecond, then
//! while it is being read (the points so far, and samples of the rest), then as it is. Where only a sparkline is drawn
//! the points of a large one are not kept at all.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use crate::app::Event;
use crate::index::{Index, Key, Metric, RunKey};
use crate::series::{KEPT, Samples, Series, surplus};
use crate::store::{Store, Want};

/// Fewer points are read as fast as they are sampled.
const FEW: u64 = 16_000;
/// A history that is being read is told so often.
const TELL: Duration = Duration::from_millis(100);

/// A metric of a run.
type Place = (RunKey, Key);

/// A history as far as it was read.
#[derive(Default)]
struct Held {
    series: Series,
    /// Points from all over it, as long as it is not read to its end.
    samples: Option<Samples>,
    /// There is more of it.
    more: bool,
    /// It has changed since it was told as it is.
    untold: bool,
    /// When it was last told.
    told: Option<Instant>,
    /// When it was last wanted.
    wanted: u64,
}

/// All histories that were read and are kept.
#[derive(Default)]
pub struct Histories {
    held: FxHashMap<Place, Held>,
    /// Those that could not be read, and how long they were said to be then.
    failed: FxHashMap<Place, u64>,
    /// Counts how often something else was wanted.
    turn: u64,
}

impl Histories {
    /// Something else is on screen: what was wanted longest ago goes, when there is too much.
    pub fn want(&mut self, want: &Want) {
        self.turn += 1;
        for place in &want.series {
            if let Some(held) = self.held.get_mut(place) {
                held.wanted = self.turn;
            }
        }
        self.trim(want);
    }

    /// Reads what the wanted histories have gained, until then, and tells it; says whether some is left.
    pub fn read(
        &mut self,
        store: &mut dyn Store,
        index: &Index,
        want: &Want,
        until: Instant,
        tell: &mut dyn FnMut(Event),
    ) -> bool {
        let mut slice = Slice { store, index, until, tell };
        for (i, place) in want.series.iter().enumerate() {
            if slice.is_over() {
                return true;
            }
            self.look(*place, i < want.charts, &mut slice);
        }
        for (i, place) in want.series.iter().enumerate() {
            if slice.is_over() || self.read_one(*place, i < want.charts, &mut slice) {
                return true;
            }
        }
        self.trim(want);
        false
    }

    /// Whether a history has to be begun: nothing is known of it, or its points are needed now and were not kept.
    fn begins(&self, place: Place, chart: bool) -> bool {
        self.held.get(&place).is_none_or(|held| chart && !held.series.has_points())
    }

    /// A first look at a large history of which nothing is known.
    fn look(&mut self, place: Place, chart: bool, slice: &mut Slice<'_>) {
        let Some(metric) = slice.metric(place).filter(|metric| metric.points >= FEW) else { return };
        if !self.begins(place, chart) || self.failed.get(&place) == Some(&metric.points) {
            return;
        }
        // What fails here fails again where it is read, and is told there.
        let Ok(Some(samples)) = slice.store.sample(slice.index, place.0, place.1) else { return };
        let mut held = Held { wanted: self.turn, ..Held::default() };
        let mut series = held.series.provisional(&samples);
        series.sketch();
        if !chart {
            series.forget_points();
            held.series.forget_points();
        }
        held.samples = Some(samples);
        held.tell(place, series, slice);
        self.held.insert(place, held);
    }

    /// Reads one history as far as time allows; says whether there is more.
    fn read_one(&mut self, place: Place, chart: bool, slice: &mut Slice<'_>) -> bool {
        let Some(metric) = slice.metric(place) else { return false };
        let begins = self.begins(place, chart);
        let is_whole = self.held.get(&place).is_some_and(|held| held.is_whole(metric));
        if (is_whole && !begins) || self.failed.get(&place) == Some(&metric.points) {
            return false;
        }
        let mut held = self.held.remove(&place).filter(|_| !begins).unwrap_or_default();
        held.wanted = self.turn;
        match slice.store.points(slice.index, place.0, place.1, &mut held.series, slice.until) {
            Ok(reading) => {
                self.failed.remove(&place);
                held.more = reading.more;
                held.untold |= reading.changed;
                if reading.restarted {
                    held.samples = None;
                }
                held.tell_progress(place, chart, slice);
                let more = held.more;
                self.held.insert(place, held);
                more
            }
            Err(error) => {
                // Not again until the file has changed: a failure that repeats is no news.
                self.failed.insert(place, metric.points);
                (slice.tell)(Event::SeriesFailed(place.0, place.1, error.to_string()));
                false
            }
        }
    }

    /// Lets go what was wanted longest ago, as far as there is too much: of what is on screen as a sparkline only the
    /// points, of what is not on screen everything.
    fn trim(&mut self, want: &Want) {
        let charts = want.series.get(..want.charts).unwrap_or_default();
        let all = self.held.iter().map(|(place, held)| {
            let may_go = !charts.contains(place) && !held.more;
            (*place, held.bytes(), may_go.then_some(held.wanted))
        });
        for place in surplus(all, KEPT) {
            match self.held.get_mut(&place).filter(|held| held.wanted == self.turn) {
                Some(held) => held.series.forget_points(),
                None => drop(self.held.remove(&place)),
            }
        }
    }
}

impl Held {
    fn bytes(&self) -> usize {
        self.series.bytes() + self.samples.as_ref().map_or(0, Samples::bytes)
    }

    /// Whether it ends where the index says that it does.
    fn is_whole(&self, metric: &Metric) -> bool {
        !self.more
            && !self.untold
            && self.series.len() as u64 == metric.points
            && self.series.last().is_some_and(|last| {
                (last.step, last.timestamp, last.value.to_bits())
                    == (metric.last.step, metric.last.timestamp, metric.last.value.to_bits())
            })
    }

    /// Tells what has been read: as it is at the end; before, for a chart, what there is, not too often.
    fn tell_progress(&mut self, place: Place, chart: bool, slice: &mut Slice<'_>) {
        let needs_samples =
            self.samples.is_none() && (self.more || (self.untold && !self.series.has_points()));
        if needs_samples {
            self.samples = slice.store.sample(slice.index, place.0, place.1).ok().flatten();
        }
        if self.more {
            let is_time = self.told.is_none_or(|told| told.elapsed() >= TELL);
            if let Some(samples) = self.samples.as_ref().filter(|_| chart && is_time) {
                let mut series = self.series.provisional(samples);
                series.sketch();
                self.tell(place, series, slice);
            }
        } else if std::mem::take(&mut self.untold) {
            match self.samples.take().filter(|_| !self.series.has_points()) {
                Some(samples) => self.series.sketch_from(&samples),
                None if self.series.has_points() => self.series.sketch(),
                None => {}
            }
            let series = self.series.clone();
            self.tell(place, series, slice);
        }
    }

    fn tell(&mut self, (run, key): Place, series: Series, slice: &mut Slice<'_>) {
        self.told = Some(Instant::now());
        (slice.tell)(Event::Series(run, key, Arc::new(series)));
    }
}

/// What reading needs of the thread, and for how long.
struct Slice<'a> {
    store: &'a mut dyn Store,
    index: &'a Index,
    until: Instant,
    tell: &'a mut dyn FnMut(Event),
}

impl<'a> Slice<'a> {
    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    fn metric(&self, (run, key): Place) -> Option<&'a Metric> {
        self.index.run(run).and_then(|run| run.metric(key))
    }
}
