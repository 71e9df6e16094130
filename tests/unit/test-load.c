/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which files count, in a tree of their own; what a line of type manifest changes; and that one
 * bad file leaves the others alone.
 */

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "load.h"

static char scratch[32];
static char errors[8192]; /* "where: what|phase\n" of each error */

static int setup(void **state)
{
	errors[0] = '\0';
	(void)snprintf(scratch, sizeof(scratch), "/tmp/test-load.XXXXXX");
	return mkdtemp(scratch) ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	return nftw(scratch, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* Makes the folder of the path and returns the path below the scratch tree. */
static char *place(const char *path)
{
	char *full;

	assert_true(asprintf(&full, "%s%s", scratch, path) > 0);
	*strrchr(full, '/') = '\0';
	assert_int_equal(mkdir_parents(AT_FDCWD, full), 0);
	full[strlen(full)] = '/';
	return full;
}

static void put(const char *path, const char *text)
{
	_cleanup_free_ char *full = place(path);

	assert_int_equal(file_write_atomic(AT_FDCWD, full, text, strlen(text), 0644), 0);
}

static void put_link(const char *path, const char *target)
{
	_cleanup_free_ char *full = place(path);

	assert_int_equal(symlink(target, full), 0);
}

static void on_error(void *userdata, const struct load_error *error)
{
	size_t used = strlen(errors);

	(void)snprintf(errors + used, sizeof(errors) - used, "%s: %s|%s\n", error->diag.where,
		error->diag.what, error->phase == PHASE_SEALED ? "sealed" : "bootstrap");
}

static int load(struct stack *stack, struct load_files *files)
{
	const struct load_request request = { .root = scratch, .on_error = on_error };

	return load_stack(&request, stack, files);
}

/* The names of the layers in their order, separated by blanks. */
static void expect_layers(const struct stack *stack, const char *expected)
{
	_cleanup_(buf_done) struct buf names = {};

	for (size_t i = 0; i < stack->n_layers; i++)
		buf_printf(&names, "%s%s", i > 0 ? " " : "", stack->layers[i]->name);
	assert_string_equal(buf_str(&names), expected);
}

static void expect_load(int n_errors, const char *expected_layers)
{
	_cleanup_(stack_done) struct stack stack = {};

	assert_int_equal(load(&stack, NULL), n_errors);
	expect_layers(&stack, expected_layers);
}

#define MANIFEST(name, phase)                                                                      \
	"{\"dmstack\": 1, \"name\": \"" name "\", \"phase\": \"" phase "\", \"layers\": ["         \
	"{\"name\": \"" name "-low\", \"type\": \"integrity\", \"devices\": {\"data\": "           \
	"\"/dev/low\"}, \"integrity-algorithm\": \"crc32c\"}, "                                    \
	"{\"name\": \"" name "\", \"type\": \"linear\", \"devices\": {\"data\": \"" name           \
	"-low\"}}]}"

static void test_nothing(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_(load_files_done) struct load_files files = {};

	assert_int_equal(load(&stack, &files), 0);
	assert_int_equal(stack.n_layers, 0);
	assert_int_equal(files.n, 0);
}

static void test_no_root(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};
	const struct load_request request = { .root = "/nonexistent/tree" };

	assert_int_equal(load_stack(&request, &stack, NULL), -ENOENT);
}

static void test_order_and_precedence(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_(load_files_done) struct load_files files = {};

	put("/usr/lib/dmstack.conf", "vendor linear /dev/v\n");
	put("/run/dmstack.conf", "run linear /dev/r\n");
	put("/usr/lib/dmstack.conf.d/10-a.conf", "ten-vendor linear /dev/v\n");
	put("/etc/dmstack.conf.d/10-a.conf", "ten linear /dev/v\n");
	put("/run/dmstack.conf.d/05-b.conf", "five linear /dev/v\n");
	put("/etc/dmstack.conf.d/ignored.txt", "nonsense\n");
	put("/etc/dmstack.conf.d/.hidden.conf", "nonsense\n");
	put("/usr/lib/dmstack.d/z.json", MANIFEST("z", "bootstrap"));
	put("/usr/lib/dmstack.d/y.json", "nonsense");
	put("/etc/dmstack.d/y.json", MANIFEST("y", "bootstrap"));

	assert_int_equal(load(&stack, &files), 0);
	expect_layers(&stack, "run five ten y-low y z-low z");
	assert_int_equal(files.n, 5);
	assert_string_equal(files.items[0].path, "/run/dmstack.conf");
	assert_string_equal(files.items[1].path, "/run/dmstack.conf.d/05-b.conf");
	assert_string_equal(files.items[4].path, "/usr/lib/dmstack.d/z.json");
	assert_string_equal(stack_find(&stack, "ten")->where, "/etc/dmstack.conf.d/10-a.conf:1");
}

static void test_masks(void **state)
{
	put("/usr/lib/dmstack.conf", "vendor linear /dev/v\n");
	put_link("/etc/dmstack.conf", "/dev/null");
	put("/usr/lib/dmstack.conf.d/a.conf", "a linear /dev/v\n");
	put("/run/dmstack.conf.d/a.conf", "");
	put("/usr/lib/dmstack.d/m.json", MANIFEST("m", "sealed"));
	put_link("/run/dmstack.d/m.json", "/dev/null");
	expect_load(0, "");
}

static void test_links_stay_in_the_tree(void **state)
{
	put("/etc/real", "a linear /dev/v\n");
	put_link("/etc/dmstack.conf", "/etc/real");
	put_link("/etc/dmstack.conf.d/b.conf", "../../../../../../etc/real2");
	put("/etc/real2", "b linear /dev/v\n");
	expect_load(0, "a b");
}

static void test_unreadable_files_are_errors(void **state)
{
	put_link("/etc/dmstack.conf", "/nowhere");
	put("/etc/dmstack.conf.d/folder.conf/x", "");
	put("/etc/dmstack.conf.d/good.conf", "good linear /dev/v\n");
	put_link("/etc/dmstack.d/x.json", "/nowhere");
	expect_load(3, "good");
	assert_non_null(strstr(errors,
		"/etc/dmstack.conf: cannot be read: the symbolic link leads nowhere|sealed"));
	assert_non_null(strstr(errors, "folder.conf: cannot be read: not a regular file|sealed"));
	assert_non_null(strstr(errors, "/etc/dmstack.d/x.json: cannot be read"));
}

static void test_one_bad_manifest_leaves_the_others(void **state)
{
	put("/etc/dmstack.d/a.json", "{\"dmstack\": 1, \"phase\": \"bootstrap\"}");
	put("/etc/dmstack.d/b.json", "{\"dmstack\": 1, \"phase\": \"sealed\"}");
	put("/etc/dmstack.d/c.json", "{\"manifest_version\": 1}");
	put("/etc/dmstack.d/d.json", MANIFEST("d", "bootstrap"));
	put("/etc/dmstack.d/e.json", MANIFEST("d", "bootstrap"));
	expect_load(4, "d-low d");
	assert_non_null(strstr(errors, "a.json: $: \"name\" is missing|bootstrap"));
	assert_non_null(strstr(errors, "b.json: $: \"name\" is missing|sealed"));
	assert_non_null(strstr(errors, "c.json: a manifest of device-mapper-tools names neither"));
	assert_non_null(strstr(errors, "e.json: $.layers[0]: the name \"d-low\" is taken by"));
}

static void test_manifest_line(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};
	const struct layer *top, *low;

	put("/etc/dmstack.conf",
		"m manifest /usr/lib/dmstack.d/m.json - data=PARTLABEL=p,meta=/dev/t,sealed,"
		"x-initrd.attach,fail=halt\n");
	put("/usr/lib/dmstack.d/m.json", MANIFEST("m", "bootstrap"));
	if (load(&stack, NULL) != 0)
		fail_msg("%s", errors);
	expect_layers(&stack, "m-low m");
	low = stack_find(&stack, "m-low");
	top = stack_find(&stack, "m");
	assert_int_equal(layer_device(low, "data")->ref.kind, DEVREF_PARTLABEL);
	assert_string_equal(layer_device(low, "meta")->ref.value, "/dev/t");
	assert_int_equal(layer_device(top, "data")->ref.kind, DEVREF_LAYER);
	assert_int_equal(low->common.phase, PHASE_SEALED);
	assert_int_equal(low->common.fail, FAIL_HALT);
	assert_true(top->common.initrd);
	assert_false(low->common.initrd);
}

