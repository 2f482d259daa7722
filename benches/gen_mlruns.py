#!/usr/bin/env python3
"""Generate MLflow file stores for benchmarks, byte for byte as MLflow 2.22 writes them, always the same for a seed.

    gen_mlruns.py --out mlruns --experiments 20 --runs 10000 --params 15 --metrics 10 --steps 50 --seed 3

The options are kept beside the store (OUT.gen.json), which is written last: where it is, the store is complete.
"""

import argparse
import json
import math
import os
import random
import re
import sys
import time
from multiprocessing import Pool
from urllib.request import pathname2url

RUNNING, FINISHED, FAILED, KILLED = 1, 3, 4, 5
BASE_MS = 1_735_689_600_000  # 2025-01-01T00:00:00Z

ADJECTIVES = (
    "able abundant adorable amazing angry awesome bold brawny bright bustling calm capable carefree "
    "caring casual charming clean clumsy colorful crawling dapper debonair defiant delicate delightful "
    "dazzling efficient enchanting entertaining enthused exultant fearless flawless fortunate fun funny "
    "gaudy gentle gifted glamorous grandiose gregarious handsome hilarious honorable illustrious "
    "incongruous indecisive industrious intelligent inquisitive intrigued invincible judicious kindly "
    "languid learned legendary likeable loud luminous luxuriant lyrical magnificent marvelous masked "
    "melodic merciful mercurial monumental mysterious nebulous nervous nimble nosy omniscient orderly "
    "overjoyed peaceful painted persistent placid polite popular powerful puzzled rambunctious rare "
    "rebellious respected resilient righteous receptive redolent rogue rumbling salty sassy secretive "
    "selective sedate serious shivering skillful sincere skittish silent smiling sneaky sophisticated "
    "spiffy stately suave stylish tasteful thoughtful thundering traveling treasured trusting unequaled "
    "upset unique unleashed useful upbeat unruly valuable vaunted victorious welcoming whimsical "
    "wistful wise worried youthful zealous"
).split()
NOUNS = (
    "ant ape asp auk bass bat bear bee bird boar bug calf carp cat chimp cod colt conch cow crab crane "
    "croc crow cub deer doe dog dolphin donkey dove duck eel elk fawn fish flea fly foal fowl fox frog "
    "gnat gnu goat goose grouse grub gull hare hawk hen hog horse hound jay kit kite koi lamb lark loon "
    "lynx mare midge mink mole moose moth mouse mule newt owl ox panda penguin perch pig pug quail ram "
    "rat ray robin roo rook seal shad shark sheep shoat shrew shrike shrimp skink skunk sloth slug smelt "
    "snail snake snipe sow sponge squid squirrel stag steed stoat stork swan tern toad trout turtle vole "
    "wasp whale wolf worm wren yak zebra"
).split()
PARAM_NAMES = (
    "learning_rate batch_size optimizer dropout weight_decay hidden_dim num_layers seed model dataset "
    "warmup_steps max_epochs grad_clip label_smoothing beta1 beta2 activation scheduler num_heads "
    "max_seq_len augmentation precision data_path num_workers"
).split()
METRIC_NAMES = (
    "train_loss val_loss train_acc val_acc lr grad_norm val_f1 epoch_time_s val_auc throughput "
    "gpu_util gpu_mem_gb val_precision val_recall perplexity token_acc"
).split()
USERS = "alice bob carol dmitri erika fatima".split()
SOURCES = (
    "train.py", "/home/ml/project/src/train.py", "sweep.py", "/opt/conda/lib/python3.11/site-packages/"
    "ipykernel_launcher.py", "finetune_bert.py", "/workspace/jobs/run_grid.py",
)
EXP_NAMES = (
    "cifar10-resnet", "bert-finetune", "churn-xgboost", "fraud-detection", "llm-lora-sweep", "segmentation-unet",
    "ranking-lambdamart", "demand-forecast", "speech-conformer", "recsys-two-tower",
)


# ------------------------------------------------------------------ small format helpers

# What YAML 1.1, as PyYAML resolves it, would not read back as a string.
_NOT_STR = re.compile(
    r"^(?:~|null|Null|NULL|yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF|<<|=)?$"
    r"|^[-+]?0b[01_]+$|^[-+]?0[0-7_]+$|^[-+]?(?:0|[1-9][0-9_]*)$|^[-+]?0x[0-9a-fA-F_]+$"
    r"|^[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?$"
    r"|^[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?$|^\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?$"
    r"|^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$|^\d{4}-\d\d?-\d\d?(?:[Tt \t].*)?$"
)
_NEEDS_QUOTES = re.compile(r"""^[\s#,\[\]{}&*!|>'"%@`]|^[-?:](?:\s|$)|:\s|:$|\s#|\s$|^---|^\.\.\.""")


def yaml_scalar(s):
    """`s` as PyYAML's safe_dump(allow_unicode=True) writes it, for printable one-line strings that it does not fold."""
    if "\n" in s or len(s) > 60 or not s.isprintable():
        raise ValueError(f"yaml_scalar: not supported: {s!r}")
    if _NOT_STR.match(s) or _NEEDS_QUOTES.search(s):
        return "'" + s.replace("'", "''") + "'"
    return s


