//! Datasets and logged models of a run: `inputs/`, `outputs/` and the experiment's `datasets/`.
//!
//! `inputs/<hash>/meta.yaml` names a dataset or a model by `source_id`; `destination_id` is a copy of it, an upstream
//! slip. The dataset itself is `<experiment>/datasets/<source_id>/meta.yaml`.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::meta::{self, Meta};
use super::open::{Folder, Kind};
use crate::index::Text;
use crate::store::{Dataset, Inputs};

/// Bytes of such a `meta.yaml`: schemas of wide tables are large.
const LIMIT: usize = 1 << 20;

/// Reads what a run used and made. What cannot be read is left out.
pub fn read(experiment: &Path, run: &Path) -> Inputs {
    let mut inputs = Inputs::default();
    for meta in metas(run, "inputs") {
        let Some(id) = meta.text("source_id") else { continue };
        match meta.text("source_type") {
            Some("MODEL") => inputs.model_inputs.push(id.into()),
            _ => inputs.datasets.extend(dataset(experiment, id, &meta)),
        }
    }
    for meta in metas(run, "outputs") {
        if let Some(id) = meta.text("source_id").or_else(|| meta.text("destination_id")) {
            inputs.model_outputs.push((id.into(), meta.integer("step").unwrap_or_default()));
        }
    }
    inputs.datasets.sort_by(|a, b| (&a.name, &a.digest).cmp(&(&b.name, &b.digest)));
    inputs.model_inputs.sort();
    inputs.model_outputs.sort();
    inputs
}

/// The `meta.yaml` of each folder below `<run>/<kind>`.
fn metas(run: &Path, kind: &str) -> Vec<Meta> {
    let Ok(folder) = Folder::open(run).and_then(|run| run.folder(OsStr::new(kind))) else { return Vec::new() };
    let entries = folder.entries().unwrap_or_default();
    let names = entries.into_iter().filter(|entry| entry.kind == Kind::Folder).map(|entry| entry.name);
    names.filter_map(|name| read_meta(&folder, &name)).collect()
}

fn read_meta(folder: &Folder, name: &OsStr) -> Option<Meta> {
    let path: OsString = Path::new(name).join("meta.yaml").into();
    let (bytes, _) = folder.read(&path, LIMIT).ok()?;
    meta::parse(&bytes).ok()
}

fn dataset(experiment: &Path, id: &str, input: &Meta) -> Option<Dataset> {
    let folder = Folder::open(experiment).ok()?.folder(OsStr::new("datasets")).ok()?;
    let meta = read_meta(&folder, OsStr::new(id))?;
    let text = |key: &str| meta.text(key).map(Text::from);
    let tags = input.map("tags").into_iter().flatten();
    Some(Dataset {
        name: text("name").unwrap_or_default(),
        digest: text("digest").unwrap_or_default(),
        source_type: text("source_type").unwrap_or_default(),
        source: text("source").unwrap_or_default(),
        schema: text("schema"),
        profile: text("profile"),
        tags: tags.map(|(key, value)| (Text::from(key), Text::from(value))).collect(),
    })
}