static void test_manifest_line_errors(void **state)
{
	static const struct {
		const char *options;
		const char *what;
	} cases[] = {
		{ "- data=PARTLABEL=", "PARTLABEL" },
		{ "- phase=bootstrap", "can only be kept" },
		{ "- offset=1", "unknown option \"offset\"" },
		{ "- hash=/dev/h", "unknown option \"hash\"" },
		{ "- discard,discard", "given twice" },
		{ "- fail=shell", "shell" },
		{ "tpm2:x", "names every key" },
	};

	put("/m.json", MANIFEST("m", "sealed"));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(stack_done) struct stack stack = {};
		_cleanup_free_ char *line = NULL;

		assert_true(asprintf(&line, "m manifest /m.json %s\n", cases[i].options) > 0);
		put("/etc/dmstack.conf", line);
		errors[0] = '\0';
		if (load(&stack, NULL) != 1 || stack.n_layers != 0 ||
			!strstr(errors, cases[i].what) ||
			!startswith(errors, "/etc/dmstack.conf:1: "))
			fail_msg("%s gave %s", cases[i].options, errors);
	}
}

static void test_manifest_line_to_a_wrong_name(void **state)
{
	put("/etc/dmstack.conf", "n manifest /m.json\nx manifest /absent.json - sealed\n");
	put("/m.json", MANIFEST("m", "bootstrap"));
	expect_load(2, "");
	assert_non_null(strstr(errors, "/etc/dmstack.conf:1: the manifest /m.json has the name"));
	assert_non_null(strstr(errors, "/absent.json: cannot be read: No such file"));
}

