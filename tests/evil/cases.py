# SPDX-License-Identifier: LGPL-2.1-or-later
"""Malformed configuration, made from sound configuration by one change each.

A case says in one sentence what is wrong, and what the message must name: the place (file and line,
or file and JSON path) and the word. Every tree also has sound layers, which must survive.
"""

import copy
import dataclasses
import json

CONF = "/etc/dmstack.conf"
JSON = "/etc/dmstack.d/bad.json"

SOUND_CONF = "sound-1 linear PARTLABEL=sound-1\n"
SOUND_LAYERS = {"sound-1", "sound-2"}
SOUND_DROPIN = ("/etc/dmstack.conf.d/90-sound.conf", "sound-2 crypt /dev/vdc /etc/key\n")

ROOT_HASH = "cb5d6d982fc27f1d59073bde0bc86b0b1027d47dbfc264f111e8c10f4ac58c93"


@dataclasses.dataclass
class Case:
    name: str
    wrong: str  # one sentence
    files: dict  # path -> bytes, or None for a link to nowhere, or a folder if it ends with /
    names: list  # what the message has to name
    errors: int = 1  # how many messages
    schema: bool = False  # the JSON Schema sees it, too


CASES = []


def conf(name, wrong, line, *words, errors=1, after=""):
    """One bad line, the second of the file."""
    line = line if isinstance(line, bytes) else line.encode()
    text = SOUND_CONF.encode() + line + b"\n" + after.encode()
    CASES.append(Case(name, wrong, {CONF: text}, [CONF + ":2: ", *words], errors))


def sound_manifest():
    return {
        "dmstack": 1,
        "name": "bad",
        "generation": 7,
        "phase": "bootstrap",
        "fail": "panic",
        "seal": {"name": "machine", "device": "PARTLABEL=seal", "nv-index": 25169152,
                 "literal-pcrs": "0+7", "pin": True, "tpm-timeout": "10s"},
        "layers": [
            {
                "name": "bad-tags",
                "type": "integrity",
                "devices": {"data": "PARTLABEL=bad", "meta": "PARTLABEL=bad-meta"},
                "key": "credential:bad",
                "device-size": 1048576,
                "integrity-algorithm": "hmac-sha256",
                "sector-size": 4096,
                "mode": "journal",
            },
            {
                "name": "bad-crypt",
                "type": "crypt",
                "devices": {"data": "bad-tags"},
                "key": "tpm2:bad",
                "cipher": "aes-xts-plain64",
                "size": 512,
                "sector-size": 4096,
                "iv-large-sectors": False,
            },
            {
                "name": "bad",
                "type": "verity",
                "devices": {"data": "bad-crypt", "hash": "/dev/disk/by-partlabel/bad-hash"},
                "root-hash": ROOT_HASH,
                "hash-algorithm": "sha256",
                "salt": "00ff",
                "uuid": "01234567-89ab-cdef-0123-456789abcdef",
                "timeout": "30s",
            },
        ],
        "mount": {"where": "/srv", "type": "ext4", "options": "ro"},
        "artifacts": [
            {"file": "bad.img", "device": "bad-tags.data", "bytes": 1048576, "sha256": ROOT_HASH},
        ],
    }


def manifest(name, wrong, change, *words, schema=False, errors=1):
    """One change to a sound manifest; words[0] is the path within it."""
    m = sound_manifest()
    result = change(m)
    text = result if isinstance(result, bytes) else json.dumps(m, indent=2).encode()
    place, *rest = words
    CASES.append(Case(name, wrong, {JSON: text}, [JSON + place, *rest], errors, schema))


def text_change(old, new):
    """A change that JSON libraries do not make: of the text itself."""

    def change(m):
        text = json.dumps(m, indent=2).encode()
        assert text.count(old) >= 1, old
        return text.replace(old, new, 1)

    return change


def setting(path, value):
    """Sets what is found on the path, such as "layers.1.cipher"; None removes it."""

    def change(m):
        *parents, last = [int(p) if p.isdigit() else p for p in path.split(".")]
        at = m
        for p in parents:
            at = at[p]
        if value is None:
            del at[last]
        else:
            at[last] = value

    return change


# --- dmstack.conf: the bytes of a line ---

conf("nul-byte", "A NUL byte hides the rest of the line from C strings.",
     b"bad linear /dev/vda\0 - read-only", "NUL byte")
conf("control-character", "An escape sequence could rewrite the terminal that shows it.",
     b"bad linear /dev/\x1b[31mvda", "0x1b", "column 17")
conf("delete-character", "DEL is not part of any word.", b"bad linear /dev/vda\x7f", "0x7f")
conf("carriage-return", "A DOS line end would become part of the last word.",
     b"bad linear /dev/vda\r", "carriage return")
