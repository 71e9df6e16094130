#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What makes no sense is refused in one line that names the word, and leaves nothing behind."""

import stackcase


class Usage(stackcase.StackCase):
    """Exit status 2: the command line itself is wrong."""

    def refuse(self, args, *words, expect=2):
        with self.subTest(args=args):
            proc = self.create(*args, expect=expect)
            self.assert_error(proc, *words)
            self.assert_nothing_left()

    def test_stacks(self):
        self.refuse([], "--stack", "--layer")
        self.refuse(["--stack", "nope"], "nope", "verity-then-crypt")
        self.refuse(["--stack", "verity-only", "--layer", "crypt"], "--stack", "--layer")
        self.refuse(["--layer", "nope"], "nope", "type")
        self.refuse(["--layer", ""], "type")
        self.refuse(["--layer", "linear"] * 33, "32")

    def test_options_of_layers(self):
        self.refuse(["--layer", "verity,colour=red"], "colour", "verity", "root")
        self.refuse(["--layer", "verity,data-block-size=4095"], "data-block-size", "4095")
        self.refuse(["--layer", "verity,data-block-size=512,data-block-size=512"],
                    "data-block-size", "twice")
        self.refuse(["--layer", "verity,,"], "option")
        self.refuse(["--layer", "verity,hash-algorithm=md4"], "md4")
        self.refuse(["--layer", "verity,salt=0"], "salt")
        self.refuse(["--layer", "integrity,sector-size=3000"], "sector-size", "3000")
        self.refuse(["--layer", "integrity,integrity-algorithm=sha3000"], "sha3000")
        self.refuse(["--layer", "verity,name=other"], "other", "root")
        self.refuse(["--layer", "linear,name=a/b", "--layer", "linear"], "a/b")
        self.refuse(["--layer", "linear,name=root", "--layer", "linear"], "root")
        self.refuse(["--layer", "verity,hash=hash"], "hash=hash")
        self.refuse(["--layer", "verity,hash=data,hash=PARTLABEL=x"], "hash=data")
        self.refuse(["--stack", "verity-only", "--layer-option", "crypt.size=256"], "crypt")
        self.refuse(["--stack", "verity-only", "--layer-option", "verity"], "LAYER.OPTION")

    def test_blocks_that_shrink(self):
        """A tree of 512-byte blocks cannot stand on 4096-byte integrity blocks."""
        self.refuse(["--layer", "integrity", "--layer", "verity,data-block-size=512"], "512",
                    "4096")

    def test_keys(self):
        self.refuse(["--stack", "crypt-only"], "root", "key")
        self.refuse(["--stack", "crypt-only", "--key", "credential:root"], "REF=FILE")
        self.refuse(["--stack", "crypt-only", "--key", "root=/dev/null"], "root")
        self.refuse(["--stack", "verity-only", "--layer-option", "verity.key=credential:x"],
                    "key")
        one = self.key("one", 64)
        self.refuse(["--stack", "crypt-only", *one, *one], "twice")
        self.refuse(["--layer", "crypt", "--layer", "crypt", *one], "key")
        self.refuse(["--layer", "integrity,integrity-algorithm=hmac-sha256"], "key")

    def test_keyed_integrity(self):
        """Without a key for the superblock it has to be asked for, and is nothing to be sealed."""
        keyed = "integrity,integrity-algorithm=hmac-sha256"
        two = self.key("tags", 32) + self.key("mac", 32)
        one = two[:1]
        self.refuse(["--layer", keyed, *one], "journal-integrity-key=REF", "journal-integrity=none")
        self.refuse(["--layer", f"{keyed},journal-integrity=hmac-sha256", *one],
                    "journal-integrity-key=REF")
        self.refuse(["--layer", f"{keyed},key=credential:tags,"
                     "journal-integrity-key=credential:tags", *one], "another one")
        sealed = ["--phase", "sealed"]
        self.refuse(["--layer", f"{keyed},journal-integrity=none", *one, *sealed],
                    "journal-integrity", "sealed phase")
        self.refuse(["--layer", f"{keyed},integrity-legacy-hmac,"
                     "journal-integrity-key=credential:mac", *two, *sealed],
                    "integrity-legacy-hmac", "sealed phase")
        self.create("--layer", f"{keyed},journal-integrity-key=credential:mac", *two, *sealed)
        layer = self.layer("root")
        self.assertEqual((layer["key"], layer["journal-integrity"], layer["journal-integrity-key"]),
                         ("credential:tags", "hmac-sha256", "credential:mac"))
        self.verify(*two)
        self.create("--layer", f"{keyed},journal-integrity=none", *one, "--force")
        self.assertEqual(self.layer("root")["journal-integrity"], "none")
        self.verify(*one)

    def test_values(self):
        base = ["--stack", "verity-only"]
        self.refuse([*base, "--colour"], "--colour")
        self.refuse([*base, "--seed", "xyz"], "xyz")
        self.refuse([*base, "--seed", "0011"], "16")
        self.refuse([*base, "--threads", "-1"], "--threads", "-1")
        self.refuse([*base, "--threads", "5000"], "5000")
        self.refuse([*base, "--threads"], "--threads")
        self.refuse([*base, "--generation", "one"], "one")
        self.refuse([*base, "--align", "4X"], "4X")
        self.refuse([*base, "--phase", "seald"], "seald")
        for seal, *words in (("", "--seal"), ("other-layer", "not on a layer"),
                             ("PARTLABEL=x,epoch=3", "--generation"),
                             ("PARTLABEL=x,phase=sealed", "--phase"),
                             ("PARTLABEL=x,pcrs=7", "pcrs"), ("PARTLABEL=x,name=a/b", "a/b"),
                             ("PARTLABEL=x,pin,pin", "twice"),
                             ("PARTLABEL=x,literal-pcrs=none", "every system")):
            self.refuse([*base, "--seal", seal], "--seal", *words)
        self.refuse([*base, "--fail", "smile"], "smile")
        self.refuse([*base, "--json=yes"], "--json")
        self.refuse([*base, "extra"], "extra")
        self.refuse([*base, "--name", "again"], "--name", "twice")
        self.refuse([*base, "--device", "data"], "ROLE=DEVICE")
        self.refuse([*base, "--device", "nobody.data=/dev/vda"], "nobody")
        self.refuse([*base, "--device", "meta=/dev/vda"], "meta")
        self.refuse([*base, "--device", "hash=/dev/a", "--device", "hash=/dev/b"], "twice")
        self.refuse([*base, "--device", "hash=PARTLABEL="], "hash")
        self.refuse(["--layer", "linear", "--layer", "linear", "--device", "root.data=/dev/vda"],
                    "below")

    def test_long_label(self):
        name = "n" * 33
        proc = self.create("--stack", "verity-only", name=name, expect=2)
        self.assert_error(proc, "36", f"{name}-hash")
        self.create("--stack", "verity-only", "--device", f"{name}.hash=/dev/vdb", name=name)

    def test_names(self):
        for name in ("", "a/b", "a b", "x" * 101, ".hidden", "control"):
            with self.subTest(name=name):
                self.assertNotEqual(
                    self.create("--stack", "verity-only", name=name, expect=2).stderr, "")
                self.assert_nothing_left()

    def test_verbs(self):
        self.assert_error(self.run_build(expect=2), "verb")
        self.assert_error(self.run_build("destroy", expect=2), "destroy")
        self.assert_error(self.run_build("verify", expect=2), "MANIFEST")
        self.assert_error(self.run_build("extract", "x.json", expect=2), "--output")
        self.assert_error(self.run_build("create", expect=2), "--input")
        self.assert_error(self.run_build("inspect", "a", "b", expect=2), "b")

    def test_help(self):
        for verb in ("create", "verify", "extract", "inspect"):
            text = self.run_build(verb, "--help").stdout
            self.assertIn(f"dmstack-build {verb} ", text)
            self.assertIn("--help", text)
            self.assertIn(verb, self.run_build("--help").stdout)


