#!/bin/sh
# Measures mltop against the floor (benches/limit) and, where it is, against MLflow, side by side in one run.
#
#   benches/stores.sh [S|M|L|XL|H]... [options]     without sizes: S M L H; XL needs 10 GB and minutes to generate
#   benches/stores.sh --help                        all options
#
#   MLTOP_BENCH    folder of the generated stores, kept for the next time (target/bench-stores)
#   MLTOP_PYTHON   a Python that can import mlflow (target/mlflow-venv/bin/python)
set -eu
cd "$(dirname "$0")/.."

cargo build --release --quiet
cargo build --release --quiet --manifest-path benches/limit/Cargo.toml --target-dir target/limit

PYTHONPATH=benches PYTHONDONTWRITEBYTECODE=1 exec python3 -m measure "$@"
