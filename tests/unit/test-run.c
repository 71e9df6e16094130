/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The privileged loop against a fake kernel: the order of its calls, what it refuses before it
 * calls anything, and what it takes back when a step fails.
 */

#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "fake-dm.h"
#include "fd.h"
#include "hex.h"
#include "integrity-geometry.h"
#include "interrupt.h"
#include "parse.h"
#include "run.h"

#define DATA_SECTORS 4096

/* libdevmapper.h: DISABLE_DISK_RULES | DISABLE_OTHER_RULES | LOW_PRIORITY. */
#define HIDDEN "1c"

static char key32[] = "/tmp/dmstack-test-run-XXXXXX";
static char key64[] = "/tmp/dmstack-test-run-XXXXXX";

struct world {
	struct stack stack;
	struct diag diag;
	uint64_t provided; /* sectors of the integrity layer */
};

static void key_file(char *path, size_t size)
{
	_cleanup_close_ int fd = mkstemp(path);
	uint8_t bytes[64];

	memset(bytes, 0xa5, sizeof(bytes));
	assert_true(fd >= 0);
	assert_int_equal(fd_write_full(fd, bytes, size), 0);
}

static int group_setup(void **state)
{
	key_file(key32, 32);
	key_file(key64, 64);
	return 0;
}

static int group_teardown(void **state)
{
	(void)unlink(key32);
	(void)unlink(key64);
	return 0;
}

/* Adds "NAME TYPE OPTION...", with %32 and %64 for the key files. */
static void add(struct world *w, const char *text)
{
	struct layer *layer = NULL;
	_cleanup_free_ char *copy = strdup(text);
	char *line = copy, *name, *type, *word;

	assert_int_equal(parse_next_word(&line, &name), 1);
	assert_int_equal(parse_next_word(&line, &type), 1);
	assert_int_equal(layer_new(name, layer_type_find(type), &layer, NULL), 0);
	while (parse_next_word(&line, &word) > 0) {
		char *percent = strchr(word, '%');
		char option[200];

		(void)snprintf(option, sizeof(option), "%.*s%s",
			percent ? (int)(percent - word) : (int)strlen(word), word,
			!percent	    ? ""
			: percent[1] == '3' ? key32
					    : key64);
		if (layer_set_option(layer, option, &w->diag) < 0)
			fail_msg("%s: %s", option, w->diag.what);
	}
	assert_int_equal(stack_add(&w->stack, layer, NULL), 0);
}

/* The superblock that the kernel would write on the data device. */
static void superblock(struct integrity_sb *sb, uint32_t flags)
{
	const struct integrity_format format = {
		.data_sectors = DATA_SECTORS,
		.tag_size = 32,
		.block_size = 4096,
		.fix_padding = true,
	};
	static const uint8_t salt[INTEGRITY_SALT_SIZE] = { 1, 2, 3 };
	struct integrity_geometry geo;

	assert_int_equal(integrity_geometry_format(&format, &geo, NULL), 0);
	integrity_geometry_sb(
		&geo, INTEGRITY_SB_FIX_PADDING | INTEGRITY_SB_FIX_HMAC | flags, salt, sb);
}

static void device_with(const struct integrity_sb *sb, uint64_t sectors)
{
	uint8_t data[INTEGRITY_SB_SIZE] = {};

	if (sb)
		integrity_sb_encode(sb, data);
	fake_device("/dev/d", 1, sectors, data, sizeof(data));
}

/* crypt on integrity on /dev/d. */
static int world_setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct integrity_sb sb;

	fake_reset();
	superblock(&sb, 0);
	w->provided = sb.provided_sectors;
	device_with(&sb, DATA_SECTORS);
	add(w, "tags integrity data=/dev/d key=%32 integrity-algorithm=hmac-sha256 "
	       "sector-size=4096");
	add(w, "data crypt data=tags key=%64 cipher=aes-xts-plain64 size=512 sector-size=4096");
	assert_int_equal(stack_link(&w->stack), 0);
	*state = w;
	return 0;
}

static int world_teardown(void **state)
{
	struct world *w = *state;

	interrupted = 0;
	stack_done(&w->stack);
	diag_done(&w->diag);
	free(w);
	fake_reset();
	return 0;
}

