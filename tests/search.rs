//! Filters and orders, compared with what MLflow itself answers: which run ids in which order, over stores that MLflow
//! 1.30.1, 2.22.5 and 3.18 wrote, and how 2.22.5 understands 249 filters. What MLflow refuses is listed in a snapshot, with
//! what mltop makes of it: an extension that `docs/filter.md` tells, or a message.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mltop::index::{Dialect, Index, Lifecycle};
use mltop::query::filter::words::{self, Entity};
use mltop::query::filter::{self, Check, Compare, Expr, Field, Number};
use mltop::query::{Column, Grouping, Query, rows};
use mltop::store::beyond::read_beyond;
use mltop::store::{self, Location};
use serde_json::Value;

#[path = "search/expected.rs"]
mod expected;

fn data(name: &str) -> impl std::io::Read {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap())
}

fn unpacked(name: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    tar::Archive::new(data(&format!("{name}.tar.gz"))).unpack(dir.path()).unwrap();
    let folder = dir.path().join(name);
    (dir, folder)
}

/// What a query of the oracle asks: the run ids, or why not.
fn ask(index: &Arc<Index>, query: &Value) -> Result<Vec<String>, String> {
    let text = |name: &str| query[name].as_str().unwrap();
    let experiment = index.experiments().find(|e| *e.experiment_id == *text("experiment_id")).unwrap().key;
    let is_asked_for = |lifecycle: Lifecycle| match text("view") {
        "ACTIVE_ONLY" => lifecycle == Lifecycle::Active,
        "DELETED_ONLY" => lifecycle == Lifecycle::Deleted,
        _ => true,
    };
    let others = index.runs().filter(|run| !is_asked_for(run.lifecycle)).map(|run| run.key).collect();
    let mut sort = Vec::new();
    for clause in query["order_by"].as_array().unwrap() {
        let clause = clause.as_str().unwrap();
        sort.extend(filter::order_by(clause, true, index).map_err(|m| m.to_string())?);
    }
    let filter = filter::parse(text("filter")).map_err(|mistake| mistake.to_string())?;
    let query_of = |filter| Query {
        experiment: Some(experiment),
        deleted: true,
        hidden: Arc::new(others),
        filter: Some(Arc::new(filter)),
        sort,
        grouping: Grouping::Flat,
        ..Query::default()
    };
    let rows = rows(index, &Arc::new(query_of(filter)));
    assert_eq!(rows.undecided, 0, "{query}");
    let ids = rows.items.iter().map(|row| index.run(row.run).unwrap().run_id().to_owned());
    Ok(ids.take(query["max_results"].as_u64().unwrap() as usize).collect())
}

