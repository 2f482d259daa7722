//! `mltop best`: the best run by a metric.

use std::process::ExitCode;

use clap::Args;

use super::ask::{AskArgs, wrong};
use super::runs::{self, RunsArgs};
use super::{Failure, StoreArgs, find, only_a_store, read};
use crate::format;
use crate::index::Index;
use crate::query::filter;
use crate::shown::shown;

/// Arguments of `mltop best`.
#[derive(Debug, Args)]
#[command(
    override_usage = "mltop best [OPTIONS] [STORE] <METRIC>",
    after_help = "\
The best value of each run over its whole history, with the step that it came from; MLflow's own search knows the last \
value only. Which direction is better is guessed from the name (loss, error, rmse, mae, perplexity: down; acc, auc, f1, \
r2: up), else said with --min or --max. Everything else is as for mltop runs.

Examples:
  mltop best ./mlruns rmse
  mltop best ./mlruns val_acc --top 10 --filter \"params.model = 'resnet'\""
)]
pub struct BestArgs {
    /// The store; left out, as for mltop alone.
    #[arg(value_name = "STORE")]
    first: String,
    /// The metric.
    #[arg(value_name = "METRIC", allow_hyphen_values = true)]
    second: Option<String>,
    /// Lower is better.
    #[arg(long, conflicts_with = "max")]
    min: bool,
    /// Higher is better.
    #[arg(long)]
    max: bool,
    /// Print JSON. Times are milliseconds since 1970; NaN and infinities are strings.
    #[arg(long)]
    json: bool,
    /// Only runs of this experiment, by its id or name; may be given again.
    #[arg(long, short, value_name = "NAME_OR_ID")]
    experiment: Vec<String>,
    #[command(flatten)]
    ask: AskArgs,
}

/// Prints the best run, or the best ones.
pub fn run(args: &BestArgs) -> Result<ExitCode, Failure> {
    let (store, metric) = match &args.second {
        Some(metric) => (Some(args.first.clone()), metric),
        None => {
            only_a_store(&args.first, "the metric", "best STORE METRIC")?;
            (None, &args.first)
        }
    };
    let mut whole = read(store.as_deref())?;
    let is_known = |index: &Index| {
        let key = index.keys.find(metric);
        key.is_some_and(|key| index.runs().any(|run| run.metric(key).is_some()))
    };
    if !is_known(&whole.index) {
        let keys = crate::query::columns::all(&whole.index, &crate::query::Query::default());
        let names = keys
            .iter()
            .filter(|column| column.is_metric())
            .map(|column| column.title(&whole.index).into_string());
        let names: Vec<String> = names.collect();
        return Err(find::unknown("metric", metric, "this store", names.iter().map(String::as_str)));
    }
    let up = match (args.min, args.max) {
        (true, _) => Some(false),
        (_, true) => Some(true),
        _ => format::higher_is_better(metric),
    };
    let Some(up) = up else {
        let what =
            format!("nobody knows which is better, a high or a low {}: say --max or --min", shown(metric));
        return Err(Failure::Usage(what));
    };
    let from = StoreArgs { store: None, json: args.json, no_cache: false };
    runs::print(&mut whole, &RunsArgs::best(from, ask_for(metric, up, &args.ask)?, args.experiment.clone()))
}

/// What to ask for the best values of a metric, `up` where these are the highest, on top of what the user asks.
fn ask_for(metric: &str, up: bool, args: &AskArgs) -> Result<AskArgs, Failure> {
    let mut ask = args.clone();
    let (how, way) = if up { ("max", "DESC") } else { ("min", "ASC") };
    // In quotes the name is the metric's, and what follows is no part of it.
    let quote = if metric.contains('`') { '"' } else { '`' };
    let name = format!("metrics.{quote}{metric}{quote}");
    let filter = ask.filter.as_deref().filter(|filter| !filter.trim().is_empty());
    if let Some(filter) = filter {
        filter::parse(filter).map_err(|mistake| wrong("--filter", filter, &mistake))?;
    }
    let filter = filter.map_or(String::new(), |filter| format!("({filter}) AND "));
    ask.filter = Some(format!("{filter}{name} IS NOT NULL"));
    let name = format!("{name}.{how}");
    ask.order_by.insert(0, format!("{name} {way}"));
    let others = ask.cols.take().unwrap_or_else(|| "run_name, experiment, start_time".to_owned());
    ask.cols = Some(format!("{name}, {others}"));
    ask.top = ask.top.or(Some(1));
    Ok(ask)
}
