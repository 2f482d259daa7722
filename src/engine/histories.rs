//! The histories that the store thread reads: what is on screen, in slices, a first look at large ones before anything
//! else.
//!
//! A history of megabytes takes longer than a frame, so it is told three times: from samples within a millisecond, then
//! while it is being read (the points so far, and samples of the rest), then as it is. Where only a sparkline is drawn
//! the points of a large one are not kept at all.

use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::app::Event;
use crate::index::{Index, Key, Metric, RunKey};
use crate::series::{KEPT, Samples, Series, surplus};
use crate::store::{Store, Want};

/// Fewer points are read as fast as they are sampled.
const FEW: u64 = 16_000;
/// A history that is being read is told so often.
const TELL: Duration = Duration::from_millis(100);
/// While a store is being read, what its runs have gained is looked for so often.
const REST: Duration = Duration::from_millis(10);

/// A metric of a run.
type Place = (RunKey, Key);

/// How far a history goes, as the index says: points, latest step and time. It changes whenever the history grows.
type Extent = (u64, i64, i64);

fn extent(metric: Metric) -> Extent {
    (metric.points, metric.last.step, metric.last.timestamp)
}

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
    /// Who asks for it may have forgotten it.
    anew: bool,
    /// When it was last told.
    told: Option<Instant>,
    /// When it was last wanted.
    wanted: u64,
    /// It is only a curve for a sparkline, of a history that went so far.
    curve: Option<Extent>,
}

/// All histories that were read and are kept.
#[derive(Default)]
pub struct Histories {
    held: FxHashMap<Place, Held>,
    /// Those that could not be read, and how far they were said to go then.
    failed: FxHashMap<Place, Extent>,
    /// What was wanted last, and as a chart or not.
    known: FxHashMap<Place, bool>,
    /// Curves that a store was asked for.
    awaited: FxHashSet<Place>,
    /// Counts how often something else was wanted.
    turn: u64,
    /// When it was found that nothing is left to read of what is wanted.
    done: Option<Instant>,
}

impl Histories {
    /// Something else is on screen: what was wanted longest ago goes, when there is too much.
    pub fn want(&mut self, want: &Want) {
        self.turn += 1;
        self.done = None;
        let known: FxHashMap<Place, bool> =
            want.series.iter().enumerate().map(|(i, place)| (*place, i < want.charts)).collect();
        for (place, chart) in &known {
            if let Some(held) = self.held.get_mut(place) {
                held.wanted = self.turn;
                // The app bounds its memory as well, so it may have let go what is still here.
                held.anew |= self.known.get(place).is_none_or(|was| chart & !was);
            }
        }
        self.awaited.retain(|place| known.contains_key(place));
        self.known = known;
        self.trim(want);
    }

    /// Whether there may be something to read: when something is left, or is `fresh`. While the store `reads` thousands of
    /// runs, hardly any of them is on screen, so it is enough to look now and then.
    pub fn look_again(&self, fresh: bool, reads: bool) -> bool {
        let rests = |done: Instant| if reads { done.elapsed() < REST } else { !fresh };
        !self.done.is_some_and(rests)
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
        self.done = None;
        for (i, place) in want.series.iter().enumerate() {
            if slice.is_over() {
                return true;
            }
            let chart = i < want.charts;
            if chart || !self.draw_curve(*place, &mut slice) {
                self.look(*place, chart, &mut slice);
            }
        }
        for (i, place) in want.series.iter().enumerate() {
            let chart = i < want.charts;
            let is_drawn = !chart
                && (self.awaited.contains(place)
                    || self.held.get(place).is_some_and(|held| held.curve.is_some()));
            if slice.is_over() || (!is_drawn && self.read_one(*place, chart, &mut slice)) {
                return true;
            }
        }
        self.trim(want);
        self.done = Some(Instant::now());
        false
    }

    /// Whether it could not be read, and has not grown since.
    fn has_failed(&self, place: Place, metric: Metric) -> bool {
        self.failed.get(&place) == Some(&extent(metric))
    }

    /// Whether a history has to be begun: nothing is known of it, or its points are needed now and were not kept.
    fn begins(&self, place: Place, chart: bool) -> bool {
        self.held.get(&place).is_none_or(|held| chart && !held.series.has_points())
    }

    /// Takes the curve of a sparkline where the store has it for less than the history costs; says whether it does, or will.
    fn draw_curve(&mut self, place: Place, slice: &mut Slice<'_>) -> bool {
        let Some(metric) = slice.metric(place) else { return true };
        let known = self.held.get_mut(&place);
        if known.as_ref().is_some_and(|held| held.curve.is_none()) {
            return false; // the points are here
        }
        if let Some(held) = known.filter(|held| held.curve == Some(extent(metric))) {
            if held.anew {
                let series = held.series.clone();
                held.tell(place, series, slice);
            }
            return true;
        }
        match slice.store.curve(slice.index, place.0, place.1) {
            Poll::Pending => {
                // What is read of it otherwise begins when this has failed.
                self.awaited.insert(place);
                true
            }
            Poll::Ready(None) => {
                self.awaited.remove(&place);
                self.held.remove(&place);
                false
            }
            Poll::Ready(Some(samples)) => {
                self.awaited.remove(&place);
                let mut series: Series = samples.points.iter().map(|(_, point)| *point).collect();
                series.sketch();
                series.forget_points();
                let mut held = Held { wanted: self.turn, curve: Some(extent(metric)), ..Held::default() };
                held.series = series.clone();
                held.tell(place, series, slice);
                self.held.insert(place, held);
                true
            }
        }
    }

