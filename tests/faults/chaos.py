#!/usr/bin/env python3
"""Mutate a live MLflow file store in hostile ways while a browser is open on it.

    chaos.py STORE --seconds N --seed S [--rate OPS] [--truth FILE]

STORE is a folder made by hostile.py, or a new one (then five healthy runs are made first). Chaos happens in experiments
of its own (names chaos-*). The healthy runs are only ever appended to, some lines in two halves: a ledger. When time is
up everything half-done is put right, and --truth gets what a correct browser must show from then on:

    {"runs": {run_id: {"name", "status", "experiment", "deleted", "metrics": {key: {"points", "last_step", "last_value"}},
                       "params": {..}, "tags": n}}, "ledger": {run_id: points written}, "ops": {...}}

Bounded: by --seconds, --max-ops, --max-runs and --max-mb. Same seed, same sequence of operations.
Safe: refuses stores without the .chaos-ok mark, never follows symlinks, writes only below STORE.
"""

from __future__ import annotations

import argparse
import errno
import json
import os
import random
import shutil
import signal
import socket
import stat
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Callable

from hostile import GROUPS, SENTINEL, T0, Store, rid

OPS: dict[str, tuple[int, Callable[["Chaos"], object]]] = {}


def op(weight: int):
    def register(fn: Callable[["Chaos"], object]):
        OPS[fn.__name__] = (weight, fn)
        return fn
    return register


class Chaos:
    def __init__(self, root: Path, seed: int, args: argparse.Namespace):
        self.root, self.a, self.rng = root, args, random.Random(seed)
        self.experiments: list[Path] = []
        self.runs: list[Path] = []
        self.repairs: list[Callable[[], object]] = []  # what to put right, oldest first
        self.ledger: dict[str, int] = {}
        self.step = 1000
        self.bytes = 0
        self.serial = 0
        self.counts: Counter[str] = Counter()

    # -- careful primitives ------------------------------------------------------------------------
    def put(self, path: Path, data: bytes, flags: int = os.O_TRUNC) -> None:
        """Write a regular file below the store, in place, without following a symlink or waiting at a FIFO."""
        if not path.is_relative_to(self.root):
            raise ValueError(f"outside the store: {path}")
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | flags, 0o644)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise OSError(errno.EINVAL, "not a regular file")
            self.bytes += len(data)
            while data:
                data = data[os.write(fd, data):]
        finally:
            os.close(fd)

    def append(self, path: Path, data: bytes) -> None:
        self.put(path, data, os.O_APPEND)

    def pause(self, most: float = 0.03) -> None:
        time.sleep(self.rng.uniform(0.001, most))

    # -- picking -------------------------------------------------------------------------------------
    def run(self) -> Path:
        self.runs = [r for r in self.runs if (r / "meta.yaml").exists()] or [self.make_run()]
        return self.rng.choice(self.runs)

    def metric(self) -> Path:
        run = self.run()
        files = [p for p in (run / "metrics").iterdir() if p.is_file() and not p.is_symlink()]
        return self.rng.choice(files) if files else run / "metrics" / "loss"

    def line(self, n: int = 1) -> bytes:
        out = []
        for _ in range(n):
            self.step += 1
            out.append(f"{T0 + self.step * 1000} {self.rng.random():.6f} {self.step}\n")
        return "".join(out).encode()

    def meta(self, run: Path, **change: object) -> bytes:
        values = {"artifact_uri": f"file://{run}/artifacts", "end_time": "null", "entry_point_name": "''", "experiment_id": f"'{run.parent.name}'",
                  "lifecycle_stage": "active", "run_id": run.name, "run_name": "chaos", "run_uuid": run.name, "source_name": "''", "source_type": 4,
                  "source_version": "''", "start_time": T0, "status": 1, "tags": "[]", "user_id": "chaos"} | change
        return "".join(f"{k}: {v}\n" for k, v in values.items()).encode()

    def make_experiment(self) -> Path:
        self.serial += 1
        path = self.root / f"90{self.serial:06d}"
        path.mkdir()
        self.write_experiment(path, f"chaos-{self.serial}")
        self.experiments.append(path)
        return path

    def write_experiment(self, path: Path, name: str, stage: str = "active") -> None:
        self.put(path / "meta.yaml", f"artifact_location: file://{path}\ncreation_time: {T0}\nexperiment_id: '{path.name}'\nlast_update_time: {T0}\n"
                                     f"lifecycle_stage: {stage}\nname: {name}\n".encode())

    def live_experiment(self) -> Path:
        self.experiments = [e for e in self.experiments if e.is_dir() and e.parent == self.root]
        return self.rng.choice(self.experiments) if self.experiments else self.make_experiment()

    def make_run(self, folder: str | None = None, parent: Path | None = None) -> Path:
        self.serial += 1
        run = (parent or self.live_experiment()) / (folder or rid(f"chaos-{self.a.seed}-{self.serial}"))
        for sub in ("artifacts", "metrics", "params", "tags"):  # MLflow's order: folders first, meta.yaml later
            (run / sub).mkdir(parents=True, exist_ok=True)
        self.put(run / "meta.yaml", self.meta(run, run_name=f"chaos-run-{self.serial}"))
        self.put(run / "tags" / "mlflow.runName", f"chaos-run-{self.serial}".encode())
        self.put(run / "metrics" / "loss", self.line(5))
        self.runs.append(run)
        return run


