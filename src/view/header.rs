//! The line at the top: which store is shown, what is in it, and how fresh the picture is.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

use super::theme::Theme;
use super::{put_line, put_right, text};
use crate::app::{App, Watching};
use crate::format;
use crate::index::Access;
use crate::query::Kind;
use crate::store::Why;

/// What stands before the name of the store.
const PROGRAM: &str = " mltop  ";
/// Cells of the store's name that nothing takes from it.
const NAME: usize = 16;
/// Cells of it that the count of experiments does not take, which the pane below tells anyhow.
const LONG_NAME: usize = 32;
/// What becomes shorter first: the count of experiments.
const FIRST: u8 = 9;

/// Something that is said at the right.
struct Piece {
    text: String,
    style: Style,
    /// Belongs to the piece before it: a count among counts.
    joins: bool,
    /// What it becomes where room is short, and how soon: the highest number first. Nothing at last, or what it is.
    shorter: &'static [u8],
    short: Option<String>,
}

impl Piece {
    /// A piece that is always there.
    fn new(text: String, style: Style) -> Self {
        Self { text, style, joins: false, shorter: &[], short: None }
    }

    /// Is left out where room is short; those of the highest number first.
    fn until(self, rank: &'static [u8]) -> Self {
        Self { shorter: rank, ..self }
    }

    /// Becomes shorter before it is left out.
    fn short(self, rank: &'static [u8], short: String) -> Self {
        Self { shorter: rank, short: Some(short), ..self }
    }

    fn width(&self) -> usize {
        // Two blanks, or a separator with its own, are before it.
        text::width(&self.text) + 3
    }

    /// Takes the next step; says whether anything is left.
    fn shorten(&mut self) -> bool {
        self.shorter = self.shorter.get(1..).unwrap_or_default();
        self.short.take().map(|short| self.text = short).is_some()
    }
}

/// Leaves out or shortens what matters least, until a name of this width has room beside the rest.
fn fit(mut pieces: Vec<Piece>, name: usize, width: usize) -> Vec<Piece> {
    let least = |pieces: &[Piece]| {
        let has_first = pieces.iter().any(|piece| piece.shorter.first() == Some(&FIRST));
        name.min(if has_first { LONG_NAME } else { NAME })
    };
    while taken(&pieces) + least(&pieces) > width {
        let next =
            (0..pieces.len()).rev().max_by_key(|i| pieces.get(*i).and_then(|piece| piece.shorter.first()));
        let Some(piece) = next.and_then(|i| pieces.get_mut(i)).filter(|piece| !piece.shorter.is_empty())
        else {
            break;
        };
        if !piece.shorten() {
            next.map(|i| pieces.remove(i));
        }
    }
    pieces
}

fn taken(pieces: &[Piece]) -> usize {
    pieces.iter().map(Piece::width).sum()
}

/// Draws the line at the top.
pub fn draw(app: &App, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let store = app.store.as_str();
    let width = usize::from(area.width).saturating_sub(PROGRAM.len());
    let pieces = fit(pieces(app, theme), text::width(store), width);
    let room = width.saturating_sub(taken(&pieces)).max(3);
    let name = text::cut_middle(store, room).into_owned();
    let left = vec![Span::styled(" mltop ", theme.title), Span::styled(format!(" {name}"), theme.accent)];
    put_line(buf, area, 0, left);
    put_right(buf, area, 0, spans(pieces, theme));
}

/// Pieces with what separates them.
fn spans<'a>(pieces: Vec<Piece>, theme: &Theme) -> Vec<Span<'a>> {
    let mut spans = Vec::new();
    for piece in pieces {
        if piece.joins && !spans.is_empty() {
            spans.push(Span::styled(format!(" {} ", theme.glyphs.separator), theme.dim));
        } else {
            spans.push(Span::raw("  "));
        }
        spans.push(Span::styled(piece.text, piece.style));
    }
    if spans.last().is_some_and(|last| !last.content.ends_with(' ')) {
        spans.push(Span::raw(" "));
    }
    spans
}

