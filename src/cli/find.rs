//! What a word on the command line means: an experiment, a run or a metric, or a sentence that says why none.

use std::cmp::Reverse;

use super::Failure;
use crate::index::{Experiment, ExperimentKey, Index, Key, Run};
use crate::shown::shown;

/// Candidates that are named when a word means none or many.
const NAMED: usize = 5;

/// Experiments by id, else by name; more than one where the store has a name twice.
pub fn experiments(index: &Index, word: &str) -> Result<Vec<ExperimentKey>, Failure> {
    let keys = |is_it: &dyn Fn(&Experiment) -> bool| {
        index.experiments().filter(|e| is_it(e)).map(|e| e.key).collect::<Vec<ExperimentKey>>()
    };
    let mut found = keys(&|experiment| &*experiment.experiment_id == word);
    if found.is_empty() {
        found = keys(&|experiment| experiment.name.as_deref() == Some(word));
    }
    if found.is_empty() {
        let names = index.experiments().map(|experiment| experiment.title());
        return Err(unknown("experiment", word, "this store", names));
    }
    Ok(found)
}

/// One run: by its id, else by its name, else by the beginning of its id. Of several runs with one name the only
/// active one is meant.
pub fn run<'a>(index: &'a Index, word: &str) -> Result<&'a Run, Failure> {
    let pick = |is_it: &dyn Fn(&Run) -> bool| {
        index.runs().map(|run| &**run).filter(|run| is_it(run)).collect::<Vec<&Run>>()
    };
    let looks: [&dyn Fn(&Run) -> bool; 3] =
        [&|run| run.run_id() == word, &|run| run.name() == Some(word), &|run| {
            !word.is_empty() && run.run_id().starts_with(word)
        }];
    for look in looks {
        let found = pick(look);
        let active: Vec<&Run> = found.iter().copied().filter(|run| !index.is_deleted(run)).collect();
        match (found.as_slice(), active.as_slice()) {
            ([], _) => {}
            ([only], _) | (_, [only]) => return Ok(only),
            _ => return Err(ambiguous(index, word, found)),
        }
    }
    Err(unknown("run", word, "this store", index.runs().map(|run| run.title())))
}

/// A metric of a run by its name.
pub fn metric(index: &Index, run: &Run, word: &str) -> Result<Key, Failure> {
    let key = index.keys.find(word).filter(|key| run.metric(*key).is_some());
    key.ok_or_else(|| {
        let names = run.metrics().map(|(key, _)| index.keys.name(key));
        unknown("metric", word, &format!("run {}", shown(run.title())), names)
    })
}

fn ambiguous(index: &Index, word: &str, mut found: Vec<&Run>) -> Failure {
    found.sort_by_key(|run| Reverse(run.start_time()));
    let name = |run: &&Run| {
        let experiment = index.experiment(run.experiment).map_or("", |e| e.title());
        format!("{} ({} in {})", shown(run.run_id()), shown(run.title()), shown(experiment))
    };
    let names: Vec<String> = found.iter().take(NAMED).map(name).collect();
    let more = found.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let count = found.len();
    Failure::Unusable(format!("{} means {count} runs, give an id: {}{more}", shown(word), names.join(", ")))
}

/// Why a word means nothing, with the names that somebody may have meant. `kind` is one word, `place` has no such thing.
pub fn unknown<'a>(kind: &str, word: &str, place: &str, names: impl Iterator<Item = &'a str>) -> Failure {
    let names: Vec<&str> = names.collect();
    let close = closest(word, &names);
    let hint = match (close.as_slice(), kind) {
        ([], _) if names.is_empty() => format!("; it has no {kind}s"),
        ([], "experiment") => "; mltop ls prints them".to_owned(),
        ([], "run") => "; mltop runs prints them".to_owned(),
        ([], _) => format!("; it has {}", some(&names)),
        ([one], _) => format!("; the closest is: {one}"),
        (close, _) => format!("; the closest are: {}", close.join(", ")),
    };
    Failure::Unusable(format!("{place} has no {kind} {}{hint}", shown(word)))
}

