//! `mltop runs`: the runs.

use std::cmp::Reverse;
use std::io;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;
use rustc_hash::FxHashSet;

use super::answer::Answer;
use super::ask::{AskArgs, Asked, Format, ask};
use super::json::{RunJson, number_text};
use super::sheet::Sheet;
use super::table::{Stand, Table};
use super::{Failure, StoreArgs, Whole, answer, complain, find, read};
use crate::format;
use crate::index::{ExperimentKey, Index, Lifecycle, Run};
use crate::query::columns::{self, Column, choose};
use crate::query::{Query, cell};
use crate::shown::{Shown, shown};

/// Letters of a run id on a terminal; `mltop show` finds a run by them.
pub const SHORT_ID: usize = 8;

/// The attributes on a terminal.
const SCREEN: &[&str] = &["RUN", "NAME", "EXPERIMENT", "STATE", "STARTED", "TIME"];
/// The attributes on a pipe.
const PIPE: &[&str] =
    &["RUN", "NAME", "EXPERIMENT", "STATUS", "STAGE", "USER", "STARTED", "ENDED", "TIME", "PARENT"];

/// Arguments of `mltop runs`.
#[derive(Debug, Default, Args)]
#[command(after_help = "\
Order: start_time descending, then run_id, as MLflow lists them; --order-by puts others before, as search_runs does: \
params and tags letter by letter if --natural does not say otherwise, what is missing last. Without --experiment, runs \
of deleted experiments count as deleted; in an experiment that is named, only what the run says of itself counts, as in \
MLflow's search.
The table has the params that differ and the metrics that most runs have; JSON has everything.
JSON: an array of {run_id, run_name, experiment_id, status, lifecycle_stage, user_id, start_time, end_time, \
artifact_uri, parent_run_id, params{}, metrics{key: {value, step, timestamp}}, tags{}}. With --cols, --agg, --diff-only or \
--group-by it has the columns instead, as CSV has.

Examples:
  mltop runs ./mlruns --filter \"metrics.rmse < 60 and params.alpha = '0.05'\" --order-by \"metrics.rmse ASC\" --top 5
  mltop runs ./mlruns --filter 'params.lr >= 1e-3 OR start_time > -2d' --format csv
  mltop runs ./mlruns --group-by params.lr --agg best --format md")]
pub struct RunsArgs {
    #[command(flatten)]
    from: StoreArgs,
    #[command(flatten)]
    ask: AskArgs,
    /// Only runs of this experiment, by its id or name; may be given again.
    #[arg(long, short, value_name = "NAME_OR_ID")]
    experiment: Vec<String>,
    /// Deleted runs instead of active ones.
    #[arg(long, conflicts_with = "all")]
    deleted: bool,
    /// Deleted runs as well as active ones.
    #[arg(long)]
    all: bool,
}

impl RunsArgs {
    /// The active runs of a store as a table.
    pub fn of(store: Option<String>) -> Self {
        Self { from: StoreArgs { store, ..StoreArgs::default() }, ..Self::default() }
    }

    /// The first run by a metric, as `mltop best` asks.
    pub fn best(from: StoreArgs, ask: AskArgs, experiment: Vec<String>) -> Self {
        Self { from, ask, experiment, ..Self::default() }
    }
}

/// Prints the runs.
pub fn run(args: &RunsArgs) -> Result<ExitCode, Failure> {
    let mut whole = read(args.from.store.as_deref())?;
    print(&mut whole, args)
}

/// Prints the runs of a store that has been read.
pub fn print(whole: &mut Whole, args: &RunsArgs) -> Result<ExitCode, Failure> {
    let mut named: FxHashSet<ExperimentKey> = FxHashSet::default();
    for word in &args.experiment {
        named.extend(find::experiments(&whole.index, word)?);
    }
    let asked = ask(whole, &args.ask, &named, |index, run| is_asked_for(index, run, args, &named))?;
    let format = if args.from.json { Format::Json } else { args.ask.format.unwrap_or_default() };
    let done = answer(|answer| write(&asked, args, format, answer))?;
    if args.ask.diff_only {
        tell_shared(&asked);
    }
    whole.count_problems(None);
    Ok(done)
}

