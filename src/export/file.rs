//! Exported files: names that are safe anywhere, and never the end of a file that was there.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use unicode_normalization::UnicodeNormalization;

/// Characters of a stem.
const LONGEST: usize = 80;
/// Bytes of a stem: file systems allow 255 a name, and the number and extension need some.
const BYTES: usize = 200;
/// Files of one name before giving up.
const MOST: usize = 10_000;

/// Writes a new file `stem.extension` into a folder and says where it is.
///
/// A file that exists is never touched: the new one is `stem-2.extension`, `stem-3.extension` and so on. The stem may
/// be any text; what does not belong into a file name becomes a dash. When writing fails, nothing is left behind.
pub fn save(folder: &Path, stem: &str, extension: &str, bytes: &[u8]) -> io::Result<PathBuf> {
    let (stem, extension) = (safe(stem, "export"), safe(extension, "txt"));
    for number in 1..=MOST {
        let name = match number {
            1 => format!("{stem}.{extension}"),
            number => format!("{stem}-{number}.{extension}"),
        };
        let path = folder.join(name);
        // Opening decides, not a look before it: another program may be as fast.
        match File::create_new(&path) {
            Ok(file) => return write(file, &path, bytes).map(|()| path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{MOST} files called {stem} exist")))
}

fn write(mut out: impl Write, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let written = out.write_all(bytes).and_then(|()| out.flush());
    if written.is_err() {
        // Half a file is worse than none; that the first error is told matters more than this one.
        let _ = fs::remove_file(path);
    }
    written
}

/// Text as a part of a file name: letters, digits, `-`, `_` and `.` stay, all else becomes `-`.
fn safe(text: &str, otherwise: &str) -> String {
    let mut out = String::new();
    // Composed, or the accent of a letter would become a dash.
    for c in text.nfc().skip_while(|c| !c.is_alphanumeric() && *c != '_').take(LONGEST) {
        let c = if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
        if out.len() + c.len_utf8() > BYTES {
            break;
        }
        out.push(c);
    }
    if out.is_empty() { otherwise.to_owned() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_safe() {
        assert_eq!(safe("val/loss: α=0.1", "x"), "val-loss--α=0.1".replace('=', "-"));
        assert_eq!(safe("../../etc/passwd", "x"), "etc-passwd");
        assert_eq!(safe("-rf", "x"), "rf");
        assert_eq!(safe("실험 1", "x"), "실험-1");
        assert_eq!(safe("e\u{301}", "x"), "é");
        assert_eq!(safe("///", "x"), "x");
        assert_eq!(safe("", "x"), "x");
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> =
            (0..3u8).map(|i| save(folder.path(), "loss", "csv", &[i]).unwrap()).collect();
        let names: Vec<_> = paths.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["loss.csv", "loss-2.csv", "loss-3.csv"]);
        assert_eq!(paths.iter().map(|path| fs::read(path).unwrap()).collect::<Vec<_>>(), [[0], [1], [2]]);
    }

    #[cfg(unix)]
    #[test]
    fn a_dangling_link_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), folder.path().join("loss.csv")).unwrap();
        assert!(save(folder.path(), "loss", "csv", b"x").unwrap().ends_with("loss-2.csv"));
        assert!(!folder.path().join("elsewhere").exists());
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(
            save(&folder.path().join("no"), "a", "b", b"x").unwrap_err().kind(),
            io::ErrorKind::NotFound
        );
    }

    #[test]
    fn half_a_file_does_not_stay() {
        struct Full(File);
        impl Write for Full {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                if self.0.metadata()?.len() > 0 {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                self.0.write(bytes.get(..1).unwrap_or_default())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("half");
        let error = write(Full(File::create_new(&path).unwrap()), &path, b"data").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert!(!path.exists());
    }

    proptest! {
        #[test]
        fn any_name_can_be_saved(stem in any::<String>()) {
            let folder = tempfile::tempdir().unwrap();
            let path = save(folder.path(), &stem, "json", b"{}").unwrap();
            prop_assert_eq!(path.parent(), Some(folder.path()));
            let name = path.file_name().unwrap().to_str().unwrap();
            prop_assert!(name.chars().count() <= LONGEST + 5 && !name.starts_with(['.', '-']));
        }
    }
}
