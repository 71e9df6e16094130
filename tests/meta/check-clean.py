# SPDX-License-Identifier: LGPL-2.1-or-later
"""Building and testing leave the tree as it was: nothing changed, nothing new."""

import os
import subprocess

import house

if not (house.ROOT / ".git").exists():
    house.skip("not a git checkout")
out = subprocess.run(["git", "status", "--porcelain"], cwd=house.ROOT, check=True,
                     capture_output=True, text=True).stdout.splitlines()
if out and os.environ.get("CI") != "true":
    house.skip("the tree has changes of its own:\n" + "\n".join(out))
house.finish(out, "files that the build changed or left behind")
