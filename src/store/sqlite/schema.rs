//! Which tables, columns and indices a database has. MLflow 1.0 to 3.x differ, and later ones will: what counts is
//! whether the needed columns are there, not what `alembic_version` says.

use rusqlite::Connection;

use super::open::{Database, Fault};

/// Bytes of a text that are read where a value was found to be too long.
const LONGEST: u32 = 8 << 20;

/// What is stored of a run in rows of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// `params`.
    Params,
    /// `tags`.
    Tags,
    /// `latest_metrics`; `metrics` where that is not there (MLflow before 1.1).
    Latest,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Params, Self::Tags, Self::Latest];
}

/// The shape of a database.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    runs: Vec<String>,
    experiments: Vec<String>,
    /// Whether there are tags of experiments.
    pub experiment_tags: bool,
    params: bool,
    tags: bool,
    /// Whether the latest values stand in a table of their own.
    pub latest: bool,
    latest_nan: bool,
    /// Whether there are histories.
    pub metrics: bool,
    metrics_nan: bool,
    metrics_step: bool,
    /// Which of [`Table::ALL`] have an index that begins with the run.
    by_run: [bool; 3],
    /// The index of `metrics` that begins with the run.
    pub metrics_by_run: Option<String>,
    /// The index of `metrics` by run, key and step (MLflow 3.12).
    pub metrics_by_step: Option<String>,
    /// Whether MLflow 3 made it: the version whose filters tell NaN from 0.
    pub is_of_mlflow_3: bool,
    /// Whether there are datasets and inputs (MLflow 2.4), and steps of them (3.0).
    pub inputs: bool,
    /// See [`Schema::inputs`].
    pub inputs_step: bool,
}

impl Schema {
    /// Looks at a database. An error says why it holds no runs.
    pub fn read(database: &Database) -> Result<Self, Fault> {
        let connection = database.now();
        let runs = columns(connection, "runs")?;
        let experiments = columns(connection, "experiments")?;
        let has = |list: &[String], name: &str| list.iter().any(|column| column == name);
        if !has(&runs, "run_uuid") || !has(&runs, "experiment_id") || !has(&experiments, "experiment_id") {
            let is_view = kind(connection, "runs")?.is_some_and(|kind| kind != "table");
            let what = if is_view { "its runs are no table" } else { "it has no tables of MLflow runs" };
            return Err(Fault::Other(what.to_owned()));
        }
        let pairs = |table: &str| -> Result<bool, Fault> {
            let list = columns(connection, table)?;
            Ok(["key", "value", "run_uuid"].iter().all(|name| has(&list, name)))
        };
        let (latest, metrics) = (columns(connection, "latest_metrics")?, columns(connection, "metrics")?);
        let inputs = columns(connection, "inputs")?;
        let datasets = columns(connection, "datasets")?;
        let needs = ["key", "value", "timestamp", "run_uuid"];
        let has_latest = needs.iter().all(|name| has(&latest, name)) && has(&latest, "step");
        let first = if has_latest { "latest_metrics" } else { "metrics" };
        Ok(Self {
            experiment_tags: has(&columns(connection, "experiment_tags")?, "experiment_id"),
            params: pairs("params")?,
            tags: pairs("tags")?,
            latest: has_latest,
            latest_nan: has(&latest, "is_nan"),
            metrics: needs.iter().all(|name| has(&metrics, name)),
            metrics_nan: has(&metrics, "is_nan"),
            metrics_step: has(&metrics, "step"),
            by_run: [
                index(connection, "params", &["run_uuid"])?.is_some(),
                index(connection, "tags", &["run_uuid"])?.is_some(),
                index(connection, first, &["run_uuid"])?.is_some(),
            ],
            metrics_by_run: index(connection, "metrics", &["run_uuid"])?,
            metrics_by_step: index(connection, "metrics", &["run_uuid", "key", "step"])?,
            inputs: has(&inputs, "destination_id") && has(&datasets, "dataset_uuid"),
            inputs_step: has(&inputs, "step"),
            is_of_mlflow_3: !columns(connection, "logged_models")?.is_empty(),
            runs,
            experiments,
        })
    }

    /// Whether the values of one run are found without reading those of all.
    pub fn finds_runs(&self) -> bool {
        Table::ALL.iter().zip(self.by_run).all(|(table, by_run)| by_run || !self.has(*table))
    }

    /// Whether there is such a table.
    pub fn has(&self, table: Table) -> bool {
        match table {
            Table::Params => self.params,
            Table::Tags => self.tags,
            Table::Latest => self.latest || self.metrics,
        }
    }

