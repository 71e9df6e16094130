# SPDX-License-Identifier: LGPL-2.1-or-later
"""A floor includes only itself and what lies below; only the floors named here use a library."""

import os
import re

import house

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)

# Folders and files that may include a library's headers, by the beginning of the header's name.
LIBRARIES = {
    "json-c/": ["src/format/"],
    "json.h": ["src/format/"],
    "libdevmapper.h": ["src/platform/dm", "src/platform/table-"],
    "openssl/": ["src/platform/adiantum", "src/platform/aead", "src/platform/cipher",
                 "src/platform/digest", "src/platform/file-digest", "src/platform/journal-crypt",
                 "src/platform/kdf", "src/platform/key-wrap", "src/platform/public-key",
                 "src/platform/signature"],
    "argon2.h": ["src/platform/kdf"],
    "xxhash.h": ["src/platform/digest"],
    "libfdisk/": ["src/platform/gpt"],
    "qrencode.h": ["src/platform/qr"],
    "isa-l": ["src/platform/parity"],
    "systemd/": [],
    "tss2/": ["src/platform/tpm"],
}

headers = {}  # the folders that have a header of that name
faults = []
for name in house.tracked("*.h"):
    if house.floor_of(name):
        headers.setdefault(os.path.basename(name), []).append(house.floor_of(name))
for header, floors in headers.items():
    faults += [f"{header} is in {floor} and in {below}" for floor in floors for below in floors
               if below in house.FLOORS[floor]]

for name in house.tracked("*.c", "*.h"):
    floor = house.floor_of(name)
    if not floor:
        continue
    for quote, header in INCLUDE.findall(house.text(name)):
        if quote == '"':
            if "/" in header:
                faults.append(f'{name}: #include "{header}" has a path')
            elif header not in headers:
                faults.append(f'{name}: #include "{header}" is no header of the house')
            elif not {floor, *house.FLOORS[floor]}.intersection(headers[header]):
                faults.append(f'{name}: #include "{header}" looks up, to {headers[header][0]}')
            continue
        for library, users in LIBRARIES.items():
            if header.startswith(library) and not name.startswith(tuple(users)):
                faults.append(f"{name}: #include <{header}> is not for this file")
house.finish(faults, "floors")
