# SPDX-License-Identifier: LGPL-2.1-or-later
"""Looks for keys in the memory of a machine: find-in-memory.py MEMORY NAME=KEYFILE...

Prints a line for each key: how often the whole of it is there, pieces of 32 bytes and of 16, as they
would be in a cipher's schedule or in a page that somebody else wrote half over, and pieces of 16 bytes
in hex, as in a table of dm-integrity.
"""

import mmap
import os
import sys


def extents(fd, size):
    """The parts of a sparse file that have data."""
    at = 0
    while at < size:
        try:
            begin = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            return
        at = os.lseek(fd, begin, os.SEEK_HOLE)
        yield begin, at


def count(memory, parts, pattern):
    n = 0
    for begin, end in parts:
        at = memory.find(pattern, begin, end)
        while at >= 0:
            n += 1
            at = memory.find(pattern, at + 1, end)
    return n


def pieces(key, width):
    return [key[at:at + width] for at in range(0, len(key), width)]


def main():
    fd = os.open(sys.argv[1], os.O_RDONLY)
    size = os.fstat(fd).st_size
    memory = mmap.mmap(fd, size, prot=mmap.PROT_READ)
    parts = list(extents(fd, size))
    for argument in sys.argv[2:]:
        name, path = argument.split("=", 1)
        with open(path, "rb") as file:
            key = file.read()
        if len(key) % 32 or len(set(key)) < 16:
            sys.exit(f"{path} is not what a volume key looks like")
        found = [sum(count(memory, parts, piece) for piece in pieces(key, width))
                 for width in (len(key), 32, 16)]
        found.append(sum(count(memory, parts, piece.hex().encode()) for piece in pieces(key, 16)))
        print("{}: {} whole, {} of 32 bytes, {} of 16 bytes, {} in hex".format(name, *found))
    print(f"bytes: {sum(end - begin for begin, end in parts)}")


main()
