#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Signed PCR values: systemd-measure computes the same, openssl and a TPM take the signatures."""

import base64
import hashlib
import json
import pathlib
import struct
import subprocess

import stackcase
import tpm

MEASURE = ["/usr/lib/systemd/systemd-measure", "/lib/systemd/systemd-measure"]
ZERO = "00" * 32
SEAL = ("machine seal PARTLABEL=seal - public-key=/usr/lib/dmstack/policy.pem,epoch=4,"
        "signed-pcrs=12+15,literal-pcrs=7\n")


def extend(value, digest, algorithm="sha256"):
    return hashlib.new(algorithm, value + digest).digest()


def uki(sections, extra=b""):
    """A PE image with these sections: name -> content."""
    head = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64)
    head += b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, len(sections), 0, 0, 0, 16, 0x2022)
    head += bytes(16)
    data, offset = b"", len(head) + 40 * len(sections)
    for name, content in sections:
        head += struct.pack("<8sIIIIIIHHI", name.encode(), len(content), 0x1000, len(content),
                            offset + len(data), 0, 0, 0, 0, 0)
        data += content
    return head + data + extra


class SignPolicy(stackcase.StackCase):
    input_size = 4096

    def setUp(self):
        super().setUp()
        if not stackcase.find_tool("openssl"):
            stackcase.skip("openssl is not installed")
        self.key = self.make_key("policy", "P-256")

    def make_key(self, name, curve):
        key = self.dir / f"{name}.pem"
        self.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", f"ec_paramgen_curve:{curve}",
                     "-out", key)
        return key

    @staticmethod
    def openssl(*args, **kwargs):
        return subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True,
                              **kwargs).stdout

    def sign_policy(self, *args, expect=0):
        proc = self.run_build("sign-policy", "--private-key", self.key, *args, expect=expect)
        return json.loads(proc.stdout) if expect == 0 and proc.stdout else proc

    def public_point(self):
        der = self.openssl("pkey", "-in", self.key, "-pubout", "-outform", "DER")
        return der[-64:-32], der[-32:]

    def verify(self, entry):
        """openssl's opinion of an entry."""
        message, signature = self.dir / "message", self.dir / "signature"
        public = self.dir / "public.pem"
        message.write_bytes(bytes.fromhex(entry["policy"]) + tpm.policy_ref(entry["epoch"]))
        signature.write_bytes(base64.b64decode(entry["signature"]))
        self.openssl("pkey", "-in", self.key, "-pubout", "-out", public)
        return subprocess.run(["openssl", "dgst", "-sha256", "-verify", public, "-signature",
                               signature, message], check=False,
                              capture_output=True).returncode == 0

    def tree(self, conf=SEAL):
        root = self.dir / "tree"
        (root / "etc/dmstack.conf.d").mkdir(parents=True, exist_ok=True)
        (root / "etc/dmstack.conf").write_text(conf)
        (root / "etc/dmstack.conf.d/10-data.conf").write_text("data linear PARTLABEL=data\n")
        return root

    def test_given_values(self):
        out = self.sign_policy("--pcr", f"11={'ab' * 32}", "--pcr", f"15={'cd' * 32}",
                               "--epoch", "3", "--epoch", "4")
        self.assertEqual(list(out), ["dmstack"])
        self.assertEqual([entry["epoch"] for entry in out["dmstack"]], [3, 4])
        for entry in out["dmstack"]:
            self.assertEqual((entry["bank"], entry["pcrs"]), ("sha256", [11, 12, 13, 15]))
            self.assertTrue(self.verify(entry))
            # An epoch cannot be changed afterwards.
            self.assertFalse(self.verify(dict(entry, epoch=entry["epoch"] + 1)))
        values = bytes.fromhex("ab" * 32 + ZERO + ZERO + "cd" * 32)
        expected = hashlib.sha256(
            bytes(32) + struct.pack(">IIHB", 0x17F, 1, 0x000B, 3) + bytes([0, 0xB8, 0]) +
            hashlib.sha256(values).digest()).hexdigest()
        self.assertEqual(out["dmstack"][0]["policy"], expected)

    def test_a_tpm_takes_it(self):
        if not stackcase.find_tool("swtpm"):
            stackcase.skip("swtpm is not installed")
        root = self.tree()
        out = self.sign_policy("--root", root, "--epoch", "7")
        entry = out["dmstack"][0]
        self.assertEqual(entry["pcrs"], [12, 15])
        files = [root / "etc/dmstack.conf", root / "etc/dmstack.conf.d/10-data.conf"]
        digest = hashlib.sha256(b"".join(hashlib.sha256(f.read_bytes()).digest()
                                         for f in files)).digest()
        machine = tpm.Tpm(self.dir / "tpm")
        self.addCleanup(machine.close)
        # What dmstack does at boot: one event of 32 bytes.
        machine.pcr_event(15, digest)
        approved, ref = bytes.fromhex(entry["policy"]), tpm.policy_ref(7)
        session = machine.policy_session()
        machine.policy_pcr(session, "sha256", entry["pcrs"])
        self.assertEqual(machine.policy_digest(session).hex(), entry["policy"])

        der = base64.b64decode(entry["signature"])
        numbers = der[4:4 + der[3]], der[6 + der[3]:]
        r, s = (n.lstrip(b"\0").rjust(32, b"\0") for n in numbers)
        key, name = machine.load_key(*self.public_point())
        with self.assertRaises(tpm.Refused):
            machine.verify_signature(key, tpm.signed_digest(approved, 8), r, s)
        ticket = machine.verify_signature(key, tpm.signed_digest(approved, 7), r, s)
        with self.assertRaises(tpm.Refused):
            machine.policy_authorize(session, approved, tpm.policy_ref(8), name, ticket)
        machine.policy_authorize(session, approved, ref, name, ticket)
        authorized = hashlib.sha256(hashlib.sha256(bytes(32) + struct.pack(">I", 0x16A) +
                                                   name).digest() + ref).digest()
        self.assertEqual(machine.policy_digest(session), authorized)

        # One more byte of configuration, and the state is not the approved one.
        machine.pcr_event(15, b"more")
        other = machine.policy_session()
        machine.policy_pcr(other, "sha256", entry["pcrs"])
        self.assertNotEqual(machine.policy_digest(other).hex(), entry["policy"])
        with self.assertRaises(tpm.Refused):
            machine.policy_authorize(other, approved, ref, name, ticket)

    def test_root_and_files(self):
        """PCR 15 is that of the tree's files in their order, given one by one or together."""
        root = self.tree()
        files = [root / "etc/dmstack.conf", root / "etc/dmstack.conf.d/10-data.conf"]
        whole = self.sign_policy("--root", root)["dmstack"]
        # The seal's epoch, and the one before.
        self.assertEqual([entry["epoch"] for entry in whole], [3, 4])
        options = ["--pcrs", "12+15", "--epoch", "4"]
        single = self.sign_policy("--config", files[0], "--config", files[1], *options)
        self.assertEqual(single["dmstack"][0]["policy"], whole[1]["policy"])
        turned = self.sign_policy("--config", files[1], "--config", files[0], *options)
        self.assertNotEqual(turned["dmstack"][0]["policy"], whole[1]["policy"])
        value = extend(bytes(32), hashlib.sha256(hashlib.sha256(b"".join(
            hashlib.sha256(f.read_bytes()).digest() for f in files)).digest()).digest())
        given = self.sign_policy("--pcr", f"15={value.hex()}", *options)
        self.assertEqual(given["dmstack"][0]["policy"], whole[1]["policy"])

    def uki_value(self, path, bank="sha256", phases=None):
        """PCR 11 of an image, seen through the policy: the value that gives the same one."""
        options = ["--uki", path, "--pcrs", "11", "--epoch", "1", "--bank", bank]
        if phases:
            options += ["--phases", phases]
        return self.sign_policy(*options)["dmstack"][0]["policy"]

    def given_value(self, value, bank="sha256"):
        return self.sign_policy("--pcr", f"11={value}", "--pcrs", "11", "--epoch", "1", "--bank",
                                bank)["dmstack"][0]["policy"]

    @staticmethod
    def stub_value(parts, phases, bank):
        """What systemd-stub(7) and systemd-pcrphase(8) make of PCR 11."""
        value = bytes(hashlib.new(bank).digest_size)
        for name, content in parts:
            for data in (f".{name}".encode() + b"\0", content):
                value = extend(value, hashlib.new(bank, data).digest(), bank)
        for word in phases.split(":"):
            value = extend(value, hashlib.new(bank, word.encode()).digest(), bank)
        return value.hex()

    def test_uki_as_systemd_measure(self):
        measure = next((path for path in MEASURE if pathlib.Path(path).exists()), None)
        parts = [("linux", b"kernel" * 1000), ("osrel", b"ID=test\n"), ("cmdline", b"quiet"),
                 ("initrd", stackcase.noise(100000)), ("pcrpkey", b"key")]
        command = [measure or "", "calculate", "--json=short", "--bank=sha256", "--bank=sha384"]
        for name, content in parts:
            (self.dir / name).write_bytes(content)
            command.append(f"--{name}={self.dir / name}")
        image = self.dir / "uki.efi"
        # Their order in the file does not matter, and what is not measured neither.
        image.write_bytes(uki([(".text", b"code"), (".pcrsig", b"{}")] +
                              [("." + name, content) for name, content in reversed(parts)]))
        for phases in ("enter-initrd", "enter-initrd:leave-initrd"):
            result = measure and json.loads(subprocess.run(
                [*command, f"--phase={phases}"], check=True, capture_output=True).stdout)
            for bank in ("sha256", "sha384"):
                value = self.stub_value(parts, phases, bank)
                if result:
                    self.assertEqual(value, result[bank][0]["hash"])
                self.assertEqual(self.uki_value(image, bank, phases),
                                 self.given_value(value, bank), (phases, bank))

    def test_uki_zeros_behind_the_file(self):
        """A section that is larger in memory than in the file ends with zeros."""
        long, short = bytearray(uki([(".linux", b"kernel\0\0")])), uki([(".linux", b"kernel")])
        path = self.dir / "uki.efi"
        path.write_bytes(long)
        expected = self.uki_value(path)
        short = bytearray(short)
        struct.pack_into("<I", short, 64 + 24 + 16 + 8, 8)
        path.write_bytes(short)
        self.assertEqual(self.uki_value(path), expected)

    def test_uki_refused(self):
        path = self.dir / "uki.efi"
        for why, content in (
                ("not a PE image", b"\x7fELF" + bytes(200)), ("not a PE image", b""),
                ("not a PE image", uki([(".linux", b"k")])[:80]),
                ("no kernel", uki([(".text", b"k")])),
                ("several sections .linux", uki([(".linux", b"a"), (".linux", b"b")])),
                (".profile", uki([(".linux", b"a"), (".profile", b"b")])),
                ("behind the end", uki([(".linux", b"kernel")])[:-1])):
            path.write_bytes(content)
            self.assert_error(self.sign_policy("--uki", path, "--pcrs", "11", "--epoch", "1",
                                               expect=1), path, why)

    def test_join(self):
        systemd = self.dir / "systemd.json"
        systemd.write_text('{"sha256": [{"pcrs": [11], "pol": "00", "sig": "a/b="}]}')
        value = ["--pcr", f"15={'cd' * 32}", "--pcrs", "15"]
        first = self.sign_policy(*value, "--epoch", "1", "--join", systemd)
        self.assertEqual(first["sha256"][0]["sig"], "a/b=")
        systemd.write_text(json.dumps(first))
        second = self.sign_policy(*value, "--epoch", "1", "--epoch", "2", "--join", systemd)
        self.assertEqual([entry["epoch"] for entry in second["dmstack"]], [1, 2])
        self.assertTrue(all(self.verify(entry) for entry in second["dmstack"]))
        systemd.write_text('{"dmstack": [{}]}')
        self.assert_error(self.sign_policy(*value, "--epoch", "1", "--join", systemd, expect=1),
                          systemd, "$.dmstack[0]")

    def test_output(self):
        target = self.dir / "out.json"
        arguments = ["--pcr", f"15={'cd' * 32}", "--pcrs", "15", "--epoch", "1", "--output", target]
        self.sign_policy(*arguments)
        self.assertEqual(len(json.loads(target.read_text())["dmstack"]), 1)
        self.assert_error(self.sign_policy(*arguments, expect=1), target, "exists")
        self.sign_policy(*arguments, "--force")

    def test_refused(self):
        good = ["--pcr", f"15={'cd' * 32}", "--pcrs", "15", "--epoch", "1"]
        for expect, words, arguments in (
                (2, ["PCR 11"], ["--pcr", f"15={'cd' * 32}", "--epoch", "1"]),
                (2, ["PCR 15"], ["--pcrs", "15", "--epoch", "1"]),
                (2, ["--epoch"], ["--pcr", f"15={'cd' * 32}"]),
                (2, ["--epoch", "\"-1\""], [*good, "--epoch=-1"]),
                (2, ["64 hexadecimal"], ["--pcr", "15=cd", "--pcrs", "15", "--epoch", "1"]),
                (2, ["96 hexadecimal"], [*good, "--bank", "sha384"]),
                (2, ["\"15\""], ["--pcr", "15", "--pcrs", "15", "--epoch", "1"]),
                (2, ["24="], ["--pcr", f"24={ZERO}", "--epoch", "1"]),
                (2, ["PCR 15", "already"], [*good, "--pcr", f"15={'ab' * 32}"]),
                (2, ["sha1"], [*good, "--bank", "sha1"]),
                (2, ["nothing to sign"], ["--pcrs", "none", "--epoch", "1"]),
                (1, ["--pcrs", "\"x\""], ["--pcrs", "x", "--epoch", "1"])):
            self.assert_error(self.sign_policy(*arguments, expect=expect), *words)
        root = self.tree("machine seal PARTLABEL=seal - pcr=7\n")
        self.assert_error(self.sign_policy("--root", root, expect=1), "/etc/dmstack.conf:1", "pcr")
        self.key = self.make_key("other", "P-384")
        self.assert_error(self.sign_policy(*good, expect=1), "P-256")
        self.key = self.dir / "absent"
        self.assert_error(self.sign_policy(*good, expect=1), self.key)


if __name__ == "__main__":
    stackcase.main()
