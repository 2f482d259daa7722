//! Runs behind an MLflow tracking server.
//!
//! ```text
//! store thread: what is on screen ─▶ choose the next question ─▶ two request threads ─▶ answers, packed ─▶ index
//! ```
//!
//! Nothing here waits for the server: [`Store::refresh`] takes what has arrived, and sends the next questions on their
//! way when there is time (`pacing`). In this order: what somebody waits for (`wishes`, charts), the experiments, the runs
//! page by page (`groups`), sparklines, then looks at what may have changed (`rounds`).

use std::path::PathBuf;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use rustc_hash::{FxHashMap, FxHashSet};

use self::ask::Question;
use self::catalog::Catalog;
use self::client::Client;
use self::failure::Failure;
use self::groups::Groups;
use self::histories::{Errand as Past, Histories};
use self::lanes::{Lanes, Ticket};
use self::pacing::Pace;
use self::paging::Paging;
use self::problems::Problems;
use self::rounds::{Round, Rounds};
use self::settings::Settings;
use self::wishes::{Granted, Wish, Wishes};
use super::files::interner::Interner;
use super::{Error, Inputs, Listing, Preview, Reading, Refreshed, Store, Wake, Want, Watch};
use crate::index::{Access, Dialect, Index, Key, Progress, RunKey, Text};
use crate::series::{Samples, Series};
use crate::shown::shown;

pub mod address;
mod answers;
mod arrivals;
mod ask;
mod catalog;
pub mod client;
pub mod failure;
mod groups;
mod histories;
mod lanes;
mod lenient;
mod pacing;
mod paging;
mod problems;
mod rounds;
pub mod secret;
pub mod settings;
mod wishes;

pub use address::Address;

/// Failures in a row after which a command that prints ends.
const PATIENCE: u32 = 3;
/// Failures in a row that are not told, when they pass at once.
const BLINK: Duration = Duration::from_secs(2);
/// Runs that are known at most.
const RUNS: usize = 2_000_000;

/// A text without user and password of any URI in it.
pub fn masked(uri: &str) -> String {
    let (scheme, rest) = uri.split_once("://").map_or(("", uri), |(scheme, rest)| (scheme, rest));
    let rest = rest.rsplit_once('@').map_or(rest.to_owned(), |(_, host)| format!("***@{host}"));
    let text = if scheme.is_empty() { rest } else { format!("{scheme}://{rest}") };
    shown(&text).into_string()
}

/// What a question on its way is for.
#[derive(Clone, Debug, PartialEq)]
enum Errand {
    /// The list of experiments.
    Experiments,
    /// The front group.
    Group,
    /// Looking again.
    Round(Round),
    /// One run of which more is to be known.
    Single(RunKey),
    /// The only run that is read.
    Only,
    /// Histories.
    Past(Past),
    /// Something that somebody waits for.
    Wish(Wish),
}

/// The list of experiments, as far as it has been read.
#[derive(Debug, Default)]
struct Listed {
    /// By the call of servers before 1.28.
    old: bool,
    paging: Paging,
    seen: FxHashSet<Text>,
    in_flight: bool,
    /// It has been read once.
    once: bool,
    /// It is to be read.
    due: bool,
}

/// The runs behind a tracking server.
pub struct RestStore {
    title: String,
    keys: Arc<Interner>,
    lanes: Lanes,
    pace: Pace,
    flying: FxHashMap<Ticket, Errand>,
    listed: Listed,
    catalog: Catalog,
    groups: Groups,
    rounds: Rounds,
    histories: Histories,
    wishes: Wishes,
    /// Runs that are to be asked for one by one.
    single: Vec<RunKey>,
    problems: Problems,
    want: Want,
    /// Where runs were started last is known.
    decided: bool,
    /// A connection ended without an answer, and was not told.
    blinked: bool,
    /// Only this run is read, by its id.
    only: Option<String>,
    narrowed: bool,
    /// Somebody looks at a screen: there is time to wait for a server that comes back.
    live: bool,
}

impl RestStore {
    /// The store behind an address, reached as the environment says. Nothing is asked yet.
    ///
    /// # Errors
    ///
    /// A sentence about a setting that cannot be used.
    pub fn open(uri: &str) -> Result<Self, Error> {
        let address = Address::parse(uri).map_err(Error)?;
        let env = |name: &str| std::env::var(name).ok();
        let settings = Settings::read(&address, &env, std::env::home_dir().as_deref())?;
        Ok(Self::with(address, settings))
    }

    /// The store behind an address.
    pub fn with(address: Address, settings: Settings) -> Self {
        let keys = Arc::new(Interner::default());
        let title = address.title();
        Self {
            title,
            lanes: Lanes::new(Client::new(address, settings), keys.clone()),
            keys,
            pace: Pace::default(),
            flying: FxHashMap::default(),
            listed: Listed { due: true, ..Listed::default() },
            catalog: Catalog::default(),
            groups: Groups::default(),
            rounds: Rounds::default(),
            histories: Histories::default(),
            wishes: Wishes::default(),
            single: Vec::new(),
            problems: Problems::default(),
            want: Want::default(),
            decided: false,
            blinked: false,
            only: None,
            narrowed: false,
            live: false,
        }
    }

