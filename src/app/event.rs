//! What comes into the app and what it asks for: its whole dealings with the outside.

use std::sync::Arc;

use ratatui::crossterm::event::{KeyEvent, MouseEvent};

use super::filter_bar::Asked;
use super::news::News;
use super::output;
use crate::export;
use crate::index::{ExperimentKey, Key, RunKey};
use crate::query::filter::Completion;
use crate::query::{Column, Query, Rows};
use crate::series::Series;
use crate::shown::Shown;
use crate::state::{Edit, State};
use crate::store::{Inputs, Listing, Preview, Want, Watching};

/// What has happened.
#[derive(Debug)]
pub enum Event {
    /// A key was pressed.
    Key(KeyEvent),
    /// The mouse was used.
    Mouse(MouseEvent),
    /// Text was pasted.
    Paste(String),
    /// The terminal has this many columns and lines.
    Size(u16, u16),
    /// It is this late, milliseconds since the epoch.
    Now(i64),
    /// A query was answered.
    Rows(Arc<Rows>),
    /// A history was read.
    Series(RunKey, Key, Arc<Series>),
    /// A history could not be read.
    SeriesFailed(RunKey, Key, String),
    /// A folder of artifacts was listed.
    Listing(RunKey, String, Listing),
    /// The beginning of an artifact was read, or why not.
    Preview(RunKey, String, Result<Preview, String>),
    /// Datasets and models of a run were read.
    Inputs(RunKey, Inputs),
    /// How changes are noticed.
    Watching(Watching),
    /// Something to tell in the footer.
    Notice(Notice),
    /// What the user has settled about this store earlier.
    State(Box<State>),
    /// All columns that the runs of an experiment have.
    Columns(Option<ExperimentKey>, Arc<Vec<Column>>),
    /// What can be typed where a filter is being typed.
    Completed(Asked, Completion),
    /// What has happened to runs while one watched.
    News(Vec<News>),
}

/// What must be done outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Answer this.
    Query(Arc<Query>),
    /// Gather all columns that the runs have that a query is about.
    Columns(Arc<Query>),
    /// Find what can be typed next.
    Complete(Asked),
    /// Keep this for the next start.
    Keep(Edit),
    /// Read this first.
    Want(Want),
    /// List a folder of artifacts.
    Listing(RunKey, String),
    /// Read the beginning of an artifact.
    Preview(RunKey, String),
    /// Read datasets and models.
    Inputs(RunKey),
    /// Look at the whole store again.
    Rescan,
    /// Answer from what is known now, whatever comes; or from the newest again.
    Freeze(bool),
    /// Show the other store of the project.
    OtherStore,
    /// Put this on the clipboard.
    Copy(Shown),
    /// Write these files.
    Export(Export),
    /// Stop until the shell brings us back.
    Suspend,
    /// End.
    Quit,
}

/// Files to be written to the current folder.
#[derive(Clone, Debug, PartialEq)]
pub struct Export {
    /// Their name without extension.
    pub stem: String,
    /// What goes into them.
    pub content: Content,
    /// One file only, and where.
    pub only: Option<output::Only>,
}

/// What is exported.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A chart, to PNG and SVG.
    Plot(export::Plot),
    /// A table, to CSV and JSON.
    Table(export::Table),
    /// The runs table, to CSV and JSON; it is built where it is written, since there may be many.
    Runs(output::AllRuns),
}

/// A line for the footer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What to tell.
    pub text: Shown,
    /// Whether something went wrong.
    pub bad: bool,
}
