# SPDX-License-Identifier: LGPL-2.1-or-later
"""For tests that end a build at a bad moment: output folders in all states, and their judge."""

import os
import shutil
import tempfile

import stackcase


class Outputs(stackcase.StackCase):
    """Each output folder is named after its state before the build."""

    # The files of a build appear in one step in these, and one after another in the others.
    AT_ONCE = ("new", "empty", "older")
    ONE_BY_ONE = ("shared", "shared-older")
    OLDER = ("older", "shared-older")

    def setUp(self):
        # There are hundreds of builds, and none is to survive a power cut.
        tempfile.tempdir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        super().setUp()

    def fill(self):
        """The older builds, from which each folder is made anew."""
        for state in self.OLDER:
            # It has a hash image, which a build without verity has to take away.
            self.create("--stack", "verity-only", "--quiet", out=self.dir / "before" / state)
        for state in self.ONE_BY_ONE:
            (self.dir / "before" / state).mkdir(parents=True, exist_ok=True)
            self.create("--stack", "integrity-only", "--quiet", name="other",
                        out=self.dir / "before" / state)
        (self.dir / "before" / "empty").mkdir()

    def reset(self, state):
        out = self.dir / "at" / state
        shutil.rmtree(out.parent, ignore_errors=True)
        out.parent.mkdir()
        if state != "new":
            shutil.copytree(self.dir / "before" / state, out)
        return out

    def arguments(self, state, out):
        return ["create", "--input", self.input, "--output", out, "--name", "root", "--quiet",
                *(["--force"] if state in self.OLDER else [])]

    def contents(self, folder):
        return {p.name: p.read_bytes() for p in folder.iterdir()} if folder.exists() else {}

    def names(self, out):
        """What a user sees; hidden names are those of unfinished files."""
        return sorted(n for n in os.listdir(out) if not n.startswith(".")) if out.exists() else []

    def judge(self, out, keys=(), images_alone=False):
        """Every manifest is accepted by verify, and every image is in a manifest."""
        names = self.names(out)
        expected = set()
        for name in names:
            if name.endswith(".json"):
                self.run_build("verify", "--quiet", out / name, *keys)
                expected |= {name, *(a["file"] for a in
                                     self.manifest(name.removesuffix(".json"), out)["artifacts"])}
        if images_alone and "root.json" not in names:
            names = [n for n in names if not n.startswith("root.")]
        self.assertEqual(names, sorted(expected))
        return names
