"""Long histories: the chart of 500,000 points, and the exact latest value of every metric."""

import glob
import os

from . import picture
from .run import LIMIT, THREADS, limit, process
from .terminal import Session


def measure(bench, store, report):
    files = sorted(glob.glob(f"{store.path}/*/*/metrics/*"))
    first, last = files[0], files[-1]
    warm = [["parse", store.path, *THREADS]]

    def open_run(session):
        session.moments(whole=picture.rows_are_whole(1, with_sparklines=True), all=picture.all_is_known)
        session.press("i")
        session.moments(open=picture.is_detail)

    def open_metrics():
        """The key that opens the Metrics tab, after the overview."""
        with Session(bench.program, [*bench.no_cache, store.path]) as session:
            open_run(session)
            pressed = session.press("2")
            return session.moments(chart=picture.chart_of(os.path.basename(first)))["chart"].done - pressed

    def go_to_last():
        """The key that goes to the last metric, which nothing has read before."""
        with Session(bench.program, [*bench.no_cache, store.path]) as session:
            open_run(session)
            session.press("2")
            session.moments(chart=picture.chart_of(os.path.basename(first)))
            pressed = session.press("G")
            return session.moments(chart=picture.chart_of(os.path.basename(last)))["chart"].done - pressed

    for what, key, file in (("key to chart, Metrics tab", open_metrics, first),
                            ("key to chart, a metric not read before", go_to_last, last)):
        floors, figures = bench.pairs_of(warm, lambda: limit("parse", file)["s"], key)
        report.compare(store.size, what, floors, figures, 2.0)

    floors, figures = bench.pairs_of(
        warm,
        lambda: process(LIMIT, "parse", store.path, *THREADS)["s"],
        lambda: process(bench.program, "dump", *bench.no_cache, store.path)["s"],
    )
    report.compare(store.size, "exact latest of all points: dump", floors, figures, 1.3)
