#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""create --consume-input: the input becomes the data image, without a copy."""

import os
import random
import subprocess
import time

import stackcase
from stackcase import MIB, StackCase

LUKS = "luks,header=new,pbkdf=pbkdf2,pbkdf-force-iterations=1000"


class Consume(StackCase):
    STACKS = {
        "crypt": ["crypt"],
        "luks": [LUKS],
        "crypt below tree and parity": ["crypt", "verity,fec=new,fec-roots=4"],
        "linear, crypt twice": ["linear", "crypt", "crypt"],
        "verity": ["verity"],
        "tags": ["integrity,meta=new", "crypt"],
    }

    def arguments(self, layers):
        options = ["--seed", stackcase.SEED, *self.key("root", 64)]
        for number, layer in enumerate(layers):
            kind = layer.split(",")[0]
            if kind in ("crypt", "luks"):
                layer += ",key=credential:root"
            if number + 1 < len(layers):
                layer += f",name=l{number}"
            options += ["--layer", layer]
        return options

    def consume(self, layers, *args, source=None, **kwargs):
        return self.create("--consume-input", *self.arguments(layers), *args, source=source,
                           **kwargs)

    def test_same_as_a_copy(self):
        """The images are those of a build that copies, holes and an odd end of the input too."""
        original = self.dir / "original.img"
        subprocess.run(["cp", "--sparse=always", self.input, original], check=True)
        for what, layers in self.STACKS.items():
            for odd in (0, 512):
                with self.subTest(stack=what, odd=odd):
                    os.truncate(original, self.input_size + odd)
                    subprocess.run(["cp", "--sparse=always", original, self.input], check=True)
                    copied = self.dir / "copied"
                    self.create(*self.arguments(layers), "--force", source=original, out=copied)
                    self.consume(layers, "--force")
                    self.assertFalse(self.input.exists())
                    names = sorted(p.name for p in copied.iterdir())
                    self.assertEqual(sorted(p.name for p in self.out.iterdir()), names)
                    for name in names:
                        # Argon2 and PBKDF2 salts are of the seed, so that all is equal.
                        self.assertEqual((self.out / name).read_bytes(),
                                         (copied / name).read_bytes(), name)
                    self.verify(*self.key("root", 64))
                    self.assertEqual(self.extract(*self.key("root", 64)).read_bytes()[:self.input_size], self.data)

    def test_the_same_file(self):
        """No second copy is made, and another folder of the file system is fine."""
        inode = self.input.stat().st_ino
        self.consume(["crypt"])
        self.assertEqual(self.image().stat().st_ino, inode)

    def refuse(self, layers, *words, source=None, args=(), expect=1, out=None):
        self.key("root", 64)
        source = source or self.input
        folder = sorted(p.name for p in self.dir.rglob("*"))
        before = source.read_bytes()
        proc = self.consume(layers, *args, source=source, expect=expect, out=out)
        for word in words:
            self.assertIn(word, proc.stderr.splitlines()[-1])
        self.assertEqual(source.read_bytes(), before)
        self.assertEqual(sorted(p.name for p in self.dir.rglob("*")), folder)

    def test_refusals(self):
        """Whatever is refused leaves the input as it was, under its name."""
        for layer in ("integrity", "verity,hash=data", "linear,offset=8", "crypt,offset=8",
                      LUKS.replace(",header=new", "")):
            self.refuse([layer], "--consume-input", "place")
        self.refuse(["crypt,size=256"], "64 bytes")
        link = self.dir / "link.img"
        link.symlink_to(self.input)
        self.refuse(["crypt"], "regular", source=link)
        link.unlink()
        os.link(self.input, link)
        self.refuse(["crypt"], "2 names")
        link.unlink()
        self.refuse(["crypt"], "exclude", args=["--gpt"], expect=2)
        self.refuse(["crypt"], "exclude", args=["--data-in-place"], expect=2)

    def test_names(self):
        self.out.mkdir()
        self.input = self.input.rename(self.out / "root.data.img")
        self.refuse(["crypt"], "root.data.img", args=["--force"])

    def test_other_file_system(self):
        shm = "/dev/shm"
        if not os.path.isdir(shm) or os.stat(shm).st_dev == self.dir.stat().st_dev:
            self.skipTest(f"{shm} is no other file system")
        self.refuse(["crypt"], "another file system", out=f"{shm}/{self.dir.name}")
        self.assertFalse(os.path.exists(f"{shm}/{self.dir.name}"))

    def test_no_second_try(self):
        """An image that is there is noticed before the input is touched."""
        self.consume(["crypt"])
        again = self.dir / "again.img"
        again.write_bytes(self.data)
        self.refuse(["crypt"], "exists", source=again)

    def test_killed(self):
        """The input is whole under its name, or has none; a final name is that of whole images."""
        large = self.dir / "large.img"
        source = self.dir / "source.img"
        source.write_bytes(self.data)
        os.truncate(source, 32 * MIB)
        moments = random.Random()
        usual, ends = None, set()
        for number in range(25):
            subprocess.run(["rm", "-rf", self.out], check=True)
            subprocess.run(["cp", "--sparse=always", source, large], check=True)
            begin = time.monotonic()
            # pylint: disable=consider-using-with
            proc = subprocess.Popen([self.program, "create", "--quiet", "--input", large,
                                     "--output", self.out, "--name", "root", "--consume-input",
                                     *self.arguments(["crypt"])])
            try:
                proc.wait(usual and usual * moments.uniform(0, 1.1))
            except subprocess.TimeoutExpired:
                proc.kill()
                proc.wait()
            usual = usual or time.monotonic() - begin
            with self.subTest(number=number):
                made = (self.out / "root.json").exists()
                if large.exists():
                    self.assertEqual(large.read_bytes(), source.read_bytes())
                    self.assertFalse(self.image().exists())
                elif made:
                    self.verify(*self.key("root", 64))
                else:
                    self.assertFalse(self.image().exists())
                ends.add((large.exists(), made))
        self.assertGreater(len(ends), 1)


if __name__ == "__main__":
    stackcase.main()
