//! mltop: the terminal home for MLflow runs.

pub mod index;
pub mod series;
pub mod shown;
pub mod store;
