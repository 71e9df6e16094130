# SPDX-License-Identifier: LGPL-2.1-or-later
"""dmstack rekey of layers of other kinds than plain ones and tags.
usage: test-rekey-forms.py PROGRAM BUILDER [WORD...]"""

import json
import pathlib
import shutil
import subprocess
import sys

import machine as m
from image import Image, MIB
from rekeying import (BUILDER, COVER, JOURNAL, aead_machine, interrupt, machine, new_key, own_keys,
                      records, tags_machine, wrong_key)

CRYPTSETUP = shutil.which("cryptsetup") or "/usr/sbin/cryptsetup"

tests = []


def test(function):
    tests.append(function)
    return function


@test
def aead(folder):
    """authenticated encryption: ciphertext and tags, of all kinds, also where the IVs are random"""
    for number, (options, key_size, below) in enumerate([
            ("integrity=hmac-sha256,sector-size=4096", 96,
             "tag-size=32,sector-size=4096"),
            ("integrity=hmac-sha256,sector-size=4096", 96, "tag-size=32,sector-size=4096,meta=new"),
            ("cipher=aes-cbc-essiv:sha256,integrity=hmac-sha256,tag-size=20,sector-size=512", 64,
             "sector-size=512,tag-size=23,interleave-sectors=256"),
            ("cipher=aes-gcm-random,integrity=aead,sector-size=4096", 32,
             "tag-size=28,sector-size=4096"),
            ("cipher=aes-xts-random,integrity=none,sector-size=4096", 64,
             "tag-size=16,sector-size=4096")]):
        place = pathlib.Path(folder) / str(number)
        place.mkdir()
        box, image = aead_machine(place, options, key_size, below)
        before = image.data.read_bytes()
        box.run("rekey")
        key = new_key(box, image)
        image.verify({"root": key})
        assert image.is_whole(key)
        if "integrity=none" not in options:
            assert image.verify({"root": image.old}, check=False).returncode
        after = image.data.read_bytes()
        if image.is_random:
            # Superblock and journal.
            assert len(after) == len(before) and after[:16384] == before[:16384]
        else:
            assert image.is_as_made_with({"root": key}), options
        assert records(box) == [(4, "root")]
        m.clean_up()


@test
def damaged_aead(folder):
    """a sector whose tag was wrong is wrong afterwards, and no other is; all wrong is another key"""
    box, image = aead_machine(folder, "integrity=hmac-sha256,sector-size=4096", 96)
    good = bytearray(image.data.read_bytes())
    # Far behind superblock, journal and tags.
    at = len(good) - 2 * MIB
    good[at] ^= 1
    image.data.write_bytes(good)
    before = image.verify(image.keys, check=False)
    box.run("rekey")
    image.old = new_key(box, image)
    after = image.verify({"root": image.old}, check=False)
    assert before.returncode == after.returncode == 1
    said = before.stdout + before.stderr
    assert "not authentic" in said and said == after.stdout + after.stderr, (before, after)
    wrong_key(box, "root", image.old)


@test
def stopped_aead(folder):
    """stopped by a signal, and finished at the next boot"""
    box, image = aead_machine(folder, "cipher=aes-gcm-random,integrity=aead,sector-size=512", 32,
                              "tag-size=28,sector-size=512", 16 * MIB)
    interrupt(box)
    box.reboot()
    box.run("rekey")
    assert image.is_whole(new_key(box, image))


@test
def covered_journal(folder):
    """keys that encrypt the journal; below tags, MACs and authenticated encryption it is decrypted"""
    for number, (mode, words) in enumerate([("ctr", JOURNAL), ("cbc", "journal-integrity=none")]):
        place = pathlib.Path(folder) / str(number)
        place.mkdir()
        box, image = tags_machine(place, f"sector-size=4096,{words},{COVER.format(mode)}")
        box.run("rekey")
        keys = own_keys(box, image)
        image.verify(keys)
        assert image.is_as_made_with(keys), mode
        assert records(box) == [(4, label) for label in keys]
        # Once more, so that the others' are those of the machine, too.
        box.run("rekey", "tags")
        assert image.is_as_made_with(own_keys(box, image)), mode
        m.clean_up()
    box, image = aead_machine(folder, "integrity=hmac-sha256,sector-size=4096", 96,
                              "tag-size=32,sector-size=4096," + COVER.format("ctr"))
    box.run("rekey")
    assert image.is_as_made_with(own_keys(box, image))


@test
def wrong_journals(folder):
    """a wrong key of the journal is told, as is one that is not empty; nothing is changed"""
    for number, (label, mac, word) in enumerate([
            ("cover", "journal-integrity=none", "decrypted"), ("cover", JOURNAL, "MAC"),
            ("journal", JOURNAL, "MAC")]):
        place = pathlib.Path(folder) / str(number)
        place.mkdir()
        box, image = tags_machine(place, f"sector-size=4096,{mac},{COVER.format('ctr')}")
        # The tags have a key from elsewhere.
        box.layers = box.layers.replace("tpm2:tags", "/some/key")
        wrong_key(box, label, image.keys[label], word)
        m.clean_up()
    box, image = tags_machine(folder, "sector-size=4096,journal-integrity=none")
    data = bytearray(image.data.read_bytes())
    # The first entry of the first section, which is of sector 0 now.
    assert data[4096 + 4:4096 + 8] == b"\xff\xff\xff\xff"
    data[4096 + 4:4096 + 8] = bytes(4)
    image.data.write_bytes(data)
    result = box.run("rekey", expect=1)
    assert "not written back" in result.stderr and image.data.read_bytes() == data


