# SPDX-License-Identifier: LGPL-2.1-or-later
"""Power cuts during enrolment, reseal, recovery and re-keying: dmstack and the software TPM are killed at random moments.
Afterwards the machine must come up by itself with the key that it had, or be as never enrolled, and
the bootstrap phase and the sealed phase must never both be open. A recovery that was cut may want the
recovery key once more, and nothing else. A re-keying that was cut goes on, and in the end all data is
there under the new key only.
usage: test-power-cuts.py PROGRAM BUILDER [KILLS [SEED]]"""

import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

import machine as m
from image import Image, MIB

PROGRAM, BUILDER = sys.argv[1:3]
KILLS = int(sys.argv[3]) if len(sys.argv) > 3 else 40
SEED = int(sys.argv[4]) if len(sys.argv) > 4 else 4
VERBS = ("enroll", "reseal", "recover", "rekey")
CRYPTSETUP = shutil.which("cryptsetup") or "/usr/sbin/cryptsetup"


class Fault(Exception):
    pass


def power_cut(box, verb, delay, both):
    """Runs the verb, and kills it, or it and the TPM, after the delay; whether it was still at it."""
    process = subprocess.Popen(box.command(verb), env=box.environment(), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               preexec_fn=m.die_with_parent)
    time.sleep(delay)
    alive = process.poll() is None
    process.kill()
    process.wait()
    # The power goes for both; but a tool that dies alone leaves a TPM that goes on for a moment.
    if not both:
        time.sleep(0.003)
    box.tpm.kill()
    m.clear_keys()
    return alive


def phase_open(box, sealed):
    """The key, if the phase opens; the machine is rebooted for it."""
    box.configure(sealed=sealed)
    box.tpm.kill()
    box.boot()
    slots = box.slots()
    result = box.run("unseal", expect=None)
    key = m.key_read("root") if result.returncode == 0 else None
    m.clear_keys()
    return key, result, slots


def check_enrolment(box):
    """After a cut of the enrolment: bootstrap or sealed, not both, and it can be finished."""
    box.boot()
    latched = box.status()["latch"] == "closed"
    early, result, _ = phase_open(box, sealed=False)
    if latched and early:
        raise Fault(f"the bootstrap phase opens behind a closed latch: {result.stderr}")
    box.configure(sealed=True, bootstrap="allow")
    box.tpm.kill()
    box.boot()
    result = box.run("unseal", expect=None)
    key = m.key_read("root")
    if result.returncode != 0 or not key:
        raise Fault(f"it does not come up: {result.returncode} {result.stderr}")
    if early and early != key:
        raise Fault("the key of the bootstrap phase is lost")
    m.clear_keys()
    late, result, _ = phase_open(box, sealed=False)
    if late:
        raise Fault("the bootstrap phase is open after the sealed one")
    return key


def check_reseal(box, key):
    found, result, _ = phase_open(box, sealed=True)
    if found != key:
        raise Fault(f"unbootable after reseal: {result.returncode} {result.stderr}")
    late, _, _ = phase_open(box, sealed=False)
    if late:
        raise Fault("the bootstrap phase is open again")
    box.configure(sealed=True)


def recovery_prepare(box, folder, number):
    """A machine with a recovery key, whose TPM was cleared: to be recovered."""
    path = pathlib.Path(folder) / f"recovery-{number}"
    box.configure(recovery=True, sealed=True)
    box.tpm.kill()
    box.boot()
    box.run("reset", "--destroy-keys")
    box.run("enroll", "--recovery-key", str(path))
    box.credential("dmstack.recovery", path.read_text())
    if number % 2:
        assert box.tpm.clear() == 0


def check_recovery(box, key):
    """It opens, or the recovery key makes it open."""
    box.boot()
    if box.run("unseal", expect=None).returncode != 0:
        box.run("recover")
        box.run("cap")
        box.tpm.kill()
        box.boot()
    else:
        box.tpm.kill()
        box.boot()
    m.clear_keys()
    box.tpm.kill()
    check_reseal(box, key)


def crypt(folder):
    image = Image(BUILDER, folder, size=6 * MIB)
    return image, f"root crypt {{data}} tpm2:root {image.options}\n"


def tags(folder):
    image = Image(BUILDER, folder, size=12 * MIB, layer="integrity,key=tpm2:tags",
                  options="integrity-algorithm=hmac-sha256,sector-size=512,journal-integrity="
                  "hmac-sha256,journal-integrity-key=tpm2:journal", keys={"tags": 32, "journal": 32})
    return image, f"root integrity {{data}} tpm2:tags {image.options}\n"


STORE = "tags integrity {{data}} - integrity-algorithm=none,tag-size=32,sector-size=4096{}\n"
AEAD = "integrity=hmac-sha256,sector-size=4096"


def aead(folder):
    image = Image(BUILDER, folder, AEAD, 4 * MIB, 96, below=["integrity,sector-size=4096"])
    return image, STORE.format("") + f"root crypt tags tpm2:root {AEAD}\n"


def luks(folder, below=(), words="sector-size=4096"):
    image = Image(BUILDER, folder, words + ",pbkdf=pbkdf2,pbkdf-force-iterations=1000", 2 * MIB,
                  layer="luks,key=tpm2:root", below=below)
    dump = subprocess.run([CRYPTSETUP, "luksUUID", image.data], check=True, capture_output=True)
    words += f",cipher=aes-xts-plain64,uuid={dump.stdout.decode().strip()}"
    return image, f"root luks {{data}} tpm2:root {words}\n"


