# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who vouches for a manifest: signatures made by openssl, and each way in which one is not right.
usage: test-trust.py PROGRAM"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

PROGRAM = sys.argv[1]
NEEDS = "the sealed phase needs one of both"


def manifest(name, phase, generation=3, **more):
    return json.dumps({
        "dmstack": 1, "name": name, "generation": generation, "phase": phase, **more,
        "layers": [{"name": name, "type": "linear", "devices": {"data": f"PARTLABEL={name}"}}],
    }, indent=2)


def openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)


def make_keys(folder):
    for name in ("ours", "theirs"):
        openssl("req", "-x509", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-newkey", "ec",
                "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", folder / f"{name}.key",
                "-out", folder / f"{name}.pem")
    openssl("x509", "-in", folder / "ours.pem", "-outform", "DER", "-out", folder / "ours.der")


class Tree:
    """One root folder with manifests, signatures and certificates."""

    def __init__(self, keys, root):
        self.keys = keys
        self.root = root

    def put(self, path, content):
        at = self.root / path.lstrip("/")
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_bytes(content if isinstance(content, bytes) else content.encode())
        return at

    def manifest(self, name, phase, **more):
        return self.put(f"/etc/dmstack.d/{name}.json", manifest(name, phase, **more))

    def trust(self, certificate="ours.pem", path="/etc/dmstack/keys.d/ours.pem"):
        self.put(path, (self.keys / certificate).read_bytes())

    def sign(self, path, who="ours"):
        signature = pathlib.Path(f"{path}.p7s")
        openssl("cms", "-sign", "-binary", "-noattr", "-nosmimecap", "-outform", "DER", "-md",
                "sha256", "-in", path, "-signer", self.keys / f"{who}.pem", "-inkey",
                self.keys / f"{who}.key", "-out", signature)
        return signature

    def check(self):
        result = subprocess.run([PROGRAM, "check", "--root", str(self.root)], timeout=60,
                                stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                check=False)
        return result.returncode, result.stderr

    def good(self, layers=1):
        code, text = self.check()
        assert code == 0 and not text, text
        out = subprocess.run([PROGRAM, "list", "--json", "--root", str(self.root)], check=True,
                             capture_output=True, text=True).stdout
        rows = json.loads(out)
        rows = rows["layers"] if isinstance(rows, dict) else rows
        assert len(rows) == layers and all(row["state"] != "broken" for row in rows), rows

    def refused(self, *words, messages=1):
        code, text = self.check()
        assert code == 1, f"exit {code}\n{text}"
        lines = text.strip().splitlines()
        assert len(lines) == messages, text
        for word in words:
            assert any(word in line for line in lines), f"{word} is not in\n{text}"


def nothing_is_asked_in_bootstrap(t):
    """without a certificate a bootstrap manifest needs no signature"""
    t.manifest("a", "bootstrap")
    t.good()


def unsigned_sealed(t):
    """a sealed manifest for which nobody vouches is refused"""
    t.manifest("a", "sealed")
    t.refused("/etc/dmstack.d/a.json: ", NEEDS)


def signature_without_certificate(t):
    """a signature that nobody can check is none"""
    t.sign(t.manifest("a", "sealed"))
    t.refused("/etc/dmstack.d/a.json: ", NEEDS)


def initrd_vouches(t):
    """what is part of an initrd needs no signature of its own"""
    t.put("/etc/initrd-release", "")
    t.manifest("a", "sealed")
    t.good()
    t.trust()
    t.good()


def signed(t):
    """a signature by a certificate in any of the three folders, PEM or DER"""
    t.sign(t.manifest("a", "sealed"))
    for certificate, path in (("ours.pem", "/etc/dmstack/keys.d/a.pem"),
                              ("ours.der", "/run/dmstack/keys.d/a.der"),
                              ("ours.pem", "/usr/lib/dmstack/keys.d/a.pem")):
        t.trust(certificate, path)
        t.good()
        (t.root / path.lstrip("/")).unlink()
    t.refused(NEEDS)


