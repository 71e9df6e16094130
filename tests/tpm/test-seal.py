# SPDX-License-Identifier: LGPL-2.1-or-later
"""dmstack's seal against a software TPM: what opens, and what each attack ends in.
usage: test-seal.py PROGRAM BUILDER [WORD...]"""

import fcntl
import hashlib
import os
import pathlib
import pty
import subprocess
import sys
import termios
import tty

import machine as m

PROGRAM, BUILDER = sys.argv[1:3]
NV, LATCH = 0x01800d00, 0x01800d01
COUNTER_ATTRIBUTES = 0x82044014
LATCH_ATTRIBUTES = 0x02042004
UNSEAL, CREATE, NV_READ = 0x15e, 0x153, 0x14e

tests = []


def test(function):
    tests.append(function)
    return function


def make(folder, name="machine", signed=False, **options):
    box = m.Machine(PROGRAM, pathlib.Path(folder) / name, **options)
    if signed:
        box.make_key()
    box.boot()
    return box


def enrolled(folder, name="machine", signed=False, **options):
    """A machine after its first boot, at the beginning of the second one; and its key."""
    box = make(folder, name, signed, **options)
    if signed:
        box.sign([1])
    box.run("enroll", "--recovery-key", folder + f"/{name}-recovery")
    key = m.key_read("root")
    assert key
    box.run("cap")
    assert m.key_read("root") is None
    box.reboot()
    return box, key


def opens(box, key):
    box.run("unseal")
    assert m.key_read("root") == key
    box.run("cap")


def refuses(box, state):
    """No key, and the state's own exit status and name."""
    result = box.run("unseal", expect=state)
    assert m.key_read("root") is None, "a key is there"
    assert result.stderr.strip(), "nothing is said"
    return result.stderr


@test
def plain(folder):
    """enroll, and the same key in the next boots; tpm-status tells what there is"""
    box = make(folder)
    box.layers = box.layers.replace("plain64", "plain64,sealed,x-initrd.attach")
    assert "has no slot that can be read" in box.run("check", "--sealed", expect=1).stdout
    status = box.status()
    assert status["latch"] == "absent" and status["software"], status
    assert [s["state"] for s in status["slots"]] == ["none", "none"]
    box.run("enroll")
    key = m.key_read("root")
    assert len(key) == 33 and key[:1] == b"D", key
    status = box.status()
    assert status["latch"] == "closed" and status["counter"] == "ready", status
    assert [s["state"] for s in status["slots"]] == ["old", "current"], status
    assert "2 of 2 slots can be read" in box.run("check", "--sealed", expect=None).stdout
    for _ in range(2):
        box.reboot()
        opens(box, key)
    assert "slot B" in box.run("tpm-status").stdout
    assert not any(word in box.said for word in (key[1:].hex(), repr(key)[2:-1]))
    box.run("enroll", expect=1)


@test
def signed(folder):
    """signed PCRs: the image, its configuration and its epoch"""
    box, key = enrolled(folder, signed=True)
    opens(box, key)
    # Another kernel on the same machine, without and with a stolen signature.
    box.reboot(image=b"image 2")
    refuses(box, m.PCR_MISMATCH)
    # One that is signed as well.
    box.reboot(image=b"image 2")
    box.put_signatures([box.signature(1, box.policy(i)) for i in (b"image 1", b"image 2")])
    opens(box, key)


@test
def signed_by_the_builder(folder):
    """dmstack-build sign-policy approves what unseal measures"""
    box = make(folder, signed=True)
    image = hashlib.sha256(bytes(32) + hashlib.sha256(b"image 1").digest()).hexdigest()
    output = box.folder / "signature.json"
    m.subprocess.run([BUILDER, "sign-policy", "--private-key", box.key_file, "--epoch", "1",
                      "--pcr", f"11={image}", "--config", box.write(), "--force",
                      "--output", output], check=True)
    box.run("enroll")
    key = m.key_read("root")
    box.reboot()
    opens(box, key)
    box.reboot(image=b"image 2")
    refuses(box, m.PCR_MISMATCH)


