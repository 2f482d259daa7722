//! `mltop dump`: everything as one JSON object, for scripts and for checking ourselves.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use super::answer::Answer;
use super::json::{ExperimentJson, ProblemJson, RunJson};
use super::{Failure, answer, ls, read, runs};
use crate::index::{Index, RunKey};
use crate::store;

/// Arguments of `mltop dump`.
#[derive(Debug, Args)]
#[command(after_help = "\
JSON: {\"experiments\": [as mltop ls --json], \"runs\": [as mltop runs --all --json], \
\"problems\": [{path, run_id, what}]}. Everything is listed, deleted experiments and runs too.")]
pub struct DumpArgs {
    /// The folder that MLflow writes to, usually ./mlruns, or its mlflow.db; file: and sqlite: URIs, too.
    store: Option<String>,
    /// Say of each metric how many points its history has, as `points`.
    #[arg(long)]
    histories: bool,
    /// What is printed never comes from the cache.
    #[arg(long, hide = true)]
    no_cache: bool,
    /// The answer is JSON in any case.
    #[arg(long, hide = true)]
    json: bool,
}

/// Prints everything.
pub fn run(args: &DumpArgs) -> Result<ExitCode, Failure> {
    let mut whole = read(args.store.as_deref())?;
    if args.histories {
        let runs: Vec<RunKey> = whole.index.runs().map(|run| run.key).collect();
        store::count_points(whole.store.as_mut(), Arc::make_mut(&mut whole.index), &runs)?;
    }
    let done = answer(|answer| print(&whole.index, args.histories, answer))?;
    whole.count_problems(None);
    Ok(done)
}

/// Writes what is known just now to a file, with the number of points of each metric: `mltop --dump-on-exit`.
pub fn write(index: &Index, out: &mut dyn Write) -> io::Result<()> {
    print(index, true, &mut Answer::to_file(out))
}

fn print(index: &Index, points: bool, answer: &mut Answer<'_>) -> io::Result<()> {
    let counts = ls::run_counts(index);
    let count = |key| counts.get(&key).copied().unwrap_or_default();
    answer.raw("{\"experiments\": ")?;
    answer.json_array(ls::in_order(index).into_iter().map(|e| ExperimentJson::new(e, count(e.key))))?;
    answer.raw(",\n\"runs\": ")?;
    answer.long_json_array(&runs::in_order(index), |run| RunJson::new(index, run, points))?;
    answer.raw(",\n\"problems\": ")?;
    answer.json_array(index.problems.iter().map(|problem| ProblemJson::new(index, problem)))?;
    answer.raw("}\n")
}
