#!/usr/bin/env python3
"""Write recorded.txt and the PNG files beside it from two stores that real MLflow wrote (standard library only).

    make.py V1_STORE V3_STORE

V1_STORE and V3_STORE are `mlruns` folders with the experiments `diabetes-elasticnet` and `sklearn-autolog`, recorded
with MLflow 1.30.1 and 3.18.0. All runs come from V1_STORE, whose layout every later MLflow reads; what 1.30 did not
have yet, the data sets, comes from the same trainings in V3_STORE. Numbers are never changed. Changed are: names of
runs and experiments (readable ones), times (milliseconds before the end of the experiment's newest run), and
`@URI@`, `@UTC@` in place of what depends on the place and the time of unpacking.

One line is one fact; its first word says which. A `text`, `dataset` or `input` line is followed by the lines of that
file, each behind a `|`. src/demo/archive.rs reads it.
"""

import os
import re
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TEXTS = {"MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt", "cv_results.csv"}
DROPPED_TAGS = {"mlflow.log-model.history", "mlflow.parentRunId", "mlflow.runName", "mlflow.user"}
NOTES = {
    "tabular/diabetes-elasticnet": "Elastic net on scikit-learn's diabetes data: which `alpha` and `l1_ratio`?",
    "tabular/iris-grid-search": "`GridSearchCV` over an SVC with `mlflow.sklearn.autolog()`: one parent, four children.",
}


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def flat(path):
    """A meta.yaml of plain `key: value` lines."""
    return {k: v.strip("'") for k, v in re.findall(r"^(\w+): (.*)$", read(path), re.M)}


def folder(path):
    return sorted(os.listdir(path)) if os.path.isdir(path) else []


def find_experiment(store, name):
    for e in folder(store):
        meta = f"{store}/{e}/meta.yaml"
        if os.path.exists(meta) and flat(meta).get("name") == name:
            return f"{store}/{e}"
    sys.exit(f"{store}: no experiment {name}")


def runs_of(experiment):
    for r in folder(experiment):
        if os.path.isdir(f"{experiment}/{r}/params"):
            run = flat(f"{experiment}/{r}/meta.yaml")
            for kind in ("params", "tags"):
                run[kind] = {k: read(f"{experiment}/{r}/{kind}/{k}") for k in folder(f"{experiment}/{r}/{kind}")}
            run["dir"] = f"{experiment}/{r}"
            yield run


def name_of(run):
    p = run["params"]
    if "l1_ratio" in p:
        return f"elasticnet-a{p['alpha']}-l{p['l1_ratio']}"
    if "kernel" in p:
        return f"svc-{p['kernel']}-C{p['C']}"
    if "scaler" in p:
        return "scaler+regression"
    return run["run_name"]


def block(out, head, text):
    out.append(head)
    out.extend("|" + line for line in text.removesuffix("\n").split("\n"))


def datasets(v3):
    """The data sets of the autologged trainings by the shape of their features: (folder name, meta.yaml, context)."""
    e = find_experiment(v3, "sklearn-autolog")
    return {
        "iris" if "[150, 4]" in read(f"{e}/datasets/{d}/meta.yaml") else "small": (d, read(f"{e}/datasets/{d}/meta.yaml"))
        for d in folder(f"{e}/datasets")
    }


def write_run(out, run, newest, data, pngs):
    at = lambda ms: int(ms) - newest
    out.append(f"run {run['run_id']} {name_of(run)}")
    out.append(f"time {at(run['start_time'])} {at(run['end_time'])}")
    out.append(f"status {run['status']}")
    if "mlflow.parentRunId" in run["tags"]:
        out.append(f"parent {run['tags']['mlflow.parentRunId']}")
    out += [f"tag {k} {v}" for k, v in run["tags"].items() if k not in DROPPED_TAGS]
    out += [f"param {k} {v}" for k, v in run["params"].items()]
    for k in folder(f"{run['dir']}/metrics"):
        for line in read(f"{run['dir']}/metrics/{k}").splitlines():
            ms, value, step = line.split(" ")[:3]
            out.append(f"metric {k} {at(ms)} {value} {step}")
    if data:
        digest = data[0]
        # The name of the folder is any 32 hex digits to a reader: MLflow takes md5(source id + run id).
        block(out, f"input {run['run_id'][:16]}{digest[:16]}",
              f"destination_id: {digest}\ndestination_type: RUN\nsource_id: {digest}\nsource_type: DATASET\n"
              "tags:\n  mlflow.data.context: train\n")
    for root, _, files in sorted(os.walk(f"{run['dir']}/artifacts")):
        for name in sorted(files):
            path = os.path.relpath(f"{root}/{name}", f"{run['dir']}/artifacts")
            if name in TEXTS:
                text = re.sub(r"(utc_time_created: ).*", r"\1'@UTC@'", read(f"{root}/{name}"))
                block(out, f"text {path}", text.replace("file:///tmp/demo/mlruns", "@URI@"))
            elif name.endswith(".png") and pngs.get(run["run_id"]):
                shutil.copy(f"{root}/{name}", f"{HERE}/{pngs[run['run_id']]}")
                out.append(f"file {path} {pngs[run['run_id']]}")


def write_experiment(out, number, name, minutes_ago, runs, data, pngs):
    newest = max(int(r["end_time"]) for r in runs)
    out += ["", f"experiment {number} {name}", f"ago {minutes_ago}"]
    if name in NOTES:
        out.append(f"note {NOTES[name]}")
    if data:
        block(out, f"dataset {data[0]}", data[1])
    for run in sorted(runs, key=lambda r: int(r["start_time"])):
        write_run(out, run, newest, data, pngs)


def main():
    v1, v3 = sys.argv[1:]
    elastic = list(runs_of(find_experiment(v1, "diabetes-elasticnet")))
    autolog = list(runs_of(find_experiment(v1, "sklearn-autolog")))
    grid = [r for r in autolog if "mlflow.parentRunId" in r["tags"] or r["run_name"] == "grid-search"]
    single = [r for r in autolog if r not in grid]
    data = datasets(v3)
    best = min(elastic, key=lambda r: float(read(f"{r['dir']}/metrics/rmse").split()[1]))
    pngs = {best["run_id"]: "elasticnet-paths.png"}
    pngs |= {r["run_id"]: "confusion-matrix.png" for r in grid if r["run_name"] == "grid-search"}
    out = ["# Runs that real MLflow recorded, for `mltop demo`. Made by make.py; the format is described there."]
    write_experiment(out, "834525035954906211", "tabular/diabetes-elasticnet", 9 * 1440 + 137, elastic, None, pngs)
    write_experiment(out, "466001859231896874", "tabular/sklearn-autolog", 6 * 1440 + 411, single, data["small"], pngs)
    write_experiment(out, "466001859231896875", "tabular/iris-grid-search", 1 * 1440 + 83, grid, data["iris"], pngs)
    with open(f"{HERE}/recorded.txt", "w", encoding="utf-8") as f:
        f.write("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
