//! Ways to die, for tests of the terminal layer (feature `crash-test` only).
#![expect(clippy::panic, reason = "that is what it is for")]

use std::sync::mpsc::Sender;
use std::time::Duration;

use super::{Message, notice, spawn};
use crate::app::Event;
use crate::terminal;

/// Dies half a second after the first frame: `panic` in the main loop, `worker-panic` in a thread that is caught,
/// `overflow` of a stack, `alloc` of more memory than there is.
pub fn arm(kind: Option<String>, send: &Sender<Message>) -> std::io::Result<()> {
    let Some(kind) = kind else { return Ok(()) };
    let send = send.clone();
    spawn("crash", move || {
        std::thread::sleep(Duration::from_millis(500));
        match kind.as_str() {
            "panic" => drop(send.send(Message::Panic)),
            "worker-panic" => {
                if let Err(what) = terminal::caught(fails) {
                    let text = format!("internal error: {what}");
                    let _ = send.send(Message::Event(Event::Notice(notice(&text))));
                }
            }
            "overflow" => drop(std::hint::black_box(overflow(1))),
            _ => drop(std::hint::black_box(vec![1_u8; 1 << 45])),
        }
    })
}

/// A worker's work that fails.
fn fails() {
    assert!(std::hint::black_box(false), "asked to");
}

/// Panics in the main loop.
pub fn panic() -> ! {
    panic!("asked to")
}

#[expect(unconditional_recursion, reason = "that is what it is for")]
fn overflow(depth: u64) -> u64 {
    std::hint::black_box([depth; 64]).iter().sum::<u64>() + overflow(depth + 1)
}
