#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Takes the power from a machine and its TPM at the same moment: when the seal's disk or what the TPM
keeps was written to so many times, and a little later.

usage: cut.py QEMU-PID TPM-PID JOURNAL DISK TPM-STATE WRITES MILLISECONDS

Writes count from the start of dmstack-unseal.service on. Ends when the machine does.
"""
import os
import pathlib
import signal
import sys
import time

BEGIN = b"Starting dmstack-unseal.service"


def alive(pid: int) -> bool:
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


def written(paths: list) -> list:
    """A TPM's state is replaced, and a moment long it is not there."""
    return [p.stat().st_mtime_ns if p.exists() else None for p in paths]


def main(args: list) -> int:
    if len(args) != 7:
        print(__doc__, file=sys.stderr)
        return 2
    pids = [int(a) for a in args[:2]]
    journal, paths = pathlib.Path(args[2]), [pathlib.Path(a) for a in args[3:5]]
    writes, pause = int(args[5]), float(args[6]) / 1000
    while alive(pids[0]) and not (journal.exists() and BEGIN in journal.read_bytes()):
        time.sleep(0.05)
    before = written(paths)
    while writes > 0 and alive(pids[0]):
        time.sleep(0.001)
        try:
            now = written(paths)
        except FileNotFoundError:
            continue
        writes -= sum(a != b and b is not None for a, b in zip(before, now))
        before = [b or a for a, b in zip(before, now)]
    time.sleep(pause)
    if not alive(pids[0]):
        print("not cut", end="")
        return 0
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    print("cut", end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
