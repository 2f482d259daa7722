//! What is looked at in a server's JSON, as serde takes it. Whatever is missing or of another type is none.

use serde::Deserialize;

use super::super::lenient::{Flag, Float, Int, List, Object, Words};

#[derive(Deserialize)]
pub(super) struct ExperimentsShape<'a> {
    #[serde(borrow, default)]
    pub(super) experiments: List<Object<ExperimentShape<'a>>>,
    #[serde(borrow, default)]
    pub(super) next_page_token: Words<'a>,
}

#[derive(Deserialize)]
pub(super) struct ExperimentShape<'a> {
    #[serde(borrow, default)]
    pub(super) experiment_id: Words<'a>,
    #[serde(borrow, default)]
    pub(super) name: Words<'a>,
    #[serde(borrow, default)]
    pub(super) artifact_location: Words<'a>,
    #[serde(borrow, default)]
    pub(super) lifecycle_stage: Words<'a>,
    #[serde(default)]
    pub(super) creation_time: Int,
    #[serde(default)]
    pub(super) last_update_time: Int,
    #[serde(borrow, default)]
    pub(super) tags: List<Object<PairShape<'a>>>,
}

#[derive(Deserialize)]
pub(super) struct PairShape<'a> {
    #[serde(borrow, default)]
    pub(super) key: Words<'a>,
    #[serde(borrow, default)]
    pub(super) value: Words<'a>,
}

#[derive(Deserialize)]
pub(super) struct RunsShape<'a> {
    #[serde(borrow, default)]
    pub(super) runs: List<Object<RunShape<'a>>>,
    #[serde(borrow, default)]
    pub(super) next_page_token: Words<'a>,
}

#[derive(Deserialize)]
pub(super) struct OneRunShape<'a> {
    #[serde(borrow, default)]
    pub(super) run: Object<RunShape<'a>>,
}

#[derive(Deserialize)]
pub(super) struct RunShape<'a> {
    #[serde(borrow, default)]
    pub(super) info: Object<InfoShape<'a>>,
    #[serde(borrow, default)]
    pub(super) data: Object<DataShape<'a>>,
    #[serde(borrow, default)]
    pub(super) inputs: Object<InputsShape<'a>>,
    #[serde(borrow, default)]
    pub(super) outputs: Object<OutputsShape<'a>>,
}

#[derive(Deserialize)]
pub(super) struct InfoShape<'a> {
    #[serde(borrow, default)]
    pub(super) run_id: Words<'a>,
    #[serde(borrow, default)]
    pub(super) run_uuid: Words<'a>,
    #[serde(borrow, default)]
    pub(super) run_name: Words<'a>,
    #[serde(borrow, default)]
    pub(super) experiment_id: Words<'a>,
    #[serde(borrow, default)]
    pub(super) user_id: Words<'a>,
    #[serde(borrow, default)]
    pub(super) status: Words<'a>,
    #[serde(default)]
    pub(super) start_time: Int,
    #[serde(default)]
    pub(super) end_time: Int,
    #[serde(borrow, default)]
    pub(super) artifact_uri: Words<'a>,
    #[serde(borrow, default)]
    pub(super) lifecycle_stage: Words<'a>,
}

#[derive(Deserialize, Default)]
pub(super) struct DataShape<'a> {
    #[serde(borrow, default)]
    pub(super) metrics: List<Object<MetricShape<'a>>>,
    #[serde(borrow, default)]
    pub(super) params: List<Object<PairShape<'a>>>,
    #[serde(borrow, default)]
    pub(super) tags: List<Object<PairShape<'a>>>,
}

#[derive(Deserialize)]
pub(super) struct MetricShape<'a> {
    #[serde(borrow, default)]
    pub(super) key: Words<'a>,
    #[serde(borrow, default)]
    pub(super) run_id: Words<'a>,
    #[serde(default)]
    pub(super) value: Float,
    #[serde(default)]
    pub(super) timestamp: Int,
    #[serde(default)]
    pub(super) step: Int,
}

#[derive(Deserialize)]
pub(super) struct MetricsShape<'a> {
    #[serde(borrow, default)]
    pub(super) metrics: List<Object<MetricShape<'a>>>,
    #[serde(borrow, default)]
    pub(super) next_page_token: Words<'a>,
}

#[derive(Deserialize, Default)]
pub(super) struct InputsShape<'a> {
    #[serde(borrow, default)]
    pub(super) dataset_inputs: List<Object<DatasetInputShape<'a>>>,
    #[serde(borrow, default)]
    pub(super) model_inputs: List<Object<ModelShape<'a>>>,
}

#[derive(Deserialize, Default)]
pub(super) struct OutputsShape<'a> {
    #[serde(borrow, default)]
    pub(super) model_outputs: List<Object<ModelShape<'a>>>,
}

#[derive(Deserialize)]
pub(super) struct DatasetInputShape<'a> {
    #[serde(borrow, default)]
    pub(super) tags: List<Object<PairShape<'a>>>,
    #[serde(borrow, default)]
    pub(super) dataset: Object<DatasetShape<'a>>,
}

#[derive(Deserialize)]
pub(super) struct DatasetShape<'a> {
    #[serde(borrow, default)]
    pub(super) name: Words<'a>,
    #[serde(borrow, default)]
    pub(super) digest: Words<'a>,
    #[serde(borrow, default)]
    pub(super) source_type: Words<'a>,
    #[serde(borrow, default)]
    pub(super) source: Words<'a>,
    #[serde(borrow, default)]
    pub(super) schema: Words<'a>,
    #[serde(borrow, default)]
    pub(super) profile: Words<'a>,
}

#[derive(Deserialize)]
pub(super) struct ModelShape<'a> {
    #[serde(borrow, default)]
    pub(super) model_id: Words<'a>,
    #[serde(default)]
    pub(super) step: Int,
}

#[derive(Deserialize)]
pub(super) struct FilesShape<'a> {
    #[serde(borrow, default)]
    pub(super) root_uri: Words<'a>,
    #[serde(borrow, default)]
    pub(super) files: List<Object<FileShape<'a>>>,
    #[serde(borrow, default)]
    pub(super) next_page_token: Words<'a>,
}

#[derive(Deserialize)]
pub(super) struct FileShape<'a> {
    #[serde(borrow, default)]
    pub(super) path: Words<'a>,
    #[serde(default)]
    pub(super) is_dir: Flag,
    #[serde(default)]
    pub(super) file_size: Int,
}
