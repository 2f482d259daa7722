"""From the start to the first picture, and to the first one that is of use: the newest runs, whole."""

from . import picture
from .run import limit
from .terminal import Session


def measure(bench, store, report):
    newest = store.newest()
    of_it = ["--exp", newest]
    warm = (["read", store.path, "--level", "b", "--threads", "16"],
            ["read", store.path, "--level", "f", "--threads", "16", *of_it])

    def floor():
        runs = limit("read", store.path, "--level", "b", *of_it)
        rows = limit("read", store.path, "--level", "e", "--only", "60", *of_it)
        return runs["s"] + rows["s"]

    def start():
        with Session(bench.program, [*bench.no_cache, store.path]) as session:
            return session.moments(
                something=lambda _: True,
                values=picture.rows_are_whole(store.each, picture.UNREAD_VALUE),
                sparklines=picture.rows_are_whole(store.each, picture.UNREAD_ANYTHING),
            )

    floors, moments = bench.pairs_of(warm, floor, start)
    report.plain(store.size, "first frame", [met["something"].begun for met in moments])
    report.compare(store.size, "first paint: newest runs, visible rows whole", floors,
                   [met["values"].done for met in moments], 1.5, 0.015)
    # A history may be longer than a tail, and nobody waits for it.
    report.compare(store.size, "the same, with sparklines", floors, [met["sparklines"].done for met in moments])
