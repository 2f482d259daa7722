//! The thread that a store lives on: reads in slices, serves requests in between, publishes what it knows.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Message, notice, query_thread};
use crate::app::{Event, Watching};
use crate::index::{Index, Key, RunKey};
use crate::series::Series;
use crate::store::{Refreshed, Store, Want, Watch};
use crate::terminal;
use crate::watch::{Change, Watcher};

/// What the store thread is asked for.
pub enum Ask {
    /// This is on screen.
    Want(Want),
    /// A folder of artifacts.
    Listing(RunKey, String),
    /// The beginning of an artifact.
    Preview(RunKey, String),
    /// Datasets and models.
    Inputs(RunKey),
    /// Everything may have changed.
    Rescan,
    /// These paths may have changed.
    Changed(Vec<PathBuf>),
}

/// One slice of reading.
const SLICE: Duration = Duration::from_millis(30);
/// The index is published at most so often.
const PUBLISH: Duration = Duration::from_millis(100);
/// What trains and what is on screen is looked at so often, whether or not an event came.
const SWEEP: Duration = Duration::from_secs(1);
/// Bytes of an artifact that are read for showing it.
const PREVIEW: usize = 256 << 10;
/// Histories that are kept for going on where they were read to.
const KEPT_SERIES: usize = 4096;

/// The store thread's own things.
struct Keeper<'a> {
    store: Box<dyn Store>,
    index: Index,
    want: Want,
    watcher: Watcher,
    series: FxHashMap<(RunKey, Key), Series>,
    published: Instant,
    /// Something has changed since the index was published.
    dirty: bool,
    version: u64,
    /// What was told of it last.
    watching: Watching,
    to_query: &'a Sender<query_thread::Ask>,
    send: &'a Sender<Message>,
}

/// Runs until nobody listens any more.
pub fn run(
    store: Box<dyn Store>,
    asked: &Receiver<Ask>,
    changes: &Sender<Ask>,
    to_query: &Sender<query_thread::Ask>,
    send: &Sender<Message>,
) {
    let changes = changes.clone();
    let watcher = Watcher::new(move |change| {
        let ask = match change {
            Change::Paths(paths) => Ask::Changed(paths),
            Change::Lost => Ask::Rescan,
        };
        let _ = changes.send(ask); // nobody listens any more: the program ends
    });
    let keeper = Keeper {
        store,
        index: Index::default(),
        want: Want::default(),
        watcher,
        series: FxHashMap::default(),
        published: Instant::now(),
        dirty: false,
        version: 0,
        watching: Watching::Not,
        to_query,
        send,
    };
    // A bug in reading must not take the screen with it: the last picture stays and says so.
    if let Err(what) = terminal::caught(|| keeper.run(asked)) {
        let text = format!("reading the store has stopped: internal error: {what}");
        let _ = send.send(Message::Event(Event::Notice(notice(&text))));
    }
}

