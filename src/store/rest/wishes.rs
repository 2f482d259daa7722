//! What somebody looks at just now and waits for: artifacts, their beginnings, datasets and models of a run.

use std::collections::VecDeque;

use super::ask::{Answer, Question};
use super::failure::Failure;
use super::paging::{Paging, Turn};
use crate::index::{Index, RunKey};
use crate::store::{Artifact, Error, Inputs, Listing, Preview};

/// Wishes that are remembered; the oldest are of screens that were left.
const MOST: usize = 64;
/// Entries of one folder that are listed.
const ENTRIES: usize = 100_000;
/// A wish that fails so often is not granted.
const TRIES: u32 = 2;

/// A wish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// A folder of artifacts.
    Listing(RunKey, String),
    /// The beginning of an artifact.
    Preview(RunKey, String, usize),
    /// Datasets and models.
    Inputs(RunKey),
}

/// What came of it.
#[derive(Debug)]
pub enum Granted {
    /// Of [`Wish::Listing`].
    Listing(Listing),
    /// Of [`Wish::Preview`].
    Preview(Result<Preview, Error>),
    /// Of [`Wish::Inputs`].
    Inputs(Inputs),
}

#[derive(Debug, Default)]
struct State {
    in_flight: bool,
    tries: u32,
    paging: Paging,
    entries: Vec<Artifact>,
    granted: Option<Granted>,
}

/// All wishes, the oldest first.
#[derive(Debug, Default)]
pub struct Wishes(VecDeque<(Wish, State)>);

impl Wishes {
    /// What came of a wish; until then it is one.
    pub fn take(&mut self, wish: Wish) -> Option<Granted> {
        if let Some(at) = self.0.iter().position(|(other, _)| *other == wish) {
            let granted = self.0.get_mut(at).and_then(|(_, state)| state.granted.take());
            if granted.is_some() {
                self.0.remove(at);
            }
            return granted;
        }
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back((wish, State::default()));
        None
    }

    fn state(&mut self, wish: &Wish) -> Option<&mut State> {
        self.0.iter_mut().find(|(other, _)| other == wish).map(|(_, state)| state)
    }

    /// The next question. Wishes about runs that have gone are granted with nothing.
    pub fn question(&mut self, index: &Index) -> Option<(Wish, Question)> {
        for (wish, state) in &mut self.0 {
            if state.in_flight || state.granted.is_some() {
                continue;
            }
            let (Wish::Listing(key, _) | Wish::Preview(key, ..) | Wish::Inputs(key)) = wish;
            let Some(run_id) = index.run(*key).map(|run| run.run_id().to_owned()) else {
                state.granted = Some(wish.refused("the run is gone"));
                continue;
            };
            state.in_flight = true;
            let question = match wish {
                Wish::Listing(_, path) => {
                    Question::Artifacts { run_id, path: path.clone(), token: state.paging.token.clone() }
                }
                Wish::Preview(_, path, limit) => {
                    Question::Download { run_id, path: path.clone(), limit: *limit }
                }
                Wish::Inputs(_) => Question::Run(run_id),
            };
            return Some((wish.clone(), question));
        }
        None
    }

    /// An answer has come.
    pub fn answered(&mut self, wish: &Wish, answer: Answer) {
        let Some(state) = self.state(wish) else { return };
        state.in_flight = false;
        state.granted = match answer {
            Answer::Artifacts(files) => {
                let new = files.page.len();
                state.entries.extend(files.page);
                let turn = state.paging.turn(files.next, new, std::time::Duration::ZERO);
                if turn == Turn::More && state.entries.len() < ENTRIES {
                    return;
                }
                let mut entries = std::mem::take(&mut state.entries);
                entries.sort_by(|a, b| a.path.cmp(&b.path));
                entries.dedup_by(|a, b| a.path == b.path);
                let root = files.root.map(|root| super::masked(&root));
                let note = match turn {
                    Turn::End => None,
                    Turn::More => Some(format!("only the first {ENTRIES} entries are listed")),
                    Turn::Loop => {
                        Some("the server's pages go round in circles: not all may be listed".to_owned())
                    }
                };
                Some(Granted::Listing(Listing { root, entries, note }))
            }
            Answer::Download(preview) => Some(Granted::Preview(Ok(preview))),
            Answer::Run(run) => Some(Granted::Inputs(run.1)),
            _ => None,
        };
    }

    /// No answer has come. What may pass is tried once more.
    pub fn failed(&mut self, wish: &Wish, failure: &Failure) {
        let Some(state) = self.state(wish) else { return };
        state.in_flight = false;
        state.tries += 1;
        if state.tries >= TRIES || !failure.passes() {
            state.granted = Some(wish.refused(&failure.to_string()));
        }
    }

    /// Nothing will come: whoever waits is told why.
    pub fn give_up(&mut self, why: &str) {
        for (wish, state) in &mut self.0 {
            state.granted.get_or_insert_with(|| wish.refused(why));
        }
    }
}

impl Wish {
    fn refused(&self, why: &str) -> Granted {
        match self {
            Self::Listing(..) => {
                Granted::Listing(Listing { note: Some(why.to_owned()), ..Listing::default() })
            }
            Self::Preview(..) => Granted::Preview(Err(Error(why.to_owned()))),
            Self::Inputs(_) => Granted::Inputs(Inputs { note: Some(why.to_owned()), ..Inputs::default() }),
        }
    }
}
