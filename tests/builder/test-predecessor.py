#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every fault of device-mapper-tools that concerns building, by its number, cannot come back.

The numbers are those of section 2f of the mission report: 1 no checking at all, 2 journal entries
in the wrong place, 3 tags never computed, 4 trees upside down, 5 salts and digests in the wrong
place, 6 sector sizes and key sizes that the table does not say, 8 keys in view, 9 manifests that
are code, 10 digests that nobody checks. Fault 7 (the session keyring) is the attaching tool's.
The faults of single shapes (section 2d) are at the end."""

import hashlib
import struct

import model
import stackcase
from stackcase import PRESETS


class Predecessor(stackcase.StackCase):

    def integrity(self, *options, keys=()):
        self.create("--layer", ",".join(["integrity", *options]), "--force", *keys)
        return model.Integrity(self.image().read_bytes())

    def test_fault_01_integrity_always_has_its_hash(self):
        self.integrity()
        layer = self.layer("root")
        self.assertEqual(layer["integrity-algorithm"], "sha256")
        self.assertEqual(layer["mode"], "journal")
        self.create("--layer", "integrity,integrity-algorithm=", "--force", expect=2)
        proc = self.create("--layer", "integrity,mode=recovery", "--force", expect=2)
        self.assertIn("recovery", proc.stderr)
        proc = self.create("--layer", "integrity,integrity-recalculate", "--force", expect=2)
        self.assertIn("recalculate", proc.stderr)

    def test_fault_01_random_data_below_is_found(self):
        image = self.integrity()
        with open(self.image(), "r+b") as f:
            f.seek(image.data_place(100))
            f.write(stackcase.noise(1 << 20, 99))
        proc = self.verify("--no-digest", "--json", expect=1)
        result = stackcase.json.loads(proc.stdout.splitlines()[-1])["result"]
        self.assertEqual(result["damaged-bytes"], 1 << 20)

    def check_journal(self, image):
        self.assertGreater(image.sections, 0)
        for section in range(image.sections):
            for sector in range(image.section_sectors):
                data = image.journal_sector(section, sector)
                commit, = struct.unpack_from("<Q", data, 504)
                self.assertEqual(commit, 0x1111111111111111 ^ (section << 32) ^ sector)
            for entry in range(image.entries):
                data = image.journal_sector(section, entry % 8)
                place = entry // 8 * image.entry_size
                self.assertEqual(data[place:place + 8], bytes(4) + b"\xff" * 4)

    def test_fault_02_unused_journal_entries(self):
        """Entry n is in sector n mod 8, so that none of them reads as sector 0."""
        for options in (("sector-size=512",), ("sector-size=512", "integrity-algorithm=crc32c"),
                        ("sector-size=4096",), ("sector-size=2048", "tag-size=20")):
            with self.subTest(options=options):
                image = self.integrity(*options)
                self.check_journal(image)
                self.verify()

    def test_fault_02_sector_0_survives(self):
        self.integrity("sector-size=512")
        self.assertEqual(self.extract().read_bytes()[:4096], self.data[:4096])

    def test_fault_03_tags_of_real_data(self):
        for options in ((), ("sector-size=512",), ("integrity-algorithm=sha1", "sector-size=1024"),
                        ("integrity-algorithm=sha512",), ("tag-size=8",),
                        ("integrity-legacy-hmac",)):
            with self.subTest(options=options):
                image = self.integrity(*options)
                algorithm = next((o.split("=")[1] for o in options if "algorithm" in o), "sha256")
                step = max(1, image.blocks() // 300)
                for block in [*range(0, image.blocks(), step), image.blocks() - 1]:
                    self.assertEqual(image.tag(block), image.right_tag(block, algorithm), block)
                stored = b"".join(image.data(b) for b in range(image.blocks()))
                self.assertEqual(stored[:len(self.data)], self.data)

    def test_fault_03_keyed_tags(self):
        keys = self.key("tags", 32)
        image = self.integrity("integrity-algorithm=hmac-sha256,journal-integrity=none", keys=keys)
        key = self.keys["tags"].read_bytes()
        for block in range(image.blocks()):
            self.assertEqual(image.tag(block), image.right_tag(block, key=key), block)

    def tree(self, *options, data=None):
        self.create("--layer", ",".join(["verity", *options]), "--force")
        layer = self.layer("root")
        salt = bytes.fromhex(layer.get("salt", "").strip("-"))
        root, blocks = model.verity_tree(
            self.data if data is None else data, salt, layer["hash-algorithm"],
            layer["data-block-size"], layer["hash-block-size"], layer.get("format", 0))
        return root, blocks, layer

    def test_fault_04_top_level_first(self):
        """More than 128 blocks, so that there is more than one level; no block too many."""
        root, blocks, layer = self.tree()
        image = self.image("hash").read_bytes()
        self.assertEqual(layer["root-hash"], root.hex())
        self.assertEqual(image[4096:], blocks)
        self.assertEqual(len(image), 4096 + 8 * 4096)
        for count, size in ((1, 0), (2, 1), (128, 1), (129, 3)):
            with self.subTest(blocks=count):
                self.data = stackcase.noise(count * 4096, count)
                self.input.write_bytes(self.data)
                root, blocks, layer = self.tree()
                self.assertEqual(layer["root-hash"], root.hex())
                self.assertEqual(self.image("hash").read_bytes()[4096:], blocks)
                self.assertEqual(len(blocks), size * 4096)
                self.verify()

    def test_fault_05_salts_and_digests(self):
        """Format 1: the salt comes first, and digests are padded to a power of two."""
        for options in (("salt=00ff",), ("salt=-",), ("hash-algorithm=sha1",),
                        ("hash-algorithm=sha384",), ("hash-algorithm=sha512", "salt=aa"),
                        ("format=0",), ("format=0", "hash-algorithm=sha1", "salt=1234"),
                        ("data-block-size=1024",), ("hash-block-size=1024",),
                        ("data-block-size=512", "hash-block-size=512")):
            with self.subTest(options=options):
                root, blocks, layer = self.tree(*options)
                self.assertEqual(layer["root-hash"], root.hex())
                start = max(4096 if layer["hash-block-size"] == 4096 else 0,
                            layer["hash-block-size"])
                self.assertEqual(self.image("hash").read_bytes()[start:], blocks)
                self.verify()

    def test_fault_05_last_block_is_padded(self):
        self.data = self.data[:100000]
        self.input.write_bytes(self.data)
        root, _, layer = self.tree()
        self.assertEqual(layer["root-hash"], root.hex())
        self.assertEqual(layer["data-blocks"], 25)
        self.assertEqual(self.image().read_bytes(), self.data.ljust(25 * 4096, b"\0"))

    def crypt(self, cipher, bits, *options):
        keys = self.key("root", bits // 8)
        self.create("--layer", ",".join(["crypt", f"cipher={cipher}", f"size={bits}", *options]),
                    "--force", *keys)
        return self.keys["root"].read_bytes(), self.image().read_bytes()

    def check_crypt(self, image, cipher, sector_size, iv):
        self.assertEqual(len(image), len(self.data))
        for number in (0, 1, 2, len(self.data) // sector_size - 1):
            place = number * sector_size
            self.assertEqual(cipher.decrypt(image[place:place + sector_size], iv(number)),
                             self.data[place:place + sector_size], number)

    def test_fault_06_ivs_count_512_byte_sectors(self):
        for size in (512, 1024, 2048, 4096):
            with self.subTest(sector_size=size):
                key, image = self.crypt("aes-xts-plain64", 512, f"sector-size={size}")
                self.check_crypt(image, model.Cipher("aes-256-xts", key), size,
                                 lambda n, size=size: model.iv_plain64(n * size // 512))
                self.assertEqual(self.layer("root")["sector-size"], size)
                self.assertFalse(self.layer("root").get("iv-large-sectors", False))

    def test_fault_06_large_sectors_are_in_the_manifest(self):
        key, image = self.crypt("aes-xts-plain64", 512, "sector-size=4096", "iv-large-sectors")
        self.check_crypt(image, model.Cipher("aes-256-xts", key), 4096, model.iv_plain64)
        self.assertTrue(self.layer("root")["iv-large-sectors"])

    def test_fault_06_key_sizes(self):
        for bits in (128, 192, 256):
            with self.subTest(bits=bits):
                key, image = self.crypt("aes-cbc-plain", bits, "sector-size=512", "skip=8")
                self.check_crypt(image, model.Cipher(f"aes-{bits}-cbc", key), 512,
                                 lambda n: model.iv_plain(n + 8))
                self.assertEqual(self.layer("root")["size"], bits)
                self.assertEqual(self.layer("root")["skip"], 8)

    def test_fault_06_block_sizes_are_in_the_manifest(self):
        for size in (512, 4096):
            self.integrity(f"sector-size={size}")
            self.assertEqual(self.layer("root")["sector-size"], size)

    def test_fault_08_keys_are_nowhere(self):
        """Neither their bytes nor their hexadecimal form, in outputs, messages or arguments."""
        keys = self.key("root", 64) + self.key("tags", 32) + self.key("journal", 32)
        proc = self.create("--layer", "integrity,integrity-algorithm=hmac-sha256,"
                           "key=credential:tags,journal-integrity-key=credential:journal",
                           "--layer", "crypt,key=credential:root", *keys)
        verified = self.verify(*keys)
        texts = [proc.stdout, proc.stderr, verified.stdout, verified.stderr]
        texts = [text.encode() for text in texts] + [p.read_bytes() for p in self.out.iterdir()]
        for path in self.keys.values():
            key = path.read_bytes()
            for part in (key[:16], key[-16:], key[:16].hex().encode(), key[-16:].hex().encode()):
                for text in texts:
                    self.assertNotIn(part, text)
        self.create("--stack", "crypt-only", "--key", "0123456789abcdef", "--force", expect=2)

    def test_fault_09_manifests_are_not_code(self):
        trap = self.dir / "trap"
        self.create("--stack", "verity-only", "--mount", f"/srv:ext4:$(touch,{trap});`id`")
        self.verify()
        self.assertEqual(self.manifest()["mount"]["options"], f"$(touch,{trap});`id`")
        self.assertFalse(trap.exists())

    def test_fault_09_a_dry_run_touches_nothing(self):
        self.create("--stack", "verity-only", "--dry-run")
        self.assert_nothing_left()

    def test_fault_10_digests_are_checked(self):
        """Also of bytes that no layer looks at, such as those behind verity's superblock."""
        self.create("--stack", "verity-only")
        for artifact in self.manifest()["artifacts"]:
            data = (self.out / artifact["file"]).read_bytes()
            self.assertEqual(hashlib.sha256(data).hexdigest(), artifact["sha256"])
            self.assertEqual(len(data), artifact["bytes"])
        self.flip(self.image("hash"), 2000)
        self.verify("--no-digest")
        self.assertIn("root.hash.img", self.verify(expect=1).stdout)

    def test_shapes_plaintext_is_not_left_beside(self):
        needle = self.data[4096:4096 + 64]
        for preset, types in PRESETS.items():
            if "crypt" not in types:
                continue
            with self.subTest(preset=preset):
                self.create("--stack", preset, "--force", *self.key("root", 64))
                for path in self.out.iterdir():
                    self.assertNotIn(needle, path.read_bytes())

    def test_shapes_without_crypt_need_no_key(self):
        """integrity-only and verity-only hold plaintext, as they say."""
        for preset in ("integrity-only", "verity-only"):
            self.create("--stack", preset, "--force")
            self.assertIn(self.data[4096:8192], self.image().read_bytes())
            self.assertNotIn("key", self.layer("root"))

    def test_shapes_verity_above_crypt_hashes_plaintext(self):
        self.create("--stack", "crypt-then-verity", *self.key("root", 64))
        layer = self.layer("root")
        root, _ = model.verity_tree(self.data, bytes.fromhex(layer["salt"]))
        self.assertEqual(layer["root-hash"], root.hex())

    def test_shapes_verity_below_crypt_hashes_ciphertext(self):
        self.create("--stack", "verity-then-crypt", *self.key("root", 64))
        layer = self.layer("root-verity")
        root, _ = model.verity_tree(self.image().read_bytes(), bytes.fromhex(layer["salt"]))
        self.assertEqual(layer["root-hash"], root.hex())

    def test_shapes_no_layer_is_bypassed(self):
        """Each layer stands on the one below it, and only the lowest on a device."""
        for preset, types in PRESETS.items():
            with self.subTest(preset=preset):
                keys = self.key("root", 64) if "crypt" in types else []
                self.create("--stack", preset, "--force", *keys)
                below = "PARTLABEL=root"
                for layer in self.manifest()["layers"]:
                    self.assertEqual(layer["devices"]["data"], below)
                    below = layer["name"]


if __name__ == "__main__":
    stackcase.main()
