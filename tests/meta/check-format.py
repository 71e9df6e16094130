# SPDX-License-Identifier: LGPL-2.1-or-later
"""The C files are as clang-format leaves them. No line but one with a text has over 100 columns."""

import difflib
import re
import shutil
import subprocess

import house

# Versions differ in details. With this one the tree is exact; with another one, it may differ in
# a few lines of a hundred.
EXACT = 14
PERCENT = 5
COLUMNS = 100

if not shutil.which("clang-format"):
    house.skip("clang-format is not there")
out = subprocess.run(["clang-format", "--version"], check=True, capture_output=True,
                     text=True).stdout
major = int(re.search(r"version (\d+)", out).group(1))

faults = []
total = differing = 0
for name in house.tracked("*.c", "*.h"):
    now = house.text(name).splitlines()
    then = subprocess.run(["clang-format", "--style=file", name], cwd=house.ROOT, check=True,
                          capture_output=True, text=True).stdout.splitlines()
    diff = [line for line in difflib.unified_diff(now, then, name, "formatted", lineterm="", n=0)
            if not line.startswith(("---", "+++"))]
    faults += [f"{name}:{number}: longer than {COLUMNS} columns"
               for number, line in enumerate(now, 1)
               if len(line.rstrip("\\").rstrip().expandtabs(8)) > COLUMNS and '"' not in line]
    total += len(now)
    differing += sum(line.startswith("-") for line in diff)
    if diff and major == EXACT:
        faults.append("\n".join([f"{name}: is not as clang-format leaves it", *diff[:12]]))
print(f"clang-format {major}: {differing} of {total} lines differ")
if major != EXACT and differing * 100 > total * PERCENT:
    faults.append(f"more than {PERCENT} % of the lines differ")
house.finish(faults, "format")
