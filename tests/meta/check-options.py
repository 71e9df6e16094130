# SPDX-License-Identifier: LGPL-2.1-or-later
"""What --help says, the manual says, and the completions of bash, zsh and fish offer."""

import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

import house

build = pathlib.Path(sys.argv[1])
PROGRAMS = {"dmstack": ("src/cmd/dmstack", "man/dmstack.8.scd"),
            "dmstack-build": ("builder/dmstack-build", "man/dmstack-build.1.scd")}

faults = []
scratch = tempfile.TemporaryDirectory(prefix="dmstack-meta-")
environment = {
    "PATH": ":".join([*(str(build / path[0].rpartition("/")[0]) for path in PROGRAMS.values()),
                      os.environ["PATH"]]),
    "HOME": scratch.name, "LC_ALL": "C.UTF-8", "DMSTACK_CONF": scratch.name + "/dmstack.conf",
    "DMSTACK_MANIFEST_PATH": scratch.name,
}


def run(*command):
    done = subprocess.run(command, env=environment, cwd=scratch.name, capture_output=True,
                          text=True, stdin=subprocess.DEVNULL)
    if done.returncode or done.stderr.strip():
        faults.append(f"{shlex.join(command)}: exit {done.returncode} {done.stderr.strip()}")
    return done.stdout


def bash(words):
    line = " ".join(words)
    script = (f"source {build}/completions/dmstack; COMP_LINE={shlex.quote(line)}; "
              'COMP_POINT=${#COMP_LINE}; _dmstack; printf "%s\\n" "${COMPREPLY[@]}"')
    # bash breaks words at "=" and ":", and replaces only what is behind.
    stem = re.match(r"(.*[=:])?", words[-1]).group()
    return [stem + word for word in run("bash", "-c", script).split()]


def zsh(words):
    helper = str(house.ROOT / "tests/meta/completion.zsh")
    stem = re.match(r"(--[a-z-]+=)?(.*,)?", words[-1]).group()
    return [stem + word for word in
            run("zsh", "-f", helper, f"{build}/completions/_dmstack", *words).split()]


def fish(words):
    script = (f"source {build}/completions/dmstack.fish; "
              f"complete -C {shlex.quote(' '.join(words))}")
    return [line.split("\t")[0] for line in run("fish", "--no-config", "-c", script).splitlines()]


def compare(what, expected, found):
    for word in sorted(set(expected) - set(found)):
        faults.append(f"{what}: {word} is missing")
    for word in sorted(set(found) - set(expected)):
        faults.append(f"{what}: {word} is too much")


def section(page, name):
    """The part of a page below the heading that begins with the name."""
    match = re.search(rf"^##? {name}\b.*?$(.*?)(?=^##? |\Z)", page, re.M | re.S | re.I)
    return match.group(1) if match else ""


SHELLS = {"bash": bash, "zsh": zsh, "fish": fish}
for shell in list(SHELLS):
    if not shutil.which(shell):
        house.skip(f"{shell} is not there")

OPTION = re.compile(r"^ +(?:-(\w), )?(--[a-z][a-z-]*)(=?)", re.M)
ENTRY = re.compile(r"^\*-.*$", re.M)

for program, (path, page_name) in PROGRAMS.items():
    if not (build / path).exists():
        faults.append(f"{path} was not built")
        continue
    page = house.text(page_name)
    verbs = re.findall(r"^  ([a-z][a-z-]*) ", run(program, "--help"), re.M)
    if len(verbs) < 4:
        faults.append(f"{program} --help: {len(verbs)} verbs; the search is broken")
    documented = re.findall(rf"^\*{program} ([a-z-]+)\*", page, re.M)
    compare(f"{page_name}: verbs of the synopsis", verbs, documented)
    for shell, complete in SHELLS.items():
        compare(f"{shell}: verbs of {program}", [*verbs, "--help", "--version"],
                complete([program, ""]) + complete([program, "--"]))

    valued = {}  # by option: whether it has a value, which a word before the verb cannot ask
    for verb in verbs:
        options = OPTION.findall(run(program, verb, "--help"))
        for name in [(name, equals) for pair in options for name, equals in
                     ((pair[0], pair[2]), (pair[1], pair[2])) if name]:
            if valued.setdefault(*name) != name[1]:
                faults.append(f"{program} {verb}: {name[0]} has a value in one verb and not in another")
        long = {name + equals for _, name, equals in options}
        short = {"-" + letter for letter, _, _ in options if letter}
        text = section(page, verb)
        entries = " ".join(ENTRY.findall(text))
        what = f"{page_name}: {verb}"
        compare(what, {name.rstrip("=") for name in long} - {"--help"},
                re.findall(r"\*(--[a-z-]+)", entries))
        compare(what, short - {"-h"}, re.findall(r"\*(-\w)\b", entries))
        for shell, complete in SHELLS.items():
            compare(f"{shell}: {program} {verb}", long, complete([program, verb, "--"]))

# Layer types, their options, and words with a fixed set of values.
template = pathlib.Path(scratch.name) / "template"
template.write_text("@typewords@\n", encoding="utf-8")
types = {line.split()[0]: line.split()[1:] for line in
         run(str(build / "src/format/dmstack-describe"), "expand", str(template)).splitlines()}
presets = re.findall(r'^\t\{ "([a-z-]+)", \{', house.text("builder/presets.c"), re.M)
for shell, complete in SHELLS.items():
    create = ["dmstack-build", "create"]
    compare(f"{shell}: layer types", [f"--layer={word}" for word in types],
            [word.rstrip(",") for word in complete([*create, "--layer="])])
    compare(f"{shell}: presets", [f"--stack={word}" for word in presets],
            complete([*create, "--stack="]))
    compare(f"{shell}: phases", ["bootstrap", "sealed"], complete([*create, "--phase", ""]))
    for layer_type, words in types.items():
        compare(f"{shell}: options of {layer_type}",
                [f"--layer={layer_type},noauto,{word}" for word in words],
                complete([*create, f"--layer={layer_type},noauto,"]))
        compare(f"{shell}: options of {layer_type}",
                [f"{layer_type}.{word}" for word in words if word != "name="],
                complete([*create, "--layer-option", f"{layer_type}."]))

# Names of layers come from the configuration.
(pathlib.Path(scratch.name) / "dmstack.conf").write_text(
    "first linear /dev/null\nsecond linear first\n", encoding="utf-8")
for shell, complete in SHELLS.items():
    compare(f"{shell}: names", ["first", "second"], complete(["dmstack", "plan", ""]))
    compare(f"{shell}: names", ["second"], complete(["dmstack", "attach", "se"]))
house.finish(faults, "options")
