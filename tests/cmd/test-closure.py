# SPDX-License-Identifier: LGPL-2.1-or-later
"""dmstack initrd-closure on made-up trees: what is in the list, and when there is none.
usage: test-closure.py PROGRAM SBIN-DIR GENERATOR-DIR UNIT-DIR RULES-DIR"""

import json
import os
import shutil
import subprocess
import sys
import tempfile

PROGRAM, SBIN, GENERATORS, UNITS, RULES = sys.argv[1:]
CONF = """\
tags  integrity PARTLABEL=data  file:/etc/tags.key integrity-algorithm=hmac-sha256
data  crypt     tags            credential:data    x-initrd.attach
other crypt     PARTLABEL=other /etc/other.key     cipher=serpent-cbc-essiv:md5
"""
KERNEL = "6.12.0-test"
MODULES = {
    "modules.dep": """\
kernel/drivers/md/dm-mod.ko.xz:
kernel/drivers/md/dm-crypt.ko.xz: kernel/drivers/md/dm-mod.ko.xz
kernel/drivers/md/dm-integrity.ko.xz: kernel/drivers/md/dm-bufio.ko.xz
kernel/drivers/md/dm-bufio.ko.xz:
kernel/drivers/md/dm-verity.ko.xz:
kernel/crypto/xts.ko.xz:
""",
    "modules.alias": """\
# Aliases extracted from modules themselves.
alias crypto-xts xts
alias crypto-aes aes_ni
alias crypto-aes aes-other
alias crypto-aes-generic not_this
alias crypto-sha256 sha256_fast
""",
    "modules.builtin": "kernel/crypto/ecb.ko\nkernel/drivers/block/loop.ko\n",
    "modules.builtin.modinfo":
        "ecb.license=GPL\0ecb.alias=crypto-ecb\0hmac.alias=crypto-hmac\0ext4.alias=fs-ext4\0",
}

tests = []


def test(function):
    tests.append(function)
    return function


def put(folder, path, text=""):
    path = folder + path
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def link(folder, path, target):
    os.makedirs(os.path.dirname(folder + path), exist_ok=True)
    os.symlink(target, folder + path)


def tree(folder, conf=CONF, modules=True):
    if conf is not None:
        put(folder, "/etc/dmstack.conf", conf)
    put(folder, "/etc/tags.key", "5ec2e75ec2e75ec2e75ec2e7")
    for path in (f"{SBIN}/dmstack", f"{GENERATORS}/dmstack-generator",
                 f"{os.path.dirname(RULES)}/dmstack-source", f"{RULES}/61-dmstack.rules",
                 f"{UNITS}/dmstack.target", "/usr/sbin/dmsetup", "/usr/bin/modprobe",
                 "/usr/lib/udev/rules.d/55-dm.rules", "/usr/lib/udev/rules.d/70-other.rules",
                 "/usr/lib/systemd/systemd-shutdown", f"{UNITS}/other.service"):
        put(folder, path)
    put(folder, f"{UNITS}/dmstack@.service", f"[Service]\nExecStart=:{SBIN}/dmstack attach -- %I\n")
    link(folder, f"{UNITS}/sysinit.target.wants/dmstack.target", "../dmstack.target")
    for name, text in MODULES.items() if modules else ():
        put(folder, f"/usr/lib/modules/{KERNEL}/{name}", text)
    link(folder, "/lib", "usr/lib")
    return folder


