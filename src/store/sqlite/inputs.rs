//! Datasets and logged models of a run: the table `inputs` links them, in MLflow's words of `SourceType` and
//! `DestinationType`.

use rusqlite::Params;

use super::open::Fault;
use super::rows::{Reader, page};
use super::text::{text, whole};
use crate::index::Text;
use crate::store::{Dataset, Inputs};

/// More of them are not read.
const MOST: &str = "LIMIT 10000";

/// Reads what a run used and made. What cannot be read is left out, and told.
pub fn read(reader: &Reader, run_id: &str) -> Inputs {
    let mut inputs = Inputs::default();
    if !reader.schema.inputs {
        return inputs;
    }
    let columns =
        "d.name, d.digest, d.dataset_source_type, d.dataset_source, d.dataset_schema, d.dataset_profile";
    let sql = format!(
        "SELECT {columns}, i.input_uuid FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id \
         WHERE i.source_type = 'DATASET' AND i.destination_type = 'RUN' AND i.destination_id = ?1 {MOST}"
    );
    let mut fault = None;
    for row in texts::<7>(reader, &sql, [run_id], &mut fault) {
        let [name, digest, source_type, source, schema, profile, id] = row;
        let tags = "SELECT name, value FROM input_tags WHERE input_uuid = ?1 ORDER BY name LIMIT 1000";
        let tags = texts::<2>(reader, tags, [id.as_deref()], &mut fault).into_iter();
        inputs.datasets.push(Dataset {
            name: name.unwrap_or_default(),
            digest: digest.unwrap_or_default(),
            source_type: source_type.unwrap_or_default(),
            source: source.unwrap_or_default(),
            schema,
            profile,
            tags: tags.map(|[key, value]| (key.unwrap_or_default(), value.unwrap_or_default())).collect(),
        });
    }
    let models = |what: &str, columns: &str| {
        format!(
            "SELECT {columns} FROM inputs WHERE source_type = 'RUN_{what}' AND source_id = ?1 \
             AND destination_type = 'MODEL_{what}' {MOST}"
        )
    };
    let used = texts::<1>(reader, &models("INPUT", "destination_id"), [run_id], &mut fault);
    inputs.model_inputs = used.into_iter().flatten().flatten().collect();
    let step = if reader.schema.inputs_step { "destination_id, step" } else { "destination_id, 0" };
    let made = page(
        &reader.database,
        &models("OUTPUT", step),
        [run_id],
        Vec::new(),
        &mut |made: &mut Vec<_>, row| {
            made.extend(text(row, 0).map(|id| (Text::from(&*id), whole(row, 1).get().unwrap_or_default())));
            0
        },
    );
    inputs.model_outputs = made.rows;
    inputs.note = fault.or(made.fault).map(|fault| fault.to_string());
    inputs.datasets.sort_by(|a, b| (&a.name, &a.digest).cmp(&(&b.name, &b.digest)));
    inputs.model_inputs.sort();
    inputs.model_outputs.sort();
    inputs
}

/// Rows of texts, and the first fault of all such statements.
fn texts<const N: usize>(
    reader: &Reader,
    sql: &str,
    bounds: impl Params,
    fault: &mut Option<Fault>,
) -> Vec<[Option<Text>; N]> {
    let page =
        page(&reader.database, sql, bounds, Vec::new(), &mut |rows: &mut Vec<[Option<Text>; N]>, row| {
            rows.push(std::array::from_fn(|column| text(row, column).map(|text| (&*text).into())));
            0
        });
    *fault = fault.take().or(page.fault);
    page.rows
}
