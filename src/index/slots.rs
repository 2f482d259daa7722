//! A growing list whose clones share what has not changed since.

use std::sync::Arc;

/// Entries that are copied together when one of them changes after a clone: 2 KiB.
const CHUNK: usize = 256;

/// Slots that are filled once, may change and may become empty, and are never used again for something else.
///
/// A clone costs one pointer per 256 slots: an index of 100,000 runs is published several times a second while it is read.
#[derive(Debug)]
pub struct Slots<T> {
    chunks: Vec<Arc<Vec<Option<Arc<T>>>>>,
    len: usize,
}

/// A slot before and now.
pub type Change<'a, T> = (Option<&'a Arc<T>>, Option<&'a Arc<T>>);

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }
}

impl<T> Clone for Slots<T> {
    fn clone(&self) -> Self {
        Self { chunks: self.chunks.clone(), len: self.len }
    }
}

impl<T> Slots<T> {
    /// Slots there are, empty ones too.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no slot.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What is in a slot.
    pub fn get(&self, slot: usize) -> Option<&Arc<T>> {
        self.chunks.get(slot / CHUNK)?.get(slot % CHUNK)?.as_ref()
    }

    /// Makes a slot; gives its number.
    pub fn push(&mut self, value: T) -> usize {
        if self.len.is_multiple_of(CHUNK) {
            self.chunks.push(Arc::new(Vec::with_capacity(CHUNK)));
        }
        if let Some(chunk) = self.chunks.last_mut() {
            let chunk = Arc::make_mut(chunk);
            // A chunk that was copied for a clone has no room to grow.
            chunk.reserve_exact(CHUNK - chunk.len());
            chunk.push(Some(Arc::new(value)));
        }
        self.len += 1;
        self.len - 1
    }

    /// Puts something into a slot that exists, or empties it.
    pub fn set(&mut self, slot: usize, value: Option<T>) {
        let Some(chunk) = self.chunks.get_mut(slot / CHUNK) else { return };
        let Some(place) = Arc::make_mut(chunk).get_mut(slot % CHUNK) else { return };
        let Some(value) = value else { return *place = None };
        // In place where nobody else looks at it: the allocation is used again.
        if let Some(old) = place.as_mut().and_then(Arc::get_mut) {
            *old = value;
        } else {
            *place = Some(Arc::new(value));
        }
    }

    /// Slots whose content is another one than `before`, an earlier clone: what was there, and what is. Costs little where
    /// little has changed.
    pub fn changes<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = Change<'a, T>> {
        let chunks = self.chunks.iter().enumerate();
        let differing = chunks.filter_map(|(at, chunk)| {
            let old = before.chunks.get(at);
            old.is_none_or(|old| !Arc::ptr_eq(old, chunk)).then_some((old, chunk))
        });
        differing.flat_map(|(old, chunk)| {
            let pairs = chunk.iter().enumerate().map(move |(at, now)| {
                (old.and_then(|old| old.get(at)).and_then(Option::as_ref), now.as_ref())
            });
            pairs.filter(|(old, now)| old.map(Arc::as_ptr) != now.map(Arc::as_ptr))
        })
    }

    /// What is in the slots, in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<T>> {
        self.chunks.iter().flat_map(|chunk| chunk.iter()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_clone_does_not_change(
            count in 1usize..1000,
            changes in proptest::collection::vec((0usize..1000, any::<Option<u32>>()), 0..50),
        ) {
            let mut slots = Slots::default();
            (0..count).for_each(|i| assert_eq!(slots.push(i as u32), i));
            let before = slots.clone();
            let untouched: Vec<Option<u32>> = (0..count).map(|i| Some(i as u32)).collect();
            let mut plain: Vec<Option<u32>> = (0..count).map(|i| Some(i as u32)).collect();
            for (slot, value) in changes {
                slots.set(slot, value);
                if let Some(place) = plain.get_mut(slot) {
                    *place = value;
                }
            }
            slots.push(7);
            plain.push(Some(7));
            prop_assert_eq!(before.iter().map(|v| **v).collect::<Vec<_>>(), (0..count as u32).collect::<Vec<_>>());
            let changed: Vec<_> = slots.changes(&before).map(|(old, now)| (old.map(|v| **v), now.map(|v| **v))).collect();
            let differ = |(old, now): &(Option<u32>, Option<u32>)| old != now;
            let pairs = plain.iter().enumerate().map(|(i, now)| (untouched.get(i).copied().flatten(), *now));
            // The same value put there again may be told as a change, which does no harm.
            prop_assert_eq!(changed.into_iter().filter(differ).collect::<Vec<_>>(), pairs.filter(differ).collect::<Vec<_>>());
            prop_assert_eq!((0..slots.len()).map(|i| slots.get(i).map(|v| **v)).collect::<Vec<_>>(), plain);
        }
    }
}
