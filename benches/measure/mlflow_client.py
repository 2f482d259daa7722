"""MLflow's own Python client: the first page of all experiments, against everything by mltop."""

import json
import os
import subprocess

from .run import everything, process

# How many times mltop is to be faster, by size.
GOALS = {"S": 15, "M": 35, "L": 60}
# A page of L takes a minute.
MOST = 3


def measure(bench, store, report):
    what = "MLflow's first page against dump"
    python = os.environ.get("MLTOP_PYTHON", "target/mlflow-venv/bin/python")
    if store.size == "L" and not bench.mlflow_large:
        return
    if not os.path.exists(python) or subprocess.run([python, "-c", "import mlflow"], check=False).returncode:
        report.missing(store.size, what, f"{python} has no mlflow")
        return

    def page():
        told = subprocess.run([python, "benches/mlflow_page.py", store.path], stdout=subprocess.PIPE, check=True)
        return json.loads(told.stdout)["s"]

    def dump():
        return process(bench.program, "dump", *bench.no_cache, store.path)["s"]

    pages, dumps = bench.pairs_of(everything(store), page, dump, most=MOST)
    report.faster(store.size, what, pages, dumps, GOALS[store.size])
