//! A store and what is known of it, as whoever looks at it has both.
#![allow(dead_code, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use mltop::index::{Index, Point, Run};
use mltop::store::rest::settings::Settings;
use mltop::store::rest::{Address, RestStore};
use mltop::store::{self, Location, Store, Want};

/// A store and what is known of it.
pub struct Looked {
    pub store: Box<dyn Store>,
    pub index: Index,
    /// What is on screen.
    pub want: Want,
}

impl Looked {
    /// An `mlruns` folder, read whole.
    pub fn files(root: &Path) -> Self {
        Self::whole(store::open(&Location::Files(root.to_owned()), None).unwrap())
    }

    /// A database, read whole.
    pub fn database(path: &Path) -> Self {
        Self::whole(store::open(&Location::Sqlite(path.to_owned()), None).unwrap())
    }

    /// A server, read whole and then looked at: variables of whoever runs the test do not count.
    pub fn server(url: &str) -> Self {
        let mut store = rest(url);
        store.look_every(Duration::from_millis(500));
        let mut looked = Self::whole(Box::new(store));
        looked.store.on_arrival(Box::new(|| {}));
        looked
    }

    fn whole(mut store: Box<dyn Store>) -> Self {
        let index = store::read_all(store.as_mut()).unwrap();
        Self { index, ..Self::unread(store) }
    }

    /// A store of which nothing has been read.
    pub fn unread(store: Box<dyn Store>) -> Self {
        Self { store, index: Index::default(), want: Want::default() }
    }

    /// Shows all runs there are.
    pub fn show_all(&mut self) {
        self.want.visible = self.index.runs().map(|run| run.key).collect();
    }

    /// Reads what is due.
    pub fn read(&mut self) {
        let until = || Instant::now() + Duration::from_secs(1);
        while self.store.refresh(&mut self.index, &self.want, until()).unwrap().more {}
    }

    /// Looks until something is so, for as long as a user would wait. Without events: each look is a sweep, as where no
    /// watch works.
    #[track_caller]
    pub fn until(&mut self, what: &str, is_so: impl Fn(&Index) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is_so(&self.index) {
            assert!(Instant::now() < deadline, "never: {what}: {:?}", self.index.problems);
            self.store.sweep(&self.index, &self.want);
            self.read();
            sleep(Duration::from_millis(20));
        }
    }

    /// The run with this id.
    #[track_caller]
    pub fn run(&self, id: &str) -> &Run {
        run(&self.index, id).unwrap()
    }

    /// A whole history.
    pub fn points(&mut self, id: &str, metric: &str) -> Vec<Point> {
        let (run, key) = (self.run(id).key, self.index.keys.find(metric).unwrap());
        store::history(self.store.as_mut(), &self.index, run, key).unwrap().iter().collect()
    }

    /// Steps and values of a whole history.
    pub fn history(&mut self, id: &str, metric: &str) -> Vec<(i64, f64)> {
        self.points(id, metric).iter().map(|point| (point.step, point.value)).collect()
    }
}

/// The store behind a server, with no setting but its address.
pub fn rest(url: &str) -> RestStore {
    RestStore::with(Address::parse(url).unwrap(), Settings::default())
}

/// The run with this id.
pub fn run<'a>(index: &'a Index, id: &str) -> Option<&'a Run> {
    index.runs().find(|run| run.run_id() == id).map(AsRef::as_ref)
}

/// The latest value of a metric, and how many points it has.
pub fn metric(index: &Index, id: &str, name: &str) -> Option<(f64, u64)> {
    let found = run(index, id)?.metric(index.keys.find(name)?)?;
    Some((found.last.value, found.points))
}
