//! Histories: in MLflow's order (timestamp, step, value), a page at a time, then what is added.
//!
//! `metrics` has one index that begins with the key and one that begins with the run, so neither leads straight to the
//! points of one metric of one run. Which way is shortest depends on who owns the points, see [`Way`]. SQLite has no
//! statistics to know that by, so it is told.

use std::cmp::Ordering;
use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Row, ToSql};

use super::SqliteStore;
use super::open::Fault;
use super::rows::{Page, Reader, page_within, point};
use super::text::text;
use crate::index::{Index, Key, Point, RunKey};
use crate::series::{Samples, Series};
use crate::store::{Error, Reading};

/// A run of so few points is read whole.
const FEW: i64 = 20_000;
/// Places on a way that are looked at, to see how much of what it leads past is wanted.
const PLACES: i64 = 16;
/// Rows of one statement, and how long it may take.
pub(super) const PAGE: i64 = 6000;
/// See [`PAGE`].
pub(super) const SLICE: Duration = Duration::from_millis(5);
/// Samples of a large history.
const SAMPLES: i64 = 256;
/// How far a history has been read is told in these parts of it.
const END: u64 = 1_000_000;

/// How the points of a metric are found.
#[derive(Clone, Debug, PartialEq)]
enum Way {
    /// All points of the run at once, by its index, and then sorted.
    Whole(String),
    /// By run, key and step, where there is such an index.
    Steps(String),
    /// All points of the run, a page at a time.
    Run(String),
    /// All points of the key in MLflow's order, a page at a time: best when most of them are this run's.
    Key,
}

/// How far a history has been read.
#[derive(Clone, Debug)]
pub struct Cursor {
    /// Which series this belongs to.
    token: u64,
    way: Way,
    /// What it is ordered by, at its beginning and its end: steps, rowids or times.
    span: (i64, i64),
    /// The points up to this row of `metrics` are read by the way, those above by their rowid.
    top: i64,
    /// The last row that was read.
    after: Option<After>,
    is_done: bool,
    last: Option<Point>,
}

/// The place of a row in every order.
#[derive(Clone, Debug, PartialEq)]
struct After {
    rowid: i64,
    run: Value,
    value: Value,
    step: Value,
    timestamp: Value,
    is_nan: Value,
}

/// A row of a history.
struct Found {
    point: Option<Point>,
    is_ours: bool,
    after: After,
}

/// Whose history.
#[derive(Clone, Copy)]
struct Whose<'a> {
    run: &'a str,
    key: &'a str,
}

impl SqliteStore {
    /// Reads on in a history, see [`Store::points`](crate::store::Store::points).
    pub(super) fn read_points(
        &mut self,
        index: &Index,
        run: RunKey,
        metric: Key,
        series: &mut Series,
        until: Instant,
    ) -> Result<Reading, Error> {
        let place = (run, metric);
        let mut reading = Reading::default();
        let Some(run) = index.run(run) else { return Ok(reading) };
        let name = self.keys.with_name(metric, str::to_owned);
        let whose = Whose { run: run.run_id(), key: &name };
        let Some(reader) = self.reader.as_ref().filter(|reader| reader.schema.metrics) else {
            return Ok(reading);
        };
        let known = self.cursors.remove(&place).filter(|cursor| cursor.token == series.position.file.0);
        let fail = |fault: Fault| match fault {
            Fault::Busy => None,
            fault => Some(Error(format!("the database {fault}"))),
        };
        let token = self.tokens + 1;
        let mut cursor = match known.map_or_else(|| Cursor::begin(reader, whose, token, None), Ok) {
            Ok(cursor) => cursor,
            Err(fault) => return fail(fault).map_or(Ok(reading), Err),
        };
        if cursor.token == token {
            self.tokens = token;
            reading.restarted = !series.is_empty();
            series.clear();
            series.position.file = (token, 0);
        }
        loop {
            match cursor.read(reader, whose, series) {
                Ok(Step::Read(count)) => reading.changed |= count > 0,
                Ok(Step::Nothing) => break,
                Ok(Step::OutOfOrder) => {
                    let way = if cursor.is_done { None } else { Some(Way::Key) };
                    (reading.restarted, reading.changed) = (true, true);
                    series.clear();
                    series.position.file = (cursor.token, 0);
                    match Cursor::begin(reader, whose, cursor.token, way) {
                        Ok(again) => cursor = again,
                        Err(fault) => return fail(fault).map_or(Ok(reading), Err),
                    }
                }
                Err(Fault::Busy) => {
                    reading.more = true;
                    break;
                }
                Err(fault) => return fail(fault).map_or(Ok(reading), Err),
            }
            if Instant::now() >= until {
                reading.more = true;
                break;
            }
        }
        series.position.offset = cursor.fraction();
        self.cursors.insert(place, cursor);
        Ok(reading)
    }

