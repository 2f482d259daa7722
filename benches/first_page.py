#!/usr/bin/env python3
"""First rows of a tracking server: mltop against curl asking for the same page.

usage: first_page.py MLTOP SERVER [ROUNDS]

mltop runs in a terminal; the time is from its start until a run's name is on screen. curl asks for what mltop asks until
then: the experiments, then the first page of runs over all of them. Medians, taken in turn. Standard library and curl.
"""
import fcntl
import json
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import termios
import time

mltop, server = sys.argv[1:3]
rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 9
API = server.rstrip("/") + "/api/2.0/mlflow"


def curl(path, body):
    begun = time.monotonic()
    answer = subprocess.run(["curl", "-s", "-X", "POST", "-H", "Content-Type: application/json", "-d", json.dumps(body), API + path], capture_output=True, check=True)
    return time.monotonic() - begun, json.loads(answer.stdout)


def rows(name):
    begun = time.monotonic()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", LC_ALL="C.UTF-8")
        os.execv(mltop, [mltop, "--no-state", server])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 160, 0, 0))
    seen = b""
    while name not in seen and time.monotonic() - begun < 60:
        if select.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 65536)
    took = time.monotonic() - begun
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(terminal)
    return took


_, listed = curl("/experiments/search", {"max_results": 1000, "view_type": "ALL"})
ids = [experiment["experiment_id"] for experiment in listed["experiments"]]
page = {"experiment_ids": ids, "run_view_type": "ALL", "max_results": 100}
first = curl("/runs/search", page)[1]["runs"][0]["info"]
name = first.get("run_name") or first["run_id"]
lists, pages, ours = [], [], []
for _ in range(rounds):
    lists.append(curl("/experiments/search", {"max_results": 1000, "view_type": "ALL"})[0])
    pages.append(curl("/runs/search", page)[0])
    ours.append(rows(name.encode()))
lists, pages, ours = (statistics.median(times) * 1000 for times in (lists, pages, ours))
print("curl: experiments %.0f ms, first page of runs %.0f ms; mltop: first rows %.0f ms" % (lists, pages, ours))
print("ratio to the page %.2f, to both %.2f" % (ours / pages, ours / (lists + pages)))
