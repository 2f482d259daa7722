"""The second start: what mltop keeps of a store makes it complete at once, and checking it is cheaper than reading."""

import os
import tempfile

from . import picture
from .run import complete_floor, everything
from .terminal import Session


def measure(bench, store, report):
    whats = ("second start: complete", "second start: verified")
    if not bench.has_cache:
        for what in whats:
            report.missing(store.size, what, "mltop has no cache yet")
        return
    with tempfile.TemporaryDirectory(dir=os.environ["XDG_CACHE_HOME"]) as folder:
        variables = {"XDG_CACHE_HOME": folder}
        with Session(bench.program, [store.path], variables) as session:
            session.moments(verified=picture.all_is_verified)
            session.quit()
        if not any(files for _, _, files in os.walk(folder)):
            for what in whats:
                report.missing(store.size, what, "mltop kept nothing")
            return

        def again():
            with Session(bench.program, [store.path], variables) as session:
                return session.moments(complete=picture.all_is_known, verified=picture.all_is_verified)

        floors, moments = bench.pairs_of(everything(store), complete_floor(store), again)
    for what, name, factor in zip(whats, ("complete", "verified"), (0.1, 0.5)):
        report.compare(store.size, what, floors, [met[name].done for met in moments], factor)