    /// Sends questions on their way, as many as may be.
    fn send(&mut self, index: &Index, now: Instant) {
        while self.lanes.in_flight() < self.pace.lanes() && self.pace.pause(now) == Some(Duration::ZERO) {
            let Some((errand, question)) = self.choose(index, now) else { return };
            let Some(ticket) = self.lanes.ask(question) else { return };
            self.flying.insert(ticket, errand);
        }
    }

    /// The next question.
    fn choose(&mut self, index: &Index, now: Instant) -> Option<(Errand, Question)> {
        // Whether a server that failed is well again is seen by what every server can answer.
        if self.pace.trouble().is_some() {
            return self.list_experiments();
        }
        if let Some((wish, question)) = self.wishes.question(index) {
            return Some((Errand::Wish(wish), question));
        }
        if self.listed.due
            && let Some(question) = self.list_experiments()
        {
            return Some(question);
        }
        if let Some(run_id) = self.only.clone().filter(|_| !self.flying.values().any(|e| *e == Errand::Only))
        {
            return Some((Errand::Only, Question::Run(run_id)));
        }
        // One of the two threads is left for whoever presses a key.
        let charts = self.want.charts;
        let past = |store: &mut Self, most: usize| {
            let wanted = store.want.series.get(..most).unwrap_or(&store.want.series);
            let question = store.histories.question(index, wanted, charts);
            question.map(|(past, question)| (Errand::Past(past), question))
        };
        if charts > 0
            && let Some(question) = past(self, charts)
        {
            return Some(question);
        }
        if let Some(question) = self.next_group(now) {
            return Some(question);
        }
        if let Some(question) = past(self, usize::MAX) {
            return Some(question);
        }
        if let Some(key) = self.single.pop()
            && let Some(run) = index.run(key)
        {
            return Some((Errand::Single(key), Question::Run(run.run_id().to_owned())));
        }
        self.next_round(index, now)
    }

    fn list_experiments(&mut self) -> Option<(Errand, Question)> {
        if self.listed.in_flight {
            return None;
        }
        self.listed.in_flight = true;
        let token = self.listed.paging.token.clone();
        Some((Errand::Experiments, Question::Experiments { token, old: self.listed.old }))
    }

    fn next_group(&mut self, now: Instant) -> Option<(Errand, Question)> {
        let question = self.groups.due(now)?.question();
        self.groups.in_flight = true;
        Some((Errand::Group, question))
    }

    fn next_round(&mut self, index: &Index, now: Instant) -> Option<(Errand, Question)> {
        if !self.live {
            return None; // what was printed is not looked at again
        }
        while let Some(round) = self.rounds.due(now) {
            self.rounds.done(round, now, self.trains(index));
            if round == Round::Experiments {
                self.listed.due = true;
                return self.list_experiments();
            }
            if let Some(question) = self.rounds.question(round, index, &self.want, &mut self.single) {
                return Some((Errand::Round(round), question));
            }
        }
        None
    }

    /// Whether something on screen trains.
    fn trains(&self, index: &Index) -> bool {
        let shown = self.want.open.iter().chain(&self.want.visible);
        shown.filter_map(|key| index.run(*key)).any(|run| run.is_running())
    }

    /// The experiment on screen, or the one to begin with.
    fn shown_id(&self, index: &Index) -> Option<Text> {
        let key = self.want.experiment.or(index.latest)?;
        index.experiment(key).map(|experiment| experiment.experiment_id.clone())
    }

    fn prefer_shown(&mut self, index: &Index) {
        if self.decided
            && let Some(id) = self.shown_id(index)
        {
            self.groups.prefer(&id);
        }
    }

    /// What a command that prints, and has no time, says about a server that does not answer.
    fn hopeless(&mut self) -> Option<Error> {
        if self.live {
            return None;
        }
        let trouble = self.pace.trouble()?;
        let is_clear = match &trouble.why {
            Failure::Slow(_)
            | Failure::Busy { .. }
            | Failure::Broken { .. }
            | Failure::Cut
            | Failure::Damaged(_) => trouble.failures >= PATIENCE,
            _ => true,
        };
        if !is_clear {
            return None;
        }
        let why = format!("{}: {}", self.title, trouble.why);
        self.wishes.give_up(&why);
        self.histories.give_up(&why);
        Some(Error(why))
    }

    fn access(&self, now: Instant) -> Access {
        let Some(trouble) = self.pace.trouble() else { return Access::Open };
        if self.pace.is_stopped() {
            return Access::Stopped;
        }
        let silent = now.saturating_duration_since(trouble.since);
        if trouble.failures < 2 && silent < BLINK {
            return Access::Open;
        }
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Access::Offline { since: since.saturating_sub(silent).as_millis() as i64 }
    }

