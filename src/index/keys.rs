//! Names of params, metrics and tags, each kept once.

use rustc_hash::FxHashMap;

use super::Text;

/// The name of a param, metric or tag, interned in [`Keys`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(pub u32);

/// Tags that the program itself asks for. They have the same key in every store, so asking for them takes no look-up.
const WELL_KNOWN: [&str; 6] = [
    "mlflow.parentRunId",
    "mlflow.runName",
    "mlflow.user",
    "mlflow.source.name",
    "mlflow.source.git.commit",
    "mlflow.note.content",
];

impl Key {
    /// The tag `mlflow.parentRunId`.
    pub const PARENT: Self = Self(0);
    /// The tag `mlflow.runName`.
    pub const RUN_NAME: Self = Self(1);
    /// The tag `mlflow.user`.
    pub const USER: Self = Self(2);
    /// The tag `mlflow.source.name`.
    pub const SOURCE_NAME: Self = Self(3);
    /// The tag `mlflow.source.git.commit`.
    pub const COMMIT: Self = Self(4);
    /// The tag `mlflow.note.content`, the description on MLflow's page.
    pub const NOTE: Self = Self(5);
}

/// Every name of a param, metric or tag that was ever seen, once. Grows only, so a [`Key`] stays good.
#[derive(Clone, Debug)]
pub struct Keys {
    names: Vec<Text>,
    known: FxHashMap<Text, Key>,
}

impl Default for Keys {
    fn default() -> Self {
        let mut keys = Self { names: Vec::new(), known: FxHashMap::default() };
        WELL_KNOWN.iter().for_each(|name| _ = keys.intern(name));
        keys
    }
}

impl Keys {
    /// The key of a name, made when it is new.
    pub fn intern(&mut self, name: &str) -> Key {
        if let Some(key) = self.known.get(name) {
            return *key;
        }
        let (key, name) = (Key(self.names.len() as u32), Text::from(name));
        self.names.push(name.clone());
        self.known.insert(name, key);
        key
    }

    /// The key of a name that has been seen.
    pub fn find(&self, name: &str) -> Option<Key> {
        self.known.get(name).copied()
    }

    /// The name behind a key; empty for a key of another store.
    pub fn name(&self, key: Key) -> &str {
        self.names.get(key.0 as usize).map_or("", |name| name)
    }

    /// How many names there are: keys are `0..len`. Some well-known ones are there from the beginning.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// All names, in the order of their keys.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_keys_are_the_same_everywhere() {
        let mut keys = Keys::default();
        for (key, name) in [(Key::PARENT, "mlflow.parentRunId"), (Key::NOTE, "mlflow.note.content")] {
            assert_eq!((keys.intern(name), keys.name(key)), (key, name));
        }
        assert_eq!(keys.intern("loss"), keys.intern("loss"));
    }
}
