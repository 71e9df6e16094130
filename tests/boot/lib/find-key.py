#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Looks for a key in files: any 16 bytes of it as they are, in hex or in base64.

usage: find-key.py KEY FILE...

Ends with 1 and says where, if a piece is there.
"""
import base64
import pathlib
import sys

PIECE = 16


def patterns(key: bytes) -> dict:
    found = {}
    for start in range(0, len(key) - PIECE + 1, PIECE):
        piece = key[start:start + PIECE]
        name = f"bytes {start} to {start + PIECE - 1}"
        found[name] = piece
        found[name + " in hex"] = piece.hex().encode()
        found[name + " in upper-case hex"] = piece.hex().upper().encode()
    # Three bytes are four letters, so that what is in front does not matter if it is cut by three.
    text = base64.b64encode(key[:len(key) // 3 * 3])
    for start in range(0, len(text) - PIECE + 1, PIECE):
        found[f"letters {start} to {start + PIECE - 1} of base64"] = text[start:start + PIECE]
    return found


def main(args: list) -> int:
    if len(args) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    key = pathlib.Path(args[0]).read_bytes()
    if len(key) < PIECE or not any(key):
        raise SystemExit(f"find-key.py: {args[0]} is no key")
    status = 0
    for file in args[1:]:
        data = pathlib.Path(file).read_bytes()
        for name, pattern in patterns(key).items():
            if pattern in data:
                print(f"{file} has {name} of {args[0]}")
                status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
