#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Same input, options and seed: same bytes, whatever the threads, the clock and the place."""

import hashlib
import hmac
import json
import os
import re

import stackcase


class Reproducible(stackcase.StackCase):

    LAYERS = ("--layer=integrity,integrity-algorithm=hmac-sha256,key=credential:tags,"
              "journal-integrity=hmac-sha256,journal-integrity-key=credential:journal",
              "--layer=crypt,key=credential:root", "--layer=verity,fec-roots=2")

    def build(self, number, *args, **kwargs):
        out = self.dir / f"out{number}"
        keys = [f"--key=credential:{name}={path}" for name, path in self.keys.items()]
        self.create(*self.LAYERS, *keys, *args, out=out, **kwargs)
        return {p.name: p.read_bytes() for p in out.iterdir()}

    def setUp(self):
        super().setUp()
        self.key("tags", 32)
        self.key("journal", 32)
        self.key("root", 64)

    def test_threads(self):
        images = [self.build(n, "--seed", stackcase.SEED, "--threads", n) for n in (1, 2, 3, 8)]
        for other in images[1:]:
            self.assertEqual(other, images[0])

    def test_instruction_sets(self):
        """Every path of SHA-256 and of AES that this CPU has, on one thread and on two."""
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            flags = set(re.search(r"^flags\s*:(.*)$", f.read() + "\nflags:", re.M)[1].split())
        needs = {"avx512": {"avx512f", "avx512bw"}, "sha-ni": {"sha_ni", "sse4_1"},
                 "avx2": {"avx2"}, "libcrypto": set()}
        images = []
        for path in (name for name, needed in needs.items() if needed <= flags):
            for threads in (1, 2):
                images.append(self.build(len(images), "--seed", stackcase.SEED, "--threads",
                                         threads, env=dict(os.environ, DMSTACK_SHA256=path)))
        images.append(self.build(len(images), "--seed", stackcase.SEED,
                                 env=dict(os.environ, DMSTACK_AES="libcrypto")))
        self.assertGreaterEqual(len(images), 3)
        for other in images[1:]:
            self.assertEqual(other, images[0])

    def test_digests(self):
        """The sha256 in the manifest is of the images; --no-digest leaves it out, and no more."""
        with_digests = self.build(1, "--seed", stackcase.SEED)
        without = self.build(2, "--seed", stackcase.SEED, "--no-digest")
        manifests = [json.loads(files.pop("root.json")) for files in (with_digests, without)]
        self.assertEqual(with_digests, without)
        for artifact in manifests[0]["artifacts"]:
            digest = hashlib.sha256(with_digests[artifact["file"]]).hexdigest()
            self.assertEqual(artifact.pop("sha256"), digest)
        self.assertEqual(manifests[0], manifests[1])

    def test_environment(self):
        first = self.build(1, "--seed", stackcase.SEED)
        env = dict(os.environ, SOURCE_DATE_EPOCH="1", TZ="Asia/Tokyo", LC_ALL="C", HOME="/")
        os.utime(self.input, (1, 1))
        self.assertEqual(self.build(2, "--seed", stackcase.SEED, env=env), first)

    def test_holes_are_zeros(self):
        first = self.build(1, "--seed", stackcase.SEED)
        self.input.write_bytes(self.data)
        self.assertEqual(self.build(2, "--seed", stackcase.SEED), first)

    def test_seed_counts(self):
        first = self.build(1, "--seed", stackcase.SEED)
        other = self.build(2, "--seed", stackcase.SEED[::-1])
        self.assertEqual(first.keys(), other.keys())
        for name, data in first.items():
            self.assertNotEqual(other[name], data, name)

    def test_without_seed(self):
        """Salts and UUIDs are new each time, and of the two layers different."""
        salts = set()
        for number in (1, 2):
            self.build(number)
            for layer in self.manifest(out=self.dir / f"out{number}")["layers"]:
                if "salt" in layer:
                    salts.add(layer["salt"])
        self.assertEqual(len(salts), 4)

    def test_derivation(self):
        """HKDF-SHA256 with the name of the layer in its label, once more in Python."""
        self.create("--stack", "verity-only", "--seed", stackcase.SEED)

        def derive(label, size):
            prk = hmac.digest(b"dmstack-build seed, version 1", bytes.fromhex(stackcase.SEED),
                              "sha256")
            out, block, count = b"", b"", 0
            while len(out) < size:
                count += 1
                block = hmac.digest(prk, block + label + bytes([count]), "sha256")
                out += block
            return out[:size]

        self.assertEqual(self.layer("root")["salt"], derive(b"root/salt", 32).hex())
        uuid = bytearray(derive(b"root/uuid", 16))
        uuid[6] = uuid[6] & 0x0f | 0x40
        uuid[8] = uuid[8] & 0x3f | 0x80
        self.assertEqual(self.layer("root")["uuid"].replace("-", ""), uuid.hex())

    def test_fields_win(self):
        salt = "ab" * 32
        uuid = "01234567-89ab-cdef-0123-456789abcdef"
        self.create("--layer", f"verity,salt={salt},uuid={uuid}", "--seed", stackcase.SEED)
        self.assertEqual((self.layer("root")["salt"], self.layer("root")["uuid"]), (salt, uuid))
        self.create("--layer", "verity,salt=-", "--force")
        self.assertIn(self.layer("root").get("salt", "-"), ("", "-"))
        self.verify()

    def test_names_make_different_salts(self):
        self.create("--stack", "verity-only", "--seed", stackcase.SEED)
        first = self.layer("root")["salt"]
        self.create("--stack", "verity-only", "--seed", stackcase.SEED, name="other")
        self.assertNotEqual(self.manifest("other")["layers"][0]["salt"], first)


if __name__ == "__main__":
    stackcase.main()
