//! The one list of keys. Dispatch, the help screen, the hints in the footer and the README's table read it.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::action::Action;

/// Where a key means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// Wherever no text is typed, unless the place itself has the key.
    Anywhere,
    /// Experiments and runs.
    Browse,
    /// The experiments pane.
    Experiments,
    /// The runs pane.
    Runs,
    /// A run's detail, whatever the tab.
    Detail,
    /// Its Metrics tab.
    Metrics,
    /// Its Artifacts tab.
    Artifacts,
    /// The comparison.
    Compare,
    /// The comparison, when its chart is in view.
    Curves,
    /// A page of text over the screen: help, problems.
    Page,
    /// Narrowing as one types.
    Find,
    /// Typing a filter.
    Filter,
    /// The palette.
    Palette,
    /// Any list to choose from.
    Pick,
    /// Choosing columns.
    Columns,
    /// Choosing what orders.
    Order,
    /// Choosing a saved view.
    Views,
}

impl Place {
    /// Its heading in the help and the README.
    pub fn title(self) -> &'static str {
        match self {
            Self::Anywhere => "Everywhere",
            Self::Browse => "Experiments and runs",
            Self::Experiments => "Experiments",
            Self::Runs => "Runs",
            Self::Detail => "Run",
            Self::Metrics => "Run: Metrics",
            Self::Artifacts => "Run: Artifacts",
            Self::Compare => "Compare",
            Self::Curves => "Compare: curves",
            Self::Page => "Help and problems",
            Self::Find => "While narrowing",
            Self::Filter => "While typing a filter",
            Self::Palette => "Palette",
            Self::Pick => "Lists to choose from",
            Self::Columns => "Choosing columns",
            Self::Order => "Choosing the order",
            Self::Views => "Choosing a view",
        }
    }

    /// All places, in the order of the help.
    pub const ALL: [Self; 17] = [
        Self::Runs,
        Self::Experiments,
        Self::Browse,
        Self::Find,
        Self::Filter,
        Self::Palette,
        Self::Columns,
        Self::Order,
        Self::Views,
        Self::Pick,
        Self::Detail,
        Self::Metrics,
        Self::Artifacts,
        Self::Compare,
        Self::Curves,
        Self::Page,
        Self::Anywhere,
    ];

    /// The places whose keys work here, the nearest first.
    pub fn chain(self) -> &'static [Self] {
        match self {
            Self::Anywhere => &[Self::Anywhere],
            Self::Browse => &[Self::Browse, Self::Anywhere],
            Self::Experiments => &[Self::Experiments, Self::Browse, Self::Anywhere],
            Self::Runs => &[Self::Runs, Self::Browse, Self::Anywhere],
            Self::Detail => &[Self::Detail, Self::Anywhere],
            Self::Metrics => &[Self::Metrics, Self::Detail, Self::Anywhere],
            Self::Artifacts => &[Self::Artifacts, Self::Detail, Self::Anywhere],
            Self::Compare => &[Self::Compare, Self::Anywhere],
            Self::Curves => &[Self::Curves, Self::Anywhere],
            Self::Page => &[Self::Page, Self::Anywhere],
            // Where text is typed, letters are letters.
            Self::Find => &[Self::Find],
            Self::Filter => &[Self::Filter],
            Self::Palette => &[Self::Palette, Self::Pick],
            Self::Pick => &[Self::Pick],
            Self::Columns => &[Self::Columns, Self::Pick],
            Self::Order => &[Self::Order, Self::Pick],
            Self::Views => &[Self::Views, Self::Pick],
        }
    }
}

/// One line of the key table.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// Where.
    pub place: Place,
    /// The keys, in the notation of [`notation`], separated by blanks.
    pub keys: &'static str,
    /// What they do.
    pub action: Action,
    /// The same in words.
    pub help: &'static str,
    /// The footer's word for it and how soon it is left out for want of room: 0 stays longest.
    pub hint: Option<(u8, &'static str)>,
}

const fn key(place: Place, keys: &'static str, action: Action, help: &'static str) -> Binding {
    Binding { place, keys, action, help, hint: None }
}

impl Binding {
    const fn hint(mut self, rank: u8, word: &'static str) -> Self {
        self.hint = Some((rank, word));
        self
    }
}

