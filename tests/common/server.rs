//! A tracking server within the test: it replays what real servers answered (`tests/mlflow/record_rest.py`), or misbehaves.
#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub headers: HashMap<String, String>,
    pub body: String,
}

/// An answer: status, further headers, body.
pub struct Told {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The connection ends after so many bytes of the body.
    pub cut: Option<usize>,
}

impl Told {
    pub fn json(value: &Value) -> Self {
        Self::body(200, "application/json", value.to_string().as_bytes())
    }

    pub fn body(status: u16, kind: &str, body: &[u8]) -> Self {
        let headers = vec![("Content-Type".to_owned(), kind.to_owned())];
        Self { status, headers, body: body.to_vec(), cut: None }
    }

    pub fn status(status: u16) -> Self {
        Self::body(status, "application/json", br#"{"error_code": "X", "message": "so it is"}"#)
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

type Answer = dyn Fn(&Asked) -> Told + Send + Sync;

/// A server on loopback, for as long as it is held.
pub struct Server {
    pub url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    pub fn new(answer: impl Fn(&Asked) -> Told + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (answer, log): (Arc<Answer>, _) = (Arc::new(answer), asked.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, log) = (answer.clone(), log.clone());
                thread::spawn(move || serve(stream, &*answer, &log));
            }
        });
        Self { url, asked }
    }

    /// Replays a recording of `tests/data/rest`.
    pub fn replay(name: &str) -> Self {
        let recording = Recording::read(name);
        Self::new(move |asked| recording.answer(asked))
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, answer: &Answer, log: &Mutex<Vec<Asked>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut writer = stream;
    while let Some(asked) = read(&mut reader) {
        log.lock().unwrap().push(asked.clone());
        let told = answer(&asked);
        let mut head = format!("HTTP/1.1 {} So\r\nContent-Length: {}\r\n", told.status, told.body.len());
        told.headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        let body = told.cut.map_or(told.body.as_slice(), |cut| &told.body[..cut]);
        // In one write: else it waits until the other side has acknowledged the first one.
        let answer = [format!("{head}\r\n").as_bytes(), body].concat();
        if writer.write_all(&answer).is_err() || told.cut.is_some() {
            return;
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Asked> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { method, path, headers, body: String::from_utf8(body).ok()? })
}

/// What a real server answered.
pub struct Recording {
    calls: Value,
    runs: Vec<Value>,
}

impl Recording {
    pub fn read(name: &str) -> Self {
        let packed = format!("{}/tests/data/rest/{name}.json.gz", env!("CARGO_MANIFEST_DIR"));
        let mut text = String::new();
        flate2::read::GzDecoder::new(std::fs::File::open(packed).unwrap()).read_to_string(&mut text).unwrap();
        let calls: Value = serde_json::from_str(&text).unwrap();
        let runs: Value = serde_json::from_str(calls["runs"]["body"].as_str().unwrap()).unwrap();
        Self { calls, runs: runs["runs"].as_array().unwrap().clone() }
    }

    /// The recorded answer. Searches of runs are cut into pages as MLflow cuts them: the token is an offset.
    pub fn answer(&self, asked: &Asked) -> Told {
        if asked.path.ends_with("/runs/search") {
            return self.search(&serde_json::from_str(&asked.body).unwrap());
        }
        let Some(call) = self.calls.get(&asked.path) else { return Told::status(404) };
        let text = |field: &str| call[field].as_str().unwrap_or_default();
        Told::body(call["status"].as_u64().unwrap() as u16, text("type"), text("body").as_bytes())
    }

    fn search(&self, body: &Value) -> Told {
        let ids: Vec<&str> =
            body["experiment_ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        let bad = ids.iter().find_map(|id| self.calls.get(format!("bad experiment {id}")));
        if let Some(bad) = bad {
            return Told::body(500, "application/json", bad["body"].as_str().unwrap().as_bytes());
        }
        let is_in = |run: &&Value| ids.contains(&run["info"]["experiment_id"].as_str().unwrap());
        let mut runs: Vec<&Value> = self.runs.iter().filter(is_in).collect();
        runs.sort_by_key(|run| {
            (-run["info"]["start_time"].as_i64().unwrap(), run["info"]["run_id"].as_str().unwrap().to_owned())
        });
        let from: usize = body["page_token"].as_str().map_or(0, |token| token.parse().unwrap());
        let to = runs.len().min(from + body["max_results"].as_u64().unwrap() as usize);
        let mut answer = json!({"runs": runs[from..to]});
        if to < runs.len() {
            answer["next_page_token"] = json!(to.to_string());
        }
        Told::json(&answer)
    }
}
