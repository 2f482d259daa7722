//! Where everything is: rectangles as functions of the size and the state, used for drawing, pages and mouse hits.
//!
//! ```text
//! header
//! experiments | runs
//!             | preview of the run under the cursor
//! footer
//! ```

use ratatui::layout::Rect;

use super::{App, Screen};

/// Narrowest terminal in which the experiments stand beside the runs.
const BESIDE: u16 = 100;
/// Narrowest terminal in which the experiments may take more than a quarter.
const WIDE: u16 = 160;
/// Lowest terminal in which the run under the cursor is previewed.
const PREVIEW: u16 = 30;

/// The parts of a screen; empty ones are not drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Panes {
    /// The line at the top.
    pub header: Rect,
    /// Experiments.
    pub experiments: Rect,
    /// Runs, or the whole middle of other screens.
    pub main: Rect,
    /// Preview of the run under the cursor.
    pub preview: Rect,
    /// The line at the bottom.
    pub footer: Rect,
}

/// The parts of the screen that is shown.
pub fn panes(app: &App) -> Panes {
    let (width, height) = app.size;
    let header = Rect::new(0, 0, width, height.min(1));
    // A filter that is being typed needs a line more, for what is wrong with it.
    let footer_lines = if app.is_filtering() && height > 4 { 2 } else { u16::from(height > 1) };
    let footer = Rect::new(0, height.saturating_sub(footer_lines), width, footer_lines);
    let middle = Rect::new(0, header.height, width, height.saturating_sub(header.height + footer.height));
    let mut panes = Panes { header, footer, main: middle, ..Panes::default() };
    if app.screen != Screen::Browse {
        return panes;
    }
    let browse = &app.browse;
    if browse.zoomed {
        if browse.on_experiments {
            (panes.experiments, panes.main) = (middle, Rect::default());
        }
        return panes;
    }
    if width >= BESIDE || browse.on_experiments {
        let wanted = app.rows.experiments_width.saturating_add(18);
        let part = if width < WIDE { (width / 4).max(28) } else { width * 3 / 10 };
        let most = if width >= BESIDE { part.min(48) } else { width / 2 };
        let left = wanted.clamp(30.min(most), most);
        panes.experiments = Rect { width: left, ..middle };
        panes.main = Rect { x: left, width: width - left, ..middle };
    }
    if height >= PREVIEW && !browse.no_preview && panes.main.height > 20 {
        let lines = (panes.main.height / 3).clamp(8, 16);
        panes.main.height -= lines;
        panes.preview = Rect { y: panes.main.bottom(), height: lines, ..panes.main };
    }
    panes
}

/// The parts of the runs pane; empty ones are not drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunsParts {
    /// The titles of the columns.
    pub titles: Rect,
    /// Pinned runs, with a rule below them.
    pub pinned: Rect,
    /// The rows.
    pub body: Rect,
    /// What is told of columns that are left out, since all runs share their values.
    pub shared: Rect,
}

/// The parts of the runs pane.
pub fn runs_parts(app: &App) -> RunsParts {
    let all = inner(panes(app).main);
    let below = |taken: u16| Rect {
        y: all.y + taken.min(all.height),
        height: all.height - taken.min(all.height),
        ..all
    };
    let titles = Rect { height: all.height.min(1), ..all };
    let rest = below(1);
    // The rows keep most of the room.
    let pins = u16::try_from(app.pins.len()).unwrap_or(u16::MAX).min(rest.height / 3);
    let pinned = Rect { height: if pins > 0 { pins + 1 } else { 0 }, ..rest };
    let mut body = below(1 + pinned.height);
    let mut shared = Rect { height: 0, ..body };
    if app.rows.query.diff_only && body.height > 2 {
        body.height -= 1;
        shared = Rect { y: body.bottom(), height: 1, ..body };
    }
    RunsParts { titles, pinned, body, shared }
}

/// Lines of runs in view.
pub fn run_lines(app: &App) -> usize {
    runs_parts(app).body.height.into()
}

/// Lines of experiments in view.
pub fn experiment_lines(app: &App) -> usize {
    panes(app).experiments.height.saturating_sub(2).into()
}

/// Where help and problems lie.
pub fn page((width, height): (u16, u16)) -> Rect {
    let (w, h) = (width.min(100.max(width / 10 * 7)), height.saturating_sub(2).max(height.min(3)));
    Rect::new((width - w) / 2, (height - h) / 2, w, h)
}

/// Where the picker lies.
pub fn picker((width, height): (u16, u16)) -> Rect {
    let (w, h) = (width.min(76), height.saturating_sub(4).clamp(height.min(3), 34));
    Rect::new((width - w) / 2, (height - h) / 2, w, h)
}

/// Where the palette lies.
pub fn palette((width, height): (u16, u16)) -> Rect {
    let (w, h) = (width.min(92), height.saturating_sub(4).clamp(height.min(3), 26));
    Rect::new((width - w) / 2, (height - h) / 3, w, h)
}

/// The middle of the screen of a run: its list, and the chart or preview below or beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Split {
    /// The list.
    pub list: Rect,
    /// Chart or file.
    pub other: Rect,
}

/// How the inner part of a run's screen is split for metrics and artifacts: side by side where it is wide.
pub fn split(inner: Rect) -> Split {
    if inner.width >= 130 {
        let left = (inner.width * 2 / 5).min(90);
        let list = Rect { width: left, ..inner };
        Split { list, other: Rect { x: inner.x + left + 1, width: inner.width - left - 1, ..inner } }
    } else {
        let top = if inner.height >= 12 { inner.height * 2 / 5 } else { inner.height };
        let list = Rect { height: top, ..inner };
        Split { list, other: Rect { y: inner.y + top, height: inner.height - top, ..inner } }
    }
}

/// A pane without its border.
pub fn inner(pane: Rect) -> Rect {
    Rect::new(
        pane.x.saturating_add(1),
        pane.y.saturating_add(1),
        pane.width.saturating_sub(2),
        pane.height.saturating_sub(2),
    )
}

/// The inner part of a run's screen, below the tabs.
pub fn detail_body(app: &App) -> Rect {
    let inner = inner(panes(app).main);
    let taken = inner.height.min(2);
    Rect { y: inner.y + taken, height: inner.height - taken, ..inner }
}

/// The table and the chart of the comparison.
pub fn compare_body(app: &App) -> Split {
    let body = inner(panes(app).main);
    let curves = app.compare.as_ref().is_some_and(|compare| compare.curves);
    if curves {
        return Split { list: Rect::default(), other: body };
    }
    if body.height < 26 {
        return Split { list: body, other: Rect::default() };
    }
    let table = body.height * 3 / 5;
    let list = Rect { height: table, ..body };
    Split { list, other: Rect { y: body.y + table, height: body.height - table, ..body } }
}
