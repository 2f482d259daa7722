//! Something for each name that occurs: keys are small numbers, so there is nothing to hash.

use crate::index::{Key, Keys};

/// Values by key, in the order in which they were first asked for.
#[derive(Debug)]
pub struct ByKey<T> {
    /// One more than the place in the list; nothing for a key that was never asked for.
    places: Vec<u32>,
    /// All of them.
    pub list: Vec<(Key, T)>,
}

impl<T: Default> ByKey<T> {
    /// Nothing yet.
    pub fn new(keys: &Keys) -> Self {
        Self { places: vec![0; keys.len()], list: Vec::new() }
    }

    /// The value of a key; none for a key of another store.
    pub fn of(&mut self, key: Key) -> Option<&mut T> {
        let place = self.places.get_mut(key.0 as usize)?;
        if *place == 0 {
            self.list.push((key, T::default()));
            *place = self.list.len() as u32;
        }
        self.list.get_mut(*place as usize - 1).map(|(_, value)| value)
    }
}
