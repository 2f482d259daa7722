//! Asking a filter of the runs of one index.

use std::borrow::Cow;

use super::Filter;
use super::like::Like;
use super::tree::{Check, Compare, Expr, Field, Number, Test};
use super::words::{Attribute, DatasetField};
use crate::format;
use crate::index::{Dialect, Key, Run, Used};
use crate::query::aggregate::{Aggregate, Found, Look, Pick};
use crate::query::tree::Links;
use crate::query::{cell, fuzzy, vitals};

/// The runs that a filter is asked of.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// All of them; numbers below are places in it.
    pub list: &'a [&'a Run],
    /// How they hang together.
    pub links: &'a Links,
    /// How they are looked at.
    pub look: Look<'a>,
}

/// A filter with its names looked up. `None` of anything below means that it cannot be told yet, since what is asked for is
/// being read; `and`, `or` and `not` treat that as Kleene did.
pub struct Plan<'a> {
    root: Node<'a>,
    world: World<'a>,
    /// How many children each run has, where the filter asks.
    children: Vec<u32>,
}

enum Node<'a> {
    All(Vec<Node<'a>>),
    Any(Vec<Node<'a>>),
    Not(Box<Node<'a>>),
    Word(Box<fuzzy::Search<'a>>),
    Ask(Ask<'a>),
}

/// A comparison that is ready.
struct Ask<'a> {
    above: u16,
    source: Source,
    check: Ready<'a>,
}

/// Where a value comes from. No key: no run has such a thing.
#[derive(Clone, Copy)]
enum Source {
    Metric(Option<Pick>),
    Param(Option<Key>),
    Tag(Option<Key>),
    Attribute(Attribute),
    Dataset(DatasetField),
}

enum Ready<'a> {
    Number(Compare, (f64, f64)),
    /// Whether it is a NaN.
    NotANumber {
        not: bool,
    },
    Numbers {
        list: &'a [f64],
        not: bool,
    },
    Texts {
        list: &'a [String],
        not: bool,
    },
    Like {
        like: Like,
        not: bool,
    },
    Regex {
        regex: &'a regex::Regex,
        not: bool,
    },
    Null {
        not: bool,
    },
    Flag,
}

/// What a run has.
enum Value<'a> {
    Text(Cow<'a, str>),
    Number(f64),
    Missing,
    Loading,
}

impl<'a> Plan<'a> {
    /// A filter that is ready to be asked of these runs.
    pub fn new(filter: &'a Filter, world: &World<'a>) -> Self {
        let mut asks_children = false;
        let root = Node::new(filter.expr(), world, &mut asks_children);
        let children = if asks_children { world.links.children() } else { Vec::new() };
        Self { root, world: *world, children }
    }

    /// Whether the run at a place passes; nothing while it cannot be told.
    pub fn verdict(&mut self, run: &'a Run, place: u32) -> Option<bool> {
        self.root.verdict(run, place, &self.world, &self.children)
    }
}

impl<'a> Node<'a> {
    fn new(expr: &'a Expr, world: &World<'a>, asks_children: &mut bool) -> Self {
        let mut each = |list: &'a [Expr]| list.iter().map(|e| Node::new(e, world, asks_children)).collect();
        match expr {
            Expr::All(list) => Node::All(each(list)),
            Expr::Any(list) => Node::Any(each(list)),
            Expr::Not(inner) => Node::Not(Box::new(Node::new(inner, world, asks_children))),
            Expr::Word(word) => Node::Word(Box::new(fuzzy::Search::new(word, &world.look.index.keys))),
            Expr::Test(test) => {
                *asks_children |= test.field == Field::Attribute(Attribute::Children);
                Node::Ask(Ask::new(test, world))
            }
        }
    }

    fn verdict(&mut self, run: &'a Run, place: u32, world: &World<'a>, children: &[u32]) -> Option<bool> {
        match self {
            Self::Ask(ask) => ask.verdict(run, place, world, children),
            Self::Not(inner) => inner.verdict(run, place, world, children).map(|is| !is),
            Self::Word(search) => {
                let read = run.read();
                let found = search.finds(run);
                (found || (read.meta && read.params && read.tags)).then_some(found)
            }
            Self::All(list) => {
                let mut verdict = Some(true);
                for node in list {
                    match node.verdict(run, place, world, children) {
                        Some(true) => {}
                        Some(false) => return Some(false),
                        None => verdict = None,
                    }
                }
                verdict
            }
            Self::Any(list) => {
                let mut verdict = Some(false);
                for node in list {
                    match node.verdict(run, place, world, children) {
                        Some(false) => {}
                        Some(true) => return Some(true),
                        None => verdict = None,
                    }
                }
                verdict
            }
        }
    }
}

/// A metric's key and which of its values is meant: a name that some key has is that key, as MLflow takes it.
pub fn metric(
    name: &str,
    suffix: Option<&(String, Aggregate)>,
    keys: &crate::index::Keys,
) -> Option<(Key, Aggregate)> {
    let whole = keys.find(name).map(|key| (key, Aggregate::Last));
    whole.or_else(|| suffix.and_then(|(name, how)| Some((keys.find(name)?, *how))))
}

impl<'a> Ask<'a> {
    fn new(test: &'a Test, world: &World<'a>) -> Self {
        let Look { index, now, better, .. } = world.look;
        let source = match &test.field {
            Field::Metric { name, suffix } => Source::Metric(
                metric(name, suffix.as_ref(), &index.keys)
                    .map(|(key, how)| Pick::new(key, how, index, better)),
            ),
            Field::Param(name) => Source::Param(index.keys.find(name)),
            Field::Tag(name) => Source::Tag(index.keys.find(name)),
            Field::Attribute(attribute) => Source::Attribute(*attribute),
            Field::Dataset(field) => Source::Dataset(*field),
        };
        let check = match &test.check {
            Check::Number(compare, number) => match resolve(*number, now) {
                (low, _) if low.is_nan() => Ready::NotANumber { not: *compare == Compare::NotEqual },
                range => Ready::Number(*compare, range),
            },
            Check::Numbers { list, not } => Ready::Numbers { list, not: *not },
            Check::Texts { list, not } => Ready::Texts { list, not: *not },
            Check::Like { pattern, fold, not } => {
                Ready::Like { like: Like::new(pattern, *fold, index.dialect), not: *not }
            }
            Check::Regex { regex, not } => Ready::Regex { regex, not: *not },
            Check::Null { not } => Ready::Null { not: *not },
            Check::Flag => Ready::Flag,
        };
        Self { above: test.above, source, check }
    }

    fn verdict(&self, run: &'a Run, place: u32, world: &World<'a>, children: &[u32]) -> Option<bool> {
        let (mut run, mut place) = (run, place);
        for _ in 0..self.above {
            let above = world.links.above(place);
            let Some((above, parent)) =
                above.and_then(|above| Some((above, *world.list.get(above as usize)?)))
            else {
                // Nobody has what is asked for.
                return Some(matches!(self.check, Ready::Null { not: false }));
            };
            (run, place) = (parent, above);
        }
        match self.source {
            Source::Dataset(field) => self.any_dataset(run, field, world),
            Source::Param(key) => {
                let value = key.and_then(|key| run.param(key));
                self.check.text(value.map(Cow::Borrowed), run.read().params)
            }
            Source::Tag(key) => {
                let value = key.and_then(|key| run.tag(key));
                self.check.text(value.map(Cow::Borrowed), run.read().tags)
            }
            Source::Metric(pick) => {
                match pick.map_or(Found::Nothing, |pick| pick.of(run, world.look.index)) {
                    Found::Value(picked) => {
                        Some(self.check.number(in_sql(picked.value, world.look.index.dialect)))
                    }
                    Found::Loading => None,
                    Found::Nothing => self.check.missing(run.read().metrics),
                }
            }
            Source::Attribute(attribute) => match attribute_value(run, attribute, place, world, children) {
                Value::Text(text) => Some(self.check.holds_text(&text)),
                Value::Number(number) => Some(self.check.number(number)),
                Value::Missing => self.check.missing(true),
                Value::Loading => None,
            },
        }
    }

    /// Whether any dataset that a run used is so; MLflow asks `!=` in the same way.
    fn any_dataset(&self, run: &Run, field: DatasetField, world: &World<'_>) -> Option<bool> {
        let index = world.look.index;
        let used = index.datasets(run.key)?;
        let text = |used: &Used| {
            Some(index.keys.name(match field {
                DatasetField::Name => used.name,
                DatasetField::Digest => used.digest,
                DatasetField::Context => used.context?,
            }))
        };
        let mut texts = used.iter().filter_map(text);
        Some(match &self.check {
            Ready::Null { not } => texts.next().is_some() == *not,
            check => texts.any(|text| check.holds_text(text)),
        })
    }
}

/// A number that is compared with, by the time that it is.
fn resolve(number: Number, now: i64) -> (f64, f64) {
    match number {
        Number::Between(low, high) => (low, high),
        Number::Ago(ms) => (now as f64 - ms, now as f64 - ms),
        Number::DaysAgo(days) => format::day_before(now, days)
            .map_or((f64::INFINITY, f64::INFINITY), |(from, to)| (from as f64, to as f64)),
    }
}

/// A value as SQL has it, where some versions compare a NaN as the 0 that it is stored as.
fn in_sql(value: f64, dialect: Dialect) -> f64 {
    match dialect {
        Dialect::Sql { nan_is_zero: true } if value.is_nan() => 0.0,
        _ => value,
    }
}

impl Ready<'_> {
    /// Of a value that is not there: everything is false then, also what is unequal.
    fn missing(&self, is_read: bool) -> Option<bool> {
        is_read.then_some(matches!(self, Self::Null { not: false }))
    }

    fn text(&self, value: Option<Cow<'_, str>>, is_read: bool) -> Option<bool> {
        match value {
            Some(value) => Some(self.holds_text(&value)),
            None => self.missing(is_read),
        }
    }

    fn holds_text(&self, text: &str) -> bool {
        match self {
            Self::Texts { list, not } => list.iter().any(|one| one == text) != *not,
            Self::Like { like, not } => like.is_like(text) != *not,
            Self::Regex { regex, not } => regex.is_match(text) != *not,
            Self::Null { not } => *not,
            // A text that is no number is unequal to every number.
            Self::Number(..) | Self::NotANumber { .. } | Self::Numbers { .. } => {
                match format::parse_number(text) {
                    Some(number) => self.number(number),
                    None => match self {
                        Self::Number(compare, _) => *compare == Compare::NotEqual,
                        Self::NotANumber { not } | Self::Numbers { not, .. } => *not,
                        _ => false,
                    },
                }
            }
            Self::Flag => false,
        }
    }

    fn number(&self, value: f64) -> bool {
        match self {
            Self::Number(compare, range) => compare.holds(value, *range),
            Self::NotANumber { not } => value.is_nan() != *not,
            Self::Numbers { list, not } => list.contains(&value) != *not,
            Self::Null { not } => *not,
            Self::Flag => value != 0.0,
            _ => false,
        }
    }
}

fn attribute_value<'a>(
    run: &'a Run,
    attribute: Attribute,
    place: u32,
    world: &World<'a>,
    children: &[u32],
) -> Value<'a> {
    let Look { index, now, .. } = world.look;
    let read = run.read();
    let text = |text: Option<&'a str>, is_read: bool| match text {
        Some(text) => Value::Text(text.into()),
        None if is_read => Value::Missing,
        None => Value::Loading,
    };
    let number = |number: Option<i64>| match number {
        Some(number) => Value::Number(number as f64),
        None if read.meta => Value::Missing,
        None => Value::Loading,
    };
    let experiment = || index.experiment(run.experiment);
    match attribute {
        Attribute::RunId => text(Some(run.run_id()), true),
        // In SQL the name is the tag: rows of MLflow before 1.30 have no other (`_get_sqlalchemy_filter_clauses`).
        Attribute::RunName if index.dialect != Dialect::Python => text(run.tag(Key::RUN_NAME), read.tags),
        Attribute::RunName => text(run.name(), read.meta),
        Attribute::Status if run.broken => Value::Missing,
        Attribute::Status => text(read.meta.then(|| run.status_word()), false),
        Attribute::UserId => text(run.user_id(), read.meta),
        Attribute::ArtifactUri => match run.artifact_uri(&index.keys) {
            Some(uri) => Value::Text(uri),
            None => text(None, read.meta),
        },
        Attribute::StartTime => number(run.start_time()),
        Attribute::EndTime => number(run.end_time()),
        Attribute::Duration => number(run.duration(now)),
        Attribute::Experiment => text(experiment().map(|experiment| experiment.title()), true),
        Attribute::ExperimentId => text(experiment().map(|experiment| &*experiment.experiment_id), true),
        Attribute::LifecycleStage => text(Some(run.lifecycle.word()), true),
        Attribute::User => text(cell::user(run), read.tags && read.meta),
        Attribute::Source => text(cell::source(run), read.tags && read.meta),
        Attribute::Version => text(cell::version(run), read.tags && read.meta),
        Attribute::Step => match cell::last_step(run) {
            Some(step) => Value::Number(step as f64),
            None if read.metrics => Value::Missing,
            None => Value::Loading,
        },
        Attribute::Children => {
            Value::Number(children.get(place as usize).copied().unwrap_or_default().into())
        }
        Attribute::Depth => Value::Number(world.links.depth(place, world.list.len()) as f64),
        Attribute::Stale if read.meta && (read.metrics || !run.is_running()) => {
            Value::Number(f64::from(u8::from(vitals::stale(run, &index.pulses, now).is_some())))
        }
        Attribute::Stale => Value::Loading,
    }
}
