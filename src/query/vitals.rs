//! What can be said of a run that trains: whether it still does, how fast it goes, and when it will end.

use crate::format;
use crate::index::{Death, Index, Key, Metric, Pulse, Pulses, Run};

/// Why a run that says RUNNING may not be training any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stale {
    /// Nothing has come for so many milliseconds.
    Silent(i64),
    /// The process that it recorded is known to be no more.
    Dead(Death),
}

impl Stale {
    /// The reason in words.
    pub fn reason(self) -> String {
        match self {
            Self::Silent(ms) => format!("nothing has come for {}", format::age(ms)),
            Self::Dead(Death::Process(id)) => format!("its process {id} is gone from this machine"),
            Self::Dead(Death::Restart) => "this machine has started anew since".to_owned(),
        }
    }
}

/// A sign of life this young is believed, whatever is known of the process: ids of processes are used again, and mean
/// nothing in another container.
const ALIVE: i64 = 60_000;

/// Why a run that says RUNNING may not be training any more; none for all others. `now` is milliseconds since the epoch.
pub fn stale(run: &Run, pulses: &Pulses, now: i64) -> Option<Stale> {
    if !run.is_running() || !run.read().metrics {
        return None;
    }
    let pulse = pulses.of.get(&run.key);
    let silent = now.saturating_sub(last_sign(run, pulse, now)?);
    match pulse.and_then(|pulse| pulse.death) {
        Some(death) if silent >= ALIVE => Some(Stale::Dead(death)),
        _ => (silent >= pulses.stale_after).then_some(Stale::Silent(silent)),
    }
}

/// The last sign of life: the time of its latest point, of a change that was seen, of its children, or its start. What
/// lies in the future, since clocks differ, counts as now.
pub fn last_sign(run: &Run, pulse: Option<&Pulse>, now: i64) -> Option<i64> {
    let pulse = pulse.copied().unwrap_or_default();
    let signs = [last_point(run), pulse.heard, pulse.below, run.start_time()];
    signs.into_iter().flatten().max().map(|sign| sign.min(now))
}

/// The time of the latest point of all metrics, milliseconds since the epoch.
pub fn last_point(run: &Run) -> Option<i64> {
    run.metrics().map(|(_, metric)| metric.last.timestamp).max()
}

/// How many points come a second, as far as was seen, or else since it began. Falls while none come.
pub fn points_per_second(run: &Run, pulse: Option<&Pulse>, now: i64) -> Option<f64> {
    let seen = pulse.filter(|pulse| pulse.until.saturating_sub(pulse.from) >= 5_000);
    let (points, ms) = match seen {
        // The next point is not late as long as it is younger than the distance of two.
        Some(seen) => {
            let span = seen.until.saturating_sub(seen.from);
            let grace = span.saturating_mul(2) / (seen.points.min(1 << 40) as i64).max(1);
            (seen.points, span.max(now.saturating_sub(seen.from).saturating_sub(grace.max(2_000))))
        }
        None => (
            run.metrics().fold(0u64, |sum, (_, metric)| sum.saturating_add(metric.points)),
            last_point(run)?.checked_sub(run.start_time()?)?,
        ),
    };
    (ms >= 1000).then(|| points as f64 * 1000.0 / ms as f64)
}

/// How far a run has come, and when it will have come to its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outlook {
    /// Done of the whole, from 0 to 1.
    pub done: f64,
    /// What it counts: steps or epochs.
    pub unit: &'static str,
    /// How many it has done.
    pub at: f64,
    /// How many it will do.
    pub of: f64,
    /// When, milliseconds since the epoch; none before there is anything to judge by.
    pub end: Option<i64>,
}

/// Params that say how many steps a run will do, as trainers and people call them.
const STEPS: &[&str] = &[
    "max_steps",
    "total_steps",
    "num_steps",
    "n_steps",
    "num_training_steps",
    "max_train_steps",
    "train_steps",
    "max_iters",
    "max_iter",
    "num_iterations",
    "iterations",
    "total_timesteps",
    "num_boost_round",
];
/// Params that say how many epochs it will do.
const EPOCHS: &[&str] =
    &["epochs", "num_epochs", "n_epochs", "max_epochs", "num_train_epochs", "total_epochs", "train_epochs"];
