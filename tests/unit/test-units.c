/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stacks made by hand, and the units that come of them. What whole configurations give is in
 * tests/golden/generator.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "units.h"

struct outcome {
	struct buf text; /* "ok NAME PHASE\n" or "failed NAME PHASE: what\n" */
	struct unit_tree tree;
};

static void on_stack(const char *name, unsigned phase, const struct diag *error, void *userdata)
{
	struct outcome *out = userdata;

	buf_printf(&out->text, "%s %s %u", error ? "failed" : "ok", name, phase);
	if (error)
		buf_printf(&out->text, ": %s", error->what ?: "");
	buf_putc(&out->text, '\n');
}

static struct layer *add(struct stack *stack, const char *name, const char *type,
	const char *device, const char *option)
{
	struct layer *layer;

	assert_int_equal(layer_new(name, layer_type_find(type), &layer, NULL), 0);
	assert_int_equal(layer_set_device(layer, "data", device, NULL), 0);
	if (option)
		assert_int_equal(layer_set_option(layer, option, NULL), 0);
	assert_int_equal(stack_add(stack, layer, NULL), 0);
	return layer;
}

static const struct unit_entry *find(const struct outcome *out, const char *path)
{
	for (size_t i = 0; i < out->tree.n_entries; i++)
		if (strcmp(unit_tree_path(&out->tree, &out->tree.entries[i]), path) == 0)
			return &out->tree.entries[i];
	return NULL;
}

static bool file_has(const struct outcome *out, const char *path, const char *line)
{
	const struct unit_entry *entry = find(out, path);

	if (!entry || entry->kind != UNIT_ENTRY_FILE) {
		fail_msg("%s is missing", path);
		return false;
	}
	return memmem(unit_tree_data(&out->tree, entry), entry->size, line, strlen(line));
}

static int compile(struct stack *stack, const struct units_input *like, struct outcome *out)
{
	struct units_input in = *like;

	assert_true(stack_link(stack) >= 0);
	in.stack = stack;
	in.on_stack = on_stack;
	in.userdata = out;
	return units_compile(&in, &out->tree);
}

static void outcome_done(struct outcome *out)
{
	buf_done(&out->text);
	unit_tree_done(&out->tree);
}

static void test_chain(void **state)
{
	struct stack stack = {};
	struct outcome out = {};

	add(&stack, "data", "linear", "data-low", NULL);
	add(&stack, "data-low", "linear", "PARTLABEL=data", "timeout=7s");
	assert_int_equal(compile(&stack, &(struct units_input){}, &out), 0);
	assert_string_equal(buf_str(&out.text), "ok data 0\n");

	const char *top = "dmstack@data.service.d/50-dmstack.conf";
	const char *low = "dmstack@data\\x2dlow.service.d/50-dmstack.conf";

	assert_true(file_has(&out, top, "\nRequires=dmstack@data\\x2dlow.service\n"));
	assert_true(file_has(&out, top,
		"\nAfter=dmstack@data\\x2dlow.service blockdev@dev-mapper-data\\x2dlow.target\n"));
	assert_false(file_has(&out, top, ".device"));
	assert_true(file_has(&out, low, "\nBindsTo=dev-disk-by\\x2dpartlabel-data.device\n"));
	assert_true(file_has(&out, low, "\nConflicts=umount.target\nBefore=umount.target\n"));
	assert_true(file_has(&out, "dev-disk-by\\x2dpartlabel-data.device.d/50-dmstack.conf",
		"\nJobTimeoutSec=7s\n"));
	const char *target = "dmstack.target.d/50-dmstack.conf";

	assert_true(file_has(&out, target, "\nRequires=dmstack@data.service\n"));
	assert_false(file_has(&out, target, "dmstack@data\\x2dlow.service"));
	assert_true(file_has(&out, "dev-mapper-data.device.d/40-dmstack.conf",
		"\nRequires=dmstack@data.service\n"));
	assert_null(find(&out, "dev-mapper-data\\x2dlow.device.d"));
	outcome_done(&out);
	stack_done(&stack);
}

