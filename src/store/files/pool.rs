//! The readers: threads that do what is slow, so that a hundred files are asked for at once.
//!
//! On a disk whose cache is cold, and on network file systems, sixteen readers are five times as fast as one; where all
//! is in memory they cost nothing. A job takes what it needs with it and gives it back, so readers share nothing but
//! the names of keys.

use std::collections::VecDeque;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::Builder;
use std::time::Instant;

use rustix::process::{Resource, getrlimit};

use super::agenda::Level;
use super::descriptors;
use super::interner::Interner;
use super::job::{Done, Hands, Job};

/// Threads at most that take any job; they are started as they are needed.
const READERS: usize = 16;
/// Threads at most that only take what somebody waits for, and do not step back for other programs meanwhile.
const QUICK: usize = 4;
/// Descriptors that a reader holds at most, but for keys with many slashes: experiment, run, a folder of it, a file; and
/// those that the rest of the program needs.
const DESCRIPTORS: u64 = 4;
const OTHER_DESCRIPTORS: u64 = 12;
/// How much readers step back: a third of the share of a thread that does not.
const NICE: i32 = 5;
/// Stacks are small, since they count against limits of address space.
const STACK: usize = 512 << 10;

/// Jobs that wait, those that somebody waits for in front.
#[derive(Default)]
struct Queue {
    jobs: Mutex<Jobs>,
    /// Where threads that take any job wait, and where the quick ones do.
    ready: [Condvar; 2],
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<(Level, Job)>,
    /// Threads that have nothing to do: those that take any job, and the quick ones.
    idle: [usize; 2],
    closed: bool,
}

/// The readers.
pub struct Pool {
    queue: Arc<Queue>,
    keys: Arc<Interner>,
    send: Sender<(Level, Done)>,
    done: Receiver<(Level, Done)>,
    /// Threads that take any job, and the quick ones.
    threads: [usize; 2],
    /// How many of each there may be.
    most: [usize; 2],
    /// Jobs that have not come back, by level.
    in_flight: [usize; Level::COUNT],
    /// When the last one came back, or the first went out when there was none.
    moved: Instant,
}

impl Pool {
    /// Readers who take the names of keys from `keys`.
    pub fn new(keys: Arc<Interner>) -> Self {
        let (send, done) = mpsc::channel();
        Self {
            queue: Arc::default(),
            keys,
            send,
            done,
            threads: [0; 2],
            most: most_threads(getrlimit(Resource::Nofile).current),
            in_flight: [0; Level::COUNT],
            moved: Instant::now(),
        }
    }

    /// The lowest level of which a job would be taken up soon. What nobody waits for stands back while somebody waits.
    pub fn room(&self) -> Option<Level> {
        let [live, heads, visible, rest, back, idle] = self.in_flight;
        let front = heads + visible;
        let all = live + front + rest + back + idle;
        if all >= 4 * READERS {
            return None;
        }
        Some(match (front, front + rest) {
            (0, 0) if all < READERS + 4 => Level::Idle,
            (0, rest) if rest < READERS => Level::Rest,
            (front, _) if front < 2 * READERS => Level::Visible,
            _ => Level::Live,
        })
    }

    /// Jobs that have not come back.
    pub fn in_flight(&self) -> usize {
        self.in_flight.iter().sum()
    }

    /// Jobs of one level that have not come back.
    pub fn at(&self, level: Level) -> usize {
        self.in_flight.get(level as usize).copied().unwrap_or_default()
    }

    /// Since when no job has come back though there are some.
    pub fn waits_since(&self) -> Option<Instant> {
        (self.in_flight() > 0).then_some(self.moved)
    }

    /// Has a job done.
    pub fn submit(&mut self, level: Level, job: Job) {
        if self.in_flight() == 0 {
            self.moved = Instant::now();
        }
        if let Some(count) = self.in_flight.get_mut(level as usize) {
            *count += 1;
        }
        let mut jobs = self.queue.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let place = jobs.waiting.iter().position(|(other, _)| *other > level).unwrap_or(jobs.waiting.len());
        jobs.waiting.insert(place, (level, job));
        let kind = if is_waited_for(level) { Kind::Quick } else { Kind::Any };
        let [any, quick] = jobs.idle;
        let is_short = if kind == Kind::Quick { any + quick } else { any } < jobs.waiting.len();
        drop(jobs);
        let [any_ready, quick_ready] = &self.queue.ready;
        if kind == Kind::Quick {
            quick_ready.notify_one();
        }
        // Also for what the quick ones take: the one that was told may have been told of another job before it woke.
        if kind == Kind::Any || any > 0 {
            any_ready.notify_one();
        }
        if is_short {
            self.start(kind);
        }
        let [any, quick] = self.threads;
        if any == 0 && (quick == 0 || kind == Kind::Any) {
            self.work_here();
        }
    }

