# SPDX-License-Identifier: LGPL-2.1-or-later
"""Holds the published JSON Schema against the parser: check-schema.py SCHEMA DMSTACK

A manifest that the parser takes is valid, and each malformed one that a schema can see is not.
"""

import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(__file__))

import cases  # noqa: E402  pylint: disable=wrong-import-position
from json_schema import Validator  # noqa: E402  pylint: disable=wrong-import-position


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        validator = Validator(json.load(f))
    visible = [case for case in cases.CASES if case.schema]
    failed = 0

    print(f"1..{len(visible) + 1}")
    good = validator.valid(cases.sound_manifest())
    print(f"{'ok' if good else 'not ok'} 1 - the sound manifest is valid")
    failed += not good
    for number, case in enumerate(visible, 2):
        refused = not validator.valid(json.loads(case.files[cases.JSON]))
        print(f"{'ok' if refused else 'not ok'} {number} - {case.name}: {case.wrong}")
        failed += not refused
    sys.exit(1 if failed else 0)


main()
