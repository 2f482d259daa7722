//! In which order things are read.

use super::*;
use crate::index::Parts;

/// Two experiments with two runs each.
fn store() -> (Index, Agenda) {
    let (mut index, mut agenda) = (Index::default(), Agenda::default());
    for id in ["0", "1"] {
        let experiment = index.add_experiment(id.into());
        for run in ["a", "b"] {
            let key = index.add_run(run, experiment);
            agenda.new_run(experiment, key, Due::WHOLE);
        }
    }
    (index, agenda)
}

fn drain(index: &Index, agenda: &mut Agenda, want: &Want, urgent: &[u32]) -> Vec<(u32, Due)> {
    let mut urgent = urgent.iter().map(|key| RunKey(*key)).collect();
    let mut out = Vec::new();
    while let Some((_, work)) = agenda.next(index, want, want.experiment, &mut urgent, Level::Idle) {
        let Work::Runs(_, runs) = work else { continue };
        for (key, due) in runs {
            out.push((key.0, due.difference(Due::FIRST)));
            agenda.is_back(key, due);
        }
    }
    out
}

#[test]
fn people_see_first_what_they_look_at() {
    let (index, mut agenda) = store();
    assert_eq!(agenda.waiting(), 4);
    let want = Want { experiment: Some(ExperimentKey(1)), ..Want::default() };
    let done = drain(&index, &mut agenda, &want, &[3]);
    let rest = Due::WHOLE.difference(Due::HEAD);
    assert_eq!(
        done,
        [(2, Due::HEAD), (3, Due::HEAD), (3, rest), (2, rest), (0, Due::WHOLE), (1, Due::WHOLE)],
        "rows of what is shown, then the visible one whole, then the rest, then the other experiment"
    );
    assert_eq!(agenda.waiting(), 0);
}

#[test]
fn what_the_order_needs_goes_before_the_rest() {
    let (index, mut agenda) = store();
    let needs = Parts { metrics: true, ..Parts::default() };
    let want = Want { experiment: Some(ExperimentKey(0)), needs, ..Want::default() };
    let done = drain(&index, &mut agenda, &want, &[]);
    let dues: Vec<Due> = done.iter().filter(|(key, _)| *key == 0).map(|(_, due)| *due).collect();
    assert_eq!(dues, [Due::HEAD, Due::METRICS, Due::TAGS | Due::PARAMS]);
}

#[test]
fn a_change_goes_before_the_rest_and_is_read_once() {
    let (index, mut agenda) = store();
    drain(&index, &mut agenda, &Want::default(), &[]);
    agenda.run(RunKey(1), Due::META);
    agenda.run(RunKey(1), Due::META);
    assert_eq!(drain(&index, &mut agenda, &Want::default(), &[]), [(1, Due::META)]);
}

#[test]
fn what_becomes_due_while_a_reader_has_the_run_is_read_afterwards() {
    let (index, mut agenda) = store();
    drain(&index, &mut agenda, &Want::default(), &[]);
    agenda.run(RunKey(0), Due::META);
    let next =
        |agenda: &mut Agenda| agenda.next(&index, &Want::default(), None, &mut VecDeque::new(), Level::Idle);
    let taken = next(&mut agenda);
    assert!(taken.is_some());
    agenda.run(RunKey(0), Due::TAGS);
    assert_eq!(next(&mut agenda), None);
    agenda.is_back(RunKey(0), Due::META);
    assert_eq!(drain(&index, &mut agenda, &Want::default(), &[]), [(0, Due::TAGS)]);
}
