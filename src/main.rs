//! The binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    mltop::memory::share_arena();
    mltop::cli::run()
}
