//! What reaches the main loop from the terminal and the system, and the thread that reads keys.

use std::io;

use ratatui::crossterm::event::{self, Event, KeyEvent, KeyEventKind, MouseEvent};

use super::spawn;

/// Something from outside that the main loop must react to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key was pressed, or repeats.
    Key(KeyEvent),
    /// The mouse was clicked, dragged or scrolled.
    Mouse(MouseEvent),
    /// Text was pasted; any characters.
    Paste(String),
    /// The window has another size: draw.
    Resize,
    /// The system asks to stop for a while (`kill -TSTP`): call [`suspend`](super::Screen::suspend) and draw.
    Suspend,
    /// The process was continued: call [`resume`](super::Screen::resume) and draw.
    Resume,
    /// End with this code within half a second; after that the program is ended anyway.
    Quit(i32),
    /// No keys can be read any more: end with code 129.
    Gone,
}

/// Starts the thread that reads keys.
///
/// It has nothing else to do, because crossterm's reader spins on a dead terminal and does not come back: the hang-up
/// thread ends the process within half a second, whatever this one does.
pub(super) fn listen(send: impl Fn(Input) -> bool + Send + 'static) -> io::Result<()> {
    spawn("keys", move || {
        loop {
            let goes_on = match event::read() {
                Ok(event) => translated(event).is_none_or(&send),
                Err(_) => {
                    send(Input::Gone);
                    false
                }
            };
            if !goes_on {
                return;
            }
        }
    })
}

/// What the main loop needs to know of an event.
fn translated(event: Event) -> Option<Input> {
    match event {
        Event::Key(key) if key.kind == KeyEventKind::Release => None,
        Event::Key(key) => Some(Input::Key(key)),
        Event::Mouse(mouse) => Some(Input::Mouse(mouse)),
        Event::Paste(text) => Some(Input::Paste(text)),
        // The size is asked for when the frame is drawn.
        Event::Resize(..) => Some(Input::Resize),
        Event::FocusGained | Event::FocusLost => None,
    }
}

#[cfg(test)]
mod tests {
    use ratatui::crossterm::event::{KeyCode, KeyModifiers};

    use super::*;

    fn key(kind: KeyEventKind) -> KeyEvent {
        KeyEvent::new_with_kind(KeyCode::Char('q'), KeyModifiers::NONE, kind)
    }

    #[test]
    fn keys_count_when_they_go_down() {
        for kind in [KeyEventKind::Press, KeyEventKind::Repeat] {
            assert_eq!(translated(Event::Key(key(kind))), Some(Input::Key(key(kind))));
        }
        assert_eq!(translated(Event::Key(key(KeyEventKind::Release))), None);
    }

    #[test]
    fn a_size_is_only_news() {
        assert_eq!(translated(Event::Resize(0, 0)), Some(Input::Resize));
        assert_eq!(translated(Event::FocusLost), None);
    }
}