/// Counts, problems, progress, news, and whether the store is followed.
fn pieces(app: &App, theme: &Theme) -> Vec<Piece> {
    let index = app.index();
    let mut pieces = counts(app, theme);
    match index.problems.len() {
        0 => {}
        problems => {
            let piece = Piece::new(format!("! {}", plural(problems, "problem")), theme.warn);
            pieces.push(piece.short(&[3, 1], format!("! {}", format::count(problems as u64))));
        }
    }
    pieces.extend(progress(app, theme));
    if app.unseen > 0 {
        pieces.push(Piece::new(plural(app.unseen, "notice"), theme.accent).until(&[4]));
    }
    pieces.extend(following(app, theme));
    pieces
}

/// How much is in the store.
fn counts(app: &App, theme: &Theme) -> Vec<Piece> {
    let all = app.rows.experiments.iter().find(|row| row.kind == Kind::All);
    let Some(all) = all.filter(|_| app.index().progress.listed) else { return Vec::new() };
    let experiments = plural(app.rows.experiment_count, "experiment");
    let mut pieces = vec![
        Piece::new(experiments, theme.dim).until(&[FIRST]),
        Piece { joins: true, ..Piece::new(plural(all.runs as usize, "run"), theme.dim).until(&[8]) },
    ];
    if all.running > 0 {
        let running = format!("{} running", format::count(all.running.into()));
        pieces.push(Piece { joins: true, ..Piece::new(running, theme.running).until(&[7]) });
    }
    pieces
}

/// How far the store has been read or compared, as long as that goes on.
fn progress(app: &App, theme: &Theme) -> Option<Piece> {
    let (progress, access) = (app.index().progress, app.index().access);
    // Nothing is read from a store that does not answer.
    if progress.complete || matches!(access, Access::Offline { .. } | Access::Stopped) {
        return None;
    }
    if !progress.listed {
        return Some(Piece::new(format!("reading{}", theme.glyphs.ellipsis), theme.warn).until(&[2]));
    }
    let (verb, style) = if progress.verifying { ("verifying", theme.dim) } else { ("reading", theme.warn) };
    let (done, total) = (format::count(progress.done as u64), format::count(progress.total as u64));
    let percent = progress.done.saturating_mul(100) / progress.total.max(1);
    let piece = Piece::new(format!("{verb} {done} of {total}"), style);
    Some(piece.short(&[5, 2], format!("{verb} {percent}%")))
}

/// How the store is followed, and how fresh the picture is: always there.
fn following(app: &App, theme: &Theme) -> Option<Piece> {
    let live = theme.glyphs.live;
    if let Some(at) = app.frozen {
        let age = so_long(app.clock.saturating_sub(at));
        return Some(Piece::new(format!(" FROZEN {age} "), theme.selected));
    }
    if let Some(since) = app.waits_since {
        let time = so_long(app.clock.saturating_sub(since));
        return Some(Piece::new(format!("waiting for the store {time}"), theme.bad));
    }
    let (text, more, style) = match (app.index().access, app.watching) {
        (Access::Busy, _) => ("busy".to_owned(), String::new(), theme.warn),
        (Access::Offline { since }, _) => (
            format!("offline {}", so_long(app.now.saturating_sub(since))),
            ", retrying".to_owned(),
            theme.bad,
        ),
        (Access::Stopped, _) => ("no access".to_owned(), ", r tries again".to_owned(), theme.bad),
        (Access::Open, Watching::Not) => return None,
        (Access::Open, Watching::Events) => ("live".to_owned(), String::new(), theme.good),
        (Access::Open, Watching::Polling(ms, why)) => {
            (format!("polling {}", interval(ms)), why.map_or(String::new(), reason), theme.warn)
        }
    };
    let piece = Piece::new(format!("{live} {text}{more}"), style);
    Some(if more.is_empty() { piece } else { piece.short(&[6], format!("{live} {text}")) })
}

/// How long something lasts, in whole seconds: tenths would only flicker.
fn so_long(ms: i64) -> String {
    if ms < 60_000 { format!("{}s", ms.max(0) / 1000) } else { format::duration(ms) }
}

/// Seconds between two looks.
fn interval(ms: u64) -> String {
    if ms.is_multiple_of(1000) { format!("{}s", ms / 1000) } else { format!("{:.1}s", ms as f64 / 1000.0) }
}

fn reason(why: Why) -> String {
    match why {
        Why::Asked => String::new(),
        Why::Limit => " (no watches left)".to_owned(),
        Why::FileSystem(name) => format!(" ({name})"),
        Why::Silence => " (no events)".to_owned(),
    }
}

fn plural(count: usize, what: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{} {what}{s}", format::count(count as u64))
}
