//! A made-up index of 100,000 runs in families: a parent, and children with 8 params, 4 metrics and 6 tags each. And one
//! of few runs with very many metrics.
#![allow(dead_code, reason = "each benchmark uses what it needs")]

use std::sync::Arc;

use mltop::index::{Index, Key, Metric, Parts, Point, Progress, RunKey, Status};

/// Runs in all.
pub const RUNS: usize = 100_000;
/// When the first run started, milliseconds since the epoch.
const BEGUN: i64 = 1_795_000_000_000;
/// When the last run has started.
pub const NOW: i64 = BEGUN + RUNS as i64 * 1000;

const ANIMALS: [&str; 12] = [
    "bold-fox",
    "rapt-owl",
    "shy-elk",
    "nosy-crane",
    "calm-bee",
    "wise-ant",
    "luxuriant-hare",
    "zealous-swan",
    "agreeable-mole",
    "vaunted-loon",
    "popular-bug",
    "sedate-eel",
];

/// Numbers that look random and are the same every time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, most: u64) -> usize {
        (self.next() % most) as usize
    }

    fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn one_of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len() as u64)]
    }
}

/// Runs in so many experiments, so many in a family.
pub fn index(experiments: usize, family: usize) -> Arc<Index> {
    let mut index = Index::default();
    let mut numbers = Numbers(7);
    let mut parent = String::new();
    for number in 0..experiments {
        let key = index.add_experiment(number.to_string().into());
        let mut experiment = (**index.experiment(key).unwrap()).clone();
        experiment.name = Some(format!("group-{}/experiment-{number}", number % 4).into());
        index.set_experiment(experiment);
    }
    let keys: Vec<_> = index.experiments().map(|experiment| experiment.key).collect();
    for i in 0..RUNS {
        let id = format!("{:016x}{:016x}", numbers.next(), numbers.next());
        let run = index.add_run(&id, keys[i * experiments / RUNS]);
        let is_parent = i % family == 0;
        if is_parent {
            parent.clone_from(&id);
        }
        describe(&mut index, run, &mut numbers, i, (!is_parent).then_some(&parent));
    }
    index.progress =
        Progress { done: RUNS, total: RUNS, complete: true, listed: true, ..Progress::default() };
    Arc::new(index)
}

fn describe(index: &mut Index, run: RunKey, numbers: &mut Numbers, i: usize, parent: Option<&String>) {
    let params = [
        ("lr", format!("{:.0e}", 1e-5 + numbers.part() * 1e-3)),
        ("batch_size", (8 << numbers.below(4)).to_string()),
        ("optimizer", numbers.one_of(&["adam", "sgd", "adamw"]).to_owned()),
        ("dropout", format!("{:.2}", numbers.part() / 2.0)),
        ("seed", numbers.below(100_000).to_string()),
        ("model", "resnet50".to_owned()),
        ("data", "/data/imagenet/train".to_owned()),
        ("epochs", "90".to_owned()),
    ];
    let params = params.map(|(name, value)| (index.intern(name), value));
    let metrics = ["loss", "val_loss", "acc", "val_acc"].map(|name| (index.intern(name), numbers.part()));
    let name = format!("{}-{}", numbers.one_of(&ANIMALS), numbers.below(1000));
    let more =
        [("mlflow.source.type", "LOCAL"), ("group", "search")].map(|(name, text)| (index.intern(name), text));
    index.edit_run(run, |draft| {
        draft.set_name(Some(&name));
        draft.start_time = Some(BEGUN + i as i64 * 1000);
        draft.end_time = Some(BEGUN + i as i64 * 1000 + 60_000);
        draft.status = match i % 16 {
            3 => Status::Failed,
            5 if i + 100 > RUNS => Status::Running,
            _ => Status::Finished,
        };
        draft.read = Parts::ALL;
        let tags = draft.new_tags();
        tags.push(Key::USER, "demo");
        tags.push(Key::SOURCE_NAME, "/home/demo/project/train.py");
        tags.push(Key::COMMIT, "0123456789abcdef0123456789abcdef01234567");
        tags.push(Key::RUN_NAME, &name);
        tags.push(more[0].0, more[0].1);
        let Some(parent) = parent else {
            tags.push(more[1].0, more[1].1);
            return;
        };
        tags.push(Key::PARENT, parent);
        params.iter().for_each(|(key, value)| _ = draft.params().push(*key, value));
        let last = |value| Point { value, step: 99, timestamp: BEGUN };
        let metrics =
            metrics.map(|(key, value)| (key, Metric { last: last(value), points: 100, exact: true }));
        draft.new_metrics().extend(metrics);
    });
}

/// Twenty runs with 10,000 metrics each.
pub fn wide() -> Arc<Index> {
    let (mut index, mut numbers) = (Index::default(), Numbers(7));
    let experiment = index.add_experiment("0".into());
    let keys: Vec<Key> = (0..10_000).map(|n| index.intern(&format!("layer-{}/loss-{n}", n % 100))).collect();
    for i in 0..20 {
        let run = index.add_run(&format!("{:032x}", i + 1), experiment);
        index.edit_run(run, |draft| {
            (draft.start_time, draft.read) = (Some(BEGUN + i), Parts::ALL);
            let last = |value| Point { value, step: 99, timestamp: BEGUN };
            let metrics = keys
                .iter()
                .map(|key| (*key, Metric { last: last(numbers.part()), points: 100, exact: true }));
            draft.new_metrics().extend(metrics);
        });
    }
    index.progress = Progress { done: 20, total: 20, complete: true, listed: true, ..Progress::default() };
    Arc::new(index)
}

/// Metrics of [`columns`].
pub const COLUMNS: usize = 200;

/// As many runs, each with a tenth of 200 metrics.
pub fn columns() -> Arc<Index> {
    let (mut index, mut numbers) = (Index::default(), Numbers(7));
    let experiment = index.add_experiment("0".into());
    let keys: Vec<Key> = (0..COLUMNS).map(|n| index.intern(&format!("val/loss_{n}"))).collect();
    for i in 0..RUNS {
        let run = index.add_run(&format!("{:032x}", i + 1), experiment);
        index.edit_run(run, |draft| {
            (draft.start_time, draft.read) = (Some(BEGUN + i as i64 * 1000), Parts::ALL);
            draft.status = Status::Finished;
            let last = |value| Point { value, step: 99, timestamp: BEGUN };
            let own = keys.iter().skip(i % 10).step_by(10);
            let metrics =
                own.map(|key| (*key, Metric { last: last(numbers.part()), points: 100, exact: true }));
            draft.new_metrics().extend(metrics);
        });
    }
    index.progress =
        Progress { done: RUNS, total: RUNS, complete: true, listed: true, ..Progress::default() };
    Arc::new(index)
}
