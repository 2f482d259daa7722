//! The columns of the runs table: which there are, which choose themselves, how wide they are.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::sync::Arc;

use unicode_width::UnicodeWidthStr;

use super::by_key::ByKey;
use super::cell::{Cell, table_cell};
use super::rollup::{Rollups, Spread};
use super::tree::Links;
use super::{Aggregate, ColumnFormat, FETCHED, Grouping, Groups, Query, Ranks, fetch};
use crate::format::{self, NumberFormat};
use crate::index::{Index, Key, Keys, Lifecycle, Run, RunKey};
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
    /// Who started it, as MLflow's page shows it.
    User,
    /// Who started it, as recorded: MLflow's attribute `user_id`.
    UserId,
    /// Where its artifacts were written, as recorded.
    ArtifactUri,
    /// What was started.
    Source,
    /// The git commit.
    Version,
    /// The highest step of its metrics.
    Step,
    /// A param.
    Param(Key),
    /// A value of a metric.
    Metric(Key, Aggregate),
    /// A tag.
    Tag(Key),
}

/// The attributes that can be columns, with their titles. The picker and the sort menu read this list.
pub const ATTRIBUTES: [(Column, &str); 12] = [
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
    (Column::UserId, "USER ID"),
    (Column::ArtifactUri, "ARTIFACT URI"),
];

impl Column {
    /// What stands above it.
    pub fn title(self, index: &Index) -> Shown {
        match self {
            Self::Name => Shown::own("NAME"),
            Self::Param(key) | Self::Metric(key, Aggregate::Last) | Self::Tag(key) => {
                shown(index.keys.name(key))
            }
            Self::Metric(key, how) => Shown::own(format!("{}{}", shown(index.keys.name(key)), how.suffix())),
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
            Self::Metric(key, how) => Shown::own(format!("{}{}", name("metrics", key), how.suffix())),
            Self::Tag(key) => name("tags", key),
            other => Shown::own(other.title(index).as_str().to_lowercase()),
        }
    }

    /// The same column with the latest value, where it is a metric.
    pub fn latest(self) -> Self {
        match self {
            Self::Metric(key, _) => Self::Metric(key, Aggregate::Last),
            other => other,
        }
    }

    /// Whether values stand to the right and align on the decimal point.
    pub fn is_metric(self) -> bool {
        matches!(self, Self::Metric(..))
    }
}

/// A column with what is needed to draw it.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnView {
    /// Which.
    pub column: Column,
    /// What stands above it.
    pub title: Shown,
    /// Whether it is the first that orders the rows.
    pub sorted: bool,
    /// Which of the columns that order the rows it is, from 0, and whether its highest values come first.
    pub order: Option<(u16, bool)>,
    /// How many columns order the rows.
    pub orders: u16,
    /// Of a metric, whether higher is better.
    pub better: Option<bool>,
    /// How it looks.
    pub format: ColumnFormat,
    /// Its values in order, where it is coloured by rank.
    pub ranks: Option<Arc<Ranks>>,
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
        if let Some(width) = self.format.width {
            return width;
        }
        let title = (self.title.as_str().width() as u16).saturating_add(self.signs_width()).min(WIDEST);
        self.content.max(title.saturating_sub(self.beside(spark)))
    }

    /// Cells of what stands after the title: which way is better, and the arrow of the order with its number.
    pub fn signs_width(&self) -> u16 {
        let number = u16::from(self.orders > 1);
        u16::from(self.better.is_some()) + if self.order.is_some() || self.sorted { 2 + number } else { 0 }
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
/// Texts below this length are shown whole.
const WHOLE: usize = 4096;
/// Params and metrics that choose themselves, each.
const CHOSEN: usize = 6;

/// The columns where nobody chose: state, age and time, then params that differ and metrics that most runs share. What
/// orders the rows is always among them.
pub fn choose(index: &Index, list: &[&Run], query: &Query) -> Vec<Column> {
    let mut chooser = Chooser::new(&index.keys);
    list.iter().for_each(|run| chooser.take(run));
    chooser.choose(index, query).columns(query)
}

/// Different values of a param that are told apart for choosing columns.
const TOLD_APART: usize = 6;

/// The columns that choose themselves, before it is known what orders the rows.
#[derive(Clone, Debug, Default)]
pub struct Chosen(Vec<Column>);

impl Chosen {
    /// With those that order.
    pub fn columns(&self, query: &Query) -> Vec<Column> {
        let shown = |column: &Column| match *column {
            Column::Metric(key, Aggregate::Last) => Column::Metric(key, query.aggregate),
            other => other,
        };
        let mut columns: Vec<Column> = self.0.iter().map(shown).collect();
        for column in query.sort.iter().map(|sort| sort.column) {
            if column != Column::Name && !columns.contains(&column) {
                columns.push(column);
            }
        }
        columns
    }
}

/// What has been seen of a param.
#[derive(Debug, Default)]
struct Seen<'a> {
    runs: usize,
    values: Vec<&'a str>,
    long: usize,
}

