//! Which value of a metric's history a column shows: the latest, as MLflow's table has it, or another one.

use std::collections::BTreeMap;

use super::Formats;
use crate::format;
use crate::index::{AtStep, Beyond, Index, Key, Run, Text};

/// Which value of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Aggregate {
    /// The latest by MLflow's rule.
    #[default]
    Last,
    /// The highest or the lowest, by what is better; the highest where nobody knows.
    Best,
    /// The lowest.
    Min,
    /// The highest.
    Max,
    /// The one of the lowest step.
    First,
    /// The mean of all.
    Mean,
    /// The latest up to a step.
    At(i64),
}

impl Aggregate {
    /// All of them but [`Aggregate::At`], in the order in which a key goes through them.
    pub const ALL: [Self; 6] = [Self::Last, Self::Best, Self::Min, Self::Max, Self::First, Self::Mean];

    /// The next one, for a key that goes through them.
    pub fn next(self) -> Self {
        let place = Self::ALL.iter().position(|one| *one == self);
        place.and_then(|place| Self::ALL.get(place + 1)).copied().unwrap_or_default()
    }

    /// Its name, as `metrics.loss.min` and `--agg min` have it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Best => "best",
            Self::Min => "min",
            Self::Max => "max",
            Self::First => "first",
            Self::Mean => "mean",
            Self::At(_) => "at",
        }
    }

    /// By its name; `at:100` for a step.
    pub fn from_word(word: &str) -> Option<Self> {
        if let Some(step) = word.strip_prefix("at:") {
            return step.parse().ok().map(Self::At);
        }
        Self::ALL.into_iter().find(|one| one.word() == word)
    }

    /// Its name with the step, as [`Aggregate::from_word`] takes it; empty for the latest, which needs no telling.
    pub fn suffix(self) -> String {
        match self {
            Self::Last => String::new(),
            Self::At(step) => format!(".at:{step}"),
            other => format!(".{}", other.word()),
        }
    }

    /// Puts what it needs of all runs beyond what each has.
    pub fn needs(self, key: Key, beyond: &mut Beyond) {
        match self {
            Self::Last => {}
            Self::At(step) => beyond.add_at(key, step),
            _ => beyond.add_summary(key),
        }
    }
}

/// Which direction of a metric is better: what somebody set, by name, else what the name tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directions(pub BTreeMap<Text, bool>);

impl Directions {
    /// Whether higher is better; nothing where neither anybody nor the name tells.
    pub fn higher_is_better(&self, name: &str) -> Option<bool> {
        self.0.get(name).copied().or_else(|| format::higher_is_better(name))
    }

    /// The same by the metric's key.
    pub fn of(&self, key: Key, index: &Index) -> Option<bool> {
        self.higher_is_better(index.keys.name(key))
    }
}

/// A value of a metric, and the step that it came from; a mean came from none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Picked {
    /// The value; may be NaN.
    pub value: f64,
    /// The step.
    pub step: Option<i64>,
}

impl From<AtStep> for Picked {
    fn from(at: AtStep) -> Self {
        Self { value: at.value, step: Some(at.step) }
    }
}

/// What there is of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Found {
    /// The run has no such metric, or none up to the step.
    Nothing,
    /// The history has not been read.
    Loading,
    /// This.
    Value(Picked),
}

impl Found {
    /// The value.
    pub fn value(self) -> Option<f64> {
        self.picked().map(|picked| picked.value)
    }

    /// The value with its step.
    pub fn picked(self) -> Option<Picked> {
        match self {
            Self::Value(picked) => Some(picked),
            _ => None,
        }
    }
}

/// How a metric's value is picked: made once for all runs, since the best asks for its direction by name.
#[derive(Clone, Copy, Debug)]
pub struct Pick {
    key: Key,
    how: Aggregate,
}

impl Pick {
    /// A way to pick. The best is the lowest or the highest from here on.
    pub fn new(key: Key, how: Aggregate, index: &Index, better: &Directions) -> Self {
        let how = match how {
            Aggregate::Best if better.of(key, index) == Some(false) => Aggregate::Min,
            Aggregate::Best => Aggregate::Max,
            other => other,
        };
        Self { key, how }
    }

    /// The value of a run.
    pub fn of(self, run: &Run, index: &Index) -> Found {
        let Some(metric) = run.metric(self.key) else { return Found::Nothing };
        let last = AtStep { value: metric.last.value, step: metric.last.step };
        let at = match self.how {
            Aggregate::Last => return Found::Value(last.into()),
            Aggregate::At(step) => match index.at_step(run, self.key, step, &metric) {
                None => return Found::Loading,
                Some(None) => return Found::Nothing,
                Some(Some(at)) => at,
            },
            how => {
                let Some(summary) = index.summary(run, self.key, &metric) else { return Found::Loading };
                match (how, summary.range) {
                    (Aggregate::First, _) => summary.first,
                    (Aggregate::Mean, _) => return Found::Value(Picked { value: summary.mean, step: None }),
                    (_, None) => AtStep { value: f64::NAN, ..summary.first },
                    (Aggregate::Min, Some((min, _))) => min,
                    (_, Some((_, max))) => max,
                }
            }
        };
        Found::Value(at.into())
    }
}

/// What is needed to look at a run: the index, the time, and which direction of a metric is better.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The index that the run is in.
    pub index: &'a Index,
    /// The time, milliseconds since the epoch.
    pub now: i64,
    /// What is better.
    pub better: &'a Directions,
    /// How columns look.
    pub formats: &'a Formats,
}

impl<'a> Look<'a> {
    /// A metric's value of a run.
    pub fn pick(&self, run: &Run, key: Key, how: Aggregate) -> Found {
        Pick::new(key, how, self.index, self.better).of(run, self.index)
    }
}

impl super::Query {
    /// How runs are looked at that this query is about.
    pub fn look<'a>(&'a self, index: &'a Index) -> Look<'a> {
        Look { index, now: self.now, better: &self.better, formats: &self.formats }
    }
}
