//! Screens as text that a reviewer can read: keys typed, then the picture.
//!
//! `INSTA_UPDATE=always cargo test --test screens` rewrites the pictures in `tests/snapshots`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use common::session::{Session, styles, text};
use common::stores::{Made, shared};
use mltop::view::theme::Theme;

/// A little after the stores of `tests/data` were made.
const NOW: i64 = 1_795_421_000_000;
const SMALL: (u16, u16) = (80, 24);
const MIDDLE: (u16, u16) = (120, 36);
const LARGE: (u16, u16) = (200, 50);

/// Dates in local time as X, so that pictures are the same in every time zone.
fn without_dates(picture: &str) -> String {
    let characters: Vec<char> = picture.chars().collect();
    let shape = "dddd-dd-dd dd:dd:dd";
    let fits = |at: usize| {
        let mut pairs = shape.chars().zip(characters.get(at..).unwrap_or_default());
        characters.len() >= at + shape.len()
            && pairs.all(|(want, is)| if want == 'd' { is.is_ascii_digit() } else { want == *is })
    };
    let mut out = String::new();
    let mut at = 0;
    while at < characters.len() {
        if fits(at) {
            out.push_str("XXXX-XX-XX XX:XX:XX");
            at += shape.len();
        } else {
            out.push(characters[at]);
            at += 1;
        }
    }
    out
}

/// The picture after some keys in the experiment of this name of a store that real MLflow wrote.
fn picture_in(experiment: &str, size: (u16, u16), keys: &str) -> String {
    let folder = shared("v3-file");
    let mut session = Session::open(&folder.join("mlruns"), size, NOW);
    go_to(&mut session, experiment);
    session.keys(keys);
    without_dates(&session.picture())
}

/// Moves the cursor of the experiments to a name, then back to the runs.
fn go_to(session: &mut Session, experiment: &str) {
    session.keys("1 gg");
    for _ in 0..session.app.rows.experiments.len() {
        let at = session.app.browse.experiment.at;
        let row = &session.app.rows.experiments[at];
        if row.name == experiment || (experiment == "All" && row.kind == mltop::query::Kind::All) {
            session.keys("2");
            return;
        }
        session.keys("Down");
    }
    unreachable!("no experiment {experiment}");
}

macro_rules! pictures {
    ($($name:ident: $experiment:literal, $size:expr, $keys:literal;)*) => {
        $(
            #[test]
            fn $name() {
                insta::assert_snapshot!(picture_in($experiment, $size, $keys));
            }
        )*
    };
}