def cryptsetup(*args):
    return subprocess.run([CRYPTSETUP, *args], input=b"", capture_output=True, check=False)


def opens(box, header, key, *args):
    """Whether cryptsetup takes the key."""
    path = box.folder / "some.key"
    path.write_bytes(key)
    return cryptsetup("open", "--test-passphrase", f"--key-file={path}", *args,
                      header).returncode == 0


@test
def luks(folder):
    """LUKS2: the data gets a new volume key, the header another digest and keyslot; also detached"""
    quick = "pbkdf=pbkdf2,pbkdf-force-iterations=1000"
    for number, (options, key_size) in enumerate([
            (f"sector-size=4096,{quick}", 64), (f"sector-size=512,key-slot=3,{quick}", 9),
            (f"header=new,sector-size=4096,{quick}", 32),
            ("volume-key,sector-size=4096", 64)]):
        place = pathlib.Path(folder) / str(number)
        place.mkdir()
        image = Image(BUILDER, place, options, 3 * MIB, key_size, "luks,key=tpm2:root")
        header = image.folder / "out" / ("root.header.img" if "header" in options else
                                         "root.data.img")
        words = options.replace("header=new", f"header={header}").replace("," + quick, "")
        box = machine(place, image, f"root luks {{data}} tpm2:root {words}\n", sealed=False)
        before = json.loads(cryptsetup("luksDump", "--dump-json-metadata", header).stdout)
        box.run("rekey")
        key = m.key_read("root")[1:]
        assert len(key) == max(key_size, 32) and key != image.old
        assert image.is_whole(key)
        after = json.loads(cryptsetup("luksDump", "--dump-json-metadata", header).stdout)
        assert before["segments"] == after["segments"] and before["config"] == after["config"]
        assert before["digests"]["0"]["digest"] != after["digests"]["0"]["digest"]
        if "volume-key" not in options:
            assert opens(box, header, key) and not opens(box, header, image.old)
            assert list(before["keyslots"]) == list(after["keyslots"])
        # Again, with the key that is its own.
        box.run("rekey", "root")
        assert m.key_read("root")[1:] != key and image.is_whole(m.key_read("root")[1:])
        assert records(box) == [(4, "root")]
        m.clean_up()


@test
def luks_tags(folder):
    """LUKS2 above tags: its header is on the device of the layer that keeps them, or on another one"""
    quick = "pbkdf=pbkdf2,pbkdf-force-iterations=1000"
    for number, (options, tag_size) in enumerate([
            ("integrity=hmac-sha256,sector-size=4096", 32),
            ("cipher=aes-gcm-random,integrity=aead,size=256,sector-size=512", 28),
            ("integrity=hmac-sha256,header=new,sector-size=4096", 32)]):
        place = pathlib.Path(folder) / str(number)
        place.mkdir()
        block = options.partition("sector-size=")[2]
        image = Image(BUILDER, place, f"{options},{quick}", 3 * MIB, 40, "luks,key=tpm2:root",
                      below=[f"integrity,sector-size={block}"])
        header = image.folder / "out" / "root.header.img"
        tags = f"integrity-algorithm=none,tag-size={tag_size},sector-size={block}"
        if "header" in options:
            words = options.replace("header=new", f"header={header}")
        else:
            header = image.data
            words = f"{options},header={header}"
            tags += ",offset=32768"
        layers = f"tags integrity {{data}} - {tags}\nroot luks tags tpm2:root {words}\n"
        box = machine(place, image, layers, sealed=False)
        box.run("rekey")
        key = m.key_read("root")[1:]
        assert key != image.old and image.is_whole(key)
        assert opens(box, header, key) and not opens(box, header, image.old)
        box.run("rekey", "root")
        assert image.is_whole(m.key_read("root")[1:])
        m.clean_up()


@test
def refused_luks(folder):
    """LUKS2 with a wrong key, other keyslots or tokens is told before, and nothing is changed"""
    image = Image(BUILDER, folder, "sector-size=4096,pbkdf=pbkdf2,pbkdf-force-iterations=1000",
                  2 * MIB, layer="luks,key=tpm2:root")
    layers = "root luks {data} tpm2:root sector-size=4096\n"
    box = machine(folder, image, layers, sealed=False)

    def refused(word):
        data, slots = image.data.read_bytes(), box.seal.read_bytes()
        result = box.run("rekey", expect=1)
        assert word in result.stderr, result.stderr
        assert image.data.read_bytes() == data and box.seal.read_bytes() == slots

    (box.folder / "old").write_bytes(image.old)
    (box.folder / "other").write_bytes(b"another passphrase")
    good = image.data.read_bytes()
    added = cryptsetup("luksAddKey", "-q", "--pbkdf=pbkdf2", "--pbkdf-force-iterations=1000",
                       f"--key-file={box.folder}/old", image.data, box.folder / "other")
    assert added.returncode == 0, added
    refused("2 keyslots")
    image.data.write_bytes(good)
    added = subprocess.run([CRYPTSETUP, "token", "import", image.data], check=False,
                           input=b'{"type":"some-token","keyslots":["0"]}', capture_output=True)
    assert added.returncode == 0, added
    refused("1 tokens")
    image.data.write_bytes(good)
    wrong_key(box, "root", image.old, "opens none")


m.run_tests(tests, sys.argv[3:])
