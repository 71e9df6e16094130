# SPDX-License-Identifier: LGPL-2.1-or-later
"""dmstack rekey against a software TPM, on images of dmstack-build.
usage: test-rekey.py PROGRAM BUILDER [WORD...]"""

import fcntl
import os
import pathlib
import pty
import socket
import subprocess
import sys

import machine as m
from image import MIB
from rekeying import (JOURNAL, interrupt, make, new_key, own_keys, records, tags_machine, wrong_key)

tests = []


def test(function):
    tests.append(function)
    return function


@test
def plain(folder):
    """the image's key is replaced before the latch closes, and opens nothing any more"""
    box, image = make(folder)
    box.run("rekey")
    key = new_key(box, image)
    assert image.is_whole(key) and not image.is_whole(image.old)
    assert records(box) == [(4, "root")]
    assert not box.seal.read_bytes()[131072:].strip(b"\0"), "the journal is left"
    # Nothing is left to do; the machine goes on as any other.
    before = image.data.read_bytes()
    box.run("rekey")
    assert image.data.read_bytes() == before
    box.run("enroll")
    box.run("cap")
    for _ in range(2):
        box.reboot()
        m.clear_keys()
        box.run("unseal")
        assert m.key_read("root") == b"K" + key
        box.run("cap")
    box.run("rekey", expect=m.CAPPED)
    assert image.is_whole(key)


@test
def forms(folder):
    """other ciphers, sector sizes and offsets, and sizes that are no multiple of a piece"""
    for number, (options, size, key_size) in enumerate([
            ("cipher=aes-cbc-essiv:sha256,size=256,sector-size=512", MIB + 512, 32),
            ("cipher=aes-xts-plain64,size=256,sector-size=512,skip=8", 3 * MIB - 4096, 32),
            ("cipher=aes-xts-plain64,sector-size=4096,iv-large-sectors,offset=64", 2 * MIB, 64)]):
        place = pathlib.Path(folder) / str(number)
        place.mkdir()
        box, image = make(place, seal_size=(1 + number) * MIB, options=options, size=size,
                          key_size=key_size)
        box.run("rekey", "root")
        key = new_key(box, image)
        assert image.is_whole(key) and not image.is_whole(image.old), options
        assert image.is_as_made_with({"root": key}), options
        m.clean_up()


@test
def progress(folder):
    """the service manager is told how far it is, and to wait; a terminal gets a bar"""
    box, _ = make(folder)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(folder + "/notify")
        os.environ["NOTIFY_SOCKET"] = folder + "/notify"
        try:
            result = box.run("rekey")
        finally:
            del os.environ["NOTIFY_SOCKET"]
        manager.setblocking(False)
        said = manager.recv(4096).decode()
    assert said.startswith("EXTEND_TIMEOUT_USEC=300000000\nSTATUS=Re-keying root: 0 of 4 MiB"), said
    assert "[" not in result.stderr
    main, end = pty.openpty()
    process = subprocess.run(box.command("rekey", "root"), env=box.environment(), stdin=end,
                             stdout=end, stderr=end, check=True, timeout=60)
    os.close(end)
    shown = os.read(main, 65536).decode()
    os.close(main)
    assert process.returncode == 0 and "root [" in shown and "100 %" in shown, shown


@test
def wrong_keys(folder):
    """a key that is not the one of the data is told before anything is written with it"""
    for number, options in enumerate(["sector-size=4096", "sector-size=512",
                                      "cipher=aes-cbc-essiv:sha256,size=256"]):
        place = pathlib.Path(folder) / str(number)
        place.mkdir()
        # Only one place of it is no noise.
        content = os.urandom(MIB) + bytes(4096) + os.urandom(MIB)
        box, image = make(place, options=options, content=content,
                          key_size=32 if "cbc" in options else 64)
        box.run("rekey")
        image.old = new_key(box, image)
        wrong_key(box, "root", image.old)
        m.clean_up()
    box, image = tags_machine(folder, "sector-size=4096,journal-integrity=none")
    wrong_key(box, "tags", image.keys["tags"])


@test
def unchecked(folder):
    """data in which nothing tells that the key is right needs a word; a blank device needs none"""
    box, image = make(folder, content=os.urandom(4 * MIB))
    before = image.data.read_bytes()
    assert "not the one" in box.run("rekey", expect=1).stderr
    assert image.data.read_bytes() == before
    box.run("rekey", "--unchecked")
    assert image.is_whole(new_key(box, image))
    image.data.write_bytes(bytes(len(before)))
    box.run("rekey", "root")
    assert image.data.read_bytes() != bytes(len(before))


@test
def by_name(folder):
    """a key that is the machine's own already is replaced if the layer is named"""
    box, image = make(folder)
    box.run("rekey")
    first = new_key(box, image)
    box.run("rekey", "root")
    second = new_key(box, image)
    assert first != second and image.is_whole(second)
    # One that comes from the root secret as well.
    box.run("rekey", "nothing", expect=1)