# -- what training jobs do ------------------------------------------------------------------------
@op(30)
def ledger_append(c: Chaos) -> None:
    """A line (or several) at the end of a healthy run's metric."""
    run = c.root / "0" / c.rng.choice(sorted(c.ledger))
    n = c.rng.choice([1, 1, 1, 10])
    c.append(run / "metrics" / "loss", c.line(n))
    c.ledger[run.name] += n


@op(10)
def ledger_torn(c: Chaos) -> None:
    """A line in two writes with a gap between: readers see half a line."""
    run = c.root / "0" / c.rng.choice(sorted(c.ledger))
    data = c.line()
    cut = c.rng.randrange(1, len(data))
    c.append(run / "metrics" / "loss", data[:cut])
    c.pause(0.15)
    c.append(run / "metrics" / "loss", data[cut:])
    c.ledger[run.name] += 1


@op(15)
def append_metric(c: Chaos) -> None:
    c.append(c.metric(), c.line(c.rng.choice([1, 5, 100])))


@op(3)
def new_metric(c: Chaos) -> None:
    c.serial += 1
    path = c.run() / "metrics" / c.rng.choice(["", "val/"]) / f"m{c.serial}"
    path.parent.mkdir(exist_ok=True)
    c.put(path, c.line(3))


@op(8)
def write_tag(c: Chaos) -> None:
    """In place, as MLflow does: empty for a moment."""
    path = c.run() / "tags" / f"t{c.rng.randrange(20)}"
    c.put(path, b"")
    c.pause(0.02)
    c.put(path, f"value {c.step}".encode())


@op(4)
def add_param(c: Chaos) -> None:
    c.serial += 1
    c.put(c.run() / "params" / f"p{c.serial % 300}", str(c.rng.random()).encode())


@op(6)
def new_run(c: Chaos) -> None:
    if len(c.runs) < c.a.max_runs:
        c.make_run()


@op(1)
def new_experiment(c: Chaos) -> None:
    if len(c.experiments) < 20:
        c.make_experiment()


@op(6)
def finish_run(c: Chaos) -> None:
    run = c.run()
    c.put(run / "meta.yaml", c.meta(run, status=c.rng.choice([1, 3, 4, 5]), end_time=T0 + c.step, run_name=f"finished-{c.step}"))


@op(3)
def delete_run_softly(c: Chaos) -> None:
    run = c.run()
    c.put(run / "meta.yaml", c.meta(run, lifecycle_stage="deleted", deleted_time=T0))


# -- half-written and torn ----------------------------------------------------------------------------
@op(6)
def meta_half(c: Chaos) -> None:
    """meta.yaml rewritten in place, slowly: readers see it empty, then cut, then whole."""
    run = c.run()
    data = c.meta(run, run_name=f"rewritten-{c.step}", status=3, end_time=T0 + 1)
    c.put(run / "meta.yaml", b"")
    c.pause(0.1)
    cut = c.rng.randrange(1, len(data))
    c.put(run / "meta.yaml", data[:cut])
    c.pause(0.1)
    c.append(run / "meta.yaml", data[cut:])


