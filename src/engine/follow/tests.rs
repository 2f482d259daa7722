//! What is told of runs when an index changes.

use std::sync::Arc;

use super::*;
use crate::index::{Draft, Metric, Point, Status};

const NOW: i64 = 1_000_000_000;

/// An index that is changed and looked at, as the store thread does it.
struct Watched {
    index: Index,
    follower: Follower,
    experiment: ExperimentKey,
}

impl Watched {
    fn new() -> Self {
        let mut index = Index::default();
        let experiment = index.add_experiment("0".into());
        index.progress.complete = true;
        Self { index, follower: Follower::new(600_000), experiment }
    }

    fn run(&mut self, id: &str, parent: Option<&str>) -> RunKey {
        let key = self.index.add_run(id, self.experiment);
        let tag = self.index.intern("mlflow.parentRunId");
        self.edit(key, |draft| {
            (draft.status, draft.start_time, draft.read) = (Status::Running, Some(NOW), Parts::ALL);
            if let Some(parent) = parent {
                draft.new_tags().push(tag, parent);
            }
        });
        key
    }

    fn edit(&mut self, key: RunKey, change: impl FnOnce(&mut Draft)) {
        self.index.edit_run(key, change);
    }

    fn point(&mut self, key: RunKey, name: &str, value: f64, step: i64) {
        let name = self.index.intern(name);
        self.edit(key, |draft| {
            let last = Point { value, step, timestamp: NOW + step * 1000 };
            draft.new_metrics().push((name, Metric { last, points: step as u64 + 1, exact: true }));
        });
    }

    /// What is told when this version is published.
    fn told(&mut self, now: i64) -> Vec<String> {
        let news = self.follower.look(&self.index, now);
        self.follower.publish(&mut self.index);
        self.follower.published(&Arc::new(self.index.clone()));
        news.iter().map(|news| format!("{} {}", news.title, news.text())).collect()
    }

    fn ticked(&mut self, now: i64) -> Vec<String> {
        let (news, _) = self.follower.tick(&self.index, now);
        news.iter().map(|news| format!("{} {}", news.title, news.text())).collect()
    }
}

#[test]
fn only_what_happens_while_one_watches_is_told() {
    let mut watched = Watched::new();
    let (done, going) = (watched.run("done", None), watched.run("going", None));
    watched.edit(done, |draft| draft.status = Status::Failed);
    watched.point(going, "loss", f64::NAN, 0);
    assert!(watched.told(NOW).is_empty(), "it was so before");
    watched.edit(going, |draft| draft.status = Status::Finished);
    assert_eq!(watched.told(NOW), ["going has finished"]);
    assert!(watched.told(NOW).is_empty(), "once");
    assert!(watched.index.pulses.of.is_empty(), "nothing trains any more");
}

#[test]
fn what_is_read_for_the_first_time_has_not_happened() {
    let mut watched = Watched::new();
    watched.told(NOW);
    let key = watched.index.add_run("new", watched.experiment);
    assert!(watched.told(NOW).is_empty());
    watched.edit(key, |draft| (draft.status, draft.read) = (Status::Failed, Parts::ALL));
    assert!(watched.told(NOW).is_empty(), "a run that was copied into the store");
}

#[test]
fn a_metric_goes_nan_once() {
    let mut watched = Watched::new();
    let key = watched.run("aa", None);
    watched.point(key, "loss", 1.0, 0);
    watched.told(NOW);
    watched.point(key, "loss", f64::NAN, 1);
    assert_eq!(watched.told(NOW), ["aa loss is NaN"]);
    watched.point(key, "loss", f64::NAN, 2);
    assert!(watched.told(NOW).is_empty());
    watched.point(key, "loss", 0.5, 3);
    watched.told(NOW);
    watched.point(key, "loss", f64::NEG_INFINITY, 4);
    assert_eq!(watched.told(NOW), ["aa loss is -∞"]);
}

#[test]
fn whoever_falls_silent_is_told_and_whoever_was_silent_is_not() {
    let mut watched = Watched::new();
    let old = watched.run("old", None);
    let new = watched.run("new", None);
    watched.edit(old, |draft| draft.start_time = Some(NOW - 7_200_000));
    watched.told(NOW);
    assert!(watched.ticked(NOW).is_empty());
    watched.point(new, "loss", 1.0, 1);
    watched.told(NOW + 5_000);
    assert!(watched.ticked(NOW + 600_000).is_empty());
    assert_eq!(watched.ticked(NOW + 606_000), ["new may have died: nothing has come for 10m"]);
    assert!(watched.ticked(NOW + 607_000).is_empty());
    // It speaks again, and falls silent again.
    watched.point(new, "loss", 1.0, 2);
    watched.told(NOW + 700_000);
    assert!(watched.ticked(NOW + 701_000).is_empty());
    assert_eq!(watched.ticked(NOW + 1_300_000), ["new may have died: nothing has come for 10m"]);
}

#[test]
fn parents_live_by_their_children() {
    let mut watched = Watched::new();
    let parent = watched.run("parent", None);
    let middle = watched.run("middle", Some("parent"));
    let child = watched.run("child", Some("middle"));
    watched.told(NOW);
    watched.point(child, "loss", 1.0, 1);
    watched.told(NOW + 900_000);
    for key in [parent, middle] {
        assert_eq!(watched.index.pulses.of[&key].below, Some(NOW + 900_000));
    }
    assert!(watched.ticked(NOW + 910_000).is_empty());
}

#[test]
fn points_a_second_are_those_of_the_last_minute() {
    let mut watched = Watched::new();
    let key = watched.run("aa", None);
    watched.told(NOW);
    for second in 0..200 {
        watched.point(key, "loss", 1.0, second * 4);
        watched.told(NOW + second * 1000);
    }
    let pulse = watched.index.pulses.of[&key];
    let run = watched.index.run(key).unwrap();
    let rate = vitals::points_per_second(run, Some(&pulse), NOW + 200_000).unwrap();
    assert!((3.8..4.2).contains(&rate), "{rate}");
    assert!(pulse.until - pulse.from <= 62_000);
}
