# SPDX-License-Identifier: LGPL-2.1-or-later
"""dmstack's command line: exit codes, plan, list and check below --root, and what it never prints.
usage: test-dmstack.py PROGRAM"""

import json
import os
import subprocess
import sys
import tempfile

PROGRAM = sys.argv[1]
ROOT_HASH = "a33f7bbc4251488ad6c9210b978fc2a14240a50481378db14e89863de2e3fa34"
CONF = f"""\
tags  integrity PARTLABEL=data                file:/etc/tags.key  integrity-algorithm=hmac-sha256,sector-size=4096
data  crypt     tags                          credential:data     cipher=aes-xts-plain64,sector-size=4096
other crypt     tags                          credential:other    cipher=aes-xts-plain64,sector-size=4096,read-only
usr   verity    PARTLABEL=usr,hash=LABEL=a"b  -                   root-hash={ROOT_HASH},sealed
"""
SECRET = "5ec2e75ec2e75ec2e75ec2e75ec2e75e"

tests = []


def test(function):
    tests.append(function)
    return function


def run(*args, expect=0, env=None):
    result = subprocess.run([PROGRAM, *args], stdin=subprocess.DEVNULL, capture_output=True,
                            text=True, timeout=60, env={**os.environ, **(env or {})})
    assert result.returncode == expect, \
        f"{args}: exit {result.returncode}, not {expect}\n{result.stdout}{result.stderr}"
    assert SECRET not in result.stdout + result.stderr, f"{args} prints a key"
    return result


def tree(folder, conf=CONF):
    os.makedirs(f"{folder}/etc", exist_ok=True)
    with open(f"{folder}/etc/dmstack.conf", "w", encoding="utf-8") as f:
        f.write(conf)
    with open(f"{folder}/etc/tags.key", "w", encoding="utf-8") as f:
        f.write(SECRET)
    return folder


@test
def help_and_version(folder):
    """--help and --version succeed, and help names every verb"""
    out = run("--help").stdout
    for verb in ("attach", "detach", "plan", "status", "list", "check", "initrd-closure"):
        assert f"\n  {verb} " in out, verb
        text = run(verb, "--help").stdout
        assert text.startswith(f"dmstack {verb} [OPTION...]"), text
    assert run("--version").stdout.startswith("dmstack ")


@test
def usage_errors(folder):
    """wrong use is exit status 2 and one line on stderr"""
    for args in ((), ("frobnicate",), ("plan", "--no-such"), ("plan", "a", "b"), ("attach",),
                 ("detach",), ("detach", "--all", "a"), ("detach", "--all", "--stack"),
                 ("attach", "--initrd", "a"), ("attach", "--initrd"),
                 ("attach", "a", "b"), ("list", "extra"), ("plan", "--root"),
                 ("plan", "--json", "--dot"), ("plan", "--dm-init"),
                 ("plan", "--dm-init", "--json", "a"), ("check", "--root=/a", "--root=/b"),
                 ("--json",), ("--root", "plan"), ("--no-such", "plan"), ("-x", "plan"),
                 ("-", "plan"), ("--root=/a", "plan", "--root=/b"), ("--dot", "list")):
        result = run(*args, expect=2)
        assert result.stderr.count("\n") == 1 and not result.stdout, result


@test
def options_before_the_verb(folder):
    """they are the verb's, wherever they stand"""
    expected = run("plan", "--root", tree(folder), "--json", "data").stdout
    for args in (("--root", folder, "plan", "data", "--json"), ("--json", "plan", "data",
                 f"--root={folder}"), (f"--root={folder}", "--json", "plan", "data")):
        assert run(*args).stdout == expected, args
    assert run("--json", "-h", "plan").stdout.startswith("dmstack plan [OPTION...]")


@test
def plan_text(folder):
    """plan shows steps and masked tables, each stack once"""
    out = run("plan", "--root", tree(folder)).stdout
    assert out.count("\n  Steps:\n") == 3, out
    assert "internal_hash:hmac(sha256):<key:file:/etc/tags.key>" in out
    assert ":64:logon:dmstack:data" in out
    assert "usr (sealed)" in out
    one = run("plan", "data", "--root", folder).stdout
    assert "usr" not in one and "  5 table  data rw " in one, one
    assert "put back unnoticed" in one
    assert "tags: the data device PARTLABEL=data must have exactly the size" in one, one
    assert "data: logical and physical blocks and minimum I/O of 4096 bytes" in one, one


