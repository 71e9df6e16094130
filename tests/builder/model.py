# SPDX-License-Identifier: LGPL-2.1-or-later
"""The on-disk formats once more, written from the kernel's documents and not from the C code:
slow, short, and only what the tests of dmstack-build compare with."""

import ctypes
import ctypes.util
import hashlib
import hmac
import struct


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
