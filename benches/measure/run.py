"""Running things: mltop and its floor in turn, each in a cache that is warm or cold on purpose."""

import json
import os
import statistics
import subprocess

median = statistics.median
LIMIT = os.path.abspath("target/limit/release/limit")
# As many as mltop reads with; more than cores cost nothing, and a cold disk wants them.
THREADS = ["--threads", "16"]


class Bench:
    """What all measurements share."""

    def __init__(self, program, pairs, is_cold, mlflow_large):
        self.program = program
        self.pairs = pairs
        self.is_cold = is_cold
        self.mlflow_large = mlflow_large
        told = subprocess.run([program, "--help"], capture_output=True, text=True, check=True).stdout
        self.has_cache = "--no-cache" in told
        # For what is measured without mltop's own cache.
        self.no_cache = ["--no-cache"] if self.has_cache else []

    def prepare(self, *warm):
        """Drops the file cache, or fills it with what is about to be read: `warm` are calls of limit.

        Directly before each, because some machines take the cache back by themselves.
        """
        if self.is_cold:
            os.sync()
            with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
                file.write("3")
            return
        for arguments in warm:
            limit(*arguments)

    def pairs_of(self, warm, floor, subject, most=1000):
        """Runs floor and subject in turn; gives the results of both."""
        floors, subjects = [], []
        for _ in range(min(self.pairs, most)):
            for work, results in ((floor, floors), (subject, subjects)):
                self.prepare(*warm)
                results.append(work())
        return floors, subjects


def limit(*arguments):
    """Runs the floor program; gives what it told."""
    done = subprocess.run([LIMIT, *arguments], stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def process(*command):
    """Runs a program to its end: its time `s`, its CPU time `cpu_s`, its peak memory `peak_kib`.

    By way of `limit run`, because Linux counts this Python's memory as the peak of a child that is smaller.
    """
    return limit("run", *command)


def complete_floor(store):
    """A function that takes the time of the floor for everything in a store, as a whole process."""
    return lambda: process(LIMIT, "read", store.path, "--level", "e", *THREADS)["s"]


def everything(store):
    """What warms a whole store, metric files whole."""
    return [["read", store.path, "--level", "f", *THREADS]]
