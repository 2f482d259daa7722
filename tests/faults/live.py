#!/usr/bin/env python3
"""Chaos under an open browser: nothing lost, nothing invented, no crash, memory flat.

    live.py PROGRAM [--seconds N] [--seed S,S] [--recipe NAME,NAME] [--rate OPS] [--grace S]

For each seed and recipe a new store is made, PROGRAM is opened on it in a PTY with --dump-on-exit, chaos.py changes the
store meanwhile, and afterwards what was on the screen is compared with the truth and with a fresh `PROGRAM dump`.

Recipes: how events are cut off, without privileges.
    plain      events arrive
    enospc     no watch is to be had (user namespace with max_user_watches 0)
    emfile     no inotify instance is to be had
    silent     watches succeed and nothing is ever told, as on NFS (strace answers for the kernel)
    overlay    the store is written behind an overlay mount
    poll       --poll 1: the user does not want events

Exit 1 when something differs, 3 when a recipe cannot be done here (no user namespaces, no strace) and nothing failed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ptylib import Session, alive
from verify import against_truth, plain

HERE = Path(__file__).parent
# What the header has to say within ten seconds, and how long changes may take to be seen at the end of the chaos.
RECIPES = {"plain": ("live", 2.0), "enospc": ("polling", 4.0), "emfile": ("polling", 4.0), "silent": ("polling", 4.0), "overlay": ("polling", 12.0), "poll": ("polling", 3.0)}


def wrapped(recipe: str, program: str, folder: Path) -> tuple[list[str], Path, Path]:
    """The command before its arguments, the store as the program sees it and as the writers do."""
    store = folder / "store"
    limit = "echo 0 > /proc/sys/user/max_inotify_%s; exec \"$0\" \"$@\""
    if recipe == "enospc":
        return ["unshare", "-Ur", "sh", "-c", limit % "watches", program], store, store
    if recipe == "emfile":
        return ["unshare", "-Ur", "sh", "-c", limit % "instances", program], store, store
    if recipe == "silent":
        # --seccomp-bpf: no other call is stopped, so the program is as fast as without strace.
        return ["strace", "-f", "--seccomp-bpf", "-qq", "-o", "/dev/null", "-e", "trace=inotify_add_watch", "-e", "inject=inotify_add_watch:retval=1", program], store, store
    if recipe == "overlay":
        for name in ("lower", "upper", "work", "seen"):
            (folder / name).mkdir()
        mount = (f"mount -t overlay overlay -o lowerdir={folder}/lower,upperdir={folder}/upper,workdir={folder}/work {folder}/seen && "
                 f"{{ \"$0\" \"$@\"; code=$?; \"$0\" dump --histories {folder}/seen >{folder}/fresh.json 2>/dev/null; exit $code; }}")
        return ["unshare", "-Urm", "sh", "-c", mount, program], folder / "seen", folder / "upper"
    return [program], store, store


def possible(recipe: str) -> bool:
    with tempfile.TemporaryDirectory(prefix="mltop-live-") as folder:
        command, _, _ = wrapped(recipe, "true", Path(folder))
        try:
            return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=20).returncode == 0
        except (OSError, subprocess.TimeoutExpired):
            return False


def target(pid: int) -> int:
    """The program below strace."""
    while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pid = int(children[0])
    return pid


def usage(pid: int) -> tuple[float, int, int]:
    """Resident MiB, file descriptors and threads."""
    try:
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        return int(status["VmRSS"].split()[0]) / 1024, len(os.listdir(f"/proc/{pid}/fd")), int(status["Threads"])
    except (OSError, KeyError):
        return 0.0, 0, 0


def one(program: str, recipe: str, seed: int, a: argparse.Namespace) -> list[str]:
    """What is wrong."""
    faults: list[str] = []
    folder = Path(tempfile.mkdtemp(prefix="mltop-live-"))
    command, seen, written = wrapped(recipe, program, folder)
    word, grace = RECIPES[recipe]
    chaos = [sys.executable, str(HERE / "chaos.py"), str(written), "--seed", str(seed)]
    if recipe == "overlay":
        # A file that is replaced behind the mount stays the old one as seen through it: the kernel's business.
        chaos += ["--only", "ledger_append,ledger_torn,append_metric,new_metric,add_param,new_run,finish_run,burst_appends"]
    quiet = {"stdout": subprocess.DEVNULL}
    subprocess.run([*chaos, "--seconds", "0", "--truth", str(folder / "t0.json")], check=True, **quiet)
    dump = folder / "seen.json"
    poll = ["--poll", "1"] if recipe == "poll" else []
    s = Session([*command, *poll, "--no-cache", "--dump-on-exit", str(dump), str(seen)], 40, 140)
    try:
        s.pump(10, until=lambda: "Runs" in s.term.screen() and ("live" in s.term.screen() or "polling" in s.term.screen()))
        writer = subprocess.Popen([*chaos, "--seconds", str(a.seconds), "--rate", str(a.rate), "--truth", str(folder / "truth.json")], **quiet)
        begin, told, pid = time.monotonic(), None, target(s.pid)
        early = late = usage(pid)
        keys = iter(b"jjjkjGgg=qjji12345qEjkl" * 1000)
        while writer.poll() is None:
            s.tokens.clear()
            s.raw.clear()
            s.pump(0.5, until=s.ended)
            if s.ended():
                faults.append(f"ended meanwhile: {s.exit}")
                break
            if told is None and word in s.term.screen().splitlines()[0]:
                told = time.monotonic() - begin
            if a.keys and (key := next(keys, None)) is not None:
                s.send(bytes([key]) if key != ord("q") or "Compare" in s.term.screen() else b"\x1b")
            if time.monotonic() - begin < min(20, a.seconds / 3):
                early = usage(pid)
            late = usage(pid)
        writer.wait()
        s.pump(a.grace or grace, until=s.ended)
        # Descriptors of readers in the middle of a run are no leak: they are counted when all is quiet.
        late = (late[0], usage(pid)[1], late[2])
        if told is None and word not in s.term.screen().splitlines()[0]:
            faults.append(f"the header never said {word!r}: {s.term.screen().splitlines()[0].strip()!r}")
        begin_quit = time.monotonic()
        s.send(b"\x03")
        s.pump(5 if recipe != "overlay" else 20, until=s.ended)
        if s.ended() and s.exit != ("exit", 0):
            faults.append(f"ended with {s.exit}: {bytes(s.raw[-300:])!r}")
        elif not s.ended():
            faults.append("does not end")
        s.finish_output()
        faults += [f"terminal: {what}" for what in s.not_restored()]
    finally:
        s.close()
        if writer.poll() is None:
            writer.terminate()
            writer.wait()
    try:
        view = json.loads(dump.read_text())
        truth = json.loads((folder / "truth.json").read_text())
        printed = folder / "fresh.json"
        if recipe != "overlay":
            printed.write_bytes(subprocess.run([program, "dump", "--histories", str(written)], capture_output=True, timeout=60).stdout)
        fresh = json.loads(printed.read_text())
        view_faults, fresh_faults = (against_truth(truth, plain(dump), False) for dump in (view, fresh))
        if recipe == "overlay":
            # The kernel remembers what was not there when it was asked for, and what was replaced behind the mount: what
            # a fresh look through the mount cannot see, nobody can.
            view_faults = [fault for fault in view_faults if fault not in fresh_faults]
            fresh_faults = []
        faults += [f"view: {f}" for f in view_faults] + [f"dump: {f}" for f in fresh_faults]
        ours, theirs = ({r["experiment_id"] + r["run_id"]: r for r in d["runs"]} for d in (view, fresh))
        differing = [k for k in ours.keys() | theirs.keys() if ours.get(k) != theirs.get(k)]
        if differing:
            faults.append(f"the view differs from a fresh dump in {len(differing)} runs: {differing[:3]}")
    except (OSError, ValueError) as error:
        faults.append(f"no dump: {error}")
    growth = late[0] - early[0]
    if growth > a.growth:
        faults.append(f"memory grew from {early[0]:.1f} to {late[0]:.1f} MiB")
    if late[1] > early[1] + 40:
        faults.append(f"file descriptors grew from {early[1]} to {late[1]}")
    if alive(s.pid):
        faults.append("a process is left")
    said = f"{told:.1f} s" if told is not None else "at the end"
    print(f"{'FAIL' if faults else 'pass'}  {recipe:8} seed {seed}: {late[0]:.1f} MiB ({growth:+.1f}), {late[1]} descriptors, {late[2]} threads; said {word!r} after {said}; quit in {time.monotonic() - begin_quit:.1f} s", flush=True)
    for fault in faults[:12]:
        print(f"      - {fault}", flush=True)
    if faults and a.keep:
        print(f"      kept: {folder}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return faults


def main() -> int:
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("program")
    ap.add_argument("--seconds", type=float, default=60)
    ap.add_argument("--seed", default="1,2,3,4,5")
    ap.add_argument("--recipe", default="plain")
    ap.add_argument("--rate", type=float, default=200, help="operations a second")
    ap.add_argument("--grace", type=float, default=0, help="seconds after the last change until the view must be right")
    ap.add_argument("--growth", type=float, default=20, help="MiB that memory may grow after the first third")
    ap.add_argument("--keys", action="store_true", help="press keys meanwhile")
    ap.add_argument("--keep", action="store_true", help="keep the folder of what fails")
    a = ap.parse_args()
    failed = skipped = 0
    for recipe in RECIPES if a.recipe == "all" else a.recipe.split(","):
        if not possible(recipe):
            print(f"skip  {recipe:8} cannot be done here", flush=True)
            skipped += 1
            continue
        failed += sum(bool(one(os.path.abspath(a.program), recipe, int(seed), a)) for seed in a.seed.split(","))
    return 1 if failed else 3 if skipped else 0


if __name__ == "__main__":
    sys.exit(main())
