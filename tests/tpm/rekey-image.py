# SPDX-License-Identifier: LGPL-2.1-or-later
"""Re-keys an image as the machine does that it is installed on, for tests that boot it then.
usage: rekey-image.py PROGRAM IMAGE KEY LINE...

The lines are of dmstack.conf, with {data} for the image and tpm2:root for the key, which is that of
the file KEY before and afterwards."""

import pathlib
import sys
import tempfile

import machine as m

PROGRAM, IMAGE, KEY, *LINES = sys.argv[1:]

m.need_tools()
m.own_keyring()
with tempfile.TemporaryDirectory(prefix="dmstack-tpm-") as folder:
    try:
        box = m.Machine(PROGRAM, pathlib.Path(folder) / "machine", sealed=False)
        box.seal.write_bytes(bytes(1 << 20))
        box.data = pathlib.Path(IMAGE).resolve()
        box.layers = "".join(line + "\n" for line in LINES)
        box.credential("dmstack.root", pathlib.Path(KEY).read_bytes())
        box.boot()
        box.run("enroll", "--keep-open")
        box.run("rekey")
        pathlib.Path(KEY).write_bytes(m.key_read("root")[1:])
    finally:
        m.clean_up()
