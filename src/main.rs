//! The binary (for a moment: only the screen).
use mltop::{engine, store, terminal};
fn main() {
    let arg = std::env::args().nth(1);
    let here = std::path::PathBuf::from(".");
    let demo =
        if arg.as_deref() == Some("demo") { mltop::demo::Demo::start(engine::now()).ok() } else { None };
    let given = demo.as_ref().map(|d| d.store().to_string_lossy().into_owned()).or(arg);
    let location = match store::location::find(given.as_deref(), None, &here) {
        Ok(l) => l,
        Err(e) => {
            use std::io::Write;
            let _ = writeln!(std::io::stderr(), "mltop: {e}");
            std::process::exit(1)
        }
    };
    let store = store::open(&location);
    let Ok(store) = store else { std::process::exit(1) };
    let title = mltop::shown::shown(&location.title());
    let _ = engine::run(
        store,
        engine::Options { location, title, once: false, at_exit: mltop::demo::remove_all },
    );
    terminal::die(0)
}
