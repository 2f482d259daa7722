//! The line in which a filter is typed: checked with every key, completed, and remembered.
//!
//! What is shown follows the last text that was a filter. While the text is none, the mistake is marked where it is, and
//! the rows stay as they are.

use std::ops::Range;
use std::sync::Arc;

use ratatui::crossterm::event::KeyEvent;

use super::action::Action;
use super::cursor::Cursor;
use super::keys::{Meaning, Place, meaning};
use super::prompt::Prompt;
use super::{App, Request, Screen};
use crate::index::ExperimentKey;
use crate::query::filter::{self, Completion, Filter, Mistake, words};
use crate::state::Edit;

/// Completions in view.
pub const POPUP: usize = 8;

/// What completes a text is found by the query thread, since it looks at many runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The text.
    pub text: String,
    /// The byte at which it is typed.
    pub at: usize,
    /// Of which experiment's runs; none for all.
    pub experiment: Option<ExperimentKey>,
}

/// Completions that one can choose from.
#[derive(Clone, Debug, PartialEq)]
pub struct Popup {
    /// What can be typed.
    pub completion: Completion,
    /// Which one is chosen.
    pub cursor: Cursor,
    /// Whether the chosen one stands in the text; not while one narrows the list by typing on.
    pub is_put_in: bool,
    /// What was typed before one was put in.
    typed: Prompt,
}

/// The state of the line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FilterBar {
    /// What was typed.
    pub prompt: Prompt,
    /// Why it is no filter.
    pub mistake: Option<Mistake>,
    /// Completions, when Tab was pressed.
    pub popup: Option<Popup>,
    /// A name for the filter is being typed.
    pub naming: Option<Prompt>,
    /// The filter from before.
    before: Option<Arc<Filter>>,
    /// Which of the earlier filters is shown, the latest is 0, and what was typed before.
    history: Option<(usize, Prompt)>,
    /// What completes the text was asked for: by Tab, or by typing on.
    waiting: Option<Waiting>,
}

/// Why completions were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    /// One is to be put in.
    Tab,
    /// The list is to be narrowed.
    Typing,
}

impl App {
    /// Begins to type a filter, with the one that is there.
    pub(super) fn open_filter(&mut self) {
        let before = self.query.filter.clone();
        let text = before.as_ref().map_or("", |filter| filter.text());
        let bar = FilterBar { prompt: Prompt::new(text), before: before.clone(), ..FilterBar::default() };
        self.browse.filtering = Some(Box::new(bar));
    }

    /// Whether a filter is being typed, and nothing lies over it.
    pub fn is_filtering(&self) -> bool {
        self.overlay.is_none() && self.screen == Screen::Browse && self.browse.filtering.is_some()
    }

    pub(super) fn filter_key(&mut self, key: KeyEvent, keys: &str, out: &mut Vec<Request>) {
        let Some(mut bar) = self.browse.filtering.take() else { return };
        if let Some(name) = bar.naming.take() {
            return self.name_key(bar, name, key, keys, out);
        }
        let action = match meaning(Place::Filter, keys) {
            Meaning::Do(action) => action,
            _ => {
                if bar.prompt.key(key) {
                    self.typed_filter(&mut bar, out);
                }
                self.browse.filtering = Some(bar);
                return;
            }
        };
        match action {
            Action::Back if bar.popup.is_some() => {
                // Back to what was typed before completions were put in.
                if let Some(popup) = bar.popup.take() {
                    bar.prompt = popup.typed;
                    self.check(&mut bar, out);
                }
            }
            Action::Back => {
                let before = bar.before;
                return self.ask(out, |query| query.filter = before);
            }
            Action::Open if bar.popup.as_ref().is_some_and(|popup| popup.is_put_in) => bar.popup = None,
            Action::Open => match self.understand(bar.prompt.text()) {
                Ok(filter) => {
                    if self.query.filter != filter {
                        self.ask(out, |query| query.filter = filter);
                    }
                    return self.keep_filter(&bar, out);
                }
                Err(mistake) => bar.mistake = Some(mistake),
            },
            Action::Complete => self.complete(&mut bar, 1, out),
            Action::CompleteBefore => self.complete(&mut bar, -1, out),
            Action::Down if bar.popup.is_some() => self.complete(&mut bar, 1, out),
            Action::Up if bar.popup.is_some() => self.complete(&mut bar, -1, out),
            Action::Up => self.recall(&mut bar, 1, out),
            Action::Down => self.recall(&mut bar, -1, out),
            Action::Keep if bar.mistake.is_none() && !bar.prompt.text().trim().is_empty() => {
                bar.naming = Some(Prompt::default());
            }
            _ => {}
        }
        self.browse.filtering = Some(bar);
    }