def two_certificates(t):
    """any of several certificates will do"""
    t.trust()
    t.trust("theirs.pem", "/usr/lib/dmstack/keys.d/theirs.pem")
    t.sign(t.manifest("a", "sealed"))
    t.sign(t.manifest("b", "sealed"), "theirs")
    t.good(2)


def masked_certificate(t):
    """an empty file masks a certificate of the same name"""
    t.trust(path="/usr/lib/dmstack/keys.d/ours.pem")
    t.sign(t.manifest("a", "sealed"))
    t.good()
    t.put("/etc/dmstack/keys.d/ours.pem", "")
    t.refused(NEEDS)


def stripped(t):
    """who removes the signature cannot say bootstrap either"""
    t.trust()
    path = t.manifest("a", "sealed")
    t.sign(path).unlink()
    t.refused("/etc/dmstack.d/a.json: it has no signature", "a.json.p7s")
    t.manifest("a", "bootstrap")
    t.refused("/etc/dmstack.d/a.json: it has no signature")


def foreign_key(t):
    """a signature by another key"""
    t.trust()
    t.sign(t.manifest("a", "sealed"), "theirs")
    t.refused("/etc/dmstack.d/a.json.p7s: the signature is not valid")


def edited(t):
    """one character of the manifest is another one"""
    t.trust()
    path = t.manifest("a", "sealed")
    t.sign(path)
    path.write_text(path.read_text().replace("PARTLABEL=a", "PARTLABEL=b"))
    t.refused("/etc/dmstack.d/a.json.p7s: the signature is not valid")


def edited_in_initrd(t):
    """a signature that is wrong is an error in the initrd, too"""
    t.put("/etc/initrd-release", "")
    t.trust()
    path = t.manifest("a", "sealed")
    t.sign(path)
    path.write_text(path.read_text() + "\n")
    t.refused("/etc/dmstack.d/a.json.p7s: the signature is not valid")


def swapped(t):
    """two signatures change places"""
    t.trust()
    a, b = (t.sign(t.manifest(name, "sealed")) for name in "ab")
    t.good(2)
    text = a.read_bytes()
    a.write_bytes(b.read_bytes())
    b.write_bytes(text)
    t.refused("a.json.p7s: the signature is not valid", "b.json.p7s: the signature is not valid",
              messages=2)


def not_a_signature(t):
    """a signature that is cut, empty, extended, foreign, too large or a folder"""
    t.trust()
    signature = t.sign(t.manifest("a", "sealed"))
    text = signature.read_bytes()
    for content, word in ((text[:-1], "not a CMS signature"), (text[:40], "not a CMS signature"),
                          (b"", "not a CMS signature"), (text + b"\0", "not a CMS signature"),
                          (b"-----BEGIN CMS-----\n", "not a CMS signature"),
                          (text + bytes(70000), "cannot be read")):
        signature.write_bytes(content)
        t.refused("/etc/dmstack.d/a.json.p7s: ", word)
    signature.unlink()
    signature.mkdir()
    t.refused("/etc/dmstack.d/a.json.p7s: cannot be read")
    signature.rmdir()
    signature.symlink_to("/nowhere")
    t.refused("/etc/dmstack.d/a.json.p7s: cannot be read")


def every_byte(t):
    """a bit that is flipped anywhere in a manifest is seen"""
    t.trust()
    path = t.manifest("a", "sealed")
    t.sign(path)
    text = bytearray(path.read_bytes())
    for position in range(0, len(text), 7):
        text[position] ^= 1 << position % 8
        path.write_bytes(text)
        code, _ = t.check()
        assert code == 1, f"bit {position}:{position % 8}"
        text[position] ^= 1 << position % 8


