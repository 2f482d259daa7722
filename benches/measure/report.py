"""The table: a line for each measurement, printed when it is known."""

import os
import platform
import subprocess

from .run import median


class Report:
    def __init__(self):
        self.lines = []

    def compare(self, store, what, floors, figures, factor=None, plus=0.0):
        """Seconds in pairs with their floor. The bound is `factor` times the floor and `plus` seconds.

        Ratios are taken pair by pair, since the machine's own speed changes meanwhile.
        """
        ratio = median(figure / floor for floor, figure in zip(floors, figures))
        bound = share = None
        if factor is not None:
            share = median(figure / (factor * floor + plus) for floor, figure in zip(floors, figures))
            bound = f"{factor:g} x" + (f" + {seconds(plus)}" if plus else "")
            bound += f" = {seconds(factor * median(floors) + plus)}"
        self._line(store, what, figures, seconds, seconds(median(floors)), f"{ratio:.2f}" if ratio < 100 else f"{ratio:.0f}", bound, share)

    def plain(self, store, what, figures, unit=None, bound=None):
        """Figures with a fixed bound, or none; seconds where no unit is given."""
        unit, figure = unit or seconds, median(figures)
        share = None if bound is None else figure / bound if bound else 100.0 * (figure > 0)
        self._line(store, what, figures, unit, "", "", bound is not None and unit(bound), share)

    def faster(self, store, what, others, figures, goal):
        """Seconds of another program in pairs with mltop's; `goal` times as many."""
        ratio = median(other / figure for other, figure in zip(others, figures))
        told = seconds(median(others))
        self._line(store, what, figures, seconds, told, f"1/{ratio:.0f}", f"1/{goal}", goal / ratio)

    def missing(self, store, what, why):
        self._line(store, what, [], None, "", "", why, None)

    def _line(self, store, what, figures, unit, floor, ratio, bound, share):
        figure = unit(median(figures)) if figures else "n/a"
        spread = f"{unit(min(figures))} .. {unit(max(figures))}" if len(figures) > 1 else ""
        verdict = "" if share is None else "ok" if share <= 1 else "over"
        if not self.lines:
            print(f"{'':3} {'':44} {'mltop':>9} {'floor':>8} {'ratio':>6}   {'bound':22}      all figures")
        print(f"{store:3} {what:44} {figure:>9} {floor:>8} {ratio:>6}   {bound or '':22} {verdict:4} {spread}".rstrip(),
              flush=True)
        self.lines.append((store, what, figure, floor, ratio, bound or "", verdict, share))

    def is_over(self, by):
        return any(share is not None and share > by for *_, share in self.lines)

    def markdown(self, bench):
        """The table and the machine for BENCHMARKS.md."""
        rows = ["| store | what | mltop | floor | ratio | bound | |", "| --- | --- | ---: | ---: | ---: | --- | --- |"]
        rows += ["| " + " | ".join(line[:7]) + " |" for line in self.lines]
        return "\n".join([machine(bench), "", *rows])


def machine(bench):
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    version = subprocess.run([bench.program, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    state = "cold" if bench.is_cold else "warm"
    return (f"Machine: {os.cpu_count()} x {models[0] if models else platform.machine()}, {memory:.0f} GiB, "
            f"Linux {platform.release()}. {version}, release build. Medians of {bench.pairs} pairs, "
            f"file cache {state}.")


def seconds(value):
    return f"{value * 1000:.1f} ms" if value < 0.1 else f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def mebibytes(value):
    return f"{value / 2**20:.1f} MiB"


def size(value):
    return f"{value:,.0f} B"


def count(value):
    return f"{value:,}"