static void test_initrd(void **state)
{
	struct stack stack = {};
	struct outcome out = {};

	add(&stack, "root", "linear", "low", "x-initrd.attach");
	add(&stack, "low", "linear", "/dev/vda", NULL);
	add(&stack, "data", "linear", "/dev/vdb", NULL);
	assert_int_equal(compile(&stack, &(struct units_input){ .initrd = true }, &out), 0);
	assert_string_equal(buf_str(&out.text), "ok root 0\n");
	assert_false(file_has(&out, "dmstack@root.service.d/50-dmstack.conf", "umount.target"));
	assert_false(file_has(&out, "dmstack@low.service.d/50-dmstack.conf", "umount.target"));
	assert_null(find(&out, "dmstack@data.service.d/50-dmstack.conf"));
	outcome_done(&out);
	stack_done(&stack);
}

static void test_failures(void **state)
{
	struct stack stack = {};
	struct outcome out = {};

	add(&stack, "good", "linear", "/dev/vda", NULL);
	add(&stack, "bad", "linear", "missing", NULL);
	add(&stack, "upper", "linear", "bad", "sealed");
	add(&stack, "a", "linear", "b", NULL);
	add(&stack, "b", "linear", "a", NULL);
	assert_int_equal(compile(&stack, &(struct units_input){}, &out), 4);
	assert_non_null(find(&out, "dmstack@good.service.d/50-dmstack.conf"));
	assert_null(find(&out, "dmstack@bad.service.d/50-dmstack.conf"));
	assert_null(find(&out, "dmstack@upper.service.d/50-dmstack.conf"));
	assert_null(find(&out, "dmstack@a.service.d/50-dmstack.conf"));
	assert_non_null(strstr(buf_str(&out.text), "ok good 0\n"));
	assert_non_null(strstr(buf_str(&out.text), "failed bad 1: "));
	assert_non_null(strstr(buf_str(&out.text), "failed upper 1: "));
	assert_non_null(strstr(buf_str(&out.text), "failed a 0: "));
	assert_non_null(strstr(buf_str(&out.text), "failed b 0: "));
	outcome_done(&out);
	stack_done(&stack);
}

/* A name of 100 dashes has 400 bytes as an instance. */
static void test_long_names(void **state)
{
	struct stack stack = {};
	struct outcome out = {};
	char name[LAYER_NAME_MAX + 1], device[300] = "/dev/", where[200] = "/";

	memset(name, '#', LAYER_NAME_MAX);
	name[LAYER_NAME_MAX] = '\0';
	add(&stack, name, "linear", "/dev/vda", NULL);
	memset(device + 5, '-', 100);
	add(&stack, "device", "linear", device, NULL);
	memset(where + 1, '-', 100);
	struct layer *layer = add(&stack, "mount", "linear", "/dev/vdb", NULL);

	layer->mount = calloc(1, sizeof(*layer->mount));
	layer->mount->where = strdup(where);
	add(&stack, "good", "linear", "/dev/vda", NULL);
	assert_int_equal(compile(&stack, &(struct units_input){}, &out), 3);
	assert_non_null(strstr(buf_str(&out.text), "ok good 0\n"));
	assert_non_null(strstr(buf_str(&out.text), "is too long for a unit"));
	for (size_t i = 0; i < out.tree.n_entries; i++)
		assert_null(strstr(unit_tree_path(&out.tree, &out.tree.entries[i]), "vdb"));
	outcome_done(&out);
	stack_done(&stack);
}

static void test_allow_list(void **state)
{
	char *names[] = { (char *)"low", (char *)"nowhere", (char *)"low" };
	struct stack stack = {};
	struct outcome out = {};

	add(&stack, "top", "linear", "low", NULL);
	add(&stack, "low", "linear", "/dev/vda", NULL);
	assert_int_equal(
		compile(&stack,
			&(struct units_input){ .names = names, .n_names = ARRAY_SIZE(names) },
			&out),
		1);
	assert_null(find(&out, "dmstack@top.service.d/50-dmstack.conf"));
	assert_true(file_has(
		&out, "dmstack.target.d/50-dmstack.conf", "\nRequires=dmstack@low.service\n"));
	/* What is not there may be anything, so it counts as sealed. */
	assert_non_null(strstr(buf_str(&out.text), "failed nowhere 1: "));
	outcome_done(&out);
	stack_done(&stack);
}

