//! `mltop history`: every point of one metric.

use std::process::ExitCode;

use clap::Args;

use super::answer::Answer;
use super::json::{PointJson, number_text};
use super::table::{Stand, Table};
use super::{Failure, answer, find, only_a_store, read_for};
use crate::format;
use crate::index::Point;
use crate::series::Series;
use crate::shown::Shown;
use crate::store;

/// Arguments of `mltop history`.
#[derive(Debug, Args)]
#[command(
    override_usage = "mltop history [OPTIONS] [STORE] <RUN> <METRIC>",
    after_help = "\
RUN is a run id, the beginning of one, or a name that only one run has.
Order: as the points stand in the store, which is the order of logging; steps may repeat and go back.
JSON: an array of {value, step, timestamp}. CSV: the same columns with a header line, by RFC 4180.
NaN and infinities are written NaN, Infinity and -Infinity."
)]
pub struct HistoryArgs {
    /// The store; left out, as for mltop alone.
    #[arg(value_name = "STORE")]
    first: String,
    /// The run.
    #[arg(value_name = "RUN", allow_hyphen_values = true)]
    second: String,
    /// The metric.
    #[arg(value_name = "METRIC", allow_hyphen_values = true)]
    third: Option<String>,
    /// Print JSON. Times are milliseconds since 1970; NaN and infinities are strings.
    #[arg(long)]
    json: bool,
    /// Print CSV.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

/// Prints the points of a metric.
pub fn run(args: &HistoryArgs) -> Result<ExitCode, Failure> {
    let (store, word, metric) = match &args.third {
        Some(metric) => (Some(args.first.as_str()), &args.second, metric),
        None => {
            only_a_store(&args.first, "the metric", "history STORE RUN METRIC")?;
            (None, &args.first, &args.second)
        }
    };
    let mut whole = read_for(store, word)?;
    let run = find::run(&whole.index, word)?;
    let key = find::metric(&whole.index, run, metric)?;
    let series = store::history(whole.store.as_mut(), &whole.index, run.key, key)?;
    let done = answer(|answer| {
        if args.json {
            answer.json_array(series.iter().map(|point| PointJson::from(&point)))?;
            return answer.raw("\n");
        }
        if args.csv { csv(&series, answer) } else { table(&series, answer) }
    })?;
    whole.count_problems(Some(run.key));
    Ok(done)
}

/// Lines end with CR LF, as RFC 4180 has it; no value needs quotes.
fn csv(series: &Series, answer: &mut Answer<'_>) -> std::io::Result<()> {
    answer.raw("value,step,timestamp\r\n")?;
    for point in series.iter() {
        let Point { value, step, timestamp } = point;
        answer.raw(&format!("{},{step},{timestamp}\r\n", number_text(value)))?;
    }
    Ok(())
}

fn table(series: &Series, answer: &mut Answer<'_>) -> std::io::Result<()> {
    let mut table = Table::default();
    for (title, stand) in [("VALUE", Stand::Decimal), ("STEP", Stand::Right), ("TIME", Stand::Fixed)] {
        table.column(Shown::own(title), stand);
    }
    for point in series.iter() {
        table.row(vec![
            Shown::own(number_text(point.value)),
            Shown::own(point.step.to_string()),
            Shown::own(format::clock(point.timestamp)),
        ]);
    }
    table.print(answer)
}