    /// A first look at a large history of which nothing is known.
    fn look(&mut self, place: Place, chart: bool, slice: &mut Slice<'_>) {
        let may_be_large = |metric: &Metric| metric.points >= FEW || !metric.is_counted() || !metric.exact;
        let Some(metric) = slice.metric(place).filter(may_be_large) else { return };
        if !self.begins(place, chart) || self.has_failed(place, metric) {
            return;
        }
        // What fails here fails again where it is read, and is told there.
        let Ok(Poll::Ready(Some(samples))) = slice.store.sample(slice.index, place.0, place.1) else {
            return;
        };
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
        if let Some(held) = self.held.get_mut(&place).filter(|held| !begins && held.is_whole(metric)) {
            if held.anew {
                let series = held.series.clone();
                held.tell(place, series, slice);
            }
            return false;
        }
        if self.has_failed(place, metric) {
            return false;
        }
        let mut held = self.held.remove(&place).filter(|_| !begins).unwrap_or_default();
        held.wanted = self.turn;
        match slice.store.points(slice.index, place.0, place.1, &mut held.series, slice.until) {
            Ok(Poll::Pending) => {
                // Of what was only begun nothing is lost, and a first look at it may still come.
                if !begins {
                    held.more = true;
                    self.held.insert(place, held);
                }
                false
            }
            Ok(Poll::Ready(reading)) => {
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
                self.failed.insert(place, extent(metric));
                (slice.tell)(Event::SeriesFailed(place.0, place.1, error.to_string()));
                false
            }
        }
    }