    /// The name of a table.
    pub fn name(&self, table: Table) -> &'static str {
        match table {
            Table::Params => "params",
            Table::Tags => "tags",
            Table::Latest if self.latest => "latest_metrics",
            Table::Latest => "metrics",
        }
    }

    /// A column of a table, or what stands for it where it is missing.
    fn column(&self, list: &[String], prefix: &str, name: &str) -> String {
        if list.iter().any(|column| column == name) { format!("{prefix}{name}") } else { "NULL".to_owned() }
    }

    /// All experiments: id, name, artifact location, stage, times.
    pub fn experiments(&self) -> String {
        let names = [
            "experiment_id",
            "name",
            "artifact_location",
            "lifecycle_stage",
            "creation_time",
            "last_update_time",
        ];
        let list: Vec<String> = names.iter().map(|name| self.column(&self.experiments, "", name)).collect();
        format!("SELECT {} FROM experiments ORDER BY rowid LIMIT 100000", list.join(", "))
    }

    /// The heads of runs: the columns of [`super::rows::Head`], the newest first. `guard` leaves out what is too long.
    pub fn heads(&self, condition: &str, guard: bool) -> String {
        let tag = |key: &str| {
            if self.tags {
                format!("(SELECT value FROM tags WHERE key = '{key}' AND run_uuid = r.run_uuid)")
            } else {
                "NULL".to_owned()
            }
        };
        let name = self.column(&self.runs, "r.", "name");
        let run_name = format!("CASE WHEN {name} IS NULL OR {name} = '' THEN {} END", tag("mlflow.runName"));
        let texts = [
            "run_uuid",
            "name",
            "user_id",
            "artifact_uri",
            "source_name",
            "source_version",
            "status",
            "lifecycle_stage",
        ];
        let texts = texts.iter().map(|name| self.column(&self.runs, "r.", name));
        let mut list: Vec<String> = texts.chain([tag("mlflow.parentRunId")]).collect();
        let too_long = if guard {
            let test = list
                .iter()
                .map(|text| format!("ifnull(octet_length({text}), 0) > {LONGEST}"))
                .collect::<Vec<_>>();
            list.iter_mut().for_each(|text| *text = guarded(text));
            test.join(" OR ")
        } else {
            "0".to_owned()
        };
        list.push(if guard { format!("iif({too_long}, NULL, {run_name})") } else { run_name });
        list.push(self.column(&self.runs, "r.", "experiment_id"));
        for name in ["start_time", "end_time"] {
            list.push(self.column(&self.runs, "r.", name));
        }
        format!("SELECT r.rowid, {}, {too_long} FROM runs r WHERE {condition}", list.join(", "))
    }

    /// Values of runs: rowid, run, key, and either the value and whether it is too long, or those of a point.
    pub fn values(&self, table: Table, condition: &str, guard: bool) -> String {
        let name = self.name(table);
        let columns = match table {
            Table::Params | Table::Tags if guard => {
                format!("{}, ifnull(octet_length(value), 0) > {LONGEST}", guarded("value"))
            }
            Table::Params | Table::Tags => "value, 0".to_owned(),
            Table::Latest if self.latest => self.point_columns(self.latest_nan, true),
            Table::Latest => self.point_columns(self.metrics_nan, self.metrics_step),
        };
        let key = if guard { guarded("key") } else { "key".to_owned() };
        format!("SELECT rowid, run_uuid, {key}, {columns} FROM {name} WHERE {condition}")
    }

    /// Points of histories: rowid, run, key, value, step, timestamp, and whether it is NaN.
    pub fn points(&self, index: Option<&str>, condition: &str) -> String {
        let columns = self.point_columns(self.metrics_nan, self.metrics_step);
        let by =
            index.map_or(String::new(), |index| format!(" INDEXED BY \"{}\"", index.replace('"', "\"\"")));
        format!("SELECT rowid, run_uuid, key, {columns} FROM metrics{by} WHERE {condition}")
    }

    /// The rest of the primary key of `metrics` behind the key, and the marks for its values from the second on.
    pub fn point_order(&self) -> (&'static str, &'static str) {
        match (self.metrics_step, self.metrics_nan) {
            (true, true) => ("timestamp, step, run_uuid, value, is_nan", "?2, ?3, ?4, ?5, ?6"),
            (true, false) => ("timestamp, step, run_uuid, value", "?2, ?3, ?4, ?5"),
            (false, _) => ("timestamp, 0, run_uuid, value", "?2, ?3, ?4, ?5"),
        }
    }

    fn point_columns(&self, nan: bool, step: bool) -> String {
        let (nan, step) = (if nan { "is_nan" } else { "0" }, if step { "step" } else { "0" });
        format!("value, {step}, timestamp, {nan}")
    }
}

fn guarded(text: &str) -> String {
    format!("iif(ifnull(octet_length({text}), 0) > {LONGEST}, NULL, {text})")
}

/// What a name stands for: `table`, `view`...
fn kind(connection: &Connection, name: &str) -> Result<Option<String>, Fault> {
    let mut statement = connection.prepare("SELECT type FROM sqlite_master WHERE name = ?1")?;
    let mut rows = statement.query([name])?;
    Ok(rows.next()?.map(|row| row.get(0)).transpose()?)
}

/// The columns of a table; none of anything else.
fn columns(connection: &Connection, table: &str) -> Result<Vec<String>, Fault> {
    if kind(connection, table)?.is_none_or(|kind| kind != "table") {
        return Ok(Vec::new());
    }
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    let names = statement.query_map([table], |row| row.get::<_, String>(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

/// The name of an index of a table that begins with these columns.
fn index(connection: &Connection, table: &str, begins: &[&str]) -> Result<Option<String>, Fault> {
    let mut statement = connection.prepare("SELECT name FROM pragma_index_list(?1) WHERE partial = 0")?;
    let names =
        statement.query_map([table], |row| row.get::<_, String>(0))?.collect::<Result<Vec<_>, _>>()?;
    for name in names {
        let mut statement = connection.prepare("SELECT name FROM pragma_index_info(?1) ORDER BY seqno")?;
        let columns = statement.query_map([&name], |row| row.get::<_, Option<String>>(0))?;
        let columns: Vec<String> = columns.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        if begins.iter().enumerate().all(|(i, begin)| columns.get(i).is_some_and(|column| column == begin)) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}
