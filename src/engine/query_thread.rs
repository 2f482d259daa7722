//! Answers queries: of all that have arrived, only the newest counts.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};

use super::Message;
use crate::app::Event;
use crate::index::Index;
use crate::query::{Answers, Query};

/// What the query thread is told.
pub enum Ask {
    /// The store has changed.
    Index(Arc<Index>),
    /// The user asks something else.
    Query(Arc<Query>),
}

/// Runs until nobody asks any more.
pub fn run(asked: &Receiver<Ask>, send: &Sender<Message>) {
    let mut index: Arc<Index> = Arc::default();
    let mut query: Arc<Query> = Arc::default();
    let mut answers = Answers::default();
    while let Ok(first) = asked.recv() {
        for ask in std::iter::once(first).chain(asked.try_iter()) {
            match ask {
                Ask::Index(newer) => index = newer,
                Ask::Query(newer) => query = newer,
            }
        }
        if query.undecided && index.latest.is_some() {
            query = Arc::new(Query { experiment: index.latest, undecided: false, ..(*query).clone() });
        }
        let rows = Arc::new(answers.rows(&index, &query));
        if send.send(Message::Event(Event::Rows(rows))).is_err() {
            return;
        }
    }
}
