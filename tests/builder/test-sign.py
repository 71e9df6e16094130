#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Signed manifests: openssl agrees, and what is changed, foreign or missing is refused."""

import subprocess

import stackcase


class Sign(stackcase.StackCase):
    input_size = 1 << 20

    def setUp(self):
        super().setUp()
        if not stackcase.find_tool("openssl"):
            stackcase.skip("openssl is not installed")
        self.create("--stack", "verity-only")
        self.path = self.out / "root.json"
        self.signature = self.out / "root.json.p7s"

    def pair(self, name, *options):
        """A private key and its certificate, signed by itself."""
        key, certificate = self.dir / f"{name}.key.pem", self.dir / f"{name}.crt.pem"
        subprocess.run(["openssl", "req", "-x509", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                        *options, "-keyout", key, "-out", certificate], check=True,
                       capture_output=True)
        return key, certificate

    def sign(self, key, certificate, *options, expect=0):
        return self.run_build("sign", self.path, "--private-key", key, "--certificate", certificate,
                              *options, expect=expect)

    def openssl_verify(self, certificate):
        return subprocess.run(["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in",
                               self.signature, "-content", self.path, "-CAfile", certificate,
                               "-purpose", "any", "-out", "/dev/null"], check=False,
                              capture_output=True).returncode

    def test_round_trip(self):
        for name, options in (("rsa", ["-newkey", "rsa:2048"]),
                              ("ec", ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])):
            with self.subTest(key=name):
                key, certificate = self.pair(name, *options)
                self.sign(key, certificate, "--force")
                self.assertEqual(self.openssl_verify(certificate), 0)
                self.verify("--certificate", certificate)

    def test_uri(self):
        """Both come through libcrypto's stores: the URIs of those that are built in, here."""
        key, certificate = self.pair("rsa", "-newkey", "rsa:2048")
        self.sign(f"file:{key}", f"file:{certificate}")
        self.assertEqual(self.openssl_verify(certificate), 0)
        first = self.signature.read_bytes()
        self.sign(key, certificate, "--force")
        self.assertEqual(self.signature.read_bytes(), first)
        for uri in ("file:/nonexistent.pem", "pkcs11:token=none;object=none", "nonsense:x"):
            self.assert_error(self.sign(uri, certificate, "--force", expect=1), uri)
        self.assertEqual(self.signature.read_bytes(), first)

    def test_root_hash(self):
        """PKCS#7 over the digits in lower case and nothing else, for the kernel."""
        key, certificate = self.pair("kernel", "-newkey", "rsa:2048")
        self.sign(key, certificate, "--root-hash")
        self.assertFalse(self.signature.exists())
        signature = self.out / "root.roothash.p7s"
        digits = self.dir / "digits"
        digits.write_text(self.layer("root")["root-hash"], encoding="ascii")
        command = ["openssl", "smime", "-verify", "-binary", "-inform", "DER", "-in", signature,
                   "-content", digits, "-CAfile", certificate, "-certfile", certificate,
                   "-purpose", "any", "-out", "/dev/null"]
        self.assertEqual(subprocess.run(command, check=False, capture_output=True).returncode, 0)
        digits.write_text(digits.read_text(encoding="ascii") + "\n", encoding="ascii")
        self.assertNotEqual(subprocess.run(command, check=False, capture_output=True).returncode, 0)
        self.assert_error(self.sign(key, certificate, "--root-hash", expect=1), signature, "exists")
        self.sign(key, certificate, "--root-hash", "--force")
        self.create("--layer", "integrity", "--force")
        self.assert_error(self.sign(key, certificate, "--root-hash", expect=1), "verity")

    def test_seal(self):
        """It stands in the manifest as it was given, and is signed with it."""
        self.create("--stack", "verity-only", "--force", "--generation", "4", "--seal",
                    "PARTLABEL=seal,public-key=/usr/lib/dmstack/policy.pem,pin")
        self.assertEqual(self.manifest()["seal"], {
            "name": "machine", "device": "PARTLABEL=seal",
            "public-key": "/usr/lib/dmstack/policy.pem", "pin": True})
        self.create("--stack", "verity-only", "--force", "--seal", "/dev/vdb,name=box,bank=sha384")
        self.assertEqual(self.manifest()["seal"],
                         {"name": "box", "device": "/dev/vdb", "bank": "sha384"})

    def test_no_time_is_signed(self):
        key, certificate = self.pair("rsa", "-newkey", "rsa:2048")
        self.sign(key, certificate)
        first = self.signature.read_bytes()
        self.sign(key, certificate, "--force")
        self.assertEqual(self.signature.read_bytes(), first)

    def test_refused(self):
        key, certificate = self.pair("ours", "-newkey", "rsa:2048")
        other_key, other = self.pair("other", "-newkey", "rsa:2048")
        self.assert_error(self.verify("--certificate", certificate, expect=1), "root.json.p7s")
        self.sign(key, certificate)
        self.assert_error(self.verify("--certificate", other, expect=1), "signature")
        # One of several is enough.
        self.verify("--certificate", other, "--certificate", certificate)

        text = self.path.read_text(encoding="utf-8")
        self.path.write_text(text.replace('"generation": 0', '"generation": 1'), encoding="utf-8")
        self.assert_error(self.verify("--certificate", certificate, expect=1), "signature")
        self.path.write_text(text, encoding="utf-8")
        self.verify("--certificate", certificate)

        whole = self.signature.read_bytes()
        for damaged in (b"", whole[:-1], whole + b"\0", b"\0" * len(whole),
                        text.encode("utf-8")):
            self.signature.write_bytes(damaged)
            self.verify("--certificate", certificate, expect=1)
        for at in range(0, len(whole), 7):
            self.signature.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
            self.assertNotEqual((self.verify("--certificate", certificate, expect=None).returncode,
                                 self.openssl_verify(certificate)), (0, 1), f"byte {at}")
        self.assert_error(self.sign(key, other, "--force", expect=1), "other.crt.pem")
        del other_key

    def test_bad_calls(self):
        key, certificate = self.pair("ours", "-newkey", "rsa:2048")
        self.run_build("sign", self.path, "--private-key", key, expect=2)
        self.run_build("sign", self.path, "--certificate", certificate, expect=2)
        self.run_build("sign", "--private-key", key, "--certificate", certificate, expect=2)
        self.assert_error(self.sign(self.dir / "none.pem", certificate, expect=1), "none.pem")
        self.assert_error(self.sign(certificate, certificate, expect=1), "private key")
        self.assert_error(self.sign(key, key, expect=1), "certificate")
        self.sign(key, certificate)
        self.assert_error(self.sign(key, certificate, expect=1), "--force")
        self.path.write_text('{"dmstack": 1, "colour": "red"}', encoding="utf-8")
        self.assert_error(self.sign(key, certificate, "--force", expect=1), "root.json", "colour")


if __name__ == "__main__":
    stackcase.main()
