# SPDX-License-Identifier: LGPL-2.1-or-later
"""dmstack rekey of layers of other kinds than plain ones and tags.
usage: test-rekey-forms.py PROGRAM BUILDER [WORD...]"""

import pathlib
import sys

import machine as m
from image import MIB
from rekeying import aead_machine, interrupt, new_key, records, wrong_key

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


m.run_tests(tests, sys.argv[3:])
