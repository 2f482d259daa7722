//! What the screens say while something is not as usual: a store that is being read, silent, locked, empty or gone, and
//! runs that fall silent.
//!
//! `INSTA_UPDATE=always cargo test --test states` rewrites the pictures in `tests/snapshots`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use std::fmt::Write;

use common::session::Session;
use common::stores::{Made, shared};
use mltop::app::news::{News, What};
use mltop::app::{Event, Notice, Watching};
use mltop::index::{Access, Death, Problem, Progress, Pulse, Status};
use mltop::query::vitals::Stale;
use mltop::shown::Shown;
use mltop::store::Why;

/// A little after the stores of `tests/data` were made.
const NOW: i64 = 1_795_421_000_000;
const SMALL: (u16, u16) = (80, 24);
const MIDDLE: (u16, u16) = (120, 36);
const MINUTE: i64 = 60_000;

fn real() -> Session {
    Session::open(&shared("v3-file").join("mlruns"), MIDDLE, NOW)
}

fn a_problem(what: &str) -> Problem {
    Problem { run: None, path: "server".into(), what: what.to_owned(), since: NOW - 12_400 }
}

fn reading(done: usize, total: usize) -> Progress {
    Progress { done, total, complete: false, listed: true, verifying: false }
}

fn news(session: &Session) -> Vec<News> {
    let index = &session.app.rows.index;
    let run = index.runs().next().unwrap().key;
    let happened = [
        What::Ended(Status::Finished),
        What::Ended(Status::Failed),
        What::NotFinite(Shown::own("val/loss"), f64::NAN, 2),
        What::Stale(Stale::Dead(Death::Process(4711))),
        What::Told(Shown::own("--on-finish: `notify-send` could not be run")),
    ];
    (0..).zip(happened).map(|(i, what)| News::new(NOW - 5 * MINUTE + i * 1000, index, run, what)).collect()
}