conf("latin-1", "The line is in Latin-1 and not in UTF-8.", b"bad linear LABEL=gr\xfc\xdfe", "UTF-8")
conf("overlong-utf-8", "A slash is hidden in an over-long UTF-8 form.",
     b"bad linear LABEL=a\xc0\xafb", "UTF-8")
conf("long-line", "The line is longer than any real one.",
     "bad linear LABEL=" + "x" * 5000, "5017 bytes", "4096")
conf("vertical-tab", "A vertical tab looks like a blank and is none.",
     b"bad linear /dev/vda\x0b-", "0x0b")

# --- dmstack.conf: columns ---

conf("name-only", "There is only a name.", "bad", "bad", "type and devices are missing")
conf("no-device", "The device is missing.", "bad linear", "bad", "devices is missing")
conf("blank-in-options", "A blank behind a comma makes a sixth column.",
     "bad crypt /dev/vda /key cipher=aes-xts-plain64, sector-size=4096", "sector-size=4096",
     "unexpected word")
conf("trailing-comment", "A comment can only be a line of its own.",
     "bad linear /dev/vda - read-only # the disk", "\"#\"")
conf("unknown-type", "There is no such layer type.", "bad luks1 /dev/vda", "luks1")
conf("type-in-capitals", "Types are written in lower case.", "bad Crypt /dev/vda /key", "Crypt")
conf("long-name", "The name would not fit the DM UUID.", "n" * 101 + " linear /dev/vda",
     "longer than 100")
conf("name-with-slash", "The name would lead to another folder than /dev/mapper.",
     "../bad linear /dev/vda", "../bad")
conf("name-control", "The name is that of device-mapper's control node.",
     "control linear /dev/vda", "control")
conf("name-with-quote", "The name has a character that needs escaping in units.",
     "ba\"d linear /dev/vda", "ba\"d")
conf("name-of-dots", "The name is the folder above.", ".. linear /dev/vda", "\"..\"")
conf("duplicate-name", "Two layers have one name.", "sound-1 linear /dev/vda", "sound-1",
     CONF + ":1")

# --- dmstack.conf: devices ---

conf("relative-path", "A path below no folder that is known.", "bad linear dev/vda", "dev/vda")
conf("empty-tag", "The tag has no value.", "bad linear PARTLABEL=", "PARTLABEL")
conf("bad-uuid-tag-name", "There is no such tag.", "bad linear PARTLBAEL=x", "PARTLBAEL")
conf("two-data-devices", "A linear layer has one data device.", "bad linear /dev/vda,/dev/vdb",
     "/dev/vdb", "role")
conf("role-first", "The first device is the data device and names no role.",
     "bad verity hash=/dev/vda - root-hash=" + ROOT_HASH, "hash=/dev/vda")
conf("wrong-role", "A crypt layer has no hash device.", "bad crypt /dev/vda,hash=/dev/vdb /key",
     "hash=/dev/vdb")
conf("role-twice", "The hash device is given twice.",
     "bad verity /dev/vda,hash=/dev/vdb,hash=/dev/vdc - root-hash=" + ROOT_HASH, "hash", "twice")
conf("empty-device", "A comma at the end means one more device.", "bad linear /dev/vda,",
     "empty device")
conf("missing-layer", "The layer below does not exist.", "bad linear nowhere", "nowhere")
conf("stands-on-itself", "A layer stands on itself.", "bad linear bad", "bad -> bad")
conf("cycle", "Three layers form a circle.", "bad linear bad-2", "bad -> bad-2 -> bad-3 -> bad",
     after="bad-2 linear bad-3\nbad-3 linear bad\n", errors=3)

# --- dmstack.conf: keys ---

conf("relative-key", "A key file must have an absolute path.", "bad crypt /dev/vda key",
     "key")
conf("unknown-key-source", "There is no such source of keys.", "bad crypt /dev/vda tpm3:key",
     "tpm3:key")
conf("key-without-name", "The credential has no name.", "bad crypt /dev/vda credential:",
     "credential:")
conf("key-itself", "The key itself stands in the file.",
     "bad crypt /dev/vda 00112233445566778899aabbccddeeff", "key")
conf("crypt-without-key", "A crypt layer cannot do without a key.", "bad crypt /dev/vda", "key")
conf("linear-with-key", "A linear layer has no use for a key.", "bad linear /dev/vda /key", "key")
conf("ask-when-sealed", "Nobody is asked in the sealed phase.",
     "bad crypt /dev/vda ask sealed", "ask")

# --- dmstack.conf: options ---

