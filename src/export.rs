//! What leaves the program as a file: charts as PNG and SVG, tables as CSV and JSON.
//!
//! Charts are pictures for people, so their text is [`crate::shown::Shown`]; tables are data for programs and carry
//! the text of the store unchanged.

mod brush;
mod draw;
mod file;
mod glyphs;
mod plot;
mod png;
mod range;
mod runs;
mod table;
mod thin;
mod time;

pub use file::save;
pub use plot::{Curve, Error, Plot, Scale, png, svg};
pub use runs::{column_name, run_cell};
pub use table::{Cell, Table, csv, json, jsonl, markdown, tsv};
