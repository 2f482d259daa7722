"""Ask the installed MLflow many filters and orders about a store, for tests/conformance.rs.

usage: python search.py STORE OUT.json [COUNT]

The questions are made up of what the store has: its keys, its values, and parts of them. The same seed makes the same.
"""
import json
import logging
import os
import random
import sys

os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
logging.disable(logging.CRITICAL)

from mlflow.entities import ViewType
from mlflow.tracking import MlflowClient

store, out = sys.argv[1], sys.argv[2]
count = int(sys.argv[3]) if len(sys.argv) > 3 else 250
client = MlflowClient(store)
pick = random.Random(7)


def quoted(text):
    quotes = [q for q in "'\"" if q not in text and not text.endswith("\\")]
    return quotes and quotes[0] + text + quotes[0]


def key(name):
    plain = all(c.isalnum() or c in "_." for c in name) and name
    if plain and pick.random() < 0.7:
        return name
    return "`%s`" % name if "`" not in name else '"%s"' % name


def pattern(text):
    text = text[:20]
    for c in ".^$*+?{}[]\\|()":  # MLflow takes them for a regular expression
        text = text.replace(c, "_")
    a, b = sorted((pick.randrange(len(text) + 1), pick.randrange(len(text) + 1)))
    part = text[a:b]
    part = pick.choice([part, part.swapcase(), part.replace(part[:1] or "x", "_", 1)])
    return pick.choice(["%s%%", "%%%s", "%%%s%%", "%s"]) % part


def text_clause(name, value):
    op = pick.choice(["=", "!=", "LIKE", "ILIKE", "like", "ilike"])
    value = quoted(value if op in ("=", "!=") else pattern(value))
    return value and "%s %s %s" % (name, op, value)


def number_clause(name, value):
    value = pick.choice([value, value * 0.5, value + 1, -1, 0, 1e300])
    text = repr(float(value)).replace("e+", "e")
    if text in ("nan", "inf", "-inf"):
        text = "0"
    return "%s %s %s" % (name, pick.choice(["<", "<=", ">", ">=", "=", "!="]), text)


def clause(run):
    data, info = run.data, run.info
    kind = pick.choice(["metric", "metric", "param", "param", "tag", "attribute", "attribute", "dataset", "null", "ids"])
    if kind == "metric" and data.metrics:
        name = pick.choice(sorted(data.metrics))
        return number_clause(pick.choice(["metrics.", "metric."]) + key(name), data.metrics[name])
    if kind in ("param", "tag"):
        pairs = data.params if kind == "param" else data.tags
        if pairs:
            name = pick.choice(sorted(pairs))
            prefix = pick.choice(["params.", "parameter."] if kind == "param" else ["tags.", "tag."])
            return text_clause(prefix + key(name), pairs[name])
    if kind == "null" and data.params:
        name = key(pick.choice(sorted(data.params)))
        return "params.%s %s" % (name, pick.choice(["IS NULL", "IS NOT NULL", "is null"]))
    if kind == "ids":
        return "attributes.run_id %s ('%s', 'x')" % (pick.choice(["IN", "NOT IN"]), info.run_id)
    if kind == "dataset" and getattr(run, "inputs", None) and run.inputs.dataset_inputs:
        used = pick.choice(run.inputs.dataset_inputs)
        return text_clause("dataset." + pick.choice(["name", "digest"]), used.dataset.name)
    name = pick.choice(["start_time", "end_time", "status", "run_id", "run_name", "user_id", "artifact_uri"])
    value = getattr(info, name)
    prefix = pick.choice(["attributes.", "attribute.", "attr.", "run."])
    if isinstance(value, int):
        return "%s%s %s %d" % (prefix, name, pick.choice(["<", "<=", ">", ">=", "=", "!="]), value + pick.choice([0, 1, -1]))
    return value and text_clause(prefix + name, value)


def order(run):
    names = ["metrics." + key(k) for k in run.data.metrics] + ["params." + key(k) for k in run.data.params]
    names += ["tags." + key(k) for k in run.data.tags]
    names += ["attributes." + n for n in ("start_time", "end_time", "status", "run_id", "run_name", "user_id")]
    return (pick.choice(names) + pick.choice(["", " ASC", " DESC", " desc"])).strip()


def experiments():
    search = getattr(client, "search_experiments", None) or client.list_experiments
    return [e for e in search() if e.name]


def answer(query):
    try:
        runs = client.search_runs(
            [query["experiment_id"]], query["filter"], ViewType.ACTIVE_ONLY, 1000, query["order_by"]
        )
        query["run_ids"] = [r.info.run_id for r in runs]
    except Exception as e:
        query["error"] = "%s: %s" % (type(e).__name__, str(e).splitlines()[:1])
    return query


queries, pools = [], []
for experiment in experiments():
    try:
        runs = list(client.search_runs([experiment.experiment_id]))
    except Exception:
        continue
    if runs:
        pools.append((experiment.experiment_id, runs))
while len(queries) < count:
    experiment_id, runs = pick.choice(pools)
    clauses = [c for c in (clause(pick.choice(runs)) for _ in range(pick.choice([0, 1, 1, 1, 2, 3]))) if c]
    query = {
        "experiment_id": experiment_id,
        "filter": pick.choice([" and ", " AND ", "\nAND "]).join(clauses),
        "order_by": [order(pick.choice(runs)) for _ in range(pick.choice([0, 0, 1, 2]))],
        "max_results": 1000,
        "view": "ACTIVE_ONLY",
    }
    queries.append(answer(query))
with open(out, "w") as f:
    json.dump({"queries": queries}, f)
