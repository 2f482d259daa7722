//! The head of a run, for its place among the rows: state, times, name and parent. Thousands of them are waited for before
//! the first rows are there, so a run's folder is not opened for them; what is not as it should be is left to the
//! reader of whole runs.

use std::ffi::{CStr, CString};
use std::path::Path;

use super::{Outcome, Reader, RunFiles, read_tree, small, take_meta};
use crate::index::Run;
use crate::store::files::due::Due;
use crate::store::files::open::{Fault, Folder, Kind, Stamp};
use crate::store::files::{meta, problems};

/// Reads the head of a run in an experiment's folder. `None` is no verdict, and nothing has been taken over.
pub fn read_head(
    reader: &mut Reader<'_>,
    run: &Run,
    files: &mut RunFiles,
    (experiment, path): (&Folder, &Path),
    experiment_id: &str,
    due: Due,
) -> Option<Outcome> {
    let is_head = due.contains(Due::META) && Due::HEAD.union(Due::FIRST).contains(due);
    // Who waits for the end of a metric file reads it when the run has ended.
    if !is_head || files.waits() {
        return None;
    }
    let id = run.run_id();
    let (len, stamp) = below(experiment, id, c"meta.yaml", &mut reader.buffers.files.bytes).ok()?;
    let bytes = reader.buffers.files.bytes.get(..len).filter(|_| len < reader.buffers.files.bytes.len())?;
    let meta = meta::parse(bytes).ok()?;
    reader.draft.load(run);
    let mut report = problems::Report::default();
    let place = || path.join(id).join("meta.yaml");
    let taken = take_meta(reader, run, files, (&meta, stamp), experiment_id, &place, &mut report);
    if due.contains(Due::TREE) {
        read_tree(reader, run, files.named, &|name, buffer| below(experiment, id, name, buffer));
    }
    let mut outcome = Outcome::default();
    if taken.again {
        outcome.again = Due::META;
    } else {
        outcome.reports.push((problems::Look::Meta, report));
    }
    files.settle();
    let new = reader.draft.pack();
    outcome.run = (!new.is_like(run)).then_some(new);
    Some(outcome)
}

/// A small file of a run, by its path from the experiment: looked at, then read as far as the buffer goes.
fn below(experiment: &Folder, id: &str, name: &CStr, buffer: &mut [u8]) -> Result<(usize, Stamp), Fault> {
    let path = [id.as_bytes(), b"/", name.to_bytes()].concat();
    let path = CString::new(path).map_err(|_| Fault::Gone)?;
    match experiment.look(&path)? {
        (Kind::File, stamp) => Ok((experiment.small_file(&path)?.read(buffer)?, stamp)),
        // A link, perhaps, which may not lead out of the run.
        _ => small(&experiment.linked_folder(id)?, name, buffer),
    }
}
