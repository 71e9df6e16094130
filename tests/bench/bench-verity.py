#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hash tree and parity against veritysetup format.

    bench-verity.py DMSTACK-BUILD [ROUNDS]

Both read a finished image and write tree and parity only (create --data-in-place). Ours writes the
manifest and the sha256 of tree and parity too."""

import sys

from benchlib import GIB, MIB, Bench, cpu_flags, find_tool

SALT = "5a" * 32


def main():
    program = sys.argv[1]
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    veritysetup = find_tool("veritysetup")
    if not veritysetup:
        print("SKIP: veritysetup is missing")
        sys.exit(77)
    with Bench() as bench:
        folder = bench.folder

        def ours(source, *options):
            return [program, "create", "--quiet", "--force", "--data-in-place", "--input", source,
                    "--output", folder, "--name", "bench", "--layer",
                    ",".join(["verity", f"salt={SALT}", *options])]

        def peer(source, *options):
            return [veritysetup, "format", f"--salt={SALT}", *options, source,
                    folder / "peer.hash"]

        if not bench.needs(2 * GIB):
            print(f"SKIP: {folder} has less than 2 GiB")
            sys.exit(77)
        dense = bench.noise("dense.img", GIB)
        bench.row("verity tree, 1 GiB, all cores", ours(dense), peer(dense), 6, 3, rounds)
        bench.row("verity tree, 1 GiB, one core", ours(dense), peer(dense), 2.5, None, rounds, 1)
        for path, flag in (("avx512", "avx512bw"), ("sha-ni", "sha_ni"), ("avx2", "avx2"),
                           ("libcrypto", "fpu")):
            if flag in cpu_flags():
                (_, cpu), = bench.medians([["env", f"DMSTACK_SHA256={path}", *ours(dense)]], 1)
                bench.verdict(f"the same, SHA-256 by {path}", f"{GIB / cpu / 1e9:.2f} GB/s of CPU time",
                              True)
        bench.remove(dense)

        sparse = bench.noise("sparse.img", 256 * MIB, 16 * GIB, GIB)
        bench.noise("sparse.img", 256 * MIB, 16 * GIB, 9 * GIB)
        bench.row("verity tree, 16 GiB with 512 MiB of data", ours(sparse), peer(sparse), 60, None,
                  min(rounds, 3))
        bench.remove(sparse)

        small = bench.noise("small.img", 256 * MIB)
        for roots, least in ((2, 8), (24, 20)):
            bench.row(f"verity tree and parity, 256 MiB, {roots} roots",
                      ours(small, "fec=new", f"fec-roots={roots}"),
                      peer(small, f"--fec-device={folder / 'peer.fec'}", f"--fec-roots={roots}"),
                      least, None, min(rounds, 3))
        sys.exit(1 if bench.n_missed else 0)


main()