conf("unknown-option", "The option is misspelt.", "bad crypt /dev/vda /key cypher=aes-xts-plain64",
     "cypher")
conf("option-of-other-type", "A linear layer has no cipher.", "bad linear /dev/vda - cipher=aes",
     "cipher")
conf("option-twice", "The option is given twice.",
     "bad crypt /dev/vda /key sector-size=512,sector-size=4096", "sector-size", "twice")
conf("empty-option", "Two commas enclose nothing.", "bad crypt /dev/vda /key discard,,nofail",
     "empty option")
conf("option-without-value", "The option needs a value.", "bad crypt /dev/vda /key sector-size",
     "sector-size")
conf("bool-with-other-word", "A switch is on or off.", "bad linear /dev/vda - read-only=maybe",
     "maybe")
conf("octal-number", "A number with a leading zero is octal for some.",
     "bad linear /dev/vda - offset=010", "010")
conf("negative-number", "An offset is not negative.", "bad linear /dev/vda - offset=-8", "-8")
conf("huge-number", "The number has more than 64 bits.",
     "bad linear /dev/vda - offset=18446744073709551616", "18446744073709551616")
conf("size-with-unit-twice", "A size has one unit.",
     "bad crypt /dev/vda /key device-size=1MM", "1MM")
conf("sector-size-3000", "A sector size is a power of two.",
     "bad crypt /dev/vda /key sector-size=3000", "3000")
conf("sector-size-8192", "A sector has at most 4096 bytes.",
     "bad crypt /dev/vda /key sector-size=8192", "8192")
conf("device-size-odd", "A device consists of whole sectors.",
     "bad linear /dev/vda - device-size=1000", "1000")
conf("root-hash-odd", "A digest has two digits a byte.",
     "bad verity /dev/vda - root-hash=" + ROOT_HASH[1:], ROOT_HASH[1:])
conf("root-hash-short", "The root hash does not have the length of the algorithm's digest.",
     "bad verity /dev/vda - root-hash=" + ROOT_HASH[:40], "root-hash")
conf("signature-tpm2", "A signature is a file or a credential.",
     "bad verity /dev/vda - root-hash-signature=tpm2:key,root-hash=" + ROOT_HASH,
     "root-hash-signature")
conf("no-root-hash", "Without a root hash nothing is verified.", "bad verity /dev/vda",
     "root-hash")
conf("unknown-hash", "There is no such hash algorithm.",
     "bad verity /dev/vda - hash-algorithm=sha257,root-hash=" + ROOT_HASH, "sha257")
conf("no-algorithm", "The algorithm of the tags is not on the disk and must be given.",
     "bad integrity /dev/vda", "integrity-algorithm")
conf("unknown-algorithm", "There is no such tag algorithm.",
     "bad integrity /dev/vda - integrity-algorithm=sha257", "sha257")
conf("hmac-without-key", "Keyed tags need a key.",
     "bad integrity /dev/vda - integrity-algorithm=hmac-sha256", "key")
KEYED = "bad integrity /dev/vda /key integrity-algorithm=hmac-sha256,sealed"
conf("keyed-without-journal-mac", "A superblock that nothing protects makes keyed tags worthless.",
     KEYED, "journal-integrity is missing", "sealed phase")
conf("keyed-and-no-journal-mac", "The same, on purpose.", KEYED + ",journal-integrity=none",
     "journal-integrity is missing", "sealed phase")
conf("keyed-legacy-hmac", "Without fix_hmac the superblock has no MAC.",
     KEYED + ",journal-integrity=hmac-sha256,journal-integrity-key=/j,integrity-legacy-hmac",
     "integrity-legacy-hmac", "sealed phase")
conf("no-journal-mac-with-key", "A key for nothing.",
     "bad integrity /dev/vda - integrity-algorithm=sha256,journal-integrity=none,"
     "journal-integrity-key=/j", "go together")
conf("unknown-action", "A shell is no failure action.", "bad linear /dev/vda - fail=shell,sealed",
     "shell")
conf("unknown-on-corruption", "There is no such reaction to corruption.",
     "bad verity /dev/vda - on-corruption=shrug,root-hash=" + ROOT_HASH, "shrug")
conf("timeout-word", "A time-out is a time span.", "bad linear /dev/vda - timeout=soon", "soon")
conf("suspend-integrity", "The kernel cannot forget this key.",
     "bad integrity /dev/vda - integrity-algorithm=crc32c,suspend=wipe", "suspend=wipe",
     "type integrity")
conf("suspend-initrd", "Who would bring the key back lies on the layer.",
     "bad crypt /dev/vda /etc/key suspend=wipe,x-initrd.attach", "suspend=wipe", "initrd")