@test
def plan_json(folder):
    """plan --json is JSON, with the graph and the tables"""
    plan = json.loads(run("plan", "--json", "--root", tree(folder)).stdout)
    stacks = {stack["name"]: stack for stack in plan["stacks"]}
    assert set(stacks) == {"data", "other", "usr"}
    layers = stacks["data"]["layers"]
    assert [layer["name"] for layer in layers] == ["tags", "data"]
    assert layers[0]["uuid"] == "integrity-dmstack-tags"
    assert [layer["block_size"] for layer in layers] == [4096, 4096]
    assert len(stacks["data"]["sizes"]) == 3
    assert layers[1]["devices"] == {"data": "tags"}
    assert layers[1]["key"] == "credential:data" and layers[1]["read_only"] is False
    assert stacks["usr"]["layers"][0]["devices"]["hash"] == 'LABEL=a"b'
    assert stacks["usr"]["layers"][0]["read_only"] is True
    assert stacks["usr"]["layers"][0]["phase"] == "sealed"
    assert stacks["data"]["steps"][0].startswith("1 wait")


@test
def plan_dot(folder):
    """plan --dot draws a shared layer once"""
    out = run("plan", "--dot", "--root", tree(folder)).stdout
    assert out.startswith("digraph dmstack {\n") and out.endswith("}\n")
    assert out.count('"tags" [label="tags') == 1, out
    assert '"data" -> "tags" [label="data"];' in out
    assert '"other" -> "tags" [label="data"];' in out
    assert r'"usr" -> "LABEL=a\"b" [label="hash"];' in out


def parse_dm_init(text):
    """What the kernel's parser makes of the words: (name, uuid, minor, flags, tables)."""
    create, rest = text.removeprefix('dm-mod.create="').split('"', 1)
    devices = []
    for entry in create.split(";"):
        name, uuid, minor, flags, *tables = entry.split(",")
        tables = [table.split(" ", 3) for table in tables]
        devices.append((name, uuid, int(minor), flags, tables))
    return devices, rest.split()


@test
def plan_dm_init(folder):
    """plan --dm-init gives words which the kernel's grammar splits back into the tables"""
    conf = f"""\
low linear PARTUUID=11111111-2222-3333-4444-555555555555 - device-size=8M
usr verity low,hash=PARTLABEL=usr-hash - root-hash={ROOT_HASH},salt=00ff,device-size=4M,\
superblock=no,data-blocks=1024,on-corruption=panic
"""
    conf = conf.replace("\\\n", "")
    devices, rest = parse_dm_init(run("plan", "--dm-init", "usr", "--root",
                                      tree(folder, conf)).stdout)
    assert [device[:4] for device in devices] == [
        ("low", "linear-dmstack-low", 0, "rw"), ("usr", "verity-dmstack-usr", 1, "ro")], devices
    assert devices[0][4] == [["0", "16384", "linear",
                              "PARTUUID=11111111-2222-3333-4444-555555555555 0"]], devices
    start, sectors, target, words = devices[1][4][0]
    assert (start, sectors, target) == ("0", "8192", "verity")
    words = words.split()
    assert words[1:3] == ["/dev/dm-0", "PARTLABEL=usr-hash"] and ROOT_HASH in words, words
    assert words[-2:] == ["1", "panic_on_corruption"], words
    assert rest == ["dm-mod.waitfor=PARTUUID=11111111-2222-3333-4444-555555555555,"
                    "PARTLABEL=usr-hash", "root=/dev/dm-1", "ro"], rest


