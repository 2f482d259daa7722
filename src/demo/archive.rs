//! Unpacks `assets/demo/recorded.txt`: runs that real MLflow recorded, with their times moved to shortly before now.
//!
//! The format is described in `assets/demo/make.py`, which writes it. Each line is one fact, its first word says which.

use std::io;
use std::iter::Peekable;
use std::str::Lines;

use super::store::{Experiment, NewRun, Run, Store};

const RECORDED: &str = include_str!("../../assets/demo/recorded.txt");
/// Files of the archive that are no text, by their names there.
const FILES: [(&str, &[u8]); 2] = [
    ("confusion-matrix.png", include_bytes!("../../assets/demo/confusion-matrix.png")),
    ("elasticnet-paths.png", include_bytes!("../../assets/demo/elasticnet-paths.png")),
];

/// Writes the recorded experiments into a store, as if they had been trained before `now` (ms since 1970).
pub(super) fn unpack(store: &Store, now: i64) -> io::Result<()> {
    let mut unpacker =
        Unpacker { store, now, end: now, experiment: None, draft: Draft::default(), run: None };
    let mut lines = RECORDED.lines().peekable();
    while let Some(line) = lines.next() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        unpacker.take(word, rest, &mut lines)?;
    }
    unpacker.finish_run()
}

/// What is known of a run before its first fact that needs a folder.
#[derive(Default)]
struct Draft<'a> {
    id: &'a str,
    name: &'a str,
    start: i64,
    end: i64,
    status: u8,
    parent: Option<&'a str>,
}

struct Unpacker<'a> {
    store: &'a Store,
    now: i64,
    /// When the newest run of the current experiment ended, in ms.
    end: i64,
    /// The experiment, first only its id and name: it is written when its age is known.
    experiment: Option<Experiment>,
    draft: Draft<'a>,
    run: Option<Run>,
}

impl<'a> Unpacker<'a> {
    fn take(&mut self, word: &'a str, rest: &'a str, lines: &mut Peekable<Lines<'a>>) -> io::Result<()> {
        let (key, value) = rest.split_once(' ').unwrap_or((rest, ""));
        match word {
            "experiment" => {
                self.finish_run()?;
                self.begin_experiment(key, value, lines)
            }
            "note" => self.experiment()?.tag("mlflow.note.content", rest),
            "dataset" => {
                let meta = block(lines);
                self.experiment()?.dataset(rest, &meta)
            }
            "run" => {
                self.finish_run()?;
                self.draft = Draft { id: key, name: value, ..Draft::default() };
                Ok(())
            }
            "time" => {
                (self.draft.start, self.draft.end) = (self.time(key)?, self.time(value)?);
                Ok(())
            }
            "status" => rest.parse().map(|status| self.draft.status = status).map_err(|_| broken(rest)),
            "parent" => {
                self.draft.parent = Some(rest);
                Ok(())
            }
            _ => self.take_run_fact(word, key, value, lines),
        }
    }

    fn take_run_fact(
        &mut self,
        word: &str,
        key: &str,
        value: &str,
        lines: &mut Peekable<Lines<'a>>,
    ) -> io::Result<()> {
        self.begin_run()?;
        let run = self.run.as_ref().ok_or_else(|| broken(word))?;
        match word {
            "tag" => run.tag(key, value),
            "param" => run.param(key, value),
            "metric" => {
                let (time, rest) = value.split_once(' ').ok_or_else(|| broken(value))?;
                let time = self.time(time)?;
                run.history(key, &format!("{time} {rest}\n"), time)
            }
            "input" => run.input(key, &block(lines)),
            "text" => run.artifact(key, self.place(&block(lines)).as_bytes()),
            "file" => {
                let (_, content) =
                    FILES.iter().find(|(name, _)| *name == value).ok_or_else(|| broken(value))?;
                run.artifact(key, content)
            }
            _ => Err(broken(word)),
        }
    }

    /// Begins an experiment; the line after it says how many minutes before now its newest run ended.
    fn begin_experiment(&mut self, id: &str, name: &str, lines: &mut Peekable<Lines<'a>>) -> io::Result<()> {
        let ago =
            lines.next().and_then(|line| line.strip_prefix("ago ")).and_then(|text| text.parse::<i64>().ok());
        self.end = self.now - ago.ok_or_else(|| broken(name))? * 60_000;
        // A minute before its newest run: all runs of a recording lie within that.
        self.experiment = Some(self.store.experiment(id, name, self.end - 60_000, None)?);
        Ok(())
    }

    fn experiment(&self) -> io::Result<&Experiment> {
        self.experiment.as_ref().ok_or_else(|| broken("experiment"))
    }

    fn begin_run(&mut self) -> io::Result<()> {
        if self.run.is_none() {
            let Draft { id, name, start, parent, .. } = self.draft;
            // Sources and commits are facts of their own in the archive, and replace the one given here.
            let new = NewRun {
                id: id.to_owned(),
                name: name.to_owned(),
                user: "demo",
                source: "",
                commit: None,
                parent,
                start,
            };
            self.run = Some(self.experiment()?.run(new)?);
        }
        Ok(())
    }

    fn finish_run(&mut self) -> io::Result<()> {
        self.run.take().map_or(Ok(()), |run| run.end(self.draft.status, self.draft.end))
    }

    /// A time of the archive, in ms after the end of the experiment's newest run.
    fn time(&self, text: &str) -> io::Result<i64> {
        text.parse::<i64>().map(|offset| self.end + offset).map_err(|_| broken(text))
    }

    /// Text with the place and the time of this unpacking.
    fn place(&self, text: &str) -> String {
        if !text.contains('@') {
            return text.to_owned();
        }
        let time = jiff::Timestamp::from_millisecond(self.draft.end).unwrap_or_default();
        let utc = time.strftime("%Y-%m-%d %H:%M:%S.%6f").to_string();
        text.replace("@URI@", self.store.uri()).replace("@UTC@", &utc)
    }
}

/// The lines of a file, which follow behind a `|`.
fn block(lines: &mut Peekable<Lines<'_>>) -> String {
    let mut text = String::new();
    while let Some(line) = lines.peek().and_then(|line| line.strip_prefix('|')) {
        text.push_str(line);
        text.push('\n');
        lines.next();
    }
    text
}

fn broken(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the demo's archive is broken at {what:?}"))
}
