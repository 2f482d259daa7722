//! One synthetic run from its plan to its files, and searches over hyperparameters: a parent with a run for each trial.

use std::io;

use super::course::{Course, Recipe, Rng, Values};
use super::store::{Experiment, FAILED, FINISHED, KILLED, NewRun, Run, repr};

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// All steps were done.
    Finished,
    /// It stopped with an error, a few steps after its loss had exploded.
    Failed,
    /// Somebody stopped it at this step.
    Killed(u32),
    /// Its process died at this step, and nobody could say so: the store says that it runs, for ever.
    Left(u32),
    /// It finished and was deleted.
    Deleted,
}

/// A run that is to be written.
#[derive(Clone, Debug)]
pub(super) struct Plan<'a> {
    pub(super) name: String,
    pub(super) user: &'a str,
    /// Program that trains.
    pub(super) source: &'a str,
    /// Id of the run of the search that this one belongs to.
    pub(super) parent: Option<&'a str>,
    pub(super) recipe: Recipe,
    pub(super) params: Vec<(&'a str, String)>,
    pub(super) tags: Vec<(&'a str, String)>,
    /// Start in ms since 1970.
    pub(super) start: i64,
    /// Milliseconds of one step.
    pub(super) pace: i64,
    pub(super) fate: Fate,
}

impl Plan<'_> {
    /// Creates the run with its params and tags, and its training at the first step.
    pub(super) fn begin(&self, experiment: &Experiment) -> io::Result<(Run, Course)> {
        // A commit is shared by the runs of one program and user.
        let commit = format!("{}{}", self.source, self.user);
        let (mut commit, mut rng) =
            (Rng::new(&commit), Rng::new(&format!("{}/{}", self.recipe.seed, self.name)));
        let commit = format!("{}{}", commit.run_id(), commit.run_id().split_at(24).1);
        let run = experiment.run(NewRun {
            id: rng.run_id(),
            name: self.name.clone(),
            user: self.user,
            source: self.source,
            commit: Some(&commit),
            parent: self.parent,
            start: self.start,
        })?;
        for (key, value) in &self.tags {
            run.tag(key, value)?;
        }
        for (key, value) in &self.params {
            run.param(key, value)?;
        }
        Ok((run, Course::new(self.recipe.clone())))
    }

    /// Writes the whole run as it was when it had ended.
    pub(super) fn write(&self, experiment: &Experiment) -> io::Result<Outcome> {
        let (run, mut course) = self.begin(experiment)?;
        let steps = match self.fate {
            Fate::Killed(step) | Fate::Left(step) => step,
            Fate::Failed => self.recipe.diverges.unwrap_or(self.recipe.steps) + 7,
            Fate::Finished | Fate::Deleted => self.recipe.steps,
        };
        let last = record(&run, &mut course, steps, self.start, self.pace)?;
        let end = self.start + i64::from(steps) * self.pace + self.pace.min(1_800);
        match self.fate {
            Fate::Finished => {
                run.artifact("config.yaml", self.config().as_bytes())?;
                run.end(FINISHED, end)?;
            }
            Fate::Deleted => run.end_deleted(FINISHED, end)?,
            Fate::Failed => {
                run.artifact("error.txt", b"RuntimeError: loss is nan, stopping training\n")?;
                run.end(FAILED, end)?;
            }
            Fate::Killed(_) => run.end(KILLED, end)?,
            Fate::Left(_) => {}
        }
        Ok(Outcome { run, end, last })
    }

    /// The params as the configuration file that such programs keep.
    fn config(&self) -> String {
        self.params.iter().fold("# What this run was trained with\n".to_owned(), |text, (key, value)| {
            text + key + ": " + value + "\n"
        })
    }
}

/// A run that was written.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) run: Run,
    /// Its end in ms, or that of its last step.
    pub(super) end: i64,
    /// The last value of each metric.
    pub(super) last: Values,
}

impl Outcome {
    /// The last value of a metric.
    pub(super) fn value(&self, name: &str) -> Option<f64> {
        self.last.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }
}

/// Trains so many steps and writes their history at once; the last value of each metric.
pub(super) fn record(
    run: &Run,
    course: &mut Course,
    steps: u32,
    start: i64,
    pace: i64,
) -> io::Result<Values> {
    let (mut files, mut last): (Vec<(&str, String)>, Values) = (Vec::new(), Vec::new());
    let time = |step: u32| start + (i64::from(step) + 1) * pace;
    while course.at() < steps {
        let step = course.at();
        for (name, value) in course.next() {
            let line = format!("{} {} {step}\n", time(step), repr(value));
            match files.iter_mut().find(|(key, _)| *key == name) {
                Some((_, text)) => text.push_str(&line),
                None => files.push((name, line)),
            }
            match last.iter_mut().find(|(key, _)| *key == name) {
                Some(known) => known.1 = value,
                None => last.push((name, value)),
            }
        }
    }
    for (name, text) in &files {
        run.history(name, text, time(steps.saturating_sub(1)))?;
    }
    Ok(last)
}

/// The best value so far after each trial, logged by the search itself.
pub(super) fn log_best(parent: &Run, metric: &str, trials: &[(String, Outcome)]) -> io::Result<()> {
    let mut best = f64::NEG_INFINITY;
    for (step, (_, outcome)) in (0..).zip(trials) {
        best = best.max(outcome.value(metric).unwrap_or(best));
        parent.metric(&format!("best_{metric}"), outcome.end, best, step)?;
    }
    Ok(())
}

/// The end of a search at a time in ms: a table of its trials, the best one as tags.
pub(super) fn conclude(
    parent: &Run,
    metric: &str,
    trials: &[(String, Outcome)],
    time: i64,
) -> io::Result<()> {
    let value = |outcome: &Outcome| outcome.value(metric).unwrap_or(f64::NAN);
    let mut table = format!("trial,{metric}\n");
    for (name, outcome) in trials {
        table.push_str(&format!("{name},{}\n", repr(value(outcome))));
    }
    let numbers = trials.iter().filter(|(_, outcome)| !value(outcome).is_nan());
    if let Some((name, outcome)) = numbers.max_by(|(_, a), (_, b)| value(a).total_cmp(&value(b))) {
        parent.tag("best_trial", name)?;
        parent.tag("best_run_id", outcome.run.id())?;
    }
    parent.artifact("results.csv", table.as_bytes())?;
    parent.end(FINISHED, time)
}
