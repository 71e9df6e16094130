#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Images as partitions: a disk image, judged by sfdisk and sgdisk, and systemd-repart's definitions,
judged by systemd-repart; types by systemd-id128."""

import json
import subprocess

import stackcase
from stackcase import MIB, SEED

LINUX_GENERIC = "0fc63daf-8483-4772-8e79-3d69d8477de4"
ARCHITECTURES = ("x86-64", "x86", "arm64", "arm", "riscv64", "loongarch64", "ppc64-le", "s390x")


def run(tool, *args):
    path = stackcase.find_tool(tool)
    if not path:
        stackcase.skip(f"{tool} is not installed")
    return subprocess.run([path, *map(str, args)], check=True, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL).stdout


def type_of(name):
    return run("systemd-id128", "show", "--uuid", name).split()[-1]


def partitions(disk):
    """By label: what sfdisk reads, after both tools have found nothing wrong."""
    assert "No errors detected" in run("sfdisk", "--verify", disk)
    assert "No problems found" in run("sgdisk", "--verify", disk)
    table = json.loads(run("sfdisk", "--json", disk))["partitiontable"]
    assert table["label"] == "gpt" and table["sectorsize"] == 512
    return {p["name"]: {**p, "type": p["type"].lower(), "uuid": p["uuid"].lower(),
                        "attrs": p.get("attrs", "")} for p in table["partitions"]}


def content(disk, partition):
    with open(disk, "rb") as f:
        f.seek(partition["start"] * 512)
        return f.read(partition["size"] * 512)


class Disk(stackcase.StackCase):

    def setUp(self):
        super().setUp()
        self.disk = self.out / "root.disk.img"

    def separate(self, *args):
        """The same build as separate images: role to bytes."""
        out = self.dir / "separate"
        self.create(*args, "--seed", SEED, out=out)
        return {role: (out / f"root.{role}.img").read_bytes() for role in ("data", "hash", "fec")
                if (out / f"root.{role}.img").exists()}

    def test_verity(self):
        args = ("--layer", "verity,fec-roots=2", "--mount", "/:ext4")
        images = self.separate(*args)
        self.create(*args, "--seed", SEED, "--gpt")
        self.assertEqual(sorted(p.name for p in self.out.iterdir()),
                         ["root.disk.img", "root.json"])
        found = partitions(self.disk)
        labels = {"data": "root", "hash": "root-hash", "fec": "root-fec"}
        self.assertEqual(set(found), set(labels.values()))
        for artifact in self.manifest()["artifacts"]:
            role = artifact["device"].rsplit(".", 1)[1]
            partition = found[labels[role]]
            self.assertEqual(partition["start"] * 512, artifact["offset"])
            self.assertEqual(partition["size"] * 512, artifact["bytes"])
            self.assertEqual(partition["start"] % 2048, 0)
            self.assertEqual(content(self.disk, partition), images[role])
        root_hash = self.layer("root")["root-hash"]
        self.assertEqual(found["root"]["uuid"].replace("-", ""), root_hash[:32])
        self.assertEqual(found["root-hash"]["uuid"].replace("-", ""), root_hash[-32:])
        self.assertEqual(found["root-fec"]["type"], LINUX_GENERIC)
        self.assertEqual([found[label]["attrs"] for label in ("root", "root-hash", "root-fec")],
                         ["GUID:60", "GUID:60", ""])
        self.verify()
        self.assertEqual(self.extract().read_bytes()[:len(self.data)], self.data)

    def test_types(self):
        for where in ("root", "usr"):
            for architecture in ARCHITECTURES:
                self.create("--stack", "verity-only", "--gpt", "--force", "--mount",
                            "/" if where == "root" else "/usr", "--architecture", architecture)
                found = partitions(self.disk)
                self.assertEqual(found["root"]["type"], type_of(f"{where}-{architecture}"))
                self.assertEqual(found["root-hash"]["type"],
                                 type_of(f"{where}-{architecture}-verity"))
        self.create("--stack", "verity-only", "--gpt", "--force", "--mount", "/srv")
        self.assertEqual({p["type"] for p in partitions(self.disk).values()}, {LINUX_GENERIC})

    def test_what_systemd_cannot_open(self):
        """It is told not to try: there is a layer between the partition and the file system."""
        keys = self.key("root", 64)
        self.create("-l", "integrity", "-l", "crypt", *keys, "--gpt", "-m", "/", "--seed", SEED)
        first = self.disk.read_bytes()
        partition = partitions(self.disk)["root"]
        self.assertEqual(partition["type"], type_of("root-x86-64"))
        self.assertEqual(partition["attrs"], "GUID:63")
        self.verify(*keys)
        self.create("-l", "integrity", "-l", "crypt", *keys, "--gpt", "-m", "/", "--seed", SEED,
                    "--force")
        self.assertEqual(self.disk.read_bytes(), first, "the seed gives the same disk")
        self.create("-l", "integrity", "-l", "verity", "--gpt", "-m", "/", "--force")
        found = partitions(self.disk)
        self.assertEqual(found["root"]["attrs"], "GUID:60,63")
        # The tree is not that of the partition.
        self.assertEqual(found["root-hash"]["type"], LINUX_GENERIC)
        self.assertNotEqual(found["root"]["uuid"].replace("-", ""),
                            self.layer("root")["root-hash"][:32])

    def test_luks(self):
        self.create("-l", "luks,pbkdf=pbkdf2,pbkdf-force-iterations=1000", *self.key("root", 20),
                    "--gpt", "-m", "/")
        self.assertEqual(partitions(self.disk)["root"]["attrs"], "")

    def test_devices(self):
        uuid = "01234567-89ab-4def-8123-456789abcdef"
        self.create("-s", "verity-only", "--gpt", "-d", "data=PARTLABEL=My Data", "-d",
                    f"hash=PARTUUID={uuid}", "-m", "/")
        found = partitions(self.disk)
        self.assertEqual(set(found), {"My Data", "root-hash"})
        self.assertEqual(found["root-hash"]["uuid"], uuid)
        self.assertEqual(self.layer("root")["devices"],
                         {"data": "PARTLABEL=My Data", "hash": f"PARTUUID={uuid}"})

    def test_damage(self):
        self.create("--layer", "verity,fec-roots=2", "--gpt")
        sound = self.disk.read_bytes()
        for artifact in self.manifest()["artifacts"][:2]:
            self.flip(self.disk, artifact["offset"] + 4096 * 4)
            proc = self.verify("--no-digest", expect=1)
            self.assertIn("16384", proc.stdout)
            self.run_build("repair", "--in-place", self.out / "root.json")
            self.assertEqual(self.disk.read_bytes(), sound)
        self.assert_error(self.run_build("repair", "--output", self.dir / "copy",
                                         self.out / "root.json", expect=1), "root.disk.img",
                          "--in-place")
        with open(self.disk, "r+b") as f:
            f.truncate(3 * MIB)
        self.assert_error(self.verify(expect=1), "root.disk.img", "at least")

    def test_larger_partition(self):
        """Below a layer that holds for one size only a linear layer keeps that."""
        keys = self.key("root", 64)
        layers = ["-l", "integrity", "-l", "crypt", *keys]
        for gpt in ([], ["--gpt"]):
            self.create(*layers, "--partition-size", "64M", "--force", *gpt)
            linear, integrity, _ = self.manifest()["layers"]
            self.assertEqual((linear["type"], linear["device-size"]),
                             ("linear", self.manifest()["artifacts"][0]["bytes"]))
            self.assertEqual(integrity["devices"], {"data": linear["name"]})
            self.verify(*keys)
            self.assertEqual(self.extract(*keys).read_bytes()[:len(self.data)], self.data)
        self.assertEqual(partitions(self.disk)["root"]["size"], 64 * MIB // 512)
        size = linear["device-size"]
        for words, expected in ((["-l", "integrity"], ["linear", "integrity"]),
                                (["-l", "crypt", "-l", "integrity", *keys],
                                 ["crypt", "integrity"]),
                                (["-s", "verity-only"], ["verity"])):
            self.create(*words, "--partition-size", "64M", "--force")
            self.assertEqual([layer["type"] for layer in self.manifest()["layers"]], expected)
            self.verify(*keys)
        self.create(*layers, "--partition-size", size, "--force")
        self.assertEqual(len(self.manifest()["layers"]), 2)
        proc = self.create(*layers, "--partition-size", size - 512, "--force", expect=1)
        self.assertIn(f"{size}", proc.stderr)
        self.create(*layers, "--partition-size", "64M", "--device-size", "64M", expect=2)
        self.create(*layers, "--partition-size", 12345, expect=2)

    def test_refusals(self):
        refusals = (
            (2, ["--gpt", "--repart", "/x"], "exclude"),
            (2, ["--gpt", "--data-in-place"], "exclude"),
            (2, ["--repart", "x"], "absolute"),
            (1, ["--gpt", "--architecture", "pdp11"], "pdp11"),
            (1, ["--gpt", "-d", "data=PARTLABEL=" + 37 * "x"], "36"),
            (1, ["--gpt", "-d", "data=PARTUUID=12345678-01"], "12345678-01"),
            (1, ["--gpt", "-d", "data=PARTUUID=01234567-89ab-4def-8123-456789abcdef",
                 "-d", "hash=PARTUUID=01234567-89AB-4def-8123-456789abcdef"], "both"),
            (1, ["--repart", "/x", "--device-size", "8389120"], "4096"))
        for status, words, expected in refusals:
            with self.subTest(words=words):
                proc = self.create("-s", "verity-only", *words, expect=status)
                self.assertIn(expected, proc.stderr.splitlines()[-1])
                self.assertFalse(self.out.exists())

    def test_dry_run(self):
        proc = self.create("-s", "verity-only", "--gpt", "--dry-run")
        self.assertIn("1048576", proc.stdout)
        self.assertIn("OFFSET", proc.stdout)

    def test_repart(self):
        images = self.separate("--layer", "verity,fec-roots=2", "-m", "/")
        # A per cent sign begins a specifier there.
        self.out = self.dir / "100%u"
        self.create("--layer", "verity,fec-roots=2", "-m", "/", "--repart", self.out, "--seed",
                    SEED)
        self.assertIn("root.fec.conf", [p.name for p in self.out.iterdir()])
        disk = self.dir / "disk.img"
        run("systemd-repart", "--empty=create", "--size=auto", f"--definitions={self.out}",
            "--dry-run=no", disk)
        found = partitions(disk)
        self.assertEqual(set(found), {"root", "root-hash", "root-fec"})
        for label, role in (("root", "data"), ("root-hash", "hash"), ("root-fec", "fec")):
            self.assertEqual(content(disk, found[label]), images[role], label)
        root_hash = self.layer("root")["root-hash"]
        self.assertEqual(found["root"]["uuid"].replace("-", ""), root_hash[:32])
        self.assertEqual(found["root-hash"]["uuid"].replace("-", ""), root_hash[-32:])
        self.assertEqual(found["root"]["type"], type_of("root-x86-64"))
        self.assertEqual(found["root-hash"]["type"], type_of("root-x86-64-verity"))
        self.assertEqual(found["root"]["attrs"], "GUID:60")
        own = self.out / "root.mine.conf"
        own.write_text("[Partition]\n", encoding="ascii")
        self.create("--layer", "integrity", "--force")
        self.verify()
        self.assertEqual(sorted(p.name for p in self.out.iterdir()),
                         ["root.data.img", "root.json", own.name], "stale files are gone")


if __name__ == "__main__":
    stackcase.main()
