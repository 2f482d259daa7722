//! Runs the user's own command when a run has ended: `--on-finish 'notify-send "$MLTOP_RUN_NAME $MLTOP_STATUS"'`.
//!
//! What comes out of the store reaches the command as variables only, never as words of a command line, and in the
//! harmless form in which the screen shows it.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;

use super::{Message, STACK};
use crate::app::Event;
use crate::app::news::{News, What};
use crate::index::Index;
use crate::shown::{Shown, shown};

/// Commands that run at the same time; a whole sweep may end at once.
const AT_ONCE: usize = 4;

/// What one command gets to know.
struct Finished {
    variables: Vec<(&'static str, String)>,
    news: News,
}

/// Runs a command for each run that ends.
pub struct OnFinish {
    store: String,
    queue: Sender<Finished>,
}

impl OnFinish {
    /// Starts the threads that run `command`; failures are told to `send`.
    pub fn start(command: &str, store: &str, send: &Sender<Message>) -> std::io::Result<Self> {
        let (queue, waiting) = mpsc::channel();
        let waiting = Arc::new(Mutex::new(waiting));
        for number in 1..=AT_ONCE {
            let (command, waiting, send) = (command.to_owned(), waiting.clone(), send.clone());
            let work = move || work(&command, &waiting, &send);
            let started = Builder::new().name(format!("on finish {number}")).stack_size(STACK).spawn(work);
            // One is enough where the system gives no more.
            if number == 1 {
                started?;
            }
        }
        Ok(Self { store: store.to_owned(), queue })
    }

    /// Has the command run for every run of these that has ended.
    pub fn tell(&self, index: &Index, news: &[News]) {
        for one in news {
            let (What::Ended(_), Some(run)) = (&one.what, index.run(one.run)) else { continue };
            let experiment = index.experiment(run.experiment);
            let text = |text: &str| shown(text).into_string();
            let variables = vec![
                ("MLTOP_RUN_ID", text(run.run_id())),
                ("MLTOP_RUN_NAME", text(run.title())),
                ("MLTOP_STATUS", text(run.status_word())),
                ("MLTOP_EXPERIMENT_ID", text(experiment.map_or("", |found| &found.experiment_id))),
                ("MLTOP_EXPERIMENT_NAME", text(experiment.map_or("", |found| found.title()))),
                ("MLTOP_STORE", self.store.clone()),
            ];
            let _ = self.queue.send(Finished { variables, news: one.clone() }); // the threads live as long as we
        }
    }
}

fn work(command: &str, waiting: &Mutex<Receiver<Finished>>, send: &Sender<Message>) {
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Finished { variables, mut news }) = next else { return };
        // Without the terminal: whatever it prints would tear the picture.
        let done = Command::new("/bin/sh")
            .args(["-c", command])
            // What ends this program does not end the command.
            .process_group(0)
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let told = match done {
            Ok(status) if status.success() => continue,
            Ok(status) => format!("--on-finish ended with {status}"),
            Err(error) => format!("--on-finish cannot be run: {error}"),
        };
        news.what = What::Told(Shown::own(told));
        if send.send(Message::Event(Event::News(vec![news]))).is_err() {
            return; // the main loop has ended
        }
    }
}
