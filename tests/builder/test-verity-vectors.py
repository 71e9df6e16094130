#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The vectors of cryptsetup's verity-compat-test through the command line, and, where it is
installed, every byte against veritysetup."""

import os
import random
import subprocess

import stackcase
from stackcase import MIB, StackCase

SALT = "e48da609055204e89ae53b655ca2216dd983cf3cb829f34f63a297d106d53e2d"
UUID = "0a1b2c3d-0000-4000-8000-00112233aabb"

# Block size, format, hash, salt, root hash, blocks of the tree; of 8 MiB of zeros.
ZEROS = (
    (512, 1, "sha256", SALT,
     "9de18652fe74edfb9b805aaed72ae2aa48f94333f1ba5c452ac33b1c39325174", 1093),
    (1024, 1, "sha256", SALT,
     "54d92778750495d1f80832b486ebd007617d746271511bbf0e295e143da2b3df", 265),
    (4096, 1, "sha256", SALT,
     "e522df0f97da4febb882ac40f30b37dc0b444bf6df418929463fa25280f09d5c", 17),
    (4096, 0, "sha256", SALT,
     "cbbf4ebd004ef65e29b935bb635a39cf754d677f3fa10b0126da725bbdf10f7d", None),
    (4096, 1, "sha256", "-",
     "ef29c902d87350f1da4bfa536e16cebc162a909bf89abe448b81ec500d4fb9bf", None),
    (1024, 1, "sha1", SALT, "d0e9163ca8844aaa2e88fe5265a8c5d9ee494a99", None),
    (1024, 1, "sha1", "dadada", "73509e8e868be6b8ac939817a98a3d35121413b2", None),
)


def layer(block, kind, algorithm, salt, *more):
    return ",".join(["verity", f"data-block-size={block}", f"hash-block-size={block}",
                     f"format={kind}", f"hash-algorithm={algorithm}", f"salt={salt}", *more])


class Vectors(StackCase):
    def zeros(self, written):
        """8 MiB of zeros, as a hole or as data."""
        path = self.dir / f"zeros-{written}.img"
        path.write_bytes(bytes(8 * MIB) if written else b"")
        os.truncate(path, 8 * MIB)
        return path

    def test_root_hashes(self):
        for written in (False, True):
            source = self.zeros(written)
            for block, kind, algorithm, salt, root, blocks in ZEROS:
                for place in ("hash=new", "hash=data"):
                    with self.subTest(block=block, kind=kind, algorithm=algorithm, place=place):
                        self.create("--layer", layer(block, kind, algorithm, salt, place),
                                    "--force", source=source)
                        self.assertEqual(self.layer("root")["root-hash"], root)
                        if blocks and place == "hash=new":
                            self.assertEqual(self.image("hash").stat().st_size,
                                             (blocks + 1) * block)

    def test_hash_offset_above_2_gib(self):
        offset = (2 << 30) + 8192
        self.create("--layer", layer(4096, 1, "sha256", SALT, f"hash-offset={offset}"),
                    source=self.zeros(False))
        self.assertEqual(self.layer("root")["root-hash"], ZEROS[2][4])
        with open(self.image("hash"), "rb") as f:
            f.seek(offset)
            self.assertEqual(f.read(6), b"verity")
        self.verify("--no-digest")
        if stackcase.find_tool("veritysetup"):
            self.veritysetup("verify", self.image(), self.image("hash"), ZEROS[2][4],
                             f"--hash-offset={offset}")

    def test_overlaps(self):
        """Tree in the data, parity among the data, and offsets that no table can have."""
        for more in ("hash=data,hash-offset=4096", "hash=hash", "fec=new,fec=hash",
                     "hash=data,fec=data,fec-offset=4096", "fec=data,fec-offset=8192",
                     "fec=hash,fec-offset=4096",
                     "hash-offset=100", "fec=new,fec-offset=100"):
            with self.subTest(more=more):
                proc = self.create("--layer", layer(4096, 1, "sha256", SALT, more), expect=None)
                self.assertIn(proc.returncode, (1, 2))
                self.assertIn(more.split(",")[-1].split("=")[0], proc.stderr)
                self.assert_nothing_left()

    def test_one_device(self):
        """Data, tree and parity on one device, as verity-compat-test has them: block size, blocks
        of data and of the device, offsets; the bytes are those of veritysetup."""
        if not stackcase.find_tool("veritysetup"):
            self.skipTest("veritysetup is not installed")
        pick = random.Random(7)
        for block, blocks, all_blocks, hash_offset, fec_offset in (
                (4096, 30, 150, 163840, 409600), (512, 500, 50000, 2457600, 4915200),
                (4096, 64, 6250, 4194304, 8388608)):
            for superblock in (True, False):
                roots = pick.randrange(2, 25)
                with self.subTest(block=block, blocks=blocks, superblock=superblock, roots=roots):
                    self.one_device(block, blocks, all_blocks, hash_offset, fec_offset, roots,
                                    superblock)

    def one_device(self, block, blocks, all_blocks, hash_offset, fec_offset, roots, superblock):
        data = stackcase.noise(block * blocks)
        source, peer = self.dir / "source", self.dir / "peer"
        source.write_bytes(data)
        peer.write_bytes(data)
        os.truncate(peer, block * all_blocks)
        self.create("--layer", layer(block, 1, "sha256", SALT, "hash=data", "fec=data",
                                     f"hash-offset={hash_offset}", f"fec-offset={fec_offset}",
                                     f"fec-roots={roots}", f"uuid={UUID}",
                                     f"superblock={'yes' if superblock else 'no'}"),
                    f"--device-size={block * all_blocks}", "--force", source=source)
        options = [f"--salt={SALT}", f"--data-block-size={block}", f"--hash-block-size={block}",
                   f"--data-blocks={blocks}", f"--hash-offset={hash_offset}",
                   f"--fec-device={peer}", f"--fec-offset={fec_offset}", f"--fec-roots={roots}",
                   *([f"--uuid={UUID}"] if superblock else ["--no-superblock"])]
        self.veritysetup("format", peer, peer, *options)
        self.assertEqual(self.image().read_bytes(), peer.read_bytes())
        self.verify()
        # Some bytes are put right; on one device all of it is in one file.
        good = self.image().read_bytes()
        for place in random.Random(roots).sample(range(len(data)), roots // 2):
            self.flip(self.image(), place, 0x55)
        self.verify(expect=1)
        self.run_build("repair", self.out / "root.json", "--in-place")
        self.assertEqual(self.image().read_bytes(), good)

    def test_parity_beside(self):
        """Behind the tree on the hash device, and behind the data while the tree is elsewhere."""
        for place, role in (("fec=hash", "hash"), ("fec=data", "data")):
            with self.subTest(place):
                self.create("--layer", layer(4096, 1, "sha256", SALT, place), "--force")
                fields = self.layer("root")
                self.assertEqual(fields["devices"]["fec"], fields["devices"][role])
                self.verify()
                if not stackcase.find_tool("veritysetup"):
                    continue
                self.veritysetup("verify", self.image(), self.image("hash"), fields["root-hash"],
                                 f"--fec-device={self.image(role)}",
                                 f"--fec-offset={fields['fec-offset']}")
                self.flip(self.image(), 5000)
                self.run_build("repair", self.out / "root.json", "--in-place")
                self.verify()

    def test_parity_on_a_layer(self):
        """All of it in ciphertext with tags."""
        keys = self.key("root", 64)
        self.create("--layer", "integrity", "--layer", "crypt,key=credential:root", "--layer",
                    layer(4096, 1, "sha256", SALT, "hash=data", "fec=data", "fec-offset=8388608"),
                    *keys)
        self.verify(*keys)

    def test_parity_on_authenticated_encryption(self):
        """It is made of what is read again while the last tags wait for their neighbours."""
        keys = self.key("root", 96)
        for place in ("fec=new", "hash=data,fec=data"):
            with self.subTest(place):
                self.create("--layer", "integrity", "--layer",
                            "crypt,key=credential:root,integrity=hmac-sha256", "--layer",
                            layer(4096, 1, "sha256", SALT, place), "--force", *keys)
                self.verify(*keys)

    def veritysetup(self, *args):
        subprocess.run([stackcase.find_tool("veritysetup"), *map(str, args)], check=True,
                       capture_output=True)

    def test_bytes_of_veritysetup(self):
        """Superblock, tree and parity."""
        if not stackcase.find_tool("veritysetup"):
            self.skipTest("veritysetup is not installed")
        for block, kind, algorithm, salt, roots in (
                (512, 1, "sha256", SALT, 2), (1024, 1, "sha1", "dadada", 7),
                (4096, 1, "sha256", SALT, 2), (4096, 1, "sha256", "-", 24),
                (4096, 0, "sha256", SALT, 13), (4096, 1, "sha512", SALT, 3)):
            with self.subTest(block=block, kind=kind, algorithm=algorithm, roots=roots):
                self.create("--layer", layer(block, kind, algorithm, salt, "fec=new",
                                             f"fec-roots={roots}", f"uuid={UUID}"), "--force")
                peer = {role: self.dir / f"peer.{role}" for role in ("hash", "fec")}
                for path in peer.values():
                    path.unlink(missing_ok=True)
                self.veritysetup("format", self.image(), peer["hash"], f"--fec-device={peer['fec']}",
                                 f"--fec-roots={roots}", f"--uuid={UUID}", f"--salt={salt}",
                                 f"--hash={algorithm}", f"--format={kind}",
                                 f"--data-block-size={block}", f"--hash-block-size={block}")
                for role, path in peer.items():
                    self.assertEqual(self.image(role).read_bytes(), path.read_bytes(), role)


if __name__ == "__main__":
    stackcase.main()