    /// Points from all over a large history.
    pub(super) fn sample_points(
        &mut self,
        index: &Index,
        run: RunKey,
        metric: Key,
    ) -> Result<Option<Samples>, Error> {
        let Some(run) = index.run(run) else { return Ok(None) };
        let name = self.keys.with_name(metric, str::to_owned);
        let whose = Whose { run: run.run_id(), key: &name };
        let Some(reader) = self.reader.as_ref().filter(|reader| reader.schema.metrics) else {
            return Ok(None);
        };
        match Cursor::begin(reader, whose, 0, None).and_then(|cursor| cursor.sample(reader, whose)) {
            Ok(samples) => Ok(samples),
            Err(Fault::Busy | Fault::Slow) => Ok(None),
            Err(fault) => Err(Error(format!("the database {fault}"))),
        }
    }
}

/// What one step of reading did.
enum Step {
    /// So many points were added; there may be more.
    Read(usize),
    /// There is nothing more.
    Nothing,
    /// The next point does not belong at the end.
    OutOfOrder,
}

impl Cursor {
    /// Chooses the way to a history.
    fn begin(reader: &Reader, whose: Whose<'_>, token: u64, way: Option<Way>) -> Result<Self, Fault> {
        let top = reader.top("metrics")?;
        let way = way.map_or_else(|| Way::choose(reader, whose), Ok)?;
        Self::on(way, reader, whose, token, top)
    }

    /// A cursor at the beginning of a way.
    fn on(way: Way, reader: &Reader, whose: Whose<'_>, token: u64, top: i64) -> Result<Self, Fault> {
        let mut cursor = Self { token, way, span: (0, 0), top, after: None, is_done: false, last: None };
        if !matches!(cursor.way, Way::Whole(_)) {
            let end = |descending| {
                cursor.probe(reader, whose, None, descending).map(|found| found.map_or(0, |(at, _)| at))
            };
            cursor.span = (end(false)?, end(true)?);
        }
        Ok(cursor)
    }

    /// So many places from the beginning of the way to its end.
    fn places(&self, count: i64) -> impl Iterator<Item = i64> {
        let (from, all) = (self.span.0, i128::from(self.span.1) - i128::from(self.span.0));
        (0..=count).map(move |part| (i128::from(from) + all * i128::from(part) / i128::from(count)) as i64)
    }

    /// How much of the history has been read.
    fn fraction(&self) -> u64 {
        let Some(after) = self.after.as_ref().filter(|_| !self.is_done) else {
            return if self.is_done { END } else { 0 };
        };
        self.part(self.at(after))
    }

    fn part(&self, at: i64) -> u64 {
        let (from, to) = self.span;
        let all = i128::from(to) - i128::from(from);
        let part = (i128::from(at) - i128::from(from)).clamp(0, all.max(0));
        (part * i128::from(END) / all.max(1)) as u64
    }

