//! Narrowing as you type: every word has to be found, fuzzily, in the name, the id, a param or a tag.
//!
//! fuzzy-matcher matches one word, so the query is split. It says where letters are hit; whether they are is found out
//! here, for 100,000 runs while one types. Text is composed first (NFC), because macOS writes file names decomposed and
//! no matcher finds 한글 in them. Another matcher would be a change of this file only.

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;

use super::by_key::ByKey;
use super::near::{Near, State, composed};
use crate::index::{Key, Keys, Run};

/// Characters of a param or tag that are looked at.
const LOOKED_AT: usize = 200;

/// What is looked for.
pub struct Pattern {
    words: Vec<Word>,
    matcher: SkimMatcherV2,
}

struct Word {
    text: String,
    /// Capitals matter only in words that have some.
    is_exact: bool,
    near: Near,
}

impl Word {
    fn new(text: &str) -> Self {
        let text = composed(text).into_owned();
        let is_exact = text.contains(char::is_uppercase);
        Self { near: Near::new(&text, is_exact), text, is_exact }
    }

    /// Whether a text has the letters in their order, whatever stands between them: so the matcher has it.
    fn is_in(&self, text: &str) -> bool {
        let text = composed(text);
        let mut rest = text.chars();
        let same = |a: char, b: char| if self.is_exact { a == b } else { a.eq_ignore_ascii_case(&b) };
        self.text.chars().all(|letter| rest.any(|c| same(c, letter)))
    }
}

/// A param or tag as it is looked at.
fn in_pair(key: &str, value: &str) -> String {
    composed(key).chars().chain(['=']).chain(composed(value).chars()).take(LOOKED_AT).collect()
}

impl Pattern {
    /// A pattern of words separated by blanks.
    pub fn new(text: &str) -> Self {
        let words = text.split_whitespace().map(Word::new).collect();
        Self { words, matcher: SkimMatcherV2::default().smart_case() }
    }

    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether a text has all the words.
    pub fn finds_text(&self, text: &str) -> bool {
        self.words.iter().all(|word| word.is_in(text))
    }

    /// Which characters of a text are hit, for marking them.
    pub fn hits(&self, text: &str) -> Vec<usize> {
        let text = composed(text);
        let mut hits: Vec<usize> = self
            .words
            .iter()
            .filter_map(|word| self.matcher.fuzzy_indices(&text, &word.text))
            .flat_map(|(_, hits)| hits)
            .collect();
        hits.sort_unstable();
        hits.dedup();
        hits
    }

    /// Where a run was found, if not in its name: `param=value` with the characters that are hit.
    pub fn elsewhere(&self, run: &Run, keys: &Keys) -> Option<(String, Vec<usize>)> {
        let word = self.words.iter().find(|word| !word.is_in(run.title()))?;
        if run.run_id().starts_with(&word.text) {
            return Some((run.run_id().to_owned(), (0..word.text.chars().count()).collect()));
        }
        let tags = run.tags().iter().filter(|(key, _)| is_looked_at(keys.name(*key)));
        run.params().iter().chain(tags).find_map(|(key, value)| {
            let text = in_pair(keys.name(key), value);
            let hits = word.near.places(&text)?;
            Some((text, hits))
        })
    }
}

/// A pattern that is looked for in many runs. Long values hold nearly any letters in some order, so in `key=value` the
/// letters of a word have to stand close together, see `query::near`.
pub struct Search<'a> {
    pattern: Pattern,
    keys: &'a Keys,
    begun: ByKey<Option<Begun>>,
}

/// How far the words are found in the name of a param or tag: the same for all runs.
struct Begun {
    is_tag_looked_at: bool,
    /// Characters of the value that are looked at.
    rest: usize,
    words: Vec<State>,
}

