/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Layers of every type: options, defaults, refusals, lengths and tables.
 */

#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "layer-crypt.h"
#include "layer-integrity.h"
#include "layer-verity.h"
#include "parse.h"

#define ROOT_HASH "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

/* A layer of that type with those options, separated by blanks. */
static int make(const char *type, const char *options, struct layer **ret, struct diag *diag)
{
	_cleanup_(layer_freep) struct layer *layer = NULL;
	_cleanup_free_ char *copy = strdup(options);
	char *line = copy, *word;

	int r = layer_new("x", layer_type_find(type), &layer, diag);
	while (r >= 0 && parse_next_word(&line, &word) > 0)
		r = layer_set_option(layer, word, diag);
	if (r >= 0)
		r = layer_finish(layer, diag);
	if (r >= 0)
		*ret = take_ptr(layer);
	return r;
}

static void test_tables(void **state)
{
	static const struct {
		const char *type, *options;
		uint64_t length;
		const char *table;
	} cases[] = {
		{ "linear", "data=/dev/a offset=8", 16, "0 16 linear <data> 8" },
		{ "crypt", "data=/dev/a key=credential:k", 0,
			"0 <sectors> crypt aes-xts-plain64 :64:logon:dmstack:x 0 <data> 0" },
		{ "crypt",
			"data=/dev/a key=/k cipher=aes-cbc-essiv:sha256 sector-size=4096 "
			"iv-large-sectors discard offset=8 skip=16",
			8,
			"0 8 crypt aes-cbc-essiv:sha256 :32:logon:dmstack:x 16 <data> 8 3 "
			"allow_discards sector_size:4096 iv_large_sectors" },
		{ "crypt",
			"data=/dev/a key=/k cipher=aes-xts-random integrity=hmac-sha256 "
			"integrity-key-size=64 sector-size=4096",
			8,
			"0 8 crypt capi:authenc(hmac(sha256),xts(aes))-random "
			":128:logon:dmstack:x 0 <data> 0 3 integrity:48:aead sector_size:4096 "
			"integrity_key_size:64" },
		{ "integrity", "data=/dev/a integrity-algorithm=none tag-size=48", 8,
			"0 8 integrity <data> 0 48 J 1 fix_padding" },
		{ "integrity", "data=/dev/a integrity-algorithm=sha256", 8,
			"0 8 integrity <data> 0 32 J 3 internal_hash:sha256 fix_padding fix_hmac" },
		{ "integrity",
			"data=/dev/a meta=/dev/b integrity-algorithm=hmac-sha256 key=tpm2:t "
			"sector-size=4096 mode=bitmap tag-size=16 journal-integrity=hmac-sha256 "
			"journal-integrity-key=/j",
			8,
			"0 8 integrity <data> 0 16 B 5 block_size:4096 meta_device:<meta> "
			"internal_hash:hmac(sha256):<key:tpm2:t> "
			"journal_mac:hmac(sha256):<key:file:/j> fix_hmac" },
		{ "verity", "data=/dev/a hash=/dev/b root-hash=" ROOT_HASH, 8,
			"0 8 verity <format> <data> <hash> <data-block-size> <hash-block-size> "
			"<data-blocks> <hash-block-size> <hash-algorithm> " ROOT_HASH " <salt>" },
		{ "verity",
			"data=/dev/a superblock=no data-blocks=4 hash-offset=16384 salt=ab "
			"on-corruption=panic check-at-most-once root-hash=" ROOT_HASH,
			32,
			"0 32 verity 1 <data> <data> 4096 4096 4 4 sha256 " ROOT_HASH
			" ab 2 panic_on_corruption check_at_most_once" },
		{ "verity",
			"data=/dev/a hash=/dev/b fec=/dev/c superblock=no data-blocks=4 "
			"fec-blocks=5 fec-offset=8192 root-hash=" ROOT_HASH,
			32,
			"0 32 verity 1 <data> <hash> 4096 4096 4 0 sha256 " ROOT_HASH
			" - 8 use_fec_from_device <fec> fec_start 2 fec_blocks 5 fec_roots 2" },
		{ "verity",
			"data=/dev/a hash=/dev/b superblock=no data-blocks=4 "
			"root-hash-signature=/t.p7s root-hash=" ROOT_HASH,
			32,
			"0 32 verity 1 <data> <hash> 4096 4096 4 0 sha256 " ROOT_HASH
			" - 2 root_hash_sig_key_desc dmstack:x:signature" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(layer_freep) struct layer *layer = NULL;
		_cleanup_(dmtable_done) struct dmtable t = {};
		_cleanup_(buf_done) struct buf text = {};
		_cleanup_(diag_done) struct diag diag = {};

		if (make(cases[i].type, cases[i].options, &layer, &diag) < 0)
			fail_msg("%s: %s", cases[i].options, diag.what);
		assert_int_equal(layer_table(layer, cases[i].length, &t), 0);
		dmtable_print(&t, &text);
		assert_string_equal(buf_str(&text), cases[i].table);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *type, *options;
		const char *word; /* that the message must have */
	} cases[] = {
		{ "linear", "", "data" },
		{ "linear", "data=/dev/a bogus", "bogus" },
		{ "linear", "data=/dev/a key=/k", "no key" },
		{ "linear", "data=/dev/a data=/dev/b", "twice" },
		{ "linear", "data=/dev/a offset=1 offset=1", "offset" },
		{ "linear", "data=/dev/a offset", "needs a value" },
		{ "linear", "data=/dev/a offset=-1", "-1" },
		{ "linear", "data=/dev/a hash=/dev/b", "hash" },
		{ "linear", "data=/dev/a device-size=100", "512" },
		{ "linear", "data=/dev/a timeout=0", "timeout" },
		{ "linear", "data=/dev/a fail=explode", "explode" },
		{ "crypt", "data=/dev/a", "key" },
		{ "crypt", "data=/dev/a key=/k key=/l", "twice" },
		{ "crypt", "data=/dev/a key=/k size=192", "size" },
		{ "crypt", "data=/dev/a key=/k cipher=-x-y-z", "cipher" },
		{ "crypt", "data=/dev/a key=/k cipher=capi:authenc(hmac(sha256),xts(aes))-plain64",
			"tags" },
		{ "crypt", "data=/dev/a key=/k sector-size=1000", "sector-size" },
		{ "crypt", "data=/dev/a key=/k sector-size=8192", "sector-size" },
		{ "crypt", "data=/dev/a key=/k iv-large-sectors", "iv-large-sectors" },
		{ "crypt", "data=/dev/a key=/k sector-size=4096 skip=4", "skip" },
		{ "crypt", "data=/dev/a key=ask sealed", "sealed" },
		{ "crypt", "data=/dev/a key=/k tag-size=16", "tag-size" },
		{ "crypt", "data=/dev/a key=/k integrity=aead", "aead" },
		{ "crypt", "data=/dev/a key=/k integrity=hmac-sha256 discard", "discard" },
		{ "crypt", "data=/dev/a key=/k integrity=hmac-sha256 offset=8", "offset" },
		{ "crypt", "data=/dev/a key=/k integrity=hmac-sha256 size=384", "size" },
		{ "crypt", "data=/dev/a key=/k integrity=hmac-sha256 tag-size=33", "tag-size" },
		{ "crypt", "data=/dev/a key=/k cipher=aes-xts-random integrity=none sealed",
			"sealed" },
		{ "integrity", "data=/dev/a integrity-algorithm=none", "tag-size" },
		{ "integrity", "data=/dev/a integrity-algorithm=none tag-size=8 key=/k", "key" },
		{ "integrity", "data=/dev/a", "integrity-algorithm" },
		{ "integrity", "data=/dev/a integrity-algorithm=md5", "md5" },
		{ "integrity", "data=/dev/a integrity-algorithm=hmac-sha256", "key" },
		{ "integrity", "data=/dev/a integrity-algorithm=sha256 key=/k", "no key" },
		{ "integrity", "data=/dev/a integrity-algorithm=sha256 tag-size=256", "tag-size" },
		{ "integrity", "data=/dev/a integrity-algorithm=sha256 mode=fast", "fast" },
		{ "integrity", "data=/dev/a integrity-algorithm=sha256 mode=recovery sealed",
			"sealed" },
		{ "integrity", "data=/dev/a integrity-algorithm=sha256 bitmap-flush-time=1s",
			"bitmap" },
		{ "integrity",
			"data=/dev/a integrity-algorithm=sha256 journal-integrity=sha256 "
			"journal-integrity-key=/k",
			"keyed" },
		{ "integrity", "data=/dev/a integrity-algorithm=sha256 journal-crypt=cbc-aes",
			"key" },
		{ "integrity", "data=/dev/a integrity-algorithm=sha256 salt=00", "salt" },
		{ "verity", "data=/dev/a", "root-hash" },
		{ "verity", "data=/dev/a root-hash=abc", "root-hash" },
		{ "verity", "data=/dev/a root-hash=" ROOT_HASH " hash-block-size=3000",
			"hash-block-size" },
		{ "verity", "data=/dev/a root-hash=" ROOT_HASH " hash-offset=100", "hash-offset" },
		{ "verity", "data=/dev/a root-hash=" ROOT_HASH " fec-roots=25", "fec-roots" },
		{ "verity", "data=/dev/a root-hash=" ROOT_HASH " discard", "discard" },
		{ "verity", "data=/dev/a root-hash=" ROOT_HASH " on-corruption=ignore sealed",
			"ignore" },
		{ "verity", "data=/dev/a root-hash=" ROOT_HASH " uuid=1", "uuid" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(layer_freep) struct layer *layer = NULL;
		_cleanup_(diag_done) struct diag diag = {};
		int r = make(cases[i].type, cases[i].options, &layer, &diag);

		if (r >= 0 || !diag.what || !strstr(diag.what, cases[i].word))
			fail_msg("%s %s gave %d, \"%s\"", cases[i].type, cases[i].options, r,
				diag.what ?: "");
	}
}

static void test_unknown_phase_is_sealed(void **state)
{
	_cleanup_(layer_freep) struct layer *layer = NULL;

	assert_int_equal(make("linear", "data=/dev/a phase=bootstarp", &layer, NULL), 0);
	assert_int_equal(layer->common.phase, PHASE_SEALED);
}

static void test_names(void **state)
{
	static const char *const good[] = { "a", "data-tags", "A.b_c:d@e+f#g=h" };
	static const char *const bad[] = { "", ".", "control", "a/b", "a b", "\xc3\xa4", "a%b" };
	char longest[LAYER_NAME_MAX + 2];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(layer_name_check(good[i], NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(layer_name_check(bad[i], NULL), -EINVAL);
	memset(longest, 'a', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(layer_name_check(longest, NULL), -EINVAL);
	longest[LAYER_NAME_MAX] = '\0';
	assert_int_equal(layer_name_check(longest, NULL), 0);
}

/* A mapping made on the least device must have at least the wanted length. */
static void test_below_and_length(void **state)
{
	static const struct {
		const char *type, *options;
	} cases[] = {
		{ "linear", "data=/dev/a offset=24" },
		{ "crypt", "data=/dev/a key=/k sector-size=4096 offset=8" },
		{ "integrity", "data=/dev/a integrity-algorithm=sha256 sector-size=4096" },
		{ "integrity", "data=/dev/a integrity-algorithm=crc32c" },
		{ "integrity", "data=/dev/a meta=/dev/b integrity-algorithm=sha512" },
		{ "verity", "data=/dev/a hash=/dev/b root-hash=" ROOT_HASH },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		for (uint64_t sectors = 8; sectors < 1 << 24; sectors = sectors * 3 + 8) {
			_cleanup_(layer_freep) struct layer *layer = NULL;
			uint64_t below[LAYER_ROLES_MAX] = {}, length = 0;

			assert_int_equal(make(cases[i].type, cases[i].options, &layer, NULL), 0);
			assert_int_equal(layer_below(layer, sectors, below, NULL), 0);
			if (streq(cases[i].type, "verity"))
				verity_fields(layer)->data_blocks = sectors / 8;
			assert_int_equal(layer_length(layer, below, &length, NULL), 0);
			assert_true(length >= sectors);
		}
}

static void test_device_size(void **state)
{
	_cleanup_(layer_freep) struct layer *layer = NULL;
	uint64_t length = 0;

	assert_int_equal(make("linear", "data=/dev/a device-size=4096", &layer, NULL), 0);
	assert_int_equal(
		layer_length(layer, (uint64_t[LAYER_ROLES_MAX]){ 7 }, &length, NULL), -ENOSPC);
	assert_int_equal(layer_length(layer, (uint64_t[LAYER_ROLES_MAX]){ 9 }, &length, NULL), 0);
	assert_int_equal(length, 8);
}

/* Behind data and tree, if it is on their device: a superblock at 16384 and one block of tree. */
static void test_parity_place(void **state)
{
	static const struct {
		const char *devices;
		unsigned offset;
		int error;
	} cases[] = {
		{ "data=/dev/a fec=/dev/a", 24576, 0 },
		{ "data=/dev/a fec=/dev/a", 20480, -EINVAL },
		{ "data=/dev/a hash=/dev/b fec=/dev/b", 24576, 0 },
		{ "data=/dev/a hash=/dev/b fec=/dev/b", 20480, -EINVAL },
		{ "data=/dev/a hash=/dev/b fec=/dev/a", 16384, 0 },
		{ "data=/dev/a hash=/dev/b fec=/dev/a", 12288, -EINVAL },
		{ "data=/dev/a hash=/dev/b fec=/dev/c", 0, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(layer_freep) struct layer *layer = NULL;
		_cleanup_(diag_done) struct diag diag = {};
		uint64_t below[LAYER_ROLES_MAX] = { 64, 64, 64 }, length;
		char options[512];

		(void)snprintf(options, sizeof(options),
			"%s data-blocks=4 hash-offset=16384 fec-blocks=6 fec-offset=%u "
			"root-hash=" ROOT_HASH,
			cases[i].devices, cases[i].offset);
		assert_int_equal(make("verity", options, &layer, NULL), 0);
		assert_int_equal(layer_length(layer, below, &length, &diag), cases[i].error);
		if (cases[i].error)
			assert_non_null(strstr(diag.what, "fec-offset"));
	}
}

/* No CRYPT- prefix: systemd would mark a middle layer as not ready. */
static void test_uuid(void **state)
{
	for (size_t i = 0; layer_types[i]; i++) {
		_cleanup_(layer_freep) struct layer *layer = NULL;
		_cleanup_free_ char *uuid = NULL;

		assert_int_equal(layer_new("a-b", layer_types[i], &layer, NULL), 0);
		uuid = layer_dm_uuid(layer);
		assert_non_null(startswith(uuid, layer_types[i]->uuid_prefix));
		assert_non_null(endswith(uuid, "-dmstack-a-b"));
		assert_null(startswith(uuid, "CRYPT-"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_unknown_phase_is_sealed),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_below_and_length),
		cmocka_unit_test(test_device_size),
		cmocka_unit_test(test_parity_place),
		cmocka_unit_test(test_uuid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