/// The key table.
pub const BINDINGS: &[Binding] = &[
    // Runs
    key(Place::Runs, "Enter", Action::Open, "open the children of a parent run; else the run")
        .hint(0, "open"),
    key(Place::Runs, "l Right", Action::Expand, "open the children, then go into them"),
    key(Place::Runs, "h Left", Action::Collapse, "close the children, or go to the parent run"),
    key(Place::Runs, "E", Action::ExpandAll, "open or close all parent runs").hint(4, "expand all"),
    key(Place::Runs, "i", Action::Details, "show the run whole, parent runs too").hint(4, "details"),
    key(Place::Runs, "Space", Action::Mark, "mark the run for comparing").hint(1, "mark"),
    key(Place::Runs, "v", Action::MarkRange, "mark from the last mark to here"),
    key(Place::Runs, "u", Action::Unmark, "clear the marks"),
    key(Place::Runs, "=", Action::Compare, "compare the marked runs side by side").hint(1, "compare"),
    key(Place::Runs, "m", Action::Charts, "curves of the marked runs, or of this one").hint(2, "curves"),
    key(Place::Runs, "f", Action::Filter, "filter in MLflow's grammar: metrics.rmse < 0.8").hint(2, "filter"),
    key(Place::Runs, "/", Action::Find, "narrow as you type: names, ids, params, tags").hint(2, "find"),
    key(Place::Runs, "n", Action::NextMatch, "next match"),
    key(Place::Runs, "N", Action::PreviousMatch, "match before"),
    key(Place::Runs, "s", Action::Sort, "choose the columns that order").hint(2, "sort"),
    key(Place::Runs, "S", Action::Reverse, "turn the order around"),
    key(Place::Runs, "b", Action::ByChild, "order parents by their best child, or by their own value"),
    key(Place::Runs, "c", Action::Columns, "choose, order and format the columns").hint(2, "columns"),
    key(Place::Runs, "x", Action::Differing, "only columns in which the runs differ, or all")
        .hint(4, "only differing"),
    key(Place::Runs, "a", Action::NextAggregate, "metrics: last, best, min, max, first value, mean")
        .hint(4, "values"),
    key(Place::Runs, "A", Action::Better, "set which way a metric is better"),
    key(Place::Runs, "t", Action::NextGrouping, "tree, flat, or groups").hint(4, "groups"),
    key(Place::Runs, "T", Action::Groups, "choose what groups: a param, a tag, the experiment"),
    key(Place::Runs, "P", Action::Pin, "pin the run above all others, whichever experiment is shown"),
    key(Place::Runs, "H", Action::Hide, "hide the marked runs, or this one"),
    key(Place::Runs, "U", Action::Unhide, "show hidden runs again"),
    key(Place::Runs, "w", Action::Views, "saved views: open, save, forget").hint(5, "views"),
    key(Place::Runs, "> .", Action::Right, "scroll the columns to the right"),
    key(Place::Runs, "< ,", Action::Left, "scroll the columns to the left"),
    key(Place::Runs, "p", Action::Preview, "preview of the run under the cursor, on or off"),
    key(Place::Runs, "e", Action::Export, "write all runs that match to CSV and JSON files")
        .hint(5, "export"),
    key(Place::Runs, "y", Action::Copy, "copy the run id").hint(5, "copy"),
    // Experiments
    key(Place::Experiments, "Enter l Right", Action::Open, "go to the runs; open or close a folder")
        .hint(0, "runs"),
    key(Place::Experiments, "h Left", Action::Collapse, "close the folder"),
    key(Place::Experiments, "y", Action::Copy, "copy the experiment id"),
    // Text and lists
    key(Place::Find, "Enter", Action::Open, "keep it").hint(0, "keep"),
    key(Place::Find, "Esc", Action::Back, "all runs again").hint(0, "all"),
    key(Place::Find, "Up", Action::Up, "up"),
    key(Place::Find, "Down", Action::Down, "down"),
    key(Place::Find, "PageUp", Action::PageUp, "a page up"),
    key(Place::Find, "PageDown", Action::PageDown, "a page down"),
    key(Place::Filter, "Tab", Action::Complete, "complete; again: the next completion").hint(0, "complete"),
    key(Place::Filter, "BackTab", Action::CompleteBefore, "the completion before"),
    key(Place::Filter, "Up", Action::Up, "the completion above, or an earlier filter").hint(1, "earlier"),
    key(Place::Filter, "Down", Action::Down, "the completion below, or a later filter"),
    key(Place::Filter, "Enter", Action::Open, "take the completion, or keep the filter").hint(0, "keep"),
    key(Place::Filter, "Ctrl-s", Action::Keep, "keep the filter under a name; @name means it then")
        .hint(2, "name"),
    key(Place::Filter, "Esc", Action::Back, "the filter from before").hint(0, "back"),
    key(Place::Palette, "Tab", Action::Complete, "complete").hint(1, "complete"),
    key(Place::Columns, "Space Tab", Action::Toggle, "show the column, or not").hint(0, "on/off"),
    key(Place::Columns, "Left", Action::Left, "move the column to the left").hint(1, "→ move"),
    key(Place::Columns, "Right", Action::Right, "move the column to the right"),
    key(Place::Columns, "<", Action::Narrower, "narrower").hint(2, "> width"),
    key(Place::Columns, ">", Action::Wider, "wider"),
    key(Place::Columns, "*", Action::KeepLeft, "keep the column at the left").hint(2, "at left"),
    key(Place::Columns, "#", Action::NumberFormat, "how numbers are written: digits, percent, scientific")
        .hint(2, "format"),
    key(Place::Columns, "~", Action::Heat, "colour the values by rank").hint(2, "heat"),
    key(Place::Columns, "Enter Esc", Action::Back, "done").hint(0, "done"),
    key(Place::Columns, "Ctrl-r", Action::Automatic, "columns that choose themselves").hint(3, "automatic"),
    key(Place::Order, "Tab", Action::SortAlso, "order by this column too, after the others")
        .hint(1, "also by"),
    key(Place::Views, "Delete", Action::Forget, "forget the view").hint(1, "forget"),
    key(Place::Pick, "Enter", Action::Open, "choose").hint(0, "choose"),
    key(Place::Pick, "Esc", Action::Back, "back").hint(0, "back"),
    key(Place::Pick, "Down Ctrl-n", Action::Down, "down"),
    key(Place::Pick, "Up Ctrl-p", Action::Up, "up"),
    key(Place::Pick, "PageDown", Action::PageDown, "a page down"),
    key(Place::Pick, "PageUp", Action::PageUp, "a page up"),
    // Experiments and runs
    key(Place::Browse, "Tab", Action::NextPane, "next pane").hint(3, "pane"),
    key(Place::Browse, "BackTab", Action::PreviousPane, "pane before"),
    key(Place::Browse, "1", Action::Experiments, "the experiments"),
    key(Place::Browse, "2", Action::Runs, "the runs"),
    key(Place::Browse, "z", Action::Zoom, "the pane alone on the screen, or all panes").hint(6, "zoom"),
    key(
        Place::Browse,
        "O",
        Action::OtherStore,
        "the other store of the project: mlflow.db or mlruns, where both hold runs",
    ),
    key(Place::Browse, "D", Action::Deleted, "show deleted runs and experiments, or hide them")
        .hint(6, "deleted"),
    // Run
    key(Place::Detail, "] Tab", Action::NextTab, "next tab").hint(0, "next tab"),
    key(Place::Detail, "[ BackTab", Action::PreviousTab, "tab before"),
    key(Place::Detail, "1", Action::Tab(0), "Overview"),
    key(Place::Detail, "2", Action::Tab(1), "Metrics"),
    key(Place::Detail, "3", Action::Tab(2), "Params"),
    key(Place::Detail, "4", Action::Tab(3), "Tags"),
    key(Place::Detail, "5", Action::Tab(4), "Artifacts"),
    key(Place::Detail, "Enter", Action::Open, "follow a link: parent and child runs").hint(2, "follow"),
    key(Place::Detail, "J", Action::NextRun, "the run below in the table").hint(3, "next run"),
    key(Place::Detail, "K", Action::PreviousRun, "the run above in the table"),
    key(Place::Detail, "y", Action::Copy, "copy the value under the cursor").hint(2, "copy"),
    key(Place::Detail, "Space", Action::Mark, "mark the run for comparing"),
    key(Place::Detail, "Esc q", Action::Back, "back").hint(0, "back"),
    key(Place::Metrics, "l Right", Action::CrossRight, "move the crosshair to the right")
        .hint(3, "crosshair"),
    key(Place::Metrics, "h Left", Action::CrossLeft, "move the crosshair to the left"),
    key(Place::Metrics, "t", Action::Axis, "steps, elapsed time or clock along the chart").hint(3, "axis"),
    key(Place::Metrics, "L", Action::Log, "logarithmic values").hint(3, "log"),
    key(Place::Metrics, "+", Action::ZoomIn, "zoom in at the crosshair"),
    key(Place::Metrics, "-", Action::ZoomOut, "zoom out"),
    key(Place::Metrics, "0", Action::ZoomReset, "the whole chart"),
    key(Place::Metrics, "e", Action::Export, "write the chart to PNG and SVG files").hint(2, "export"),
    key(Place::Artifacts, "Enter l Right", Action::Open, "open a folder, show a file").hint(1, "open"),
    key(Place::Artifacts, "h Left", Action::Collapse, "close the folder"),
    key(Place::Artifacts, "Ctrl-d PageDown", Action::PageDown, "scroll the file down").hint(3, "scroll"),
    key(Place::Artifacts, "Ctrl-u PageUp", Action::PageUp, "scroll the file up"),
    // Compare
    key(Place::Compare, "x", Action::Differing, "only rows that differ, or all").hint(0, "only differing"),
    key(Place::Compare, "m Enter", Action::Charts, "curves of the metric under the cursor").hint(0, "curves"),
    key(Place::Compare, "> . l Right", Action::Right, "scroll the runs to the right"),
    key(Place::Compare, "< , h Left", Action::Left, "scroll the runs to the left"),
    key(Place::Compare, "y", Action::Copy, "copy the values of the row"),
    key(Place::Compare, "e", Action::Export, "write the comparison to CSV and JSON files").hint(2, "export"),
    key(Place::Compare, "Esc q", Action::Back, "back to the runs").hint(0, "back"),
    key(Place::Curves, "m Enter", Action::Charts, "back to the table").hint(0, "table"),
    key(Place::Curves, "Esc q", Action::Back, "back").hint(0, "back"),
    key(Place::Curves, "n ]", Action::NextMetric, "next metric").hint(1, "next metric"),
    key(Place::Curves, "N [", Action::PreviousMetric, "metric before"),
    key(Place::Curves, "Tab", Action::Front, "bring one run to the front, then the next").hint(2, "front"),
    key(Place::Curves, "l Right", Action::CrossRight, "move the crosshair to the right").hint(3, "crosshair"),
    key(Place::Curves, "h Left", Action::CrossLeft, "move the crosshair to the left"),
    key(Place::Curves, "t", Action::Axis, "steps, elapsed time or clock along the chart").hint(2, "axis"),
    key(Place::Curves, "L", Action::Log, "logarithmic values").hint(2, "log"),
    key(Place::Curves, "+", Action::ZoomIn, "zoom in at the crosshair"),
    key(Place::Curves, "-", Action::ZoomOut, "zoom out"),
    key(Place::Curves, "0", Action::ZoomReset, "the whole chart"),
    key(Place::Curves, "e", Action::Export, "write the chart to PNG and SVG files").hint(1, "export"),
    // Everywhere
    key(Place::Anywhere, "j Down", Action::Down, "down"),
    key(Place::Anywhere, "k Up", Action::Up, "up"),
    key(Place::Anywhere, "Ctrl-d", Action::HalfDown, "half a page down"),
    key(Place::Anywhere, "Ctrl-u", Action::HalfUp, "half a page up"),
    key(Place::Anywhere, "PageDown Ctrl-f", Action::PageDown, "a page down"),
    key(Place::Anywhere, "PageUp Ctrl-b", Action::PageUp, "a page up"),
    key(Place::Anywhere, "gg Home", Action::First, "to the first line"),
    key(Place::Anywhere, "G End", Action::Last, "to the last line"),
    key(Place::Page, "Enter", Action::Open, "go to the run of a problem or notice"),
    key(Place::Page, "Esc q ? ! W", Action::Back, "close").hint(0, "close"),
    key(Place::Anywhere, ":", Action::Palette, "every action and command by name").hint(3, "palette"),
    key(Place::Anywhere, "!", Action::Problems, "what could not be read"),
    key(Place::Anywhere, "W", Action::Notices, "what has happened: runs that ended, went NaN, fell silent"),
    key(Place::Anywhere, "r", Action::Rescan, "look at the whole store again"),
    key(Place::Anywhere, "R", Action::Freeze, "freeze the picture, or follow the store again"),
    key(Place::Anywhere, "?", Action::Help, "all keys").hint(0, "help"),
    key(Place::Anywhere, "Esc", Action::Back, "one step back"),
    key(Place::Anywhere, "q", Action::Quit, "back, then quit").hint(1, "quit"),
    key(Place::Anywhere, "Ctrl-c", Action::QuitNow, "quit"),
    key(Place::Anywhere, "Ctrl-z", Action::Suspend, "to the shell; `fg` comes back"),
];

