//! How trainings go: the values of each step as a function of the hyperparameters and a seed, not of a computer.
//!
//! The shapes are those of real trainings: losses fall fast and then slowly, validation follows with a gap, noise is
//! large while the learning rate is large, too large a learning rate diverges.

use std::f64::consts::PI;

/// Pseudo random numbers that are the same on every machine (xorshift64*, <https://en.wikipedia.org/wiki/Xorshift>).
#[derive(Clone, Debug)]
pub(super) struct Rng(u64);

impl Rng {
    /// A sequence that depends on a text only (FNV-1a).
    pub(super) fn new(seed: &str) -> Self {
        let hash = seed.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        let mut rng = Self(hash | 1);
        // The first numbers of similar seeds are similar.
        for _ in 0..4 {
            rng.next();
        }
        rng
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Between 0 and 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// About normal: mean 0, deviation 1.
    fn normal(&mut self) -> f64 {
        (self.unit() + self.unit() + self.unit() + self.unit() - 2.0) * 3_f64.sqrt()
    }

    /// A run id like a `uuid4().hex`. Its 17th digit is a letter, so YAML never takes it for a number.
    pub(super) fn run_id(&mut self) -> String {
        let mut id = format!("{:016x}{:016x}", self.next(), self.next());
        id.replace_range(12..13, "4");
        id.replace_range(16..17, if self.next() & 1 == 0 { "a" } else { "b" });
        id
    }
}

/// What is trained, which decides the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Task {
    /// Classification of images; a step is an epoch.
    Images,
    /// Segmentation of images, logged with groups (`train/loss`) and system metrics; a step is an epoch.
    Masks,
    /// Fine-tuning a language model; a step is an optimizer step, validation follows every 25, or 5 if it is short.
    Text,
}

/// A training before it starts.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    pub(super) task: Task,
    /// Largest learning rate of the schedule.
    pub(super) lr: f64,
    pub(super) batch: u32,
    /// How good the hyperparameters are together, 0 to 1: decides how far the loss falls.
    pub(super) quality: f64,
    /// Steps of the whole training, which the schedule is made for.
    pub(super) steps: u32,
    /// The step at which the loss explodes.
    pub(super) diverges: Option<u32>,
    pub(super) seed: String,
}

