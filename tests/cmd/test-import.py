# SPDX-License-Identifier: LGPL-2.1-or-later
"""dmstack import: each line of the old tables with its equivalent or with the reason why it has
none, and what comes out is read again by dmstack itself.
usage: test-import.py PROGRAM"""

import os
import subprocess
import sys
import tempfile

PROGRAM = sys.argv[1]
ROOT_HASH = "a33f7bbc4251488ad6c9210b978fc2a14240a50481378db14e89863de2e3fa34"

# (table, line, the line of dmstack.conf as a list of columns, words that the comment has)
IMPORTED = (
    ("crypttab", "home UUID=1b2c none luks,discard",
     ["home", "luks", "UUID=1b2c", "ask", "discard"], []),
    ("crypttab", "home UUID=1b2c",
     ["home", "luks", "UUID=1b2c", "ask", "-"], ["taken for LUKS2"]),
    ("crypttab", "found UUID=1b2c - luks",
     ["found", "luks", "UUID=1b2c", "/etc/cryptsetup-keys.d/found.key", "-"], ["by its name"]),
    ("crypttab", "h LABEL=h /etc/h.key luks,header=/boot/h.img,key-slot=1,nofail,tries=3,"
     "x-systemd.device-timeout=30s",
     ["h", "luks", "LABEL=h,header=/boot/h.img", "/etc/h.key", "key-slot=1,nofail,timeout=30s"],
     ["tries is left out"]),
    ("crypttab", "h LABEL=h /etc/h.key luks,cipher=aes-xts-plain64,size=512",
     ["h", "luks", "LABEL=h", "/etc/h.key", "-"],
     ["cipher=aes-xts-plain64,size=512 is left out: the LUKS header says it"]),
    ("crypttab", "p /dev/sdb1 /etc/p.key plain,cipher=aes-xts-plain64,size=512,offset=8,skip=8,"
     "sector-size=4096,no-read-workqueue,_netdev",
     ["p", "crypt", "/dev/sdb1", "/etc/p.key",
      "no-read-workqueue,_netdev,cipher=aes-xts-plain64,size=512,offset=8,skip=8,"
      "sector-size=4096"], ["as many bytes as the key"]),
    ("crypttab", "p /dev/sdb1 /etc/p.key plain,initramfs,readonly,hash=plain",
     ["p", "crypt", "/dev/sdb1", "/etc/p.key",
      "x-initrd.attach,read-only,cipher=aes-cbc-essiv:sha256,size=256"], ["by default"]),
    ("integritytab", "i PARTLABEL=i - integrity-algorithm=sha256,mode=bitmap,allow-discards",
     ["i", "integrity", "PARTLABEL=i", "-",
      "integrity-algorithm=sha256,mode=bitmap,discard"], []),
    ("integritytab", "i PARTLABEL=i",
     ["i", "integrity", "PARTLABEL=i", "-", "integrity-algorithm=crc32c"], ["by default"]),
    ("integritytab", "i PARTLABEL=tags /etc/i.key integrity-algorithm=hmac-sha256,"
     "data-device=PARTLABEL=data,journal-watermark=60%,journal-commit-time=500",
     ["i", "integrity", "PARTLABEL=data,meta=PARTLABEL=tags", "/etc/i.key",
      "integrity-algorithm=hmac-sha256,journal-watermark=60,journal-commit-time=500"], []),
    ("veritytab", f"v PARTLABEL=v PARTLABEL=vh {ROOT_HASH}",
     ["v", "verity", "PARTLABEL=v,hash=PARTLABEL=vh", "-", f"root-hash={ROOT_HASH}"], []),
    ("veritytab", f"v /dev/sda1 /dev/sda2 {ROOT_HASH} hash=sha256,panic-on-corruption,"
     "fec-device=/dev/sda3,fec-roots=2,x-initrd.attach,root-hash-signature=/etc/v.p7s",
     ["v", "verity", "/dev/sda1,hash=/dev/sda2,fec=/dev/sda3", "-",
      "hash-algorithm=sha256,on-corruption=panic,fec-roots=2,x-initrd.attach,"
      f"root-hash-signature=/etc/v.p7s,root-hash={ROOT_HASH}"], []),
)

REFUSED = (
    ("crypttab", "s /dev/sdb2 /dev/urandom swap", "makes no file systems"),
    ("crypttab", "s /dev/sdb2 /dev/urandom plain", "is another one each time"),
    ("crypttab", "p /dev/sdb1 none plain", "the hash of a passphrase"),
    ("crypttab", "p /dev/sdb1 /etc/k plain,hash=sha512", "the hash of a passphrase"),
    ("crypttab", "t /dev/sdb1 - luks,tpm2-device=auto", "tpm2-device: keyslots that a token"),
    ("crypttab", "b /dev/sdb1 - bitlk", "bitlk: only LUKS2 and plain"),
    ("crypttab", "k /dev/sdb1 /key:LABEL=stick luks", "on a device of its own"),
    ("crypttab", "k /dev/sdb1 key luks", "no absolute path"),
    ("crypttab", "k /dev/sdb1 /etc/k luks,keyfile-size=32", "the whole file is the key"),
    ("crypttab", "k /dev/sdb1 /etc/k luks,frobnicate=1", '"frobnicate" is not known'),
    ("crypttab", "k", "columns are missing"),
    ("crypttab", "k sdb1 /etc/k luks", '"sdb1"'),
    ("crypttab", "p /dev/sdb1 /etc/k plain,cipher=aes-xts-plain64,size=100", "size"),
    ("integritytab", "i /dev/sdb1 - mode=sometimes", 'mode: "sometimes"'),
    ("integritytab", "i /dev/sdb1 - integrity-algorithm=phmac-sha256", '"phmac-sha256"'),
    ("integritytab", "i /dev/sdb1 - journal-commit-time=10ms", "only a plain number"),
    ("veritytab", "v /dev/sda1 /dev/sda2", "columns are missing"),
    ("veritytab", "v /dev/sda1 /dev/sda2 00ff", "root-hash"),
    ("veritytab", f"v /dev/sda1 /dev/sda2 {ROOT_HASH} root-hash-signature=base64:AAAA",
     "put the signature into a file"),
)

