//! What was announced and nobody has looked at yet. At most some versions of the index are shown in a second, so what
//! is announced in between is collected: the store thread wakes once for all of it, not for each event.

use std::sync::{Arc, Mutex, PoisonError};

use crate::watch::Change;

/// So much is not left lying.
const FULL: usize = 8192;

/// A box that the watcher's thread fills and the store's thread empties.
#[derive(Clone, Debug, Default)]
pub struct Mail(Arc<Mutex<Vec<Change>>>);

impl Mail {
    /// Puts something in; says whether the store thread has to be told, for the first and when there is too much.
    pub fn post(&self, change: Change) -> bool {
        let mut changes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        changes.push(change);
        changes.len() == 1 || changes.len().is_multiple_of(FULL)
    }

    /// How much there is.
    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether there is too much to wait any longer.
    pub fn is_full(&self) -> bool {
        self.len() >= FULL
    }

    /// Takes everything, in the order in which it was announced.
    pub fn take(&self) -> Vec<Change> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_lot_and_too_much_are_told() {
        let mail = Mail::default();
        assert!(mail.post(Change::Lost));
        assert!((2..FULL).all(|_| !mail.post(Change::Lost)) && !mail.is_full());
        assert!(mail.post(Change::Lost) && mail.is_full());
        assert_eq!(mail.take().len(), FULL);
        assert_eq!(mail.len(), 0);
        assert!(mail.post(Change::Lost), "it is empty again");
    }
}
