//! Answers queries: of all that have arrived, only the newest counts.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};

use super::Message;
use crate::app::Event;
use crate::app::filter_bar::Asked;
use crate::index::Index;
use crate::query::{Answers, Query, columns, filter};

/// What the query thread is told.
pub enum Ask {
    /// The store has changed.
    Index(Arc<Index>),
    /// The user asks something else.
    Query(Arc<Query>),
    /// All columns of the runs that a query is about.
    Columns(Arc<Query>),
    /// What can be typed next in a filter.
    Complete(Asked),
    /// Answer from what is known now, whatever comes; or from the newest again.
    Freeze(bool),
}

/// Runs until nobody asks any more.
pub fn run(asked: &Receiver<Ask>, send: &Sender<Message>) {
    let mut newest: Arc<Index> = Arc::default();
    let mut frozen: Option<Arc<Index>> = None;
    let mut query: Arc<Query> = Arc::default();
    let mut answers = Answers::default();
    while let Ok(first) = asked.recv() {
        let (mut is_new, mut columns_of, mut complete) = (false, None, None);
        for ask in std::iter::once(first).chain(asked.try_iter()) {
            match ask {
                Ask::Index(newer) => {
                    newest = newer;
                    // While the picture is frozen, what is new is no reason to draw.
                    is_new |= frozen.is_none();
                }
                Ask::Query(newer) => (query, is_new) = (newer, true),
                Ask::Columns(query) => columns_of = Some(query),
                Ask::Complete(asked) => complete = Some(asked),
                Ask::Freeze(freeze) => {
                    frozen = freeze.then(|| frozen.take().unwrap_or_else(|| newest.clone()));
                    is_new = true;
                }
            }
        }
        let index = frozen.as_ref().unwrap_or(&newest);
        if query.undecided && index.latest.is_some() {
            query = Arc::new(Query { experiment: index.latest, undecided: false, ..(*query).clone() });
        }
        let rows = is_new.then(|| Event::Rows(Arc::new(answers.rows(index, &query))));
        let columns = columns_of.map(|of| Event::Columns(of.experiment, Arc::new(columns::all(index, &of))));
        let completed = complete.map(|asked| {
            let completion = filter::complete(&asked.text, asked.at, index, asked.experiment);
            Event::Completed(asked, completion)
        });
        for event in [rows, columns, completed].into_iter().flatten() {
            if send.send(Message::Event(event)).is_err() {
                return;
            }
        }
    }
}
