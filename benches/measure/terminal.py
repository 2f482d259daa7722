"""A terminal for mltop: when which picture was on the screen."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from bisect import bisect_left
from dataclasses import dataclass

# mltop writes every picture as one synchronized update.
BEGIN, END = b"\x1b[?2026h", b"\x1b[?2026l"
# How long nothing must have come before pictures are looked at: that takes time on a core that mltop may want.
QUIET = 0.02
# How long they are left unseen while more keep coming.
STALE = 0.25
# How long a condition must hold.
STAYS = 0.2


class Screen:
    """The cells. Knows only what mltop writes and signs of one column, which is all that the stores hold."""

    TOKEN = re.compile(r"\x1b\[([?0-9;]*)([A-Za-z])|\x1b\][^\x07]*\x07|([^\x1b]+)")

    def __init__(self, columns, rows):
        self.columns, self.cells = columns, [[" "] * columns for _ in range(rows)]
        self.row = self.column = 0

    def feed(self, data):
        for parameters, command, text in self.TOKEN.findall(data.decode()):
            if text:
                self.cells[self.row][self.column:self.column + len(text)] = text
                self.column += len(text)
            elif command == "H":
                row, _, column = parameters.partition(";")
                self.row, self.column = int(row or 1) - 1, int(column or 1) - 1
            elif command == "J":
                self.cells = [[" "] * self.columns for _ in self.cells]
            elif command not in ("m", "h", "l", "t", ""):
                raise ValueError(f"a sequence that this terminal does not know: {parameters}{command}")

    def lines(self):
        return ["".join(cells) for cells in self.cells]


@dataclass
class Picture:
    """When the first and the last byte of it came, since the start, and how many there were."""

    begun: float
    done: float
    size: int


class Session:
    """mltop in a terminal of its own. Bytes are only stamped when they come, and looked at when it is quiet."""

    def __init__(self, program, arguments, variables=None, columns=120, rows=36):
        self.screen = Screen(columns, rows)
        self.unseen = bytearray()
        # Positions in `unseen` up to which bytes had come, and when.
        self.ends, self.times = [], []
        self.is_open = True
        variables = dict(os.environ, TERM="xterm-256color", COLORTERM="truecolor", LC_ALL="C.UTF-8",
                         **(variables or {}))
        variables.pop("NO_COLOR", None)
        self.start = time.monotonic()
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execve(program, [program, *arguments], variables)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        os.close(self.terminal)

    def now(self):
        return time.monotonic() - self.start

    def press(self, keys):
        """Presses keys; gives when."""
        when = self.now()
        os.write(self.terminal, keys.encode())
        return when

    def moments(self, patience=180.0, **conditions):
        """For each condition the picture that met it, and that no later one undid. Ends when all are met."""
        deadline = self.now() + patience
        met = {}
        while True:
            is_quiet = not self.listen(QUIET)
            if self.times and (is_quiet or self.times[0] + STALE < self.now()):
                self._look(conditions, met)
            if len(met) == len(conditions):
                self.listen_for(STAYS)
                self._look(conditions, met)
                if len(met) == len(conditions):
                    return met
            if self.now() > deadline or not self.is_open:
                missed = ", ".join(conditions.keys() - met.keys())
                raise TimeoutError(f"never seen: {missed}\n" + "\n".join(self.screen.lines()))

    def _look(self, conditions, met):
        for picture in self.pictures():
            for name, is_so in conditions.items():
                if is_so(self.screen):
                    met.setdefault(name, picture)
                else:
                    met.pop(name, None)

    def listen(self, patience):
        """Takes what has been written, waiting for at most that long; whether there was anything."""
        ready, _, _ = select.select([self.terminal], [], [], max(patience, 0))
        if not ready:
            return False
        try:
            self.unseen += os.read(self.terminal, 1 << 16)
        except OSError:
            self.is_open = False
            return False
        self.ends.append(len(self.unseen))
        self.times.append(self.now())
        return True

    def listen_for(self, patience):
        """Takes all that is written in that time."""
        end = self.now() + patience
        while self.is_open and self.now() < end:
            self.listen(end - self.now())

    def pictures(self):
        """The pictures that have come and were not yet looked at; the screen shows each as it is given."""
        while (end := self.unseen.find(END)) >= 0:
            end += len(END)
            begin = max(self.unseen.rfind(BEGIN, 0, end), 0)
            picture = Picture(self._when(begin), self._when(end - 1), end - begin)
            self.screen.feed(bytes(self.unseen[:end]))
            del self.unseen[:end]
            first = bisect_left(self.ends, end + 1)
            self.ends = [at - end for at in self.ends[first:]]
            self.times = self.times[first:]
            yield picture

    def _when(self, position):
        return self.times[bisect_left(self.ends, position + 1)]

    def peak(self):
        """Peak memory so far, in bytes."""
        with open(f"/proc/{self.process}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))

    def quit(self):
        """Ends it as a user does, so that it can write what it keeps."""
        self.press("q")
        while self.listen(10.0):
            pass
        if self.is_open:
            raise TimeoutError("q did not end mltop")
