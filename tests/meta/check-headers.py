# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every header compiles alone, with the include folders of its own floor and of those below."""

import os
import shlex
import subprocess
import sys

import house

compiler = sys.argv[1:] or ["cc"]
LIBRARIES = ["devmapper", "json-c", "libcrypto", "libxxhash"]

flags = subprocess.run(["pkg-config", "--cflags", *LIBRARIES], capture_output=True, text=True)
if flags.returncode:
    house.skip("pkg-config does not know the libraries: " + flags.stderr.strip())

faults = []
for name in house.tracked("*.h"):
    floor = house.floor_of(name)
    if not floor:
        continue
    folders = ["-I" + str(house.ROOT / folder) for folder in [floor, *house.FLOORS[floor]]]
    run = subprocess.run(
        [*compiler, "-std=gnu17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror",
         "-Wno-unused-parameter", "-fsyntax-only", *folders, *shlex.split(flags.stdout), "-xc",
         "-"],
        input=f'#include "{os.path.basename(name)}"\n', capture_output=True, text=True)
    if run.returncode:
        faults.append(f"{name} does not compile alone:\n{run.stderr}")
house.finish(faults, "headers")
