//! The terminal: full-screen modes, keys, signals, and a way back from every end of the program.
//!
//! What an SSH drop, a scheduler, a suspended job or a bug do to a program must not be left to the user's shell. So
//! the modes have one owner and one idempotent way back, [`leave`], which is safe in signal handlers; signals, hang-ups
//! and keys each have a thread that turns them into an [`Input`] for the main loop; and the signal threads have the
//! last word, since the main loop may be stuck writing to a terminal that does not read.
//!
//! The program ends by [`die`], not by returning: unwinding past a dead terminal runs into `println!`s that panic.

mod crash;
mod held;
mod input;
mod modes;
mod panic;
mod screen;
mod signals;

use std::{env, io, thread};

pub use input::Input;
pub use modes::{die, leave};
pub use panic::caught;
pub use screen::Screen;

/// Stack of the threads of this module: each counts against `ulimit -v`, which login nodes set.
const STACK: usize = 256 << 10;

/// Why there can be no full screen here, as one sentence for the user. The program exits with 2.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// The picture would go to a file or a pipe.
    #[error("standard output is not a terminal")]
    Output,
    /// Standard input is no terminal, and the process has none of its own (a batch job, `ssh` without `-t`).
    #[error("there is no terminal to read keys from (over SSH, use ssh -t)")]
    Keys,
    /// The system refused a thread, a signal handler or the terminal itself.
    #[error("the terminal cannot be used: {0}")]
    System(#[from] io::Error),
}

/// Takes over the terminal.
///
/// `send` hands an [`Input`] to the main loop and returns false when nobody listens any more. It is called from three
/// threads and must not block. `at_exit` is called once on every end except crashes such as a stack overflow.
///
/// A process has one terminal, so this is called once.
pub fn start(send: impl Fn(Input) -> bool + Clone + Send + 'static, at_exit: fn()) -> Result<Screen, Unfit> {
    let input = modes::prepare(at_exit)?;
    crash::watch();
    panic::watch();
    signals::listen(send.clone())?;
    signals::listen_for_hang_up(input, send.clone())?;
    let screen = Screen::enter()?;
    // Last: reading keys before the modes are set would read them line by line.
    input::listen(send)?;
    Ok(screen)
}

/// Whether characters outside of ASCII reach the user intact, by the locale's variables.
pub fn utf8_locale() -> bool {
    let value = |name| env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    is_utf8(["LC_ALL", "LC_CTYPE", "LANG"].map(value))
}

/// Whether the terminal says that it has 256 colours or more.
pub fn has_256_colours() -> bool {
    let has =
        |name, word: &str| env::var_os(name).is_some_and(|value| value.to_string_lossy().contains(word));
    has("TERM", "256color") || has("COLORTERM", "truecolor") || has("COLORTERM", "24bit")
}

/// The first variable that is set and not empty decides.
fn is_utf8(variables: [Option<String>; 3]) -> bool {
    let locale = variables.into_iter().flatten().find(|value| !value.is_empty());
    locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}

/// A thread that may be refused: `thread::spawn` panics where no thread can be made (`ulimit -u`).
fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
    thread::Builder::new().name(name.to_owned()).stack_size(STACK).spawn(work).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn locale(all: &str, ctype: &str, lang: &str) -> bool {
        is_utf8([all, ctype, lang].map(|value| Some(value.to_owned())))
    }

    #[test]
    fn utf8_is_told_by_the_first_variable_that_is_set() {
        assert!(locale("", "", "en_US.UTF-8"));
        assert!(locale("", "C.utf8", "C"));
        assert!(locale("C.UTF-8", "C", "C"));
        assert!(!locale("C", "en_US.UTF-8", "en_US.UTF-8"));
        assert!(!locale("", "", "de_DE.ISO-8859-1"));
        assert!(!locale("", "", ""));
        assert!(!is_utf8([None, None, None]));
    }

    #[test]
    fn the_reason_is_one_sentence() {
        for unfit in [Unfit::Output, Unfit::Keys, Unfit::System(io::Error::other("no more threads"))] {
            assert!(!unfit.to_string().contains('\n'));
        }
    }
}
