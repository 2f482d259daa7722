//! A session without a terminal: keys in, picture out. Everything that would run on threads is answered at once.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::Path;
use std::sync::Arc;
use std::task::Poll;

use mltop::app::{App, Event, Request};
use mltop::index::Index;
use mltop::query;
use mltop::series::Series;
use mltop::shown::Shown;
use mltop::store::{self, Location, Store};
use mltop::view::{self, theme::Theme};
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};

/// An app over a store on disk, at a time that stands still.
pub struct Session {
    pub app: App,
    store: Box<dyn Store>,
    index: Arc<Index>,
    /// What was asked of the outside.
    pub outside: Vec<Request>,
    /// What is to be kept for the next start.
    pub kept: Vec<mltop::state::Edit>,
}

impl Session {
    /// Opens a store; `now` is milliseconds since the epoch.
    pub fn open(root: &Path, (columns, lines): (u16, u16), now: i64) -> Self {
        let mut store = store::open(&Location::Files(root.to_owned()), None).unwrap();
        let mut index = store::read_all(store.as_mut()).unwrap();
        index.version = 1;
        let app = App::new(Shown::own("./mlruns"));
        let mut session = Self { app, store, index: Arc::new(index), outside: Vec::new(), kept: Vec::new() };
        session.event(Event::Size(columns, lines));
        session.event(Event::Now(now));
        session.event(Event::Watching(mltop::app::Watching::Events));
        session.answer_query(Arc::new(query::Query { now, ..query::Query::default() }));
        session
    }

    /// Looks at the store again, as after an event.
    pub fn refresh(&mut self) -> &mut Self {
        let mut index = (*self.index).clone();
        self.store.rescan();
        let until = std::time::Instant::now() + std::time::Duration::from_secs(5);
        while self.store.refresh(&mut index, &store::Want::default(), until).unwrap().more {}
        index.version += 1;
        self.index = Arc::new(index);
        self.app.series.clear();
        let query = self.app.query.clone();
        self.answer_query(query);
        self
    }

    fn answer_query(&mut self, query: Arc<query::Query>) {
        let rows = Arc::new(query::rows(&self.index, &query));
        self.app.query = query;
        self.event(Event::Rows(rows));
    }

    /// One event, and all that follows from it.
    pub fn event(&mut self, event: Event) {
        for request in self.app.update(event) {
            self.serve(request);
        }
    }

    fn serve(&mut self, request: Request) {
        match request {
            Request::Query(query) => self.answer_query(query),
            Request::Want(want) => {
                if !want.beyond.is_empty() {
                    self.read_beyond(&want);
                }
                for (run, key) in want.series {
                    if self.app.series.contains_key(&(run, key)) {
                        continue;
                    }
                    let mut series = Series::default();
                    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
                    if ready(self.store.points(&self.index, run, key, &mut series, until).unwrap()).changed {
                        self.event(Event::Series(run, key, Arc::new(series)));
                    }
                }
            }
            Request::Columns(query) => {
                let columns = query::columns::all(&self.index, &query);
                self.event(Event::Columns(query.experiment, Arc::new(columns)));
            }
            Request::Complete(asked) => {
                let completion =
                    query::filter::complete(&asked.text, asked.at, &self.index, asked.experiment);
                self.event(Event::Completed(asked, completion));
            }
            Request::Keep(edit) => self.kept.push(edit),
            Request::Listing(run, path) => {
                let listing = ready(self.store.artifacts(&self.index, run, &path));
                self.event(Event::Listing(run, path, listing));
            }
            Request::Preview(run, path) => {
                let preview = ready(self.store.preview(&self.index, run, &path, 256 << 10));
                self.event(Event::Preview(run, path, preview.map_err(|error| error.to_string())));
            }
            Request::Inputs(run) => {
                let inputs = ready(self.store.inputs(&self.index, run));
                self.event(Event::Inputs(run, inputs));
            }
            other => self.outside.push(other),
        }
    }

    /// As if the store were still being read.
    pub fn read_on(&mut self) -> &mut Self {
        self.knowing(|index| index.progress.complete = false)
    }

