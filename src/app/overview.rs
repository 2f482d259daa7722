//! The Overview tab of a run, line by line: attributes, description, relatives, what it used and made.

use super::detail::Detail;
use crate::format;
use crate::index::{Index, Key, Lifecycle, Pulse, Run, RunKey};
use crate::query::cell;
use crate::query::vitals::{self, Outlook};
use crate::shown::{Shown, shown};
use crate::store::Inputs;

/// A line of the Overview tab.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// A heading.
    Heading(&'static str),
    /// A name and a value.
    Field(Shown, Shown),
    /// A line of free text.
    Text(Shown),
    /// A run that can be gone to: what it is, and which.
    Link(&'static str, RunKey),
}

/// The lines of the Overview tab.
pub fn overview(detail: &Detail, index: &Index, now: i64) -> Vec<Line> {
    let run = &detail.kept;
    let mut lines = attributes(run, index, now);
    if let Some(note) = run.tag(Key::NOTE).filter(|note| !note.is_empty()) {
        lines.push(Line::Heading("Description"));
        lines.extend(note.lines().take(500).map(|line| Line::Text(shown(line.trim_end()))));
    }
    if let Some(parent) = detail.relatives.parent {
        lines.extend([Line::Heading("Parent run"), Line::Link("parent", parent)]);
    } else if let Some(id) = run.parent_run_id() {
        lines.extend([
            Line::Heading("Parent run"),
            Line::Text(Shown::own(format!("{} is not here", shown(id)))),
        ]);
    }
    if !detail.relatives.children.is_empty() {
        lines.push(Line::Heading("Child runs"));
        lines.extend(detail.relatives.children.iter().map(|child| Line::Link("child", *child)));
    }
    if let Some(inputs) = &detail.inputs {
        lines.extend(used_and_made(inputs));
    }
    lines
}

fn attributes(run: &Run, index: &Index, now: i64) -> Vec<Line> {
    let keys = &index.keys;
    let experiment = index.experiment(run.experiment);
    let state = if run.lifecycle == Lifecycle::Deleted { "  (deleted)" } else { "" };
    let branch = keys.find("mlflow.source.git.branch").and_then(|key| run.tag(key));
    let source = run.tag(Key::SOURCE_NAME).or(run.source_name());
    let kind = keys.find("mlflow.source.type").and_then(|key| run.tag(key));
    let version = cell::version(run);
    let vitals = is_live(run);
    let outlook = vitals.then(|| vitals::outlook(index, run)).flatten();
    let pulse = index.pulses.of.get(&run.key);
    let stale = vitals::stale(run, &index.pulses, now);
    let state = stale.map_or(state.to_owned(), |stale| format!("{state}  stale? {}", stale.reason()));
    // What may be dead has no speed and no end.
    let is_alive = vitals && stale.is_none();
    let fields: [(&str, Option<String>); 17] = [
        ("Name", Some(run.title().to_owned())),
        ("Run id", Some(run.run_id().to_owned())),
        ("Experiment", experiment.map(|e| format!("{}  ({})", e.title(), e.experiment_id))),
        ("State", Some(format!("{}{state}", cell::state_word(run)))),
        (
            "Started",
            run.start_time()
                .map(|t| format!("{}  ({} ago)", format::clock(t), format::age(now.saturating_sub(t)))),
        ),
        ("Ended", run.end_time().filter(|_| !run.is_running()).map(format::clock)),
        ("Duration", run.duration(now).map(|ms| cell::duration(run, ms))),
        ("Last point", vitals::last_point(run).filter(|_| vitals).map(|t| point_time(t, now))),
        ("Speed", is_alive.then(|| speed(run, pulse, now)).flatten()),
        ("Progress", outlook.map(progress)),
        (
            "Ends about",
            outlook
                .and_then(|found| found.end)
                .filter(|end| is_alive && *end > now)
                .map(|end| ends(end, now)),
        ),
        ("User", cell::user(run).map(str::to_owned)),
        ("Source", source.map(|name| kind.map_or(name.to_owned(), |kind| format!("{name}  ({kind})")))),
        ("Git commit", version.map(str::to_owned)),
        ("Git branch", branch.map(str::to_owned)),
        ("Artifacts", run.artifact_uri(keys).map(|uri| crate::store::files::artifacts::masked(&uri))),
        ("Last step", cell::last_step(run).map(|step| step.to_string())),
    ];
    let fields =
        fields.into_iter().filter_map(|(name, value)| Some((name, value.filter(|v| !v.is_empty())?)));
    fields.map(|(name, value)| Line::Field(Shown::own(name), shown(&value))).collect()
}

/// Whether there is something to say of it beyond its values.
fn is_live(run: &Run) -> bool {
    run.is_running() && run.read().metrics
}

fn point_time(time: i64, now: i64) -> String {
    format!("{}  ({})", format::clock(time), vitals::ago(now.saturating_sub(time)))
}

fn speed(run: &Run, pulse: Option<&Pulse>, now: i64) -> Option<String> {
    vitals::points_per_second(run, pulse, now).filter(|rate| *rate > 0.0).map(vitals::pace)
}

fn progress(found: Outlook) -> String {
    let (at, of) = (format::number(found.at), format::number(found.of));
    format!("{:.0}%  ({at} of {of} {})", found.done * 100.0, found.unit)
}

fn ends(end: i64, now: i64) -> String {
    format!("{}  (in {})", format::clock(end), format::age(end.saturating_sub(now)))
}

fn used_and_made(inputs: &Inputs) -> Vec<Line> {
    let mut lines = Vec::new();
    if !inputs.datasets.is_empty() || inputs.note.is_some() {
        lines.push(Line::Heading("Datasets"));
    }
    if let Some(note) = &inputs.note {
        lines.push(Line::Text(Shown::own(format!("cannot be read: {}", shown(note)))));
    }
    for dataset in &inputs.datasets {
        let context = dataset.tags.iter().find(|(key, _)| &**key == "mlflow.data.context");
        let context = context.map_or(String::new(), |(_, value)| format!("  {value}"));
        let about = format!("{}{context}  {}  {}", dataset.digest, dataset.source_type, dataset.source);
        lines.push(Line::Field(shown(&dataset.name), shown(&about)));
        for (what, text) in [("profile", &dataset.profile), ("schema", &dataset.schema)] {
            if let Some(text) = text {
                lines.push(Line::Field(Shown::own(format!("  {what}")), shown(text)));
            }
        }
    }
    let models = inputs.model_inputs.iter().map(|id| (id, "used".to_owned()));
    let made = inputs.model_outputs.iter().map(|(id, step)| (id, format!("made at step {step}")));
    let models: Vec<_> = models.chain(made).collect();
    if !models.is_empty() {
        lines.push(Line::Heading("Logged models"));
    }
    lines.extend(models.into_iter().map(|(id, what)| Line::Field(shown(id), Shown::own(what))));
    lines
}
