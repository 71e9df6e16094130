# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the checks of this folder share: the tree, its floors, and how a check ends."""

import os
import pathlib
import subprocess
import sys

sys.dont_write_bytecode = True

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Each floor, and what lies below it. The folders are those of HACKING.md.
FLOORS = {
    "src/util": [],
    "src/disk": ["src/util"],
    "src/model": ["src/util", "src/disk"],
    "src/format": ["src/util", "src/disk", "src/model"],
    "src/platform": ["src/util", "src/disk", "src/model"],
    "src/cmd": ["src/util", "src/disk", "src/model", "src/format", "src/platform"],
    "generators": ["src/util", "src/disk", "src/model", "src/format"],
    "builder": ["src/util", "src/disk", "src/model", "src/format", "src/platform"],
    "exitrd": ["src/util", "src/disk", "src/model", "src/platform"],
}


def skip(why):
    print(f"SKIP: {why}")
    sys.exit(77)


def finish(faults, what):
    """Prints each fault and ends the check."""
    for fault in faults:
        print(fault)
    print(f"{what}: {len(faults)} faults")
    sys.exit(1 if faults else 0)


def tracked(*patterns):
    """The tracked files as paths from the root; without git, all files that are not a build's."""
    if (ROOT / ".git").exists():
        out = subprocess.run(["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, check=True,
                             capture_output=True).stdout
        names = [os.fsdecode(name) for name in out.split(b"\0") if name]
        return [name for name in names if (ROOT / name).is_file()]
    if not patterns:
        patterns = ("*",)
    names = [str(path.relative_to(ROOT)) for pattern in patterns for path in ROOT.rglob(pattern)
             if path.is_file()]
    return sorted(name for name in set(names) if not name.startswith(("build", ".")))


def text(name):
    return (ROOT / name).read_text(encoding="utf-8", errors="surrogateescape")


def floor_of(name):
    folder = os.path.dirname(name)
    return folder if folder in FLOORS else None
