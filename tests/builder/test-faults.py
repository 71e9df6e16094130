#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A build that is killed, or meets an error, before every single call that touches a file.

The first argument is the library that counts the calls, the second the one that plays a file
system without O_TMPFILE, the third dmstack-build."""

import errno
import os
import signal
import sys

import outputs
import stackcase

LIBRARIES = []


class Faults(outputs.Outputs):
    input_size = 20 << 10

    def setUp(self):
        super().setUp()
        with open(self.input, "wb") as f:
            f.write(stackcase.noise(self.input_size))
        self.fill()

    def build(self, state, layers, faults=None, **variables):
        out = self.reset(state)
        asan = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        env = dict(os.environ, ASAN_OPTIONS=asan, LD_PRELOAD=":".join(LIBRARIES),
                   FAULT_COUNT=str(self.dir / "count"), **variables, **(faults or {}))
        proc = self.run_build(*self.arguments(state, out), "--threads", 1, *layers, env=env,
                              expect=None)
        return out, proc

    def count(self, state, layers, **variables):
        out, proc = self.build(state, layers, **variables)
        self.assertEqual(proc.returncode, 0, proc.stderr)
        self.assertIn("root.json", self.judge(out))
        self.assertEqual([p.name for p in out.parent.iterdir()], [state], "left beside it")
        self.assertEqual([n for n in os.listdir(out) if n.startswith(".")], [])
        n = int((self.dir / "count").read_text(encoding="ascii"))
        self.assertGreater(n, 12)
        return n

    def each_call(self, judge, state, layers, fault, **variables):
        """Hands every result to judge; returns what it returns, as a list."""
        results = []
        for at in range(1, self.count(state, layers, **variables) + 1):
            with self.subTest(state=state, layers=layers, at=at, fault=fault, **variables):
                faults = {"FAULT_AT": str(at), "FAULT": str(fault)}
                results.append(judge(*self.build(state, layers, faults, **variables)))
        return results

    def test_killed(self):
        for state, layers, variables in (
                ("new", ["-s", "verity-only"], {}), ("empty", ["-s", "verity-only"], {}),
                ("older", ["-l", "integrity"], {}), ("older", ["-s", "verity-only"], {}),
                ("new", ["-s", "verity-only"], {"NO_TMPFILE": "1"}),
                ("new", ["-s", "verity-only", "--gpt"], {}),
                ("shared", ["-s", "verity-only"], {}),
                ("shared-older", ["-l", "integrity"], {})):

            def judge(out, proc, alone=state in self.ONE_BY_ONE):
                self.assertEqual(proc.returncode, -signal.SIGKILL)
                return "root.json" in self.judge(out, images_alone=alone)

            seen = self.each_call(judge, state, layers, 0, **variables)
            self.assertEqual(set(seen), {True} if state == "older" else {True, False})

    def test_errors(self):
        """What fails leaves everything as it was, also one by one, and says why."""
        for state in (*self.AT_ONCE, *self.ONE_BY_ONE):
            before = self.contents(self.reset(state))
            for error in (errno.ENOSPC, errno.EIO):

                def judge(out, proc, message=os.strerror(error), before=before):
                    self.judge(out)
                    if proc.returncode == 0:
                        return 0
                    self.assertEqual(proc.returncode, 1)
                    self.assertIn(message, proc.stderr)
                    # After the names only their durability can fail.
                    self.assertTrue(self.contents(out) == before or "root.json" in self.names(out))
                    return 1

                failed = sum(self.each_call(judge, state, ["-s", "verity-only"], error))
                self.assertGreater(failed, 10)


if __name__ == "__main__":
    LIBRARIES = [sys.argv.pop(1), sys.argv.pop(1)]
    stackcase.main()
