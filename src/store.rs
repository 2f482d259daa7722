//! Where runs are kept: the few questions that a backend answers, and which backend answers them.
//!
//! A store lives on its own thread and may block there. It brings an [`Index`] up to date in short slices, so that
//! requests (a chart that was opened now) are served in between.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::index::{Access, Beyond, ExperimentKey, Index, Key, Metric, Parts, RunKey, Summary, Text};
use crate::series::{Samples, Series};

pub mod beyond;
pub mod cache;
pub mod files;
pub mod location;
pub mod rest;
pub mod sqlite;

pub use location::Location;

/// What is on screen, so what is read first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Want {
    /// The experiment that is shown; none when all are.
    pub experiment: Option<ExperimentKey>,
    /// The runs in the visible rows.
    pub visible: Vec<RunKey>,
    /// The run whose detail is open, and runs that are compared.
    pub open: Vec<RunKey>,
    /// Histories that are drawn: sparklines of visible cells and open charts.
    pub series: Vec<(RunKey, Key)>,
    /// What the order of the rows or a search needs of all runs of the experiment.
    pub needs: Parts,
    /// What is needed of them that is not read otherwise: sums of histories, datasets.
    pub beyond: Beyond,
    /// How many of them, the first ones, are charts: these need every point. The others are sparklines.
    pub charts: usize,
}

/// What to wait for before looking again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watch {
    /// Changes in these folders, not recursively; everything else by the sweep.
    Folders(Vec<PathBuf>),
    /// Nothing announces changes: sweep after this time.
    Every(Duration),
}

/// How changes of the store are noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Watching {
    /// Not yet.
    #[default]
    Not,
    /// By events.
    Events,
    /// By looking every so many milliseconds, and why.
    Polling(u64, Option<Why>),
}

/// Why changes have to be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The user wants it.
    Asked,
    /// The system has no more watches to give.
    Limit,
    /// The file system announces nothing; its name.
    FileSystem(&'static str),
    /// Changes were found that no event had told.
    Silence,
}

/// What one slice of reading did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Refreshed {
    /// The index has changed.
    pub changed: bool,
    /// Somebody waits for what has changed: rows have come into being, or visible ones are whole.
    pub urgent: bool,
    /// There is more to read: call again.
    pub more: bool,
    /// Something was asked for that has not arrived: call again when it has, see [`Store::on_arrival`].
    pub waits: bool,
    /// Something is being written just now and has to be looked at again: call again after this time.
    pub later: Option<Duration>,
}

/// What one slice of reading a history did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Reading {
    /// The series has changed.
    pub changed: bool,
    /// The history was replaced: the series has begun anew, and samples of it are void.
    pub restarted: bool,
    /// There is more to read: call again.
    pub more: bool,
}

/// Why a store cannot be used at all. One sentence that says what to do; everything less is a
/// [`Problem`](crate::index::Problem).
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub String);

/// One entry of an artifact folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Path below the run's artifact root, with `/`.
    pub path: String,
    /// Whether it is a folder.
    pub is_dir: bool,
    /// Bytes; none for folders, as MLflow answers it.
    pub file_size: Option<u64>,
}

/// An artifact folder.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Listing {
    /// Where the artifacts are, a folder or a URI without credentials; none when that is not known.
    pub root: Option<String>,
    /// Entries sorted by path, one level.
    pub entries: Vec<Artifact>,
    /// Why it is empty or incomplete, one sentence.
    pub note: Option<String>,
}

/// The beginning of an artifact.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Preview {
    /// Bytes of the whole file.
    pub size: u64,
    /// Its first bytes, up to the limit that was asked for.
    pub bytes: Vec<u8>,
}

/// A dataset that a run used.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Dataset {
    /// Its name.
    pub name: Text,
    /// Its digest.
    pub digest: Text,
    /// `local`, `s3`, `code`, `http`...
    pub source_type: Text,
    /// Where it came from, JSON as logged.
    pub source: Text,
    /// Its schema, JSON as logged.
    pub schema: Option<Text>,
    /// Its profile (number of rows), JSON as logged.
    pub profile: Option<Text>,
    /// Tags of the input; `mlflow.data.context` says training, eval...
    pub tags: Vec<(Text, Text)>,
}

/// What is read of a run only when it is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Inputs {
    /// Datasets it used, by name.
    pub datasets: Vec<Dataset>,
    /// Ids of logged models it used.
    pub model_inputs: Vec<Text>,
    /// Ids of logged models it made, with the step.
    pub model_outputs: Vec<(Text, i64)>,
    /// Why not all of them are known, one sentence.
    pub note: Option<String>,
}

/// Called when something has arrived that a store had asked somebody else for.
pub type Wake = Box<dyn Fn() + Send>;

