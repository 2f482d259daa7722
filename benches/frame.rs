//! How long a frame takes over 100,000 rows, and what comes before it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a benchmark fails by panicking")]

use std::sync::Arc;

use divan::Bencher;
use mltop::app::{App, Event, Request};
use mltop::index::{ExperimentKey, Index, Point, RunKey};
use mltop::query::{Aggregate, Column, Formats, Opened, Query, rows};
use mltop::series::Series;
use mltop::shown::Shown;
use mltop::view::{self, theme::Theme};
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::KeyCode;
use ratatui::layout::Rect;

#[path = "common/index.rs"]
mod made_up;

/// Columns and lines of a large terminal.
const SIZE: (u16, u16) = (200, 60);
/// Runs of a family: a few below each parent, and ten thousand.
const FAMILIES: [usize; 2] = [20, 10_000];

fn main() {
    divan::main();
}

/// The browser over all runs with all parents open, with the histories on screen, at the last row.
fn app(family: usize) -> (App, Arc<Index>) {
    let index = made_up::index(1, family);
    let mut app = App::new(Shown::own("./mlruns"));
    app.update(Event::Size(SIZE.0, SIZE.1));
    app.update(Event::Now(made_up::NOW));
    let opened = Arc::new(Opened { all: true, ..Opened::default() });
    let experiment = Some(ExperimentKey(0));
    app.query = Arc::new(Query { experiment, opened, now: made_up::NOW, ..Query::default() });
    let rows = Event::Rows(Arc::new(rows(&index, &app.query)));
    take(&mut app, rows);
    take(&mut app, Event::Key(KeyCode::Char('G').into()));
    (app, index)
}

/// An event, and the histories that it makes the app want.
fn take(app: &mut App, event: Event) {
    for request in app.update(event) {
        let Request::Want(want) = request else { continue };
        for (run, key) in want.series {
            let point = |step: i64| Point { value: (step as f64).sin(), step, timestamp: step * 1000 };
            let mut series: Series = (0..100).map(point).collect();
            series.sketch();
            app.update(Event::Series(run, key, Arc::new(series)));
        }
    }
}

#[divan::bench(args = FAMILIES)]
fn draw(bencher: Bencher<'_, '_>, family: usize) {
    let (app, _) = app(family);
    let (theme, area) = (Theme::new(true, true), Rect::new(0, 0, SIZE.0, SIZE.1));
    bencher.with_inputs(|| Buffer::empty(area)).bench_local_values(|mut buffer| {
        view::draw(&app, area, &mut buffer, &theme);
        buffer
    });
}

/// A key that moves the cursor.
#[divan::bench(args = FAMILIES)]
fn key_up(bencher: Bencher<'_, '_>, family: usize) {
    let (mut app, _) = app(family);
    bencher.bench_local(|| app.update(Event::Key(KeyCode::Char('k').into())));
}

/// A new answer to the same question.
#[divan::bench(args = FAMILIES, sample_count = 20)]
fn new_rows(bencher: Bencher<'_, '_>, family: usize) {
    let (mut app, index) = app(family);
    let query = app.query.clone();
    bencher
        .with_inputs(|| Arc::new(rows(&index, &query)))
        .bench_local_values(|rows| app.update(Event::Rows(rows)));
}

/// 200 metrics as columns, every fourth coloured by rank and the first at the left, over all runs.
fn with_200_columns() -> App {
    let index = made_up::columns();
    let mut app = App::new(Shown::own("./mlruns"));
    app.update(Event::Size(SIZE.0, SIZE.1));
    app.update(Event::Now(made_up::NOW));
    let all = (0..made_up::COLUMNS).filter_map(|n| index.keys.find(&format!("val/loss_{n}")));
    let columns: Vec<Column> = all.map(|key| Column::Metric(key, Aggregate::Last)).collect();
    let mut formats = Formats::default();
    columns.iter().step_by(4).for_each(|column| formats.edit(*column, |format| format.heat = true));
    formats.edit(columns[0], |format| format.left = true);
    app.query = Arc::new(Query {
        experiment: Some(ExperimentKey(0)),
        columns: Some(Arc::new(columns)),
        formats: Arc::new(formats),
        now: made_up::NOW,
        ..Query::default()
    });
    let rows = Event::Rows(Arc::new(rows(&index, &app.query)));
    take(&mut app, rows);
    app
}

