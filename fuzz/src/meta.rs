//! Any bytes as a `meta.yaml`: an answer or a fault, never a panic, and fields that can be asked for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mltop::store::files::meta;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(meta) = meta::parse(bytes) {
        for key in ["run_id", "run_name", "status", "start_time", "lifecycle_stage", "artifact_uri"] {
            let _ = (meta.text(key), meta.integer(key));
        }
    }
});