    /// As if something else were known of the store.
    pub fn knowing(&mut self, change: impl FnOnce(&mut Index)) -> &mut Self {
        let mut index = (*self.index).clone();
        change(&mut index);
        self.index = Arc::new(index);
        self.answer_query(self.app.query.clone());
        self
    }

    /// Reads what only some queries ask for: whole histories, datasets.
    fn read_beyond(&mut self, want: &store::Want) {
        let mut index = (*self.index).clone();
        let store = self.store.as_mut();
        store::beyond::read_beyond(store, &mut index, want.beyond.clone(), want.experiment).unwrap();
        self.index = Arc::new(index);
        self.answer_query(self.app.query.clone());
    }

    /// Types keys: names (`Enter`, `C-d`), single characters, or words that are typed as they are.
    pub fn keys(&mut self, keys: &str) -> &mut Self {
        for word in keys.split_whitespace() {
            match named(word) {
                Some(key) => self.event(Event::Key(key)),
                None => word.chars().for_each(|c| self.event(Event::Key(KeyCode::Char(c).into()))),
            }
        }
        self.rest()
    }

    /// Waits until nothing is due any more; afterwards it is as late as before.
    pub fn rest(&mut self) -> &mut Self {
        let now = self.app.clock;
        while let Some(due) = self.app.due() {
            self.event(Event::Now(due));
        }
        self.event(Event::Now(now));
        self
    }

    /// The screen as cells.
    pub fn cells(&self) -> Buffer {
        self.cells_with(&Theme::new(true, true))
    }

    /// The screen as cells, in a theme.
    pub fn cells_with(&self, theme: &Theme) -> Buffer {
        let area = Rect::new(0, 0, self.app.size.0, self.app.size.1);
        let mut buffer = Buffer::empty(area);
        view::draw(&self.app, area, &mut buffer, theme);
        buffer
    }

    /// The screen as text.
    pub fn picture(&self) -> String {
        text(&self.cells())
    }
}

fn named(word: &str) -> Option<KeyEvent> {
    if let Some(c) = word.strip_prefix("C-").filter(|rest| rest.chars().count() == 1) {
        return Some(KeyEvent::new(KeyCode::Char(c.chars().next()?), KeyModifiers::CONTROL));
    }
    let code = match word {
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Tab" => KeyCode::Tab,
        "BackTab" => KeyCode::BackTab,
        "Space" => KeyCode::Char(' '),
        "Up" => KeyCode::Up,
        "Down" => KeyCode::Down,
        "Left" => KeyCode::Left,
        "Right" => KeyCode::Right,
        "Home" => KeyCode::Home,
        "End" => KeyCode::End,
        "PageUp" => KeyCode::PageUp,
        "PageDown" => KeyCode::PageDown,
        "Backspace" => KeyCode::Backspace,
        "Delete" => KeyCode::Delete,
        _ => return None,
    };
    Some(code.into())
}

/// One line per row; a wide character stands for its two cells.
pub fn text(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in 0..buffer.area.height {
        let mut line = String::new();
        let mut skip = 0;
        for x in 0..buffer.area.width {
            if skip > 0 {
                skip -= 1;
                continue;
            }
            let symbol = buffer[(x, y)].symbol();
            skip = ratatui::text::Span::raw(symbol).width().saturating_sub(1);
            line.push_str(symbol);
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// One letter per cell for its style, so that a change of colour is a visible diff.
pub fn styles(buffer: &Buffer) -> String {
    let letter = |x, y| {
        let cell = &buffer[(x, y)];
        if cell.modifier.contains(Modifier::REVERSED) {
            return '#';
        }
        match cell.fg {
            Color::Green => 'g',
            Color::Red => 'r',
            Color::Magenta => 'm',
            Color::Cyan => 'c',
            _ if cell.modifier.contains(Modifier::BOLD) => 'B',
            _ if cell.modifier.contains(Modifier::DIM) => 'd',
            _ => '.',
        }
    };
    let line = |y| (0..buffer.area.width).map(|x| letter(x, y)).collect::<String>();
    (0..buffer.area.height).map(|y| line(y).trim_end_matches('.').to_owned() + "\n").collect()
}

/// What a store on disk answers: it waits for nobody.
fn ready<T>(answer: Poll<T>) -> T {
    match answer {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("a store on disk waits for nobody"),
    }
}
