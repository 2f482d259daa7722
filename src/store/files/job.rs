//! What a reader is given to do, and what it gives back.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use rustc_hash::FxHashMap;

use super::Seen;
use super::due::Due;
use super::experiment;
use super::interner::Interner;
use super::layout;
use super::open::{Fault, Folder, Stamp};
use super::problems::Report;
use super::run::{self, Outcome, Reader, RunFiles};
use super::values::Buffers;
use crate::index::{Draft, Experiment, ExperimentKey, Run, RunKey, Text};
use crate::shown::Shown;
use crate::terminal;

/// What one thread keeps from job to job.
pub struct Hands {
    buffers: Buffers,
    draft: Draft,
}

impl Default for Hands {
    fn default() -> Self {
        Self { buffers: Buffers::default(), draft: Draft::new(RunKey(0), ExperimentKey(0)) }
    }
}

/// Something to be read.
pub enum Job {
    /// Files of an experiment itself.
    Experiment(ExperimentJob),
    /// The folders in an experiment.
    List(ListJob),
    /// Parts of some runs of one experiment.
    Runs(RunsJob),
    /// Whether experiments have changed, and whether a file server is asked.
    Look(Vec<(ExperimentKey, PathBuf, Seen)>, bool),
}

/// Something that was read.
pub enum Done {
    /// Files of an experiment.
    Experiment(Box<ExperimentDone>),
    /// The folders in an experiment.
    List(ListDone),
    /// Runs; those that the reader lost have no outcome.
    Runs(Vec<RunDone>),
    /// Experiments that have changed.
    Look(Vec<ExperimentKey>),
}

/// Files of an experiment itself, to be read.
pub struct ExperimentJob {
    pub key: ExperimentKey,
    pub path: PathBuf,
    pub trashed: bool,
    pub old: Arc<Experiment>,
}

/// What the files of an experiment say.
pub struct ExperimentDone {
    pub key: ExperimentKey,
    /// Where it was read: it may lie elsewhere by now.
    pub path: PathBuf,
    /// Stamps from before it was read: what changes meanwhile is looked at again.
    pub seen: Seen,
    pub new: Experiment,
    pub report: Report,
    /// It is being written just now.
    pub again: bool,
}

/// Folders that are no runs (yet), as they were when that was found.
pub type Others = FxHashMap<String, Option<Stamp>>;

/// An experiment whose folders are to be listed.
pub struct ListJob {
    pub key: ExperimentKey,
    pub root: PathBuf,
    pub path: PathBuf,
    pub others: Others,
}

/// The folders of an experiment.
pub struct ListDone {
    pub key: ExperimentKey,
    /// Those that are runs, or may be.
    pub found: Result<Names, Fault>,
    pub others: Others,
    pub report: Report,
}

/// Many names, end to end.
#[derive(Debug, Default)]
pub struct Names {
    text: String,
    ends: Vec<u32>,
}

impl Names {
    /// Adds one.
    pub fn push(&mut self, name: &str) {
        self.text.push_str(name);
        self.ends.push(self.text.len() as u32);
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).filter_map(|(from, to)| self.text.get(from as usize..*to as usize))
    }
}

/// Runs to be read.
pub struct RunsJob {
    /// The experiment's folder and id.
    pub path: PathBuf,
    pub experiment_id: Text,
    /// Stamps are asked of the file server.
    pub asks: bool,
    pub tasks: Vec<Task>,
}

/// A run to be read.
pub struct Task {
    pub run: Arc<Run>,
    pub files: RunFiles,
    pub due: Due,
}

/// A run that was read.
pub struct RunDone {
    pub key: RunKey,
    pub files: RunFiles,
    /// What was asked for.
    pub asked: Due,
    pub what: What,
}

/// What became of a run.
pub enum What {
    /// It was read.
    Read(Box<Outcome>),
    /// Its folder cannot be opened.
    Unreadable(Fault),
    /// A bug in reading it.
    Lost(Shown),
}

impl Job {
    /// Does it, and counts the runs that it has read.
    fn run(self, hands: &mut Hands, keys: &Interner, read: &AtomicUsize) -> Done {
        match self {
            Self::Experiment(job) => Done::Experiment(Box::new(job.run(hands))),
            Self::List(job) => Done::List(job.run(hands)),
            Self::Runs(job) => Done::Runs(job.run(hands, keys, read)),
            Self::Look(experiments, asks) => {
                let changed = experiments.into_iter().filter(|(_, path, seen)| {
                    let now = Seen::of(path, asks);
                    now != *seen || now.is_fresh()
                });
                Done::Look(changed.map(|(key, ..)| key).collect())
            }
        }
    }

