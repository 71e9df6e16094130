/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Planned tables against what kernels print: every live table of the golden cases is recognised,
 * and none of its words can be changed unnoticed but those that the kernel rounds.
 */

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "cleanup.h"
#include "golden.h"
#include "layer.h"
#include "parse.h"
#include "table-render.h"

#define WORDS_MAX 64

/* A live table, the layer that would plan it, and the devices in it. */
struct fixture {
	char *text;
	char *words[WORDS_MAX];
	size_t n;
	struct layer *layer;
	struct table_device devices[4];
	struct table_inputs inputs;
	struct dmtable planned;
	uint64_t length;
};

static void fixture_done(struct fixture *f)
{
	dmtable_done(&f->planned);
	(void)!layer_free(f->layer);
	free(f->text);
}

static void set(struct layer *layer, const char *format, ...) _printf_(2, 3);
static void set(struct layer *layer, const char *format, ...)
{
	_cleanup_(diag_done) struct diag diag = {};
	char option[1200];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(option, sizeof(option), format, ap);
	va_end(ap);
	if (layer_set_option(layer, option, &diag) < 0)
		fail_msg("%s: %s", option, diag.what);
}

/* Gives the role the device of that word, "7:0". */
static void add_device(struct fixture *f, const char *role, const char *word)
{
	unsigned ma, mi;

	assert_int_equal(sscanf(word, "%u:%u", &ma, &mi), 2);
	f->devices[f->inputs.n_devices++] =
		(struct table_device){ .role = role, .device = makedev(ma, mi) };
	if (!layer_device(f->layer, role))
		assert_int_equal(layer_set_device(f->layer, role, "/dev/x", NULL), 0);
}

/* The golden cases have the key in the table; ours is in the keyring. */
static void plan_crypt(struct fixture *f, const char *options)
{
	static char key[80];
	size_t bytes = strlen(f->words[1]) / 2;
	_cleanup_free_ char *copy = strdup(options);
	char *rest = copy, *word;

	while (parse_next_word(&rest, &word) > 0)
		set(f->layer, "%s", word);
	if (!*options) {
		set(f->layer, "cipher=%s", f->words[0]);
		set(f->layer, "size=%zu", bytes * 8);
	}
	set(f->layer, "key=/k");
	set(f->layer, "skip=%s", f->words[2]);
	set(f->layer, "offset=%s", f->words[4]);
	add_device(f, "data", f->words[3]);
	(void)snprintf(key, sizeof(key), ":%zu:logon:dmstack:%s", bytes, f->layer->name);
	f->words[1] = key;
	for (size_t i = 6; i < f->n; i++) {
		const char *size = startswith(f->words[i], "sector_size:");
		const char *tag = startswith(f->words[i], "integrity:");

		if (size)
			set(f->layer, "sector-size=%s", size);
		else if (streq(f->words[i], "iv_large_sectors"))
			set(f->layer, "iv-large-sectors");
		else if (tag)
			set(f->layer, "tag-size=%.*s", (int)strcspn(tag, ":"), tag);
		else
			fail_msg("option %s", f->words[i]);
	}
}

/* "hmac(sha256):0011" sets the algorithm and, if there is a key, a reference to one. */
static void set_keyed(struct layer *layer, const char *option, const char *key, const char *value)
{
	const char *colon = strchr(value, ':');

	set(layer, "%s=%.*s", option, (int)strcspn(value, ":"), value);
	if (colon)
		set(layer, "%s=/k", key);
}

static void plan_integrity(struct fixture *f)
{
	static const char *const modes[] = { "journal", "bitmap", "direct", "recovery" };
	bool fix_padding = false, fix_hmac = false, meta = false, hash = false;

	add_device(f, "data", f->words[0]);
	set(f->layer, "offset=%s", f->words[1]);
	set(f->layer, "tag-size=%s", f->words[2]);
	set(f->layer, "mode=%s", modes[strchr("JBDR", *f->words[3]) - "JBDR"]);
	for (size_t i = 5; i < f->n; i++) {
		const char *word = f->words[i], *value = strchr(word, ':');

		if (startswith(word, "block_size:"))
			set(f->layer, "sector-size=%s", value + 1);
		if (startswith(word, "internal_hash:")) {
			set_keyed(f->layer, "integrity-algorithm", "key", value + 1);
			hash = true;
		}
		if (startswith(word, "journal_mac:"))
			set_keyed(
				f->layer, "journal-integrity", "journal-integrity-key", value + 1);
		if (startswith(word, "journal_crypt:"))
			set_keyed(f->layer, "journal-crypt", "journal-crypt-key", value + 1);
		if (startswith(word, "meta_device:")) {
			add_device(f, "meta", value + 1);
			meta = true;
		}
		fix_padding = fix_padding || streq(word, "fix_padding");
		fix_hmac = fix_hmac || streq(word, "fix_hmac");
		if (streq(word, "recalculate"))
			set(f->layer, "integrity-recalculate");
		if (streq(word, "allow_discards"))
			set(f->layer, "discard");
	}
	if (!fix_padding && !meta)
		set(f->layer, "integrity-legacy-padding");
	if (!hash)
		set(f->layer, "integrity-algorithm=none");
	else if (!fix_hmac)
		set(f->layer, "integrity-legacy-hmac");
}

