#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A changed byte anywhere is found, placed, and never read as data."""

import json

import stackcase


class Damage(stackcase.StackCase):

    def found(self, *args):
        """What verify lists without the sha256 of the files, as JSON objects."""
        proc = self.verify("--no-digest", "--json", *args, expect=1)
        lines = [json.loads(line) for line in proc.stdout.splitlines()]
        self.assertFalse(lines[-1]["result"]["clean"])
        return [line["damage"] for line in lines if "damage" in line]

    def one(self, *args):
        places = self.found(*args)
        self.assertEqual(len(places), 1, places)
        return places[0]

    def check_digest(self, *args):
        """The sha256 finds it too, and extract gives nothing."""
        proc = self.verify(*args, expect=1)
        self.assertIn("sha256", proc.stdout)
        output = self.dir / "extracted.img"
        self.run_build("extract", self.out / "root.json", "--output", output, *args, expect=1)
        self.assertFalse(output.exists())

    def integrity_places(self):
        """Offsets of journal, tags and data, from what inspect says."""
        proc = self.run_build("inspect", self.image(), "--json")
        facts = json.loads(proc.stdout)
        tags = facts["tags-offset"]
        run = facts["tag-size"] * facts["interleave-sectors"] * 512 // facts["sector-size"]
        return facts["journal-offset"], tags, tags + -(-run // 4096) * 4096

    def test_integrity_data(self):
        self.create("--stack", "integrity-only")
        data = self.integrity_places()[2]
        self.flip(self.image(), data + 5 * 4096 + 17)
        place = self.one()
        self.assertEqual((place["layer"], place["offset"], place["length"]),
                         ("root", 5 * 4096, 4096))
        self.check_digest()

    def test_integrity_tag(self):
        self.create("--stack", "integrity-only")
        tags = self.integrity_places()[1]
        self.flip(self.image(), tags + 9 * 32 + 3)
        place = self.one()
        self.assertEqual((place["layer"], place["offset"]), ("root", 9 * 4096))
        self.check_digest()

    def test_integrity_behind_the_input(self):
        """Blocks that the input does not reach have tags as well."""
        self.create("--stack", "integrity-only", "--device-size", "6M")
        data = self.integrity_places()[2]
        block = self.manifest()["layers"][0]["device-size"] // 4096 - 1
        self.flip(self.image(), data + block * 4096)
        self.assertEqual(self.one()["offset"], block * 4096)

    def test_integrity_superblock(self):
        self.create("--stack", "integrity-only")
        pristine = self.image().read_bytes()
        for offset in (0, 8, 9, 10, 12, 16, 24, 28, 48, 63, 100):
            with self.subTest(offset=offset):
                self.image().write_bytes(pristine)
                self.flip(self.image(), offset)
                self.verify("--no-digest", expect=1)
        self.check_digest()

    def test_integrity_superblock_zeroed(self):
        """The kernel would format it, and then accept anything."""
        self.create("--stack", "integrity-only")
        with open(self.image(), "r+b") as f:
            f.write(bytes(self.integrity_places()[1]))
        proc = self.verify("--no-digest", "--json", expect=1)
        self.assertIn("root", proc.stderr)
        result = json.loads(proc.stdout.splitlines()[-1])["result"]
        self.assertFalse(result["clean"])
        self.assertIn("superblock", result["unreadable"])

    def test_integrity_journal(self):
        self.create("--stack", "integrity-only")
        journal = self.integrity_places()[0]
        self.flip(self.image(), journal + 512 - 8)
        self.verify("--no-digest", expect=1)

    def test_integrity_dirty_bitmap_flag(self):
        """The kernel would recalculate the tags of damaged data."""
        self.create("--stack", "integrity-only")
        self.flip(self.image(), 24, 0x04)
        self.verify("--no-digest", expect=1)
        self.flip(self.image(), 24, 0x04 ^ 0x02)
        self.verify("--no-digest", expect=1)

    def test_keyed_superblock(self):
        """With a journal MAC the superblock has one too."""
        keys = self.key("tags", 32) + self.key("journal", 32)
        self.create("--layer", "integrity,integrity-algorithm=hmac-sha256,key=credential:tags,"
                    "journal-integrity=hmac-sha256,journal-integrity-key=credential:journal", *keys)
        self.flip(self.image(), 29)
        self.verify("--no-digest", *keys, expect=1)

    def test_separate_metadata(self):
        self.create("--layer", "integrity,meta=new")
        self.flip(self.image(), 4096 * 3)
        self.assertEqual(self.one()["offset"], 4096 * 3)
        self.flip(self.image(), 4096 * 3)
        self.flip(self.image("meta"), 0)
        self.verify("--no-digest", expect=1)

    def test_verity_data(self):
        self.create("--stack", "verity-only")
        self.flip(self.image(), 7 * 4096 + 4095)
        place = self.one()
        self.assertEqual((place["layer"], place["part"], place["offset"], place["length"]),
                         ("root", "data", 7 * 4096, 4096))
        self.check_digest()

    def test_verity_tree(self):
        """A leaf: the 128 blocks below it cannot be trusted."""
        self.create("--stack", "verity-only")
        size = self.image("hash").stat().st_size
        self.flip(self.image("hash"), size - 4096 + 5)
        places = self.found()
        self.assertIn(size - 4096, [p["offset"] for p in places if p.get("role") == "hash"])
        self.check_digest()

    def test_verity_top(self):
        self.create("--stack", "verity-only")
        self.flip(self.image("hash"), 4096 + 1)
        self.verify("--no-digest", expect=1)

    def test_verity_superblock(self):
        self.create("--stack", "verity-only")
        for offset in (0, 8, 12, 16, 32, 64, 68, 72, 80, 88):
            with self.subTest(offset=offset):
                self.flip(self.image("hash"), offset)
                self.verify("--no-digest", expect=1)
                self.flip(self.image("hash"), offset)
        self.verify("--no-digest")

    def test_verity_root_hash(self):
        self.create("--stack", "verity-only")
        root = self.layer("root")["root-hash"]
        path = self.out / "root.json"
        path.write_text(path.read_text(encoding="utf-8").replace(
            root, root[:-1] + ("0" if root[-1] != "0" else "1")), encoding="utf-8")
        self.verify(expect=1)

    def test_tree_on_data_device(self):
        self.create("--layer", "verity,hash=data")
        offset = self.layer("root")["hash-offset"]
        self.flip(self.image(), offset + 4096 + 100)
        self.verify("--no-digest", expect=1)

    def test_stack_places(self):
        """The layer that sees it is named: the data of verity, or the tag below."""
        keys = self.key("root", 64)
        self.create("--layer", "integrity", "--layer", "crypt", "--layer", "verity", *keys)
        data = self.integrity_places()[2]
        self.flip(self.image(), data + 11 * 4096)
        places = self.found(*keys)
        self.assertIn(("root-integrity", 11 * 4096), [(p["layer"], p["offset"]) for p in places])
        self.check_digest(*keys)

    def test_unused_part_of_a_lower_layer(self):
        """What verity leaves over of the integrity device is checked as well."""
        self.create("--layer", "integrity", "--layer", "verity", "--device-size", "8M")
        data = self.integrity_places()[2]
        block = self.layer("root-integrity")["device-size"] // 4096 - 2
        self.flip(self.image(), data + block * 4096)
        place = self.one()
        self.assertEqual((place["layer"], place["offset"]), ("root-integrity", block * 4096))

    def test_two_places(self):
        self.create("--stack", "verity-only")
        self.flip(self.image(), 3 * 4096)
        self.flip(self.image(), 600 * 4096)
        self.assertEqual([p["offset"] for p in self.found()], [3 * 4096, 600 * 4096])

    def test_cut_and_grown_files(self):
        self.create("--stack", "verity-only")
        for change in (-4096, 4096):
            with self.subTest(change=change):
                size = self.image().stat().st_size
                with open(self.image(), "r+b") as f:
                    f.truncate(size + change)
                proc = self.verify(expect=1)
                self.assertIn("root.data.img", proc.stderr)
                with open(self.image(), "r+b") as f:
                    f.truncate(size)
        self.image("hash").unlink()
        self.assertIn("root.hash.img", self.verify(expect=1).stderr)

    def test_wrong_key(self):
        """Keyed tags notice it; plain encryption cannot."""
        keys = self.key("tags", 32)
        self.create("--layer", "integrity,integrity-algorithm=hmac-sha256,"
                    "journal-integrity=none", *keys)
        wrong = self.dir / "wrong.key"
        wrong.write_bytes(bytes(32))
        self.verify(f"--key=credential:tags={wrong}", expect=1)
        self.verify(*keys)


if __name__ == "__main__":
    stackcase.main()