def bad_certificate(t):
    """a certificate that is none makes every answer a refusal"""
    t.trust()
    t.put("/run/dmstack/keys.d/x.pem", "-----BEGIN CERTIFICATE-----\nnonsense\n")
    t.sign(t.manifest("a", "sealed"))
    t.manifest("b", "bootstrap")
    t.refused("a.json: no signature can be checked: /run/dmstack/keys.d/x.pem has no certificate",
              "b.json: no signature can be checked", messages=2)


def others_stay(t):
    """a manifest that is refused takes no other with it"""
    t.trust()
    t.sign(t.manifest("a", "sealed"))
    t.sign(t.manifest("b", "sealed"), "theirs")
    t.refused("b.json.p7s: the signature is not valid")
    out = subprocess.run([PROGRAM, "list", "--root", str(t.root)], capture_output=True, text=True,
                         check=False).stdout
    assert "\na " in out and "\nb " not in out, out


def line_seals(t):
    """a line that seals an unsigned manifest asks for a signature as well"""
    t.put("/usr/lib/a.json", manifest("a", "bootstrap"))
    t.put("/etc/dmstack.conf", "a manifest /usr/lib/a.json\n")
    t.good()
    t.put("/etc/dmstack.conf", "a manifest /usr/lib/a.json - sealed\n")
    t.refused("/usr/lib/a.json: ", NEEDS)
    t.sign(t.root / "usr/lib/a.json")
    t.trust()
    t.good()


def layer_above(t):
    """a sealed layer on one of an unsigned manifest cannot be used"""
    t.manifest("a", "bootstrap")
    t.put("/etc/dmstack.conf", "top linear a - sealed\n")
    t.refused("/etc/dmstack.d/a.json: ", NEEDS, "\"a\", on which it stands", messages=2)


def seal(t):
    """the seal of an unsigned manifest is refused when a sealed layer needs it"""
    t.manifest("a", "bootstrap", seal={"name": "machine", "device": "PARTLABEL=seal"})
    t.put("/etc/dmstack.conf", "data crypt PARTLABEL=data tpm2:data\n")
    t.good(2)
    t.put("/etc/dmstack.conf", "data crypt PARTLABEL=data tpm2:data sealed\n")
    t.refused("/etc/dmstack.d/a.json: $.seal: ", NEEDS)


def attach(t):
    """attach refuses by itself, before it looks at any device"""
    path = t.manifest("a", "sealed")
    env = {**os.environ, "DMSTACK_CONF": "/dev/null", "SYSTEMD_PROC_CMDLINE": "",
           "DMSTACK_MANIFEST_PATH": str(path.parent), "SYSTEMD_IN_INITRD": "1"}
    result = subprocess.run([PROGRAM, "attach", "a"], env=env, capture_output=True, text=True,
                            stdin=subprocess.DEVNULL, timeout=60, check=False)
    # This machine's root is no initrd, whatever the environment says.
    assert result.returncode == 1 and NEEDS in result.stderr, result
    assert "PARTLABEL" not in result.stderr, result.stderr


TESTS = [nothing_is_asked_in_bootstrap, unsigned_sealed, signature_without_certificate,
         initrd_vouches, signed, two_certificates, masked_certificate, stripped, foreign_key,
         edited, edited_in_initrd, swapped, not_a_signature, every_byte, bad_certificate,
         others_stay, line_seals, layer_above, seal, attach]


def main():
    if not shutil.which("openssl"):
        print("1..0 # SKIP openssl is not installed")
        return 0
    failed = 0
    print(f"1..{len(TESTS)}")
    with tempfile.TemporaryDirectory(prefix="dmstack-trust-") as scratch:
        scratch = pathlib.Path(scratch)
        make_keys(scratch)
        for number, function in enumerate(TESTS, 1):
            try:
                function(Tree(scratch, scratch / str(number)))
                print(f"ok {number} - {function.__doc__.splitlines()[0]}")
            except AssertionError as error:
                failed += 1
                print(f"not ok {number} - {function.__doc__.splitlines()[0]}")
                print("\n".join(f"# {line}" for line in str(error).splitlines()))
    return 1 if failed else 0


sys.exit(main())
