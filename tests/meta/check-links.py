# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the programs are linked with: nothing more than their floor allows."""

import pathlib
import re
import shutil
import subprocess
import sys

import house

FORBIDDEN = {
    "generators/dmstack-generator": ["libcrypto", "libdevmapper", "libxxhash", "libisal",
                                      "libtss2"],
    "builder/dmstack-build": ["libdevmapper", "libtss2"],
    # What is in memory all the time.
    "exitrd/dmstack-exitrd": ["libcrypto", "libjson-c", "libtss2", "libxxhash"],
    # The library that searches for a TPM would believe any program on a port.
    "src/cmd/dmstack": ["libtss2-tctildr", "libtss2-tcti-swtpm", "libtss2-tcti-mssim"],
}

if not shutil.which("readelf"):
    house.skip("readelf is not there")
build = pathlib.Path(sys.argv[1])
faults = []
for program, forbidden in FORBIDDEN.items():
    path = build / program
    if not path.exists():
        faults.append(f"{program} was not built")
        continue
    out = subprocess.run(["readelf", "-dW", path], check=True, capture_output=True,
                         text=True).stdout
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", out)
    print(f"{program}: {' '.join(needed)}")
    faults += [f"{program} is linked with {library}" for library in needed
               for word in forbidden if library.startswith(word)]
house.finish(faults, "links")
