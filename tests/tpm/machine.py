# SPDX-License-Identifier: LGPL-2.1-or-later
"""A machine on the host: a software TPM, a seal device, a configuration, and dmstack on it."""

import base64
import ctypes
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

LIBC = ctypes.CDLL(None, use_errno=True)
SYS_KEYCTL = {"x86_64": 250, "aarch64": 219}[os.uname().machine]
KEY_USER_KEYRING = -4
CLONE_NEWUSER = 0x10000000
PR_SET_PDEATHSIG = 1
PREFIX = "dmstack:tpm2:"
RUNNING = []
SIGNED = (11, 12, 13, 15)
SLOT, DISTANCE, DEVICE = 4096, 65536, 131072

# The exit statuses, as the manual has them.
(NO_TPM, COMM, LOCKOUT, BAD_PIN, PCR_MISMATCH, ROLLBACK, NV_LOST, OTHER_TPM, CAPPED, NO_SIGNATURE,
 NO_SLOT, HIERARCHY, POLICY, RESET_REQUIRED) = range(10, 24)


def own_keyring():
    """A user keyring of our own, so that keys of other tests are not touched."""
    uid, gid = os.getuid(), os.getgid()
    if LIBC.unshare(CLONE_NEWUSER) != 0:
        return
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        pathlib.Path(f"/proc/self/{name}").write_text(text, encoding="ascii")


def key_read(label):
    """What dmstack left in the user's keyring, or None."""
    name = (PREFIX + label).encode()
    serial = LIBC.syscall(SYS_KEYCTL, 10, KEY_USER_KEYRING, b"user", name, 0)
    if serial < 0:
        return None
    buffer = ctypes.create_string_buffer(5000)
    size = LIBC.syscall(SYS_KEYCTL, 11, serial, buffer, 5000)
    return buffer.raw[:size] if size >= 0 else None


def clear_keys():
    """As power off does."""
    LIBC.syscall(SYS_KEYCTL, 7, KEY_USER_KEYRING)


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def free_ports():
    """Two ports in a row, as the library wants them, for the TPM and for its control channel."""
    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            try:
                two.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port


class Tpm:
    """swtpm with a state of its own."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.process = None
        self.port = free_ports()
        RUNNING.append(self)

    def start(self, startup="startup-clear"):
        assert not self.process
        # A port that was closed a moment ago cannot always be had again at once.
        for _ in range(20):
            self.process = subprocess.Popen(
                ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.folder}",
                 "--server", f"type=tcp,port={self.port},bindaddr=127.0.0.1",
                 "--ctrl", f"type=tcp,port={self.port + 1},bindaddr=127.0.0.1",
                 "--flags", f"not-need-init,{startup}"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
            if self.answers():
                return
            self.kill()
            self.port = free_ports()
        raise RuntimeError("swtpm does not start")

    def answers(self):
        for _ in range(200):
            if self.process.poll() is not None:
                return False
            try:
                # GetCapability of nothing: an answer of any kind will do.
                self.raw(struct.pack(">HIIIII", 0x8001, 22, 0x17a, 6, 0x105, 1))
                return True
            except OSError:
                time.sleep(0.01)
        return False

    def kill(self):
        """A power cut."""
        if self.process:
            self.process.kill()
            self.process.wait()
        self.process = None

    def stop(self):
        """An orderly end."""
        if self.process:
            self.raw(struct.pack(">HIIH", 0x8001, 12, 0x145, 0))
        self.kill()

    def raw(self, command):
        with socket.create_connection(("127.0.0.1", self.port), 2) as s:
            s.settimeout(5)
            s.sendall(command)
            head = b""
            while len(head) < 10:
                data = s.recv(4096)
                if not data:
                    raise OSError("closed")
                head += data
            return head

    def do(self, code, handles=(), params=b"", auth=True):
        """A command with empty passwords for the first handle; the response code."""
        body = b"".join(struct.pack(">I", h) for h in handles)
        if auth:
            body += struct.pack(">IIHBH", 9, 0x40000009, 0, 0, 0)
        body += params
        tag = 0x8002 if auth else 0x8001
        return struct.unpack(">I", self.raw(
            struct.pack(">HII", tag, 10 + len(body), code) + body)[6:10])[0]

    def ok(self, *args, **kwargs):
        rc = self.do(*args, **kwargs)
        assert rc == 0, hex(rc)

    def extend(self, pcr, data=b"x", banks=(0xb, 0xc)):
        sizes = {0xb: hashlib.sha256, 0xc: hashlib.sha384}
        values = b"".join(struct.pack(">H", b) + sizes[b](data).digest() for b in banks)
        self.ok(0x182, [pcr], struct.pack(">I", len(banks)) + values)

    def undefine(self, index):
        return self.do(0x122, [0x40000001, index])

    def define(self, index, attributes, size):
        public = struct.pack(">IHIHH", index, 0xb, attributes, 0, size)
        return self.do(0x12a, [0x40000001], struct.pack(">HH", 0, len(public)) + public)

    def increment(self, index):
        return self.do(0x134, [index, index])

    def clear(self):
        return self.do(0x126, [0x4000000a])


class Proxy:
    """Between dmstack and the TPM: counts commands, keeps what went by, and forges answers."""

    def __init__(self, tpm):
        self.port, self.tpm = free_ports(), tpm
        self.seen, self.commands, self.forge = b"", [], None
        self.sockets = []
        for offset in (0, 1):
            server = socket.socket()
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(("127.0.0.1", self.port + offset))
            server.listen(4)
            self.sockets.append(server)
            threading.Thread(target=self.serve, args=(server, offset), daemon=True).start()

    def serve(self, server, offset):
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            up = socket.create_connection(("127.0.0.1", self.tpm.port + offset))
            threading.Thread(target=self.pump, args=(client, up, offset), daemon=True).start()

    def message(self, s):
        """One whole message of the TPM's protocol, which has its size in bytes 2 to 5."""
        data = b""
        while len(data) < 10 or len(data) < struct.unpack(">I", data[2:6])[0]:
            more = s.recv(65536)
            if not more:
                return None
            data += more
        return data

    def pump(self, client, up, offset):
        with client, up:
            try:
                while True:
                    data = client.recv(65536) if offset else self.message(client)
                    if not data:
                        return
                    up.sendall(data)
                    answer = up.recv(65536) if offset else self.message(up)
                    if not answer:
                        return
                    if not offset:
                        code = struct.unpack(">I", data[6:10])[0]
                        self.commands.append(code)
                        self.seen += data + answer
                        if self.forge:
                            answer = self.forge(code, answer)
                    client.sendall(answer)
            except OSError:
                return

    def close(self):
        for s in self.sockets:
            s.close()


