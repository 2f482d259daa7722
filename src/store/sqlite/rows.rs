//! Rows that were copied out of a database, a page at a time: heads of runs, and their values grouped by run.
//!
//! All text of a page lies in one string, so that a page costs a handful of allocations.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Params, Row};

use super::open::{Database, Fault};
use super::schema::{Schema, Table};
use super::text::{Whole, metric_value, text, whole};
use crate::index::{Key, Point};
use crate::store::files::interner::Interner;

/// A piece of a page's text.
type Piece = Range<u32>;

/// Texts of a head, in the order of [`Schema::heads`].
#[derive(Clone, Copy, Debug)]
#[repr(usize)]
pub enum Field {
    RunId,
    Name,
    User,
    Uri,
    SourceName,
    SourceVersion,
    Status,
    Lifecycle,
    Parent,
    RunName,
    Experiment,
}

/// How many there are.
const FIELDS: usize = 11;
/// Rows after which the clock is looked at.
const LOOK: usize = 64;

/// A row of `runs`, with the tags that make the tree and the name.
#[derive(Clone, Debug)]
pub struct Head {
    /// Its rowid.
    pub rowid: i64,
    texts: [Option<Piece>; FIELDS],
    /// Milliseconds since the epoch.
    pub start: Whole,
    /// Milliseconds since the epoch.
    pub end: Whole,
    /// A text of it is too long to be read.
    pub too_long: bool,
}

/// A page of heads.
#[derive(Debug, Default)]
pub struct Heads {
    text: String,
    /// The rows, as they were read.
    pub rows: Vec<Head>,
}

impl Heads {
    /// A text of a head.
    pub fn text(&self, head: &Head, field: Field) -> Option<&str> {
        let piece = head.texts.get(field as usize)?.clone()?;
        self.text.get(piece.start as usize..piece.end as usize)
    }

    /// Takes a row in.
    fn push(&mut self, row: &Row<'_>) -> i64 {
        let rowid = row.get(0).unwrap_or_default();
        let texts = std::array::from_fn(|field| {
            let found = text(row, field + 1)?;
            Some(push(&mut self.text, &found))
        });
        self.rows.push(Head {
            rowid,
            texts,
            start: whole(row, FIELDS + 1),
            end: whole(row, FIELDS + 2),
            too_long: row.get(FIELDS + 3).unwrap_or_default(),
        });
        rowid
    }
}

/// What was stored under a key.
#[derive(Clone, Debug)]
pub enum Value {
    /// A param or a tag.
    Text(Piece),
    /// A metric.
    Point(Point),
    /// Something that cannot be shown: no number, or too long.
    Odd,
}

/// A row of values.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// The value.
    pub value: Value,
}

/// Values of one run that stand together.
#[derive(Clone, Debug)]
pub struct Group {
    run: Piece,
    /// Where its entries are in [`Values::entries`].
    pub entries: Range<usize>,
}

/// A page of values.
#[derive(Debug)]
pub struct Values {
    /// Of which table.
    pub table: Table,
    text: String,
    /// Runs, as they follow each other.
    pub groups: Vec<Group>,
    /// All entries.
    pub entries: Vec<Entry>,
}

impl Values {
    /// No values of a table.
    pub fn new(table: Table) -> Self {
        Self { table, text: String::new(), groups: Vec::new(), entries: Vec::new() }
    }

    /// The id of a group's run.
    pub fn run_id(&self, group: &Group) -> &str {
        self.piece(&group.run)
    }

    /// The entries of a group.
    pub fn of(&self, group: &Group) -> &[Entry] {
        self.entries.get(group.entries.clone()).unwrap_or_default()
    }

    /// A piece of the page's text.
    pub fn piece(&self, piece: &Piece) -> &str {
        self.text.get(piece.start as usize..piece.end as usize).unwrap_or_default()
    }

