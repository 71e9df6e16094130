#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where a block of a small dm-integrity image lies: prints the offsets of its data and of its tag.

usage: place.py IMAGE BLOCK

The image has fixed padding and no metadata device. Computed from the superblock alone, by
the kernel's admin-guide/device-mapper/dm-integrity.rst.
"""
import struct
import sys

SECTOR = 512


def main(args: list) -> int:
    if len(args) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    with open(args[0], "rb") as image:
        superblock = image.read(64)
    if superblock[:8] != b"integrt\0":
        raise SystemExit("place.py: no superblock of dm-integrity")
    log2_interleave = superblock[9]
    tag_size, sections = struct.unpack_from("<HI", superblock, 10)
    log2_block = superblock[28]
    per_block = 1 << log2_block
    entry = -(-(8 + 8 * per_block + tag_size) // 8) * 8
    entries = 8 * (504 // entry)
    first_tag = (8 + sections * ((entries << log2_block) + 8)) * SECTOR
    run = -(-(tag_size << (log2_interleave - log2_block)) // 4096) * 4096
    # Every area is a run of tags and the data that they are for.
    area, sector = divmod(int(args[1]) * per_block, 1 << log2_interleave)
    first_tag += area * (run + (SECTOR << log2_interleave))
    print(first_tag + run + sector * SECTOR, first_tag + sector // per_block * tag_size)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
