//! The command line: what may be typed, and what each command does with it.
//!
//! Standard output carries the answer and nothing else. Everything else is one sentence on standard error, and the
//! exit code says how it went: 0 (also when parts of the store could not be read, which are counted), 1 (the store or
//! the run cannot be used), 2 (wrong usage), 128+n (ended by a signal).

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::index::{Index, RunKey};
use crate::shown::shown;
use crate::store::location::{self, Found};
use crate::store::{self, Store};
use answer::Answer;

mod answer;
mod ask;
mod best;
mod cache;
pub mod demo;
pub mod dump;
mod find;
pub mod following;
mod history;
mod json;
mod ls;
mod runs;
mod sheet;
mod show;
mod table;
mod tui;

/// What is shown below `mltop --help`.
const EXAMPLES: &str = "\
Examples:
  mltop ./mlruns                            browse a folder of runs
  mltop ./mlruns | head                     into a pipe: the runs table as text
  mltop mlflow.db                           browse a database; sqlite:///mlflow.db is the same
  mltop http://localhost:5000               browse what a tracking server has
  mltop demo                                browse a sample store in which a run trains
  mltop runs ./mlruns --json                active runs of all experiments, newest first
  mltop show ./mlruns b2fcd0                one run whole, by the beginning of its id
  mltop history ./mlruns my-run loss --csv  every point of a metric

STORE is a folder, a database, a file: or sqlite: URI, or the address of a tracking server. Left out, MLflow's own rule decides: MLFLOW_TRACKING_URI, \
else ./mlruns, else ./mlflow.db.
A folder that is called like a command is written with its path: mltop ./runs

Exit codes: 0 done (what could not be read is counted on standard error), 1 the store or the run cannot be used, \
2 wrong usage or no terminal, 128+n ended by signal n.";

/// Browse, compare and follow MLflow runs in the terminal.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to print; nothing to browse.
    #[command(subcommand)]
    command: Option<Command>,
    /// Browsing.
    #[command(flatten)]
    tui: TuiArgs,
}

/// Arguments of browsing, `mltop [STORE]`.
#[derive(Clone, Debug, Default, Args)]
pub struct TuiArgs {
    /// The folder that MLflow writes to, usually ./mlruns, or its mlflow.db; file:, sqlite: and http: URIs, too.
    pub store: Option<String>,
    /// When browsing ends, write what was known then to FILE, as `mltop dump --histories` prints it.
    #[arg(long, value_name = "FILE")]
    pub dump_on_exit: Option<PathBuf>,
    /// Of a tracking server, look so often at runs on screen that train; the rest is looked at more seldom.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..=3600))]
    pub refresh: Option<u16>,
    /// Neither show what was read last time nor keep what is read now; see mltop cache --help.
    #[arg(long)]
    pub no_cache: bool,
    /// Neither bring back views, filters and pins of last time nor keep those of this time; they lie in
    /// $XDG_STATE_HOME/mltop, else ~/.local/state/mltop.
    #[arg(long)]
    pub no_state: bool,
    /// How the store is followed.
    #[command(flatten)]
    pub follow: following::FollowArgs,
    /// Draw one frame and end, for tests.
    #[arg(long, hide = true)]
    pub once: bool,
    /// Die in this way, for tests of the terminal layer.
    #[cfg(feature = "crash-test")]
    #[arg(long, hide = true, value_name = "KIND")]
    pub crash_test: Option<String>,
}

/// The commands.
#[derive(Debug, Subcommand)]
enum Command {
    /// Browse a sample store, in which a run trains while you watch.
    Demo(demo::DemoArgs),
    /// Print the experiments, newest first; deleted ones too, which lifecycle_stage tells.
    Ls(ls::LsArgs),
    /// Print runs, newest first: active ones of active experiments, if not told otherwise.
    Runs(runs::RunsArgs),
    /// Print the best run by a metric, over all its steps.
    Best(best::BestArgs),
    /// Print one run whole.
    Show(show::ShowArgs),
    /// Print all points of a metric in the order of the file.
    History(history::HistoryArgs),
    /// Print everything as one JSON object: experiments, runs (deleted ones too), problems.
    Dump(dump::DumpArgs),
    /// Say where caches lie, or remove them.
    Cache(cache::CacheArgs),
}

/// Where the answer comes from and what it looks like; every command that prints has it.
#[derive(Clone, Debug, Default, Args)]
struct StoreArgs {
    /// The folder that MLflow writes to, usually ./mlruns, or its mlflow.db; file:, sqlite: and http: URIs, too.
    store: Option<String>,
    /// Print JSON. Times are milliseconds since 1970; NaN and infinities are strings.
    #[arg(long)]
    json: bool,
    /// What is printed never comes from the cache.
    #[arg(long, hide = true)]
    no_cache: bool,
}

/// Why a command has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The store or the run cannot be used.
    #[error("{0}")]
    Unusable(String),
    /// It was called in a way that cannot work.
    #[error("{0}")]
    Usage(String),
    /// Nobody reads the answer any more (`mltop runs | head -1`), which is no error.
    #[error("nobody reads the answer")]
    Closed,
    /// The answer could not be written.
    #[error("the answer could not be written: {0}")]
    Write(io::Error),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe { Self::Closed } else { Self::Write(error) }
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        Self::Unusable(error.to_string())
    }
}