    fn push(&mut self, row: &Row<'_>, keys: &mut KeyCache) -> i64 {
        let rowid = row.get(0).unwrap_or_default();
        let (Some(run), Some(key)) = (text(row, 1), text(row, 2)) else { return rowid };
        let key = keys.key(&key);
        let value = match self.table {
            Table::Params | Table::Tags => {
                if row.get(4).unwrap_or_default() {
                    Value::Odd
                } else {
                    text(row, 3).map_or(Value::Text(0..0), |value| Value::Text(push(&mut self.text, &value)))
                }
            }
            Table::Latest => point(row).map_or(Value::Odd, Value::Point),
        };
        let at = self.entries.len();
        self.entries.push(Entry { key, value });
        let is_same = self.groups.last().is_some_and(|last| self.piece(&last.run) == run);
        match self.groups.last_mut().filter(|_| is_same) {
            Some(last) => last.entries.end = at + 1,
            None => {
                let run = push(&mut self.text, &run);
                self.groups.push(Group { run, entries: at..at + 1 });
            }
        }
        rowid
    }
}

/// The point in a row of [`Schema::points`] or of [`Schema::values`]; none when its numbers are none.
pub fn point(row: &Row<'_>) -> Option<Point> {
    let value = metric_value(row, 3, 6)?;
    let (Whole::Some(step), timestamp) = (whole(row, 4), whole(row, 5)) else { return None };
    match timestamp {
        Whole::Odd => None,
        Whole::None => Some(Point { value, step, timestamp: 0 }),
        Whole::Some(timestamp) => Some(Point { value, step, timestamp }),
    }
}

fn push(all: &mut String, text: &str) -> Piece {
    let from = all.len() as u32;
    all.push_str(text);
    from..all.len() as u32
}

/// The keys that a reader has met lately: most rows repeat those of the run before.
pub struct KeyCache {
    keys: Arc<Interner>,
    known: rustc_hash::FxHashMap<Box<str>, Key>,
}

impl KeyCache {
    /// Over names that all readers share.
    pub fn new(keys: Arc<Interner>) -> Self {
        Self { keys, known: rustc_hash::FxHashMap::default() }
    }

    /// The key of a name.
    pub fn key(&mut self, name: &str) -> Key {
        if let Some(key) = self.known.get(name) {
            return *key;
        }
        let key = self.keys.intern(name);
        if self.known.len() < 10_000 {
            self.known.insert(name.into(), key);
        }
        key
    }
}

/// A page of rows: what was read before a fault stays read.
#[derive(Debug)]
pub struct Page<T> {
    /// The rows.
    pub rows: T,
    /// How many.
    pub count: usize,
    /// The rowid of the last one.
    pub last: Option<i64>,
    /// Why reading ended early.
    pub fault: Option<Fault>,
    /// It ended early because its time was over: there may be more rows.
    pub cut: bool,
}

/// A reader of one database.
pub struct Reader {
    /// The database.
    pub database: Database,
    /// Its shape.
    pub schema: Arc<Schema>,
    /// Names of keys.
    pub keys: KeyCache,
}

impl Reader {
    /// Opens the database at a path; its shape is looked at where it is not known yet.
    pub fn open(path: &Path, schema: Option<Arc<Schema>>, keys: Arc<Interner>) -> Result<Self, Fault> {
        let database = Database::open(path)?;
        let schema = schema.map_or_else(|| Schema::read(&database).map(Arc::new), Ok)?;
        Ok(Self { database, schema, keys: KeyCache::new(keys) })
    }

    /// A page of heads below a rowid, the newest first.
    pub fn heads(&mut self, below: i64, most: usize) -> Page<Heads> {
        self.heads_where("r.rowid < ?1 ORDER BY r.rowid DESC LIMIT ?2", (below, most as i64))
    }

    /// Heads above a rowid, in order.
    pub fn heads_above(&mut self, above: i64, most: usize) -> Page<Heads> {
        self.heads_where("r.rowid > ?1 ORDER BY r.rowid LIMIT ?2", (above, most as i64))
    }

    /// The head of one run.
    pub fn head_of(&mut self, run_id: &str) -> Page<Heads> {
        self.heads_where("r.run_uuid = ?1", (run_id,))
    }

