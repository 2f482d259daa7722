//! The readers: threads that do what is slow, so that a hundred files are asked for at once.
//!
//! On a disk whose cache is cold, and on network file systems, sixteen readers are five times as fast as one. Where all is
//! in memory more readers than processors only get in the way of whoever draws, so they become many when they are slow.
//! A job takes what it needs with it and gives it back, so readers share nothing but the names of keys.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{Builder, available_parallelism};
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit};

use super::agenda::Level;
use super::descriptors;
use super::interner::Interner;
use super::job::{Done, Hands, Job};

mod queue;

use queue::{Jobs, Kind, Kinds, Queue};

/// Threads at most that take any job; they are started as they are needed.
const READERS: usize = 16;
/// Threads at most that only take what somebody waits for, and do not step back for other programs meanwhile.
const QUICK: usize = 4;
/// Descriptors that a reader holds at most, but for keys with many slashes: experiment, run, a folder of it, a file; and
/// those that the rest of the program needs.
const DESCRIPTORS: u64 = 4;
const OTHER_DESCRIPTORS: u64 = 12;
/// Readers that take any job at first, on a machine with fewer processors; and how many come at a time when they are slow.
const FEW: usize = 2;
const MORE: usize = 4;
/// How often it is looked whether they are, and runs a millisecond below which they are: a disk or a server makes them wait.
/// From memory two of them read some 13 whole runs a millisecond.
const LOOK: Duration = Duration::from_millis(2);
const SLOW: u128 = 2;
/// How long none of them has to be slow until they become few again.
const CALM: Duration = Duration::from_secs(10);
/// How long those take at most that end.
const GONE: Duration = Duration::from_secs(1);
/// How much readers step back: a third of the share of a thread that does not.
const NICE: i32 = 5;
/// Stacks are small, since they count against limits of address space.
const STACK: usize = 512 << 10;

/// The readers.
pub struct Pool {
    queue: Arc<Queue>,
    keys: Arc<Interner>,
    send: Sender<(Level, Done)>,
    done: Receiver<(Level, Done)>,
    /// How many threads of each kind there may be.
    most: Kinds<usize>,
    /// How many that take any job are enough: at first, and just now.
    few: usize,
    enough: usize,
    /// When they were last seen to be slow, and when some were sent away whose memory has not been given back.
    slow: Instant,
    sent_away: Option<Instant>,
    /// What they had read when it was last looked how quick they are, and when that was.
    looked: (usize, Instant),
    /// Jobs that have not come back, by level.
    in_flight: [usize; Level::COUNT],
    /// When the last one came back, or the first went out when there was none: of those that read, and of those that look
    /// whether something has changed. A look that comes back does not tell that the others will; a reading that comes back
    /// tells that looks wait for their turn only.
    moved: [Instant; 2],
}

