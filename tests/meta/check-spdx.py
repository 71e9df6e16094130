# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every tracked file that can have a comment names its licence in its first lines."""

import fnmatch

import house

# These cannot have a comment, or must be byte for byte what they are.
WITHOUT = ["LICENSE", "*.json", "*/corpus/*", "tests/golden/generator/*", "*.img", "*.bin", "*.zst",
           "tests/golden/plan/*"]

faults = []
for name in house.tracked():
    if any(fnmatch.fnmatch(name, pattern) for pattern in WITHOUT):
        continue
    head = house.text(name).split("\n", 8)[:8]
    if not any("SPDX-License-Identifier: LGPL-2.1-or-later" in line for line in head):
        faults.append(f"{name}: no SPDX line")
house.finish(faults, "licences")
