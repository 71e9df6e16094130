#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""LUKS2 volumes that dmstack-build makes and cryptsetup opens, and the other way round.

cryptsetup needs no device-mapper to test a passphrase on a file, or to reencrypt one offline."""

import base64
import json
import random
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

    def test_keyslots(self):
        """Each with its own key and key derivation; any opens it, one that is asked for only."""
        files = {name: self.dir / name for name in ("recovery", "operator", "escrow")}
        for name, path in files.items():
            path.write_text(name)
        self.make("--stack", "luks", *FAST,
                  f"--keyslot=luks,key=file:{files['operator']},key-slot=7,keyslot-priority=prefer,"
                  "pbkdf-force-iterations=2000",
                  "--keyslot=root,key=credential:recovery",
                  f"--keyslot=root,key=file:{files['escrow']},keyslot-priority=ignore",
                  f"--key=credential:recovery={files['recovery']}")
        slots = self.metadata(self.image())["keyslots"]
        self.assertEqual(sorted(slots), ["0", "1", "2", "7"])
        self.assertEqual({k: slots[k].get("priority") for k in slots},
                         {"0": None, "1": None, "2": 0, "7": 2})
        self.assertEqual({k: slots[k]["kdf"]["iterations"] for k in slots},
                         {"0": 1000, "1": 1000, "2": 1000, "7": 2000})
        self.assertEqual(len({slot["area"]["offset"] for slot in slots.values()}), 4)
        self.assertEqual(len({slot["kdf"]["salt"] for slot in slots.values()}), 4)
        for key, number in ((self.passphrase, 0), (files["recovery"], 1), (files["operator"], 7)):
            self.assertIn(f"slot {number} ", self.cryptsetup(
                "open", "--test-passphrase", "--verbose", "--key-file", key, self.image()))
            self.verify(f"--key=credential:root={key}")
        self.opens(self.image(), key=files["escrow"], expect=2)
        self.verify(f"--key=credential:root={files['escrow']}", expect=1)
        self.assertEqual(self.layer("root")["key"], "credential:root")
        # The number that the manifest pins is the only one that is tried.
        path = self.out / "root.json"
        manifest = json.loads(path.read_text())
        manifest["layers"][0]["key-slot"] = 2
        path.write_text(json.dumps(manifest))
        self.verify(f"--key=credential:root={files['escrow']}")
        self.assertIn("opens none of 1 keyslots", self.verify(self.keys_option, expect=1).stderr)

    def test_keyslots_seed(self):
        """Keyslots have different salts and stripes also where they are derived."""
        images = []
        for number in range(2):
            out = self.dir / f"out{number}"
            self.make("--stack", "luks", "--seed", stackcase.SEED, *FAST,
                      f"--keyslot=luks,key=file:{self.passphrase}", out=out)
            images.append((out / "root.data.img").read_bytes())
        self.assertEqual(images[0], images[1])
        slots = self.metadata(self.dir / "out0/root.data.img")["keyslots"]
        self.assertNotEqual(slots["0"]["kdf"]["salt"], slots["1"]["kdf"]["salt"])

    def test_volume_key(self):
        """The key of the data is given; a keyslot may be there for somebody else."""
        self.passphrase.write_bytes(stackcase.noise(64, "volume key"))
        self.wrong.write_bytes(stackcase.noise(64, "another"))
        other = self.dir / "other"
        other.write_text("other")
        for more in [], [f"--keyslot=luks,key=file:{other}"]:
            with self.subTest(more):
                self.make("--stack", "luks", "--layer-option=luks.volume-key", *FAST, *more,
                          "--force")
                self.cryptsetup("open", "--test-passphrase", "--key-size", "512",
                                "--volume-key-file", self.passphrase, self.image())
                self.opens(self.image(), key=self.passphrase, expect=2 if more else 1)
                self.assertEqual(len(self.metadata(self.image())["keyslots"]), len(more))
                self.verify(self.keys_option)
                wrong = self.verify(f"--key=credential:root={self.wrong}", expect=1)
                self.assertIn("not the volume key", wrong.stderr)
        self.opens(self.image(), key=other)
        self.assertEqual(self.extract(self.keys_option).read_bytes()[:len(self.data)], self.data)
        self.wrong.write_bytes(bytes(32))
        proc = self.make("--stack", "luks", "--layer-option=luks.volume-key", "--force",
                         f"--key=credential:short={self.wrong}",
                         "--layer-option=luks.key=credential:short", expect=None)
        self.assertNotEqual(proc.returncode, 0)

    def test_volume_key_with_tags(self):
        self.passphrase.write_bytes(stackcase.noise(96, "volume key"))
        self.make("--stack", "luks-aead", "--layer-option=luks.volume-key")
        self.cryptsetup("open", "--test-passphrase", "--key-size", "768", "--volume-key-file",
                        self.passphrase, self.image())
        self.verify(self.keys_option)

    def test_tokens(self):
        tokens = ({"type": "luks2-keyring", "keyslots": ["0"], "key_description": "my:key"},
                  {"type": "systemd-tpm2", "keyslots": ["1"], "tpm2-pcrs": [7], "tpm2-blob": "eA==",
                   "tpm2-pcr-bank": "sha256", "tpm2-primary-alg": "ecc", "tpm2-policy-hash": "00"})
        options = []
        for i, token in enumerate(tokens):
            path = self.dir / f"token{i}.json"
            path.write_text(json.dumps(token, indent=4) + "\n")
            options.append(f"--token=luks,{path}")
        self.make("--stack", "luks", *FAST, f"--keyslot=luks,key=file:{self.passphrase}", *options)
        self.assertEqual(self.metadata(self.image())["tokens"],
                         {str(i): token for i, token in enumerate(tokens)})
        self.assertIn("my:key", self.cryptsetup("luksDump", self.image()))
        self.assertEqual(json.loads(self.cryptsetup("token", "export", "--token-id", "0",
                                                    self.image())), tokens[0])
        self.verify(self.keys_option)

    def test_tokens_refused(self):
        path = self.dir / "token.json"
        for text, word in (("", "token"), ("[]", "type"), ('{"type":"x"}', "keyslots"),
                           ('{"type":"","keyslots":[]}', "type"),
                           ('{"type":"x","keyslots":["1"]}', "no keyslot 1"),
                           ('{"type":"x","keyslots":["0"],"type":"y"}', "type"),
                           ('{"type":"x","keyslots":[0]}', "keyslots"),
                           ('{"type":"x","keyslots":[]}}', "token"),
                           ('{"type":"luks2-keyring","keyslots":["0"]}', "key_description"),
                           ('{"type":"x","keyslots":[],"a":%s}' % ("[" * 6 + "]" * 6), "deep"),
                           (json.dumps({"type": "x", "keyslots": [], "a": "b" * 20000}),
                            "luks2-metadata-size")):
            with self.subTest(text[:60]):
                path.write_text(text)
                proc = self.make("--stack", "luks", *FAST, f"--token=luks,{path}", expect=None)
                self.assertNotEqual(proc.returncode, 0)
                self.assertIn(word, proc.stderr.splitlines()[-1])
                self.assert_nothing_left()

    def test_keyslots_refused(self):
        key = f"key=file:{self.passphrase}"
        for word, expected in (("luks", "nothing behind"), ("crypt," + key, "crypt"),
                               ("luks,key-slot=3", "key=REF"),
                               (f"luks,{key},key-slot=0", "number 0"),
                               (f"luks,{key},key-slot=32", "key-slot"),
                               (f"luks,{key},cipher=x", "cipher"),
                               (f"luks,{key},keyslot-priority=7", "keyslot-priority"),
                               (f"luks,{key},pbkdf=argon2id,pbkdf-memory=1G,"
                                "pbkdf-force-iterations=1000", "1000 passes"),
                               ("luks,key=file:/nowhere", "nowhere")):
            with self.subTest(word):
                proc = self.make("--stack", "luks", *FAST, f"--keyslot={word}", expect=None)
                self.assertNotEqual(proc.returncode, 0)
                self.assertIn(expected, proc.stderr.splitlines()[-1])
                self.assert_nothing_left()
        proc = self.make("--stack", "luks", *FAST, "--layer-option=luks.offset=1024",
                         *[f"--keyslot=luks,{key}"] * 2, expect=None)
        self.assertIn("3 keyslots needs 806912 bytes", proc.stderr)

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

    def test_no_aegis(self):
        """The kernel has it, and no library."""
        for kind in "luks", "crypt":
            with self.subTest(kind):
                key = self.key(kind, 16)
                proc = self.create("--layer", "integrity", "--layer",
                                   f"{kind},cipher=aegis128-random,integrity=aead,"
                                   f"key=credential:{kind}", *key, expect=1)
                self.assertIn("aegis128 is in the kernel only", proc.stderr)
                self.assert_nothing_left()

    def test_flipped_bytes(self):
        """Anywhere in ciphertext or tag, in all forms with tags."""
        pick = random.Random(11)
        for words in ("integrity=hmac-sha256", "cipher=aes-xts-random,integrity=hmac-sha256",
                      "cipher=aes-gcm-random,integrity=aead,size=256",
                      "cipher=chacha20-random,integrity=poly1305",
                      "cipher=aes-xts-random,integrity=hmac-sha512,sector-size=512",
                      "integrity=hmac-sha256,header=new"):
            with self.subTest(words):
                size = 512 if "sector-size" in words else 4096
                self.make("--layer", f"integrity,sector-size={size}", "--layer", f"luks,{words}",
                          "--force", *FAST)
                self.flip_and_verify(pick, 0 if "header" in words else 16 * MIB)

    def flip_and_verify(self, pick, offset):
        facts = json.loads(self.run_build("inspect", "--json", f"--offset={offset}",
                                          self.image()).stdout)
        blocks = len(self.data) // facts["sector-size"]
        begin = self.image().stat().st_size - facts["provided-bytes"]
        places = [begin + pick.randrange(len(self.data)) for _ in range(6)]
        places += [facts["tags-offset"] + pick.randrange(blocks * facts["tag-size"])
                   for _ in range(6)]
        places += [begin, begin + len(self.data) - 1, facts["tags-offset"],
                   facts["tags-offset"] + blocks * facts["tag-size"] - 1]
        for place in places:
            mask = 1 << pick.randrange(8)
            self.flip(self.image(), place, mask)
            self.verify(self.keys_option, "--no-digest", expect=1)
            self.flip(self.image(), place, mask)
        self.verify(self.keys_option)

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

    def inspect(self, expect=0):
        return json.loads(self.run_build("inspect", "--json", self.image(), expect=expect).stdout)

    def test_inspect(self):
        """All that luksDump says."""
        token = self.dir / "token.json"
        token.write_text('{"type":"luks2-keyring","keyslots":["3"],"key_description":"d"}')
        self.make("--stack", "luks-aead", *FAST, "--layer-option=luks.label=volume",
                  f"--token=luks,{token}", f"--keyslot=luks,key=file:{self.passphrase},key-slot=3,"
                  "keyslot-priority=prefer", f"--keyslot=luks,key=file:{self.passphrase},"
                  "pbkdf=argon2id,pbkdf-memory=64K,pbkdf-parallel=2")
        facts, metadata = self.inspect(), self.metadata(self.image())
        dump = self.cryptsetup("luksDump", self.image())
        self.assertIn(facts["uuid"], dump)
        self.assertEqual((facts["label"], facts["epoch"]), ("volume", 1))
        self.assertEqual(facts["segments"], [{
            "number": 0, "offset": 16 * MIB, "bytes": "dynamic", "cipher": "aes-xts-plain64",
            "sector-size": 4096, "iv-tweak": 0, "integrity": "hmac(sha256)"}])
        self.assertEqual(sorted(k["number"] for k in facts["keyslots"]), [0, 1, 3])
        for slot in facts["keyslots"]:
            theirs = metadata["keyslots"][str(slot["number"])]
            kdf = theirs["kdf"]
            self.assertEqual(slot["salt"], base64.b64decode(kdf["salt"]).hex())
            self.assertEqual(slot["area-offset"], int(theirs["area"]["offset"]))
            self.assertEqual(slot["key-bits"], theirs["key_size"] * 8)
            self.assertEqual(slot["priority"], "prefer" if slot["number"] == 3 else "normal")
            self.assertEqual(slot["digest"], 0)
            self.assertEqual(slot["pbkdf"], kdf["type"])
            if kdf["type"] == "argon2id":
                self.assertEqual((slot["time-cost"], slot["memory-kib"], slot["threads"]),
                                 (kdf["time"], kdf["memory"], kdf["cpus"]))
        self.assertEqual(facts["tokens"],
                         [{"number": 0, "type": "luks2-keyring", "keyslots": "3"}])
        digest = facts["digests"][0]
        self.assertEqual(digest["keyslots"], "0 1 3")
        self.assertEqual(digest["digest"],
                         base64.b64decode(metadata["digests"]["0"]["digest"]).hex())
        text = self.run_build("inspect", self.image()).stdout
        self.assertIn("\n  keyslot 3\n    key-bits                768\n", text)
        self.flip(self.image(), 0)
        self.assertIn("second", self.inspect()["copy"])
        self.flip(self.image(), 16384)
        self.assertIn("no superblock", self.run_build("inspect", self.image(), expect=1).stderr)

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
        self.assertIn("being reencrypted", self.inspect(expect=1)["broken"])

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
                            ("luks,key-slot=32", "key-slot"),
                            ("luks,key-slot=3,volume-key", "key-slot"),
                            ("luks,volume-key", "volume-key"), ("luks,pbkdf=scrypt", "scrypt"),
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