/// Looks at all runs to choose columns.
#[derive(Debug)]
pub struct Chooser<'a> {
    is_running: bool,
    params: ByKey<Seen<'a>>,
    /// Runs that have a metric, and runs that have any.
    metrics: ByKey<usize>,
    with_metrics: usize,
}

impl<'a> Chooser<'a> {
    /// Nothing has been seen.
    pub fn new(keys: &Keys) -> Self {
        Self { is_running: false, params: ByKey::new(keys), metrics: ByKey::new(keys), with_metrics: 0 }
    }

    /// Looks at a run.
    pub fn take(&mut self, run: &'a Run) {
        self.is_running |= run.is_running();
        for (key, value) in run.params().iter() {
            let Some(seen) = self.params.of(key) else { continue };
            seen.runs += 1;
            seen.long += usize::from(value.len() > 24);
            if seen.values.len() < TOLD_APART && !seen.values.contains(&value) {
                seen.values.push(value);
            }
        }
        let metrics = run.metrics();
        self.with_metrics += usize::from(metrics.len() > 0);
        metrics.for_each(|(key, _)| self.metrics.of(key).into_iter().for_each(|count| *count += 1));
    }

    /// The columns, see [`choose`].
    pub fn choose(self, index: &Index, query: &Query) -> Chosen {
        let mut columns = vec![Column::State, Column::Start, Column::Duration];
        if self.is_running {
            columns.push(Column::Step);
        }
        if query.experiment.is_none() {
            columns.insert(0, Column::Experiment);
        }
        columns.extend(differing_params(self.params.list, index).map(Column::Param));
        let metrics = shared_metrics(self.metrics.list, self.with_metrics, index, query);
        columns.extend(metrics.map(|key| Column::Metric(key, Aggregate::Last)));
        Chosen(columns)
    }
}