@test
def wrong_signatures(folder):
    """no signature, one of another key, one for another epoch: exit 19"""
    box, key = enrolled(folder, signed=True)
    good = box.signature(1, box.policy())
    box.put_signatures([])
    refuses(box, m.NO_SIGNATURE)
    other = folder + "/other.pem"
    m.subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt",
                      "ec_paramgen_curve:P-256", "-out", other], check=True, capture_output=True)
    box.put_signatures([box.signature(1, box.policy(), other)])
    refuses(box, m.NO_SIGNATURE)
    box.put_signatures([{**box.signature(2, box.policy()), "epoch": 1}])
    refuses(box, m.NO_SIGNATURE)
    box.put_signatures([good])
    opens(box, key)


@test
def foreign_public_key(folder):
    """another public key in the configuration approves nothing"""
    box, _ = enrolled(folder, signed=True)
    box.make_key()
    box.sign([1])
    refuses(box, m.NO_SIGNATURE)


@test
def epochs(folder):
    """an update to epoch 2 shuts epoch 1 out, and the slot of before it as well"""
    box, key = enrolled(folder, signed=True)
    old_slots = box.slots()
    old_signatures = (box.folder / "signature.json").read_text()
    box.configure(epoch=2)
    box.sign([1, 2], b"image 2")
    box.reboot(image=b"image 2")
    opens(box, key)
    box.reboot(image=b"image 2")
    assert max(s["epoch"] for s in box.status()["slots"]) == 2
    opens(box, key)
    # The old image with its old, valid signature: on the disk of now, and on its own.
    new_slots = box.slots()
    box.configure(epoch=1)
    (box.folder / "signature.json").write_text(old_signatures)
    box.reboot()
    refuses(box, m.NO_SIGNATURE)
    box.put_slots(old_slots)
    refuses(box, m.ROLLBACK)
    box.put_slots(new_slots)
    box.configure(epoch=2)
    box.sign([1, 2], b"image 2")
    box.reboot(image=b"image 2")
    opens(box, key)


@test
def unsigned_epochs(folder):
    """without a public key an older configuration is refused by its number"""
    box, key = enrolled(folder)
    box.configure(epoch=2)
    opens(box, key)
    box.configure(epoch=1)
    box.reboot()
    refuses(box, m.ROLLBACK)


@test
def commit_after_good(folder):
    """with commit=after-good the next boot shuts out, after one that was good"""
    box, key = enrolled(folder, commit="after-good")
    box.configure(epoch=2)
    opens(box, key)
    assert max(s["epoch"] for s in box.status()["slots"]) == 1
    box.run("reseal", "--good")
    box.reboot()
    opens(box, key)
    assert max(s["epoch"] for s in box.status()["slots"]) == 2


@test
def rotation(folder):
    """rotate=boot: a copy of the disk of the boot before opens nothing"""
    box, key = enrolled(folder, rotate="boot")
    copies = []
    for _ in range(3):
        copies.append(box.slots())
        opens(box, key)
        box.reboot()
    for copy in copies[:-1]:
        box.put_slots(copy)
        refuses(box, m.ROLLBACK)


@test
def literal_pcrs(folder):
    """a literal PCR that changed: exit 14; reseal in the good state follows"""
    box, key = enrolled(folder)
    box.tpm.extend(7)
    refuses(box, m.PCR_MISMATCH)
    box.reboot()
    # An update that will change PCR 7 cannot be sealed before, but PCR 4 can be added.
    box.configure(literal_pcrs="4+7")
    box.run("reseal")
    box.reboot()
    opens(box, key)
    box.reboot()
    box.tpm.extend(4)
    refuses(box, m.PCR_MISMATCH)


@test
def sha384(folder):
    """the other bank"""
    box, key = enrolled(folder, bank="sha384")
    opens(box, key)
    box.reboot()
    box.tpm.extend(7, banks=(0xb,))
    opens(box, key)
    box.reboot()
    box.tpm.extend(7, banks=(0xc,))
    refuses(box, m.PCR_MISMATCH)


