//! The SQLite store: `mlflow.db`, as MLflow 1.0 to 3.x writes it.
//!
//! A reader of a database can stop the training that writes to it: as long as a statement runs, nobody can commit. So
//! every statement here is short, its rows are copied out, and nothing is held in between. The database is read once by
//! a thread of its own (`load`); afterwards only what was added is read, and what may have changed in place
//! (`follow`). What somebody looks at is read at once, by index.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use hashbrown::HashTable;
use rustc_hash::FxHashMap;

use self::follow::Followed;
use self::load::{Found, Load};
use self::open::Fault;
use self::points::Cursor;
use self::rows::Reader;
use self::sums::Summed;
use super::files::interner::Interner;
use super::files::problems::{Ledger, Look, Owner, Report};
use super::{Error, Inputs, Reading, Refreshed, Store, Want, Watch};
use crate::index::{
    Access, Dialect, Draft, ExperimentKey, Index, Key, Lifecycle, Parts, Progress, RunKey, Summary,
};
use crate::series::{Samples, Series};
use crate::shown::shown;

mod apply;
mod copied;
mod experiments;
mod follow;
mod inputs;
mod load;
mod open;
mod place;
mod points;
mod rows;
mod schema;
mod sums;
mod text;

/// Rows that are read whole before anybody has said which are on screen: a screenful of the latest.
const SCREENFUL: usize = 64;
/// The files are looked at so often.
const LOOK: Duration = Duration::from_millis(200);
/// A locked database is tried again so often.
const AGAIN: Duration = Duration::from_millis(50);

/// What is remembered of a run.
#[derive(Clone, Copy, Debug, Default)]
struct Kept {
    /// Its row in `runs`.
    rowid: i64,
    /// The load that met its head last.
    generation: u32,
    /// The load that the next is about.
    filled: u32,
    /// Which tables that load has brought values of, a bit for each; and whether they were read all at once.
    touched: u8,
    /// It has too many points to be counted.
    is_large: bool,
}

impl Kept {
    const WHOLE: u8 = 8;
    const ALL: u8 = 7 | Self::WHOLE;

    /// Whether it was read whole since a load began.
    fn is_whole(&self, generation: u32) -> bool {
        self.filled == generation && self.touched & Self::WHOLE != 0
    }

    /// Begins a load's account when it is the first that is heard of it; says whether there is an account.
    fn begin(&mut self, generation: u32, counts: bool) -> bool {
        if counts && self.filled != generation {
            (self.filled, self.touched) = (generation, 0);
        }
        counts
    }
}

/// A database of MLflow's.
pub struct SqliteStore {
    path: PathBuf,
    keys: Arc<Interner>,
    /// None while the database cannot be opened.
    reader: Option<Reader>,
    /// The reading of everything, while it lasts; and which one it is.
    load: Option<Load>,
    generation: u32,
    /// How far it is, in thousandths.
    share: u16,
    listed: bool,
    experiments: FxHashMap<Box<str>, ExperimentKey>,
    /// An experiment was met that is not known yet.
    unnamed: bool,
    runs: HashTable<RunKey>,
    kept: Vec<Kept>,
    running: BTreeSet<RunKey>,
    draft: Draft,
    want: Want,
    /// Runs that somebody waits for, to be read by index.
    urgent: VecDeque<RunKey>,
    followed: Followed,
    /// How far histories have been read.
    cursors: FxHashMap<(RunKey, Key), Cursor>,
    ledger: Ledger,
    /// When it is tried again, after a writer held it.
    again: Option<Instant>,
    /// Everything has to be read again.
    anew: bool,
    /// Counts what has changed in the index.
    changes: u64,
    /// Counts histories that were begun.
    tokens: u64,
    summed: Option<Summed>,
}

/// Whether a database holds any run. What cannot be read holds none.
pub fn holds_runs(path: &Path) -> bool {
    let Ok(database) = path.canonicalize().map_err(Fault::from).and_then(|path| open::Database::open(&path))
    else {
        return false;
    };
    let asked =
        database.now().query_row("SELECT EXISTS (SELECT 1 FROM runs)", [], |row| row.get::<_, bool>(0));
    asked.unwrap_or(false)
}

impl SqliteStore {
    /// Opens a database. One that a writer holds just now is opened later.
    pub fn open(file: &Path) -> Result<Self, Error> {
        let fail = |fault: Fault| Error(format!("{} {fault}", shown(&file.to_string_lossy())));
        let path = file.canonicalize().map_err(|error| fail(error.into()))?;
        let keys = Arc::new(Interner::default());
        let reader = match Reader::open(&path, None, keys.clone()) {
            Ok(reader) => Some(reader),
            Err(Fault::Busy) => None,
            Err(fault) => return Err(fail(fault)),
        };
        Ok(Self {
            path,
            keys,
            reader,
            load: None,
            generation: 0,
            share: 0,
            listed: false,
            experiments: FxHashMap::default(),
            unnamed: false,
            runs: HashTable::new(),
            kept: Vec::new(),
            running: BTreeSet::new(),
            draft: Draft::new(RunKey(0), ExperimentKey(0)),
            want: Want::default(),
            urgent: VecDeque::new(),
            followed: Followed::default(),
            cursors: FxHashMap::default(),
            ledger: Ledger::default(),
            again: None,
            anew: true,
            changes: 0,
            tokens: 0,
            summed: None,
        })
    }

