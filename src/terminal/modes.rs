//! The modes of the terminal: entered by the main thread, left once from wherever the program ends.
//!
//! Everything here that ends the program is a handful of system calls on plain atomics: no locks, no allocation, nothing
//! that waits for a terminal that does not read.

// leave() runs inside signal handlers, where std's locked streams must not be touched.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, IsTerminal};
use std::mem::MaybeUninit;
use std::os::fd::{IntoRawFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering::SeqCst};

use ratatui::layout::Size;

use super::Unfit;

/// The picture goes to standard output.
const OUTPUT: RawFd = libc::STDOUT_FILENO;

/// Alternate screen, cursor hidden, pasted text marked, mouse with drags in SGR form. Terminals without an alternate
/// screen are cleared, because the first frame is drawn as a difference to a blank screen.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[H\x1b[2J\x1b[?25l\x1b[?2004h\x1b[?1000h\x1b[?1002h\x1b[?1006h";
/// The inverse in reverse order, plus the colours. Also ends a synchronized update that was cut off in the middle.
const LEAVE: &[u8] = b"\x1b[?2026l\x1b[0m\x1b[?1006l\x1b[?1002l\x1b[?1000l\x1b[?2004l\x1b[?25h\x1b[?1049l";
/// An empty title: shells set their own with the next prompt. What would keep the old one on the terminal's stack
/// (XTWINOPS) belongs to a family of sequences that move windows and report, which careful terminals refuse.
const NO_TITLE: &[u8] = b"\x1b]2;\x07";

/// Where the size is not known (0x0: serial lines, some containers).
const USUAL: Size = Size { width: 80, height: 24 };
/// Larger than any screen; keeps a wrong size from costing gigabytes of cells.
const LARGEST: Size = Size { width: 1000, height: 500 };

/// Whether the modes are ours, and with them the right to write.
static ACTIVE: AtomicBool = AtomicBool::new(false);
/// Whether the main thread is inside of a write or changes the modes.
static WRITING: AtomicBool = AtomicBool::new(false);
/// Whether some thread has begun to end the program.
static ENDING: AtomicBool = AtomicBool::new(false);
/// The terminal has been given back, and `at_exit` is at work.
static CLEANING: AtomicBool = AtomicBool::new(false);
/// Whether there is a title to be taken away.
static TITLED: AtomicBool = AtomicBool::new(false);
/// The terminal that keys come from; its line modes are the ones that change.
static INPUT: AtomicI32 = AtomicI32::new(-1);
/// Line modes as the user's shell had them.
static COOKED: OnceLock<libc::termios> = OnceLock::new();
static AT_EXIT: OnceLock<fn()> = OnceLock::new();

/// Finds the terminal and remembers its modes, without changing anything. Returns where keys come from.
pub(super) fn prepare(at_exit: fn()) -> Result<RawFd, Unfit> {
    if !io::stdout().is_terminal() {
        return Err(Unfit::Output);
    }
    let input = if io::stdin().is_terminal() {
        libc::STDIN_FILENO
    } else {
        // Open for the rest of the process.
        let own = File::options().read(true).write(true).open("/dev/tty").map_err(|_| Unfit::Keys)?;
        own.into_raw_fd()
    };
    INPUT.store(input, SeqCst);
    if !is_foreground() {
        // Started with `&`: wait for `fg` before looking at modes that are the shell's line editor's.
        // SAFETY: raises a signal in this thread.
        unsafe { libc::raise(libc::SIGTTOU) };
    }
    let mut cooked = MaybeUninit::uninit();
    // SAFETY: the pointer is to a termios, which is read only when the call has filled it.
    let cooked = unsafe {
        check(libc::tcgetattr(input, cooked.as_mut_ptr()))?;
        cooked.assume_init()
    };
    let _ = COOKED.set(cooked);
    let _ = AT_EXIT.set(at_exit);
    Ok(input)
}

/// Sets the modes; also when they are ours but somebody changed them meanwhile.
pub(super) fn enter() -> io::Result<()> {
    WRITING.store(true, SeqCst);
    // Before the change: from here on leave() has something to undo, and waits until it is done.
    ACTIVE.store(true, SeqCst);
    let result = make_raw().and_then(|()| write_all(ENTER));
    WRITING.store(false, SeqCst);
    result.map(drop)
}

fn make_raw() -> io::Result<()> {
    let Some(mut modes) = COOKED.get().copied() else {
        return Err(io::Error::other("the terminal was not prepared"));
    };
    // SAFETY: both calls get a termios that tcgetattr has filled.
    unsafe {
        libc::cfmakeraw(&mut modes);
        check(libc::tcsetattr(INPUT.load(SeqCst), libc::TCSANOW, &modes))
    }
}

/// Gives the terminal back as it was. Does nothing when that has been done.
///
/// Safe in signal handlers and from any thread, and takes at most half a second, also when the terminal does not read.
pub fn leave() {
    if !ACTIVE.swap(false, SeqCst) {
        return;
    }
    let input = INPUT.load(SeqCst);
    // A frame that has begun ends first; else its rest would hide the cursor again.
    for _ in 0..20 {
        if !WRITING.load(SeqCst) {
            break;
        }
        wait(-1, 0, 10);
    }
    if wait(OUTPUT, libc::POLLOUT, 200) & libc::POLLOUT != 0 {
        write_once(LEAVE);
        if TITLED.swap(false, SeqCst) {
            write_once(NO_TITLE);
        }
    }
    // In the background the line modes are the shell's, and touching them would stop this process (SIGTTOU).
    if let Some(cooked) = COOKED.get().filter(|_| is_foreground()) {
        // SAFETY: a termios that tcgetattr has filled. TCSANOW, since TCSADRAIN waits for a terminal that does not read.
        unsafe { libc::tcsetattr(input, libc::TCSANOW, cooked) };
    }
}

