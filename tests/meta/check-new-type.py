# SPDX-License-Identifier: LGPL-2.1-or-later
"""A new layer type is a file and a line: configuration, plan, units, schema and manual have it."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import house

meson, *_ = sys.argv[1:]
TARGETS = ["src/cmd/dmstack", "src/format/dmstack-describe", "generators/dmstack-generator",
           "src/format/manifest.schema.json"]
faults = []


def run(*command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, **options)
    if done.returncode:
        print(done.stdout + done.stderr)
        house.finish([f"{' '.join(map(str, command))}: exit {done.returncode}"], "new type")
    return done.stdout


def insert(path, pattern, text):
    """Puts a text before the only place of the pattern."""
    content = path.read_text(encoding="utf-8")
    if content.count(pattern) != 1:
        house.finish([f"{path.name}: {content.count(pattern)} times {pattern!r}"], "new type")
    path.write_text(content.replace(pattern, text + pattern), encoding="utf-8")


def expect(what, pattern, text):
    if not re.search(pattern, text, re.M):
        faults.append(f"{what}: nothing like {pattern!r} in\n{text}")


if not shutil.which("ninja"):
    house.skip("ninja is not there")
with tempfile.TemporaryDirectory(prefix="dmstack-type-") as scratch:
    tree = pathlib.Path(scratch) / "tree"
    for name in house.tracked():
        if not name.startswith("tests/") or name == "tests/meson.build":
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(house.ROOT / name, tree / name)

    # The file, the line, and their names in the list of sources.
    model = tree / "src/model"
    shutil.copy(house.ROOT / "tests/meta/layer-delay.c.in", model / "layer-delay.c")
    insert(model / "layer-types.c", "\t&layer_type_integrity,\n", "\t&layer_type_delay,\n")
    insert(model / "layer-types.c", "const struct layer_type *const layer_types[]",
           "extern const struct layer_type layer_type_delay;\n\n")
    insert(model / "meson.build", "'layer-linear.c'", "'layer-delay.c', ")

    build = tree / "build"
    run(*meson.split(), "setup", build, tree, "-Dtests=disabled", "-Dman=disabled",
        "--buildtype=debug", "-Dwerror=true")
    run("ninja", "-C", build, *TARGETS)

    # dmstack.conf, plan and units
    (tree / "conf/etc").mkdir(parents=True)
    (tree / "conf/etc/dmstack.conf").write_text(
        "slow delay PARTLABEL=disk - delay=20,offset=8,device-size=1M\n", encoding="utf-8")
    plan = run(build / "src/cmd/dmstack", "plan", "--root", tree / "conf", "slow")
    expect("plan", r"0 2048 delay <data> 8 20$", plan)
    (tree / "bad/etc").mkdir(parents=True)
    (tree / "bad/etc/dmstack.conf").write_text("slow delay PARTLABEL=disk - delay=60001\n",
                                               encoding="utf-8")
    bad = subprocess.run([build / "src/cmd/dmstack", "check", "--root", tree / "bad"],
                         capture_output=True, text=True)
    expect("check", r"dmstack\.conf:1: delay: 60001 is not between", bad.stderr)
    units = pathlib.Path(scratch) / "generated"
    units.mkdir()
    run(build / "generators/dmstack-generator", units,
        env={**os.environ, "DMSTACK_CONF": str(tree / "conf/etc/dmstack.conf"),
             "DMSTACK_MANIFEST_PATH": str(units), "SYSTEMD_PROC_CMDLINE": "",
             "SYSTEMD_IN_INITRD": "no", "SYSTEMD_LOG_TARGET": "console"})
    expect("units", "by\\\\x2dpartlabel-disk",
           (units / "dmstack@slow.service.d/50-dmstack.conf").read_text(encoding="utf-8"))

    # schema, manual and completions
    schema = json.loads((build / "src/format/manifest.schema.json").read_text(encoding="utf-8"))
    expect("schema", "delay", " ".join(schema["$defs"].get("delay", {}).get("properties", {})))
    template = tree / "template"
    template.write_text("@facts:delay@@fields:delay@@typewords@\n", encoding="utf-8")
    text = run(build / "src/format/dmstack-describe", "expand", template)
    expect("manual", r"^\*delay=\*_NUMBER_\s+How long every request waits\. At most 60000", text)
    expect("completions", r"^delay name= offset= delay=", text)
house.finish(faults, "new type")