/// Values of one step, by metric.
pub(super) type Values = Vec<(&'static str, f64)>;

/// A training that goes on, step by step.
#[derive(Clone, Debug)]
pub(super) struct Course {
    recipe: Recipe,
    rng: Rng,
    step: u32,
    /// Noise that remembers: what this step is off, the next one is off in part.
    drift: f64,
}

impl Course {
    /// A training at its first step.
    pub(super) fn new(recipe: Recipe) -> Self {
        let rng = Rng::new(&recipe.seed);
        Self { recipe, rng, step: 0, drift: 0.0 }
    }

    /// The number of the next step.
    pub(super) fn at(&self) -> u32 {
        self.step
    }

    /// Whether all steps are done.
    pub(super) fn is_over(&self) -> bool {
        self.step >= self.recipe.steps
    }

    /// Trains one step.
    pub(super) fn next(&mut self) -> Values {
        self.drift = 0.7 * self.drift + 0.3 * self.rng.normal();
        let mut values = match self.recipe.task {
            Task::Images => self.images(),
            Task::Masks => self.masks(),
            Task::Text => self.text(),
        };
        if let Some(since) = self.recipe.diverges.and_then(|step| self.step.checked_sub(step)) {
            diverge(&mut values, since);
        }
        self.step += 1;
        values
    }

    /// Part of the training that is done, 0 to 1.
    fn part(&self) -> f64 {
        f64::from(self.step) / f64::from(self.recipe.steps.max(1))
    }

    /// Learning rate as part of its largest: a short linear warm-up, then a half cosine.
    fn cosine(&self) -> f64 {
        let warm = 0.05;
        if self.part() < warm {
            return (self.part() + 0.005) / (warm + 0.005);
        }
        0.5 + 0.5 * (PI * (self.part() - warm) / (1.0 - warm)).cos()
    }

    /// Falls from 1 to 0, first fast and at last with the learning rate, as with a cosine schedule.
    fn fall(&self, speed: f64) -> f64 {
        0.62 * (-self.part() * speed * 4.0).exp()
            + 0.38 * (self.cosine() * (1.0 - self.part())).max(0.0).sqrt()
    }

    fn images(&mut self) -> Values {
        let (quality, heat) = (self.recipe.quality, self.cosine());
        let fall = self.fall(1.0 + 3.0 * quality);
        let (noise, shake) = (0.012 + 0.05 * heat, self.rng.normal());
        let train = 0.015 + (1.0 - quality) * 0.35 + 2.05 * fall + 0.4 * noise * self.drift;
        let gap = 0.16 + 0.22 * self.part() * (1.2 - quality);
        let valid = train + gap + noise * (self.drift + 0.6 * shake);
        let best = 0.79 + 0.165 * quality;
        let accuracy = best - (best - 0.1) * fall.powf(1.25) - 0.35 * noise * (shake + self.drift).abs();
        vec![
            ("train_loss", train.max(0.003)),
            ("val_loss", valid.max(0.05)),
            ("val_accuracy", accuracy.clamp(0.08, 0.999)),
            ("lr", self.recipe.lr * heat),
            ("epoch_time_s", 17.0 + 900.0 / f64::from(self.recipe.batch) + 0.5 * self.rng.normal().abs()),
        ]
    }

    fn masks(&mut self) -> Values {
        let (quality, heat) = (self.recipe.quality, self.cosine());
        let fall = self.fall(1.2 + 2.0 * quality);
        let (noise, shake) = (0.01 + 0.03 * heat, self.rng.normal());
        let train = 0.04 + 0.25 * (1.0 - quality) + 0.9 * fall + 0.3 * noise * self.drift;
        let iou = 0.62 + 0.25 * quality - 0.55 * fall - 0.5 * noise * shake.abs();
        vec![
            ("train/loss", train.max(0.01)),
            ("train/dice", (0.95 - 0.7 * train).clamp(0.02, 0.99)),
            ("val/loss", (train + 0.07 + 0.08 * self.part() + noise * shake).max(0.02)),
            ("val/iou", iou.clamp(0.02, 0.95)),
            ("system/cpu_utilization_percentage", 41.0 + 6.0 * self.drift + 3.0 * self.rng.normal()),
            ("system/gpu_0_utilization_percentage", (95.0 + 4.0 * self.rng.normal()).clamp(20.0, 100.0)),
            ("system/gpu_0_memory_usage_megabytes", 6_100.0 + 92.0 * f64::from(self.recipe.batch)),
        ]
    }

    fn text(&mut self) -> Values {
        let (quality, part) = (self.recipe.quality, self.part());
        let heat = if part < 0.1 { (part + 0.001) / 0.101 } else { (1.0 - part) / 0.9 };
        // Learning starts when the warm-up is about half done.
        let fall = 1.0 / (1.0 + ((part - 0.07) * (26.0 + 14.0 * quality)).exp()) * 0.72
            + 0.28 * (1.0 - part).powi(2);
        let floor = 0.05 + 0.2 * (1.0 - quality);
        let noise = (0.9 / f64::from(self.recipe.batch.max(1)).sqrt()) * (0.25 + 0.75 * fall);
        let loss = floor + (0.71 - floor) * fall + 0.55 * noise * (0.6 * self.rng.normal() + self.drift);
        let spike = if self.rng.unit() > 0.985 { 3.0 + 4.0 * self.rng.unit() } else { 0.0 };
        let every = if self.recipe.steps < 500 { 5 } else { 25 };
        // Validation takes its time.
        let slow = if self.step % every == 1 { 0.72 } else { 1.0 };
        let mut values = vec![
            ("loss", loss.max(0.004)),
            ("lr", self.recipe.lr * heat),
            (
                "grad_norm",
                (0.7 + 2.1 * fall + 0.35 * self.drift.abs() + 0.2 * self.rng.unit() + spike).max(0.05),
            ),
            ("tokens_per_s", slow * (18_400.0 + 260.0 * self.rng.normal() + 300.0 * self.drift)),
        ];
        if self.step.is_multiple_of(every) {
            // After two thirds the model learns its data by heart: the loss rises while the accuracy stays.
            let by_heart = (part - 0.62).max(0.0).powi(2) * 0.55;
            let best = 0.84 + 0.105 * quality;
            values.push((
                "val_loss",
                floor + 0.075 + (0.63 - floor) * fall + by_heart + 0.008 * self.rng.normal(),
            ));
            values.push((
                "accuracy",
                (best - (best - 0.5) * fall + 0.004 * self.rng.normal()).clamp(0.4, 0.99),
            ));
        }
        values
    }
}

/// Makes the values of a step those of a training that explodes: losses grow for four steps, then nothing is a number.
fn diverge(values: &mut Values, since: u32) {
    for (name, value) in values.iter_mut() {
        if name.contains("loss") || *name == "grad_norm" {
            *value = if since < 4 { *value * 4_f64.powi(since as i32 + 1) } else { f64::NAN };
        } else if name.contains("acc") || name.contains("iou") {
            *value = 0.1;
        }
    }
}

/// How good a learning rate and a batch size are, 0 to 1, when `best` is the best learning rate at 128 examples a batch
/// (the best one grows with the root of the batch size).
pub(super) fn quality(lr: f64, batch: u32, best: f64) -> f64 {
    let off = (lr / (best * (f64::from(batch) / 128.0).sqrt())).log10();
    (-1.1 * off * off).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipe(task: Task) -> Recipe {
        Recipe { task, lr: 0.1, batch: 32, quality: 0.8, steps: 200, diverges: None, seed: "test".to_owned() }
    }

    fn last(course: &mut Course, name: &str) -> f64 {
        let mut last = f64::NAN;
        while !course.is_over() {
            last = course.next().iter().find(|(key, _)| *key == name).map_or(last, |(_, value)| *value);
        }
        last
    }

    #[test]
    fn trainings_learn() {
        for (task, name) in
            [(Task::Images, "val_accuracy"), (Task::Masks, "val/iou"), (Task::Text, "accuracy")]
        {
            let first =
                Course::new(recipe(task)).next().iter().find(|(key, _)| *key == name).map(|(_, v)| *v);
            assert!(last(&mut Course::new(recipe(task)), name) > first.unwrap() + 0.2, "{name}");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_values() {
        let (mut a, mut b) = (Course::new(recipe(Task::Text)), Course::new(recipe(Task::Text)));
        assert!((0..50).all(|_| a.next() == b.next()));
        assert_ne!(Rng::new("run 1").run_id(), Rng::new("run 2").run_id());
    }

    #[test]
    fn divergence_ends_in_nan() {
        let mut course = Course::new(Recipe { diverges: Some(100), ..recipe(Task::Images) });
        assert!(last(&mut course, "train_loss").is_nan());
    }

    #[test]
    fn run_ids_look_like_mlflows() {
        let mut rng = Rng::new("ids");
        for _ in 0..100 {
            let id = rng.run_id();
            assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()) && id[16..17] > *"9");
        }
    }
}
