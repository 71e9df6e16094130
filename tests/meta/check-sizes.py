# SPDX-License-Identifier: LGPL-2.1-or-later
"""Functions of at most 80 lines and 6 parameters, files of at most 500 lines (tests: 600)."""

import re
import statistics

import house

FUNCTION_LINES = 80
FILE_LINES = 500
TEST_LINES = 600
PARAMETERS = 6

# The beginning of a function in kernel style: a line that begins in the first column, and the
# opening brace alone on its own.
HEAD = re.compile(r"^(?!typedef|struct [a-z_]+ \{|enum|union|#|/| |\t)(?P<head>[a-z_][^;{}=]*?"
                  r"\((?P<params>[^;{}]*)\))\n\{\n(?P<body>.*?)^\}", re.M | re.S)


def count_parameters(params):
    depth = commas = 0
    for char in params:
        depth += (char == "(") - (char == ")")
        commas += char == "," and depth == 0
    return 0 if params.strip() in ("", "void") else commas + 1


faults = []
lengths = []
for name in house.tracked("*.c", "*.h"):
    content = house.text(name)
    lines = content.splitlines()
    limit = TEST_LINES if name.startswith("tests/") else FILE_LINES
    if len(lines) > limit:
        faults.append(f"{name}: {len(lines)} lines, more than {limit}")
    for match in HEAD.finditer(content):
        number = content.count("\n", 0, match.start()) + 1
        length = match.group("body").count("\n")
        what = re.search(r"(\w+)\s*\(", match.group("head")).group(1)
        lengths.append(length)
        if length > FUNCTION_LINES:
            faults.append(f"{name}:{number}: {what}() has {length} lines")
        parameters = count_parameters(match.group("params"))
        if parameters > PARAMETERS:
            faults.append(f"{name}:{number}: {what}() has {parameters} parameters")

if len(lengths) < 100:
    faults.append(f"only {len(lengths)} functions were found: the search is broken")
else:
    print(f"{len(lengths)} functions, median {statistics.median(lengths):g} lines,"
          f" longest {max(lengths)}")
house.finish(faults, "sizes")
