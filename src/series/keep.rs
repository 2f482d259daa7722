//! Which histories are let go when they take too much memory.

/// Bytes of histories that are kept, for going on where they were read to and for showing them again at once.
pub const KEPT: usize = 64 << 20;

/// What has to go so that the rest takes `most` bytes: what was wanted longest ago, first. Each is told with its bytes
/// and when it was last wanted; what must stay is told without a time.
pub fn surplus<K: Copy>(held: impl Iterator<Item = (K, usize, Option<u64>)>, most: usize) -> Vec<K> {
    let mut total = 0;
    let mut may_go: Vec<(u64, K, usize)> = held
        .inspect(|(_, bytes, _)| total += bytes)
        .filter_map(|(place, bytes, wanted)| Some((wanted?, place, bytes)))
        .collect();
    if total <= most {
        return Vec::new();
    }
    may_go.sort_by_key(|(wanted, ..)| *wanted);
    let mut out = Vec::new();
    for (_, place, bytes) in may_go {
        if total <= most {
            break;
        }
        total -= bytes;
        out.push(place);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_wanted_longest_ago_goes_first_and_no_more_than_needed() {
        let held = [('a', 40, Some(3)), ('b', 30, Some(1)), ('c', 30, None), ('d', 10, Some(2))];
        assert_eq!(surplus(held.into_iter(), 110), []);
        assert_eq!(surplus(held.into_iter(), 100), ['b']);
        assert_eq!(surplus(held.into_iter(), 79), ['b', 'd']);
        assert_eq!(surplus(held.into_iter(), 0), ['b', 'd', 'a'], "what is drawn stays");
    }
}
