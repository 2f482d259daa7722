//! Ends that are no panics: stack overflow, failed allocation, a panic while panicking, a file truncated under a map.

// Signal handlers are set by system calls.
#![allow(unsafe_code)]

use std::mem;
use std::ptr::null_mut;
use std::sync::OnceLock;

use libc::{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV};

use super::modes;

const CRASHES: [libc::c_int; 5] = [SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE];
const LAST_WORDS: &[u8] = b"mltop: crashed (out of memory, stack overflow or a bug)\n";

/// The handlers that were there before: Rust's own for stack overflows, else the default.
static BEFORE: OnceLock<[libc::sigaction; CRASHES.len()]> = OnceLock::new();

/// Gives the terminal back before a crash takes its usual way.
pub(super) fn watch() {
    // SAFETY: every pointer is to a sigaction, or null where the call allows it; the handler only makes calls that are
    // allowed in one.
    unsafe {
        BEFORE.get_or_init(|| {
            CRASHES.map(|signal| {
                let mut before = mem::zeroed();
                libc::sigaction(signal, null_mut(), &mut before);
                before
            })
        });
        let mut ours: libc::sigaction = mem::zeroed();
        ours.sa_sigaction = on_crash as *const () as usize;
        // The stack may be what is full; Rust gives every thread another one for this.
        ours.sa_flags = libc::SA_ONSTACK;
        for signal in CRASHES {
            libc::sigaction(signal, &ours, null_mut());
        }
    }
}

/// Returning repeats the fault, and abort() raises its signal again: then the handler from before has it.
extern "C" fn on_crash(_: libc::c_int) {
    if modes::is_active() {
        modes::leave();
        // SAFETY: pointer and length of one slice.
        unsafe { libc::write(libc::STDERR_FILENO, LAST_WORDS.as_ptr().cast(), LAST_WORDS.len()) };
    }
    for (signal, before) in CRASHES.iter().zip(BEFORE.get().into_iter().flatten()) {
        // SAFETY: a sigaction that the system has filled.
        unsafe { libc::sigaction(*signal, before, null_mut()) };
    }
}
