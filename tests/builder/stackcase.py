# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of dmstack-build share: running it, making inputs, damaging outputs.

The first argument of a test program is the path of dmstack-build."""

import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True

MIB = 1 << 20
PRESETS = {
    "crypt-only": ["crypt"],
    "integrity-only": ["integrity"],
    "integrity-then-crypt": ["integrity", "crypt"],
    "crypt-then-integrity": ["crypt", "integrity"],
    "verity-only": ["verity"],
    "verity-then-crypt": ["verity", "crypt"],
    "crypt-then-verity": ["crypt", "verity"],
}
SEED = "00112233445566778899aabbccddeeff"


def skip(why):
    print(f"SKIP: {why}")
    sys.exit(77)


def find_tool(name):
    """Tools of /sbin count too, also for a user whose PATH has no such folder."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    return path


def noise(size, seed=1):
    """Bytes without any pattern, the same every time."""
    return random.Random(seed).randbytes(size)


class StackCase(unittest.TestCase):
    """A test with a folder of its own, an input, and keys."""

    program = None
    input_size = 3 * MIB + 4096

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="dmstack-build-test-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.out = self.dir / "out"
        self.input = self.dir / "input.img"
        # Data, a hole, and data that does not fill its last block of 1 MiB.
        data = bytearray(noise(self.input_size))
        data[MIB:2 * MIB] = bytes(MIB)
        with open(self.input, "wb") as f:
            f.write(data[:MIB])
            f.seek(2 * MIB)
            f.write(data[2 * MIB:])
        self.data = bytes(data)
        self.keys = {}

    def key(self, name, size):
        """Makes a key file; returns the options that name it."""
        path = self.dir / f"{name}.key"
        path.write_bytes(noise(size, name))
        self.keys[name] = path
        return [f"--key=credential:{name}={path}"]

    def run_build(self, *args, expect=0, **kwargs):
        """Runs dmstack-build. expect is its exit status; None allows any."""
        proc = subprocess.run([self.program, *map(str, args)], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              check=False, timeout=120, **kwargs)
        if expect is not None:
            self.assertEqual(proc.returncode, expect,
                             f"{args}\nstdout: {proc.stdout}\nstderr: {proc.stderr}")
        return proc

    def program_for_others(self):
        """Puts the program where those who may not enter the build folder find it."""
        folder = pathlib.Path(tempfile.mkdtemp(prefix="dmstack-program-"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        folder.chmod(0o755)
        self.program = shutil.copy(self.program, folder)

    def create(self, *args, name="root", expect=0, out=None, source=None, **kwargs):
        return self.run_build("create", "--input", source or self.input, "--output",
                              out or self.out, "--name", name, *args, expect=expect, **kwargs)

    def manifest(self, name="root", out=None):
        return json.loads(((out or self.out) / f"{name}.json").read_text(encoding="utf-8"))

    def layer(self, name):
        for layer in self.manifest()["layers"]:
            if layer["name"] == name:
                return layer
        self.fail(f"no layer {name}")
        return None

    def image(self, role="data", name="root"):
        return self.out / f"{name}.{role}.img"

    def verify(self, *args, expect=0, name="root"):
        return self.run_build("verify", self.out / f"{name}.json", *args, expect=expect)

    def extract(self, *args, expect=0, name="root"):
        output = self.dir / "extracted.img"
        self.run_build("extract", self.out / f"{name}.json", "--output", output, "--force", *args,
                       expect=expect)
        return output

    def flip(self, path, offset, mask=0x01):
        with open(path, "r+b") as f:
            f.seek(offset)
            byte = f.read(1)
            self.assertEqual(len(byte), 1, f"{path} has no byte {offset}")
            f.seek(offset)
            f.write(bytes([byte[0] ^ mask]))

    def assert_nothing_left(self, out=None):
        """Neither a finished nor an unfinished output."""
        out = out or self.out
        left = sorted(p.name for p in out.iterdir()) if out.exists() else []
        self.assertEqual(left, [])

    def assert_error(self, proc, *words):
        """One line on stderr that has all of the words, and nothing on stdout."""
        lines = proc.stderr.strip().splitlines()
        self.assertEqual(len(lines), 1, proc.stderr)
        for word in words:
            self.assertIn(str(word), lines[0])
        self.assertEqual(proc.stdout, "")


def main():
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} DMSTACK-BUILD [TEST...]")
    StackCase.program = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main(verbosity=2)