conf("suspend-tpm2", "The TPM is shut when the machine wakes up.",
     "bad crypt /dev/vda tpm2:bad suspend=wipe", "suspend=wipe", "TPM")
for path in ("--now.service", "/etc/x.service", "alarm"):
    conf("damage-unit-" + path.strip("-/").partition("/")[0], "This is not the name of a unit.",
         "bad linear /dev/vda - damage-unit=" + path, "damage-unit", path)
conf("cipher-garbage", "The cipher follows neither notation.",
     "bad crypt /dev/vda /key cipher=aes-xts", "'aes-xts' is not a cipher")
conf("key-size-wrong", "XTS takes two keys of one size.",
     "bad crypt /dev/vda /key cipher=aes-xts-plain64,size=136", "size")
conf("skip-odd", "The IV offset is not a multiple of the sector size.",
     "bad crypt /dev/vda /key sector-size=4096,skip=3", "skip")

# --- dmstack.conf: the seal ---

conf("seal-no-device", "A seal lies somewhere.", "bad seal", "bad", "devices is missing")
conf("seal-on-layer", "The keys of a layer cannot lie on the layer itself.", "bad seal sound-1",
     "sound-1", "not on a layer")
conf("seal-two-devices", "Both slots lie on one device.", "bad seal /dev/vda,/dev/vdb",
     "/dev/vda,/dev/vdb")
conf("seal-with-key", "A seal has no key of its own.", "bad seal /dev/vda /key", "takes no key")
conf("seal-unknown-option", "The option is misspelt.", "bad seal /dev/vda - literal-pcr=7",
     "literal-pcr")
conf("seal-option-twice", "The option is given twice.", "bad seal /dev/vda - pin,pin", "pin",
     "twice")
conf("seal-empty-option", "Two commas enclose nothing.", "bad seal /dev/vda - pin,,recovery",
     "empty option")
conf("seal-index-foreign", "The index belongs to the platform's range.",
     "bad seal /dev/vda - nv-index=0x01400001", "nv-index", "20971521")
conf("seal-index-last", "The latch would lie outside the range.",
     "bad seal /dev/vda - nv-index=0x01bfffff", "nv-index", "29360127")
conf("seal-bank", "SHA-1 is no bank for a policy.", "bad seal /dev/vda - bank=sha1", "sha1",
     "sha256")
conf("seal-no-pcrs", "The keys would go to every system that runs on the machine.",
     "bad seal /dev/vda - literal-pcrs=none", "literal-pcrs", "every system")
conf("seal-pcr-23", "Software can reset PCR 23.", "bad seal /dev/vda - literal-pcrs=7+23",
     "literal-pcrs", "\"23\"")
conf("seal-pcr-comma", "PCRs are joined by +, and a blank one is none.",
     "bad seal /dev/vda - literal-pcrs=7+", "literal-pcrs", "\"\"")
conf("seal-pcr-twice", "A PCR is there twice.", "bad seal /dev/vda - literal-pcrs=7+7",
     "PCR 7", "twice")
conf("seal-pcr-both", "What is signed may change, what is literal may not.",
     "bad seal /dev/vda - public-key=/k,literal-pcrs=11", "literal-pcrs", "signed-pcrs")
conf("seal-signed-without-key", "Nobody signs.", "bad seal /dev/vda - signed-pcrs=11",
     "signed-pcrs", "public-key")
conf("seal-signed-none", "The signature would cover nothing.",
     "bad seal /dev/vda - public-key=/k,signed-pcrs=none", "signed-pcrs")
conf("seal-relative-key", "A path is absolute.", "bad seal /dev/vda - public-key=policy.pem",
     "public-key", "policy.pem")
conf("seal-two", "A machine has one rollback domain.", "bad seal /dev/vda",
     "one seal", "\"machine\"", CONF + ":3")
CASES[-1].files[CONF] = SOUND_CONF.encode() + b"\nmachine seal /dev/vdb\nbad seal /dev/vda\n"
CASES[-1].names[0] = CONF + ":4: "

# --- dmstack.conf: lines of type manifest, and files ---

conf("manifest-relative", "The path of the manifest is relative.", "bad manifest bad.json",
     "bad.json")
conf("manifest-absent", "The manifest does not exist.", "bad manifest /absent.json",
     errors=1)
CASES[-1].names = ["/absent.json: ", "No such file"]
CASES.append(Case("manifest-name-differs", "The line and the manifest disagree about the name.",
                  {CONF: (SOUND_CONF + "other manifest " + JSON + "\n").encode(),
                   JSON: json.dumps(sound_manifest()).encode()},
                  [CONF + ":2: ", "\"bad\""]))
