//! Reading what somebody asked for beyond what every run has: sums of whole histories, and datasets.
//!
//! It is the same for every store: what is on screen first, then the rest of the experiment, each run once until it
//! changes. A store that can sum many histories at once says so, see [`Store::sums`]; else they are read as charts are.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use super::{Error, Inputs, Refreshed, Store, Want};
use crate::index::{Beyond, ExperimentKey, Index, Key, Run, RunKey, Slots, Summary, UpTo, Used};
use crate::series::Series;
use crate::shown::shown;

/// The input's tag that says what a dataset was used for.
const CONTEXT: &str = "mlflow.data.context";
/// Histories of one metric that a store is asked to sum at once.
const AT_ONCE: usize = 500;

/// Something to be read of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    History(RunKey, Key),
    Datasets(RunKey),
}

impl Job {
    fn run(self) -> RunKey {
        match self {
            Self::History(run, _) | Self::Datasets(run) => run,
        }
    }
}

/// What is still to be read, from one slice of time to the next.
#[derive(Debug, Default)]
pub struct Filler {
    beyond: Beyond,
    experiment: Option<ExperimentKey>,
    visible: Vec<RunKey>,
    /// The runs as they were when it was last seen what they lack.
    seen: Slots<Run>,
    jobs: VecDeque<Job>,
    /// A long history that is being read.
    open: Option<(RunKey, Key, Series)>,
}

impl Filler {
    /// Reads some of what is wanted, until then; says whether something came and whether something is left.
    ///
    /// # Errors
    /// What cannot be read; it is left out, and the next call goes on with the rest.
    pub fn fill(
        &mut self,
        store: &mut dyn Store,
        index: &mut Index,
        want: &Want,
        until: Instant,
    ) -> Result<Refreshed, Error> {
        let mut state = Refreshed::default();
        if self.beyond != want.beyond || self.experiment != want.experiment {
            *self = Self { beyond: want.beyond.clone(), experiment: want.experiment, ..Self::default() };
            index.keep_only(&self.beyond);
        }
        if self.beyond.is_empty() {
            return Ok(state);
        }
        if self.jobs.is_empty() || self.visible != want.visible {
            self.find_jobs(index, want);
        }
        while let Some(job) = self.jobs.front().copied() {
            if Instant::now() >= until {
                state.more = true;
                break;
            }
            let done = self.read(store, index, job, until);
            if done.is_err() {
                self.jobs.pop_front(); // it costs no other, and is tried again when its run changes
            }
            match done? {
                Poll::Ready(true) => {
                    self.jobs.pop_front();
                    state.changed = true;
                    state.urgent |= self.visible.contains(&job.run()) && self.is_last_visible();
                }
                Poll::Ready(false) => state.more = true,
                Poll::Pending => {
                    state.waits = true;
                    break;
                }
            }
        }
        Ok(state)
    }

    /// Whether what is on screen is whole now.
    fn is_last_visible(&self) -> bool {
        self.jobs.front().is_none_or(|job| !self.visible.contains(&job.run()))
    }

    /// What the runs lack that have changed since it was last looked, what is on screen first.
    fn find_jobs(&mut self, index: &Index, want: &Want) {
        for slot in 0..index.runs.len() {
            let Some(run) = index.runs.get(slot) else { continue };
            let is_ours = self.experiment.is_none_or(|key| run.experiment == key);
            let before = self.seen.get(slot);
            if !is_ours || before.is_some_and(|before| Arc::ptr_eq(before, run)) {
                continue;
            }
            let is_new = before.is_none();
            for (key, metric) in run.metrics() {
                let job = Job::History(run.key, key);
                let lacks = self.beyond.has(key) && index.lacks_history(run, key, &metric, &self.beyond);
                if lacks && (is_new || !self.jobs.contains(&job)) {
                    self.jobs.push_back(job);
                }
            }
            if self.beyond.datasets && run.read().meta {
                self.jobs.push_back(Job::Datasets(run.key));
            }
        }
        self.seen = index.runs.clone();
        self.visible.clone_from(&want.visible);
        let is_visible = |job: &Job| self.visible.contains(&job.run());
        let (first, rest): (Vec<Job>, Vec<Job>) = self.jobs.iter().partition(|job| is_visible(job));
        self.jobs = first.into_iter().chain(rest).collect();
    }

