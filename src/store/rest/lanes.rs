//! The threads that wait for the server, so that nobody else does.
//!
//! There are two, so at most two requests are on their way. They are given one question at a time: which comes next is
//! decided by the store when one of them is free, since what is on screen may be another by then.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use super::ask::{Answer, Question};
use super::client::Client;
use super::failure::Failure;
use crate::store::files::interner::Interner;

/// Requests at once.
pub const LANES: usize = 2;
/// JSON is parsed without recursion beyond serde_json's limit, so stacks can be small.
const STACK: usize = 1 << 20;

/// Numbers the questions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(u64);

/// What came of a question.
#[derive(Debug)]
pub struct Arrival {
    /// Which question.
    pub ticket: Ticket,
    /// The answer, or why there is none.
    pub answer: Result<Answer, Failure>,
    /// How long it took.
    pub took: Duration,
}

/// Told when something arrives.
pub type Wake = Box<dyn Fn() + Send>;

/// The request threads.
pub struct Lanes {
    client: Client,
    keys: Arc<Interner>,
    questions: Sender<(Ticket, Question)>,
    waiting: Arc<Mutex<Receiver<(Ticket, Question)>>>,
    arrived: Receiver<Arrival>,
    arrive: Sender<Arrival>,
    wake: Arc<Mutex<Option<Wake>>>,
    /// Threads that run: none before the first question.
    started: usize,
    flying: usize,
    last: u64,
    /// One that arrived while somebody waited.
    early: Option<Arrival>,
}

impl Lanes {
    /// No thread runs before there is a question.
    pub fn new(client: Client, keys: Arc<Interner>) -> Self {
        let (questions, waiting) = mpsc::channel();
        let (arrive, arrived) = mpsc::channel();
        Self {
            client,
            keys,
            questions,
            waiting: Arc::new(Mutex::new(waiting)),
            arrived,
            arrive,
            wake: Arc::default(),
            started: 0,
            flying: 0,
            last: 0,
            early: None,
        }
    }

    /// Has `wake` called whenever something arrives.
    pub fn on_arrival(&mut self, wake: Wake) {
        *self.wake.lock().unwrap_or_else(PoisonError::into_inner) = Some(wake);
    }

    /// Questions on their way.
    pub fn in_flight(&self) -> usize {
        self.flying
    }

    /// Sends a question on its way. None when the system gives no thread.
    pub fn ask(&mut self, question: Question) -> Option<Ticket> {
        if self.started < LANES && self.in_flight() >= self.started {
            self.start();
        }
        if self.started == 0 {
            return None;
        }
        self.last += 1;
        let ticket = Ticket(self.last);
        self.flying += 1;
        self.questions.send((ticket, question)).ok().map(|()| ticket)
    }

    fn start(&mut self) {
        let (waiting, arrive) = (self.waiting.clone(), self.arrive.clone());
        let (client, keys, wake) = (self.client.clone(), self.keys.clone(), self.wake.clone());
        let work = move || {
            loop {
                let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
                let Ok((ticket, question)) = next else { return };
                let begun = Instant::now();
                let answer = question.ask(&client, &keys);
                if arrive.send(Arrival { ticket, answer, took: begun.elapsed() }).is_err() {
                    return; // the store has gone
                }
                if let Some(wake) = &*wake.lock().unwrap_or_else(PoisonError::into_inner) {
                    wake();
                }
            }
        };
        if Builder::new().name("request".to_owned()).stack_size(STACK).spawn(work).is_ok() {
            self.started += 1;
        }
    }

    /// What has arrived.
    pub fn next(&mut self) -> Option<Arrival> {
        let arrival = self.early.take().or_else(|| self.arrived.try_recv().ok())?;
        self.flying = self.flying.saturating_sub(1);
        Some(arrival)
    }

    /// Waits until something has arrived, or until then.
    pub fn wait(&mut self, until: Instant) {
        let wait = until.saturating_duration_since(Instant::now());
        if self.early.is_some() {
            return;
        }
        self.early = self.arrived.recv_timeout(wait).ok();
    }
}
