//! Filters as MLflow understands them, and what a mistake says.

use std::sync::Arc;

use super::*;
use crate::index::{Dialect, ExperimentKey, Index, Key, Metric, Parts, Point, RunKey, Status, Used};
use crate::query::{Query, rows};
use proptest::prelude::*;

/// Runs like those of a small search: two parents, children, odd values.
fn index() -> Index {
    let mut index = Index::default();
    let experiment = index.add_experiment("7".into());
    let add =
        |index: &mut Index, id: &str, parent: Option<&str>, params: &[(&str, &str)], loss: Option<f64>| {
            let key = index.add_run(id, experiment);
            let params: Vec<(Key, &str)> =
                params.iter().map(|(name, value)| (index.intern(name), *value)).collect();
            let (metric, family) = (index.intern("loss"), index.intern("model.family"));
            index.edit_run(key, |draft| {
                draft.set_name(Some(&format!("run-{id}")));
                draft.read = Parts::ALL;
                draft.status = if id == "c" { Status::Failed } else { Status::Finished };
                draft.start_time = Some(1_000_000 + i64::from(key.0) * 1000);
                draft.end_time = draft.start_time.map(|start| start + 90_000);
                parent.iter().for_each(|parent| _ = draft.tags().push(Key::PARENT, parent));
                draft.tags().push(family, "linear");
                params.iter().for_each(|(name, value)| _ = draft.params().push(*name, value));
                let last = |value| Point { value, step: 9, timestamp: 5 };
                loss.iter().for_each(|value| {
                    draft.set_metric(metric, Metric { last: last(*value), points: 1, exact: true });
                });
            });
        };
    add(&mut index, "a", None, &[("kernel", "rbf"), ("lr", "0.01")], None);
    add(&mut index, "b", Some("a"), &[("kernel", "rbf"), ("lr", "1e-3")], Some(0.5));
    add(&mut index, "c", Some("a"), &[("kernel", "Linear"), ("lr", "auto")], Some(f64::NAN));
    add(&mut index, "d", None, &[("kernel", "poly"), ("a b", "it's")], Some(2.0));
    index
}

fn found(index: &Index, text: &str) -> String {
    let filter = parse(text).unwrap_or_else(|mistake| panic!("{text}: {mistake}"));
    let query = Query {
        filter: Some(Arc::new(filter)),
        grouping: crate::query::Grouping::Flat,
        now: 2_000_000,
        sort: vec![crate::query::Sort::new(crate::query::Column::RunId, false)],
        ..Query::default()
    };
    let rows = rows(&Arc::new(index.clone()), &Arc::new(query));
    rows.items.iter().map(|row| index.run(row.run).unwrap().run_id().to_owned()).collect()
}

#[test]
fn comparisons_of_every_kind() {
    let index = index();
    for (text, expected) in [
        ("", "abcd"),
        ("   ", "abcd"),
        ("AND", "abcd"),
        ("metrics.loss < 1", "b"),
        ("metrics.loss != 5", "bcd"),
        ("metrics.loss = nan", "c"),
        ("metrics.loss < inf", "bd"),
        ("metrics.loss IN (0.5, 2)", "bd"),
        ("metrics.loss IS NULL", "a"),
        ("params.kernel = 'rbf'", "ab"),
        ("params.kernel != 'rbf'", "cd"),
        ("params.lr != 'x'", "abc"),
        ("params.kernel LIKE 'l%'", ""),
        ("params.kernel ILIKE 'l%'", "c"),
        ("params.kernel NOT ILIKE 'l%'", "abd"),
        ("params.kernel IN ('rbf', \"poly\",)", "abd"),
        ("params.kernel NOT IN ('rbf')", "cd"),
        ("params.kernel ~ '^r.f$'", "ab"),
        ("params.kernel !~ 'o'", "abc"),
        ("params.lr >= 1e-3", "ab"),
        ("params.lr > 1e-3", "a"),
        ("params.lr = 0.001", "b"),
        ("params.lr != 0.001", "ac"),
        ("params.lr IN (0.001, 0.01)", "ab"),
        ("params.lr IS NOT NULL", "abc"),
        ("params.`a b` = \"it's\"", "d"),
        ("tags.model.family = 'linear' status = 'FAILED'", "c"),
        ("attributes.status != 'FAILED' AND AND params.kernel = 'rbf' and", "ab"),
        ("`run name` = 'run-d'", "d"),
        ("\"Run Name\" = 'run-d'", "d"),
        ("run_id IN ('a', 'B')", "a"),
        ("experiment_id = '7' and experiment = '7'", "abcd"),
        ("start_time > 1001500", "cd"),
        ("created <= 1000000", "a"),
        ("start_time > -999500ms", "bcd"),
        ("duration = 1m30s", "abcd"),
        ("duration > 90s", ""),
        ("start_time < '2026-01-01' AND start_time >= '1970-01-01T00:00:00Z'", "abcd"),
        ("children > 1", "a"),
        ("depth = 1", "bc"),
        ("parent.params.kernel = 'rbf'", "bc"),
        ("parent.params.kernel IS NULL", "ad"),
        ("parent.parent.status = 'FINISHED'", ""),
        ("NOT parent.params.kernel = 'rbf'", "ad"),
        ("NOT metrics.loss < 1", "acd"),
        ("params.kernel = 'poly' OR metrics.loss < 1", "bd"),
        ("(params.kernel = 'poly' OR metrics.loss < 1) params.lr IS NULL", "d"),
        ("params.kernel = 'poly' OR metrics.loss < 1 AND params.lr IS NULL", "d"),
        ("NOT (status = 'FAILED' OR NOT rbf)", "ab"),
        ("stale", ""),
        ("NOT stale rbf", "ab"),
        ("run-d", "d"),
        ("RUN-D", ""),
        ("rbf 1e", "b"),
    ] {
        assert_eq!(found(&index, text), expected, "{text}");
    }
}

