//! Trains while the demo is looked at: one long fine-tuning, and a search whose trials come and go.
//!
//! Nothing is computed but the numbers; they are logged at the pace of a real training. What it writes is bounded, so
//! the demo may stay open for days.

use std::io;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::course::{Course, Recipe, Task, Values, quality};
use super::past::begin_parent;
use super::plan::{Fate, Outcome, Plan, conclude, log_best, record};
use super::store::{Experiment, FAILED, FINISHED, Run, Store, repr};

/// Milliseconds of a step of the fine-tuning.
const LONG_PACE: i64 = 250;
/// Steps of a fine-tuning: five minutes.
const LONG_STEPS: u32 = 1_200;
/// Steps that the first one has already done when the demo starts.
const LONG_HISTORY: u32 = 300;
/// Milliseconds of a step of a trial.
const TRIAL_PACE: i64 = 200;
/// Steps of a trial: twelve seconds.
const TRIAL_STEPS: u32 = 60;
/// Trials of a search: learning rates × batch sizes.
const LRS: [f64; 3] = [1e-5, 3e-5, 1e-4];
const BATCHES: [u32; 3] = [16, 32, 64];
/// Runs after which everything becomes slower: about 40 minutes.
const SLOW_AFTER: u32 = 200;
/// Runs after which no search begins: about a day.
const SEARCH_LIMIT: u32 = 1_500;
/// Runs after which nothing begins: weeks.
const LIMIT: u32 = 1_850;

/// Both trainings, to be driven by [`Trainer::work`].
#[derive(Debug)]
pub(super) struct Trainer {
    clock: Clock,
    runs: u32,
    long: Long,
    search: Search,
}

/// Now, as the demo was told when it began.
#[derive(Clone, Copy, Debug)]
struct Clock {
    /// Milliseconds that the demo's now is ahead of the system's.
    ahead: i64,
}

impl Clock {
    fn new(now: i64) -> Self {
        Self { ahead: now - Self::system() }
    }

    fn system() -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    fn now(self) -> i64 {
        Self::system() + self.ahead
    }
}

impl Trainer {
    /// Writes what has happened until now: earlier trainings, and those that are under way.
    pub(super) fn begin(store: &Store, now: i64) -> io::Result<Self> {
        Ok(Self {
            clock: Clock::new(now),
            runs: 2,
            long: Long::begin(store, now)?,
            search: Search::begin(store, now)?,
        })
    }

    /// Trains what is due. Returns how long there is nothing to do, or nothing when it is done for good.
    pub(super) fn work(&mut self) -> io::Result<Option<Duration>> {
        let (now, slow) = (Instant::now(), self.runs > SLOW_AFTER);
        if self.long.due.is_some_and(|due| due <= now) {
            self.runs += self.long.work(self.clock.now(), slow, self.runs < LIMIT)?;
        }
        if self.search.due.is_some_and(|due| due <= now) {
            self.runs += self.search.work(self.clock.now(), slow, self.runs < SEARCH_LIMIT)?;
        }
        let due = [self.long.due, self.search.due].into_iter().flatten().min();
        Ok(due.map(|due| due.saturating_duration_since(Instant::now())))
    }
}

#[cfg(test)]
impl Trainer {
    /// Does so many steps of both trainings without waiting.
    pub(super) fn hurry(&mut self, steps: u32) -> io::Result<()> {
        for _ in 0..steps {
            let now = self.clock.now();
            self.runs += self.long.work(now, false, true)? + self.search.work(now, false, true)?;
        }
        Ok(())
    }
}

/// The time after a pause. What was missed, as when a laptop slept, is not made up for.
fn after(due: Option<Instant>, pause: i64) -> Option<Instant> {
    let (now, pause) = (Instant::now(), Duration::from_millis(pause.max(0).unsigned_abs()));
    due.and_then(|due| due.checked_add(pause)).filter(|due| *due > now).or_else(|| now.checked_add(pause))
}

fn log(run: &Run, values: Values, time: i64, step: u32) -> io::Result<()> {
    values.into_iter().try_for_each(|(name, value)| run.metric(name, time, value, step))
}

/// One fine-tuning after the other.
#[derive(Debug)]
struct Long {
    experiment: Experiment,
    number: usize,
    run: Run,
    course: Course,
    /// When the next step is; nothing when no run follows.
    due: Option<Instant>,
}

/// Data set, learning rate, batch size, ratio of the warm-up: those before the live one, then the live ones in turn.
const TUNINGS: [(&str, f64, u32); 6] = [
    ("sst2", 5e-5, 32),
    ("mnli", 2e-5, 32),
    ("qnli", 3e-5, 16),
    ("qqp", 5e-5, 64),
    ("sst2", 3e-5, 32),
    ("mnli", 4e-5, 64),
];
/// The tuning that is live at first.
const LIVE: usize = 4;

