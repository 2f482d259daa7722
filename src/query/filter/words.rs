//! The words of the grammar, in one table: the parser, completion and `docs/filter.md` read it.

use crate::query::Aggregate;

/// What a name before the first dot means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entity {
    /// `metrics.loss`
    Metric,
    /// `params.lr`
    Param,
    /// `tags.team`
    Tag,
    /// `attributes.status`, or `status` alone.
    Attribute,
    /// `dataset.name`
    Dataset,
}

/// Entities, and the names that MLflow knows them by (`SearchUtils._VALID_IDENTIFIERS`); capitals matter. The first is
/// the one that completion writes.
pub const ENTITIES: [(Entity, &[&str], &str); 5] = [
    (Entity::Metric, &["metrics", "metric"], "the latest value of a metric, a number"),
    (Entity::Param, &["params", "param", "parameter", "parameters"], "a param, a text or a number"),
    (Entity::Tag, &["tags", "tag"], "a tag, a text or a number"),
    (
        Entity::Attribute,
        &["attributes", "attribute", "attr", "run"],
        "what every run has; the prefix may be left out",
    ),
    (Entity::Dataset, &["dataset", "datasets"], "any of the datasets that the run used"),
];

/// What a field's values are, which says how it can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number.
    Number,
    /// A text in quotes.
    Text,
    /// A text in quotes, or a number that it is compared with as a number.
    TextOrNumber,
    /// A time: milliseconds since 1970, a date, or how long ago.
    Time,
    /// How long something took: milliseconds, or with a unit.
    Span,
    /// Yes or no: stands alone.
    Flag,
}

/// What every run has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute {
    /// Its id.
    RunId,
    /// Its name.
    RunName,
    /// `FINISHED`, `RUNNING`, ...
    Status,
    /// Who started it, as recorded.
    UserId,
    /// Where its artifacts were written.
    ArtifactUri,
    /// Start.
    StartTime,
    /// End.
    EndTime,
    /// How long it ran, until now for one that runs.
    Duration,
    /// The name of its experiment.
    Experiment,
    /// The id of its experiment.
    ExperimentId,
    /// `active` or `deleted`.
    LifecycleStage,
    /// Who started it, as MLflow's page shows it.
    User,
    /// What was started, as MLflow's page shows it.
    Source,
    /// The git commit.
    Version,
    /// The highest step of its metrics.
    Step,
    /// How many children it has, not deeper.
    Children,
    /// How many parents are above it.
    Depth,
    /// Says that it is running, but nothing has come from it for long.
    Stale,
}

/// An attribute in the table.
#[derive(Clone, Copy, Debug)]
pub struct AttributeWord {
    /// Which.
    pub attribute: Attribute,
    /// Its names; the first is the one that completion writes. Those with blanks need quotes.
    pub names: &'static [&'static str],
    /// What it is compared with.
    pub kind: Kind,
    /// Whether MLflow's `search_runs` knows it (`RunInfo.get_searchable_attributes`).
    pub is_mlflow: bool,
    /// What it is, for people.
    pub about: &'static str,
}

const fn word(
    attribute: Attribute,
    names: &'static [&'static str],
    kind: Kind,
    is_mlflow: bool,
    about: &'static str,
) -> AttributeWord {
    AttributeWord { attribute, names, kind, is_mlflow, about }
}

/// The attributes.
pub const ATTRIBUTES: [AttributeWord; 18] = [
    word(Attribute::RunId, &["run_id"], Kind::Text, true, "the run's id"),
    word(
        Attribute::RunName,
        &["run_name", "run name", "Run name", "Run Name"],
        Kind::Text,
        true,
        "the run's name",
    ),
    word(Attribute::Status, &["status"], Kind::Text, true, "RUNNING, SCHEDULED, FINISHED, FAILED or KILLED"),
    word(Attribute::UserId, &["user_id"], Kind::Text, true, "who started it, as recorded"),
    word(Attribute::ArtifactUri, &["artifact_uri"], Kind::Text, true, "where its artifacts were written"),
    word(Attribute::StartTime, &["start_time", "created", "Created"], Kind::Time, true, "when it started"),
    word(Attribute::EndTime, &["end_time"], Kind::Time, true, "when it ended"),
    word(Attribute::Duration, &["duration"], Kind::Span, false, "how long it ran, until now while it runs"),
    word(Attribute::Experiment, &["experiment"], Kind::Text, false, "the name of its experiment"),
    word(Attribute::ExperimentId, &["experiment_id"], Kind::Text, false, "the id of its experiment"),
    word(Attribute::LifecycleStage, &["lifecycle_stage"], Kind::Text, false, "active or deleted"),
    word(Attribute::User, &["user"], Kind::Text, false, "the tag mlflow.user, else user_id"),
    word(Attribute::Source, &["source"], Kind::Text, false, "the last part of what was started"),
    word(Attribute::Version, &["version", "commit"], Kind::Text, false, "the git commit"),
    word(Attribute::Step, &["step"], Kind::Number, false, "the highest step of its metrics"),
    word(Attribute::Children, &["children"], Kind::Number, false, "how many children it has, not deeper"),
    word(Attribute::Depth, &["depth"], Kind::Number, false, "how many parents are above it"),
    word(
        Attribute::Stale,
        &["stale"],
        Kind::Flag,
        false,
        "says that it is running, and is `stale?` all the same: silent for ten minutes, or its process is gone",
    ),
];

