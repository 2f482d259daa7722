//! A real terminal for tests of the whole program: a pseudo terminal whose other end is a vt100 emulator.
//!
//! Every wait has a deadline, and none looks at a frame before it is complete.

// Each test file is a program of its own and uses a part of this. What fails here fails the test.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing)]

pub mod database;
pub mod looked;
pub mod server;
pub mod session;
pub mod stores;
pub mod story;
pub mod told;
pub mod tracking;
pub mod writer;

use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

/// How long anything may take; test machines are slow and busy.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long to listen before looking again.
const GLANCE: Duration = Duration::from_millis(20);

/// What a terminal does besides showing cells. It answers no query: the program must not ask any.
#[derive(Default)]
pub struct Effects {
    /// The window's title.
    pub title: String,
    /// What was copied last, still as base64.
    pub clipboard: Option<Vec<u8>>,
    /// Bells that rang.
    pub bells: usize,
    /// Questions to the terminal; must stay empty.
    pub queries: Vec<String>,
    is_inside_of_a_frame: bool,
}

impl vt100::Callbacks for Effects {
    fn set_window_title(&mut self, _: &mut vt100::Screen, title: &[u8]) {
        self.title = String::from_utf8_lossy(title).into_owned();
    }

    fn copy_to_clipboard(&mut self, _: &mut vt100::Screen, _: &[u8], data: &[u8]) {
        self.clipboard = Some(data.to_vec());
    }

    fn audible_bell(&mut self, _: &mut vt100::Screen) {
        self.bells += 1;
    }

    fn unhandled_csi(
        &mut self,
        _: &mut vt100::Screen,
        prefix: Option<u8>,
        _: Option<u8>,
        parameters: &[&[u16]],
        last: char,
    ) {
        let first = parameters.first().and_then(|group| group.first()).copied().unwrap_or(0);
        match (prefix, last, first) {
            (Some(b'?'), 'h', 2026) => self.is_inside_of_a_frame = true,
            (Some(b'?'), 'l', 2026) => self.is_inside_of_a_frame = false,
            (_, 'c' | 'n' | 'p' | 'q', _) => self.queries.push(format!("CSI {first} {last}")),
            _ => {}
        }
    }
}

/// A program in a terminal. It is killed when the test is over.
pub struct Tty {
    emulator: vt100::Parser<Effects>,
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    keyboard: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    /// Bytes that the program has written so far.
    pub written: usize,
}

impl Tty {
    /// Starts mltop with arguments and additional variables, at a size of columns and rows.
    pub fn spawn(args: &[&str], variables: &[(&str, &str)], size: (u16, u16)) -> Self {
        Self::spawn_program(Path::new(env!("CARGO_BIN_EXE_mltop")), args, variables, size)
    }

