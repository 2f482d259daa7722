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

/// A made-up filter, as text and as a plain function of a run.
type Asks = fn(&Run, &Index) -> Option<bool>;

fn number_of(run: &Run, index: &Index) -> Option<f64> {
    run.metric(index.keys.find("loss").unwrap()).map(|metric| metric.last.value)
}

fn word_of<'a>(run: &'a Run, index: &Index) -> Option<&'a str> {
    run.param(index.keys.find("kernel").unwrap())
}

const ASKED: [(&str, Asks); 8] = [
    ("metrics.loss < 1.5", |run, index| number_of(run, index).map(|loss| loss < 1.5)),
    ("metrics.loss != 1", |run, index| number_of(run, index).map(|loss| loss != 1.0)),
    ("params.kernel = 'x'", |run, index| word_of(run, index).map(|word| word == "x")),
    ("params.kernel >= 1", |run, index| {
        word_of(run, index).map(|word| word.parse::<f64>().is_ok_and(|number| number >= 1.0))
    }),
    ("params.kernel LIKE 'x%'", |run, index| word_of(run, index).map(|word| word.starts_with('x'))),
    ("run_id IN ('a', 'b', 'c')", |run, _| Some(["a", "b", "c"].contains(&run.run_id()))),
    ("start_time > 0", |run, _| run.start_time().map(|start| start > 0)),
    ("metrics.loss IS NULL", |run, index| Some(number_of(run, index).is_none())),
];

/// Comparisons put together: places in [`ASKED`], with what joins them.
#[derive(Clone, Debug)]
enum Asking {
    One(usize),
    Not(Box<Asking>),
    And(Box<Asking>, Box<Asking>),
    Or(Box<Asking>, Box<Asking>),
}

impl Asking {
    fn text(&self) -> String {
        match self {
            Self::One(place) => ASKED[*place].0.to_owned(),
            Self::Not(inner) => format!("NOT ({})", inner.text()),
            Self::And(a, b) => format!("({}) and ({})", a.text(), b.text()),
            Self::Or(a, b) => format!("(({}) OR {})", a.text(), b.text()),
        }
    }

    /// What is not there is false.
    fn holds(&self, run: &Run, index: &Index) -> bool {
        match self {
            Self::One(place) => ASKED[*place].1(run, index).unwrap_or(false),
            Self::Not(inner) => !inner.holds(run, index),
            Self::And(a, b) => a.holds(run, index) && b.holds(run, index),
            Self::Or(a, b) => a.holds(run, index) || b.holds(run, index),
        }
    }
}

fn made_filter() -> impl Strategy<Value = Asking> {
    (0..ASKED.len()).prop_map(Asking::One).prop_recursive(3, 12, 2, |inner| {
        let pair = || (inner.clone(), inner.clone());
        prop_oneof![
            inner.clone().prop_map(|one| Asking::Not(Box::new(one))),
            pair().prop_map(|(a, b)| Asking::And(Box::new(a), Box::new(b))),
            pair().prop_map(|(a, b)| Asking::Or(Box::new(a), Box::new(b))),
        ]
    })
}

fn flat(filter: Option<&str>, sort: Vec<Sort>) -> Query {
    let filter = filter.map(|text| Arc::new(filter::parse(text).unwrap()));
    Query { filter, sort, grouping: Grouping::Flat, ..Query::default() }
}