    /// Where a row lies in the order of the way.
    fn at(&self, after: &After) -> i64 {
        let number = |value: &Value| if let Value::Integer(number) = value { *number } else { 0 };
        match self.way {
            Way::Steps(_) => number(&after.step),
            Way::Key => number(&after.timestamp),
            Way::Run(_) | Way::Whole(_) => after.rowid,
        }
    }

    /// Reads one page.
    fn read(&mut self, reader: &Reader, whose: Whose<'_>, series: &mut Series) -> Result<Step, Fault> {
        if self.is_done {
            return self.read_added(reader, whose, series);
        }
        let (page, is_last) = match self.way.clone() {
            Way::Whole(by) => {
                let condition = "run_uuid = ?1 AND +key = ?2";
                (self.page(reader, whose, Some(&by), condition, &[&whose.run, &whose.key])?, true)
            }
            Way::Steps(by) => self.next_steps(reader, whose, &by)?,
            Way::Run(by) => {
                let from = self.after.as_ref().map_or(i64::MIN, |after| after.rowid);
                let condition = "run_uuid = ?1 AND rowid > ?2 ORDER BY rowid LIMIT ?3";
                let page = self.page(reader, whose, Some(&by), condition, &[&whose.run, &from, &PAGE])?;
                let is_last = is_last(&page);
                (page, is_last)
            }
            Way::Key => self.next_of_key(reader, whose)?,
        };
        self.after = page.rows.last().map(|row| row.after.clone()).or(self.after.take());
        let top = self.top;
        let points =
            page.rows.iter().filter(|row| row.is_ours && row.after.rowid <= top).filter_map(|row| row.point);
        let mut points: Vec<Point> = points.collect();
        if matches!(self.way, Way::Whole(_)) {
            points.sort_by(order);
        }
        self.is_done = is_last;
        Ok(self.push(points, series))
    }

    /// Adds points at the end of a series, as far as they belong there.
    fn push(&mut self, points: Vec<Point>, series: &mut Series) -> Step {
        let count = points.len();
        for point in points {
            if self.last.is_some_and(|last| order(&point, &last) == Ordering::Less) {
                return Step::OutOfOrder;
            }
            self.last = Some(point);
            series.push(point);
        }
        Step::Read(count)
    }