@test
def sealed(folder):
    """after the latch is closed, before the cap; with signed PCRs, a PIN and a recovery key"""
    box, image = make(folder, enroll=False)
    box.configure(pin=True, recovery=True)
    box.make_key()
    box.sign([1])
    box.credential("dmstack.pin", "123456")
    box.run("enroll", "--recovery-key", folder + "/recovery")
    box.run("rekey")
    key = new_key(box, image)
    box.reboot()
    m.clear_keys()
    box.run("unseal")
    assert m.key_read("root") == b"K" + key
    assert image.is_whole(key)
    # The recovery key gives the new key, too.
    assert box.tpm.clear() == 0
    box.reboot()
    box.credential("dmstack.recovery", pathlib.Path(folder + "/recovery").read_text())
    box.run("recover")
    box.reboot()
    m.clear_keys()
    box.run("unseal")
    assert m.key_read("root") == b"K" + key


@test
def after_good(folder):
    """an epoch that is not yet known as good does not become final by it"""
    box, image = make(folder)
    box.configure(commit="after-good")
    box.run("enroll")
    box.configure(epoch=2)
    box.run("rekey")
    assert max(s["epoch"] for s in box.status()["slots"]) == 1
    assert image.is_whole(new_key(box, image))


@test
def stopped(folder):
    """between: no key, the latch stays open, tpm-status tells; then it goes on"""
    box, image = make(folder, size=24 * MIB)
    interrupt(box)
    assert records(box) == [(1, "root"), (3, "root")]
    assert [s.get("rekeying") for s in box.status()["slots"]].count("root") == 1
    assert "re-keying of root" in box.run("tpm-status").stdout
    # What is in the keyring is no key.
    assert m.key_read("root") == b"N\0"
    box.run("enroll", expect=1)
    assert "dmstack rekey" in box.said
    assert box.status()["latch"] == "open"
    box.reboot()
    m.clear_keys()
    box.configure(sealed=False)
    box.run("unseal")
    assert m.key_read("root") == b"N\0"
    box.run("rekey")
    key = new_key(box, image)
    assert image.is_whole(key)
    box.run("enroll")


@test
def sealed_resumes(folder):
    """in the sealed phase unseal goes on by itself, and only then closes the latch"""
    box, image = make(folder, size=24 * MIB)
    interrupt(box)
    box.reboot()
    m.clear_keys()
    box.run("unseal")
    key = new_key(box, image)
    assert image.is_whole(key)
    assert box.status()["latch"] == "closed"


@test
def tags(folder):
    """keyed tags, and the MAC of journal and superblock: all old keys open nothing"""
    for number, (algorithm, options, size) in enumerate([
            ("hmac-sha256", f"sector-size=4096,{JOURNAL}", 20 * MIB),
            ("hmac-sha256", f"sector-size=512,tag-size=20,interleave-sectors=256,{JOURNAL}", 5 * MIB),
            ("hmac-sha512", "sector-size=512,journal-integrity=none", 3 * MIB)]):
        place = pathlib.Path(folder) / str(number)
        place.mkdir()
        box, image = tags_machine(place, options, algorithm, size)
        box.run("rekey")
        keys = own_keys(box, image)
        image.verify(keys)
        assert image.is_as_made_with(keys), options
        for label, key in image.keys.items():
            assert image.verify({**keys, label: key}, check=False).returncode
        output = place / "back"
        image.run("extract", keys, image.manifest, "--output", output)
        assert output.read_bytes().startswith(image.plain.read_bytes())
        assert records(box) == [(4, label) for label in keys]
        m.clean_up()


@test
def stopped_tags(folder):
    """the same, stopped by a signal, and finished at the next boot"""
    box, image = tags_machine(folder, "sector-size=512," + JOURNAL, size=24 * MIB)
    interrupt(box)
    box.reboot()
    box.run("unseal")
    # Only what was begun is finished by itself.
    box.run("rekey")
    keys = own_keys(box, image)
    image.verify(keys)


@test
def damaged_tags(folder):
    """a block that was damaged before is damaged afterwards, and no other is"""
    box, image = tags_machine(folder, "sector-size=4096," + JOURNAL)
    data = bytearray(image.data.read_bytes())
    plain = image.plain.read_bytes()
    at = data.index(plain[77 * 4096:78 * 4096])
    data[at + 5] ^= 1
    image.data.write_bytes(data)
    before = image.verify(image.keys, check=False)
    box.run("rekey")
    after = image.verify(own_keys(box, image), check=False)
    assert before.returncode == after.returncode == 1, after
    said = before.stdout + before.stderr
    assert "do not belong together" in said and said == after.stdout + after.stderr, (before, after)


@test
def changed_metadata(folder):
    """a superblock or a journal without the MAC of its key gets none of the new one"""
    box, image = tags_machine(folder, "sector-size=4096," + JOURNAL)
    # The tags have a key from elsewhere.
    box.layers = box.layers.replace("tpm2:tags", "/some/key")
    good = image.data.read_bytes()
    # The salt, and the first entry's sector number.
    for at in (52, 4096 + 2):
        data = bytearray(good)
        data[at] ^= 1
        image.data.write_bytes(data)
        slots = box.slots()
        result = box.run("rekey", expect=None)
        assert result.returncode == 1 and "MAC" in result.stderr, (at, result)
        assert box.slots() == slots and image.data.read_bytes() == data