/// Metrics whose value is the epoch, as Hugging Face's and Lightning's trainers log it.
const EPOCH: &[&str] = &["epoch", "epochs", "train/epoch", "trainer/epoch"];

/// How far a run that trains has come: its step of the steps, or its epoch of the epochs, that its params promise.
pub fn outlook(index: &Index, run: &Run) -> Option<Outlook> {
    if !run.is_running() {
        return None;
    }
    let param = |name: &&str| {
        let text = run.param(index.keys.find(name)?)?;
        text.trim().parse::<f64>().ok().filter(|total| *total > 0.0 && total.is_finite())
    };
    let step = top_step(index, run);
    let steps = STEPS.iter().find_map(param).and_then(|of| counted("steps", step?, of));
    let epoch =
        EPOCH.iter().find_map(|name| run.metric(index.keys.find(name)?)).map(|metric| metric.last.value);
    let epochs = EPOCHS.iter().find_map(param);
    // Without a metric that tells the epoch, steps are epochs if there are no more of them. They count from 0 or 1.
    let by_epoch = epochs.and_then(|of| counted("epochs", epoch.or(step)?, of));
    let (unit, at, of) = steps.or(by_epoch)?;
    let done = at / of;
    Some(Outlook { done, unit, at, of, end: end(run, done) })
}

/// What is to be said of a run that trains, in short pieces, the most important first: since when nothing has come, why it
/// may be dead, how far it is and how long it will take, how fast it goes.
pub fn pieces(index: &Index, run: &Run, now: i64) -> Vec<String> {
    if !run.is_running() || !run.read().metrics {
        return Vec::new();
    }
    let pulse = index.pulses.of.get(&run.key);
    let mut out = Vec::new();
    let stale = stale(run, &index.pulses, now);
    let is_stale = stale.is_some();
    match (stale, last_point(run)) {
        (Some(stale), _) => out.push(stale.reason()),
        (None, Some(last)) => out.push(format!("last point {}", ago(now.saturating_sub(last)))),
        (None, None) => {}
    }
    if let Some(found) = outlook(index, run) {
        // Nobody knows when a run ends that may be dead.
        let end = found.end.filter(|_| !is_stale);
        let left = end.map(|end| end.saturating_sub(now)).filter(|left| *left > 0);
        let left = left.map_or(String::new(), |left| format!(", about {} left", format::age(left)));
        out.push(format!("{:.0}%{left}", found.done * 100.0));
    }
    if let Some(rate) = points_per_second(run, pulse, now).filter(|rate| *rate > 0.0 && !is_stale) {
        out.push(pace(rate));
    }
    out
}

/// `3s ago`, or `now`.
pub fn ago(ms: i64) -> String {
    match format::age(ms) {
        now if now == "now" => now,
        age => format!("{age} ago"),
    }
}

/// Points a second in words, in the unit in which it is not nearly nothing: `12 points/s`, `2.5 points/min`,
/// `3.0 points/h`.
pub fn pace(rate: f64) -> String {
    let (rate, unit) = match rate {
        0.1.. => (rate, "s"),
        0.01.. => (rate * 60.0, "min"),
        _ => (rate * 3600.0, "h"),
    };
    // Two digits are enough.
    if rate >= 10.0 { format!("{rate:.0} points/{unit}") } else { format!("{rate:.1} points/{unit}") }
}

fn counted(unit: &'static str, at: f64, of: f64) -> Option<(&'static str, f64, f64)> {
    (at >= 0.0 && at <= of).then_some((unit, at, of))
}

/// The highest step; what samples of the machine (`system/`) count is another thing.
fn top_step(index: &Index, run: &Run) -> Option<f64> {
    let is_training = |(key, _): &(Key, Metric)| !index.keys.name(*key).starts_with("system/");
    let steps = run.metrics().filter(is_training).map(|(_, metric)| metric.last.step);
    steps.max().map(|step| step as f64)
}