/// A place where runs are kept. Lives on the store thread, where methods may block, but not for long: what has to be
/// waited for (a server's answer) is [`Poll::Pending`], and is asked for again when it has arrived.
pub trait Store: Send {
    /// Brings `index` up to date: reads what is new, `want` first. Stops at `until` and says whether anything is left.
    fn refresh(&mut self, index: &mut Index, want: &Want, until: Instant) -> Result<Refreshed, Error>;

    /// Marks what may have changed: folders or files that a watch announced.
    fn changed(&mut self, index: &Index, paths: &[PathBuf]);

    /// Marks everything as possibly changed: after lost events, and on request.
    fn rescan(&mut self);

    /// Marks what no event may have announced: what is on screen, what trains, and some others in turn.
    fn sweep(&mut self, index: &Index, want: &Want);

    /// Folders of runs in which the last looks have found a change, other than those that events told of: where all is
    /// watched, an event should come or have come.
    fn found_by_looking(&mut self, index: &Index) -> Vec<PathBuf> {
        let _ = index;
        Vec::new()
    }

    /// How changes are noticed now. Where looking is all there is, it has to go around with what each look costs.
    fn noticed_by(&mut self, watching: Watching) {
        let _ = watching;
    }

    /// Since when something has been asked of the file system or the server that has not been answered yet.
    fn waits_since(&self) -> Option<Instant> {
        None
    }

    /// Keeps for the next start what is worth it, until then at most: the program ends.
    fn close(&mut self, index: &Index, until: Instant) {
        let _ = (index, until);
    }

    /// What to wait for before looking again.
    fn watch(&self, index: &Index, want: &Want) -> Watch;

    /// Reads only the run with this id and the experiments, where the store can find a run by its id alone; says whether.
    /// To be called before anything is read; a store that has no such run reads everything after all.
    fn narrow(&mut self, run_id: &str) -> bool {
        let _ = run_id;
        false
    }

    /// Looks so often at what trains on screen, where nothing announces changes.
    fn look_every(&mut self, often: Duration) {
        let _ = often; // most stores are told of changes
    }

    /// Has `wake` called whenever something has arrived.
    fn on_arrival(&mut self, wake: Wake) {
        let _ = wake; // most stores wait for nobody
    }

    /// Waits until something has arrived, until then at most.
    fn wait(&mut self, until: Instant) {
        let _ = until; // most stores wait for nobody
    }

    /// Appends the points of one metric that `series` does not have yet; starts over when the history was replaced.
    /// Stops soon after `until`, to go on from there with the next call, which has to bring the same `series`.
    fn points(
        &mut self,
        index: &Index,
        run: RunKey,
        metric: Key,
        series: &mut Series,
        until: Instant,
    ) -> Result<Poll<Reading>, Error>;

    /// A first look at a history that is too large to be read at once: points from all over it, within some
    /// milliseconds. None where [`Store::points`] is as fast.
    fn sample(&mut self, index: &Index, run: RunKey, metric: Key) -> Result<Poll<Option<Samples>>, Error>;

    /// As much of a history as a sparkline needs, where that costs much less than reading it. None where
    /// [`Store::points`] is to be called.
    fn curve(&mut self, index: &Index, run: RunKey, metric: Key) -> Poll<Option<Samples>> {
        let _ = (index, run, metric);
        Poll::Ready(None)
    }

    /// The folder of a run's artifacts, or a sentence that says why there is none on this machine.
    fn artifact_root(&self, index: &Index, run: RunKey) -> Result<PathBuf, String>;

    /// One level of a run's artifacts; `path` is below the artifact root, empty for the root itself.
    fn artifacts(&mut self, index: &Index, run: RunKey, path: &str) -> Poll<Listing> {
        Poll::Ready(match self.artifact_root(index, run) {
            Ok(root) => files::artifacts::list(&root, path),
            Err(note) => Listing { note: Some(note), ..Listing::default() },
        })
    }

    /// The first `limit` bytes of an artifact.
    fn preview(
        &mut self,
        index: &Index,
        run: RunKey,
        path: &str,
        limit: usize,
    ) -> Poll<Result<Preview, Error>> {
        let root = self.artifact_root(index, run).map_err(Error);
        Poll::Ready(root.and_then(|root| files::artifacts::preview(&root, path, limit)))
    }

    /// Datasets and models of a run.
    fn inputs(&mut self, index: &Index, run: RunKey) -> Poll<Inputs>;

    /// Whole histories of one metric of many runs in a few numbers, where that costs less than reading each of them. None
    /// where [`Store::points`] is to be called. A run that is left out is not asked for again until it changes.
    fn sums(&mut self, index: &Index, metric: Key, runs: &[RunKey]) -> Option<Poll<Vec<(RunKey, Summary)>>> {
        let _ = (index, metric, runs);
        None
    }
}

