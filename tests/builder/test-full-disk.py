#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A disk that fills up in the middle, with and without O_TMPFILE, keeps nothing of the outputs.

The first argument is a library that plays the full disk, the second dmstack-build."""

import os
import sys

import stackcase
from stackcase import MIB

LIBRARY = None


class FullDisk(stackcase.StackCase):

    def env(self, **variables):
        # The sanitizers want to be first, but this library calls nothing of theirs.
        asan = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        return dict(os.environ, LD_PRELOAD=LIBRARY, ASAN_OPTIONS=asan,
                    **{name: str(value) for name, value in variables.items()})

    def test_full(self):
        keys = self.key("root", 64)
        for variables in ({}, {"NO_TMPFILE": 1}):
            for after in (0, 4096, MIB, 3 * MIB, 3 * MIB + 100000):
                with self.subTest(after=after, **variables):
                    proc = self.create("--layer", "integrity", "--layer", "crypt", "--layer",
                                       "verity", *keys, expect=1,
                                       env=self.env(FULL_DISK_AFTER=after, **variables))
                    self.assertIn("No space left on device", proc.stderr)
                    self.assert_nothing_left()

    def test_without_tmpfile(self):
        keys = self.key("root", 64)
        self.create("--stack", "crypt-then-verity", *keys, env=self.env(NO_TMPFILE=1))
        self.assertEqual(sorted(p.name for p in self.out.iterdir()),
                         ["root.data.img", "root.hash.img", "root.json"])
        self.verify(*keys)

    def test_replacement(self):
        """What was there stays, complete, when the replacement does not fit."""
        self.create("--stack", "verity-only")
        before = {p.name: p.read_bytes() for p in self.out.iterdir()}
        self.create("--stack", "verity-only", "--force", expect=1,
                    env=self.env(FULL_DISK_AFTER=MIB))
        self.assertEqual({p.name: p.read_bytes() for p in self.out.iterdir()}, before)

    def test_extract(self):
        self.create("--stack", "verity-only")
        output = self.dir / "plain" / "plain.img"
        output.parent.mkdir()
        proc = self.run_build("extract", self.out / "root.json", "--output", output, expect=1,
                              env=self.env(FULL_DISK_AFTER=MIB))
        self.assertIn("No space left on device", proc.stderr)
        self.assert_nothing_left(output.parent)


if __name__ == "__main__":
    LIBRARY = sys.argv.pop(1)
    stackcase.main()
