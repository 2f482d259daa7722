//! Whether the process that a run recorded is still there: only where it ran on this machine, and said so.
//!
//! MLflow records neither host nor process. Who sets tags (or params) as OpenTelemetry calls them, `host.name` and
//! `process.pid`, or just `hostname` and `pid`, gets to know at once when a run has died.

use std::path::Path;

use crate::index::{Death, Index, Run};

/// Names under which people record the machine and the process.
const HOSTS: [&str; 4] = ["host.name", "hostname", "host", "mlflow.host"];
const PROCESSES: [&str; 4] = ["process.pid", "pid", "process_id", "mlflow.pid"];
/// Clock ticks a second of process times, as the kernel tells them to everybody (`USER_HZ`).
const TICKS: i64 = 100;
/// A process that began so many milliseconds after its run is another one: ids are used again.
const LATER: i64 = 60_000;

/// This machine.
pub struct Machine {
    /// Its name, without the domain.
    name: String,
    /// When it started, milliseconds since the epoch.
    started: Option<i64>,
}

impl Machine {
    /// This machine.
    pub fn here() -> Self {
        let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
        let started = stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<i64>().ok());
        Self { name: short(&name).to_owned(), started: started.map(|seconds| seconds * 1000) }
    }

    /// How it is known that the run's process is no more; nothing where it is there, or where nobody can know.
    pub fn death(&self, index: &Index, run: &Run) -> Option<Death> {
        let recorded = |names: &[&str]| {
            names.iter().find_map(|name| {
                let key = index.keys.find(name)?;
                run.tag(key).or(run.param(key)).map(str::trim).filter(|text| !text.is_empty())
            })
        };
        let host = recorded(&HOSTS).filter(|host| short(host).eq_ignore_ascii_case(&self.name))?;
        if self.name.is_empty() || host.is_empty() {
            return None;
        }
        let (began, machine) = (run.start_time(), self.started?);
        if began.is_some_and(|began| began < machine - LATER) {
            return Some(Death::Restart);
        }
        let id: u32 = recorded(&PROCESSES)?.parse().ok().filter(|id| *id > 0)?;
        let is_gone = match process_start(id) {
            // The start of a process counts from that of the machine.
            Some(ticks) => began.is_some_and(|began| machine + ticks * 1000 / TICKS > began + LATER),
            // Where processes of others are hidden (`hidepid`), it may be one of them.
            None => Path::new("/proc/1/stat").exists(),
        };
        is_gone.then_some(Death::Process(id))
    }
}

/// A machine's name without its domain.
fn short(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// When a process began, in ticks since the machine's start. A zombie is no more.
fn process_start(id: u32) -> Option<i64> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name is in parentheses and may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    fields.next().filter(|state| !matches!(*state, "Z" | "X"))?;
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{Draft, Parts, Status};

    fn run(tags: &[(&str, &str)], start: i64) -> (Index, std::sync::Arc<Run>) {
        let mut index = Index::default();
        let experiment = index.add_experiment("0".into());
        let key = index.add_run("aa", experiment);
        let mut keyed: Vec<_> = tags.iter().map(|(name, value)| (index.intern(name), *value)).collect();
        keyed.sort_by_key(|(key, _)| *key);
        index.edit_run(key, |draft: &mut Draft| {
            (draft.status, draft.start_time, draft.read) = (Status::Running, Some(start), Parts::ALL);
            let sheet = draft.new_tags();
            keyed.iter().for_each(|(key, value)| _ = sheet.push(*key, value));
        });
        let run = index.run(key).unwrap().clone();
        (index, run)
    }

    fn death(tags: &[(&str, &str)], start: i64) -> Option<Death> {
        let (index, run) = run(tags, start);
        Machine::here().death(&index, &run)
    }

    #[test]
    fn only_a_process_of_this_machine_can_be_known_dead() {
        let here = Machine::here().name;
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let (dead, living) = (child.id().to_string(), std::process::id().to_string());
        let now = crate::engine::now();
        child.wait().unwrap();
        let gone = Some(Death::Process(dead.parse().unwrap()));
        assert_eq!(death(&[("host.name", &here), ("process.pid", &dead)], now), gone);
        let long = format!("{here}.cluster.example");
        assert_eq!(death(&[("hostname", &long), ("pid", &dead)], now), gone);
        assert_eq!(death(&[("host.name", &here), ("process.pid", &living)], now), None);
        assert_eq!(death(&[("host.name", "elsewhere"), ("process.pid", &dead)], now), None);
        assert_eq!(death(&[("process.pid", &dead)], now), None, "who knows where");
        assert_eq!(death(&[("host.name", &here), ("process.pid", "-1")], now), None);
        assert_eq!(death(&[("host.name", &here), ("process.pid", "many")], now), None);
    }

    #[test]
    fn a_machine_that_started_anew_has_no_old_process() {
        let here = Machine::here().name;
        assert_eq!(death(&[("host", &here)], 1_000_000), Some(Death::Restart));
        // This process began long after such a run: it only has the same id.
        let living = std::process::id().to_string();
        let machine = Machine::here().started.unwrap();
        let old = death(&[("host", &here), ("pid", &living)], machine - 1);
        let began = machine + process_start(std::process::id()).unwrap() * 10;
        assert_eq!(old.is_some(), began > machine - 1 + LATER);
    }
}
