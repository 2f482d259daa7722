//! The binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    mltop::cli::run()
}
