"""Record the answers of a running `mlflow server` that tests/rest.rs and tests/stores.rs replay.

usage: python record_rest.py http://127.0.0.1:5000 OUT.json.gz

All experiments and runs, and of some runs everything else: the run, its histories, its artifacts. The calls are written
exactly as mltop sends them, so that a recording is found by its call. Standard library only.
"""
import gzip
import json
import sys
import urllib.error
import urllib.parse
import urllib.request

base, out = sys.argv[1:3]
API = "/api/2.0/mlflow"
calls = {}


def ask(path, body=None):
    text = json.dumps(body, sort_keys=True) if body is not None else None
    request = urllib.request.Request(base + path, data=text and text.encode(), headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            status, kind, data = answer.status, answer.headers.get("Content-Type"), answer.read()
    except urllib.error.HTTPError as answer:
        status, kind, data = answer.code, answer.headers.get("Content-Type"), answer.read()
    return status, kind, data.decode("utf-8", "replace")


def record(path, body=None, key=None):
    status, kind, text = ask(path, body)
    calls[key or path] = {"status": status, "type": kind, "body": text}
    return json.loads(text) if status == 200 and text.startswith("{") else {}


def get(path, *pairs):
    query = "&".join("%s=%s" % (name, urllib.parse.quote(str(value), safe="-_.~")) for name, value in pairs)
    return record(API + path + "?" + query)


experiments = record(API + "/experiments/search", {"max_results": 1000, "view_type": "ALL"}).get("experiments", [])
get("/experiments/list", ("view_type", "ALL"))
runs = []
for experiment in experiments:
    body = {"experiment_ids": [experiment["experiment_id"]], "run_view_type": "ALL", "max_results": 5000}
    status, _, text = ask(API + "/runs/search", body)
    if status == 200:
        runs += json.loads(text).get("runs", [])
    else:
        calls["bad experiment " + experiment["experiment_id"]] = {"status": status, "type": "application/json", "body": text}
calls["runs"] = {"status": 200, "type": "application/json", "body": json.dumps({"runs": runs})}


def some(run):
    """One run of each experiment, and those whose metrics are odd."""
    info = run["info"]
    first = next(r["info"]["run_id"] for r in runs if r["info"]["experiment_id"] == info["experiment_id"])
    return info["run_id"] == first or info.get("run_name", "").startswith(("weird", "with-", "checkpoints"))


def artifacts(run_id, path=""):
    pairs = [("run_id", run_id)] + ([("path", path)] if path else [])
    for entry in get("/artifacts/list", *pairs).get("files", []):
        if entry["is_dir"]:
            artifacts(run_id, entry["path"])


for run in filter(some, runs):
    run_id = run["info"]["run_id"]
    get("/runs/get", ("run_id", run_id))
    artifacts(run_id)
    for metric in run["data"].get("metrics", []):
        answer = get("/metrics/get-history", ("run_id", run_id), ("metric_key", metric["key"]), ("max_results", 25000))
        if len(answer.get("metrics", [])) > 200:
            calls.popitem()  # large, and like the others
get("/metrics/get-history-bulk-interval", ("run_ids", runs[0]["info"]["run_id"]), ("metric_key", "loss"), ("max_results", 48))
get("/runs/get", ("run_id", "0" * 32))
with gzip.GzipFile(out, "wb", mtime=0) as file:
    file.write(json.dumps(calls, indent=0, sort_keys=True).encode())
print("%s: %d calls, %d runs" % (out, len(calls), len(runs)))
