//! Colours and signs by the role they play, and nothing else in the program knows a colour.
//!
//! Only the terminal's own sixteen colours are used, and of these only those that can be read on a dark and on a light
//! background; plain text keeps the terminal's colour. So there is no light and no dark theme to choose. Every state
//! has its own sign as well, so nothing is told by colour alone.

use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::border;

use crate::index::Status;

/// Signs that stand for something, each one column wide.
#[derive(Clone, Debug)]
pub struct Glyphs {
    /// Whether these are more than ASCII; the chart draws dots of braille then.
    pub utf8: bool,
    /// Frame of a pane.
    pub border: border::Set<'static>,
    /// Tree: a line that goes on below.
    pub rail: &'static str,
    /// Tree: a child with siblings below.
    pub tee: &'static str,
    /// Tree: the last child.
    pub corner: &'static str,
    /// Tree: children are hidden.
    pub closed: &'static str,
    /// Tree: children are shown.
    pub open: &'static str,
    /// State of a run, see [`Theme::state`].
    pub running: &'static str,
    /// A run that says RUNNING and may not be.
    pub stale: &'static str,
    /// State of a run.
    pub finished: &'static str,
    /// State of a run.
    pub failed: &'static str,
    /// State of a run.
    pub scheduled: &'static str,
    /// State of a run.
    pub killed: &'static str,
    /// State of a run that MLflow does not know.
    pub unknown: &'static str,
    /// The run that is marked for comparing.
    pub mark: &'static str,
    /// The best of its siblings.
    pub best: &'static str,
    /// The store is followed live.
    pub live: &'static str,
    /// Sorted upwards.
    pub ascending: &'static str,
    /// Sorted downwards.
    pub descending: &'static str,
    /// Higher is better.
    pub up: &'static str,
    /// Lower is better.
    pub down: &'static str,
    /// A run that stands above all others.
    pub pin: &'static str,
    /// The experiment whose runs are shown.
    pub current: &'static str,
    /// Nothing is there.
    pub empty: &'static str,
    /// Something was cut off, or is still loading.
    pub ellipsis: &'static str,
    /// Between parts of a line.
    pub separator: &'static str,
    /// Levels of a sparkline, low to high. No full block: it would run into the line above.
    pub spark: [&'static str; 7],
    /// Chart: vertical axis, with a tick, corner, horizontal axis, with a tick.
    pub axis: [&'static str; 5],
    /// Chart: the crosshair.
    pub cursor: &'static str,
}

const UTF8: Glyphs = Glyphs {
    utf8: true,
    border: border::ROUNDED,
    rail: "│",
    tee: "├",
    corner: "└",
    closed: "▸",
    open: "▾",
    running: "●",
    stale: "○",
    finished: "✓",
    failed: "✗",
    scheduled: "◌",
    killed: "■",
    unknown: "?",
    mark: "◆",
    best: "◂",
    live: "◉",
    ascending: "▲",
    descending: "▼",
    up: "↑",
    down: "↓",
    pin: "⚑",
    current: "▌",
    empty: "·",
    ellipsis: "…",
    separator: "·",
    spark: ["▁", "▂", "▃", "▄", "▅", "▆", "▇"],
    axis: ["│", "┤", "└", "─", "┬"],
    cursor: "│",
};

const ASCII: Glyphs = Glyphs {
    utf8: false,
    border: border::Set {
        top_left: "+",
        top_right: "+",
        bottom_left: "+",
        bottom_right: "+",
        vertical_left: "|",
        vertical_right: "|",
        horizontal_top: "-",
        horizontal_bottom: "-",
    },
    rail: "|",
    tee: "+",
    corner: "`",
    closed: ">",
    open: "v",
    running: "*",
    stale: "?",
    finished: "+",
    failed: "x",
    scheduled: "o",
    killed: "#",
    unknown: "?",
    mark: "@",
    best: "<",
    live: "o",
    ascending: "^",
    descending: "v",
    up: "+",
    down: "-",
    pin: "*",
    current: ">",
    empty: ".",
    ellipsis: "~",
    separator: "-",
    spark: [".", ":", "-", "=", "+", "*", "#"],
    axis: ["|", "+", "+", "-", "+"],
    cursor: ":",
};

impl Glyphs {
    /// For a terminal whose locale is UTF-8, or for any other.
    pub fn new(utf8: bool) -> Self {
        if utf8 { UTF8 } else { ASCII }
    }
}

/// Styles by role.
#[derive(Clone, Debug)]
pub struct Theme {
    /// Ordinary text.
    pub text: Style,
    /// Text of less weight: units, hints, what is empty.
    pub dim: Style,
    /// What draws the eye: keys, counts, the place where one is.
    pub accent: Style,
    /// Good news.
    pub good: Style,
    /// What somebody should look at.
    pub warn: Style,
    /// What went wrong.
    pub bad: Style,
    /// What goes on right now.
    pub running: Style,
    /// The line under the cursor; patched over a line it makes one bar of it.
    pub selected: Style,
    /// Lines that are marked.
    pub marked: Style,
    /// Frame of a pane.
    pub border: Style,
    /// Frame of the pane that has the keys.
    pub border_focused: Style,
    /// Axes and ticks of a chart.
    pub axis: Style,
    /// Titles of panes and charts, heads of columns.
    pub title: Style,
    /// Letters that matched what was typed.
    pub hit: Style,
    /// What is wrong in a text that is being typed.
    pub wrong: Style,
    /// Values by rank, the worst first; see [`Theme::heat`].
    heat: [Style; 7],
    /// Curves of a chart, see [`Theme::series`].
    pub series: [Style; 8],
    /// The signs.
    pub glyphs: Glyphs,
}

impl Theme {
    /// `colour` is off where `NO_COLOR` is set; `utf8` is off where the locale is not UTF-8.
    pub fn new(colour: bool, utf8: bool) -> Self {
        let glyphs = Glyphs::new(utf8);
        let plain = Self::plain(glyphs);
        if colour { plain.coloured() } else { plain }
    }

    /// Bold, dim, reversed and underlined only.
    fn plain(glyphs: Glyphs) -> Self {
        let (text, bold) = (Style::new(), Style::new().add_modifier(Modifier::BOLD));
        let dim = Style::new().add_modifier(Modifier::DIM);
        // Colours and weights below the bar would tear it into pieces.
        let selected = Style::new()
            .fg(Color::Reset)
            .bg(Color::Reset)
            .remove_modifier(Modifier::DIM)
            .add_modifier(Modifier::REVERSED);
        Self {
            text,
            dim,
            accent: bold,
            good: text,
            warn: bold,
            bad: bold,
            running: bold,
            selected,
            marked: bold,
            border: dim,
            border_focused: bold,
            axis: dim,
            title: bold,
            hit: bold.add_modifier(Modifier::UNDERLINED),
            wrong: bold.add_modifier(Modifier::UNDERLINED),
            // Without colours only the ends of the scale are told.
            heat: [dim, text, text, text, text, text, bold],
            series: [text; 8],
            glyphs,
        }
    }

    /// Adds colours. Yellow, white, black and the bright forms of green and cyan are left out, since each vanishes on
    /// one background or the other; bright black is the background itself in Solarized, so dim text is dim. Dark
    /// blue on black is hard to read in xterm, so it comes last.
    fn coloured(self) -> Self {
        let on = |style: Style, colour| style.fg(colour);
        Self {
            accent: on(self.accent, Color::Cyan),
            good: on(self.good, Color::Green),
            warn: on(self.warn, Color::Magenta),
            bad: on(self.bad, Color::Red),
            running: on(self.running, Color::Green),
            marked: on(self.marked, Color::Magenta),
            border_focused: on(self.border_focused, Color::Cyan),
            hit: on(self.hit, Color::Magenta),
            wrong: on(self.wrong, Color::Red),
            heat: [
                Style::new().fg(Color::Red).add_modifier(Modifier::BOLD),
                Style::new().fg(Color::Red),
                Style::new().fg(Color::Magenta),
                Style::new(),
                Style::new().fg(Color::Cyan),
                Style::new().fg(Color::Green),
                Style::new().fg(Color::Green).add_modifier(Modifier::BOLD),
            ],
            series: [
                Color::Cyan,
                Color::Magenta,
                Color::Green,
                Color::Red,
                Color::LightBlue,
                Color::Reset,
                Color::LightMagenta,
                Color::Blue,
            ]
            .map(Style::from),
            ..self
        }
    }

    /// Style of the curve with a colour number; numbers beyond eight start over.
    pub fn series(&self, colour: usize) -> Style {
        self.series.get(colour % self.series.len()).copied().unwrap_or(self.text)
    }

    /// With the colours of a map where the terminal has 256: dark violet for the worst over blue and green to yellow for
    /// the best, which also the colour-blind tell apart. Both letters and ground are set, so it can be read on any
    /// background.
    pub fn with_256_colours(self) -> Self {
        let scale = [(53, 231), (60, 231), (24, 231), (30, 231), (36, 16), (113, 16), (227, 16)];
        let of = |(ground, letters)| Style::new().fg(Color::Indexed(letters)).bg(Color::Indexed(ground));
        Self { heat: scale.map(of), ..self }
    }

    /// Style of a value by its rank: 0 for the worst, 1 for the best.
    pub fn heat(&self, rank: f64) -> Style {
        let steps = self.heat.len();
        let step = (rank.clamp(0.0, 1.0) * steps as f64) as usize;
        self.heat.get(step.min(steps - 1)).copied().unwrap_or(self.text)
    }

    /// Sparklines of what has ended: coloured, without the weight of the accent.
    pub fn accent_soft(&self) -> Style {
        self.accent.remove_modifier(Modifier::BOLD)
    }

    /// Sign and style of a run's state.
    pub fn state(&self, status: Status) -> (&'static str, Style) {
        match status {
            Status::Running => (self.glyphs.running, self.running),
            Status::Scheduled => (self.glyphs.scheduled, self.dim),
            Status::Finished => (self.glyphs.finished, self.good),
            Status::Failed => (self.glyphs.failed, self.bad),
            Status::Killed => (self.glyphs.killed, self.warn),
            Status::Other => (self.glyphs.unknown, self.warn),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::text::width;

    fn styles(theme: &Theme) -> Vec<Style> {
        let t = theme;
        let roles = [
            t.text,
            t.dim,
            t.accent,
            t.good,
            t.warn,
            t.bad,
            t.running,
            t.selected,
            t.marked,
            t.border,
            t.border_focused,
            t.axis,
            t.title,
            t.hit,
        ];
        roles.into_iter().chain(t.series).collect()
    }

    #[test]
    fn no_colour_means_none() {
        for style in styles(&Theme::new(false, true)) {
            assert!(
                matches!(style.fg, None | Some(Color::Reset))
                    && matches!(style.bg, None | Some(Color::Reset))
            );
        }
    }

    #[test]
    fn colours_can_be_read_on_any_background() {
        for style in styles(&Theme::new(true, true)) {
            assert!(matches!(style.bg, None | Some(Color::Reset)));
            assert!(!matches!(
                style.fg,
                Some(
                    Color::Black
                        | Color::White
                        | Color::Gray
                        | Color::DarkGray
                        | Color::Yellow
                        | Color::LightYellow
                        | Color::LightGreen
                        | Color::LightCyan
                        | Color::Rgb(..)
                        | Color::Indexed(_)
                )
            ));
        }
    }

    #[test]
    fn heat_can_be_read_on_any_background_and_tells_the_ends_without_colour() {
        let map = Theme::new(true, true).with_256_colours();
        let steps: Vec<Style> = (0..7).map(|step| map.heat(f64::from(step) / 6.0)).collect();
        for style in &steps {
            assert!(matches!(
                (style.fg, style.bg),
                (Some(Color::Indexed(16 | 231)), Some(Color::Indexed(_)))
            ));
        }
        assert!(steps.windows(2).all(|pair| pair[0] != pair[1]), "every step looks different");
        let plain = Theme::new(false, true);
        assert_ne!(plain.heat(0.0), plain.heat(1.0));
        assert_eq!((plain.heat(-1.0), plain.heat(f64::NAN)), (plain.heat(0.0), plain.heat(0.0)));
    }

    #[test]
    fn states_differ_without_colour() {
        let states = [
            Status::Running,
            Status::Scheduled,
            Status::Finished,
            Status::Failed,
            Status::Killed,
            Status::Other,
        ];
        for utf8 in [true, false] {
            let theme = Theme::new(false, utf8);
            let mut signs: Vec<&str> = states.iter().map(|s| theme.state(*s).0).collect();
            signs.sort_unstable();
            signs.dedup();
            assert_eq!(signs.len(), states.len());
        }
    }

    #[test]
    fn signs_take_one_column() {
        for utf8 in [true, false] {
            let g = Glyphs::new(utf8);
            let signs = [
                g.rail,
                g.tee,
                g.corner,
                g.closed,
                g.open,
                g.running,
                g.stale,
                g.finished,
                g.failed,
                g.scheduled,
                g.killed,
                g.unknown,
                g.mark,
                g.best,
                g.live,
                g.ascending,
                g.descending,
                g.up,
                g.down,
                g.pin,
                g.empty,
                g.ellipsis,
                g.separator,
                g.cursor,
                g.border.top_left,
                g.border.vertical_left,
            ];
            for sign in signs.into_iter().chain(g.spark).chain(g.axis) {
                assert_eq!(width(sign), 1, "{sign}");
                assert!(utf8 || sign.is_ascii());
            }
        }
    }
}
