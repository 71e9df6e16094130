# SPDX-License-Identifier: LGPL-2.1-or-later
"""dmstack check --sealed: an initrd as it should be has no hole, and every hole that is made in it
is found. Units and generator are the built ones.
usage: test-check-sealed.py PROGRAM GENERATOR TEMPLATE GATE FAIL UNSEAL SHELL-DROPIN"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

PROGRAM, GENERATOR, TEMPLATE, GATE, FAIL, UNSEAL, DROPIN = sys.argv[1:]
SHELLS = ("emergency", "rescue", "debug-shell")
CONF = "tags integrity PARTLABEL=root file:/k integrity-algorithm=hmac-sha256," \
       "journal-integrity=hmac-sha256,journal-integrity-key=file:/k,x-initrd.attach\n" \
       "root crypt tags tpm2:root cipher=aes-xts-plain64,sealed,fail=reboot,x-initrd.attach\n"
SEAL = "machine seal {} - literal-pcrs=7,{}sealed\n"
CONF += SEAL.format("PARTLABEL=seal", "")
UNITS = "usr/lib/systemd/system"
GENERATED = "run/systemd/generator"


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def make(folder, conf=CONF):
    put(folder / "etc/initrd-release", "")
    put(folder / "etc/dmstack.conf", conf)
    put(folder / "usr/lib/systemd/libsystemd-shared-257.so", "x")
    put(folder / "usr/lib/systemd/systemd-shutdown", "x")
    units = folder / UNITS
    units.mkdir(parents=True)
    for unit in (TEMPLATE, GATE, FAIL, UNSEAL):
        shutil.copy(unit, units)
    for shell in SHELLS:
        put(units / f"{shell}.service", "[Service]\nExecStart=/bin/bash\n")
        (units / f"{shell}.service.d").mkdir()
        shutil.copy(DROPIN, units / f"{shell}.service.d")
    for wanting in ("initrd-switch-root.target", "initrd-switch-root.service"):
        (units / f"{wanting}.requires").mkdir()
        (units / f"{wanting}.requires/dmstack-gate.service").symlink_to("../dmstack-gate.service")
    generated = folder / GENERATED
    generated.mkdir(parents=True)
    env = {"DMSTACK_CONF": str(folder / "etc/dmstack.conf"), "DMSTACK_MANIFEST_PATH": "/none",
           "SYSTEMD_IN_INITRD": "1", "SYSTEMD_PROC_CMDLINE": "", "SYSTEMD_LOG_TARGET": "console",
           **{key: os.environ[key] for key in ("ASAN_OPTIONS", "UBSAN_OPTIONS")
              if key in os.environ}}
    subprocess.run([GENERATOR, generated], env=env, check=True)


def check(folder, expect):
    result = subprocess.run([PROGRAM, "check", "--sealed", "--root", folder], capture_output=True,
                            text=True, timeout=60, stdin=subprocess.DEVNULL)
    if result.returncode != expect:
        sys.exit(f"exit {result.returncode}, not {expect}\n{result.stdout}{result.stderr}")
    return result.stdout.splitlines()


def check_seal(folder, device, option=""):
    """The seal's line of the running system, whatever the rest of it is like."""
    conf = folder / "conf"
    conf.write_text("root crypt /dev/null tpm2:root cipher=aes-xts-plain64,sealed\n"
                    + (SEAL.format(device, option) if device else ""))
    env = {**os.environ, "DMSTACK_CONF": str(conf), "DMSTACK_MANIFEST_PATH": "/none",
           "SYSTEMD_IN_INITRD": "0", "SYSTEMD_PROC_CMDLINE": ""}
    result = subprocess.run([PROGRAM, "check", "--sealed"], capture_output=True, text=True,
                            timeout=60, stdin=subprocess.DEVNULL, env=env)
    return [line for line in result.stdout.splitlines() if "the seal opens nothing" in line]


