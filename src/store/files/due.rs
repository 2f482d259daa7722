//! What of a run has to be read.

use bitflags::bitflags;

bitflags! {
    /// Parts of a run that have to be read.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Due: u16 {
        /// `meta.yaml`.
        const META = 1;
        /// The parent, and the tag that gives the name of old runs.
        const TREE = 2;
        /// All tags.
        const TAGS = 4;
        /// Params.
        const PARAMS = 8;
        /// Metric files, the long ones by their end only.
        const METRICS = 16;
        /// Long metric files as a whole.
        const LONG = 32;
        /// Look at the stamps first; what they show to have changed is read.
        const CHECK = 64;
        /// The same, but only the stamps of `meta.yaml` and of the folders: a new state or name, a tag, param or metric that
        /// came or went; not what was overwritten or appended to in place.
        const GLANCE = 256;
        /// With [`Self::CHECK`], the stamps of all params too: one that somebody overwrites changes no folder.
        const PARAM_FILES = 512;
        /// It is read for the first time, or again from the beginning: progress is shown.
        const FIRST = 128;
    }
}

impl Due {
    /// What a row needs to have its place: state, times, name and parent.
    pub const HEAD: Self = Self::META.union(Self::TREE);
    /// Nothing but stamps.
    pub const LOOK: Self = Self::CHECK.union(Self::GLANCE).union(Self::PARAM_FILES);
    /// Everything that a row can show.
    pub const WHOLE: Self = Self::HEAD.union(Self::TAGS).union(Self::PARAMS).union(Self::METRICS);
}