/// The first few of many names.
fn some(names: &[&str]) -> String {
    let first: Vec<String> = names.iter().take(NAMED).map(|name| shown(name).into_string()).collect();
    match names.len().saturating_sub(NAMED) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

/// The names that are like a word, the nearest first, for people who mistyped it.
pub fn closest(word: &str, names: &[&str]) -> Vec<String> {
    // Long names cost time by their square, and nobody types them.
    let word: Vec<char> = word.to_lowercase().chars().take(64).collect();
    // Anything is like a short word if enough letters may differ.
    let most = if word.len() < 4 { 1 } else { (word.len() / 3).max(2) };
    let mut scored: Vec<(usize, &str)> = (names.iter())
        .map(|name| {
            let letters: Vec<char> = name.to_lowercase().chars().take(64).collect();
            (distance(&word, &letters), *name)
        })
        .filter(|(distance, _)| *distance <= most)
        .collect();
    scored.sort_unstable();
    scored.dedup();
    scored.into_iter().take(NAMED).map(|(_, name)| shown(name).into_string()).collect()
}

/// How many letters have to be typed differently; a part of a name is nearer than anything else.
fn distance(word: &[char], name: &[char]) -> usize {
    if !word.is_empty() && name.windows(word.len()).any(|part| part == word) {
        return 0;
    }
    let mut row: Vec<usize> = (0..=name.len()).collect();
    for (i, a) in word.iter().enumerate() {
        let mut before = i;
        let mut left = i + 1;
        for (j, b) in name.iter().enumerate() {
            let above = row.get(j + 1).copied().unwrap_or_default();
            let best = (before + usize::from(a != b)).min(above + 1).min(left + 1);
            if let Some(slot) = row.get_mut(j) {
                *slot = left;
            }
            (before, left) = (above, best);
        }
        if let Some(slot) = row.last_mut() {
            *slot = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::Lifecycle;
    use proptest::prelude::*;

    fn index(runs: &[(&str, &str, bool)]) -> Index {
        let mut index = Index::default();
        let experiment = index.add_experiment("0".into());
        for (id, name, is_deleted) in runs {
            let key = index.add_run(id, experiment);
            index.edit_run(key, |draft| {
                draft.set_name(Some(name));
                draft.lifecycle = if *is_deleted { Lifecycle::Deleted } else { Lifecycle::Active };
            });
        }
        index
    }

    #[test]
    fn runs_by_id_name_and_beginning() {
        let runs = [
            ("abc1", "first", false),
            ("abc2", "abc", false),
            ("f00d", "same", true),
            ("beef", "same", false),
        ];
        let index = index(&runs);
        let found =
            |word: &str| run(&index, word).map(|run| run.run_id().to_owned()).map_err(|e| e.to_string());
        assert_eq!(found("abc1").unwrap(), "abc1");
        assert_eq!(found("abc").unwrap(), "abc2", "a name goes before the beginning of an id");
        assert_eq!(found("f0").unwrap(), "f00d");
        assert_eq!(found("same").unwrap(), "beef", "the other one is deleted");
        assert_eq!(
            found("ab").unwrap_err(),
            "ab means 2 runs, give an id: abc1 (first in 0), abc2 (abc in 0)"
        );
        assert_eq!(found("frist").unwrap_err().split("; ").nth(1).unwrap(), "the closest is: first");
        assert!(found("").is_err());
    }

    #[test]
    fn what_is_nothing_like_it_is_not_offered() {
        let told = |kind, word, names: &[&str]| {
            unknown(kind, word, "this store", names.iter().copied())
                .to_string()
                .split_once("; ")
                .unwrap()
                .1
                .to_owned()
        };
        assert_eq!(told("experiment", "nope", &["1e5", "yes", "traces"]), "mltop ls prints them");
        assert_eq!(told("run", "nothere", &["no", "true"]), "mltop runs prints them");
        let metrics = ["a", "b", "c", "d", "e", "f", "g"];
        assert_eq!(told("metric", "rmse", &metrics), "it has a, b, c, d, e and 2 more");
        assert_eq!(told("metric", "los", &["val_loss", "loss", "lr"]), "the closest are: loss, val_loss");
        assert_eq!(told("metric", "rmse", &[]), "it has no metrics");
    }

    #[test]
    fn distances() {
        let distance =
            |a: &str, b: &str| distance(&a.chars().collect::<Vec<_>>(), &b.chars().collect::<Vec<_>>());
        for (a, b, want) in [("kitten", "sitting", 3), ("", "abc", 3), ("abc", "", 3), ("los", "val_loss", 0)]
        {
            assert_eq!(distance(a, b), want, "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn a_sentence_of_any_words_is_safe(word in any::<String>(), names in proptest::collection::vec(any::<String>(), 0..8)) {
            let sentence = unknown("run", &word, "this store", names.iter().map(String::as_str)).to_string();
            prop_assert!(!sentence.chars().any(char::is_control));
        }
    }
}