def run_id_of(seed, i):
    """A uuid4-like hex id, a pure function of (seed, i)."""
    h = f"{random.Random(f'run/{seed}/{i}').getrandbits(128):032x}"
    return h[:12] + "4" + h[13:16] + "89ab"[int(h[16], 16) & 3] + h[17:]


def experiment_id_of(seed, e):
    return str(random.Random(f"exp/{seed}/{e}").randrange(10**17, 10**18))


def random_name(rng):
    """MLflow's _generate_random_name."""
    name = ""
    for _ in range(10):
        name = f"{rng.choice(ADJECTIVES)}-{rng.choice(NOUNS)}-{rng.randint(0, 1000)}"
        if len(name) <= 20:
            return name
    return name[:20]


def file_uri(path):
    return "file://" + pathname2url(os.path.abspath(path))


def experiment_meta(store_uri, exp_id, name, created_ms):
    return (
        f"artifact_location: {store_uri}/{exp_id}\n"
        f"creation_time: {created_ms}\n"
        f"experiment_id: '{exp_id}'\n"
        f"last_update_time: {created_ms}\n"
        "lifecycle_stage: active\n"
        f"name: {yaml_scalar(name)}\n"
    )


def run_meta(store_uri, r):
    """meta.yaml of run `r` (a dict as Plan.run returns)."""
    end = "null" if r["end_time"] is None else r["end_time"]
    return (
        f"artifact_uri: {store_uri}/{r['experiment_id']}/{r['run_id']}/artifacts\n"
        f"end_time: {end}\n"
        "entry_point_name: ''\n"
        f"experiment_id: '{r['experiment_id']}'\n"
        "lifecycle_stage: active\n"
        f"run_id: {yaml_scalar(r['run_id'])}\n"
        f"run_name: {yaml_scalar(r['run_name'])}\n"
        f"run_uuid: {yaml_scalar(r['run_id'])}\n"
        "source_name: ''\n"
        "source_type: 4\n"
        "source_version: ''\n"
        f"start_time: {r['start_time']}\n"
        f"status: {r['status']}\n"
        "tags: []\n"
        f"user_id: {yaml_scalar(r['user_id'])}\n"
    )


# ------------------------------------------------------------------ what each run holds


