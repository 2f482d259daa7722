"""Twice the runs take twice the time, not more: here the floor of a store is mltop on half of it."""

from . import stores
from .run import LIMIT, THREADS, everything, process


def measure(bench, store, report):
    double = stores.get(store.size + "2")
    warm = everything(store) + everything(double)
    ways = {
        "twice the runs: dump": lambda of: process(bench.program, "dump", *bench.no_cache, of.path)["s"],
        "twice the runs: the floor itself": lambda of: process(LIMIT, "read", of.path, *THREADS)["s"],
    }
    for what, way in ways.items():
        halves, wholes = bench.pairs_of(warm, lambda: way(store), lambda: way(double))
        report.compare(store.size, what, halves, wholes, 2.3 if "dump" in what else None)