def luks_tags(folder):
    image, line = luks(folder, ["integrity,sector-size=4096"], AEAD)
    return image, (STORE.format(",offset=32768")
                   + line.replace("{data}", "tags").rstrip() + f",header={image.data}\n")


FORMS = {"crypt": crypt, "tags": tags, "aead": aead, "luks": luks, "luks-tags": luks_tags}


class Rekeyed:
    """A machine with the image's keys, which is to get its own; cut again and again."""

    def __init__(self, folder, kind):
        folder = pathlib.Path(folder) / kind
        folder.mkdir()
        self.image, self.layers = FORMS[kind](folder)
        self.original = self.image.data.read_bytes()
        self.folder = folder
        self.number = 0
        box = self.machine()
        self.length = duration(box, "rekey")
        m.clean_up()

    def machine(self):
        """One that begins: enrolled, with the latch open."""
        self.number += 1
        box = m.Machine(PROGRAM, self.folder / f"rekey-{self.number}")
        box.seal.write_bytes(bytes(MIB))
        box.data = self.image.data
        box.data.write_bytes(self.original)
        box.layers = self.layers
        for label, key in self.image.keys.items():
            box.credential(f"dmstack.{label}", key)
        box.boot()
        box.run("enroll", "--keep-open")
        m.clear_keys()
        return box

    def cut(self, rng):
        """Cuts up to three times in a row; how many of them were within. Then it must go on."""
        box = self.machine()
        hits = 0
        for _ in range(rng.randint(1, 3)):
            delay = rng.uniform(0, self.length * 1.1)
            hit = power_cut(box, "rekey", delay, both=rng.random() < 0.5)
            self.length *= 1.05 if hit else 0.8
            hits += hit
            box.boot()
        # By hand, or by the next boot of the sealed phase, which ends what was begun.
        if rng.random() < 0.5:
            self.keys(box)
        m.clear_keys()
        box.run("rekey")
        keys = self.keys(box)
        if not self.is_whole(keys):
            raise Fault(f"the data is lost ({hits} hits)")
        for label, old in self.image.keys.items():
            if keys[label] == old or self.is_whole({**keys, label: old}):
                raise Fault(f"the image's key {label} opens it still")
        box.run("enroll", expect=None)
        if box.status()["latch"] != "closed":
            raise Fault("the latch is open")
        box.tpm.kill()
        box.boot()
        if self.keys(box) != keys:
            raise Fault("the next boot has other keys")
        return hits

    def is_whole(self, keys):
        """Whether these keys give the plaintext."""
        if "root" in keys:
            return self.image.is_whole(keys["root"])
        return self.image.verify(keys, check=False).returncode == 0

    def keys(self, box):
        """What the sealed phase opens with, which goes on with a re-keying."""
        m.clear_keys()
        result = box.run("unseal", expect=None)
        if result.returncode != 0:
            raise Fault(f"it does not come up: {result.returncode} {result.stderr}")
        return {label: m.key_read(label)[1:] for label in self.image.keys}


def duration(box, verb):
    begin = time.monotonic()
    box.run(verb)
    return time.monotonic() - begin


def main():
    m.need_tools()
    m.own_keyring()
    rng = random.Random(SEED)
    faults, cut = [], dict.fromkeys(VERBS, 0)
    with tempfile.TemporaryDirectory(prefix="dmstack-cuts-") as folder:
        box = m.Machine(PROGRAM, pathlib.Path(folder) / "probe")
        box.boot()
        lengths = {"enroll": duration(box, "enroll"), "reseal": duration(box, "reseal")}
        lengths["recover"] = lengths["enroll"]
        m.clean_up()
        rekeyed = [Rekeyed(folder, kind) for kind in FORMS]
        box = key = None
        for number in range(KILLS):
            verb = VERBS[number % len(VERBS)]
            try:
                if verb == "rekey":
                    m.clean_up()
                    box = None
                    cut[verb] += rekeyed[number // len(VERBS) % len(rekeyed)].cut(rng)
                    continue
                if verb == "enroll":
                    m.clean_up()
                    box = m.Machine(PROGRAM, pathlib.Path(folder) / f"m{number}")
                    key = None
                if box is None or (verb != "enroll" and key is None):
                    continue
                if verb == "recover":
                    recovery_prepare(box, folder, number)
                    key = m.key_read("root")
                    m.clear_keys()
                box.tpm.kill()
                box.boot()
                delay = rng.uniform(0, lengths[verb] * 1.1)
                hit = power_cut(box, verb, delay, both=rng.random() < 0.5)
                cut[verb] += hit
                # What the first run took need not be what one takes now.
                lengths[verb] *= 1.1 if hit else 0.7
                if verb == "enroll":
                    key = check_enrolment(box)
                elif verb == "reseal":
                    check_reseal(box, key)
                else:
                    check_recovery(box, key)
            except (Fault, AssertionError) as fault:
                faults.append(f"kill {number} of {verb} (seed {SEED}): {fault}")
                key = None
        m.clean_up()
    print("1..1")
    for fault in faults:
        print("# " + fault.replace("\n", "\n# "))
    print(f"# {KILLS} rounds, kills within: "
          + ", ".join(f"{verb} {n}" for verb, n in cut.items()) + f"; {len(faults)} faults")
    # The kills must have hit something.
    good = not faults and all(cut.values())
    print(f"{'ok' if good else 'not ok'} 1 - power cuts lose no key and open no second phase")
    sys.exit(not good)


main()
