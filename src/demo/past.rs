//! The synthetic experiments: trainings that ended before now, made from small tables when the demo starts.

use std::io;

use super::course::{Recipe, Rng, Task, quality};
use super::plan::{Fate, Outcome, Plan, conclude, log_best};
use super::store::{Experiment, FINISHED, NewRun, Run, Store, repr};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

const BASELINE_NOTE: &str = "## Baseline\n\nResNet-18, 200 epochs, cosine schedule, **no** augmentation.\n\n\
    - reaches 94 % on CIFAR-10\n- every later run is compared with this one\n\n\
    See `results.csv` of *resnet18-search* for the sweep that chose `lr` and `batch_size`.\n";
const LEFT_NOTE: &str = "The node was rebooted during this run. MLflow still says RUNNING.\n";
const CIFAR_NOTE: &str = "CIFAR-10 classification.\n\nTwo searches over optimizer, learning rate and batch size, \
    then single experiments with augmentation.\n";

/// Writes all of them into a store; `now` is in ms since 1970.
pub(super) fn write(store: &Store, now: i64) -> io::Result<()> {
    // Every store has it, mostly empty.
    store.experiment("0", "Default", now - 30 * DAY, None)?;
    let cifar = store.experiment("318264017745920651", "vision/cifar10-resnet", now - 21 * DAY, None)?;
    cifar.tag("mlflow.note.content", CIFAR_NOTE)?;
    search(&cifar, "resnet18", 120, now - 4 * DAY - 3 * HOUR, Fate::Failed)?;
    search(&cifar, "resnet34", 160, now - 47 * MINUTE, Fate::Killed(71))?;
    singles(&cifar, now)?;
    segmentation(store, now)?;
    tokenizer(store, now)?;
    trash(store, now)
}

/// A search with twelve trials: two optimizers, three learning rates, two batch sizes; four run at a time.
fn search(experiment: &Experiment, model: &str, epochs: u32, end: i64, odd: Fate) -> io::Result<()> {
    let pace = if model == "resnet18" { 19_000 } else { 31_000 };
    let wave = i64::from(epochs) * pace + 40_000;
    let start = end - 3 * wave;
    let parent = begin_parent(experiment, &format!("{model}-search"), "anna", "sweep.py", start)?;
    parent.param("model", model)?;
    parent.param("trials", "12")?;
    parent.artifact(
        "search_space.json",
        b"{\"optimizer\": [\"sgd\", \"adamw\"], \"lr\": \"log-uniform\", \"batch_size\": [64, 256]}\n",
    )?;
    let mut trials = Vec::new();
    let grid = [("sgd", [0.4, 0.1, 0.025], 0.1), ("adamw", [3e-3, 1e-3, 3e-4], 1e-3)];
    for (optimizer, lrs, best) in grid {
        for (lr, batch) in lrs.into_iter().flat_map(|lr| [(lr, 64), (lr, 256)]) {
            let number = trials.len() as i64;
            // The largest step with the smallest batch explodes; another trial is stopped by hand.
            let fate = match (odd, number) {
                (Fate::Failed, 0) | (Fate::Killed(_), 7) => odd,
                _ => Fate::Finished,
            };
            let plan = Plan {
                name: format!("{optimizer}-lr{}-bs{batch}", repr(lr)),
                user: "anna",
                source: "train.py",
                parent: Some(parent.id()),
                recipe: Recipe {
                    task: Task::Images,
                    lr,
                    batch,
                    quality: quality(lr, batch, best) - if model == "resnet18" { 0.08 } else { 0.0 },
                    steps: epochs,
                    diverges: (fate == Fate::Failed).then_some(34),
                    seed: format!("{model}/{number}"),
                },
                params: image_params(model, optimizer, lr, batch, epochs, "none"),
                tags: vec![("gpu", (number % 4).to_string())],
                start: start + 2_000 + number / 4 * wave + number % 4 * 700,
                pace,
                fate,
            };
            trials.push((plan.name.clone(), plan.write(experiment)?));
        }
    }
    log_best(&parent, "val_accuracy", &trials)?;
    conclude(&parent, "val_accuracy", &trials, end)
}