    /// Lets go what was wanted longest ago, as far as there is too much: of what is on screen as a sparkline only the
    /// points, of what is not on screen everything.
    fn trim(&mut self, want: &Want) {
        let charts = want.series.get(..want.charts).unwrap_or_default();
        let all = self
            .held
            .iter()
            .map(|(place, held)| (*place, held.bytes(), (!charts.contains(place)).then_some(held.wanted)));
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

    /// Whether it ends where the index says that it does. Where the index knows only the end of the file, we know better.
    fn is_whole(&self, metric: Metric) -> bool {
        if !metric.exact {
            return !self.more && !self.untold;
        }
        !self.more
            && !self.untold
            && (!metric.is_counted() || self.series.len() as u64 == metric.points)
            && self.series.last().is_some_and(|last| {
                (last.step, last.timestamp, last.value.to_bits())
                    == (metric.last.step, metric.last.timestamp, metric.last.value.to_bits())
            })
    }

    /// Tells what has been read: as it is at the end; before, for a chart, what there is, not too often.
    fn tell_progress(&mut self, place: Place, chart: bool, slice: &mut Slice<'_>) {
        let needs_samples =
            self.samples.is_none() && (self.more || (self.untold && !self.series.has_points()));
        if needs_samples && let Ok(Poll::Ready(samples)) = slice.store.sample(slice.index, place.0, place.1) {
            self.samples = samples;
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
        } else if self.anew {
            let series = self.series.clone();
            self.tell(place, series, slice);
        }
    }

    fn tell(&mut self, (run, key): Place, series: Series, slice: &mut Slice<'_>) {
        (self.told, self.anew) = (Some(Instant::now()), false);
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

impl Slice<'_> {
    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }

    fn metric(&self, (run, key): Place) -> Option<Metric> {
        self.index.run(run).and_then(|run| run.metric(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{self, Location};
    use std::fs;
    use std::path::Path;

    const POINTS: usize = 60_000;

    fn line(i: usize) -> String {
        format!("{} 0.{:016} {i}\n", 1_700_000_000_000 + i, i * 7919)
    }

    /// A run with two large metrics and a small one, and everything that was told of them.
    struct Bed {
        _dir: tempfile::TempDir,
        metrics: std::path::PathBuf,
        store: Box<dyn Store>,
        index: Index,
        histories: Histories,
        told: Vec<(Place, Arc<Series>)>,
    }

    impl Bed {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let run = dir.path().join("0/11111111111111111111111111111111");
            let metrics = run.join("metrics");
            fs::create_dir_all(&metrics).unwrap();
            fs::write(dir.path().join("0/meta.yaml"), "experiment_id: '0'\nname: all\n").unwrap();
            fs::write(run.join("meta.yaml"), "run_id: 11111111111111111111111111111111\nstatus: 1\n")
                .unwrap();
            for name in ["large", "other"] {
                fs::write(metrics.join(name), (0..POINTS).map(line).collect::<String>()).unwrap();
            }
            fs::write(metrics.join("small"), (0..10).map(line).collect::<String>()).unwrap();
            let mut store = store::open(&Location::Files(dir.path().to_owned()), None).unwrap();
            let index = store::read_all(store.as_mut()).unwrap();
            let (histories, told) = (Histories::default(), Vec::new());
            Self { _dir: dir, metrics, store, index, histories, told }
        }

        fn place(&self, name: &str) -> Place {
            (self.index.runs().next().unwrap().key, self.index.keys.find(name).unwrap())
        }

        fn want(&self, names: &[&str], charts: usize) -> Want {
            Want { series: names.iter().map(|name| self.place(name)).collect(), charts, ..Want::default() }
        }

        /// One slice.
        fn slice(&mut self, want: &Want, time: Duration) -> bool {
            let Self { histories, store, index, told, .. } = self;
            histories.read(store.as_mut(), index, want, Instant::now() + time, &mut |event| match event {
                Event::Series(run, key, series) => told.push(((run, key), series)),
                other => panic!("{other:?}"),
            })
        }

        /// Everything that is wanted, and what was told last of a metric.
        fn settle(&mut self, want: &Want) {
            self.histories.want(want);
            while self.slice(want, Duration::from_millis(1)) {}
        }

        fn last(&self, name: &str) -> &Series {
            let place = self.place(name);
            &self.told.iter().rev().find(|(told, _)| *told == place).unwrap().1
        }

        fn append(&mut self, path: &Path, text: &str) {
            use std::io::Write;
            fs::OpenOptions::new().append(true).open(path).unwrap().write_all(text.as_bytes()).unwrap();
            self.store.rescan();
            let until = Instant::now() + Duration::from_secs(5);
            while self.store.refresh(&mut self.index, &Want::default(), until).unwrap().more {}
        }
    }

    #[test]
    fn samples_come_before_anything_is_read_and_the_whole_follows() {
        let mut bed = Bed::new();
        let want = bed.want(&["large", "other", "small"], 1);
        bed.histories.want(&want);
        while bed.told.len() < 2 {
            assert!(bed.slice(&want, Duration::from_micros(1)));
        }
        let first: Vec<Place> = bed.told.iter().map(|(place, _)| *place).take(2).collect();
        assert_eq!(first, [bed.place("large"), bed.place("other")], "samples of both before one is read");
        assert!(bed.told.iter().take(2).all(|(_, series)| !series.is_exact() && series.curve().len() > 20));
        bed.settle(&want);
        for name in ["large", "other"] {
            assert!(bed.last(name).is_exact());
            assert_eq!(
                (bed.last(name).len(), bed.last(name).last().unwrap().step),
                (POINTS, POINTS as i64 - 1)
            );
            assert_eq!(bed.last(name).curve().len(), 24);
        }
        assert_eq!((bed.last("large").has_points(), bed.last("other").has_points()), (true, false));
        assert!(bed.last("small").has_points());
        assert_eq!(bed.last("large").iter().count(), POINTS);
        let told = bed.told.len();
        bed.settle(&want);
        assert_eq!(bed.told.len(), told, "nothing new");
    }

    #[test]
    fn a_sparkline_that_becomes_a_chart_gets_its_points() {
        let mut bed = Bed::new();
        bed.settle(&bed.want(&["large", "other"], 1));
        bed.settle(&bed.want(&["other", "large"], 1));
        assert!(bed.last("other").has_points() && bed.last("other").is_exact());
        assert_eq!(bed.last("other").iter().count(), POINTS);
    }

    #[test]
    fn what_comes_back_to_the_screen_is_told_again_without_being_read() {
        let mut bed = Bed::new();
        bed.settle(&bed.want(&["large", "small"], 1));
        bed.settle(&bed.want(&["other"], 0));
        bed.told.clear();
        fs::remove_dir_all(&bed.metrics).unwrap();
        bed.settle(&bed.want(&["small", "large"], 0));
        assert!(bed.last("small").has_points() && bed.last("large").has_points());
        bed.settle(&bed.want(&["large", "small"], 1));
        assert_eq!(bed.told.len(), 3, "as a chart once more, since the app may have let its points go");
    }

    #[test]
    fn what_is_added_is_told_with_and_without_points() {
        let mut bed = Bed::new();
        let want = bed.want(&["large", "other", "small"], 1);
        bed.settle(&want);
        for name in ["large", "other", "small"] {
            let path = bed.metrics.join(name);
            bed.append(&path, "1800000000000 77.5 999999\n");
        }
        bed.settle(&want);
        for name in ["large", "other", "small"] {
            let series = bed.last(name);
            assert_eq!((series.last().unwrap().value, series.max().unwrap().value), (77.5, 77.5), "{name}");
            assert_eq!(series.curve().last(), Some(&77.5), "{name}");
            assert!(series.is_exact());
        }
    }

    #[test]
    fn a_replaced_history_begins_anew() {
        let mut bed = Bed::new();
        let want = bed.want(&["large"], 1);
        bed.settle(&want);
        let path = bed.metrics.join("large");
        fs::write(&path, "1 2 3\n").unwrap();
        bed.append(&path, "2 3 4\n");
        bed.settle(&want);
        assert_eq!((bed.last("large").len(), bed.last("large").is_exact()), (2, true));
    }
}
