//! Follows a database that has been read: what was added since, by rowid, and what may have changed in place, of the runs
//! that are on screen or train; all others in turn, slowly.

use std::path::Path;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::load::Tops;
use super::open::{Fault, Stamp};
use super::rows::{Page, Values, page, point};
use super::schema::Table;
use super::{Kept, SqliteStore};
use crate::index::{Index, Key, Parts, Point, RunKey};

/// Rows of one statement.
const PAGE: usize = 2000;
/// Two looks at a database that changes all the time are so far apart.
const APART: Duration = Duration::from_millis(120);
/// Running runs whose heads and tags are read at each look, and others that are looked at in turn each second.
const RUNNING: usize = 40;
const HEADS: usize = 2000;
const TAGS: usize = 100;
/// Of databases without indices by run everything is read again, at most so often.
const WHOLE: Duration = Duration::from_secs(15);
/// Points of a run that are counted at once.
const COUNTED: u64 = 20_000;

/// What is known of a database's changes.
#[derive(Debug, Default)]
pub struct Followed {
    /// What has a higher rowid is new.
    pub tops: Tops,
    version: i64,
    stamp: Stamp,
    /// The files have changed since the last look.
    dirty: bool,
    looked: Option<Instant>,
    /// There is more to read than the last slice had time for.
    pub more: bool,
    /// Where looking at the others has come to, as a rowid; 0 when all of them were looked at since the last change.
    turn: i64,
    turned: Option<Instant>,
    loaded: Option<Instant>,
    /// The next of the running runs.
    next: Option<RunKey>,
}

impl Followed {
    /// A load begins, with the database as it is now.
    pub fn began(&mut self, version: i64, stamp: Stamp) {
        (self.version, self.stamp, self.dirty, self.more, self.turn) = (version, stamp, true, false, 0);
        self.loaded = Some(Instant::now());
    }

    /// Looks whether the files have changed.
    pub fn look(&mut self, path: &Path) {
        let stamp = Stamp::of(path);
        self.dirty |= stamp != self.stamp;
        self.stamp = stamp;
    }

    /// When to come back though nothing has happened.
    pub fn wake(&self) -> Option<Duration> {
        self.dirty.then(|| APART.saturating_sub(self.looked.map_or(APART, |at| at.elapsed())))
    }

    fn is_due(&self) -> bool {
        self.more || (self.dirty && self.looked.is_none_or(|at| at.elapsed() >= APART))
    }
}

/// Points that were added, by run and metric.
type Added = FxHashMap<RunKey, FxHashMap<Key, (Option<Point>, Vec<Point>)>>;

impl SqliteStore {
    /// Reads what has changed, until then; says whether something has.
    pub(super) fn follow(&mut self, index: &mut Index, until: Instant) -> Result<bool, Fault> {
        let Some(reader) = &self.reader else { return Ok(false) };
        if !reader.database.is_current() {
            self.reopen();
            self.followed.more = true;
            return Ok(true);
        }
        let mut changed = false;
        if self.followed.is_due() {
            let version = reader.database.version()?;
            let was_more = std::mem::take(&mut self.followed.more);
            (self.followed.dirty, self.followed.looked) = (false, Some(Instant::now()));
            if version != self.followed.version || was_more {
                // When a writer comes in between, nothing is lost: it is looked at again.
                self.followed.dirty = true;
                changed = self.catch_up(index, until)?;
                self.followed.dirty = false;
                if version != self.followed.version {
                    self.followed.turn = i64::MAX;
                }
                self.followed.version = version;
            }
        }
        if self.followed.turned.is_none_or(|at| at.elapsed() >= Duration::from_secs(1)) {
            self.followed.turned = Some(Instant::now());
            self.look_around(index)?;
        }
        Ok(changed)
    }

    fn catch_up(&mut self, index: &mut Index, until: Instant) -> Result<bool, Fault> {
        let Some(reader) = &self.reader else { return Ok(false) };
        let (tops, old) = (Tops::of(reader)?, self.followed.tops);
        let shrunk = |(new, old): (&i64, &i64)| new < old;
        let has_lost = tops.runs < old.runs
            || tops.metrics < old.metrics
            || tops.values.iter().zip(&old.values).any(shrunk);
        if has_lost
            || (!reader.schema.finds_runs() && self.followed.loaded.is_none_or(|at| at.elapsed() > WHOLE))
        {
            // Rows were taken out, and their numbers may be given again: what is new cannot be told from what is old.
            self.anew = true;
            return Ok(true);
        }
        let before = self.changes;
        self.new_runs(index, tops)?;
        for (at, table) in [(0, Table::Params), (1, Table::Tags)] {
            self.new_values(index, table, at, tops)?;
        }
        self.new_points(index, tops)?;
        if self.unnamed || self.followed.turn != i64::MAX {
            self.read_experiments(index)?;
        }
        self.reread(index, until)?;
        self.followed.more = self.followed.tops
            != Tops { values: [tops.values[0], tops.values[1], self.followed.tops.values[2]], ..tops };
        Ok(self.changes != before)
    }