/// A key that scrolls the columns, and the frame that follows.
#[divan::bench]
fn scroll_200_columns(bencher: Bencher<'_, '_>) {
    let mut app = with_200_columns();
    let (theme, area) = (Theme::new(true, true).with_256_colours(), Rect::new(0, 0, SIZE.0, SIZE.1));
    let mut pressed = 0;
    bencher.bench_local(|| {
        let key = if pressed / 150 % 2 == 0 { '>' } else { '<' };
        pressed += 1;
        take(&mut app, Event::Key(KeyCode::Char(key).into()));
        let mut buffer = Buffer::empty(area);
        view::draw(&app, area, &mut buffer, &theme);
        buffer
    });
}

/// Twenty runs with 10,000 metrics side by side.
fn compared() -> (App, Arc<Index>) {
    let index = made_up::wide();
    let mut app = App::new(Shown::own("./mlruns"));
    app.update(Event::Size(SIZE.0, SIZE.1));
    app.query = Arc::new(Query { now: made_up::NOW, ..Query::default() });
    app.update(Event::Rows(Arc::new(rows(&index, &app.query))));
    app.marks = index.runs().map(|run| run.key).collect();
    take(&mut app, Event::Key(KeyCode::Char('=').into()));
    (app, index)
}

/// A letter in the list of 10,000 columns, and the frame that follows.
#[divan::bench]
fn column_picker_key(bencher: Bencher<'_, '_>) {
    let index = made_up::wide();
    let mut app = App::new(Shown::own("./mlruns"));
    app.update(Event::Size(SIZE.0, SIZE.1));
    app.query = Arc::new(Query { now: made_up::NOW, ..Query::default() });
    app.update(Event::Rows(Arc::new(rows(&index, &app.query))));
    app.update(Event::Key(KeyCode::Char('c').into()));
    let all = mltop::query::columns::all(&index, &app.query);
    app.update(Event::Columns(app.query.experiment, Arc::new(all)));
    let (theme, area) = (Theme::new(true, true), Rect::new(0, 0, SIZE.0, SIZE.1));
    let mut pressed = 0;
    bencher.bench_local(|| {
        let key = if pressed % 2 == 0 { KeyCode::Char('7') } else { KeyCode::Backspace };
        pressed += 1;
        app.update(Event::Key(key.into()));
        let mut buffer = Buffer::empty(area);
        view::draw(&app, area, &mut buffer, &theme);
        buffer
    });
}

#[divan::bench]
fn compare_draw(bencher: Bencher<'_, '_>) {
    let (app, _) = compared();
    let (theme, area) = (Theme::new(true, true), Rect::new(0, 0, SIZE.0, SIZE.1));
    bencher.with_inputs(|| Buffer::empty(area)).bench_local_values(|mut buffer| {
        view::draw(&app, area, &mut buffer, &theme);
        buffer
    });
}

#[divan::bench]
fn compare_key_down(bencher: Bencher<'_, '_>) {
    let (mut app, _) = compared();
    bencher.bench_local(|| app.update(Event::Key(KeyCode::Char('j').into())));
}

/// One of the runs has a new point.
#[divan::bench(sample_count = 20)]
fn compare_new_point(bencher: Bencher<'_, '_>) {
    let (mut app, index) = compared();
    let query = app.query.clone();
    let newer = || {
        let mut index = (*index).clone();
        index.edit_run(RunKey(3), |draft| draft.end_time = Some(made_up::NOW));
        Arc::new(rows(&Arc::new(index), &query))
    };
    bencher.with_inputs(newer).bench_local_values(|rows| app.update(Event::Rows(rows)));
}
