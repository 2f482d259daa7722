//! What an empty table says: why there is nothing, and what to do.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::app::App;
use crate::index::{Access, Lifecycle};
use crate::shown::shown;
use crate::view::theme::Theme;
use crate::view::{middle, sentence, text};

/// Draws why there are no rows.
pub(super) fn draw(app: &App, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let room = usize::from(area.width).saturating_sub(4);
    if let Some(trouble) = trouble(app) {
        return sentence(buf, area, &trouble, theme);
    }
    let told = being_read(app).or_else(|| gone(app)).or_else(|| narrowed(app, room));
    let lines = told.unwrap_or_else(|| nothing_yet(app));
    middle(buf, area, &lines.iter().map(String::as_str).collect::<Vec<_>>(), theme);
}

fn lines(lines: &[&str]) -> Option<Vec<String>> {
    Some(lines.iter().map(|line| (*line).to_owned()).collect())
}

/// Why a server that does not answer does not.
fn trouble(app: &App) -> Option<String> {
    let index = app.index();
    let is_silent = matches!(index.access, Access::Offline { .. } | Access::Stopped);
    let server = index.problems.iter().find(|problem| problem.path.as_os_str() == "server");
    server.filter(|_| is_silent).map(|problem| shown(&problem.what).into_string())
}

/// The store is locked, or has not been read.
fn being_read(app: &App) -> Option<Vec<String>> {
    let (index, progress) = (app.index(), app.index().progress);
    if progress.listed && (progress.has_all() || app.rows.total > 0) {
        return None;
    }
    match index.access {
        Access::Busy => {
            lines(&["another program holds the database locked", "it is tried again until it is free"])
        }
        _ => {
            // A server may take its time, and so may a network file system.
            let waited = app.clock.saturating_sub(app.started.unwrap_or(app.clock)) / 1000;
            let time = if waited < 2 { String::new() } else { format!(" {waited}s") };
            lines(&[&format!("reading the store…{time}")])
        }
    }
}

/// The experiment is not there any more.
fn gone(app: &App) -> Option<Vec<String>> {
    match app.index().experiment(app.query.experiment?) {
        None => lines(&["this experiment is gone"]),
        Some(experiment) if experiment.lifecycle == Lifecycle::Deleted && !app.query.deleted => {
            lines(&["this experiment was deleted: D shows it"])
        }
        Some(_) => None,
    }
}

/// There are runs, but not among those that somebody wants to see.
fn narrowed(app: &App, room: usize) -> Option<Vec<String>> {
    let so_far = if app.rows.complete { "" } else { " so far" };
    let find = app.rows.query.find.trim();
    if !find.is_empty() {
        let told = format!("nothing matches \"{}\"{so_far}", text::cut_middle(shown(find).as_str(), 40));
        return lines(&[&told, "Esc shows all runs again"]);
    }
    if let Some(filter) = &app.rows.query.filter {
        // Named, since another text may be in the line by now that is no filter yet.
        let filter = shown(filter.text());
        let filter = text::cut_middle(filter.as_str(), room.saturating_sub(24).max(8));
        let told = format!("no run matches the filter {filter}{so_far}");
        return lines(&[&told, "Esc shows all runs again"]);
    }
    if app.rows.hidden > 0 {
        return lines(&["all runs here are hidden", "U brings them back"]);
    }
    None
}

fn nothing_yet(app: &App) -> Vec<String> {
    let told = if app.query.deleted {
        lines(&["no runs here"])
    } else if app.rows.experiment_count == 0 && app.query.experiment.is_none() {
        lines(&[
            "there is no experiment in this store yet",
            "as soon as a run is started here it appears by itself",
            "if there should be some: is this the right store?",
        ])
    } else {
        lines(&[
            "no runs here yet",
            "a new run appears by itself",
            "Tab goes to the experiments, D shows deleted runs",
        ])
    };
    told.unwrap_or_default()
}