    /// Starts any program; a shell, for tests of job control.
    pub fn spawn_program(
        program: &Path,
        args: &[&str],
        variables: &[(&str, &str)],
        size: (u16, u16),
    ) -> Self {
        let pair = native_pty_system().openpty(pty_size(size)).unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.cwd(std::env::current_dir().unwrap());
        // No folder can be made there, so nothing is kept where a test does not want it.
        command.env("XDG_STATE_HOME", "/dev/null");
        for (name, value) in [("TERM", "xterm-256color"), ("COLORTERM", "truecolor"), ("LC_ALL", "C.UTF-8")] {
            command.env(name, value);
        }
        // A trace would scroll the message of a panic off a small screen.
        command.env("RUST_BACKTRACE", "0");
        command.env_remove("NO_COLOR");
        for (name, value) in variables {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let (sender, output) = channel();
        thread::spawn(move || {
            let mut chunk = [0; 8192];
            while let Ok(count @ 1..) = reader.read(&mut chunk) {
                if sender.send(chunk[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        let (columns, rows) = size;
        Self {
            emulator: vt100::Parser::new_with_callbacks(cells(rows), cells(columns), 0, Effects::default()),
            keyboard: pair.master.take_writer().unwrap(),
            master: pair.master,
            child,
            output,
            written: 0,
        }
    }

    /// Presses keys, given as the bytes that a terminal sends for them.
    pub fn send(&mut self, keys: &str) -> &mut Self {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
        self
    }

    /// Presses the left button of the mouse on a cell, and releases it.
    pub fn click(&mut self, (column, row): (u16, u16)) -> &mut Self {
        let (column, row) = (column + 1, row + 1);
        self.send(&format!("\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m"))
    }

    /// Waits until a text is on the screen.
    #[track_caller]
    pub fn wait(&mut self, text: &str) -> &mut Self {
        self.wait_until(text, |screen| screen.contents().contains(text))
    }

    /// Waits until a text is no longer on the screen.
    #[track_caller]
    pub fn wait_gone(&mut self, text: &str) -> &mut Self {
        self.wait_until(&format!("no {text}"), |screen| !screen.contents().contains(text))
    }

    /// Waits until a complete frame is as asked; `what` is for the message when it never is.
    #[track_caller]
    pub fn wait_until(&mut self, what: &str, is_so: impl Fn(&vt100::Screen) -> bool) -> &mut Self {
        let deadline = Instant::now() + PATIENCE;
        while self.effects().is_inside_of_a_frame || !is_so(self.emulator.screen()) {
            assert!(Instant::now() < deadline, "not seen in {PATIENCE:?}: {what}\n{}", self.screen());
            self.listen(GLANCE);
        }
        self
    }

    /// Waits until something besides the cells is as asked, such as the clipboard.
    #[track_caller]
    pub fn wait_effect(&mut self, what: &str, is_so: impl Fn(&Effects) -> bool) -> &mut Self {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self.effects()) {
            assert!(Instant::now() < deadline, "did not happen in {PATIENCE:?}: {what}\n{}", self.screen());
            self.listen(GLANCE);
        }
        self
    }

    /// Listens for that long, to show that nothing happens. Returns the bytes that came.
    pub fn idle(&mut self, time: Duration) -> usize {
        let (before, end) = (self.written, Instant::now() + time);
        while Instant::now() < end {
            self.listen(GLANCE);
        }
        self.written - before
    }

    /// Gives the window another size of columns and rows.
    pub fn resize(&mut self, size: (u16, u16)) -> &mut Self {
        self.emulator.set_size(cells(size.1), cells(size.0));
        self.master.resize(pty_size(size)).unwrap();
        self
    }

    /// Column and row of the first cell where a text begins.
    pub fn find(&self, text: &str) -> Option<(u16, u16)> {
        let screen = self.emulator.screen();
        let (rows, columns) = (screen.size().0.get(), screen.size().1.get());
        let begins = |row, column| screen.contents_between(row, column, row, columns).starts_with(text);
        (0..rows).find_map(|row| (0..columns).find(|column| begins(row, *column)).map(|column| (column, row)))
    }

    /// All that is on the screen, as lines of text.
    pub fn screen(&self) -> String {
        self.emulator.screen().contents()
    }

    /// The emulator's screen, for colours and modes.
    pub fn cells(&self) -> &vt100::Screen {
        self.emulator.screen()
    }

    /// What the program did to the terminal besides drawing.
    pub fn effects(&self) -> &Effects {
        self.emulator.callbacks()
    }

    /// The window's title.
    pub fn title(&self) -> &str {
        &self.effects().title
    }

    /// What was copied last, still as base64.
    pub fn clipboard(&self) -> Option<&[u8]> {
        self.effects().clipboard.as_deref()
    }

    /// The program's process, for signals.
    pub fn process(&self) -> i32 {
        self.child.process_id().and_then(|id| i32::try_from(id).ok()).unwrap()
    }

    /// Waits for the end of the program. 1 is also the code of a program that a signal has killed.
    #[track_caller]
    pub fn exit_code(&mut self) -> u32 {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.listen(GLANCE);
            if let Some(status) = self.child.try_wait().unwrap() {
                while self.listen(Duration::from_millis(200)) {}
                return status.exit_code();
            }
            assert!(Instant::now() < deadline, "still running after {PATIENCE:?}\n{}", self.screen());
        }
    }

    /// Modes that a program has left behind: none, after a good end.
    pub fn leftovers(&self) -> Vec<&'static str> {
        let screen = self.emulator.screen();
        let modes = [
            (screen.alternate_screen(), "alternate screen"),
            (screen.hide_cursor(), "hidden cursor"),
            (screen.bracketed_paste(), "bracketed paste"),
            (screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None, "mouse"),
            (self.effects().is_inside_of_a_frame, "synchronized update"),
        ];
        modes.into_iter().filter_map(|(is_on, name)| is_on.then_some(name)).collect()
    }

    /// Takes what the program has written; false when nothing came in time.
    fn listen(&mut self, time: Duration) -> bool {
        let Ok(bytes) = self.output.recv_timeout(time) else {
            // A program that has ended closes the channel, which then returns at once.
            thread::sleep(Duration::from_millis(1));
            return false;
        };
        self.written += bytes.len();
        self.emulator.process(&bytes);
        true
    }
}

impl Drop for Tty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pty_size((columns, rows): (u16, u16)) -> PtySize {
    PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }
}

fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).unwrap()
}