/// When all will be done if it goes on as it went so far. Of a run that was resumed, which still has its earlier end,
/// nobody knows how long it stood still.
fn end(run: &Run, done: f64) -> Option<i64> {
    let (start, last) = (run.start_time()?, last_point(run)?);
    if run.end_time().is_some() || done <= 0.0 {
        return None;
    }
    let spent = last.checked_sub(start).filter(|spent| *spent > 0)?;
    let left = spent as f64 * (1.0 - done) / done;
    // Later than anybody waits for says nothing.
    (left < 1e12).then(|| last.saturating_add(left as i64))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::index::{Draft, Parts, Point, RunKey, Status};
    use proptest::prelude::*;

    const START: i64 = 1_000_000_000;

    /// A run that began at `START` with params and metrics: (key, value, step, seconds after the start).
    fn training(params: &[(&str, &str)], metrics: &[(&str, f64, i64, i64)]) -> (Index, Arc<Run>) {
        let mut index = Index::default();
        let experiment = index.add_experiment("0".into());
        let key = index.add_run("aa", experiment);
        let params: Vec<_> = params.iter().map(|(name, value)| (index.intern(name), *value)).collect();
        let mut found: Vec<_> = metrics
            .iter()
            .map(|(name, value, step, seconds)| {
                let last = Point { value: *value, step: *step, timestamp: START + seconds * 1000 };
                (index.intern(name), Metric { last, points: 1 + step.unsigned_abs(), exact: true })
            })
            .collect();
        found.sort_by_key(|(key, _)| *key);
        index.edit_run(key, |draft: &mut Draft| {
            (draft.status, draft.start_time, draft.read) = (Status::Running, Some(START), Parts::ALL);
            let sheet = draft.new_params();
            params.iter().for_each(|(key, value)| _ = sheet.push(*key, value));
            draft.new_metrics().extend(found);
        });
        let run = index.run(key).unwrap().clone();
        (index, run)
    }

    fn pulses(pulse: Pulse) -> Pulses {
        Pulses { of: [(RunKey(0), pulse)].into_iter().collect(), ..Pulses::default() }
    }

    #[test]
    fn a_run_is_stale_after_ten_silent_minutes() {
        let (_, run) = training(&[], &[("loss", 1.0, 3, 30)]);
        let at = |seconds: i64| stale(&run, &Pulses::default(), START + seconds * 1000);
        assert_eq!(at(30 + 599), None);
        assert_eq!(at(30 + 600), Some(Stale::Silent(600_000)));
        let sooner = Pulses { stale_after: 5_000, ..Pulses::default() };
        assert_eq!(stale(&run, &sooner, START + 36_000), Some(Stale::Silent(6_000)));
        let never = Pulses { stale_after: i64::MAX, ..Pulses::default() };
        assert_eq!(stale(&run, &never, i64::MAX), None);
    }

    #[test]
    fn whoever_is_heard_is_not_stale_whatever_its_clock_says() {
        let (_, run) = training(&[], &[("loss", 1.0, 3, -7200)]);
        let now = START + 3_600_000;
        assert!(stale(&run, &Pulses::default(), now).is_some());
        let heard = Pulse { heard: Some(now - 1000), ..Pulse::default() };
        assert_eq!(stale(&run, &pulses(heard), now), None);
        let below = Pulse { below: Some(now - 1000), ..Pulse::default() };
        assert_eq!(stale(&run, &pulses(below), now), None, "a parent lives with its children");
    }

    #[test]
    fn the_future_is_no_silence() {
        let (_, run) = training(&[], &[("loss", 1.0, 3, 7200)]);
        assert_eq!(stale(&run, &Pulses::default(), START), None);
        assert_eq!(last_sign(&run, None, START + 5), Some(START + 5));
    }

    #[test]
    fn a_dead_process_is_believed_when_nothing_comes() {
        let (_, run) = training(&[], &[("loss", 1.0, 3, 0)]);
        let dead = pulses(Pulse { death: Some(Death::Process(77)), ..Pulse::default() });
        assert_eq!(stale(&run, &dead, START + 30_000), None, "points still come");
        let found = stale(&run, &dead, START + 61_000).unwrap();
        assert_eq!(found.reason(), "its process 77 is gone from this machine");
    }

    #[test]
    fn points_a_second_fall_when_none_come() {
        let (_, run) = training(&[], &[("loss", 1.0, 99, 50)]);
        assert_eq!(points_per_second(&run, None, START), Some(2.0), "100 points in 50 s");
        let seen = Pulse { points: 40, from: START, until: START + 10_000, ..Pulse::default() };
        assert_eq!(points_per_second(&run, Some(&seen), START + 10_500), Some(4.0));
        let later = points_per_second(&run, Some(&seen), START + 102_000).unwrap();
        assert!((later - 0.4).abs() < 0.01, "{later}");
    }

    #[test]
    fn a_slow_pace_is_not_told_as_none() {
        let told = [1234.5, 12.34, 1.25, 0.1, 0.05, 0.01, 0.002].map(pace);
        let expected = ["1234", "12", "1.2", "0.1", "3.0", "0.6", "7.2"];
        let unit = ["s", "s", "s", "s", "min", "min", "h"];
        for ((told, rate), unit) in told.iter().zip(expected).zip(unit) {
            assert_eq!(*told, format!("{rate} points/{unit}"));
        }
    }

    #[test]
    fn nobody_promises_the_end_of_a_run_that_may_be_dead() {
        let (index, run) = training(&[("max_steps", "100")], &[("loss", 0.5, 25, 100)]);
        let said = |seconds: i64| pieces(&index, &run, START + seconds * 1000);
        assert_eq!(said(110), ["last point 10s ago", "25%, about 4m left", "0.3 points/s"]);
        assert_eq!(said(1000), ["nothing has come for 15m", "25%"]);
    }

    #[test]
    fn the_end_is_known_from_what_params_promise() {
        let outlook_of = |params: &[(&str, &str)], metrics: &[(&str, f64, i64, i64)]| {
            let (index, run) = training(params, metrics);
            outlook(&index, &run)
                .map(|found| (found.at, found.of, found.unit, found.end.map(|end| (end - START) / 1000)))
        };
        let loss = ("loss", 0.5, 25, 100);
        assert_eq!(outlook_of(&[("max_steps", "100")], &[loss]), Some((25.0, 100.0, "steps", Some(400))));
        assert_eq!(outlook_of(&[("epochs", "50")], &[loss]), Some((25.0, 50.0, "epochs", Some(200))));
        // Hugging Face: no step limit, epochs as a metric.
        let hugging = [("max_steps", "-1"), ("num_train_epochs", "4")];
        let metrics = [("loss", 0.5, 900, 100), ("epoch", 1.0, 900, 100)];
        assert_eq!(outlook_of(&hugging, &metrics), Some((1.0, 4.0, "epochs", Some(400))));
        assert_eq!(
            outlook_of(&[("epochs", "10")], &[loss]),
            None,
            "steps that are more than the epochs are no epochs"
        );
        assert_eq!(outlook_of(&[("epochs", "many")], &[loss]), None);
        let system = [("system/cpu", 1.0, 99, 100), ("loss", 1.0, 10, 100)];
        assert_eq!(outlook_of(&[("max_steps", "100")], &system), Some((10.0, 100.0, "steps", Some(1000))));
        assert_eq!(
            outlook_of(&[("max_steps", "100")], &[("loss", 1.0, 0, 0)]),
            Some((0.0, 100.0, "steps", None))
        );
    }

    proptest! {
        #[test]
        fn any_numbers_are_survived(
            value in any::<f64>(), step in any::<i64>(), timestamp in any::<i64>(), now in any::<i64>(),
            total in "-?[0-9]{1,30}", from in any::<i64>(), until in any::<i64>(), points in any::<u64>(),
        ) {
            let (mut index, run) = training(&[("epochs", &total)], &[("epoch", value, step.max(-1), 0)]);
            index.edit_run(run.key, |draft| {
                let metric = Metric { last: Point { value, step, timestamp }, points, exact: true };
                draft.new_metrics().push((Key(7), metric));
            });
            let run = index.run(run.key).unwrap().clone();
            let pulse = Pulse { heard: Some(from), points, from, until, ..Pulse::default() };
            let _ = (stale(&run, &pulses(pulse), now), points_per_second(&run, Some(&pulse), now));
            if let Some(found) = outlook(&index, &run) {
                prop_assert!((0.0..=1.0).contains(&found.done));
            }
        }
    }
}
