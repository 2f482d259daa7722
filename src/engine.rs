//! Starts the threads, owns the channels, runs the loop. The only place that spawns or reads a clock.
//!
//! ```text
//! keys, signals ─┐
//! query thread ──┤→ wait for one event, take all that have arrived, update the app, draw once
//! store thread ──┘
//! ```

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::Builder;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ratatui::layout::Rect;

use crate::app::{App, Event, Notice, Request};
use crate::index::Index;
use crate::query::{Opened, Query};
use crate::shown::Shown;
use crate::state::file::StateFile;
use crate::store::Store;
use crate::terminal::{self, Input, Screen, Unfit};
use crate::view::{self, theme::Theme};
use busy::Busy;
use on_finish::OnFinish;

mod busy;
#[cfg(feature = "crash-test")]
mod crash_test;
mod follow;
mod histories;
mod keeper;
mod mail;
mod on_finish;
mod pace;
mod processes;
mod query_thread;
mod store_thread;
mod write;

/// What reaches the main loop.
enum Message {
    Input(Input),
    Event(Event),
    /// A new index; the query thread has it, too.
    Index(Arc<Index>),
    /// Panic, for tests.
    #[cfg(feature = "crash-test")]
    Panic,
}

/// How the program is to run.
pub struct Options {
    /// The folder that is the store, so that nothing is written into it.
    pub folder: Option<PathBuf>,
    /// What to call the store in the header.
    pub title: Shown,
    /// What there is to tell at first.
    pub note: Option<Shown>,
    /// The project has another store that holds runs.
    pub has_other: bool,
    /// Draw the first complete picture and end.
    pub once: bool,
    /// Parent runs are open at first.
    pub opened: bool,
    /// Where views, filters and pins are kept; none where nothing is to be kept.
    pub state: Option<StateFile>,
    /// Called before the process ends, however it ends.
    pub at_exit: fn(),
    /// Look at the store so often rather than wait for events.
    pub poll: Option<Duration>,
    /// Silence after which a run that says RUNNING is stale, in milliseconds; `i64::MAX` for never.
    pub stale_after: i64,
    /// Ring the terminal's bell when something has happened to a run.
    pub bell: bool,
    /// A command for the shell to run when a run has ended.
    pub on_finish: Option<String>,
    /// Die in this way, for tests.
    #[cfg(feature = "crash-test")]
    pub crash: Option<String>,
}

/// How it ended.
pub struct Ended {
    /// What was known last.
    pub index: Arc<Index>,
    /// The process' exit code: 0, or 128 and the number of a signal.
    pub code: i32,
    /// The user wants to see the other store.
    pub switches: bool,
    closed: Vec<Receiver<()>>,
}

impl Ended {
    /// Waits until what is worth keeping has been kept, not for long. The terminal should have been given back before.
    pub fn wait(&self) {
        let until = Instant::now() + CLOSING;
        for closed in &self.closed {
            // A file system that does not answer loses the cache, and the last look.
            let _ = closed.recv_timeout(until.saturating_duration_since(Instant::now()));
        }
    }
}

