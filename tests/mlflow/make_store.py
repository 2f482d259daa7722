"""Write a store with real MLflow, version 1.30 or later: python make_store.py STORE [FOLDER]

STORE is a folder, or the URI of a database; FOLDER is where to work, if not beside the store.
What a version does not take (keys, values, names) is left out; the answers of that version say what is there.
It needs no more than mlflow-skinny.
"""
import inspect
import os
import random
import subprocess
import sys
import time
import warnings

warnings.filterwarnings("ignore")
is_uri = "://" in sys.argv[1]
store = os.path.abspath(sys.argv[1].removeprefix("sqlite:///"))
os.environ["MLFLOW_TRACKING_URI"] = sys.argv[1] if is_uri else "file://" + store
os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.chdir(sys.argv[2] if len(sys.argv) > 2 else os.path.dirname(store))

import mlflow
from mlflow.entities import Metric, Param, RunTag
from mlflow.tracking import MlflowClient

VER = tuple(int(x) for x in mlflow.__version__.split(".")[:2])
MAJOR = VER[0]
client = MlflowClient()
STEPS = []


def step(fn):
    STEPS.append(fn)
    return fn


class Skip(Exception):
    """What this version or installation does not have."""


def need(cond, why):
    if not cond:
        raise Skip(why)


def attempt(label, fn, *a, **kw):
    """Something that a version may refuse."""
    try:
        return fn(*a, **kw)
    except Exception as e:
        print("refused: %s: %s" % (label, str(e).splitlines()[:1]))


def set_exp(name, tags=None):
    mlflow.set_experiment(name)
    e = client.get_experiment_by_name(name)
    for k, v in (tags or {}).items():
        client.set_experiment_tag(e.experiment_id, k, v)
    return e.experiment_id


def start(name=None, **kw):
    return mlflow.start_run(run_name=name, **kw)


def rid(run):
    return run.info.run_id


def log_batch(run_id, metrics=(), params=(), tags=()):
    metrics = list(metrics)
    for i in range(0, max(1, len(metrics)), 900):
        client.log_batch(run_id, metrics=metrics[i:i + 900], params=list(params) if i == 0 else [], tags=list(tags) if i == 0 else [])


@step
def default_experiment_run():
    """A bare run in experiment 0 (Default), as `mlflow.start_run()` does it."""
    with mlflow.start_run():
        mlflow.log_param("p", 1)
        mlflow.log_metric("m", 1)
        mlflow.log_metric("int_metric", 3)


@step
def nested_runs():
    set_exp("nested-sweep", {"mlflow.note.content": "# Sweep\n\nthree levels: **sweep** > trial > fold\n", "team": "r&d"})
    rnd = random.Random(0)
    with start("sweep"):
        mlflow.log_param("search", "random")
        best = 9
        for t in range(3):
            with start("trial-%d" % t, nested=True):
                lr = [0.1, 0.01, 0.001][t]
                mlflow.log_param("lr", lr)
                tot = 0
                for f in range(2):
                    with start("fold-%d" % f, nested=True):
                        mlflow.log_param("lr", lr)
                        mlflow.log_param("fold", f)
                        for s in range(5):
                            v = 1.0 / (s + 1 + t) + rnd.random() * 0.05
                            mlflow.log_metric("val/loss", v, step=s)
                        tot += v
                mlflow.log_metric("val/loss", tot / 2)
                best = min(best, tot / 2)
        mlflow.log_metric("best_val_loss", best)
    # the same without mlflow.start_run(nested=True): only the tag makes the relation
    exp = client.get_experiment_by_name("nested-sweep").experiment_id
    p = client.create_run(exp, tags={"mlflow.runName": "manual-parent"})
    c = client.create_run(exp, tags={"mlflow.runName": "manual-child", "mlflow.parentRunId": rid(p)})
    client.set_terminated(rid(c))
    client.set_terminated(rid(p))
    # an orphan: the parent does not exist; and a run that is its own parent; and a 2-cycle
    o = client.create_run(exp, tags={"mlflow.runName": "orphan", "mlflow.parentRunId": "0" * 32})
    client.set_terminated(rid(o))
    s = client.create_run(exp, tags={"mlflow.runName": "self-parent"})
    client.set_tag(rid(s), "mlflow.parentRunId", rid(s))
    client.set_terminated(rid(s))
    a = client.create_run(exp, tags={"mlflow.runName": "cycle-a"})
    b = client.create_run(exp, tags={"mlflow.runName": "cycle-b", "mlflow.parentRunId": rid(a)})
    client.set_tag(rid(a), "mlflow.parentRunId", rid(b))
    client.set_terminated(rid(a))
    client.set_terminated(rid(b))
    # a parent that is deleted while its child is active
    p = client.create_run(exp, tags={"mlflow.runName": "deleted-parent"})
    c = client.create_run(exp, tags={"mlflow.runName": "child-of-deleted", "mlflow.parentRunId": rid(p)})
    client.set_terminated(rid(c))
    client.delete_run(rid(p))