static void plan_verity(struct fixture *f)
{
	uint64_t start, size;

	assert_int_equal(parse_u64(f->words[4], &size), 0);
	assert_int_equal(parse_u64(f->words[6], &start), 0);
	set(f->layer, "superblock=no");
	set(f->layer, "format=%s", f->words[0]);
	add_device(f, "data", f->words[1]);
	if (!streq(f->words[1], f->words[2]))
		add_device(f, "hash", f->words[2]);
	set(f->layer, "data-block-size=%s", f->words[3]);
	set(f->layer, "hash-block-size=%s", f->words[4]);
	set(f->layer, "data-blocks=%s", f->words[5]);
	set(f->layer, "hash-offset=%ju", (uintmax_t)(start * size));
	set(f->layer, "hash-algorithm=%s", f->words[7]);
	set(f->layer, "root-hash=%s", f->words[8]);
	if (!streq(f->words[9], "-"))
		set(f->layer, "salt=%s", f->words[9]);
	for (size_t i = 11; i + 1 < f->n; i += 2) {
		uint64_t number = 0;

		(void)!parse_u64(f->words[i + 1], &number);
		if (streq(f->words[i], "use_fec_from_device"))
			add_device(f, "fec", f->words[i + 1]);
		if (streq(f->words[i], "fec_blocks"))
			set(f->layer, "fec-blocks=%s", f->words[i + 1]);
		if (streq(f->words[i], "fec_start"))
			set(f->layer, "fec-offset=%ju", (uintmax_t)(number * size));
		if (streq(f->words[i], "fec_roots"))
			set(f->layer, "fec-roots=%s", f->words[i + 1]);
	}
}

/*
 * "0 LENGTH TARGET WORDS..." as dmsetup(8) prints it. options: of a crypt layer, if not from there.
 */
static void fixture_init_with(
	struct fixture *f, const char *name, const char *table, const char *options)
{
	_cleanup_(diag_done) struct diag diag = {};
	char *rest, *word;

	*f = (struct fixture){ .text = strdup(table) };
	f->inputs.devices = f->devices;
	rest = f->text;
	assert_int_equal(parse_next_word(&rest, &word), 1);
	assert_int_equal(parse_next_word(&rest, &word), 1);
	assert_int_equal(parse_u64(word, &f->length), 0);
	assert_int_equal(parse_next_word(&rest, &word), 1);
	assert_int_equal(layer_new(name, layer_type_find(word), &f->layer, NULL), 0);
	while (parse_next_word(&rest, &f->words[f->n]) > 0)
		f->n++;

	if (streq(f->layer->type->name, "crypt"))
		plan_crypt(f, options);
	if (streq(f->layer->type->name, "integrity"))
		plan_integrity(f);
	if (streq(f->layer->type->name, "verity"))
		plan_verity(f);
	if (layer_finish(f->layer, &diag) < 0)
		fail_msg("%s: %s", name, diag.what);
	assert_int_equal(layer_table(f->layer, f->length, &f->planned), 0);
}

static void fixture_init(struct fixture *f, const char *name, const char *table)
{
	fixture_init_with(f, name, table, "");
}

/* The words as a live line, with word number `changed` replaced (-1: none). */
static int compare(const struct fixture *f, int changed, const char *by, struct diag *diag)
{
	_cleanup_(mapping_line_done) struct mapping_line line = { .length_sectors = f->length };
	_cleanup_(buf_done) struct buf text = {};

	for (size_t i = 0; i < f->n; i++) {
		const char *word = (int)i == changed ? by : f->words[i];

		if (word)
			buf_printf(&text, "%s ", word);
	}
	line.target = strdup(f->planned.target);
	assert_int_equal(secret_new_from(buf_str(&text), text.size + 1, false, &line.params), 0);
	return table_compare(&f->planned, &f->inputs, &line, f->layer->type->kernel_options, diag);
}

