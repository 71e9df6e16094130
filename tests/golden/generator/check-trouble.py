#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The generator where it cannot write, and udev's helper: exit codes and what is left.

    check-trouble.py GENERATOR DMSTACK-SOURCE
"""

import os
import pathlib
import subprocess
import sys
import tempfile

CONF = """\
one linear PARTLABEL=one - -
two verity UUID=aaaa,hash=PARTLABEL=hash - root-hash={hash}
three linear /images/three.img - -
""".format(hash="5a" * 32)
faults = []


def expect(name, condition):
    if not condition:
        faults.append(name)
        print(f"not as expected: {name}")


def run(program, folder, *args, **more):
    (folder / "dmstack.conf").write_text(CONF)
    (folder / "dmstack.d").mkdir(exist_ok=True)
    env = {
        "DMSTACK_CONF": str(folder / "dmstack.conf"),
        "DMSTACK_MANIFEST_PATH": str(folder / "dmstack.d"),
        "SYSTEMD_PROC_CMDLINE": "",
        "SYSTEMD_IN_INITRD": "0",
        "SYSTEMD_LOG_TARGET": "console",
        **{key: os.environ[key] for key in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if key in os.environ},
        **more,
    }
    return subprocess.run([program, *map(str, args)], env=env, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=60, check=False)


def check_generator(generator, folder):
    for arguments in ([], ["a", "b"], ["a", "b", "c", "d"]):
        result = run(generator, folder, *arguments)
        expect(f"{len(arguments)} arguments are a usage error", result.returncode == 2)
        expect("and say so", "usage:" in result.stderr)
    result = run(generator, folder, folder / "absent")
    expect("an absent folder is an error", result.returncode == 1 and "absent" in result.stderr)

    alone = folder / "alone"
    alone.mkdir()
    result = run(generator, folder, alone)
    expect("one folder stands for all three", result.returncode == 0)
    expect("the state is written", (alone / "dmstack.state").read_text().count("ok ") == 3)

    # Somebody else's file is in the way of one layer.
    taken = folder / "taken"
    taken.mkdir()
    (taken / "dmstack@one.service.d").write_text("")
    result = run(generator, folder, taken)
    expect("a file in the way is an error", result.returncode == 1)
    expect("which names the file", "dmstack@one.service.d/50-dmstack.conf" in result.stderr)
    expect("the other layers have units",
           (taken / "dmstack@two.service.d" / "50-dmstack.conf").exists())
    expect("nothing claims that all is well", not (taken / "dmstack.state").exists())


def check_source(source, folder):
    links = ["disk/by-partlabel/one", "disk/by-uuid/bbbb", "disk/by-label/mine"]
    result = run(source, folder, *links, DEVNAME="/dev/vda1")
    expect("a source is found by its link", result.returncode == 0 and
           result.stdout == "DMSTACK_LAYER=one\nDMSTACK_LINKS=disk/by-partlabel/one \n")
    result = run(source, folder, "disk/by-uuid/aaaa", "disk/by-label/x", DEVNAME="/dev/vda2")
    expect("a link that the configuration uses stays",
           result.stdout == "DMSTACK_LAYER=two\nDMSTACK_LINKS=disk/by-uuid/aaaa \n")
    result = run(source, folder, "disk/by-uuid/cccc", DEVNAME="/dev/vda3")
    expect("another device is left alone", result.returncode == 0 and result.stdout == "")
    result = run(source, folder, "disk/by-partlabel/one", DEVNAME="/dev/vda1",
                 DMSTACK_CONF=str(folder / "absent.conf"))
    expect("without configuration nothing is hidden", "DMSTACK_LAYER" not in result.stdout)


with tempfile.TemporaryDirectory(prefix="dmstack-trouble-") as name:
    check_generator(sys.argv[1], pathlib.Path(name))
    check_source(sys.argv[2], pathlib.Path(name))
sys.exit(1 if faults else 0)