pictures! {
    experiments_beside_runs: "nested-sweep", MIDDLE, "";
    experiments_on_a_small_screen: "nested-sweep", SMALL, "Tab";
    a_grid_search_closed: "nested-sweep", SMALL, "";
    a_grid_search_open: "nested-sweep", SMALL, "E";
    a_grid_search_on_a_large_screen: "nested-sweep", LARGE, "E";
    runs_with_sparklines: "training", MIDDLE, "";
    odd_and_korean_names: "names 이름", MIDDLE, "";
    states_of_every_kind: "statuses", MIDDLE, "";
    deleted_runs_on_request: "statuses", MIDDLE, "D";
    all_experiments_together: "All", SMALL, "";
    sorted_by_a_metric: "diabetes-elasticnet", MIDDLE, "s rmse Enter";
    narrowed_by_typing: "nested-sweep", MIDDLE, "/ lr=0.1";
    nothing_found: "nested-sweep", SMALL, "/ zzzz";
    a_kept_find: "nested-sweep", SMALL, "/ lr=0.1 Enter";
    sorted_by_a_param_with_parents: "nested-sweep", SMALL, "s params.lr Enter";
    choosing_columns: "diabetes-elasticnet", MIDDLE, "c";
    choosing_the_order: "diabetes-elasticnet", SMALL, "s r";
    a_run_overview: "nested-sweep", MIDDLE, "i";
    a_run_with_datasets: "datasets", MIDDLE, "i";
    a_run_metrics: "training", MIDDLE, "i 2";
    a_run_metrics_small: "training", SMALL, "i 2";
    a_run_metrics_large: "training", LARGE, "i 2 Right Right";
    a_run_params: "diabetes-elasticnet", SMALL, "i 3";
    a_run_tags: "diabetes-elasticnet", SMALL, "i 4";
    a_run_artifacts: "artifacts", MIDDLE, "i 5 Down Down";
    artifacts_of_a_moved_store: "custom artifact location", SMALL, "i 5 Enter";
    compared: "diabetes-elasticnet", MIDDLE, "Space Space Space =";
    compared_only_differing: "diabetes-elasticnet", SMALL, "Space Space Space = x";
    compared_curves: "training", MIDDLE, "Space Space Space m";
    compared_curves_one_in_front: "diabetes-elasticnet", MIDDLE, "Space Space Space m Tab Tab";
    compared_curves_without_the_metric: "training", MIDDLE, "Space Space Space m n n";
    compared_curves_large: "training", LARGE, "Space Space Space m Right";
    one_mark_is_too_few: "diabetes-elasticnet", SMALL, "Space =";
    help: "diabetes-elasticnet", MIDDLE, "?";
    help_scrolled: "diabetes-elasticnet", SMALL, "? G";
    an_empty_experiment: "empty experiment", SMALL, "";
    a_filter_with_a_mistake: "diabetes-elasticnet", MIDDLE,
        "f metrics.rmse Space < Space 60 Space and Space params.alpha Space == Space 1";
    a_filter_with_a_mistake_small: "diabetes-elasticnet", SMALL,
        "f metrics.rmse Space < Space 60 Space and Space params.alpha Space";
    a_filter_with_a_mistake_large: "diabetes-elasticnet", LARGE,
        "f metrics.rmse Space < Space 60 Space adn Space params.alpha";
    completing_a_name: "diabetes-elasticnet", MIDDLE, "f params. Tab Tab";
    completing_a_value: "statuses", SMALL, "f status Space = Space Tab Down";
    completing_while_typing_on: "statuses", LARGE, "f status Space = Space Tab Backspace Backspace Backspace";
    a_kept_filter: "diabetes-elasticnet", MIDDLE, "f params.l1_ratio Space >= Space 0.5 Enter";
    a_filter_in_the_tree: "nested-sweep", SMALL, "f metrics.`val/loss` Space < Space 0.17 Enter";
    a_filter_that_nothing_passes: "nested-sweep", SMALL, "f metrics.`val/loss` Space < Space 0 Enter";
    only_what_differs: "sklearn-autolog", MIDDLE, "f depth Space > Space 0 Enter x";
    only_what_differs_small: "sklearn-autolog", SMALL, "f depth Space > Space 0 Enter x";
    only_what_differs_large: "sklearn-autolog", LARGE, "f depth Space > Space 0 Enter x";
    groups_of_a_param: "diabetes-elasticnet", MIDDLE, "T l1_ratio Enter";
    groups_of_a_param_small: "diabetes-elasticnet", SMALL, "T l1_ratio Enter";
    groups_of_a_param_large: "diabetes-elasticnet", LARGE, "T l1_ratio Enter E";
    an_open_group: "diabetes-elasticnet", MIDDLE, "T l1_ratio Enter s r2 Enter Enter Down";
    choosing_groups: "diabetes-elasticnet", SMALL, "T";
    flat: "nested-sweep", SMALL, "t";
    two_columns_order: "diabetes-elasticnet", MIDDLE, "s l1 Enter s r2 Tab Esc";
    two_columns_order_in_the_picker: "diabetes-elasticnet", SMALL, "s l1 Enter s r2 Tab";
    by_the_best_child: "nested-sweep", MIDDLE, "s loss Enter b";
    the_best_values: "training", MIDDLE, "a";
    which_way_is_better: "diabetes-elasticnet", MIDDLE, "A r2 Enter";
    columns_with_formats: "diabetes-elasticnet", LARGE,
        "c r2 # # # # # ~ Backspace Backspace rmse * # > > Esc";
    formats_in_the_picker: "diabetes-elasticnet", MIDDLE, "c r2 # # # # # ~ * > >";
    the_palette: "diabetes-elasticnet", MIDDLE, ":";
    the_palette_narrowed: "diabetes-elasticnet", SMALL, ": copy";
    a_command_being_typed: "diabetes-elasticnet", MIDDLE, ": sort Space metrics.";
    a_command_that_cannot_be_done: "diabetes-elasticnet", SMALL, ": sort Space metrics.rmse Space up Enter";
    a_pinned_run_elsewhere: "diabetes-elasticnet", MIDDLE, "P j P : go Space nested-sweep Enter";
    hidden_runs: "diabetes-elasticnet", MIDDLE, "Space j Space H";
    saving_a_view: "diabetes-elasticnet", SMALL, "w good Space ones";
    saved_views: "diabetes-elasticnet", SMALL, "w good Enter s r2 Enter w best Space r2 Enter w";
}

