# SPDX-License-Identifier: LGPL-2.1-or-later
"""codespell(1) finds no common misspelling."""

import shutil
import subprocess

import house

# These have misspellings on purpose.
WRONG = ("tests/evil/", "tests/fuzz/")
# Words that are names here.
NAMES = "bootup,tru,fo,te,ba,localed,nd,plian"

if not shutil.which("codespell"):
    house.skip("codespell is not there")
names = [name for name in house.tracked()
         if not name.endswith(".json") and name != "LICENSE"
         and not name.startswith(WRONG)]
run = subprocess.run(["codespell", "-L", NAMES, *names], cwd=house.ROOT, capture_output=True,
                     text=True)
house.finish(run.stdout.splitlines(), f"spelling of {len(names)} files")
