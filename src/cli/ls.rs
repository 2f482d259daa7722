//! `mltop ls`: the experiments.

use std::cmp::Reverse;
use std::process::ExitCode;

use clap::Args;
use rustc_hash::FxHashMap;

use super::json::ExperimentJson;
use super::table::{Stand, Table};
use super::{Failure, StoreArgs, answer, read};
use crate::format;
use crate::index::{Experiment, ExperimentKey, Index, Lifecycle};
use crate::shown::{Shown, shown};

/// Arguments of `mltop ls`.
#[derive(Debug, Args)]
#[command(after_help = "\
Order: as MLflow lists them, the newest first. `runs` counts deleted runs too.
JSON: an array of {experiment_id, name, lifecycle_stage, artifact_location, creation_time, last_update_time, tags, runs}.")]
pub struct LsArgs {
    #[command(flatten)]
    from: StoreArgs,
    /// Only active experiments.
    #[arg(long, conflicts_with = "deleted")]
    active: bool,
    /// Only deleted experiments.
    #[arg(long)]
    deleted: bool,
}

/// Prints the experiments.
pub fn run(args: &LsArgs) -> Result<ExitCode, Failure> {
    let whole = read(args.from.store.as_deref())?;
    let index = &whole.index;
    let is_asked_for = |experiment: &Experiment| match experiment.lifecycle {
        Lifecycle::Active => !args.deleted,
        Lifecycle::Deleted => !args.active,
    };
    let counts = run_counts(index);
    let list: Vec<(&Experiment, usize)> = in_order(index)
        .into_iter()
        .filter(|experiment| is_asked_for(experiment))
        .map(|experiment| (experiment, counts.get(&experiment.key).copied().unwrap_or_default()))
        .collect();
    let done = answer(|answer| {
        if args.from.json {
            answer
                .json_array(list.iter().map(|(experiment, runs)| ExperimentJson::new(experiment, *runs)))?;
            return answer.raw("\n");
        }
        table(&list).print(answer)
    })?;
    whole.count_problems(None);
    Ok(done)
}

/// Experiments as MLflow lists them: the newest first, then by id; those of old versions, which have no time, last.
pub fn in_order(index: &Index) -> Vec<&Experiment> {
    let mut list: Vec<&Experiment> = index.experiments().map(|experiment| &**experiment).collect();
    list.sort_by(|a, b| {
        (Reverse(a.creation_time), &a.experiment_id).cmp(&(Reverse(b.creation_time), &b.experiment_id))
    });
    list
}

/// How many runs each experiment has, deleted ones too.
pub fn run_counts(index: &Index) -> FxHashMap<ExperimentKey, usize> {
    let mut counts = FxHashMap::default();
    for run in index.runs() {
        *counts.entry(run.experiment).or_default() += 1;
    }
    counts
}

fn table(list: &[(&Experiment, usize)]) -> Table {
    let mut table = Table::default();
    let titles = [
        ("EXPERIMENT", Stand::Fixed),
        ("NAME", Stand::Left),
        ("STAGE", Stand::Fixed),
        ("RUNS", Stand::Right),
    ];
    for (title, stand) in titles.into_iter().chain([("CREATED", Stand::Fixed), ("LOCATION", Stand::Left)]) {
        table.column(Shown::own(title), stand);
    }
    for (experiment, runs) in list {
        table.row(vec![
            shown(&experiment.experiment_id),
            shown(experiment.name.as_deref().unwrap_or_default()),
            Shown::own(experiment.lifecycle.word()),
            Shown::own(runs.to_string()),
            Shown::own(experiment.creation_time.map(format::clock).unwrap_or_default()),
            shown(experiment.artifact_location.as_deref().unwrap_or_default()),
        ]);
    }
    table
}
