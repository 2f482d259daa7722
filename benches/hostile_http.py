#!/usr/bin/env python3
"""mltop against a server that misbehaves in 25 ways: does it answer keys, keep its secrets, leave the server in peace?

usage: hostile_http.py MLTOP HOSTILE_HTTP.PY [--seconds N] [--only MODE,MODE] [--jobs N]

HOSTILE_HTTP.PY is the server (tools/faults). Browsing in a terminal of 120x36, keys are pressed every second. Held are: key
to frame at most 100 ms (the median of each mode; the worst is told), at most one request a second while every request
fails, at most two in the first minute of 401 and 403, no login to another origin or on screen, peak memory at most
300 MB, and an end by `q` with code 0. Exit 1 when something is not held. Standard library only.
"""
import argparse
import concurrent.futures
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

SECRET = "SECRET-ZQ"
MODES = ["ok", "slow", "hang", "500", "503", "401", "403", "404", "redirect-loop", "redirect-origin", "html", "truncated", "huge", "deep",
         "bad-json", "bad-utf8", "gzip-bomb", "page-loop", "escapes", "restart", "flaky", "reset", "types", "no-length", "drip-headers"]
FAILING = {"hang", "500", "503", "401", "403", "404", "redirect-loop", "html", "truncated", "bad-json", "gzip-bomb", "huge", "reset", "drip-headers"}


def memory(pid):
    try:
        with open("/proc/%d/status" % pid) as file:
            return next(int(line.split()[1]) / 1024 for line in file if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return 0


def run(mltop, tool, mode, seconds):
    server = subprocess.Popen([sys.executable, tool, "--mode", mode, "--seconds", str(seconds + 20)], stdout=subprocess.PIPE, text=True)
    port = server.stdout.readline().split()[1]
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", MLFLOW_TRACKING_TOKEN=SECRET, LC_ALL="C.UTF-8")
        os.execv(mltop, [mltop, "http://127.0.0.1:" + port])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 36, 120, 0, 0))
    seen, waits, end = bytearray(), [], time.monotonic() + seconds
    peak, cmdline = 0, b""

    def listen(wait):
        if select.select([terminal], [], [], wait)[0]:
            try:
                data = os.read(terminal, 65536)
            except OSError:
                return False
            seen.extend(data)
            return bool(data)
        return False

    next_key, key = time.monotonic() + 1, b"?"
    while time.monotonic() < end:
        listen(0.05)
        if time.monotonic() >= next_key:
            while listen(0):
                pass
            begun = time.monotonic()
            os.write(terminal, key)
            if listen(2):
                waits.append((time.monotonic() - begun) * 1000)
            else:
                waits.append(2000)
            key = b"\x1b" if key == b"?" else b"?"
            next_key = time.monotonic() + 1
            peak = max(peak, memory(pid))
            with open("/proc/%d/cmdline" % pid, "rb") as file:
                cmdline = file.read()
    os.write(terminal, b"\x1b")
    time.sleep(0.3)
    os.write(terminal, b"q")
    code, limit = None, time.monotonic() + 5
    while time.monotonic() < limit and code is None:
        listen(0.1)
        done, status = os.waitpid(pid, os.WNOHANG)
        code = os.waitstatus_to_exitcode(status) if done else None
    if code is None:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    os.close(terminal)
    server.terminate()
    report = json.loads(server.communicate(timeout=30)[0].strip().splitlines()[-1])
    waits.sort()
    faults = []
    median, worst = (waits[len(waits) // 2], waits[-1]) if waits else (0, 0)
    if not waits or median > 100:
        faults.append("key to frame %.0f ms" % median)
    if mode in FAILING and report["requests"] > seconds + 2:
        faults.append("%d requests" % report["requests"])
    if mode in ("401", "403") and report["requests"] > 2:
        faults.append("%d requests" % report["requests"])
    if report["credentials_leaked_to_other_origin"] or report["unsafe_requests"]:
        faults.append("leaked %s unsafe %s" % (report["credentials_leaked_to_other_origin"], report["unsafe_requests"]))
    if SECRET.encode() in seen or SECRET.encode() in cmdline:
        faults.append("the secret was shown")
    if peak > 300:
        faults.append("%.0f MB" % peak)
    if code != 0:
        faults.append("ended with %s" % code)
    return {"mode": mode, "key_ms": round(median, 1), "worst_ms": round(worst, 1), "requests": report["requests"], "peak_mb": round(peak), "code": code, "faults": faults}


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("mltop")
parser.add_argument("tool")
parser.add_argument("--seconds", type=float, default=60)
parser.add_argument("--only", default=",".join(MODES))
parser.add_argument("--jobs", type=int, default=1)
arguments = parser.parse_args()
bad = 0
with concurrent.futures.ProcessPoolExecutor(arguments.jobs) as pool:
    jobs = [pool.submit(run, os.path.abspath(arguments.mltop), arguments.tool, mode, arguments.seconds) for mode in arguments.only.split(",")]
    for job in jobs:
        result = job.result()
        bad += bool(result["faults"])
        print("%-16s key %6.1f ms (worst %7.1f)  %4d requests  %4d MB  %s" % (
            result["mode"], result["key_ms"], result["worst_ms"], result["requests"], result["peak_mb"], "; ".join(result["faults"]) or "good"), flush=True)
print("%d of %d modes good" % (len(jobs) - bad, len(jobs)))
sys.exit(1 if bad else 0)
