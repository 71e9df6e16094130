/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the options of the tables become. Their meaning is that of systemd's man pages and sources,
 * and of crypttab(5) in Debian's cryptsetup for those that only Debian has.
 */

#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "tab-entry.h"

static void same(struct tab_entry *entry, const struct tab_rule *rule, const char *value)
{
	tab_option_put(&entry->options, rule->text ?: rule->name, value);
}

/* A whole option, whatever the value was. */
static void becomes(struct tab_entry *entry, const struct tab_rule *rule, const char *value)
{
	tab_option_put(&entry->options, rule->text, NULL);
}

static void drop(struct tab_entry *entry, const struct tab_rule *rule, const char *value)
{
	tab_entry_note(entry, "%s is left out: %s", rule->name, rule->text);
}

static void refuse(struct tab_entry *entry, const struct tab_rule *rule, const char *value)
{
	tab_entry_refuse(entry, "%s: %s", rule->name, rule->text);
}

static void role(struct tab_entry *entry, const struct tab_rule *rule, const char *value)
{
	buf_printf(&entry->devices, ",%s=%s", rule->text, value ?: "");
}

static void number(struct tab_entry *entry, const struct tab_rule *rule, const char *value)
{
	size_t digits = strspn(value ?: "", "0123456789");

	/* systemd divides spans with a unit by a second, so that they mean something else there. */
	if (digits == 0 || (value[digits] && !streq(value + digits, "%"))) {
		tab_entry_refuse(entry, "%s: only a plain number has one meaning", rule->name);
		return;
	}
	const struct tab_rule plain = { rule->name, NULL, NULL };
	char copy[32] = {};

	memcpy(copy, value, digits < sizeof(copy) ? digits : sizeof(copy) - 1);
	same(entry, &plain, copy);
}

/* --- crypttab --- */

static void crypt_type(struct tab_entry *entry, const struct tab_rule *rule, const char *value)
{
	entry->type = rule->text;
}

static void crypt_plain(struct tab_entry *entry, const struct tab_rule *rule, const char *value)
{
	entry->has_cipher |= streq(rule->name, "cipher");
	entry->has_size |= streq(rule->name, "size");
	tab_option_put(&entry->plain, rule->name, value);
}

static void crypt_hash(struct tab_entry *entry, const struct tab_rule *rule, const char *value)
{
	entry->key_is_hashed = !streq_ptr(value, "plain");
}

#define TOKEN	   "keyslots that a token opens are systemd-cryptsetup's; leave this line there"
#define OTHER	   "only LUKS2 and plain encryption have a layer type"
#define FILE_PART  "the whole file is the key"
#define MAKES_FS   "dmstack makes no file systems and no keys that change"
#define ASKED_ONCE "a person is asked once, by systemd's password agents"

