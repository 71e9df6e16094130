#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the generator on one case and compares what it leaves with what is expected.

    run-case.py GENERATOR CASE-DIR

A case is a folder with dmstack.conf, manifests and the kernel command line; each may be missing.
host.expected and initrd.expected tell exit code, log, files and links as one text. With
DMSTACK_UPDATE_GOLDEN=1 they are written instead of compared.
"""

import difflib
import os
import pathlib
import re
import sys
import tempfile

import generator_case


def describe(folder):
    lines = []
    for place in generator_case.PLACES:
        for path in sorted((folder / place).rglob("*")):
            name = path.relative_to(folder)
            if path.is_symlink():
                lines.append(f"=== {name} -> {os.readlink(path)}\n")
            elif path.is_file():
                lines.append(f"=== {name}\n{path.read_text()}")
    return "".join(lines)


def run(generator, case, initrd):
    with tempfile.TemporaryDirectory(prefix="dmstack-golden-") as name:
        folder = pathlib.Path(name)
        result = generator_case.run(generator, case, folder, initrd)
        if result.stdout:
            sys.exit(f"the generator printed to stdout: {result.stdout}")
        text = f"exit {result.returncode}\n{result.stderr}{describe(folder)}"
        text = text.replace(str(folder), "@CASE@")
        # Where it is installed is the build's choice.
        return re.sub(r"(?m)^(ExecStopPost=:)\S+", r"\1@DMSTACK@", text)


def main():
    generator, case = sys.argv[1], pathlib.Path(sys.argv[2])
    faults = 0
    for where in ("host", "initrd"):
        text = run(generator, case, where == "initrd")
        path = case / f"{where}.expected"
        if os.environ.get("DMSTACK_UPDATE_GOLDEN") == "1":
            path.write_text(text)
            continue
        expected = path.read_text() if path.exists() else ""
        if text != expected:
            faults += 1
            sys.stdout.writelines(difflib.unified_diff(
                expected.splitlines(keepends=True), text.splitlines(keepends=True),
                str(path), "the generator's output"))
    sys.exit(1 if faults else 0)


main()
