# SPDX-License-Identifier: LGPL-2.1-or-later
"""An image of an encrypted layer, as all machines get it."""

import os
import pathlib
import subprocess

MIB = 1 << 20


class Image:
    """What dmstack-build made for all machines, with one key."""

    def __init__(self, builder, folder, options="sector-size=4096", size=4 * MIB, key_size=64):
        self.builder = builder
        self.folder = pathlib.Path(folder) / "image"
        self.folder.mkdir()
        self.options = options
        self.plain = self.folder / "plain"
        self.plain.write_bytes(os.urandom(size))
        self.key = self.folder / "key"
        self.put_key(os.urandom(key_size))
        self.old = self.key.read_bytes()
        self.build("create", "--input", self.plain, "--output", self.folder / "out", "--name", "root",
                   "--layer", f"crypt,key=tpm2:root,{options}")
        self.data = self.folder / "out" / "root.data.img"

    def put_key(self, key):
        self.key.write_bytes(key)
        self.key.chmod(0o600)

    def build(self, *args):
        return subprocess.run([self.builder, *args, "--quiet", "--key", f"tpm2:root={self.key}"],
                              check=True)

    def read(self, key):
        """The plaintext under that key."""
        self.put_key(key)
        output = self.folder / "back"
        self.build("extract", self.folder / "out" / "root.json", "--force", "--output", output)
        return output.read_bytes()

    def is_whole(self, key):
        plain = self.plain.read_bytes()
        # Behind the end the builder fills up with zeros.
        back = self.read(key)
        return back == plain + bytes(len(back) - len(plain))
