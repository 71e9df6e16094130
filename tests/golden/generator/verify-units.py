#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Gives what the generator leaves for a case to systemd-analyze verify, with the shipped units.

    verify-units.py GENERATOR CASE-DIR TEMPLATE UNIT...

Any line that it prints about our units is a fault, but for the words that systemd 252 does not
know yet and ignores (see unit_put_action()).
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import generator_case

WANTS = (("dmstack.target", "sysinit.target"), ("remote-dmstack.target", "multi-user.target"))
SHELLS = ("emergency.service", "rescue.service", "debug-shell.service")
UNKNOWN_TO_252 = ("halt-force", "halt-immediate")


def install_service(path, target):
    lines = pathlib.Path(path).read_text().splitlines(keepends=True)
    with open(target, "w", encoding="utf-8") as out:
        for line in lines:
            if line.startswith(("ExecStart", "ExecStop")):
                key, value = line.split("=", 1)
                line = f"{key}=:/bin/true {value.split(' ', 1)[1]}"
            out.write(line)


def install(folder, template, units):
    """The shipped units, with a program that is there."""
    shipped = folder / "shipped"
    shipped.mkdir()
    for unit in units:
        if unit.endswith(".conf"):
            for shell in SHELLS:
                (shipped / f"{shell}.d").mkdir()
                install_service(unit, shipped / f"{shell}.d" / pathlib.Path(unit).name)
        elif unit.endswith(".service"):
            install_service(unit, shipped / pathlib.Path(unit).name)
        else:
            shutil.copy(unit, shipped)
    for unit, target in WANTS:
        wants = shipped / f"{target}.wants"
        wants.mkdir()
        (wants / unit).symlink_to(f"../{unit}")
    install_service(template, shipped / "dmstack@.service")
    return shipped


def names(places):
    """What can be verified: instances of the template, mounts, and the targets they hang on."""
    found = {"dmstack.target", "remote-dmstack.target", "multi-user.target",
             "dmstack-fail.service", "dmstack-gate.service", "dmstack-unseal.service",
             "dmstack-cap.service", *SHELLS}
    for place in places:
        for path in place.rglob("*"):
            name = path.name.removesuffix(".d")
            if name.startswith("dmstack@") or name.endswith((".mount", ".service")):
                found.add(name)
    return sorted(found)


def verify(generator, case, template, units, initrd):
    with tempfile.TemporaryDirectory(prefix="dmstack-verify-") as name:
        folder = pathlib.Path(name)
        generator_case.run(generator, case, folder, initrd)
        places = [folder / place for place in generator_case.PLACES]
        for path in folder.glob("*/dmstack@*.service.d/*.conf"):
            install_service(path, path)
        shipped = install(folder, template, units)
        env = dict(os.environ)
        env["SYSTEMD_UNIT_PATH"] = f"{places[0]}:{shipped}:{places[2]}:"
        env["SYSTEMD_LOG_LEVEL"] = "notice"
        result = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", "--generators=no", "--",
             *names(places)],
            env=env, capture_output=True, text=True, timeout=120, check=False)
        faults = []
        for line in (result.stdout + result.stderr).splitlines():
            if not ("dmstack" in line or str(folder) in line or "mount" in line):
                continue
            if any(word in line for word in UNKNOWN_TO_252):
                continue
            faults.append(line)
        return faults


def main():
    if not shutil.which("systemd-analyze"):
        print("systemd-analyze is not installed")
        sys.exit(77)
    generator, case = sys.argv[1], pathlib.Path(sys.argv[2])
    faults = []
    for initrd in (False, True):
        faults += verify(generator, case, sys.argv[3], sys.argv[4:], initrd)
    for fault in faults:
        print(fault)
    sys.exit(1 if faults else 0)


main()
