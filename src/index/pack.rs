//! Pairs of a key and a text, packed into bytes: a table sorted by key, then all texts.
//!
//! A param costs eight bytes and its value. Interning the values too would cost no less (a pointer is as long as most
//! of them), would have to be cleaned up in a program that runs for weeks, and a packed run can go into the cache and
//! come back as it is.

use super::Key;

/// Bytes of an entry of the table: the key, and where its text ends.
const ENTRY: usize = 8;
/// Bytes of texts that one table holds at most, so that all offsets of a run fit into 32 bits.
pub const MOST: usize = 1 << 29;

/// Packed pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pairs<'a> {
    table: &'a [u8],
    text: &'a [u8],
}

impl<'a> Pairs<'a> {
    /// Pairs that [`Sheet::write`] wrote. Bytes that it did not write give fewer or other pairs, never a panic.
    pub fn read(bytes: &'a [u8]) -> Self {
        let packed = || {
            let (count, rest) = bytes.split_first_chunk()?;
            let (table, text) =
                rest.split_at_checked((u32::from_le_bytes(*count) as usize).checked_mul(ENTRY)?)?;
            Some(Self { table, text })
        };
        packed().unwrap_or_default()
    }

    /// How many there are.
    pub fn len(self) -> usize {
        self.table.len() / ENTRY
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.table.is_empty()
    }

    /// The text of a key.
    pub fn get(self, key: Key) -> Option<&'a str> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.entry(middle)?.0.cmp(&key.0) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Equal => return self.text(middle),
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// All pairs, sorted by key.
    pub fn iter(self) -> impl ExactSizeIterator<Item = (Key, &'a str)> {
        (0..self.len()).map(move |place| {
            (Key(self.entry(place).unwrap_or_default().0), self.text(place).unwrap_or_default())
        })
    }

    /// All keys, sorted.
    pub fn keys(self) -> impl ExactSizeIterator<Item = Key> {
        (0..self.len()).map(move |place| Key(self.entry(place).unwrap_or_default().0))
    }

    fn entry(self, place: usize) -> Option<(u32, u32)> {
        let (key, rest) = self.table.get(place * ENTRY..)?.split_first_chunk()?;
        let end = rest.first_chunk()?;
        Some((u32::from_le_bytes(*key), u32::from_le_bytes(*end)))
    }

    fn text(self, place: usize) -> Option<&'a str> {
        let from = if place == 0 { 0 } else { self.entry(place - 1)?.1 };
        let text = self.text.get(from as usize..self.entry(place)?.1 as usize)?;
        std::str::from_utf8(text).ok()
    }
}

/// Pairs that are being collected, in any order. Made once and used for many runs.
#[derive(Debug, Default)]
pub struct Sheet {
    entries: Vec<(Key, u32, u32)>,
    text: String,
}

impl Sheet {
    /// Forgets all pairs, but not the memory.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.text.clear();
    }

    /// Adds a pair, or does not when there is too much; says whether. Of a key that comes twice the last one counts.
    pub fn push(&mut self, key: Key, text: &str) -> bool {
        if self.text.len() + text.len() > MOST {
            return false;
        }
        let from = self.text.len() as u32;
        self.text.push_str(text);
        self.entries.push((key, from, self.text.len() as u32));
        true
    }

    /// Adds all of `pairs`.
    pub fn extend(&mut self, pairs: Pairs<'_>) {
        pairs.iter().for_each(|(key, text)| _ = self.push(key, text));
    }

    /// The text of a key, the last one.
    pub fn get(&self, key: Key) -> Option<&str> {
        let (_, from, to) = self.entries.iter().rfind(|entry| entry.0 == key)?;
        self.text.get(*from as usize..*to as usize)
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: Key) {
        self.entries.retain(|entry| entry.0 != key);
    }

    /// Packs the pairs behind what is in `out`.
    pub fn write(&mut self, out: &mut Vec<u8>) {
        // Stable, so that of equal keys the last one is the one that was added last.
        self.entries.sort_by_key(|entry| entry.0);
        self.entries.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                *earlier = *later;
            }
            same
        });
        out.extend((self.entries.len() as u32).to_le_bytes());
        let mut end = 0;
        for (key, from, to) in &self.entries {
            end += to - from;
            out.extend(key.0.to_le_bytes());
            out.extend(end.to_le_bytes());
        }
        for (_, from, to) in &self.entries {
            out.extend_from_slice(self.text.as_bytes().get(*from as usize..*to as usize).unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn what_goes_in_comes_out_sorted(pairs in proptest::collection::vec((0u32..40, ".{0,12}"), 0..60)) {
            let mut sheet = Sheet::default();
            let mut expected = BTreeMap::new();
            for (key, text) in &pairs {
                sheet.push(Key(*key), text);
                expected.insert(Key(*key), text.as_str());
            }
            let mut bytes = Vec::new();
            sheet.write(&mut bytes);
            let packed = Pairs::read(&bytes);
            prop_assert_eq!(packed.iter().collect::<Vec<_>>(), expected.clone().into_iter().collect::<Vec<_>>());
            prop_assert_eq!(packed.keys().collect::<Vec<_>>(), expected.keys().copied().collect::<Vec<_>>());
            for key in 0..40 {
                prop_assert_eq!(packed.get(Key(key)), expected.get(&Key(key)).copied());
            }
        }

        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200), key in any::<u32>()) {
            let packed = Pairs::read(&bytes);
            packed.get(Key(key));
            prop_assert_eq!(packed.iter().count(), packed.len());
        }
    }
}
