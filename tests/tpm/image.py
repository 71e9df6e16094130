# SPDX-License-Identifier: LGPL-2.1-or-later
"""An image of an encrypted layer, as all machines get it."""

import os
import pathlib
import shutil
import subprocess

MIB = 1 << 20


class Image:
    """What dmstack-build made for all machines, with one key."""

    def __init__(self, builder, folder, options="sector-size=4096", size=4 * MIB, key_size=64,
                 layer="crypt,key=tpm2:root", keys=None, content=None,
                 below=()):
        """keys: label to size, if there is another than root. content: bytes.
        below: other layers, the lowest first."""
        self.builder = builder
        self.folder = pathlib.Path(folder) / "image"
        self.folder.mkdir()
        self.options = options
        self.is_random = "-random" in options  # no seed gives the same image again
        self.plain = self.folder / "plain"
        # As in a file system, not all of it is noise.
        self.plain.write_bytes(bytes(1024) + os.urandom(size - 1024) if content is None else content)
        # One in 256 keys ends so, and nobody may take that off.
        self.keys = {label: os.urandom(n - 1) + b"\n"
                     for label, n in (keys or {"root": key_size}).items()}
        self.old = self.keys.get("root")
        self.layers = [*below, f"{layer},{options}"]
        self.create(self.keys, "out")
        self.data = self.folder / "out" / "root.data.img"
        self.manifest = self.folder / "out" / "root.json"

    def create(self, keys, name):
        self.run("create", keys, "--input", self.plain, "--output", self.folder / name,
                 "--name", "root", *(f"--layer={layer}" for layer in self.layers),
                 *([] if self.is_random else ["--seed", "5eed" * 16]))

    def is_as_made_with(self, keys):
        """Whether each byte is as in an image that has had these keys from the beginning."""
        self.create(keys, "anew")
        same = all((self.folder / "out" / made.name).read_bytes() == made.read_bytes()
                   for made in (self.folder / "anew").glob("*.img"))
        shutil.rmtree(self.folder / "anew")
        return same

    def run(self, verb, keys, *args, check=True):
        words = []
        for label, key in keys.items():
            path = self.folder / f"{label}.key"
            path.write_bytes(key)
            path.chmod(0o600)
            words += ["--key", f"tpm2:{label}={path}"]
        return subprocess.run([self.builder, verb, *args, *words], check=check, text=True,
                              capture_output=True)

    def verify(self, keys, check=True):
        return self.run("verify", keys, self.manifest, "--no-digest", check=check)

    def read(self, key):
        """The plaintext under that key, if there is such a thing."""
        output = self.folder / "back"
        result = self.run("extract", {"root": key}, self.manifest, "--force", "--output", output,
                          check=False)
        return output.read_bytes() if result.returncode == 0 else b""

    def is_whole(self, key):
        plain = self.plain.read_bytes()
        # Behind the end the builder fills up with zeros.
        back = self.read(key)
        return back.startswith(plain) and not any(back[len(plain):])
