# SPDX-License-Identifier: LGPL-2.1-or-later
"""The commands of one recipe of the manual, as a script.

    recipe.py PAGE HEADING OUTPUT NAME=VALUE...

The first block of a recipe only sets variables: it is replaced by the given values, which have to be
of the same names. Every other block is taken as it is.
"""

import pathlib
import re
import sys

BLOCK = re.compile(r"^```\n(.*?)^```$", re.M | re.S)

page, heading, output = sys.argv[1:4]
given = dict(word.split("=", 1) for word in sys.argv[4:])
text = pathlib.Path(page).read_text(encoding="utf-8")
chapter = re.split(r"^# [A-Z]{2}", text.partition(f"\n# {heading}\n")[2], maxsplit=1, flags=re.M)[0]
blocks = [block.replace("\\\\", "\\") for block in BLOCK.findall(chapter)]
if len(blocks) < 5:
    sys.exit(f"{page}: {len(blocks)} blocks below \"{heading}\"")
chosen = dict(line.split("=", 1) for line in blocks[0].splitlines())
if set(chosen) != set(given):
    sys.exit(f"{page}: the first block sets {sorted(chosen)}, the test {sorted(given)}")
lines = ["set -eux", *(f"{name}={value}" for name, value in given.items()), *blocks[1:]]
pathlib.Path(output).write_text("\n".join(lines) + "\n", encoding="utf-8")