static bool is_listed(const char *word, const char *const *list)
{
	size_t n = strcspn(word, ":");

	for (; list && *list; list++)
		if (strlen(*list) == n && strncmp(*list, word, n) == 0)
			return true;
	return false;
}

/* The number of options is no word of its own: options are compared, and may be more. */
static bool is_count(const struct fixture *f, size_t i)
{
	return f->planned.n_options > 0 && i == f->planned.count_at;
}

static void check_changes(const struct fixture *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++) {
		_cleanup_(diag_done) struct diag diag = {};
		char changed[1200];

		(void)snprintf(changed, sizeof(changed), "%sx", f->words[i]);
		if (is_count(f, i) || is_listed(f->words[i], f->layer->type->kernel_options)) {
			assert_int_equal(compare(f, (int)i, f->words[i], NULL), 0);
			continue;
		}
		if (compare(f, (int)i, changed, &diag) != -EEXIST)
			fail_msg("%s: %s went for %s", name, changed, f->words[i]);
		/* No key, and nothing that could be one. */
		if (strstr(f->words[i], "(sha256):") && strstr(diag.what, "(sha256):"))
			assert_null(strstr(diag.what, strstr(f->words[i], "(sha256):") + 9));
		if (compare(f, (int)i, NULL, NULL) != -EEXIST)
			fail_msg("%s: %s is not missed", name, f->words[i]);
	}
}

static unsigned check_cases(const char *prefix)
{
	char **names = golden_list(prefix);
	unsigned n = 0;

	for (size_t i = 0; names[i]; i++) {
		struct json_object *params = golden_load(names[i]);
		_cleanup_(fixture_done) struct fixture f = {};
		_cleanup_(diag_done) struct diag diag = {};
		const char *table = golden_str(params, "layers.0.table");

		fixture_init(&f, golden_str(params, "layers.0.name"), table);
		if (compare(&f, -1, NULL, &diag) < 0)
			fail_msg("%s: %s", names[i], diag.what);
		check_changes(&f, names[i]);
		n++;
		json_object_put(params);
	}
	golden_free_list(names);
	return n;
}

static void test_golden_crypt(void **state)
{
	assert_true(check_cases("crypt-") >= 10);
}

static void test_golden_integrity(void **state)
{
	assert_true(check_cases("integrity-") >= 20);
}

static void test_golden_verity(void **state)
{
	assert_true(check_cases("verity-") >= 20);
}

