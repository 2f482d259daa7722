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
/// Holds the parts of an emoji together.
const JOINER: char = '\u{200d}';
/// Chooses the coloured form of a sign.
const FORM: char = '\u{fe0f}';

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
/// more than four marks on a character are dropped, and what is then longer than 4,096 characters is cut. It stays as it
/// is when it goes through again.
pub fn shown(text: &str) -> Shown {
    if text.len() <= LIMIT && text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return Shown(text.to_owned());
    }
    let mut out = String::with_capacity(text.len().min(LIMIT * 2));
    let (mut marks, mut is_emoji, mut room) = (0, false, LIMIT);
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        marks = if c.width() == Some(0) { marks + 1 } else { 0 };
        let begin = out.len();
        if c == JOINER && is_emoji && characters.peek().is_some_and(|next| may_join(*next)) {
            out.push(c);
        } else {
            push(&mut out, c, marks);
        }
        // What chooses the form of an emoji belongs to it.
        is_emoji = may_join(c) || (is_emoji && c == FORM);
        let pushed = out.get(begin..).unwrap_or_default();
        let count = pushed.chars().count();
        if count > room {
            let end = pushed.char_indices().nth(room).map_or(0, |(at, _)| at);
            out.truncate(begin + end);
            // Nothing is joined with the ellipsis.
            while out.ends_with(JOINER) {
                out.pop();
            }
            out.push('…');
            break;
        }
        room -= count;
    }
    Shown(out)
}

fn push(out: &mut String, c: char, marks: usize) {
    let number = c as u32;
    match number {
        0..=0x1f => out.extend(char::from_u32(0x2400 + number)),
        0x7f => out.push('\u{2421}'),
        _ if is_hidden(number) => out.push_str(&format!("<{number:x}>")),
        _ if marks > MARKS => {}
        _ => out.push(c),
    }
}

/// Emoji and the signs that are parts of them; a joiner between others hides.
fn may_join(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{21ff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
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
        assert_eq!(shown("実\u{200d}験").as_str(), "実<200d>験");
        assert_eq!(shown("👨\u{200d}").as_str(), "👨<200d>", "it joins nothing");
        assert_eq!(
            shown("\u{1ffff}\u{200d}👩").as_str(),
            "<1ffff><200d>👩",
            "what is before it is not shown"
        );
        assert_eq!(shown("a\u{fe0f}\u{200d}👩").as_str(), "a\u{fe0f}<200d>👩");
        for family in ["❤\u{fe0f}\u{200d}🔥", "👩🏽\u{200d}🚀", "🏃\u{200d}♀\u{fe0f}\u{200d}➡\u{fe0f}"]
        {
            assert_eq!(shown(family).as_str(), family);
        }
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
        let cut = shown(&"\u{202e}".repeat(LIMIT));
        assert_eq!(cut.as_str().chars().count(), LIMIT + 1, "also when its characters become several");
        let cut = shown(&"👨\u{200d}".repeat(LIMIT));
        assert!(cut.as_str().ends_with("👨…"), "nothing is joined with the ellipsis");
    }

    /// Text of what is dangerous, what looks like it, and what stands beside it.
    fn any_trap() -> impl Strategy<Value = String> {
        let traps = "a <>実👨🏽❤♀…\u{0}\u{1b}\u{7f}\u{9b}\u{200b}\u{200d}\u{200d}\u{202e}\u{301}\u{fe0f}\u{fffd}\u{1ffff}\u{e0041}";
        let traps: Vec<char> = traps.chars().collect();
        proptest::collection::vec(proptest::sample::select(traps), 0..40).prop_map(String::from_iter)
    }

    fn check(text: &str) -> Result<(), TestCaseError> {
        let once = shown(text);
        let hidden = once.as_str().chars().filter(|c| *c != JOINER && is_hidden(*c as u32)).count();
        prop_assert_eq!(hidden, 0);
        prop_assert!(!once.as_str().chars().any(char::is_control));
        prop_assert!(once.as_str().chars().count() <= LIMIT + 1);
        prop_assert_eq!(shown(once.as_str()), once);
        Ok(())
    }

    proptest! {
        #[test]
        fn nothing_dangerous_is_left(text in any::<String>()) {
            check(&text)?;
        }

        #[test]
        fn nor_of_what_is_made_to_slip_through(text in any_trap(), times in 1usize..400) {
            check(&text.repeat(times))?;
        }
    }
}
