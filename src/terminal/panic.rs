//! Panics: the end of the program in any thread, except in work that is done under [`caught`].

use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::RefCell;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook};
use std::thread;

use super::modes;
use crate::shown::{Shown, shown};

/// Exit code of a program that panicked, as Rust's own.
const PANICKED: i32 = 101;

thread_local! {
    /// Whether somebody catches the panics of this thread, and what the last one said.
    static CAUGHT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Does work whose panic must not end the program, such as reading one run: an error is then what the panic said.
///
/// Whatever the work was changing when it panicked must be thrown away.
pub fn caught<T>(work: impl FnOnce() -> T) -> Result<T, Shown> {
    let outer = CAUGHT.replace(Some(String::new()));
    let result = catch_unwind(AssertUnwindSafe(work));
    let said = CAUGHT.replace(outer).unwrap_or_default();
    result.map_err(|_| shown(&said))
}

/// From here on a panic gives the terminal back, says what happened, and ends the program: no half-dead screen.
pub(super) fn watch() {
    set_hook(Box::new(|info| {
        let said = said(info);
        if !keep(&said) {
            modes::end(PANICKED, || report(&said));
        }
    }));
}

/// Keeps the words for [`caught`]; false when this thread's panics are not caught.
fn keep(said: &str) -> bool {
    let keep = |caught: &RefCell<Option<String>>| {
        caught.borrow_mut().as_mut().map(|last| said.clone_into(last)).is_some()
    };
    // A thread that is ending has no variables any more, and nobody who catches.
    CAUGHT.try_with(keep).unwrap_or(false)
}

/// The message and where it came from.
fn said(info: &PanicHookInfo<'_>) -> String {
    let payload = info.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref().map(String::as_str)).unwrap_or("panicked");
    match info.location() {
        Some(place) => format!("{text} ({}:{})", place.file(), place.line()),
        None => text.to_owned(),
    }
}

/// Instead of Rust's own report, which would write names of a store to the terminal as they are.
fn report(said: &str) {
    let thread = thread::current();
    let name = thread.name().unwrap_or("unnamed");
    let mut out = io::stderr();
    let _ = writeln!(out, "mltop: internal error in thread {name}: {}", shown(said));
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        let _ = writeln!(out, "{trace}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What happens to a thread that panics inside of [`caught`], without the hook that ends this test.
    #[test]
    fn caught_work_is_an_error() {
        assert_eq!(caught(|| 1 + 1), Ok(2));
        assert!(caught(|| panic!("asked to")).is_err());
    }

    #[test]
    fn words_are_kept_only_while_somebody_catches() {
        assert!(!keep("nobody"));
        let outer = caught(|| {
            assert!(caught(|| assert!(!keep("inner"))).is_err());
            assert!(keep("outer"));
        });
        assert_eq!(outer, Ok(()));
        assert!(!keep("nobody"));
    }
}