#[test]
fn a_name_that_ends_like_an_aggregate_is_that_name_where_it_exists() {
    let mut index = index();
    assert_eq!(found(&index, "metrics.loss.min < 1"), "b");
    assert_eq!(found(&index, "metrics.`loss.min` < 1"), "");
    let named = index.intern("loss.min");
    let last = Point { value: 0.1, step: 0, timestamp: 0 };
    index.edit_run(RunKey(3), |draft| draft.set_metric(named, Metric { last, points: 1, exact: true }));
    assert_eq!(found(&index, "metrics.loss.min < 1"), "d");
}

#[test]
fn datasets_are_asked_when_they_are_known() {
    let mut index = index();
    let query = |index: &Index| {
        let filter = Some(Arc::new(parse("dataset.context = 'train' dataset.name != 'iris'").unwrap()));
        rows(&Arc::new(index.clone()), &Arc::new(Query { filter, ..Query::default() }))
    };
    let before = query(&index);
    assert_eq!((before.matched, before.undecided, before.complete), (0, 4, false));
    let mut used = |name: &str, context: Option<&str>| Used {
        name: index.intern(name),
        digest: index.intern("d1"),
        context: context.map(|context| index.intern(context)),
    };
    let (iris, wine) = (used("iris", Some("train")), used("wine", None));
    for (run, list) in [(0, vec![iris]), (1, vec![iris, wine]), (2, vec![wine]), (3, Vec::new())] {
        index.set_datasets(RunKey(run), &list);
    }
    let after = query(&index);
    assert_eq!((after.matched, after.undecided), (1, 0), "two inputs may do for two comparisons");
}

#[test]
fn sql_asks_the_tag_for_the_name_and_may_take_nan_for_zero() {
    let mut index = index();
    index.dialect = Dialect::Sql { nan_is_zero: true };
    assert_eq!(found(&index, "metrics.loss = 0"), "c");
    assert_eq!(found(&index, "run_name = 'run-d'"), "");
    index.edit_run(RunKey(3), |draft| _ = draft.tags().push(Key::RUN_NAME, "run-d"));
    assert_eq!(found(&index, "run_name = 'run-d'"), "d");
    index.dialect = Dialect::Sql { nan_is_zero: false };
    assert_eq!(found(&index, "metrics.loss = 0"), "");
}

#[test]
fn a_mistake_says_where_and_what_was_expected() {
    let mut out = String::new();
    for text in [
        "metrics.rmse <",
        "metrics.rmse",
        "metrics.rmse == 60",
        "metrics.rmse <> 60",
        "metrics.rmse < '60'",
        "metrics.rmse < abc",
        "metrics.rmse LIKE '6%'",
        "metrics.rmse BETWEEN 1 AND 2",
        "METRICS.rmse < 60",
        "p.a = 'x'",
        "rmse < 60",
        "Status = 'FINISHED'",
        "status = FINISHED",
        "params.a = x",
        "params.a > 'x'",
        "params.a > '1'",
        "params.a = `x`",
        "params.a = 'x",
        "params.a RLIKE 'x'",
        "params.a ~ '('",
        "params.a IN ()",
        "params.a IN ('x', 1)",
        "params.a IS 5",
        "60 > metrics.rmse",
        "'x' = params.a",
        "metrics.rmse < 60 < 70",
        "metrics.rmse < 60, metrics.r2 > 1",
        "metrics.rmse < 60; metrics.r2 > 1",
        "params.a = 'x' -- comment",
        "(metrics.rmse < 60",
        "metrics.rmse < 60)",
        "OR metrics.rmse < 60",
        "metrics.rmse < 60 OR",
        "NOT",
        "start_time > soon",
        "duration < 1y",
        "dataset.source = 'x'",
        "run name = 'x'",
        "*",
        "' '",
    ] {
        let mistake = parse(text).expect_err(text);
        assert!(text.get(mistake.span.clone()).is_some(), "{text} {mistake:?}");
        out.push_str(&format!("{}\n{mistake}\n\n", mistake.underlined(text)));
    }
    insta::assert_snapshot!(out);
}

