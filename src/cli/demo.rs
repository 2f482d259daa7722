//! `mltop demo`: a sample store to browse, gone when the browsing ends.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Args;

use super::{Failure, TuiArgs, tui};
use crate::demo::{Demo, Kind};

/// Arguments of `mltop demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Keep the sample store in a SQLite database, as MLflow does since 3.7.
    #[arg(long)]
    sqlite: bool,
}

/// Unpacks the sample store, browses it and removes it.
pub fn run(args: &DemoArgs) -> Result<ExitCode, Failure> {
    if !io::stdout().is_terminal() {
        return Err(Failure::Usage("the demo needs a terminal to be seen in".to_owned()));
    }
    let kind = if args.sqlite { Kind::Sqlite } else { Kind::Files };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let demo = Demo::start(now.as_millis() as i64, kind).map_err(|error| {
        Failure::Unusable(format!("the sample store cannot be written to {}: {error}", folder()))
    })?;
    let store = demo.store().to_string_lossy().into_owned();
    let args = TuiArgs { store: Some(store), no_cache: true, no_state: true, ..TuiArgs::default() };
    let done = tui::run(&args, &tui::Start { title: Some("demo"), opened: true });
    demo.stop();
    done
}

fn folder() -> String {
    crate::shown::shown(&std::env::temp_dir().to_string_lossy()).into_string()
}
