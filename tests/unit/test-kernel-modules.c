/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From layers to the names under which the kernel asks for modules, and from these to modules.
 */

#include "test.h"

#include <errno.h>
#include <string.h>

#include "kernel-modules.h"
#include "module-index.h"

static void layer_make(
	const char *type, const char *device, const char *const *options, struct layer **ret)
{
	assert_int_equal(layer_new("x", layer_type_find(type), ret, NULL), 0);
	assert_int_equal(layer_set_device(*ret, "data", device, NULL), 0);
	assert_int_equal(keyref_parse("credential:x", &(*ret)->key, NULL), 0);
	for (; *options; options++)
		assert_int_equal(layer_set_option(*ret, *options, NULL), 0);
}

static void assert_asks_for(const char *const *options, const char *const *expected)
{
	_cleanup_(layer_freep) struct layer *layer = NULL;
	_cleanup_(strset_done) struct strset targets = {}, algorithms = {};

	layer_make(options[0], "PARTLABEL=x", options + 1, &layer);
	assert_int_equal(layer_add_modules(layer, &targets, &algorithms), 0);
	for (; *expected; expected++)
		assert_true(strset_has(&algorithms, *expected));
}

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void test_algorithms(void **state)
{
	assert_asks_for(WORDS("crypt"), WORDS("crypto-xts", "crypto-ecb", "crypto-aes"));
	assert_asks_for(WORDS("crypt", "cipher=aes-cbc-essiv:sha256"),
		WORDS("crypto-cbc", "crypto-aes", "crypto-essiv", "crypto-sha256"));
	assert_asks_for(WORDS("crypt", "cipher=aes-cbc-eboiv"), WORDS("crypto-cbc", "crypto-ecb"));
	assert_asks_for(WORDS("crypt", "cipher=aes-xts-plain64", "integrity=hmac-sha256"),
		WORDS("crypto-authenc", "crypto-hmac", "crypto-sha256", "crypto-xts",
			"crypto-aes"));
	assert_asks_for(WORDS("crypt", "cipher=aes-gcm-random", "integrity=aead"),
		WORDS("crypto-gcm", "crypto-ctr", "crypto-ghash", "crypto-aes"));
	assert_asks_for(WORDS("crypt", "cipher=aes-ccm-random", "integrity=aead"),
		WORDS("crypto-rfc4309", "crypto-ccm", "crypto-cbcmac"));
	assert_asks_for(WORDS("crypt", "cipher=xchacha12,aes-adiantum-plain64"),
		WORDS("crypto-adiantum", "crypto-xchacha12", "crypto-nhpoly1305"));
	assert_asks_for(
		WORDS("integrity", "integrity-algorithm=hmac-sha256",
			"journal-integrity=hmac-sha512", "journal-integrity-key=credential:j",
			"journal-crypt=ctr-aes", "journal-crypt-key=credential:k"),
		WORDS("crypto-hmac", "crypto-sha256", "crypto-sha512", "crypto-ctr", "crypto-aes"));
	assert_asks_for(WORDS("verity", "hash-algorithm=sha512"), WORDS("crypto-sha512"));
	assert_asks_for(WORDS("luks"), WORDS("crypto-xts"));
}

static void test_targets(void **state)
{
	_cleanup_(layer_freep) struct layer *layer = NULL;
	_cleanup_(strset_done) struct strset targets = {}, algorithms = {};

	layer_make("integrity", "/var/disk.img", WORDS("integrity-algorithm=crc32c"), &layer);
	assert_int_equal(layer_add_modules(layer, &targets, &algorithms), 0);
	/* A second time nothing comes twice. */
	assert_int_equal(layer_add_modules(layer, &targets, &algorithms), 0);
	assert_int_equal(targets.n, 4);
	assert_string_equal(targets.items[0], "dm_mod");
	assert_string_equal(targets.items[1], "dm_integrity");
	assert_string_equal(targets.items[2], "dm_bufio");
	assert_string_equal(targets.items[3], "loop");
	assert_int_equal(algorithms.n, 1);
	assert_string_equal(algorithms.items[0], "crypto-crc32c");
}

static void test_no_algorithm(void **state)
{
	const char *const *const layers[] = {
		WORDS("linear"),
		WORDS("integrity", "integrity-algorithm=none", "tag-size=32"),
	};

	for (size_t i = 0; i < ARRAY_SIZE(layers); i++) {
		_cleanup_(layer_freep) struct layer *layer = NULL;
		_cleanup_(strset_done) struct strset targets = {}, algorithms = {};

		layer_make(layers[i][0], "PARTLABEL=x", layers[i] + 1, &layer);
		assert_int_equal(layer_add_modules(layer, &targets, &algorithms), 0);
		assert_true(strset_has(&targets, "dm_mod"));
		assert_int_equal(algorithms.n, 0);
	}
}

static const char modinfo[] =
	"ecb.license=GPL\0ecb.alias=crypto-ecb\0x.alias=\0last.alias=crypto-l";
static const struct module_index sound = {
	.dep = "kernel/md/dm-crypt.ko.xz: kernel/md/dm-mod.ko.xz\nkernel/md/dm-mod.ko:\n",
	.alias =
		"# comment\nalias crypto-aes aes-ni\nalias crypto-aes aes_x\nalias pci:v0* other\n",
	.builtin = "kernel/crypto/hmac.ko\nkernel/drivers/loop.ko",
	.builtin_modinfo = modinfo,
	.builtin_modinfo_size = sizeof(modinfo) - 1,
};

static void test_index(void **state)
{
	_cleanup_(strset_done) struct strset found = {};

	assert_int_equal(module_index_find(&sound, "dm_crypt", &found), 1);
	assert_int_equal(module_index_find(&sound, "dm-mod", &found), 1);
	assert_int_equal(module_index_find(&sound, "crypto_aes", &found), 2);
	assert_int_equal(found.n, 4);
	assert_string_equal(found.items[0], "dm_crypt");
	assert_string_equal(found.items[1], "dm_mod");
	assert_string_equal(found.items[2], "aes_ni");
	assert_string_equal(found.items[3], "aes_x");
	for (const char *const *name = WORDS("hmac", "loop", "crypto-ecb", "crypto-l"); *name;
		name++)
		assert_int_equal(module_index_find(&sound, *name, &found), 0);
	for (const char *const *name = WORDS(
		     "dm", "dm_crypt_", "crypto-a", "crypto-aes-", "pci:v0", "crypto-ec", "alias");
		*name; name++)
		assert_int_equal(module_index_find(&sound, *name, &found), -ENOENT);
	assert_int_equal(found.n, 4);
}

/* Lines that end early, in the middle or never: nothing is found, and nothing read behind them. */
static void test_index_malformed(void **state)
{
	static const char *const texts[] = { "", "\n", ":", "/", ".ko", "/.ko:", "alias", "alias ",
		"alias x", "alias  ", "alias dm_crypt", "\nalias dm_crypt \n", "dm_crypt",
		"dm_crypt.k", "kernel/dm_crypt: x.ko" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_(strset_done) struct strset found = {};
		_cleanup_free_ char *modinfo_text = strdup(texts[i]);
		const struct module_index index = {
			.dep = texts[i],
			.alias = texts[i],
			.builtin = texts[i],
			.builtin_modinfo = modinfo_text,
			.builtin_modinfo_size = strlen(modinfo_text),
		};

		assert_int_equal(module_index_find(&index, "dm_crypt", &found), -ENOENT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_algorithms),
		cmocka_unit_test(test_targets),
		cmocka_unit_test(test_no_algorithm),
		cmocka_unit_test(test_index),
		cmocka_unit_test(test_index_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