#[test]
fn completion_offers_what_was_seen() {
    let index = index();
    let offers = |text: &str| {
        let completion = complete(text, text.len(), &index, Some(ExperimentKey(0)));
        let list: Vec<String> = completion.list.into_iter().map(|candidate| candidate.text).collect();
        (text.get(completion.span).unwrap().to_owned(), list)
    };
    let first = |text: &str| offers(text).1.first().cloned().unwrap_or_default();
    assert_eq!(offers("params.").1, ["params.`a b`", "params.kernel", "params.lr"]);
    assert_eq!(offers("metrics.loss < 1 AND params.ke"), ("params.ke".into(), vec!["params.kernel".into()]));
    assert_eq!(offers("params.kernel = ").1, ["'Linear'", "'poly'", "'rbf'"]);
    assert_eq!(offers("params.kernel = 'r"), ("'r".into(), vec!["'rbf'".into(), "'Linear'".into()]));
    assert_eq!(offers("params.kernel IN ('rbf', ").1, ["'Linear'", "'poly'", "'rbf'"]);
    assert_eq!(offers("params.`a b` = ").1, ["\"it's\""]);
    assert_eq!(offers("params.lr > ").1, ["1e-3", "0.01"]);
    assert_eq!(offers("metrics.loss >").1, ["0.5", "2.0"]);
    assert_eq!(first("stat"), "status");
    assert_eq!(first("kern"), "params.kernel");
    assert_eq!(first("parent.params.k"), "parent.params.kernel");
    assert_eq!(first("status = 'FI"), "'FINISHED'");
    assert_eq!(first("metrics.loss < 1 "), "AND ");
    assert_eq!(first("params.kernel "), "= ");
    assert!(offers("params.missing = ").1.is_empty());
}

#[test]
fn orders_and_columns_by_name() {
    let index = index();
    let order = |text: &str| order_by(text, true, &index).map(|sorts| sorts.len());
    assert_eq!(order("metrics.loss DESC, params.`a b`").unwrap(), 2);
    assert_eq!(order("metrics.missing").unwrap(), 0);
    for text in [
        "metrics.loss sideways",
        "bogus",
        "",
        " ",
        "'metrics.loss'",
        "metrics.loss NULLS LAST",
        "a,,b",
        "dataset.name",
    ] {
        order(text).expect_err(text);
    }
    assert_eq!(names("metrics.loss.min, status params.lr", &index).unwrap().len(), 3);
    assert_eq!(
        column("metrics.loss.at:5", &index).unwrap().unwrap().full_name(&index).as_str(),
        "metrics.loss.at:5"
    );
}

proptest! {
    #[test]
    fn no_text_is_too_strange(text in "[ a-c.'\"`\\\\=<>~!(),;한%_0-9\n-]{0,30}|.{0,20}", cursor in 0usize..40) {
        let mut index = index();
        index.intern("한");
        match parse(&text) {
            Ok(filter) => {
                let query = Query { filter: Some(Arc::new(filter)), ..Query::default() };
                rows(&Arc::new(index.clone()), &Arc::new(query));
            }
            Err(mistake) => {
                prop_assert!(text.get(mistake.span.clone()).is_some(), "{mistake:?}");
                mistake.underlined(&text);
            }
        }
        let completion = complete(&text, cursor, &index, None);
        prop_assert!(text.get(completion.span).is_some());
    }

    #[test]
    fn words_of_the_grammar_in_any_order(words in proptest::collection::vec(proptest::sample::select(vec![
        "metrics.loss", "params.kernel", "status", "<", "=", "LIKE", "NOT", "IN", "(", ")", "'rbf'", "0.5", "AND", "OR", "IS", "NULL", ",", "stale", "parent.", "~",
    ]), 0..14)) {
        let text = words.join(" ");
        if let Err(mistake) = parse(&text) {
            prop_assert!(text.get(mistake.span.clone()).is_some() && !mistake.what.is_empty() && !mistake.expected.is_empty());
        }
    }
}

#[test]
fn parentheses_that_are_too_deep_are_a_mistake() {
    for deep in ["(".repeat(100_000), "NOT ".repeat(100_000)] {
        assert_eq!(parse(&deep).unwrap_err().what, "too deep");
    }
    assert!(parse(&format!("{}a{}", "(".repeat(90), ")".repeat(90))).is_ok());
}