/// Asks all queries of an oracle; what MLflow refuses is told.
fn compare(index: &Arc<Index>, oracle: &Value, known: &[(&str, &str)]) -> String {
    let mut told = String::new();
    let (mut same, mut wrong) = (0, Vec::new());
    for query in oracle["queries"].as_array().unwrap() {
        let (filter, order) = (query["filter"].as_str().unwrap(), query["order_by"].to_string());
        let answer = ask(index, query);
        if query.get("error").is_some() {
            match answer {
                Ok(ids) => writeln!(told, "{filter:?} {order}: {} runs", ids.len()).unwrap(),
                Err(why) => writeln!(told, "{filter:?} {order}: refused: {why}").unwrap(),
            }
            continue;
        }
        let expected: Vec<&str> =
            query["run_ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        match answer {
            Ok(ids) if ids == expected => same += 1,
            _ if known.contains(&(filter, &order)) => {}
            other => wrong.push(format!("{filter:?} {order}: {other:?}, MLflow {expected:?}")),
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(same > 60, "only {same} queries were asked");
    told
}

/// An index of a store of files, with datasets.
fn read_files(folder: &Path) -> Arc<Index> {
    let mut store = store::open(&Location::Files(folder.to_owned()), None).unwrap();
    let mut index = store::read_all(store.as_mut()).unwrap();
    let datasets = mltop::index::Beyond { datasets: true, ..Default::default() };
    read_beyond(store.as_mut(), &mut index, datasets, None).unwrap();
    Arc::new(index)
}

fn oracle(folder: &Path) -> Value {
    serde_json::from_reader(std::fs::File::open(folder.join("expected.json")).unwrap()).unwrap()
}

#[test]
fn a_store_of_files_of_mlflow_1() {
    let (_dir, folder) = unpacked("v1-file");
    insta::assert_snapshot!(compare(&read_files(&folder.join("mlruns")), &oracle(&folder), &[]));
}

#[test]
fn a_store_of_files_of_mlflow_3() {
    let (_dir, folder) = unpacked("v3-file");
    insta::assert_snapshot!(compare(&read_files(&folder.join("mlruns")), &oracle(&folder), &[]));
}

/// The same runs as MLflow's SQL finds, where an index compares as SQL does.
#[test]
fn what_sql_of_mlflow_2_finds() {
    let (_dir, folder) = unpacked("v2-sqlite");
    let oracle = oracle(&folder);
    let index = expected::index(&oracle, Dialect::Sql { nan_is_zero: true });
    insta::assert_snapshot!(compare(&index, &oracle, &[]));
}

#[test]
fn what_sql_of_mlflow_3_finds() {
    let (_dir, folder) = unpacked("v3-sqlite");
    let oracle = oracle(&folder);
    let index = expected::index(&oracle, Dialect::Sql { nan_is_zero: false });
    insta::assert_snapshot!(compare(&index, &oracle, &[]));
}

/// A clause as MLflow names its parts.
fn clauses(expr: &Expr, out: &mut Vec<(String, Vec<String>, String, Vec<String>)>) {
    match expr {
        Expr::All(all) => all.iter().for_each(|one| clauses(one, out)),
        Expr::Test(test) => {
            let (entity, names) = match &test.field {
                Field::Metric { name, .. } => ("metric", vec![name.clone()]),
                Field::Param(name) => ("parameter", vec![name.clone()]),
                Field::Tag(name) => ("tag", vec![name.clone()]),
                Field::Attribute(attribute) => {
                    ("attribute", words::of(*attribute).names.iter().map(|n| (*n).to_owned()).collect())
                }
                Field::Dataset(field) => {
                    let name = words::DATASET_FIELDS.iter().find(|(f, ..)| f == field).unwrap().1;
                    ("dataset", vec![name.to_owned()])
                }
            };
            let sign = |compare| match compare {
                Compare::Equal => "=",
                Compare::NotEqual => "!=",
                Compare::Less => "<",
                Compare::LessOrEqual => "<=",
                Compare::Greater => ">",
                Compare::GreaterOrEqual => ">=",
            };
            let (comparator, values) = match &test.check {
                Check::Number(compare, Number::Between(low, _)) => (sign(*compare), vec![low.to_string()]),
                Check::Texts { list, not } => match (list.len() > 1 || names[0] == "run_id", not) {
                    (true, false) => ("IN", list.clone()),
                    (true, true) => ("NOT IN", list.clone()),
                    (false, false) => ("=", list.clone()),
                    (false, true) => ("!=", list.clone()),
                },
                Check::Like { pattern, fold: false, not: false } => ("LIKE", vec![pattern.clone()]),
                Check::Like { pattern, fold: true, not: false } => ("ILIKE", vec![pattern.clone()]),
                other => panic!("{other:?}"),
            };
            out.push((entity.to_owned(), names, comparator.to_owned(), values));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn filters_mean_what_mlflow_takes_them_for() {
    let oracle: Value = serde_json::from_reader(data("filter_oracle_v2.json.gz")).unwrap();
    let (mut told, mut same) = (String::new(), 0);
    for case in oracle["filters"].as_array().unwrap() {
        let text = case["in"].as_str().unwrap();
        let parsed = filter::parse(text);
        let Some(expected) = case["out"].as_array() else {
            match parsed {
                Ok(_) => writeln!(told, "{text:?}: taken").unwrap(),
                Err(mistake) => writeln!(told, "{text:?}: {mistake}").unwrap(),
            }
            continue;
        };
        let mut ours = Vec::new();
        clauses(parsed.unwrap_or_else(|mistake| panic!("{text}: {mistake}")).expr(), &mut ours);
        assert_eq!(ours.len(), expected.len(), "{text}");
        for ((entity, names, comparator, values), theirs) in ours.iter().zip(expected) {
            let of = |name: &str| theirs[name].as_str().unwrap_or_default().to_owned();
            let theirs_values: Vec<String> = match &theirs["value"] {
                Value::Array(list) => list.iter().map(|v| v.as_str().unwrap().to_owned()).collect(),
                value
                    if of("type") == "metric"
                        || value.as_str().unwrap().parse::<f64>().is_ok()
                            && ["start_time", "end_time", "created", "Created"].contains(&&*of("key")) =>
                {
                    vec![value.as_str().unwrap().parse::<f64>().unwrap().to_string()]
                }
                value => vec![value.as_str().unwrap().to_owned()],
            };
            assert_eq!(*entity, of("type"), "{text}");
            assert!(names.contains(&of("key")), "{text}: {names:?}");
            let sign = of("comparator").to_uppercase();
            let is_same = *comparator == sign
                || (comparator == "IN" && sign == "=")
                || (comparator == "NOT IN" && sign == "!=");
            assert!(is_same, "{text}: {comparator} {sign}");
            assert_eq!(*values, theirs_values, "{text}");
        }
        same += 1;
    }
    assert!(same > 100, "{same}");
    insta::assert_snapshot!(told);
}

#[test]
fn orders_mean_what_mlflow_takes_them_for() {
    let oracle: Value = serde_json::from_reader(data("filter_oracle_v2.json.gz")).unwrap();
    let mut index = Index::default();
    let mut told = String::new();
    for case in oracle["order_by"].as_array().unwrap() {
        if let Some(key) = case["out"].get(1).and_then(Value::as_str) {
            index.intern(key);
        }
    }
    for case in oracle["order_by"].as_array().unwrap() {
        let text = case["in"].as_str().unwrap();
        let sorts = filter::order_by(text, true, &index);
        let Some(expected) = case["out"].as_array() else {
            match sorts {
                Ok(_) => writeln!(told, "{text:?}: taken").unwrap(),
                Err(mistake) => writeln!(told, "{text:?}: {mistake}").unwrap(),
            }
            continue;
        };
        let (entity, key) = (expected[0].as_str().unwrap(), expected[1].as_str().unwrap());
        if entity == "dataset" {
            // MLflow understands it, and fails when it is to order by it.
            sorts.unwrap_err();
            continue;
        }
        let [sort] = sorts.unwrap_or_else(|mistake| panic!("{text}: {mistake}"))[..] else {
            panic!("{text}")
        };
        assert_eq!(!sort.descending, expected[2].as_bool().unwrap(), "{text}");
        let is_same = match sort.column {
            Column::Metric(k, _) => {
                words::entity(entity) == Some(Entity::Metric) && index.keys.name(k) == key
            }
            Column::Param(k) => words::entity(entity) == Some(Entity::Param) && index.keys.name(k) == key,
            Column::Tag(k) => words::entity(entity) == Some(Entity::Tag) && index.keys.name(k) == key,
            column => filter::column(key, &index).unwrap() == Some(column),
        };
        assert!(is_same, "{text}: {:?}", sort.column);
    }
    insta::assert_snapshot!(told);
}
