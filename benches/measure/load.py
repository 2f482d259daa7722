"""Everything in a store, without mltop's own cache: how long, and with how much memory."""

from . import picture
from .run import complete_floor, everything, process
from .report import mebibytes
from .terminal import Session


def measure(bench, store, report):
    warm, floor = everything(store), complete_floor(store)

    def dump():
        return process(bench.program, "dump", *bench.no_cache, store.path)

    def browse():
        with Session(bench.program, [*bench.no_cache, store.path]) as session:
            met = session.moments(complete=picture.all_is_verified)
            return met["complete"].done, session.peak()

    dump_floors, dumps = bench.pairs_of(warm, floor, dump)
    browse_floors, browsed = bench.pairs_of(warm, floor, browse)
    # Most of a long history is no part of the floor, which reads tails; history.py has its own.
    factor = None if store.size == "H" else 1.15 if bench.is_cold else 1.25
    report.compare(store.size, "complete: dump", dump_floors, [told["s"] for told in dumps], factor)
    report.compare(store.size, "complete: on the screen", browse_floors, [done for done, _ in browsed], factor)

    # Of long histories, something of each that is in view has to be kept.
    bound = 16 * 2**20 if store.size == "H" else 12 * 2**20 + 150 * store.runs + 40 * store.values
    peaks = {"dump": [told["peak_kib"] * 1024 for told in dumps], "on the screen": [peak for _, peak in browsed]}
    for what, peak in peaks.items():
        report.plain(store.size, f"peak memory: {what}", peak, mebibytes, bound)
