//! Does what a command of the palette says, or tells what was expected.

use std::path::PathBuf;
use std::sync::Arc;

use super::commands::{self, Argument, Command};
use super::palette::unknown;
use super::{App, Content, Export, Request, output};
use crate::index::{Experiment, ExperimentKey, RunKey};
use crate::query::{Aggregate, Column, Grouping, filter};
use crate::shown::shown;
use crate::state::Edit;

impl App {
    /// Does what a command says.
    ///
    /// # Errors
    /// What is wrong with its argument, and what was expected.
    pub(super) fn command(
        &mut self,
        command: &Command,
        rest: &str,
        out: &mut Vec<Request>,
    ) -> Result<(), String> {
        let rest = rest.trim();
        match command.name {
            "q" => {
                out.push(Request::Quit);
                return Ok(());
            }
            "reset" => {
                self.reset_view(out);
                return Ok(());
            }
            // Nothing means something to these.
            "filter" | "sort" => {}
            _ if rest.is_empty() => return Err(format!("{} what? expected {}", command.name, command.usage)),
            _ => {}
        }
        match command.argument {
            Argument::Order => self.sort_command(rest, out),
            Argument::Filter => self.filter_command(rest, out),
            Argument::Columns => self.columns_command(rest, out),
            Argument::Grouping => self.group_command(rest, out),
            Argument::Aggregate => self.aggregate_command(rest, out),
            Argument::Better => self.better_command(rest, out),
            Argument::Run => self.open_command(rest, out),
            Argument::Experiment => self.go_command(rest, out),
            Argument::Export => self.export_command(rest, out),
            Argument::View | Argument::NewView => self.view_command(command.name, rest, out),
            Argument::NewFilter => self.keep_command(rest, out),
            Argument::KeptFilter => {
                if !self.state.filters.contains_key(rest) {
                    return Err(unknown("filter", rest));
                }
                self.settle_edit(Edit::ForgetFilter(rest.to_owned()), out);
                self.tell(&format!("forgot the filter {}", shown(rest)));
                Ok(())
            }
            Argument::None => Ok(()),
        }
    }

    fn sort_command(&mut self, rest: &str, out: &mut Vec<Request>) -> Result<(), String> {
        let sort = filter::order_by(rest, false, self.index()).map_err(|mistake| mistake.to_string());
        let mut sort = if rest.is_empty() { Vec::new() } else { sort? };
        if sort.is_empty() && !rest.is_empty() {
            return Err(format!("no run has {}", shown(rest)));
        }
        // Where no direction is told, the one that the picker would begin with.
        for (sort, part) in sort.iter_mut().zip(commands::parts(rest)) {
            let last = part.rsplit(' ').next().unwrap_or_default();
            if !last.eq_ignore_ascii_case("asc") && !last.eq_ignore_ascii_case("desc") {
                sort.descending = self.is_first_descending(sort.column);
            }
        }
        self.order_by(sort, out);
        Ok(())
    }

    fn filter_command(&mut self, rest: &str, out: &mut Vec<Request>) -> Result<(), String> {
        let filter = self.understand(rest).map_err(|mistake| mistake.to_string())?;
        self.ask(out, |query| query.filter = filter);
        if !rest.is_empty() {
            self.settle_edit(Edit::UseFilter(rest.to_owned()), out);
        }
        Ok(())
    }

    /// The column that a name means; a mistake where no run has it.
    fn column(&self, name: &str) -> Result<Column, String> {
        let found = filter::column(name, self.index()).map_err(|mistake| mistake.to_string())?;
        found.ok_or_else(|| format!("no run has {}", shown(name)))
    }

    fn columns_named(&self, rest: &str) -> Result<Vec<Column>, String> {
        commands::parts(rest).into_iter().map(|name| self.column(name)).collect()
    }

    fn columns_command(&mut self, rest: &str, out: &mut Vec<Request>) -> Result<(), String> {
        if rest == "auto" {
            self.ask(out, |query| query.columns = None);
            return Ok(());
        }
        let mut columns = self.columns_named(rest)?;
        columns.retain(|column| *column != Column::Name);
        self.ask(out, |query| query.columns = Some(Arc::new(columns)));
        Ok(())
    }

    fn group_command(&mut self, rest: &str, out: &mut Vec<Request>) -> Result<(), String> {
        let grouping = match rest {
            "tree" => Grouping::Tree,
            "flat" => Grouping::Flat,
            names => Grouping::By(self.columns_named(names)?.into()),
        };
        self.group(grouping, out);
        Ok(())
    }

    fn aggregate_command(&mut self, rest: &str, out: &mut Vec<Request>) -> Result<(), String> {
        let how = Aggregate::from_word(rest).or_else(|| rest.parse().ok().map(Aggregate::At));
        let how = how.ok_or_else(|| {
            format!(
                "{} is no value of a metric; expected last, best, min, max, first, mean or at:STEP",
                shown(rest)
            )
        })?;
        self.aggregate(how, out);
        Ok(())
    }

