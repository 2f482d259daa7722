//! The columns of the runs table: which there are, which choose themselves, how wide they are.

use rustc_hash::{FxHashMap, FxHashSet};
use unicode_width::UnicodeWidthStr;

use super::Query;
use super::cell::{Cell, table_cell};
use super::rollup::{Rollup, Spread};
use super::tree::Links;
use crate::format;
use crate::index::{Index, Key, Lifecycle, Run, RunKey};
use crate::shown::{Shown, shown};

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    /// The run's name with the tree; always the first.
    Name,
    /// State.
    State,
    /// Start, shown as age.
    Start,
    /// End.
    End,
    /// Duration.
    Duration,
    /// The experiment's name.
    Experiment,
    /// The run id.
    RunId,
    /// Who started it.
    User,
    /// What was started.
    Source,
    /// The git commit.
    Version,
    /// The highest step of its metrics.
    Step,
    /// A param.
    Param(Key),
    /// The latest value of a metric.
    Metric(Key),
    /// A tag.
    Tag(Key),
}

/// The attributes that can be columns, with their titles. The picker and the sort menu read this list.
pub const ATTRIBUTES: [(Column, &str); 10] = [
    (Column::State, "STATE"),
    (Column::Start, "AGE"),
    (Column::Duration, "TIME"),
    (Column::Step, "STEP"),
    (Column::Experiment, "EXPERIMENT"),
    (Column::User, "USER"),
    (Column::Source, "SOURCE"),
    (Column::Version, "COMMIT"),
    (Column::End, "ENDED"),
    (Column::RunId, "RUN ID"),
];

impl Column {
    /// What stands above it.
    pub fn title(self, index: &Index) -> Shown {
        match self {
            Self::Name => Shown::own("NAME"),
            Self::Param(key) | Self::Metric(key) | Self::Tag(key) => shown(index.keys.name(key)),
            other => {
                let title = ATTRIBUTES.iter().find(|(column, _)| *column == other);
                Shown::own(title.map_or("", |(_, title)| title))
            }
        }
    }

    /// Its name in MLflow's filter grammar, which tells a param from a metric of the same name.
    pub fn full_name(self, index: &Index) -> Shown {
        let name = |prefix: &str, key: Key| Shown::own(format!("{prefix}.{}", shown(index.keys.name(key))));
        match self {
            Self::Param(key) => name("params", key),
            Self::Metric(key) => name("metrics", key),
            Self::Tag(key) => name("tags", key),
            other => Shown::own(other.title(index).as_str().to_lowercase()),
        }
    }

    /// Whether values stand to the right and align on the decimal point.
    pub fn is_metric(self) -> bool {
        matches!(self, Self::Metric(_))
    }
}

/// A column with what is needed to draw it.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnView {
    /// Which.
    pub column: Column,
    /// What stands above it.
    pub title: Shown,
    /// Whether it orders the rows.
    pub sorted: bool,
    /// Cells of its values.
    pub content: u16,
    /// Cells from the decimal point on.
    pub fraction: u16,
    /// Whether it has numbers, which stand to the right.
    pub numeric: bool,
    /// Whether some run has a history to draw a sparkline of.
    pub spark: bool,
    /// How soon it gives way where room is short: 0 stays longest.
    pub rank: u16,
}

impl ColumnView {
    /// Cells of its values where a sparkline takes so many beside them. A title stands over the sparkline too;
    /// that of the column that orders needs a place for the arrow.
    pub fn values_width(&self, spark: u16) -> u16 {
        let arrow = if self.sorted { 2 } else { 0 };
        let title = (self.title.as_str().width() as u16).saturating_add(arrow).min(WIDEST);
        self.content.max(title.saturating_sub(self.beside(spark)))
    }

    /// Cells wide, the sparkline included.
    pub fn width(&self, spark: u16) -> u16 {
        self.values_width(spark) + self.beside(spark)
    }

    /// The sparkline with the blank before it.
    fn beside(&self, spark: u16) -> u16 {
        if self.spark { spark + 1 } else { 0 }
    }
}

/// What stands after the name of a deleted run.
pub const DELETED: &str = "  (deleted)";
/// Runs that widths are measured on.
const MEASURED: usize = 2000;
/// Widest column.
const WIDEST: u16 = 24;
/// Params and metrics that choose themselves, each.
const CHOSEN: usize = 6;

/// The columns where nobody chose: state, age and time, then params that differ and metrics that most runs share. What
/// orders the rows is always among them.
pub fn choose(index: &Index, list: &[&Run], query: &Query) -> Vec<Column> {
    let mut columns = vec![Column::State, Column::Start, Column::Duration];
    if list.iter().any(|run| run.is_running()) {
        columns.push(Column::Step);
    }
    if query.experiment.is_none() {
        columns.insert(0, Column::Experiment);
    }
    columns.extend(differing_params(index, list).into_iter().map(Column::Param));
    columns.extend(shared_metrics(index, list, query).into_iter().map(Column::Metric));
    let sorted = query.sort.column;
    if sorted != Column::Name && !columns.contains(&sorted) {
        columns.push(sorted);
    }
    columns
}