impl<'a> Search<'a> {
    /// A search in runs with these names of params and tags.
    pub fn new(text: &str, keys: &'a Keys) -> Self {
        Self { pattern: Pattern::new(text), keys, begun: ByKey::new(keys) }
    }

    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.pattern.is_empty()
    }

    /// Whether a run has all the words.
    pub fn finds(&mut self, run: &Run) -> bool {
        let Self { pattern, keys, begun } = self;
        pattern.words.iter().enumerate().all(|(number, word)| {
            let mut in_pair = |key: Key, value: &str, is_tag: bool| {
                let Some(begun) = begun.of(key) else { return false };
                let begun = begun.get_or_insert_with(|| Begun::new(&pattern.words, keys.name(key)));
                if is_tag && !begun.is_tag_looked_at {
                    return false;
                }
                begun
                    .words
                    .get(number)
                    .is_some_and(|state| word.near.goes_on(*state, value, begun.rest).is_found())
            };
            word.is_in(run.title())
                || run.run_id().starts_with(&word.text)
                || run.params().iter().any(|(key, value)| in_pair(key, value, false))
                || run.tags().iter().any(|(key, value)| in_pair(key, value, true))
        })
    }
}

impl Begun {
    fn new(words: &[Word], name: &str) -> Self {
        let before = in_pair(name, "");
        let states = words.iter().map(|word| word.near.goes_on(State::default(), &before, LOOKED_AT));
        Self {
            is_tag_looked_at: is_looked_at(name),
            rest: LOOKED_AT - before.chars().count(),
            words: states.collect(),
        }
    }
}

/// MLflow's own tags are noise here, apart from who, what and why.
fn is_looked_at(tag: &str) -> bool {
    !tag.starts_with("mlflow.") || matches!(tag, "mlflow.user" | "mlflow.source.name" | "mlflow.note.content")
}

#[cfg(test)]
mod tests {
    use unicode_normalization::UnicodeNormalization;

    use super::*;
    use std::sync::Arc;

    use crate::index::{ExperimentKey, Index};

    fn run(index: &mut Index, name: &str, params: &[(&str, &str)]) -> Arc<Run> {
        let key = index.add_run("0123abcd", ExperimentKey(0));
        let params: Vec<_> = params.iter().map(|(key, value)| (index.intern(key), *value)).collect();
        index.edit_run(key, |draft| {
            draft.set_name(Some(name));
            params.iter().for_each(|(key, value)| _ = draft.params().push(*key, value));
        });
        index.run(key).unwrap().clone()
    }

    #[test]
    fn all_words_are_needed_wherever_they_are() {
        let mut index = Index::default();
        let run = run(&mut index, "bold-fox-12", &[("kernel", "rbf"), ("C", "10")]);
        let finds = |text: &str| Search::new(text, &index.keys).finds(&run);
        for text in ["fox", "bf12", "kernel=rbf", "fox C=10", "0123", "rbf 12", ""] {
            assert!(finds(text), "{text}");
        }
        for text in ["owl", "fox linear", "FOX", "C=1000", "C=100"] {
            assert!(!finds(text), "{text}");
        }
    }

    #[test]
    fn a_number_is_not_another_number() {
        let mut index = Index::default();
        let run = run(&mut index, "fox", &[("lr", "0.01")]);
        assert!(Search::new("lr=0.01", &index.keys).finds(&run));
        assert!(!Search::new("lr=0.1", &index.keys).finds(&run));
    }

    #[test]
    fn decomposed_korean_is_found() {
        let mut index = Index::default();
        let decomposed: String = "실험-3".nfd().collect();
        let run = run(&mut index, &decomposed, &[]);
        assert!(Search::new("실험", &index.keys).finds(&run));
    }

    #[test]
    fn hits_tell_where() {
        assert_eq!(Pattern::new("fox").hits("bold-fox-12"), [5, 6, 7]);
        let mut index = Index::default();
        let run = run(&mut index, "bold-fox-12", &[("kernel", "rbf")]);
        assert_eq!(
            Pattern::new("rbf").elsewhere(&run, &index.keys).unwrap(),
            ("kernel=rbf".into(), vec![7, 8, 9])
        );
        assert!(Pattern::new("fox").elsewhere(&run, &index.keys).is_none());
    }
}