static int attach(struct world *w, const char *name)
{
	_cleanup_(plan_done) struct plan plan = {};
	int r;

	diag_done(&w->diag);
	assert_int_equal(plan_attach(&w->stack, stack_find(&w->stack, name), &plan, &w->diag), 0);
	r = run_plan(&plan, &w->diag);
	assert_int_equal(fake_keys(), 0);
	if (r < 0)
		assert_non_null(w->diag.what);
	return r;
}

#define TAGS_TABLE                                                                                 \
	"integrity 8:1 0 32 J 4 block_size:4096 internal_hash:hmac(sha256):"                       \
	"a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5 fix_padding fix_hmac"
#define DATA_TABLE "crypt aes-xts-plain64 :64:logon:dmstack:data 0 254:0 0 1 sector_size:4096"

static void assert_log(const struct world *w, const char *format)
{
	_cleanup_(buf_done) struct buf expected = {};
	const char *p = format, *at;

	/* "LEN" stands for the length of both mappings. */
	while ((at = strstr(p, "LEN"))) {
		buf_append(&expected, p, (size_t)(at - p));
		buf_printf(&expected, "%ju", (uintmax_t)w->provided);
		p = at + 3;
	}
	buf_puts(&expected, p);
	assert_string_equal(fake_log(), buf_str(&expected));
}

static void test_order(void **state)
{
	struct world *w = *state;

	assert_int_equal(attach(w, "data"), 0);
	assert_log(w, "create tags integrity-dmstack-tags\n"
		      "load tags rw secure 0 LEN " TAGS_TABLE "\n"
		      "resume tags " HIDDEN "\n"
		      "key+ logon dmstack:data 64\n"
		      "create data crypt-dmstack-data\n"
		      "load data rw 0 LEN " DATA_TABLE "\n"
		      "resume data 0\n"
		      "key- dmstack:data\n");
}

static void test_again_does_nothing(void **state)
{
	struct world *w = *state;

	assert_int_equal(attach(w, "data"), 0);
	fake_log_clear();
	assert_int_equal(attach(w, "data"), 0);
	assert_string_equal(fake_log(), "");
}

/* The kernel's answer to a word that it does not know is the same as to any other mistake. */
static void test_refusal_hint(void **state)
{
	static const char *const options[] = { "on-error=panic", "on-error=eio" };
	struct world *w = *state;

	fake_device("/dev/v", 2, 64, NULL, 0);
	fake_device("/dev/h", 3, 64, NULL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		char name[8], text[256];

		(void)snprintf(name, sizeof(name), "tree%zu", i);
		(void)snprintf(text, sizeof(text),
			"%s verity data=/dev/v hash=/dev/h superblock=no data-blocks=8 "
			"root-hash=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa %s",
			name, options[i]);
		add(w, text);
		assert_int_equal(stack_link(&w->stack), 0);
		fake_fail("load", name, EINVAL);
		diag_done(&w->diag);
		assert_int_equal(attach(w, name), -EINVAL);
		assert_int_equal(strstr(w->diag.what, "needs Linux 6.12") != NULL, i == 0);
	}
}

static void test_undo_after_load(void **state)
{
	struct world *w = *state;

	fake_fail("load", "data", EINVAL);
	assert_int_equal(attach(w, "data"), -EINVAL);
	assert_log(w, "create tags integrity-dmstack-tags\n"
		      "load tags rw secure 0 LEN " TAGS_TABLE "\n"
		      "resume tags " HIDDEN "\n"
		      "key+ logon dmstack:data 64\n"
		      "create data crypt-dmstack-data\n"
		      "load data fails\n"
		      "remove data\n"
		      "remove tags\n"
		      "key- dmstack:data\n");
	assert_string_equal(w->diag.where, "data");
}

static void test_undo_after_resume(void **state)
{
	struct world *w = *state;

	fake_fail("resume", "tags", EIO);
	assert_int_equal(attach(w, "data"), -EIO);
	assert_false(fake_mapping_exists("tags"));
	assert_non_null(strstr(fake_log(), "resume tags fails\nremove tags\n"));
	assert_null(strstr(fake_log(), "create data"));
}

