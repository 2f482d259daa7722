//! How long an answer takes over 100,000 runs.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark fails by panicking")]

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

use divan::Bencher;
use mltop::index::{ExperimentKey, Index, RunKey};
use mltop::query::{Aggregate, Answers, Column, Filter, Grouping, Opened, Query, Sort, filter, rows};

#[path = "common/index.rs"]
mod made_up;

/// Twenty experiments of 5,000 runs.
static TWENTY: LazyLock<Arc<Index>> = LazyLock::new(|| made_up::index(20, 20));
/// One experiment of 100,000 runs.
static ONE: LazyLock<Arc<Index>> = LazyLock::new(|| made_up::index(1, 20));

fn main() {
    divan::main();
}

fn ask(bencher: Bencher<'_, '_>, index: &Arc<Index>, query: Query) {
    let query = Arc::new(Query { now: made_up::NOW, ..query });
    bencher.bench(|| rows(index, &query));
}

fn of(experiment: u32) -> Query {
    Query { experiment: Some(ExperimentKey(experiment)), ..Query::default() }
}

#[divan::bench(sample_count = 50, sample_size = 1)]
fn one_of_twenty(bencher: Bencher<'_, '_>) {
    ask(bencher, &TWENTY, of(7));
}

/// After an answer about an index in which one run was different, as while something trains.
#[divan::bench(sample_count = 50, sample_size = 1)]
fn one_of_twenty_of_a_newer_index(bencher: Bencher<'_, '_>) {
    let (mut answers, mut index) = (Answers::default(), (**TWENTY).clone());
    let query = Arc::new(Query { now: made_up::NOW, ..of(7) });
    answers.rows(&TWENTY, &query);
    let newer = || {
        index.edit_run(RunKey(35_050), |draft| draft.end_time = draft.end_time.map(|time| time + 1));
        Arc::new(index.clone())
    };
    bencher.with_inputs(newer).bench_local_refs(|index| answers.rows(index, &query));
}

#[divan::bench(sample_count = 50, sample_size = 1, args = ["loss", "lr", "optimizer", "name"])]
fn one_of_twenty_sorted(bencher: Bencher<'_, '_>, by: &str) {
    ask(bencher, &TWENTY, Query { sort: vec![sort(by)], ..of(7) });
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn all_of_twenty(bencher: Bencher<'_, '_>) {
    ask(bencher, &TWENTY, Query::default());
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn one_large(bencher: Bencher<'_, '_>) {
    ask(bencher, &ONE, of(0));
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn one_large_all_open(bencher: Bencher<'_, '_>) {
    let opened = Arc::new(Opened { all: true, ..Opened::default() });
    ask(bencher, &ONE, Query { opened, ..of(0) });
}

fn sort(by: &str) -> Sort {
    let key = ONE.keys.find(by);
    let column = match by {
        "loss" => Column::Metric(key.unwrap(), Aggregate::Last),
        "name" => Column::Name,
        _ => Column::Param(key.unwrap()),
    };
    Sort::new(column, true)
}

#[divan::bench(sample_count = 20, sample_size = 1, args = ["loss", "lr", "optimizer", "name"])]
fn one_large_sorted(bencher: Bencher<'_, '_>, by: &str) {
    ask(bencher, &ONE, Query { sort: vec![sort(by)], ..of(0) });
}

/// What has been typed so far.
const TYPED: [&str; 9] = ["l", "lr", "lr=0", "fox", "bold fox 12", "adamw", "zzz", "train", "0123"];

#[divan::bench(sample_count = 20, sample_size = 1, args = TYPED)]
fn one_large_find(bencher: Bencher<'_, '_>, find: &str) {
    ask(bencher, &ONE, Query { find: find.to_owned(), ..of(0) });
}

/// After another answer about the same runs, as while somebody types.
fn ask_again(bencher: Bencher<'_, '_>, query: Query) {
    let mut answers = Answers::default();
    answers.rows(&ONE, &Arc::new(Query { now: made_up::NOW, ..of(0) }));
    let query = Arc::new(Query { now: made_up::NOW, ..query });
    bencher.bench_local(|| answers.rows(&ONE, &query));
}

#[divan::bench(sample_count = 20, sample_size = 1, args = TYPED)]
fn one_large_typed(bencher: Bencher<'_, '_>, find: &str) {
    ask_again(bencher, Query { find: find.to_owned(), ..of(0) });
}

#[divan::bench(sample_count = 20, sample_size = 1)]
fn one_large_one_more_open(bencher: Bencher<'_, '_>) {
    let opened = Arc::new(Opened { all: false, others: [RunKey(40)].into_iter().collect() });
    ask_again(bencher, Query { opened, ..of(0) });
}

fn filtered(text: &str) -> Option<Arc<Filter>> {
    Some(Arc::new(filter::parse(text).unwrap()))
}

/// Filters over 100,000 runs: half of them pass the first, few the second, all the third.
const FILTERS: [&str; 6] = [
    "metrics.loss < 0.5",
    "metrics.loss < 0.01 AND params.optimizer = 'adam'",
    "params.lr > 0",
    "params.optimizer LIKE 'ad%' OR params.lr >= 0.5",
    "params.optimizer ~ '^ad.m$' AND NOT children > 0",
    "adam",
];

/// As somebody types: the runs are known, filter and order are new.
#[divan::bench(sample_count = 30, sample_size = 1, args = FILTERS)]
fn filter_and_sort_100_000(bencher: Bencher<'_, '_>, text: &str) {
    let key = ONE.keys.find("loss").unwrap();
    let sort = vec![Sort::new(Column::Metric(key, Aggregate::Last), false)];
    new_each_time(bencher, Query { filter: filtered(text), sort, grouping: Grouping::Flat, ..of(0) });
}

/// Asks a query when the runs are known, and the answer before was another one.
fn new_each_time(bencher: Bencher<'_, '_>, query: Query) {
    let answers = RefCell::new(Answers::default());
    let other = Arc::new(Query { now: made_up::NOW, filter: filtered("metrics.loss < 0"), ..of(0) });
    let query = Arc::new(Query { now: made_up::NOW, ..query });
    let forget = || {
        answers.borrow_mut().rows(&ONE, &other);
    };
    bencher.with_inputs(forget).bench_local_values(|()| answers.borrow_mut().rows(&ONE, &query));
}

/// The floor: a scan over a vector of the same numbers, and a sort of what is left.
#[divan::bench(sample_count = 30, sample_size = 1)]
fn plain_scan_and_sort_of_a_vector(bencher: Bencher<'_, '_>) {
    let key = ONE.keys.find("loss").unwrap();
    let values: Vec<f64> =
        ONE.runs().map(|run| run.metric(key).map_or(f64::NAN, |metric| metric.last.value)).collect();
    bencher.bench(|| {
        let mut found: Vec<(u32, f64)> = (0..)
            .zip(&values)
            .filter(|(_, value)| **value < 0.5)
            .map(|(place, value)| (place, *value))
            .collect();
        found.sort_unstable_by(|a, b| a.1.total_cmp(&b.1));
        found
    });
}

/// One group for each optimizer, with mean and deviation of the metrics.
#[divan::bench(sample_count = 20, sample_size = 1)]
fn group_100_000(bencher: Bencher<'_, '_>) {
    let by = Column::Param(ONE.keys.find("optimizer").unwrap());
    new_each_time(bencher, Query { grouping: Grouping::By(Arc::new([by])), ..of(0) });
}
