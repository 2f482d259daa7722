//! The picture: pure functions from values to cells. No I/O, no clock, no threads.

pub mod chart;
pub mod spark;
pub mod text;
pub mod theme;