    fn new_runs(&mut self, index: &mut Index, tops: Tops) -> Result<(), Fault> {
        if tops.runs == self.followed.tops.runs {
            return Ok(());
        }
        let Some(reader) = &mut self.reader else { return Ok(()) };
        let page = reader.heads_above(self.followed.tops.runs, PAGE);
        let heads = good(&page).map(|last| (last, page.rows))?;
        self.followed.tops.runs = heads.0.unwrap_or(tops.runs);
        for key in self.take_heads(index, &heads.1) {
            self.urgent.push_back(key);
        }
        Ok(())
    }

    fn new_values(&mut self, index: &mut Index, table: Table, at: usize, tops: Tops) -> Result<(), Fault> {
        let (Some(top), Some(now)) = (self.followed.tops.values.get(at).copied(), tops.values.get(at)) else {
            return Ok(());
        };
        if top == *now {
            return Ok(());
        }
        let Some(reader) = &mut self.reader else { return Ok(()) };
        let page = reader.values_above(table, top, PAGE);
        let last = good(&page)?.unwrap_or(*now);
        if let Some(top) = self.followed.tops.values.get_mut(at) {
            *top = last;
        }
        self.take_values(index, &[page.rows], false);
        Ok(())
    }

    /// New points make latest values, which are taken from where MLflow keeps them.
    fn new_points(&mut self, index: &mut Index, tops: Tops) -> Result<(), Fault> {
        if tops.metrics == self.followed.tops.metrics {
            return Ok(());
        }
        let Some(reader) = &mut self.reader else { return Ok(()) };
        let sql = reader.schema.points(None, "rowid > ?1 ORDER BY rowid LIMIT ?2");
        let bounds = (self.followed.tops.metrics, PAGE as i64);
        let rows: Vec<(String, Key, Option<Point>)> = Vec::new();
        let keys = &mut reader.keys;
        let page = page(&reader.database, &sql, bounds, rows, &mut |rows, row| {
            if let (Some(run), Some(key)) = (super::text::text(row, 1), super::text::text(row, 2)) {
                rows.push((run.into_owned(), keys.key(&key), point(row)));
            }
            row.get(0).unwrap_or_default()
        });
        let last = good(&page)?.unwrap_or(tops.metrics);
        let mut added = Added::default();
        for (run, key, point) in page.rows {
            if let (Some(run), Some(point)) = (self.run(index, &run), point) {
                added.entry(run).or_default().entry(key).or_default().1.push(point);
            }
        }
        for (run, metrics) in &mut added {
            let id = index.run(*run).map_or("", |run| run.run_id()).to_owned();
            for (key, (latest, _)) in metrics.iter_mut() {
                *latest = self.latest(&id, *key)?;
            }
            self.take_points(index, *run, metrics);
        }
        self.followed.tops.metrics = last;
        Ok(())
    }

    /// The latest value of a metric as MLflow keeps it.
    fn latest(&self, run_id: &str, key: Key) -> Result<Option<Point>, Fault> {
        let Some(reader) = self.reader.as_ref().filter(|reader| reader.schema.latest) else {
            return Ok(None);
        };
        let sql = reader.schema.values(Table::Latest, "key = ?1 AND run_uuid = ?2", false);
        let name = self.keys.with_name(key, str::to_owned);
        let found = page(&reader.database, &sql, (name, run_id), None, &mut |found, row| {
            *found = point(row);
            0
        });
        good(&found)?;
        Ok(found.rows)
    }

    /// Heads and tags of what is on screen and of what trains, which change in place.
    fn reread(&mut self, index: &mut Index, until: Instant) -> Result<(), Fault> {
        let shown: Vec<RunKey> = self.want.open.iter().chain(&self.want.visible).copied().collect();
        let from = self.followed.next.unwrap_or(RunKey(0));
        let some: Vec<RunKey> = self
            .running
            .range(from..)
            .chain(&self.running)
            .copied()
            .take(RUNNING.min(self.running.len()))
            .collect();
        self.followed.next = some.last().map(|key| RunKey(key.0 + 1));
        for key in shown.into_iter().chain(some) {
            self.reread_run(index, key)?;
            if Instant::now() >= until + APART {
                break;
            }
        }
        Ok(())
    }

    fn reread_run(&mut self, index: &mut Index, key: RunKey) -> Result<(), Fault> {
        let Some(id) = index.run(key).map(|run| run.run_id().to_owned()) else { return Ok(()) };
        let Some(reader) = &mut self.reader else { return Ok(()) };
        let page = reader.head_of(&id);
        good(&page)?;
        if page.count == 0 {
            self.forget_run(index, key);
            return Ok(());
        }
        self.take_heads(index, &page.rows);
        self.reread_tags(index, key, &id)
    }

    fn reread_tags(&mut self, index: &mut Index, key: RunKey, id: &str) -> Result<(), Fault> {
        let Some(reader) = self.reader.as_mut().filter(|reader| reader.schema.finds_runs()) else {
            return Ok(());
        };
        if !reader.schema.has(Table::Tags) {
            return Ok(());
        }
        let page = reader.values_of(Table::Tags, id);
        good(&page)?;
        self.replace_tags(index, key, &page.rows);
        Ok(())
    }

