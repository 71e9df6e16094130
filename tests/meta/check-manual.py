# SPDX-License-Identifier: LGPL-2.1-or-later
"""The manual has every layer type, and what refers to a page of ours refers to one that exists."""

import re

import house

PAGE = re.compile(r"(?<![\w-])(dmstack[\w.@-]*)\*?\((\d)\)")
TYPE = re.compile(r"&layer_type_(\w+)")

faults = []
pages = {}
for name in house.tracked("man/*.scd"):
    base, section = name[len("man/"):-len(".scd")].rsplit(".", 1)
    pages[(base, section)] = house.text(name)

types = TYPE.findall(house.text("src/model/layer-types.c"))
if not types:
    faults.append("no layer type was found: the search is broken")
chapters = re.split(r"^# ", pages[("dmstack", "7")], flags=re.M)
for layer_type in types:
    for what in ("facts", "roles", "fields"):
        if f"@{what}:{layer_type}@" not in pages[("dmstack", "7")]:
            faults.append(f"man/dmstack.7.scd: no @{what}:{layer_type}@")
    own = [chapter for chapter in chapters if f"@facts:{layer_type}@" in chapter]
    if own and "## What it does not stop\n" not in own[0]:
        faults.append(f"man/dmstack.7.scd: {layer_type} has nothing about what it does not stop")

for name in house.tracked():
    if name.startswith(("tests/golden/data/", "tests/fuzz/corpus/")):
        continue
    # The first line of a page of man/ is its title, which may not have an "@".
    content = house.text(name)
    if name.startswith("man/"):
        content = content.partition("\n")[2]
    for base, section in PAGE.findall(content):
        if (base, section) not in pages:
            faults.append(f"{name}: there is no page {base}({section})")
for (base, section), content in pages.items():
    for chapter in ("NAME", "SYNOPSIS", "DESCRIPTION", "SEE ALSO"):
        if f"\n# {chapter}\n" not in content and (base, chapter) != ("dmstack", "SYNOPSIS"):
            faults.append(f"{base}({section}): no chapter {chapter}")
house.finish(faults, f"manual of {len(pages)} pages")