def mask(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/null")


def dropin(unit, text):
    return lambda folder: put(folder / f"etc/systemd/system/{unit}.d/90-x.conf", text)


def edit(path, old, new):
    def change(folder):
        text = (folder / path).read_text()
        if old not in text:
            sys.exit(f"{path} has no {old}")
        (folder / path).write_text(text.replace(old, new))
    return change


def remove(path):
    return lambda folder: (folder / path).unlink()


SERVICE = f"{GENERATED}/dmstack@root.service.d/50-dmstack.conf"
DEVICE = f"{GENERATED}/dev-disk-by\\x2dpartlabel-root.device.d/50-dmstack.conf"
HOLES = (
    ("the gate is masked", lambda folder: mask(folder / "etc/systemd/system/dmstack-gate.service"),
     "dmstack-gate.service is masked"),
    ("there is no gate", remove(f"{UNITS}/dmstack-gate.service"), "there is no dmstack-gate"),
    ("the gate does something else", dropin("dmstack-gate.service",
     "[Service]\nExecStart=\nExecStart=/bin/true\n"), 'does not run "dmstack gate"'),
    ("the gate is not required",
     remove(f"{UNITS}/initrd-switch-root.service.requires/dmstack-gate.service"),
     "the gate is not asked"),
    ("there is no end", remove(f"{UNITS}/dmstack-fail.service"), "there is no dmstack-fail"),
    ("a shell has no guard", remove(f"{UNITS}/rescue.service.d/50-dmstack.conf"),
     "rescue.service: nothing comes before"),
    ("a shell's guard is taken back", dropin("emergency.service",
     "[Service]\nExecStartPre=\n"), "emergency.service: nothing comes before"),
    ("a layer is masked", lambda folder: mask(folder / "run/systemd/system/dmstack@root.service"),
     "dmstack@root.service is masked"),
    ("the generator left nothing", remove(f"{GENERATED}/dmstack.state"), "the generator"),
    ("a layer waits without an action", edit(SERVICE, "OnFailure=dmstack-fail.service\n", ""),
     "root: it waits in vain"),
    ("neither of the two", edit(SERVICE, "FailureAction=reboot-force\nOnFailure=", "#"),
     "root: it fails or is killed"),
    ("nothing is wiped before the action", edit(SERVICE, "ExecStopPost=", "#"),
     "keys are not wiped"),
    ("an action that fails open",
     edit(SERVICE, "FailureAction=reboot-force\nOnFailure=", "FailureAction=reboot\n#"),
     "no action that this systemd knows"),
    ("nothing is behind the end", remove(f"{GENERATED}/dmstack-fail.service.d/50-dmstack.conf"),
     '"dmstack fail" is killed'),
    ("all units lose their action", lambda folder: put(
        folder / "etc/systemd/system/service.d/x.conf", "[Unit]\nOnFailure=\n"),
     "root: it waits in vain"),
    ("a wait without an end", edit(DEVICE, "JobTimeoutSec=90s", "JobTimeoutSec=infinity"),
     "does not come: the wait has no end"),
    ("keys are not wiped", dropin("dmstack@.service",
     "[Service]\nExecStart=\nExecStart=/usr/sbin/dmstack attach %I\n"), "no --enforce"),
    ("nobody opens the seal", remove(f"{UNITS}/dmstack-unseal.service"),
     "dmstack-unseal.service is not there"),
    ("nobody is told why it stays shut", dropin("dmstack-unseal.service",
     "[Service]\nExecStart=\nExecStart=/usr/sbin/dmstack unseal\n"), "unseal has no --enforce"),
    ("systemd-shutdown is missing", remove("usr/lib/systemd/systemd-shutdown"),
     "systemd-shutdown is missing"),
    ("a unit comes from above", lambda folder: put(
        folder / "run/systemd/generator.early/emergency.service.d/x.conf", ""),
     "emergency.service.d is in the way"),
    ("no version", remove("usr/lib/systemd/libsystemd-shared-257.so"), "an old systemd"),
)

with tempfile.TemporaryDirectory(prefix="dmstack-check-") as name:
    top = pathlib.Path(name)
    print(f"1..{len(HOLES) + 6}")
    make(top / "good")
    lines = check(top / "good", 0)
    bad = [line for line in lines if line.startswith(("OPEN", "unknown"))]
    if bad or len(lines) < 12 or not any("init=/bin/sh" in line for line in lines):
        sys.exit("\n".join(lines))
    print("ok 1 - an initrd as it should be has no hole")

    make(top / "old", CONF.replace("fail=reboot", "fail=halt"))
    check(top / "old", 0)
    old = top / "old/usr/lib/systemd"
    (old / "libsystemd-shared-257.so").rename(old / "libsystemd-shared-252.so")
    if not any(line.startswith("OPEN") and "systemd 252 does not know a halt" in line
               for line in check(top / "old", 1)):
        sys.exit("a halt on systemd 252 is not seen")
    print("ok 2 - systemd 252 does not know every action")

    make(top / "tpm", CONF.replace(",x-initrd.attach", ""))
    (top / "tpm/etc/initrd-release").unlink()
    if not any("needs x-initrd.attach" in line for line in check(top / "tpm", 1)):
        sys.exit("a key behind the cap is not seen")
    print("ok 3 - a key that the initrd leaves capped")

    make(top / "bootstrap", "one linear /dev/vda - -\n")
    if check(top / "bootstrap", 0)[0] != "nothing is sealed":
        sys.exit("something is sealed in the bootstrap phase")
    print("ok 4 - nothing is sealed")

    make(top / "seal-less", CONF.replace("machine seal", "# machine"))
    if not any(line.startswith("OPEN") and "dmstack.conf:2: \"root\" has a key in the TPM" in line
               for line in check(top / "seal-less", 1)):
        sys.exit("a key without a seal is not seen")
    plain = subprocess.run([PROGRAM, "check", "--root", top / "seal-less"], capture_output=True,
                           text=True, timeout=60)
    if plain.returncode == 0 or "needs a line of type \"seal\"" not in plain.stderr:
        sys.exit(f"a key without a seal is no error: {plain.stdout}{plain.stderr}")
    print("ok 5 - a key without a seal")

    blank = top / "blank"
    blank.write_bytes(bytes(131072))
    for device, option, word, says in (
            (None, "", "OPEN", "no seal says how to get it"),
            (top / "none", "", "OPEN", "is not there"),
            (blank, "", "OPEN", "conf:2: its device has no slot that can be read"),
            (blank, "bootstrap=allow,", "closed", "the machine enrols itself"),
            (top / "good/etc/dmstack.conf", "", "OPEN", "the seal needs 131072")):
        lines = check_seal(top, device, option)
        if len(lines) != 1 or not lines[0].startswith(word) or says not in lines[0]:
            sys.exit(f"{device} {option}: {lines}")
    print("ok 6 - a seal's device without a slot")

    for number, (what, change, says) in enumerate(HOLES, 7):
        folder = top / str(number)
        shutil.copytree(top / "good", folder, symlinks=True)
        change(folder)
        lines = check(folder, 1)
        if not any(line.startswith(("OPEN", "unknown")) and says in line for line in lines):
            sys.exit(f"{what}: not found\n" + "\n".join(lines))
        print(f"ok {number} - {what}")