    fn page(
        &self,
        reader: &Reader,
        whose: Whose<'_>,
        by: Option<&str>,
        condition: &str,
        bounds: &[&dyn ToSql],
    ) -> Result<Page<Vec<Found>>, Fault> {
        let sql = reader.schema.points(by, condition);
        // What has to be sorted, or is read up to a row, is read to its end.
        let time = if matches!(self.way, Way::Whole(_)) || self.is_done { Duration::MAX } else { SLICE };
        let take = &mut |rows: &mut Vec<Found>, row: &Row<'_>| {
            let value = |column| row.get(column).unwrap_or(Value::Null);
            let rowid = row.get(0).unwrap_or_default();
            rows.push(Found {
                is_ours: text(row, 1).as_deref() == Some(whose.run)
                    && text(row, 2).as_deref() == Some(whose.key),
                point: point(row),
                after: After {
                    rowid,
                    run: value(1),
                    value: value(3),
                    step: value(4),
                    timestamp: value(5),
                    is_nan: value(6),
                },
            });
            rowid
        };
        let page = page_within(&reader.database, &sql, bounds, time, Vec::new(), take);
        match page.fault {
            Some(fault) => Err(fault),
            None => Ok(page),
        }
    }

    /// The next page by step: first what is left of the last step, since all points may have the same.
    fn next_steps(
        &self,
        reader: &Reader,
        whose: Whose<'_>,
        by: &str,
    ) -> Result<(Page<Vec<Found>>, bool), Fault> {
        let Some(after) = &self.after else {
            let condition = "run_uuid = ?1 AND key = ?2 ORDER BY step, rowid LIMIT ?3";
            let page = self.page(reader, whose, Some(by), condition, &[&whose.run, &whose.key, &PAGE])?;
            let is_last = is_last(&page);
            return Ok((page, is_last));
        };
        let condition = "run_uuid = ?1 AND key = ?2 AND step = ?3 AND rowid > ?4 ORDER BY rowid LIMIT ?5";
        let bounds: &[&dyn ToSql] = &[&whose.run, &whose.key, &after.step, &after.rowid, &PAGE];
        let same = self.page(reader, whose, Some(by), condition, bounds)?;
        if same.count > 0 {
            return Ok((same, false));
        }
        let condition = "run_uuid = ?1 AND key = ?2 AND step > ?3 ORDER BY step, rowid LIMIT ?4";
        let page =
            self.page(reader, whose, Some(by), condition, &[&whose.run, &whose.key, &after.step, &PAGE])?;
        let is_last = page.count == 0;
        Ok((page, is_last))
    }

    /// The next page of all points of the key, by the primary key.
    fn next_of_key(&self, reader: &Reader, whose: Whose<'_>) -> Result<(Page<Vec<Found>>, bool), Fault> {
        let (columns, marks) = reader.schema.point_order();
        let order = format!("ORDER BY {columns} LIMIT {PAGE}");
        let page = match &self.after {
            None => self.page(reader, whose, None, &format!("key = ?1 {order}"), &[&whose.key])?,
            Some(after) => {
                let condition = format!("key = ?1 AND ({columns}) > ({marks}) {order}");
                let bounds: [&dyn ToSql; 6] =
                    [&whose.key, &after.timestamp, &after.step, &after.run, &after.value, &after.is_nan];
                let count = marks.split(',').count() + 1;
                self.page(reader, whose, None, &condition, bounds.get(..count).unwrap_or(&bounds))?
            }
        };
        let is_last = is_last(&page) || page.rows.last().map(|row| &row.after) == self.after.as_ref();
        Ok((page, is_last))
    }

    /// What was added since, by rowid.
    fn read_added(&mut self, reader: &Reader, whose: Whose<'_>, series: &mut Series) -> Result<Step, Fault> {
        let top = reader.top("metrics")?;
        match top.cmp(&self.top) {
            Ordering::Equal => return Ok(Step::Nothing),
            // Rows were taken out, so rowids may be given again.
            Ordering::Less => return Ok(Step::OutOfOrder),
            Ordering::Greater => {}
        }
        let upto = top.min(self.top.saturating_add(PAGE * 4));
        let condition = "rowid > ?1 AND rowid <= ?2 AND +run_uuid = ?3 AND +key = ?4 ORDER BY rowid";
        let page = self.page(reader, whose, None, condition, &[&self.top, &upto, &whose.run, &whose.key])?;
        self.top = upto;
        Ok(self.push(page.rows.into_iter().filter_map(|row| row.point).collect(), series))
    }

    /// Some points from all over the history; none where it is read as fast.
    fn sample(&self, reader: &Reader, whose: Whose<'_>) -> Result<Option<Samples>, Fault> {
        if matches!(self.way, Way::Whole(_)) || self.span.0 >= self.span.1 {
            return Ok(None);
        }
        let mut samples = Samples { points: Vec::new(), end: END };
        for from in self.places(SAMPLES) {
            let Some((at, Some(point))) = self.probe(reader, whose, Some(from), false)? else { continue };
            let at = self.part(at);
            if samples.points.last().is_none_or(|(last, _)| *last < at) {
                samples.points.push((at, point));
            }
        }
        Ok(Some(samples))
    }

    /// A point at or after a place in the order of the way, and where it is; the first or last row when no place is given.
    fn probe(
        &self,
        reader: &Reader,
        whose: Whose<'_>,
        from: Option<i64>,
        descending: bool,
    ) -> Result<Option<(i64, Option<Point>)>, Fault> {
        let rows = self.window(reader, whose, from, descending)?;
        let first = rows.iter().find(|row| row.is_ours).or(rows.first());
        Ok(first.map(|row| (self.at(&row.after), row.point.filter(|_| row.is_ours))))
    }

    /// Some rows at and after a place in the order of the way; the first or last ones when no place is given.
    fn window(
        &self,
        reader: &Reader,
        whose: Whose<'_>,
        from: Option<i64>,
        descending: bool,
    ) -> Result<Vec<Found>, Fault> {
        let turn = if descending { " DESC" } else { "" };
        let from = from.unwrap_or(i64::MIN);
        let page = match &self.way {
            Way::Whole(_) => return Ok(Vec::new()),
            Way::Steps(by) => {
                let condition =
                    format!("run_uuid = ?1 AND key = ?2 AND step >= ?3 ORDER BY step{turn} LIMIT 1");
                self.page(reader, whose, Some(by), &condition, &[&whose.run, &whose.key, &from])?
            }
            Way::Run(by) => {
                let condition = format!("run_uuid = ?1 AND rowid >= ?2 ORDER BY rowid{turn} LIMIT 64");
                self.page(reader, whose, Some(by), &condition, &[&whose.run, &from])?
            }
            Way::Key => {
                let condition = format!("key = ?1 AND timestamp >= ?2 ORDER BY timestamp{turn} LIMIT 32");
                self.page(reader, whose, None, &condition, &[&whose.key, &from])?
            }
        };
        Ok(page.rows)
    }
}

