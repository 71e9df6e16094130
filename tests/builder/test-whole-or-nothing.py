#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Outputs appear whole or not at all: signals, kill -9, and files that must not grow."""

import os
import resource
import signal
import subprocess

import stackcase
from stackcase import MIB


class WholeOrNothing(stackcase.StackCase):

    def setUp(self):
        super().setUp()
        # Long enough to be interrupted; holes have to be encrypted too.
        self.large = self.dir / "large.img"
        with open(self.large, "wb") as f:
            f.write(self.data)
            f.truncate(256 * MIB)

    def start(self, *args):
        """A build that has begun to write, and is not done."""
        keys = self.key("root", 64)
        # pylint: disable-next=consider-using-with
        proc = subprocess.Popen(
            [self.program, "create", "--input", self.large, "--output", self.out, "--name", "root",
             "--layer", "crypt", "--layer", "integrity", "--layer", "verity", "--json",
             "--threads", "1", *keys, *args],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(proc.communicate)
        line = proc.stdout.readline()
        self.assertIn("progress", line)
        return proc

    def test_signals(self):
        for signo in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=signo):
                proc = self.start()
                proc.send_signal(signo)
                proc.communicate()
                self.assertEqual(proc.returncode, 1)
                self.assert_nothing_left()
                self.assertEqual([p.name for p in self.dir.iterdir() if p.name[0] == "."], [])

    def test_kill(self):
        """Nothing under a final name; a hidden file only where the file system has no O_TMPFILE."""
        proc = self.start()
        proc.kill()
        proc.communicate()
        self.assertEqual(proc.returncode, -signal.SIGKILL)
        self.assertFalse(self.out.exists())
        self.create("--stack", "verity-only")
        self.verify()

    def test_interrupted_replacement(self):
        """With --force an older build stays as it was until the new one is complete."""
        self.create("--stack", "verity-only")
        before = {p.name: p.read_bytes() for p in self.out.iterdir()}
        proc = self.start("--force")
        proc.send_signal(signal.SIGTERM)
        proc.communicate()
        self.assertEqual({p.name: p.read_bytes() for p in self.out.iterdir()}, before)

    def test_file_size_limit(self):
        """The write fails as it does on a full disk."""
        keys = self.key("root", 64)

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MIB, 2 * MIB))

        for preset in ("crypt-then-integrity", "verity-only"):
            with self.subTest(preset=preset):
                proc = self.create("--stack", preset, *(keys if "crypt" in preset else []),
                                   expect=1, preexec_fn=limit)
                self.assertIn("root.data.img", proc.stderr)
                self.assert_nothing_left()

    def test_extract_limit(self):
        self.create("--stack", "verity-only")

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (2 * MIB, 2 * MIB))

        output = self.dir / "plain.img"
        self.run_build("extract", self.out / "root.json", "--output", output, expect=1,
                       preexec_fn=limit)
        self.assertFalse(output.exists())

    def test_folder_without_permission(self):
        if os.geteuid() == 0:
            # Root may write anywhere, so somebody else is asked to.
            self.program_for_others()

            def drop():
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
        else:
            drop = None
        os.chmod(self.dir, 0o755)
        self.out.mkdir(mode=0o555)
        proc = self.create("--stack", "verity-only", expect=1, preexec_fn=drop)
        self.assertIn("Permission denied", proc.stderr)
        self.assert_nothing_left()

    def test_no_privileges(self):
        """An ordinary user can build, verify and extract."""
        if os.geteuid() != 0:
            self.create("--stack", "verity-only")
            return

        def drop():
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)

        self.program_for_others()
        os.chmod(self.dir, 0o777)
        self.create("--stack", "verity-only", preexec_fn=drop)
        self.run_build("verify", self.out / "root.json", preexec_fn=drop)


if __name__ == "__main__":
    stackcase.main()
