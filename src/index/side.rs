//! Something that is kept of some runs beside them, since most stores never need it.

use std::sync::Arc;

use super::RunKey;

/// Runs that are copied together when one of them changes after a clone.
const CHUNK: usize = 256;
/// Bits of a word that says which of them have a value.
const WORD: usize = u64::BITS as usize;

#[derive(Clone, Debug)]
struct Chunk<T> {
    has: [u64; CHUNK / WORD],
    values: Vec<T>,
}

/// A value for some runs, by their slots. Clones share what has not changed since, like [`super::Slots`].
#[derive(Debug)]
pub struct Side<T> {
    chunks: Vec<Option<Arc<Chunk<T>>>>,
}

impl<T> Default for Side<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T> Clone for Side<T> {
    fn clone(&self) -> Self {
        Self { chunks: self.chunks.clone() }
    }
}

/// Where the value of a run is: the chunk, the place in it, the word and the bit that tell whether it is there.
fn place(run: RunKey) -> (usize, usize, usize, u64) {
    let slot = run.0 as usize;
    let at = slot % CHUNK;
    (slot / CHUNK, at, at / WORD, 1 << (at % WORD))
}

impl<T: Clone + Default> Side<T> {
    /// The value of a run.
    pub fn get(&self, run: RunKey) -> Option<&T> {
        let (chunk, at, word, bit) = place(run);
        let chunk = self.chunks.get(chunk)?.as_deref()?;
        chunk.has.get(word).filter(|word| *word & bit != 0)?;
        chunk.values.get(at)
    }

    /// Gives a run a value, in place of the one that it has.
    pub fn set(&mut self, run: RunKey, value: T) {
        let (chunk, at, word, bit) = place(run);
        if self.chunks.len() <= chunk {
            self.chunks.resize_with(chunk + 1, || None);
        }
        let Some(slot) = self.chunks.get_mut(chunk) else { return };
        let empty = || Arc::new(Chunk { has: [0; CHUNK / WORD], values: vec![T::default(); CHUNK] });
        let chunk = Arc::make_mut(slot.get_or_insert_with(empty));
        chunk.has.iter_mut().skip(word).take(1).for_each(|word| *word |= bit);
        chunk.values.iter_mut().skip(at).take(1).for_each(|old| *old = value.clone());
    }

    /// Takes a run's value away; says whether there was one.
    pub fn remove(&mut self, run: RunKey) -> bool {
        if self.get(run).is_none() {
            return false;
        }
        let (chunk, at, word, bit) = place(run);
        let Some(Some(chunk)) = self.chunks.get_mut(chunk) else { return false };
        let chunk = Arc::make_mut(chunk);
        chunk.has.iter_mut().skip(word).take(1).for_each(|word| *word &= !bit);
        chunk.values.iter_mut().skip(at).take(1).for_each(|old| *old = T::default());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn values_are_where_they_were_put(
            edits in proptest::collection::vec((0u32..700, proptest::option::of(0u8..9)), 0..80),
        ) {
            let (mut side, mut plain) = (Side::default(), BTreeMap::new());
            let mut before = side.clone();
            for (place, (run, value)) in edits.iter().enumerate() {
                if place == edits.len() / 2 {
                    before = side.clone();
                }
                match value {
                    Some(value) => {
                        side.set(RunKey(*run), *value);
                        plain.insert(*run, *value);
                    }
                    None => prop_assert_eq!(side.remove(RunKey(*run)), plain.remove(run).is_some()),
                }
            }
            for run in 0..700 {
                prop_assert_eq!(side.get(RunKey(run)), plain.get(&run));
            }
            let kept: BTreeMap<u32, u8> = edits.iter().take(edits.len() / 2).fold(BTreeMap::new(), |mut map, (run, value)| {
                match value { Some(value) => map.insert(*run, *value), None => map.remove(run) };
                map
            });
            for run in 0..700 {
                prop_assert_eq!(before.get(RunKey(run)), kept.get(&run));
            }
            prop_assert_eq!(side.get(RunKey(u32::MAX)), None);
        }
    }
}
