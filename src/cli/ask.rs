//! What can be asked of the runs on the command line: filter, order, columns, groups. The screens ask the same engine.

use std::sync::Arc;
use std::time::SystemTime;

use clap::{Args, ValueEnum};
use rustc_hash::FxHashSet;

use super::{Failure, Whole};
use crate::index::{Beyond, ExperimentKey, Index, Run, RunKey};
use crate::query::columns::choose;
use crate::query::filter::{self, Mistake};
use crate::query::{Aggregate, Column, Grouping, Query, Rows, Sort, rows};
use crate::store::beyond::read_beyond;

/// Shapes of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: aligned on a terminal, separated by tabs on a pipe.
    #[default]
    Table,
    /// An array, one object a line.
    Json,
    /// One object a line.
    Jsonl,
    /// RFC 4180, with full values.
    Csv,
    /// Separated by tabs, with full values.
    Tsv,
    /// A table in Markdown.
    Md,
}

/// The options; see `docs/filter.md` for the grammar.
#[derive(Clone, Debug, Default, Args)]
pub struct AskArgs {
    /// Only runs that pass this filter: MLflow's grammar and more, see docs/filter.md.
    #[arg(long, short, value_name = "FILTER", allow_hyphen_values = true)]
    pub filter: Option<String>,
    /// Order as MLflow's order_by: "metrics.rmse ASC"; may be given again, or with commas.
    #[arg(long, value_name = "NAME [ASC|DESC]")]
    pub order_by: Vec<String>,
    /// Order params and tags as people expect, 9 before 10; MLflow orders them letter by letter.
    #[arg(long)]
    pub natural: bool,
    /// Only these columns: metrics.NAME, params.NAME, tags.NAME or attributes, with commas.
    #[arg(long, value_name = "NAMES")]
    pub cols: Option<String>,
    /// Runs with the same values of these columns in one row, with mean and deviation of the metrics.
    #[arg(long, value_name = "NAMES")]
    pub group_by: Option<String>,
    /// Only the first N.
    #[arg(long, value_name = "N")]
    pub top: Option<usize>,
    /// Which value of metrics: last, best, min, max, first, mean, or at:STEP.
    #[arg(long, value_name = "WHICH", value_parser = aggregate)]
    pub agg: Option<Aggregate>,
    /// Without columns in which all runs are the same; what they share is told on standard error.
    #[arg(long)]
    pub diff_only: bool,
    /// What the answer looks like.
    #[arg(long, value_name = "FORMAT", conflicts_with = "json")]
    pub format: Option<Format>,
}

fn aggregate(word: &str) -> Result<Aggregate, String> {
    Aggregate::from_word(word).ok_or_else(|| "one of last best min max first mean at:STEP".to_owned())
}

impl AskArgs {
    /// Whether nothing is asked but which runs there are.
    pub fn is_plain(&self) -> bool {
        self.cols.is_none() && self.group_by.is_none() && self.agg.is_none() && !self.diff_only
    }
}

/// An answer with the runs in their order.
pub struct Asked {
    /// The index, with all that the question needs.
    pub index: Arc<Index>,
    /// The rows, groups closed.
    pub rows: Rows,
}

impl Asked {
    /// The runs that pass, in order.
    pub fn runs(&self, top: Option<usize>) -> Vec<&Run> {
        let runs = self.rows.items.iter().filter_map(|row| self.index.run(row.run).map(|run| &**run));
        runs.take(top.unwrap_or(usize::MAX)).collect()
    }
}

/// Asks about the runs for which `is_asked_for` holds. What the question needs of whole histories is read now.
pub fn ask(
    whole: &mut Whole,
    args: &AskArgs,
    experiments: &FxHashSet<ExperimentKey>,
    is_asked_for: impl Fn(&Index, &Run) -> bool,
) -> Result<Asked, Failure> {
    let index = &whole.index;
    let all = index.runs().filter(|run| !is_asked_for(index, run));
    let hidden: FxHashSet<RunKey> = all.map(|run| run.key).collect();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut query = Query {
        deleted: true,
        hidden: Arc::new(hidden),
        grouping: Grouping::Flat,
        diff_only: args.diff_only,
        now: now.as_millis() as i64,
        ..Query::default()
    };
    if let Some(text) = &args.filter {
        query.filter = Some(Arc::new(filter::parse(text).map_err(|m| wrong("--filter", text, &m))?));
    }
    for text in &args.order_by {
        let sorts =
            filter::order_by(text, !args.natural, index).map_err(|m| wrong("--order-by", text, &m))?;
        query.sort.extend(sorts);
    }
    if let Some(text) = &args.group_by {
        query.grouping = Grouping::By(named("--group-by", text, index)?.into());
    }
    if let Some(text) = &args.cols {
        query.columns = Some(Arc::new(named("--cols", text, index)?));
    }
    if query.columns.is_none() {
        // Those that choose themselves, for the runs that are asked for.
        let asked: Vec<&Run> =
            index.runs().map(|run| &**run).filter(|run| is_asked_for(index, run)).collect();
        query.columns = Some(Arc::new(choose(index, &asked, &query)));
    }
    if let Some(how) = args.agg {
        aggregate_all(&mut query, how);
    }
    let beyond = needs(&query, index);
    if !beyond.is_empty() {
        let only = experiments.iter().next().copied().filter(|_| experiments.len() == 1);
        read_beyond(whole.store.as_mut(), Arc::make_mut(&mut whole.index), beyond, only)?;
    }
    let index = whole.index.clone();
    Ok(Asked { rows: rows(&index, &Arc::new(query)), index })
}

/// Columns by name; all of them have to be there.
fn named(option: &str, text: &str, index: &Index) -> Result<Vec<Column>, Failure> {
    let mut columns = Vec::new();
    for (column, name) in filter::names(text, index).map_err(|mistake| wrong(option, text, &mistake))? {
        let unknown = || Failure::Unusable(format!("no run has {}", crate::shown::shown(name)));
        columns.push(column.ok_or_else(unknown)?);
    }
    Ok(columns)
}

/// A mistake with its place below the text.
pub fn wrong(option: &str, text: &str, mistake: &Mistake) -> Failure {
    let marked = mistake.underlined(text).replace('\n', "\n  ");
    Failure::Usage(format!("{option}: {mistake}\n  {marked}"))
}

/// Takes another value of all metrics for which no other one was named.
fn aggregate_all(query: &mut Query, how: Aggregate) {
    let change = |column: &mut Column| {
        if let Column::Metric(_, which @ Aggregate::Last) = column {
            *which = how;
        }
    };
    query.columns.iter_mut().for_each(|columns| Arc::make_mut(columns).iter_mut().for_each(change));
    query.sort.iter_mut().for_each(|sort: &mut Sort| change(&mut sort.column));
}

/// What the question needs beyond what every run has.
fn needs(query: &Query, index: &Index) -> Beyond {
    let mut beyond = query.filter.as_ref().map(|filter| filter.needs(&index.keys).1).unwrap_or_default();
    let columns = query.columns.iter().flat_map(|columns| columns.iter().copied());
    for column in columns.chain(query.sort.iter().map(|sort| sort.column)) {
        if let Column::Metric(key, how) = column {
            how.needs(key, &mut beyond);
        }
    }
    beyond
}
