# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a source file offers is used by another one of the programs, and not by tests alone."""

import pathlib
import re
import shutil
import subprocess
import sys

import house

# Tests look at these from outside; the programs need them only inside of one file, or not at all
# because the other direction is needed to prove the first one.
ONLY_TESTS = {
    "block_assembler_n_open", "crc32c_update_portable", "exitrd_mounts", "integrity_area_count",
    "gate_check_state", "pcr_signatures_find", "root_open_stepwise", "run_plan",
    "seal_record_next",
    "sha256_lanes_usable", "tpm_exit_state", "tpm_state_name", "uevent_parse", "unit_tree_data", "unit_tree_path",
    "verity_slot_byte",
}

if not shutil.which("nm"):
    house.skip("nm is not there")
build = pathlib.Path(sys.argv[1])
objects = sorted(path for floor in house.FLOORS for path in build.glob(f"{floor}/*.p/**/*.o"))
if len(objects) < 50:
    house.finish([f"{len(objects)} object files; the search is broken"], "unused")

defined = {}
used = set()
for path in objects:
    out = subprocess.run(["nm", path], check=True, capture_output=True, text=True).stdout
    for kind, name in re.findall(r"^[0-9a-f ]{16} (\w) (\S+)$", out, re.M):
        # AddressSanitizer marks every variable with a symbol of its own.
        if kind in "TDRBV" and name != "main" and not name.startswith("__odr_asan"):
            defined.setdefault(name, path)
        elif kind == "U":
            used.add(name)
faults = [f"{path.relative_to(build)}: {name}"
          for name, path in sorted(defined.items(), key=lambda item: (str(item[1]), item[0]))
          if name not in used and name not in ONLY_TESTS]
faults += [f"{name} is used, or not there" for name in ONLY_TESTS
           if name in used or name not in defined]
house.finish(faults, f"unused of {len(defined)} symbols")