    /// Keys while a name for the filter is typed.
    fn name_key(
        &mut self,
        mut bar: Box<FilterBar>,
        mut name: Prompt,
        key: KeyEvent,
        keys: &str,
        out: &mut Vec<Request>,
    ) {
        match meaning(Place::Filter, keys) {
            Meaning::Do(Action::Open) if !name.text().trim().is_empty() => {
                let (name, text) = (name.text().trim().to_owned(), bar.prompt.text().to_owned());
                self.tell(&format!("the filter is kept: @{} means it", crate::shown::shown(&name)));
                self.settle_edit(Edit::SaveFilter(name, text), out);
            }
            Meaning::Do(Action::Back) => {}
            _ => {
                name.key(key);
                bar.naming = Some(name);
            }
        }
        self.browse.filtering = Some(bar);
    }

    pub(super) fn filter_paste(&mut self, text: &str, out: &mut Vec<Request>) {
        let Some(mut bar) = self.browse.filtering.take() else { return };
        match &mut bar.naming {
            Some(name) => name.insert(text),
            None => {
                bar.prompt.insert(text);
                self.typed_filter(&mut bar, out);
            }
        }
        self.browse.filtering = Some(bar);
    }

    /// The text has changed by typing.
    fn typed_filter(&mut self, bar: &mut FilterBar, out: &mut Vec<Request>) {
        bar.history = None;
        self.check(bar, out);
        if bar.popup.take().is_some() {
            // Go on narrowing what is offered.
            self.ask_completions(bar, Waiting::Typing, out);
        }
    }

    /// Asks for the rows where the text is a filter, else tells the mistake.
    fn check(&mut self, bar: &mut FilterBar, out: &mut Vec<Request>) {
        if may_become_a_name(bar.prompt.text()) {
            // Not looked for as a word: it would empty the table on the way to a name.
            bar.mistake = None;
            return;
        }
        match self.understand(bar.prompt.text()) {
            Ok(filter) => {
                bar.mistake = None;
                if self.query.filter != filter {
                    self.ask(out, |query| query.filter = filter);
                }
            }
            Err(mistake) => bar.mistake = Some(mistake),
        }
    }

    /// The filter that a text says, or that it names with `@`; none for all runs.
    pub(super) fn understand(&self, text: &str) -> Result<Option<Arc<Filter>>, Mistake> {
        if let Some(name) = text.trim().strip_prefix('@') {
            let Some(kept) = self.state.filters.get(name) else {
                let names: Vec<String> = self.state.filters.keys().map(|name| format!("@{name}")).collect();
                let expected = if names.is_empty() {
                    "the name of a filter that was kept".to_owned()
                } else {
                    names.join(", ")
                };
                let what = if name.is_empty() { "no name" } else { "no filter has this name" };
                return Err(Mistake { span: 0..text.len(), what: what.to_owned(), expected });
            };
            return Ok(Some(Arc::new(filter::parse(kept)?)));
        }
        let filter = filter::parse(text)?;
        Ok((!filter.is_empty()).then(|| Arc::new(filter)))
    }

    fn keep_filter(&mut self, bar: &FilterBar, out: &mut Vec<Request>) {
        let text = bar.prompt.text().trim();
        if !text.is_empty() {
            self.settle_edit(Edit::UseFilter(text.to_owned()), out);
        }
    }

    /// An earlier filter, or a later one again.
    fn recall(&mut self, bar: &mut FilterBar, by: isize, out: &mut Vec<Request>) {
        let known = self.state.history.len();
        let (at, typed) = match bar.history.take() {
            Some((at, typed)) => (at as isize + by, typed),
            None => (by - 1, bar.prompt.clone()),
        };
        if at < 0 {
            bar.prompt = typed;
        } else {
            let at = (at as usize).min(known.saturating_sub(1));
            let Some(earlier) = known.checked_sub(at + 1).and_then(|place| self.state.history.get(place))
            else {
                return;
            };
            bar.prompt = Prompt::new(earlier);
            bar.history = Some((at, typed));
        }
        self.check(bar, out);
    }

