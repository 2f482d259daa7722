//! Signals and hang-ups as messages, with a time limit for the main loop; and stopping as Ctrl-Z does.

// Stopping needs the default action of a signal for a moment, which signal-hook does not offer for a whole job.
#![allow(unsafe_code)]

use std::io;
use std::mem;
use std::os::fd::RawFd;
use std::ptr::null_mut;
use std::thread;
use std::time::Duration;

use libc::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1, SIGUSR2, SIGXCPU, SIGXFSZ};
use signal_hook::iterator::Signals;

use super::input::Input;
use super::{modes, spawn};

/// How long the main loop has to end by itself. It may be stuck in a write, or in a file system that is gone.
const PATIENCE: Duration = Duration::from_millis(500);

/// Starts the thread that hears signals. Those that end a program end it with the code that a shell would report.
pub(super) fn listen(send: impl Fn(Input) -> bool + Send + 'static) -> io::Result<()> {
    // A full quota or `ulimit -f` is then an error of the write, not the end.
    // SAFETY: to ignore a signal needs no handler.
    unsafe { libc::signal(SIGXFSZ, libc::SIG_IGN) };
    let ends = [SIGHUP, SIGTERM, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGXCPU];
    let mut signals = Signals::new(ends.iter().chain(&[SIGTSTP, SIGCONT]))?;
    spawn("signals", move || {
        for signal in signals.forever() {
            match signal {
                SIGTSTP => drop(send(Input::Suspend)),
                SIGCONT => drop(send(Input::Resume)),
                _ => end(&send, 128 + signal),
            }
        }
    })
}

/// Starts the thread that notices a terminal that is gone when no signal tells (below `sudo`, wrappers, `nohup`).
pub(super) fn listen_for_hang_up(
    input: RawFd,
    send: impl Fn(Input) -> bool + Send + 'static,
) -> io::Result<()> {
    spawn("hang-up", move || {
        loop {
            // Asks for nothing, so that only a hang-up or an error wakes it.
            let news = modes::wait(input, 0, -1);
            if news & (libc::POLLHUP | libc::POLLERR) != 0 {
                end(&send, 128 + SIGHUP);
            }
            if news != 0 {
                return; // a system that cannot poll terminals
            }
        }
    })
}

fn end(send: &impl Fn(Input) -> bool, code: i32) {
    send(Input::Quit(code));
    thread::sleep(PATIENCE);
    modes::die(code);
}

/// Stops this job until it is continued.
///
/// The whole job, as the terminal does on Ctrl-Z, so that the shell also notices below a wrapper that waits for this
/// process. The system ignores it where no shell could continue the job.
pub(super) fn stop() {
    // SAFETY: every pointer is to a sigaction of this frame, or null where the call allows it; SIG_IGN and SIG_DFL
    // need no handler.
    unsafe {
        let mut own: libc::sigaction = mem::zeroed();
        libc::sigaction(SIGTSTP, null_mut(), &mut own);
        let mut other: libc::sigaction = mem::zeroed();
        // Everybody else first, then this thread: a signal to the whole job could come late, and be heard by our own
        // handler as another wish to stop.
        other.sa_sigaction = libc::SIG_IGN;
        libc::sigaction(SIGTSTP, &other, null_mut());
        libc::kill(0, SIGTSTP);
        other.sa_sigaction = libc::SIG_DFL;
        libc::sigaction(SIGTSTP, &other, null_mut());
        libc::raise(SIGTSTP);
        // Continued.
        libc::sigaction(SIGTSTP, &own, null_mut());
    }
}
