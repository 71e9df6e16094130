# SPDX-License-Identifier: LGPL-2.1-or-later
"""The C files are as clang-format leaves them. No line but one with a text has over 100 columns."""

import difflib
import re
import shutil
import subprocess

import house

# Versions differ in details, so that another one than this may find more. What is found is always
# printed; it is a fault when the tree as a whole is not formatted any more.
EXACT = 14
PER_MILLE = {True: 2, False: 50}
COLUMNS = 100

if not shutil.which("clang-format"):
    house.skip("clang-format is not there")
out = subprocess.run(["clang-format", "--version"], check=True, capture_output=True,
                     text=True).stdout
major = int(re.search(r"version (\d+)", out).group(1))


def is_too_long(line):
    """The end of a macro's line does not count, and a text is not broken."""
    return len(line.rstrip("\\").rstrip().expandtabs(8)) > COLUMNS and '"' not in line


total = differing = 0
for name in house.tracked("*.c", "*.h"):
    now = house.text(name).splitlines()
    then = subprocess.run(["clang-format", "--style=file", name], cwd=house.ROOT, check=True,
                          capture_output=True, text=True).stdout.splitlines()
    diff = [line for line in difflib.unified_diff(now, then, name, "formatted", lineterm="", n=0)
            if not line.startswith(("---", "+++"))]
    too_long = [number for number, line in enumerate(now, 1) if is_too_long(line)]
    total += len(now)
    differing += sum(line.startswith("-") for line in diff) + len(too_long)
    if diff:
        print("\n".join([f"{name}: is not as clang-format {major} leaves it", *diff[:12]]))
    for number in too_long:
        print(f"{name}:{number}: longer than {COLUMNS} columns")

limit = total * PER_MILLE[major == EXACT] // 1000
house.finish([f"{differing} of {total} lines, more than {limit}"] if differing > limit else [],
             f"format, {differing} of {total} lines")