static void test_old_manifest_through_a_line(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};
	const struct layer *layer;

	put("/old.json",
		"{\"manifest_version\": 1, \"images\": {\"data\": {\"path\": \"data.img\", "
		"\"bytes\": 1048576, \"sha256\": "
		"\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}}, "
		"\"crypt\": {\"mode\": \"plain\", \"cipher\": \"capi:cbc(aes)-plain\", "
		"\"key_bytes\": 32, \"sector_size\": 512, \"iv_offset\": 0}, "
		"\"stack\": [{\"type\": \"raw\"}, {\"type\": \"dm-crypt\"}]}");
	put("/etc/dmstack.conf", "old manifest /old.json credential:k data=/dev/vdb\n");
	if (load(&stack, NULL) != 0)
		fail_msg("%s", errors);
	layer = stack_find(&stack, "old");
	assert_non_null(layer);
	assert_int_equal(layer->key.kind, KEYREF_CREDENTIAL);
	assert_string_equal(layer_device(layer, "data")->ref.value, "/dev/vdb");
	assert_int_equal(stack_link(&stack), 0);
}

/* It cannot say its phase, so the line decides. */
static void test_phase_of_refused_old_manifest(void **state)
{
	put("/old.json", "{\"manifest_version\": 1, \"stack\": [{\"type\": \"dm-verity\"}]}");
	put("/etc/dmstack.conf", "a manifest /old.json\nb manifest /old.json - sealed\n"
				 "c manifest /old.json - data=/dev/vda\n");
	expect_load(3, "");
	assert_non_null(strstr(errors, "leaf level first"));
	/* The phases of the three, in their order. */
	const char *first = strstr(errors, "|bootstrap\n");
	const char *second = first ? strstr(first, "|sealed\n") : NULL;

	assert_non_null(second);
	assert_non_null(strstr(second, "|bootstrap\n"));
}

static void test_environment(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_free_ char *conf = place("/x/my.conf"), *manifests = NULL;
	const struct load_request request = { .on_error = on_error };

	put("/x/my.conf", "mine linear /dev/v\n");
	put("/p/a.json", MANIFEST("a", "bootstrap"));
	put("/q/a.json", MANIFEST("b", "bootstrap"));
	put("/q/c.json", MANIFEST("c", "bootstrap"));
	assert_true(asprintf(&manifests, "%s/p::%s/q:/nonexistent", scratch, scratch) > 0);
	assert_int_equal(setenv("DMSTACK_CONF", conf, 1), 0);
	assert_int_equal(setenv("DMSTACK_MANIFEST_PATH", manifests, 1), 0);
	assert_int_equal(load_stack(&request, &stack, NULL), 0);
	expect_layers(&stack, "mine a-low a c-low c");
	assert_int_equal(unsetenv("DMSTACK_CONF"), 0);
	assert_int_equal(unsetenv("DMSTACK_MANIFEST_PATH"), 0);
}

/* What was read decides, in its order; names and files that say nothing do not count. */
static void test_digest(void **state)
{
	/* SHA-256 of the two digests, by sha256sum(1) and xxd(1). */
	static const uint8_t expected[] = { 0x14, 0x01, 0x7c, 0xe9, 0xb7, 0x54, 0x78, 0x1a, 0x54,
		0xcf, 0x0d, 0x83, 0xcd, 0x5f, 0x5a, 0xcd, 0xe9, 0x78, 0x2b, 0xd4, 0xd1, 0x89, 0x62,
		0xdf, 0xb7, 0x98, 0xa8, 0x62, 0x50, 0x87, 0x37, 0x60 };
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_(load_files_done) struct load_files files = {};
	uint8_t digest[SHA256_SIZE], changed[SHA256_SIZE];

	put("/etc/dmstack.conf", "a linear /dev/a\n");
	put("/etc/dmstack.conf.d/50-b.conf", "b linear /dev/b\n");
	put("/etc/dmstack.conf.d/60-c.conf", "");
	assert_int_equal(load(&stack, &files), 0);
	assert_int_equal(files.n, 2);
	load_files_digest(&files, digest);
	assert_memory_equal(digest, expected, sizeof(expected));
	load_files_done(&files);
	stack_done(&stack);

	put("/etc/dmstack.conf.d/50-b.conf", "b linear /dev/b \n");
	assert_int_equal(load(&stack, &files), 0);
	load_files_digest(&files, changed);
	assert_memory_not_equal(changed, digest, sizeof(digest));
}

int main(void)
{
#define load_test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		load_test(test_nothing),
		load_test(test_no_root),
		load_test(test_order_and_precedence),
		load_test(test_masks),
		load_test(test_links_stay_in_the_tree),
		load_test(test_unreadable_files_are_errors),
		load_test(test_one_bad_manifest_leaves_the_others),
		load_test(test_manifest_line),
		load_test(test_manifest_line_errors),
		load_test(test_manifest_line_to_a_wrong_name),
		load_test(test_old_manifest_through_a_line),
		load_test(test_phase_of_refused_old_manifest),
		load_test(test_environment),
		load_test(test_digest),
	};

	return cmocka_run_group_tests_name("load", tests, NULL, NULL);
}
