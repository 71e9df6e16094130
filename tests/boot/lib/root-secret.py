#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The root secret of a machine, by the recovery key that it showed on its console.

usage: root-secret.py SEAL-DEVICE CONSOLE-LOG OUTPUT

The layout of a slot is in src/disk/seal-slot.c.
"""
import ctypes
import ctypes.util
import hmac
import pathlib
import re
import struct
import sys

SLOT, DISTANCE, BODY = 4096, 65536, 208
RECOVERY = 2
SET_TAG = 0x11


def hkdf(key: bytes, info: bytes) -> bytes:
    prk = hmac.new(bytes(32), key, "sha256").digest()
    return hmac.new(prk, info + b"\1", "sha256").digest()


def unwrap(key: bytes, kind: int, nonce: bytes, tag: bytes, data: bytes) -> bytes:
    """AES-256-GCM, for which Python itself has nothing."""
    crypto = ctypes.CDLL(ctypes.util.find_library("crypto"))
    for name in ("EVP_CIPHER_CTX_new", "EVP_aes_256_gcm"):
        getattr(crypto, name).restype = ctypes.c_void_p
    context = ctypes.c_void_p(crypto.EVP_CIPHER_CTX_new())
    out, n = ctypes.create_string_buffer(len(data) + 16), ctypes.c_int()
    more = bytes([kind, 0])  # and an empty label
    ok = crypto.EVP_DecryptInit_ex(
        context, ctypes.c_void_p(crypto.EVP_aes_256_gcm()), None, key, nonce) == 1
    ok = ok and crypto.EVP_DecryptUpdate(context, None, ctypes.byref(n), more, len(more)) == 1
    ok = ok and crypto.EVP_DecryptUpdate(context, out, ctypes.byref(n), data, len(data)) == 1
    ok = ok and crypto.EVP_CIPHER_CTX_ctrl(context, SET_TAG, len(tag), tag) == 1
    ok = ok and crypto.EVP_DecryptFinal_ex(
        context, ctypes.byref(out, n.value), ctypes.byref(n)) == 1
    crypto.EVP_CIPHER_CTX_free(context)
    if not ok:
        sys.exit("root-secret.py: the recovery key does not open the record")
    return out.raw[:len(data)]


def record(slot: bytes) -> tuple:
    """The one with the root secret: nonce, tag and ciphertext."""
    sizes = [struct.unpack(">H", slot[at:at + 2])[0] for at in (12, 14, 172)]
    at = BODY + sizes[0] + sizes[1]
    end = at + sizes[2]
    while at < end:
        kind, label, size = struct.unpack(">BBH", slot[at:at + 4])
        at += 4 + label
        if kind == RECOVERY:
            return slot[at:at + 12], slot[at + 12:at + 28], slot[at + 28:at + 28 + size]
        at += 28 + size
    sys.exit("root-secret.py: the slot has no recovery record")


def main(args: list) -> int:
    if len(args) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    shown = re.findall(rb"(?:[0-9a-f]{8}-){8}[0-9a-f]{8}", pathlib.Path(args[1]).read_bytes())
    if len(shown) != 1:
        sys.exit("root-secret.py: the console does not show one recovery key")
    recovery = bytes.fromhex(shown[0].replace(b"-", b"").decode())[:32]
    device = pathlib.Path(args[0]).read_bytes()
    slot = device[DISTANCE:DISTANCE + SLOT]
    root = unwrap(hkdf(recovery, b"dmstack1 recovery"), RECOVERY, *record(slot))
    mac = hmac.new(hkdf(root, b"dmstack1 slot"), slot[:4064], "sha256").digest()
    if mac != slot[4064:]:
        sys.exit("root-secret.py: this is not the secret of the slot")
    pathlib.Path(args[2]).write_bytes(root)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
