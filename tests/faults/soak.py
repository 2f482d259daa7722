#!/usr/bin/env python3
"""mltop open for long over a store that is written: memory, file descriptors and threads have to stay as they are.

    soak.py PROGRAM [--minutes N] [--runs N] [--rate POINTS] [--json FILE]

A store of 200 runs is made, in which some train; a point of one of them is written at a time, RATE a second in all. Once a
minute a run ends and another one begins, a key is pressed every ten seconds. Every ten seconds the resident memory, file
descriptors, threads and processor time of PROGRAM are taken.

Passes when memory at the end (the median of the last minute) is not 5 % above that of the second minute, and neither
descriptors nor threads have grown.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from live import usage
from ptylib import Session, cpu_seconds

META = """artifact_uri: file://{path}/artifacts
end_time: {end}
experiment_id: '1'
lifecycle_stage: active
run_id: {id}
run_name: {name}
start_time: {start}
status: {status}
user_id: soak
"""


class Writer:
    def __init__(self, root: Path, runs: int):
        self.root, self.step, self.serial = root, 0, 0
        self.training: list[Path] = []
        folder = root / "1"
        folder.mkdir(parents=True)
        (folder / "meta.yaml").write_text(f"artifact_location: file://{folder}\nexperiment_id: '1'\nlifecycle_stage: active\nname: soak\n")
        for _ in range(200):
            self.begin()
        while len(self.training) > runs:
            self.end()

    def begin(self) -> None:
        self.serial += 1
        run = self.root / "1" / f"{self.serial:032x}"
        for part in ("metrics", "params", "tags", "artifacts"):
            (run / part).mkdir(parents=True)
        self.meta(run, 1)
        for i in range(8):
            (run / "params" / f"p{i}").write_text(str(self.serial * i % 7))
        (run / "tags" / "mlflow.runName").write_text(f"run-{self.serial}")
        self.training.append(run)
        self.append(run)

    def meta(self, run: Path, status: int) -> None:
        now = int(time.time() * 1000)
        start = int(run.stat().st_mtime * 1000)
        (run / "meta.yaml").write_text(META.format(path=run, id=run.name, name=f"run-{int(run.name, 16)}", start=start, end="null" if status == 1 else now, status=status))

    def end(self) -> None:
        self.meta(self.training.pop(0), 3)

    def append(self, run: Path) -> None:
        self.step += 1
        with open(run / "metrics" / "loss", "a") as file:
            file.write(f"{int(time.time() * 1000)} {1 / self.step:.6f} {self.step}\n")

    def point(self) -> None:
        self.append(self.training[self.step % len(self.training)])


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("program")
    ap.add_argument("--minutes", type=float, default=30)
    ap.add_argument("--runs", type=int, default=20, help="that train at the same time")
    ap.add_argument("--rate", type=float, default=20, help="points a second")
    ap.add_argument("--json", type=Path, help="write all samples here")
    a = ap.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mltop-soak-"))
    writer = Writer(folder / "mlruns", a.runs)
    s = Session([os.path.abspath(a.program), "--no-cache", str(folder / "mlruns")], 40, 140)
    samples, keys = [], iter(b"jjkiq2qkjGg" * 10_000)
    begin = time.monotonic()
    points, sampled, changed = 0, 0.0, 0.0
    try:
        s.pump(10, until=lambda: "live" in s.term.screen())
        while (now := time.monotonic() - begin) < a.minutes * 60 and not s.ended():
            while points < now * a.rate:
                writer.point()
                points += 1
            if now - changed >= 60:
                changed = now
                writer.end()
                writer.begin()
            s.tokens.clear()
            s.raw.clear()
            s.pump(1 / a.rate)
            if now - sampled >= 10:
                sampled = now
                memory, descriptors, threads = usage(s.pid)
                samples.append({"s": round(now), "mib": round(memory, 2), "fds": descriptors, "threads": threads, "cpu": round(cpu_seconds([s.pid]), 2)})
                key = next(keys)
                # `q` leaves a run's page, never the program.
                s.send(b"\x1b" if key == ord("q") else bytes([key]))
        ended = s.exit
    finally:
        s.close()
        shutil.rmtree(folder, ignore_errors=True)
    if a.json:
        a.json.write_text(json.dumps(samples))
    faults = [f"ended: {ended}"] if ended else []
    second = [x for x in samples if 60 <= x["s"] < 120] or samples[:1]
    last = samples[-6:]
    before, after = (statistics.median(x["mib"] for x in some) for some in (second, last))
    if after - before > 0.05 * before:
        faults.append(f"memory went from {before:.2f} to {after:.2f} MiB")
    for what in ("fds", "threads"):
        if max(x[what] for x in last) > max(x[what] for x in second):
            faults.append(f"{what} grew from {max(x[what] for x in second)} to {max(x[what] for x in last)}")
    seconds = samples[-1]["s"] - samples[0]["s"] or 1
    cpu = 100 * (samples[-1]["cpu"] - samples[0]["cpu"]) / seconds
    print(f"{'FAIL' if faults else 'PASS'}: {a.minutes:g} minutes, {points} points, {a.runs} runs that train: {before:.2f} MiB after a minute, {after:.2f} at the end "
          f"({100 * (after / before - 1):+.1f} %), {last[-1]['fds']} descriptors, {last[-1]['threads']} threads, {cpu:.1f} % of a core")
    for fault in faults:
        print(f"  - {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
