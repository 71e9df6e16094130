# SPDX-License-Identifier: LGPL-2.1-or-later
"""shellcheck(1) has nothing to say about the shell scripts."""

import re
import shutil
import subprocess

import house

SHEBANG = re.compile(r"^#!\s*/(?:usr/)?bin/(?:env )?(?:ba)?sh\b")

if not shutil.which("shellcheck"):
    house.skip("shellcheck is not there")
scripts = []
for name in house.tracked():
    if name.endswith(".sh") or SHEBANG.match(house.text(name)[:80]):
        scripts.append(name)
if not scripts:
    house.finish(["no script was found: the search is broken"], "shellcheck")
run = subprocess.run(["shellcheck", "--severity=warning", "--shell=bash", "--format=gcc", *scripts],
                     cwd=house.ROOT, capture_output=True, text=True)
house.finish((run.stdout + run.stderr).splitlines(), f"shellcheck of {len(scripts)} scripts")