    /// Reads the values of one run by index, where there is one; counts its points.
    pub(super) fn read_run(&mut self, index: &mut Index, key: RunKey) -> Result<bool, Fault> {
        let Some(id) = index.run(key).map(|run| run.run_id().to_owned()) else { return Ok(false) };
        let Some(reader) = self.reader.as_mut().filter(|reader| reader.schema.finds_runs()) else {
            return Ok(false);
        };
        let mut pages: Vec<Values> = Vec::new();
        for table in Table::ALL {
            if !reader.schema.has(table) {
                continue;
            }
            let page = reader.values_of(table, &id);
            good(&page)?;
            pages.push(page.rows);
        }
        let groups: Vec<_> =
            pages.iter().flat_map(|page| page.groups.iter().map(move |group| (page, group))).collect();
        let changed = self.take_groups(index, key, &groups, true);
        Ok(self.count(index, key, &id)? | changed)
    }

    /// Counts the points of a run's metrics, unless there are very many.
    fn count(&mut self, index: &mut Index, key: RunKey, id: &str) -> Result<bool, Fault> {
        let Some(by) = self.reader.as_ref().and_then(|reader| reader.schema.metrics_by_run.clone()) else {
            return Ok(false);
        };
        let Some(reader) = &mut self.reader else { return Ok(false) };
        if self.load.is_some() && self.followed.tops.metrics == 0 {
            return Ok(false);
        }
        let by = by.replace('"', "\"\"");
        let sql = format!(
            "SELECT key, count(*) FROM (SELECT key FROM metrics INDEXED BY \"{by}\" \
             WHERE run_uuid = ?1 AND rowid <= ?2 LIMIT {}) GROUP BY key",
            COUNTED + 1
        );
        let keys = &mut reader.keys;
        let bounds = (id, self.followed.tops.metrics);
        let page =
            page(&reader.database, &sql, bounds, Vec::new(), &mut |rows: &mut Vec<(Key, u64)>, row| {
                if let Some(key) = super::text::text(row, 0) {
                    rows.push((keys.key(&key), row.get::<_, i64>(1).unwrap_or_default() as u64));
                }
                0
            });
        good(&page)?;
        if page.rows.iter().map(|(_, count)| count).sum::<u64>() > COUNTED {
            self.kept.iter_mut().skip(key.0 as usize).take(1).for_each(|kept| kept.is_large = true);
            return Ok(false);
        }
        Ok(self.take_counts(index, key, &page.rows))
    }

    /// Whether nothing is left to be counted.
    pub(super) fn is_counted(&self, index: &Index, key: RunKey) -> bool {
        let is_large = self.kept.get(key.0 as usize).is_some_and(|kept| kept.is_large);
        is_large || index.run(key).is_none_or(|run| run.metrics().all(|(_, metric)| metric.is_counted()))
    }

    /// Some runs in turn: what has changed in them, and whether they are still there.
    fn look_around(&mut self, index: &mut Index) -> Result<(), Fault> {
        if self.followed.turn <= 0 {
            return Ok(());
        }
        let Some(reader) = &mut self.reader else { return Ok(()) };
        let below = self.followed.turn;
        let page = reader.heads(below, HEADS);
        let last = good(&page)?;
        self.take_heads(index, &page.rows);
        let is_end = page.count < HEADS;
        let above = if is_end { i64::MIN } else { last.unwrap_or(i64::MIN) };
        let met: rustc_hash::FxHashSet<i64> = page.rows.rows.iter().map(|head| head.rowid).collect();
        let here = |kept: &Kept| kept.rowid < below && kept.rowid >= above;
        let slots = self.kept.iter().enumerate().filter(|(_, kept)| here(kept));
        let (there, gone): (Vec<_>, Vec<_>) = slots
            .map(|(slot, kept)| (RunKey(slot as u32), kept.rowid))
            .partition(|(_, rowid)| met.contains(rowid));
        for (key, _) in gone {
            if index.run(key).is_some() {
                self.forget_run(index, key);
            }
        }
        let skip = (below.unsigned_abs() as usize / HEADS.max(1)) % (HEADS / TAGS);
        for (key, _) in there.into_iter().skip(skip).step_by(HEADS / TAGS) {
            let Some(run) = index.run(key).filter(|run| run.read() == Parts::ALL) else { continue };
            let id = run.run_id().to_owned();
            self.reread_tags(index, key, &id)?;
        }
        self.followed.turn = if is_end { 0 } else { above };
        Ok(())
    }
}

/// The last rowid of a page, or why it is not whole. A page that is damaged counts as far as it goes.
fn good<T>(page: &Page<T>) -> Result<Option<i64>, Fault> {
    match &page.fault {
        Some(fault @ (Fault::Busy | Fault::Slow | Fault::Hot | Fault::Gone | Fault::Foreign)) => {
            Err(fault.clone())
        }
        _ => Ok(page.last),
    }
}