impl Failure {
    fn code(&self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::Unusable(_) | Self::Write(_) => 1,
            Self::Usage(_) => 2,
        }
    }
}

/// Runs the program as its arguments say.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers too; when their reader has gone, there is nobody to tell.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let done = match cli.command {
        None => browse(&cli.tui),
        Some(Command::Demo(args)) => demo::run(&args),
        Some(Command::Ls(args)) => ls::run(&args),
        Some(Command::Runs(args)) => runs::run(&args),
        Some(Command::Best(args)) => best::run(&args),
        Some(Command::Show(args)) => show::run(&args),
        Some(Command::History(args)) => history::run(&args),
        Some(Command::Dump(args)) => dump::run(&args),
        Some(Command::Cache(args)) => cache::run(&args),
    };
    match done {
        Ok(code) => code,
        Err(failure) => {
            if !matches!(failure, Failure::Closed) {
                complain(&failure.to_string());
            }
            ExitCode::from(failure.code())
        }
    }
}

/// Browsing; on a pipe the runs are printed instead.
fn browse(args: &TuiArgs) -> Result<ExitCode, Failure> {
    if let Some(word) = &args.store {
        not_a_command(word)?;
    }
    if io::stdout().is_terminal() {
        return tui::run(args, &tui::Start { title: None, opened: false });
    }
    if args.once || args.dump_on_exit.is_some() {
        return Err(Failure::Usage(
            "there is no terminal to browse in. To print, use: mltop runs STORE, or mltop dump STORE"
                .to_owned(),
        ));
    }
    runs::run(&runs::RunsArgs::of(args.store.clone()))
}

/// A command that was mistyped looks like a store that does not exist.
fn not_a_command(word: &str) -> Result<(), Failure> {
    let is_word = word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if !is_word || std::path::Path::new(word).exists() {
        return Ok(());
    }
    let cli = Cli::command();
    let names: Vec<&str> = cli.get_subcommands().map(clap::Command::get_name).collect();
    match find::closest(word, &names).first() {
        Some(close) => Err(Failure::Usage(format!(
            "there is no command {word}, and nothing here is called so; the closest is: mltop {close}"
        ))),
        None => Ok(()),
    }
}

/// The store that is meant by `given`, else by MLflow's rule.
pub fn locate(given: Option<&str>) -> Result<Found, Failure> {
    let environment = std::env::var("MLFLOW_TRACKING_URI").ok();
    let folder = std::env::current_dir()
        .map_err(|error| Failure::Unusable(format!("the current folder cannot be reached: {error}")))?;
    Ok(location::find(given, environment.as_deref(), &folder)?)
}

/// What is missing where a store was named and nothing else: its name stands where that is optional.
fn only_a_store(word: &str, missing: &str, usage: &str) -> Result<(), Failure> {
    if locate(Some(word)).is_err() {
        return Ok(());
    }
    Err(Failure::Usage(format!("{0} is a store, so {missing} is missing: mltop {usage}", shown(word))))
}

/// A store that has been read whole.
struct Whole {
    store: Box<dyn Store>,
    index: Arc<Index>,
    title: String,
}

/// Opens the store that is meant and reads all of it.
fn read(given: Option<&str>) -> Result<Whole, Failure> {
    read_for(given, "")
}

/// The same for a command about one run, named by a word: of a store that finds it by its id no other is read.
fn read_for(given: Option<&str>, run: &str) -> Result<Whole, Failure> {
    let Found { location, note, .. } = locate(given)?;
    // An output that takes nothing shows before a large store is read for nothing.
    rustix::io::write(rustix::stdio::stdout(), &[]).map_err(io::Error::from)?;
    // Without the cache: whoever reads what is printed has no header that tells what is still to be verified.
    let mut store = store::open(&location, None)?;
    let _ = store.narrow(run); // whether or not: the run is found among all that was read
    let index = Arc::new(store::read_all(store.as_mut())?);
    // The process ends when the answer is out, and the system takes memory back faster than we give back its pieces.
    std::mem::forget(index.clone());
    if let Some(note) = note {
        complain(&note);
    }
    Ok(Whole { store, index, title: location.title() })
}

impl Whole {
    /// Counts on standard error what could not be read: of one run, or of everything.
    fn count_problems(&self, run: Option<RunKey>) {
        let ours = |problem: &&crate::index::Problem| run.is_none() || problem.run == run;
        let count = self.index.problems.iter().filter(ours).count();
        if count > 0 {
            let (noun, them) = if count == 1 { ("problem", "it") } else { ("problems", "them") };
            complain(&format!(
                "{count} {noun} while reading; to see {them}: mltop dump {}",
                shown(&self.title)
            ));
        }
    }
}

/// One sentence on standard error. When nobody reads that either, it is lost.
fn complain(sentence: &str) {
    let _ = writeln!(io::stderr().lock(), "mltop: {sentence}");
}

/// Writes an answer to standard output, buffered and to its end.
fn answer(write: impl FnOnce(&mut Answer<'_>) -> io::Result<()>) -> Result<ExitCode, Failure> {
    let mut out = io::BufWriter::with_capacity(64 << 10, io::stdout().lock());
    write(&mut Answer::to_stdout(&mut out))?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