    fn progress(&self, index: &Index) -> Progress {
        let known = index.runs().count();
        let complete = self.listed.once && self.groups.is_empty() && self.only.is_none() && !self.listed.due;
        Progress { done: known, total: known, complete, listed: self.decided || complete, verifying: false }
    }

    /// When something has to be done though nothing arrives.
    fn later(&self, now: Instant) -> Option<Duration> {
        let pause = self.pace.pause(now)?;
        if self.pace.trouble().is_some() {
            return Some(pause.max(Duration::from_millis(1)));
        }
        let wakes = [self.groups.wake(now), self.rounds.wake().filter(|_| self.live)];
        let next = wakes.into_iter().flatten().min()?;
        Some(next.saturating_duration_since(now).max(Duration::from_millis(1)))
    }
}

impl Store for RestStore {
    fn refresh(&mut self, index: &mut Index, want: &Want, until: Instant) -> Result<Refreshed, Error> {
        if self.want != *want {
            self.want = want.clone();
            self.histories.keep(&want.series);
        }
        // Nearly all servers stand on a database; MLflow 3 keeps NaN apart from 0.
        index.dialect = Dialect::Sql { nan_is_zero: false };
        self.prefer_shown(index);
        let (mut changed, mut urgent, mut more) = (false, false, false);
        let now = Instant::now();
        while let Some(arrival) = self.lanes.next() {
            let (is_new, is_awaited) = self.take(index, arrival, now);
            (changed, urgent) = (changed | is_new, urgent | is_awaited);
            if Instant::now() >= until {
                more = true;
                break;
            }
        }
        self.send(index, now);
        if let Some(error) = self.hopeless() {
            return Err(error);
        }
        changed |= self.keys.publish(&mut index.keys);
        changed |= self.problems.publish(index);
        let (progress, access) = (self.progress(index), self.access(now));
        changed |= progress != index.progress || access != index.access;
        (index.progress, index.access) = (progress, access);
        let later = self.later(now);
        let waits = self.lanes.in_flight() > 0 || (!progress.complete && later.is_some());
        Ok(Refreshed { changed, urgent, more, waits, later })
    }

    fn changed(&mut self, _index: &Index, _paths: &[PathBuf]) {}

    fn rescan(&mut self) {
        self.pace.resume();
        self.listed.due = true;
        self.groups.forget();
        self.rounds.plain = false;
    }

    fn sweep(&mut self, _index: &Index, _want: &Want) {}

    fn watch(&self, _index: &Index, _want: &Want) -> Watch {
        Watch::Every(self.rounds.often())
    }

    fn narrow(&mut self, run_id: &str) -> bool {
        let is_id = run_id.len() == 32 && run_id.bytes().all(|byte| byte.is_ascii_hexdigit());
        (self.only, self.narrowed) = (is_id.then(|| run_id.to_owned()), is_id);
        is_id
    }

    fn look_every(&mut self, often: Duration) {
        self.rounds.set_often(often);
    }

    fn on_arrival(&mut self, wake: Wake) {
        self.live = true;
        self.lanes.on_arrival(wake);
    }

    fn wait(&mut self, until: Instant) {
        let now = Instant::now();
        let until = self.later(now).map_or(until, |later| until.min(now + later));
        self.lanes.wait(until);
    }

    fn points(
        &mut self,
        index: &Index,
        run: RunKey,
        metric: Key,
        series: &mut Series,
        _until: Instant,
    ) -> Result<Poll<Reading>, Error> {
        self.histories.points(index, (run, metric), series)
    }

    fn sample(&mut self, index: &Index, run: RunKey, metric: Key) -> Result<Poll<Option<Samples>>, Error> {
        Ok(self.histories.sample(index, (run, metric)))
    }

    fn curve(&mut self, _index: &Index, run: RunKey, metric: Key) -> Poll<Option<Samples>> {
        self.histories.curve((run, metric))
    }

    fn artifact_root(&self, _index: &Index, _run: RunKey) -> Result<PathBuf, String> {
        Err("they are reached through the server".to_owned())
    }

    fn artifacts(&mut self, _index: &Index, run: RunKey, path: &str) -> Poll<Listing> {
        match self.wishes.take(Wish::Listing(run, path.to_owned())) {
            Some(Granted::Listing(listing)) => Poll::Ready(listing),
            _ => Poll::Pending,
        }
    }

    fn preview(
        &mut self,
        _index: &Index,
        run: RunKey,
        path: &str,
        limit: usize,
    ) -> Poll<Result<Preview, Error>> {
        match self.wishes.take(Wish::Preview(run, path.to_owned(), limit)) {
            Some(Granted::Preview(preview)) => Poll::Ready(preview),
            _ => Poll::Pending,
        }
    }

    fn inputs(&mut self, _index: &Index, run: RunKey) -> Poll<Inputs> {
        match self.wishes.take(Wish::Inputs(run)) {
            Some(Granted::Inputs(inputs)) => Poll::Ready(inputs),
            _ => Poll::Pending,
        }
    }
}
