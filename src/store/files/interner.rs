//! The names of params, metrics and tags, shared by all readers.

use std::sync::{Arc, PoisonError, RwLock};

use crate::index::{Key, Keys};

/// Keys that many threads look up and few add to.
#[derive(Debug, Default)]
pub struct Interner(RwLock<Keys>);

impl Interner {
    /// The key of a name, made when it is new.
    pub fn intern(&self, name: &str) -> Key {
        if let Some(key) = self.0.read().unwrap_or_else(PoisonError::into_inner).find(name) {
            return key;
        }
        self.0.write().unwrap_or_else(PoisonError::into_inner).intern(name)
    }

    /// Runs `work` with the name of a key.
    pub fn with_name<T>(&self, key: Key, work: impl FnOnce(&str) -> T) -> T {
        work(self.0.read().unwrap_or_else(PoisonError::into_inner).name(key))
    }

    /// Begins with the keys of a cache.
    pub fn replace(&self, keys: Keys) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// Brings a published copy up to date; says whether it was behind. Names that only the copy has, since something was
    /// kept beside the runs, keep their keys.
    pub fn publish(&self, keys: &mut Arc<Keys>) -> bool {
        if keys.len() > self.0.read().unwrap_or_else(PoisonError::into_inner).len() {
            let mut shared = self.0.write().unwrap_or_else(PoisonError::into_inner);
            let from = shared.len();
            keys.names().skip(from).for_each(|name| _ = shared.intern(name));
        }
        let shared = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let behind = keys.len() != shared.len();
        if behind {
            *keys = Arc::new(shared.clone());
        }
        behind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_only_the_copy_has_keep_their_keys() {
        let shared = Interner::default();
        shared.intern("loss");
        let mut copy = Arc::new(Keys::default());
        assert!(shared.publish(&mut copy));
        let key = Arc::make_mut(&mut copy).intern("a dataset");
        shared.publish(&mut copy);
        let later = shared.intern("later");
        shared.publish(&mut copy);
        assert_eq!((copy.name(key), copy.name(later)), ("a dataset", "later"));
    }
}
