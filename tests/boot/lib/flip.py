#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Flips one bit in an image, at a place found by its content.

usage: flip.py byte IMAGE OFFSET                 at an offset; a negative one counts from the end
       flip.py data IMAGE PLAIN                  in the data of a block of PLAIN
       flip.py integrity-tag IMAGE PLAIN         in that block's sha256 tag of dm-integrity
       flip.py verity-digest IMAGE PLAIN SALT    in that block's sha256 digest of dm-verity

PLAIN is the content of the top device. The block is the first one past its middle that occurs
once; its number (of 4096 bytes) is printed. The layout of the image is not needed for that:
data, tags and digests are searched for as the bytes that they must be.
"""
import hashlib
import struct
import sys

BLOCK = 4096
INTEGRITY_SALT = slice(48, 64)


def unique_block(plain: bytes) -> int:
    count = len(plain) // BLOCK
    blocks = [plain[i * BLOCK:(i + 1) * BLOCK] for i in range(count)]
    for number in range(count // 2, count):
        if any(blocks[number]) and blocks.count(blocks[number]) == 1:
            return number
    raise SystemExit("flip.py: no block that occurs once")


def find_once(image: bytes, needle: bytes, what: str) -> int:
    at = image.find(needle)
    if at < 0 or image.find(needle, at + 1) >= 0:
        raise SystemExit(f"flip.py: {what} is not in the image exactly once")
    return at


def flip(path: str, offset: int) -> None:
    with open(path, "r+b") as image:
        image.seek(offset, 2 if offset < 0 else 0)
        at = image.tell()
        byte = image.read(1)[0]
        image.seek(at)
        image.write(bytes([byte ^ 0x10]))


def main(args: list) -> int:
    if len(args) < 3 or args[0] not in ("byte", "data", "integrity-tag", "verity-digest"):
        print(__doc__, file=sys.stderr)
        return 2
    if args[0] == "byte":
        flip(args[1], int(args[2], 0))
        return 0
    with open(args[1], "rb") as stream:
        image = stream.read()
    with open(args[2], "rb") as stream:
        plain = stream.read()
    number = unique_block(plain)
    block = plain[number * BLOCK:(number + 1) * BLOCK]
    if args[0] == "data":
        needle = block
    elif args[0] == "integrity-tag":
        sector = struct.pack("<Q", number * (BLOCK // 512))
        needle = hashlib.sha256(image[INTEGRITY_SALT] + sector + block).digest()
    else:
        needle = hashlib.sha256(bytes.fromhex(args[3]) + block).digest()
    flip(args[1], find_once(image, needle, args[0]) + len(needle) // 2)
    print(number)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
