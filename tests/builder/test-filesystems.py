#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the builder makes of the file system in its input."""

import os
import subprocess

import stackcase
from stackcase import MIB

MKE2FS = stackcase.find_tool("mke2fs")


class FileSystems(stackcase.StackCase):

    def make_ext4(self, block_size, size=8 * MIB):
        path = self.dir / f"ext4-{block_size}.img"
        with open(path, "wb") as f:
            f.truncate(size)
        subprocess.run([MKE2FS, "-q", "-t", "ext4", "-b", str(block_size), path],
                       check=True, stdin=subprocess.DEVNULL, capture_output=True)
        return path

    def test_blocks_too_small(self):
        source = self.make_ext4(1024)
        keys = self.key("root", 64)
        for preset, types in stackcase.PRESETS.items():
            with self.subTest(preset=preset):
                args = keys if "crypt" in types else []
                proc = self.create("--stack", preset, *args, source=source, expect=1)
                self.assert_error(proc, "ext4", "1024", "4096")
                self.assert_nothing_left()

    def test_blocks_that_fit(self):
        keys = self.key("root", 64)
        self.create("--layer", "integrity,sector-size=1024", "--layer", "crypt,sector-size=512",
                    *keys, source=self.make_ext4(1024))
        self.verify(*keys)

    def test_type_in_the_manifest(self):
        proc = self.create("--stack", "verity-only", "--mount", "/", source=self.make_ext4(4096))
        self.assertEqual(self.manifest()["mount"],
                         {"where": "/", "type": "ext4", "options": "ro"})
        self.assertEqual(proc.stderr, "")

    def test_cut_file_system(self):
        source = self.make_ext4(4096)
        os.truncate(source, 6 * MIB)
        self.assert_error(self.create("--stack", "verity-only", source=source, expect=1), "ext4",
                          8 * MIB, 6 * MIB)

    def test_journal_to_replay(self):
        """The kernel would have to write, and refuses to mount."""
        source = self.make_ext4(4096)
        self.flip(source, 1024 + 96, 0x04)
        for preset in ("verity-only", "verity-then-crypt"):
            keys = self.key("root", 64) if "crypt" in preset else []
            proc = self.create("--stack", preset, *keys, source=source, expect=1)
            self.assert_error(proc, "ext4", "e2fsck", "root")
            self.assert_nothing_left()
        self.create("--stack", "verity-only", "--mount", "/:ext4:ro,noload", source=source)
        self.create("--stack", "integrity-only", "--force", source=source)

    def test_unknown_file_system(self):
        self.assertIn("file system", self.create("--stack", "verity-only").stderr)


if __name__ == "__main__":
    if not MKE2FS:
        stackcase.skip("mke2fs is not there (package e2fsprogs)")
    stackcase.main()