/// A run that only holds others together.
pub(super) fn begin_parent(
    experiment: &Experiment,
    name: &str,
    user: &str,
    source: &str,
    start: i64,
) -> io::Result<Run> {
    let id = Rng::new(&format!("{name}/{start}")).run_id();
    experiment.run(NewRun { id, name: name.to_owned(), user, source, commit: None, parent: None, start })
}

fn image_params(
    model: &str,
    optimizer: &str,
    lr: f64,
    batch: u32,
    epochs: u32,
    augment: &str,
) -> Vec<(&'static str, String)> {
    vec![
        ("model", model.to_owned()),
        ("optimizer", optimizer.to_owned()),
        ("lr", repr(lr)),
        ("batch_size", batch.to_string()),
        ("epochs", epochs.to_string()),
        ("weight_decay", if optimizer == "sgd" { "0.0005" } else { "0.05" }.to_owned()),
        ("augment", augment.to_owned()),
        ("seed", "42".to_owned()),
    ]
}

/// Single runs that compare augmentations with a baseline.
fn singles(experiment: &Experiment, now: i64) -> io::Result<()> {
    let table = [
        ("기준선-resnet18", "none", 0.62, 200, 14 * DAY, Fate::Finished, Some(BASELINE_NOTE)),
        ("실험-1 (좌우 반전)", "flip", 0.70, 200, 13 * DAY, Fate::Finished, None),
        ("실험-2 (mixup)", "mixup", 0.82, 200, 12 * DAY, Fate::Finished, None),
        ("실험-3 (증강)", "randaugment", 0.93, 200, 8 * DAY, Fate::Finished, None),
        ("overnight-mixup-cutmix", "mixup+cutmix", 0.88, 200, 2 * DAY, Fate::Left(113), Some(LEFT_NOTE)),
        ("typo-in-the-learning-rate", "none", 0.05, 60, 15 * DAY, Fate::Deleted, None),
    ];
    for (name, augment, quality, epochs, ago, fate, note) in table {
        let lr = if fate == Fate::Deleted { 1e-6 } else { 0.1 };
        let plan = Plan {
            name: name.to_owned(),
            user: "지혜",
            source: "train.py",
            parent: None,
            recipe: Recipe {
                task: Task::Images,
                lr,
                batch: 128,
                quality,
                steps: epochs,
                diverges: None,
                seed: format!("single/{name}"),
            },
            params: image_params("resnet18", "sgd", lr, 128, epochs, augment),
            tags: note.map(|text| ("mlflow.note.content", text.to_owned())).into_iter().collect(),
            start: now - ago - i64::from(epochs) * 19_000,
            pace: 19_000,
            fate,
        };
        let outcome = plan.write(experiment)?;
        if fate == Fate::Finished {
            outcome.run.artifact("plots/accuracy_by_class.json", by_class(&outcome).as_bytes())?;
        }
    }
    Ok(())
}

/// Accuracy by class around that of the run, as JSON.
fn by_class(outcome: &Outcome) -> String {
    let mean = outcome.value("val_accuracy").unwrap_or(0.0);
    let classes = [
        ("airplane", 0.01),
        ("automobile", 0.03),
        ("bird", -0.03),
        ("cat", -0.07),
        ("deer", -0.01),
        ("dog", -0.04),
        ("frog", 0.02),
        ("horse", 0.02),
        ("ship", 0.03),
        ("truck", 0.02),
    ];
    let rows: Vec<_> =
        classes.iter().map(|(name, off)| format!("  \"{name}\": {:.4}", (mean + off).min(0.999))).collect();
    format!("{{\n{}\n}}\n", rows.join(",\n"))
}

