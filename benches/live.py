#!/usr/bin/env python3
"""What following a store costs, and how soon a point is on the screen.

    live.py PROGRAM STORE [--running 50] [--seconds 30]

STORE is a folder of finished runs (gen_mlruns.py makes one); an experiment of runs that train is added to it, and removed in
the end. Told are: processor time, bytes written and watches while nothing happens; watches while runs train; and at 20 and
200 points a second, to all of these runs in turn, the time from close() of the write to the bytes on the terminal for the
newest run, which is on screen.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import random
import shutil
import signal
import statistics
import struct
import termios
import threading
import time
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


class Screen:
    """The program in a pseudo terminal of 120x36; all that it writes, with the time."""

    def __init__(self, program: str, store: Path):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm-256color", LC_ALL="C.UTF-8")
            os.execv(program, ["mltop", "--no-cache", str(store)])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
        self.seen: list[tuple[float, bytes]] = []
        threading.Thread(target=self.read, daemon=True).start()

    def read(self) -> None:
        try:
            while data := os.read(self.fd, 1 << 16):
                self.seen.append((time.monotonic(), data))
        except OSError:
            pass

    def wait(self, text: bytes, seconds: float, since: int = 0) -> float | None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for at, data in self.seen[since:]:
                if text in data:
                    return at
            time.sleep(0.0005)
        return None

    def cpu(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def watches(self) -> int:
        infos = Path(f"/proc/{self.pid}/fdinfo").iterdir()
        return sum(line.startswith("inotify ") for info in infos for line in info.read_text().splitlines())

    def close(self) -> None:
        os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def train(store: Path, count: int) -> list[Path]:
    folder = store / "999999"
    folder.mkdir()
    (folder / "meta.yaml").write_text("experiment_id: '999999'\nname: training\nlifecycle_stage: active\nartifact_location: file:///x\n")
    now, runs = int(time.time() * 1000), []
    for i in range(count):
        run = folder / f"{i:032x}"
        for part in ("metrics", "params", "tags", "artifacts"):
            (run / part).mkdir(parents=True)
        (run / "meta.yaml").write_text(f"run_id: {run.name}\nrun_name: run-{i}\nstatus: 1\nstart_time: {now + i}\nend_time: null\nexperiment_id: '999999'\nlifecycle_stage: active\nuser_id: x\nartifact_uri: file:///x\n")
        (run / "metrics" / "loss").write_text(f"{now} 0.5 0\n")
        runs.append(run)
    return runs


def follow(screen: Screen, runs: list[Path], rate: int, seconds: float) -> None:
    probes: list[tuple[float, bytes]] = []
    written, digit, since = 0, "1", len(screen.seen)
    begin, cpu = time.monotonic(), screen.cpu()
    while (now := time.monotonic() - begin) < seconds:
        if written >= now * rate:
            time.sleep(0.0005)
            continue
        written += 1
        # Later than all that was written at a lower rate, or it would not be the latest.
        step = rate * 10_000 + written
        run = runs[-(step % len(runs)) - 1]
        # All digits change, so they are written together; no other run has four equal ones.
        is_probe = run is runs[-1]
        if is_probe:
            digit = random.choice([d for d in "123456789" if d != digit])
        value = f"0.{digit * 4}" if is_probe else f"0.{random.choice('12345')}{random.choice('6789')}{random.choice('12345')}7"
        with open(run / "metrics" / "loss", "a") as file:
            file.write(f"{int(time.time() * 1000)} {value} {step}\n")
        if is_probe:
            probes.append((time.monotonic(), (digit * 4).encode()))
    used = 100 * (screen.cpu() - cpu) / (time.monotonic() - begin)
    time.sleep(1)
    chunks = screen.seen[since:]
    times, lost = [], 0
    for i, (closed, _) in enumerate(probes):
        # A point that a later one has overtaken is on screen with that one.
        texts = [text for _, text in probes[i : i + 4]]
        at = next((at for at, data in chunks if at >= closed and any(text in data for text in texts)), None)
        lost += at is None or at - closed > 1
        times += [] if at is None else [(at - closed) * 1000]
    times.sort()
    at = lambda part: times[min(len(times) - 1, int(part * len(times)))]
    print(f"{rate} points/s to {len(runs)} runs: {len(times)} points looked for, {lost} not seen within a second: p50 {at(0.5):.0f} ms, p95 {at(0.95):.0f} ms, p99 {at(0.99):.0f} ms, max {times[-1]:.0f} ms; {used:.1f} % of a core", flush=True)


def main() -> None:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("program")
    ap.add_argument("store", type=Path)
    ap.add_argument("--running", type=int, default=50)
    ap.add_argument("--seconds", type=float, default=30)
    a = ap.parse_args()
    program, store = os.path.abspath(a.program), a.store.resolve()
    shutil.rmtree(store / "999999", ignore_errors=True)
    screen = Screen(program, store)
    screen.wait(b" live", 60)
    # What came while the store was read is looked at again.
    time.sleep(20)
    cpu, since = screen.cpu(), len(screen.seen)
    time.sleep(a.seconds)
    written = sum(len(data) for _, data in screen.seen[since:])
    experiments = sum(path.is_dir() and path.name.isdigit() for path in store.iterdir())
    running = sum("\nstatus: 1\n" in meta.read_text(errors="replace") for meta in store.glob("*/*/meta.yaml"))
    print(f"nothing happens: {100 * (screen.cpu() - cpu) / a.seconds:.2f} % of a core, {written} bytes written, {screen.watches()} watches ({experiments} experiments, {running} runs say that they train)", flush=True)
    screen.close()
    runs = train(store, a.running)
    try:
        screen = Screen(program, store)
        screen.wait(b" live", 60)
        time.sleep(3)
        print(f"{a.running} runs train: {screen.watches()} watches; at most {2 + experiments + 1 + 6 * (running + a.running) + 5} by the rule", flush=True)
        for rate in (20, 200):
            follow(screen, runs if rate == 200 else runs[-1:], rate, a.seconds)
        screen.close()
    finally:
        shutil.rmtree(store / "999999", ignore_errors=True)


if __name__ == "__main__":
    main()