def run(folder, *args, expect=0):
    result = subprocess.run([PROGRAM, "initrd-closure", "--root", folder, *args],
                            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert result.returncode == expect, \
        f"{args}: exit {result.returncode}, not {expect}\n{result.stdout}{result.stderr}"
    if expect:
        assert not result.stdout and result.stderr, "an error prints no half of a list"
    assert "5ec2e7" not in result.stdout + result.stderr, "a key is printed"
    return result


def closure(folder, *args):
    """The list as a dictionary, which must be the same in both forms."""
    lines = {}
    for line in run(folder, *args).stdout.splitlines():
        kind, _, item = line.partition(" ")
        lines.setdefault(kind, []).append(item)
    whole = json.loads(run(folder, "--json", *args).stdout)
    plurals = {"binary": "binaries", "library": "libraries", "config": "config",
               "systemd": "systemd"}
    assert {kind: items for kind, items in whole.items() if items} == \
        {plurals.get(kind, kind + "s"): items for kind, items in lines.items()}, (whole, lines)
    return lines


@test
def whole_list(folder):
    """what a stack with x-initrd.attach needs, and of another stack nothing"""
    got = closure(tree(folder))
    assert got["stack"] == ["data"]
    assert set(got["module"]) == {"dm_mod", "dm_integrity", "dm_bufio", "dm_crypt", "xts", "aes_ni",
                                  "aes_other", "sha256_fast"}, got["module"]
    assert set(got["binary"]) == {f"{SBIN}/dmstack", "/usr/sbin/dmsetup", "/usr/bin/modprobe",
                                  f"{os.path.dirname(RULES)}/dmstack-source"}, got["binary"]
    assert set(got["systemd"]) == {f"{GENERATORS}/dmstack-generator",
                                   "/usr/lib/systemd/systemd-shutdown"}, got["systemd"]
    assert set(got["unit"]) == {f"{UNITS}/dmstack.target", f"{UNITS}/dmstack@.service",
                                f"{UNITS}/sysinit.target.wants/dmstack.target"}, got["unit"]
    assert set(got["udev-rule"]) == {f"{RULES}/61-dmstack.rules",
                                     "/usr/lib/udev/rules.d/55-dm.rules"}, got["udev-rule"]
    assert got["config"] == ["/etc/dmstack.conf"] and got["key"] == ["/etc/tags.key"]
    assert not {"library", "manifest", "signature", "certificate"}.intersection(got)


@test
def keys_are_named_with_a_warning(folder):
    """a key file is listed apart, and the warning says that it is not taken"""
    assert "the key /etc/tags.key is not taken along" in run(tree(folder)).stderr


@test
def nothing_needed(folder):
    """without a stack for the initrd there is nothing to list, and no error"""
    assert run(tree(folder, CONF.replace("x-initrd.attach", ""))).stdout == ""
    os.remove(folder + "/etc/dmstack.conf")
    assert run(folder).stdout == ""


@test
def found_by_the_boot(folder):
    """the kernel's words and fstab name what root, /usr and resume are on"""
    tree(folder, CONF.replace("x-initrd.attach", ""), modules=False)
    for words in ("root=/dev/mapper/data", "mount.usr=/dev/mapper/data rw",
                  "quiet resume=/dev/mapper/data"):
        assert closure(folder, "--cmdline", words)["stack"] == ["data"], words
    assert run(folder, "--cmdline", "root=/dev/mapper/dat resume=LABEL=data").stdout == ""
    put(folder, "/etc/kernel/cmdline", "root=/dev/mapper/other\n")
    assert closure(folder)["stack"] == ["other"]
    os.remove(folder + "/etc/kernel/cmdline")
    for line in ("/dev/mapper/data / ext4 defaults 0 1", "/dev/mapper/data /usr xfs ro",
                 "/dev/mapper/data /var ext4 x-initrd.mount"):
        put(folder, "/etc/fstab", line + "\n")
        assert closure(folder)["stack"] == ["data"], line
        assert "will not attach \"data\" by itself" in run(folder).stderr
    put(folder, "/etc/fstab", "/dev/mapper/data /srv ext4\n")
    assert run(folder).stdout == ""


@test
def without_modules(folder):
    """without modules in the tree there are the names by which the kernel asks"""
    got = closure(tree(folder, modules=False))["module"]
    assert {"dm_crypt", "crypto-xts", "crypto-ecb", "crypto-hmac"} <= set(got), got


@test
def one_kernel_of_several(folder):
    """of several kernels one has to be named, and the other is not looked at"""
    tree(folder)
    put(folder, "/usr/lib/modules/7.0/modules.dep", "")
    assert "--kernel" in run(folder, expect=1).stderr
    assert "xts" in closure(folder, "--kernel", KERNEL)["module"]
    run(folder, "--kernel", "7.0", expect=1)
    run(folder, "--kernel", "8.0", expect=1)
    run(folder, "--kernel", "../6", expect=2)


@test
def missing_modules(folder):
    """without the target there is no list; without an algorithm there is a warning"""
    tree(folder, CONF.replace("hmac-sha256", "hmac-sha512"))
    assert f"the kernel {KERNEL} has no module for crypto-sha512" in run(folder).stderr
    path = f"/usr/lib/modules/{KERNEL}/modules.dep"
    put(folder, path, MODULES["modules.dep"].replace("dm-crypt", "dm-cry"))
    assert f"the kernel {KERNEL} has no module dm_crypt" in run(folder, expect=1).stderr
    for garbage in (":::\n\n/\n.ko", "\0\0\0", "x" * 5000, "kernel/" + "y" * 300 + ".ko:\n"):
        put(folder, path, garbage)
        run(folder, expect=1)
        put(folder, f"/usr/lib/modules/{KERNEL}/modules.alias", garbage)
        run(folder, expect=1)


@test
def errors_end_it(folder):
    """what cannot be read or used leaves no list"""
    tree(folder, CONF + "broken nonsense PARTLABEL=x\n")
    assert "nobody knows what is needed" in run(folder, expect=1).stderr
    put(folder, "/etc/dmstack.conf", CONF.replace("tags  integrity", "tagz  integrity"))
    assert '"data" is needed and cannot be used' in run(folder, expect=1).stderr
    put(folder, "/etc/dmstack.conf", CONF + "odd crypt nowhere /etc/key\n")
    assert closure(folder)["stack"] == ["data"], "of an unneeded layer only a warning"
    run(folder + "/nonesuch", expect=1)


@test
def incomplete_installation(folder):
    """a part of dmstack or of device-mapper that is not there is an error that names it"""
    for path, said in ((f"{SBIN}/dmstack", "/dmstack is not there"),
                       (f"{GENERATORS}/dmstack-generator", "/dmstack-generator is not there"),
                       (f"{RULES}/61-dmstack.rules", f"no rule of dmstack in {RULES}"),
                       (f"{os.path.dirname(RULES)}/dmstack-source", "/dmstack-source is not there"),
                       ("/usr/sbin/dmsetup", "the program dmsetup is not there"),
                       ("/usr/bin/modprobe", "the program modprobe is not there")):
        shutil.rmtree(folder)
        os.mkdir(folder)
        os.remove(tree(folder) + path)
        assert said in run(folder, expect=1).stderr, path


@test
def units_by_name(folder):
    """units called after dmstack come along with their drop-ins and programs, unless for the host"""
    tree(folder)
    put(folder, "/usr/bin/gate", "")
    put(folder, f"{UNITS}/dmstack-gate.service",
        "[Unit]\nDescription=x\n[Service]\nExecStart=-/usr/bin/gate --x\nExecStop=/usr/bin/absent\n")
    put(folder, f"{UNITS}/dmstack-host.service",
        "[Unit]\nConditionPathExists=!/etc/initrd-release\n[Service]\nExecStart=/usr/bin/gate\n")
    put(folder, f"{UNITS}/emergency.service.d/50-dmstack.conf", "")
    put(folder, f"{UNITS}/emergency.service.d/50-other.conf", "")
    put(folder, "/etc/systemd/system/dmstack@.service.d/local.conf", "")
    link(folder, f"{UNITS}/initrd.target.wants/dmstack-gate.service", "../dmstack-gate.service")
    link(folder, f"{UNITS}/initrd.target.wants/dmstack-host.service", "../dmstack-host.service")
    # Enabled by the administrator, and for the host only.
    link(folder, "/etc/systemd/system/dmstack.target.wants/dmstack-host.service",
         f"{UNITS}/dmstack-host.service")
    link(folder, f"{UNITS}/multi-user.target.wants/dmstack@a.service", "../dmstack@.service")
    got = closure(folder)
    assert set(got["unit"]) == {
        f"{UNITS}/dmstack.target", f"{UNITS}/dmstack@.service", f"{UNITS}/dmstack-gate.service",
        f"{UNITS}/sysinit.target.wants/dmstack.target",
        f"{UNITS}/initrd.target.wants/dmstack-gate.service",
        f"{UNITS}/emergency.service.d/50-dmstack.conf",
        "/etc/systemd/system/dmstack@.service.d/local.conf"}, got["unit"]
    assert "/usr/bin/gate" in got["systemd"] and "/usr/bin/absent" not in got["systemd"]


@test
def unit_outside(folder):
    """a link that leads out of the tree does not"""
    tree(folder)
    put(folder, "-outside/dmstack-evil.service", "[Service]\nExecStart=/usr/sbin/dmsetup\n")
    link(folder, f"{UNITS}/dmstack-evil.service", f"{folder}-outside/dmstack-evil.service")
    try:
        run(folder, expect=1)
    finally:
        shutil.rmtree(folder + "-outside")


@test
def names_with_line_breaks(folder):
    """a file whose name would be two lines cannot make an item"""
    tree(folder)
    put(folder, "/etc/dmstack/keys.d/a\nbinary x.pem", "")
    run(folder, expect=1)
    assert json.loads(run(folder, "--json").stdout)["certificates"] == [
        "/etc/dmstack/keys.d/a\nbinary x.pem"]


def manifest(name, where, phase="bootstrap"):
    return json.dumps({
        "dmstack": 1, "name": name, "generation": 0, "phase": phase, "fail": "panic",
        "layers": [{"name": name, "type": "crypt", "devices": {"data": f"PARTLABEL={name}"},
                    "key": f"credential:{name}", "device-size": 67108864,
                    "cipher": "aes-xts-plain64", "size": 512, "sector-size": 4096}],
        "mount": {"where": where, "type": "ext4"}, "artifacts": []})


@test
def manifests(folder):
    """the manifest of root comes with its signature and the certificates, that of /srv does not"""
    tree(folder, None)
    put(folder, "/usr/sbin/fsck.ext4")
    put(folder, "/usr/lib/systemd/systemd-fsck")
    for name, where in (("root", "/"), ("srv", "/srv")):
        put(folder, f"/usr/lib/dmstack.d/{name}.json", manifest(name, where))
        put(folder, f"/usr/lib/dmstack.d/{name}.json.p7s")
    put(folder, "/etc/dmstack/keys.d/ca.pem")
    put(folder, "/etc/dmstack/keys.d/README")
    got = closure(folder)
    assert got["stack"] == ["root"] and got["manifest"] == ["/usr/lib/dmstack.d/root.json"]
    assert got["signature"] == ["/usr/lib/dmstack.d/root.json.p7s"]
    assert got["certificate"] == ["/etc/dmstack/keys.d/ca.pem"]
    assert "/usr/sbin/fsck.ext4" in got["binary"]
    assert "/usr/lib/systemd/systemd-fsck" in got["systemd"]
    assert "config" not in got and "key" not in got


@test
def sealed_manifest(folder):
    """what the sealed phase believes because it is in the initrd can get there"""
    tree(folder, None)
    put(folder, "/usr/lib/dmstack.d/root.json", manifest("root", "/", "sealed"))
    assert closure(folder)["stack"] == ["root"]


@test
def luks(folder):
    """LUKS2 brings the libraries that nothing is linked with"""
    tree(folder, "root luks PARTLABEL=r ask x-initrd.attach\n")
    put(folder, "/usr/lib64/libargon2.so.1")
    put(folder, "/usr/lib64/libgcc_s.so.1")
    put(folder, "/usr/bin/systemd-ask-password")
    got = closure(folder)
    assert got["library"] == ["/usr/lib64/libargon2.so.1", "/usr/lib64/libgcc_s.so.1"]
    assert "/usr/bin/systemd-ask-password" in got["systemd"]


@test
def signed_root_hash(folder):
    """the signature of a root hash is no key, and that it is not there is said"""
    root_hash = "a3" * 32
    tree(folder, f"root verity PARTLABEL=r,hash=PARTLABEL=h - root-hash={root_hash},"
         "x-initrd.attach,root-hash-signature=/etc/root.p7s\n")
    got = closure(folder)
    assert got["signature"] == ["/etc/root.p7s"] and "key" not in got
    assert "/etc/root.p7s is not there" in run(folder).stderr


@test
def seal(folder):
    """a seal brings what its policy is checked with, and the agents if it asks for a PIN"""
    tree(folder, CONF.replace("credential:data", "tpm2:data") +
         "machine seal PARTLABEL=seal - pin,public-key=/etc/k.pem,pcr-signature=/etc/pcrs.json\n",
         modules=False)
    put(folder, "/usr/bin/systemd-ask-password")
    put(folder, "/usr/lib/dmstack/pcr-signature.json")
    phase = "systemd-pcrphase-initrd.service"
    put(folder, f"{UNITS}/{phase}")
    link(folder, f"{UNITS}/initrd.target.wants/{phase}", f"../{phase}")
    put(folder, "/usr/lib/systemd/systemd-pcrextend")
    put(folder, "/usr/lib/libtss2-rc.so.0")
    got = closure(folder)
    assert {"tpm_crb", "tpm_tis"} <= set(got["module"])
    assert got["certificate"] == ["/etc/k.pem"]
    assert got["signature"] == ["/etc/pcrs.json", "/usr/lib/dmstack/pcr-signature.json"]
    assert {"/usr/bin/systemd-ask-password", "/usr/lib/systemd/systemd-pcrextend"} <= set(
        got["systemd"])
    assert {f"{UNITS}/{phase}", f"{UNITS}/initrd.target.wants/{phase}"} <= set(got["unit"])
    assert "/usr/lib/libtss2-rc.so.0" in got["library"]


@test
def seal_unsigned(folder):
    """without a signed policy, nobody has to extend PCR 11"""
    tree(folder, CONF.replace("credential:data", "tpm2:data") +
         "machine seal PARTLABEL=seal - literal-pcrs=7\n", modules=False)
    put(folder, "/usr/lib/systemd/systemd-pcrextend")
    put(folder, "/usr/lib/libtss2-rc.so.0")
    got = closure(folder)
    assert "tpm_crb" in got["module"]
    assert "/usr/lib/systemd/systemd-pcrextend" not in got["systemd"]
    assert "/usr/lib/libtss2-rc.so.0" not in got.get("library", [])


print(f"1..{len(tests)}")
failed = False
for number, function in enumerate(tests, 1):
    with tempfile.TemporaryDirectory(prefix="dmstack-test-closure-") as scratch:
        scratch += "/tree"
        os.mkdir(scratch)
        try:
            function(scratch)
            print(f"ok {number} - {function.__doc__}")
        except AssertionError as error:
            failed = True
            print(f"not ok {number} - {function.__doc__}")
            print("\n".join(f"# {line}" for line in str(error).splitlines()))
sys.exit(failed)
