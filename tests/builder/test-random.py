#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stacks drawn by lot: what is built verifies, comes out again, and shows a flipped bit.

usage: test-random.py DMSTACK-BUILD; $STACKS and $SEED draw others than the usual ones."""

import os
import random

import stackcase
from stackcase import MIB

CIPHERS = (("aes-xts-plain64", 64), ("aes-xts-plain64", 32), ("aes-cbc-essiv:sha256", 32),
           ("aes-cbc-plain", 16), ("aes-cbc-plain64", 24))
ALGORITHMS = ("crc32c", "sha1", "sha256", "sha512", "xxhash64", "hmac-sha256")


class RandomStacks(stackcase.StackCase):

    def setUp(self):
        super().setUp()
        self.draw = random.Random(int(os.environ.get("SEED", "1")))

    def some(self, chance, *options):
        """One of the options, or none."""
        return [self.draw.choice(options)] if self.draw.random() < chance else []

    def linear(self, _):
        return self.some(0.5, "offset=8", "offset=64"), []

    def crypt(self, index):
        cipher, size = self.draw.choice(CIPHERS)
        sector = self.draw.choice((512, 1024, 2048, 4096))
        options = [f"cipher={cipher}", f"size={size * 8}", f"sector-size={sector}",
                   f"key=credential:k{index}", *self.some(0.3, "offset=8", "offset=128"),
                   *self.some(0.3, "skip=8")]
        if sector > 512:
            options += self.some(0.3, "iv-large-sectors")
        return options, self.key(f"k{index}", size)

    def integrity(self, index):
        algorithm = self.draw.choice(ALGORITHMS)
        options = [f"integrity-algorithm={algorithm}",
                   f"sector-size={self.draw.choice((512, 1024, 2048, 4096))}",
                   *self.some(0.3, "meta=new"), *self.some(0.2, "tag-size=4", "tag-size=7"),
                   *self.some(0.3, "interleave-sectors=128", "interleave-sectors=1024"),
                   *self.some(0.2, "integrity-legacy-hmac"), *self.some(0.2, "offset=8"),
                   *self.some(0.2, "journal-size=64K", "journal-size=1M")]
        if algorithm != "hmac-sha256":
            return options, []
        keys = self.key(f"k{index}", 32)
        if self.draw.random() < 0.5:
            return [*options, f"key=credential:k{index}", "journal-integrity=none"], keys
        return ([*options, f"key=credential:k{index}", f"journal-integrity-key=credential:j{index}"],
                keys + self.key(f"j{index}", 32))

    def verity(self, _):
        block = self.draw.choice((512, 1024, 4096, 4096))
        hash_block = self.draw.choice((512, 1024, 4096))
        options = [*self.some(0.3, "hash=data"), *self.some(0.3, "superblock=no"),
                   *self.some(0.2, "format=0"), *self.some(0.3, "hash-algorithm=sha1")]
        if self.draw.random() < 0.3:
            hash_block = block
            options += self.some(1, "fec-roots=2", "fec-roots=24")
        return [f"data-block-size={block}", f"hash-block-size={hash_block}", *options], []

    def draw_stack(self):
        args, keys, types = [], [], []
        for index in range(self.draw.randint(1, 4)):
            kind = self.draw.choice(("linear", "crypt", "integrity", "verity"))
            options, layer_keys = getattr(self, kind)(index)
            args.append("--layer=" + ",".join([kind, *options]))
            keys += layer_keys
            types.append(kind)
        args += self.some(0.3, "--device-size=8M", "--device-size=20M")
        args += self.some(0.2, "--align=512", "--align=64K", "--align=1M")
        return args, keys, types

    def draw_input(self):
        size = self.draw.choice((1, 511, 4096, 100000, MIB, 3 * MIB + 512))
        self.data = bytearray(self.draw.randbytes(size))
        self.data[65536:700000] = bytes(len(self.data[65536:700000]))
        self.input.write_bytes(self.data)

    def flip_somewhere(self):
        artifact = self.draw.choice(self.manifest()["artifacts"])
        self.flip(self.out / artifact["file"], self.draw.randrange(artifact["bytes"]),
                  1 << self.draw.randrange(8))

    def check_flipped(self, keys, types):
        """The sha256 sees any bit; what is read is right or refused, if it is protected at all."""
        self.verify(*keys, expect=1)
        output = self.dir / "flipped.img"
        proc = self.run_build("extract", self.out / "root.json", "--output", output, "--force",
                              *keys, expect=None)
        self.assertIn(proc.returncode, (0, 1))
        if proc.returncode == 0 and {"integrity", "verity"} & set(types[-1:]):
            self.assertEqual(output.read_bytes()[:len(self.data)], self.data)

    def check_stack(self, args, keys, types):
        proc = self.create(*args, *keys, expect=None)
        if proc.returncode != 0:
            # The only thing that can be wrong with what is drawn here.
            self.assertIn("blocks of", proc.stderr)
            self.assert_nothing_left()
            return False
        self.verify(*keys)
        extracted = self.extract(*keys).read_bytes()
        self.assertEqual(extracted[:len(self.data)], self.data)
        self.assertEqual(extracted[len(self.data):].strip(b"\0"), b"")
        self.flip_somewhere()
        self.check_flipped(keys, types)
        for path in self.out.iterdir():
            path.unlink()
        return True

    def test_stacks(self):
        built = 0
        for _ in range(int(os.environ.get("STACKS", "40"))):
            self.draw_input()
            args, keys, types = self.draw_stack()
            with self.subTest(args=args, size=len(self.data)):
                built += self.check_stack(args, keys, types)
        self.assertGreater(built, 0)


if __name__ == "__main__":
    stackcase.main()
