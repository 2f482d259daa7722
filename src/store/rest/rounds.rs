//! Looking again, since a server announces nothing: often at what trains on screen, seldom at the rest.
//!
//! | round | how often | asks for |
//! | --- | --- | --- |
//! | `Training` | `--refresh`, 5 s | the runs on screen that train |
//! | `News` | twice that; 6 times without anything that trains | runs of the experiment on screen that started lately |
//! | `Visible` | 6 times | all runs on screen |
//! | `Running` | 6 times | all runs that say they are running; those that no longer do are asked for one by one |
//! | `Experiments` | 12 times | the experiments |
//! | `Sweep` | 12 times | a page of everything, in turn: what somebody changed in old runs |

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ask::Question;
use super::groups::Group;
use super::paging::FIRST;
use crate::index::{ExperimentKey, Index, Lifecycle, Run, RunKey, Text};
use crate::store::Want;

/// A kind of look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Round {
    /// Runs on screen that train.
    Training,
    /// New runs.
    News,
    /// Runs on screen.
    Visible,
    /// Runs that say they are running.
    Running,
    /// Experiments.
    Experiments,
    /// Everything, in turn.
    Sweep,
}

impl Round {
    const ALL: [Self; 6] =
        [Self::Training, Self::News, Self::Visible, Self::Running, Self::Experiments, Self::Sweep];
}

/// How often what trains on screen is looked at, when nobody says otherwise.
pub const OFTEN: Duration = Duration::from_secs(5);
/// Runs that one look names.
const NAMED: usize = 100;
/// Experiments that one look goes through: those used last.
const EXPERIMENTS: usize = 200;
/// Runs that are running in one answer.
const RUNNING: usize = 1000;
/// A run that was started by a machine with another clock may lie so far before the newest.
const EARLIER: i64 = 3_600_000;

/// When each look is due.
#[derive(Debug)]
pub struct Rounds {
    often: Duration,
    due: [Option<Instant>; Round::ALL.len()],
    /// Which experiment the sweep comes to next.
    turn: usize,
    /// The group of the sweep.
    sweep: Option<Group>,
    /// The server does not take filters by run id or start (before 2.0): runs are asked for one by one.
    pub plain: bool,
}

impl Default for Rounds {
    fn default() -> Self {
        Self { often: OFTEN, due: [None; Round::ALL.len()], turn: 0, sweep: None, plain: false }
    }
}

impl Rounds {
    /// Looks so often at what trains on screen.
    pub fn set_often(&mut self, often: Duration) {
        self.often = often.max(Duration::from_millis(500));
    }

    /// How often what trains on screen is looked at.
    pub fn often(&self) -> Duration {
        self.often
    }

    /// The next look whose time has come.
    pub fn due(&self, now: Instant) -> Option<Round> {
        Round::ALL.into_iter().find(|round| self.at(*round).is_some_and(|at| at <= now))
    }

    /// When the next look is due; none before the first reading is over.
    pub fn wake(&self) -> Option<Instant> {
        self.due.iter().flatten().min().copied()
    }

    fn at(&self, round: Round) -> Option<Instant> {
        self.due.get(round as usize).copied().flatten()
    }

    /// Looks again after its usual time.
    pub fn done(&mut self, round: Round, now: Instant, trains: bool) {
        let times = match round {
            Round::Training => 1,
            Round::News if trains => 2,
            Round::News | Round::Visible | Round::Running => 6,
            Round::Experiments | Round::Sweep => 12,
        };
        self.set(round, Some(now + self.often * times));
    }

    fn set(&mut self, round: Round, at: Option<Instant>) {
        if let Some(due) = self.due.get_mut(round as usize) {
            *due = at;
        }
    }

    /// The first reading is over: from now on everything is looked at again.
    pub fn begin(&mut self, now: Instant) {
        for round in Round::ALL {
            if self.at(round).is_none() {
                self.done(round, now, false);
            }
        }
    }

    /// The question of a look; none when there is nothing to look at. Runs that have to be asked for one by one go into
    /// `single`.
    pub fn question(
        &mut self,
        round: Round,
        index: &Index,
        want: &Want,
        single: &mut Vec<RunKey>,
    ) -> Option<Question> {
        match round {
            Round::Training => self.named(index, want, single, |run| run.is_running()),
            Round::Visible => self.named(index, want, single, |_| true),
            Round::News => {
                let experiments = in_use(index, want.experiment);
                let newest = newest(index, want.experiment).filter(|_| !self.plain);
                let filter = newest.map(|time| format!("attributes.start_time > {}", time - EARLIER));
                some(experiments, |experiments| Question::Runs {
                    experiments,
                    filter,
                    size: FIRST,
                    token: None,
                })
            }
            Round::Running => {
                let filter = Some("attributes.status = 'RUNNING'".to_owned());
                some(in_use(index, None), |experiments| Question::Runs {
                    experiments,
                    filter,
                    size: RUNNING,
                    token: None,
                })
            }
            Round::Experiments => Some(Question::Experiments { token: None, old: false }),
            Round::Sweep => self.next_of_sweep(index),
        }
    }

