//! What a metric file has gained since it was read, and long files several at a time: the points of one run may fill
//! hundreds of megabytes.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Builder};

use super::{MetricFile, OddFile, Read, fold};
use crate::index::{Key, Run};
use crate::series::Position;
use crate::store::files::metric::{self, Budget, Latest};
use crate::store::files::open::{Fault, OpenFile};
use crate::terminal;

/// Bytes from which it pays to have another thread.
pub const LARGE: u64 = 1 << 20;
/// Threads at most for the files of one run.
const THREADS: usize = 8;
/// Stacks are small, since they count against limits of address space.
const STACK: usize = 256 << 10;

/// A metric file that has to be read, from where it was left or from the top.
pub struct Grown {
    pub key: Key,
    /// How far it was read.
    pub before: Option<MetricFile>,
    /// What was odd about it.
    pub odd: OddFile,
    pub open: OpenFile,
    /// Nobody writes any more, so a last line without a newline counts.
    pub settled: bool,
}

impl Grown {
    /// Reads it to its end. `page` is memory to read into.
    pub fn read(&self, run: &Run, page: &mut Vec<u8>) -> Result<Read, Fault> {
        let (open, key) = (&self.open, self.key);
        let stamp = open.stamp;
        let (mut position, mut latest) = self.begin(run)?;
        let mut odd = match position.offset {
            0 => OddFile::default(),
            offset if self.odd == OddFile::default() => OddFile::plain(offset, latest.points),
            _ => self.odd.clone(),
        };
        let look = metric::read_new(open, &mut position, self.settled, &mut latest, page, Budget::ALL)?;
        if look.restarted {
            odd = OddFile::default();
        }
        if let (0, Some(first)) = (odd.first_bad, look.new.first_bad) {
            odd.first_bad = odd.lines + first;
        }
        odd.lines += look.new.lines;
        odd.bad += look.new.bad;
        (odd.size, odd.waiting, odd.open_end, odd.tail) =
            (stamp.size, look.unfinished, position.open_end, false);
        let file =
            MetricFile { check: fold(position.check), offset: position.offset, ..MetricFile::of(key, stamp) };
        Ok(Read { file, odd, latest, exact: true })
    }

    /// Where to read on: behind what was read, if that still stands there.
    fn begin(&self, run: &Run) -> Result<(Position, Latest), Fault> {
        let stamp = self.open.stamp;
        let is_it = |before: &MetricFile| {
            before.ident == MetricFile::of(self.key, stamp).ident && stamp.size >= before.offset
        };
        let Some(before) = self.before.filter(is_it) else { return Ok(Default::default()) };
        let check = metric::check(&self.open.file, before.offset)?;
        if fold(check) != before.check {
            return Ok(Default::default());
        }
        let (offset, open_end) = (before.offset, self.odd.open_end);
        let position = Position { file: stamp.file, offset, check, open_end, inside: false };
        let metric = run.metric(self.key);
        let (best, points) = (metric.map(|metric| metric.last), metric.map_or(0, |metric| metric.points));
        Ok((position, Latest { best, points }))
    }
}

/// Reads long files of one run, each by one thread, and gives what they gave in their order.
pub fn read_all(files: &[&Grown], run: &Run, page: &mut Vec<u8>) -> Vec<Result<Read, Fault>> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(THREADS).min(files.len());
    let next = AtomicUsize::new(0);
    let work = |page: &mut Vec<u8>| {
        let mut done = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(file) = files.get(place) else { return done };
            done.push((place, file.read(run, page)));
        }
    };
    let mut done: Vec<(usize, Result<Read, Fault>)> = thread::scope(|scope| {
        let work = &work;
        // Without another thread it only takes longer. What a thread loses to a bug is told by its own panic.
        let others: Vec<_> = (1..threads)
            .filter_map(|_| {
                let builder = Builder::new().name("long".to_owned()).stack_size(STACK);
                builder.spawn_scoped(scope, move || terminal::caught(|| work(&mut Vec::new()))).ok()
            })
            .collect();
        let mine = work(page);
        let others = others.into_iter().filter_map(|other| other.join().ok()?.ok());
        others.flatten().chain(mine).collect()
    });
    let lost = || Err(Fault::System(std::io::Error::other("internal error")));
    done.sort_by_key(|(place, _)| *place);
    let mut found = done.into_iter().peekable();
    (0..files.len())
        .map(|place| found.next_if(|(at, _)| *at == place).map_or_else(lost, |(_, read)| read))
        .collect()
}