/* Authenticated encryption as the kernel prints it (golden cases aead-*), and its store of tags. */
static void test_golden_aead(void **state)
{
	static const struct {
		const char *name, *options;
	} cases[] = {
		{ "aead-hmac-sha256-xts-plain64-4096",
			"cipher=aes-xts-plain64 integrity=hmac-sha256 size=768" },
		{ "aead-hmac-sha256-xts-random-512",
			"cipher=aes-xts-random integrity=hmac-sha256 size=768" },
		{ "aead-gcm-256-random-4096", "cipher=aes-gcm-random integrity=aead size=256" },
		{ "aead-none-xts-random-4096", "cipher=aes-xts-random integrity=none size=512" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct json_object *params = golden_load(cases[i].name);
		_cleanup_(fixture_done) struct fixture crypt = {}, tags = {};
		_cleanup_(diag_done) struct diag diag = {};

		fixture_init(&tags, "tags", golden_str(params, "layers.1.table"));
		if (compare(&tags, -1, NULL, &diag) < 0)
			fail_msg("%s: %s", cases[i].name, diag.what);
		check_changes(&tags, cases[i].name);

		fixture_init_with(
			&crypt, "data", golden_str(params, "layers.0.table"), cases[i].options);
		if (compare(&crypt, -1, NULL, &diag) < 0)
			fail_msg("%s: %s", cases[i].name, diag.what);
		check_changes(&crypt, cases[i].name);
		json_object_put(params);
	}
}

static void test_extra_option(void **state)
{
	_cleanup_(fixture_done) struct fixture f = {};
	_cleanup_(diag_done) struct diag diag = {};

	fixture_init(&f, "x",
		"0 2048 crypt aes-xts-plain64 00112233445566778899aabbccddeeff"
		"00112233445566778899aabbccddeeff 0 7:0 0 1 sector_size:4096");
	f.words[f.n++] = (char *)"allow_discards";
	assert_int_equal(compare(&f, -1, NULL, &diag), -EEXIST);
	assert_non_null(strstr(diag.what, "\"allow_discards\" was not planned"));
}

/* Values of paired options must not be mixed up between the pairs. */
static void test_swapped_values(void **state)
{
	_cleanup_(fixture_done) struct fixture f = {};

	fixture_init(&f, "x",
		"0 8000 verity 1 7:0 7:1 4096 4096 1000 1 sha256 "
		"a33f7bbc4251488ad6c9210b978fc2a14240a50481378db14e89863de2e3fa34 - 8 "
		"use_fec_from_device 7:2 fec_blocks 1009 fec_start 3 fec_roots 2");
	assert_int_equal(compare(&f, -1, NULL, NULL), 0);

	char *start = f.words[16];

	assert_string_equal(start, "3");
	f.words[16] = f.words[18];
	f.words[18] = start;
	assert_int_equal(compare(&f, -1, NULL, NULL), -EEXIST);
}

static void test_length_and_target(void **state)
{
	_cleanup_(fixture_done) struct fixture f = {};
	_cleanup_(mapping_line_done) struct mapping_line line = {};

	fixture_init(&f, "x",
		"0 2048 crypt aes-xts-plain64 00112233445566778899aabbccddeeff"
		"00112233445566778899aabbccddeeff 0 7:0 0");
	line.target = strdup("crypt");
	line.length_sectors = 2048;
	assert_int_equal(secret_new_from("aes-xts-plain64 :32:logon:dmstack:x 0 7:0 0", 44, false,
				 &line.params),
		0);
	assert_int_equal(table_compare(&f.planned, &f.inputs, &line, NULL, NULL), 0);
	line.length_sectors = 2040;
	assert_int_equal(table_compare(&f.planned, &f.inputs, &line, NULL, NULL), -EEXIST);
	line.length_sectors = 2048;
	line.start_sector = 8;
	assert_int_equal(table_compare(&f.planned, &f.inputs, &line, NULL, NULL), -EEXIST);
	line.start_sector = 0;
	memcpy(line.target, "zero", 5);
	assert_int_equal(table_compare(&f.planned, &f.inputs, &line, NULL, NULL), -EEXIST);
}

static void test_render(void **state)
{
	_cleanup_(dmtable_done) struct dmtable t = { .target = "integrity" };
	_cleanup_(secret_freep) struct secret *key = NULL, *text = NULL;
	_cleanup_(diag_done) struct diag diag = {};
	const struct keyref ref = { .kind = KEYREF_FILE, .value = (char *)"/k" };
	const struct table_device device = { .role = "data", .device = makedev(259, 70000) };
	struct table_inputs inputs = { .devices = &device, .n_devices = 1 };

	dmtable_device(&t, "", "data");
	dmtable_text(&t, "0");
	dmtable_begin_options(&t);
	dmtable_option_key(&t, "internal_hash:hmac(sha256):", &ref);
	dmtable_end_options(&t, true);

	assert_int_equal(table_render(&t, &inputs, &text, &diag), -ENODATA);
	assert_null(text);
	assert_int_equal(secret_new_from("\x01\xab", 2, false, &key), 0);
	inputs.keys = &(const struct table_key){ .ref = &ref, .bytes = key };
	inputs.n_keys = 1;
	assert_int_equal(table_render(&t, &inputs, &text, NULL), 0);
	assert_string_equal(
		(const char *)secret_peek(text), "259:70000 0 1 internal_hash:hmac(sha256):01ab");
	assert_int_equal(secret_size(text), strlen((const char *)secret_peek(text)) + 1);
}

static void test_render_unknown(void **state)
{
	_cleanup_(dmtable_done) struct dmtable t = { .target = "verity" };
	_cleanup_(secret_freep) struct secret *text = NULL;
	_cleanup_(diag_done) struct diag diag = {};
	const struct table_inputs inputs = {};

	dmtable_unknown(&t, "", "salt");
	assert_int_equal(table_render(&t, &inputs, &text, &diag), -ENODATA);
	assert_non_null(strstr(diag.what, "salt"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_crypt),
		cmocka_unit_test(test_golden_integrity),
		cmocka_unit_test(test_golden_verity),
		cmocka_unit_test(test_golden_aead),
		cmocka_unit_test(test_extra_option),
		cmocka_unit_test(test_swapped_values),
		cmocka_unit_test(test_length_and_target),
		cmocka_unit_test(test_render),
		cmocka_unit_test(test_render_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