    /// Does one job; says whether it is done.
    fn read(
        &mut self,
        store: &mut dyn Store,
        index: &mut Index,
        job: Job,
        until: Instant,
    ) -> Result<Poll<bool>, Error> {
        let (run, key) = match job {
            Job::Datasets(run) => {
                let Poll::Ready(inputs) = store.inputs(index, run) else { return Ok(Poll::Pending) };
                if let Some(note) = inputs.note {
                    let name = index.run(run).map_or("", |run| run.title());
                    return Err(Error(format!("the datasets of {} cannot be read: {note}", shown(name))));
                }
                keep_datasets(index, run, &inputs);
                return Ok(Poll::Ready(true));
            }
            Job::History(run, key) => (run, key),
        };
        if self.beyond.at.is_empty() {
            let runs = self.same_metric(key);
            match store.sums(index, key, &runs) {
                Some(Poll::Pending) => return Ok(Poll::Pending),
                Some(Poll::Ready(sums)) => {
                    sums.iter().for_each(|(run, summary)| index.set_summary(*run, key, *summary));
                    let is_done =
                        |job: &Job| matches!(job, Job::History(r, k) if *k == key && runs.contains(r));
                    self.jobs.retain(|other| !is_done(other) || *other == job);
                    return Ok(Poll::Ready(true));
                }
                None => {}
            }
        }
        let mut open = self.open.take().filter(|(r, k, _)| (*r, *k) == (run, key));
        let (_, _, series) = open.get_or_insert_with(|| (run, key, Series::default()));
        match store.points(index, run, key, series, until)? {
            Poll::Pending => {
                self.open = open;
                Ok(Poll::Pending)
            }
            Poll::Ready(reading) if reading.more => {
                self.open = open;
                Ok(Poll::Ready(false))
            }
            Poll::Ready(_) => {
                self.keep_history(index, run, key, series);
                Ok(Poll::Ready(true))
            }
        }
    }

    /// The next runs of which the same metric is wanted.
    fn same_metric(&self, key: Key) -> Vec<RunKey> {
        let same = self.jobs.iter().map_while(|job| match job {
            Job::History(run, other) if *other == key => Some(*run),
            _ => None,
        });
        same.take(AT_ONCE).collect()
    }

    fn keep_history(&self, index: &mut Index, run: RunKey, key: Key, series: &Series) {
        if self.beyond.summaries.contains(&key) {
            index.set_summary(run, key, Summary::of(series.iter()));
        }
        for (_, step) in self.beyond.at.iter().filter(|(of, _)| *of == key) {
            let mut found = UpTo::new(*step);
            series.iter().for_each(|point| found.add(&point));
            index.set_at_step(run, key, &found);
        }
    }
}

fn keep_datasets(index: &mut Index, run: RunKey, inputs: &Inputs) {
    let mut used = Vec::with_capacity(inputs.datasets.len());
    for dataset in &inputs.datasets {
        let context = dataset.tags.iter().find(|(key, _)| &**key == CONTEXT);
        let context = context.map(|(_, value)| index.intern(value));
        let (name, digest) = (index.intern(&dataset.name), index.intern(&dataset.digest));
        used.push(Used { name, digest, context });
    }
    index.set_datasets(run, &used);
}

