#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""dmstack-generator against systemd-cryptsetup-generator, in one run and by turns.

    bench-generator.py GENERATOR [PEER [LAYERS [ROUNDS]]]

Each gets the same plain dm-crypt lines, dmstack in dmstack.conf and the peer in crypttab, and an
empty folder on a tmpfs as at boot. The median of the rounds counts. Then one stack of three
layers, for which the whole run must take at most 5 ms.
"""

import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

PEER = "/usr/lib/systemd/system-generators/systemd-cryptsetup-generator"
ONE_STACK = """\
root           verity    root-crypt     -             {hash}
root-crypt     crypt     root-integrity /etc/root.key cipher=aes-xts-plain64
root-integrity integrity PARTLABEL=root -             integrity-algorithm=sha256
""".format(hash="hash=PARTLABEL=root-hash,root-hash=" + "5a" * 32)


def uuid(i):
    return f"00000000-0000-4000-8000-{i:012x}"


def measure(program, env, folder):
    """Seconds for one run into empty folders."""
    places = [folder / place for place in ("normal", "early", "late")]
    for place in places:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
    start = time.perf_counter()
    result = subprocess.run([program, *map(str, places)], env=env, stdin=subprocess.DEVNULL,
                            capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if result.returncode != 0:
        sys.exit(f"{program} failed: {result.stderr}")
    return seconds, sum(1 for path in places[0].rglob("*") if not path.is_dir())


def environment(folder, conf):
    (folder / "dmstack.conf").write_text(conf)
    (folder / "dmstack.d").mkdir(exist_ok=True)
    return {
        "DMSTACK_CONF": str(folder / "dmstack.conf"),
        "DMSTACK_MANIFEST_PATH": str(folder / "dmstack.d"),
        "SYSTEMD_CRYPTTAB": str(folder / "crypttab"),
        "SYSTEMD_PROC_CMDLINE": "",
        "SYSTEMD_IN_INITRD": "0",
        "SYSTEMD_LOG_TARGET": "console",
    }


def compare(ours, peer, folder, layers, rounds):
    """Returns the medians of ours and of the peer's, in seconds."""
    lines = [(f"data-{i}", uuid(i)) for i in range(layers)]
    env = environment(folder, "".join(
        f"{name} crypt PARTUUID={part} /etc/keys/{name} cipher=aes-xts-plain64,size=512\n"
        for name, part in lines))
    (folder / "crypttab").write_text("".join(
        f"{name} PARTUUID={part} /etc/keys/{name} plain,cipher=aes-xts-plain64,size=512\n"
        for name, part in lines))
    times = {ours: [], peer: []}
    for _ in range(rounds):
        for program, taken in times.items():
            seconds, files = measure(program, env, folder)
            if files < 2 * layers:
                sys.exit(f"{program} left only {files} files for {layers} layers")
            taken.append(seconds)
    return statistics.median(times[ours]), statistics.median(times[peer])


def main():
    ours = sys.argv[1]
    peer = sys.argv[2] if len(sys.argv) > 2 else PEER
    layers = int(sys.argv[3]) if len(sys.argv) > 3 else 1000
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 11
    shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="dmstack-bench-", dir=shm) as name:
        folder = pathlib.Path(name)
        env = environment(folder, ONE_STACK)
        one = statistics.median(measure(ours, env, folder)[0] for _ in range(rounds))
        print(f"one stack of three layers: {one * 1000:.2f} ms (at most 5 ms)")
        if not os.access(peer, os.X_OK):
            print(f"{peer} is not here to compare with")
            sys.exit(0 if one <= 0.005 else 1)
        mine, theirs = compare(ours, peer, folder, layers, rounds)
        print(f"{layers} layers: {mine * 1000:.1f} ms, {pathlib.Path(peer).name} "
              f"{theirs * 1000:.1f} ms; ratio {mine / theirs:.2f} (at most 0.50)")
    sys.exit(0 if one <= 0.005 and mine <= theirs / 2 else 1)


main()
