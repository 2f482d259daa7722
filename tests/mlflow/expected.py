"""Write what MLflow's own client answers about a store, for tests/oracle/compare.rs.

usage: python expected.py STORE OUT.json

NaN and infinities are the strings "NaN", "Infinity" and "-Infinity". Everything is in MLflow's own order; histories of
more than 200 points are summarised.
"""
import json
import logging
import math
import os
import sys

os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
logging.disable(logging.CRITICAL)

from mlflow.entities import ViewType
from mlflow.tracking import MlflowClient

store, out = sys.argv[1], sys.argv[2]
client = MlflowClient(store)


def number(value):
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def pages(ask, **options):
    found, token = [], None
    while True:
        page = ask(page_token=token, **options)
        found += list(page)
        token = page.token
        if not token:
            return found


def inputs(run):
    answer = {"dataset_inputs": [], "model_inputs": [], "model_outputs": []}
    used = getattr(run, "inputs", None)
    if used is not None:
        fields = ["name", "digest", "source_type", "source", "schema", "profile"]
        datasets = [{**{f: getattr(i.dataset, f) for f in fields}, "tags": {t.key: t.value for t in i.tags}} for i in used.dataset_inputs]
        answer["dataset_inputs"] = sorted(datasets, key=lambda d: (d["name"], d["digest"]))
        answer["model_inputs"] = sorted(m.model_id for m in getattr(used, "model_inputs", None) or [])
    made = getattr(run, "outputs", None)
    if made is not None:
        answer["model_outputs"] = sorted([m.model_id, m.step] for m in made.model_outputs or [])
    return answer


def history(run_id, key):
    points = client.get_metric_history(run_id, key)
    rows = [[number(p.value), p.timestamp, p.step] for p in points]
    if len(rows) <= 200:
        return rows
    total = 0.0
    for point in points:
        total += point.value
    return {"len": len(rows), "first": rows[:3], "last": rows[-3:], "sum": number(total)}


def artifacts(run_id, path=None):
    found = []
    for item in client.list_artifacts(run_id, path):
        found.append([item.path, item.is_dir, item.file_size])
        if item.is_dir:
            found += artifacts(run_id, item.path)
    return found


def run_of(run):
    info, run_id = run.info, run.info.run_id
    answer = {f: getattr(info, f, None) for f in ["run_id", "run_name", "experiment_id", "user_id", "status", "start_time", "end_time", "lifecycle_stage", "artifact_uri"]}
    answer["params"], answer["tags"] = dict(run.data.params), dict(run.data.tags)
    answer["metrics"] = {key: number(value) for key, value in run.data.metrics.items()}
    answer["latest_metrics"] = {m.key: [number(m.value), m.timestamp, m.step] for m in run.data._metric_objs}
    answer["metric_history"] = {key: history(run_id, key) for key in run.data.metrics}
    answer["artifacts"] = artifacts(run_id)
    return {**answer, **inputs(client.get_run(run_id))}


experiments = []
for experiment in pages(client.search_experiments, view_type=ViewType.ALL):
    answer = {f: getattr(experiment, f, None) for f in ["experiment_id", "name", "artifact_location", "lifecycle_stage", "creation_time", "last_update_time"]}
    answer["tags"] = dict(experiment.tags)
    runs = pages(client.search_runs, experiment_ids=[experiment.experiment_id], run_view_type=ViewType.ALL, max_results=1000)
    experiments.append({**answer, "runs": [run_of(run) for run in runs]})
with open(out, "w", encoding="utf-8") as file:
    json.dump({"experiments": experiments}, file, ensure_ascii=False)
print(f"{len(experiments)} experiments, {sum(len(e['runs']) for e in experiments)} runs")