/* Two waits for one device: the longer one, and the action of the sealed one. */
static void test_shared_device(void **state)
{
	struct stack stack = {};
	struct outcome out = {};
	const char *path = "dev-vda.device.d/50-dmstack.conf";
	size_t n = 0;

	add(&stack, "a", "linear", "/dev/vda", "timeout=5s");
	struct layer *b = add(&stack, "b", "linear", "/dev/vda", "timeout=3s");

	assert_int_equal(layer_set_option(b, "sealed", NULL), 0);
	assert_int_equal(layer_set_option(b, "fail=poweroff", NULL), 0);
	assert_int_equal(compile(&stack, &(struct units_input){}, &out), 0);
	assert_true(file_has(&out, path, "\nJobTimeoutSec=5s\n"));
	/* It would come before the keys are wiped. */
	assert_false(file_has(&out, path, "JobTimeoutAction="));
	for (size_t i = 0; i < out.tree.n_entries; i++)
		n += strcmp(unit_tree_path(&out.tree, &out.tree.entries[i]), path) == 0;
	assert_int_equal(n, 1);
	outcome_done(&out);
	stack_done(&stack);
}

static bool is_sealed_credential(const char *name, void *userdata)
{
	return strcmp(name, "encrypted") == 0;
}

static void test_keys(void **state)
{
	struct stack stack = {};
	struct outcome out = {};
	const char *path = "dmstack@tags.service.d/50-dmstack.conf";
	struct layer *tags =
		add(&stack, "tags", "integrity", "/dev/vda", "integrity-algorithm=hmac-sha256");
	struct layer *ring = add(&stack, "ring", "crypt", "/dev/vdb", NULL);

	assert_int_equal(keyref_parse("file:/keys/100%", &tags->key, NULL), 0);
	assert_int_equal(layer_set(tags, "journal-integrity", "hmac-sha256", NULL), 0);
	assert_int_equal(layer_set(tags, "journal-integrity-key", "credential:encrypted", NULL), 0);
	assert_int_equal(layer_set(tags, "journal-crypt", "ctr-aes", NULL), 0);
	assert_int_equal(layer_set(tags, "journal-crypt-key", "credential:plain", NULL), 0);
	assert_int_equal(keyref_parse("keyring:ring", &ring->key, NULL), 0);
	assert_int_equal(
		compile(&stack,
			&(struct units_input){ .credential_is_encrypted = is_sealed_credential },
			&out),
		0);
	assert_true(file_has(&out, path, "\nRequiresMountsFor=\"/keys/100%%\"\n"));
	assert_true(file_has(&out, path, "\nLoadCredentialEncrypted=encrypted\n"));
	assert_true(file_has(&out, path, "\nLoadCredential=plain\n"));
	assert_false(file_has(&out, path, "KeyringMode"));
	assert_true(file_has(&out, "dmstack@ring.service.d/50-dmstack.conf",
		"\n[Service]\nKeyringMode=shared\n"));
	outcome_done(&out);
	stack_done(&stack);
}

/* Whatever the action, no plain form: it would lose against emergency.target. */
static void test_actions(void **state)
{
	for (unsigned fail = 0; fail <= _FAIL_MAX; fail++) {
		struct buf buf = {};

		unit_put_action(&buf, "FailureAction", fail);
		for (const char *line = buf_str(&buf); *line; line = strchr(line, '\n') + 1) {
			const char *end = strchr(line, '\n');

			assert_memory_equal(line, "FailureAction=", 14);
			assert_true(memmem(line, (size_t)(end - line), "-force", 6) ||
				    memmem(line, (size_t)(end - line), "-immediate", 10));
		}
		buf_done(&buf);
	}
}

static void test_two_roots(void **state)
{
	struct stack stack = {};
	struct outcome out = {};

	for (int i = 0; i < 2; i++) {
		struct layer *layer = add(&stack, i ? "b" : "a", "linear", "/dev/vda", NULL);

		layer->common.initrd = true;
		layer->mount = calloc(1, sizeof(*layer->mount));
		layer->mount->where = strdup("/");
	}
	assert_int_equal(compile(&stack, &(struct units_input){ .initrd = true }, &out), 1);
	assert_string_equal(
		buf_str(&out.text), "ok a 0\nfailed b 0: \"a\" is already mounted at \"/\"\n");
	assert_true(file_has(&out, "sysroot.mount", "\nWhat=/dev/mapper/a\n"));
	outcome_done(&out);
	stack_done(&stack);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_initrd),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_allow_list),
		cmocka_unit_test(test_shared_device),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_two_roots),
	};

	return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