CASES.append(Case("manifest-laxer-phase", "A line cannot unseal what the manifest seals.",
                  {CONF: (SOUND_CONF + "bad manifest " + JSON + " - phase=bootstrap\n").encode(),
                   JSON: json.dumps(dict(sound_manifest(), phase="sealed")).encode()},
                  [CONF + ":2: ", "phase=bootstrap"]))
CASES.append(Case("manifest-ambiguous-role", "Two layers could be meant by the key.",
                  {CONF: (SOUND_CONF + "bad manifest " + JSON + " tpm2:x\n").encode(),
                   JSON: json.dumps(sound_manifest()).encode()},
                  [CONF + ":2: ", "tpm2:x"]))
CASES.append(Case("dangling-link", "The configuration is a link to nowhere.",
                  {"/etc/dmstack.conf.d/10-bad.conf": None},
                  ["/etc/dmstack.conf.d/10-bad.conf: ", "leads nowhere"]))
CASES.append(Case("folder-as-file", "The configuration is a folder.",
                  {"/etc/dmstack.conf.d/10-bad.conf/": b""},
                  ["/etc/dmstack.conf.d/10-bad.conf: ", "not a regular file"]))
CASES.append(Case("huge-manifest", "The manifest is larger than any real one.",
                  {JSON: b" " * (1024 * 1024) + b"{}"}, [JSON + ": ", "too large"]))

# --- manifests: the text ---

manifest("json-empty-object", "The manifest says nothing.", lambda m: b"{}", ": $: ", "dmstack",
         schema=True)
manifest("json-not-an-object", "The manifest is a list.", lambda m: b"[1]", ": $: ", "object",
         schema=True)
manifest("json-blank", "The file has only white space.", lambda m: b" \n\n", ":3: ", "too early")
manifest("json-truncated", "The file ends in the middle.",
         lambda m: json.dumps(m, indent=2).encode()[:200], ":")
manifest("json-trailing", "A second value follows the first.",
         lambda m: json.dumps(m).encode() + b"\n{}", ":2: ", "behind the end")
manifest("json-comment", "JSON has no comments.",
         text_change(b"{\n", b"{\n  // about this\n"), ":2: ", "member name")
manifest("json-trailing-comma", "A comma is followed by nothing.",
         text_change(b"\"bytes\": 1048576,", b"\"bytes\": 1048576,,"), ":", "member name")
manifest("json-single-quotes", "JSON strings have double quotes.",
         text_change(b"\"bad-tags\"", b"'bad-tags'"), ":", "value is expected")
manifest("json-nul", "A NUL byte hides the rest of the text.",
         text_change(b"\"mount\"", b"\0\"mount\""), ": ", "UTF-8")
manifest("json-latin-1", "The text is not UTF-8.", text_change(b"/srv", b"/sr\xfc"), ": ", "UTF-8")
manifest("json-escaped-nul", "A NUL byte is hidden in an escape.",
         text_change(b"/srv", b"/srv\\u0000/x"), ": $.mount.where: ", "control character")
manifest("json-newline-in-string", "A line break in a value would end up in a unit file.",
         text_change(b"/srv", b"/srv\\n"), ": $.mount.where: ", "control character")
manifest("json-surrogate", "Half a character is hidden in an escape.",
         text_change(b"/srv", b"/srv\\ud800"), ": $.mount.where: ", "surrogate")
manifest("json-duplicate-member", "Two readers could take different ones of two members.",
         text_change(b"\"cipher\":", b"\"cipher\": \"aes-cbc-plain\",\n\"cipher\":"),
         ": $.layers[1]: ", "duplicate member \"cipher\"")
manifest("json-escaped-duplicate", "A duplicate is hidden by an escape in its name.",
         text_change(b"\"cipher\":", b"\"c\\u0069pher\": \"aes-cbc-plain\",\n\"cipher\":"),
         ": $.layers[1]: ", "c\\u0069pher")
manifest("json-too-deep", "The text is nested so deeply that a reader may run out of stack.",
         text_change(b"\"panic\"", b"[" * 2000 + b"]" * 2000), ": $.fail", "too deeply")
manifest("json-float", "A size is not a fraction.", text_change(b"1048576,", b"1048576.5,"),
         ": $.layers[0].device-size: ", "1048576.5", schema=True)
manifest("json-exponent", "A size in exponential form loses bits.",
         text_change(b"1048576,", b"1e6,"), ": $.layers[0].device-size: ", "1e6", schema=True)
manifest("json-negative", "A size is not negative.", text_change(b"1048576,", b"-4096,"),
         ": $.layers[0].device-size: ", "-4096", schema=True)
