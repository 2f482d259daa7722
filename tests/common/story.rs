//! What happened, as one story that is told to files and to a database: all that a store may hold.
#![allow(dead_code, clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use super::database::{Database, START};
use super::looked::Looked;
use super::server::Server;
use super::tracking;
use super::writer::{Dataset, Files, Writer};

/// A dataset of the story.
pub const IRIS: Dataset = Dataset { experiment: "1", id: "d1", name: "iris", digest: "cafe" };
/// Another, with a name that needs quotes.
pub const ODD: Dataset = Dataset { experiment: "1", id: "d2", name: "données: \"日本\" ", digest: "beef" };

/// A text that tries to take the terminal over, wide and of two directions.
pub const HOSTILE: &str =
    "\u{1b}]0;owned\u{7}\u{1b}[2J日本語 👩‍👩‍👧 e\u{301} \u{202e}cod\u{202c}\r\n\tend\u{9b}31m";

/// Three levels of parents: `sweep`, its three children, and a child of the first of these.
fn sweep(to: &dyn Writer) {
    to.experiment("1", "vision/sweep");
    to.experiment_tag("1", "mlflow.note.content", "what it is about");
    to.dataset(&IRIS);
    to.dataset(&ODD);
    to.run("1", "sweep", "sweep", "FINISHED", START);
    to.param("sweep", "kernel", "rbf");
    for (at, lr) in ["0.1", "0.01", "1e-3"].into_iter().enumerate() {
        let (id, at) = (format!("child{at}"), at as i64);
        to.run(
            "1",
            &id,
            &format!("trial {at}"),
            ["FINISHED", "FAILED", "RUNNING"][at as usize],
            START + 1000 * (at + 1),
        );
        to.tag(&id, "mlflow.parentRunId", "sweep");
        to.param(&id, "lr", lr);
        to.param(&id, "kernel", ["rbf", "poly", "rbf"][at as usize]);
        for step in 0..5 {
            let value = 1.0 / (1 + step + at) as f64 + if step == 2 { -0.9 } else { 0.0 };
            to.metric(&id, "loss", value, step, START + 100 * step);
        }
        to.metric(&id, "val/acc top-1", 0.5 + 0.1 * at as f64, 4, START + 500);
    }
    to.run("1", "leaf", "leaf", "KILLED", START + 9000);
    to.tag("leaf", "mlflow.parentRunId", "child0");
    to.metric("leaf", "loss", 7.0, 1, START + 1);
    to.input("child0", &IRIS, "training");
    to.input("child0", &ODD, "eval");
    to.input("child1", &IRIS, "eval");
    to.model_input("child1", "m-used");
    to.model_output("child1", "m-made", 4);
    to.model_output("child1", "m-first", 0);
}

/// Values that break programs: not numbers, the ends of integers, texts that are none.
fn odd(to: &dyn Writer) {
    to.experiment("2", HOSTILE);
    to.run("2", "values", "values", "FINISHED", START);
    for (key, value) in [("nan", f64::NAN), ("inf", f64::INFINITY), ("minus inf", f64::NEG_INFINITY)] {
        to.metric("values", key, value, 1, START);
    }
    for (step, value) in [(0, 1.0), (1, f64::NAN), (2, 3.0), (3, f64::NAN)] {
        to.metric("values", "with nan", value, step, START + step);
    }
    to.metric("values", "steps", 1.0, -5, START);
    to.metric("values", "steps", 2.0, i64::MAX, START + 1);
    to.metric("values", "tiny", 5e-324, 0, START);
    to.metric("values", "same step", 1.0, 3, START + 10);
    to.metric("values", "same step", 2.0, 3, START + 10);
    to.metric("values", "same step", 0.5, 3, START + 20);
    to.run("2", "texts", HOSTILE, "SCHEDULED", START + 5);
    to.param("texts", "empty", "");
    to.param("texts", "hostile", HOSTILE);
    to.param("texts", "long", &"schön ".repeat(1000));
    to.param("texts", "número/ключ 鍵", "value");
    to.tag("texts", "hostile", HOSTILE);
    to.tag("texts", "mlflow.note.content", "# A note\n\nof *several* lines");
    to.tag("texts", "mlflow.user", "somebody");
    let folder = to.artifacts("2", "texts");
    fs::create_dir_all(folder.join("model/data")).unwrap();
    for (name, text) in
        [("model/data/empty", ""), ("model/MLmodel", "flavors: {}\n"), ("plot é 日.svg", HOSTILE)]
    {
        fs::write(folder.join(name), text).unwrap();
    }
}

/// What was deleted, and by what: the run itself or its experiment.
fn deleted(to: &dyn Writer) {
    to.run("1", "dropped", "dropped", "FINISHED", START + 100);
    to.metric("dropped", "loss", 0.01, 1, START);
    to.delete("dropped");
    to.experiment("3", "thrown away");
    to.run("3", "orphan", "orphan", "FINISHED", START);
    to.param("orphan", "lr", "7");
    to.delete_experiment("3");
    to.experiment("4", "empty");
}

/// Tells the whole story.
pub fn tell(to: &dyn Writer) {
    sweep(to);
    odd(to);
    deleted(to);
}

/// Where runs are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Files,
    Database,
    Server,
}

/// All of them.
pub const KINDS: [Kind; 3] = [Kind::Files, Kind::Database, Kind::Server];

/// A store of one kind, with its writer.
pub struct Place {
    pub kind: Kind,
    pub writer: Box<dyn Writer>,
    /// What to call the store on a command line.
    pub address: String,
    _server: Option<Server>,
}

impl Place {
    /// An empty store.
    pub fn new(kind: Kind) -> Self {
        if kind == Kind::Files {
            let files = Files::new();
            let address = files.made.root.display().to_string();
            return Self { kind, writer: Box::new(files), address, _server: None };
        }
        let database = Database::new();
        fs::create_dir(database.folder().join("mlruns")).unwrap();
        let server = (kind == Kind::Server).then(|| tracking::over(&database.path));
        let address =
            server.as_ref().map_or(database.path.display().to_string(), |server| server.url.clone());
        Self { kind, writer: Box::new(database), address, _server: server }
    }

    /// A store with the whole story.
    pub fn told(kind: Kind) -> Self {
        let place = Self::new(kind);
        tell(place.writer.as_ref());
        place
    }

    /// Opens it and reads all.
    pub fn look(&self) -> Looked {
        match self.kind {
            Kind::Files => Looked::files(self.address.as_ref()),
            Kind::Database => Looked::database(self.address.as_ref()),
            Kind::Server => Looked::server(&self.address),
        }
    }

    /// A text without where this store happens to be.
    pub fn plain(&self, text: &str) -> String {
        text.replace(&self.writer.root().display().to_string(), "HERE")
    }
}