class Machine:
    """uuid: a word that makes the labels of this machine's keys its own."""

    def __init__(self, program, folder, **options):
        self.program, self.folder = program, pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.seal = self.folder / "seal.img"
        self.seal.write_bytes(bytes(DEVICE))
        self.data = self.folder / "data.img"
        self.data.write_bytes(bytes(1 << 20))
        self.credentials = self.folder / "credentials"
        self.credentials.mkdir()
        self.tpm = Tpm(self.folder / "tpm")
        self.port = None
        self.options = {"epoch": 1, "sealed": True, "software_tpm": True, "tpm_timeout": "0",
                        **options}
        self.layers = "root crypt {data} tpm2:root cipher=aes-xts-plain64\n"
        self.key_file = None
        self.said = ""  # all that dmstack printed

    def configure(self, **options):
        self.options.update(options)

    def write(self):
        words = []
        device = f"/dev/swtpm/{self.port or self.tpm.port}"
        for name, value in {**self.options, "tpm_device": device}.items():
            name = name.replace("_", "-")
            if value is True and name == "sealed":
                words.append("sealed")
            elif value is True:
                words.append(f"{name}=yes")
            elif value is not None and value is not False:
                words.append(f"{name}={value}")
        conf = self.folder / "dmstack.conf"
        conf.write_text(f"machine seal {self.seal} - {','.join(words)}\n"
                        + self.layers.format(data=self.data), encoding="utf-8")
        return conf

    def environment(self):
        empty = self.folder / "empty"
        empty.mkdir(exist_ok=True)
        cmdline = self.folder / "cmdline"
        cmdline.write_text("quiet\n", encoding="ascii")
        return {**os.environ, "DMSTACK_CONF": str(self.write()), "DMSTACK_MANIFEST_PATH": str(empty),
                "CREDENTIALS_DIRECTORY": str(self.credentials), "SYSTEMD_IN_INITRD": "1",
                "SYSTEMD_PROC_CMDLINE": "quiet"}

    def command(self, *args):
        return [self.program, *args]

    def run(self, *args, expect=0, timeout=60):
        result = subprocess.run(self.command(*args), env=self.environment(), text=True,
                                stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout,
                                check=False)
        self.said += result.stdout + result.stderr
        if expect is not None:
            assert result.returncode == expect, \
                f"{args}: exit {result.returncode}, not {expect}\n{result.stdout}{result.stderr}"
        return result

    def boot(self, measure=True, **pcrs):
        """Power on: the firmware and the boot loader measure."""
        self.tpm.start()
        for pcr in range(8 if measure else 0):
            self.tpm.extend(pcr, b"firmware")
        if measure:
            self.tpm.extend(11, pcrs.get("image", b"image 1"))

    def off(self):
        self.tpm.stop()

    def reboot(self, **pcrs):
        self.off()
        self.boot(**pcrs)

    def credential(self, name, text):
        path = self.credentials / name
        if text is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(text if isinstance(text, bytes) else text.encode())

    def status(self):
        return json.loads(self.run("tpm-status", "--json").stdout)

    def slots(self):
        data = self.seal.read_bytes()
        return [data[i * DISTANCE:i * DISTANCE + SLOT] for i in (0, 1)]

    def put_slots(self, slots):
        data = bytearray(self.seal.read_bytes())
        for i, slot in enumerate(slots):
            data[i * DISTANCE:i * DISTANCE + SLOT] = slot
        self.seal.write_bytes(data)

    # Signatures of PCR values, as dmstack-build sign-policy makes them.

    def make_key(self):
        self.key_file = self.folder / "key.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-out", self.key_file], check=True,
                       capture_output=True)
        public = self.folder / "public.pem"
        subprocess.run(["openssl", "pkey", "-in", self.key_file, "-pubout", "-out", public],
                       check=True, capture_output=True)
        self.configure(public_key=public, pcr_signature=self.folder / "signature.json")
        self.sign([])

    def policy(self, image=b"image 1"):
        digest = hashlib.sha256(hashlib.sha256(self.write().read_bytes()).digest()).digest()
        def extended(data):
            return hashlib.sha256(bytes(32) + hashlib.sha256(data).digest()).digest()
        values = {11: extended(image), 12: bytes(32), 13: bytes(32), 15: extended(digest)}
        mask = sum(1 << p for p in SIGNED)
        selection = struct.pack(">IHB", 1, 0xb, 3) + struct.pack("<I", mask)[:3]
        return hashlib.sha256(bytes(32) + struct.pack(">I", 0x17f) + selection + hashlib.sha256(
            b"".join(values[p] for p in SIGNED)).digest()).digest()

    def signature(self, epoch, policy, key=None):
        ref = b"dmstack1" + struct.pack(">IQ", 1, epoch)
        der = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key or self.key_file],
                             input=policy + ref, check=True, capture_output=True).stdout
        return {"bank": "sha256", "pcrs": list(SIGNED), "epoch": epoch, "policy": policy.hex(),
                "signature": base64.b64encode(der).decode()}

    def sign(self, epochs, image=b"image 1"):
        self.put_signatures([self.signature(e, self.policy(image)) for e in epochs])

    def put_signatures(self, items):
        (self.folder / "signature.json").write_text(json.dumps({"dmstack": items}),
                                                    encoding="utf-8")

    def close(self):
        self.tpm.kill()


