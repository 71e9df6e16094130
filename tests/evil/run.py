# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the real `dmstack check` on malformed configuration: run.py DMSTACK

For each case: exit status 1; as many messages as there are faults; one names the place and the
words; the sound layers of the same tree are still there; and the tree is as it was.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(__file__))

import cases  # noqa: E402  pylint: disable=wrong-import-position


def write_tree(root, files):
    for path, content in files.items():
        at = pathlib.Path(str(root) + path.rstrip("/"))
        at.parent.mkdir(parents=True, exist_ok=True)
        if path.endswith("/"):
            at.mkdir()
        elif content is None:
            at.symlink_to("/nowhere")
        else:
            at.write_bytes(content)


def snapshot(root):
    entries = []
    for path in sorted(root.rglob("*")):
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        entries.append((str(path), path.is_symlink(), content))
    return entries


def dmstack(program, *arguments):
    # The messages must not depend on where they go.
    environment = {k: v for k, v in os.environ.items() if k != "JOURNAL_STREAM"}
    return subprocess.run([program, *arguments], capture_output=True, env=environment, timeout=60,
                          check=False)


def layer_names(program, root):
    """Those that can be used."""
    out = dmstack(program, "list", "--json", "--root", str(root)).stdout
    layers = json.loads(out)
    if isinstance(layers, dict):
        layers = layers["layers"]
    return {layer["name"] for layer in layers if layer["state"] != "broken"}


def faults_of(program, case, root):
    """What is not as it should be; a list of sentences."""
    write_tree(root, cases.tree_of(case))
    before = snapshot(root)
    result = dmstack(program, "check", "--root", str(root))
    faults = []

    stderr = result.stderr.decode("utf-8", "surrogateescape")
    lines = stderr.splitlines()
    if result.returncode != 1:
        faults.append(f"exit status {result.returncode}")
    if len(lines) != case.errors:
        faults.append(f"{len(lines)} messages, not {case.errors}")
    if not all(line.startswith("dmstack: ") for line in lines):
        faults.append("a line that is no message")
    if not any(all(word in line for word in case.names) for line in lines):
        faults.append(f"no message with all of {case.names}")
    if re.search("[\x00-\x09\x0b-\x1f\x7f]", stderr):
        faults.append("a control character in a message")
    if snapshot(root) != before:
        faults.append("the tree has changed")
    names = layer_names(program, root)
    if not cases.SOUND_LAYERS <= names:
        faults.append(f"sound layers are missing: {sorted(cases.SOUND_LAYERS - names)}")
    if "bad" in names:
        faults.append("the bad layer can be used")
    return faults + (["messages: " + stderr.strip()] if faults else [])


def sound_faults(program, files, expected):
    """The other way round: what is sound must pass, else the cases prove nothing."""
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        write_tree(root, files)
        result = dmstack(program, "check", "--root", name)
        if result.returncode == 0 and not result.stderr and layer_names(program, root) == expected:
            return []
        return [f"exit status {result.returncode}", result.stderr.decode()]


def report(number, name, faults):
    print(f"{'not ok' if faults else 'ok'} {number} - {name}")
    for fault in faults:
        print("# " + fault.replace("\n", "\n# "))
    return bool(faults)


def main():
    program = sys.argv[1]
    sound = cases.sound_files()
    with_manifest = {**sound, cases.JSON: json.dumps(cases.sound_manifest()).encode()}
    bad_layers = {layer["name"] for layer in cases.sound_manifest()["layers"]}
    failed = 0

    assert len({case.name for case in cases.CASES}) == len(cases.CASES)
    sound_trees = [
        ("configuration", sound, cases.SOUND_LAYERS),
        ("manifest", with_manifest, cases.SOUND_LAYERS | bad_layers),
        ("early manifest of device-mapper-tools",
         {**sound, **cases.old_files(cases.old_manifest("crypt-only", late=False))},
         cases.SOUND_LAYERS | {"bad"}),
        ("late manifest of device-mapper-tools",
         {**sound, **cases.old_files(cases.old_manifest("crypt-only"))},
         cases.SOUND_LAYERS | {"bad"}),
    ]
    print(f"1..{len(cases.CASES) + len(sound_trees)}")
    for number, (what, files, layers) in enumerate(sound_trees, 1):
        failed += report(number, f"the sound {what} passes", sound_faults(program, files, layers))
    for number, case in enumerate(cases.CASES, 1 + len(sound_trees)):
        with tempfile.TemporaryDirectory() as name:
            faults = faults_of(program, case, pathlib.Path(name))
        failed += report(number, f"{case.name}: {case.wrong}", faults)
    sys.exit(1 if failed else 0)


main()
