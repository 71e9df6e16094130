# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of dmstack rekey have in common: machines with an image, and stops in the middle."""

import pathlib
import signal
import subprocess
import sys
import time

import machine as m
from image import Image, MIB

PROGRAM, BUILDER = sys.argv[1:3]


def machine(folder, image, layers, sealed=True, seal_size=MIB, enroll=True):
    """An enrolled machine with the image on its disk; the latch is open."""
    box = m.Machine(PROGRAM, pathlib.Path(folder) / "machine")
    if not sealed:
        box.configure(sealed=False)
    box.seal.write_bytes(bytes(seal_size))
    box.data = image.data
    box.layers = layers
    for label, key in image.keys.items():
        box.credential(f"dmstack.{label}", key)
    box.boot()
    if enroll:
        box.run("enroll", "--keep-open")
        assert all(m.key_read(label) == b"K" + key for label, key in image.keys.items())
    return box


def make(folder, seal_size=MIB, enroll=True, **kwargs):
    """One with a layer of plain ciphertext, and its image."""
    image = Image(BUILDER, folder, **kwargs)
    layers = "root crypt {data} tpm2:root " + image.options + "\n"
    return machine(folder, image, layers, seal_size=seal_size, enroll=enroll), image


def new_key(box, image):
    key = m.key_read("root")
    assert key[:1] == b"K" and len(key) == len(image.old) + 1 and key[1:] != image.old
    assert not any(key[i:i + 16].hex() in box.said for i in range(1, len(key) - 15))
    return key[1:]


def records(box):
    """Kind and label of the records in the slot of now."""
    slots = box.status()["slots"]
    data = box.slots()[[s["state"] for s in slots].index("current")]
    public, private = m.struct.unpack(">HH", data[12:16])
    at = 208 + public + private
    end = at + m.struct.unpack(">H", data[172:174])[0]
    found = []
    while at < end:
        kind, label, size = m.struct.unpack(">BBH", data[at:at + 4])
        found.append((kind, data[at + 4:at + 4 + label].decode()))
        at += 4 + label + 28 + size
    return found


def start(box, *args):
    return subprocess.Popen(box.command(*args), env=box.environment(), stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            preexec_fn=m.die_with_parent)


def interrupt(box):
    """Starts to re-key, and stops it by a signal when it is under way."""
    process = start(box, "rekey")
    while process.poll() is None and not box.seal.read_bytes()[131072:131080].strip(b"\0"):
        time.sleep(0.002)
    time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=30)[0]
    box.said += said
    assert process.returncode == 1 and "interrupted" in said, (process.returncode, said)


JOURNAL = "journal-integrity=hmac-sha256,journal-integrity-key=tpm2:journal"
COVER = "journal-crypt={}-aes,journal-crypt-key=tpm2:cover"


def tags_machine(folder, options, algorithm="hmac-sha256", size=5 * MIB):
    """One whose layer has tags with a key, and its image."""
    keys = {"tags": 32}
    for label in ("journal", "cover"):
        if f"key=tpm2:{label}" in options:
            keys[label] = 32
    image = Image(BUILDER, folder, f"integrity-algorithm={algorithm},{options}", size,
                  layer="integrity,key=tpm2:tags", keys=keys)
    layers = "tags integrity {data} tpm2:tags " + image.options + "\n"
    return machine(folder, image, layers, sealed=JOURNAL in options), image


def aead_machine(folder, options, key_size, below="tag-size=32,sector-size=4096", size=3 * MIB):
    """One with authenticated encryption, and its image."""
    keys = {"root": key_size, **({"cover": 32} if "tpm2:cover" in below else {})}
    image = Image(BUILDER, folder, options, size, keys=keys, below=["integrity," + below])
    below = below.replace("meta=new", f"meta={image.folder}/out/root.meta.img")
    layers = f"tags integrity {{data}} - integrity-algorithm=none,{below}\n"
    layers += f"root crypt tags tpm2:root {options}\n"
    return machine(folder, image, layers, sealed=False), image


def own_keys(box, image):
    keys = {label: m.key_read(label)[1:] for label in image.keys}
    assert all(keys[label] != image.keys[label] for label in keys)
    return keys


def wrong_key(box, label, key, refused="not the one"):
    """Another key than the image's was enrolled; nothing is changed."""
    box.run("reset", "--destroy-keys")
    m.clear_keys()
    box.credential("dmstack." + label, bytes(b ^ 1 for b in key))
    box.run("enroll", "--keep-open")
    before, slots = box.data.read_bytes(), box.seal.read_bytes()
    result = box.run("rekey", expect=1)
    assert refused in result.stderr, result.stderr
    assert box.data.read_bytes() == before and box.seal.read_bytes() == slots
