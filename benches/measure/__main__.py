"""The command line: which stores, which subjects, how often."""

import argparse
import os
import sys
import tempfile

from . import cache, growth, history, keys, load, mlflow_client, paint, run, stores
from .report import Report

# In the order in which they are run and told: name -> what it is about, the sizes that it makes sense for.
SUBJECTS = {
    "paint": (paint, "S M L XL H"),
    "load": (load, "S M L XL H"),
    "cache": (cache, "S M L XL"),
    "growth": (growth, "S L"),
    "history": (history, "H"),
    "keys": (keys, "M L XL"),
    "mlflow": (mlflow_client, "S M L"),
}


def arguments():
    parser = argparse.ArgumentParser(prog="benches/stores.sh", description=__doc__)
    parser.add_argument("sizes", nargs="*", metavar="SIZE", help="S M L XL H; default: S M L H")
    parser.add_argument("--only", default=",".join(SUBJECTS), help="subjects, default: %(default)s")
    parser.add_argument("--pairs", type=int, default=5, help="times that each is run, in turn with its floor")
    parser.add_argument("--cold", action="store_true", help="drop the file cache before each; needs root")
    parser.add_argument("--mlflow-large", action="store_true", help="MLflow on L too, a minute for each time")
    parser.add_argument("--program", default="target/release/mltop", help="the mltop to measure")
    parser.add_argument("--markdown", action="store_true", help="print the table for BENCHMARKS.md at the end")
    parser.add_argument("--gate", type=float, metavar="PERCENT",
                        help="end with 1 when anything is over its bound by more than this")
    chosen = parser.parse_args()
    chosen.sizes = chosen.sizes or ["S", "M", "L", "H"]
    for size in chosen.sizes:
        if size not in stores.OPTIONS:
            parser.error(f"no such size: {size}")
    for subject in chosen.only.split(","):
        if subject not in SUBJECTS:
            parser.error(f"no such subject: {subject}")
    return chosen


def main():
    chosen = arguments()
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        # The user's own cache is neither used nor changed.
        os.environ["XDG_CACHE_HOME"] = folder
        # No folder can be made there: what one session opens must not be open in the next.
        os.environ["XDG_STATE_HOME"] = "/dev/null"
        bench = run.Bench(os.path.abspath(chosen.program), chosen.pairs, chosen.cold, chosen.mlflow_large)
        for size in chosen.sizes:
            store = stores.get(size)
            for name, (subject, sizes) in SUBJECTS.items():
                if name in chosen.only.split(",") and size in sizes.split():
                    subject.measure(bench, store, report)
    if chosen.markdown:
        print("\n" + report.markdown(bench))
    if chosen.gate is not None and report.is_over(1 + chosen.gate / 100):
        sys.exit(1)


main()