/* What was there before this call stays. */
static void test_undo_spares_others(void **state)
{
	struct world *w = *state;

	assert_int_equal(attach(w, "tags"), 0);
	fake_log_clear();
	fake_fail("key+", "dmstack:data", EDQUOT);
	assert_int_equal(attach(w, "data"), -EDQUOT);
	assert_true(fake_mapping_exists("tags"));
	assert_string_equal(fake_log(), "key+ logon dmstack:data 64\n");
}

/* A failure to take back is said, and does not hide the failure itself. */
static void test_undo_says_what_is_left(void **state)
{
	struct world *w = *state;

	fake_fail_twice("create", "data", ENOMEM, "remove", "tags", EBUSY);
	assert_int_equal(attach(w, "data"), -ENOMEM);
	assert_true(fake_mapping_exists("tags"));
	assert_non_null(strstr(w->diag.where, "\"tags\" is left behind"));
}

static void test_foreign_mapping(void **state)
{
	struct world *w = *state;

	fake_mapping("tags", "CRYPT-PLAIN-tags", 8, "linear 8:1 0");
	assert_int_equal(attach(w, "data"), -EEXIST);
	assert_string_equal(fake_log(), "");
	assert_int_equal(run_remove("tags", NULL), -EEXIST);
	assert_true(fake_mapping_exists("tags"));
}

static void test_other_table(void **state)
{
	struct world *w = *state;

	/* Ours by its UUID, but without the hash: the kernel would check nothing. */
	fake_mapping("tags", "integrity-dmstack-tags", w->provided,
		"integrity 8:1 0 32 J 3 block_size:4096 fix_padding fix_hmac");
	assert_int_equal(attach(w, "tags"), -EEXIST);
	assert_non_null(strstr(w->diag.what, "internal_hash:hmac(sha256):<key>"));
	assert_string_equal(fake_log(), "");
}

static void test_suspended(void **state)
{
	struct world *w = *state;

	assert_int_equal(attach(w, "tags"), 0);
	fake_log_clear();
	fake_mapping_suspend("tags");
	assert_int_equal(attach(w, "tags"), -EBUSY);
	assert_string_equal(fake_log(), "");
}

/* An attach that was killed leaves a mapping without a table. */
static void test_leftover(void **state)
{
	struct world *w = *state;

	fake_mapping("tags", "integrity-dmstack-tags", 0, NULL);
	assert_int_equal(attach(w, "tags"), 0);
	assert_log(w, "remove tags\n"
		      "create tags integrity-dmstack-tags\n"
		      "load tags rw secure 0 LEN " TAGS_TABLE "\n"
		      "resume tags " HIDDEN "\n");
}

/* A device whose superblock is changed so, and the sentence that refuses it. */
static void refuse_superblock(
	struct world *w, const struct integrity_sb *sb, uint64_t sectors, const char *sentence)
{
	fake_reset();
	device_with(sb, sectors);
	assert_true(attach(w, "data") < 0);
	if (!strstr(w->diag.what, sentence))
		fail_msg("\"%s\" does not say \"%s\"", w->diag.what, sentence);
	assert_string_equal(fake_log(), "");
}

static void test_superblock_zero(void **state)
{
	refuse_superblock(*state, NULL, DATA_SECTORS, "would format");
}

static void test_superblock_recalculating(void **state)
{
	struct integrity_sb sb;

	superblock(&sb, INTEGRITY_SB_RECALCULATING);
	refuse_superblock(*state, &sb, DATA_SECTORS, "recalculate");
}

static void test_superblock_dirty_bitmap(void **state)
{
	struct integrity_sb sb;

	superblock(&sb, INTEGRITY_SB_DIRTY_BITMAP);
	refuse_superblock(*state, &sb, DATA_SECTORS, "dirty bitmap");
}

static void test_device_grew(void **state)
{
	struct integrity_sb sb;

	superblock(&sb, 0);
	refuse_superblock(*state, &sb, DATA_SECTORS + 2048, "exactly the size");
}