static const struct tab_rule crypt_rules[] = {
	{ "luks", crypt_type, "luks" },
	{ "plain", crypt_type, "crypt" },
	{ "cipher", crypt_plain, NULL },
	{ "size", crypt_plain, NULL },
	{ "sector-size", crypt_plain, NULL },
	{ "offset", crypt_plain, NULL },
	{ "skip", crypt_plain, NULL },
	{ "hash", crypt_hash, NULL },
	{ "header", role, "header" },
	{ "key-slot", same, NULL },
	{ "keyslot", same, "key-slot" },
	{ "discard", same, NULL },
	{ "allow-discards", same, "discard" },
	{ "read-only", same, NULL },
	{ "readonly", same, "read-only" },
	{ "same-cpu-crypt", same, NULL },
	{ "submit-from-crypt-cpus", same, NULL },
	{ "no-read-workqueue", same, NULL },
	{ "no-write-workqueue", same, NULL },
	{ "noauto", same, NULL },
	{ "nofail", same, NULL },
	{ "_netdev", same, NULL },
	{ "x-initrd.attach", same, NULL },
	{ "initramfs", same, "x-initrd.attach" },
	{ "x-systemd.device-timeout", same, "timeout" },
	{ "timeout", drop, "it is that of the prompt, and *timeout=* here that of the devices" },
	{ "tries", drop, ASKED_ONCE },
	{ "verify", drop, ASKED_ONCE },
	{ "password-echo", drop, ASKED_ONCE },
	{ "password-cache", drop, ASKED_ONCE },
	{ "headless", drop, "nobody is asked unless the key column says *ask*" },
	{ "quiet", drop, "there is nothing to silence" },
	{ "loud", drop, "there is nothing to silence" },
	{ "noearly", drop, "the order follows from the devices" },
	{ "check", drop, "what the file system holds is not looked at" },
	{ "checkargs", drop, "what the file system holds is not looked at" },
	{ "keyfile-timeout", refuse, "dmstack does not fall back to a prompt" },
	{ "keyfile-size", refuse, FILE_PART },
	{ "keyfile-offset", refuse, FILE_PART },
	{ "keyfile-erase", refuse, FILE_PART ", and it is not erased" },
	{ "keyscript", refuse,
		"keys come from files, credentials, the keyring, a TPM2 or a person" },
	{ "try-empty-password", refuse, "no key is ever guessed" },
	{ "link-volume-key", refuse, "keys are revoked once the kernel has them" },
	{ "swap", refuse, MAKES_FS },
	{ "tmp", refuse, MAKES_FS },
	{ "bitlk", refuse, OTHER },
	{ "tcrypt", refuse, OTHER },
	{ "tcrypt-hidden", refuse, OTHER },
	{ "tcrypt-keyfile", refuse, OTHER },
	{ "tcrypt-system", refuse, OTHER },
	{ "tcrypt-veracrypt", refuse, OTHER },
	{ "veracrypt-pim", refuse, OTHER },
	{ "pkcs11-uri", refuse, TOKEN },
	{ "fido2-device", refuse, TOKEN },
	{ "fido2-cid", refuse, TOKEN },
	{ "fido2-rp", refuse, TOKEN },
	{ "fido2-pin", refuse, TOKEN },
	{ "fido2-up", refuse, TOKEN },
	{ "fido2-uv", refuse, TOKEN },
	{ "tpm2-device", refuse, TOKEN },
	{ "tpm2-pcrs", refuse, TOKEN },
	{ "tpm2-pin", refuse, TOKEN },
	{ "tpm2-signature", refuse, TOKEN },
	{ "tpm2-pcrlock", refuse, TOKEN },
	{ "tpm2-measure-pcr", refuse, TOKEN },
	{ "tpm2-measure-bank", refuse, TOKEN },
	{ "token-timeout", refuse, TOKEN },
};

/* True if the column names a key file, which it then has put into the entry. */
static bool key_file(struct tab_entry *entry, const char *column)
{
	static const char *const folders[] = { "/etc", "/run" };
	char path[256];

	if (column && !streq(column, "-") && !streq(column, "none")) {
		if (*column != '/')
			tab_entry_refuse(entry, "the key \"%s\" is no absolute path", column);
		else if (strchr(column, ':'))
			tab_entry_refuse(entry,
				"the key is on a device of its own (%s), which somebody has to "
				"mount: give the path as it is then, or a credential",
				column);
		else if (startswith(column, "/dev/"))
			tab_entry_refuse(
				entry, "the key %s is another one each time; %s", column, MAKES_FS);
		buf_puts(&entry->key, column);
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		int n = snprintf(path, sizeof(path), "%s/cryptsetup-keys.d/%s.key", folders[i],
			entry->columns[0]);

		if (n < 0 || (size_t)n >= sizeof(path) ||
			!entry->import->exists(path, entry->import->userdata))
			continue;
		tab_entry_note(entry, "the key is the one that crypttab finds by its name");
		buf_puts(&entry->key, path);
		return true;
	}
	return false;
}

static void crypt_finish_plain(struct tab_entry *entry, bool from_file)
{
	if (entry->key_is_hashed || !from_file)
		tab_entry_refuse(entry,
			"the key is the hash of a passphrase, which dmstack does not make; put the "
			"bytes of the key into a file");
	if (!entry->has_cipher)
		tab_option_put(&entry->plain, "cipher", "aes-cbc-essiv:sha256");
	if (!entry->has_size)
		tab_option_put(&entry->plain, "size", "256");
	if (!entry->has_cipher || !entry->has_size)
		tab_entry_note(entry, "what crypttab has by default is said here");
	tab_entry_note(entry, "the key file has to have as many bytes as the key, and no more");
	tab_option_put(&entry->options, buf_str(&entry->plain), NULL);
}