/// Ends the program: terminal, `at_exit`, exit code. Runs no destructors and flushes nothing, since both could block.
pub fn die(code: i32) -> ! {
    end(code, || {})
}

/// Ends the program with a message, which is written when the terminal has been given back.
pub(super) fn end(code: i32, last_words: impl FnOnce()) -> ! {
    if ENDING.swap(true, SeqCst) {
        // Another thread is at it, and gets a second, or more where it tidies up; or this one is, and `at_exit` panicked.
        wait(-1, 0, 1000);
        if CLEANING.load(SeqCst) {
            wait(-1, 0, 3000);
        }
    } else {
        leave();
        last_words();
        if let Some(at_exit) = AT_EXIT.get() {
            CLEANING.store(true, SeqCst);
            at_exit();
        }
    }
    // SAFETY: does not return.
    unsafe { libc::_exit(code) }
}

/// Writes in one system call, unless the terminal takes less. Returns the bytes written: all, or fewer when another
/// thread has given the terminal back, after which nothing must be written.
pub(super) fn write(bytes: &[u8]) -> io::Result<usize> {
    WRITING.store(true, SeqCst);
    let result = write_all(bytes);
    WRITING.store(false, SeqCst);
    result
}

/// From now on there is a title, which [`leave`] takes away.
pub(super) fn is_titled() {
    TITLED.store(true, SeqCst);
}

fn write_all(bytes: &[u8]) -> io::Result<usize> {
    let mut rest = bytes;
    while !rest.is_empty() && ACTIVE.load(SeqCst) {
        if let Ok(written) = usize::try_from(write_once(rest)) {
            rest = rest.get(written..).unwrap_or_default();
            continue;
        }
        let error = io::Error::last_os_error();
        match error.kind() {
            io::ErrorKind::Interrupted => {}
            // Whoever shares the terminal with us may have made it non-blocking.
            io::ErrorKind::WouldBlock => drop(wait(OUTPUT, libc::POLLOUT, 100)),
            _ => return Err(error),
        }
    }
    Ok(bytes.len() - rest.len())
}

fn write_once(bytes: &[u8]) -> isize {
    // SAFETY: pointer and length of one slice.
    unsafe { libc::write(OUTPUT, bytes.as_ptr().cast(), bytes.len()) }
}

/// Waits for what is asked of a file or for what always wakes (hang-up, error). Returns what there is, 0 when the time
/// was up. A file of -1 just sleeps; a time of -1 waits for ever.
pub(super) fn wait(file: RawFd, events: i16, milliseconds: i32) -> i16 {
    let mut asked = libc::pollfd { fd: file, events, revents: 0 };
    // SAFETY: one pollfd, as said.
    match unsafe { libc::poll(&mut asked, 1, milliseconds) } {
        1.. => asked.revents,
        _ => 0,
    }
}

/// Whether the modes are ours.
pub(super) fn is_active() -> bool {
    ACTIVE.load(SeqCst)
}

/// Whether the terminal listens to this job rather than to the shell. True where there is no job control.
pub(super) fn is_foreground() -> bool {
    // SAFETY: two calls without pointers.
    let (front, own) = unsafe { (libc::tcgetpgrp(INPUT.load(SeqCst)), libc::getpgrp()) };
    front == own || front == -1
}

/// Size of the screen. Asked here, because crossterm runs the program `tput` when the system does not know.
pub(super) fn size() -> Size {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ fills a winsize; when it fails the zeros stay. Its type differs between systems.
    #[allow(clippy::useless_conversion)]
    unsafe {
        libc::ioctl(OUTPUT, libc::TIOCGWINSZ.into(), &mut size)
    };
    believable(size.ws_col, size.ws_row)
}

fn believable(width: u16, height: u16) -> Size {
    if width == 0 || height == 0 {
        return USUAL;
    }
    Size { width: width.min(LARGEST.width), height: height.min(LARGEST.height) }
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_cannot_be_are_replaced() {
        assert_eq!(believable(0, 0), USUAL);
        assert_eq!(believable(120, 0), USUAL);
        assert_eq!(believable(1, 1), Size::new(1, 1));
        assert_eq!(believable(u16::MAX, u16::MAX), LARGEST);
    }

    #[test]
    fn every_mode_that_is_entered_is_left() {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let (enter, leave) = (text(ENTER), text(LEAVE));
        for mode in ["1049", "2004", "1000", "1002", "1006"] {
            assert!(enter.contains(&format!("\x1b[?{mode}h")), "{mode}");
            assert!(leave.contains(&format!("\x1b[?{mode}l")), "{mode}");
        }
        assert!(enter.contains("\x1b[?25l") && leave.contains("\x1b[?25h"));
    }

    #[test]
    fn leaving_what_was_not_entered_does_nothing() {
        leave();
        assert!(!is_active());
        assert_eq!(write(b"not to be seen").unwrap(), 0);
    }
}
