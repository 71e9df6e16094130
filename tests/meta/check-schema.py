# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fields are the same in the table, the JSON Schema and the manual; manifests fit the schema."""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

import house

sys.path.insert(0, str(house.ROOT / "tests/evil"))

import json_schema  # noqa: E402  pylint: disable=wrong-import-position

build = pathlib.Path(sys.argv[1])
schema = json.loads((build / "src/format/manifest.schema.json").read_text(encoding="utf-8"))
faults = []


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

    # The seal: all fields but two are members, and all are in the manual.
    (scratch / "seal").write_text("@fields:seal@\n", encoding="utf-8")
    fields = set(re.findall(r"^\*([a-z0-9-]+)[=*]",
                            run(build / "src/format/dmstack-describe", "expand", scratch / "seal"),
                            re.M))
    members = set(schema["properties"]["seal"]["properties"])
    for field in sorted((fields - {"phase", "epoch"} | {"name", "device"}) ^ members):
        faults.append(f"seal: \"{field}\" is only in one of table and schema")

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
        if "luks" in preset:
            command += ["--layer-option", "luks.key=credential:root", "--key",
                        f"credential:root={scratch / 'key'}",
                        "--layer-option", "luks.pbkdf=pbkdf2"]
        if "crypt" in preset or preset == "aead":
            key = scratch / ("long-key" if preset == "aead" else "key")
            command += ["--layer-option", "crypt.key=credential:root", "--key",
                        f"credential:root={key}"]
        run(*command)
        manifests[preset] = json.loads((scratch / preset / "root.json").read_text("utf-8"))
    for name, manifest in manifests.items():
        if not json_schema.Validator(schema).valid(manifest):
            faults.append(f"{name}: not valid by the schema")
house.finish(faults, f"schema of {len(types)} types and {len(manifests)} manifests")
