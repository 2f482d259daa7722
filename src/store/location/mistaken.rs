//! What somebody may have meant who named a store that is none.

use std::path::{Path, PathBuf};

use super::{has_experiments, is_database};
use crate::shown::shown;

/// Names of schemes that people mean when they mistype one of them.
const WEB: [&str; 9] = ["htp", "htpp", "htttp", "hhtp", "ttp", "htps", "htpps", "httpss", "ttps"];

/// What to write instead of an address that cannot be understood; `uri` has no credentials in it.
pub(super) fn instead(uri: &str) -> String {
    let server = |place: &str| format!("A tracking server is named like this: mltop {}", shown(place));
    let (scheme, rest) = uri.split_once(':').unwrap_or(("", uri));
    let behind = rest.trim_start_matches('/');
    let is_port = behind.len() == rest.len() && behind.starts_with(|c: char| c.is_ascii_digit());
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" if !behind.is_empty() => server(&format!("{scheme}://{behind}")),
        web if WEB.contains(&web) && !behind.is_empty() => {
            server(&format!("{}://{behind}", if web.ends_with('s') { "https" } else { "http" }))
        }
        "sqlite" => {
            "A database is named by its path: mltop mlflow.db, or sqlite:///mlflow.db with three slashes, \
                     sqlite:////home/me/mlflow.db with four"
                .to_owned()
        }
        _ if is_port && !scheme.is_empty() => server(&format!("http://{uri}")),
        _ => "Name a folder of runs, a database, or a tracking server: mltop ./mlruns, mltop mlflow.db, \
              mltop http://localhost:5000"
            .to_owned(),
    }
}

/// A store that is where somebody looked for another one.
pub(super) fn nearby(path: &Path) -> Option<PathBuf> {
    let folder = path.parent()?;
    let (mlruns, database) = (folder.join("mlruns"), folder.join("mlflow.db"));
    let is_store = has_experiments(&mlruns, |_| true);
    is_store.then_some(mlruns).or_else(|| is_database(&database).then_some(database))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_mistype_is_put_right() {
        for (typed, meant) in [
            ("localhost:5000", "mltop http://localhost:5000"),
            ("10.0.0.7:8080/mlflow", "mltop http://10.0.0.7:8080/mlflow"),
            ("http:/localhost:5000", "mltop http://localhost:5000"),
            ("http:localhost", "mltop http://localhost"),
            ("htp://localhost:5000", "mltop http://localhost:5000"),
            ("htps://mlflow.example", "mltop https://mlflow.example"),
            ("sqlite://mlflow.db", "sqlite:///mlflow.db"),
            ("s3://bucket/mlruns", "mltop ./mlruns"),
        ] {
            let told = instead(typed);
            assert!(told.contains(meant), "{typed}: {told}");
        }
    }
}
