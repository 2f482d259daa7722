//! mltop: the terminal home for MLflow runs.
//!
//! Data flows one way: [`store`] (where runs are kept) -> [`index`] (all that is known) -> [`query`] (which runs, in
//! which order) -> [`app`] (what the user is doing) -> [`view`] (the picture). Wishes flow back as small messages.
//! `ARCHITECTURE.md` has the whole map.

pub mod app;
pub mod cli;
pub mod demo;
pub mod engine;
pub mod export;
pub mod format;
pub mod index;
pub mod memory;
pub mod query;
pub mod series;
pub mod shown;
pub mod state;
pub mod store;
pub mod terminal;
pub mod view;
pub mod watch;