proptest! {
    #[test]
    fn a_filter_finds_what_a_look_at_every_run_finds(made in made(), asked in made_filter()) {
        let index = index(&made);
        let query = Arc::new(flat(Some(&asked.text()), Vec::new()));
        let rows = rows(&index, &query);
        let mut found: Vec<RunKey> = rows.items.iter().map(|row| row.run).collect();
        found.sort_unstable();
        let expected: Vec<RunKey> =
            index.runs().filter(|run| asked.holds(run, &index)).map(|run| run.key).collect();
        prop_assert_eq!(found, expected, "{}", asked.text());
        prop_assert_eq!((rows.matched, rows.total, rows.undecided), (rows.items.len(), made.len(), 0));
        // In the tree the same runs match, and nothing else is there but what is above them.
        let tree = super::rows(&index, &Arc::new(Query { grouping: Grouping::Tree, opened: opened(true, &[]), ..(*query).clone() }));
        prop_assert_eq!(tree.items.iter().filter(|row| !row.context).count(), rows.items.len());
        for (line, row) in tree.items.iter().enumerate().filter(|(_, row)| row.context) {
            let below = |l: usize| tree.above(l).any(|above| above == line);
            let is_way = (0..tree.items.len()).any(|l| below(l) && !tree.items[l].context);
            prop_assert!(is_way, "{row:?}");
        }
    }

    #[test]
    fn an_order_of_several_columns_is_total_and_stable(
        made in made(),
        by in proptest::collection::vec((0..5usize, any::<bool>(), any::<bool>()), 0..4),
    ) {
        let index = index(&made);
        let columns = columns(&index);
        let sorts: Vec<Sort> = by
            .iter()
            .map(|(column, descending, by_letter)| Sort { column: columns[*column], descending: *descending, by_letter: *by_letter })
            .collect();
        let order = |sort: &[Sort]| -> Vec<RunKey> {
            rows(&index, &Arc::new(flat(None, sort.to_vec()))).items.iter().map(|row| row.run).collect()
        };
        let all = order(&sorts);
        prop_assert_eq!(all.len(), made.len());
        // As MLflow does it: sorted by the last column first, each sort keeping what is equal in its order.
        let mut slow = order(&[]);
        for sort in sorts.iter().rev() {
            let alone = order(std::slice::from_ref(sort));
            let place = |run: &RunKey| alone.iter().position(|other| other == run).unwrap();
            // Runs that are equal in this column stand side by side in its own order.
            let equal = |a: &RunKey, b: &RunKey| {
                let value = |key: &RunKey| weight(index.run(*key).unwrap(), *sort);
                value(a) == value(b)
            };
            slow.sort_by(|a, b| if equal(a, b) { Ordering::Equal } else { place(a).cmp(&place(b)) });
        }
        prop_assert_eq!(all, slow);
    }

    #[test]
    fn groups_are_what_a_look_at_their_runs_tells(made in made(), asked in made_filter(), open: bool) {
        let index = index(&made);
        let kernel = Column::Param(index.keys.find("kernel").unwrap());
        let loss = Column::Metric(index.keys.find("loss").unwrap(), Aggregate::Last);
        let query = Query {
            grouping: Grouping::By(Arc::new([kernel])),
            columns: Some(Arc::new(vec![kernel, loss])),
            opened: opened(open, &[]),
            ..flat(Some(&asked.text()), Vec::new())
        };
        let rows = rows(&index, &Arc::new(query));
        let mut left: Vec<&Run> = index.runs().map(|run| &**run).filter(|run| asked.holds(run, &index)).collect();
        for row in rows.items.iter().filter(|row| row.run.is_group()) {
            let group = rows.groups.get(row.run).unwrap();
            let value = group.values[0].as_ref().map(|value| value.as_str().to_owned());
            let is_in = |run: &&Run| word_of(run, &index) == value.as_deref();
            let (own, others): (Vec<&Run>, Vec<&Run>) = left.into_iter().partition(is_in);
            left = others;
            prop_assert_eq!((group.runs, row.children), (own.len() as u32, own.len() as u32));
            let numbers: Vec<f64> = own.iter().filter_map(|run| number_of(run, &index)).filter(|n| !n.is_nan()).collect();
            match rows.groups.stat(row.run, loss) {
                None => prop_assert!(numbers.is_empty()),
                Some(stat) => {
                    let count = numbers.len() as f64;
                    let mean = numbers.iter().sum::<f64>() / count;
                    let squares: f64 = numbers.iter().map(|n| (n - mean).powi(2)).sum();
                    prop_assert_eq!(stat.count as usize, numbers.len());
                    prop_assert!((stat.mean - mean).abs() < 1e-12);
                    prop_assert_eq!(stat.sd.is_some(), numbers.len() > 1);
                    prop_assert!(stat.sd.is_none_or(|sd| (sd - (squares / (count - 1.0)).sqrt()).abs() < 1e-12));
                    prop_assert_eq!(stat.min, numbers.iter().copied().fold(f64::INFINITY, f64::min));
                    prop_assert_eq!(stat.max, numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max));
                    let best = index.run(stat.best.unwrap()).unwrap();
                    prop_assert_eq!(number_of(best, &index), Some(stat.min), "the lower a loss, the better");
                }
            }
        }
        prop_assert!(left.is_empty(), "every run is in one group");
        let runs = rows.items.iter().filter(|row| !row.run.is_group()).count();
        prop_assert_eq!(runs, if open { rows.matched } else { 0 });
        for (line, row) in rows.items.iter().enumerate() {
            prop_assert_eq!(rows.place(row.run), Some(line));
        }
    }
}