manifest("json-65-bits", "The number does not fit 64 bits and would be cut.",
         text_change(b"7,", b"18446744073709551616,"), ": $.generation: ", "18446744073709551616",
         schema=True)

# --- manifests: members ---

manifest("version-2", "The version is not known.", setting("dmstack", 2), ": $.dmstack: ", "2",
         schema=True)
manifest("version-as-text", "The version is a number.", setting("dmstack", "1"), ": $.dmstack: ",
         "number", schema=True)
manifest("unknown-member", "The member is misspelt.", setting("generations", 1),
         ": $.generations: ", "unknown", schema=True)
manifest("seal-is-text", "A seal is an object.", setting("seal", "PARTLABEL=seal"),
         ": $.seal: ", "object", schema=True)
manifest("seal-without-device", "A seal lies somewhere.", setting("seal.device", None),
         ": $.seal: ", "device", schema=True)
manifest("seal-without-name", "A seal has a name.", setting("seal.name", None),
         ": $.seal: ", "name", schema=True)
manifest("seal-unknown-member", "The member is misspelt.", setting("seal.pins", True),
         ": $.seal.pins: ", schema=True)
manifest("seal-own-epoch", "The epoch is that of the whole manifest.", setting("seal.epoch", 8),
         ": $.seal.epoch: ", "generation", schema=True)
manifest("seal-own-phase", "The phase is that of the whole manifest.",
         setting("seal.phase", "bootstrap"), ": $.seal.phase: ", "phase", schema=True)
manifest("seal-index-range", "The index lies in the platform's range.",
         setting("seal.nv-index", 0x01400001), ": $.seal.nv-index: ", "20971521", schema=True)
manifest("seal-index-text", "A number is no text.", setting("seal.nv-index", "0x01800d00"),
         ": $.seal.nv-index: ", "number", schema=True)
manifest("seal-pin-text", "A switch is true or false.", setting("seal.pin", "yes"),
         ": $.seal.pin: ", "true or false", schema=True)
manifest("seal-no-pcrs-json", "The keys would go to every system.",
         setting("seal.literal-pcrs", "none"), ": $.seal: ", "literal-pcrs")
manifest("seal-device-layer", "A seal does not lie on a layer.",
         setting("seal.device", "bad-tags"), ": $.seal.device: ", "bad-tags")
CASES.append(Case("seal-differs", "A line and a manifest disagree about the machine's seal.",
                  {CONF: (SOUND_CONF + "machine seal PARTLABEL=other\n").encode(),
                   JSON: json.dumps(sound_manifest()).encode()},
                  [JSON + ": $.seal: ", "\"machine\"", CONF + ":2"]))
manifest("no-layers", "There is no layer.", setting("layers", []), ": $: ", "layers", schema=True)
manifest("layer-is-text", "A layer is an object.", setting("layers.1", "crypt"), ": $.layers[1]: ",
         "object", schema=True)
manifest("layer-without-name", "A layer needs a name.", setting("layers.1.name", None),
         ": $.layers[1]: ", "name", schema=True)
manifest("layer-without-type", "A layer needs a type.", setting("layers.1.type", None),
         ": $.layers[1]: ", "type", schema=True)
manifest("layer-type-unknown", "There is no such layer type.", setting("layers.1.type", "cript"),
         ": $.layers[1].type: ", "cript", schema=True)
manifest("layer-name-twice", "Two layers have one name.", setting("layers.1.name", "bad-tags"),
         ": $.layers[1]", "bad-tags")
manifest("layer-name-bad", "The name would lead to another folder.",
         setting("layers.1.name", "a/b"), ": $.layers[1].name: ", "a/b", schema=True)
manifest("layer-field-unknown", "The member is misspelt.", setting("layers.1.sector_size", 512),
         ": $.layers[1].sector_size: ", "unknown", schema=True)
manifest("layer-field-kind", "A size is a number and not a text.",
         setting("layers.1.sector-size", "4096"), ": $.layers[1].sector-size: ", "number",
         schema=True)
manifest("layer-bool-kind", "A switch is true or false.",
         setting("layers.1.iv-large-sectors", 1), ": $.layers[1].iv-large-sectors: ", "true",
         schema=True)
manifest("layer-field-null", "Nothing is no value.", setting("layers.1.cipher", 0),
         ": $.layers[1].cipher: ", "string", schema=True)
manifest("layer-field-range", "A sector has at most 4096 bytes.",
         setting("layers.1.sector-size", 65536), ": $.layers[1].sector-size: ", "65536",
         schema=True)