/// Params with more than one value: of those that most runs have, first the ones that differ most, since these are what
/// a search is about.
fn differing_params(mut params: Vec<(Key, Seen<'_>)>, index: &Index) -> impl Iterator<Item = Key> {
    let most = params.iter().map(|(_, seen)| seen.runs).max().unwrap_or(0);
    params.retain(|(_, seen)| seen.values.len() > 1 && seen.long * 2 <= seen.runs);
    params.sort_by_cached_key(|(key, seen)| {
        let is_rare = seen.runs * 4 < most * 3;
        (is_rare, Reverse((seen.values.len(), seen.runs)), format::natural_key(index.keys.name(*key)))
    });
    params.into_iter().take(CHOSEN).map(|(key, _)| key)
}

/// Metrics of at least a third of the runs that have any; the experiment's primary metric first, then those whose name
/// tells quality, then those that most runs have. Samples of the machine (`system/`) are left to the picker.
fn shared_metrics(
    mut metrics: Vec<(Key, usize)>,
    with_any: usize,
    index: &Index,
    query: &Query,
) -> impl Iterator<Item = Key> {
    let experiment = query.experiment.and_then(|key| index.experiment(key));
    let primary = experiment.and_then(|e| e.tags.get("mlflow.experiment.primaryMetric.name"));
    let is_primary = |name: &str| primary.is_some_and(|primary| **primary == *name);
    metrics.retain(|(key, count)| {
        let name = index.keys.name(*key);
        is_primary(name) || (count * 3 >= with_any && !name.starts_with("system/"))
    });
    metrics.sort_by_cached_key(|(key, count)| {
        let name = index.keys.name(*key);
        (!is_primary(name), !tells_quality(name), Reverse(*count), format::natural_key(name))
    });
    metrics.into_iter().take(CHOSEN).map(|(key, _)| key)
}

/// Whether a metric's name says how good a run is, rather than how fast it was or how it was set up.
fn tells_quality(name: &str) -> bool {
    let lower = name.to_lowercase();
    let about_speed = ["time", "duration", "latency", "throughput", "per_s", "_sec"];
    format::higher_is_better(name).is_some() && !about_speed.iter().any(|word| lower.contains(word))
}

/// Everything that the picker offers: attributes, then metrics, params and tags of the experiment's runs by name.
pub fn all(index: &Index, query: &Query) -> Vec<Column> {
    let runs = index.runs().filter(|run| query.experiment.is_none_or(|key| run.experiment == key));
    of(&runs.map(|run| &**run).collect::<Vec<&Run>>(), index)
}

/// All columns that runs have: attributes, then metrics, params and tags by name.
pub fn of(runs: &[&Run], index: &Index) -> Vec<Column> {
    let mut keys = [ByKey::<()>::new(&index.keys), ByKey::new(&index.keys), ByKey::new(&index.keys)];
    let [metrics, params, tags] = &mut keys;
    for runs in runs.chunks(FETCHED) {
        fetch(runs.iter());
        for run in runs {
            run.metrics().for_each(|(key, _)| _ = metrics.of(key));
            run.params().keys().for_each(|key| _ = params.of(key));
            run.tags().keys().for_each(|key| _ = tags.of(key));
        }
    }
    let mut columns: Vec<Column> = ATTRIBUTES.iter().map(|(column, _)| *column).collect();
    let metric = |key| Column::Metric(key, Aggregate::Last);
    let kinds: [fn(Key) -> Column; 3] = [metric, Column::Param, Column::Tag];
    for (keys, column) in keys.iter_mut().zip(kinds) {
        keys.list.sort_by_cached_key(|(key, ())| format::natural_key(index.keys.name(*key)));
        columns.extend(keys.list.iter().map(|(key, ())| column(*key)));
    }
    columns
}

/// The text of a parent's cell that has no value of its own: what is below it.
fn spread_text(spread: &Spread, numbers: NumberFormat) -> Cow<'_, str> {
    match spread {
        Spread::Best { value, .. } => numbers.write(*value).into(),
        Spread::Range(low, high) if low == high => numbers.write(*low).into(),
        Spread::Range(low, high) => format!("{}…{}", numbers.write(*low), numbers.write(*high)).into(),
        Spread::Same(text) => Cow::Borrowed(text),
        Spread::Kinds(kinds) => format!("{kinds} kinds").into(),
    }
}

/// The cell of a parent that has no value of its own; one number stands where other numbers do.
pub fn spread_cell(spread: &Spread, numbers: NumberFormat) -> Cell<'_> {
    let text = spread_text(spread, numbers);
    match spread {
        Spread::Best { .. } => Cell::Number(text),
        Spread::Range(low, high) if low == high => Cell::Number(text),
        Spread::Same(same) if format::parse_number(same).is_some() => Cell::Number(text),
        _ => Cell::Words(text),
    }
}

/// Cells that the longest name takes with all parents open, with the tree before it and what stands after it.
pub fn name_width(list: &[&Run], links: &Links, rollups: &Rollups, groups: &Groups) -> u16 {
    let runs = (0u32..).zip(list.iter().zip(&links.stray)).take(MEASURED);
    let widths = runs.map(|(place, (run, stray))| {
        let after = match rollups.get(run.key) {
            Some(rollup) => 8 + digits(rollup.below) + sign(rollup.running) + sign(rollup.failed),
            None => 0,
        };
        let stray = if stray.is_some() { 18 } else { 0 };
        let deleted = if run.lifecycle == Lifecycle::Deleted { DELETED.len() } else { 0 };
        width(run.title()) + 3 + 2 * links.depth(place, 12) + after + stray + deleted
    });
    let groups =
        groups.iter().take(MEASURED).map(|group| group.title.as_str().width() + 11 + digits(group.runs));
    widths.chain(groups).max().unwrap_or(4).min(60) as u16
}