@test
def capped(folder):
    """a second unseal, an increment and a second cap after the cap, also after a failure"""
    box, key = enrolled(folder, signed=True)
    box.put_signatures([])
    refuses(box, m.NO_SIGNATURE)
    box.run("cap")
    box.sign([1])
    refuses(box, m.CAPPED)
    # Nor for the unit, as its layers are not there.
    box.run("unseal", "--enforce", expect=m.CAPPED)
    box.run("cap")
    box.run("reseal", expect=m.CAPPED)
    assert box.tpm.increment(NV) == 0x148
    # S3 keeps the locks.
    box.tpm.raw(m.struct.pack(">HIIH", 0x8001, 12, 0x145, 1))
    box.tpm.kill()
    box.tpm.start("startup-state")
    refuses(box, m.CAPPED)
    # Who undoes the locks by a new counter has a counter of another value.
    assert box.tpm.undefine(NV) == 0
    assert box.tpm.define(NV, COUNTER_ATTRIBUTES, 8) == 0
    assert box.tpm.increment(NV) == 0
    box.reboot()
    refuses(box, m.ROLLBACK)
    assert key


@test
def counter_attacks(folder):
    """the counter deleted, new, empty, faked as ordinary memory; the old slot comes back never"""
    box, _ = enrolled(folder)
    assert box.tpm.undefine(NV) == 0
    refuses(box, m.NV_LOST)
    assert box.tpm.define(NV, COUNTER_ATTRIBUTES, 8) == 0
    refuses(box, m.NV_LOST)
    assert box.tpm.increment(NV) == 0
    refuses(box, m.ROLLBACK)
    assert box.tpm.undefine(NV) == 0
    assert box.tpm.define(NV, COUNTER_ATTRIBUTES & ~0x10, 8) == 0
    value = m.struct.pack(">HQH", 8, 2, 0)
    assert box.tpm.do(0x137, [NV, NV], value) == 0
    refuses(box, m.NV_LOST)


@test
def latch_deleted(folder):
    """the latch deleted: exit 23, also where the machine may enrol itself, and in bootstrap"""
    box, _ = enrolled(folder, bootstrap="allow")
    box.run("enroll", expect=1)
    assert box.tpm.undefine(LATCH) == 0
    refuses(box, m.RESET_REQUIRED)
    box.run("enroll", expect=m.RESET_REQUIRED)
    box.configure(sealed=False)
    refuses(box, m.RESET_REQUIRED)


def latch_closed(box, content):
    """A latch that somebody made, and closed with these bytes; None: with none."""
    assert box.tpm.undefine(LATCH) == 0
    assert box.tpm.define(LATCH, LATCH_ATTRIBUTES, 32) == 0
    if content is not None:
        box.tpm.ok(0x137, [LATCH, LATCH], m.struct.pack(">H32sH", 32, content, 0))
    box.tpm.ok(0x138, [LATCH, LATCH])


@test
def latch_of_another(folder):
    """a latch that this enrolment did not close: exit 16, and the recovery key makes it good"""
    box, key = enrolled(folder, recovery=True)
    content = hashlib.sha256(b"dmstack1 latch\0" + box.slots()[1][16:32]).digest()
    for wrong in (bytes(32), content[:31] + bytes([content[31] ^ 1]), None):
        latch_closed(box, wrong)
        assert box.status()["latch"] == "closed"
        assert "the latch" in refuses(box, m.NV_LOST)
    latch_closed(box, content)
    opens(box, key)
    box.reboot()
    latch_closed(box, bytes(32))
    box.credential("dmstack.recovery", pathlib.Path(folder + "/machine-recovery").read_text())
    box.run("recover")
    box.run("cap")
    box.reboot()
    opens(box, key)
    # A new enrolment closes it for itself.
    box.reboot()
    box.run("reset", "--destroy-keys")
    box.run("enroll", "--recovery-key", folder + "/again")
    assert box.slots()[1][16:32] != bytes(16)
    box.reboot()
    opens(box, m.key_read("root"))