fn write(asked: &Asked, args: &RunsArgs, format: Format, answer: &mut Answer<'_>) -> io::Result<()> {
    let (index, top) = (&asked.index, args.ask.top);
    let shown: Vec<Column> = asked.rows.columns.iter().map(|view| view.column).collect();
    if args.ask.group_by.is_some() {
        let is_short = matches!(format, Format::Table | Format::Md);
        return Sheet::of_groups(asked, &shown, top, is_short).print(format, answer);
    }
    let list = asked.runs(top);
    let is_value = |column: &Column| matches!(column, Column::Param(_) | Column::Metric(..) | Column::Tag(_));
    match format {
        Format::Json if args.ask.is_plain() => {
            answer.long_json_array(&list, |run| RunJson::new(index, run, false))?;
            answer.raw("\n")
        }
        Format::Jsonl if args.ask.is_plain() => list.iter().try_for_each(|run| {
            answer.json(&RunJson::new(index, run, false))?;
            answer.raw("\n")
        }),
        Format::Table if args.ask.is_plain() => table(index, &list, answer.columns.is_some()).print(answer),
        _ if args.ask.cols.is_some() => Sheet::of_runs(asked, true, &shown, top).print(format, answer),
        // A file for programs has all there is, if nobody chose.
        Format::Csv | Format::Tsv if args.ask.is_plain() => {
            let all: Vec<Column> = columns::of(&list, index).into_iter().filter(is_value).collect();
            Sheet::of_runs(asked, false, &all, top).print(format, answer)
        }
        _ => {
            let values: Vec<Column> = shown.into_iter().filter(is_value).collect();
            Sheet::of_runs(asked, false, &values, top).print(format, answer)
        }
    }
}

/// What all runs share, on standard error: it belongs to no row.
fn tell_shared(asked: &Asked) {
    let (shared, index) = (&asked.rows.shared, &asked.index);
    if shared.values.is_empty() {
        return;
    }
    let pairs = shared.values.iter().map(|(column, value)| format!("{}={value}", column.full_name(index)));
    complain(&format!(
        "{} the same in all runs: {}",
        shared.values.len(),
        pairs.collect::<Vec<_>>().join("  ")
    ));
}

/// Runs as MLflow lists them: the last that started first, then by id; those without a start last.
pub fn in_order(index: &Index) -> Vec<&Run> {
    let mut list: Vec<&Run> = index.runs().map(|run| &**run).collect();
    list.sort_by(|a, b| (Reverse(a.start_time()), a.run_id()).cmp(&(Reverse(b.start_time()), b.run_id())));
    list
}

fn is_asked_for(index: &Index, run: &Run, args: &RunsArgs, named: &FxHashSet<ExperimentKey>) -> bool {
    let is_deleted = if args.experiment.is_empty() {
        index.is_deleted(run)
    } else if named.contains(&run.experiment) {
        run.lifecycle == Lifecycle::Deleted
    } else {
        return false;
    };
    args.all || is_deleted == args.deleted
}

/// On a terminal what people look for; on a pipe all attributes, and every number with all its digits.
fn table(index: &Index, list: &[&Run], is_screen: bool) -> Table {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
    let query = Query { now, ..Query::default() };
    let look = query.look(index);
    let mut values: Vec<Column> = choose(index, list, &query)
        .into_iter()
        .filter(|column| matches!(column, Column::Param(_) | Column::Metric(..)))
        .collect();
    // Where there is no room for all of them, results are worth more than what led to them.
    values.sort_by_key(|column| !column.is_metric());
    let mut table = Table::default();
    for title in if is_screen { SCREEN } else { PIPE } {
        let stand = match *title {
            "TIME" => Stand::Right,
            "NAME" | "EXPERIMENT" => Stand::Left,
            _ => Stand::Fixed,
        };
        table.column(Shown::own(*title), stand);
    }
    for column in &values {
        let title = if is_screen { column.title(index) } else { column.full_name(index) };
        table.column(title, if column.is_metric() { Stand::Decimal } else { Stand::Left });
    }
    for run in list {
        let mut row = if is_screen { screen_cells(index, run, now) } else { pipe_cells(index, run, now) };
        row.extend(values.iter().map(|column| match column {
            Column::Metric(key, _) if !is_screen => {
                Shown::own(run.metric(*key).map(|metric| number_text(metric.last.value)).unwrap_or_default())
            }
            column => shown(cell::cell(run, *column, &look).text()),
        }));
        table.row(row);
    }
    table
}

fn screen_cells(index: &Index, run: &Run, now: i64) -> Vec<Shown> {
    let short: String = run.run_id().chars().take(SHORT_ID).collect();
    vec![
        shown(&short),
        shown(run.name().unwrap_or_default()),
        shown(index.experiment(run.experiment).map_or("", |experiment| experiment.title())),
        shown(cell::state_word(run)),
        Shown::own(run.start_time().map(format::clock_short).unwrap_or_default()),
        Shown::own(run.duration(now).map(format::duration).unwrap_or_default()),
    ]
}

fn pipe_cells(index: &Index, run: &Run, now: i64) -> Vec<Shown> {
    let time = |ms: Option<i64>| Shown::own(ms.map(format::clock).unwrap_or_default());
    let text = |text: Option<&str>| shown(text.unwrap_or_default());
    vec![
        shown(run.run_id()),
        text(run.name()),
        text(index.experiment(run.experiment).map(|experiment| experiment.title())),
        if run.broken { Shown::default() } else { shown(run.status_word()) },
        Shown::own(run.lifecycle.word()),
        text(run.user_id()),
        time(run.start_time()),
        time(run.end_time()),
        Shown::own(run.duration(now).map(format::duration).unwrap_or_default()),
        text(run.parent_run_id()),
    ]
}
