#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""create --data-in-place: the input is the data image and stays as it is."""

import stackcase
from stackcase import MIB, StackCase


class InPlace(StackCase):
    def setUp(self):
        super().setUp()
        self.out.mkdir()
        self.source = self.out / "usr.img"
        self.source.write_bytes(self.data)

    def in_place(self, *args, **kwargs):
        return self.create("--data-in-place", "--seed", stackcase.SEED, *args,
                           source=self.source, **kwargs)

    def artifacts(self):
        return {a["file"]: a for a in self.manifest()["artifacts"]}

    def test_same_as_a_copy(self):
        """Tree and parity are those of a build that copies, and verify and extract take it."""
        layers = ("--layer", "verity,fec=new,fec-roots=4")
        self.in_place(*layers)
        other = self.dir / "other"
        self.create(*layers, "--seed", stackcase.SEED, source=self.source, out=other)
        for role in ("hash", "fec"):
            self.assertEqual(self.image(role).read_bytes(),
                             (other / f"root.{role}.img").read_bytes(), role)
        self.assertEqual(self.source.read_bytes(), self.data)
        self.assertFalse(self.image().exists())
        self.assertNotIn("sha256", self.artifacts()["usr.img"])
        self.assertIn("sha256", self.artifacts()["root.hash.img"])
        self.verify()
        self.assertEqual(self.extract().read_bytes(), self.data)

    def test_damage_is_found(self):
        self.in_place("--layer", "verity")
        self.flip(self.source, MIB - 1)
        self.assertIn("digest", self.verify(expect=1).stdout)

    def test_tags_elsewhere(self):
        """Below no tree, the manifest has the digest of the data."""
        self.in_place("--layer", "integrity,meta=new")
        self.assertIn("sha256", self.artifacts()["usr.img"])
        self.verify()
        self.assertEqual(self.source.read_bytes(), self.data)

    def test_again_and_by_force(self):
        self.in_place("--layer", "verity")
        proc = self.in_place("--layer", "verity", expect=1)
        self.assertIn("root.json exists", proc.stderr)
        self.in_place("--layer", "verity", "--force")
        self.verify()

    def refuse(self, *args, words, source=None):
        before = sorted(p.name for p in self.out.iterdir())
        proc = self.create("--data-in-place", *args, source=source or self.source, expect=1)
        last = proc.stderr.splitlines()[-1]
        for word in ("--data-in-place", *words):
            self.assertIn(word, last)
        self.assertEqual(sorted(p.name for p in self.out.iterdir()), before)

    def test_refusals(self):
        self.refuse("--layer", "integrity", words=("root", "integrity"))
        self.refuse("--layer", "verity,hash=data", words=("root", "verity"))
        self.refuse("--layer", "linear,offset=8", "--layer", "verity", words=("linear",))
        self.refuse("--layer", "verity", words=("folder",), source=self.input)
        self.refuse("--layer", "verity", "--device-size", "8M", words=("bytes",))
        link = self.out / "link.img"
        link.symlink_to(self.input)
        self.refuse("--layer", "verity", words=("regular",), source=link)

    def test_size(self):
        with open(self.source, "ab") as f:
            f.write(b"x" * 512)
        self.refuse("--layer", "verity", words=("truncate", f"--size={len(self.data) + 4096}"))

    def test_name(self):
        self.source = self.source.rename(self.out / "root.hash.img")
        self.refuse("--layer", "verity", "--force", words=("root.hash.img",))
        self.assertEqual(self.source.read_bytes(), self.data)


if __name__ == "__main__":
    stackcase.main()
