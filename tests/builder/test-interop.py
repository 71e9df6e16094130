#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The cryptsetup project's tools, run as an ordinary user, agree with what dmstack-build makes."""

import re
import subprocess

import stackcase
from stackcase import MIB

VERITYSETUP = stackcase.find_tool("veritysetup")
INTEGRITYSETUP = stackcase.find_tool("integritysetup")

VERITY_OPTIONS = (
    (), ("data-block-size=1024",), ("hash-block-size=512",),
    ("data-block-size=512", "hash-block-size=1024"), ("hash-algorithm=sha1",),
    ("hash-algorithm=sha512",), ("salt=-",), ("salt=00112233",), ("format=0",),
    ("format=0", "hash-algorithm=sha1", "salt=ab"), ("hash-offset=8192",),
)


def run_tool(*args):
    return subprocess.run([*map(str, args)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, check=False, timeout=120)


class Interop(stackcase.StackCase):

    def veritysetup(self, action, *args):
        proc = run_tool(VERITYSETUP, action, *args)
        self.assertEqual(proc.returncode, 0, f"{args}\n{proc.stdout}{proc.stderr}")
        return proc.stdout

    def verity_arguments(self, layer):
        return [f"--hash={layer['hash-algorithm']}", f"--salt={layer.get('salt', '-')}",
                f"--format={layer.get('format', 0)}", f"--data-block-size={layer['data-block-size']}",
                f"--hash-block-size={layer['hash-block-size']}",
                f"--hash-offset={layer.get('hash-offset', 0)}"]

    def test_verity_verify(self):
        for options in VERITY_OPTIONS:
            with self.subTest(options=options):
                self.create("--layer", ",".join(["verity", *options]), "--force")
                layer = self.layer("root")
                self.veritysetup("verify", self.image(), self.image("hash"), layer["root-hash"],
                                 f"--hash-offset={layer.get('hash-offset', 0)}")
                self.flip(self.image(), 4096 * 50)
                proc = run_tool(VERITYSETUP, "verify", self.image(), self.image("hash"),
                                layer["root-hash"], f"--hash-offset={layer.get('hash-offset', 0)}")
                self.assertNotEqual(proc.returncode, 0)

    def test_verity_format(self):
        """Byte for byte what veritysetup writes with the same salt and UUID."""
        for options in VERITY_OPTIONS:
            with self.subTest(options=options):
                self.create("--layer", ",".join(["verity", *options]), "--force")
                layer = self.layer("root")
                theirs = self.dir / "theirs.img"
                theirs.unlink(missing_ok=True)
                out = self.veritysetup("format", self.image(), theirs, f"--uuid={layer['uuid']}",
                                       *self.verity_arguments(layer))
                root = re.search(r"Root hash:\s+([0-9a-f]+)", out).group(1)
                self.assertEqual(root, layer["root-hash"])
                self.assertEqual(theirs.read_bytes(), self.image("hash").read_bytes())

    def test_verity_on_data_device(self):
        self.create("--layer", "verity,hash=data")
        layer = self.layer("root")
        self.veritysetup("verify", self.image(), self.image(), layer["root-hash"],
                         f"--hash-offset={layer['hash-offset']}")

    def test_verity_without_superblock(self):
        self.create("--layer", "verity,superblock=no")
        layer = self.layer("root")
        self.veritysetup("verify", self.image(), self.image("hash"), layer["root-hash"],
                         "--no-superblock", f"--data-blocks={layer['data-blocks']}",
                         *self.verity_arguments(layer))

    def test_verity_parity(self):
        for roots in (2, 7, 24):
            with self.subTest(roots=roots):
                self.create("--layer", f"verity,fec-roots={roots}", "--force")
                layer = self.layer("root")
                theirs, parity = self.dir / "theirs.img", self.dir / "parity.img"
                for path in (theirs, parity):
                    path.unlink(missing_ok=True)
                self.veritysetup("format", self.image(), theirs, f"--uuid={layer['uuid']}",
                                 f"--fec-device={parity}", f"--fec-roots={roots}",
                                 *self.verity_arguments(layer))
                self.assertEqual(parity.read_bytes(), self.image("fec").read_bytes())

    def test_verity_inspect(self):
        """What inspect says is what veritysetup dump says."""
        self.create("--stack", "verity-only")
        dump = self.veritysetup("dump", self.image("hash"))
        facts = stackcase.json.loads(
            self.run_build("inspect", self.image("hash"), "--json").stdout)
        for label, name in (("UUID", "uuid"), ("Hash type", "format"),
                            ("Data blocks", "data-blocks"), ("Salt", "salt"),
                            ("Hash algorithm", "hash")):
            value = re.search(rf"{label}:\s+(\S+)", dump).group(1)
            self.assertEqual(value, str(facts[name]), label)

    def test_integrity_dump(self):
        for options in ((), ("sector-size=512",), ("integrity-algorithm=sha1",),
                        ("interleave-sectors=1024",), ("journal-size=1M",),
                        ("integrity-legacy-hmac",)):
            with self.subTest(options=options):
                self.create("--layer", ",".join(["integrity", *options]), "--force",
                            "--device-size", 8 * MIB)
                proc = run_tool(INTEGRITYSETUP, "dump", self.image())
                self.assertEqual(proc.returncode, 0, proc.stderr)
                facts = stackcase.json.loads(
                    self.run_build("inspect", self.image(), "--json").stdout)
                self.compare_integrity(proc.stdout, facts)

    def compare_integrity(self, dump, facts):
        """The tool has written its facts in two ways over the years."""

        def value(*names):
            for name in names:
                found = re.search(rf"^{name}:?\s+(\d+)", dump, re.MULTILINE | re.IGNORECASE)
                if found:
                    return int(found.group(1))
            self.fail(f"{names} not in {dump}")
            return None

        self.assertEqual(value("superblock_version", "Superblock version", "version"),
                         facts["version"])
        self.assertEqual(value("integrity_tag_size", "Integrity tag size", "tag size"),
                         facts["tag-size"])
        self.assertEqual(value("journal_sections", "journal sections"), facts["journal-sections"])
        self.assertEqual(value("sector_size", "sector size"), facts["sector-size"])
        log = value("log2_interleave_sectors", "log2 interleave sectors", "log2 interleave")
        self.assertEqual(1 << log, facts["interleave-sectors"])
        for flag in facts["flags"].split():
            self.assertIn(flag, dump)


if __name__ == "__main__":
    if not VERITYSETUP or not INTEGRITYSETUP:
        stackcase.skip("veritysetup or integritysetup is not there (package cryptsetup-bin)")
    stackcase.main()
