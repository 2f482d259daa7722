//! The house rules that a machine can hold: who may use what, and that what is told is true.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use mltop::app::keys::{BINDINGS, Place};

/// All source files below a folder.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut stack = vec![root.join(folder), root.join(format!("{folder}.rs"))];
    let mut out = Vec::new();
    while let Some(path) = stack.pop() {
        if path.is_dir() {
            stack.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") && path.exists() {
            let text = fs::read_to_string(&path).unwrap();
            // What only tests use is not bound by the walls.
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
            if !path.ends_with("tests.rs") {
                out.push((path, text));
            }
        }
    }
    assert!(!out.is_empty(), "no sources in {folder}");
    out
}

fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(|line| line.split("//").next().unwrap_or_default())
}

/// No code line of these folders mentions any of these.
fn wall(folders: &[&str], forbidden: &[&str]) {
    for folder in folders {
        for (path, text) in sources(folder) {
            for line in code(&text) {
                for word in forbidden {
                    assert!(!line.contains(word), "{} may not use {word}: {line}", path.display());
                }
            }
        }
    }
}

const IO: [&str; 5] = ["std::fs", "std::net", "std::thread", "std::process", "File::"];
const CLOCK: [&str; 2] = ["SystemTime", "Instant"];
const SCREEN: [&str; 3] = ["ratatui", "crossterm", "crate::view"];

#[test]
fn stores_know_no_screen() {
    wall(&["src/store", "src/watch"], &SCREEN);
    wall(&["src/store", "src/watch"], &["crate::app", "crate::query"]);
}

#[test]
fn index_series_and_query_are_pure() {
    for folder in ["src/index", "src/series", "src/query", "src/format", "src/shown"] {
        wall(&[folder], &IO);
        wall(&[folder], &CLOCK);
        wall(&[folder], &SCREEN);
    }
}

#[test]
fn the_app_does_no_io_and_reads_no_clock() {
    wall(&["src/app"], &IO);
    wall(&["src/app"], &CLOCK);
    wall(&["src/app"], &["ratatui::style", "ratatui::widgets", "ratatui::buffer"]);
}

#[test]
fn views_do_no_io_and_change_nothing() {
    wall(&["src/view"], &IO);
    wall(&["src/view"], &CLOCK);
    wall(&["src/view"], &["&mut App", "crossterm"]);
}

/// Widgets drop control characters; cells that are set one by one do not. So only signs of the program go there.
#[test]
fn cells_are_set_only_with_own_signs() {
    for (path, text) in sources("src/view") {
        let own_signs =
            path.ends_with("ascii.rs") || path.components().any(|part| part.as_os_str() == "chart");
        let sets = code(&text).any(|line| line.contains("set_symbol") || line.contains("set_char"));
        assert!(own_signs || !sets, "{} sets cells by itself", path.display());
    }
}

#[test]
fn only_the_terminal_is_unsafe() {
    // And two calls that have no safe form, each in a file of its own.
    let calls = ["memory.rs", "descriptors.rs"];
    for (path, text) in sources("src") {
        let in_terminal = path.components().any(|part| part.as_os_str() == "terminal")
            || calls.iter().any(|call| path.ends_with(call));
        let has_unsafe = code(&text).any(|line| line.contains("unsafe ") || line.contains("(unsafe_code"));
        assert!(in_terminal || !has_unsafe, "{} is unsafe", path.display());
    }
}

#[test]
fn no_file_of_the_store_is_opened_past_the_one_way_in() {
    // `location` looks at the beginning of a file that the user named, the cache is our own; everything else goes
    // through `open.rs`. `settings` reads the user's own login and certificates, the test of `descriptors` looks at its own.
    for (path, text) in sources("src/store") {
        let others = ["open.rs", "location.rs", "cache.rs", "settings.rs", "descriptors.rs"];
        if others.iter().any(|name| path.ends_with(name)) {
            continue;
        }
        for line in code(&text) {
            for word in ["File::open", "fs::read", "read_to_string", "OpenOptions"] {
                assert!(!line.contains(word), "{} opens by itself: {line}", path.display());
            }
        }
    }
}

#[test]
fn files_have_one_subject() {
    for (path, text) in sources("src") {
        let lines = text.lines().count();
        assert!(lines <= 600, "{} has {lines} lines: does it still have one subject?", path.display());
        assert!(text.starts_with("//!"), "{} does not say what it is for", path.display());
    }
}

/// The README's key table, as it has to be.
fn key_table() -> String {
    let mut out = String::new();
    for place in Place::ALL {
        out.push_str(&format!("\n**{}**\n\n| key | does |\n| --- | --- |\n", place.title()));
        for binding in BINDINGS.iter().filter(|binding| binding.place == place) {
            let keys: Vec<String> = binding.keys.split(' ').map(|key| format!("`{key}`")).collect();
            out.push_str(&format!("| {} | {} |\n", keys.join(" "), binding.help.replace('|', "\\|")));
        }
    }
    out
}

#[test]
fn the_readme_has_the_key_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once("<!-- keys -->\n").expect("README.md has a place for the keys");
    let (table, after) = rest.split_once("<!-- /keys -->").expect("README.md ends the keys");
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(&path, format!("{before}<!-- keys -->\n{}<!-- /keys -->{after}", key_table())).unwrap();
    } else {
        assert_eq!(table, key_table(), "run UPDATE_README=1 cargo test --test rules");
    }
}