static void crypt_finish(struct tab_entry *entry)
{
	const bool from_file = key_file(entry, entry->columns[2]);

	if (!entry->type)
		tab_entry_note(entry, "taken for LUKS2, since no option says luks or plain; with "
				      "crypttab the device itself decides");
	entry->type = entry->type ?: "luks";
	if (streq(entry->type, "crypt")) {
		crypt_finish_plain(entry, from_file);
	} else {
		if (entry->plain.size > 0)
			tab_entry_note(entry, "%s is left out: the LUKS header says it",
				buf_str(&entry->plain));
		if (!from_file)
			buf_puts(&entry->key, "ask");
		tab_entry_note(entry, "LUKS1 is not supported; cryptsetup convert makes it LUKS2");
	}
}

/* --- integritytab --- */

static const struct tab_rule integrity_rules[] = {
	{ "integrity-algorithm", same, NULL },
	{ "mode", same, NULL },
	{ "journal-watermark", number, NULL },
	{ "journal-commit-time", number, NULL },
	{ "allow-discards", same, "discard" },
	{ "data-device", role, "data" },
	{ "noauto", same, NULL },
	{ "nofail", same, NULL },
	{ "_netdev", same, NULL },
	{ "x-initrd.attach", same, NULL },
};

static void integrity_finish(struct tab_entry *entry)
{
	const char *data = startswith(buf_str(&entry->devices), ",data=");

	/* There the device column has the tags, and here the data come first. */
	if (data) {
		_cleanup_(buf_done) struct buf devices = {};

		buf_printf(&devices, "%s,meta=%s", data, entry->columns[1]);
		buf_done(&entry->devices);
		entry->devices = devices;
		devices = (struct buf){};
		entry->columns[1] = NULL;
	}
	if (!strstr(buf_str(&entry->options), "integrity-algorithm=")) {
		tab_option_put(&entry->options, "integrity-algorithm", "crc32c");
		tab_entry_note(entry, "what integritytab has by default is said here");
	}
	if (entry->columns[2] && !streq(entry->columns[2], "-"))
		buf_puts(&entry->key, entry->columns[2]);
}

/* --- veritytab --- */

static void verity_signature(
	struct tab_entry *entry, const struct tab_rule *rule, const char *value)
{
	if (value && startswith(value, "base64:"))
		tab_entry_refuse(entry, "%s: put the signature into a file", rule->name);
	same(entry, rule, value);
}

static const struct tab_rule verity_rules[] = {
	{ "superblock", same, NULL },
	{ "format", same, NULL },
	{ "uuid", same, NULL },
	{ "data-block-size", same, NULL },
	{ "hash-block-size", same, NULL },
	{ "data-blocks", same, NULL },
	{ "hash-offset", same, NULL },
	{ "salt", same, NULL },
	{ "hash", same, "hash-algorithm" },
	{ "fec-device", role, "fec" },
	{ "fec-offset", same, NULL },
	{ "fec-roots", same, NULL },
	{ "ignore-corruption", becomes, "on-corruption=ignore" },
	{ "restart-on-corruption", becomes, "on-corruption=restart" },
	{ "panic-on-corruption", becomes, "on-corruption=panic" },
	{ "ignore-zero-blocks", same, NULL },
	{ "check-at-most-once", same, NULL },
	{ "root-hash-signature", verity_signature, NULL },
	{ "tpm2-measure-nvpcr", refuse, "dmstack does not measure into NvPCRs" },
	{ "_netdev", same, NULL },
	{ "noauto", same, NULL },
	{ "nofail", same, NULL },
	{ "x-initrd.attach", same, NULL },
};

static void verity_finish(struct tab_entry *entry)
{
	_cleanup_(buf_done) struct buf devices = {};

	buf_printf(&devices, ",hash=%s%s", entry->columns[2], buf_str(&entry->devices));
	buf_done(&entry->devices);
	entry->devices = devices;
	devices = (struct buf){};
	tab_option_put(&entry->options, "root-hash", entry->columns[3]);
}

const struct tab_format tab_formats[_TAB_MAX] = {
	[TAB_INTEGRITY] = { "/etc/integritytab", "integrity", 3, 2, integrity_rules,
		ARRAY_SIZE(integrity_rules), integrity_finish },
	[TAB_VERITY] = { "/etc/veritytab", "verity", 4, 4, verity_rules, ARRAY_SIZE(verity_rules),
		verity_finish },
	[TAB_CRYPT] = { "/etc/crypttab", NULL, 3, 2, crypt_rules, ARRAY_SIZE(crypt_rules),
		crypt_finish },
	[TAB_FSTAB] = { "/etc/fstab", NULL, 4, 2, NULL, 0, NULL },
};
