"""From the start to the first picture, and to the first one that is of use: the newest runs, whole."""

from . import picture
from .run import THREADS, limit
from .terminal import Session


def measure(bench, store, report):
    newest = store.newest()
    of_it = ["--exp", newest]
    warm = (["read", store.path, "--level", "b", *THREADS], ["read", store.path, "--level", "f", *THREADS, *of_it])
    # One thread is enough for so little, unless a disk has to be waited for.
    threads = THREADS if bench.is_cold else []

    def floor():
        runs = limit("read", store.path, "--level", "b", *of_it, *threads)
        rows = limit("read", store.path, "--level", "e", "--only", "60", *of_it, *threads)
        return runs["s"] + rows["s"]

    def start():
        with Session(bench.program, [*bench.no_cache, store.path]) as session:
            return session.moments(
                something=lambda _: True,
                values=picture.rows_are_whole(store.each),
                sparklines=picture.rows_are_whole(store.each, with_sparklines=True),
            )

    floors, moments = bench.pairs_of(warm, floor, start)
    report.plain(store.size, "first frame", [met["something"].begun for met in moments])
    report.compare(store.size, "first paint: newest runs, visible rows whole", floors,
                   [met["values"].done for met in moments], 1.5, 0.015)
    # A history may be longer than a tail, and nobody waits for it.
    report.compare(store.size, "the same, with sparklines", floors, [met["sparklines"].done for met in moments])
