//! Narrowing as you type: every word has to be found, fuzzily, in the name, the id, a param or a tag.
//!
//! fuzzy-matcher matches one word, so the query is split. Text is composed first (NFC), because macOS writes file names
//! decomposed and no matcher finds 한글 in them. Another matcher would be a change of this file only.

use std::borrow::Cow;

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;
use unicode_normalization::{UnicodeNormalization, is_nfc};

use crate::index::{Key, Keys, Run, Text};

/// Characters of a param or tag that are looked at.
const LOOKED_AT: usize = 200;
/// Letters that may stand between those that are looked for, in a param or tag.
const NEAR: usize = 3;

/// What is looked for.
pub struct Pattern {
    words: Vec<String>,
    matcher: SkimMatcherV2,
}

fn composed(text: &str) -> Cow<'_, str> {
    if is_nfc(text) { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) }
}

impl Pattern {
    /// A pattern of words separated by blanks; capitals matter only in words that have some.
    pub fn new(text: &str) -> Self {
        let words = text.split_whitespace().map(|word| composed(word).into_owned()).collect();
        Self { words, matcher: SkimMatcherV2::default().smart_case() }
    }

    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether a run has all the words.
    pub fn finds(&self, run: &Run, keys: &Keys) -> bool {
        self.words.iter().all(|word| self.word_in_run(word, run, keys))
    }

    fn word_in_run(&self, word: &str, run: &Run, keys: &Keys) -> bool {
        if self.matcher.fuzzy_match(&composed(run.title()), word).is_some() || run.run_id.starts_with(word) {
            return true;
        }
        let tags = run.tags.iter().filter(|(key, _)| is_looked_at(keys.name(*key)));
        run.params.iter().chain(tags).any(|pair| self.word_in_pair(word, pair, keys).is_some())
    }

    /// A word in `key=value`. Long values hold nearly any letters in some order, so here the letters have to stand
    /// close together.
    fn word_in_pair(
        &self,
        word: &str,
        (key, value): &(Key, Text),
        keys: &Keys,
    ) -> Option<(String, Vec<usize>)> {
        // Nearly all pairs fail this, and it takes no memory.
        let letters = keys.name(*key).chars().chain(['=']).chain(value.chars()).take(LOOKED_AT);
        if is_nfc(value) && !has_in_order(letters, word) {
            return None;
        }
        let text: String = format!("{}={value}", keys.name(*key)).chars().take(LOOKED_AT).collect();
        let text = composed(&text).into_owned();
        let (_, hits) = self.matcher.fuzzy_indices(&text, word)?;
        let (first, last) = (*hits.first()?, *hits.last()?);
        let skipped =
            text.chars().enumerate().skip(first).take(last - first).filter(|(i, _)| !hits.contains(i));
        let skipped: Vec<char> = skipped.map(|(_, c)| c).collect();
        // `lr=0.1` is not `lr=0.01`.
        let other_number = skipped.iter().any(|c| c.is_ascii_digit() || *c == '.');
        (skipped.len() <= NEAR && !other_number).then_some((text, hits))
    }

    /// Whether a text has all the words.
    pub fn finds_text(&self, text: &str) -> bool {
        let text = composed(text);
        self.words.iter().all(|word| self.matcher.fuzzy_match(&text, word).is_some())
    }

    /// Which characters of a text are hit, for marking them.
    pub fn hits(&self, text: &str) -> Vec<usize> {
        let text = composed(text);
        let mut hits: Vec<usize> = self
            .words
            .iter()
            .filter_map(|word| self.matcher.fuzzy_indices(&text, word))
            .flat_map(|(_, hits)| hits)
            .collect();
        hits.sort_unstable();
        hits.dedup();
        hits
    }

    /// Where a run was found, if not in its name: `param=value` with the characters that are hit.
    pub fn elsewhere(&self, run: &Run, keys: &Keys) -> Option<(String, Vec<usize>)> {
        let word = self
            .words
            .iter()
            .find(|word| self.matcher.fuzzy_match(&composed(run.title()), word).is_none())?;
        if run.run_id.starts_with(word.as_str()) {
            return Some((run.run_id.to_string(), (0..word.chars().count()).collect()));
        }
        let tags = run.tags.iter().filter(|(key, _)| is_looked_at(keys.name(*key)));
        run.params.iter().chain(tags).find_map(|pair| self.word_in_pair(word, pair, keys))
    }
}

/// Whether a text has the letters of a word in their order, whatever stands between them.
fn has_in_order(text: impl Iterator<Item = char>, word: &str) -> bool {
    let lower = |c: char| c.to_lowercase().next().unwrap_or(c);
    let mut wanted = word.chars().map(lower).peekable();
    for c in text {
        if wanted.peek() == Some(&lower(c)) {
            wanted.next();
        }
        if wanted.peek().is_none() {
            return true;
        }
    }
    wanted.peek().is_none()
}

/// MLflow's own tags are noise here, apart from who, what and why.
fn is_looked_at(tag: &str) -> bool {
    !tag.starts_with("mlflow.") || matches!(tag, "mlflow.user" | "mlflow.source.name" | "mlflow.note.content")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{ExperimentKey, Index};

    fn run(index: &mut Index, name: &str, params: &[(&str, &str)]) -> Run {
        let key = index.add_run("0123abcd".into(), ExperimentKey(0));
        let mut run = index.run(key).unwrap().clone();
        run.name = Some(name.into());
        run.params = params.iter().map(|(k, v)| (index.intern(k), (*v).into())).collect();
        run
    }

    #[test]
    fn all_words_are_needed_wherever_they_are() {
        let mut index = Index::default();
        let run = run(&mut index, "bold-fox-12", &[("kernel", "rbf"), ("C", "10")]);
        let finds = |text: &str| Pattern::new(text).finds(&run, &index.keys);
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
        assert!(Pattern::new("lr=0.01").finds(&run, &index.keys));
        assert!(!Pattern::new("lr=0.1").finds(&run, &index.keys));
    }

    #[test]
    fn decomposed_korean_is_found() {
        let mut index = Index::default();
        let decomposed: String = "실험-3".nfd().collect();
        let run = run(&mut index, &decomposed, &[]);
        assert!(Pattern::new("실험").finds(&run, &index.keys));
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
