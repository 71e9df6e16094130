# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes the corpora of the binary formats from the golden cases and from the fields' tables."""

import json
import pathlib
import struct

HERE = pathlib.Path(__file__).parent
GOLDEN = HERE.parent / "golden" / "data"


def write(target, name, data):
    path = HERE / "corpus" / target / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def integrity():
    """Superblock (its defined bytes, or 512 with a MAC) padded to 4096, then the three sizes."""
    for name in ["integrity-sha256-4096", "integrity-crc32c-meta-512", "integrity-jmac-4096",
                 "integrity-legacy-padding-4096", "integrity-crc32c-bitmap-spb-512"]:
        images = json.loads((GOLDEN / name / "params.json").read_text())["images"]
        image = [i for i in images if "geometry" in i][0]
        data = bytes.fromhex(image["superblock"]["hex"]).ljust(4096, b"\0")
        meta = image["size"] // 512 if image["name"] == "meta.img" else 0
        size = [i for i in images if i["name"] == "data.img"][0]["size"] // 512
        write("integrity-sb", name, data + struct.pack("<3Q", size, meta, 0))
    write("integrity-sb", "zero", bytes(4096))
    write("integrity-sb", "short", b"integrt\0\5")


def integrity_journal():
    """Tag size, log2 of the block's sectors, commit ids of three sections, changes of bytes."""
    used = struct.pack("<IBQ", 0, 8, 8)
    for name, head, changes in (("empty", (32, 3, 0, 0, 0), b""), ("used", (32, 3, 1, 0, 0), used),
                                ("round-the-end", (4, 0, 2, 1, 1), used),
                                ("all-ids", (4, 0, 0, 1, 2), struct.pack("<IBQ", 504, 8,
                                                                         0x4444444444444444)),
                                ("unknown-id", (20, 1, 0, 0, 0), struct.pack("<IBB", 511, 1, 9)),
                                ("torn", (255, 3, 1, 0, 0),
                                 struct.pack("<IBQ", 1016, 8, 0x1111111111111111 ^ 1)),
                                ("large-tag", (255, 2, 3, 3, 2), used + used)):
        write("integrity-journal", name, bytes(head) + changes)



def verity():
    for name in ["verity-129b-sha256", "verity-300b-d1024-h4096", "verity-1b-sha256"]:
        spec = json.loads((GOLDEN / name / "params.json").read_text())["spec"]
        salt = bytes.fromhex(spec["salt"])
        write("verity-sb", name, struct.pack(
            "<8sII16s32sIIQH6x256s168xQ", b"verity\0\0", 1, spec["format"],
            bytes.fromhex(spec["uuid"].replace("-", "")), spec["hash"].encode(),
            spec["data_block_size"], spec["hash_block_size"], spec["blocks"], len(salt), salt,
            spec["hash_offset"]))
    write("verity-sb", "short", b"verity\0\0\1")


def pe():
    """Headers of an image with two sections, and behind them the size of the file."""
    head = b"MZ".ljust(60, b"\0") + struct.pack("<I", 64)
    head += b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 2, 0, 0, 0, 16, 0x2022) + bytes(16)
    for name, offset in ((b".linux", 512), (b".initrd", 1024)):
        head += struct.pack("<8sIIIIIIHHI", name, 300, 4096, 300, offset, 0, 0, 0, 0, 0)
    write("pe-sections", "two", head + struct.pack("<Q", 1324))
    write("pe-sections", "short-file", head + struct.pack("<Q", 1323))
    write("pe-sections", "cut", head[:-40] + struct.pack("<Q", 1324))
    write("pe-sections", "far", head[:60] + b"\xff\xff\xff\xff" + head[64:] + bytes(8))


def luks2():
    """Behind a zero the JSON text, behind a one the header as it is."""
    for name in ["luks2-xts-plain-4096", "luks2-hmac-sha256-xts-4096"]:
        header = (GOLDEN / name / "header.bin").read_bytes()
        write("luks2", name, b"\0" + header[4096:16384].rstrip(b"\0"))
    write("luks2", "bytes", b"\1" + header[:32768])
    # The second copy claims to be larger than the device, at the place where that would be.
    large = bytearray(header[:32768])
    struct.pack_into(">Q", large, 16384 + 8, 4 << 20)
    struct.pack_into(">Q", large, 16384 + 256, 4 << 20)
    write("luks2", "large-second", b"\1" + large)
    text = header[4096:16384].rstrip(b"\0")
    write("luks2", "argon2", b"\0" + text.replace(
        b'"type":"pbkdf2","hash":"sha256"', b'"type":"argon2id","time":4,"memory":65536,"cpus":4',
        1))
    write("luks2", "token", b"\0" + text.replace(
        b'"tokens":{}', b'"tokens":{"0":{"type":"systemd-tpm2","keyslots":["0"],"tpm2-pcrs":[7]}}'))


def ciphers():
    for name, word in [("old", "aes-xts-plain64"), ("essiv", "aes-cbc-essiv:sha256"),
                       ("capi", "capi:xts(aes)-plain64"), ("one", "aes"), ("ecb", "aes-ecb"),
                       ("authenc", "capi:authenc(hmac(sha256),xts(aes))-plain64"),
                       ("adiantum", "xchacha20,aes-adiantum-plain64"), ("keys", "aes:64-cbc-lmk")]:
        write("cipher-spec", name, word.encode())


