#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every form of dm-integrity, through the command line, against what kernels made: the golden cases,
the table of superblocks, and the images and sizes of cryptsetup's tests."""

import hashlib
import json
import pathlib
import re
import struct
import subprocess

import model
import stackcase
from stackcase import MIB

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden" / "data"
INTEGRITYSETUP = stackcase.find_tool("integritysetup")
MODES = {"J": "journal", "B": "bitmap", "D": "direct"}
# A metadata device is made as large as the whole journal needs, so this one has another layout.
OTHER_LAYOUT = {"integrity-sha256-meta-tight-4096"}
KEY1, KEY2 = bytes(range(32)), bytes(range(32, 64))
SALT = bytes(range(16)).hex()

# 8 MiB, sector s full of LE64(s), made by another model that matched the kernel: layer, provided
# sectors, begin of the sha256 of the image.
VECTORS = (
    ("crc32c,sector-size=512,integrity-legacy-hmac", 15944, "d8d74614917a1f57cef9229633955d68"),
    ("sha256,sector-size=4096", 15856, "f3b2e1192b5f328e85cd691cb9290594"),
    ("hmac-sha256,key,sector-size=4096,no-mac", 15856, "a6b30d5bad26b3ea4229337cdab86849"),
    ("hmac-sha256,key,sector-size=4096,mac", 15856, "4ce0461588860cf650953b574cc5341b"),
    ("hmac-sha256,key,sector-size=512,mac,integrity-legacy-hmac", 14240,
     "2b0e525ce499cab96da1d68896c8c5fa"),
    ("sha256,sector-size=512,mac,crypt", 14240, "65ba8b72e4fefe5ef1b683b6b73d52dc"),
    ("sha256,sector-size=4096,tag-size=40,integrity-legacy-hmac", 15792,
     "938fc4c0b37f7117814a5b41cdf8abc9"),
    ("sha1,sector-size=4096,tag-size=16,integrity-legacy-hmac", 15920,
     "d95fc9478dc7308a8f3520da75da8079"),
    ("xxhash64,sector-size=4096,offset=4096,integrity-legacy-padding,integrity-legacy-hmac", 11632,
     "2fdc7d1928cace610502bab84ffb0180"),
    ("sha256,sector-size=512,tag-size=7,interleave-sectors=64,integrity-legacy-hmac", 14400,
     "7d56e073fd931cf3671a33430f424d41"),
    ("crc32,sector-size=512,integrity-legacy-hmac", 15944, "d391eeaf81ebb2c81ee7837dfe7e6efd"),
)
WORDS = {
    "key": "key=credential:k1",
    "mac": "journal-integrity=hmac-sha256,journal-integrity-key=credential:k2",
    "no-mac": "",
    "crypt": "journal-crypt=cbc-aes,journal-crypt-key=credential:k3",
}

# integrity-compat-test and luks2-integrity-test, all with legacy padding: tag, block, size and first
# sector of the device, provided sectors.
SIZES = [(4, 512, 0, 64664), (8, 512, 0, 64152), (20, 512, 0, 62552), (16, 4096, 0, 64688),
         (32, 512, 0, 60992), (32, 4096, 0, 64752)]
SIZES += [(tag, block, 8192, provided) for tag, block, provided in
          ((32, 512, 52800), (48, 512, 50680), (32, 4096, 56560), (28, 4096, 56560),
           (48, 4096, 56048), (36, 4096, 56048), (64, 4096, 55912), (80, 4096, 55400),
           (20, 4096, 56496), (24, 4096, 56496), (16, 4096, 56496), (64, 512, 48640),
           (28, 512, 53312), (24, 512, 53848), (16, 512, 54776))]


def plain_stream(size):
    """The plaintext of all golden cases: a key stream."""
    return subprocess.run(["openssl", "enc", "-aes-128-ctr", "-K",
                           "00112233445566778899aabbccddeeff", "-iv", "0" * 32, "-nosalt",
                           "-nopad"], input=bytes(size), capture_output=True, check=True).stdout


def load(case):
    return json.loads((GOLDEN / case / "params.json").read_text(encoding="utf-8"))


