//! Answers that come in pages: which page comes next, how large it is, and when to stop.
//!
//! MLflow's tokens count runs from the first, so pages shift while runs are being made: a run may come twice, which the
//! reader bears. A server that sends the same token again, or page after page without anything new, would never end;
//! that is told and ends it.

use std::time::Duration;

use rustc_hash::FxHashSet;

/// Runs on the first page: what a large screen shows, and quick to answer.
pub const FIRST: usize = 100;
/// Runs on a page at most: 10 KB each would be as much as is read at once.
const LARGEST: usize = 4000;
/// Runs on a page at least, when large ones fail.
const SMALLEST: usize = 25;
/// A page that took longer was too large.
const LONG: Duration = Duration::from_secs(3);
/// A page that took less time may be larger.
const SHORT: Duration = Duration::from_millis(1500);
/// Pages in a row on which nothing is new, before it is called a loop.
const STALE: u32 = 3;

/// Where a listing stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paging {
    /// How to ask for the next page; none for the first.
    pub token: Option<String>,
    /// Items on the next page.
    pub size: usize,
    seen: FxHashSet<String>,
    stale: u32,
}

/// What a page meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// There is another one.
    More,
    /// That was the last one.
    End,
    /// The server goes round in circles.
    Loop,
}

impl Default for Paging {
    fn default() -> Self {
        Self { token: None, size: FIRST, seen: FxHashSet::default(), stale: 0 }
    }
}

impl Paging {
    /// Turns the page: `next` is the token on it, `new` says how much of it had not been seen in this listing, `took` how
    /// long it took.
    pub fn turn(&mut self, next: Option<String>, new: usize, took: Duration) -> Turn {
        self.size = match took {
            took if took > LONG => (self.size / 2).max(SMALLEST),
            took if took < SHORT => (self.size * 4).min(LARGEST),
            _ => self.size,
        };
        let Some(token) = next else { return Turn::End };
        self.stale = if new > 0 { 0 } else { self.stale + 1 };
        if self.stale >= STALE || !self.seen.insert(token.clone()) {
            return Turn::Loop;
        }
        self.token = Some(token);
        Turn::More
    }

    /// A page did not come, perhaps since it is too large. Says whether a smaller one is left to try.
    pub fn shrink(&mut self) -> bool {
        let smaller = (self.size / 4).max(SMALLEST);
        let is_smaller = smaller < self.size;
        self.size = smaller;
        is_smaller
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Duration = Duration::from_millis(10);

    fn token(number: usize) -> Option<String> {
        Some(number.to_string())
    }

    #[test]
    fn pages_grow_while_they_are_quick() {
        let mut paging = Paging::default();
        let mut sizes = vec![paging.size];
        for number in 0..4 {
            assert_eq!(paging.turn(token(number), 10, QUICK), Turn::More);
            sizes.push(paging.size);
        }
        assert_eq!(sizes, [100, 400, 1600, 4000, 4000]);
        assert_eq!(paging.turn(token(9), 10, Duration::from_secs(9)), Turn::More);
        assert_eq!((paging.size, paging.token.as_deref()), (2000, Some("9")));
        assert!(paging.shrink() && paging.size == 500);
        assert_eq!(paging.turn(None, 1, QUICK), Turn::End);
    }

    #[test]
    fn circles_end() {
        let mut paging = Paging::default();
        assert_eq!(paging.turn(token(1), 5, QUICK), Turn::More);
        assert_eq!(paging.turn(token(1), 5, QUICK), Turn::Loop);
        let mut paging = Paging::default();
        let turns: Vec<Turn> = (0..3).map(|number| paging.turn(token(number), 0, QUICK)).collect();
        assert_eq!(turns, [Turn::More, Turn::More, Turn::Loop]);
    }

    #[test]
    fn shrinking_ends() {
        let mut paging = Paging::default();
        assert!(paging.shrink());
        assert!(!paging.shrink());
    }
}