/// A key in the table's notation: `j`, `Enter`, `Ctrl-d`, `BackTab`.
pub fn notation(key: KeyEvent) -> String {
    let name = match key.code {
        KeyCode::Char(' ') => "Space".to_owned(),
        KeyCode::Char(c) => c.to_string(),
        KeyCode::F(n) => format!("F{n}"),
        other => format!("{other:?}"),
    };
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        format!("Ctrl-{}", name.to_lowercase())
    } else if key.modifiers.contains(KeyModifiers::ALT) {
        format!("Alt-{name}")
    } else {
        name
    }
}

/// What keys ask for in a place: an action, or the beginning of a longer key (`g` of `gg`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Do this.
    Do(Action),
    /// Wait for the next key.
    Begun,
    /// Nothing.
    Nothing,
}

/// Looks keys up: the nearest place decides.
pub fn meaning(place: Place, keys: &str) -> Meaning {
    let mut begun = false;
    for near in place.chain() {
        for binding in BINDINGS.iter().filter(|binding| binding.place == *near) {
            if binding.keys.split(' ').any(|key| key == keys) {
                return Meaning::Do(binding.action);
            }
            begun |= keys.chars().count() == 1
                && binding.keys.split(' ').any(|key| key.len() == 2 && key.starts_with(keys));
        }
    }
    if begun { Meaning::Begun } else { Meaning::Nothing }
}

