#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""LUKS2 volumes that dmstack-build makes and cryptsetup opens, and the other way round.

cryptsetup needs no device-mapper to test a passphrase on a file, or to reencrypt one offline."""

import json
import shutil
import subprocess

import stackcase
from stackcase import MIB

CRYPTSETUP = stackcase.find_tool("cryptsetup")
PASSPHRASE = b"correct horse\nbattery staple"
FAST = "--layer-option=luks.pbkdf=pbkdf2", "--layer-option=luks.pbkdf-force-iterations=1000"


class Luks2(stackcase.StackCase):

    def setUp(self):
        super().setUp()
        self.passphrase = self.dir / "passphrase"
        self.passphrase.write_bytes(PASSPHRASE)
        self.wrong = self.dir / "wrong"
        self.wrong.write_bytes(PASSPHRASE + b"\n")
        self.keys_option = f"--key=credential:root={self.passphrase}"

    def make(self, *args, **kwargs):
        return self.create(*args, "--layer-option=luks.key=credential:root", self.keys_option,
                           **kwargs)

    def cryptsetup(self, *args, expect=0):
        proc = subprocess.run([CRYPTSETUP, *map(str, args)], stdin=subprocess.DEVNULL,
                              capture_output=True, check=False, timeout=120)
        self.assertEqual(proc.returncode, expect, (args, proc.stdout, proc.stderr))
        return proc.stdout.decode()

    def opens(self, header, expect=0, key=None):
        return self.cryptsetup("open", "--test-passphrase", "--key-file", key or self.passphrase,
                               header, expect=expect)

    def metadata(self, header):
        return json.loads(self.cryptsetup("luksDump", "--dump-json-metadata", header))

    def check(self, header=None):
        """cryptsetup opens the header with its passphrase only; what is in it comes out again."""
        header = header or self.image()
        self.opens(header)
        self.opens(header, expect=2, key=self.wrong)
        self.verify(self.keys_option)
        self.assertEqual(self.extract(self.keys_option).read_bytes()[:len(self.data)], self.data)
        wrong = self.verify(f"--key=credential:root={self.wrong}", expect=1)
        self.assertIn("opens none of 1 keyslots", wrong.stderr)
        return self.metadata(header)

    def test_defaults(self):
        self.make("--stack", "luks")
        metadata = self.check()
        self.assertIn(metadata["keyslots"]["0"]["kdf"]["type"], ("argon2id", "pbkdf2"))
        segment = metadata["segments"]["0"]
        self.assertEqual(int(segment["offset"]), 16 * MIB)
        self.assertEqual(segment["sector_size"], 4096)

    def test_fields(self):
        self.make("--layer", "luks,sector-size=512,offset=8192,luks2-metadata-size=65536,"
                  "luks2-keyslots-size=1M,key-slot=5,label=über,size=256,cipher=aes-xts-plain64",
                  *FAST)
        metadata = self.check()
        self.assertEqual(list(metadata["keyslots"]), ["5"])
        self.assertEqual(metadata["keyslots"]["5"]["key_size"], 32)
        self.assertEqual(int(metadata["segments"]["0"]["offset"]), 4 * MIB)
        self.assertEqual(int(metadata["config"]["json_size"]), 61440)
        self.assertIn("über", self.cryptsetup("luksDump", self.image()))

    def test_argon2(self):
        for kind in "argon2i", "argon2id":
            proc = self.make("--stack", "luks", f"--layer-option=luks.pbkdf={kind}",
                             "--layer-option=luks.pbkdf-memory=64K",
                             "--layer-option=luks.pbkdf-parallel=2", "--force", expect=None)
            if proc.returncode != 0:
                self.assertIn("Argon2", proc.stderr)
                self.skipTest("this build has no Argon2")
            self.assertEqual(self.check()["keyslots"]["0"]["kdf"]["type"], kind)

    def test_integrity(self):
        self.make("--stack", "luks-aead", *FAST)
        segment = self.check()["segments"]["0"]
        self.assertEqual(segment["integrity"]["type"], "hmac(sha256)")
        self.assertEqual(self.image().read_bytes()[16 * MIB:][:8], b"integrt\0")
        size = self.image().stat().st_size
        self.flip(self.image(), size - 5)
        self.verify(self.keys_option, expect=1)

    def test_integrity_algorithms(self):
        for words in ("cipher=aes-gcm-random,integrity=aead,size=256",
                      "cipher=chacha20-random,integrity=poly1305",
                      "cipher=aes-xts-random,integrity=hmac-sha512,sector-size=512"):
            size = "512" if "sector-size" in words else "4096"
            with self.subTest(words):
                self.make("--layer", f"integrity,sector-size={size}", "--layer", f"luks,{words}",
                          "--force", *FAST)
                self.check()

    def test_detached(self):
        self.make("--layer", "luks,header=new", *FAST)
        self.assertEqual(self.image().stat().st_size, -(-len(self.data) // 4096) * 4096)
        self.assertEqual(self.check(self.image("header"))["segments"]["0"]["offset"], "0")

    def test_in_stacks(self):
        self.make("--layer", "verity", "--layer", "luks", "--layer", "integrity", *FAST)
        self.verify(self.keys_option)
        self.assertEqual(self.extract(self.keys_option).read_bytes()[:len(self.data)], self.data)

    def test_seed(self):
        images = []
        for number in range(3):
            out = self.dir / f"out{number}"
            seed = stackcase.SEED if number < 2 else stackcase.SEED[::-1]
            self.make("--stack", "luks-aead", "--seed", seed, *FAST, out=out)
            images.append((out / "root.data.img").read_bytes())
        self.assertEqual(images[0], images[1])
        self.assertNotEqual(images[0][17 * MIB:], images[2][17 * MIB:])
        again = self.make("--layer", "integrity", "--layer",
                          "luks,cipher=aes-gcm-random,integrity=aead,size=256", "--seed",
                          stackcase.SEED, *FAST, expect=2)
        self.assert_error(again, "--seed", "random IV")

    def test_decrypted_by_cryptsetup(self):
        """Not the passphrase alone: cryptsetup's own decryption gives the input back."""
        self.make("--stack", "luks", *FAST)
        copy, header = self.dir / "copy.img", self.dir / "exported"
        shutil.copy(self.image(), copy)
        self.cryptsetup("reencrypt", "-q", "--decrypt", "--force-offline-reencrypt", "--header",
                        header, "--key-file", self.passphrase, copy)
        self.assertEqual(copy.read_bytes()[:len(self.data)], self.data)

    def test_encrypted_by_cryptsetup(self):
        """A volume of cryptsetup, described by a manifest."""
        for words in (["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"],
                      ["--pbkdf", "argon2id", "--pbkdf-memory", "32768", "--hash", "sha512",
                       "--pbkdf-force-iterations", "4", "--pbkdf-parallel", "1"],
                      ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--cipher",
                       "aes-cbc-essiv:sha256", "--key-size", "256", "--sector-size", "4096"]):
            with self.subTest(words):
                self.encrypt_and_read(words)

    def encrypt_and_read(self, words):
        shutil.rmtree(self.out, ignore_errors=True)
        self.make("--stack", "luks", *FAST)
        image = self.image()
        size = image.stat().st_size + 16 * MIB
        image.write_bytes(self.data)
        with open(image, "r+b") as f:
            f.truncate(size)
        self.cryptsetup("reencrypt", "-q", "--encrypt", "--type", "luks2", "--key-file",
                        self.passphrase, "--reduce-device-size", "32M", *words, image)
        path = self.out / "root.json"
        manifest = json.loads(path.read_text())
        layer = manifest["layers"][0]
        for field in "uuid", "cipher", "size", "sector-size", "offset", "device-size":
            layer.pop(field, None)
        layer = {key: value for key, value in layer.items() if not key.startswith("pbkdf")}
        manifest["layers"] = [layer]
        digest = subprocess.run(["sha256sum", image], capture_output=True, check=True).stdout
        manifest["artifacts"][0].update(bytes=size, sha256=digest.decode()[:64])
        path.write_text(json.dumps(manifest))
        extracted = self.extract(self.keys_option)
        self.assertEqual(extracted.read_bytes()[:len(self.data)], self.data)

    def test_damaged_header(self):
        """Either copy is enough, and without both there is nothing."""
        self.make("--stack", "luks", *FAST)
        keep = self.image().read_bytes()
        for places, sound in (([100], True), ([5000], True), ([16384 + 5000], True),
                              ([0], True), ([8 + 5], True), ([6000, 16384 + 6000], False), ([3, 16384 + 3], False)):
            with self.subTest(places):
                self.image().write_bytes(keep)
                for place in places:
                    self.flip(self.image(), place)
                proc = self.run_build("extract", self.out / "root.json", "--output",
                                      self.dir / "x", "--force", self.keys_option, expect=None)
                self.assertEqual(proc.returncode == 0, sound, proc.stderr)

    def test_reencryption_in_progress(self):
        """Half of such a volume has another key."""
        self.make("--stack", "luks", *FAST)
        self.cryptsetup("reencrypt", "-q", "--init-only", "--key-file", self.passphrase,
                        "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", self.image())
        proc = self.run_build("extract", self.out / "root.json", "--output", self.dir / "x",
                              self.keys_option, expect=1)
        self.assertIn("being reencrypted", proc.stderr)
        self.assertIn("cryptsetup reencrypt", proc.stderr)

    def test_held_against_the_manifest(self):
        """A header of another volume, or with another cipher, is not taken."""
        self.make("--stack", "luks", *FAST)
        other = self.dir / "other"
        self.make("--stack", "luks", *FAST, out=other)
        header = (other / "root.data.img").read_bytes()[:16 * MIB]
        with open(self.image(), "r+b") as f:
            f.write(header)
        proc = self.run_build("extract", self.out / "root.json", "--output", self.dir / "x",
                              self.keys_option, expect=1)
        self.assertIn("uuid", proc.stderr)

    def test_refused(self):
        for layer, word in (("luks,cipher=cipher_null-ecb", "does not encrypt"),
                            ("luks,offset=64", "needs 290816 bytes"), ("luks,luks2-metadata-size=5000", "5000"),
                            ("luks,key-slot=32", "key-slot"), ("luks,pbkdf=scrypt", "scrypt"),
                            ("luks,integrity=hmac-sha256", "integrity layer")):
            with self.subTest(layer):
                proc = self.make("--layer", layer, expect=None)
                self.assertNotEqual(proc.returncode, 0)
                self.assertIn(word, proc.stderr.splitlines()[-1])
                self.assert_nothing_left()


if __name__ == "__main__":
    if not CRYPTSETUP:
        stackcase.skip("there is no cryptsetup")
    stackcase.main()
