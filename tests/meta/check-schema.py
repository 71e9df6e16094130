# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fields are the same in the table, the JSON Schema and the manual; manifests fit the schema."""

import copy
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import house

build = pathlib.Path(sys.argv[1])
schema = json.loads((build / "src/format/manifest.schema.json").read_text(encoding="utf-8"))
faults = []

KINDS = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}
NOTES = {"description", "title", "$schema", "$defs", "default"}


def keyword(name, rule, value, path):
    """What one keyword of JSON Schema finds wrong with a value."""
    if name in NOTES:
        return []
    if name == "$ref":
        return errors(schema["$defs"][rule.rpartition("/")[2]], value, path)
    if name == "oneOf":
        matching = [choice for choice in rule if not errors(choice, value, path)]
        return [] if len(matching) == 1 else [f"{path}: fits {len(matching)} of {len(rule)}"]
    if name == "type":
        fits = isinstance(value, KINDS[rule]) and (rule == "boolean") == isinstance(value, bool)
        return [] if fits else [f"{path}: not of type {rule}"]
    if name == "enum":
        return [] if value in rule else [f"{path}: none of {rule}"]
    if name == "const":
        return [] if value == rule else [f"{path}: not {rule}"]
    if name == "required":
        return [f"{path}: no {member}" for member in rule
                if isinstance(value, dict) and member not in value]
    if name == "properties":
        return [error for member, below in rule.items()
                if isinstance(value, dict) and member in value
                for error in errors(below, value[member], f"{path}.{member}")]
    if name == "items":
        return [error for number, item in enumerate(value if isinstance(value, list) else [])
                for error in errors(rule, item, f"{path}[{number}]")]
    limits = {
        "pattern": (str, lambda text: re.search(rule, text)),
        "minLength": (str, lambda text: len(text) >= rule),
        "maxLength": (str, lambda text: len(text) <= rule),
        "minimum": (int, lambda number: number >= rule),
        "maximum": (int, lambda number: number <= rule),
        "multipleOf": (int, lambda number: number % rule == 0),
        "minItems": (list, lambda items: len(items) >= rule),
        "maxItems": (list, lambda items: len(items) <= rule),
    }
    if name not in limits:
        return [f"the schema has a keyword \"{name}\" that this check does not know"]
    kind, fits = limits[name]
    return [f"{path}: {name} {rule}"] if isinstance(value, kind) and not fits(value) else []


def errors(rules, value, path="$"):
    found = [error for name, rule in rules.items() if name != "additionalProperties"
             for error in keyword(name, rule, value, path)]
    if rules.get("additionalProperties", True) is False and isinstance(value, dict):
        found += [f"{path}.{member}: not in the schema"
                  for member in value if member not in rules["properties"]]
    return found


def run(*command):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True,
                          text=True).stdout


with tempfile.TemporaryDirectory(prefix="dmstack-schema-") as scratch:
    scratch = pathlib.Path(scratch)

    # Table and schema. Two options belong to the whole stack, and some words are no fields.
    (scratch / "words").write_text("@typewords@\n", encoding="utf-8")
    page = build / "man/dmstack.7"
    page = page.read_text(encoding="utf-8").replace("\\&", "") if page.exists() else None
    types = {}
    for line in run(build / "src/format/dmstack-describe", "expand",
                    scratch / "words").splitlines():
        name, *words = line.split()
        types[name] = {word.partition("=")[0] for word in words}
    if set(types) != set(schema["$defs"]):
        faults.append(f"types {sorted(types)}, in the schema {sorted(schema['$defs'])}")
    for name, fields in types.items():
        rules = schema["$defs"][name]["properties"]
        roles = set(rules["devices"]["properties"]) - {"data"}
        expected = (fields - roles - {"phase", "fail"}) | {"name", "type", "devices"}
        for field in sorted(expected ^ set(rules)):
            faults.append(f"{name}: \"{field}\" is only in one of table and schema")
        for field in sorted(fields - {"name", "key"} if page else ()):
            escaped = re.escape(field).replace("\\-", r"\\?-")
            if not re.search(rf"\\fB{escaped}[=\\]", page):
                faults.append(f"dmstack(7): nothing about {field} of {name}")

    # The example of the manual, and what the builder writes.
    (scratch / "input").write_bytes(b"x" * 65536)
    (scratch / "key").write_bytes(bytes(range(64)))
    (scratch / "long-key").write_bytes(bytes(range(96)))  # with that of a MAC
    presets = re.findall(r'^\t\{ "([a-z-]+)", \{', house.text("builder/presets.c"), re.M)
    manifests = {"dmstack-manifest(5)": json.loads(
        re.search(r"^```\n(\{.*?)^```$", house.text("man/dmstack-manifest.5.scd"),
                  re.M | re.S).group(1))}
    for preset in presets:
        command = [build / "builder/dmstack-build", "create", "--quiet", "--input",
                   scratch / "input", "--output", scratch / preset, "--name", "root",
                   "--stack", preset, "--mount", "/:ext4"]
        if "crypt" in preset or preset == "aead":
            key = scratch / ("long-key" if preset == "aead" else "key")
            command += ["--layer-option", "crypt.key=credential:root", "--key",
                        f"credential:root={key}"]
        run(*command)
        manifests[preset] = json.loads((scratch / preset / "root.json").read_text("utf-8"))
    for name, manifest in manifests.items():
        faults += [f"{name}: {error}" for error in errors(schema, manifest)]

    # What the parser refuses, the schema refuses too.
    good = manifests["integrity-then-crypt"]
    folder = scratch / "tree/etc/dmstack.d"
    folder.mkdir(parents=True)
    wrong = {
        "an unknown member": lambda m: m.update(extra=1),
        "another version": lambda m: m.update(dmstack=2),
        "no layers": lambda m: m.update(layers=[]),
        "a negative generation": lambda m: m.update(generation=-1),
        "an unknown action": lambda m: m.update(fail="shrug"),
        "a number for a boolean": lambda m: m["layers"][0].update(nofail=1),
        "text for a number": lambda m: m["layers"][0].update({"sector-size": "4096"}),
        "a fraction": lambda m: m["layers"][0].update({"sector-size": 4096.5}),
        "an odd device size": lambda m: m["layers"][0].update({"device-size": 1000}),
        "an option of another type": lambda m: m["layers"][0].update(cipher="aes-xts-plain64"),
        "an unknown role": lambda m: m["layers"][0]["devices"].update(header="/dev/vda"),
        "an unknown type": lambda m: m["layers"][0].update(type="magic"),
        "a short digest": lambda m: m["artifacts"][0].update(sha256="00"),
        "a path for a file": lambda m: m["artifacts"][0].update(file="../x"),
        "a relative mount point": lambda m: m["mount"].update(where="usr"),
    }
    for name, spoil in wrong.items():
        manifest = copy.deepcopy(good)
        spoil(manifest)
        (folder / "root.json").write_text(json.dumps(manifest), encoding="utf-8")
        check = subprocess.run([str(build / "src/cmd/dmstack"), "check", "--root",
                                str(scratch / "tree")], capture_output=True, text=True)
        if check.returncode != 1:
            faults.append(f"{name}: dmstack check ends with {check.returncode}")
        if not errors(schema, manifest):
            faults.append(f"{name}: the schema takes it")
house.finish(faults, f"schema of {len(types)} types and {len(manifests)} manifests")
