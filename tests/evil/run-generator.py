# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the real generator on malformed configuration: run-generator.py GENERATOR

For each case the units are, byte for byte, those of the sound layers alone: nothing for the bad
one, and nothing less for the others. The message names the place, and the state file says which
stack failed and that it counts as sealed unless it said otherwise.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(__file__))

import cases  # noqa: E402  pylint: disable=wrong-import-position

PLACES = ("normal", "early", "late")
STATE = "normal/dmstack.state"
SOUND_2 = cases.SOUND_DROPIN[1].encode()


def can_redirect(case):
    """$DMSTACK_CONF is one file: drop-ins are out of its reach."""
    return all(not path.startswith("/etc/dmstack.conf.d/") for path in case.files)


def prepare(files, root):
    """Writes the inputs below root, where the environment points to."""
    for path, content in files.items():
        at = pathlib.Path(str(root) + path)
        at.parent.mkdir(parents=True, exist_ok=True)
        for known in (cases.JSON, cases.OLD):
            if path == cases.CONF:
                content = content.replace(b" " + known.encode(),
                                          b" " + os.fsencode(str(root)) + known.encode())
        at.write_bytes(content)
    for place in PLACES:
        (root / place).mkdir()


def run(generator, root):
    environment = {
        "PATH": os.environ["PATH"],
        "DMSTACK_CONF": str(root) + cases.CONF,
        "DMSTACK_MANIFEST_PATH": str(root) + "/etc/dmstack.d",
        "SYSTEMD_PROC_CMDLINE": "",
        "SYSTEMD_IN_INITRD": "0",
        "SYSTEMD_LOG_TARGET": "console",
    }
    environment.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
    return subprocess.run([generator, *(str(root / place) for place in PLACES)],
                          env=environment, capture_output=True, timeout=60, check=False)


SEALED_FAILED = {"normal/dmstack-fail.service.d/50-dmstack.conf",
                 "normal/sysinit.target.d/50-dmstack.conf"}


def output(root):
    """Path -> content or target of a link, of everything but the state file."""
    entries = {}
    for place in PLACES:
        for path in (root / place).rglob("*"):
            name = str(path.relative_to(root))
            if path.is_symlink():
                entries[name] = "-> " + os.readlink(path)
            elif path.is_file() and name != STATE:
                entries[name] = path.read_text().replace(str(root), "")
    return entries


def generate(generator, files):
    """The process, the output, the lines of the state file, and the messages."""
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        prepare(files, root)
        process = run(generator, root)
        state = root / STATE
        lines = state.read_text().replace(name, "").splitlines() if state.exists() else []
        messages = process.stderr.decode("utf-8", "surrogateescape").replace(name, "")
        return process, output(root), lines, messages.splitlines()


def is_sealed(files, state):
    """Whether the failure ends the boot: a manifest, or a line that speaks of its phase, and not one
    whose unknown word may only be a misspelt "sealed"."""
    spoken = any(path.endswith(".json") for path in files) or any(
        word in files[cases.CONF] for word in (b"sealed", b"phase=", b" manifest "))
    return spoken and any(line.startswith("failed ") and line.split(" ")[2] == "sealed"
                          for line in state)


def faults_of(generator, case, sound):
    files = {cases.CONF: cases.SOUND_CONF.encode(), **case.files}
    files[cases.CONF] += SOUND_2
    process, units, state, messages = generate(generator, files)
    faults = []

    if process.returncode != 1:
        faults.append(f"exit status {process.returncode}")
    if not any(all(word in line for word in case.names) for line in messages):
        faults.append(f"no message with all of {case.names}")
    expected = set(sound) | (SEALED_FAILED if is_sealed(files, state) else set())
    for path in sorted(set(units) ^ expected):
        faults.append(f"{'unwanted' if path in units else 'missing'}: {path}")
    for path in sorted(set(units) & set(sound)):
        if units[path] != sound[path]:
            faults.append(f"changed: {path}")
    if sorted(line for line in state if line.startswith("ok ")) != [
            "ok sound-1 bootstrap", "ok sound-2 bootstrap"]:
        faults.append("the state file does not have the sound stacks")
    if not any(line.startswith("failed ") for line in state):
        faults.append("the state file does not have the failure")
    if not all(line.split(" ")[0] in ("ok", "failed") and
               line.split(" ")[2] in ("bootstrap", "sealed") for line in state):
        faults.append("a line of another form in the state file")
    return faults + (["messages:", *messages, "state:", *state] if faults else [])


def main():
    generator = sys.argv[1]
    wanted = [case for case in cases.CASES if can_redirect(case)]
    process, sound, state, messages = generate(
        generator, {cases.CONF: cases.SOUND_CONF.encode() + SOUND_2})
    failed = 0

    print(f"1..{len(wanted) + 1}")
    good = process.returncode == 0 and not messages and len(state) == 2 and len(sound) > 4
    print(f"{'ok' if good else 'not ok'} 1 - the sound configuration gives {len(sound)} files")
    failed += not good
    for number, case in enumerate(wanted, 2):
        faults = faults_of(generator, case, sound)
        print(f"{'not ok' if faults else 'ok'} {number} - {case.name}: {case.wrong}")
        for fault in faults:
            print("# " + fault)
        failed += bool(faults)
    sys.exit(1 if failed else 0)


main()
