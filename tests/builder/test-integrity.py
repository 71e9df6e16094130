#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""recalculate, repair and the journal of integrity layers: images are brought into the states in
which a kernel leaves them when the power fails, and must come back byte for byte."""

import json

import model
import stackcase
from stackcase import MIB, StackCase

BLOCK = 4096
KEYED = "integrity-algorithm=hmac-sha256,key=credential:tags"
MAC = "journal-integrity=hmac-sha256,journal-integrity-key=credential:mac"
CRYPT = "journal-crypt=cbc-aes,journal-crypt-key=credential:crypt"
RECALCULATING, DIRTY_BITMAP = 2, 4


class Integrity(StackCase):
    input_size = 3 * MIB + 3 * BLOCK

    def build(self, options="", keys=(), *more):
        """One layer with a journal of several sections."""
        self.keys = {}
        self.key_args = [arg for name, size in keys for arg in self.key(name, size)]
        self.secrets = {name: path.read_bytes() for name, path in self.keys.items()}
        layer = ",".join(filter(None, ["integrity", "journal-size=2M", options]))
        self.create("--layer", layer, "--seed", stackcase.SEED, *self.key_args, *more)
        self.good = self.image().read_bytes()
        if "meta=new" not in options:
            self.shape = model.Integrity(bytearray(self.good))

    def store(self):
        self.image().write_bytes(self.shape.image)

    def change(self, verb, *args, expect=0):
        """Into copies, which leaves the image alone; then in place, which has to give the same."""
        before = self.image().read_bytes()
        copies = self.dir / "copies"
        results = []
        for where in (["--output", copies, "--force"], ["--in-place"]):
            proc = self.run_build(verb, self.out / "root.json", "--json", *where, *args,
                                  *self.key_args, expect=expect)
            lines = [json.loads(line) for line in proc.stdout.splitlines()]
            results.append(next(line["result"] for line in lines if "result" in line))
            listed = [line["damage"] for line in lines if "damage" in line]
            if where[0] == "--output":
                self.assertEqual(self.image().read_bytes(), before)
        if expect == 0:
            self.assertEqual((copies / "root.data.img").read_bytes(), self.image().read_bytes())
        self.assertEqual(results[0], results[1] | {"changed-digests": results[0]["changed-digests"]})
        return results[0], listed

    def verdict(self, *args, expect=0):
        proc = self.verify("--json", *args, *self.key_args, expect=expect)
        return json.loads(proc.stdout.splitlines()[-1])["result"]

    def zero_tags(self, first, count):
        for block in range(first, first + count):
            self.shape.put(self.shape.tag_place(block), bytes(self.shape.tag_size))

    # recalculate

    def test_all_tags(self):
        for options, keys in (("", ()), ("sector-size=512,tag-size=7", ()),
                              (f"{KEYED},{MAC}", (("tags", 32), ("mac", 32)))):
            with self.subTest(options=options):
                self.build(options, keys, "--force")
                self.zero_tags(0, self.shape.blocks())
                self.store()
                self.assertFalse(self.verdict("--no-digest", expect=1)["clean"])
                result, listed = self.change("recalculate")
                self.assertEqual(result["changed-tags"], self.shape.blocks())
                self.assertEqual((listed, result["changed-digests"]), ([], 0))
                self.assertEqual(self.image().read_bytes(), self.good)

    def test_changed_data_and_manifest(self):
        """Other data have other tags, and the manifest other digests."""
        self.build()
        block = bytes(reversed(self.shape.data(5)))
        self.shape.put(self.shape.data_place(5), block)
        self.store()
        result, _ = self.change("recalculate")
        self.assertEqual((result["changed-tags"], result["changed-digests"]), (1, 1))
        self.assertTrue(self.verdict()["clean"])
        copies = self.dir / "copies"
        self.run_build("verify", copies / "root.json")
        self.assertEqual(self.extract().read_bytes()[5 * BLOCK:6 * BLOCK], block)

    def unfinished(self, options, keys, mac=None):
        self.build(options, keys, "--force")
        half = self.shape.blocks() // 2
        self.zero_tags(half, self.shape.blocks() - half)
        self.shape.set_superblock(self.shape.flags | RECALCULATING, half * BLOCK // 512,
                                  self.secrets.get(mac))
        self.store()
        return half

    def test_unfinished_recalculation(self):
        """The kernel went half way. What it had done already is not computed again."""
        for options, keys, mac in (("", (), None),
                                   (f"{KEYED},{MAC}", (("tags", 32), ("mac", 32)), "mac")):
            with self.subTest(options=options):
                half = self.unfinished(options, keys, mac)
                self.assertIn("recalculate", self.verify(*self.key_args, expect=1).stdout +
                              self.verify(*self.key_args, expect=1).stderr)
                result, _ = self.change("recalculate")
                self.assertEqual(result["changed-tags"], self.shape.blocks() - half)
                self.assertTrue(result["finished"])
                self.assertEqual(self.image().read_bytes(), self.good)

    def test_damage_before_what_is_unfinished(self):
        self.unfinished("", ())
        self.shape.put(self.shape.data_place(3), b"other")
        self.store()
        result, listed = self.change("recalculate", expect=1)
        self.assertEqual(result["damaged-blocks"], 1)
        self.assertEqual([place["offset"] for place in listed], [3 * BLOCK])
        self.assertFalse((self.dir / "copies" / "root.data.img").exists())
        # Its tag is wrong still, but all others are there now.
        self.assertEqual(self.verdict("--no-digest", expect=1)["damaged-bytes"], BLOCK)
        self.change("recalculate", "--reset")
        self.assertTrue(self.verdict()["clean"])

    def test_dirty_bitmap(self):
        """A bit of the bitmap stands for so many blocks; only these are computed."""
        self.build("mode=bitmap,bitmap-sectors-per-bit=64")
        journal = self.shape.sections * self.shape.section_sectors * 512
        self.shape.put(4096, bytes(journal))
        self.shape.put(4096, bytes([0b101]))
        self.shape.set_superblock(self.shape.flags | DIRTY_BITMAP)
        self.zero_tags(0, 8)
        self.zero_tags(17, 2)
        self.store()
        self.assertIn("recalculate", self.verify("--no-digest", expect=1).stderr)
        result, _ = self.change("recalculate")
        self.assertEqual((result["changed-tags"], result["damaged-blocks"]), (10, 0))
        self.assertEqual(self.image().read_bytes(), self.good)

    def test_bitmap_does_not_hide_damage(self):
        self.build("mode=bitmap,bitmap-sectors-per-bit=64")
        self.shape.put(4096, bytes(self.shape.sections * self.shape.section_sectors * 512))
        self.shape.put(4096, bytes([0b10]))
        self.shape.set_superblock(self.shape.flags | DIRTY_BITMAP)
        self.zero_tags(7, 3)
        self.store()
        result, _ = self.change("recalculate", expect=1)
        self.assertEqual((result["changed-tags"], result["damaged-blocks"]), (2, 1))

    def test_metadata_device(self):
        self.build("meta=new")
        meta = self.image("meta").read_bytes()
        self.image("meta").write_bytes(meta[:-BLOCK] + bytes(BLOCK))
        self.change("recalculate")
        self.assertEqual(self.image("meta").read_bytes(), meta)

    # repair

    def test_accept_data(self):
        self.build(f"{KEYED},{MAC}", (("tags", 32), ("mac", 32)))
        for block in (2, 3, 300):
            self.shape.put(self.shape.data_place(block) + 9, b"other")
        self.zero_tags(77, 1)
        self.store()
        proc = self.run_build("repair", self.out / "root.json", "--in-place", *self.key_args,
                              expect=1)
        self.assertIn("fec", proc.stderr)
        result, listed = self.change("repair", "--accept-data")
        self.assertEqual(result["changed-tags"], 4)
        self.assertEqual(sorted({p["offset"] // BLOCK for p in listed}), [2, 77, 300])
        self.assertTrue(self.verdict()["clean"])

    # the journal

    def commit(self, seq, changes, keys=None, section=0, torn=None):
        """Puts new content of blocks into a section of the journal; returns it."""
        entries = []
        for block, seed in changes:
            data = stackcase.noise(self.shape.block, seed)
            tag = self.shape.tagged(block, data, self.secrets.get("tags"))
            entries.append((block, data, tag))
        self.shape.put(self.shape.journal_place(section),
                       self.shape.journal_section(section, seq, entries, keys, torn))
        return entries

    def empty_sections(self, seq, keys, first=0, end=None):
        for i in range(first, self.shape.sections if end is None else end):
            self.shape.put(self.shape.journal_place(i),
                           self.shape.journal_section(i, seq, [], keys))

    def expected(self, keys, seq, *commits):
        """The image with these blocks written back and an empty journal."""
        for entries in commits:
            for block, data, tag in entries:
                self.shape.put(self.shape.data_place(block), data)
                self.shape.put(self.shape.tag_place(block), tag)
        self.empty_sections(seq, keys)
        return bytes(self.shape.image)

    def check_replay(self, wanted, blocks):
        before = self.image().read_bytes()
        top = bytearray()
        after = model.Integrity(wanted)
        for block in range(after.blocks()):
            top += after.data(block)
        verdict = self.verdict("--no-digest")
        self.assertEqual((verdict["clean"], verdict["journal-blocks"]), (True, blocks))
        self.assertEqual(self.extract(*self.key_args).read_bytes(), bytes(top))
        self.assertEqual(self.image().read_bytes(), before)
        result, _ = self.change("repair", "--replay")
        self.assertEqual(result["replayed-blocks"], blocks)
        self.assertEqual(self.image().read_bytes(), wanted)
        self.assertTrue(self.verdict()["clean"])

    FORMS = (("", (), {}),
             ("sector-size=512", (), {}),
             (f"{KEYED},{MAC}", (("tags", 32), ("mac", 48)), {"mac": "mac"}),
             (f"integrity-legacy-hmac,{KEYED},{MAC}", (("tags", 20), ("mac", 32)), {"mac": "mac"}),
             (CRYPT, (("crypt", 16),), {"crypt": "crypt"}),
             (f"{KEYED},{MAC},{CRYPT}", (("tags", 64), ("mac", 32), ("crypt", 32)),
              {"mac": "mac", "crypt": "crypt"}))

    def test_replay(self):
        """The first round: sections 0 and 1 are committed, with a block that is in both."""
        for options, keys, used in self.FORMS:
            with self.subTest(options=options):
                self.build(options, keys, "--force")
                journal_keys = {kind: self.secrets[name] for kind, name in used.items()}
                self.assertGreater(self.shape.sections, 3)
                first = self.commit(1, ((5, "a"), (6, "b"), (600, "c"), (5, "d")), journal_keys)
                second = self.commit(1, ((6, "e"), (0, "f")), journal_keys, 1)
                self.empty_sections(0, journal_keys, 2)
                self.store()
                # What was written is where the writer was; the round before is the oldest.
                self.check_first_round(journal_keys, first, second)

    def check_first_round(self, keys, first, second):
        """Sections 0 and 1 have the newer id; the replay begins behind them with the empty ones."""
        self.check_replay(self.expected(keys, 3, first, second), 4)

    def test_round_the_end(self):
        """The writer is in its second round: older entries are in the sections behind it."""
        self.build()
        last = self.shape.sections - 1
        old = self.commit(1, ((1, "a"), (2, "b")), None, last)
        middle = [self.shape.journal_section(i, 1, []) for i in range(self.shape.sections)]
        for i in range(1, last):
            self.shape.put(self.shape.journal_place(i), middle[i])
        new = self.commit(2, ((2, "c"), (3, "d")), None, 0)
        self.store()
        self.check_replay(self.expected(None, 0, old, new), 3)

    def test_torn_commit(self):
        """A section that was being written when the power failed counts for nothing."""
        self.build()
        done = self.commit(1, ((1, "a"),), None, 0)
        self.commit(1, ((1, "b"), (9, "c")), None, 1, torn=20)
        self.store()
        self.check_replay(self.expected(None, 3, done), 1)

    def test_bad_journals(self):
        """What the kernel would take for an error is one, and nothing is written."""
        key_sizes = (("tags", 32), ("mac", 32))
        cases = {
            "commit id": lambda s: s.put(s.journal_place(1) + 510, b"\x55"),
            "MAC": lambda s: s.put(s.journal_place(0) + 496, b"\x55"),
            "do not belong together": lambda s: s.put(s.journal_place(0) + 8 * 512, b"\x55"),
        }
        words = {"commit id": "not part of a journal"}
        for name, spoil in cases.items():
            with self.subTest(case=name):
                self.build(f"{KEYED},{MAC}", key_sizes, "--force")
                self.commit(1, ((1, "a"),), {"mac": self.secrets["mac"]})
                spoil(self.shape)
                self.store()
                proc = self.verify("--no-digest", *self.key_args, expect=1)
                self.assertIn(words.get(name, name), proc.stdout + proc.stderr)
                for verb in (["repair", "--replay"], ["recalculate"]):
                    self.run_build(verb[0], self.out / "root.json", "--in-place", *verb[1:],
                                   *self.key_args, expect=1)
                self.assertEqual(self.image().read_bytes(), bytes(self.shape.image))

    def test_entry_behind_the_end(self):
        self.build()
        entry = (self.shape.blocks(), bytes(BLOCK), bytes(32))
        self.shape.put(self.shape.journal_place(0), self.shape.journal_section(0, 1, [entry]))
        self.store()
        self.assertIn("block that the device has not",
                      self.verify("--no-digest", expect=1).stderr)

    def test_recalculate_with_journal(self):
        """The journal comes first: its blocks are the newest."""
        self.build()
        entries = self.commit(1, ((4, "x"),))
        self.zero_tags(0, 20)
        self.store()
        result, _ = self.change("recalculate")
        self.assertEqual((result["replayed-blocks"], result["changed-tags"]), (1, 19))
        self.shape.image[:] = self.good
        self.assertEqual(self.image().read_bytes(), self.expected(None, 3, entries))

    def test_tag_store(self):
        """Tags of authenticated encryption: replayed, but not recalculated."""
        args = self.key("root", 96)
        self.create("--layer", "integrity,journal-size=2M", "--layer",
                    "crypt,key=credential:root,cipher=aes-xts-plain64,integrity=hmac-sha256", *args)
        self.key_args, self.secrets = args, {}
        self.shape = model.Integrity(bytearray(self.image().read_bytes()))
        # The content of block 8 moves to the journal, and something else to its place.
        entries = [(8, bytes(self.shape.data(8)), bytes(self.shape.tag(8)))]
        wanted = bytearray(self.shape.image)
        self.shape.put(self.shape.journal_place(0), self.shape.journal_section(0, 1, entries))
        self.shape.put(self.shape.data_place(8), bytes(BLOCK))
        self.shape.put(self.shape.tag_place(8), bytes(self.shape.tag_size))
        self.store()
        self.assertEqual(self.verdict("--no-digest")["journal-blocks"], 1)
        self.assertEqual(self.extract(*args).read_bytes()[:self.input_size], self.data)
        self.assertIn("layer above", self.run_build("recalculate", self.out / "root.json",
                                                    "--in-place", *args, expect=1).stderr)
        self.change("repair", "--replay")
        self.shape.image[:] = wanted
        self.empty_sections(3, None)
        self.assertEqual(self.image().read_bytes(), bytes(self.shape.image))

    # without a manifest

    def inspect(self, *args, expect=0):
        proc = self.run_build("inspect", "--json", *args, expect=expect)
        return json.loads(proc.stdout)

    def test_inspect_journals(self):
        self.build()
        image, layer = self.image(), "--layer=integrity,integrity-algorithm=sha256"
        self.assertEqual((self.inspect(image)["journal"], self.inspect(layer, image)["state"]),
                         ("empty", "sound"))
        self.commit(1, ((1, "a"), (1, "b"), (2, "c")))
        self.store()
        facts = self.inspect(image)
        self.assertIn("would be replayed", facts["journal"])
        self.assertEqual(facts["journal-replay-blocks"], 3)
        self.assertEqual(facts["journal-replay-sections"], self.shape.sections)
        facts = self.inspect(layer, image)
        self.assertEqual((facts["state"], facts["blocks-in-journal-only"]),
                         ("sound with what is in the journal", 2))
        self.shape.put(self.shape.journal_place(2) + 511, b"\x77")
        self.store()
        self.assertEqual(self.inspect(image)["journal"], "encrypted or broken")
        self.assertIn("section 2", self.inspect(layer, image, expect=1)["state"])

    def test_inspect_bitmap_and_sizes(self):
        self.build("mode=bitmap,bitmap-sectors-per-bit=64")
        self.shape.put(4096, bytes(self.shape.sections * self.shape.section_sectors * 512))
        self.shape.put(4096, bytes([0b10111]))
        self.shape.set_superblock(self.shape.flags | DIRTY_BITMAP | RECALCULATING, 800)
        self.store()
        facts = self.inspect(self.image())
        self.assertEqual((facts["bitmap-bits-set"], facts["recalculate-sector"]), (4, 800))
        self.assertIn("dirty_bitmap", facts["flags"])
        self.assertEqual(facts["data-offset"], self.shape.data_place(0))
        self.assertEqual(facts["tags-offset"], self.shape.tag_place(0))
        for size, words in ((len(self.good) + MIB, "another size"),
                            (self.shape.tag_place(40), "too small")):
            self.image().write_bytes(self.shape.image[:size].ljust(size, b"\0"))
            self.assertIn(words, self.inspect(self.image())["file"])
        self.image().write_bytes(self.shape.image[:9000])
        self.assertIn("cut", self.inspect(self.image())["journal"])

    def test_without_manifest(self):
        """As integritysetup would have left it: nothing but the image and its key."""
        self.build(f"{KEYED},{MAC}", (("tags", 32), ("mac", 32)))
        (self.out / "root.json").unlink()
        layer = f"--layer=integrity,{KEYED},{MAC}"
        plain, copies = self.dir / "plain", self.dir / "copies"
        self.run_build("verify", layer, self.image(), *self.key_args)
        self.run_build("extract", layer, self.image(), "--output", plain, *self.key_args)
        self.assertEqual(plain.read_bytes()[:self.input_size], self.data)
        self.zero_tags(3, 2)
        self.store()
        self.run_build("verify", layer, self.image(), *self.key_args, expect=1)
        self.run_build("recalculate", layer, self.image(), "--output", copies, *self.key_args)
        self.assertEqual((copies / "root.data.img").read_bytes(), self.good)
        self.assertEqual([p.name for p in copies.iterdir()], ["root.data.img"])
        self.run_build("repair", "--accept-data", "--in-place", layer, self.image(),
                       *self.key_args)
        self.assertEqual(self.image().read_bytes(), self.good)

    def test_without_manifest_refusals(self):
        self.build()
        image, layer = self.image(), "--layer=integrity,integrity-algorithm=sha256"
        for status, words, args in (
                (2, "--certificate", ["verify", layer, "--images=.", image]),
                (2, "--images", ["extract", layer, "--images=.", "--output=x", image]),
                (2, "--name", ["repair", layer, "--name=x", "--in-place", image]),
                (2, "--scan", ["inspect", layer, "--scan", image]),
                (2, "--layer", ["inspect", "--key=credential:a=/dev/null", image]),
                (1, "no superblock", ["verify", layer, self.input]),
                (1, "integrity-algorithm", ["verify", "--layer=integrity", image]),
                (1, "no-such", ["verify", "--layer=no-such", image]),
                (1, "absolute", ["verify", f"{layer},meta=PARTLABEL=x", image])):
            with self.subTest(args=args):
                self.assertIn(words, self.run_build(*args, expect=status).stderr)

    def test_refusals(self):
        self.build()
        manifest = self.out / "root.json"
        self.assertIn("--in-place", self.run_build("recalculate", manifest, expect=2).stderr)
        self.assertIn("--replay", self.run_build("repair", manifest, "--in-place", "--replay",
                                                 "--accept-data", expect=2).stderr)
        self.assertIn("has no integrity layer", self.run_build(
            "recalculate", manifest, "--in-place", "--name", "other", expect=1).stderr)
        keys = self.key("root", 64)
        self.create("--stack", "crypt-then-integrity", *keys, "--force")
        self.assertIn("root-crypt", self.run_build("recalculate", manifest, "--in-place", *keys,
                                                   expect=1).stderr)


if __name__ == "__main__":
    stackcase.main()