impl Long {
    fn begin(store: &Store, now: i64) -> io::Result<Self> {
        let experiment =
            store.experiment("614480293357710812", "nlp/bert-finetune", now - 7 * 86_400_000, None)?;
        experiment.tag(
            "mlflow.note.content",
            "Fine-tuning on GLUE tasks. **One run is always training here.**\n",
        )?;
        for (number, ago) in (0..LIVE).zip([5 * 86_400_000, 3 * 86_400_000, 30 * 3_600_000, 25 * 60_000]) {
            let start = now - ago - i64::from(LONG_STEPS) * LONG_PACE;
            tuning(number, start).write(&experiment)?;
        }
        let start = now - i64::from(LONG_HISTORY) * LONG_PACE - 100;
        let (run, mut course) = tuning(LIVE, start).begin(&experiment)?;
        record(&run, &mut course, LONG_HISTORY, start, LONG_PACE)?;
        Ok(Self { experiment, number: LIVE, run, course, due: Some(Instant::now()) })
    }

    /// One step, or the end of the run and the begin of the next; how many runs it began.
    fn work(&mut self, now: i64, slow: bool, more: bool) -> io::Result<u32> {
        self.due = after(self.due, if slow { 8 * LONG_PACE } else { LONG_PACE });
        if !self.course.is_over() {
            let step = self.course.at();
            log(&self.run, self.course.next(), now, step)?;
            return Ok(0);
        }
        self.run.end(FINISHED, now)?;
        if !more {
            self.due = None;
            return Ok(0);
        }
        self.number += 1;
        (self.run, self.course) = tuning(self.number, now).begin(&self.experiment)?;
        Ok(1)
    }
}

fn tuning(number: usize, start: i64) -> Plan<'static> {
    let (task, lr, batch) = TUNINGS.get(number % TUNINGS.len()).copied().unwrap_or(("sst2", 3e-5, 32));
    Plan {
        name: format!("bert-base-{task}-{}", number + 1),
        user: "민수",
        source: "finetune.py",
        parent: None,
        recipe: Recipe {
            task: Task::Text,
            lr,
            batch,
            quality: quality(lr, batch, 5e-5),
            steps: LONG_STEPS,
            diverges: None,
            seed: format!("tuning/{number}"),
        },
        params: vec![
            ("model", "bert-base-uncased".to_owned()),
            ("task", task.to_owned()),
            ("lr", repr(lr)),
            ("batch_size", batch.to_string()),
            ("epochs", "3".to_owned()),
            ("warmup_ratio", "0.1".to_owned()),
            ("scheduler", "linear".to_owned()),
            ("max_seq_len", "128".to_owned()),
        ],
        tags: vec![("mlflow.note.content", format!("BERT base on **{task}**.\n\nStep = optimizer step.\n"))],
        start,
        pace: LONG_PACE,
        fate: Fate::Finished,
    }
}

/// One search after the other, one trial at a time.
#[derive(Debug)]
struct Search {
    experiment: Experiment,
    number: usize,
    parent: Run,
    trials: Vec<(String, Outcome)>,
    /// The trial that trains.
    trial: Option<Trial>,
    due: Option<Instant>,
    /// Whether the search has ended and the next one is waited for.
    pausing: bool,
}

#[derive(Debug)]
struct Trial {
    name: String,
    run: Run,
    course: Course,
    diverges: Option<u32>,
    last: Values,
}

impl Search {
    fn begin(store: &Store, now: i64) -> io::Result<Self> {
        let experiment =
            store.experiment("935071826640193357", "nlp/bert-grid-search", now - 2 * 86_400_000, None)?;
        let length = i64::from(TRIAL_STEPS) * TRIAL_PACE + 1_000;
        let earlier = now - 3 * 3_600_000;
        let parent = begin_search(&experiment, 1, earlier)?;
        let trials = earlier_trials(&experiment, &parent, 1, LRS.len() * BATCHES.len(), earlier, length)?;
        log_best(&parent, "accuracy", &trials)?;
        conclude(&parent, "accuracy", &trials, earlier + 9 * length + 1_500)?;
        // Three trials of the present one are done, the fourth is about to begin.
        let start = now - 3 * length - 1_000;
        let parent = begin_search(&experiment, 2, start)?;
        let trials = earlier_trials(&experiment, &parent, 2, 3, start, length)?;
        let mut search = Self {
            experiment,
            number: 2,
            parent,
            trials,
            trial: None,
            due: Some(Instant::now()),
            pausing: false,
        };
        search.begin_trial(now)?;
        log_best(&search.parent, "accuracy", &search.trials)?;
        Ok(search)
    }