    fn complete(&mut self, bar: &mut FilterBar, by: isize, out: &mut Vec<Request>) {
        match &mut bar.popup {
            None => self.ask_completions(bar, Waiting::Tab, out),
            Some(popup) => {
                let len = popup.completion.list.len();
                let by = if popup.is_put_in { by } else { 0 };
                let at = (popup.cursor.at as isize + by).rem_euclid(len.max(1) as isize);
                popup.cursor.to(at as usize, len, POPUP);
                bar.put_in();
                self.check(bar, out);
            }
        }
    }

    fn ask_completions(&self, bar: &mut FilterBar, waiting: Waiting, out: &mut Vec<Request>) {
        bar.waiting = Some(waiting);
        out.push(Request::Complete(Asked {
            text: bar.prompt.text().to_owned(),
            at: bar.prompt.split().0.len(),
            experiment: self.query.experiment,
        }));
    }

    /// What can be typed has been found. It is of no use when something else stands there by now.
    pub(super) fn take_completion(&mut self, asked: &Asked, completion: Completion, out: &mut Vec<Request>) {
        let Some(mut bar) = self.browse.filtering.take() else { return };
        let is_same = bar.prompt.text() == asked.text && bar.prompt.split().0.len() == asked.at;
        if is_same && let Some(waiting) = bar.waiting.take() {
            let completion = self.with_kept(asked, completion);
            let count = completion.list.len();
            if count > 0 {
                let (cursor, typed) = (Cursor::default(), bar.prompt.clone());
                bar.popup = Some(Popup { completion, cursor, is_put_in: false, typed });
            }
            if count > 0 && waiting == Waiting::Tab {
                bar.put_in();
                self.check(&mut bar, out);
                // Where there is no choice there is no list: the next Tab goes on from here.
                bar.popup.take_if(|_| count == 1);
            }
        }
        self.browse.filtering = Some(bar);
    }

    /// Names of kept filters complete what begins with `@`.
    fn with_kept(&self, asked: &Asked, completion: Completion) -> Completion {
        let before = asked.text.get(..asked.at).unwrap_or_default();
        let Some(begun) = before.trim_start().strip_prefix('@') else { return completion };
        let kept = self.state.filters.iter().filter(|(name, _)| name.starts_with(begun));
        let list = kept.map(|(name, text)| filter::Candidate {
            text: format!("@{name}"),
            about: crate::shown::shown(text),
        });
        let span = before.len() - begun.len() - 1..before.len();
        Completion { span, expected: "the name of a kept filter".to_owned(), list: list.collect() }
    }
}

/// Whether what stands at the end may be the beginning of a name, as `par` of `params.lr`, or of AND, OR, NOT.
fn may_become_a_name(text: &str) -> bool {
    let last = text.rsplit([' ', '(']).next().unwrap_or_default();
    let entities = words::ENTITIES.iter().flat_map(|(_, names, _)| names.iter().copied());
    let attributes = words::ATTRIBUTES.iter().flat_map(|word| word.names.iter().copied());
    let mut names = entities.chain(attributes).chain(["parent", "and", "or", "not", "AND", "OR", "NOT"]);
    !last.is_empty() && names.any(|name| name.starts_with(last))
}

impl FilterBar {
    /// Puts the chosen completion in the place of what was typed of it.
    fn put_in(&mut self) {
        let Some(popup) = &mut self.popup else { return };
        popup.is_put_in = true;
        let Some(candidate) = popup.completion.list.get(popup.cursor.at) else { return };
        let typed = popup.typed.text();
        let Range { start, end } = popup.completion.span.clone();
        let (before, after) = (typed.get(..start).unwrap_or_default(), typed.get(end..).unwrap_or_default());
        let begun = format!("{before}{}", candidate.text);
        self.prompt = Prompt::at(&format!("{begun}{after}"), begun.len());
    }
}