@test
def wiped_slots(folder):
    """both slots wiped: exit 20; without the latch, and with data on the disk, exit 23"""
    box, key = enrolled(folder, bootstrap="allow")
    slots = box.slots()
    box.put_slots([bytes(m.SLOT)] * 2)
    refuses(box, m.NO_SLOT)
    box.data.write_bytes(b"data" * (1 << 18))
    assert box.tpm.undefine(LATCH) == 0
    refuses(box, m.RESET_REQUIRED)
    box.put_slots(slots)
    refuses(box, m.RESET_REQUIRED)
    assert key


@test
def damaged_slots(folder):
    """a flipped bit anywhere in the slot of now: never a key, never another secret"""
    box, key = enrolled(folder)
    slots = box.slots()
    fine = 0
    for at in list(range(0, 480, 24)) + [4031, 4032, 4063, 4064, 4095]:
        damaged = bytearray(slots[1])
        damaged[at] ^= 1
        box.put_slots([slots[0], bytes(damaged)])
        stderr = refuses(box, m.NO_SLOT if at >= 4064 else m.ROLLBACK)
        fine += bool(stderr)
    assert fine == 25, fine
    # The same with a checksum that is right: the header steers nothing.
    for at, states in [(16, (m.NV_LOST,)), (39, (m.POLICY, m.NO_SLOT)), (47, (m.ROLLBACK, m.NO_SLOT)),
                       (59, (m.POLICY,)), (63, (m.NO_SLOT,)), (80, (m.POLICY,)),
                       (150, (m.OTHER_TPM,)), (330, (m.OTHER_TPM,))]:
        damaged = bytearray(slots[1])
        damaged[at] ^= 1
        damaged[4032:4064] = hashlib.sha256(damaged[:4032]).digest()
        box.put_slots([bytes(m.SLOT), bytes(damaged)])
        result = box.run("unseal", expect=None)
        assert result.returncode in states, (at, result.returncode, result.stderr)
        assert m.key_read("root") is None
    box.put_slots(slots)
    opens(box, key)


@test
def other_tpm(folder):
    """the disk in another machine, enrolled or not, and after TPM2_Clear: exit 17"""
    box, key = enrolled(folder)
    other, _ = enrolled(folder, "other")
    mine, theirs = box.slots(), other.slots()
    other.put_slots(mine)
    refuses(other, m.OTHER_TPM)
    other.put_slots(theirs)
    fresh = make(folder, "fresh", bootstrap="allow")
    fresh.put_slots(mine)
    refuses(fresh, m.OTHER_TPM)
    opens(box, key)
    box.reboot()
    assert box.tpm.clear() == 0
    refuses(box, m.OTHER_TPM)
    for one in (other, fresh):
        one.close()


@test
def no_tpm(folder):
    """no TPM: exit 10, after the wait; cap says so, too"""
    box, _ = enrolled(folder, tpm_timeout="300ms")
    box.tpm.kill()
    begin = m.time.monotonic()
    refuses(box, m.NO_TPM)
    assert m.time.monotonic() - begin > 0.3
    box.run("cap", expect=m.NO_TPM)


@test
def hierarchy(folder):
    """the owner hierarchy off: exit 21"""
    box, _ = enrolled(folder)
    # HierarchyControl by the platform: enable owner = no.
    assert box.tpm.do(0x121, [0x4000000c], m.struct.pack(">IB", 0x40000001, 0)) == 0
    refuses(box, m.HIERARCHY)


@test
def pin(folder):
    """a PIN, a wrong one to the lockout, a new one; power cuts do not count"""
    box = make(folder, pin=True)
    box.credential("dmstack.pin", "123")
    box.run("enroll", expect=1)
    box.credential("dmstack.pin", "1234\n")
    box.run("enroll")
    key = m.key_read("root")
    box.run("cap")
    box.reboot()
    for _ in range(5):
        box.run("unseal")
        assert m.key_read("root") == key
        box.tpm.kill()
        box.boot()
    assert box.status()["wrong_pins"] == 0
    box.credential("dmstack.new-pin", "new pin")
    box.run("reseal", "--pin")
    box.run("cap")
    box.reboot()
    refuses(box, m.BAD_PIN)
    assert box.status()["wrong_pins"] == 1
    refuses(box, m.BAD_PIN)
    refuses(box, m.BAD_PIN)
    box.credential("dmstack.pin", "new pin")
    refuses(box, m.LOCKOUT)


