//! The palette: every action by name with its key, and commands that take arguments.

use std::sync::Arc;

use ratatui::crossterm::event::KeyEvent;

use super::action::Action;
use super::commands::{self, Argument, COMMANDS, Command};
use super::cursor::Cursor;
use super::keys::{BINDINGS, Binding, Meaning, Place, meaning};
use super::prompt::Prompt;
use super::{App, Overlay, Request, move_cursor, panes};
use crate::query::{Aggregate, Column, filter, fuzzy};
use crate::shown::{Shown, shown};

/// A line of the palette.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// What a key does.
    Key(&'static Binding),
    /// A command.
    Command(&'static Command),
    /// Something that can stand in a command's argument.
    Word(String),
}

impl PartialEq for Binding {
    fn eq(&self, other: &Self) -> bool {
        (self.place, self.keys) == (other.place, other.keys)
    }
}

/// The palette's state.
#[derive(Clone, Debug, PartialEq)]
pub struct Palette {
    /// What was typed.
    pub prompt: Prompt,
    /// The cursor in the list.
    pub cursor: Cursor,
    /// The list.
    pub entries: Vec<Entry>,
    /// Why the command cannot be done.
    pub problem: Option<Shown>,
    /// Where the keys went before.
    pub place: Place,
    /// What the columns that can be named are called, as far as they are known.
    names: Arc<Vec<String>>,
}

impl App {
    pub(super) fn open_palette(&mut self, text: &str, out: &mut Vec<Request>) {
        let mut palette = Palette {
            prompt: Prompt::new(text),
            cursor: Cursor::default(),
            entries: Vec::new(),
            problem: None,
            place: self.place(),
            names: Arc::new(self.names(self.rows.columns.iter().map(|view| view.column))),
        };
        out.push(Request::Columns(self.query.clone()));
        self.list(&mut palette);
        self.overlay = Some(Overlay::Palette(palette));
    }

    /// Names of columns as a command takes them.
    fn names(&self, columns: impl Iterator<Item = Column>) -> Vec<String> {
        columns.map(|column| filter::written(column, self.index())).collect()
    }

    /// The names of all columns have been gathered.
    pub(super) fn take_names(&mut self, columns: &[Column]) {
        if !matches!(self.overlay, Some(Overlay::Palette(_))) {
            return;
        }
        let names = Arc::new(self.names(columns.iter().copied()));
        if let Some(Overlay::Palette(mut palette)) = self.overlay.take() {
            palette.names = names;
            self.list(&mut palette);
            self.overlay = Some(Overlay::Palette(palette));
        }
    }

    pub(super) fn palette_key(&mut self, key: KeyEvent, keys: &str, out: &mut Vec<Request>) {
        let Some(Overlay::Palette(mut palette)) = self.overlay.take() else { return };
        match meaning(Place::Palette, keys) {
            Meaning::Do(Action::Back) => return,
            Meaning::Do(Action::Open) => match self.enter(&mut palette, out) {
                Ok(true) => return,
                Ok(false) => self.list(&mut palette),
                Err(problem) => palette.problem = Some(Shown::own(problem)),
            },
            Meaning::Do(Action::Complete) => {
                if let Some(entry) = palette.entries.get(palette.cursor.at).cloned() {
                    palette.complete(&entry);
                    self.list(&mut palette);
                }
            }
            Meaning::Do(action) => {
                let height = panes::palette(self.size).height.saturating_sub(5).into();
                move_cursor(&mut palette.cursor, action, palette.entries.len(), height);
            }
            _ => {
                if palette.prompt.is_empty() && keys == "Backspace" {
                    return;
                }
                if palette.prompt.key(key) {
                    self.list(&mut palette);
                }
            }
        }
        self.overlay = Some(Overlay::Palette(palette));
    }

    pub(super) fn palette_paste(&mut self, text: &str) {
        if let Some(Overlay::Palette(mut palette)) = self.overlay.take() {
            palette.prompt.insert(text);
            self.list(&mut palette);
            self.overlay = Some(Overlay::Palette(palette));
        }
    }

    /// Does what the line says, or the entry under the cursor; says whether the palette is done.
    fn enter(&mut self, palette: &mut Palette, out: &mut Vec<Request>) -> Result<bool, String> {
        if let Some((command, rest)) = commands::begun(palette.prompt.text()) {
            return self.command(command, rest, out).map(|()| true);
        }
        match palette.entries.get(palette.cursor.at).cloned() {
            Some(Entry::Key(binding)) => {
                self.act(binding.action, out);
                Ok(true)
            }
            Some(Entry::Command(command)) if command.argument == Argument::None => {
                self.command(command, "", out).map(|()| true)
            }
            Some(entry) => {
                palette.complete(&entry);
                Ok(false)
            }
            None => {
                let words: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
                Err(format!("no action and no command is called so; commands are {}", words.join(", ")))
            }
        }
    }

    /// What the list has for what is typed.
    fn list(&mut self, palette: &mut Palette) {
        palette.problem = None;
        palette.cursor = Cursor::default();
        let text = palette.prompt.text();
        palette.entries = match commands::begun(text) {
            Some((command, rest)) => self.words(command.argument, rest, &palette.names),
            None => entries(palette.place, text.trim_start_matches([' ', ':']).trim_end()),
        };
    }

    /// What can stand where an argument is being typed.
    fn words(&self, argument: Argument, rest: &str, names: &[String]) -> Vec<Entry> {
        let last = last_word(argument, rest);
        let fixed = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let all: Vec<String> = match argument {
            Argument::None | Argument::Filter => Vec::new(),
            Argument::Columns => [fixed(&["auto"]), names.to_vec()].concat(),
            Argument::Order if is_second_word(rest) => fixed(&["asc", "desc"]),
            Argument::Order => names.to_vec(),
            Argument::Grouping => {
                let is_group = |name: &&String| !name.starts_with("metrics.");
                [fixed(&["tree", "flat"]), names.iter().filter(is_group).cloned().collect()].concat()
            }
            Argument::Aggregate => {
                Aggregate::ALL.iter().map(|how| how.word().to_owned()).chain(["at:".to_owned()]).collect()
            }
            Argument::Better if is_second_word(rest) => fixed(&["up", "down", "auto"]),
            Argument::Better => {
                names.iter().filter_map(|name| name.strip_prefix("metrics.")).map(str::to_owned).collect()
            }
            Argument::Run => {
                let runs = self.rows.items.iter().take(2000).filter_map(|row| self.index().run(row.run));
                runs.map(|run| run.title().to_owned()).collect()
            }
            Argument::Experiment => {
                self.index().experiments().map(|experiment| experiment.title().to_owned()).collect()
            }
            Argument::Export if is_second_word(rest) => Vec::new(),
            Argument::Export => fixed(&["csv", "json"]),
            Argument::View | Argument::NewView => {
                self.kept().map(|kept| kept.views.keys().cloned().collect()).unwrap_or_default()
            }
            Argument::KeptFilter | Argument::NewFilter => self.state.filters.keys().cloned().collect(),
        };
        let pattern = fuzzy::Pattern::new(last);
        // What is there already needs no completion.
        let found = all
            .into_iter()
            .filter(|word| word != last)
            .filter(|word| pattern.is_empty() || pattern.finds_text(word));
        found.map(Entry::Word).collect()
    }
}

/// Actions of a place and commands, those that match first by how well.
fn entries(place: Place, text: &str) -> Vec<Entry> {
    let mut seen = Vec::new();
    let keys = place.chain().iter().flat_map(|near| BINDINGS.iter().filter(|binding| binding.place == *near));
    let keys = keys.filter(|binding| {
        let is_new = !seen.contains(&binding.action);
        seen.push(binding.action);
        is_new && binding.action != Action::Palette && binding.action != Action::Back
    });
    let all = COMMANDS.iter().map(Entry::Command).chain(keys.map(Entry::Key));
    let pattern = fuzzy::Pattern::new(text);
    if pattern.is_empty() {
        return all.collect();
    }
    let all: Vec<Entry> = all.collect();
    // Letters that are strewn over a sentence are a last resort: they are in nearly every one.
    let by = |rank: &dyn Fn(&Entry) -> Option<usize>| {
        let ranked = all.iter().filter_map(|entry| Some((rank(entry)?, entry.clone())));
        let mut found: Vec<(usize, Entry)> = ranked.collect();
        found.sort_by_key(|(rank, _)| *rank);
        found.into_iter().map(|(_, entry)| entry).collect::<Vec<_>>()
    };
    let found = by(&|entry| entry.rank(text));
    if found.is_empty() { by(&|entry| pattern.finds_text(entry.help()).then_some(0)) } else { found }
}

impl Entry {
    /// What it does, in words.
    fn help(&self) -> &str {
        match self {
            Self::Command(Command { help, .. }) | Self::Key(Binding { help, .. }) => help,
            Self::Word(word) => word,
        }
    }

    /// How well it is what was typed, the best first: it is called so, or all that was typed stands in what it does.
    fn rank(&self, text: &str) -> Option<usize> {
        let is_called = match self {
            Self::Command(command) => command.name.starts_with(text),
            Self::Key(binding) => {
                let hint = binding.hint.is_some_and(|(_, word)| word.starts_with(text));
                hint || binding.keys.split(' ').any(|key| key == text)
            }
            Self::Word(_) => false,
        };
        match (is_called, self.tells(text)) {
            (true, _) => Some(0),
            (false, true) => Some(1),
            (false, false) => None,
        }
    }

    /// Whether all words that were typed stand in what it does.
    fn tells(&self, text: &str) -> bool {
        let help = self.help().to_lowercase();
        text.split_whitespace().all(|word| help.contains(&word.to_lowercase()))
    }

    /// Whether letters of what was typed are to be marked in what it does: not where only its name was meant.
    pub fn is_marked(&self, text: &str) -> bool {
        self.rank(text) != Some(0) || self.tells(text)
    }
}

/// The part of an argument that is being typed.
fn last_word(argument: Argument, rest: &str) -> &str {
    let part = match argument {
        Argument::Columns | Argument::Order | Argument::Grouping => {
            // Behind the last comma that separates.
            let open = commands::open_part(rest);
            rest.get(open..).unwrap_or_default().trim_start()
        }
        _ => rest,
    };
    match argument {
        Argument::Order | Argument::Better | Argument::Export if is_second_word(rest) => {
            part.rsplit(' ').next().unwrap_or_default()
        }
        _ => part,
    }
}

/// Whether a column or metric stands there already, and a blank behind it.
fn is_second_word(rest: &str) -> bool {
    let part = rest.get(commands::open_part(rest)..).unwrap_or_default().trim_start();
    let mut quoted = false;
    part.chars().any(|c| {
        quoted ^= c == '`' || c == '"';
        c == ' ' && !quoted
    })
}

impl Palette {
    /// Puts an entry where it belongs in what is typed.
    fn complete(&mut self, entry: &Entry) {
        match entry {
            Entry::Key(_) => {}
            Entry::Command(command) => self.prompt = Prompt::new(&format!("{} ", command.name)),
            Entry::Word(word) => {
                let text = self.prompt.text();
                let Some((command, rest)) = commands::begun(text) else { return };
                let last = last_word(command.argument, rest);
                let kept = text.get(..text.len() - last.len()).unwrap_or_default();
                self.prompt = Prompt::new(&format!("{kept}{word}"));
            }
        }
    }
}

/// What an unknown name is answered with.
pub(super) fn unknown(what: &str, name: &str) -> String {
    format!("there is no {what} \"{}\"", shown(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(text: &str) -> Vec<String> {
        let name = |entry: &Entry| match entry {
            Entry::Command(command) => format!(":{}", command.name),
            Entry::Key(binding) => binding.keys.to_owned(),
            Entry::Word(word) => word.clone(),
        };
        entries(Place::Runs, text).iter().map(name).collect()
    }

    #[test]
    fn what_is_called_so_comes_first_and_nothing_else_comes_by_chance() {
        assert_eq!(called("sort"), [":sort", "s"], "the footer calls the key so");
        assert_eq!(called("E").first().map(String::as_str), Some("E"));
        assert!(called("csv").contains(&"e".to_owned()), "{:?}", called("csv"));
        assert_eq!(called("marked curves"), ["m"], "words in any order");
    }

    #[test]
    fn strewn_letters_are_a_last_resort() {
        assert!(called("frzpic").contains(&"R".to_owned()), "{:?}", called("frzpic"));
        assert!(called("zzzz").is_empty());
    }
}
