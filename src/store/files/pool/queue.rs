//! The jobs that wait for a reader, and the readers that wait for a job.

use std::collections::VecDeque;
use std::sync::atomic::AtomicUsize;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::store::files::agenda::Level;
use crate::store::files::job::Job;

/// What a thread takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any job.
    Any,
    /// What somebody waits for.
    Quick,
}

impl Kind {
    /// The kind that a job of this level is for.
    pub fn of(level: Level) -> Self {
        if level <= Level::Visible { Self::Quick } else { Self::Any }
    }
}

/// One for each kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kinds<T> {
    pub any: T,
    pub quick: T,
}

impl<T> Kinds<T> {
    pub fn of(&self, kind: Kind) -> &T {
        match kind {
            Kind::Any => &self.any,
            Kind::Quick => &self.quick,
        }
    }

    pub fn of_mut(&mut self, kind: Kind) -> &mut T {
        match kind {
            Kind::Any => &mut self.any,
            Kind::Quick => &mut self.quick,
        }
    }
}

/// Jobs that wait, those that somebody waits for in front.
#[derive(Default)]
pub struct Queue {
    jobs: Mutex<Jobs>,
    /// Where threads wait.
    pub ready: Kinds<Condvar>,
    /// Runs that have been read.
    pub read: AtomicUsize,
}

/// What the queue's lock guards.
#[derive(Default)]
pub struct Jobs {
    pub waiting: VecDeque<(Level, Job)>,
    /// Threads of each kind, and those of them that have nothing to do.
    pub threads: Kinds<usize>,
    pub idle: Kinds<usize>,
    /// How many of those that take any job are to end, as soon as they have nothing to do.
    pub leaving: usize,
    pub closed: bool,
}

impl Queue {
    pub fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next job for a thread, which waits for it; nothing when it is to end.
    pub fn next(&self, kind: Kind) -> Option<(Level, Job)> {
        let mut jobs = self.jobs();
        loop {
            if jobs.closed {
                return None;
            }
            // The jobs that somebody waits for are in front.
            let fits = |(level, _): &(Level, Job)| kind == Kind::Any || Kind::of(*level) == kind;
            if jobs.waiting.front().is_some_and(fits) {
                return jobs.waiting.pop_front();
            }
            if kind == Kind::Any && jobs.leaving > 0 {
                jobs.leaving -= 1;
                jobs.threads.any -= 1;
                return None;
            }
            *jobs.idle.of_mut(kind) += 1;
            jobs = self.ready.of(kind).wait(jobs).unwrap_or_else(PoisonError::into_inner);
            *jobs.idle.of_mut(kind) -= 1;
        }
    }
}
