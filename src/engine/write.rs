//! Writes exported files to the current folder, never into the store.

use std::path::{Path, PathBuf};

use crate::app::{Content, Export, Notice};
use crate::export;
use crate::shown::{Shown, shown};

/// Size of an exported chart in pixels.
const SIZE: (u32, u32) = (1280, 720);

/// Writes the files and says where they are, or why they are not.
pub fn write(what: &Export, store: &str) -> Notice {
    match files(what).and_then(|files| save(&what.stem, files, store)) {
        Ok(paths) => {
            let names: Vec<String> =
                paths.iter().map(|path| shown(&path.to_string_lossy()).into_string()).collect();
            Notice { text: Shown::own(format!("wrote {}", names.join(" and "))), bad: false }
        }
        Err(why) => Notice { text: Shown::own(format!("could not write: {}", shown(&why))), bad: true },
    }
}

/// Extensions and bytes.
fn files(what: &Export) -> Result<Vec<(&'static str, Vec<u8>)>, String> {
    Ok(match &what.content {
        Content::Plot(plot) => {
            let png = export::png(plot, SIZE.0, SIZE.1).map_err(|error| error.to_string())?;
            let svg = export::svg(plot, SIZE.0, SIZE.1).map_err(|error| error.to_string())?;
            vec![("png", png), ("svg", svg.into_bytes())]
        }
        Content::Table(table) => {
            vec![("csv", export::csv(table).into_bytes()), ("json", export::json(table).into_bytes())]
        }
    })
}

fn save(stem: &str, files: Vec<(&'static str, Vec<u8>)>, store: &str) -> Result<Vec<PathBuf>, String> {
    let folder = folder(store);
    let mut paths = Vec::new();
    for (extension, bytes) in files {
        let path = export::save(&folder, stem, extension, &bytes).map_err(|error| error.to_string())?;
        paths.push(path.strip_prefix("./").map(Path::to_owned).unwrap_or(path));
    }
    Ok(paths)
}

/// The current folder; the home folder when the current one is inside of the store.
fn folder(store: &str) -> PathBuf {
    let here = Path::new(".").canonicalize().unwrap_or_default();
    let in_store = Path::new(store).canonicalize().is_ok_and(|store| here.starts_with(store));
    if in_store { std::env::home_dir().unwrap_or_else(std::env::temp_dir) } else { PathBuf::from(".") }
}
