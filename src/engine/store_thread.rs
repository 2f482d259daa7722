//! The thread that a store lives on: reads in slices, serves requests in between, publishes what it knows.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::task::Poll;
use std::time::{Duration, Instant};

use super::follow::Follower;
use super::histories::Histories;
use super::mail::Mail;
use super::on_finish::OnFinish;
use super::pace::Pace;
use super::{Busy, Message, notice, now, query_thread};
use crate::app::Event;
use crate::app::news::News;
use crate::index::{Index, RunKey};
use crate::store::beyond::Filler;
use crate::store::{Refreshed, Store, Want, Watch, Watching};
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
    /// The program ends: keep what is worth it, until then at most, and answer.
    Close(Instant, Sender<()>),
    /// Changes were announced; they are in the mail.
    Announced,
    /// Something has come that the store had asked for.
    Arrived,
}

/// One slice of reading.
const SLICE: Duration = Duration::from_millis(5);
/// The index is published at most so often while the store is being read, whose readers need the processors; when much
/// happens, and in large stores, where each version costs a query of some milliseconds; and when little happens.
const PUBLISH_READING: Duration = Duration::from_millis(150);
const PUBLISH: Duration = Duration::from_millis(100);
const PUBLISH_SOON: Duration = Duration::from_millis(45);
/// More changes than these since the last version are much.
const MUCH: usize = 6;
/// Runs whose ids alone are no first picture, if their states and times follow soon.
const MANY: usize = 1000;
/// Runs of a large store.
const LARGE: usize = 20_000;
/// What depends on the time alone is looked at so often: who has fallen silent, whose events do not come.
const TICK: Duration = Duration::from_secs(1);
/// Bytes of an artifact that are read for showing it.
const PREVIEW: usize = 256 << 10;
/// A picture takes about so long. What is newly watched is looked at after it.
const PICTURE: Duration = Duration::from_millis(10);
/// Watches that could not be set are tried again so often.
const WATCH: Duration = Duration::from_secs(3);
/// After lost events everything is looked at again, at most so often.
const RESCAN: Duration = Duration::from_secs(2);

/// Questions that wait for a store's answer at most; the oldest are of screens that were left long ago.
const WAITING: usize = 64;

/// The store thread's own things.
struct Keeper<'a> {
    store: Box<dyn Store>,
    index: Index,
    want: Want,
    watcher: Watcher,
    mail: Mail,
    histories: Histories,
    /// What is wanted beyond what every run has.
    filler: Filler,
    /// What was asked for and has not arrived.
    waiting: Vec<Ask>,
    /// Events were lost, and when everything was last looked at for that reason.
    lost: bool,
    rescanned: Option<Instant>,
    published: Instant,
    /// Changes that were announced since.
    announced: usize,
    /// Something has changed since the index was published.
    dirty: bool,
    /// Something else is wanted, was published or has arrived: what is watched and what is drawn may have changed.
    fresh: bool,
    /// The same, since what is watched was last decided.
    unwatched: bool,
    /// What is newly watched and has not been looked at since, and when it was last empty.
    unlooked: Vec<PathBuf>,
    none_unlooked: Instant,
    /// When something that is being written has to be looked at again.
    later: Option<Instant>,
    version: u64,
    /// How often the store is looked at, and since the last time: whether something has changed.
    pace: Pace,
    has_changed: bool,
    /// What was told of it last.
    watching: Watching,
    follower: Follower,
    on_finish: Option<OnFinish>,
    busy: Busy,
    to_query: &'a Sender<query_thread::Ask>,
    send: &'a Sender<Message>,
}

/// How a store is followed.
pub struct Follow {
    /// Look so often rather than wait for events.
    pub poll: Option<Duration>,
    /// Silence after which a run is stale, milliseconds.
    pub stale_after: i64,
    /// What is done when a run ends.
    pub on_finish: Option<OnFinish>,
    /// Where others see that this thread waits for the store.
    pub busy: Busy,
}

