# SPDX-License-Identifier: LGPL-2.1-or-later
"""A software TPM on loopback, and the few commands by which it judges a signed policy.

Commands and structures are those of TCG's "TPM 2.0 Library", parts 2 and 3."""

import ctypes
import hashlib
import signal
import socket
import struct
import subprocess
import time

NO_SESSIONS, SESSIONS = 0x8001, 0x8002
RH_OWNER, RH_NULL, RS_PW = 0x40000001, 0x40000007, 0x40000009
ALG = {"sha256": 0x000B, "sha384": 0x000C}
ALG_NULL, ALG_ECC, ALG_ECDSA, CURVE_P256 = 0x0010, 0x0023, 0x0018, 0x0003


class Refused(Exception):
    """The TPM's answer is not success."""


def sized(data):
    return struct.pack(">H", len(data)) + data


class Tpm:
    def __init__(self, folder):
        folder.mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        libc = ctypes.CDLL(None)
        self.process = subprocess.Popen(
            ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={folder}",
             "--server", f"type=tcp,port={port},bindaddr=127.0.0.1,disconnect",
             "--flags", "not-need-init,startup-clear"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=lambda: libc.prctl(1, signal.SIGKILL))  # dies with us
        self.address = ("127.0.0.1", port)
        deadline = time.monotonic() + 20
        while True:
            try:
                self.command(0x0000017B, struct.pack(">H", 4))  # GetRandom
                return
            except ConnectionError:
                if time.monotonic() > deadline or self.process.poll() is not None:
                    self.close()
                    raise
                time.sleep(0.02)

    def close(self):
        self.process.kill()
        self.process.wait()

    def command(self, code, body, tag=NO_SESSIONS):
        with socket.create_connection(self.address, timeout=20) as s:
            s.sendall(struct.pack(">HII", tag, 10 + len(body), code) + body)
            answer = b""
            while len(answer) < 10 or len(answer) < struct.unpack(">I", answer[2:6])[0]:
                part = s.recv(65536)
                if not part:
                    raise ConnectionError
                answer += part
        rc = struct.unpack(">I", answer[6:10])[0]
        if rc != 0:
            raise Refused(f"{rc:#x}")
        return answer[10:]

    def pcr_event(self, pcr, data):
        authorization = struct.pack(">IHBH", RS_PW, 0, 0, 0)
        self.command(0x0000013C, struct.pack(">I", pcr) + struct.pack(">I", len(authorization)) +
                     authorization + sized(data), SESSIONS)

    @staticmethod
    def selection(bank, pcrs):
        bits = sum(1 << n for n in pcrs)
        return struct.pack(">IHB", 1, ALG[bank], 3) + bits.to_bytes(3, "little")

    def policy_session(self):
        body = struct.pack(">II", RH_NULL, RH_NULL) + sized(bytes(16)) + sized(b"")
        body += struct.pack(">BHH", 1, ALG_NULL, ALG["sha256"])
        return struct.unpack(">I", self.command(0x00000176, body)[:4])[0]

    def policy_pcr(self, session, bank, pcrs):
        self.command(0x0000017F, struct.pack(">I", session) + sized(b"") +
                     self.selection(bank, pcrs))

    def policy_digest(self, session):
        return self.command(0x00000189, struct.pack(">I", session))[2:]

    def load_key(self, x, y):
        """Returns handle and Name of a key that only verifies."""
        public = struct.pack(">HHI", ALG_ECC, ALG["sha256"], 0x00040040) + sized(b"")
        public += struct.pack(">HHHH", ALG_NULL, ALG_NULL, CURVE_P256, ALG_NULL)
        public += sized(x) + sized(y)
        answer = self.command(0x00000167, sized(b"") + sized(public) +
                              struct.pack(">I", RH_OWNER))
        return struct.unpack(">I", answer[:4])[0], answer[6:]

    def verify_signature(self, key, digest, r, s):
        """Returns the ticket."""
        signature = struct.pack(">HH", ALG_ECDSA, ALG["sha256"]) + sized(r) + sized(s)
        return self.command(0x00000177, struct.pack(">I", key) + sized(digest) + signature)

    def policy_authorize(self, session, approved, ref, name, ticket):
        self.command(0x0000016A, struct.pack(">I", session) + sized(approved) + sized(ref) +
                     sized(name) + ticket)


def policy_ref(epoch):
    return b"dmstack1" + struct.pack(">IQ", 1, epoch)


def signed_digest(approved, epoch):
    return hashlib.sha256(approved + policy_ref(epoch)).digest()
