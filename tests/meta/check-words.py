# SPDX-License-Identifier: LGPL-2.1-or-later
"""No unfinished work, no path of a developer's machine, no blank at a line's end."""

import re

import house

BINARY = ("/corpus/",)
# Kept as they were made elsewhere.
COPIED = ("tests/golden/data/",)
# The words are cut, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK|TB" r"D)\b")
MACHINE = re.compile(r"(/ho" r"me/[a-z]|/wo" r"rk/|/tm" r"p/w/)")
TRAILING = re.compile(r"[ \t]+$")
FREE = (".md", ".diff")

faults = []
for name in house.tracked():
    if name == "LICENSE" or any(word in name for word in BINARY):
        continue
    content = house.text(name)
    if "\0" in content:
        continue
    if content and not content.endswith("\n") and not name.startswith(COPIED):
        faults.append(f"{name}: no newline at the end")
    if "\r" in content:
        faults.append(f"{name}: carriage returns")
    for number, line in enumerate(content.splitlines(), 1):
        for pattern in (UNFINISHED, MACHINE):
            match = pattern.search(line)
            if match:
                faults.append(f"{name}:{number}: {match.group()}")
        if TRAILING.search(line) and not name.endswith(FREE):
            faults.append(f"{name}:{number}: blanks at the end of the line")
house.finish(faults, "words")