    /// Where a problem is: the table.
    fn place(&self, table: &str) -> PathBuf {
        self.path.join(table)
    }

    /// Opens the database where it is not open, and begins to read it where that has not been done.
    fn begin(&mut self, index: &mut Index) -> Result<(), Fault> {
        if self.reader.is_none() {
            self.reader = Some(Reader::open(&self.path, None, self.keys.clone())?);
            self.anew = true;
        }
        if self.anew && self.load.is_none() {
            self.restart(index)?;
            self.anew = false;
        }
        Ok(())
    }

    /// Reads everything again. What is known stays until it is known to be otherwise.
    fn restart(&mut self, index: &mut Index) -> Result<(), Fault> {
        let Some(reader) = &self.reader else { return Ok(()) };
        let mut report = Report::default();
        if let Some(note) = reader.database.note() {
            report.add(&self.path, note);
        }
        self.ledger.set(Owner::Root, Look::Meta, report);
        index.dialect = Dialect::Sql { nan_is_zero: !reader.schema.is_of_mlflow_3 };
        self.followed.began(reader.database.version()?, reader.database.opened_at());
        let schema = reader.schema.clone();
        self.read_experiments(index)?;
        self.load = Some(Load::begin(self.path.clone(), schema, self.keys.clone())?);
        self.generation = self.generation.wrapping_add(1).max(1);
        self.share = 0;
        self.ledger.set(Owner::Root, Look::Metrics, Report::default());
        Ok(())
    }

    /// Opens the database anew: it is another file now, or a writer has come to one that had none.
    fn reopen(&mut self) {
        (self.reader, self.load) = (None, None);
        self.cursors.clear();
    }

    /// Takes in what the load has found, until then. Says whether somebody waits for it.
    fn take_load(&mut self, index: &mut Index, until: Instant) -> Result<bool, Fault> {
        while let Some(load) = &self.load {
            let Some(found) = load.next(until) else { return Ok(false) };
            match found {
                Found::Tops(tops) => self.followed.tops = tops,
                Found::Heads(heads) => {
                    let first = index.runs.is_empty();
                    self.take_heads(index, &heads);
                    if first && !index.runs.is_empty() {
                        self.choose(index);
                        self.expect_rows(index);
                        return Ok(true);
                    }
                }
                Found::AllHeads => {
                    self.listed = true;
                    self.choose(index);
                    return Ok(true);
                }
                Found::Values(pages, share) => {
                    self.take_values(index, &pages, false);
                    self.share = share;
                }
                Found::Damaged(table, fault) => self.damaged(table, &fault),
                Found::Busy => index.access = Access::Busy,
                Found::Stale => {
                    self.reopen();
                    return Ok(true);
                }
                Found::Failed(fault) => {
                    (self.load, self.anew, self.listed) = (None, true, true);
                    return Err(fault);
                }
                Found::End => {
                    self.load = None;
                    self.finish(index);
                    return Ok(true);
                }
            }
            if Instant::now() >= until {
                break;
            }
        }
        Ok(false)
    }

    fn damaged(&mut self, table: &str, fault: &Fault) {
        let mut report = Report::default();
        report.add(self.place(table), format!("some of its rows are missing here: the database {fault}"));
        self.ledger.set(Owner::Root, Look::Metrics, report);
    }

    /// The experiment to begin with: that of the run which was made last.
    fn choose(&mut self, index: &mut Index) {
        if index.latest.is_some() {
            return;
        }
        let is_shown = |key| index.experiment(key).is_some_and(|e| e.lifecycle != Lifecycle::Deleted);
        let latest = index.runs().filter(|run| is_shown(run.experiment));
        let latest = latest.max_by_key(|run| self.kept.get(run.key.0 as usize).map(|kept| kept.rowid));
        index.latest = latest.map(|run| run.experiment);
        if index.latest.is_none() && self.listed {
            let first = index.experiments().find(|e| e.lifecycle != Lifecycle::Deleted).map(|e| e.key);
            index.latest = first;
        }
    }

    /// Reads what will be on screen before anybody has asked for it: the latest runs that have no parent.
    fn expect_rows(&mut self, index: &Index) {
        if !self.want.visible.is_empty() {
            return;
        }
        let front = self.want.experiment.or(index.latest);
        let rows = index.runs().filter(|run| Some(run.experiment) == front && run.parent_run_id().is_none());
        self.urgent.extend(rows.map(|run| run.key).take(SCREENFUL));
    }

