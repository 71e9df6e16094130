# SPDX-License-Identifier: LGPL-2.1-or-later
"""One run of the generator on the inputs of a case, in a folder of its own."""

import os
import shutil
import subprocess

PLACES = ("normal", "early", "late")


def prepare(case, folder):
    """Copies the inputs, so that the machine's own configuration is out of sight."""
    conf = case / "dmstack.conf"
    text = conf.read_text() if conf.exists() else ""
    (folder / "dmstack.conf").write_text(text.replace("@CASE@", str(folder)))
    (folder / "dmstack.d").mkdir()
    for path in case.glob("*.json"):
        shutil.copy(path, folder / "dmstack.d")
    for place in PLACES:
        (folder / place).mkdir()


def run(generator, case, folder, initrd):
    """Returns the finished process; what it wrote is below the folder, in PLACES."""
    prepare(case, folder)
    cmdline = case / "cmdline"
    env = {
        "PATH": os.environ["PATH"],
        "DMSTACK_CONF": str(folder / "dmstack.conf"),
        "DMSTACK_MANIFEST_PATH": str(folder / "dmstack.d"),
        "SYSTEMD_PROC_CMDLINE": cmdline.read_text().strip() if cmdline.exists() else "",
        "SYSTEMD_IN_INITRD": "1" if initrd else "0",
        "SYSTEMD_FSTAB": str(case / "fstab"),
        "SYSTEMD_LOG_TARGET": "console",
    }
    for key in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
        if key in os.environ:
            env[key] = os.environ[key]
    return subprocess.run([generator, *(str(folder / place) for place in PLACES)], env=env,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                          check=False)