manifest("layer-enum", "There is no such mode.", setting("layers.0.mode", "jurnal"),
         ": $.layers[0].mode: ", "jurnal", schema=True)
manifest("layer-hex", "A salt is hexadecimal.", setting("layers.2.salt", "0x00ff"),
         ": $.layers[2].salt: ", "0x00ff", schema=True)
manifest("layer-uuid", "A UUID has 32 digits in five groups.",
         setting("layers.2.uuid", "0123456789abcdef0123456789abcdef"), ": $.layers[2].uuid: ",
         "0123456789abcdef0123456789abcdef", schema=True)
manifest("layer-phase", "The phase belongs to the whole stack.",
         setting("layers.2.phase", "bootstrap"), ": $.layers[2].phase: ", "unknown", schema=True)
manifest("layer-empty-text", "An empty cipher is none.", setting("layers.1.cipher", ""),
         ": $.layers[1].cipher: ", "empty", schema=True)
manifest("device-missing", "A layer stands on something.", setting("layers.1.devices", None),
         ": $.layers[1]: ", "devices", schema=True)
manifest("device-role-unknown", "A crypt layer has no hash device.",
         setting("layers.1.devices.hash", "/dev/vda"), ": $.layers[1].devices.hash: ", "hash",
         schema=True)
manifest("device-not-below", "A layer stands on one that comes later.",
         setting("layers.0.devices.data", "bad-crypt"), ": $.layers[0].devices.data: ",
         "bad-crypt")
manifest("device-elsewhere", "A layer stands on one that the manifest does not have.",
         setting("layers.1.devices.data", "sound-1"), ": $.layers[1].devices.data: ", "sound-1")
manifest("device-is-number", "A device is a text.", setting("layers.1.devices.data", 8),
         ": $.layers[1].devices.data: ", "string", schema=True)
manifest("layer-unused", "A layer that nothing stands on is not part of the stack.",
         setting("layers.2.devices.data", "/dev/vda"), ": $: ", "bad-crypt")
manifest("top-name", "The stack does not have the name of its top layer.",
         setting("name", "worse"), ": $.name: ", "worse", "bad")
manifest("key-object", "A key is named and not described.",
         setting("layers.1.key", {"hex": "00"}), ": $.layers[1].key: ", "string", schema=True)
manifest("key-itself-in-json", "The key itself stands in the manifest.",
         setting("layers.1.key", "00112233445566778899aabbccddeeff"), ": $.layers[1].key: ", "key",
         schema=True)
manifest("mount-relative", "A mount point is an absolute path.", setting("mount.where", "srv"),
         ": $.mount.where: ", "srv", schema=True)
manifest("mount-unknown", "The member is misspelt.", setting("mount.option", "ro"),
         ": $.mount.option: ", "unknown", schema=True)
manifest("artifact-path", "An artifact lies beside the manifest and nowhere else.",
         setting("artifacts.0.file", "../../etc/shadow"), ": $.artifacts[0].file: ",
         "../../etc/shadow", schema=True)
manifest("artifact-digest", "A digest has 64 digits.", setting("artifacts.0.sha256", "00"),
         ": $.artifacts[0].sha256: ", "64", schema=True)
manifest("artifact-offset", "A device does not begin within a sector.",
         setting("artifacts.0.offset", 100), ": $.artifacts[0].offset: ", "512")
manifest("artifact-negative-offset", "A file has nothing before its beginning.",
         setting("artifacts.0.offset", -512), ": $.artifacts[0].offset", schema=True)
manifest("artifact-overlap", "Two devices share bytes of one disk image.",
         setting("artifacts", [
             {"file": "bad.img", "device": "bad-tags.data", "offset": 1048576, "bytes": 1048576},
             {"file": "bad.img", "device": "bad.hash", "offset": 2096640, "bytes": 4096}]),
         ": $.artifacts[1].file: ", "overlap")
manifest("artifact-whole-and-part", "One device is all of a file, another a part of it.",
         setting("artifacts", [
             {"file": "bad.img", "device": "bad-tags.data", "bytes": 1048576},
             {"file": "bad.img", "device": "bad.hash", "offset": 2097152, "bytes": 4096}]),
         ": $.artifacts[1].file: ", "twice")
manifest("artifact-device", "The artifact belongs to no layer.",
         setting("artifacts.0.device", "worse.data"), ": $.artifacts[0].device: ", "worse")
manifest("artifact-upper-device", "An artifact belongs on a device, not on another layer.",
         setting("artifacts.0.device", "bad-crypt.data"), ": $.artifacts[0].device: ",
         "bad-crypt")

# --- manifests of device-mapper-tools: six of its seven shapes, and its AEAD profile ---

