//! How long an answer takes over 100,000 runs.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark fails by panicking")]

use std::sync::{Arc, LazyLock};

use divan::Bencher;
use mltop::index::{ExperimentKey, Index, RunKey};
use mltop::query::{Aggregate, Answers, Column, Opened, Query, Sort, rows};

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
