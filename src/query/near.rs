//! Letters of a word that stand close together in a text: at most three others between them, and no digit among those,
//! since `lr=0.1` is not `lr=0.01`.

/// Letters that may stand between those that are looked for.
const SKIPPED: usize = 3;
/// Letters of a word that are looked for.
const MOST: usize = u64::BITS as usize;

/// A word to be looked for.
#[derive(Debug)]
pub struct Near {
    letters: Vec<char>,
    is_exact: bool,
    /// For each ASCII character, bit n says whether it is letter n.
    ascii: [u64; 128],
}

/// How much of a word stands at the end of the text so far: in number k, bit n says that letters 0 to n stand there with
/// k others between them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    begun: [u64; SKIPPED + 1],
    found: bool,
}

impl State {
    /// Whether all of the word was there.
    pub fn is_found(self) -> bool {
        self.found
    }
}

impl Near {
    /// A word; `is_exact` says whether capitals matter.
    pub fn new(word: &str, is_exact: bool) -> Self {
        let mut near = Self { letters: word.chars().take(MOST).collect(), is_exact, ascii: [0; 128] };
        let masks: Vec<u64> = (0..128).map(|c| near.compare(char::from(c))).collect();
        near.ascii.iter_mut().zip(masks).for_each(|(slot, mask)| *slot = mask);
        near
    }

    fn is_same(&self, a: char, b: char) -> bool {
        if self.is_exact { a == b } else { a.eq_ignore_ascii_case(&b) }
    }

    fn compare(&self, c: char) -> u64 {
        let letters = self.letters.iter().enumerate();
        letters.filter(|(_, letter)| self.is_same(**letter, c)).fold(0, |mask, (i, _)| mask | 1 << i)
    }

    /// Reads on.
    pub fn goes_on(&self, mut state: State, text: impl Iterator<Item = char>) -> State {
        let last = 1 << self.letters.len().saturating_sub(1);
        for c in text {
            if state.found {
                break;
            }
            let here = self.ascii.get(c as usize).copied().unwrap_or_else(|| self.compare(c));
            let [a, b, c0, d] = state.begun;
            if here & 1 == 0 && a | b | c0 | d == 0 {
                continue;
            }
            let skips = if may_be_skipped(c) { [a, b, c0] } else { [0; SKIPPED] };
            let [a1, b1, c1] = skips;
            state.begun =
                [(a << 1 | 1) & here, (b << 1) & here | a1, (c0 << 1) & here | b1, (d << 1) & here | c1];
            state.found = state.begun.iter().any(|letters| letters & last != 0);
        }
        state
    }

    /// Where the letters stand: where the fewest others are between them, the first of such places.
    pub fn places(&self, text: &str) -> Option<Vec<usize>> {
        let text: Vec<char> = text.chars().collect();
        // For each letter and place, how many others come before it when it stands there, and how many just before it.
        let mut reached: Vec<Vec<Option<(usize, usize)>>> = Vec::with_capacity(self.letters.len());
        for letter in &self.letters {
            let before = reached.last();
            let reach = |at: usize| {
                let Some(before) = before else { return Some((0, 0)) };
                let gaps = (0..=SKIPPED.min(at.checked_sub(1)?))
                    .take_while(|gap| *gap == 0 || text.get(at - gap).is_some_and(|c| may_be_skipped(*c)));
                let ways = gaps.filter_map(|gap| Some((before.get(at - 1 - gap)?.as_ref()?.0 + gap, gap)));
                ways.filter(|(all, _)| *all <= SKIPPED).min()
            };
            let here = text.iter().enumerate();
            let row = here.map(|(at, c)| if self.is_same(*letter, *c) { reach(at) } else { None }).collect();
            reached.push(row);
        }
        let ends = reached.last()?.iter().enumerate();
        let (_, mut at) = ends.filter_map(|(at, way)| Some((way.as_ref()?.0, at))).min()?;
        let mut places = vec![at];
        for row in reached.iter().skip(1).rev() {
            let (_, gap) = row.get(at).copied().flatten()?;
            at = at.checked_sub(1 + gap)?;
            places.push(at);
        }
        places.reverse();
        Some(places)
    }
}

fn may_be_skipped(c: char) -> bool {
    !c.is_ascii_digit() && c != '.'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn is_in(word: &str, text: &str) -> bool {
        Near::new(word, false).goes_on(State::default(), text.chars()).is_found()
    }

    #[test]
    fn close_letters_are_found() {
        for (word, text) in [
            ("rbf", "kernel=rbf"),
            ("LR", "lr=1"),
            ("a", "xa"),
            ("learning", "LEARN_ing_rate"),
            ("aab", "aaab"),
        ] {
            assert!(is_in(word, text), "{word} {text}");
        }
        for (word, text) in
            [("lr=0.1", "lr=0.01"), ("kl=rf", "kernel=rbf"), ("ab", "a...b"), ("ab", "ba"), ("a", "")]
        {
            assert!(!is_in(word, text), "{word} {text}");
        }
    }

    #[test]
    fn places_are_those_with_the_fewest_others_between() {
        let places = |word: &str, text: &str| Near::new(word, false).places(text);
        assert_eq!(places("lr", "learning lr"), Some(vec![9, 10]));
        assert_eq!(places("aab", "aaab"), Some(vec![1, 2, 3]));
        assert_eq!(places("kr=r", "kernel=rbf"), None);
        assert_eq!(places("", "x"), None);
    }

    proptest! {
        #[test]
        fn found_is_where_there_are_places(word in "[ab1.]{1,4}", text in "[abAB1.x]{0,12}", cut in 0usize..12) {
            let near = Near::new(&word, false);
            let places = near.places(&text);
            prop_assert_eq!(is_in(&word, &text), places.is_some());
            // In two goes as in one.
            let first = near.goes_on(State::default(), text.chars().take(cut));
            prop_assert_eq!(near.goes_on(first, text.chars().skip(cut)).is_found(), places.is_some());
            if let Some(places) = places {
                let text: Vec<char> = text.chars().collect();
                let letters: String = places.iter().map(|at| text[*at].to_ascii_lowercase()).collect();
                prop_assert_eq!(letters, word);
                prop_assert!(places.windows(2).all(|pair| pair[0] < pair[1]));
                let (first, last) = (places[0], places[places.len() - 1]);
                prop_assert!(last - first < places.len() + SKIPPED);
            }
        }
    }
}
