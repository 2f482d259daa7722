//! Whole histories of one metric in a few numbers, for all runs at once: all points of the key in the order of the
//! primary key, a page at a time. One aggregate in SQL would keep every writer waiting until it is done.

use rusqlite::ToSql;
use rusqlite::types::Value;
use rustc_hash::FxHashMap;

use super::SqliteStore;
use super::open::Fault;
use super::points::{PAGE, SLICE};
use super::rows::{Reader, page_within, point};
use super::text::text;
use crate::index::{Index, Key, Point, RunKey, Summary};

/// Of fewer runs each history is read by itself.
const FEW: usize = 16;
/// With more points than this in the database, that is faster, too, as far as somebody waits for it.
const MANY: i64 = 3_000_000;

/// What was summed last.
#[derive(Debug)]
pub struct Summed {
    metric: Key,
    /// The highest rowid of `metrics` then.
    top: i64,
    sums: FxHashMap<RunKey, Summary>,
}

/// A row, and where it stands in the primary key.
type Row = (String, Option<Point>, [Value; 5]);

impl SqliteStore {
    /// Sums of a metric's histories, see [`Store::sums`](crate::store::Store::sums).
    pub(super) fn sum_histories(
        &mut self,
        index: &Index,
        metric: Key,
        runs: &[RunKey],
    ) -> Option<Vec<(RunKey, Summary)>> {
        let reader = self.reader.as_ref().filter(|reader| reader.schema.metrics)?;
        if runs.len() < FEW || self.followed.tops.metrics > MANY {
            return None;
        }
        // What changes while it is read is read again by those who see it.
        let top = reader.top("metrics").ok()?;
        let known = self.summed.take().filter(|summed| summed.metric == metric && summed.top == top);
        let summed = match known {
            Some(summed) => summed,
            None => {
                let name = self.keys.with_name(metric, str::to_owned);
                let sums = self.sum_all(reader, index, &name).ok()?;
                Summed { metric, top, sums }
            }
        };
        let sums = runs.iter().filter_map(|run| Some((*run, *summed.sums.get(run)?))).collect();
        self.summed = Some(summed);
        Some(sums)
    }

    fn sum_all(
        &self,
        reader: &Reader,
        index: &Index,
        key: &str,
    ) -> Result<FxHashMap<RunKey, Summary>, Fault> {
        let mut sums: FxHashMap<RunKey, Summary> = FxHashMap::default();
        let (columns, marks) = reader.schema.point_order();
        let mut after: Option<[Value; 5]> = None;
        loop {
            let from = if after.is_some() { format!("AND ({columns}) > ({marks})") } else { String::new() };
            let sql = reader.schema.points(None, &format!("key = ?1 {from} ORDER BY {columns} LIMIT {PAGE}"));
            let mut bounds: Vec<&dyn ToSql> = vec![&key];
            let count = marks.split(',').count();
            bounds.extend(after.iter().flatten().take(count).map(|value| value as &dyn ToSql));
            let take = &mut |rows: &mut Vec<Row>, row: &rusqlite::Row<'_>| {
                let value = |column| row.get(column).unwrap_or(Value::Null);
                let place = [value(5), value(4), value(1), value(3), value(6)];
                rows.push((text(row, 1).unwrap_or_default().into_owned(), point(row), place));
                0
            };
            let page = page_within(&reader.database, &sql, &*bounds, SLICE, Vec::new(), take);
            if let Some(fault) = page.fault {
                return Err(fault);
            }
            for (run, point, _) in &page.rows {
                if let (Some(run), Some(point)) = (self.run(index, run), point) {
                    sums.entry(run).or_default().add(point);
                }
            }
            let last = page.rows.into_iter().next_back().map(|(_, _, place)| place);
            if ((page.count as i64) < PAGE && !page.cut) || last == after {
                return Ok(sums);
            }
            after = last;
        }
    }
}