    /// Does it, counts the runs that it has read, and gives something back whatever happens: a bug in reading one thing must
    /// cost no other, and a job that never comes back would be waited for for ever.
    pub fn run_guarded(self, hands: &mut Hands, keys: &Interner, read: &AtomicUsize) -> Done {
        let lost = match &self {
            Self::Experiment(job) => Lost::Experiment(job.key, job.path.clone(), job.old.clone()),
            Self::List(job) => Lost::List(job.key),
            // Each of these is guarded by itself.
            Self::Runs(_) | Self::Look(..) => Lost::Other,
        };
        match terminal::caught(|| self.run(hands, keys, read)) {
            Ok(done) => done,
            Err(said) => lost.done(&said),
        }
    }
}

/// What has to be given back of a job that a bug has ended.
enum Lost {
    Experiment(ExperimentKey, PathBuf, Arc<Experiment>),
    List(ExperimentKey),
    Other,
}

impl Lost {
    fn done(self, said: &Shown) -> Done {
        let told = format!("internal error: {said}");
        match self {
            Self::Experiment(key, path, old) => {
                let mut report = Report::default();
                report.add(&path, told);
                // As it is now: it is read again when it has changed.
                let seen = Seen::of(&path, true);
                Done::Experiment(Box::new(ExperimentDone {
                    key,
                    path,
                    seen,
                    new: (*old).clone(),
                    report,
                    again: false,
                }))
            }
            Self::List(key) => {
                let found = Err(Fault::System(std::io::Error::other(told)));
                Done::List(ListDone { key, found, others: Others::default(), report: Report::default() })
            }
            Self::Other => Done::Look(Vec::new()),
        }
    }
}

impl ExperimentJob {
    fn run(self, hands: &mut Hands) -> ExperimentDone {
        let Self { key, path, trashed, old } = self;
        let seen = Seen::of(&path, true);
        let mut report = Report::default();
        let (new, again) = experiment::read(&old, &path, trashed, &mut hands.buffers, &mut report);
        ExperimentDone { key, path, seen, new, report, again }
    }
}

impl ListJob {
    fn run(self, hands: &mut Hands) -> ListDone {
        let Self { key, root, path, mut others } = self;
        let mut report = Report::default();
        let mut names = Names::default();
        // Those that are still there.
        let mut kept = Others::default();
        let listed = layout::runs(&root, &path, hands.buffers.entries.room(), &mut report, &mut |name| {
            // What was no run may have become one: something was added to it.
            match others.remove_entry(name).filter(|(_, before)| *before == stamp(&path.join(name))) {
                Some((name, stamp)) => _ = kept.insert(name, stamp),
                None => names.push(name),
            }
        });
        report.sort();
        if listed.is_err() {
            kept.extend(others);
        }
        ListDone { key, found: listed.map(|()| names), others: kept, report }
    }
}

/// The stamp of a folder, if it can be opened.
pub fn stamp(path: &Path) -> Option<Stamp> {
    Folder::open(path).and_then(|folder| folder.own_stamp()).ok()
}

impl RunsJob {
    fn run(self, hands: &mut Hands, keys: &Interner, count: &AtomicUsize) -> Vec<RunDone> {
        let Self { path, experiment_id, asks, tasks } = self;
        let experiment = Folder::open(&path);
        let mut read = |task: Task| {
            let Task { run, mut files, due: asked } = task;
            let key = run.key;
            let read = || {
                let mut reader = Reader { buffers: &mut hands.buffers, draft: &mut hands.draft, keys };
                if let Ok(folder) = &experiment {
                    let (files, place) = (&mut files, (folder, path.as_path()));
                    let head = run::read_head(&mut reader, &run, files, place, &experiment_id, asked);
                    if let Some(outcome) = head {
                        return Ok(outcome);
                    }
                    if asked == Due::GLANCE && run::is_as_before(run.run_id(), files, folder) {
                        return Ok(Outcome::default());
                    }
                }
                let folder = match &experiment {
                    Ok(experiment) => experiment.linked_folder(run.run_id())?,
                    Err(_) => Folder::open(&path.join(run.run_id()))?,
                };
                let folder = folder.asking(asks);
                let place = (&folder, path.as_path());
                Ok(run::read(&mut reader, &run, &mut files, place, &experiment_id, asked))
            };
            // A bug in reading one run must cost no other.
            let what = match terminal::caught(read) {
                Ok(Ok(outcome)) => What::Read(Box::new(outcome)),
                Ok(Err(fault)) => What::Unreadable(fault),
                Err(said) => What::Lost(said),
            };
            count.fetch_add(1, Relaxed);
            RunDone { key, files, asked, what }
        };
        tasks.into_iter().map(&mut read).collect()
    }
}
