//! How long a file takes to become values.

use divan::Bencher;
use mltop::store::files::meta;

fn main() {
    divan::main();
}

/// A run as MLflow 2 writes it.
const RUN: &str =
    "artifact_uri: file:///home/demo/project/mlruns/0/2d54a5b1c3e84f2f9b6d7a8c9e0f1a2b/artifacts
end_time: 1795414927467
entry_point_name: ''
experiment_id: '0'
lifecycle_stage: active
run_id: 2d54a5b1c3e84f2f9b6d7a8c9e0f1a2b
run_name: nosy-crane-12
run_uuid: 2d54a5b1c3e84f2f9b6d7a8c9e0f1a2b
source_name: ''
source_type: 4
source_version: ''
start_time: 1795414927421
status: 3
tags: []
user_id: demo
";

/// Only plain lines.
#[divan::bench]
fn meta_plain_lines(bencher: Bencher<'_, '_>) {
    bencher.bench(|| meta::parse(divan::black_box(RUN.as_bytes())));
}

/// The same with a name that is folded, which takes the YAML parser.
#[divan::bench]
fn meta_folded_name(bencher: Bencher<'_, '_>) {
    let folded = RUN.replace("nosy-crane-12", "nosy\n  crane 12");
    bencher.bench(|| meta::parse(divan::black_box(folded.as_bytes())));
}
