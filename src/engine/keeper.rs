//! Keeps what the user settles, on a thread of its own: a disk may be slow, full or not there.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::Message;
use crate::app::{Event, Notice};
use crate::shown::{Shown, shown};
use crate::state::Edit;
use crate::state::file::StateFile;

/// What the keeper is told.
pub enum Ask {
    /// Something was settled.
    Keep(Box<Edit>),
    /// Keep everything now, then end.
    Close(Sender<()>),
}

/// So long it waits for more before it writes: a key held down is one change.
const GATHER: Duration = Duration::from_millis(300);

/// Runs until nobody asks any more. Without a file nothing is kept, and nobody needs to be told.
pub fn run(file: Option<&StateFile>, asked: &Receiver<Ask>, send: &Sender<Message>) {
    let tell = |what: String| {
        let notice = Notice { text: Shown::own(what), bad: true };
        send.send(Message::Event(Event::Notice(notice)))
    };
    match file.map(StateFile::load) {
        Some(Ok(state)) => drop(send.send(Message::Event(Event::State(Box::new(state))))),
        Some(Err(error)) => {
            drop(tell(format!("views and filters could not be read: {}", shown(&error.to_string()))))
        }
        None => {}
    }
    let mut edits: Vec<Edit> = Vec::new();
    let mut until = None;
    loop {
        let ask = match until {
            None => asked.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(until) => asked.recv_timeout(Instant::saturating_duration_since(&until, Instant::now())),
        };
        let closing = match ask {
            Ok(Ask::Keep(edit)) => {
                push(&mut edits, *edit);
                until.get_or_insert_with(|| Instant::now() + GATHER);
                continue;
            }
            Ok(Ask::Close(closed)) => Some(closed),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        until = None;
        let is_asked_for = edits.iter().any(Edit::is_asked_for);
        let edits = std::mem::take(&mut edits);
        let kept = file.filter(|_| !edits.is_empty()).map_or(Ok(()), |file| file.add(edits));
        if let Err(error) = kept
            && is_asked_for
            && tell(format!(
                "kept only until the end, it could not be written: {}",
                shown(&error.to_string())
            ))
            .is_err()
        {
            return;
        }
        if let Some(closed) = closing {
            let _ = closed.send(()); // nobody may wait any more
            return;
        }
    }
}

/// Only the last look at an experiment counts.
fn push(edits: &mut Vec<Edit>, edit: Edit) {
    if let Edit::Look(of, _) = &edit {
        edits.retain(|earlier| !matches!(earlier, Edit::Look(other, _) if other == of));
    }
    edits.push(edit);
}