#[test]
fn columns_and_order_belong_to_an_experiment() {
    let folder = shared("v3-file");
    let mut session = Session::open(&folder.join("mlruns"), LARGE, NOW);
    go_to(&mut session, "diabetes-elasticnet");
    session.keys("s metrics.rmse Enter c Space Esc / a=b Enter");
    let chosen = session.app.query.clone();
    assert!(chosen.columns.is_some() && chosen.find == "a=b", "{chosen:?}");
    go_to(&mut session, "nested-sweep");
    let other = session.app.query.clone();
    assert_eq!((other.columns.as_ref(), other.sort.clone()), (None, Vec::new()));
    assert_eq!(other.find, "", "a find ends with the experiment");
    go_to(&mut session, "diabetes-elasticnet");
    assert_eq!((&session.app.query.columns, &session.app.query.sort), (&chosen.columns, &chosen.sort));
}

#[test]
fn the_preview_follows_when_the_cursor_has_rested() {
    let folder = shared("v3-file");
    let mut session = Session::open(&folder.join("mlruns"), MIDDLE, NOW);
    go_to(&mut session, "diabetes-elasticnet");
    let previewed = |session: &Session| session.app.glance.as_ref().map(|glance| glance.run.key);
    let first = previewed(&session);
    let down = || mltop::app::Event::Key(ratatui::crossterm::event::KeyCode::Down.into());
    session.event(down());
    session.event(mltop::app::Event::Now(NOW + 50));
    session.event(down());
    assert_eq!(previewed(&session), first, "it does not follow while the cursor moves");
    assert_eq!(session.app.due(), Some(NOW + 150));
    session.event(mltop::app::Event::Now(NOW + 149));
    assert_eq!(previewed(&session), first);
    session.event(mltop::app::Event::Now(NOW + 150));
    assert_eq!(previewed(&session), session.app.browse.run);
    assert_eq!(session.app.due(), None);
    // Of another experiment something is previewed at once.
    session.event(down());
    go_to(&mut session, "nested-sweep");
    assert_eq!(previewed(&session), session.app.browse.run);
}

#[test]
fn opening_and_finding_move_no_column() {
    let folder = shared("v3-file");
    let mut session = Session::open(&folder.join("mlruns"), MIDDLE, NOW);
    go_to(&mut session, "nested-sweep");
    let titles = |session: &Session| session.picture().lines().nth(2).unwrap().to_owned();
    let closed = titles(&session);
    session.keys("E");
    assert_eq!(titles(&session), closed);
    session.keys("/ trial-1");
    assert_eq!(titles(&session), closed);
}

/// Two closed searches whose parents have no values of their own.
fn two_searches() -> Made {
    let store = Made::new();
    store.experiment("0", "Default");
    for (id, name, low, high) in [("a", "wide", "0.001", "1"), ("b", "narrow", "0.01", "0.1")] {
        store.run("0", id, name, 3, NOW - 3_600_000);
        for (child, lr) in [("1", low), ("2", high)] {
            let run = store.run("0", &format!("{id}{child}"), &format!("{name}-{child}"), 3, NOW - 60_000);
            run.tag("mlflow.parentRunId", id).param("lr", lr);
            run.metric("lr", lr.parse().unwrap(), 1).metric("loss", lr.parse().unwrap(), 1);
        }
    }
    store
}

