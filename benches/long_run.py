#!/usr/bin/env python3
"""A database with one run of ten million points: how soon it is on the screen, what it takes, and whether it holds its writer up.

    long_run.py PROGRAM [--folder /tmp/long-run] [--metrics 20] [--steps 500000] [--seconds 20]

The database is made once, with the tables of MLflow 3 and in the order in which a training writes it: every metric at every
step. Told are, from the start of the program: the row of the run, its first sparkline, eight of them; from the key: the
first chart of a metric (of samples), one and ten metrics read to their last points; and the peak of memory. Meanwhile somebody commits
20 points a second, one at a time, as MLflow does: how long each commit takes, alone and watched. Standard library only.
"""

import argparse
import re
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measure import picture
from measure.terminal import Session

HERE = Path(__file__).parent
SPARKLINE = re.compile(r"metric_\d\d +\S+ +[▁▂▃▄▅▆▇█]{3}")
RUN, START = "a" * 32, 1_795_000_000_000
# A trainer of its own, so that no lock of Python's stands between it and the clock.
TRAINER = """
import sqlite3, sys, time
database, seconds = sys.argv[1], float(sys.argv[2])
connection = sqlite3.connect(database, timeout=20, isolation_level=None)
connection.execute("PRAGMA synchronous = 0")
end, step = time.time() + seconds, time.time_ns()
while time.time() < end:
    step += 1
    begun = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO metrics VALUES ('live', 0.5, ?, ?, ?, 0)", (step, 'b' * 32, step))
    connection.execute("INSERT OR REPLACE INTO latest_metrics VALUES ('live', 0.5, ?, ?, 0, ?)", (step, step, 'b' * 32))
    connection.execute("COMMIT")
    print(time.perf_counter() - begun, flush=True)
    time.sleep(0.05)
"""


def make(path, metrics, steps):
    """The database; a second of writing makes about 200,000 points."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.executescript("PRAGMA synchronous = 0; PRAGMA journal_mode = OFF; PRAGMA cache_size = -500000;")
    connection.executescript((HERE.parent / "src/demo/schema.sql").read_text())
    connection.execute("BEGIN")
    connection.execute("INSERT INTO experiments VALUES (0, 'Default', '/nowhere/0', 'active', ?1, ?1)", (START,))
    for run, name, status in ((RUN, "long", "FINISHED"), ("b" * 32, "live", "RUNNING")):
        connection.execute(
            "INSERT INTO runs VALUES (?, ?, 'UNKNOWN', '', '', 'bench', ?, ?, ?, '', 'active', ?, 0, NULL)",
            (run, name, status, START - (status == "RUNNING"), START + steps * 1000, f"/nowhere/0/{run}/artifacts"),
        )
    count = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {})"
    connection.execute(
        f"{count.format(steps - 1)} INSERT INTO metrics SELECT m.value, exp(-n.i * 1e-5) + (n.i * 7919 % 1000) * 1e-4, "
        f"{START} + n.i * 1000, '{RUN}', n.i, 0 FROM n CROSS JOIN json_each(?) m",
        (str([f"metric_{i:02}" for i in range(metrics)]).replace("'", '"'),),
    )
    connection.execute(
        "INSERT INTO latest_metrics SELECT key, value, timestamp, step, is_nan, run_uuid FROM metrics WHERE step = ?"
        " AND run_uuid = ?",
        (steps - 1, RUN),
    )
    connection.execute("COMMIT")
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()


def train(path, seconds):
    return subprocess.Popen([sys.executable, "-c", TRAINER, str(path), str(seconds)], stdout=subprocess.PIPE, text=True)


def commits(name, trainer):
    times = sorted(float(line) * 1000 for line in trainer.communicate()[0].split())
    print(f"{name}: {len(times)} commits, median {statistics.median(times):.2f} ms, "
          f"p99 {times[len(times) * 99 // 100]:.1f} ms, longest {times[-1]:.1f} ms")


def sparklines(least):
    """So many metrics of the run have one, in the preview below the table."""
    return lambda screen: sum(bool(SPARKLINE.search(line)) for line in screen.lines()) >= least


def look(program, path, metrics, steps):
    """Opens the run and its first and last metric; prints when what was there."""
    first, last = "metric_00", f"metric_{metrics - 1:02}"

    def counted(least):
        """So many metrics have been read to their last point: their lines tell how many there are."""
        return lambda screen: sum(f" {steps:,} " in line for line in screen.lines() if "metric_" in line) >= least

    with tempfile.TemporaryDirectory() as state, \
            Session(program, ["--no-cache", str(path)], {"XDG_STATE_HOME": state}) as session:
        begun = session.moments(row=picture.rows_are_whole(2), one_sparkline=sparklines(1), eight=sparklines(8))
        told = {name: moment.done for name, moment in begun.items()}
        session.press("i")
        session.moments(open=picture.is_detail)
        pressed = session.press("2")
        chart = session.moments(chart=picture.chart_of(first), one_whole=counted(1), ten_whole=counted(10))
        told |= {name: moment.done - pressed for name, moment in chart.items()}
        pressed = session.press("G")
        told["last"] = session.moments(chart=picture.chart_of(last))["chart"].done - pressed
        return told, session.peak()


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("program")
    arguments.add_argument("--folder", type=Path, default=Path("/tmp/long-run"))
    arguments.add_argument("--metrics", type=int, default=20)
    arguments.add_argument("--steps", type=int, default=500_000)
    arguments.add_argument("--seconds", type=float, default=20)
    args = arguments.parse_args()
    path = args.folder / f"{args.metrics}x{args.steps}.db"
    if not path.exists():
        args.folder.mkdir(parents=True, exist_ok=True)
        begun = time.time()
        make(path, args.metrics, args.steps)
        print(f"made {path}: {path.stat().st_size / 1e6:.0f} MB in {time.time() - begun:.0f} s")
    with path.open("rb") as file:  # what is measured is not the disk
        while file.read(1 << 24):
            pass
    commits("alone", train(path, args.seconds))
    trainer = train(path, args.seconds)
    looks = [look(args.program, path, args.metrics, args.steps) for _ in range(2)]
    commits("watched", trainer)
    for name in looks[0][0]:
        print(f"{name}: " + ", ".join(f"{told[name] * 1000:.0f}" for told, _ in looks) + " ms")
    print(f"peak memory: {max(peak for _, peak in looks) / 1e6:.0f} MB")


main()
