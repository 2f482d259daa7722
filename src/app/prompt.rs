//! A line of text that is being typed.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use unicode_segmentation::UnicodeSegmentation;

/// Characters that a line may have.
const LONGEST: usize = 1000;

/// Text and the place in it, in bytes at a boundary of graphemes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    text: String,
    at: usize,
}

impl Prompt {
    /// A line that begins with some text.
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), at: text.len() }
    }

    /// A line with the cursor at a byte of it.
    pub fn at(text: &str, at: usize) -> Self {
        let at = if text.is_char_boundary(at) { at } else { text.len() };
        Self { text: text.to_owned(), at }
    }

    /// Whether nothing has been typed.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text before and after the place.
    pub fn split(&self) -> (&str, &str) {
        self.text.split_at_checked(self.at).unwrap_or((&self.text, ""))
    }

    /// Puts text in; control characters become blanks.
    pub fn insert(&mut self, text: &str) {
        let room = LONGEST.saturating_sub(self.text.chars().count());
        let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(room).collect();
        self.text.insert_str(self.at, &clean);
        self.at += clean.len();
    }

    /// Edits by a key; says whether the key means something here.
    pub fn key(&mut self, key: KeyEvent) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        let (before, after) = self.split();
        let back = before.grapheme_indices(true).next_back().map_or(0, |(place, _)| place);
        let forward = self.at + after.graphemes(true).next().map_or(0, str::len);
        match (key.code, control) {
            (KeyCode::Char('u'), true) => self.cut(0),
            (KeyCode::Char('w'), true) => {
                let word = before.trim_end().rfind(char::is_whitespace).map_or(0, |place| place + 1);
                self.cut(word);
            }
            (KeyCode::Char('a'), true) | (KeyCode::Home, _) => self.at = 0,
            (KeyCode::Char('e'), true) | (KeyCode::End, _) => self.at = self.text.len(),
            (KeyCode::Char(c), false) => self.insert(c.encode_utf8(&mut [0; 4])),
            (KeyCode::Backspace, _) => self.cut(back),
            (KeyCode::Delete, _) => drop(self.text.drain(self.at..forward)),
            (KeyCode::Left, _) => self.at = back,
            (KeyCode::Right, _) => self.at = forward,
            _ => return false,
        }
        true
    }

    /// Deletes from a place before the cursor up to it.
    fn cut(&mut self, from: usize) {
        self.text.drain(from..self.at);
        self.at = from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str, keys: &[KeyCode]) -> String {
        let mut prompt = Prompt::new(text);
        keys.iter().for_each(|key| assert!(prompt.key((*key).into())));
        prompt.text().to_owned()
    }

    #[test]
    fn edits_by_graphemes() {
        use KeyCode::*;
        assert_eq!(typed("실험é", &[Backspace, Left, Char('x')]), "실x험");
        assert_eq!(typed("👨\u{200d}👩\u{200d}👧", &[Backspace]), "");
        assert_eq!(typed("ab", &[Home, Delete, End, Char('c')]), "bc");
    }

    #[test]
    fn pasted_controls_become_blanks() {
        let mut prompt = Prompt::default();
        prompt.insert("a\x1b[31m\nb");
        assert_eq!(prompt.text(), "a [31m b");
    }
}
