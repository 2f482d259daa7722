"""The stores: generated once, each from its own seed."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

OPTIONS = {
    "S": "--experiments 3 --runs 100 --running-fraction 0.05 --seed 1",
    "M": "--experiments 5 --runs 2000 --children-per-parent 9 --seed 2",
    "L": "--experiments 20 --runs 10000 --params 15 --metrics 10 --steps 50 --children-per-parent 9 --seed 3",
    "XL": "--experiments 20 --runs 100000 --params 8 --metrics 4 --steps 5 --children-per-parent 19"
    " --running-fraction 0.002 --seed 5",
    "H": "--runs 1 --params 5 --metrics 20 --steps 500000 --running-fraction 0 --failed-fraction 0 --seed 4",
}
# What MLflow writes itself: user, names, source, commit, and the parent of most runs.
TAGS = 6


@dataclass
class Store:
    size: str
    path: str
    runs: int
    # Runs of one experiment.
    each: int
    # Params, latest metrics and tags of all runs.
    values: int

    def newest(self):
        """The experiment that mltop begins with: whose folder was touched last."""
        folders = [entry for entry in os.scandir(self.path) if entry.name.isdigit() and entry.name != "0"]
        return max(folders, key=lambda entry: entry.stat().st_mtime_ns).name


def get(size):
    """The store of a size, generated if need be. `S2` is `S` with twice the runs."""
    folder = os.environ.get("MLTOP_BENCH", "target/bench-stores")
    path = os.path.abspath(f"{folder}/{size}")
    if not os.path.exists(f"{path}.gen.json"):
        options = OPTIONS[size.removesuffix("2")].split()
        if size.endswith("2"):
            at = options.index("--runs") + 1
            options[at] = str(2 * int(options[at]))
        os.makedirs(folder, exist_ok=True)
        subprocess.run([sys.executable, "benches/gen_mlruns.py", "--out", path, *options], check=True)
    with open(f"{path}.gen.json", encoding="utf-8") as file:
        plan = json.load(file)
    runs = plan["runs"]
    values = runs * (plan["params"] + plan["metrics"] + TAGS)
    return Store(size, path, runs, runs // plan["experiments"], values)