number = 0


def verdict(name, fault=None):
    global number
    number += 1
    print(f"{'not ok' if fault else 'ok'} {number} - {name}")
    if fault:
        print("# " + str(fault).replace("\n", "\n# "))


def run(*args):
    return subprocess.run([PROGRAM, *args], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60, check=False)


def tree(tables):
    folder = tempfile.TemporaryDirectory()
    os.makedirs(f"{folder.name}/etc/cryptsetup-keys.d")
    with open(f"{folder.name}/etc/cryptsetup-keys.d/found.key", "wb"):
        pass
    for table, text in tables.items():
        with open(f"{folder.name}/etc/{table}", "w", encoding="utf-8") as f:
            f.write(text)
    return folder


def lines_of(text):
    return [line.split() for line in text.splitlines() if line and not line.startswith("#")]


def imported(table, line, columns, words):
    with tree({table: f"# a comment\n\n{line}\n"}) as folder:
        result = run("import", "--root", folder)
        assert result.returncode == 0 and not result.stderr, result
        assert lines_of(result.stdout) == [columns], result.stdout
        assert f"\n# /etc/{table}:3\n" in result.stdout, result.stdout
        for word in words:
            assert word in result.stdout, result.stdout
        # The judge of a line is dmstack.
        with open(f"{folder}/etc/dmstack.conf", "w", encoding="utf-8") as f:
            f.write(result.stdout)
        check = run("check", "--root", folder)
        assert check.returncode == 0, check


def refused(table, line, reason):
    with tree({table: line + "\n"}) as folder:
        result = run("import", "--root", folder)
        assert result.returncode == 1, result
        assert lines_of(result.stdout) == [], result.stdout
        assert reason in result.stdout, result.stdout
        assert result.stderr.startswith(f"dmstack: /etc/{table}:1: not imported: "), result.stderr
        assert result.stderr.count("\n") == 1, result.stderr


def stack():
    """a stack over three tables keeps its order, and fstab says what the initrd has to attach"""
    tables = {
        "integritytab": "tags PARTLABEL=root /etc/tags.key integrity-algorithm=hmac-sha256\n",
        "crypttab": "root /dev/mapper/tags /etc/root.key plain,cipher=aes-xts-plain64,size=512\n"
                    "bad PARTLABEL=bad none tcrypt\n",
        "fstab": "/dev/mapper/root / ext4 defaults 0 1\nPARTLABEL=root /mnt ext4 noauto 0 0\n"
                 "tmpfs /tmp tmpfs\n",
    }
    with tree(tables) as folder:
        out = f"{folder}/etc/dmstack.conf"
        result = run("import", "--root", folder, "--output", out)
        assert result.returncode == 1 and not result.stdout, result
        with open(out, encoding="utf-8") as f:
            text = f.read()
        tags, root = lines_of(text)
        assert tags[:3] == ["tags", "integrity", "PARTLABEL=root"], tags
        assert root[2] == "/dev/mapper/tags" and "x-initrd.attach" in root[4].split(","), root
        assert "it carries / (/etc/fstab:1)" in text, text
        assert "/etc/fstab:2 mounts PARTLABEL=root itself on /mnt" in text, text
        plan = run("plan", "--root", folder, "root")
        assert plan.returncode == 0 and "tags" in plan.stdout, plan
        again = run("import", "--root", folder, "--output", out)
        assert again.returncode == 1 and "File exists" in again.stderr, again
        with open(out, encoding="utf-8") as f:
            assert f.read() == text


def nothing():
    """a tree without tables is an error, and so is one that cannot be read"""
    with tree({"fstab": "tmpfs /tmp tmpfs\n"}) as folder:
        result = run("import", "--root", folder)
        assert result.returncode == 1 and "there is no /etc/crypttab" in result.stderr, result
        os.mkdir(f"{folder}/etc/crypttab")
        result = run("import", "--root", folder)
        assert result.returncode == 1 and "cannot read /etc/crypttab" in result.stderr, result


cases = [(f"{table}: {line}", lambda c=(table, line, columns, words): imported(*c))
         for table, line, columns, words in IMPORTED]
cases += [(f"{table}: {line} is refused", lambda c=(table, line, reason): refused(*c))
          for table, line, reason in REFUSED]
cases += [(function.__doc__, function) for function in (stack, nothing)]
print(f"1..{len(cases)}")
for title, case in cases:
    try:
        case()
        verdict(title.replace("#", "\\#"))
    except AssertionError as error:
        verdict(title.replace("#", "\\#"), error)