/// Why the program did not start or had to end.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no terminal to draw on.
    #[error("{0}")]
    Unfit(#[from] Unfit),
    /// The system gave no thread.
    #[error("the system gives no thread: {0}")]
    Threads(#[from] std::io::Error),
}

/// Stacks of the threads: small, since stacks count against memory limits.
const STACK: usize = 1 << 20;
/// Frames follow each other at least so far apart, so that a burst of points costs a few frames.
const FRAME: Duration = Duration::from_millis(16);
/// The same after a key: whoever presses one waits for what it does, and a burst of keys still costs few frames.
const ANSWER: Duration = Duration::from_millis(3);
/// What was read is kept for the next start when the program ends, for so long at most.
const CLOSING: Duration = Duration::from_millis(400);
/// Running clocks and ages are redrawn so often.
const CLOCK: Duration = Duration::from_secs(1);

/// Milliseconds since the epoch.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// Shows a store until the user leaves or a signal says so; then gives what was known last. Ends the process itself when
/// the terminal goes.
pub fn run(store: Box<dyn Store>, options: Options) -> Result<Ended, Error> {
    let (send, receive) = mpsc::channel::<Message>();
    let keys = send.clone();
    let screen = terminal::start(move |input| keys.send(Message::Input(input)).is_ok(), options.at_exit)?;
    let (to_query, asked) = mpsc::channel();
    let (to_store, wanted) = mpsc::channel();
    let (to_keeper, settled) = mpsc::channel();
    spawn("query", {
        let send = send.clone();
        move || query_thread::run(&asked, &send)
    })?;
    spawn("keeper", {
        let (send, state) = (send.clone(), options.state.clone());
        move || keeper::run(state.as_ref(), &settled, &send)
    })?;
    let busy = Busy::default();
    let on_finish = options.on_finish.as_deref();
    let on_finish =
        on_finish.map(|command| OnFinish::start(command, options.title.as_str(), &send)).transpose()?;
    let (poll, stale_after) = (options.poll, options.stale_after);
    let follow = store_thread::Follow { poll, stale_after, on_finish, busy: busy.clone() };
    spawn("store", {
        let (send, changes, to_query) = (send.clone(), to_store.clone(), to_query.clone());
        move || store_thread::run(store, follow, &wanted, &changes, &to_query, &send)
    })?;
    let colour = std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
    let theme = Theme::new(colour, terminal::utf8_locale());
    let theme = if colour && terminal::has_256_colours() { theme.with_256_colours() } else { theme };
    let mut app = App::new(options.title.clone());
    app.tick(now());
    app.has_other = options.has_other;
    app.notice = options.note.map(|text| Notice { text, bad: false });
    let main = Main {
        screen,
        app,
        theme,
        to_query,
        to_store,
        to_keeper,
        send,
        index: Arc::default(),
        once: options.once,
        folder: options.folder,
        bell: options.bell,
        busy,
        ending: None,
        switches: false,
    };
    #[cfg(feature = "crash-test")]
    crash_test::arm(options.crash, &main.send)?;
    main.run(&receive, &options.title, options.opened)
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    Builder::new().name(name.to_owned()).stack_size(STACK).spawn(work).map(drop)
}

/// The main loop's own things.
struct Main {
    screen: Screen,
    app: App,
    theme: Theme,
    to_query: Sender<query_thread::Ask>,
    to_store: Sender<store_thread::Ask>,
    to_keeper: Sender<keeper::Ask>,
    send: Sender<Message>,
    index: Arc<Index>,
    once: bool,
    folder: Option<PathBuf>,
    bell: bool,
    /// Whether the store thread waits for the store.
    busy: Busy,
    /// The exit code, when it ends.
    ending: Option<i32>,
    /// It ends for the other store.
    switches: bool,
}

impl Main {
    fn run(mut self, receive: &Receiver<Message>, title: &Shown, opened: bool) -> Result<Ended, Error> {
        // The first frame before anything is read.
        self.draw();
        let _ = self.screen.title(&Shown::own(format!("mltop {title}")));
        let opened = Arc::new(Opened { all: opened, ..Opened::default() });
        let first = Arc::new(Query { now: now(), opened, undecided: true, ..Query::default() });
        self.app.query = first.clone();
        self.request(Request::Query(first));
        let mut drawn = Instant::now();
        let mut dirty = false;
        let mut gap = FRAME;
        while self.ending.is_none() {
            let wait = match (dirty, self.app.shows_time()) {
                (true, _) => gap.saturating_sub(drawn.elapsed()),
                (false, true) => CLOCK.saturating_sub(drawn.elapsed()),
                (false, false) => Duration::from_secs(3600),
            };
            let due =
                self.app.due().map(|due| Duration::from_millis(due.saturating_sub(now()).max(0) as u64));
            let wait = due.map_or(wait, |due| due.min(wait));
            match receive.recv_timeout(wait) {
                Ok(message) => {
                    // All that has arrived by now costs one frame.
                    for message in std::iter::once(message).chain(receive.try_iter().take(10_000)) {
                        match message {
                            // Nothing of it is on screen before its rows are there.
                            Message::Index(_) => {}
                            // They answer a key, or come by themselves ten times a second at most.
                            Message::Event(Event::Rows(_)) => (dirty, gap) = (true, Duration::ZERO),
                            Message::Input(_) => (dirty, gap) = (true, gap.min(ANSWER)),
                            _ => dirty = true,
                        }
                        self.take(message);
                    }
                    self.settle();
                    if !dirty || drawn.elapsed() < gap {
                        continue;
                    }
                }
                // Something may be due, and follows from nothing but the time.
                Err(RecvTimeoutError::Timeout) => {
                    self.app.now = now();
                    self.settle();
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
            self.draw();
            (drawn, dirty, gap) = (Instant::now(), false, FRAME);
            if self.once && self.app.index().progress.complete && self.app.rows.complete {
                break;
            }
        }
        let (send, store_closed) = mpsc::channel();
        let close = store_thread::Ask::Close(Instant::now() + CLOSING, send);
        let store = self.to_store.send(close).map(|()| store_closed);
        let (send, kept) = mpsc::channel();
        let keeper = self.to_keeper.send(keeper::Ask::Close(send)).map(|()| kept);
        let closed = [store.ok(), keeper.ok()].into_iter().flatten().collect();
        Ok(Ended {
            index: self.index,
            code: self.ending.unwrap_or_default(),
            switches: self.switches,
            closed,
        })
    }

    /// Draws a frame. The time is taken here, and only whole seconds of it are on screen.
    fn draw(&mut self) {
        self.app.tick(now());
        self.app.waits_since = self.busy.since(self.app.clock);
        let (app, theme) = (&mut self.app, &self.theme);
        let mut requests = Vec::new();
        let drawn = self.screen.draw(|frame| {
            let area: Rect = frame.area();
            if app.size != (area.width, area.height) {
                requests = app.update(Event::Size(area.width, area.height));
            }
            view::draw(app, area, frame.buffer_mut(), theme);
        });
        if drawn.is_err() {
            terminal::die(129);
        }
        // A larger screen wants more read.
        requests.into_iter().for_each(|request| self.request(request));
    }

    fn take(&mut self, message: Message) {
        let event = match message {
            Message::Index(index) => {
                self.index = index;
                return;
            }
            #[cfg(feature = "crash-test")]
            Message::Panic => crash_test::panic(),
            Message::Event(event) => {
                if self.bell && matches!(event, Event::News(_)) && self.screen.bell().is_err() {
                    terminal::die(129);
                }
                event
            }
            Message::Input(input) => match input {
                Input::Key(key) => Event::Key(key),
                Input::Mouse(mouse) => Event::Mouse(mouse),
                Input::Paste(text) => Event::Paste(text),
                Input::Resize => return,
                Input::Suspend => return self.suspend(),
                Input::Resume => {
                    if self.screen.resume().is_err() {
                        terminal::die(129);
                    }
                    return;
                }
                Input::Quit(code) => return self.ending = Some(code),
                Input::Gone => terminal::die(129),
            },
        };
        self.app.tick(now());
        let mut requests = Vec::new();
        self.app.take(event, &mut requests);
        requests.into_iter().for_each(|request| self.request(request));
    }

    /// After all that has arrived was taken in: what follows from it, once.
    fn settle(&mut self) {
        let mut requests = Vec::new();
        self.app.settle_and_want(&mut requests);
        requests.into_iter().for_each(|request| self.request(request));
    }

    fn suspend(&mut self) {
        if self.screen.suspend().is_err() {
            terminal::die(129);
        }
    }

    fn request(&mut self, request: Request) {
        use store_thread::Ask;
        let asked = match request {
            Request::Query(query) => return drop(self.to_query.send(query_thread::Ask::Query(query))),
            Request::Columns(query) => return drop(self.to_query.send(query_thread::Ask::Columns(query))),
            Request::Complete(asked) => return drop(self.to_query.send(query_thread::Ask::Complete(asked))),
            Request::Keep(edit) => return drop(self.to_keeper.send(keeper::Ask::Keep(Box::new(edit)))),
            Request::Freeze(freeze) => return drop(self.to_query.send(query_thread::Ask::Freeze(freeze))),
            Request::Want(want) => Ask::Want(want),
            Request::Listing(run, path) => Ask::Listing(run, path),
            Request::Preview(run, path) => Ask::Preview(run, path),
            Request::Inputs(run) => Ask::Inputs(run),
            Request::Rescan => Ask::Rescan,
            Request::Copy(text) => return self.copy(&text),
            Request::Export(export) => return self.export(export),
            Request::Suspend => return self.suspend(),
            Request::OtherStore => {
                (self.switches, self.ending) = (true, Some(0));
                return;
            }
            Request::Quit => return self.ending = Some(0),
        };
        let _ = self.to_store.send(asked); // a store thread that has ended has said why
    }

    fn copy(&mut self, text: &Shown) {
        match self.screen.copy(text) {
            Ok(true) => {}
            Ok(false) => {
                self.app.notice = Some(notice("this terminal takes no copies, or the text is too long"))
            }
            Err(_) => terminal::die(129),
        }
    }

    /// Files are written by a thread of their own: a disk may be slow or full.
    fn export(&mut self, export: crate::app::Export) {
        let send = self.send.clone();
        let folder = self.folder.clone();
        let spawned = spawn("export", move || {
            let notice = write::write(&export, folder.as_deref());
            let _ = send.send(Message::Event(Event::Notice(notice)));
        });
        if spawned.is_err() {
            self.app.notice = Some(notice("the system gives no thread to write with"));
        }
    }
}

fn notice(text: &str) -> Notice {
    Notice { text: Shown::own(text), bad: true }
}