/// Runs until nobody listens any more.
pub fn run(
    mut store: Box<dyn Store>,
    follow: Follow,
    asked: &Receiver<Ask>,
    changes: &Sender<Ask>,
    to_query: &Sender<query_thread::Ask>,
    send: &Sender<Message>,
) {
    let (changes, arrivals) = (changes.clone(), changes.clone());
    store.on_arrival(Box::new(move || {
        let _ = arrivals.send(Ask::Arrived); // nobody listens any more: the program ends
    }));
    let mail = Mail::default();
    let posted = mail.clone();
    let watcher = match follow.poll {
        Some(_) => Watcher::off(),
        None => Watcher::new(move |change| {
            if posted.post(change) {
                let _ = changes.send(Ask::Announced); // nobody listens any more: the program ends
            }
        }),
    };
    let keeper = Keeper {
        store,
        index: Index::default(),
        want: Want::default(),
        watcher,
        mail,
        histories: Histories::default(),
        filler: Filler::default(),
        waiting: Vec::new(),
        lost: false,
        rescanned: None,
        published: Instant::now(),
        announced: 0,
        dirty: false,
        fresh: true,
        unwatched: true,
        unlooked: Vec::new(),
        none_unlooked: Instant::now(),
        later: None,
        version: 0,
        pace: Pace::new(follow.poll),
        has_changed: false,
        watching: Watching::Not,
        follower: Follower::new(follow.stale_after),
        on_finish: follow.on_finish,
        busy: follow.busy,
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
        let (mut swept, mut ticked, mut watched) = (Instant::now(), Instant::now(), Instant::now());
        let mut more = true;
        loop {
            self.busy.wait_for(self.store.waits_since());
            let wait = if more { Duration::ZERO } else { self.wait(swept, ticked) };
            let first = match asked.recv_timeout(wait) {
                Ok(ask) => Some(ask),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            self.busy.wait_for(Some(self.store.waits_since().unwrap_or_else(Instant::now)));
            for ask in first.into_iter().chain(asked.try_iter()) {
                self.serve(ask);
            }
            self.open_mail();
            self.rescan_if_lost();
            let was_complete = self.index.progress.complete;
            let state = self.refresh();
            // What is on screen or being read comes first; what it was read of has to be there.
            let beyond = if state.urgent { Refreshed::default() } else { self.fill() };
            // What has arrived is taken in by now.
            for ask in std::mem::take(&mut self.waiting) {
                self.serve(ask);
            }
            let completes = self.index.progress.complete && !was_complete;
            // Watched before it is called complete: whoever sees that may rely on it from then on.
            if completes {
                self.watch();
            }
            self.publish(state.urgent | beyond.urgent | completes);
            // A point that has come is drawn with the next version; each by itself would cost as much as a version.
            let is_fresh = std::mem::take(&mut self.fresh);
            let has_series = self.histories.look_again(is_fresh, state.more) && self.read_series();
            more = state.more | beyond.more | has_series;
            // Also while a large store is being read: what trains on screen does not wait for the rest.
            let is_time = swept.elapsed() >= self.pace.interval();
            self.unwatched |= is_fresh;
            // While much is read with each version, so that little is left to be watched when all has been read.
            let again = if self.unwatched { self.gap() } else { WATCH };
            let is_due = watched.elapsed() >= again || (self.unwatched && !state.more);
            if self.index.progress.listed && is_due {
                (self.unwatched, watched) = (false, Instant::now());
                self.watch();
            }
            more |= self.look_at_watched();
            if ticked.elapsed() >= TICK {
                self.tick();
                ticked = Instant::now();
            }
            if is_time && self.index.progress.listed {
                self.store.sweep(&self.index, &self.want);
                let trains = !self.index.pulses.of.is_empty();
                self.pace.next(self.watcher.why(), std::mem::take(&mut self.has_changed), trains);
                swept = Instant::now();
                more = true;
            }
        }
    }

    fn refresh(&mut self) -> Refreshed {
        let state = match self.store.refresh(&mut self.index, &self.want, Instant::now() + SLICE) {
            Ok(state) => state,
            Err(error) => {
                self.tell(&error.to_string());
                Refreshed::default()
            }
        };
        self.dirty |= state.changed;
        self.has_changed |= state.changed;
        self.later = state.later.map(|wait| Instant::now() + wait);
        state
    }

    /// Reads some of what is wanted beyond what every run has.
    fn fill(&mut self) -> Refreshed {
        let Self { filler, store, index, want, .. } = self;
        let state = filler.fill(store.as_mut(), index, want, Instant::now() + SLICE);
        let state = state.unwrap_or_else(|error| {
            self.tell(&error.to_string());
            Refreshed::default()
        });
        self.dirty |= state.changed;
        state
    }

    /// How long to wait for somebody to ask.
    fn wait(&self, swept: Instant, ticked: Instant) -> Duration {
        let mut wait = TICK.saturating_sub(ticked.elapsed());
        // What has not been listed is not swept, and waits for its store: a server that is down may never be.
        if self.index.progress.listed {
            wait = wait.min(self.pace.interval().saturating_sub(swept.elapsed()));
        }
        if let Some(later) = self.later {
            wait = wait.min(later.saturating_duration_since(Instant::now()));
        }
        if !self.unlooked.is_empty() {
            wait = wait.min(PICTURE.saturating_sub(self.published.elapsed()));
        }
        if self.dirty || self.mail.len() > 0 {
            wait = wait.min(self.gap().saturating_sub(self.published.elapsed()));
        }
        wait
    }

    /// Looks at what was announced, as soon as it could be shown: earlier it would be read more often than it is seen.
    fn open_mail(&mut self) {
        if self.published.elapsed() < self.gap() && !self.mail.is_full() {
            return;
        }
        let mut changed = Vec::new();
        for change in self.mail.take() {
            match change {
                Change::Lost => self.lost = true,
                Change::Paths(paths) => changed.extend(paths),
                Change::Gone(paths) => {
                    paths.iter().for_each(|path| self.watcher.forget(path));
                    changed.extend(paths);
                    self.fresh = true;
                }
            }
        }
        if changed.is_empty() {
            return;
        }
        self.announced += changed.len();
        self.watcher.heard(&changed);
        // A point is announced when it is written and when its file is closed.
        changed.sort_unstable();
        changed.dedup();
        self.store.changed(&self.index, &changed);
    }

    /// What depends on the time alone.
    fn tick(&mut self) {
        let found = self.store.found_by_looking(&self.index);
        self.watcher.found(found);
        let (news, has_new) = self.follower.tick(&self.index, now());
        self.dirty |= has_new;
        self.tell_news(news);
    }

    fn tell_news(&self, news: Vec<News>) {
        if news.is_empty() {
            return;
        }
        if let Some(on_finish) = &self.on_finish {
            on_finish.tell(&self.index, &news);
        }
        self.answer(Event::News(news));
    }

    fn rescan_if_lost(&mut self) {
        if self.lost && self.rescanned.is_none_or(|at| at.elapsed() >= RESCAN) {
            (self.lost, self.rescanned) = (false, Some(Instant::now()));
            self.store.rescan();
        }
    }

    fn serve(&mut self, ask: Ask) {
        self.fresh |= !matches!(ask, Ask::Announced);
        match ask {
            Ask::Want(want) => {
                self.histories.want(&want);
                self.want = want;
            }
            Ask::Listing(run, path) => match self.store.artifacts(&self.index, run, &path) {
                Poll::Ready(listing) => self.answer(Event::Listing(run, path, listing)),
                Poll::Pending => self.wait_for(Ask::Listing(run, path)),
            },
            Ask::Preview(run, path) => match self.store.preview(&self.index, run, &path, PREVIEW) {
                Poll::Ready(preview) => {
                    self.answer(Event::Preview(run, path, preview.map_err(|error| error.to_string())));
                }
                Poll::Pending => self.wait_for(Ask::Preview(run, path)),
            },
            Ask::Inputs(run) => match self.store.inputs(&self.index, run) {
                Poll::Ready(inputs) => self.answer(Event::Inputs(run, inputs)),
                Poll::Pending => self.wait_for(Ask::Inputs(run)),
            },
            // The next refresh takes it; the mail is opened when it is time.
            Ask::Arrived | Ask::Announced => {}
            Ask::Rescan => self.store.rescan(),
            Ask::Close(until, done) => {
                self.store.close(&self.index, until);
                let _ = done.send(()); // who asked has waited long enough
            }
        }
    }

    /// Asks again when something has arrived.
    fn wait_for(&mut self, ask: Ask) {
        if self.waiting.len() >= WAITING {
            self.waiting.remove(0);
        }
        self.waiting.push(ask);
    }

    fn answer(&self, event: Event) {
        let _ = self.send.send(Message::Event(event)); // the main loop has ended: so will this
    }

    fn tell(&self, text: &str) {
        self.answer(Event::Notice(notice(text)));
    }

    /// How long after a version the next one may follow.
    fn gap(&self) -> Duration {
        if !self.index.progress.complete {
            return PUBLISH_READING;
        }
        let is_calm = self.announced + self.mail.len() <= MUCH && self.index.runs.len() < LARGE;
        if is_calm { PUBLISH_SOON } else { PUBLISH }
    }

    /// Publishes the index when it has changed, at most as often as [`gap`](Self::gap) says; at once when somebody waits
    /// for it, when everything has been read, and the first time, unless the query would hold up those who read what is
    /// really waited for.
    fn publish(&mut self, urgent: bool) {
        let first = self.version == 0 && self.index.runs.len() < MANY;
        if !self.dirty || (!first && !urgent && self.published.elapsed() < self.gap()) {
            return;
        }
        let news = self.follower.look(&self.index, now());
        self.follower.publish(&mut self.index);
        self.version += 1;
        self.index.version = self.version;
        let index = Arc::new(self.index.clone());
        self.follower.published(&index);
        let _ = self.to_query.send(query_thread::Ask::Index(index.clone()));
        let _ = self.send.send(Message::Index(index));
        (self.published, self.dirty, self.announced) = (Instant::now(), false, 0);
        self.fresh = true;
        self.tell_news(news);
    }

    /// Reads what the histories on screen have gained; says whether some are left.
    fn read_series(&mut self) -> bool {
        let Self { histories, store, index, want, send, .. } = self;
        let mut tell = |event| {
            let _ = send.send(Message::Event(event)); // the main loop has ended: so will this
        };
        histories.read(store.as_mut(), index, want, Instant::now() + SLICE, &mut tell)
    }

    /// Watches what is on screen and what trains.
    fn watch(&mut self) {
        let watch = self.store.watch(&self.index, &self.want);
        self.pace.of_store(if let Watch::Every(time) = watch { Some(time) } else { None });
        let interval = self.pace.interval();
        let polling = |why| Watching::Polling(interval.as_millis() as u64, why);
        let watching = match watch {
            Watch::Folders(folders) => {
                self.unlooked.extend(self.watcher.watch(folders));
                match self.watcher.why() {
                    None => Watching::Events,
                    why => polling(why),
                }
            }
            // Whoever looks several times a second tells what happens as it happens.
            Watch::Every(_) if interval < TICK => Watching::Events,
            Watch::Every(_) => polling(None),
        };
        if std::mem::replace(&mut self.watching, watching) != watching {
            self.store.noticed_by(watching);
            self.answer(Event::Watching(watching));
        }
    }

    /// Has what is newly watched read again: what happened before the watch was there is told by nobody. Says whether there
    /// is something to read.
    fn look_at_watched(&mut self) -> bool {
        // While everything is read for the first time, that comes first for a while.
        let is_time = if self.index.progress.complete {
            self.published.elapsed() >= PICTURE
        } else {
            self.none_unlooked.elapsed() >= TICK
        };
        if self.unlooked.is_empty() || is_time {
            self.none_unlooked = Instant::now();
        }
        if self.unlooked.is_empty() || !is_time {
            return false;
        }
        self.store.changed(&self.index, &std::mem::take(&mut self.unlooked));
        true
    }
}