@test
def first_boot(folder):
    """rekey=first-boot: the machine enrols itself and re-keys before the latch closes"""
    box, image = make(folder, enroll=False)
    box.configure(bootstrap="allow", rekey="first-boot")
    box.run("unseal")
    key = new_key(box, image)
    assert image.is_whole(key) and box.status()["latch"] == "closed"
    before = image.data.read_bytes()
    box.reboot()
    m.clear_keys()
    box.run("unseal")
    assert m.key_read("root") == b"K" + key and image.data.read_bytes() == before


@test
def later(folder):
    """the same for a machine that was enrolled by hand, in use: at its first sealed boot"""
    box, image = make(folder)
    box.configure(rekey="first-boot")
    box.run("enroll")
    assert m.key_read("root") == b"K" + image.old
    # What is in use is an error, and nothing is lost by it.
    with open(image.data, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        box.reboot()
        box.run("unseal", expect=1)
    box.reboot()
    box.run("unseal")
    assert image.is_whole(new_key(box, image))


@test
def told_early(folder):
    """enroll tells what will not be possible; with rekey=first-boot it refuses, and writes nothing"""
    box, _ = make(folder, seal_size=m.DEVICE, enroll=False)
    layers = box.layers
    box.configure(rekey="first-boot")
    result = box.run("enroll", expect=1)
    assert "1048576 bytes" in result.stderr
    box.seal.write_bytes(bytes(MIB))
    box.layers = layers + ("tags integrity /nothing tpm2:root integrity-algorithm=hmac-sha256,"
                           "journal-integrity=none,sector-size=512\n")
    box.run("enroll", expect=1)
    assert not box.seal.read_bytes().strip(b"\0") and box.status()["latch"] == "absent"
    box.layers = layers
    box.configure(rekey=None)
    box.seal.write_bytes(bytes(m.DEVICE))
    result = box.run("enroll")
    assert "rekey" in result.stderr


@test
def other_layer(folder):
    """between, another configuration or another size is refused, and nothing is changed"""
    box, image = make(folder, size=24 * MIB)
    interrupt(box)
    before = image.data.read_bytes()
    layers = box.layers
    for words in ("sector-size=512", "sector-size=4096,skip=8", "sector-size=4096,offset=8",
                  "sector-size=4096,cipher=aes-cbc-essiv:sha256,size=512"):
        box.layers = f"root crypt {{data}} tpm2:root {words}\n"
        box.run("rekey", expect=1)
    box.layers = layers.replace("root crypt", "toor crypt")
    box.run("rekey", expect=1)
    box.layers = "root crypt {data} tpm2:other sector-size=4096\n"
    box.run("rekey", expect=1)
    box.layers = layers
    os.truncate(image.data, len(before) - 4096)
    box.run("rekey", expect=1)
    assert image.data.read_bytes() == before[:-4096]
    image.data.write_bytes(before)
    box.run("rekey")
    assert image.is_whole(new_key(box, image))


@test
def journal_lost(folder):
    """between, a journal that somebody destroyed is told, and does not make it begin anew"""
    box, image = make(folder, size=24 * MIB)
    interrupt(box)
    before, seal = image.data.read_bytes(), box.seal.read_bytes()
    box.seal.write_bytes(seal[:131072] + bytes(len(seal) - 131072))
    result = box.run("rekey", expect=1)
    assert "journal" in result.stderr
    assert image.data.read_bytes() == before
    box.seal.write_bytes(seal)
    box.run("rekey")
    assert image.is_whole(new_key(box, image))


@test
def refusals(folder):
    """what cannot be re-keyed is told before anything is written"""
    box, image = make(folder, seal_size=m.DEVICE)
    before = image.data.read_bytes()

    def refused(word, *args):
        slots = box.seal.read_bytes()
        result = box.run("rekey", *args, expect=1)
        assert word in result.stderr, result.stderr
        assert image.data.read_bytes() == before and box.seal.read_bytes() == slots

    refused("1048576 bytes")
    box.seal.write_bytes(box.seal.read_bytes() + bytes(MIB))
    layers = box.layers
    box.layers = layers.replace("tpm2:root ", "tpm2:root read-only,")
    refused("only be read")
    box.layers = layers + "second crypt /nothing tpm2:root\n"
    refused("more than once")
    box.layers = layers + f"other crypt {box.data} /some/file\n"
    refused("TPM", "other")
    box.layers = layers.replace("sector-size=4096", "size=256")
    refused("64 bytes where 32")
    box.layers = layers.replace("sector-size=4096", "cipher=serpent-xts-plain64")
    refused("serpent")
    box.layers = "root luks {data} tpm2:root\n"
    refused("LUKS2 header")
    box.layers = layers
    with open(image.data, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        refused("somebody else")
    box.run("rekey")
    assert image.is_whole(new_key(box, image))


@test
def not_enrolled(folder):
    """a machine that is not enrolled"""
    box, _ = make(folder, enroll=False)
    box.run("rekey", expect=m.RESET_REQUIRED)


m.run_tests(tests, sys.argv[3:])