    /// Reads the values of runs that somebody waits for, until then; says whether one has changed.
    fn read_urgent(&mut self, index: &mut Index, until: Instant) -> Result<bool, Fault> {
        let mut changed = false;
        while let Some(key) = self.urgent.front().copied() {
            let is_due =
                index.run(key).is_some_and(|run| run.read() != Parts::ALL || !self.is_counted(index, key));
            if is_due {
                changed |= self.read_run(index, key)?;
            }
            self.urgent.pop_front();
            if Instant::now() >= until {
                break;
            }
        }
        Ok(changed)
    }

    fn progress(&self) -> Progress {
        let total = self.runs.len();
        let complete = self.load.is_none() && !self.anew && self.urgent.is_empty() && !self.followed.more;
        let done = if self.load.is_none() { total } else { total * usize::from(self.share) / 1000 };
        Progress { done, total, complete, listed: self.listed, verifying: false }
    }

    /// One slice; says whether somebody waits for what has changed.
    fn step(&mut self, index: &mut Index, until: Instant) -> Result<bool, Fault> {
        self.begin(index)?;
        let mut urgent = false;
        if self.load.is_some() {
            let half = until.min(Instant::now() + until.saturating_duration_since(Instant::now()) / 2);
            let until = if self.urgent.is_empty() { until } else { half };
            urgent |= self.take_load(index, until)?;
        }
        if self.reader.is_some() {
            urgent |= self.read_urgent(index, until)?;
        }
        if self.load.is_none() && self.reader.is_some() {
            urgent |= self.follow(index, until)?;
        }
        Ok(urgent)
    }
}

impl Store for SqliteStore {
    fn refresh(&mut self, index: &mut Index, want: &Want, until: Instant) -> Result<Refreshed, Error> {
        if self.want != *want {
            self.want = want.clone();
            self.urgent = want.open.iter().chain(&want.visible).copied().collect();
        }
        if self.again.is_some_and(|at| Instant::now() < at) {
            let later = self.again.map(|at| at.saturating_duration_since(Instant::now()));
            return Ok(Refreshed { later, ..Refreshed::default() });
        }
        self.again = None;
        let (was, before, changes) = (index.access, index.progress, self.changes);
        index.access = Access::Open;
        let done = self.step(index, until);
        let mut later = self.followed.wake();
        match &done {
            Ok(_) if self.load.is_some() || self.anew => {}
            Ok(_) => self.ledger.set(Owner::Root, Look::Listing, Report::default()),
            Err(Fault::Busy) => {
                index.access = Access::Busy;
                self.again = Some(Instant::now() + AGAIN);
                later = Some(AGAIN);
            }
            Err(fault) => {
                let mut report = Report::default();
                report.add(&self.path, fault.to_string());
                self.ledger.set(Owner::Root, Look::Listing, report);
                self.again = Some(Instant::now() + Duration::from_secs(2));
                later = Some(Duration::from_secs(2));
            }
        }
        let mut changed = self.keys.publish(&mut index.keys) | self.ledger.publish(index);
        index.progress = self.progress();
        let urgent = *done.as_ref().unwrap_or(&false) || before.complete != index.progress.complete;
        let more = done.is_ok()
            && (self.load.is_some() || !self.urgent.is_empty() || self.followed.more || self.anew);
        changed |= self.changes != changes || before != index.progress || was != index.access;
        Ok(Refreshed { changed, urgent, more, later, ..Refreshed::default() })
    }

    fn changed(&mut self, _index: &Index, _paths: &[PathBuf]) {
        self.followed.look(&self.path);
    }

    fn rescan(&mut self) {
        self.anew = true;
    }

    fn sweep(&mut self, _index: &Index, _want: &Want) {
        self.followed.look(&self.path);
    }

    fn watch(&self, _index: &Index, _want: &Want) -> Watch {
        Watch::Every(LOOK)
    }

    fn points(
        &mut self,
        index: &Index,
        run: RunKey,
        metric: Key,
        series: &mut Series,
        until: Instant,
    ) -> Result<Poll<Reading>, Error> {
        self.read_points(index, run, metric, series, until).map(Poll::Ready)
    }

    fn sample(&mut self, index: &Index, run: RunKey, metric: Key) -> Result<Poll<Option<Samples>>, Error> {
        self.sample_points(index, run, metric).map(Poll::Ready)
    }

    fn artifact_root(&self, index: &Index, run: RunKey) -> Result<PathBuf, String> {
        self.artifact_place(index, run)
    }

    fn inputs(&mut self, index: &Index, run: RunKey) -> Poll<Inputs> {
        let found =
            self.reader.as_ref().zip(index.run(run)).map(|(reader, run)| inputs::read(reader, run.run_id()));
        Poll::Ready(found.unwrap_or_default())
    }

    fn sums(&mut self, index: &Index, metric: Key, runs: &[RunKey]) -> Option<Poll<Vec<(RunKey, Summary)>>> {
        self.sum_histories(index, metric, runs).map(Poll::Ready)
    }
}
