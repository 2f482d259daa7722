//! `mltop show`: one run whole.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use clap::Args;

use super::answer::Answer;
use super::json::{WholeRunJson, description, number_text};
use super::table::{Stand, Table};
use super::{Failure, answer, find, only_a_store, read_for};
use crate::format;
use crate::index::{Index, Pairs, Run};
use crate::query::cell;
use crate::shown::{Shown, shown};
use crate::store::{self, Inputs, Listing};
use crate::view::text::pad_end;

/// Columns of the labels at the top of the page.
const LABEL: usize = 12;
/// Blanks before everything below a heading.
const INDENT: &str = "  ";

/// Arguments of `mltop show`.
#[derive(Debug, Args)]
#[command(
    override_usage = "mltop show [OPTIONS] [STORE] <RUN>",
    after_help = "\
RUN is a run id, the beginning of one, or a name that only one run has.
JSON: an object with the fields of mltop runs --json; each metric also has `points`, the length of its history, and the \
run has description, artifacts [{path, is_dir, file_size}] depth first, datasets [{name, digest, source_type, source, \
schema, profile, tags}], model_inputs [model_id] and model_outputs [{model_id, step}]."
)]
pub struct ShowArgs {
    /// The store; left out, as for mltop alone.
    #[arg(value_name = "STORE")]
    first: String,
    /// The run.
    #[arg(value_name = "RUN", allow_hyphen_values = true)]
    second: Option<String>,
    /// Print JSON. Times are milliseconds since 1970; NaN and infinities are strings.
    #[arg(long)]
    json: bool,
}

/// Prints a run.
pub fn run(args: &ShowArgs) -> Result<ExitCode, Failure> {
    let (store, word) = match &args.second {
        Some(run) => (Some(args.first.as_str()), run),
        None => {
            only_a_store(&args.first, "the run", "show STORE RUN")?;
            (None, &args.first)
        }
    };
    let mut whole = read_for(store, word)?;
    let key = find::run(&whole.index, word)?.key;
    store::count_points(whole.store.as_mut(), Arc::make_mut(&mut whole.index), &[key])?;
    let index = &whole.index;
    let run = index.run(key).ok_or_else(|| Failure::Unusable(format!("run {} is gone", shown(word))))?;
    let listing = store::artifact_tree(whole.store.as_mut(), index, run.key);
    let inputs = store::awaited(whole.store.as_mut(), index, |store, index| store.inputs(index, run.key));
    let done = answer(|answer| {
        if args.json {
            return answer.json_pretty(&WholeRunJson::new(index, run, &listing, &inputs));
        }
        page(answer, index, run, &listing, &inputs)
    })?;
    whole.count_problems(Some(run.key));
    Ok(done)
}

fn page(
    answer: &mut Answer<'_>,
    index: &Index,
    run: &Run,
    listing: &Listing,
    inputs: &Inputs,
) -> io::Result<()> {
    answer.heading(shown(run.title()).as_str())?;
    for (label, text) in attributes(index, run).into_iter().filter(|(_, text)| !text.as_str().is_empty()) {
        answer.line(&format!("{}{text}", pad_end(label, LABEL)))?;
    }
    if let Some(note) = description(run).filter(|note| !note.is_empty()) {
        section(answer, "Description")?;
        for line in note.lines() {
            answer.line(&format!("{INDENT}{}", shown(line)))?;
        }
    }
    pairs(answer, index, "Params", run.params())?;
    metrics(answer, index, run)?;
    pairs(answer, index, "Tags", run.tags())?;
    used_and_made(answer, inputs)?;
    artifacts(answer, listing)
}

fn section(answer: &mut Answer<'_>, title: &str) -> io::Result<()> {
    answer.line("")?;
    answer.heading(title)
}