/// What a run has in a column, so that equal is what is equal there.
fn weight(run: &Run, sort: Sort) -> String {
    let number = |number: Option<f64>| match number {
        None => "missing".to_owned(),
        Some(number) if number.is_nan() => "nan".to_owned(),
        Some(number) => (number + 0.0).to_string(),
    };
    match sort.column {
        Column::Start => number(run.start_time().map(|start| start as f64)),
        Column::Metric(key, _) => number(run.metric(key).map(|metric| metric.last.value)),
        Column::Param(key) => match run.param(key) {
            Some(word) if sort.by_letter => format!("text {word}"),
            Some(word) => format::parse_number(word).map_or(format!("text {word}"), |n| number(Some(n))),
            None => "missing".to_owned(),
        },
        Column::RunId => run.run_id().to_owned(),
        _ => "finished".to_owned(),
    }
}

#[test]
fn only_what_differs() {
    let mut index = Index::default();
    let experiment = index.add_experiment("0".into());
    let names = ["lr", "seed", "note"].map(|name| index.intern(name));
    let loss = index.intern("loss");
    for (id, lr, value) in [("a", "1", 0.5), ("b", "2", 0.5)] {
        let key = index.add_run(id, experiment);
        index.edit_run(key, |draft| {
            draft.read = Parts::ALL;
            draft.params().push(names[0], lr);
            draft.params().push(names[1], "7");
            let last = Point { value, step: 0, timestamp: 0 };
            draft.set_metric(loss, Metric { last, points: 1, exact: true });
        });
    }
    let index = Arc::new(index);
    let metric = Column::Metric(loss, Aggregate::Last);
    let columns = vec![Column::Param(names[0]), Column::Param(names[1]), Column::Tag(names[2]), metric];
    let query = Query { columns: Some(Arc::new(columns)), diff_only: true, ..Query::default() };
    let rows = rows(&index, &Arc::new(query.clone()));
    let shown: Vec<Column> = rows.columns.iter().map(|view| view.column).collect();
    assert_eq!(shown, [Column::Param(names[0])]);
    let shared: Vec<(Column, &str)> =
        rows.shared.values.iter().map(|(column, value)| (*column, value.as_str())).collect();
    assert_eq!((shared, rows.shared.empty), (vec![(Column::Param(names[1]), "7"), (metric, "0.5")], 1));
    // One run differs from nothing.
    let filter = Some(Arc::new(filter::parse("a").unwrap()));
    assert_eq!(super::rows(&index, &Arc::new(Query { filter, ..query })).columns.len(), 4);
}

#[test]
fn a_value_of_the_history_is_loading_until_it_is_known() {
    use crate::index::Summary;
    let mut index = Index::default();
    let experiment = index.add_experiment("0".into());
    let (run, loss) = (index.add_run("a", experiment), index.intern("loss"));
    let points = [(0.5, 0), (0.1, 1), (f64::NAN, 2), (0.4, 3)];
    let points = points.map(|(value, step)| Point { value, step, timestamp: step });
    index.edit_run(run, |draft| {
        draft.read = Parts::ALL;
        draft.set_metric(loss, Metric { last: points[3], points: 4, exact: true });
    });
    let picked = |index: &Index, how| {
        let query = Query::default();
        query.look(index).pick(index.run(run).unwrap(), loss, how)
    };
    let value = |value, step| aggregate::Found::Value(aggregate::Picked { value, step });
    assert_eq!(picked(&index, Aggregate::Last), value(0.4, Some(3)));
    assert_eq!(picked(&index, Aggregate::At(9)), value(0.4, Some(3)), "what is later than all is the last");
    for how in
        [Aggregate::Best, Aggregate::Min, Aggregate::Max, Aggregate::First, Aggregate::Mean, Aggregate::At(1)]
    {
        assert_eq!(picked(&index, how), aggregate::Found::Loading);
    }
    index.set_summary(run, loss, Summary::of(points));
    let mut up_to = crate::index::UpTo::new(1);
    points.iter().for_each(|point| up_to.add(point));
    index.set_at_step(run, loss, &up_to);
    assert_eq!(picked(&index, Aggregate::Best), value(0.1, Some(1)), "the lower a loss, the better");
    assert_eq!(picked(&index, Aggregate::Max), value(0.5, Some(0)));
    assert_eq!(picked(&index, Aggregate::First), value(0.5, Some(0)));
    assert_eq!(picked(&index, Aggregate::Mean), value((0.5 + 0.1 + 0.4) / 3.0, None));
    assert_eq!(picked(&index, Aggregate::At(1)), value(0.1, Some(1)));
    // Another point: what is known is no longer true.
    index.edit_run(run, |draft| draft.set_metric(loss, Metric { last: points[3], points: 5, exact: true }));
    assert_eq!(picked(&index, Aggregate::Best), aggregate::Found::Loading);
}
