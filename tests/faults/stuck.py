#!/usr/bin/env python3
"""A file system that does not answer: the screen does, says so, and lets the user go.

    stuck.py PROGRAM

A store of some hundred runs is opened under strace, which lets every openat(2) of a thread take twenty seconds from its
fortieth on: a file server that has gone. Asked for: a first frame, a header that says that the store is waited for, keys that
are answered meanwhile, and the terminal back within a second. Exit 1 when something is not so, 3 without strace.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

from ptylib import Session

RUNS, FREE, DELAY = 400, 40, 20_000_000
META = "artifact_uri: ''\nend_time: 1795400060000\nlifecycle_stage: active\nrun_id: {id}\nrun_name: run {n}\nstart_time: {start}\nstatus: 3\n"


def make(root: Path) -> None:
    experiment = root / "1"
    experiment.mkdir(parents=True)
    (experiment / "meta.yaml").write_text("experiment_id: '1'\nlifecycle_stage: active\nname: on a server\n")
    for n in range(RUNS):
        run = experiment / f"{n:032x}"
        for kind in ("metrics", "params", "tags"):
            (run / kind).mkdir(parents=True)
        (run / "meta.yaml").write_text(META.format(id=run.name, n=n, start=1795400000000 + n))
        (run / "params" / "lr").write_text("0.1")
        (run / "metrics" / "loss").write_text("1795400000000 0.5 1\n")


def main() -> int:
    if not shutil.which("strace"):
        print("skip: there is no strace")
        return 3
    program, folder = str(Path(sys.argv[1]).resolve()), Path(tempfile.mkdtemp(prefix="mltop-stuck-"))
    make(folder / "mlruns")
    delay = ["-e", "trace=openat", "-e", f"inject=openat:delay_enter={DELAY}:when={FREE}+"]
    s = Session(["strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", *delay, program, "--no-cache", str(folder / "mlruns")], 30, 100)
    faults: list[str] = []

    def within(seconds: float, what: str, is_so) -> None:
        begin = time.monotonic()
        s.pump(seconds, until=is_so)
        took = time.monotonic() - begin
        print(f"{what}: {took:.2f} s", flush=True)
        if not is_so():
            faults.append(f"{what}: not within {seconds} s\n{s.term.screen()}")

    try:
        within(2, "first frame", lambda: "Runs" in s.term.screen())
        within(10, "the header says that the store is waited for", lambda: "waiting for the store" in s.term.screen().splitlines()[0])
        s.send(b"?")
        within(0.5, "help opens", lambda: "Esc closes" in s.term.screen())
        s.send(b"\x1b")
        s.pump(0.5)
        s.send(b"\x03")
        # strace keeps the process until its delays are over, as a dead file server keeps whoever sleeps in its calls.
        within(1, "the terminal is given back", lambda: not s.not_restored())
    finally:
        s.close()
        shutil.rmtree(folder, ignore_errors=True)
    for fault in faults:
        print(f"FAIL  {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