#[test]
fn parents_stand_where_their_first_child_would() {
    let store = two_searches();
    let mut session = Session::open(&store.root, LARGE, NOW);
    for by in ["params.lr", "metrics.lr"] {
        session.keys("s").keys(by).keys("Enter");
        let sort = session.app.query.lead();
        for _ in 0..2 {
            // Whatever the direction: the lowest and the highest are both below `wide`.
            let first = session.app.rows.items[0].run;
            assert_eq!(session.app.rows.index.run(first).unwrap().title(), "wide", "{by} {sort:?}");
            session.keys("S");
        }
    }
    insta::assert_snapshot!("roll_ups_of_names_that_tell_no_direction", session.picture());
}

#[test]
fn an_experiment_that_was_deleted_says_so() {
    let folder = shared("v3-file");
    let mut session = Session::open(&folder.join("mlruns"), SMALL, NOW);
    session.keys("D");
    go_to(&mut session, "will be deleted");
    assert!(session.keys("D").picture().contains("this experiment was deleted: D shows it"));
    let store = two_searches();
    let mut session = Session::open(&store.root, SMALL, NOW);
    std::fs::remove_dir_all(store.root.join("0")).unwrap();
    assert!(session.refresh().picture().contains("this experiment is gone"), "{}", session.picture());
}

#[test]
fn runs_below_closed_parents_are_exported() {
    let folder = shared("v3-file");
    let mut session = Session::open(&folder.join("mlruns"), SMALL, NOW);
    go_to(&mut session, "nested-sweep");
    session.keys("e");
    let Some(mltop::app::Request::Export(export)) = session.outside.pop() else { unreachable!("no export") };
    let mltop::app::Content::Runs(all) = export.content else { unreachable!("no runs") };
    assert_eq!(mltop::app::output::runs_table(&all).rows.len(), 17);
}

#[test]
fn problems_are_listed() {
    let store = Made::new();
    store.experiment("0", "Default");
    store.run("0", "good", "healthy-run", 3, NOW - 3_600_000).metric("loss", 0.5, 1);
    let broken = store.run("0", "bad", "broken-run", 3, NOW - 7_200_000);
    broken.metric("loss", 0.25, 1);
    std::fs::write(broken.path.join("metrics/loss"), "1 0.25 1\nrubbish\n").unwrap();
    std::fs::write(broken.path.join("meta.yaml"), "status: [\n").unwrap();
    age(&broken.path.join("meta.yaml"));
    let mut session = Session::open(&store.root, SMALL, NOW);
    insta::assert_snapshot!("problems_in_the_header", session.picture());
    let path = store.root.to_str().unwrap();
    let picture = without_dates(&session.keys("!").picture());
    insta::assert_snapshot!(
        "problems_listed",
        picture.replace(path, &format!("/{:x<1$}", "", path.len() - 1))
    );
}

/// Makes a file old enough not to be taken for one that is being written.
fn age(path: &std::path::Path) {
    let past = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    std::fs::File::options().append(true).open(path).unwrap().set_modified(past).unwrap();
}

#[test]
fn before_anything_is_read() {
    let app = mltop::app::App::new(mltop::shown::Shown::own("./mlruns"));
    let area = ratatui::layout::Rect::new(0, 0, 80, 24);
    let mut buffer = ratatui::buffer::Buffer::empty(area);
    mltop::view::draw(&app, area, &mut buffer, &Theme::new(true, true));
    insta::assert_snapshot!(text(&buffer));
}

#[test]
fn values_that_were_not_read_yet_are_not_blank() {
    let store = Made::new();
    store.experiment("0", "Default");
    store.run("0", "a", "read-later", 3, NOW - 3_600_000).metric("loss", 0.5, 1);
    let mut session = Session::open(&store.root, SMALL, NOW);
    let mut index = (*session.app.rows.index).clone();
    let key = index.runs().next().unwrap().key;
    index.edit_run(key, |draft| draft.read = mltop::index::Parts::default());
    let rows = mltop::query::rows(&std::sync::Arc::new(index), &session.app.query.clone());
    session.event(mltop::app::Event::Rows(std::sync::Arc::new(rows)));
    assert!(session.picture().contains('…'), "{}", session.picture());
}

