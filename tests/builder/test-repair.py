#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""repair: images with parity are damaged in known ways and must come back byte for byte."""

import json
import random
import shutil

import stackcase
from stackcase import MIB, StackCase

BLOCK = 4096


class Repair(StackCase):
    input_size = 3 * MIB + 3 * BLOCK

    def build(self, roots=2, *more):
        fec = [] if any(word.startswith("fec=") for word in more) else ["fec=new"]
        self.create("--layer", ",".join(["verity", *fec, f"fec-roots={roots}", *more]),
                    "--seed", stackcase.SEED)
        self.good = {p.name: p.read_bytes() for p in self.out.glob("*.img")}
        blocks = int(self.layer("root")["fec-blocks"])
        self.rounds = -(-blocks // (255 - roots))

    def overwrite(self, role, offset, data):
        with open(self.image(role), "r+b") as f:
            f.seek(offset)
            f.write(data)

    def spoil_block(self, role, number):
        old = self.good[f"root.{role}.img"][number * BLOCK:(number + 1) * BLOCK]
        self.overwrite(role, number * BLOCK, bytes(b ^ 0xa5 for b in old))

    def repair(self, *args, expect=0):
        proc = self.run_build("repair", self.out / "root.json", "--json", *args, expect=expect)
        lines = [json.loads(line) for line in proc.stdout.splitlines()]
        return next((line["result"] for line in lines if "result" in line), None), proc

    def check_repair(self, **counts):
        """Into copies, which leaves the images alone; then in place."""
        before = {p.name: p.read_bytes() for p in self.out.glob("*.img")}
        self.verify(expect=1)
        copies = self.dir / "copies"
        result, _ = self.repair("--output", copies)
        for name, content in self.good.items():
            self.assertEqual((copies / name).read_bytes(), content, name)
            self.assertEqual((self.out / name).read_bytes(), before[name], name)
        self.run_build("verify", self.out / "root.json", "--images", copies)
        self.assertEqual(result["lost-blocks"], 0)
        for what, count in counts.items():
            self.assertEqual(result[f"{what}-blocks"], count, what)
        self.repair("--in-place")
        for name, content in self.good.items():
            self.assertEqual((self.out / name).read_bytes(), content, name)
        self.verify()

    def test_nothing_to_do(self):
        self.build()
        result, _ = self.repair("--in-place")
        self.assertEqual([result[f"{k}-blocks"] for k in ("data", "tree", "parity", "lost")],
                         [0, 0, 0, 0])

    def test_bytes_anywhere(self):
        """As cryptsetup's own test does it: some random bytes, for any number of roots."""
        for roots in (2, 3, 8, 24):
            with self.subTest(roots=roots):
                self.out = self.dir / f"out-{roots}"
                self.build(roots)
                pick = random.Random(roots)
                for _ in range(16):
                    offset = pick.randrange(len(self.data))
                    self.flip(self.image(), offset, pick.randrange(1, 256))
                self.check_repair()
                (self.dir / "copies").rename(self.dir / f"copies-{roots}")

    def test_as_many_blocks_as_roots(self):
        """Blocks of the same code words: the hashes name them, so all of the parity counts."""
        self.build(4)
        for i in range(4):
            self.spoil_block("data", 1 + i * self.rounds)
        self.check_repair(data=4, tree=0, parity=0)

    def test_tree_and_what_is_below(self):
        """Block 1 of the tree device is the top; without it no other block can be judged."""
        self.build(4)
        for number in (1, 2, 4):
            self.spoil_block("hash", number)
        self.spoil_block("data", 7)
        self.check_repair(data=1, tree=3, parity=0)

    def test_parity(self):
        self.build(2)
        self.spoil_block("fec", 3)
        self.spoil_block("data", 700)
        self.check_repair(data=1, tree=0, parity=1)

    def test_damage_of_one_code_word_in_data_and_parity(self):
        self.build(8)
        self.spoil_block("data", 2)
        self.overwrite("fec", 2 * 8 * BLOCK, bytes(2))
        self.check_repair(data=1, parity=1)

    def test_tree_on_the_data_device(self):
        self.build(2, "hash=data")
        self.spoil_block("data", 5)
        self.spoil_block("data", len(self.data) // BLOCK + 1)
        self.check_repair(data=1, tree=1)

    def test_format_0_and_other_blocks(self):
        self.build(2, "format=0", "data-block-size=1024", "hash-block-size=1024",
                   "hash-algorithm=sha1")
        self.flip(self.image(), 12345)
        self.flip(self.image("hash"), 4000)
        self.check_repair(data=1, tree=1)

    def test_too_much(self):
        """Nothing is written; in place, what can be repaired is."""
        self.build(2)
        for i in range(3):
            self.spoil_block("data", 2 + i * self.rounds)
        self.spoil_block("data", 3)
        before = self.image().read_bytes()
        _, proc = self.repair("--output", self.dir / "copies", expect=1)
        self.assertIn("3 blocks", proc.stderr)
        self.assertEqual(list((self.dir / "copies").iterdir()), [])
        self.assertEqual(self.image().read_bytes(), before)
        result, _ = self.repair("--in-place", expect=1)
        self.assertEqual((result["data-blocks"], result["lost-blocks"]), (1, 3))
        spoiled = self.image().read_bytes()
        self.assertEqual(spoiled[3 * BLOCK:4 * BLOCK], self.data[3 * BLOCK:4 * BLOCK])

    def test_refusals(self):
        self.build(2)
        manifest = self.out / "root.json"
        self.assertIn("--in-place", self.run_build("repair", manifest, expect=2).stderr)
        self.assertIn("--in-place", self.run_build("repair", manifest, "--in-place", "--output",
                                                   self.dir, expect=2).stderr)
        _, proc = self.repair("--output", self.out, expect=1)
        self.assertIn("exists", proc.stderr)
        self.create("--layer", "verity", "--force")
        _, proc = self.repair("--in-place", expect=1)
        self.assertIn("fec", proc.stderr)
        keys = self.key("aead", 96)
        self.create("--layer", "integrity", "--layer",
                    "crypt,key=credential:aead,integrity=hmac-sha256", "--layer", "verity,fec=new",
                    "--force", *keys)
        _, proc = self.repair("--in-place", *keys, expect=1)
        self.assertIn("root-crypt", proc.stderr)

    def test_superblock(self):
        """Gone or changed, it comes back from the manifest; the root hash says that it is right."""
        for more in ([], ["hash=data", "fec=data"]):
            with self.subTest(more):
                self.out = self.dir / f"out{len(more)}"
                self.build(2, *more)
                role = "data" if more else "hash"
                offset = int(self.layer("root").get("hash-offset", 0))
                for at, spoiled in ((0, bytes(BLOCK)), (80, b"\xff" * 8), (600, b"\1")):
                    self.overwrite(role, offset + at, spoiled)
                    self.overwrite("data", 5 * BLOCK, bytes(BLOCK))
                    result, _ = self.repair("--in-place")
                    self.assertTrue(result["superblock"])
                    for name, content in self.good.items():
                        self.assertEqual((self.out / name).read_bytes(), content, name)
                self.verify()

    def test_superblock_that_is_not_known(self):
        """Nothing else says the salt."""
        self.build(2)
        path = self.out / "root.json"
        manifest = self.manifest()
        del manifest["layers"][0]["salt"]
        path.write_text(json.dumps(manifest))
        self.overwrite("hash", 0, bytes(8))
        _, proc = self.repair("--in-place", expect=1)
        self.assertIn("superblock", proc.stderr)

    def tags_offset(self):
        return json.loads(self.run_build("inspect", "--json", self.image()).stdout)["tags-offset"]

    def test_above_other_layers(self):
        """What is repaired is encrypted again, and so the image is what it was."""
        keys = self.key("root", 64)
        for below in (["crypt,key=credential:root"], ["linear"],
                      ["luks,key=credential:root,offset=1024,pbkdf=pbkdf2,pbkdf-force-iterations=1000"],
                      ["integrity"], ["integrity", "crypt,key=credential:root"],
                      ["integrity,integrity-algorithm=crc32c,sector-size=512"],
                      ["crypt,key=credential:root", "linear", "crypt,key=credential:root"]):
            for fec in ("fec=new", "hash=data,fec=data"):
                with self.subTest(below=below, fec=fec):
                    shutil.rmtree(self.out, ignore_errors=True)
                    shutil.rmtree(self.dir / "copies", ignore_errors=True)
                    layers = [w for b in below for w in ("--layer", b)]
                    self.create(*layers, "--layer", f"verity,fec-roots=4,{fec}", *keys)
                    self.good = {p.name: p.read_bytes() for p in self.out.glob("*.img")}
                    size = len(self.good["root.data.img"])
                    places = [size - 3 * MIB, size - 2 * MIB, size - MIB]
                    if below[0].startswith("integrity"):
                        places.append(self.tags_offset() + 41)
                    for at in places:
                        self.flip(self.image(), at)
                    _, proc = self.repair("--output", self.dir / "copies", *keys)
                    for name, content in self.good.items():
                        self.assertEqual((self.dir / "copies" / name).read_bytes(), content, name)
                    self.repair("--in-place", *keys)
                    self.assertEqual(self.image().read_bytes(), self.good["root.data.img"])


if __name__ == "__main__":
    stackcase.main()