/// Opens the store at a location. With a folder of caches it shows at once what was known of it last time, and compares
/// that with the store.
pub fn open(location: &Location, caches: Option<&Path>) -> Result<Box<dyn Store>, Error> {
    match location {
        Location::Files(root) => Ok(Box::new(files::FileStore::open(root)?.with_cache(caches))),
        Location::Sqlite(file) => Ok(Box::new(sqlite::SqliteStore::open(file)?)),
        Location::Server(uri) => Ok(Box::new(rest::RestStore::open(uri.with_credentials())?)),
    }
}

/// Reads everything there is, for the commands that print. What is being written in this moment is waited for, but not
/// for long.
pub fn read_all(store: &mut dyn Store) -> Result<Index, Error> {
    let mut index = Index::default();
    settle(store, &mut index, &Want::default())?;
    Ok(index)
}

/// How long the commands that print wait for a store that somebody holds locked.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads what there is to read.
fn settle(store: &mut dyn Store, index: &mut Index, want: &Want) -> Result<(), Error> {
    let begun = Instant::now();
    loop {
        let refreshed = store.refresh(index, want, Instant::now() + Duration::from_secs(1))?;
        if refreshed.more {
            continue;
        }
        if refreshed.waits {
            store.wait(Instant::now() + Duration::from_secs(1));
            continue;
        }
        let is_busy = index.access == Access::Busy;
        if is_busy && begun.elapsed() > PATIENCE {
            return Err(Error("the store is held locked by somebody who writes; try again later".to_owned()));
        }
        let patience = if is_busy { PATIENCE } else { Duration::from_millis(2500) };
        let Some(wait) = refreshed.later.filter(|_| begun.elapsed() < patience) else { return Ok(()) };
        std::thread::sleep(wait.min(Duration::from_millis(50)));
    }
}

/// Counts the points of these runs' metrics where nobody has, for the commands that print them: a database and a server
/// keep latest values, not counts.
pub fn count_points(store: &mut dyn Store, index: &mut Index, runs: &[RunKey]) -> Result<(), Error> {
    let uncounted = |index: &Index| -> Vec<(RunKey, Key, Metric)> {
        let runs = runs.iter().filter_map(|key| index.run(*key));
        let metrics = runs.flat_map(|run| run.metrics().map(|(key, metric)| (run.key, key, metric)));
        metrics.filter(|(_, _, metric)| !metric.is_counted()).collect()
    };
    if !uncounted(index).is_empty() {
        settle(store, index, &Want { open: runs.to_vec(), ..Want::default() })?;
    }
    for (run, key, metric) in uncounted(index) {
        let points = history(store, index, run, key)?.len() as u64;
        index.edit_run(run, |draft| draft.set_metric(key, Metric { points, ..metric }));
    }
    Ok(())
}

/// The whole history of a metric.
pub fn history(store: &mut dyn Store, index: &Index, run: RunKey, metric: Key) -> Result<Arc<Series>, Error> {
    let mut series = Series::default();
    loop {
        let reading =
            store.points(index, run, metric, &mut series, Instant::now() + Duration::from_secs(1))?;
        match reading {
            Poll::Pending => advance(store, index),
            Poll::Ready(reading) if reading.more => {}
            Poll::Ready(_) => return Ok(Arc::new(series)),
        }
    }
}

/// What `ask` asks a store for, when it has arrived. For the commands that print, which have nothing else to do.
pub fn awaited<T>(
    store: &mut dyn Store,
    index: &Index,
    mut ask: impl FnMut(&mut dyn Store, &Index) -> Poll<T>,
) -> T {
    loop {
        if let Poll::Ready(found) = ask(store, index) {
            return found;
        }
        advance(store, index);
    }
}

/// Has a store send what it was asked for, and take what arrives. What that changes in the index is no news to a command
/// that has read everything.
fn advance(store: &mut dyn Store, index: &Index) {
    let _ = exchange(store, &mut index.clone(), &Want::default()); // who waits is told what failed
}

/// Has a store send what it was asked for, waits for an answer and takes it: whoever asks again then has it, and does not
/// wait for one that nobody sends.
fn exchange(store: &mut dyn Store, index: &mut Index, want: &Want) -> Result<(), Error> {
    if store.refresh(index, want, Instant::now())?.waits {
        store.wait(Instant::now() + Duration::from_secs(1));
        store.refresh(index, want, Instant::now())?;
    }
    Ok(())
}

/// All artifacts of a run, depth first, as `mltop show` prints them.
pub fn artifact_tree(store: &mut dyn Store, index: &Index, run: RunKey) -> Listing {
    let mut whole = awaited(store, index, |store, index| store.artifacts(index, run, ""));
    let mut stack: Vec<Artifact> = whole.entries.drain(..).rev().collect();
    while let Some(entry) = stack.pop() {
        if entry.is_dir {
            let below = awaited(store, index, |store, index| store.artifacts(index, run, &entry.path));
            stack.extend(below.entries.into_iter().rev());
        }
        whole.entries.push(entry);
    }
    whole
}