impl Pool {
    /// Readers who take the names of keys from `keys`.
    pub fn new(keys: Arc<Interner>) -> Self {
        let (send, done) = mpsc::channel();
        let most = most_threads(getrlimit(Resource::Nofile).current);
        let few = available_parallelism().map_or(FEW, usize::from).max(FEW).min(most.any);
        Self {
            queue: Arc::default(),
            keys,
            send,
            done,
            most,
            few,
            enough: few,
            slow: Instant::now(),
            sent_away: None,
            looked: (0, Instant::now()),
            in_flight: [0; Level::COUNT],
            moved: [Instant::now(); 2],
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

    /// Jobs of the two kinds that have not come back: those that read, and those that look.
    fn kinds(&self) -> [usize; 2] {
        let looks = self.at(Level::Idle);
        [self.in_flight() - looks, looks]
    }

    /// Since when no job of a kind has come back though there are some.
    pub fn waits_since(&self) -> Option<Instant> {
        let waiting = self.kinds().into_iter().zip(self.moved).filter(|(jobs, _)| *jobs > 0);
        waiting.map(|(_, moved)| moved).min()
    }

    fn moves(&mut self, level: Level) {
        let [reads, looks] = &mut self.moved;
        *looks = Instant::now();
        if level != Level::Idle {
            *reads = *looks;
        }
    }

    /// Has a job done.
    pub fn submit(&mut self, level: Level, job: Job) {
        self.give_back(level);
        let [reads, looks] = self.kinds();
        if (if level == Level::Idle { looks } else { reads }) == 0 {
            self.moves(level);
        }
        if let Some(count) = self.in_flight.get_mut(level as usize) {
            *count += 1;
        }
        let queue = self.queue.clone();
        let mut jobs = queue.jobs();
        self.send_away(&mut jobs);
        let place = jobs.waiting.iter().position(|(other, _)| *other > level).unwrap_or(jobs.waiting.len());
        jobs.waiting.insert(place, (level, job));
        let kind = Kind::of(level);
        let Kinds { any, quick } = jobs.idle;
        if any + quick > 0 || reads + looks == 0 {
            // Who has nothing to do is not slow, nor who has just begun.
            self.looked = (queue.read.load(Relaxed), Instant::now());
        }
        let is_short = if kind == Kind::Quick { any + quick } else { any } < jobs.waiting.len();
        if kind == Kind::Quick {
            queue.ready.quick.notify_one();
        }
        // Also for what the quick ones take: the one that was told may have been told of another job before it woke.
        if kind == Kind::Any || any > 0 {
            queue.ready.any.notify_one();
        }
        if is_short {
            self.start(kind, &mut jobs);
        }
        let Kinds { any, quick } = jobs.threads;
        drop(jobs);
        if any == 0 && (quick == 0 || kind == Kind::Any) {
            self.work_here();
        }
    }

    /// Where none has been slow for some time, has those end that have nothing to do, but for a few.
    fn send_away(&mut self, jobs: &mut Jobs) {
        if self.slow.elapsed() < CALM {
            return;
        }
        // Those that hang on a dead file system are not the few.
        jobs.leaving = jobs.idle.any.saturating_sub(self.few);
        if jobs.leaving > 0 {
            self.enough = jobs.threads.any.saturating_sub(jobs.leaving).max(self.few);
            self.sent_away = Some(Instant::now());
            (0..jobs.leaving).for_each(|_| self.queue.ready.any.notify_one());
        }
    }

    /// Gives back what readers took who were sent away some time ago, so that they are gone: when nobody waits for anything.
    fn give_back(&mut self, level: Level) {
        let is_gone = |sent: &mut Instant| sent.elapsed() >= GONE;
        if level == Level::Idle && self.in_flight() == 0 && self.sent_away.take_if(is_gone).is_some() {
            crate::memory::give_back();
        }
    }

    /// What has been done, as soon as something has; nothing when it is too late.
    pub fn wait(&mut self, until: Instant) -> Option<Done> {
        self.hurry();
        match self.done.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(done) => Some(self.count(done)),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        }
    }

    /// Starts more readers where those that there are have been slow and there is more to do.
    fn hurry(&mut self) {
        let (before, since) = self.looked;
        let (passed, most) = (since.elapsed(), self.most.any);
        if passed < LOOK || most == self.few {
            return;
        }
        let read = self.queue.read.load(Relaxed);
        self.looked = (read, Instant::now());
        let is_slow = ((read - before) as u128) < SLOW * passed.as_millis();
        let queue = self.queue.clone();
        let mut jobs = queue.jobs();
        let waiting = jobs.waiting.len();
        if is_slow && waiting > 0 {
            self.slow = Instant::now();
            jobs.leaving = 0;
            self.enough = (self.enough + MORE).min(most);
            (0..MORE.min(waiting)).for_each(|_| self.start(Kind::Any, &mut jobs));
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
        self.moves(level);
        done
    }

    /// Starts a thread where there are not enough of its kind; of the other kind where this one is complete and may be
    /// helped by it.
    fn start(&self, kind: Kind, jobs: &mut Jobs) {
        let Kinds { any, quick } = jobs.threads;
        let kind = if kind == Kind::Quick && quick < self.most.quick { Kind::Quick } else { Kind::Any };
        let most = if kind == Kind::Quick { self.most.quick } else { self.enough };
        let count = jobs.threads.of_mut(kind);
        if *count < most {
            let (queue, keys, send) = (self.queue.clone(), self.keys.clone(), self.send.clone());
            let work = move || {
                descriptors::own_table(); // no harm without
                if kind == Kind::Any {
                    step_back();
                }
                let mut hands = Hands::default();
                while let Some((level, job)) = queue.next(kind) {
                    let done = job.run_guarded(&mut hands, &keys, &queue.read);
                    // Nobody listens any more when the store has been closed.
                    if send.send((level, done)).is_err() {
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
            let next = self.queue.jobs().waiting.pop_front();
            let Some((level, job)) = next else { return };
            let done = job.run_guarded(&mut hands, &self.keys, &self.queue.read);
            let _ = self.send.send((level, done)); // we hold the receiver ourselves
        }
    }
}

/// How many threads may take any job and how many are quick ones, where a process may have so many descriptors: too many
/// readers would find that files cannot be opened, and say so of the files.
fn most_threads(descriptors: Option<u64>) -> Kinds<usize> {
    let all = descriptors.unwrap_or(u64::MAX).saturating_sub(OTHER_DESCRIPTORS) / DESCRIPTORS;
    let all = usize::try_from(all).unwrap_or(usize::MAX).clamp(1, READERS + QUICK);
    let quick = all / (1 + READERS / QUICK);
    Kinds { any: all - quick, quick }
}

/// Lets the threads that answer keys and compute rows go first where there are fewer processors than readers.
fn step_back() {
    use rustix::process::{getpriority_process, setpriority_process};
    let own = Some(rustix::thread::gettid());
    let _ = getpriority_process(own).and_then(|now| setpriority_process(own, now + NICE)); // no harm without
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.queue.jobs().closed = true;
        let Kinds { any, quick } = &self.queue.ready;
        any.notify_all();
        quick.notify_all();
    }
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn pool_that_has_read(runs: usize, in_time: Duration) -> Pool {
        let mut pool = Pool::new(Arc::default());
        pool.most = Kinds { any: READERS, quick: QUICK };
        (pool.few, pool.enough) = (FEW, FEW);
        pool.looked = (0, Instant::now().checked_sub(in_time).expect("a clock that has run for some time"));
        pool.queue.read.store(runs, Relaxed);
        pool
    }

    fn threads(pool: &Pool) -> (usize, usize) {
        let Kinds { any, quick } = pool.queue.jobs().threads;
        (any, quick)
    }

    #[test]
    fn readers_that_are_slow_become_many() {
        let mut pool = pool_that_has_read(5, Duration::from_millis(5));
        pool.queue.jobs().waiting.push_back((Level::Rest, Job::Look(Vec::new(), false)));
        pool.hurry();
        assert_eq!((pool.enough, threads(&pool)), (FEW + MORE, (1, 0)), "no more threads than jobs");
    }

    #[test]
    fn readers_that_are_quick_or_have_nothing_to_do_stay_few() {
        let mut quick = pool_that_has_read(1000, Duration::from_millis(5));
        quick.queue.jobs().waiting.push_back((Level::Rest, Job::Look(Vec::new(), false)));
        quick.hurry();
        assert_eq!((quick.enough, threads(&quick)), (FEW, (0, 0)));
        let mut idle = pool_that_has_read(0, Duration::from_millis(5));
        idle.hurry();
        assert_eq!((idle.enough, threads(&idle)), (FEW, (0, 0)));
    }

    #[test]
    fn readers_become_few_again_when_none_has_been_slow_for_some_time() {
        let mut pool = pool_that_has_read(0, Duration::ZERO);
        pool.enough = READERS;
        let until = |pool: &Pool, is: fn(&Jobs) -> bool| {
            let since = Instant::now();
            while !is(&pool.queue.jobs()) {
                assert!(since.elapsed() < Duration::from_secs(10), "{:?}", threads(pool));
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        (0..READERS).for_each(|_| pool.start(Kind::Any, &mut pool.queue.clone().jobs()));
        until(&pool, |jobs| jobs.idle.any == READERS);
        pool.submit(Level::Idle, Job::Look(Vec::new(), false));
        assert_eq!((pool.enough, threads(&pool).0), (READERS, READERS), "they have been slow just now");
        until(&pool, |jobs| jobs.idle.any == READERS);
        pool.slow = Instant::now().checked_sub(2 * CALM).expect("a clock that has run for some time");
        pool.submit(Level::Idle, Job::Look(Vec::new(), false));
        until(&pool, |jobs| jobs.idle.any == FEW && jobs.leaving == 0);
        assert_eq!((pool.enough, threads(&pool).0), (FEW, FEW));
        // These are enough for what comes, and stay.
        pool.submit(Level::Idle, Job::Look(Vec::new(), false));
        until(&pool, |jobs| jobs.idle.any == FEW && jobs.waiting.is_empty());
        assert_eq!(threads(&pool).0, FEW);
        let soon = Instant::now() + Duration::from_secs(10);
        let done = (0..3).filter_map(|_| pool.wait(soon)).count();
        assert_eq!((done, pool.in_flight()), (3, 0));
    }

    #[test]
    fn readers_that_hang_are_not_the_few() {
        let mut pool = pool_that_has_read(0, Duration::ZERO);
        pool.slow = Instant::now().checked_sub(2 * CALM).expect("a clock that has run for some time");
        let queue = pool.queue.clone();
        let mut jobs = queue.jobs();
        (jobs.threads.any, jobs.idle.any) = (6, 3);
        pool.send_away(&mut jobs);
        assert_eq!((jobs.leaving, pool.enough), (1, 5));
    }

    #[test]
    fn looks_that_come_back_do_not_hide_that_nothing_is_read() {
        let mut pool = Pool::new(Arc::default());
        let long_ago =
            Instant::now().checked_sub(Duration::from_secs(9)).expect("a clock that has run for some time");
        (pool.moved, pool.in_flight) = ([long_ago; 2], [0, 0, 0, 1, 0, 1]);
        assert_eq!(pool.waits_since(), Some(long_ago));
        pool.count((Level::Idle, Done::Look(Vec::new())));
        assert_eq!(pool.waits_since(), Some(long_ago));
        pool.count((Level::Rest, Done::Runs(Vec::new())));
        assert_eq!(pool.waits_since(), None);
    }

    #[test]
    fn few_descriptors_mean_few_readers() {
        assert_eq!(most_threads(None), Kinds { any: READERS, quick: QUICK });
        assert_eq!(most_threads(Some(1024)), Kinds { any: READERS, quick: QUICK });
        assert_eq!(most_threads(Some(64)), Kinds { any: 11, quick: 2 });
        assert_eq!(most_threads(Some(16)), Kinds { any: 1, quick: 0 });
        assert_eq!(most_threads(Some(3)), Kinds { any: 1, quick: 0 }, "one has to read");
    }
}