class Forms(stackcase.StackCase):

    def dry_size(self, layer, sectors):
        """The provided sectors of a device of that size, or the refusal."""
        proc = self.create("--layer", layer, "--device-size", sectors * 512, "--dry-run", "--json",
                           *self.key_args(), expect=None)
        if proc.returncode:
            return proc.stderr
        result = json.loads(proc.stdout.splitlines()[-1])["result"]
        return result["layers"][0]["bytes"] // 512

    def key_args(self, **keys):
        """Key files with these bytes, and their options."""
        args = []
        for name, content in keys.items():
            path = self.dir / f"{name}.key"
            path.write_bytes(content)
            args.append(f"--key=credential:{name}={path}")
        return args

    # Golden cases

    def golden_layer(self, params):
        """Layer, options of its keys, size of the data device in bytes."""
        parsed = params["layers"][0]["parsed"]
        image = self.golden_image(params, "meta.img" if self.has_meta(params) else "data.img")
        sb = image["superblock"]["fields"]
        given = params["spec"].get("format_args") or ""
        words = ["integrity", f"mode={MODES[parsed['mode']]}", f"tag-size={parsed['tag_size']}",
                 f"sector-size={512 << sb['log2_sectors_per_block']}",
                 f"offset={parsed['offset']}"]
        keys = {}
        for table, field in (("internal_hash", "key"), ("journal_mac", "journal-integrity"),
                             ("journal_crypt", "journal-crypt")):
            alg, _, key = parsed["options"].get(table, "").partition(":")
            alg = re.sub(r"^(\w+)\((\w+)\)$", r"\1-\2", alg)
            if alg:
                words.append(f"{'integrity-algorithm' if field == 'key' else field}={alg}")
            if key:
                keys[table.replace("_", "")] = bytes.fromhex(key)
                words.append(f"{field if field == 'key' else field + '-key'}=credential:"
                             f"{table.replace('_', '')}")
        for option in ("interleave-sectors", "buffer-sectors"):
            match = re.search(rf"--{option} (\d+)", given)
            if match:
                words.append(f"{option}={match[1]}")
        match = re.search(r"--journal-size (\d+)", given)
        if match:
            words.append(f"journal-size={int(match[1]) // 512 * 512}")
        elif not given:
            words += [f"journal-size={int(parsed['options']['journal_sectors']) * 512}",
                      f"interleave-sectors={parsed['options']['interleave_sectors']}"]
        if "sectors_per_bit" in parsed["options"] and parsed["mode"] == "B":
            words.append(f"bitmap-sectors-per-bit={parsed['options']['sectors_per_bit']}")
        if not sb["flags"] & 0x10:
            words.append("integrity-legacy-hmac")
        else:
            words.append(f"salt={sb['salt']}")
        if not sb["flags"] & 0x08 and not self.has_meta(params):
            words.append("integrity-legacy-padding")
        if self.has_meta(params):
            words.append("meta=new")
        if "hmac-sha256" in given + words[5] and "journal_mac" not in parsed["options"]:
            words.append(NO_MAC)
        return ",".join(filter(None, words)), self.key_args(**keys)

    @staticmethod
    def has_meta(params):
        return "meta_device" in params["layers"][0]["parsed"]["options"]

    @staticmethod
    def golden_image(params, name):
        return next(image for image in params["images"] if image["name"] == name)

    def check_regions(self, params, name, ours):
        checked = 0
        image = self.golden_image(params, name)
        for region in image.get("regions", []):
            if region["name"] == "journal" and image["journal_state"] != {"free_section": 0,
                                                                        "commit_seq": 0}:
                continue
            if region["name"] == "superblock" and params["case"].startswith("integrity-recalc"):
                continue
            part = ours[region["offset"]:region["offset"] + region["length"]]
            self.assertEqual(hashlib.sha256(part).hexdigest(), region["sha256"], region["name"])
            checked += 1
        return checked

    def test_golden(self):
        """Superblock, tags and data, byte for byte."""
        cases = sorted(p.name for p in GOLDEN.glob("integrity-*"))
        self.assertGreater(len(cases), 25)
        for case in cases:
            params = load(case)
            # 300 MiB take too long here; discarded blocks have no tags that a builder would make.
            if case in OTHER_LAYOUT or "large" in case or "discard" in case:
                continue
            with self.subTest(case=case):
                layer, keys = self.golden_layer(params)
                size = self.golden_image(params, "data.img")["size"] // 512 * 512
                self.input.write_bytes(plain_stream(params["plaintext"]["length"]))
                self.create("--layer", layer, "--device-size", size, "--force", *keys)
                checked = self.check_regions(params, "data.img", self.image().read_bytes())
                if self.has_meta(params):
                    checked += self.check_regions(params, "meta.img",
                                                  self.image("meta").read_bytes())
                self.assertGreaterEqual(checked, 3)
                self.check_without_manifest(params, layer, keys)

    def check_without_manifest(self, params, layer, keys):
        """What can be read from the superblock need not be said; all tags can be made again."""
        parts = {word.partition("=")[0]: word for word in layer.split(",")}
        for word in ("mode", "tag-size", "sector-size", "salt", "integrity-legacy-hmac", "meta",
                     "integrity-legacy-padding", "interleave-sectors", "journal-size",
                     "bitmap-sectors-per-bit"):
            parts.pop(word, None)
        holder = self.image()
        if self.has_meta(params):
            holder = self.image("meta")
            parts["meta"] = f"meta={holder}"
        bare = ["--layer", ",".join(parts.values()), self.image(), *keys]
        proc = self.run_build("inspect", "--json", *bare)
        facts = json.loads(proc.stdout)
        self.assertEqual((facts["journal"] in ("empty", "encrypted or broken"), facts["state"]),
                         (True, "sound"))
        offset = int(parts["offset"].partition("=")[2])
        if INTEGRITYSETUP and offset == 0:
            self.check_dump(holder, facts)
        good = holder.read_bytes()
        if not self.has_meta(params):
            spoiled = bytearray(good)
            spoiled[facts["tags-offset"]:facts["tags-offset"] + facts["tag-size"] * 4] = \
                bytes(facts["tag-size"] * 4)
            holder.write_bytes(spoiled)
            proc = self.run_build("inspect", "--json", *bare, expect=1)
            self.assertEqual(json.loads(proc.stdout)["damaged-blocks"], 4)
            self.run_build("recalculate", "--in-place", *bare)
            self.assertEqual(holder.read_bytes(), good)

    def check_dump(self, path, facts):
        """integritysetup reads the same numbers, in its older or its newer words."""
        proc = subprocess.run([INTEGRITYSETUP, "dump", path], capture_output=True, text=True,
                              check=True)
        words = dict(re.findall(r"^\s*([\w ]+?):?\s+(\d+)\b.*$", proc.stdout, re.M))
        for ours, theirs in (("version", "superblock_version"), ("tag-size", "integrity_tag_size"),
                             ("sector-size", "sector_size"),
                             ("journal-sections", "journal_sections"),
                             ("provided-sectors", "provided_data_sectors"),
                             ("log2-interleave-sectors", "log2_interleave_sectors"),
                             ("log2-blocks-per-bitmap-bit", "log2_blocks_per_bitmap")):
            found = words.get(theirs, words.get(theirs + "_bit"))
            if found is not None:
                self.assertEqual(int(found), facts[ours], ours)
        flags = re.search(r"^flags:?(.*)$", proc.stdout, re.M | re.I)
        self.assertEqual(sorted(flags[1].split()) if flags else [], sorted(facts["flags"].split()))

    # Sizes

    def test_geometry(self):
        """Of every device without metadata elsewhere that a kernel formatted, or refused."""
        rows = [row for row in load("geometry")["rows"] if row["meta_sectors"] is None]
        self.assertGreater(len(rows), 100)
        self.input.write_bytes(bytes(4096))
        keys = self.key_args(mac=KEY2)
        self.key_args = lambda: keys
        refused = 0
        for row in rows:
            words = ["integrity", "integrity-algorithm=crc32c", f"mode={MODES[row['mode']]}",
                     f"tag-size={row['tag_size']}", f"sector-size={row['block_size']}",
                     f"offset={row['start']}", f"interleave-sectors={row['interleave_sectors']}",
                     f"journal-size={row['journal_sectors'] * 512}"]
            words += [word for flag, word in (("fix_padding", "integrity-legacy-padding"),
                                              ("fix_hmac", "integrity-legacy-hmac"))
                      if flag not in row["flags"]]
            if row["buffer_sectors"] <= 65536:
                words.append(f"buffer-sectors={row['buffer_sectors']}")
            if row["journal_mac"]:
                words.append("journal-integrity=hmac-sha256,journal-integrity-key=credential:mac")
            with self.subTest(row=row):
                found = self.dry_size(",".join(words), row["data_sectors"])
                if "error" in row:
                    self.assertIn("small", str(found))
                    refused += 1
                elif row["provided_data_sectors"] * 512 < 4096:
                    self.assertIn("small", str(found))
                else:
                    self.assertEqual(found, row["provided_data_sectors"])
        self.assertGreater(refused, 3)

    def test_sizes_of_cryptsetups_tests(self):
        self.input.write_bytes(bytes(4096))
        for tag, block, start, provided in SIZES:
            with self.subTest(tag=tag, block=block, start=start):
                layer = (f"integrity,integrity-algorithm=crc32c,tag-size={tag},sector-size={block},"
                         f"offset={start},integrity-legacy-padding,integrity-legacy-hmac")
                self.assertEqual(self.dry_size(layer, 65536), provided)
        fixed = "integrity,integrity-algorithm=crc32c,sector-size=4096"
        self.assertEqual(self.dry_size(fixed, 65536), 65072)

    def test_what_destroys_data_in_the_kernel(self):
        """Legacy padding with an interleave smaller than the buffers."""
        self.input.write_bytes(bytes(4096))
        layer = "integrity,integrity-legacy-padding,sector-size=512"
        for words in ("interleave-sectors=8", "interleave-sectors=64",
                      "interleave-sectors=64,buffer-sectors=8",
                      "interleave-sectors=128,buffer-sectors=256"):
            with self.subTest(words=words):
                self.assertIn("overwrite data", str(self.dry_size(f"{layer},{words}", 65536)))
        for words in ("interleave-sectors=128", "interleave-sectors=256,buffer-sectors=256"):
            self.assertIsInstance(self.dry_size(f"{layer},{words}", 65536), int)

    # Whole images

    def test_vectors(self):
        keys = self.key_args(k1=KEY1, k2=KEY2, k3=bytes(range(16)))
        for words, provided, digest in VECTORS:
            with self.subTest(words=words):
                options = [WORDS.get(word, word) for word in words.split(",")[1:]]
                if "no-mac" in words:
                    options.append(NO_MAC)
                if "legacy-hmac" not in words:
                    options.append(f"salt={SALT}")
                layer = ",".join(filter(None, [
                    "integrity", f"integrity-algorithm={words.split(',')[0]}", *options]))
                self.input.write_bytes(b"".join(struct.pack("<Q", s) * 64
                                                for s in range(provided)))
                self.create("--layer", layer, "--device-size", 8 * MIB, "--force", *keys)
                image = self.image().read_bytes()
                self.assertEqual(hashlib.sha256(image).hexdigest()[:32], digest)
                self.verify(*keys)

    def test_every_tag_size(self):
        """Cut and padded tags of an area that they do not fill evenly."""
        for size in (1, 2, 3, 5, 13, 31, 32, 33, 48, 63, 64, 100, 255):
            with self.subTest(size=size):
                self.create("--layer", f"integrity,tag-size={size},sector-size=512,"
                            "interleave-sectors=512", "--force")
                shape = model.Integrity(self.image().read_bytes())
                self.assertEqual(shape.tag_size, size)
                for block in (0, 1, 511, 512, 1023, shape.blocks() - 1):
                    self.assertEqual(shape.tag(block), shape.right_tag(block).ljust(size, b"\0"))
                self.verify()


# Keyed tags whose superblock nothing protects have to be asked for.
NO_MAC = "journal-integrity=none"

if __name__ == "__main__":
    stackcase.main()