/// What it is about, and what brings it about.
type State = (&'static str, fn(&mut Session));

/// Everything that the header can say, by what it is about.
fn states() -> Vec<State> {
    fn watching(session: &mut Session, ms: u64, why: Why) {
        session.event(Event::Watching(Watching::Polling(ms, Some(why))));
    }
    vec![
        ("live", |_| {}),
        ("polling as asked", |s| watching(s, 2500, Why::Asked)),
        ("polling a network", |s| watching(s, 5000, Why::FileSystem("nfs"))),
        ("polling without watches", |s| watching(s, 1000, Why::Limit)),
        ("polling without events", |s| watching(s, 60_000, Why::Silence)),
        ("busy", |s| _ = s.knowing(|index| index.access = Access::Busy)),
        ("offline", |s| _ = s.knowing(|index| index.access = Access::Offline { since: NOW - 12_400 })),
        ("offline, half read, with a problem", |s| {
            s.app.store = Shown::own("https://mlflow.some-company.example:5000");
            s.knowing(|index| {
                index.access = Access::Offline { since: NOW - 754_000 };
                index.progress = reading(42_310, 100_000);
                index.problems = vec![a_problem("no connection: nobody listens there")].into();
            });
        }),
        ("no access", |s| {
            s.knowing(|index| {
                index.access = Access::Stopped;
                index.problems = vec![a_problem("the server wants a login (401)")].into();
            });
        }),
        ("no answer", |s| s.app.waits_since = Some(NOW - 12_400)),
        ("being listed", |s| _ = s.knowing(|index| index.progress = Progress::default())),
        ("being read", |s| _ = s.knowing(|index| index.progress = reading(42_310, 100_000))),
        ("being verified", |s| {
            s.knowing(|index| index.progress = Progress { verifying: true, ..reading(42_310, 100_000) });
        }),
        ("news", |s| s.event(Event::News(news(s)))),
        ("frozen", |s| {
            s.keys("R");
            s.event(Event::Now(NOW + 3_456));
        }),
        ("frozen for long", |s| {
            s.keys("R");
            s.event(Event::Now(NOW + 2 * 3600 * 1000));
        }),
        ("all at once", |s| {
            s.app.store = Shown::own("/home/somebody/projects/vision/experiments/mlruns");
            watching(s, 5000, Why::FileSystem("nfs"));
            s.event(Event::News(news(s)));
            s.knowing(|index| {
                index.progress = reading(42_310, 100_000);
                index.problems = vec![a_problem("is no run")].into();
            });
        }),
    ]
}

fn header(session: &Session) -> String {
    session.picture().lines().next().unwrap().to_owned()
}

#[test]
fn the_header_says_how_fresh_the_picture_is() {
    let mut out = String::new();
    for (name, change) in states() {
        let mut session = real();
        change(&mut session);
        writeln!(out, "{name}").unwrap();
        for columns in [60, 80, 100, 120, 160] {
            session.event(Event::Size(columns, 30));
            writeln!(out, "{columns:>5} {}", header(&session)).unwrap();
        }
    }
    insta::assert_snapshot!("header_of_every_state", out);
}

/// Whatever there is to say: the name of the store and what is said of it do not run into each other.
#[test]
fn words_of_the_header_do_not_collide() {
    for (name, change) in states() {
        let mut session = real();
        change(&mut session);
        let store = session.app.store.as_str().to_owned();
        for columns in 40..=200 {
            session.event(Event::Size(columns, 30));
            let line = header(&session);
            let words: Vec<&str> = line.split("  ").map(str::trim).filter(|word| !word.is_empty()).collect();
            let is_store = |word: &str| match word.split_once('…') {
                Some((begin, end)) => store.starts_with(begin) && store.ends_with(end),
                None => word == store,
            };
            assert!(words.len() > 1 && words[0] == "mltop" && is_store(words[1]), "{name} {columns}: {line}");
        }
    }
}

#[test]
fn what_is_most_urgent_stays_longest() {
    let mut session = real();
    states().last().unwrap().1(&mut session);
    let says = |session: &mut Session, columns| {
        session.event(Event::Size(columns, 30));
        header(session)
    };
    let line = says(&mut session, 60);
    assert!(line.contains("polling 5s"), "{line}");
    let line = says(&mut session, 80);
    assert!(line.contains("! 1 problem") && line.contains("reading 42%"), "{line}");
    assert!(says(&mut session, 120).contains("reading 42,310 of 100,000"));
    assert!(says(&mut session, 160).contains("31 experiments"));
}

/// An app over a store in which some runs train and some only say so.
fn training() -> (Made, Session) {
    let store = Made::new();
    store.experiment("1", "llm-finetune");
    let long = "a-very-long-name-that-somebody-made-of-all-params-lr-0.001-bs-64-seed-7";
    let runs = [
        ("a", "brave-otter-12", 1),
        ("b", "calm-bee-40", 20),
        ("c", "제주-한라봉-실험-7", 3),
        ("d", long, 90),
    ];
    for (id, name, silent) in runs {
        let run = store.run("1", id, name, 1, NOW - (120 + silent) * MINUTE);
        run.param("lr", "0.001").param("max_steps", "10000");
        for point in 1..=20 {
            let step = 120 * 60 * point / 20;
            run.metric("loss", 2.0 / point as f64, step).metric("accuracy", point as f64 / 21.0, step);
        }
    }
    let mut session = Session::open(&store.root, MIDDLE, NOW);
    session.knowing(|index| {
        let dead = index.runs().find(|run| run.run_id() == "c").unwrap().key;
        let pulse = Pulse { death: Some(Death::Process(4711)), ..Pulse::default() };
        std::sync::Arc::make_mut(&mut index.pulses).of.insert(dead, pulse);
    });
    (store, session)
}

#[test]
fn runs_that_may_have_died_say_why() {
    let (_store, mut session) = training();
    insta::assert_snapshot!("a_run_that_trains", session.picture());
    insta::assert_snapshot!("stale_runs", session.keys("Down").picture());
    assert!(session.keys("Down").picture().contains("nothing has come for 20m"));
    let whole = session.keys("i").picture();
    assert!(whole.contains("running  stale? nothing has come for 20m"), "{whole}");
    assert!(!whole.contains("Speed") && !whole.contains("Ends about"), "{whole}");
}

#[test]
fn a_comparison_says_who_may_have_died() {
    let (_store, mut session) = training();
    let picture = session.keys("Space Space =").picture();
    let state = picture.lines().find(|line| line.contains(" state ")).unwrap();
    assert!(state.contains("running") && state.contains("stale?"), "{picture}");
    assert!(picture.contains("(stale?)"), "the legend too: {picture}");
}

#[test]
fn what_is_told_at_the_start_is_told_whole() {
    let mut session = real();
    let told = |text: &str| Event::Notice(Notice { text: Shown::own(text), bad: false });
    session.event(told("mlflow.db holds runs, too"));
    session.event(told("no views could be read"));
    assert!(
        session.picture().contains("no views could be read; mlflow.db holds runs, too"),
        "{}",
        session.picture()
    );
    session.keys("Down");
    session.event(told("writing"));
    session.event(told("written"));
    let last = session.picture().lines().last().unwrap().to_owned();
    assert!(last.contains("written") && !last.contains("writing"), "{last}");
}

#[test]
fn news_are_listed() {
    let mut session = real();
    let news = news(&session);
    session.event(Event::News(news));
    let told = session.picture();
    assert!(told.contains("5 notices") && told.lines().last().unwrap().contains("notify-send"), "{told}");
    session.event(Event::Size(80, 24));
    let picture = session.keys("W").picture();
    for what in
        ["has finished", "has failed", "val/loss is NaN, and 2 more metrics", "its process 4711 is gone"]
    {
        assert!(picture.contains(what), "{picture}");
    }
    assert!(!header(&session).contains("notices"), "somebody has looked at them");
}

#[test]
fn a_page_says_only_keys_that_work_there() {
    let mut session = real();
    for page in ["?", "!", "W"] {
        let picture = session.keys(page).picture();
        assert!(picture.lines().last().unwrap().contains(": palette"), "{picture}");
        assert!(session.keys(":").picture().contains("Actions and commands"), "{page}");
        session.keys("Esc");
    }
}

#[test]
fn an_empty_store_says_what_comes_next() {
    let store = Made::new();
    insta::assert_snapshot!("an_empty_store", Session::open(&store.root, SMALL, NOW).picture());
    insta::assert_snapshot!("an_empty_store_beside", Session::open(&store.root, MIDDLE, NOW).picture());
}

#[test]
fn a_store_that_does_not_answer_says_why() {
    let mut session = Session::open(&Made::new().root, SMALL, NOW);
    let picture = |session: &mut Session, access, what: &str| {
        session.knowing(|index| {
            (index.access, index.progress) = (access, Progress::default());
            index.problems = Some(what)
                .filter(|what| !what.is_empty())
                .map(a_problem)
                .into_iter()
                .collect::<Vec<_>>()
                .into();
        });
        session.picture()
    };
    insta::assert_snapshot!("a_locked_database_at_the_start", picture(&mut session, Access::Busy, ""));
    session.app.store = Shown::own("http://localhost:5000");
    let login = "the server wants a login (401): set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or \
                 MLFLOW_TRACKING_TOKEN";
    insta::assert_snapshot!("a_server_that_wants_a_login", picture(&mut session, Access::Stopped, login));
    let offline = Access::Offline { since: NOW - 12_400 };
    let away = "no connection: nobody listens at localhost:5000";
    insta::assert_snapshot!("a_server_that_is_away", picture(&mut session, offline, away));
}

#[test]
fn a_store_that_takes_long_says_how_long() {
    let mut session = Session::open(&Made::new().root, SMALL, NOW);
    session.knowing(|index| index.progress = Progress::default());
    assert!(session.picture().contains("reading the store…  "), "no time yet: {}", session.picture());
    session.event(Event::Now(NOW + 7_300));
    assert!(session.picture().contains("reading the store… 7s"), "{}", session.picture());
}

#[test]
fn what_is_being_read_says_how_far_it_is() {
    let mut session = Session::open(&shared("v3-file").join("mlruns"), SMALL, NOW);
    session.keys(": go Space nested-sweep Enter s loss Enter");
    session.knowing(|index| index.progress = reading(42_310, 100_000));
    let picture = session.picture();
    assert!(picture.contains("reading 42,310 of 100,000") && picture.contains("17 runs so far"), "{picture}");
    session.knowing(|index| index.progress.verifying = true);
    let picture = session.picture();
    assert!(picture.contains("verifying 42,310 of 100,000"), "{picture}");
    assert!(!picture.contains("so far"), "there is a value for everything: {picture}");
}
