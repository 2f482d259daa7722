//! Where a piece of a metric file has bytes that are no digits: what divides its numbers. They are found 64 bytes at a
//! time without a branch, so the length of numbers, which nothing predicts, costs nothing.

use wide::u8x16;

/// So many are enough for a look; one block more may be taken.
const ENOUGH: usize = 512;
/// Bytes that are looked at together: as many as a mask has bits.
const BLOCK: usize = 64;
/// Places that are written together, whether there are so many or not.
const BATCH: usize = 8;

/// Places of bytes that are no digits, in order.
pub(super) struct Marks {
    places: [u16; ENOUGH + BLOCK],
    count: usize,
}

impl Marks {
    pub(super) fn new() -> Self {
        Self { places: [0; ENOUGH + BLOCK], count: 0 }
    }

    /// Finds those of the first bytes; gives how many bytes were looked at, at least a block and at most 64 KiB.
    pub(super) fn find(&mut self, bytes: &[u8]) -> usize {
        self.count = 0;
        let bytes = bytes.get(..(u16::MAX as usize).min(bytes.len())).unwrap_or_default();
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        for (nr, block) in blocks.iter().enumerate() {
            if self.count >= ENOUGH {
                return nr * BLOCK;
            }
            self.take(nr * BLOCK, no_digits(block));
        }
        if self.count >= ENOUGH {
            return blocks.len() * BLOCK;
        }
        let mut last = [b'0'; BLOCK];
        last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
        self.take(blocks.len() * BLOCK, no_digits(&last));
        bytes.len()
    }

    /// What was found.
    pub(super) fn places(&self) -> &[u16] {
        self.places.get(..self.count).unwrap_or_default()
    }

    /// Writes down the bits of a mask. A block has few, so the loop nearly always ends after one batch.
    fn take(&mut self, begin: usize, mut mask: u64) {
        let found = mask.count_ones() as usize;
        let room = self.places.get_mut(self.count..).unwrap_or_default();
        for batch in room.as_chunks_mut::<BATCH>().0 {
            for place in batch {
                *place = (begin + mask.trailing_zeros() as usize) as u16;
                mask &= mask.wrapping_sub(1);
            }
            if mask == 0 {
                break;
            }
        }
        self.count += found;
    }
}

/// A bit for each byte that is no digit, the first byte's lowest.
#[inline]
fn no_digits(block: &[u8; BLOCK]) -> u64 {
    let mut mask = 0;
    for (nr, sixteen) in block.as_chunks::<16>().0.iter().enumerate() {
        let values = u8x16::new(*sixteen) ^ u8x16::splat(b'0');
        let digits = values.min(u8x16::splat(9)).simd_eq(values).to_bitmask();
        mask |= u64::from(!(digits as u16)) << (16 * nr);
    }
    mask
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one_by_one(bytes: &[u8]) -> Vec<u16> {
        (0..).zip(bytes).filter(|(_, byte)| !byte.is_ascii_digit()).map(|(place, _)| place).collect()
    }

    proptest! {
        #[test]
        fn all_places_of_what_was_looked_at_are_found(
            bytes in proptest::collection::vec(prop_oneof![4 => b'0'..=b'9', 1 => any::<u8>()], 0..5000),
        ) {
            let mut marks = Marks::new();
            let looked = marks.find(&bytes);
            prop_assert!(looked == bytes.len() || (looked > 0 && marks.places().len() >= ENOUGH));
            prop_assert_eq!(marks.places(), one_by_one(&bytes[..looked]));
        }
    }
}
