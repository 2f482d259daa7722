//! Reads a whole database once: the heads of all runs, the newest first, then their values.
//!
//! A thread of its own reads, a page at a time, and hands over copies; the store's thread puts them into the index
//! meanwhile. The tables of values are read side by side, each by the same share, since what was logged together stands
//! at the same height in all of them: most runs are complete when one step is done.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use super::open::Fault;
use super::rows::{Heads, Page, Reader, Values};
use super::schema::{Schema, Table};
use crate::store::files::interner::Interner;

/// Rows of one statement: some milliseconds, so that a writer who waits for it waits no longer.
const PAGE: usize = 3000;
/// Pages that wait to be taken.
const WAITING: usize = 4;
/// Stack of the thread, in bytes.
const STACK: usize = 1 << 20;
/// A locked database is tried again so often.
const AGAIN: Duration = Duration::from_millis(20);

/// The highest rowids: what has a higher one was added later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tops {
    /// Of `runs`.
    pub runs: i64,
    /// Of the tables of values, in the order of [`Table::ALL`].
    pub values: [i64; 3],
    /// Of `metrics`.
    pub metrics: i64,
}

impl Tops {
    /// What the database has now.
    pub fn of(reader: &Reader) -> Result<Self, Fault> {
        let mut tops = Self { runs: reader.top("runs")?, ..Self::default() };
        for (top, table) in tops.values.iter_mut().zip(Table::ALL) {
            if reader.schema.has(table) {
                *top = reader.top(reader.schema.name(table))?;
            }
        }
        if reader.schema.metrics {
            tops.metrics = reader.top("metrics")?;
        }
        Ok(tops)
    }
}

/// What the thread has to tell.
pub enum Found {
    /// What there was when it began.
    Tops(Tops),
    /// Heads.
    Heads(Heads),
    /// All heads are told.
    AllHeads,
    /// Values, and which share of all has been read, in thousandths.
    Values(Vec<Values>, u16),
    /// A part of this table cannot be read.
    Damaged(&'static str, Fault),
    /// A writer holds the database.
    Busy,
    /// The database is another one now, or was written to where nobody could tell: everything read counts for nothing.
    Stale,
    /// Nothing more can be read.
    Failed(Fault),
    /// Everything is told.
    End,
}

/// A database that is being read.
pub struct Load(Receiver<Found>);

impl Load {
    /// Begins to read.
    pub fn begin(path: PathBuf, schema: Arc<Schema>, keys: Arc<Interner>) -> Result<Self, Fault> {
        let (send, receive) = sync_channel(WAITING);
        let work = move || {
            let told = send.clone();
            let done = Reader::open(&path, Some(schema), keys)
                .map_err(Stop::Fault)
                .and_then(|reader| Loader { reader, send }.run());
            let last = match done {
                Ok(()) => Found::End,
                Err(Stop::Stale) => Found::Stale,
                Err(Stop::Fault(fault)) => Found::Failed(fault),
                Err(Stop::Unheard) => return,
            };
            let _ = told.send(last); // nobody listens any more
        };
        let spawned = Builder::new().name("sqlite".to_owned()).stack_size(STACK).spawn(work);
        spawned.map(|_| Self(receive)).map_err(|error| Fault::Other(error.to_string()))
    }

    /// What has been found, waiting for it until then at most.
    pub fn next(&self, until: Instant) -> Option<Found> {
        match self.0.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(found) => Some(found),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                Some(Found::Failed(Fault::Other("internal error".to_owned())))
            }
        }
    }
}

/// Why the thread ends before everything is read.
enum Stop {
    Stale,
    Fault(Fault),
    /// Nobody listens any more.
    Unheard,
}

struct Loader {
    reader: Reader,
    send: SyncSender<Found>,
}

impl Loader {
    fn run(mut self) -> Result<(), Stop> {
        let tops = loop {
            match Tops::of(&self.reader) {
                Ok(tops) => break tops,
                Err(Fault::Busy) => self.wait()?,
                Err(fault) => return Err(Stop::Fault(fault)),
            }
        };
        self.tell(Found::Tops(tops))?;
        self.heads(tops.runs)?;
        self.tell(Found::AllHeads)?;
        self.values(tops)
    }

    fn heads(&mut self, top: i64) -> Result<(), Stop> {
        let (mut below, mut gap, mut most) = (top + 1, 0, PAGE / 10);
        loop {
            let page = self.reader.heads(below, most);
            let is_last = page.count < most && page.fault.is_none();
            let next = self.next(&page, below, &mut gap, "runs")?;
            self.tell(Found::Heads(page.rows))?;
            if is_last || next <= 0 {
                return Ok(());
            }
            // The first page is what the screen waits for.
            (below, most) = (next, PAGE);
        }
    }

    fn values(&mut self, tops: Tops) -> Result<(), Stop> {
        let highest = tops.values.into_iter().max().unwrap_or_default();
        let steps = highest / PAGE as i64 + 1;
        for step in (0..steps).rev() {
            let mut found = Vec::new();
            for (table, top) in Table::ALL.into_iter().zip(tops.values) {
                let share = |part: i64| (i128::from(top) * i128::from(part) / i128::from(steps)) as i64;
                self.range(table, share(step), share(step + 1), &mut found)?;
            }
            let done = (i128::from(steps - step) * 1000 / i128::from(steps)) as u16;
            self.tell(Found::Values(found, done))?;
        }
        Ok(())
    }

    /// Values of a range of rowids; what cannot be read is left out.
    fn range(&mut self, table: Table, above: i64, upto: i64, found: &mut Vec<Values>) -> Result<(), Stop> {
        let (mut upto, mut gap) = (upto, 0);
        while upto > above && self.reader.schema.has(table) {
            let page = self.reader.values(table, above, upto);
            let is_last = page.fault.is_none();
            let name = self.reader.schema.name(table);
            upto = self.next(&page, upto + 1, &mut gap, name)? - 1;
            found.push(page.rows);
            if is_last {
                break;
            }
        }
        Ok(())
    }

    /// Below which rowid to go on: the last one that was read; further down where a page is damaged, in growing steps.
    fn next<T>(
        &mut self,
        page: &Page<T>,
        below: i64,
        gap: &mut i64,
        table: &'static str,
    ) -> Result<i64, Stop> {
        if !self.reader.database.is_current() {
            return Err(Stop::Stale);
        }
        let next = page.last.unwrap_or(below);
        match &page.fault {
            None => Ok(next),
            Some(Fault::Busy) => {
                self.wait()?;
                Ok(next)
            }
            Some(fault @ (Fault::Damaged | Fault::TooLong | Fault::Other(_))) => {
                *gap = if page.count > 0 { 1 } else { (*gap * 2).max(1) };
                self.tell(Found::Damaged(table, fault.clone()))?;
                Ok(next.saturating_sub(*gap))
            }
            Some(fault) => Err(Stop::Fault(fault.clone())),
        }
    }

    /// Waits for a writer, and tells so.
    fn wait(&self) -> Result<(), Stop> {
        self.tell(Found::Busy)?;
        thread::sleep(AGAIN);
        Ok(())
    }

    fn tell(&self, found: Found) -> Result<(), Stop> {
        self.send.send(found).map_err(|_| Stop::Unheard)
    }
}