/* In bitmap mode the flag is normal after a crash, but another granularity is not. */
static void test_bitmap_granularity(void **state)
{
	struct world w = {};
	struct integrity_sb sb;

	add(&w, "bits integrity data=/dev/d key=%32 integrity-algorithm=hmac-sha256 "
		"sector-size=4096 mode=bitmap");
	assert_int_equal(stack_link(&w.stack), 0);
	superblock(&sb, INTEGRITY_SB_DIRTY_BITMAP);
	sb.version = integrity_sb_version(sb.flags, false, true);
	fake_reset();
	device_with(&sb, DATA_SECTORS);
	assert_int_equal(attach(&w, "bits"), 0);
	stack_done(&w.stack);
	diag_done(&w.diag);

	w.stack = (struct stack){};
	add(&w, "bits integrity data=/dev/d key=%32 integrity-algorithm=hmac-sha256 "
		"sector-size=4096 mode=bitmap");
	assert_int_equal(stack_link(&w.stack), 0);
	fake_reset();
	sb.log2_blocks_per_bitmap_bit--;
	device_with(&sb, DATA_SECTORS);
	assert_int_equal(attach(&w, "bits"), -EMEDIUMTYPE);
	assert_non_null(strstr(w.diag.what, "sectors a bit"));
	assert_string_equal(fake_log(), "");
	stack_done(&w.stack);
	diag_done(&w.diag);
}

static void test_wrong_key_size(void **state)
{
	struct world *w = *state;
	char *path = stack_find(&w->stack, "data")->key.value;

	strcpy(path, key32);
	assert_int_equal(attach(w, "data"), -EKEYREJECTED);
	assert_non_null(strstr(w->diag.what, "32 bytes where 64 are needed"));
	assert_false(fake_mapping_exists("tags"));
	assert_null(strstr(fake_log(), "key+"));
}

static void test_missing_target(void **state)
{
	struct world *w = *state;

	fake_without_target("integrity");
	assert_int_equal(attach(w, "data"), -EOPNOTSUPP);
	assert_non_null(strstr(w->diag.what, "CONFIG_DM_INTEGRITY"));
	assert_string_equal(fake_log(), "");
}

static void test_missing_device(void **state)
{
	struct world *w = *state;

	fake_reset();
	assert_int_equal(attach(w, "data"), -ETIMEDOUT);
	assert_string_equal(fake_log(), "");
}

static void test_interrupted(void **state)
{
	struct world *w = *state;

	interrupted = SIGTERM;
	assert_int_equal(attach(w, "data"), -EINTR);
	assert_string_equal(fake_log(), "");
}

static void test_remove(void **state)
{
	struct world *w = *state;

	assert_int_equal(attach(w, "data"), 0);
	fake_log_clear();
	assert_int_equal(run_remove("data", NULL), 0);
	assert_int_equal(run_remove("data", NULL), 0);
	assert_string_equal(fake_log(), "remove data\n");
	fake_mapping_open("tags", 1);
	assert_int_equal(run_remove("tags", NULL), -EBUSY);
	assert_true(fake_mapping_exists("tags"));
}

static void test_compare(void **state)
{
	struct world *w = *state;
	struct layer *layer = stack_find(&w->stack, "tags");

	assert_int_equal(run_compare(layer, NULL), -ENODEV);
	assert_int_equal(attach(w, "tags"), 0);
	fake_log_clear();
	assert_int_equal(run_compare(layer, NULL), 0);
	assert_string_equal(fake_log(), "");
}

#define world_test(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(test_order),
		world_test(test_again_does_nothing),
		world_test(test_refusal_hint),
		world_test(test_undo_after_load),
		world_test(test_undo_after_resume),
		world_test(test_undo_spares_others),
		world_test(test_undo_says_what_is_left),
		world_test(test_foreign_mapping),
		world_test(test_other_table),
		world_test(test_suspended),
		world_test(test_leftover),
		world_test(test_superblock_zero),
		world_test(test_superblock_recalculating),
		world_test(test_superblock_dirty_bitmap),
		world_test(test_device_grew),
		world_test(test_bitmap_granularity),
		world_test(test_wrong_key_size),
		world_test(test_missing_target),
		world_test(test_missing_device),
		world_test(test_interrupted),
		world_test(test_remove),
		world_test(test_compare),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