/// Metrics in groups, and those of the computer.
fn segmentation(store: &Store, now: i64) -> io::Result<()> {
    let experiment =
        store.experiment("540917733062814498", "vision/segmentation-unet", now - 11 * DAY, None)?;
    let table = [
        ("unet-resnet34", "resnet34", 1e-3, 16, 0.60, 5 * DAY),
        ("unet-efficientnet-b3", "efficientnet-b3", 1e-3, 16, 0.78, 4 * DAY),
        ("unet-efficientnet-b3-low-lr", "efficientnet-b3", 1e-4, 16, 0.66, 3 * DAY),
        ("unet++-resnet34", "resnet34", 1e-3, 8, 0.72, 2 * DAY),
        ("unet-mit-b2", "mit-b2", 6e-4, 16, 0.95, 6 * HOUR),
    ];
    for (name, encoder, lr, batch, quality, ago) in table {
        let recipe = Recipe {
            task: Task::Masks,
            lr,
            batch,
            quality,
            steps: 80,
            diverges: None,
            seed: format!("unet/{name}"),
        };
        let params = vec![
            ("encoder", encoder.to_owned()),
            ("lr", repr(lr)),
            ("batch_size", batch.to_string()),
            ("image_size", "512".to_owned()),
            ("loss", "dice+ce".to_owned()),
            ("epochs", "80".to_owned()),
        ];
        let tags = vec![("stage", if quality > 0.9 { "candidate" } else { "baseline" }.to_owned())];
        let (start, pace) = (now - ago - 80 * 52_000, 52_000);
        let plan = Plan {
            name: name.to_owned(),
            user: "tomas",
            source: "segment/train.py",
            parent: None,
            recipe,
            params,
            tags,
            start,
            pace,
            fate: Fate::Finished,
        };
        plan.write(&experiment)?;
    }
    Ok(())
}

/// Runs without curves: names, keys and values in Korean.
fn tokenizer(store: &Store, now: i64) -> io::Result<()> {
    let experiment = store.experiment("702218845913370246", "nlp/한국어-토크나이저", now - 18 * DAY, None)?;
    let table = [
        ("형태소+bpe-16k", "16000", 1.93, 0.871, 17 * DAY),
        ("형태소+bpe-32k", "32000", 1.71, 0.889, 16 * DAY),
        ("unigram-32k", "32000", 1.78, 0.884, 16 * DAY - 2 * HOUR),
        ("unigram-64k", "64000", 1.62, 0.886, 10 * DAY),
    ];
    for (name, vocabulary, fertility, accuracy, ago) in table {
        let start = now - ago;
        let run = begin_parent(&experiment, name, "민수", "토크나이저/학습.py", start)?;
        run.param("vocab_size", vocabulary)?;
        run.param("말뭉치", "위키백과+뉴스")?;
        run.metric("fertility", start + 8 * MINUTE, fertility, 0)?;
        run.metric("정확도", start + 9 * MINUTE, accuracy, 0)?;
        run.artifact("예문.txt", "나는 어제 학교에 갔다 → 나 는 어제 학교 에 갔 다\n".as_bytes())?;
        run.end(FINISHED, start + 9 * MINUTE + 2_345)?;
    }
    Ok(())
}

/// An experiment in the trash, with its runs.
fn trash(store: &Store, now: i64) -> io::Result<()> {
    let deleted = now - 20 * DAY;
    let experiment =
        store.experiment("129530046617785530", "vision/mnist-warmup", now - 26 * DAY, Some(deleted))?;
    for (name, lr) in [("hello-mlflow", 0.01), ("lower-lr", 0.001), ("convnet", 0.01)] {
        let plan = Plan {
            name: name.to_owned(),
            user: "anna",
            source: "mnist.py",
            parent: None,
            recipe: Recipe {
                task: Task::Images,
                lr,
                batch: 64,
                quality: 1.0,
                steps: 20,
                diverges: None,
                seed: format!("mnist/{name}"),
            },
            params: image_params("convnet", "sgd", lr, 64, 20, "none"),
            tags: Vec::new(),
            start: deleted - 5 * DAY,
            pace: 6_000,
            fate: Fate::Deleted,
        };
        plan.write(&experiment)?;
    }
    Ok(())
}
