# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples in README.md and in the manual work, with the programs that were just built."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import house

BLOCK = re.compile(r"^```\n(.*?)^```$", re.M | re.S)

build = pathlib.Path(sys.argv[1])
programs = [build / folder for folder in ("src/cmd", "builder", "generators")]
environment = {**os.environ, "PATH": ":".join([*map(str, programs), os.environ["PATH"]])}
faults = []

if not shutil.which("mke2fs"):
    house.skip("mke2fs is not there")


def run(name, script, folder):
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder,
                          env=environment, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL)
    if done.returncode:
        faults.append(f"{name}: exit {done.returncode} of\n{script}\n{done.stdout}{done.stderr}")
    else:
        print(f"{name}: {len(script.splitlines())} lines work")


def blocks(name, heading, least):
    """The literal blocks below a heading."""
    chapter = house.text(name).partition(f"\n{heading}\n")[2]
    # Comments in a block begin with "# " too, but not with capitals.
    chapter = re.split(r"^## |^# [A-Z]{2}", chapter, maxsplit=1, flags=re.M)[0]
    found = BLOCK.findall(chapter)
    if len(found) < least:
        faults.append(f"{name}: {len(found)} blocks below \"{heading}\"; the search is broken")
    return [block.replace("\\\\", "\\") if name.endswith(".scd") else block for block in found]


with tempfile.TemporaryDirectory(prefix="dmstack-examples-") as scratch:
    scratch = pathlib.Path(scratch)

    # The tour of README.md, without its first block, which compiles, and with the conf line.
    tour = scratch / "tour"
    tour.mkdir()
    (tour / "build").symlink_to(build)
    for block in blocks("README.md", "## Five minutes", 5)[1:]:
        if block.startswith("#"):
            conf = tour / "conf/etc/dmstack.conf"
            conf.parent.mkdir(parents=True)
            conf.write_text(block, encoding="utf-8")
            block = "dmstack check --root conf && dmstack plan --root conf data"
        run("README.md", block, tour)

    # dmstack-build(1)
    pages = scratch / "pages"
    pages.mkdir()
    run("input", "truncate -s 16M rootfs.img && mke2fs -q -t ext4 -b 4096 rootfs.img &&"
        "cp rootfs.img usr.img && head -c 64 /dev/zero | tr '\\0' 'k' >root.key", pages)
    # The two halves of an XTS key differ.
    run("input", "printf x | dd of=root.key conv=notrunc status=none", pages)
    for block in blocks("man/dmstack-build.1.scd", "# EXAMPLES", 3):
        run("dmstack-build(1)", "rm -rf out\n" + block, pages)

    # dmstack.conf(5) and dmstack-manifest(5)
    for number, block in enumerate(blocks("man/dmstack.conf.5.scd", "# EXAMPLES", 4)):
        conf = scratch / f"conf{number}/etc/dmstack.conf"
        conf.parent.mkdir(parents=True)
        conf.write_text(block.replace("b2…", "b2" * 32), encoding="utf-8")
        run("dmstack.conf(5)", f"dmstack check --root conf{number}", scratch)
    wrong, said = blocks("man/dmstack.conf.5.scd", "# DIAGNOSTICS", 2)
    conf = scratch / "wrong/etc/dmstack.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text(wrong, encoding="utf-8")
    (scratch / "said").write_text(said, encoding="utf-8")
    run("dmstack.conf(5)", "! dmstack check --root wrong 2>really && "
        "sed 's/^dmstack: //' really | diff said -", scratch)
    for block in blocks("man/dmstack-manifest.5.scd", "# EXAMPLE", 1):
        manifest = scratch / "manifest/etc/dmstack.d/root.json"
        manifest.parent.mkdir(parents=True)
        manifest.write_text(block, encoding="utf-8")
        run("dmstack-manifest(5)", "dmstack check --root manifest", scratch)
        run("dmstack(8)", blocks("man/dmstack.8.scd", "# EXAMPLES", 3)[0].replace(
            "image", "manifest"), scratch)
        shutil.copytree(manifest.parent, scratch / "dmstack.d")
    shutil.copy(scratch / "conf0/etc/dmstack.conf", scratch / "dmstack.conf")
    for block in blocks("man/dmstack-generator.8.scd", "# EXAMPLES", 1):
        block = block.replace("/usr/lib/systemd/system-generators/", "")
        run("dmstack-generator(8)", block + "grep -q ^ok units/normal/dmstack.state", scratch)
house.finish(faults, "examples")
