//! The one way out: text of a store made visible, harmless and bounded before anybody sees it.
//!
//! Whatever goes to a screen, a table, a title, a message, a log or the clipboard is [`Shown`], and only [`shown`]
//! makes one of untrusted text. Control characters become visible pictures rather than vanish, so that two names that
//! differ look different.

use std::fmt;

use unicode_width::UnicodeWidthChar;

/// Characters of a text that are kept; longer ones are cut, with an ellipsis that says so.
const LIMIT: usize = 4096;
/// Marks of zero width that may follow one character; more crash or slow some terminals.
const MARKS: usize = 4;

/// Text that is safe to show: no control, bidirectional, invisible or private-purpose characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Shown(String);

impl Shown {
    /// Text of the program itself, which needs no look.
    pub fn own(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, owned.
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl AsRef<str> for Shown {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// What untrusted text becomes before it goes anywhere.
///
/// C0 controls and DEL become control pictures (`␛`), other dangerous or invisible characters their number (`<202e>`),
/// more than four marks on a character are dropped, and text beyond 4,096 characters is cut.
pub fn shown(text: &str) -> Shown {
    if text.len() <= LIMIT && text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return Shown(text.to_owned());
    }
    let mut out = String::with_capacity(text.len().min(LIMIT * 2));
    let (mut marks, mut before) = (0, '\0');
    let mut characters = text.chars();
    for c in characters.by_ref().take(LIMIT) {
        marks = if c.width() == Some(0) { marks + 1 } else { 0 };
        push(&mut out, c, before, marks);
        before = c;
    }
    if characters.next().is_some() {
        out.push('…');
    }
    Shown(out)
}

fn push(out: &mut String, c: char, before: char, marks: usize) {
    let number = c as u32;
    match number {
        0..=0x1f => out.extend(char::from_u32(0x2400 + number)),
        0x7f => out.push('\u{2421}'),
        // A joiner holds an emoji together; anywhere else it hides.
        0x200d if (before as u32) >= 0x2190 => out.push(c),
        _ if is_hidden(number) => out.push_str(&format!("<{number:x}>")),
        _ if marks > MARKS => {}
        _ => out.push(c),
    }
}

/// C1 controls, bidirectional controls, invisible and tag characters, noncharacters.
pub(crate) fn is_hidden(number: u32) -> bool {
    matches!(number,
        0x80..=0x9f | 0xad | 0x34f | 0x61c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180e
        | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfeff | 0xffa0
        | 0xfff0..=0xfffb | 0xe0000..=0xe0fff)
        || number & 0xfffe == 0xfffe
        || (0xfdd0..=0xfdef).contains(&number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn controls_become_visible() {
        assert_eq!(shown("a\x1b]0;title\x07b").as_str(), "a␛]0;title␇b");
        assert_eq!(shown("line1\nline2\ttab\r\x7f").as_str(), "line1␊line2␉tab␍␡");
        assert_eq!(shown("\u{202e}gpj.exe \u{85}").as_str(), "<202e>gpj.exe <85>");
    }

    #[test]
    fn ordinary_text_of_any_language_stays() {
        for text in ["plain", "실험 이름", "Übung é", "עברית", "👨\u{200d}👩\u{200d}👧 family", "µ/σ"]
        {
            assert_eq!(shown(text).as_str(), text);
        }
    }

    #[test]
    fn joiners_outside_of_emoji_are_visible() {
        assert_eq!(shown("a\u{200d}b").as_str(), "a<200d>b");
    }

    #[test]
    fn bombs_of_marks_are_defused() {
        assert_eq!(shown(&format!("a{}b", "\u{301}".repeat(500))).as_str().chars().count(), 6);
    }

    #[test]
    fn long_text_is_cut_with_an_ellipsis() {
        let cut = shown(&"x".repeat(5000));
        assert_eq!(cut.as_str().chars().count(), LIMIT + 1);
        assert!(cut.as_str().ends_with('…'));
    }

    proptest! {
        #[test]
        fn nothing_dangerous_is_left(text in any::<String>()) {
            let once = shown(&text);
            prop_assert!(!once.as_str().chars().any(|c| c.is_control() || (is_hidden(c as u32))));
            prop_assert_eq!(shown(once.as_str()), once);
        }
    }
}