class Failure(stackcase.StackCase):
    """Exit status 1: the command line is right, but it cannot be done."""

    def refuse(self, args, *words, **kwargs):
        proc = self.create(*args, expect=1, **kwargs)
        lines = proc.stderr.strip().splitlines()
        for word in words:
            self.assertIn(str(word), lines[-1])
        self.assert_nothing_left()

    def test_key_sizes(self):
        keys = self.key("root", 32)
        self.refuse(["--stack", "crypt-only", *keys], "credential:root", "32 bytes", "64")
        keys = self.key("root", 64)
        self.refuse(["--layer", "crypt,size=256", *keys], "credential:root", "64 bytes", "32")
        empty = self.dir / "empty"
        empty.touch()
        self.refuse(["--stack", "crypt-only", "--key", f"credential:root={empty}"], "empty")

    def test_keys_that_are_nowhere(self):
        self.refuse(["--stack", "crypt-only", "--layer-option", "crypt.key=credential:x"],
                    "credential:x", "--key")
        self.refuse(["--stack", "crypt-only", "--layer-option", "crypt.key=file:/nowhere/key"],
                    "/nowhere/key")
        self.refuse(["--stack", "crypt-only", "--key", f"credential:root={self.dir}"], self.dir)

    def test_key_from_its_own_path(self):
        path = self.dir / "root.key"
        path.write_bytes(stackcase.noise(64))
        self.create("--stack", "crypt-only", "--layer-option", f"crypt.key=file:{path}")
        self.assertEqual(self.layer("root")["key"], f"file:{path}")
        self.verify()

    def test_existing_output(self):
        self.create("--stack", "verity-only")
        before = {p.name: (p.read_bytes(), p.stat().st_ino) for p in self.out.iterdir()}
        for name in before:
            with self.subTest(name=name):
                kept = self.dir / "kept"
                kept.mkdir()
                for other in before:
                    if other != name:
                        (self.out / other).rename(kept / other)
                proc = self.create("--stack", "verity-only", expect=1)
                self.assertIn(name, proc.stderr)
                self.assertIn("--force", proc.stderr)
                for other in kept.iterdir():
                    other.rename(self.out / other.name)
                kept.rmdir()
                after = {p.name: (p.read_bytes(), p.stat().st_ino) for p in self.out.iterdir()}
                self.assertEqual(after, before)
        self.create("--stack", "verity-only", "--force")
        self.assertNotEqual((self.out / "root.json").read_bytes(), before["root.json"][0])
        self.verify()

    def test_inputs(self):
        self.refuse(["--stack", "verity-only"], "nowhere", source=self.dir / "nowhere")
        self.refuse(["--stack", "verity-only"], self.dir, source=self.dir)
        self.refuse(["--stack", "verity-only"], "/dev/null", source="/dev/null")
        empty = self.dir / "empty"
        empty.touch()
        self.refuse(["--stack", "verity-only"], "empty", source=empty)

    def test_output_is_a_file(self):
        path = self.dir / "file"
        path.touch()
        self.refuse(["--stack", "verity-only"], path, out=path / "x")

    def test_sizes(self):
        self.refuse(["--stack", "integrity-only", "--device-size", "3M"], "--device-size")
        self.refuse(["--stack", "verity-only", "--device-size", "4194305"], "512")
        self.refuse(["--stack", "verity-only", "--align", "1000"], "512")
        self.refuse(["--layer", "verity,data-blocks=10"], "data-blocks", "10")
        self.refuse(["--layer", "verity,hash=data,hash-offset=4096"], "hash-offset")

    def test_dry_run_columns(self):
        """Numbers end below their headings, also behind long names."""
        for name in ("root", "a-name-that-is-longer-than-the-column"):
            proc = self.create("--stack", "verity-only", "--dry-run", "--device", "data=ID=a",
                               "--device", "hash=ID=b", name=name)
            layer_head, layer, image_head, *images = proc.stdout.splitlines()
            end = layer_head.index("BYTES") + len("BYTES")
            self.assertEqual(image_head.index("BYTES") + len("BYTES"), end)
            self.assertTrue(layer.startswith(name) and len(layer) == end, proc.stdout)
            self.assertEqual(len(images), 2)
            for line in images:
                self.assertEqual((line[:end][-1].isdigit(), line[end:end + 5]), (True, "  ID="))

    def test_options_before_the_verb(self):
        proc = self.run_build("--input", self.input, "-n", "root", "--dry-run", "create", "-s",
                              "verity-only")
        self.assertIn("root.hash.img", proc.stdout)
        self.assert_error(self.run_build("--inputs", self.input, "create", expect=2), "--inputs")

    def test_dry_run(self):
        proc = self.create("--stack", "integrity-then-crypt", "--dry-run", "--layer-option",
                           "crypt.key=credential:absent")
        self.assert_nothing_left()
        self.assertIn("root-integrity", proc.stdout)
        self.assertIn("root.data.img", proc.stdout)
        self.assertFalse(self.out.exists())

    def test_foreign_manifests(self):
        bad = self.dir / "bad.json"
        for text, word in (("", "bad.json"), ("{}", "dmstack"), ("[]", "bad.json"),
                           ('{"manifest_version": 1}', "bad.json")):
            with self.subTest(text=text):
                bad.write_text(text, encoding="utf-8")
                self.assertIn(word, self.run_build("verify", bad, expect=1).stderr)

    def test_inspect_nothing(self):
        self.assertIn("no superblock",
                      self.run_build("inspect", self.input, expect=1).stderr)

    def test_extract_over_existing(self):
        self.create("--stack", "verity-only")
        target = self.dir / "there"
        target.write_text("mine", encoding="utf-8")
        self.run_build("extract", self.out / "root.json", "--output", target, expect=1)
        self.assertEqual(target.read_text(encoding="utf-8"), "mine")


if __name__ == "__main__":
    stackcase.main()
