#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""SIGKILL at random moments: what has a final name afterwards is what verify accepts.

usage: test-kill.py [--moments N] PROGRAM

The long form is --moments 200. test-faults.py has every moment between two calls."""

import os
import random
import subprocess
import sys
import time

import outputs
import stackcase
from stackcase import MIB

MOMENTS = 60


class Kill(outputs.Outputs):
    input_size = 3 * MIB

    def setUp(self):
        super().setUp()
        self.fill()
        # Holes have to be encrypted too, so that it takes a while.
        os.truncate(self.input, 24 * MIB)
        self.layers = ["--layer", "integrity", "--layer", "crypt", "--layer", "verity",
                       *self.key("root", 64)]

    def build(self, state, seconds=None):
        out = self.reset(state)
        begin = time.monotonic()
        with subprocess.Popen([self.program, *map(str, self.arguments(state, out)), *self.layers],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as proc:
            try:
                proc.communicate(timeout=seconds)
            except subprocess.TimeoutExpired:
                proc.kill()
                proc.communicate()
        return out, time.monotonic() - begin

    def test_kill(self):
        moments = random.Random()
        usual = {state: min(self.build(state)[1] for _ in range(3)) for state in self.AT_ONCE}
        with_new = killed = 0
        for number in range(MOMENTS):
            state = self.AT_ONCE[number % len(self.AT_ONCE)]
            # Every other one near the end, where the names are made.
            seconds = usual[state] * moments.uniform(0.8 if number % 2 else 0, 1.1)
            with self.subTest(state=state, seconds=seconds):
                out, _ = self.build(state, seconds)
                names = self.judge(out, [k for k in self.layers if k.startswith("--key")])
                # A killed build leaves its hidden folder; nothing else tells.
                with_new += "root.hash.img" in names and self.has_new(out)
                killed += not names or (state == "older" and not self.has_new(out))
        print(f"# {MOMENTS} moments: {killed} builds did not come to their end, {with_new} did",
              file=sys.stderr)
        self.assertGreater(killed, MOMENTS // 4)

    def has_new(self, out):
        return len(self.manifest(out=out)["layers"]) == 3


if __name__ == "__main__":
    if sys.argv[1] == "--moments":
        MOMENTS = int(sys.argv[2])
        del sys.argv[1:3]
    stackcase.main()