/// Different values of a param that are told apart for choosing columns.
const TOLD_APART: usize = 6;

/// Params with more than one value: of those that most runs have, first the ones that differ most, since these are what
/// a search is about.
fn differing_params(index: &Index, list: &[&Run]) -> Vec<Key> {
    #[derive(Default)]
    struct Seen<'a> {
        runs: usize,
        values: Vec<&'a str>,
        long: usize,
    }
    let mut seen: FxHashMap<Key, Seen<'_>> = FxHashMap::default();
    for (key, value) in list.iter().flat_map(|run| &run.params) {
        let entry = seen.entry(*key).or_default();
        entry.runs += 1;
        entry.long += usize::from(value.len() > 24);
        if entry.values.len() < TOLD_APART && !entry.values.contains(&&**value) {
            entry.values.push(value);
        }
    }
    let most = seen.values().map(|seen| seen.runs).max().unwrap_or(0);
    let mut keys: Vec<_> = seen
        .into_iter()
        .filter(|(_, seen)| seen.values.len() > 1 && seen.long * 2 <= seen.runs)
        .map(|(key, seen)| (key, seen.runs * 4 < most * 3, seen.values.len(), seen.runs))
        .collect();
    keys.sort_by(|a, b| {
        let rare_last = a.1.cmp(&b.1);
        rare_last.then(b.2.cmp(&a.2)).then(b.3.cmp(&a.3)).then_with(|| names(index, a.0, b.0))
    });
    keys.truncate(CHOSEN);
    keys.into_iter().map(|(key, ..)| key).collect()
}

fn names(index: &Index, a: Key, b: Key) -> std::cmp::Ordering {
    format::natural_cmp(index.keys.name(a), index.keys.name(b))
}

/// Metrics of at least a third of the runs that have any; the experiment's primary metric first, then those whose name
/// tells quality, then those that most runs have. Samples of the machine (`system/`) are left to the picker.
fn shared_metrics(index: &Index, list: &[&Run], query: &Query) -> Vec<Key> {
    let mut runs: FxHashMap<Key, usize> = FxHashMap::default();
    let mut with_any = 0;
    for run in list {
        with_any += usize::from(!run.metrics.is_empty());
        run.metrics.iter().for_each(|(key, _)| *runs.entry(*key).or_default() += 1);
    }
    let primary = query
        .experiment
        .and_then(|key| index.experiment(key)?.tags.get("mlflow.experiment.primaryMetric.name").cloned());
    let is_primary = |key: Key| primary.as_deref() == Some(index.keys.name(key));
    let mut keys: Vec<(Key, usize)> = runs
        .into_iter()
        .filter(|(key, count)| {
            is_primary(*key) || (count * 3 >= with_any && !index.keys.name(*key).starts_with("system/"))
        })
        .collect();
    keys.sort_by(|a, b| {
        let telling = |key: Key| !tells_quality(index.keys.name(key));
        let order = is_primary(b.0).cmp(&is_primary(a.0)).then(telling(a.0).cmp(&telling(b.0)));
        order.then(b.1.cmp(&a.1)).then_with(|| names(index, a.0, b.0))
    });
    keys.truncate(CHOSEN);
    keys.into_iter().map(|(key, _)| key).collect()
}

/// Whether a metric's name says how good a run is, rather than how fast it was or how it was set up.
fn tells_quality(name: &str) -> bool {
    let lower = name.to_lowercase();
    let about_speed = ["time", "duration", "latency", "throughput", "per_s", "_sec"];
    format::higher_is_better(name).is_some() && !about_speed.iter().any(|word| lower.contains(word))
}

/// Everything that the picker offers: attributes, then metrics, params and tags of the list by name.
pub fn all(index: &Index, query: &Query) -> Vec<Column> {
    let mut metrics = FxHashSet::default();
    let mut params = FxHashSet::default();
    let mut tags = FxHashSet::default();
    let shown = |run: &&std::sync::Arc<Run>| query.experiment.is_none_or(|key| run.experiment == key);
    for run in index.runs().filter(shown) {
        metrics.extend(run.metrics.iter().map(|(key, _)| *key));
        params.extend(run.params.iter().map(|(key, _)| *key));
        tags.extend(run.tags.iter().map(|(key, _)| *key));
    }
    let sorted = |keys: FxHashSet<Key>| {
        let mut keys: Vec<Key> = keys.into_iter().collect();
        keys.sort_by(|a, b| names(index, *a, *b));
        keys
    };
    let attributes = ATTRIBUTES.iter().map(|(column, _)| *column);
    attributes
        .chain(sorted(metrics).into_iter().map(Column::Metric))
        .chain(sorted(params).into_iter().map(Column::Param))
        .chain(sorted(tags).into_iter().map(Column::Tag))
        .collect()
}

/// The text of a parent's cell that has no value of its own: what is below it.
fn spread_text(spread: &Spread) -> String {
    match spread {
        Spread::Best { value, .. } => format::number(*value),
        Spread::Range(low, high) if low == high => format::number(*low),
        Spread::Range(low, high) => format!("{}…{}", format::number(*low), format::number(*high)),
        Spread::Same(text) => text.to_string(),
        Spread::Kinds(kinds) => format!("{kinds} kinds"),
    }
}