#[test]
fn colours_and_ascii() {
    let folder = shared("v3-file");
    let mut session = Session::open(&folder.join("mlruns"), SMALL, NOW);
    go_to(&mut session, "statuses");
    insta::assert_snapshot!("styles_of_states", styles(&session.cells()));
    let plain = session.cells_with(&Theme::new(false, false));
    assert!(text(&plain).is_ascii(), "only ASCII without UTF-8:\n{}", text(&plain));
    let coloured = plain.content.iter().filter(|cell| cell.fg != ratatui::style::Color::Reset).count();
    assert_eq!(coloured, 0, "NO_COLOR");
}

#[test]
fn every_screen_at_every_size() {
    let folder = shared("v3-file");
    let sizes =
        [(0, 0), (1, 1), (20, 5), (21, 6), (40, 10), (80, 24), (100, 30), (200, 60), (500, 3), (3, 200)];
    let screens = [
        "",
        "E",
        "1",
        "i",
        "i 2",
        "i 3",
        "i 4",
        "i 5",
        "Space Space Space =",
        "Space Space m",
        "c",
        "s",
        "?",
        "!",
        "/ x",
        "f params. Tab",
        "f metrics.a Space < Space",
        ": s",
        ": sort Space",
        "T",
        "t t",
        "A",
        "w",
        "x",
        "P",
    ];
    for experiment in ["nested-sweep", "names 이름", "edge cases"] {
        let mut session = Session::open(&folder.join("mlruns"), (100, 30), NOW);
        go_to(&mut session, experiment);
        for keys in screens {
            session.event(mltop::app::Event::Size(100, 30));
            session.keys("Esc Esc Esc Esc Esc Esc 2 gg").keys(keys);
            for (columns, lines) in sizes {
                session.event(mltop::app::Event::Size(columns, lines));
                session.picture();
            }
        }
    }
}

/// Keys that come faster than answers: nothing is lost, and only what is a filter is asked for.
#[test]
fn typing_a_filter_waits_for_no_answer() {
    let folder = shared("v3-file");
    let mut session = Session::open(&folder.join("mlruns"), SMALL, NOW);
    go_to(&mut session, "diabetes-elasticnet");
    let text = "metrics.rmse < 70 and params.alpha >= 0.05";
    let mut asked = Vec::new();
    for c in std::iter::once('f').chain(text.chars()) {
        let key = ratatui::crossterm::event::KeyCode::Char(c);
        // The requests are left unanswered.
        for request in session.app.update(mltop::app::Event::Key(key.into())) {
            if let mltop::app::Request::Query(query) = request {
                asked.push(query.filter.as_ref().map(|filter| filter.text().to_owned()).unwrap_or_default());
            }
        }
    }
    let bar = session.app.browse.filtering.as_ref().unwrap();
    assert_eq!(bar.prompt.text(), text);
    assert_eq!(asked.last().map(String::as_str), Some(text));
    assert_eq!(
        asked.first().map(String::as_str),
        Some("metrics.rmse < 7"),
        "a beginning is no filter: {asked:?}"
    );
}

#[test]
fn filters_are_remembered_and_can_have_names() {
    let folder = shared("v3-file");
    let mut session = Session::open(&folder.join("mlruns"), SMALL, NOW);
    go_to(&mut session, "diabetes-elasticnet");
    let filter = |session: &Session| session.app.query.filter.as_ref().map(|filter| filter.text().to_owned());
    session.keys("f metrics.rmse Space < Space 60 Enter f C-u metrics.rmse Space < Space 65 Enter");
    assert_eq!(filter(&session).as_deref(), Some("metrics.rmse < 65"));
    session.keys("f C-u status Up Up");
    assert_eq!(filter(&session).as_deref(), Some("metrics.rmse < 60"), "the second Up goes further back");
    session.keys("Down Down");
    let typed = session.app.browse.filtering.as_ref().map(|bar| bar.prompt.text().to_owned());
    assert_eq!(typed.as_deref(), Some("status"), "what was typed is not lost");
    session.keys("Esc");
    assert_eq!(filter(&session).as_deref(), Some("metrics.rmse < 65"), "Esc brings the filter from before");
    session.keys("f C-s small Enter Enter Esc f @sm Tab Enter");
    assert_eq!(filter(&session).as_deref(), Some("metrics.rmse < 65"), "the name stands for it");
    session.keys("f C-u @nobody Enter");
    assert!(session.picture().contains("no filter has this name; expected @small"), "{}", session.picture());
}

