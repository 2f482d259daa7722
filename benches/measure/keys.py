"""Keys while a large store is being read, and what a move of the cursor writes to the terminal."""

from . import picture
from .report import count, size
from .run import THREADS
from .terminal import Session

# As fast as a keyboard repeats, and how many.
RATE = 30
KEYS = 120
MOVES = 10


def measure(bench, store, report):
    if store.runs >= 10_000:
        while_reading(bench, store, report)
    else:
        bytes_of_a_move(bench, store, report)


def while_reading(bench, store, report):
    """`j` again and again as soon as there are rows, all parents open, so that there are many."""
    delays, dropped, still = [], 0, 0
    for _ in range(bench.pairs):
        bench.prepare(["read", store.path, "--level", "b", *THREADS])
        with Session(bench.program, [*bench.no_cache, store.path]) as session:
            session.moments(rows=picture.rows_are_whole(store.each))
            session.press("E")
            session.moments(open=lambda screen: picture.position(screen) == (1, store.each))
            pressed = []
            for _ in range(KEYS):
                pressed.append(session.press("j"))
                session.listen_for(pressed[0] + len(pressed) / RATE - session.now())
            still += bool(picture.READING.search(picture.header(session.screen)))
            session.listen_for(0.5)
            # Only now are the pictures looked at, so that looking delays nothing.
            moved = 0
            for shown in session.pictures():
                at = picture.position(session.screen)[0] - 1
                delays += [shown.begun - when for when in pressed[moved:at]]
                moved = max(moved, at)
            dropped += KEYS - moved
    delays.sort()
    of = "while reading" if still == bench.pairs else "partly while reading"
    for name, part in (("p50", 0.5), ("p99", 0.99), ("max", 1.0)):
        delay = delays[min(int(len(delays) * part), len(delays) - 1)]
        report.plain(store.size, f"j to picture {of}: {name}", [delay])
    report.plain(store.size, f"keys lost of {bench.pairs * KEYS}", [dropped], count, 0)


def bytes_of_a_move(bench, store, report):
    """What `j` makes it write: the picture that follows the key, and all until it is quiet again, with the preview that
    follows when the cursor has rested and the histories that come a picture later."""
    with Session(bench.program, [*bench.no_cache, store.path], columns=200, rows=60) as session:
        session.moments(complete=picture.all_is_verified)
        session.press("E")
        session.moments(open=lambda screen: picture.position(screen) == (1, store.each))
        lines = len(picture.runs(session.screen)) - 3
        for what, first, bound in (("inside of the view", 1, 1024), ("that scrolls", lines, None)):
            for _ in range(first):
                session.press("j")
            session.listen_for(1.0)
            list(session.pictures())
            moves, settled = [], []
            for _ in range(MOVES):
                session.press("j")
                session.listen_for(0.35)
                sizes = [shown.size for shown in session.pictures()]
                moves.append(sizes[0])
                settled.append(sum(sizes))
            report.plain(store.size, f"bytes of a move {what}, 200x60", moves, size, bound)
            report.plain(store.size, "  with the preview that follows", settled, size)