/// How a key looks on the screen.
pub fn shown_key(keys: &str) -> String {
    let first = keys.split(' ').next().unwrap_or_default();
    match first {
        "Enter" => "↵".to_owned(),
        "Space" => "␣".to_owned(),
        "Right" => "→".to_owned(),
        "Left" => "←".to_owned(),
        "BackTab" => "⇧Tab".to_owned(),
        "Up" => "↑".to_owned(),
        "Down" => "↓".to_owned(),
        "Delete" => "Del".to_owned(),
        other => other.replace("Ctrl-", "^"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn keys_are_unique_in_each_place() {
        let mut seen = HashSet::new();
        for binding in BINDINGS {
            for key in binding.keys.split(' ') {
                assert!(seen.insert((binding.place, key)), "{key} twice in {:?}", binding.place);
            }
        }
    }

    #[test]
    fn every_binding_can_be_reached() {
        for binding in BINDINGS {
            for key in binding.keys.split(' ') {
                assert_eq!(meaning(binding.place, key), Meaning::Do(binding.action), "{key}");
            }
        }
    }

    #[test]
    fn the_nearest_place_decides() {
        assert_eq!(meaning(Place::Runs, "Tab"), Meaning::Do(Action::NextPane));
        assert_eq!(meaning(Place::Metrics, "Tab"), Meaning::Do(Action::NextTab));
        assert_eq!(meaning(Place::Runs, "g"), Meaning::Begun);
        assert_eq!(meaning(Place::Runs, "gg"), Meaning::Do(Action::First));
        assert_eq!(meaning(Place::Runs, "Z"), Meaning::Nothing);
    }

    #[test]
    fn keys_are_told_as_the_table_spells_them() {
        let key = |code, modifiers| notation(KeyEvent::new(code, modifiers));
        assert_eq!(key(KeyCode::Char('d'), KeyModifiers::CONTROL), "Ctrl-d");
        assert_eq!(key(KeyCode::BackTab, KeyModifiers::SHIFT), "BackTab");
        assert_eq!(key(KeyCode::Char(' '), KeyModifiers::NONE), "Space");
        assert_eq!(key(KeyCode::PageDown, KeyModifiers::NONE), "PageDown");
    }
}