fn text_before<'a>(line: &'a str, what: &str) -> &'a str {
    line.split(what).next().unwrap()
}

#[test]
fn an_experiment_is_found_by_a_part_of_its_name() {
    let folder = shared("v3-file");
    let mut session = Session::open(&folder.join("mlruns"), SMALL, NOW);
    let shows = |session: &Session, name: &str| session.picture().contains(&format!("Runs · {name}"));
    session.keys(": go Space elastic Enter");
    assert!(shows(&session, "diabetes-elasticnet"), "{}", session.picture());
    session.keys(": go Space RENAMED Enter");
    assert!(session.picture().contains("2 experiments have RENAMED in their name"), "{}", session.picture());
    session.keys("Esc : go Space training Enter");
    assert!(shows(&session, "training"), "{}", session.picture());
}

/// Runs come in any order while a store is read: who has pressed no key yet looks at the first ones.
#[test]
fn nobody_is_carried_down_while_the_store_is_read() {
    let store = two_searches();
    let mut session = Session::open(&store.root, SMALL, NOW);
    let first = |session: &Session| {
        let app = &session.app;
        (app.browse.cursor.at, app.rows.index.run(app.browse.run.unwrap()).unwrap().title().to_owned())
    };
    session.read_on();
    store.run("0", "c", "newer", 3, NOW - 60_000);
    session.refresh();
    assert_eq!(first(&session), (0, "newer".to_owned()));
    // Whoever has chosen a run keeps it.
    session.read_on().keys("Down Up");
    store.run("0", "d", "newest", 3, NOW - 1_000);
    session.refresh();
    assert_eq!(first(&session), (1, "newer".to_owned()));
    // So does everybody when all has been read: what is new comes above.
    store.run("0", "e", "newest of all", 3, NOW);
    session.refresh();
    assert_eq!(first(&session), (2, "newer".to_owned()));
}

/// Values by rank, as styles: the lowest of a metric that goes down is the best.
#[test]
fn heat_follows_the_rank() {
    let folder = shared("v3-file");
    let mut session = Session::open(&folder.join("mlruns"), MIDDLE, NOW);
    go_to(&mut session, "diabetes-elasticnet");
    session.keys("s mae Enter c mae ~ Esc G");
    let theme = Theme::new(true, true).with_256_colours();
    let cells = session.cells_with(&theme);
    let picture = text(&cells);
    let first = picture.lines().position(|line| line.contains("righteous-crab")).unwrap();
    let line = picture.lines().nth(first).unwrap();
    let column = text_before(line, "45.28").chars().count() as u16;
    let colour = |line: usize| cells[(column, line as u16)].bg;
    let colours: Vec<_> = (first..first + 7).map(colour).collect();
    assert_eq!(colours.first(), Some(&theme.heat(1.0).bg.unwrap()), "{picture}");
    assert!(colours.windows(2).filter(|pair| pair[0] != pair[1]).count() >= 5, "{colours:?}");
}

/// A view from the last start, while the store is still being read: what is not known yet is not lost, whatever the user
/// does meanwhile.
#[test]
fn what_is_not_known_yet_of_a_view_comes_later() {
    use mltop::state::{Edit, SavedColumn, SavedView, State};
    let store = two_searches();
    let mut session = Session::open(&store.root, MIDDLE, NOW);
    let column = |name: &str| SavedColumn { name: name.to_owned(), ..SavedColumn::default() };
    let columns = Some(vec![column("params.lr"), column("metrics.later")]);
    let mut state = State::default();
    state.apply(Edit::Look("0".to_owned(), SavedView { columns, ..SavedView::default() }));
    // As long as the store is being read, a name may still come.
    session.read_on();
    go_to(&mut session, "Default");
    session.event(mltop::app::Event::State(Box::new(state)));
    let columns = |session: &Session| session.app.view().columns.map(|columns| columns.len());
    assert_eq!(columns(&session), Some(1), "one is known: {:?}", session.app.view());
    session.keys("b");
    let run = store.root.join("0/a1/metrics/later");
    std::fs::write(run, "1 0.5 1\n").unwrap();
    session.refresh();
    let view = session.app.view();
    assert_eq!((columns(&session), view.by_best_child), (Some(2), true), "{view:?}");
}