@step
def long_history():
    """3 metrics x 2000 steps, slash keys, realistic timestamps; start time in the past."""
    set_exp("training")
    exp = client.get_experiment_by_name("training").experiment_id
    rnd = random.Random(1)
    now = int(time.time() * 1000)
    for i, (name, hours) in enumerate([("resnet-baseline", 30), ("resnet-lr-0.1", 5)]):
        t0 = now - hours * 3600 * 1000
        run = client.create_run(exp, start_time=t0, tags={"mlflow.runName": name, "mlflow.user": "demo", "mlflow.source.name": "train_resnet.py", "mlflow.source.type": "LOCAL"})
        r = rid(run)
        n = 2000 if i == 0 else 700
        if VER < (1, 8):
            n //= 10  # 1.0 re-reads the whole run for every metric: quadratic
        ms = []
        for s in range(n):
            ts = t0 + s * 3000
            ms.append(Metric("train/loss", 2.5 * (0.998 ** s) + rnd.random() * 0.1, ts, s))
            ms.append(Metric("train/acc", 1 - 0.9 * (0.997 ** s), ts, s))
            ms.append(Metric("lr", 0.1 * (0.5 ** (s // 500)), ts, s))
        log_batch(r, ms, [Param("optimizer/name", "sgd"), Param("optimizer/lr", "0.1"), Param("model", "resnet50")], [RunTag("stage", "dev")])
        log_batch(r, [Metric("val/loss", 2.0 / (e + 1), t0 + e * 600000, e * 200) for e in range(10)])
        client.set_terminated(r, "FINISHED", end_time=t0 + n * 3000)


@step
def wide_run():
    """many keys: what a real training script with a config file logs"""
    set_exp("training")
    exp = client.get_experiment_by_name("training").experiment_id
    run = client.create_run(exp, tags={"mlflow.runName": "wide", "mlflow.user": "demo"})
    now = int(time.time() * 1000)
    log_batch(rid(run), [Metric("layer_%02d/%s" % (i // 2, "grad_norm" if i % 2 else "weight_norm"), 1.0 / (i + 1), now, 0) for i in range(60)],
              [Param("cfg/%s/opt_%02d" % ("abc"[i % 3], i), str(i * 0.5)) for i in range(60)])
    client.set_terminated(rid(run))


@step
def weird_metrics():
    set_exp("edge cases")
    with start("weird-metrics") as run:
        r = rid(run)
        now = int(time.time() * 1000)
        for k, v in [("nan", float("nan")), ("inf", float("inf")), ("-inf", float("-inf")), ("tiny", 5e-324), ("huge", 1.7976931348623157e308),
                     ("neg_zero", -0.0), ("third", 1.0 / 3), ("big_int", 2 ** 60), ("int", 7), ("one", 1.0), ("e-notation", 1e-7), ("e+", 1e22)]:
            attempt("metric " + k, mlflow.log_metric, k, v)
        # NaN / inf inside a series
        for s, v in enumerate([1.0, float("nan"), 0.5, float("inf"), 0.25, float("-inf"), 0.125]):
            attempt("series_with_nan %s" % v, mlflow.log_metric, "series_with_nan", v, step=s)
        for s, v in enumerate([3.0, 2.0, float("nan")]):
            attempt("series_ends_nan %s" % v, mlflow.log_metric, "series_ends_nan", v, step=s)
        B = lambda k, v, dt, s: Metric(k, v, now + dt, s)
        log_batch(r, [B("nonmonotonic", 1.0, 0, 5), B("nonmonotonic", 2.0, 1, 2), B("nonmonotonic", 3.0, 2, 9), B("nonmonotonic", 4.0, 3, 1)])
        log_batch(r, [B("negative_step", 1.0, 0, -5), B("negative_step", 2.0, 1, -1), B("only_negative", 9.0, 0, -3)])
        log_batch(r, [B("same_step_twice", 1.0, 0, 3), B("same_step_twice", 2.0, 10, 3)])
        log_batch(r, [B("same_step_older_ts_last", 1.0, 10, 3), B("same_step_older_ts_last", 2.0, 0, 3)])
        log_batch(r, [B("tie_value", 2.0, 0, 1), B("tie_value", 5.0, 0, 1), B("tie_value", 3.0, 0, 1)])
        attempt("batch tie_nan_first", log_batch, r, [B("tie_nan_first", float("nan"), 0, 1), B("tie_nan_first", 5.0, 0, 1)])
        attempt("batch tie_nan_last", log_batch, r, [B("tie_nan_last", 5.0, 0, 1), B("tie_nan_last", float("nan"), 0, 1)])
        attempt("batch tie_nan_last_neg", log_batch, r, [B("tie_nan_last_neg", -5.0, 0, 1), B("tie_nan_last_neg", float("nan"), 0, 1)])
        log_batch(r, [B("exact_duplicate", 5.0, 0, 1)])
        log_batch(r, [B("exact_duplicate", 5.0, 0, 1)])
        log_batch(r, [B("big_step", 1.0, 0, 2 ** 40), B("max_step", 1.0, 0, 2 ** 63 - 1), B("min_step", 1.0, 0, -(2 ** 63))])
        log_batch(r, [B("ts_zero", 1.0, -now, 0)])
        for k in ["with space", "a.b-c_d", "deep/er/and/deeper", "정확도", "µ/σ", "colon:key", "trailing space ", " leading", ".hidden", "-dash", "x" * 250]:
            attempt("metric key %r" % k[:20], mlflow.log_metric, k, 1.5)
        for k in ["", ".", "..", "/abs", "a//b", "a/../b", "a/", "./a", "back\\slash", "pct%", "at@k", "emoji🚀", "x" * 251, "new\nline", "tab\tkey", "p@5", "f1(macro)"]:
            attempt("BAD metric key %r" % k[:20], mlflow.log_metric, k, 1.5)
        # a key that is a folder of another key
        attempt("prefix: loss", mlflow.log_metric, "prefix", 1.0)
        attempt("prefix: prefix/train (file-vs-folder)", mlflow.log_metric, "prefix/train", 2.0)
        for label, v in [("bool", True), ("str number", "1.5"), ("str", "abc"), ("None", None)]:
            if VER < (1, 8) and label == "bool":
                continue  # 1.0 writes "True" into the metric file and can never read the run again
            attempt("metric value " + label, mlflow.log_metric, "val_" + label.replace(" ", "_"), v)


@step
def weird_params():
    set_exp("edge cases")
    with start("weird-params") as run:
        vals = {
            "newline": "first\nsecond", "trailing_newline": "x\n", "crlf": "a\r\nb", "only_newline": "\n", "empty": "", "space": " ", "padded": "  x  ",
            "unicode": "한국어 값 ünïcödé", "emoji": "🚀🔥 👩‍👩‍👧", "rtl": "שלום עולם", "combining": "e\u0301", "zero_width": "a\u200bb", "nbsp": "a\u00a0b",
            "tab": "a\tb", "ansi": "\x1b[31mred\x1b[0m \x1b]0;title\x07", "bell": "\x07", "nul": "a\x00b", "bool": True, "none": None, "float": 0.1, "exp": 1e-05, "int": 42, "list": [1, 2], "dict": {"a": 1},
            "json": '{"a": [1, 2]}', "number_like": "007", "slash/key": "v", "deep/er/key": "v", "with space": "v", "키": "v", "path": "/data/한글/파일.csv",
            "len250": "a" * 250, "len251": "b" * 251, "len500": "c" * 500, "len501": "d" * 501, "len6000": "e" * 6000, "len6000_utf8": "한" * 6000, "len6001": "f" * 6001, "surrogate_ok": "\U0001F600", "quote": "it's \"q\" `b`", "backslash": "a\\b", "percent": "100%",
        }
        if VER < (1, 8):  # 1.0 cannot read a run again that has a newline in a param
            vals = {k: v for k, v in vals.items() if not (isinstance(v, str) and ("\n" in v or "\r" in v))}
        for k, v in vals.items():
            attempt("param " + k, mlflow.log_param, k, v)
        attempt("param rewrite same value", mlflow.log_param, "int", 42)
        attempt("BAD param rewrite other value", mlflow.log_param, "int", 43)
        attempt("BAD param key %", mlflow.log_param, "pct%", 1)
        with open("note.txt", "w") as f:
            f.write("hello\n")
        mlflow.log_artifact("note.txt")
        mlflow.log_artifact("note.txt", "sub/dir")
        for n in ["한글 파일.txt", "space name.txt", "#hash.txt", "pct%41.txt"]:
            with open(n, "w") as f:
                f.write("x\n")
            attempt("artifact name " + n, mlflow.log_artifact, n)
            os.remove(n)
        with open("empty.bin", "wb"):
            pass
        mlflow.log_artifact("empty.bin")
        os.remove("note.txt")
        os.remove("empty.bin")


NAMES = ["한국어 실행 이름", "🚀 emoji run 🔥", "family 👩‍👩‍👧 zwj", "שלום", "日本語の実験", "café ünï", "long " + "x" * 200 + " end", "long words " + "lorem ipsum " * 12, "plain folded " + "lorem ipsum " * 9 + "end",
         "yes", "no", "on", "null", "~", "true", "123", "0123", "0o17", "0x1F", "1e5", "12e3", "1.0", ".5", "1_000", "1:30", "2024-01-01", "2024-01-01 10:00:00", "=", "<<", "-", "- item", "a: b", "a #b", "#c", "'single'", "\"double\"", "{a}", "[b]", "*x", "&y", "!t", "|", ">", "%p", "@q", "`r`", "?", ":", "key:", " lead", "trail ", "tab\there", "line1\nline2", "cr\rx", "ansi \x1b[31mred\x1b[0m", "nel\x85x", "ls\u2028x", "bom\ufeffx", "del\x7fx", "back\\slash", "...", "---", "nan", ".inf", "Infinity", "12345678901234567890", "+1", "0b101", "y", "N"]


@step
def weird_names():
    set_exp("names 이름")
    exp = client.get_experiment_by_name("names 이름").experiment_id
    now = int(time.time() * 1000)
    for i, n in enumerate(NAMES):
        def f():
            kw = {"run_name": n} if "run_name" in inspect.signature(client.create_run).parameters else {"tags": {"mlflow.runName": n}}
            run = client.create_run(exp, start_time=now - 1000 * i, **kw)
            client.set_terminated(rid(run), "FINISHED", end_time=now - 1000 * i + 500)
        attempt("run name %r" % n[:24], f)
    # renamed by tag and by update_run
    run = client.create_run(exp, tags={"mlflow.runName": "before"})
    client.set_tag(rid(run), "mlflow.runName", "renamed by tag 태그")
    client.set_terminated(rid(run))
    if hasattr(client, "update_run"):
        run = client.create_run(exp, tags={"mlflow.runName": "before2"})
        client.update_run(rid(run), name="renamed by update_run")
        client.set_terminated(rid(run))
    run = client.create_run(exp)  # no name given at all
    client.set_terminated(rid(run))
    # experiment names
    for n in ["with/slash", "🚀 실험", "yes", "1e5", "a: b # c", "trailing space ", "line1\nline2", "x" * 256, "'quoted' \"both\"", "12345"]:
        attempt("experiment name %r" % n[:20], client.create_experiment, n)


@step
def statuses():
    set_exp("statuses")
    exp = client.get_experiment_by_name("statuses").experiment_id
    try:
        with start("failed-run"):
            mlflow.log_param("x", 1)
            mlflow.log_metric("loss", 1.0)
            raise RuntimeError("boom")
    except RuntimeError:
        pass
    with start("killed-run") as r:
        pass
    attempt("status KILLED", client.set_terminated, rid(r), "KILLED")  # 1.0's SQL schema refuses it
    # a run whose process dies hard while it is RUNNING
    code = "import os,mlflow\nmlflow.set_experiment('statuses')\nr=mlflow.start_run(run_name='left-running')\nmlflow.log_param('x',1)\nfor s in range(5): mlflow.log_metric('loss',1/(s+1),step=s)\nos.kill(os.getpid(), 9)\n"
    with open("crash.py", "w") as f:
        f.write(code)
    subprocess.call([sys.executable, "crash.py"])
    os.remove("crash.py")
    run = client.create_run(exp, tags={"mlflow.runName": "scheduled-run"})
    if hasattr(client, "update_run"):
        attempt("status SCHEDULED", client.update_run, rid(run), status="SCHEDULED")
    run = client.create_run(exp, tags={"mlflow.runName": "resumed-run"})
    client.set_terminated(rid(run))
    with mlflow.start_run(run_id=rid(run)):  # goes back to RUNNING, then FINISHED
        mlflow.log_metric("loss", 0.5)
    with start("deleted-run") as r:
        mlflow.log_param("x", 1)
        mlflow.log_metric("loss", 3.0)
    client.delete_run(rid(r))
    with start("deleted-then-restored") as r:
        mlflow.log_metric("loss", 3.5)
    client.delete_run(rid(r))
    client.restore_run(rid(r))
    with start("tags") as r:
        mlflow.set_tag("mlflow.note.content", "# Note\n\n- a **markdown** note\n- second line with 한국어\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")
        mlflow.set_tag("model.family", "linear")
        mlflow.set_tag("release/candidate", "true")
        mlflow.set_tag("한글태그", "값 🚀")
        mlflow.set_tag("empty", "")
        mlflow.set_tag("mlflow.runColor", "#e65b77")
        attempt("tag 5000 chars", mlflow.set_tag, "long", "y" * 5000)
        mlflow.set_tag("to_delete", "x")
        if hasattr(client, "delete_tag"):
            client.delete_tag(rid(r), "to_delete")


@step
def experiments_lifecycle():
    e = set_exp("will be deleted", {"why": "test"})
    with start("run-in-deleted-experiment"):
        mlflow.log_metric("m", 1)
    client.delete_experiment(e)
    e = client.create_experiment("deleted then restored")
    r = client.create_run(e, tags={"mlflow.runName": "survivor"})
    client.set_terminated(rid(r))
    client.delete_experiment(e)
    client.restore_experiment(e)
    e = client.create_experiment("before rename")
    client.rename_experiment(e, "renamed 실험")
    if hasattr(client, "set_experiment_tag"):
        e = client.create_experiment("tags on experiment, then rename")
        client.set_experiment_tag(e, "mlflow.note.content", "experiment *note*\nline 2")
        client.set_experiment_tag(e, "owner", "팀 A")
        client.rename_experiment(e, "tagged, then renamed")
    e = client.create_experiment("custom artifact location", artifact_location=os.path.abspath("custom artifacts"))
    r = client.create_run(e, tags={"mlflow.runName": "artifacts elsewhere"})
    with open("note.txt", "w") as f:
        f.write("hello\n")
    client.log_artifact(rid(r), "note.txt")
    os.remove("note.txt")
    client.set_terminated(rid(r))
    client.create_experiment("empty experiment")


@step
def datasets_and_models():
    """Through the client alone, which needs neither pandas nor scikit-learn."""
    need(hasattr(client, "log_inputs"), "inputs came with 2.4")
    from mlflow.entities import Dataset, DatasetInput, InputTag

    e = set_exp("datasets")
    with start("with-datasets") as run:
        for name, context in [("train set", "training"), ("eval 한글", "eval")]:
            d = Dataset(name=name, digest="d1", source_type="local", source='{"uri": "data/%s.csv"}' % name, schema='{"a": ["x", "y"]}' * 20, profile=None)
            client.log_inputs(rid(run), [DatasetInput(dataset=d, tags=[InputTag(key="mlflow.data.context", value=context)])])
    if MAJOR >= 3:
        from mlflow.entities import LoggedModelInput, LoggedModelOutput

        model = client.create_logged_model(experiment_id=e, name="model")
        with start("with-models") as run:
            client.log_inputs(rid(run), models=[LoggedModelInput(model_id=model.model_id)])
            client.log_outputs(rid(run), models=[LoggedModelOutput(model_id=model.model_id, step=7)])


for fn in STEPS:
    try:
        fn()
    except Skip as e:
        print("skip %s: %s" % (fn.__name__, e))
    while mlflow.active_run() is not None:
        mlflow.end_run("FAILED")
print("MLflow", mlflow.__version__)
