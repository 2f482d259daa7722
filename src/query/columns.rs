//! The columns of the runs table: which there are, which choose themselves, how wide they are.

use std::sync::Arc;

use unicode_width::UnicodeWidthStr;

use super::by_key::ByKey;
use super::{Aggregate, ColumnFormat, FETCHED, Query, Ranks, fetch};
use crate::format;
use crate::index::{Index, Key, Run};
use crate::shown::{Shown, shown};

pub use choose::{Chooser, Chosen, choose};
pub use measure::{decimal_parts, measure, name_width, spread_cell};

mod choose;
mod measure;

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
/// Widest column.
const WIDEST: u16 = 24;
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