@test
def own_lockout(folder):
    """own-lockout: a good boot forgives wrong PINs"""
    box = make(folder, pin=True, own_lockout=True)
    box.credential("dmstack.pin", "1234")
    box.run("enroll")
    box.run("cap")
    box.reboot()
    box.credential("dmstack.pin", "4321")
    refuses(box, m.BAD_PIN)
    refuses(box, m.BAD_PIN)
    box.credential("dmstack.pin", "1234")
    box.run("unseal")
    assert box.status()["wrong_pins"] == 0


@test
def recovery(folder):
    """the recovery key after Clear, with a lost counter, on another TPM; a wrong one does nothing"""
    box, key = enrolled(folder, recovery=True)
    text = pathlib.Path(folder + "/machine-recovery").read_text()
    assert len(text) == 81
    assert box.tpm.clear() == 0
    box.reboot()
    refuses(box, m.OTHER_TPM)
    box.credential("dmstack.recovery", "0" * 80)
    box.run("recover", expect=1)
    box.credential("dmstack.recovery", text[::-1])
    box.run("recover", expect=1)
    box.credential("dmstack.recovery", text.upper().replace("-", " "))
    box.run("recover")
    assert m.key_read("root") == key
    box.run("cap")
    box.reboot()
    opens(box, key)
    box.reboot()
    assert box.tpm.undefine(NV) == 0
    box.run("recover")
    box.run("cap")
    box.reboot()
    opens(box, key)
    # The disk in new hardware.
    new = make(folder, "new", recovery=True)
    new.put_slots(box.slots())
    refuses(new, m.OTHER_TPM)
    new.credential("dmstack.recovery", text)
    new.run("recover")
    new.run("cap")
    new.reboot()
    opens(new, key)
    new.close()


@test
def recovery_on_terminal(folder):
    """the recovery key on the terminal, with the QR code that qrencode draws of it"""
    box = make(folder, recovery=True)
    main, terminal = pty.openpty()
    tty.setraw(terminal)
    shown = b""
    with subprocess.Popen(box.command("enroll", "--recovery-qr"), env=box.environment(),
                          stdin=terminal, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          start_new_session=True,
                          preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) as process:
        os.close(terminal)
        try:
            while more := os.read(main, 4096):
                shown += more
        except OSError:
            pass
        said = process.stderr.read().decode()
    assert process.returncode == 0, said
    assert "qr" not in said.lower() and not any(line in said for line in shown.decode().split())
    lines = shown.decode().splitlines()
    assert lines[1] == "The recovery key of this machine, shown this once:" and len(lines[2]) == 80
    code = subprocess.run(["qrencode", "-t", "UTF8", "-m", "2", "-l", "M", "-8"],
                          input=lines[2].encode(), capture_output=True, check=True).stdout
    assert lines[3:] == code.decode().splitlines()
    box.run("cap")
    box.tpm.clear()
    box.reboot()
    box.credential("dmstack.recovery", lines[2])
    box.run("recover")
    box.close()


@test
def reset(folder):
    """reset only when it is meant; then a new life with other keys"""
    box, key = enrolled(folder)
    box.run("reset", expect=2)
    box.run("reset", "--destroy-keys")
    refuses(box, m.RESET_REQUIRED)
    box.run("enroll")
    assert m.key_read("root") not in (None, key)


@test
def phases(folder):
    """bootstrap with the image's keys, with a slot, and never after the latch"""
    box = make(folder, sealed=False)
    refuses(box, 1)
    box.credential("dmstack.root", b"k" * 64)
    box.run("unseal")
    assert m.key_read("root") == b"K" + b"k" * 64
    box.data.write_bytes(b"an image" * (1 << 16))
    box.run("enroll", "--keep-open")
    box.credential("dmstack.root", None)
    assert box.status()["latch"] == "open"
    box.reboot()
    box.run("unseal")
    assert m.key_read("root") == b"K" + b"k" * 64
    box.run("enroll")
    assert box.status()["latch"] == "closed"
    box.run("cap")
    box.reboot()
    refuses(box, 1)
    box.configure(sealed=True)
    opens(box, b"K" + b"k" * 64)


