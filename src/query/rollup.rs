//! What a parent's row tells about everything below it.

use rustc_hash::FxHashSet;

use super::Column;
use super::tree::Links;
use crate::format;
use crate::index::{Index, Run, Status, Text};

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
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rollup {
    /// Children, grandchildren and so on.
    pub below: u32,
    /// Of those, running.
    pub running: u32,
    /// Of those, failed or killed.
    pub failed: u32,
    /// Per column; none where nobody has a value.
    pub spreads: Vec<Option<Spread>>,
    /// What is below in the column that rows are sorted by.
    pub sorted: Option<(Column, Spread)>,
}

/// Numbers and words collected on the way up.
#[derive(Clone, Debug, Default)]
struct Heap {
    low: Option<f64>,
    high: Option<f64>,
    count: u32,
    words: FxHashSet<Text>,
    all_numbers: bool,
}

impl Heap {
    fn number(&mut self, value: f64) {
        if !value.is_nan() {
            self.low = Some(self.low.map_or(value, |low| low.min(value)));
            self.high = Some(self.high.map_or(value, |high| high.max(value)));
            self.count += 1;
        }
    }

    fn word(&mut self, value: &Text) {
        match format::parse_number(value) {
            Some(number) => self.number(number),
            None => self.all_numbers = false,
        }
        if self.words.len() < KINDS {
            self.words.insert(value.clone());
        }
    }

    fn merge(&mut self, other: &Self) {
        for value in [other.low, other.high].into_iter().flatten() {
            self.low = Some(self.low.map_or(value, |low| low.min(value)));
            self.high = Some(self.high.map_or(value, |high| high.max(value)));
        }
        self.count += other.count;
        self.all_numbers &= other.all_numbers;
        if self.words.len() < KINDS {
            self.words.extend(other.words.iter().cloned());
        }
    }

    fn spread(&self, column: Column, index: &Index) -> Option<Spread> {
        if let Column::Metric(key) = column {
            let (low, high) = (self.low?, self.high?);
            return Some(match format::higher_is_better(index.keys.name(key)) {
                Some(up) => Spread::Best { value: if up { high } else { low }, of: self.count },
                None => Spread::Range(low, high),
            });
        }
        match self.words.len() {
            0 => None,
            1 => self.words.iter().next().cloned().map(Spread::Same),
            _ => match (self.low, self.high) {
                (Some(low), Some(high)) if self.all_numbers => Some(Spread::Range(low, high)),
                _ => Some(Spread::Kinds(self.words.len())),
            },
        }
    }
}

/// Everything of one parent on the way up.
#[derive(Clone, Debug)]
struct Gathered {
    rollup: Rollup,
    heaps: Vec<Heap>,
}

/// For each run of the list, what is below it; none for runs without children.
pub fn roll_up(
    list: &[&Run],
    links: &Links,
    columns: &[Column],
    sorted: Column,
    index: &Index,
) -> Vec<Option<Rollup>> {
    let of_interest: Vec<Column> = columns.iter().copied().chain([sorted]).collect();
    let mut gathered: Vec<Option<Box<Gathered>>> = (0..list.len()).map(|_| None).collect();
    for &place in links.top_down.iter().rev() {
        let (Some(run), Some(parent)) = (list.get(place), links.parent.get(place).copied().flatten()) else {
            continue;
        };
        let own = gathered.get_mut(place).and_then(Option::take);
        let Some(slot) = gathered.get_mut(parent) else { continue };
        let above = slot.get_or_insert_with(|| {
            let heap = Heap { all_numbers: true, ..Heap::default() };
            Box::new(Gathered { rollup: Rollup::default(), heaps: vec![heap; of_interest.len()] })
        });
        above.take_run(run, &of_interest);
        if let Some(own) = own {
            above.take_below(&own);
            if let Some(slot) = gathered.get_mut(place) {
                *slot = Some(own);
            }
        }
    }
    gathered.into_iter().map(|all| all.map(|all| all.finish(columns, sorted, index))).collect()
}

impl Gathered {
    fn take_run(&mut self, run: &Run, columns: &[Column]) {
        self.rollup.below += 1;
        self.rollup.running += u32::from(run.is_running());
        self.rollup.failed += u32::from(matches!(run.status, Status::Failed | Status::Killed));
        for (heap, column) in self.heaps.iter_mut().zip(columns) {
            match column {
                Column::Metric(key) => run.metric(*key).into_iter().for_each(|m| heap.number(m.last.value)),
                Column::Param(key) => run.param(*key).into_iter().for_each(|value| heap.word(value)),
                Column::Tag(key) => run.tag(*key).into_iter().for_each(|value| heap.word(value)),
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

    fn finish(self, columns: &[Column], sorted: Column, index: &Index) -> Rollup {
        let mut rollup = self.rollup;
        let spread = |(heap, column): (&Heap, &Column)| heap.spread(*column, index);
        rollup.spreads = self.heaps.iter().zip(columns).map(spread).collect();
        rollup.sorted = self.heaps.last().and_then(|heap| Some((sorted, heap.spread(sorted, index)?)));
        rollup
    }
}
