//! The screen as the main loop has it: frames, the window's title, the clipboard, and stopping for the shell.

use std::{env, io};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ratatui::{Frame, Terminal};

use super::held::Held;
use super::{modes, signals};
use crate::shown::Shown;

/// Bytes of text that may be copied: terminals drop longer ones, each at its own limit.
const MOST_COPIED: usize = 8 << 10;
/// Characters of a title that are of use to anybody.
const LONGEST_TITLE: usize = 120;

/// The full screen. Dropping it gives the terminal back.
pub struct Screen {
    terminal: Terminal<Held>,
    title: Option<String>,
    /// Whether the terminal takes titles and the clipboard; others would print them.
    takes_strings: bool,
}

impl Screen {
    /// Enters the full screen.
    pub(super) fn enter() -> io::Result<Self> {
        let terminal = Terminal::new(Held::new(modes::size))?;
        let takes_strings = takes_strings(env::var("TERM").ok().as_deref());
        // First the value, then the modes: when they fail half-way, its drop undoes them.
        let screen = Self { terminal, title: None, takes_strings };
        modes::enter()?;
        Ok(screen)
    }

    /// Draws a frame at the size that the terminal has now, and writes what differs from the last one in a single
    /// write. Returns the bytes written: 0 when nothing has changed. An error means that the terminal is gone.
    pub fn draw(&mut self, picture: impl FnOnce(&mut Frame<'_>)) -> io::Result<usize> {
        self.terminal.draw(picture)?;
        self.terminal.backend_mut().release(modes::write)
    }

    /// Forgets what is on the screen: the next frame draws everything.
    pub fn clear(&mut self) -> io::Result<()> {
        self.terminal.clear()
    }

    /// Gives the terminal back and stops until the shell continues this job; then the next frame draws everything.
    ///
    /// Where no shell could continue it (a session of its own, such as `ssh -t host mltop`), it does not stop.
    pub fn suspend(&mut self) -> io::Result<()> {
        modes::leave();
        signals::stop();
        self.enter_again()
    }

    /// Takes the terminal again after the process was stopped in a way that cannot be seen coming (`SIGSTOP`), when
    /// this job is the one that the terminal listens to. Then the next frame draws everything.
    pub fn resume(&mut self) -> io::Result<()> {
        if modes::is_active() && modes::is_foreground() { self.enter_again() } else { Ok(()) }
    }

    fn enter_again(&mut self) -> io::Result<()> {
        modes::enter()?;
        self.terminal.backend_mut().forget();
        self.terminal.clear()?;
        match self.title.take() {
            Some(title) => self.set_title(title),
            None => Ok(()),
        }
    }

    /// Copies a text to the clipboard of the user's own machine (OSC 52). False when it is too long, or when the
    /// terminal is known to have no clipboard; true does not mean that the terminal took it, as none says.
    pub fn copy(&mut self, text: &Shown) -> io::Result<bool> {
        match copying(text.as_str()).filter(|_| self.takes_strings) {
            Some(bytes) => modes::write(bytes.as_bytes()).map(|_| true),
            None => Ok(false),
        }
    }

    /// Sets the window's title, which is empty when the program has ended.
    pub fn title(&mut self, title: &Shown) -> io::Result<()> {
        self.set_title(title_text(title.as_str()))
    }

    fn set_title(&mut self, title: String) -> io::Result<()> {
        if !self.takes_strings || self.title.as_ref() == Some(&title) {
            return Ok(());
        }
        modes::is_titled();
        modes::write(format!("\x1b]2;{title}\x07").as_bytes())?;
        self.title = Some(title);
        Ok(())
    }

    /// Rings the terminal's bell.
    pub fn bell(&mut self) -> io::Result<()> {
        modes::write(b"\x07").map(drop)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        modes::leave();
    }
}

/// Whether titles and the clipboard are understood, by the terminal's name. The known ones that do not would print
/// them on the screen.
fn takes_strings(name: Option<&str>) -> bool {
    !matches!(name, None | Some("" | "dumb" | "linux" | "cons25" | "unknown"))
        && !name.is_some_and(|name| name.starts_with("vt"))
}

fn title_text(title: &str) -> String {
    title.chars().filter(|c| !c.is_control()).take(LONGEST_TITLE).collect()
}

fn copying(text: &str) -> Option<String> {
    (text.len() <= MOST_COPIED).then(|| format!("\x1b]52;c;{}\x07", STANDARD.encode(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copying_is_bounded() {
        assert_eq!(copying("run 1").unwrap(), "\x1b]52;c;cnVuIDE=\x07");
        assert!(copying(&"x".repeat(MOST_COPIED)).is_some());
        assert_eq!(copying(&"x".repeat(MOST_COPIED + 1)), None);
    }

    #[test]
    fn titles_cannot_end_themselves() {
        assert_eq!(title_text("mltop\x07\x1b]52;c;AA==\x07 é"), "mltop]52;c;AA== é");
        assert_eq!(title_text(&"x".repeat(1000)).len(), LONGEST_TITLE);
    }

    #[test]
    fn consoles_get_no_strings() {
        for name in [None, Some(""), Some("dumb"), Some("linux"), Some("vt100")] {
            assert!(!takes_strings(name), "{name:?}");
        }
        for name in ["xterm-256color", "screen", "tmux-256color", "no-such-terminal"] {
            assert!(takes_strings(Some(name)), "{name}");
        }
    }
}