/// What is known of a dataset (`SearchUtils.DATASET_ATTRIBUTES`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatasetField {
    /// Its name.
    Name,
    /// Its digest.
    Digest,
    /// What it was used for: the input's tag `mlflow.data.context`.
    Context,
}

/// The fields of a dataset.
pub const DATASET_FIELDS: [(DatasetField, &str, &str); 3] = [
    (DatasetField::Name, "name", "its name"),
    (DatasetField::Digest, "digest", "its digest"),
    (DatasetField::Context, "context", "what it was used for: training, eval..."),
];

/// How values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `LIKE`
    Like,
    /// `NOT LIKE`
    NotLike,
    /// `ILIKE`
    Ilike,
    /// `NOT ILIKE`
    NotIlike,
    /// `IN`
    In,
    /// `NOT IN`
    NotIn,
    /// `~`
    Matches,
    /// `!~`
    MatchesNot,
    /// `IS NULL`
    IsNull,
    /// `IS NOT NULL`
    IsNotNull,
}

/// The operators: how they are written, what they mean, and what kinds of values they take; `true` for text,
/// `true` for numbers and times.
pub const OPERATORS: [(Operator, &str, bool, bool, &str); 16] = [
    (Operator::Equal, "=", true, true, "is equal"),
    (Operator::NotEqual, "!=", true, true, "is there and is not equal"),
    (Operator::Less, "<", false, true, "is less"),
    (Operator::LessOrEqual, "<=", false, true, "is less or equal"),
    (Operator::Greater, ">", false, true, "is greater"),
    (Operator::GreaterOrEqual, ">=", false, true, "is greater or equal"),
    (Operator::Like, "LIKE", true, false, "is like a pattern: `%` any letters, `_` one letter"),
    (Operator::Ilike, "ILIKE", true, false, "the same, capital or small"),
    (Operator::NotLike, "NOT LIKE", true, false, "is there and is not like it"),
    (Operator::NotIlike, "NOT ILIKE", true, false, "is there and is not like it, capital or small"),
    (Operator::In, "IN", true, true, "is one of a list"),
    (Operator::NotIn, "NOT IN", true, true, "is there and is none of a list"),
    (Operator::Matches, "~", true, false, "has a match of a regular expression"),
    (Operator::MatchesNot, "!~", true, false, "is there and has no match of it"),
    (Operator::IsNull, "IS NULL", true, true, "is not there"),
    (Operator::IsNotNull, "IS NOT NULL", true, true, "is there"),
];

impl Operator {
    /// How it is written.
    pub fn text(self) -> &'static str {
        OPERATORS.iter().find(|(operator, ..)| *operator == self).map_or("", |(_, text, ..)| text)
    }

    /// Whether values of a kind can be compared so.
    pub fn takes(self, kind: Kind) -> bool {
        let found = OPERATORS.iter().find(|(operator, ..)| *operator == self);
        found.is_some_and(|(_, _, text, number, _)| match kind {
            Kind::Text => *text,
            Kind::TextOrNumber => *text || *number,
            Kind::Number | Kind::Time | Kind::Span => *number,
            Kind::Flag => false,
        })
    }
}

/// The entity of a name before the first dot.
pub fn entity(name: &str) -> Option<Entity> {
    ENTITIES.iter().find(|(_, names, _)| names.contains(&name)).map(|(entity, ..)| *entity)
}

/// The attribute of a name.
pub fn attribute(name: &str) -> Option<&'static AttributeWord> {
    ATTRIBUTES.iter().find(|word| word.names.contains(&name))
}

/// The table's row of an attribute.
pub fn of(attribute: Attribute) -> &'static AttributeWord {
    ATTRIBUTES.iter().find(|word| word.attribute == attribute).unwrap_or(&ATTRIBUTES[0])
}

/// A metric's name and which of its values is meant: `loss.min`.
pub fn aggregate(key: &str) -> Option<(&str, Aggregate)> {
    let (name, word) = key.rsplit_once('.')?;
    Some((name, Aggregate::from_word(word)?)).filter(|(name, _)| !name.is_empty())
}
