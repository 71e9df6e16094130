#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Picks bytes of a stack's images that a scenario flips.

usage: positions.py MANIFEST COUNT SEED      prints DEVICE OFFSET, one pair a line

Every third is in the first 4096 bytes of an image, where superblocks are, so that each of their
fields is met in the long run; the others are anywhere, each image having its share.
"""
import json
import random
import sys


def main(manifest: str, count: int, seed: str) -> int:
    pick = random.Random(seed)
    with open(manifest, encoding="utf-8") as stream:
        stack = json.load(stream)
    devices = {f"{layer['name']}.{role}": device for layer in stack["layers"]
               for role, device in layer["devices"].items()}
    images = [(devices[a["device"]], a["bytes"]) for a in stack["artifacts"]]
    for number in range(count):
        device, size = images[number % len(images)]
        limit = 4096 if number // len(images) % 3 == 0 else size
        print(device.removeprefix("ID="), pick.randrange(limit))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
