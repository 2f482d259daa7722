//! Filters and orders, compared with what MLflow itself answers: which run ids in which order, over stores that MLflow
//! 1.30.1, 2.22.5 and 3.18 wrote, and how 2.22.5 understands 249 filters. What MLflow refuses is listed in a snapshot, with
//! what mltop makes of it: an extension that `docs/filter.md` tells, or a message.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::fmt::Write;
use std::path::{Path, PathBuf};

use mltop::index::{Dialect, Index};
use mltop::query::Column;
use mltop::query::filter::words::{self, Entity};
use mltop::query::filter::{self, Check, Compare, Expr, Field, Number};
use mltop::store::Location;
use serde_json::Value;

#[path = "search/ask.rs"]
mod ask;
#[path = "search/expected.rs"]
mod expected;

use ask::{compare, read, read_files};

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

fn oracle(folder: &Path) -> Value {
    serde_json::from_reader(std::fs::File::open(folder.join("expected.json")).unwrap()).unwrap()
}

#[test]
fn a_store_of_files_of_mlflow_1() {
    let (_dir, folder) = unpacked("v1-file");
    insta::assert_snapshot!(compare(&read_files(&folder.join("mlruns")), &oracle(&folder)));
}

#[test]
fn a_store_of_files_of_mlflow_3() {
    let (_dir, folder) = unpacked("v3-file");
    insta::assert_snapshot!(compare(&read_files(&folder.join("mlruns")), &oracle(&folder)));
}

/// The same runs as MLflow's SQL finds: in the database, and in an index of what MLflow's client tells, as a server would
/// answer it.
fn compare_sql(name: &str, nan_is_zero: bool) -> String {
    let (_dir, folder) = unpacked(name);
    let oracle = oracle(&folder);
    let told = compare(&read(&Location::Sqlite(folder.join("mlflow.db"))), &oracle);
    let of_client = expected::index(&oracle, Dialect::Sql { nan_is_zero });
    assert_eq!(compare(&of_client, &oracle), told);
    told
}

#[test]
fn what_sql_of_mlflow_2_finds() {
    insta::assert_snapshot!(compare_sql("v2-sqlite", true));
}

#[test]
fn what_sql_of_mlflow_3_finds() {
    insta::assert_snapshot!(compare_sql("v3-sqlite", false));
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

/// A part of `docs/filter.md` between two marks, with what belongs there.
fn documented(name: &str, rows: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/filter.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let begin = text.find(&format!("<!-- {name} -->\n")).unwrap() + name.len() + 10;
    let end = begin + text[begin..].find("<!-- end -->").unwrap();
    if std::env::var_os("MLTOP_WRITE_DOCS").is_some() {
        std::fs::write(&path, format!("{}{rows}{}", &text[..begin], &text[end..])).unwrap();
    } else {
        assert_eq!(&text[begin..end], rows, "MLTOP_WRITE_DOCS=1 cargo test --test search writes it");
    }
}

#[test]
fn the_grammar_is_documented_as_it_is() {
    let code = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ");
    let head = |titles: &str| {
        let count = titles.split(" | ").count();
        format!("| {titles} |\n|{}\n", " --- |".repeat(count))
    };
    let mut entities = head("name | also | what");
    for (_, names, about) in words::ENTITIES {
        let dotted: Vec<String> = names.iter().map(|name| format!("{name}.")).collect();
        let dotted: Vec<&str> = dotted.iter().map(String::as_str).collect();
        writeln!(entities, "| {} | {} | {about} |", code(&dotted[..1]), code(&dotted[1..])).unwrap();
    }
    documented("entities", &entities);
    let mut attributes = head("attribute | also | compared with | MLflow | what");
    for word in words::ATTRIBUTES {
        let kind = match word.kind {
            words::Kind::Number => "a number",
            words::Kind::Text => "a text",
            words::Kind::TextOrNumber => "a text or a number",
            words::Kind::Time => "a time",
            words::Kind::Span => "a duration",
            words::Kind::Flag => "nothing: it stands alone",
        };
        let mlflow = if word.is_mlflow { "yes" } else { "*more*" };
        let (first, also) = (code(&word.names[..1]), code(&word.names[1..]));
        writeln!(attributes, "| {first} | {also} | {kind} | {mlflow} | {} |", word.about).unwrap();
    }
    documented("attributes", &attributes);
    let mut datasets = head("dataset | what");
    for (_, name, about) in words::DATASET_FIELDS {
        writeln!(datasets, "| `dataset.{name}` | {about} |").unwrap();
    }
    documented("datasets", &datasets);
    let mut operators = head("operator | texts | numbers | passes where the value");
    for (_, sign, text, number, about) in words::OPERATORS {
        let yes = |is: bool| if is { "yes" } else { "" };
        writeln!(operators, "| `{sign}` | {} | {} | {about} |", yes(text), yes(number)).unwrap();
    }
    documented("operators", &operators);
}

/// Every filter that the documentation shows is one.
#[test]
fn examples_of_the_documentation_are_filters() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/filter.md")).unwrap();
    let block = text.split("```").nth(1).unwrap();
    let lines: Vec<&str> = block.lines().filter(|line| !line.is_empty()).collect();
    assert!(lines.len() >= 5);
    for line in lines {
        let example = line.split("  more:").next().unwrap();
        filter::parse(example).unwrap_or_else(|mistake| panic!("{example}: {mistake}"));
    }
}
