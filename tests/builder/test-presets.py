#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every preset, and deeper stacks, are built, verified, and give their input back."""

import stackcase
from stackcase import MIB, PRESETS


class Presets(stackcase.StackCase):

    def check(self, *args, keys=(), size=None):
        self.create(*args, *keys)
        self.verify(*keys)
        extracted = self.extract(*keys).read_bytes()
        self.assertEqual(extracted[:len(self.data)], self.data)
        self.assertEqual(extracted[len(self.data):].strip(b"\0"), b"")
        manifest = self.manifest()
        self.assertEqual(len(extracted), manifest["layers"][-1]["device-size"])
        if size:
            self.assertEqual(self.image().stat().st_size, size)
        expected = {a["file"] for a in manifest["artifacts"]} | {"root.json"}
        self.assertEqual({p.name for p in self.out.iterdir()}, expected)

    def test_presets(self):
        for preset, types in PRESETS.items():
            with self.subTest(preset=preset):
                keys = self.key("root", 64) if "crypt" in types else []
                self.check("--stack", preset, "--force", keys=keys)
                layers = self.manifest()["layers"]
                self.assertEqual([layer["type"] for layer in layers], types)
                self.assertEqual(layers[-1]["name"], "root")
                for path in self.out.iterdir():
                    path.unlink()

    def test_three_layers(self):
        self.check("--layer", "integrity", "--layer", "crypt", "--layer", "verity",
                   keys=self.key("root", 64))
        names = [layer["name"] for layer in self.manifest()["layers"]]
        self.assertEqual(names, ["root-integrity", "root-crypt", "root"])
        devices = [layer["devices"]["data"] for layer in self.manifest()["layers"]]
        self.assertEqual(devices, ["PARTLABEL=root", "root-integrity", "root-crypt"])

    def test_same_type_twice(self):
        keys = self.key("a", 64) + self.key("b", 64) + self.key("c", 64)
        self.check("--layer", "crypt,key=credential:a", "--layer", "crypt,key=credential:b",
                   "--layer", "crypt,key=credential:c", keys=keys)
        names = [layer["name"] for layer in self.manifest()["layers"]]
        self.assertEqual(names, ["root-crypt", "root-crypt2", "root"])

    def test_same_order_as_written(self):
        """Each key is used by the layer that names it, not by position."""
        keys = self.key("a", 64) + self.key("b", 64)
        self.check("--layer", "crypt,key=credential:a", "--layer", "crypt,key=credential:b",
                   keys=keys)
        swapped = [f"--key=credential:a={self.keys['b']}", f"--key=credential:b={self.keys['a']}"]
        self.assertNotEqual(self.extract(*swapped).read_bytes()[:MIB], self.data[:MIB])

    def test_device_size(self):
        keys = self.key("root", 64)
        for number, layers in enumerate((["integrity", "crypt", "verity"],
                                         ["integrity", "verity,hash=data"],
                                         ["integrity", "integrity"], ["verity", "integrity"],
                                         ["linear,offset=8", "integrity"])):
            with self.subTest(layers=layers):
                self.out = self.dir / f"out{number}"
                self.check(*(f"--layer={layer}" for layer in layers), "--device-size", "8M",
                           keys=keys if "crypt" in layers else [], size=8 * MIB)

    def test_align(self):
        self.check("--stack", "integrity-only", "--align", "1M", size=4 * MIB)

    def test_separate_metadata(self):
        self.check("--stack", "integrity-only", "--layer-option", "integrity.meta=new")
        self.assertEqual(self.image().read_bytes(), self.data)
        self.assertEqual(self.layer("root")["devices"],
                         {"data": "PARTLABEL=root", "meta": "PARTLABEL=root-meta"})

    def test_tree_on_data_device(self):
        self.check("--layer", "verity,hash=data")
        self.assertEqual(self.layer("root")["hash-offset"], len(self.data))
        self.assertNotIn("hash", self.layer("root")["devices"])
        self.assertFalse(self.image("hash").exists())

    def test_parity(self):
        self.check("--layer", "verity,fec-roots=4")
        layer = self.layer("root")
        self.assertEqual(layer["devices"]["fec"], "PARTLABEL=root-fec")
        self.assertGreater(layer["fec-blocks"], layer["data-blocks"])
        rounds = -(-layer["fec-blocks"] // (255 - 4))
        self.assertEqual(self.image("fec").stat().st_size, rounds * 4 * 4096)

    def test_parity_of_a_larger_device(self):
        self.check("--layer", "verity,fec-roots=2,hash=data", "--device-size", "8M", size=8 * MIB)
        layer = self.layer("root")
        # 769 blocks have seven leaves and one block above.
        self.assertEqual(layer["fec-blocks"], 769 + 7 + 1)
        self.flip(self.image(), 4096 * 20)
        self.verify("--no-digest", expect=1)

    def test_single_block(self):
        """Without a tree and a superblock there is still a hash device."""
        self.data = stackcase.noise(100)
        self.input.write_bytes(self.data)
        for options in ("", ",superblock=no", ",superblock=no,hash=data", ",fec-roots=2"):
            with self.subTest(options=options):
                self.check("--layer", f"verity{options}", "--force")
                for path in self.out.iterdir():
                    path.unlink()

    def test_two_trees(self):
        self.check("--layer", "verity", "--layer", "verity")
        files = [a["file"] for a in self.manifest()["artifacts"]]
        self.assertEqual(files, ["root.data.img", "root.hash.img", "root.hash2.img"])
        hashes = [layer["devices"]["hash"] for layer in self.manifest()["layers"]]
        self.assertEqual(hashes, ["PARTLABEL=root-hash", "PARTLABEL=root-hash2"])

    def test_keyed_integrity(self):
        keys = self.key("tags", 32) + self.key("journal", 32)
        self.check("--layer", "integrity,integrity-algorithm=hmac-sha256,key=credential:tags,"
                   "journal-integrity=hmac-sha256,journal-integrity-key=credential:journal",
                   keys=keys)
        self.assertEqual(self.layer("root")["key-size"], 32)

    def test_options(self):
        """What is given for the target ends up in the manifest."""
        self.create("--stack", "verity-only", "--mount", "/usr", "--generation", "7", "--phase",
                    "sealed", "--fail", "reboot-immediate", "--device", "data=PARTUUID=1234",
                    "--device", "root.hash=/dev/vdb", "--layer-option", "verity.timeout=5s")
        manifest = self.manifest()
        self.assertEqual((manifest["generation"], manifest["phase"], manifest["fail"]),
                         (7, "sealed", "reboot-immediate"))
        self.assertEqual(manifest["mount"], {"where": "/usr", "options": "ro"})
        self.assertEqual(self.layer("root")["devices"],
                         {"data": "PARTUUID=1234", "hash": "/dev/vdb"})
        self.assertEqual(self.layer("root")["timeout"], "5s")
        self.verify()

    def test_mount_words(self):
        keys = self.key("root", 64)
        self.create("--stack", "crypt-only", "--mount", "/srv:xfs:noatime", *keys)
        self.assertEqual(self.manifest()["mount"],
                         {"where": "/srv", "type": "xfs", "options": "noatime"})

    def test_json(self):
        proc = self.create("--stack", "verity-only", "--json")
        lines = [stackcase.json.loads(line) for line in proc.stdout.splitlines()]
        result = lines[-1]["result"]
        self.assertEqual(result["layers"][0]["root-hash"], self.layer("root")["root-hash"])
        self.assertEqual({a["file"]: a["sha256"] for a in result["artifacts"]},
                         {a["file"]: a["sha256"] for a in self.manifest()["artifacts"]})
        self.assertEqual(lines[-2]["progress"]["done"], lines[-2]["progress"]["total"])

    def test_images_elsewhere(self):
        self.create("--stack", "verity-only")
        images = self.dir / "images"
        self.out.rename(images)
        self.out.mkdir()
        (images / "root.json").rename(self.out / "root.json")
        self.verify("--images", images)
        self.verify(expect=1)

    def test_quiet(self):
        proc = self.create("--stack", "verity-only", "--quiet")
        self.assertEqual((proc.stdout, proc.stderr), ("", ""))
        proc = self.verify("--quiet")
        self.assertEqual((proc.stdout, proc.stderr), ("", ""))


if __name__ == "__main__":
    stackcase.main()
