//! Answers about made-up runs against answers that are found the slow way.

use std::cmp::Ordering;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::format;
use crate::index::{Key, Metric, Parts, Point, Status};

/// What a made-up run has: experiment, id, parent, start, param, metric.
type Made = (u32, usize, Option<usize>, Option<i64>, Option<&'static str>, Option<f64>);

const IDS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
const VALUES: [&str; 11] = [
    "1",
    "2.0",
    "1e-3",
    "-4",
    "x",
    "Y",
    "nan",
    "x10",
    "x9",
    "a word of many letters 2",
    "a word of many letters 10",
];

fn made() -> impl Strategy<Value = Vec<Made>> {
    let run = (
        0..2u32,
        0..IDS.len(),
        proptest::option::of(0..IDS.len()),
        proptest::option::of(0..3i64),
        proptest::option::of(proptest::sample::select(VALUES.to_vec())),
        proptest::option::of(proptest::sample::select(vec![0.5, 1.0, 2.0, f64::NAN])),
    );
    proptest::collection::vec(run, 0..24)
}

fn index(made: &[Made]) -> Arc<Index> {
    let mut index = Index::default();
    let experiments = [index.add_experiment("0".into()), index.add_experiment("1".into())];
    let (param, metric) = (index.intern("kernel"), index.intern("loss"));
    for (experiment, id, parent, start, value, loss) in made {
        let key = index.add_run(IDS[*id], experiments[*experiment as usize]);
        index.edit_run(key, |draft| {
            (draft.start_time, draft.status, draft.read) = (*start, Status::Finished, Parts::ALL);
            parent.iter().for_each(|parent| _ = draft.tags().push(Key::PARENT, IDS[*parent]));
            value.iter().for_each(|value| _ = draft.params().push(param, value));
            let last = |value| Point { value, step: 0, timestamp: 0 };
            loss.iter().for_each(|value| {
                draft.set_metric(metric, Metric { last: last(*value), points: 1, exact: true });
            });
        });
    }
    Arc::new(index)
}

fn columns(index: &Index) -> [Column; 5] {
    let key = |name| index.keys.find(name).unwrap();
    [
        Column::Start,
        Column::Param(key("kernel")),
        Column::Metric(key("loss"), Aggregate::Last),
        Column::RunId,
        Column::State,
    ]
}

/// A value as it is ordered: how late it comes whatever the direction, a number, a text.
fn value(run: &Run, rollups: &Rollups, query: &Query) -> (u8, Option<f64>, String) {
    let number = |v: f64| if v.is_nan() { (1, None, String::new()) } else { (0, Some(v), String::new()) };
    let text = |text: &str| format::parse_number(text).map_or((0, None, text.to_owned()), number);
    let own = match query.lead().column {
        Column::Start => run.start_time().map(|t| number(t as f64)),
        Column::Param(key) => run.param(key).map(text),
        Column::Metric(key, _) => run.metric(key).map(|m| number(m.last.value)),
        Column::RunId => Some((0, None, run.run_id().to_owned())),
        _ => Some((0, None, "finished".to_owned())),
    };
    let below = || match rollups.spread(run.key, query.lead().column)? {
        Spread::Best { value, .. } => Some(number(*value)),
        Spread::Range(low, high) => Some(number(if query.lead().descending { *high } else { *low })),
        Spread::Same(word) => Some(text(word)),
        Spread::Kinds(_) => None,
    };
    own.or_else(below).unwrap_or((2, None, String::new()))
}

/// The order of two siblings.
fn order(a: &Run, b: &Run, rows: &Rows) -> Ordering {
    let (x, y) = (value(a, &rows.rollups, &rows.query), value(b, &rows.rollups, &rows.query));
    let within = match (x.1, y.1) {
        (Some(m), Some(n)) => m.total_cmp(&n),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => format::natural_key(&x.2).cmp(&format::natural_key(&y.2)),
    };
    let within = if rows.query.lead().descending { within.reverse() } else { within };
    let by_value = x.0.cmp(&y.0).then(if x.0 == 0 { within } else { Ordering::Equal });
    let tie = (b.start_time(), a.run_id(), a.key).cmp(&(a.start_time(), b.run_id(), b.key));
    by_value.then(tie)
}

/// What is below a run in a column.
fn spread(below: &[&Run], column: Column) -> Option<Spread> {
    let numbers = |values: &mut dyn Iterator<Item = f64>| {
        let known: Vec<f64> = values.filter(|value| !value.is_nan()).collect();
        let low = known.iter().copied().reduce(f64::min)?;
        Some((low, known.iter().copied().reduce(f64::max)?, known.len() as u32))
    };
    match column {
        // The lower a loss, the better.
        Column::Metric(key, _) => {
            let (value, _, of) =
                numbers(&mut below.iter().filter_map(|run| Some(run.metric(key)?.last.value)))?;
            Some(Spread::Best { value, of })
        }
        Column::Param(key) => {
            let mut words: Vec<&str> = below.iter().filter_map(|run| run.param(key)).collect();
            words.sort_unstable();
            words.dedup();
            let parsed: Option<Vec<f64>> = words.iter().map(|word| format::parse_number(word)).collect();
            let range = parsed.and_then(|parsed| numbers(&mut parsed.into_iter()));
            match (words.as_slice(), range) {
                ([], _) => None,
                ([only], _) => Some(Spread::Same((*only).into())),
                (_, Some((low, high, _))) => Some(Spread::Range(low, high)),
                (words, None) => Some(Spread::Kinds(words.len())),
            }
        }
        _ => None,
    }
}

fn opened(all: bool, others: &[u32]) -> Arc<Opened> {
    Arc::new(Opened { all, others: others.iter().map(|n| RunKey(*n)).collect() })
}

proptest! {
    #[test]
    fn every_run_stands_once_in_its_place(made in made(), by in 0..5usize, descending: bool, one: bool) {
        let index = index(&made);
        let column = columns(&index)[by];
        let experiment = one.then_some(ExperimentKey(0));
        let sort = vec![Sort::new(column, descending)];
        let query = Arc::new(Query { experiment, sort, opened: opened(true, &[]), ..Query::default() });
        let rows = rows(&index, &query);
        let shown = index.runs().filter(|run| !one || run.experiment == ExperimentKey(0)).count();
        prop_assert_eq!((rows.total, rows.matched, rows.items.len()), (shown, shown, shown));
        let run = |row: &Row| index.run(row.run).unwrap().clone();
        for (line, row) in rows.items.iter().enumerate() {
            prop_assert_eq!(rows.place(row.run), Some(line));
            prop_assert_eq!(rows.above(line).count(), usize::from(row.depth));
            match row.parent {
                Some(parent) => {
                    let above = &rows.items[parent as usize];
                    let (own, parent) = (run(row), run(above));
                    prop_assert_eq!(own.parent_run_id(), Some(parent.run_id()));
                    prop_assert_eq!((row.depth, row.stray), (above.depth + 1, None));
                    let mut at_home = index.runs().filter(|other| other.experiment == own.experiment);
                    let is_at_home = at_home.any(|other| other.run_id() == parent.run_id());
                    prop_assert_eq!(is_at_home, parent.experiment == own.experiment);
                }
                None => prop_assert_eq!(row.stray.is_some(), run(row).parent_run_id().is_some()),
            }
            let siblings = rows.items.iter().skip(line + 1).find(|other| other.parent == row.parent);
            prop_assert_eq!(row.last, siblings.is_none());
            if let Some(next) = siblings {
                prop_assert_eq!(order(&run(row), &run(next), &rows), Ordering::Less);
            }
            let below = |l: usize| rows.above(l).any(|above| above == line);
            let below: Vec<_> = (0..rows.items.len()).filter(|l| below(*l)).map(|l| run(&rows.items[l])).collect();
            let below: Vec<&Run> = below.iter().map(|run| &**run).collect();
            prop_assert_eq!(rows.rollups.get(row.run).map_or(0, |rollup| rollup.below), below.len() as u32);
            prop_assert_eq!(row.children > 0, !below.is_empty());
            for column in columns(&index) {
                if rows.columns.iter().any(|view| view.column == column) {
                    prop_assert_eq!(rows.rollups.spread(row.run, column).cloned(), spread(&below, column));
                }
            }
        }
    }

    #[test]
    fn an_answer_after_others_is_the_same(
        made in made(),
        asked in proptest::collection::vec((asked(), proptest::option::of((0..24u32, 0..4u8))), 1..6),
    ) {
        let mut index = index(&made);
        let mut answers = Answers::default();
        for ((find, by, all, others, experiment), edit) in asked {
            if let Some((run, edit)) = edit {
                let (index, run) = (Arc::make_mut(&mut index), RunKey(run));
                match edit {
                    0 => index.remove_run(run),
                    1 => index.edit_run(run, |draft| draft.lifecycle = crate::index::Lifecycle::Deleted),
                    2 => index.edit_run(run, |draft| draft.status = Status::Running),
                    _ => _ = index.add_run("new", ExperimentKey(0)),
                }
            }
            let sort = vec![Sort::new(columns(&index)[by], true)];
            let experiment = (experiment < 2).then_some(ExperimentKey(experiment));
            let opened = opened(all, &others);
            let query = Arc::new(Query { find, sort, opened, experiment, ..Query::default() });
            let (again, anew) = (answers.rows(&index, &query), rows(&index, &query));
            prop_assert_eq!(&again.items, &anew.items);
            prop_assert_eq!((again.matched, again.total), (anew.matched, anew.total));
            prop_assert_eq!((again.name_width, &again.columns), (anew.name_width, &anew.columns));
            prop_assert_eq!(&again.experiments, &anew.experiments);
            for (line, row) in anew.items.iter().enumerate() {
                prop_assert_eq!(anew.place(row.run), Some(line));
            }
        }
    }
}

/// What is looked for, ordered by which column, opened, of which experiment.
fn asked() -> impl Strategy<Value = (String, usize, bool, Vec<u32>, u32)> {
    ("[a-hx1 ]{0,2}", 0..2usize, any::<bool>(), proptest::collection::vec(0..24u32, 0..3), 0..3u32)
}

#[test]
fn words_beyond_many_are_many() {
    let mut index = Index::default();
    let experiment = index.add_experiment("0".into());
    let key = index.intern("seed");
    index.add_run("parent", experiment);
    for i in 0..300 {
        let run = index.add_run(&format!("child-{i}"), experiment);
        index.edit_run(run, |draft| {
            draft.tags().push(Key::PARENT, "parent");
            draft.params().push(key, &if i == 299 { "x".to_owned() } else { i.to_string() });
        });
    }
    let rows = rows(&Arc::new(index), &Arc::default());
    assert_eq!(rows.rollups.spread(RunKey(0), Column::Param(key)), Some(&Spread::Kinds(99)));
}