    /// What has been done, as soon as something has; nothing when it is too late.
    pub fn wait(&mut self, until: Instant) -> Option<Done> {
        match self.done.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(done) => Some(self.count(done)),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        }
    }

    /// What else has been done by now.
    pub fn take(&mut self) -> Option<Done> {
        let done = self.done.try_recv().ok()?;
        Some(self.count(done))
    }

    fn count(&mut self, (level, done): (Level, Done)) -> Done {
        if let Some(count) = self.in_flight.get_mut(level as usize) {
            *count -= 1;
        }
        self.moved = Instant::now();
        done
    }

    /// Starts a thread where there are not enough of its kind; of the other kind where this one is complete and may be
    /// helped by it.
    fn start(&mut self, kind: Kind) {
        let ([any, quick], [most_any, most_quick]) = (self.threads, self.most);
        let kind = if kind == Kind::Quick && quick < most_quick { Kind::Quick } else { Kind::Any };
        let most = if kind == Kind::Quick { most_quick } else { most_any };
        if let Some(count) = self.threads.get_mut(kind as usize).filter(|count| **count < most) {
            let (queue, keys, send) = (self.queue.clone(), self.keys.clone(), self.send.clone());
            let work = move || {
                descriptors::own_table(); // no harm without
                if kind == Kind::Any {
                    step_back();
                }
                let mut hands = Hands::default();
                while let Some((level, job)) = queue.next(kind) {
                    // Nobody listens any more when the store has been closed.
                    if send.send((level, job.run_guarded(&mut hands, &keys))).is_err() {
                        return;
                    }
                }
            };
            let name = format!("reader {}", any + quick + 1);
            // Without another thread it only takes longer.
            *count += usize::from(Builder::new().name(name).stack_size(STACK).spawn(work).is_ok());
        }
    }

    /// Where the system gives no thread, the store's own has to read.
    fn work_here(&self) {
        let mut hands = Hands::default();
        loop {
            let next = self.queue.jobs.lock().unwrap_or_else(PoisonError::into_inner).waiting.pop_front();
            let Some((level, job)) = next else { return };
            let _ = self.send.send((level, job.run_guarded(&mut hands, &self.keys))); // we hold the receiver ourselves
        }
    }
}

/// How many threads may take any job and how many are quick ones, where a process may have so many descriptors: too many
/// readers would find that files cannot be opened, and say so of the files.
fn most_threads(descriptors: Option<u64>) -> [usize; 2] {
    let all = descriptors.unwrap_or(u64::MAX).saturating_sub(OTHER_DESCRIPTORS) / DESCRIPTORS;
    let all = usize::try_from(all).unwrap_or(usize::MAX).clamp(1, READERS + QUICK);
    let quick = all / (1 + READERS / QUICK);
    [all - quick, quick]
}

/// Lets the threads that answer keys and compute rows go first where there are fewer processors than readers.
fn step_back() {
    use rustix::process::{getpriority_process, setpriority_process};
    let own = Some(rustix::thread::gettid());
    let _ = getpriority_process(own).and_then(|now| setpriority_process(own, now + NICE)); // no harm without
}

/// What a thread takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Any job.
    Any,
    /// What somebody waits for.
    Quick,
}

/// Whether somebody sees that it is not there yet.
fn is_waited_for(level: Level) -> bool {
    level <= Level::Visible
}

impl Queue {
    fn next(&self, kind: Kind) -> Option<(Level, Job)> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if jobs.closed {
                return None;
            }
            // The jobs that somebody waits for are in front.
            let fits = |(level, _): &(Level, Job)| kind == Kind::Any || is_waited_for(*level);
            if jobs.waiting.front().is_some_and(fits) {
                return jobs.waiting.pop_front();
            }
            jobs.count(kind, |idle| idle + 1);
            let [any, quick] = &self.ready;
            let ready = if kind == Kind::Any { any } else { quick };
            jobs = ready.wait(jobs).unwrap_or_else(PoisonError::into_inner);
            jobs.count(kind, |idle| idle - 1);
        }
    }
}

impl Jobs {
    fn count(&mut self, kind: Kind, change: impl FnOnce(usize) -> usize) {
        if let Some(idle) = self.idle.get_mut(kind as usize) {
            *idle = change(*idle);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.queue.jobs.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.queue.ready.iter().for_each(Condvar::notify_all);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_descriptors_mean_few_readers() {
        assert_eq!(most_threads(None), [READERS, QUICK]);
        assert_eq!(most_threads(Some(1024)), [READERS, QUICK]);
        assert_eq!(most_threads(Some(64)), [11, 2]);
        assert_eq!(most_threads(Some(16)), [1, 0]);
        assert_eq!(most_threads(Some(3)), [1, 0], "one has to read");
    }
}
