//! The backend that ratatui draws to: holds what changed until the frame is complete, and knows when nothing did.
//!
//! ratatui flushes two or three times a frame and resets the colours and the cursor of every frame, changed or not.
//! Here a frame is one run of bytes inside of a synchronized update, and an unchanged one is none.

use std::io::{self, Write};

use ratatui::backend::{Backend, ClearType, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};

const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";

/// A frame in the making.
pub(super) struct Held {
    /// Begins with [`BEGIN`], always.
    bytes: Vec<u8>,
    size: fn() -> Size,
    cursor_is_shown: bool,
    /// `None` when drawing has moved it.
    cursor: Option<Position>,
}

impl Held {
    pub(super) fn new(size: fn() -> Size) -> Self {
        Self { bytes: BEGIN.to_vec(), size, cursor_is_shown: false, cursor: None }
    }

    /// Forgets what is held, and takes the cursor to be as the modes leave it: hidden.
    pub(super) fn forget(&mut self) {
        self.bytes.truncate(BEGIN.len());
        (self.cursor_is_shown, self.cursor) = (false, None);
    }

    /// Hands the frame over as one piece; not called when nothing has changed.
    pub(super) fn release(&mut self, write: impl FnOnce(&[u8]) -> io::Result<usize>) -> io::Result<usize> {
        if self.bytes.len() == BEGIN.len() {
            return Ok(0);
        }
        self.bytes.extend_from_slice(END);
        let result = write(&self.bytes);
        self.bytes.truncate(BEGIN.len());
        result
    }

    /// crossterm's sequences, appended to the frame; the backend itself has no state.
    fn plain(&mut self) -> CrosstermBackend<&mut Vec<u8>> {
        CrosstermBackend::new(&mut self.bytes)
    }
}

impl Backend for Held {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut content = content.peekable();
        if content.peek().is_none() {
            return Ok(());
        }
        self.cursor = None;
        self.plain().draw(content)
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        if std::mem::replace(&mut self.cursor_is_shown, false) {
            self.plain().hide_cursor()?;
        }
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        if !std::mem::replace(&mut self.cursor_is_shown, true) {
            self.plain().show_cursor()?;
        }
        Ok(())
    }

    /// What was set last: asking the terminal would wait for an answer that some never give.
    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.cursor.unwrap_or_default())
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        let position = position.into();
        if self.cursor.replace(position) != Some(position) {
            self.plain().set_cursor_position(position)?;
        }
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.plain().clear()
    }

    fn clear_region(&mut self, region: ClearType) -> io::Result<()> {
        self.plain().clear_region(region)
    }

    fn size(&self) -> io::Result<Size> {
        Ok((self.size)())
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        Ok(WindowSize { columns_rows: (self.size)(), pixels: Size::default() })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.bytes.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU16, Ordering::SeqCst};

    use ratatui::Terminal;
    use ratatui::widgets::Paragraph;

    use super::*;

    fn terminal() -> Terminal<Held> {
        Terminal::new(Held::new(|| Size::new(20, 4))).unwrap()
    }

    /// The bytes of a frame with this text and cursor.
    fn frame(terminal: &mut Terminal<Held>, text: &str, cursor: Option<(u16, u16)>) -> String {
        terminal
            .draw(|frame| {
                frame.render_widget(Paragraph::new(text), frame.area());
                cursor.into_iter().for_each(|at| frame.set_cursor_position(at));
            })
            .unwrap();
        let mut written = Vec::new();
        terminal.backend_mut().release(|bytes| written.write(bytes)).unwrap();
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn a_frame_is_one_synchronized_update() {
        let bytes = frame(&mut terminal(), "hello", None);
        assert!(bytes.starts_with("\x1b[?2026h") && bytes.ends_with("\x1b[?2026l"));
        assert!(bytes.contains("hello"));
        assert_eq!(bytes.matches("?2026").count(), 2);
    }

    #[test]
    fn nothing_changed_is_nothing_written() {
        let mut terminal = terminal();
        assert_ne!(frame(&mut terminal, "hello", None), "");
        assert_eq!(frame(&mut terminal, "hello", None), "");
        assert_ne!(frame(&mut terminal, "hello", Some((1, 1))), "");
        assert_eq!(frame(&mut terminal, "hello", Some((1, 1))), "");
        assert!(frame(&mut terminal, "hello", None).contains("\x1b[?25l"));
    }

    #[test]
    fn the_cursor_goes_back_after_drawing() {
        let mut terminal = terminal();
        frame(&mut terminal, "a", Some((3, 2)));
        assert!(frame(&mut terminal, "b", Some((3, 2))).contains("\x1b[3;4H"));
    }

    #[test]
    fn clearing_draws_everything_again_without_asking_the_terminal() {
        let mut terminal = terminal();
        frame(&mut terminal, "hello", None);
        terminal.backend_mut().forget();
        terminal.clear().unwrap();
        let bytes = frame(&mut terminal, "hello", None);
        assert!(bytes.contains("\x1b[2J") && bytes.contains("hello"));
        assert!(!bytes.contains("\x1b[6n"));
    }

    #[test]
    fn a_new_size_is_seen_by_the_next_frame() {
        static WIDTH: AtomicU16 = AtomicU16::new(20);
        let mut terminal = Terminal::new(Held::new(|| Size::new(WIDTH.load(SeqCst), 4))).unwrap();
        frame(&mut terminal, "abcdefghij", None);
        WIDTH.store(6, SeqCst);
        let bytes = frame(&mut terminal, "abcdefghij", None);
        assert!(bytes.contains("abcdef") && !bytes.contains("abcdefg"));
    }
}