def clean_up():
    """Every TPM that a test left, and every key."""
    clear_keys()
    while RUNNING:
        RUNNING.pop().kill()


def need_tools():
    missing = [name for name in ("swtpm", "openssl") if not shutil.which(name)]
    if missing:
        print(f"1..0 # SKIP {' and '.join(missing)} not there")
        sys.exit(77)


def run_tests(tests, words):
    """Each with a folder of its own; those whose name has one of the words, if there are any."""
    need_tools()
    own_keyring()
    chosen = [t for t in tests if not words or any(w in t.__name__ for w in words)]
    print(f"1..{len(chosen)}")
    failed = False
    for number, function in enumerate(chosen, 1):
        with tempfile.TemporaryDirectory(prefix="dmstack-tpm-") as folder:
            try:
                function(folder)
                print(f"ok {number} - {function.__doc__.splitlines()[0]}", flush=True)
            except Exception as error:  # each test tells, and the others go on
                failed = True
                trace = error.__traceback__
                file = function.__code__.co_filename
                while trace.tb_next and (trace.tb_frame.f_code.co_filename != file or
                                         trace.tb_next.tb_frame.f_code.co_filename == file):
                    trace = trace.tb_next
                print(f"# {function.__name__}, line {trace.tb_lineno}: "
                      + f"{error}".replace("\n", "\n# "))
                print(f"not ok {number} - {function.__doc__.splitlines()[0]}", flush=True)
            finally:
                clean_up()
    sys.exit(failed)
