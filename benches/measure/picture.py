"""What to look for on mltop's screen: the words of src/view, and nothing else in here knows them."""

import re

READING = re.compile(r"reading( [\d,]+ of [\d,]+|…)")
POSITION = re.compile(r"╰─ ([\d,]+)/([\d,]+) ")
# The sign of a run's state.
STATE = re.compile("[●✓✗■◌?] ")
# A cell that waits for something. A name that was cut has its … inside.
WAITING = re.compile(r"(?<!\S)…(?!\S)")
NUMBER = re.compile(r"-?(\d[\d.,]*(e-?\d+)?|∞)|NaN")


def header(screen):
    return "".join(screen.cells[0])


def runs(screen):
    """The lines of the runs pane: frame, titles of columns, rows, frame. Empty while it is not there."""
    lines = screen.lines()
    for top, line in enumerate(lines):
        left = line.find("╭─ Runs ")
        if left >= 0:
            below = [line[left:] for line in lines[top:]]
            bottom = next((i for i, line in enumerate(below) if line.startswith("╰")), None)
            return below[:bottom + 1] if bottom else []
    return []


def position(screen):
    """The cursor's line and how many there are, from the lower edge of the runs."""
    found = POSITION.match((runs(screen) or [""])[-1])
    return tuple(int(number.replace(",", "")) for number in found.groups()) if found else None


def waits(row, for_sparklines):
    """Whether a row is not whole. A … after a number stands for the sparkline beside it, else for a value."""
    before = [row[:found.start()].split()[-1:] for found in WAITING.finditer(row)]
    return any(for_sparklines or not (token and NUMBER.fullmatch(token[0])) for token in before)


def rows_are_whole(expected, with_sparklines=False):
    """One experiment, the newest runs first, all lines of the pane filled if there are so many, and nothing in them missing."""

    def is_so(screen):
        pane = runs(screen)
        rows = [line for line in pane[2:-1] if STATE.search(line)]
        return (
            len(pane) > 3
            and "NAME" in pane[1]
            and "newest first" in pane[0]
            and "all experiments" not in pane[0]
            and len(rows) >= min(expected, len(pane) - 3)
            and not any(waits(row, with_sparklines) for row in rows)
        )

    return is_so


def all_is_known(screen):
    """Every run is known: nothing says `reading` or `so far`. The store may still be `verifying`."""
    pane = runs(screen)
    return bool(pane) and follows(screen) and not READING.search(header(screen)) and "so far" not in pane[0]


def all_is_verified(screen):
    """Every run is known, and `verifying` is over."""
    return all_is_known(screen) and "verifying" not in header(screen)


def follows(screen):
    """The store is listed and followed."""
    return any(word in header(screen) for word in ("◉ live", "◉ polling", "verifying"))


def is_detail(screen):
    """A run is shown whole."""
    return any("1 Overview" in line for line in screen.lines())


def chart_of(metric):
    """The chart of a metric is drawn: its name above, its axis below."""

    def is_so(screen):
        lines = screen.lines()
        return any(line.startswith(f"│{metric} ") for line in lines) and any("└┬" in line for line in lines)

    return is_so
