//! The left side of a comparison: what a name means (`SearchUtils._get_identifier`).

use super::Mistake;
use super::lex::{Token, unquote};
use super::tree::Field;
use super::words::{self, Attribute, DATASET_FIELDS, ENTITIES, Entity, Kind};

/// What comes before a name for what is a parent's.
const PARENT: &str = "parent.";

/// What a name means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// So many parents above.
    pub above: u16,
    /// What.
    pub field: Field,
}

fn parents(mut name: &str) -> (u16, &str) {
    let mut above = 0u16;
    while let Some(rest) = name.strip_prefix(PARENT) {
        (above, name) = (above.saturating_add(1), rest);
    }
    (above, name)
}

/// What a name means.
pub fn resolve(token: &Token<'_>) -> Result<Named, Mistake> {
    let (above, name) = parents(token.text);
    let begin = token.span.end - name.len();
    let (first, key) = match name.split_once('.') {
        Some((first, key)) => (unquote_backticks(first), key),
        None => ("attributes", name),
    };
    let Some(entity) = words::entity(first) else {
        return Err(unknown_entity(first, begin..begin + name.find('.').unwrap_or(name.len())));
    };
    let place = token.span.end - key.len()..token.span.end;
    let plain = unquote(key);
    let field = match entity {
        Entity::Metric => {
            let suffix = words::aggregate(key).map(|(name, how)| (unquote(name).to_owned(), how));
            Field::Metric { name: plain.to_owned(), suffix: suffix.filter(|_| plain == key) }
        }
        Entity::Param => Field::Param(plain.to_owned()),
        Entity::Tag => Field::Tag(plain.to_owned()),
        Entity::Attribute => match words::attribute(plain) {
            Some(word) => Field::Attribute(word.attribute),
            None => return Err(unknown_attribute(plain, place)),
        },
        Entity::Dataset => {
            let field = DATASET_FIELDS.iter().find(|(_, name, _)| *name == plain);
            let Some((field, ..)) = field else {
                let what = format!("a dataset has no {plain}");
                return Err(Mistake::new(place, what, "one of name digest context"));
            };
            Field::Dataset(*field)
        }
    };
    Ok(Named { above, field })
}

/// Entities may stand in backticks, in no other quotes.
fn unquote_backticks(name: &str) -> &str {
    if name.starts_with('`') { unquote(name) } else { name }
}

/// A name that stands alone and says yes or no.
pub fn flag(name: &str) -> Option<Named> {
    let (above, name) = parents(name);
    let name = match name.split_once('.') {
        Some((first, key)) if words::entity(first) == Some(Entity::Attribute) => key,
        _ => name,
    };
    let word = words::attribute(name).filter(|word| word.kind == Kind::Flag)?;
    Some(Named { above, field: Field::Attribute(word.attribute) })
}

/// Whether a name begins with an entity and a dot: then it is no word that is looked for.
pub fn has_entity(name: &str) -> bool {
    let (above, name) = parents(name);
    above > 0
        || name.split_once('.').is_some_and(|(first, _)| words::entity(unquote_backticks(first)).is_some())
}

/// Texts of a list that MLflow leaves out: ids of runs that are not in small letters (`SearchUtils._parse_run_ids`).
pub fn as_mlflow_has_it(field: &Field, texts: &mut Vec<String>) {
    if *field == Field::Attribute(Attribute::RunId) {
        let is_small =
            |text: &String| text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase);
        texts.retain(is_small);
    }
}

fn unknown_entity(name: &str, place: std::ops::Range<usize>) -> Mistake {
    let lower = unquote(name).to_lowercase();
    let meant = words::entity(&lower).is_some().then_some(lower.as_str());
    let all: Vec<&str> = ENTITIES.iter().filter_map(|(_, names, _)| names.first().copied()).collect();
    let expected = meant.map_or_else(|| format!("one of {}", all.join(" ")), |meant| format!("{meant}."));
    Mistake::new(place, format!("{name} is none of the things that a run has"), expected)
}

fn unknown_attribute(name: &str, place: std::ops::Range<usize>) -> Mistake {
    let all = || words::ATTRIBUTES.iter().flat_map(|word| word.names);
    let lower = name.to_lowercase();
    let near = all().find(|known| known.to_lowercase() == lower);
    let expected = match near {
        Some(near) => (*near).to_owned(),
        None if name == "name" => "run_name".to_owned(),
        None => format!("metrics.{name} or params.{name}, or an attribute such as status or start_time"),
    };
    Mistake::new(place, format!("no run has an attribute {name}"), expected)
}