def file_systems():
    """The first byte tells the offset: 0, 1024 or 65536."""
    ext = bytearray(1024)
    struct.pack_into("<I", ext, 4, 1000)
    struct.pack_into("<H", ext, 56, 0xef53)
    struct.pack_into("<III", ext, 92, 4, 0xc2, 1)
    write("fs-probe", "ext4", b"\1" + ext)
    xfs = bytearray(512)
    struct.pack_into(">4sIQ", xfs, 0, b"XFSB", 4096, 1000)
    struct.pack_into(">H", xfs, 102, 512)
    write("fs-probe", "xfs", b"\0" + xfs)
    erofs = bytearray(1024)
    struct.pack_into("<I", erofs, 0, 0xe0f5e1e2)
    erofs[12] = 12
    struct.pack_into("<I", erofs, 36, 100)
    write("fs-probe", "erofs", b"\1" + erofs)
    f2fs = bytearray(1024)
    struct.pack_into("<I", f2fs, 0, 0xf2f52010)
    struct.pack_into("<I", f2fs, 16, 12)
    struct.pack_into("<Q", f2fs, 36, 100)
    write("fs-probe", "f2fs", b"\1" + f2fs)
    squashfs = bytearray(512)
    struct.pack_into("<4s", squashfs, 0, b"hsqs")
    struct.pack_into("<H", squashfs, 28, 4)
    struct.pack_into("<Q", squashfs, 40, 5000)
    write("fs-probe", "squashfs", b"\0" + squashfs)
    btrfs = bytearray(4096)
    struct.pack_into("<8s", btrfs, 64, b"_BHRfS_M")
    struct.pack_into("<Q", btrfs, 112, 1 << 30)
    struct.pack_into("<QI", btrfs, 136, 1, 4096)
    write("fs-probe", "btrfs", b"\2" + btrfs)
    vfat = bytearray(512)
    struct.pack_into("<HBHBHH", vfat, 11, 512, 4, 1, 2, 0, 2880)
    struct.pack_into("<8s", vfat, 54, b"FAT16   ")
    struct.pack_into("<H", vfat, 510, 0xaa55)
    write("fs-probe", "vfat", b"\0" + vfat)


def seal_slots():
    """Up to the checksum, which the target computes."""
    def slot(flags, pin=(0, 0, 0, 0), records=b"", signed=0xb800, literal=0x80):
        head = struct.pack(">8sHHHH16sQQHHIIIII", b"DMSTPM01", 1, flags, 80, 158, bytes(range(16)),
                           3, 42, 0xb, 0, signed, literal, 0x01800d00, 0x82044014, 0x01800d01)
        head += b"\x11" * 32 if literal else bytes(32)
        head += b"\0\x0b" + b"\x22" * 32 if signed else bytes(34)
        head += b"\0\x0b" + b"\x33" * 32
        head += struct.pack(">HHIII16s4x", len(records), *pin, b"\x44" * 16 if pin[0] else b"")
        return head + b"\x55" * 80 + b"\x66" * 158 + records

    def record(kind, label, size):
        return struct.pack(">BBH", kind, len(label), size) + label + bytes(28) + b"\x77" * size

    write("seal-slot", "signed", slot(6))
    write("seal-slot", "literal", slot(4, signed=0))
    write("seal-slot", "records", slot(6, records=record(1, b"root", 64) + record(1, b"tags", 32)
                                       + record(2, b"", 32)))
    write("seal-slot", "rekeying", slot(6, records=record(1, b"root", 64) + record(3, b"root", 64)
                                        + record(4, b"data", 32)))
    write("seal-slot", "rekeying-two", slot(6, records=record(3, b"a", 64) + record(3, b"b", 64)))
    write("seal-slot", "twice", slot(6, records=record(2, b"", 32) * 2))
    write("seal-slot", "pbkdf2", slot(7, (1, 600000, 0, 0)))
    write("seal-slot", "argon2", slot(15, (2, 4, 65536, 1)))
    write("seal-slot", "short", b"DMSTPM01\0\1")


def rekey_journals():
    """A header without its HMAC, which the target has nothing to do with."""
    def header(capacity, sequence, size, position, length):
        return struct.pack(">8sHHI16sQQ16xQI4xQ32s", b"DMSREK01", 1, 0, capacity, b"i" * 16, sequence,
                           size, position, length, 0x1234, b"d" * 32)

    write("rekey-journal", "first", header(65536, 0, 1 << 20, 0, 0))
    write("rekey-journal", "piece", header(1 << 20, 7, 1 << 30, 6 << 20, 1 << 20))
    write("rekey-journal", "end", header(1 << 20, 7, (6 << 20) + 512, 6 << 20, 512))
    write("rekey-journal", "outside", header(1 << 20, 7, 6 << 20, 6 << 20, 512))
    write("rekey-journal", "wraps", header(1 << 20, 7, 1 << 20, 2 ** 64 - 512, 512))
    write("rekey-journal", "short", b"DMSREK01\0\1")


integrity()
integrity_journal()
verity()
luks2()
seal_slots()
rekey_journals()
ciphers()
file_systems()
pe()
