//! The least work that reading an MLflow file store takes: the system calls alone, nothing parsed and nothing kept.
//! A floor: what mltop takes, divided by what this takes, does not depend on the machine. Linux only.
//!
//!     limit read  STORE [--level a..f] [--exp ID] [--only K] [--threads N]
//!     limit stat  STORE [--level b|s|m] [--exp ID] [--only K] [--threads N]
//!     limit parse PATH [--threads N]
//!     limit run   PROGRAM ARGUMENTS...
//!
//! read, what is read of each run:  a  nothing, its id is listed   b  meta.yaml   c  + tags   d  + params
//!   e  + the last 4 KiB of each metric file   f  + all of each metric file
//! stat, what is asked of each run, names being known:  b  meta.yaml   s  + the folders metrics, params, tags
//!   m  + each metric file
//! parse: one pass over every metric file below a folder for its latest point; or over one file for that and the
//!   extremes of each column of a chart.
//! run: another program to its end, its output thrown away; for its time and its peak memory. Linux counts the
//!   parent's memory as a child's until it calls exec, so a parent as large as Python hides small peaks.
//!
//! --exp takes one experiment, --only the first K runs. One line of JSON goes to standard output; `s` is seconds.

mod parse;
mod run;
mod store;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

use store::{Calls, Level, Store};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [command, target, rest @ ..] = args.as_slice() else {
        eprintln!("usage: limit read|stat|parse|run ...; the first lines of main.rs say what each does");
        return ExitCode::from(2);
    };
    if command == "run" {
        return run::run(target, rest);
    }
    let options: BTreeMap<&str, &str> =
        rest.chunks_exact(2).map(|pair| (pair[0].as_str(), pair[1].as_str())).collect();
    let number = |name, default| options.get(name).map_or(default, |text| text.parse().expect("a number"));
    let threads: usize = number("--threads", 1);
    let only = number("--only", usize::MAX);
    let level = *options.get("--level").unwrap_or(&"e");

    if command == "parse" {
        parse::parse(target, threads);
        return ExitCode::SUCCESS;
    }
    let start = Instant::now();
    let mut calls = Calls::default();
    let store = Store::list(target, options.get("--exp").copied(), only, &mut calls);
    let seconds = match command.as_str() {
        "read" => {
            calls.add(&store.read(Level::of(level), threads));
            start.elapsed()
        }
        "stat" => {
            let names = store.names(level);
            let start = Instant::now();
            calls = store::stat(&names, threads);
            start.elapsed()
        }
        _ => panic!("no such command: {command}"),
    }
    .as_secs_f64();
    let (runs, Calls { calls, files, bytes, missing }) = (store.runs(), calls);
    println!(
        "{{\"s\":{seconds:.6},\"runs\":{runs},\"calls\":{calls},\"files\":{files},\"bytes\":{bytes},\"missing\":{missing}}}"
    );
    ExitCode::SUCCESS
}