@test
def plan_dm_init_refused(folder):
    """plan --dm-init says why the kernel cannot make a stack by itself"""
    good = "low linear PARTLABEL=low - device-size=8M\n"
    for name, conf, sentence in (
            ("c", good + "c crypt low /etc/k device-size=8M\n",
             '2: "c" needs a key, which must not stand on the kernel command line; use an initrd'),
            ("i", good + "i integrity low - integrity-algorithm=crc32c,device-size=4M\n",
             '2: the kernel makes no mapping of type integrity by itself; "i" needs an initrd'),
            ("l", "l linear LABEL=x - device-size=8M\n",
             "1: the kernel does not find LABEL=x by itself: without udev it takes PARTUUID=, "
             "PARTLABEL= and nodes such as /dev/sda2"),
            ("l", "l linear PARTLABEL=a;b - device-size=8M\n",
             '1: "PARTLABEL=a;b" cannot be said on the kernel command line: dm-mod.create has no '
             "escape for ';'"),
            ("l", "l linear PARTLABEL=a\n",
             '1: device-size: has to be given for "l", since no device can be asked'),
            ("v", f"v verity PARTLABEL=v,hash=PARTLABEL=h - root-hash={ROOT_HASH},device-size=4M\n",
             "1: format: has to be given, since nobody reads the superblock before the "
             "kernel makes the mapping")):
        result = run("plan", "--dm-init", name, "--root", tree(folder, conf), expect=1)
        assert result.stderr == f"dmstack: /etc/dmstack.conf:{sentence}\n", result.stderr
        assert result.stdout == ""


@test
def plan_unknown_name(folder):
    """a name that is not configured is an error"""
    result = run("plan", "nonesuch", "--root", tree(folder), expect=1)
    assert result.stderr == 'dmstack: "nonesuch" is not configured\n', result.stderr


@test
def list_layers(folder):
    """list names every layer; without a look at the system the state is unknown"""
    layers = json.loads(run("list", "--json", "--root", tree(folder)).stdout)
    assert [layer["name"] for layer in layers] == ["tags", "data", "other", "usr"]
    assert {layer["state"] for layer in layers} == {"unknown"}
    assert layers[3]["source"] == "/etc/dmstack.conf:4"
    out = run("list", "--root", folder).stdout.splitlines()
    assert len(out) == 5 and out[0].split() == ["NAME", "TYPE", "STATE", "DEVICES"]


@test
def check_good(folder):
    """check of a good tree says how many layers there are"""
    assert run("check", "--root", tree(folder)).stdout == "4 layers, no errors\n"
    assert run("check", "--quiet", "--root", folder).stdout == ""


@test
def check_bad(folder):
    """check reports every error with its place, and what stands on a broken layer"""
    tree(folder, CONF.replace("sector-size=4096", "sector-size=4097", 1) + "x crypt /dev/x\n")
    result = run("check", "--root", folder, expect=1)
    lines = result.stderr.splitlines()
    assert any(line.startswith("dmstack: /etc/dmstack.conf:1: ") and "4097" in line
               for line in lines), lines
    assert any(line.startswith("dmstack: /etc/dmstack.conf:5: ") for line in lines), lines
    assert any("/etc/dmstack.conf:2: " in line for line in lines), lines
    assert not result.stdout


@test
def plan_beside_bad(folder):
    """a bad line does not hide the good ones, and a plan of all is then not a success"""
    tree(folder, "bad line\n" + CONF)
    result = run("plan", "--root", folder, expect=1)
    assert "data (bootstrap)" in result.stdout
    run("plan", "data", "--root", folder)


@test
def no_root(folder):
    """a root that is not there is an error"""
    for verb in ("plan", "list", "check"):
        run(verb, "--root", f"{folder}/nonesuch", expect=1)


@test
def attach_unknown(folder):
    """attach of what is not configured fails before it looks for device-mapper"""
    tree(folder)
    result = run("attach", "nonesuch", expect=1, env={
        "DMSTACK_CONF": f"{folder}/etc/dmstack.conf", "DMSTACK_MANIFEST_PATH": folder,
        "SYSTEMD_PROC_CMDLINE": ""})
    assert '"nonesuch" is not configured' in result.stderr, result.stderr


@test
def output_cannot_be_written(folder):
    """a full standard output is an error and not a success"""
    tree(folder)
    with open("/dev/full", "w", encoding="utf-8") as full:
        result = subprocess.run([PROGRAM, "plan", "--root", folder], stdout=full,
                                stderr=subprocess.PIPE, timeout=60, check=False)
    assert result.returncode == 1 and b"standard output" in result.stderr, result


print(f"1..{len(tests)}")
failed = False
for number, function in enumerate(tests, 1):
    with tempfile.TemporaryDirectory(prefix="dmstack-test-cmd-") as scratch:
        try:
            function(scratch)
            print(f"ok {number} - {function.__doc__}")
        except AssertionError as error:
            failed = True
            print(f"not ok {number} - {function.__doc__}")
            print("\n".join(f"# {line}" for line in str(error).splitlines()))
sys.exit(failed)
