//! Random keys, sizes and changes: nothing panics, and the cursor stays on the screen.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use common::session::Session;
use common::stores::shared;
use mltop::app::keys::BINDINGS;
use mltop::app::{Event, panes};
use ratatui::crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

const KEYS: [&str; 14] = [
    "Down",
    "Up",
    "Enter",
    "Esc",
    "Tab",
    "Space",
    "Right",
    "Left",
    "PageDown",
    "Home",
    "End",
    "a",
    "Backspace",
    "é",
];

#[test]
fn whatever_is_typed_the_cursor_stays_on_the_screen() {
    let folder = shared("v3-file");
    let mut session = Session::open(&folder.join("mlruns"), (100, 30), 1_795_421_000_000);
    let bound: Vec<&str> = BINDINGS
        .iter()
        .flat_map(|binding| binding.keys.split(' '))
        .filter(|key| !key.starts_with("Ctrl"))
        .collect();
    arbtest::arbtest(|random| {
        for _ in 0..random.int_in_range(1..=30)? {
            match random.int_in_range(0..=9)? {
                0 => {
                    let (columns, lines) = (random.int_in_range(0..=220)?, random.int_in_range(0..=70)?);
                    session.event(Event::Size(columns, lines));
                }
                1 => {
                    let (column, row) = (random.int_in_range(0..=220)?, random.int_in_range(0..=70)?);
                    let kind = *random.choose(&[
                        MouseEventKind::Down(MouseButton::Left),
                        MouseEventKind::ScrollDown,
                        MouseEventKind::ScrollUp,
                    ])?;
                    let modifiers = ratatui::crossterm::event::KeyModifiers::NONE;
                    session.event(Event::Mouse(MouseEvent { kind, column, row, modifiers }));
                }
                2 => session.event(Event::Paste("a\x1b[31m 실험\n".to_owned())),
                3..=6 => drop(session.keys(random.choose(&bound)?)),
                _ => drop(session.keys(random.choose(&KEYS)?)),
            }
            session.outside.clear();
            session.picture();
            let app = &session.app;
            let (len, height) = (app.rows.items.len(), panes::run_lines(app));
            assert!(app.browse.cursor.at < len.max(1));
            assert!(
                len == 0
                    || height == 0
                    || app.browse.cursor.window(len, height).contains(&app.browse.cursor.at)
            );
        }
        Ok(())
    })
    .budget_ms(4000);
}

/// Keys that change how runs are looked at, and some that only move.
const ARRANGING: [&str; 24] = [
    "a",
    "x",
    "b",
    "t",
    "S",
    "E",
    "j",
    "Enter",
    "s l1 Enter",
    "s r2 Tab Esc",
    "s loss Enter",
    "c r2 ~ # Esc",
    "c a Space Down Space Esc",
    "c Down Down Left < Esc",
    "c rmse * > Esc",
    "c C-r",
    "T l1 Enter",
    "T experiment Enter",
    "f params.l1_ratio Space > Space 0.1 Enter",
    "f status Space = Space 'FINISHED' Enter",
    "A r2 Enter Esc",
    "H",
    "P",
    "U",
];

#[test]
fn views_survive_a_restart() {
    let folder = shared("v3-file");
    let (root, now) = (folder.join("mlruns"), 1_795_421_000_000);
    arbtest::arbtest(|random| {
        let mut session = Session::open(&root, (120, 36), now);
        session.event(Event::State(Box::default()));
        let experiment = *random.choose(&["diabetes-elasticnet", "nested-sweep", "All"])?;
        session.keys(": go Space").keys(experiment).keys("Enter");
        for _ in 0..random.int_in_range(1..=8)? {
            session.keys(random.choose(&ARRANGING)?);
        }
        let mut state = mltop::state::State::default();
        session.kept.iter().for_each(|edit| state.apply(edit.clone()));

        let mut after = Session::open(&root, (120, 36), now);
        after.event(Event::State(Box::new(state)));
        after.keys(": go Space").keys(experiment).keys("Enter");
        // By names: the keys of names and runs belong to one process.
        assert_eq!(after.app.view(), session.app.view());
        assert_eq!(after.app.query.better, session.app.query.better);
        let runs = |session: &Session| {
            let (app, mut ids) = (&session.app, Vec::new());
            let hidden = app.query.hidden.iter().chain(&app.pins);
            ids.extend(hidden.filter_map(|key| Some(app.index().run(*key)?.run_id().to_owned())));
            ids.sort();
            ids
        };
        assert_eq!(runs(&after), runs(&session));
        Ok(())
    })
    .budget_ms(8000);
}