/// The cell of a parent that has no value of its own; one number stands where other numbers do.
pub fn spread_cell(spread: &Spread) -> Cell {
    let text = spread_text(spread);
    match spread {
        Spread::Best { .. } => Cell::Number(text),
        Spread::Range(low, high) if low == high => Cell::Number(text),
        _ => Cell::Words(text),
    }
}

/// Cells that the longest name takes with all parents open, with the tree before it and what stands after it.
pub fn name_width(list: &[&Run], links: &Links, rollups: &FxHashMap<RunKey, Rollup>) -> u16 {
    let runs = list.iter().zip(links.depths()).zip(&links.stray).take(MEASURED);
    let widths = runs.map(|((run, depth), stray)| {
        let title = shown(run.title()).as_str().width();
        let after = match rollups.get(&run.key) {
            Some(rollup) => 8 + digits(rollup.below) + sign(rollup.running) + sign(rollup.failed),
            None => 0,
        };
        let stray = if stray.is_some() { 18 } else { 0 };
        let deleted = if run.lifecycle == Lifecycle::Deleted { DELETED.len() } else { 0 };
        title + 3 + 2 * usize::from(depth.min(12)) + after + stray + deleted
    });
    widths.max().unwrap_or(4).min(60) as u16
}

fn digits(count: u32) -> usize {
    format::count(count.into()).len()
}

fn sign(count: u32) -> usize {
    if count > 0 { 2 + digits(count) } else { 0 }
}

/// Widths of the columns, measured once on the first runs of all that could be shown: opening a parent or narrowing
/// moves no column.
pub fn measure(
    columns: &[Column],
    list: &[&Run],
    rollups: &FxHashMap<RunKey, Rollup>,
    sorted: Column,
    index: &Index,
    now: i64,
) -> Vec<ColumnView> {
    let mut views = Vec::with_capacity(columns.len());
    for (place, &column) in columns.iter().enumerate() {
        let mut measured = Measured::default();
        for run in list.iter().take(MEASURED) {
            measured.add(&table_cell(run, column, index, now));
            let spread = rollups.get(&run.key).and_then(|r| r.spreads.get(place)?.as_ref());
            if let Some(spread) = spread {
                measured.add(&spread_cell(spread));
            }
            if let Column::Metric(key) = column {
                measured.spark |= run.metric(key).is_some_and(|metric| metric.points > 1);
            }
        }
        let title = title_among(column, columns, index);
        views.push(ColumnView { sorted: column == sorted, ..measured.view(column, title) });
    }
    rank(&mut views, sorted);
    views
}

/// What stands above a column; the full name where another column has the same.
fn title_among(column: Column, columns: &[Column], index: &Index) -> Shown {
    let key = |column: Column| match column {
        Column::Param(key) | Column::Metric(key) | Column::Tag(key) => Some(key),
        _ => None,
    };
    let same = columns.iter().filter(|other| key(**other).is_some() && key(**other) == key(column)).count();
    if same > 1 { column.full_name(index) } else { column.title(index) }
}

/// Where room is short, what orders the rows has to be seen, and a metric says more than the third param: kinds take
/// turns, one metric and two params before the age.
fn rank(views: &mut [ColumnView], sorted: Column) {
    let (mut metrics, mut others) = (0, 0);
    for view in views {
        view.rank = match view.column {
            column if column == sorted && column != Column::Start => 0,
            Column::State => 0,
            Column::Metric(_) => {
                metrics += 1;
                4 * metrics - 3
            }
            Column::Start => 4,
            Column::Step => 6,
            Column::Duration => 7,
            _ => {
                others += 1;
                if others < 3 { others + 1 } else { 4 * (others - 1) }
            }
        };
    }
}

#[derive(Default)]
struct Measured {
    words: usize,
    whole: usize,
    fraction: usize,
    spark: bool,
}

impl Measured {
    fn add(&mut self, cell: &Cell) {
        match cell {
            Cell::Empty | Cell::Loading => self.words = self.words.max(1),
            Cell::Words(text) => self.words = self.words.max(shown(text).as_str().width()),
            Cell::Number(text) => {
                let (whole, fraction) = decimal_parts(text);
                self.whole = self.whole.max(whole);
                self.fraction = self.fraction.max(fraction);
            }
        }
    }

    fn view(self, column: Column, title: Shown) -> ColumnView {
        let sign = if column == Column::State { 2 } else { 0 };
        ColumnView {
            column,
            title,
            sorted: false,
            content: sign + (self.whole + self.fraction).max(self.words).min(WIDEST.into()) as u16,
            fraction: self.fraction as u16,
            numeric: self.whole > 0,
            spark: self.spark,
            rank: 0,
        }
    }
}

/// Characters of a number before the decimal point, and from it on.
pub fn decimal_parts(text: &str) -> (usize, usize) {
    let whole = text.find(['.', 'e', '…']).unwrap_or(text.len());
    (text.get(..whole).unwrap_or(text).chars().count(), text.get(whole..).unwrap_or_default().chars().count())
}
