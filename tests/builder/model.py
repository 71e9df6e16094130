# SPDX-License-Identifier: LGPL-2.1-or-later
"""The on-disk formats once more, written from the kernel's documents and not from the C code:
slow, short, and only what the tests of dmstack-build compare with."""

import ctypes
import ctypes.util
import hashlib
import hmac
import struct
import subprocess


def verity_tree(data, salt, algorithm="sha256", data_block=4096, hash_block=4096, version=1):
    """(root digest, the tree's blocks, top level first)."""

    def digest(block):
        return hashlib.new(algorithm, salt + block if version == 1 else block + salt).digest()

    size = hashlib.new(algorithm).digest_size
    slot = 1 << (size - 1).bit_length() if version == 1 else size
    per_block = 1 << ((hash_block // size).bit_length() - 1)
    if data_block > len(data) or len(data) % data_block:
        data = data + bytes(-len(data) % data_block)
    digests = [digest(data[i:i + data_block]) for i in range(0, len(data), data_block)]
    levels = []
    while len(digests) > 1:
        blocks = []
        for i in range(0, len(digests), per_block):
            block = b"".join(d.ljust(slot, b"\0") for d in digests[i:i + per_block])
            blocks.append(block.ljust(hash_block, b"\0"))
        levels.insert(0, b"".join(blocks))
        digests = [digest(block) for block in blocks]
    return digests[0], b"".join(levels)


def cbc(key, iv, data):
    """openssl(1), since Python has no AES."""
    return subprocess.run(["openssl", "enc", f"-aes-{len(key) * 8}-cbc", "-K", key.hex(), "-iv",
                           iv.hex(), "-nopad"], input=data, capture_output=True,
                          check=True).stdout


def cbc_section(key, section, plain):
    """As the kernel encrypts a section of a journal with a block mode."""
    return cbc(key, cbc(key, bytes(16), struct.pack("<QQ", section, 0)), plain)


class Integrity:
    """An image of dm-integrity without a metadata device, taken apart by its superblock."""

    def __init__(self, image):
        self.image = image
        (magic, self.version, self.log_interleave, self.tag_size, self.sections, self.provided,
         self.flags, log_block, _) = struct.unpack_from("<8sBBHIQIBB", image, 0)
        assert magic == b"integrt\0", magic
        self.block = 512 << log_block
        self.salt = image[48:64] if self.flags & 0x10 else b""
        room = 504 - (8 if self.flags & 0x01 else 0)
        self.entry_size = -(-(8 + self.block // 64 + self.tag_size) // 8) * 8
        self.entries = room // self.entry_size * 8
        self.section_sectors = 8 + self.entries * (self.block // 512)
        self.initial = 8 + self.sections * self.section_sectors
        interleave = 1 << self.log_interleave
        padding = 4096 if self.flags & 0x08 else 131072
        run = self.tag_size * interleave * 512 // self.block
        self.run = -(-run // padding) * padding // 512

    def blocks(self):
        return self.provided * 512 // self.block

    def data_place(self, block):
        sector = block * self.block // 512
        area, rest = divmod(sector, 1 << self.log_interleave)
        return 512 * (self.initial + (area << self.log_interleave) + (area + 1) * self.run + rest)

    def tag_place(self, block):
        area, rest = divmod(block * self.block // 512, 1 << self.log_interleave)
        start = self.initial + (area << self.log_interleave) + area * self.run
        return 512 * start + rest * 512 // self.block * self.tag_size

    def data(self, block):
        place = self.data_place(block)
        return self.image[place:place + self.block]

    def tag(self, block):
        place = self.tag_place(block)
        return self.image[place:place + self.tag_size]

    def right_tag(self, block, algorithm="sha256", key=None):
        text = self.salt + struct.pack("<Q", block * self.block // 512) + self.data(block)
        if key is not None:
            return hmac.new(key, text, algorithm).digest()[:self.tag_size]
        return hashlib.new(algorithm, text).digest()[:self.tag_size]

    def tagged(self, block, data, key=None):
        """The tag of other data."""
        old = self.image
        place = self.data_place(block)
        self.image = bytearray(old)
        self.image[place:place + self.block] = data
        tag = self.right_tag(block, "sha256", key)
        self.image = old
        return tag

    def journal_section(self, section, seq, entries, keys=None, torn=None):
        """A section as the kernel commits it. entries: (block, data, tag). keys: those of "mac" and
        "crypt". From sector torn on it has the commit id of the round before."""
        keys = keys or {}
        room = [bytearray(512) for _ in range(self.section_sectors)]
        macs = b""
        for i in range(self.entries):
            if i < len(entries):
                block, data, tag = entries[i]
                parts = [data[n:n + 512] for n in range(0, self.block, 512)]
                entry = struct.pack("<Q", block * self.block // 512)
                entry += b"".join(part[504:] for part in parts) + tag
                for n, part in enumerate(parts):
                    room[8 + i * len(parts) + n][:504] = part[:504]
            else:
                entry = b"\0\0\0\0\xff\xff\xff\xff"
            macs += entry[:8]
            place = i // 8 * self.entry_size
            room[i % 8][place:place + len(entry)] = entry
        if "mac" in keys:
            head = self.salt + struct.pack("<Q", section) if self.salt else b""
            mac = hmac.new(keys["mac"], head + macs, "sha256").digest().ljust(64, b"\0")
            for i in range(8):
                room[i][496:504] = mac[i * 8:i * 8 + 8]
        for i, sector in enumerate(room):
            number = (seq - (torn is not None and i >= torn)) % 4
            commit = 0x1111111111111111 * (number + 1) ^ (section << 32 | i)
            sector[504:] = struct.pack("<Q", commit)
        plain = b"".join(room)
        return cbc_section(keys["crypt"], section, plain) if "crypt" in keys else plain

    def journal_place(self, section):
        return 4096 + section * self.section_sectors * 512

    def put(self, offset, data):
        self.image[offset:offset + len(data)] = data

    def set_superblock(self, flags, recalc_sector=0, mac_key=None):
        """Other flags, as a kernel would leave them."""
        self.put(24, struct.pack("<I", flags))
        self.put(32, struct.pack("<Q", recalc_sector))
        if mac_key:
            self.put(480, hmac.new(mac_key, bytes(self.image[:480]), "sha256").digest())

    def journal_sector(self, section, sector):
        place = 512 * (8 + section * self.section_sectors + sector)
        return self.image[place:place + 512]


class Cipher:
    """AES of libcrypto through ctypes: the IVs are the caller's."""

    def __init__(self, name, key):
        path = ctypes.util.find_library("crypto")
        self.lib = ctypes.CDLL(path)
        for function in ("EVP_CIPHER_CTX_new", "EVP_get_cipherbyname"):
            getattr(self.lib, function).restype = ctypes.c_void_p
        self.cipher = ctypes.c_void_p(self.lib.EVP_get_cipherbyname(name.encode()))
        assert self.cipher.value, name
        self.key = key

    def decrypt(self, data, iv):
        ctx = ctypes.c_void_p(self.lib.EVP_CIPHER_CTX_new())
        out = ctypes.create_string_buffer(len(data) + 32)
        size = ctypes.c_int()
        ok = self.lib.EVP_DecryptInit_ex(ctx, self.cipher, None, self.key, iv)
        self.lib.EVP_CIPHER_CTX_set_padding(ctx, 0)
        ok &= self.lib.EVP_DecryptUpdate(ctx, out, ctypes.byref(size), data, len(data))
        self.lib.EVP_CIPHER_CTX_free(ctx)
        assert ok == 1 and size.value == len(data)
        return out.raw[:len(data)]


def iv_plain64(sector):
    return struct.pack("<QQ", sector, 0)


def iv_plain(sector):
    return struct.pack("<IIQ", sector & 0xffffffff, 0, 0)