/// Cells that a text of a store takes.
fn width(text: &str) -> usize {
    // A control character is shown as a picture, also one cell wide.
    if text.is_ascii() && text.len() < WHOLE { text.len() } else { shown(text).as_str().width() }
}

fn digits(count: u32) -> usize {
    let digits = count.checked_ilog10().unwrap_or(0) as usize;
    digits + 1 + digits / 3
}

fn sign(count: u32) -> usize {
    if count > 0 { 2 + digits(count) } else { 0 }
}

/// Widths of the columns, measured once on the first runs of all that could be shown: opening a parent or narrowing
/// moves no column.
pub fn measure(
    columns: &[Column],
    all: &[&Run],
    (rollups, groups): (&Rollups, &Groups),
    index: &Index,
    query: &Query,
) -> Vec<ColumnView> {
    let (look, sorted) = (query.look(index), query.lead().column);
    let mut views = Vec::with_capacity(columns.len());
    let list = all.get(..MEASURED).unwrap_or(all);
    let parents = list.iter().map(|run| run.key).filter(|run| rollups.get(*run).is_some());
    let parents: Vec<RunKey> = parents.chain(groups.iter().take(MEASURED).map(|group| group.key)).collect();
    for &column in columns {
        let mut measured = Measured::default();
        list.iter().for_each(|run| measured.add(&table_cell(run, column, &look)));
        let spreads = parents.iter().filter_map(|run| rollups.spread(*run, column));
        let format = query.formats.of(column);
        spreads.for_each(|spread| measured.add(&spread_cell(spread, format.numbers)));
        if let Column::Metric(key, _) = column {
            measured.spark =
                list.iter().any(|run| run.metric(key).is_some_and(|metric| metric.has_history()));
            // Groups tell the deviation there.
            measured.spark |= matches!(query.grouping, Grouping::By(_));
            measured.better = query.better.of(key, index);
        }
        let title = title_among(column, columns, index);
        let order = (0..).zip(&query.sort).find(|(_, sort)| sort.column == column);
        let order = order.map(|(place, sort)| (place, sort.descending));
        let ranks = format.heat.then(|| Arc::new(Ranks::of(all, column, &look)));
        let orders = query.sort.len() as u16;
        let view = measured.view(column, title);
        views.push(ColumnView { sorted: column == sorted, order, orders, format, ranks, ..view });
    }
    rank(&mut views, sorted);
    views
}

/// What stands above a column; the full name where another column has the same.
fn title_among(column: Column, columns: &[Column], index: &Index) -> Shown {
    let key = |column: Column| match column {
        Column::Param(key) | Column::Tag(key) | Column::Metric(key, _) => Some(key),
        _ => None,
    };
    let is_metric = |other: &Column| other.is_metric() && column.is_metric();
    let is_other =
        |other: &&Column| key(**other).is_some() && key(**other) == key(column) && !is_metric(other);
    if columns.iter().filter(|other| **other != column).any(|other| is_other(&other)) {
        column.full_name(index)
    } else {
        column.title(index)
    }
}

/// Where room is short, what orders the rows has to be seen, and a metric says more than the third param: kinds take
/// turns, one metric and two params before the age.
fn rank(views: &mut [ColumnView], sorted: Column) {
    let (mut metrics, mut others) = (0, 0);
    for view in views {
        view.rank = match view.column {
            column if column == sorted && column != Column::Start => 0,
            Column::State => 0,
            Column::Metric(..) => {
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
    better: Option<bool>,
}

impl Measured {
    fn add(&mut self, cell: &Cell<'_>) {
        match cell {
            Cell::Empty | Cell::Loading => self.words = self.words.max(1),
            Cell::Words(text) => self.words = self.words.max(width(text)),
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
            order: None,
            orders: 0,
            better: self.better,
            format: ColumnFormat::default(),
            ranks: None,
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
    let all = text.chars().count();
    let whole = text.chars().position(|c| matches!(c, '.' | 'e' | '…')).unwrap_or(all);
    (whole, all - whole)
}
