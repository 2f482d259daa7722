//! Asks what MLflow was asked, and compares the answers.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use mltop::index::{Index, Lifecycle};
use mltop::query::{Grouping, Query, filter, rows};
use mltop::store::beyond::read_beyond;
use mltop::store::{self, Location};
use serde_json::Value;

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

/// Asks all queries of an oracle and compares run ids in their order; what MLflow refuses is told.
pub fn compare(index: &Arc<Index>, oracle: &Value) -> String {
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
            other => wrong.push(format!("{filter:?} {order}: {other:?}, MLflow {expected:?}")),
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(same > 60, "only {same} queries were asked");
    told
}

/// An index of a store of files, with datasets.
pub fn read_files(folder: &Path) -> Arc<Index> {
    read(&Location::Files(folder.to_owned()))
}

/// An index of any store, with datasets.
pub fn read(location: &Location) -> Arc<Index> {
    let mut store = store::open(location, None).unwrap();
    let mut index = store::read_all(store.as_mut()).unwrap();
    let datasets = mltop::index::Beyond { datasets: true, ..Default::default() };
    read_beyond(store.as_mut(), &mut index, datasets, None).unwrap();
    Arc::new(index)
}