    /// One step of a trial, its end, the next trial or the next search; how many runs it began.
    fn work(&mut self, now: i64, slow: bool, more: bool) -> io::Result<u32> {
        self.due = after(self.due, TRIAL_PACE);
        if self.pausing {
            if !more {
                self.due = None;
                return Ok(0);
            }
            self.number += 1;
            self.pausing = false;
            self.parent = begin_search(&self.experiment, self.number, now)?;
            return Ok(1);
        }
        if let Some(mut trial) = self.trial.take() {
            if !trial.is_over() {
                trial.step(now)?;
                self.trial = Some(trial);
            } else {
                self.end_trial(trial, now)?;
                self.due = after(self.due, if slow { 46_000 } else { 800 });
            }
            return Ok(0);
        }
        if self.trials.len() < LRS.len() * BATCHES.len() {
            self.begin_trial(now)?;
            return Ok(1);
        }
        conclude(&self.parent, "accuracy", &self.trials, now)?;
        self.trials.clear();
        self.pausing = true;
        self.due = after(self.due, if slow { 120_000 } else { 25_000 });
        Ok(0)
    }

    fn begin_trial(&mut self, now: i64) -> io::Result<()> {
        let plan = trial(self.number, self.trials.len(), self.parent.id(), now);
        let (run, course) = plan.begin(&self.experiment)?;
        let diverges = plan.recipe.diverges;
        self.trial = Some(Trial { name: plan.name, run, course, diverges, last: Vec::new() });
        Ok(())
    }

    fn end_trial(&mut self, trial: Trial, now: i64) -> io::Result<()> {
        let status = if trial.diverges.is_some() { FAILED } else { FINISHED };
        trial.run.end(status, now)?;
        self.trials.push((trial.name, Outcome { run: trial.run, end: now, last: trial.last }));
        let best =
            self.trials.iter().filter_map(|(_, outcome)| outcome.value("accuracy")).fold(0.0, f64::max);
        self.parent.metric("best_accuracy", now, best, self.trials.len() as u32 - 1)
    }
}

impl Trial {
    fn is_over(&self) -> bool {
        self.course.is_over() || self.diverges.is_some_and(|step| self.course.at() > step + 7)
    }

    fn step(&mut self, now: i64) -> io::Result<()> {
        let (step, values) = (self.course.at(), self.course.next());
        if let Some((_, value)) = values.iter().find(|(name, _)| *name == "accuracy") {
            self.last = vec![("accuracy", *value)];
        }
        log(&self.run, values, now, step)
    }
}

fn begin_search(experiment: &Experiment, number: usize, start: i64) -> io::Result<Run> {
    let parent = begin_parent(experiment, &format!("grid-search-{number}"), "jihye", "search.py", start)?;
    parent.param("grid", "lr × batch_size")?;
    parent.param("trials", "9")?;
    parent.tag("mlflow.note.content", "Nine trials of twelve seconds, one after the other.\n")?;
    Ok(parent)
}

fn earlier_trials(
    experiment: &Experiment,
    parent: &Run,
    search: usize,
    count: usize,
    start: i64,
    length: i64,
) -> io::Result<Vec<(String, Outcome)>> {
    (0..count)
        .map(|number| {
            let plan = trial(search, number, parent.id(), start + number as i64 * length + 500);
            Ok((plan.name.clone(), plan.write(experiment)?))
        })
        .collect()
}

fn trial(search: usize, number: usize, parent: &str, start: i64) -> Plan<'_> {
    let lr = LRS.get(number / BATCHES.len()).copied().unwrap_or(3e-5);
    let batch = BATCHES.get(number % BATCHES.len()).copied().unwrap_or(32);
    // The largest step with the smallest batch.
    let diverges = (lr > 9e-5 && batch == 16).then_some(31);
    Plan {
        name: format!("lr{}-bs{batch}", repr(lr)),
        user: "jihye",
        source: "search.py",
        parent: Some(parent),
        recipe: Recipe {
            task: Task::Text,
            lr,
            batch,
            quality: quality(lr, batch, 5e-5),
            steps: TRIAL_STEPS,
            diverges,
            seed: format!("search/{search}/{number}"),
        },
        params: vec![
            ("lr", repr(lr)),
            ("batch_size", batch.to_string()),
            ("epochs", "1".to_owned()),
            ("model", "distilbert-base".to_owned()),
        ],
        tags: Vec::new(),
        start,
        pace: TRIAL_PACE,
        fate: if diverges.is_some() { Fate::Failed } else { Fate::Finished },
    }
}