    /// Runs on screen, by their ids.
    fn named(
        &self,
        index: &Index,
        want: &Want,
        single: &mut Vec<RunKey>,
        is_meant: impl Fn(&Run) -> bool,
    ) -> Option<Question> {
        let runs = want.open.iter().chain(&want.visible).filter_map(|key| index.run(*key));
        let runs: Vec<&Arc<Run>> = runs.filter(|run| is_meant(run)).take(NAMED).collect();
        let can_be_quoted = |id: &str| id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if self.plain || runs.iter().any(|run| !can_be_quoted(run.run_id())) {
            // One by one, and not many: servers that old are small.
            single.extend(runs.iter().map(|run| run.key).take(20));
            return None;
        }
        let ids: Vec<String> = runs.iter().map(|run| format!("'{}'", run.run_id())).collect();
        let mut experiments: Vec<Text> = runs
            .iter()
            .filter_map(|run| index.experiment(run.experiment))
            .map(|experiment| experiment.experiment_id.clone())
            .collect();
        experiments.sort();
        experiments.dedup();
        let filter = Some(format!("attributes.run_id IN ({})", ids.join(",")));
        some(experiments, |experiments| Question::Runs { experiments, filter, size: NAMED, token: None })
    }

    fn next_of_sweep(&mut self, index: &Index) -> Option<Question> {
        if self.sweep.is_none() {
            let all: Vec<ExperimentKey> = index.experiments().map(|experiment| experiment.key).collect();
            let key = all.get(self.turn.checked_rem(all.len())?)?;
            self.turn += 1;
            let mut group = Group::new([index.experiment(*key)?.experiment_id.clone()]);
            group.known = index.runs().filter(|run| run.experiment == *key).map(|run| run.key).collect();
            self.sweep = Some(group);
        }
        self.sweep.as_ref().map(Group::question)
    }

    /// The group of the sweep, whose page has come or failed.
    pub fn take_sweep(&mut self) -> Option<Group> {
        self.sweep.take()
    }

    /// It has more pages.
    pub fn go_on_sweeping(&mut self, group: Group) {
        self.sweep = Some(group);
    }
}

fn some(experiments: Vec<Text>, question: impl FnOnce(Arc<[Text]>) -> Question) -> Option<Question> {
    (!experiments.is_empty()).then(|| question(experiments.into()))
}

/// The experiment on screen, else those that were used last.
fn in_use(index: &Index, shown: Option<ExperimentKey>) -> Vec<Text> {
    if let Some(experiment) = shown.and_then(|key| index.experiment(key)) {
        return vec![experiment.experiment_id.clone()];
    }
    let active = index.experiments().filter(|experiment| experiment.lifecycle == Lifecycle::Active);
    let mut active: Vec<_> = active.collect();
    active.sort_by_key(|experiment| std::cmp::Reverse(experiment.touched));
    active.into_iter().take(EXPERIMENTS).map(|experiment| experiment.experiment_id.clone()).collect()
}

/// When the newest run was started.
fn newest(index: &Index, shown: Option<ExperimentKey>) -> Option<i64> {
    let runs = index.runs().filter(|run| shown.is_none_or(|shown| run.experiment == shown));
    runs.filter_map(|run| run.start_time()).max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::{Parts, Status};

    fn index(status: Status) -> (Index, Want) {
        let mut index = Index::default();
        let experiment = index.add_experiment("7".into());
        let key = index.add_run("ab", experiment);
        index.edit_run(key, |draft| {
            (draft.status, draft.start_time, draft.read) = (status, Some(9_000_000), Parts::ALL);
        });
        (index, Want { experiment: Some(experiment), visible: vec![key], ..Want::default() })
    }

    fn filter(rounds: &mut Rounds, round: Round, index: &Index, want: &Want) -> Option<Option<String>> {
        match rounds.question(round, index, want, &mut Vec::new())? {
            Question::Runs { filter, .. } => Some(filter),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_what_trains_is_looked_at_often() {
        let mut rounds = Rounds::default();
        let (calm, want) = index(Status::Finished);
        assert_eq!(filter(&mut rounds, Round::Training, &calm, &want), None);
        let (training, want) = index(Status::Running);
        let by_id = Some(Some("attributes.run_id IN ('ab')".to_owned()));
        assert_eq!(filter(&mut rounds, Round::Training, &training, &want), by_id);
        assert_eq!(filter(&mut rounds, Round::Visible, &calm, &want), by_id);
        let news = Some(Some("attributes.start_time > 5400000".to_owned()));
        assert_eq!(filter(&mut rounds, Round::News, &calm, &want), news);
    }

    #[test]
    fn an_old_server_is_asked_for_one_run_at_a_time() {
        let mut rounds = Rounds { plain: true, ..Rounds::default() };
        let (index, want) = index(Status::Running);
        let mut single = Vec::new();
        assert_eq!(rounds.question(Round::Training, &index, &want, &mut single), None);
        assert_eq!(single, want.visible);
        assert_eq!(filter(&mut rounds, Round::News, &index, &want), Some(None));
    }

    #[test]
    fn looks_come_round() {
        let (mut rounds, begun) = (Rounds::default(), Instant::now());
        assert_eq!((rounds.due(begun), rounds.wake()), (None, None));
        rounds.begin(begun);
        assert_eq!(rounds.wake(), Some(begun + OFTEN));
        let mut looked = Vec::new();
        for second in 0..=60 {
            let now = begun + Duration::from_secs(second);
            while let Some(round) = rounds.due(now) {
                looked.push(round);
                rounds.done(round, now, false);
            }
        }
        let count = |round| looked.iter().filter(|other| **other == round).count();
        assert_eq!(Round::ALL.map(count), [12, 2, 2, 2, 1, 1]);
    }
}
