//! Browsing: where the screen begins and where the process ends afterwards.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use super::{Failure, TuiArgs, complain, dump, locate};
use crate::engine::{self, Options};
use crate::index::Index;
use crate::shown::{Shown, shown};
use crate::state::file::StateFile;
use crate::store::cache;
use crate::store::location::{Found, Location};
use crate::{demo, state, store, terminal};

/// What differs between a store of the user's and the demo.
pub struct Start {
    /// What the header calls the store, if not by its path.
    pub title: Option<&'static str>,
    /// Parent runs are open at first.
    pub opened: bool,
}

/// Shows the store until the user leaves. Comes back only when it could not begin: afterwards the process ends here,
/// without the destructors that could stumble over a terminal which has gone.
pub fn run(args: &TuiArgs, start: &Start) -> Result<ExitCode, Failure> {
    let Found { location, other, note } = locate(args.store.as_deref())?;
    let caches = if args.no_cache { None } else { cache::folder() };
    let state = if args.no_state { None } else { state::file::folder() };
    let state = state.and_then(|folder| StateFile::of(&location.title(), &folder));
    let mut opened = store::open(&location, caches.as_deref())?;
    if let Some(seconds) = args.refresh {
        opened.look_every(Duration::from_secs(seconds.into()));
    }
    let title = start.title.map_or_else(|| shown(&location.title()), Shown::own);
    let options = Options {
        folder: location.folder().map(Path::to_owned),
        title,
        note: note.map(|note| shown(&if other.is_some() { format!("{note}: O shows them") } else { note })),
        has_other: other.is_some(),
        once: args.once,
        opened: start.opened,
        state,
        at_exit: demo::remove_all,
        poll: args.follow.poll,
        stale_after: args.follow.stale_after,
        bell: args.follow.bell,
        on_finish: args.follow.on_finish.clone(),
        #[cfg(feature = "crash-test")]
        crash: args.crash_test.clone(),
    };
    let ended = engine::run(opened, options).map_err(|error| match error {
        engine::Error::Unfit(unfit) => Failure::Usage(unfit.to_string()),
        engine::Error::Threads(error) => Failure::Unusable(format!("the system gives no thread: {error}")),
    })?;
    terminal::leave();
    ended.wait();
    if let Some(other) = other.filter(|_| ended.switches) {
        return Err(begin_anew(args, &other));
    }
    let (index, code) = (&ended.index, ended.code);
    let code = match args.dump_on_exit.as_deref().map(|file| write_dump(index, file)) {
        Some(Err(failure)) => {
            complain(&failure.to_string());
            if code == 0 { 1 } else { code }
        }
        _ => code,
    };
    terminal::die(code)
}

/// Another store is another session: the program begins anew with it, in this very process. Comes back only when that
/// fails.
fn begin_anew(args: &TuiArgs, store: &Location) -> Failure {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return Failure::Unusable(format!("the program cannot be found again: {error}")),
    };
    let mut command = Command::new(program);
    // As it was called, but for the store.
    let named = args.store.as_deref().map(OsStr::new);
    command.args(std::env::args_os().skip(1).filter(|word| Some(word.as_os_str()) != named && word != "--"));
    if let Location::Files(path) | Location::Sqlite(path) = store {
        command.arg("--").arg(path);
    }
    Failure::Unusable(format!("the other store cannot be shown: {}", command.exec()))
}

fn write_dump(index: &Arc<Index>, file: &Path) -> Result<(), Failure> {
    let fail =
        |error| Failure::Unusable(format!("{} cannot be written: {error}", shown(&file.to_string_lossy())));
    let mut out = BufWriter::new(File::create(file).map_err(fail)?);
    dump::write(index, &mut out).and_then(|()| out.flush()).map_err(fail)
}