    fn better_command(&mut self, rest: &str, out: &mut Vec<Request>) -> Result<(), String> {
        let (metric, way) = rest.rsplit_once(' ').unwrap_or((rest, ""));
        let up = match way {
            "up" => Some(true),
            "down" => Some(false),
            "auto" => None,
            _ => return Err(format!("which way is {} better? expected up, down or auto", shown(rest))),
        };
        let metric = metric.trim().trim_start_matches("metrics.").trim_matches('`');
        if self.index().keys.find(metric).is_none() {
            return Err(unknown("metric", metric));
        }
        self.settle_edit(Edit::Better(metric.to_owned(), up), out);
        Ok(())
    }

    /// Opens the run of this id, beginning of an id, or name; those in the table go first.
    fn open_command(&mut self, rest: &str, out: &mut Vec<Request>) -> Result<(), String> {
        let run = self.find_run(rest)?;
        self.open_detail(run, out);
        Ok(())
    }

    fn find_run(&self, name: &str) -> Result<RunKey, String> {
        let shown_first = self.rows.items.iter().filter_map(|row| self.index().run(row.run));
        let all = || shown_first.clone().chain(self.index().runs());
        if let Some(run) = all().find(|run| run.run_id() == name || run.title() == name) {
            return Ok(run.key);
        }
        let mut begun: Vec<RunKey> =
            self.index().runs().filter(|run| run.run_id().starts_with(name)).map(|run| run.key).collect();
        match (begun.pop(), begun.len()) {
            (Some(run), 0) => Ok(run),
            (Some(_), more) => Err(format!("{} runs have an id that begins with {}", more + 1, shown(name))),
            (None, _) => Err(unknown("run", name)),
        }
    }

    fn go_command(&mut self, rest: &str, out: &mut Vec<Request>) -> Result<(), String> {
        if rest.eq_ignore_ascii_case("all") {
            self.switch_to(None, out);
            return Ok(());
        }
        let key = self.find_experiment(rest)?;
        self.switch_to(Some(key), out);
        Ok(())
    }

    /// The experiment of this name or id, else the only one that has it in its name.
    fn find_experiment(&self, name: &str) -> Result<ExperimentKey, String> {
        let is_it = |of: &&Arc<Experiment>| of.title() == name || *of.experiment_id == *name;
        if let Some(found) = self.index().experiments().find(is_it) {
            return Ok(found.key);
        }
        let part = name.to_lowercase();
        let mut having = self.index().experiments().filter(|of| of.title().to_lowercase().contains(&part));
        match (having.next(), having.count()) {
            (Some(only), 0) => Ok(only.key),
            (Some(_), more) => Err(format!("{} experiments have {} in their name", more + 1, shown(name))),
            (None, _) => Err(unknown("experiment", name)),
        }
    }

    fn export_command(&mut self, rest: &str, out: &mut Vec<Request>) -> Result<(), String> {
        let (format, file) = rest.split_once(' ').unwrap_or((rest, ""));
        let format = ["csv", "json"].into_iter().find(|known| *known == format);
        let format = format.ok_or_else(|| "as what? expected csv or json, and perhaps a file".to_owned())?;
        let file = Some(file.trim()).filter(|file| !file.is_empty()).map(PathBuf::from);
        let all = output::AllRuns { rows: self.rows.clone(), now: self.now };
        let (stem, only) = (self.runs_stem(), Some(output::Only { format, file }));
        self.tell("writing…");
        out.push(Request::Export(Export { stem, content: Content::Runs(all), only }));
        Ok(())
    }

    fn view_command(&mut self, command: &str, rest: &str, out: &mut Vec<Request>) -> Result<(), String> {
        let is_known = self.kept().is_some_and(|kept| kept.views.contains_key(rest));
        match command {
            "save" => self.save_view(rest, out),
            _ if !is_known => {
                let names: Vec<&str> = self
                    .kept()
                    .map(|kept| kept.views.keys().map(String::as_str).collect())
                    .unwrap_or_default();
                let known = if names.is_empty() { "none is saved here".to_owned() } else { names.join(", ") };
                return Err(format!("{}; {}", unknown("view", rest), shown(&known)));
            }
            "forget" => self.forget_view(rest, out),
            _ => self.open_view(rest, out),
        }
        Ok(())
    }

    fn keep_command(&mut self, rest: &str, out: &mut Vec<Request>) -> Result<(), String> {
        let Some(filter) = &self.query.filter else {
            return Err("there is no filter to keep; f types one".to_owned());
        };
        let edit = Edit::SaveFilter(rest.to_owned(), filter.text().to_owned());
        self.settle_edit(edit, out);
        self.tell(&format!("the filter is kept: @{} means it", shown(rest)));
        Ok(())
    }
}