OLD = "/srv/old/manifest.json"
OLD_LAYERS = {
    "crypt": {"name": "crypt", "params": {"crypt": "crypt", "header": "images.crypt_header"},
              "type": "dm-crypt"},
    "integrity": {"name": "integrity", "type": "dm-integrity",
                  "params": {"integrity": "integrity", "meta": "images.integrity_meta"}},
    "verity": {"name": "verity", "params": {"hash": "images.verity_hash", "verity": "verity"},
               "type": "dm-verity"},
}


def old_manifest(shape, aead=False, late=True):
    """What its make_manifest.py prints for "LAYER-then-LAYER" or "LAYER-only"."""
    layers = shape.removesuffix("-only").split("-then-")
    image = {"bytes": 16777216, "path": "out/data.img", "sha256": ROOT_HASH}
    m = {
        "created_utc": "2026-02-06T12:00:00.123456+00:00",
        "firstboot": {"notes": "Activation requires CAP_SYS_ADMIN", "required": True},
        "images": {"data": image},
        "manifest_version": 1,
        "stack": [{"name": "data", "params": {"image": "images.data"}, "type": "raw"},
                  *(OLD_LAYERS[layer] for layer in layers)],
    }
    if late:
        m["rootfs"] = {"fstype": "ext4", "mountpoint": "/newroot"}
    if "crypt" in layers:
        m["images"]["crypt_header"] = dict(image, bytes=12, path="out/crypt.header.placeholder")
        m["crypt"] = {"cipher": "capi:cbc(aes)-plain", "iv_offset": 0, "key_bytes": 32,
                      "mode": "aead" if aead else "plain", "sector_size": 512}
        if aead:
            m["crypt"]["aead"] = {"tag_size": 32}
    if "integrity" in layers:
        m["images"]["integrity_meta"] = dict(image, bytes=1142784, path="out/integrity.meta.img")
        m["integrity"] = {"block_size": 512, "buffer_sectors": 128, "compat": "v1", "mode": "J",
                          "tag_size": 32}
    if "verity" in layers:
        m["images"]["verity_hash"] = dict(image, bytes=139264, path="out/verity.hash.img")
        m["verity"] = {"data_block_size": 4096, "hash_alg": "sha256", "hash_block_size": 4096,
                       "root_hash_hex": ROOT_HASH, "salt_hex": ""}
    return m


def old_files(m):
    line = f"bad manifest {OLD} /etc/key data=PARTLABEL=old\n"
    return {CONF: (SOUND_CONF + line).encode(),
            OLD: json.dumps(m, indent=2, sort_keys=True).encode() + b"\n"}


def old(name, wrong, m, *words):
    place, *rest = words
    CASES.append(Case(name, wrong, old_files(m), [OLD + place, *rest]))


for era in ("early", "late"):
    for old_shape, where, reason in (
            ("integrity-only", 1, "no tag was ever computed"),
            ("integrity-then-crypt", 1, "overwrites sector 0 of the data"),
            ("crypt-then-integrity", 2, "nothing would be checked"),
            ("verity-only", 1, "leaf level first"),
            ("verity-then-crypt", 1, "number of data blocks is not recorded"),
            ("crypt-then-verity", 2, "over the ciphertext")):
        old(f"old-{era}-{old_shape}", "The predecessor's image of this shape is unsound.",
            old_manifest(old_shape, late=era == "late"), f": $.stack[{where}].type: ", reason,
            "build the image anew")
    old(f"old-{era}-crypt-only-aead", "The predecessor's AEAD image is plaintext.",
        old_manifest("crypt-only", aead=True, late=era == "late"), ": $.crypt.mode: ",
        "plaintext without any tag")
CASES.append(Case("old-without-line", "A manifest of the predecessor names no device and no key.",
                  {JSON: json.dumps(old_manifest("crypt-only")).encode()},
                  [JSON + ": ", "device-mapper-tools", "dmstack.conf"]))

# --- manifests: what only all layers together show ---

manifest("blocks-shrink", "Tree and data have smaller blocks than the layer below.",
         setting("layers.2.data-block-size", 1024), ": $.layers[2]: ", "blocks of 1024 bytes",
         "bad-crypt")
manifest("digest-length", "The root hash does not have the length of the algorithm's digest.",
         setting("layers.2.hash-algorithm", "sha512"), ": $.layers[2]: ", "root-hash")


def sound_files():
    """What every tree has."""
    path, text = SOUND_DROPIN
    return {CONF: SOUND_CONF.encode(), path: text.encode()}


def tree_of(case):
    files = sound_files()
    files.update(copy.copy(case.files))
    return files