impl Way {
    /// The shortest way to the points of a metric of a run.
    fn choose(reader: &Reader, whose: Whose<'_>) -> Result<Self, Fault> {
        let schema = &reader.schema;
        let Some(by_run) = &schema.metrics_by_run else { return Ok(Self::Key) };
        if count_of_run(reader, by_run, whose.run, FEW + 1)? <= FEW {
            return Ok(Self::Whole(by_run.clone()));
        }
        if let Some(by_step) = &schema.metrics_by_step {
            return Ok(Self::Steps(by_step.clone()));
        }
        // A row of the key is read from the index alone; one of the run has to be fetched.
        let by_run = Self::Run(by_run.clone());
        let (of_key, of_run) = (Self::Key.share(reader, whose)?, by_run.share(reader, whose)?);
        Ok(if of_run > 3.0 * of_key { by_run } else { Self::Key })
    }

    /// Which part of the rows that it leads past are points of this metric of this run, by rows from all over it. To count
    /// them would keep a writer waiting, the longer the more there are.
    fn share(&self, reader: &Reader, whose: Whose<'_>) -> Result<f64, Fault> {
        let cursor = Cursor::on(self.clone(), reader, whose, 0, i64::MAX)?;
        let (mut ours, mut all) = (0, 0);
        for place in cursor.places(PLACES) {
            let rows = cursor.window(reader, whose, Some(place), false)?;
            ours += rows.iter().filter(|row| row.is_ours).count();
            all += rows.len();
        }
        Ok((ours as f64 + 0.5) / (all as f64 + 1.0))
    }
}

/// Whether no more rows follow a page.
fn is_last(page: &Page<Vec<Found>>) -> bool {
    (page.count as i64) < PAGE && !page.cut
}

/// How many points a run has, so many at most.
fn count_of_run(reader: &Reader, by_run: &str, run: &str, most: i64) -> Result<i64, Fault> {
    let by = by_run.replace('"', "\"\"");
    let sql = format!(
        "SELECT count(*) FROM (SELECT 1 FROM metrics INDEXED BY \"{by}\" WHERE run_uuid = ?1 LIMIT {most})"
    );
    let mut statement = reader.database.now().prepare_cached(&sql)?;
    Ok(statement.query_row([run], |row| row.get(0))?)
}

/// MLflow's order of a history (`SqlAlchemyStore.get_metric_history`); NaN is stored as 0.
fn order(a: &Point, b: &Point) -> Ordering {
    let value = |point: &Point| if point.value.is_nan() { 0.0 } else { point.value };
    (a.timestamp, a.step).cmp(&(b.timestamp, b.step)).then(value(a).total_cmp(&(value(b) + 0.0)))
}
