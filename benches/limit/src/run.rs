//! Another program to its end.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::time::Instant;

/// Runs a program and prints its time, its CPU time and its peak memory; ends as it ends.
#[expect(clippy::zombie_processes, reason = "wait4, which tells what it used, waits")]
pub fn run(program: &str, arguments: &[String]) -> ExitCode {
    let start = Instant::now();
    let mut command = Command::new(program);
    let child = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    let child = child.unwrap_or_else(|error| panic!("{program}: {error}"));
    let mut status = 0;
    // SAFETY: all zeroes are a rusage; the pointers are ours, and nobody else waits for this child.
    let used = unsafe {
        let mut used: libc::rusage = std::mem::zeroed();
        libc::wait4(child.id() as libc::pid_t, &mut status, 0, &mut used);
        used
    };
    let seconds = start.elapsed().as_secs_f64();
    let of = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    println!(
        "{{\"s\":{seconds:.6},\"cpu_s\":{:.6},\"peak_kib\":{}}}",
        of(used.ru_utime) + of(used.ru_stime),
        used.ru_maxrss
    );
    ExitCode::from(ExitStatus::from_raw(status).code().map_or(1, |code| code as u8))
}
