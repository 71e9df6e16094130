#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints what a manifest says about images and layers, for the shell.

usage: artifacts.py files MANIFEST            FILE and DEVICE of each artifact, one pair a line
       artifacts.py field MANIFEST TYPE NAME  field NAME of the first layer of that type
"""
import json
import sys


def main(args: list) -> int:
    with open(args[1], encoding="utf-8") as stream:
        manifest = json.load(stream)
    layers = {layer["name"]: layer for layer in manifest["layers"]}
    if args[0] == "files":
        for artifact in manifest["artifacts"]:
            name, role = artifact["device"].rsplit(".", 1)
            print(artifact["file"], layers[name]["devices"][role])
        return 0
    for layer in manifest["layers"]:
        if layer["type"] == args[2]:
            print(layer[args[3]])
            return 0
    print(f"artifacts.py: no layer of type {args[2]}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