/// Reads all that is wanted beyond, for the commands that print.
///
/// # Errors
/// What cannot be read: the answer would be another without it.
pub fn read_beyond(
    store: &mut dyn Store,
    index: &mut Index,
    beyond: Beyond,
    experiment: Option<ExperimentKey>,
) -> Result<(), Error> {
    let want = Want { beyond, experiment, ..Want::default() };
    let mut filler = Filler::default();
    loop {
        let soon = Instant::now() + std::time::Duration::from_secs(1);
        let state = filler.fill(store, index, &want, soon)?;
        if state.waits {
            super::exchange(store, index, &want)?;
        } else if !state.more {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::time::Duration;

    use crate::store::{Location, open};

    fn write(path: &Path, text: &str) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    /// Two runs with a loss, one of them on a dataset.
    fn store(root: &Path) {
        write(&root.join("0/meta.yaml"), "experiment_id: '0'\nname: Default\nlifecycle_stage: active\n");
        for (id, loss) in [("a", "1 0.5 0\n2 0.1 1\n3 0.3 2\n"), ("b", "1 0.7 0\n2 0.9 5\n")] {
            let run = root.join("0").join(id);
            write(
                &run.join("meta.yaml"),
                &format!("experiment_id: '0'\nrun_id: {id}\nstatus: 3\nstart_time: 1\n"),
            );
            write(&run.join("metrics/loss"), loss);
        }
        write(&root.join("0/datasets/d/meta.yaml"), "name: iris\ndigest: d1\n");
        let input = "source_type: DATASET\nsource_id: d\ntags:\n  mlflow.data.context: train\n";
        write(&root.join("0/a/inputs/i/meta.yaml"), input);
    }

    #[test]
    fn what_is_wanted_is_read_once_and_again_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        store(folder.path());
        let mut store = open(&Location::Files(folder.path().to_owned()), None).unwrap();
        let mut index = crate::store::read_all(store.as_mut()).unwrap();
        let loss = index.keys.find("loss").unwrap();
        let sums = |index: &Index, run: u32| {
            let run = index.run(RunKey(run)).unwrap();
            index.summary(run, loss, &run.metric(loss).unwrap()).map(|sums| sums.range.unwrap())
        };
        let run = |id: &str| index.runs().find(|run| run.run_id() == id).unwrap().key;
        let (a, b) = (run("a"), run("b"));
        assert_eq!(sums(&index, a.0), None);
        let beyond = Beyond { summaries: vec![loss], at: vec![(loss, 1)], datasets: true };
        let want = Want { beyond, visible: vec![b], ..Want::default() };
        let mut filler = Filler::default();
        assert!(filler.fill(store.as_mut(), &mut index, &want, soon()).unwrap().changed);
        let (low, high) = sums(&index, a.0).unwrap();
        assert_eq!(((low.value, low.step), (high.value, high.step)), ((0.1, 1), (0.5, 0)));
        let at = |index: &Index, key: RunKey| {
            let run = index.run(key).unwrap();
            index.at_step(run, loss, 1, &run.metric(loss).unwrap()).unwrap().map(|at| (at.value, at.step))
        };
        assert_eq!((at(&index, a), at(&index, b)), (Some((0.1, 1)), Some((0.7, 0))));
        let used = index.datasets(a).unwrap();
        assert_eq!(index.keys.name(used[0].context.unwrap()), "train");
        assert_eq!(index.datasets(b), Some([].as_slice()));
        let again = filler.fill(store.as_mut(), &mut index, &want, soon()).unwrap();
        assert_eq!((again.changed, again.more), (false, false), "nothing is left");
        // A point more: what was known of the history is so no longer, until it has been read.
        let path = folder.path().join("0/a/metrics/loss");
        std::fs::write(&path, "1 0.5 0\n2 0.1 1\n3 0.3 2\n4 0.05 3\n").unwrap();
        store.changed(&index, &[path]);
        store.rescan();
        while store.refresh(&mut index, &want, soon()).unwrap().more {}
        assert_eq!(index.run(a).unwrap().metric(loss).unwrap().points, 4);
        assert_eq!(sums(&index, a.0), None);
        assert!(filler.fill(store.as_mut(), &mut index, &want, soon()).unwrap().changed);
        assert_eq!(sums(&index, a.0).unwrap().0.value, 0.05);
        // Nobody wants it any more.
        filler.fill(store.as_mut(), &mut index, &Want::default(), soon()).unwrap();
        assert_eq!(sums(&index, a.0), None);
    }
}
