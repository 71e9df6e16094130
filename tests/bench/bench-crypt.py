#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Encryption against libcrypto, cp, cryptsetup and, where there is a checkout of it, the predecessor.

    bench-crypt.py DMSTACK-BUILD [ROUNDS]

$DMTOOLS: a checkout of device-mapper-tools, whose build_stack.py needs Python's cryptography.
"""

import filecmp
import os
import pathlib
import shutil
import statistics
import subprocess
import sys

from benchlib import GIB, MIB, Bench, find_tool, once

KEY = "credential:k"


class Crypt(Bench):
    """The keys and commands of all rows."""

    def __init__(self, program):
        super().__init__()
        self.program = program
        self.keys = {}
        for size in (32, 64):
            self.keys[size] = self.folder / f"key{size}"
            self.keys[size].write_bytes(bytes(range(size)))
            self.inputs.add(self.keys[size])

    def ours(self, source, layer, size, *options):
        return [self.program, "create", "--quiet", "--force", "--input", source, "--output",
                self.folder, "--name", "ours", "--layer", f"{layer},key={KEY}",
                "--key", f"{KEY}={self.keys[size]}", *options]

    def same(self, command, output, peer_command, peer_output):
        """Both make the same bytes, or nothing was measured."""
        self.clean()
        for words in (command, peer_command):
            subprocess.run([str(word) for word in words], check=True, stdout=subprocess.DEVNULL)
        if not filecmp.cmp(self.folder / output, self.folder / peer_output, False):
            sys.exit(f"{output} and {peer_output} differ")

    def xts(self, source, rounds):
        """The time of one core halved, or that of a copy: what two cores can reach at best."""
        loop = pathlib.Path(self.program).parents[1] / "tests/bench/aes-loop"
        layer = "crypt,cipher=aes-xts-plain64,sector-size=4096,iv-large-sectors"
        if not loop.exists():
            self.skip("aes-xts, 1 GiB", f"{loop} is not built")
            return
        commands = (["cp", source, self.folder / "copy.img"], self.ours(source, layer, 64),
                    self.ours(source, layer, 64, "--no-digest"),
                    [loop, source, self.folder / "peer.img", self.keys[64]])
        (copy, _), (full, _), (bare, _), (one_core, _) = self.medians(commands, rounds)
        self.same(commands[2], "ours.data.img", commands[3], "peer.img")
        limit = max(one_core / 2, copy)
        self.verdict("aes-xts, 1 GiB, all cores",
                     f"wall {bare:.3f} s; libcrypto {one_core:.3f} s on one core, cp {copy:.3f} s: "
                     f"{bare / limit:.2f} of the better (<= 1.30); with sha256 {full:.3f} s",
                     bare <= 1.3 * limit)

    def in_place(self, source, command, more=0):
        """The time of a command that changes a file, which is a fresh copy each time."""
        self.clean()
        target = shutil.copyfile(source, self.folder / "target.img")
        os.truncate(target, source.stat().st_size + more)
        return once(command, os.sched_getaffinity(0))[0]

    def luks(self, source, rounds):
        """Encryption in place, against the quicker form of the peer: the header before the data,
        which move, or in a file of its own and without provision for a crash."""
        cryptsetup = find_tool("cryptsetup")
        if not cryptsetup:
            self.skip("LUKS2, 1 GiB", "cryptsetup is missing")
            return
        target = self.folder / "target.img"
        kdf = "pbkdf=pbkdf2,pbkdf-force-iterations=1000"
        ours = self.ours(target, f"luks,header=new,{kdf}", 32, "--no-digest", "--consume-input")
        fresh = self.ours(source, f"luks,{kdf}", 32, "--no-digest")
        peer = [cryptsetup, "reencrypt", "--encrypt", "--type=luks2", "--batch-mode",
                "--key-file", self.keys[32], "--pbkdf=pbkdf2", "--pbkdf-force-iterations=1000",
                "--cipher=aes-xts-plain64", "--key-size=512", "--sector-size=4096",
                "--force-offline-reencrypt"]
        moved = [*peer, "--reduce-device-size=32M", target]
        beside = [*peer, "--resilience=none", "--header", self.folder / "target.header", target]
        mine, new, with_move, in_place = map(statistics.median, zip(*(
            (self.in_place(source, ours), self.medians((fresh,), 1)[0][0],
             self.in_place(source, moved, 32 * MIB), self.in_place(source, beside))
            for _ in range(rounds))))
        best = min(with_move, in_place)
        self.verdict("LUKS2 of an image of 1 GiB, in place",
                     f"wall {mine:.3f} s / {best:.3f} s = {best / mine:.1f} x (>= 3); with moved "
                     f"data {with_move:.3f} s; ours into a new file {new:.3f} s",
                     best >= 3 * mine)

    def predecessor(self):
        """Byte for byte the same image."""
        name = "crypt only, 512 MiB, device-mapper-tools"
        script = pathlib.Path(os.environ.get("DMTOOLS", "/nowhere"), "tools/compose/build_stack.py")
        if not script.exists():
            self.skip(name, "$DMTOOLS is no checkout of it")
            return
        source = self.noise("small.img", 512 * MIB)
        layer = "crypt,cipher=aes-cbc-plain,sector-size=512"
        peer = ["python3", script, "--in", source, "--outdir", self.folder / "peer", "--stack",
                "crypt-only", "--profile", "plain-crypt", "--key-file-bin", self.keys[32]]
        ours = self.ours(source, layer, 32)
        self.row(name, ours, peer, 30, None, 1)
        self.same(ours, "ours.data.img", peer, "peer/data.img")


def main():
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with Crypt(sys.argv[1]) as bench:
        if not bench.needs(5 * GIB):
            print(f"SKIP: {bench.folder} has less than 5 GiB")
            sys.exit(77)
        dense = bench.noise("dense.img", GIB)
        bench.xts(dense, rounds)
        bench.luks(dense, min(rounds, 3))
        bench.remove(dense)
        bench.predecessor()
        sys.exit(1 if bench.n_missed else 0)


main()
