# SPDX-License-Identifier: LGPL-2.1-or-later
"""dmstack rekey of layers of other kinds than plain ones and tags.
usage: test-rekey-forms.py PROGRAM BUILDER [WORD...]"""

import pathlib
import sys

import machine as m
from image import MIB
from rekeying import (COVER, JOURNAL, aead_machine, interrupt, new_key, own_keys, records,
                      tags_machine, wrong_key)

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
            ("cipher=chacha20-plain64,integrity=poly1305,sector-size=4096", 32,
             "tag-size=16,sector-size=4096"),
            ("cipher=aes-gcm-random,integrity=aead,sector-size=4096", 32,
             "tag-size=28,sector-size=4096"),
            ("cipher=aes-xts-random,integrity=hmac-sha256,sector-size=512", 96,
             "tag-size=48,sector-size=512"),
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


m.run_tests(tests, sys.argv[3:])
