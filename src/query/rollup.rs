//! What a parent's row tells about everything below it.

use rustc_hash::FxHashMap;

use super::aggregate::Pick;
use super::tree::Links;
use super::{Column, FETCHED, Query, fetch};
use crate::format;
use crate::index::{Index, Run, RunKey, Status, Text};

/// Different values of a param that are told apart; more are "many".
const KINDS: usize = 99;

/// What the runs below a parent have in one column.
#[derive(Clone, Debug, PartialEq)]
pub enum Spread {
    /// The best value of a metric and how many runs have one, where its name tells whether lowest or highest is best.
    Best {
        /// The value.
        value: f64,
        /// Runs that have the metric.
        of: u32,
    },
    /// Numbers from the lowest to the highest.
    Range(f64, f64),
    /// One value that all share.
    Same(Text),
    /// So many different values.
    Kinds(usize),
}

/// What the runs below a parent are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rollup {
    /// Children, grandchildren and so on.
    pub below: u32,
    /// Of those, running.
    pub running: u32,
    /// Of those, failed or killed.
    pub failed: u32,
    /// Where its spreads begin.
    first: u32,
}

/// What all parents tell. One list of spreads for all of them: there may be many parents.
#[derive(Clone, Debug, Default)]
pub struct Rollups {
    of: FxHashMap<RunKey, Rollup>,
    spreads: Vec<Option<Spread>>,
    /// Columns that have spreads.
    columns: Vec<Column>,
}

/// Columns that have spreads, and what theirs look like.
pub struct Spreading<'a> {
    index: &'a Index,
    columns: Vec<(Column, Kind)>,
}

impl<'a> Spreading<'a> {
    /// Of these columns those that can have spreads, each once.
    pub fn new(columns: &[Column], index: &'a Index, query: &Query) -> Self {
        let mut spreading: Vec<(Column, Kind)> = Vec::new();
        for column in columns.iter().copied() {
            let kind = match column {
                Column::Metric(key, how) => {
                    Kind::Metric(query.better.of(key, index), Pick::new(key, how, index, &query.better))
                }
                Column::Param(_) | Column::Tag(_) => Kind::Words,
                _ => continue,
            };
            if !spreading.iter().any(|(other, _)| *other == column) {
                spreading.push((column, kind));
            }
        }
        Self { index, columns: spreading }
    }
}

impl Rollups {
    /// Whether no run has children.
    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }

    /// What is below a run; none for runs without children.
    pub fn get(&self, run: RunKey) -> Option<&Rollup> {
        self.of.get(&run)
    }

    /// What is below a run in one column; none where nobody has a value.
    pub fn spread(&self, run: RunKey, column: Column) -> Option<&Spread> {
        let place = self.columns.iter().position(|of| *of == column)?;
        self.spreads.get(self.get(run)?.first as usize + place)?.as_ref()
    }
}

/// A word that is quick to tell from others: mostly its beginning does.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Word<'a> {
    beginning: u64,
    text: &'a str,
}

impl<'a> Word<'a> {
    fn new(text: &'a str) -> Self {
        let bytes = text.bytes().take(8);
        Self { beginning: bytes.fold(0, |beginning, byte| beginning << 8 | u64::from(byte)), text }
    }
}

/// Numbers and words of one column, collected on the way up.
#[derive(Debug)]
struct Heap<'a> {
    low: f64,
    high: f64,
    count: u32,
    /// Searched one by one: there are few, and mostly the first ones are meant.
    words: Vec<Word<'a>>,
    all_numbers: bool,
}

impl Default for Heap<'_> {
    fn default() -> Self {
        let (low, high) = (f64::INFINITY, f64::NEG_INFINITY);
        Self { low, high, count: 0, words: Vec::new(), all_numbers: true }
    }
}

impl<'a> Heap<'a> {
    fn clear(&mut self) {
        let mut words = std::mem::take(&mut self.words);
        words.clear();
        *self = Self { words, ..Self::default() };
    }

    fn number(&mut self, value: f64) {
        if !value.is_nan() {
            self.low = self.low.min(value);
            self.high = self.high.max(value);
            self.count += 1;
        }
    }

    fn word(&mut self, value: &'a str) {
        let (word, is_full) = (Word::new(value), self.words.len() >= KINDS);
        if (is_full && !self.all_numbers) || (!is_full && self.words.contains(&word)) {
            return;
        }
        match format::parse_number(value) {
            Some(number) => self.number(number),
            None => self.all_numbers = false,
        }
        if !is_full {
            self.words.push(word);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
        self.count += other.count;
        self.all_numbers &= other.all_numbers;
        for word in &other.words {
            if self.words.len() < KINDS && !self.words.contains(word) {
                self.words.push(*word);
            }
        }
    }

    fn spread(&self, kind: Kind) -> Option<Spread> {
        let range = Spread::Range(self.low, self.high);
        if let Kind::Metric(higher_is_better, _) = kind {
            let best = |up| Spread::Best { value: if up { self.high } else { self.low }, of: self.count };
            return (self.count > 0).then(|| higher_is_better.map_or(range, best));
        }
        Some(match self.words.as_slice() {
            [] => return None,
            [only] => Spread::Same(only.text.into()),
            _ if self.all_numbers && self.count > 0 => range,
            words => Spread::Kinds(words.len()),
        })
    }
}

/// What spreads of a column look like.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Words,
    /// Whether higher is better, where somebody or the name tells, and which value it is.
    Metric(Option<bool>, Pick),
}

