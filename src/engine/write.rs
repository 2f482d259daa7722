//! Writes exported files to the current folder, never into the store.

use std::path::{Path, PathBuf};

use crate::app::output::runs_table;
use crate::app::{Content, Export, Notice};
use crate::export;
use crate::format;
use crate::shown::{Shown, shown};

/// Size of an exported chart in pixels.
const SIZE: (u32, u32) = (1280, 720);

/// Writes the files and says where they are, or why they are not.
pub fn write(what: &Export, store: Option<&Path>) -> Notice {
    let (runs, complete) = match &what.content {
        Content::Runs(all) => (true, all.rows.complete),
        Content::Plot(_) | Content::Table(_) => (false, true),
    };
    let written = files(&what.content).and_then(|(rows, mut files)| {
        let paths = match &what.only {
            None => save(&what.stem, files, store)?,
            Some(only) => {
                files.retain(|(extension, _)| *extension == only.format);
                match &only.file {
                    None => save(&what.stem, files, store)?,
                    Some(path) => vec![save_as(path, files, store)?],
                }
            }
        };
        Ok((rows, paths))
    });
    match written {
        Ok((rows, paths)) => {
            let s = if rows == 1 { "" } else { "s" };
            let count = if runs { format!(" {} run{s}:", format::count(rows as u64)) } else { String::new() };
            let so_far = if complete { "" } else { ", not everything was read yet" };
            Notice { text: Shown::own(format!("wrote{count} {}{so_far}", told(&paths))), bad: false }
        }
        Err(why) => Notice { text: Shown::own(format!("could not write: {}", shown(&why))), bad: true },
    }
}

/// The paths in few words: what differs in the extension only is named once, `./x.csv, .json`.
fn told(paths: &[PathBuf]) -> String {
    let mut words: Vec<String> = Vec::new();
    for (i, path) in paths.iter().enumerate() {
        let same = i.checked_sub(1).and_then(|before| paths.get(before));
        let same = same.is_some_and(|before| before.with_extension("") == path.with_extension(""));
        let extension = path.extension().filter(|_| same);
        words.push(match extension {
            Some(extension) => format!(".{}", shown(&extension.to_string_lossy())),
            None => shown(&path.to_string_lossy()).into_string(),
        });
    }
    words.join(", ")
}

/// Extensions and bytes of files.
type Files = Vec<(&'static str, Vec<u8>)>;

/// The files, and how many rows a table has.
fn files(content: &Content) -> Result<(usize, Files), String> {
    let table = |table: &export::Table| {
        let files =
            vec![("csv", export::csv(table).into_bytes()), ("json", export::json(table).into_bytes())];
        (table.rows.len(), files)
    };
    Ok(match content {
        Content::Plot(plot) => {
            let png = export::png(plot, SIZE.0, SIZE.1).map_err(|error| error.to_string())?;
            let svg = export::svg(plot, SIZE.0, SIZE.1).map_err(|error| error.to_string())?;
            (0, vec![("png", png), ("svg", svg.into_bytes())])
        }
        Content::Table(rows) => table(rows),
        Content::Runs(all) => table(&runs_table(all)),
    })
}

fn save(stem: &str, files: Files, store: Option<&Path>) -> Result<Vec<PathBuf>, String> {
    let folder = folder(store);
    let mut paths = Vec::new();
    for (extension, bytes) in files {
        paths.push(export::save(&folder, stem, extension, &bytes).map_err(|error| error.to_string())?);
    }
    Ok(paths)
}

/// Writes a file where the user wants it: never over one that is there, never into the store.
fn save_as(path: &Path, files: Files, store: Option<&Path>) -> Result<PathBuf, String> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if is_in(folder, store) {
        return Err("files are never written into the store".to_owned());
    }
    let bytes = files.into_iter().next().map(|(_, bytes)| bytes).unwrap_or_default();
    let mut file = std::fs::File::create_new(path).map_err(|error| error.to_string())?;
    std::io::Write::write_all(&mut file, &bytes).map_err(|error| error.to_string())?;
    Ok(path.to_owned())
}

/// Whether a folder lies in the store.
fn is_in(folder: &Path, store: Option<&Path>) -> bool {
    let folder = folder.canonicalize().unwrap_or_default();
    store.and_then(|store| store.canonicalize().ok()).is_some_and(|store| folder.starts_with(store))
}

/// The current folder; the home folder when the current one is inside of the store.
fn folder(store: Option<&Path>) -> PathBuf {
    let here = Path::new(".").canonicalize().unwrap_or_default();
    if is_in(&here, store) {
        std::env::home_dir().unwrap_or_else(std::env::temp_dir)
    } else {
        PathBuf::from(".")
    }
}
