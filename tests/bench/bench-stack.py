#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tags against libcrypto's rate, three layers in one pass against three passes, and memory.

    bench-stack.py DMSTACK-BUILD [ROUNDS]
"""

import subprocess
import sys

from benchlib import GIB, MIB, Bench, find_tool, peak_memory

INTEGRITY = ("integrity,integrity-algorithm=hmac-sha256,sector-size=4096,key=credential:k,"
             "journal-integrity=none")
CRYPT = "crypt,cipher=aes-xts-plain64,sector-size=4096,key=credential:k"


def libcrypto_rate():
    """Bytes a second of HMAC-SHA256 over blocks of 4096, on one core; None: no openssl."""
    openssl = find_tool("openssl")
    if not openssl:
        return None
    done = subprocess.run([openssl, "speed", "-mr", "-hmac", "sha256", "-bytes", "4096",
                           "-seconds", "1"], capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        if line.startswith("+F:") and "hmac(sha256)" in line:
            return float(line.split(":")[-1])
    sys.exit(f"openssl speed says something else: {done.stdout}")


class Stack(Bench):

    def __init__(self, program):
        super().__init__()
        self.program = program
        self.key = self.folder / "key"
        self.key.write_bytes(bytes(range(64)))
        self.inputs.add(self.key)

    def create(self, source, layers, *options):
        words = [self.program, "create", "--quiet", "--force", "--input", source, "--output",
                 self.folder, "--name", "ours", "--key", f"credential:k={self.key}", *options]
        for layer in layers:
            words += ["--layer", layer]
        return words

    def tags(self, source, rounds):
        """The tags alone, as openssl speed hashes alone: the data stay where they are."""
        rate = libcrypto_rate()
        name = "hmac-sha256 tags, 1 GiB, rate per core"
        if not rate:
            self.skip(name, "openssl is missing")
            return
        (_, cpu), (_, whole) = self.medians(
            (self.create(source, [f"{INTEGRITY},meta=new"], "--data-in-place", "--no-digest"),
             self.create(source, [INTEGRITY], "--no-digest")), rounds)
        mine = source.stat().st_size / cpu
        self.verdict(name, f"{mine / 1e9:.2f} GB/s / {rate / 1e9:.2f} GB/s = {mine / rate:.1f} x "
                     f"(>= 1.5); with a copy of the data "
                     f"{source.stat().st_size / whole / 1e9:.2f} GB/s", mine >= 1.5 * rate)

    def one_pass(self, source, rounds):
        stacks = ([INTEGRITY, CRYPT, "verity"], [INTEGRITY], [CRYPT], ["verity"])
        (one, _), *single = self.medians([self.create(source, stack) for stack in stacks], rounds)
        total = sum(wall for wall, _ in single)
        self.verdict("three layers, 512 MiB, in one pass",
                     f"wall {one:.3f} s / {total:.3f} s in three = {one / total:.2f} (<= 0.60)",
                     one <= 0.6 * total)

    def memory(self, what, layers, *options):
        """Of images that differ in size, and have 32 MiB that are no holes."""
        peaks = []
        for size in (64 * MIB, 16 * GIB):
            source = self.noise("sparse.img", 32 * MIB, size, 8 * MIB)
            self.clean()
            peaks.append(peak_memory(self.create(source, layers, *options)))
            self.remove(source)
        self.verdict(f"peak memory, {what}",
                     f"{peaks[0] / MIB:.1f} MiB of 64 MiB, {peaks[1] / MIB:.1f} MiB of 16 GiB "
                     "(equal within 2 MiB, <= 96 MiB)",
                     max(peaks) <= 96 * MIB and abs(peaks[0] - peaks[1]) <= 2 * MIB)


def main():
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with Stack(sys.argv[1]) as bench:
        if not bench.needs(4 * GIB):
            print(f"SKIP: {bench.folder} has less than 4 GiB")
            sys.exit(77)
        dense = bench.noise("dense.img", GIB)
        bench.tags(dense, rounds)
        bench.remove(dense)
        half = bench.noise("half.img", 512 * MIB)
        bench.one_pass(half, min(rounds, 3))
        bench.remove(half)
        bench.memory("verity", ["verity"])
        bench.memory("verity with parity", ["verity,fec=new,fec-roots=2"], "--data-in-place")
        bench.memory("integrity", [INTEGRITY])
        sys.exit(1 if bench.n_missed else 0)


main()