    fn heads_where(&mut self, condition: &str, bounds: impl Params + Clone) -> Page<Heads> {
        let read = |guard| {
            let sql = self.schema.heads(condition, guard);
            page(&self.database, &sql, bounds.clone(), Heads::default(), &mut |heads, row| heads.push(row))
        };
        let page = read(false);
        if page.fault == Some(Fault::TooLong) { read(true) } else { page }
    }

    /// Values in a range of rowids, above and up to, the latest first.
    pub fn values(&mut self, table: Table, above: i64, upto: i64) -> Page<Values> {
        self.values_where(table, "rowid > ?1 AND rowid <= ?2 ORDER BY rowid DESC", (above, upto))
    }

    /// Values above a rowid, in order.
    pub fn values_above(&mut self, table: Table, above: i64, most: usize) -> Page<Values> {
        self.values_where(table, "rowid > ?1 ORDER BY rowid LIMIT ?2", (above, most as i64))
    }

    /// The values of one run.
    pub fn values_of(&mut self, table: Table, run_id: &str) -> Page<Values> {
        self.values_where(table, "run_uuid = ?1", (run_id,))
    }

    fn values_where(&mut self, table: Table, condition: &str, bounds: impl Params + Clone) -> Page<Values> {
        let Self { database, schema, keys } = self;
        let mut read = |guard| {
            let sql = schema.values(table, condition, guard);
            page(database, &sql, bounds.clone(), Values::new(table), &mut |values, row| {
                values.push(row, keys)
            })
        };
        let page = read(false);
        if page.fault == Some(Fault::TooLong) { read(true) } else { page }
    }

    /// The highest rowid of a table that can be read; 0 when it is empty.
    pub fn top(&self, table: &str) -> Result<i64, Fault> {
        match self.rowid_upto(table, i64::MAX) {
            Err(Fault::Damaged) => {}
            found => return found,
        }
        // The last page is damaged: the highest one before it, by halves.
        let (mut good, mut bad) = (0, 1 << 40);
        while bad - good > 1 {
            let middle = good + (bad - good) / 2;
            match self.rowid_upto(table, middle) {
                Ok(_) => good = middle,
                Err(Fault::Damaged) => bad = middle,
                Err(fault) => return Err(fault),
            }
        }
        match self.rowid_upto(table, good) {
            Err(Fault::Damaged) => Ok(0),
            found => found,
        }
    }

    fn rowid_upto(&self, table: &str, upto: i64) -> Result<i64, Fault> {
        let sql = format!("SELECT rowid FROM {table} WHERE rowid <= ?1 ORDER BY rowid DESC LIMIT 1");
        let mut statement = self.database.now().prepare_cached(&sql)?;
        let mut rows = statement.query([upto])?;
        Ok(rows.next()?.map_or(Ok(0), |row| row.get(0))?)
    }
}

/// Reads the rows of one short statement.
pub fn page<T>(
    database: &Database,
    sql: &str,
    bounds: impl Params,
    rows: T,
    take: &mut dyn FnMut(&mut T, &Row<'_>) -> i64,
) -> Page<T> {
    page_within(database, sql, bounds, Duration::MAX, rows, take)
}

/// Reads rows of one statement for so long: on a busy machine as many take much longer, and somebody may wait to commit.
pub fn page_within<T>(
    database: &Database,
    sql: &str,
    bounds: impl Params,
    time: Duration,
    rows: T,
    take: &mut dyn FnMut(&mut T, &Row<'_>) -> i64,
) -> Page<T> {
    let mut page = Page { rows, count: 0, last: None, fault: None, cut: false };
    let begun = Instant::now();
    let done = (|| {
        let mut statement = database.now().prepare_cached(sql)?;
        let mut rows = statement.query(bounds)?;
        while let Some(row) = rows.next()? {
            page.last = Some(take(&mut page.rows, row));
            page.count += 1;
            page.cut = page.count.is_multiple_of(LOOK) && begun.elapsed() >= time;
            if page.cut {
                break;
            }
        }
        Ok(())
    })();
    page.fault = done.err().map(|error: rusqlite::Error| error.into());
    page
}
