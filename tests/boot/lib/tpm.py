#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Changes a software TPM while its machine is off: what somebody could who booted another system.

usage: tpm.py STATE clear | undefine INDEX | counter INDEX TIMES | latch INDEX
"""
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tpm"))
import machine  # noqa: E402  (its folder has to be in the path)

COUNTER_ATTRIBUTES = 0x82044014
LATCH_ATTRIBUTES = 0x02042004
NV_WRITE, NV_WRITE_LOCK = 0x137, 0x138


def counter(tpm: machine.Tpm, index: int, times: int) -> None:
    """The same index as before, made anew and incremented."""
    tpm.undefine(index)
    rc = tpm.define(index, COUNTER_ATTRIBUTES, 8)
    for _ in range(times):
        rc = rc or tpm.increment(index)
    if rc != 0:
        raise SystemExit(f"tpm.py: {rc:#x}")


def latch(tpm: machine.Tpm, index: int) -> None:
    """One that looks as closed as the former, made by somebody else."""
    tpm.undefine(index)
    rc = tpm.define(index, LATCH_ATTRIBUTES, 32)
    rc = rc or tpm.do(NV_WRITE, [index, index], struct.pack(">H32sH", 32, bytes(32), 0))
    rc = rc or tpm.do(NV_WRITE_LOCK, [index, index])
    if rc != 0:
        raise SystemExit(f"tpm.py: {rc:#x}")


def main(args: list) -> int:
    if len(args) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    numbers = [int(a, 0) for a in args[2:]]
    tpm = machine.Tpm(args[0])
    tpm.start()
    try:
        if args[1] == "counter":
            counter(tpm, *numbers)
        elif args[1] == "latch":
            latch(tpm, *numbers)
        else:
            rc = {"clear": tpm.clear, "undefine": tpm.undefine}[args[1]](*numbers)
            if rc != 0:
                raise SystemExit(f"tpm.py: {args[1]}: {rc:#x}")
    finally:
        tpm.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
