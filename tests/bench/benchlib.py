# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the benchmarks of dmstack-build share: both sides run by turns in one place on a tmpfs, and
the median counts. A row says by how much the peer is slower, in wall time and in CPU time."""

import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True

GIB = 1 << 30
MIB = 1 << 20


def find_tool(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")


def cpu_flags():
    text = pathlib.Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    for line in text.splitlines():
        if line.startswith("flags"):
            return set(line.split())
    return set()


def noise(path, size, sparse_size=None, offset=0):
    """A file of bytes without a pattern at an offset; the rest of sparse_size is a hole."""
    with open(path, "r+b" if path.exists() else "wb") as f:
        f.truncate(max(sparse_size or size, offset + size))
        f.seek(offset)
        pipe = subprocess.Popen(["openssl", "enc", "-aes-128-ctr", "-nosalt", "-K", "01" * 16,
                                 "-iv", "02" * 16, "-in", "/dev/zero"],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        left = size
        while left:
            data = pipe.stdout.read(min(left, MIB))
            f.write(data)
            left -= len(data)
        pipe.kill()
        pipe.wait()
    return path


def once(command, cores):
    """Wall and CPU seconds of one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                          preexec_fn=lambda: os.sched_setaffinity(0, cores))
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed: {done.stdout}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def peak_memory(command):
    """The largest resident size of a run, in bytes: the kernel's own high-water mark, read until
    the program has ended."""
    with subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL) as process:
        peak = 0
        while process.poll() is None:
            try:
                text = pathlib.Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
            except OSError:
                break
            for line in text.splitlines():
                if line.startswith("VmHWM:"):
                    peak = max(peak, int(line.split()[1]) * 1024)
            time.sleep(0.001)
    if process.returncode != 0:
        sys.exit(f"{command[0]} failed")
    return peak


class Bench:
    """A folder on a tmpfs, and the rows that were printed."""

    def __init__(self):
        shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dmstack-bench-", dir=shm))
        self.inputs = set()
        self.n_missed = 0

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        shutil.rmtree(self.folder, ignore_errors=True)

    def noise(self, name, *args):
        """An input, see noise()."""
        self.inputs.add(noise(self.folder / name, *args))
        return self.folder / name

    def remove(self, source):
        self.inputs.discard(source)
        source.unlink()

    def clean(self):
        """Leaves the inputs only, so that nobody replaces a file or writes into an old one."""
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path not in self.inputs:
                path.unlink()

    def needs(self, size):
        """True if the folder has room for so many bytes."""
        return shutil.disk_usage(self.folder).free > size

    def skip(self, name, why):
        print(f"{name:<44} SKIP {why}", flush=True)

    def verdict(self, name, text, good):
        """Prints one row of another kind. What is asked for is for CPUs with AVX-512."""
        counts = "avx512bw" in cpu_flags()
        self.n_missed += counts and not good
        missed = "MISSED" if counts else "missed, but there is no AVX-512"
        print(f"{name:<44}  {text}{'' if good else '  ' + missed}", flush=True)

    def medians(self, commands, rounds=5, n_cores=None):
        """(wall, CPU) seconds of each command, which run by turns. The last outputs are left."""
        cores = sorted(os.sched_getaffinity(0))[:n_cores]
        times = [[] for _ in commands]
        for _ in range(rounds):
            for command, taken in zip(commands, times):
                self.clean()
                taken.append(once(command, cores))
        return [[statistics.median(t[i] for t in taken) for i in range(2)] for taken in times]

    def row(self, name, ours, peer, wall=None, cpu=None, rounds=5, n_cores=None):
        """Prints one row. wall, cpu: how many times the peer's time has to be ours, at least."""
        mine, theirs = self.medians((ours, peer), rounds, n_cores)
        text, missed = "", False
        for i, (what, least) in enumerate((("wall", wall), ("cpu", cpu))):
            ratio = theirs[i] / max(mine[i], 1e-6)
            wanted = f" (>= {least:g})" if least else ""
            missed = missed or bool(least and ratio < least)
            text += f"  {what} {mine[i]:7.3f} s / {theirs[i]:7.3f} s = {ratio:.1f} x{wanted}"
        self.verdict(name, text.strip(), not missed)