/// Everything below one parent, on the way up.
#[derive(Debug, Default)]
pub struct Gathered<'a> {
    rollup: Rollup,
    heaps: Vec<Heap<'a>>,
}

impl<'a> Gathered<'a> {
    /// Nothing has been gathered.
    pub fn new(spreading: &Spreading<'_>) -> Self {
        let mut new = Self::default();
        new.heaps.resize_with(spreading.columns.len(), Heap::default);
        new
    }

    /// Forgets all but the memory.
    pub fn clear(&mut self) {
        self.rollup = Rollup::default();
        self.heaps.iter_mut().for_each(Heap::clear);
    }

    /// Takes a run in.
    pub fn take_run(&mut self, run: &'a Run, spreading: &Spreading<'_>) {
        self.rollup.below += 1;
        self.rollup.running += u32::from(run.is_running());
        self.rollup.failed += u32::from(matches!(run.status, Status::Failed | Status::Killed));
        for (heap, (column, kind)) in self.heaps.iter_mut().zip(&spreading.columns) {
            match (column, kind) {
                (_, Kind::Metric(_, pick)) => {
                    pick.of(run, spreading.index).value().into_iter().for_each(|value| heap.number(value));
                }
                (Column::Param(key), _) => run.param(*key).into_iter().for_each(|value| heap.word(value)),
                (Column::Tag(key), _) => run.tag(*key).into_iter().for_each(|value| heap.word(value)),
                _ => {}
            }
        }
    }

    fn take_below(&mut self, below: &Self) {
        self.rollup.below += below.rollup.below;
        self.rollup.running += below.rollup.running;
        self.rollup.failed += below.rollup.failed;
        for (heap, other) in self.heaps.iter_mut().zip(&below.heaps) {
            heap.merge(other);
        }
    }
}

/// What is below each run of the list, in these columns; of those that pass, where not all do.
pub fn roll_up(
    list: &[&Run],
    links: &Links,
    passed: Option<&[bool]>,
    columns: &[Column],
    index: &Index,
    query: &Query,
) -> Rollups {
    let spreading = Spreading::new(columns, index, query);
    let mut rollups = Rollups::new(&spreading);
    let passes = |place: u32| passed.is_none_or(|passed| passed.get(place as usize).is_some_and(|is| *is));
    // From the last line of the tree to the first. What is being gathered belongs to a run and some of its ancestors,
    // never to its siblings: a few, which are used again and again.
    let mut open: Vec<(u32, Gathered<'_>)> = Vec::new();
    let mut spare: Vec<Gathered<'_>> = Vec::new();
    let places = links.top_down.rchunks(FETCHED).flat_map(|places| {
        fetch(places.iter().filter_map(|place| list.get(*place as usize)));
        places.iter().rev().copied()
    });
    for place in places {
        let Some(run) = list.get(place as usize) else { continue };
        let own = open.pop_if(|(of, _)| *of == place).map(|(_, own)| own);
        if let Some(own) = &own {
            rollups.add(run.key, own, &spreading);
        }
        if let Some(parent) = links.above(place).filter(|_| own.is_some() || passes(place)) {
            if open.last().is_none_or(|(of, _)| *of != parent) {
                open.push((parent, spare.pop().unwrap_or_else(|| Gathered::new(&spreading))));
            }
            if let Some((_, above)) = open.last_mut() {
                if passes(place) {
                    above.take_run(run, &spreading);
                }
                own.iter().for_each(|own| above.take_below(own));
            }
        }
        spare.extend(own.map(|mut own| {
            own.clear();
            own
        }));
    }
    rollups
}

impl Rollups {
    /// Of nothing, in these columns.
    pub fn new(spreading: &Spreading<'_>) -> Self {
        let columns = spreading.columns.iter().map(|(column, _)| *column).collect();
        Self { columns, ..Self::default() }
    }

    /// Puts in what was gathered below a row.
    pub fn add(&mut self, row: RunKey, gathered: &Gathered<'_>, spreading: &Spreading<'_>) {
        let first = self.spreads.len() as u32;
        self.of.insert(row, Rollup { first, ..gathered.rollup });
        let kinds = spreading.columns.iter().map(|(_, kind)| *kind);
        self.spreads.extend(gathered.heaps.iter().zip(kinds).map(|(heap, kind)| heap.spread(kind)));
    }
}
