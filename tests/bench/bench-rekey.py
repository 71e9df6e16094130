# SPDX-License-Identifier: LGPL-2.1-or-later
"""How fast layers are re-keyed, on a tmpfs: wall time, and what it comes to if only the CPU counts,
which a busy machine does not change. Three writes or reads of each byte are in it, and for tags a
read and two MACs.
usage: bench-rekey.py PROGRAM [MIB]"""

import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tpm"))
import machine as m  # noqa: E402

BUILDER = pathlib.Path(sys.argv[1]).resolve().parents[2] / "builder" / "dmstack-build"
# Bytes a second on all processors, wall time.
LIMIT = 1e9
ROUNDS = 3
CASES = [
    ("crypt, 4096-byte sectors", "crypt", "sector-size=4096"),
    ("crypt, 512-byte sectors", "crypt", "sector-size=512"),
    ("integrity, hmac-sha256", "integrity",
     "integrity-algorithm=hmac-sha256,sector-size=4096,journal-integrity=none"),
]


def image(folder, size, layer, options, key):
    """A layer under that key."""
    plain = folder / "plain"
    block = bytes(4096) + os.urandom((1 << 20) - 4096)
    with open(plain, "wb") as file:
        for _ in range(size >> 20):
            file.write(block)
    keyfile = folder / "key"
    keyfile.write_bytes(key)
    keyfile.chmod(0o600)
    subprocess.run([BUILDER, "create", "--input", plain, "--output", folder / "out", "--name", "root",
                    "--layer", f"{layer},key=tpm2:root,{options}", "--quiet", "--no-digest",
                    "--key", f"tpm2:root={keyfile}"], check=True)
    plain.unlink()
    return folder / "out" / "root.data.img"


def measure(folder, size, layer, options):
    """Medians of wall and CPU seconds."""
    key = os.urandom(64 if layer == "crypt" else 32)
    box = m.Machine(sys.argv[1], folder / "machine")
    box.configure(sealed=False)
    box.seal.write_bytes(bytes(17 << 20))
    box.data = image(folder, size, layer, options, key)
    box.layers = f"root {layer} {{data}} tpm2:root {options}\n"
    box.credential("dmstack.root", key)
    box.boot()
    box.run("enroll", "--keep-open")
    wall, cpu = [], []
    for _ in range(ROUNDS):
        before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        box.run("rekey", "root", timeout=600)
        wall.append(time.perf_counter() - begin)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    m.clean_up()
    return statistics.median(wall), statistics.median(cpu)


def main():
    size = (int(sys.argv[2]) if len(sys.argv) > 2 else 1024) << 20
    m.need_tools()
    m.own_keyring()
    good = True
    processors = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory(prefix="dmstack-bench-", dir="/dev/shm") as folder:
        # A path below /dev would be a device.
        link = pathlib.Path(tempfile.mkdtemp(prefix="dmstack-bench-"))
        for number, (name, layer, options) in enumerate(CASES):
            place = pathlib.Path(folder) / str(number)
            place.mkdir()
            (link / str(number)).symlink_to(place)
            wall, cpu = measure(link / str(number), size, layer, options)
            rate, possible = size / wall, size / cpu * processors
            good = good and rate >= LIMIT
            print(f"rekey {name}: {rate / 1e9:.2f} GB/s; {cpu / size * 1e9:.2f} s of CPU for a GB, "
                  f"{possible / 1e9:.2f} GB/s on {processors} idle processors")
            (link / str(number)).unlink()
        link.rmdir()
    print(f"{'reached' if good else 'MISSED'}: at least {LIMIT / 1e9:.0f} GB/s")
    sys.exit(not good)


main()