impl Keeper<'_> {
    fn run(mut self, asked: &Receiver<Ask>) {
        let mut swept = Instant::now();
        let mut state = Refreshed { more: true, ..Refreshed::default() };
        loop {
            let wait = self.wait(state, swept);
            let first = match asked.recv_timeout(wait) {
                Ok(ask) => Some(ask),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut changed = Vec::new();
            for ask in first.into_iter().chain(asked.try_iter().take(50_000)) {
                self.serve(ask, &mut changed);
            }
            self.note_deleted(&changed);
            if !changed.is_empty() {
                self.store.changed(&changed);
            }
            if swept.elapsed() >= SWEEP && !state.more {
                self.store.sweep(&self.index, &self.want);
                swept = Instant::now();
            }
            state = match self.store.refresh(&mut self.index, &self.want, Instant::now() + SLICE) {
                Ok(state) => state,
                Err(error) => {
                    self.tell(&error.to_string());
                    Refreshed::default()
                }
            };
            self.dirty |= state.changed;
            self.publish();
            self.read_series();
            if !state.more {
                self.watch();
            }
        }
    }

    /// How long to wait for somebody to ask.
    fn wait(&self, state: Refreshed, swept: Instant) -> Duration {
        if state.more {
            return Duration::ZERO;
        }
        let mut wait = SWEEP.saturating_sub(swept.elapsed());
        if state.later {
            wait = wait.min(Duration::from_millis(10));
        }
        if self.dirty {
            wait = wait.min(PUBLISH.saturating_sub(self.published.elapsed()));
        }
        wait
    }

    fn serve(&mut self, ask: Ask, changed: &mut Vec<PathBuf>) {
        match ask {
            Ask::Want(want) => {
                let on_screen: FxHashSet<(RunKey, Key)> = want.series.iter().copied().collect();
                if self.series.len() > KEPT_SERIES {
                    self.series.retain(|place, _| on_screen.contains(place));
                }
                self.want = want;
            }
            Ask::Listing(run, path) => {
                let listing = self.store.artifacts(&self.index, run, &path);
                self.answer(Event::Listing(run, path, listing));
            }
            Ask::Preview(run, path) => {
                let preview = self.store.preview(&self.index, run, &path, PREVIEW).map_err(|e| e.to_string());
                self.answer(Event::Preview(run, path, preview));
            }
            Ask::Inputs(run) => {
                let inputs = self.store.inputs(&self.index, run);
                self.answer(Event::Inputs(run, inputs));
            }
            Ask::Rescan => self.store.rescan(),
            Ask::Changed(paths) => changed.extend(paths),
        }
    }

    /// A folder that was deleted takes its watch with it.
    fn note_deleted(&mut self, changed: &[PathBuf]) {
        for path in changed {
            if path.symlink_metadata().is_err() {
                self.watcher.forget(path);
            }
        }
    }

    fn answer(&self, event: Event) {
        let _ = self.send.send(Message::Event(event)); // the main loop has ended: so will this
    }

    fn tell(&self, text: &str) {
        self.answer(Event::Notice(notice(text)));
    }

    /// Publishes the index when it has changed, at most ten times a second, the first time at once.
    fn publish(&mut self) {
        let first = self.version == 0;
        if !self.dirty || (!first && self.published.elapsed() < PUBLISH) {
            return;
        }
        self.version += 1;
        self.index.version = self.version;
        let index = Arc::new(self.index.clone());
        let _ = self.to_query.send(query_thread::Ask::Index(index.clone()));
        let _ = self.send.send(Message::Index(index));
        (self.published, self.dirty) = (Instant::now(), false);
    }

    /// Reads what the histories on screen have gained.
    fn read_series(&mut self) {
        let until = Instant::now() + SLICE;
        for &(run, key) in &self.want.series {
            let Some(metric) = self.index.run(run).and_then(|run| run.metric(key)) else { continue };
            let known = self.series.get(&(run, key));
            if known.is_some_and(|series| series.len() as u64 == metric.points && like(series, metric)) {
                continue;
            }
            let mut series = known.cloned().unwrap_or_default();
            match self.store.points(&self.index, run, key, &mut series) {
                Ok(true) => {
                    self.answer(Event::Series(run, key, Arc::new(series.clone())));
                    self.series.insert((run, key), series);
                }
                Ok(false) => {}
                Err(error) => self.answer(Event::SeriesFailed(run, key, error.to_string())),
            }
            if Instant::now() >= until {
                return;
            }
        }
    }

    /// Watches what is on screen and what trains, and reads again what is newly watched.
    fn watch(&mut self) {
        let watching = match self.store.watch(&self.index, &self.want) {
            Watch::Folders(folders) => {
                let new = self.watcher.watch(folders);
                if !new.is_empty() {
                    self.store.changed(&new);
                }
                if self.watcher.has_failed() {
                    Watching::Polling(SWEEP.as_millis() as u64)
                } else {
                    Watching::Events
                }
            }
            Watch::Every(time) => Watching::Polling(time.as_millis() as u64),
        };
        if std::mem::replace(&mut self.watching, watching) != watching {
            self.answer(Event::Watching(watching));
        }
    }
}

/// Whether a history ends where the index says that it does.
fn like(series: &Series, metric: &crate::index::Metric) -> bool {
    series.last().is_some_and(|last| {
        (last.step, last.timestamp, last.value.to_bits())
            == (metric.last.step, metric.last.timestamp, metric.last.value.to_bits())
    })
}