@op(2)
def meta_stays_broken(c: Chaos) -> None:
    run = c.run()
    c.put(run / "meta.yaml", c.rng.choice([b"", b"{[", b"\0" * 300, c.meta(run)[:70]]))
    c.repairs.append(lambda: (run / "metrics").is_dir() and c.put(run / "meta.yaml", c.meta(run, run_name="repaired")))


@op(2)
def meta_by_rename(c: Chaos) -> None:
    """Experiment meta.yaml as MLflow does it: temporary file, rename over, mode 0600 until chmod."""
    exp = c.live_experiment()
    data = (exp / "meta.yaml").read_bytes() if (exp / "meta.yaml").is_file() else b"name: x\n"
    tmp = exp / ".tmp-file.yaml"
    c.put(tmp, data)
    tmp.chmod(0o600)
    tmp.rename(exp / "meta.yaml")
    c.pause()
    (exp / "meta.yaml").chmod(0o644)


@op(3)
def truncate_metric(c: Chaos) -> None:
    path = c.metric()
    size = path.stat().st_size if path.exists() else 0
    with open(path, "r+b") as f:
        f.truncate(c.rng.choice([0, size // 2, max(size - 7, 0)]))


@op(2)
def nul_gap(c: Chaos) -> None:
    """What two NFS clients appending at once leave behind."""
    c.append(c.metric(), b"\0" * c.rng.choice([1, 100, 5000]) + c.line(2))


@op(1)
def garbage_line(c: Chaos) -> None:
    c.append(c.metric(), c.rng.randbytes(200) + b"\n" + c.line(2))


@op(3)
def replace_metric(c: Chaos) -> None:
    """A new, shorter file under the old name (new inode)."""
    path = c.metric()
    tmp = path.with_name(".replacing")
    c.put(tmp, c.line(3))
    tmp.rename(path)


@op(2)
def delete_metric(c: Chaos) -> None:
    c.metric().unlink(missing_ok=True)


# -- moving and vanishing ---------------------------------------------------------------------------
@op(2)
def delete_run(c: Chaos) -> None:
    if len(c.runs) > 5:
        run = c.run()
        c.runs.remove(run)
        shutil.rmtree(run)


@op(2)
def recreate_run(c: Chaos) -> None:
    """Delete a run and make it again at once under the same id."""
    run = c.run()
    shutil.rmtree(run)
    c.make_run(folder=run.name, parent=run.parent)


@op(2)
def move_run(c: Chaos) -> None:
    """To another experiment; its meta.yaml still names the old one."""
    run, target = c.run(), c.live_experiment()
    if not (target / run.name).exists():
        c.runs.remove(run)
        c.runs.append(run.rename(target / run.name))


@op(2)
def trash_experiment(c: Chaos) -> None:
    exp = c.live_experiment()
    if len(c.experiments) > 1:
        trash = c.root / ".trash"
        trash.mkdir(exist_ok=True)
        gone = exp.rename(trash / exp.name)
        c.runs = [r for r in c.runs if r.parent != exp]
        c.repairs.append(lambda: restore_experiment(c, gone, exp))


@op(0)
def restore_experiment(c: Chaos, gone: Path, exp: Path) -> None:
    if gone.is_dir() and not exp.exists():
        gone.rename(exp)
        c.experiments.append(exp)
        c.runs += [r for r in exp.iterdir() if (r / "meta.yaml").is_file()]


@op(3)
def repair_one(c: Chaos) -> None:
    if c.repairs:
        c.repairs.pop(0)()


@op(2)
def rename_experiment(c: Chaos) -> None:
    exp = c.live_experiment()
    c.write_experiment(exp, f"chaos-renamed-{c.step}")


@op(1)
def rename_experiment_folder(c: Chaos) -> None:
    exp = c.live_experiment()
    c.serial += 1
    new = exp.rename(c.root / f"91{c.serial:06d}")
    c.experiments = [new if e == exp else e for e in c.experiments]
    c.runs = [new / r.name if r.parent == exp else r for r in c.runs]


@op(2)
def flip_permissions(c: Chaos) -> None:
    """No effect on root; run the browser as another user to feel it."""
    run = c.run()
    path = c.rng.choice([run, run / "metrics", run / "meta.yaml", run.parent])
    path.chmod(0)
    c.pause(0.1)
    path.chmod(0o755 if path.is_dir() else 0o644)


@op(2)
def swap_type(c: Chaos) -> None:
    """A metric file becomes a FIFO, folder, socket or symlink loop for a while."""
    path = c.metric()
    data = path.read_bytes() if path.is_file() else b""
    kind = c.rng.choice(["fifo", "dir", "loop", "gone", "socket"])
    path.unlink(missing_ok=True)
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "dir":
        path.mkdir()
    elif kind == "loop":
        path.symlink_to(path.name)
    elif kind == "socket":
        cwd = os.getcwd()
        os.chdir(path.parent)
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.bind(path.name)
        finally:
            os.chdir(cwd)

    def back() -> None:
        if path.parent.is_dir():
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            elif os.path.lexists(path):
                path.unlink()
            c.put(path, data)
    c.repairs.append(back)


@op(1)
def reparent(c: Chaos) -> None:
    """Make two runs each other's parent, or unmake it."""
    a, b = c.run(), c.run()
    c.put(a / "tags" / "mlflow.parentRunId", b.name.encode())
    c.put(b / "tags" / "mlflow.parentRunId", a.name.encode())


@op(2)
def time_jump(c: Chaos) -> None:
    """Change content without changing mtime, or mtime without content: mtime is a hint, not a proof."""
    path = c.metric()
    before = path.stat()
    c.append(path, c.line())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns) if c.rng.random() < 0.5 else (0, 0))


# -- bursts ---------------------------------------------------------------------------------------------
@op(1)
def burst_files(c: Chaos) -> None:
    """5,000 events in one folder: create, then delete."""
    tags = c.run() / "tags"
    for i in range(2500):
        c.put(tags / f"burst{i}", b"")
    for i in range(2500):
        (tags / f"burst{i}").unlink(missing_ok=True)


@op(1)
def burst_appends(c: Chaos) -> None:
    """5,000 separate writes to one file."""
    path = c.metric()
    for _ in range(5000):
        c.append(path, c.line())


@op(1)
def burst_runs(c: Chaos) -> None:
    """50 runs at once, as a sweep starts."""
    for _ in range(min(50, c.a.max_runs - len(c.runs))):
        c.make_run()


# -- the end ---------------------------------------------------------------------------------------------
def read_run(path: Path, deleted: bool) -> dict[str, object]:
    """A slow and simple reference reader: what is valid in a run that nobody writes any more."""
    fields = dict(line.split(": ", 1) for line in (path / "meta.yaml").read_text(errors="replace").splitlines() if ": " in line)
    metrics = {}
    for file in sorted(p for p in (path / "metrics").rglob("*") if p.is_file() and not p.is_symlink()):
        good = []
        for line in file.read_bytes().split(b"\n"):
            parts = line.strip().split(b" ")  # as MLflow does: a line that was cut before its step has none
            try:
                if len(parts) in (2, 3, 5):
                    good.append((int(parts[2]) if len(parts) > 2 else 0, int(parts[0]), float(parts[1])))
            except ValueError:
                pass
        if good:
            step, _, value = max(good)
            metrics[str(file.relative_to(path / "metrics"))] = {"points": len(good), "last_step": step, "last_value": value}
    return {"name": fields.get("run_name", "").strip("\"'"), "status": int(fields.get("status", "0") or 0), "experiment": path.parent.name,
            "deleted": deleted or fields.get("lifecycle_stage") == "deleted", "metrics": metrics,
            "params": {str(p.relative_to(path / "params")): p.read_text() for p in (path / "params").rglob("*") if p.is_file()}, "tags": sum(p.is_file() for p in (path / "tags").rglob("*"))}


def finish(c: Chaos) -> None:
    """Put right what the repairs could not, since it lay elsewhere at their time: broken meta.yaml, lines without an end (a
    browser has to wait for their end as long as the run trains, so nobody could say whether they count)."""
    runs = [p.parent for base in (c.root, c.root / ".trash") for p in base.glob("9[01]??????/*/metrics") if p.is_dir()]
    for run in runs + [c.root / "0" / run_id for run_id in c.ledger]:
        if b"status:" not in ((run / "meta.yaml").read_bytes() if (run / "meta.yaml").is_file() else b""):
            c.put(run / "meta.yaml", c.meta(run, run_name="repaired"))
        for file in (run / "metrics").rglob("*"):
            if file.is_file() and not file.is_symlink() and (data := file.read_bytes()) and not data.endswith(b"\n"):
                c.append(file, b"\n")


def truth(c: Chaos) -> dict[str, object]:
    runs = {}
    for base, deleted in ((c.root, False), (c.root / ".trash", True)):
        for exp in sorted(base.iterdir()) if base.is_dir() else []:
            if exp.name.startswith(("90", "91")) and len(exp.name) == 8 and exp.is_dir() and not exp.is_symlink():
                for run in sorted(exp.iterdir()):
                    if (run / "meta.yaml").is_file():
                        runs[f"{exp.name}/{run.name}"] = read_run(run, deleted)
    for run_id in c.ledger:
        runs[f"0/{run_id}"] = read_run(c.root / "0" / run_id, False)
    return {"runs": runs, "ledger": c.ledger, "ops": dict(c.counts), "bytes": c.bytes}


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("store", type=Path)
    ap.add_argument("--seconds", type=float, default=20)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--rate", type=float, default=50, help="operations a second (bursts count as one)")
    ap.add_argument("--only", help="comma list of operations")
    ap.add_argument("--max-ops", type=int, default=20_000)
    ap.add_argument("--max-runs", type=int, default=300)
    ap.add_argument("--max-mb", type=float, default=200)
    ap.add_argument("--truth", type=Path, help="write the expected final state here")
    a = ap.parse_args()
    root = a.store.absolute()
    if not root.exists() or not any(root.iterdir()):
        root.mkdir(parents=True, exist_ok=True)
        (root / SENTINEL).write_text("made by chaos.py; it may destroy this store\n")
        GROUPS["healthy"](Store(root.resolve(), small=True))
    root = root.resolve()
    if not (root / SENTINEL).is_file():
        print(f"chaos.py: {root} has no {SENTINEL}: not a store made for this, refusing to touch it", file=sys.stderr)
        return 2
    c = Chaos(root, a.seed, a)
    c.serial = max([int(p.name[2:]) for p in [*root.iterdir(), *(root / ".trash").glob("*")] if len(p.name) == 8 and p.name[:2] in ("90", "91") and p.name.isdigit()], default=0)
    c.ledger = {r: 0 for i in range(1, 6) if (root / "0" / (r := rid(f"0/healthy-{i}")) / "metrics" / "loss").is_file()}
    if not c.ledger:
        print("chaos.py: the store has no healthy runs", file=sys.stderr)
        return 2
    for _ in range(3):
        c.make_experiment()
    for _ in range(10):
        c.make_run()
    chosen = {n: w for n, (w, _) in OPS.items() if w and (not a.only or n in a.only.split(","))}
    names, weights = list(chosen), list(chosen.values())
    stop = False

    def on_signal(*_: object) -> None:
        nonlocal stop
        stop = True
    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    begin = time.monotonic()
    try:
        while not stop and time.monotonic() - begin < a.seconds and sum(c.counts.values()) < a.max_ops and c.bytes < a.max_mb * 1e6:
            name = c.rng.choices(names, weights)[0]
            try:
                OPS[name][1](c)
                c.counts[name] += 1
            except OSError as error:  # chaos trips over its own feet now and then
                c.counts[f"{name} ({errno.errorcode.get(error.errno or 0, '?')})"] += 1
            time.sleep(max(0.0, begin + sum(c.counts.values()) / a.rate - time.monotonic()))
    finally:
        for repair in c.repairs:
            try:
                repair()
            except OSError:
                pass
        finish(c)
    result = truth(c)
    if a.truth:
        a.truth.write_text(json.dumps(result, indent=1))
    total = sum(v for k, v in c.counts.items() if "(" not in k)
    print(f"chaos: {total} operations in {time.monotonic() - begin:.1f} s, {c.bytes / 1e6:.1f} MB, {sum(c.ledger.values())} ledger points, {len(result['runs'])} runs left")  # type: ignore[arg-type]
    print("  " + ", ".join(f"{k} {v}" for k, v in sorted(c.counts.items(), key=lambda kv: -kv[1])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