@test
def self_enrolment(folder):
    """bootstrap=allow: the first boot enrols by itself; deny: exit 23"""
    box = make(folder)
    refuses(box, m.RESET_REQUIRED)
    box.configure(bootstrap="allow")
    box.run("unseal")
    key = m.key_read("root")
    box.run("cap")
    box.reboot()
    opens(box, key)


@test
def not_enrolled(folder):
    """what enrolment refuses: a program for a TPM, a silent firmware, data that would be lost"""
    box = make(folder)
    box.configure(software_tpm=False)
    box.run("enroll", expect=1)
    box.configure(software_tpm=True)
    box.data.write_bytes(b"x" * (1 << 20))
    box.run("enroll", expect=m.RESET_REQUIRED)
    box.data.write_bytes(bytes(1 << 20))
    box.tpm.stop()
    box.tpm.start()
    box.run("enroll", expect=m.PCR_MISMATCH)
    box.reboot()
    box.make_key()
    box.run("enroll", expect=m.NO_SIGNATURE)
    assert box.status()["latch"] == "absent"
    assert box.slots() == [bytes(m.SLOT)] * 2


@test
def bank_not_allocated(folder):
    """a bank that is implemented but off: refused at enrolment, and at boot if it goes later"""
    box, _ = enrolled(folder, bank="sha384")
    # PCR_Allocate by the platform: only SHA-256 from the next start on.
    selection = m.struct.pack(">IHB3sHB3s", 2, 0xb, 3, b"\xff\xff\xff", 0xc, 3, b"\0\0\0")
    assert box.tpm.do(0x12b, [0x4000000c], selection) == 0
    box.tpm.stop()
    box.tpm.start()
    for pcr in range(8):
        box.tpm.extend(pcr, b"firmware", banks=(0xb,))
    refuses(box, m.PCR_MISMATCH)
    box.run("reset", "--destroy-keys")
    box.run("enroll", expect=m.PCR_MISMATCH)


@test
def proxied(folder):
    """one Unseal; the key is not on the bus; a forged bit of the counter: exit 11"""
    box, key = enrolled(folder)
    proxy = m.Proxy(box.tpm)
    box.port = proxy.port
    opens(box, key)
    assert proxy.commands.count(UNSEAL) == 1, proxy.commands
    assert CREATE not in proxy.commands
    assert key[1:] not in proxy.seen
    box.reboot()
    proxy.commands.clear()

    def forge(code, answer):
        return answer[:23] + bytes([answer[23] ^ 1]) + answer[24:] if code == NV_READ else answer

    proxy.forge = forge
    refuses(box, m.COMM)
    assert NV_READ in proxy.commands and UNSEAL not in proxy.commands
    proxy.forge = None
    box.reboot()
    opens(box, key)
    proxy.close()


@test
def enrolled_on_the_bus(folder):
    """what goes over the bus at enrolment has no root secret: nothing seen opens the slot's MAC"""
    box = make(folder)
    proxy = m.Proxy(box.tpm)
    box.port = proxy.port
    box.run("enroll")
    assert proxy.commands.count(UNSEAL) == 1 and proxy.commands.count(CREATE) == 2
    slot = box.slots()[1]
    import hmac

    def prk(key):
        return hmac.new(bytes(32), key, "sha256").digest()

    def is_root(key):
        mac_key = hmac.new(prk(key), b"dmstack1 slot\1", "sha256").digest()
        return hmac.new(mac_key, slot[:4064], "sha256").digest() == slot[4064:]

    assert len(proxy.seen) > 2000
    assert not any(is_root(proxy.seen[i:i + 32]) for i in range(len(proxy.seen) - 31))
    proxy.close()


m.run_tests(tests, sys.argv[3:])
