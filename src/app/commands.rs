//! What can be typed behind `:`: the one table of commands, which the palette, the help and the README read.

/// What a command is about, and what completes its argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// Nothing follows.
    None,
    /// Columns, separated by commas.
    Columns,
    /// Columns with `asc` or `desc`, separated by commas.
    Order,
    /// A filter.
    Filter,
    /// `tree`, `flat`, or columns that group.
    Grouping,
    /// Which value of the metrics.
    Aggregate,
    /// A metric, and `up` or `down`.
    Better,
    /// A run, by id or name.
    Run,
    /// An experiment, by name or id.
    Experiment,
    /// `csv` or `json`, and a file.
    Export,
    /// A view that was saved.
    View,
    /// A new name for a view.
    NewView,
    /// A new name for a filter.
    NewFilter,
    /// A filter that was saved.
    KeptFilter,
}

/// A command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command {
    /// Its word.
    pub name: &'static str,
    /// What follows it.
    pub argument: Argument,
    /// The same, as the help tells it.
    pub usage: &'static str,
    /// What it does.
    pub help: &'static str,
}

const fn command(name: &'static str, argument: Argument, usage: &'static str, help: &'static str) -> Command {
    Command { name, argument, usage, help }
}

/// All commands.
pub const COMMANDS: &[Command] = &[
    command("sort", Argument::Order, "COLUMN [asc|desc], …", "order by columns, the first one first"),
    command("filter", Argument::Filter, "EXPRESSION", "only runs that match; nothing for all"),
    command("cols", Argument::Columns, "COLUMN, … | auto", "these columns; auto for the usual ones"),
    command("group", Argument::Grouping, "tree | flat | COLUMN, …", "how the rows hang together"),
    command("agg", Argument::Aggregate, "last|best|min|max|…|at:STEP", "which value of the metrics"),
    command("better", Argument::Better, "METRIC up|down|auto", "which way a metric is better"),
    command("open", Argument::Run, "RUN", "show a run whole, by id or name"),
    command("go", Argument::Experiment, "EXPERIMENT", "go to an experiment, by name or id"),
    command("export", Argument::Export, "csv|json [FILE]", "write all runs that match to a file"),
    command("view", Argument::View, "NAME", "look at the runs as it was saved"),
    command("save", Argument::NewView, "NAME", "save filter, columns, order and groups"),
    command("forget", Argument::View, "NAME", "forget a saved view"),
    command("keep", Argument::NewFilter, "NAME", "keep the filter; @NAME means it then"),
    command("drop", Argument::KeptFilter, "NAME", "forget a kept filter"),
    command("reset", Argument::None, "", "everything here as it was at first"),
    command("q", Argument::None, "", "quit"),
];

/// The command that a text begins with, and the rest of it; none while the word is still being typed.
pub fn begun(text: &str) -> Option<(&'static Command, &str)> {
    let text = text.trim_start_matches([' ', ':']);
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let command = COMMANDS.iter().find(|command| command.name == word)?;
    let is_whole = command.argument == Argument::None || text.len() > word.len();
    is_whole.then_some((command, rest.trim_start()))
}

/// Parts of a list that are separated by commas, where backticks and quotes hold parts together.
pub fn parts(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let (mut quote, mut from) = (None, 0);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '`' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None, ',') => {
                out.extend(text.get(from..at).map(str::trim));
                from = at + 1;
            }
            _ => {}
        }
    }
    out.extend(text.get(from..).map(str::trim));
    out.retain(|part| !part.is_empty());
    out
}

/// Where the part of a list begins that is being typed: behind the last comma that separates.
pub fn open_part(text: &str) -> usize {
    let mut quote = None;
    let mut from = 0;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '`' | '"') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            (None, ',') => from = at + 1,
            _ => {}
        }
    }
    from
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_begins_behind_its_word() {
        let word = |text| begun(text).map(|(command, rest)| (command.name, rest));
        assert_eq!(word("sort metrics.rmse asc"), Some(("sort", "metrics.rmse asc")));
        assert_eq!(word(":sort "), Some(("sort", "")));
        assert_eq!(word("sort"), None, "it may become something else");
        assert_eq!(word("q"), Some(("q", "")));
        assert_eq!(word("nothing of it"), None);
    }

    #[test]
    fn commas_in_quotes_separate_nothing() {
        assert_eq!(
            parts("metrics.a, params.`b,c` ,, tags.\"x, y\""),
            ["metrics.a", "params.`b,c`", "tags.\"x, y\""]
        );
        assert!(parts(" ").is_empty());
    }
}