class Plan:
    """The content of a store as a pure function of the options."""

    def __init__(self, cfg):
        self.seed = cfg["seed"]
        self.n_exp = cfg["experiments"]
        self.steps = cfg["steps"]
        self.children = cfg["children_per_parent"]
        self.running = cfg["running_fraction"]
        self.failed = cfg["failed_fraction"]
        self.param_names = [
            PARAM_NAMES[k] if k < len(PARAM_NAMES) else f"param_{k:03d}" for k in range(cfg["params"])
        ]
        self.metric_names = [
            METRIC_NAMES[k] if k < len(METRIC_NAMES) else f"metric_{k:03d}" for k in range(cfg["metrics"])
        ]
        self.exp_ids = [experiment_id_of(self.seed, e) for e in range(self.n_exp)]

    def experiment_name(self, e):
        base = EXP_NAMES[e % len(EXP_NAMES)]
        return base if e < len(EXP_NAMES) else f"{base}-{e // len(EXP_NAMES) + 1}"

    def experiment_created(self, e):
        return BASE_MS - 86_400_000 + e * 3_600_000

    def run(self, i):
        """Run i: meta data, params, tags, and metrics: {name: [(ts, value, step), ...]}."""
        rng = random.Random(f"body/{self.seed}/{i}")
        rnd = rng.random
        group = self.children + 1
        is_child = self.children > 0 and i % group != 0
        exp_id = self.exp_ids[(i // group) % self.n_exp]
        name = random_name(rng)
        user = rng.choice(USERS)
        source = rng.choice(SOURCES)
        u = rnd()
        if u < self.running:
            status = RUNNING
        elif u < self.running + self.failed:
            status = FAILED if rnd() < 0.75 else KILLED
        else:
            status = FINISHED
        start = BASE_MS + i * 47_000 + rng.randrange(40_000)
        steps = self.steps if status == FINISHED else max(1, int(self.steps * (0.2 + 0.7 * rnd())))
        tick = 200 + 4_000 * rnd()  # milliseconds per step
        end = None if status == RUNNING else start + int(tick * (steps + 1))
        r = {
            "run_id": run_id_of(self.seed, i),
            "experiment_id": exp_id,
            "run_name": name,
            "user_id": user,
            "status": status,
            "start_time": start,
            "end_time": end,
        }
        if status != RUNNING:
            rnd()  # once decided about deleted runs; the stores of a seed stay the same
        params = {}
        for k, key in enumerate(self.param_names):
            params[key] = self._param(rng, key, k)
        r["params"] = params
        tags = {
            "mlflow.runName": name,
            "mlflow.source.git.commit": f"{rng.getrandbits(160):040x}",
            "mlflow.source.name": source,
            "mlflow.source.type": "LOCAL",
            "mlflow.user": user,
        }
        if is_child:
            tags["mlflow.parentRunId"] = run_id_of(self.seed, i - i % group)
        r["tags"] = tags
        r["metrics"] = {
            key: self._curve(rng, key, k, steps, start, tick) for k, key in enumerate(self.metric_names)
        }
        return r

    @staticmethod
    def _param(rng, key, k):
        if key == "learning_rate":
            return repr(round(10 ** rng.uniform(-5, -2), 7))
        if key == "batch_size":
            return str(rng.choice((16, 32, 64, 128, 256)))
        if key == "optimizer":
            return rng.choice(("adam", "adamw", "sgd", "lion"))
        if key == "dataset":
            return rng.choice(("cifar10", "imagenet-1k", "/data/corpora/c4/en/shard-00001-of-01024"))
        if key == "model":
            return rng.choice(("resnet50", "vit-b16", "bert-base-uncased", "xgboost"))
        if key in ("dropout", "weight_decay", "label_smoothing", "beta1", "beta2", "grad_clip"):
            return repr(round(rng.random(), 4))
        if key == "activation":
            return rng.choice(("relu", "gelu", "silu"))
        if key == "seed":
            return str(rng.randrange(100_000))
        return str(rng.randrange(1, 4096)) if k % 2 else repr(rng.random())

    @staticmethod
    def _curve(rng, key, k, steps, start, tick):
        rnd = rng.random
        a, b, tau = 1.5 + 2.0 * rnd(), 0.05 + 0.3 * rnd(), (0.1 + 0.3 * rnd()) * steps
        noise = 0.04
        exp = math.exp
        if key.endswith("lr"):
            f = [0.001 * (0.5 + 0.5 * math.cos(math.pi * s / steps)) for s in range(steps)]
        elif "acc" in key or "f1" in key or "auc" in key or "precision" in key or "recall" in key:
            f = [(1.0 - b) * (1.0 - exp(-s / tau)) + noise * 0.3 * rnd() for s in range(steps)]
        elif "util" in key or "mem" in key or "time" in key or "throughput" in key:
            f = [60.0 + 30.0 * b + 8.0 * rnd() for s in range(steps)]
        else:
            f = [a * exp(-s / tau) + b + noise * (rnd() - 0.5) for s in range(steps)]
        base = start + 137 + 7 * k
        return [(base + int(s * tick), v, s) for s, v in enumerate(f)]


# ------------------------------------------------------------------ writing


def put(path, data):
    with open(path, "w", encoding="utf-8") as file:
        file.write(data)


def write_run(out, store_uri, r):
    folder = f"{out}/{r['experiment_id']}/{r['run_id']}"
    os.mkdir(folder)
    put(f"{folder}/meta.yaml", run_meta(store_uri, r))
    for part in ("metrics", "params", "artifacts", "tags"):
        os.mkdir(f"{folder}/{part}")
    for part in ("tags", "params"):
        for key, value in r[part].items():
            put(f"{folder}/{part}/{key}", value)
    for key, points in r["metrics"].items():
        put(f"{folder}/metrics/{key}", "".join([f"{ts} {value} {step}\n" for ts, value, step in points]))


def write_range(args):
    cfg, first, end = args
    plan, uri = Plan(cfg), file_uri(cfg["out"])
    for i in range(first, end):
        write_run(cfg["out"], uri, plan.run(i))


def write_store(cfg, jobs):
    out = cfg["out"]
    if os.path.exists(out) and os.listdir(out):
        sys.exit(f"{out}: exists and is not empty; a part of a store is to be removed first")
    os.makedirs(f"{out}/.trash")
    plan, uri = Plan(cfg), file_uri(out)
    os.mkdir(f"{out}/0")
    put(f"{out}/0/meta.yaml", experiment_meta(uri, "0", "Default", plan.experiment_created(0)))
    for e, exp_id in enumerate(plan.exp_ids):
        os.mkdir(f"{out}/{exp_id}")
        meta = experiment_meta(uri, exp_id, plan.experiment_name(e), plan.experiment_created(e))
        put(f"{out}/{exp_id}/meta.yaml", meta)
    runs, part = cfg["runs"], 500
    with Pool(jobs) as pool:
        pool.map(write_range, [(cfg, i, min(i + part, runs)) for i in range(0, runs, part)], chunksize=1)
    put(f"{out}.gen.json", json.dumps(cfg, indent=1, sort_keys=True))


# ------------------------------------------------------------------ command line


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--out", required=True, help="folder to write; must be empty or not there")
    add("--seed", type=int, default=1)
    add("--experiments", type=int, default=1)
    add("--runs", type=int, default=100, help="of all experiments together")
    add("--params", type=int, default=10)
    add("--metrics", type=int, default=8)
    add("--steps", type=int, default=100, help="points per metric of a finished run")
    add("--children-per-parent", type=int, default=0, help="as a grid search: each parent has so many children")
    add("--running-fraction", type=float, default=0.01)
    add("--failed-fraction", type=float, default=0.04)
    cfg = vars(parser.parse_args())
    start = time.monotonic()
    write_store(cfg, os.cpu_count())
    print(f"{cfg['out']}: {cfg['runs']} runs in {time.monotonic() - start:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