fn attributes(index: &Index, run: &Run) -> Vec<(&'static str, Shown)> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis() as i64;
    let text = |text: Option<&str>| shown(text.unwrap_or_default());
    let time = |ms: Option<i64>| Shown::own(ms.map(format::clock).unwrap_or_default());
    let experiment = index.experiment(run.experiment);
    let place = experiment.map(|e| format!("{} ({})", shown(e.title()), shown(&e.experiment_id)));
    let parent = run.parent_run_id().map(|id| {
        let known = index.runs().find(|run| run.run_id() == id);
        known.map_or(id.to_owned(), |parent| format!("{} ({id})", parent.title()))
    });
    let stage = if index.is_deleted(run) { "deleted" } else { "" };
    vec![
        ("Run", shown(run.run_id())),
        ("Experiment", Shown::own(place.unwrap_or_default())),
        ("State", shown(cell::state_word(run))),
        ("Stage", Shown::own(stage)),
        ("Started", time(run.start_time())),
        ("Ended", time(run.end_time())),
        ("Duration", Shown::own(run.duration(now).map(format::duration).unwrap_or_default())),
        ("User", text(cell::user(run))),
        ("Source", text(cell::source(run))),
        ("Commit", text(cell::version(run))),
        ("Parent", text(parent.as_deref())),
        ("Artifacts", text(run.artifact_uri(&index.keys).as_deref())),
    ]
}

fn pairs(answer: &mut Answer<'_>, index: &Index, title: &str, pairs: Pairs<'_>) -> io::Result<()> {
    let mut list: Vec<(&str, &str)> = pairs.iter().map(|(key, text)| (index.keys.name(key), text)).collect();
    list.sort_unstable();
    if list.is_empty() {
        return Ok(());
    }
    section(answer, title)?;
    let mut table = Table::default();
    table.column(Shown::own("  KEY"), Stand::Left);
    table.column(Shown::own("VALUE"), Stand::Left);
    for (key, value) in list {
        table.row(vec![Shown::own(format!("{INDENT}{}", shown(key))), shown(value)]);
    }
    table.print(answer)
}

fn metrics(answer: &mut Answer<'_>, index: &Index, run: &Run) -> io::Result<()> {
    if run.metrics().len() == 0 {
        return Ok(());
    }
    section(answer, "Metrics")?;
    let mut table = Table::default();
    let stands = [Stand::Left, Stand::Decimal, Stand::Right, Stand::Right];
    for (title, stand) in ["  KEY", "VALUE", "STEP", "POINTS"].into_iter().zip(stands) {
        table.column(Shown::own(title), stand);
    }
    let mut list: Vec<_> = run.metrics().map(|(key, metric)| (index.keys.name(key), metric)).collect();
    list.sort_by_key(|(key, _)| *key);
    for (key, metric) in list {
        table.row(vec![
            Shown::own(format!("{INDENT}{}", shown(key))),
            Shown::own(number_text(metric.last.value)),
            Shown::own(metric.last.step.to_string()),
            Shown::own(metric.points.to_string()),
        ]);
    }
    table.print(answer)
}

fn used_and_made(answer: &mut Answer<'_>, inputs: &Inputs) -> io::Result<()> {
    if !inputs.datasets.is_empty() || inputs.note.is_some() {
        section(answer, "Datasets")?;
    }
    if let Some(note) = &inputs.note {
        answer.line(&format!("{INDENT}cannot be read: {}", shown(note)))?;
    }
    for dataset in &inputs.datasets {
        let context = dataset.tags.iter().find(|(key, _)| &**key == "mlflow.data.context");
        let context = context.map_or(String::new(), |(_, text)| format!(" ({})", shown(text)));
        let (name, digest) = (shown(&dataset.name), shown(&dataset.digest));
        answer.line(&format!("{INDENT}{name} {digest}{context} {}", shown(&dataset.source)))?;
    }
    if !inputs.model_inputs.is_empty() || !inputs.model_outputs.is_empty() {
        section(answer, "Models")?;
    }
    for id in &inputs.model_inputs {
        answer.line(&format!("{INDENT}{} (used)", shown(id)))?;
    }
    for (id, step) in &inputs.model_outputs {
        answer.line(&format!("{INDENT}{} (made at step {step})", shown(id)))?;
    }
    Ok(())
}

/// The artifacts as a tree with sizes.
fn artifacts(answer: &mut Answer<'_>, listing: &Listing) -> io::Result<()> {
    if listing.entries.is_empty() && listing.note.is_none() {
        return Ok(());
    }
    section(answer, "Artifacts")?;
    for entry in &listing.entries {
        let depth = entry.path.matches('/').count();
        let name = shown(entry.path.rsplit('/').next().unwrap_or_default());
        let size = entry.file_size.map_or("/".to_owned(), |size| format!("  {}", format::bytes(size)));
        answer.line(&format!("{INDENT}{}{name}{size}", INDENT.repeat(depth)))?;
    }
    match &listing.note {
        Some(note) => answer.line(&format!("{INDENT}{}", shown(note))),
        None => Ok(()),
    }
}
