/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The gate of the sealed phase: what the generator must have left, who is in the way, and the wipe
 * that comes before every action.
 */

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "dm.h"
#include "fake-dm.h"
#include "fd.h"
#include "gate.h"
#include "guard.h"

static void add(struct stack *stack, const char *name, const char *device, const char *option)
{
	struct layer *layer;

	assert_int_equal(layer_new(name, layer_type_find("linear"), &layer, NULL), 0);
	assert_int_equal(layer_set_device(layer, "data", device, NULL), 0);
	assert_int_equal(layer_set_option(layer, option, NULL), 0);
	assert_int_equal(layer_set_option(layer, "x-initrd.attach", NULL), 0);
	assert_int_equal(stack_add(stack, layer, NULL), 0);
}

static void test_state(void **state)
{
	static const struct {
		const char *text;
		int r;
	} cases[] = {
		{ "ok root sealed\n", 0 },
		{ "ok data bootstrap\nok root sealed\nfailed data bootstrap why\n", 0 },
		{ "ok root sealed", 0 },
		{ "", -ENOENT },
		{ "ok root bootstrap\n", -ENOENT },
		{ "ok roo sealed\nok roott sealed\nok  root sealed\n", -ENOENT },
		{ "xok root sealed\n", -ENOENT },
		{ "ok root sealedish\n", -ENOENT },
		{ "ok low sealed\n", -ENOENT },
		{ "failed root sealed no such device\n", -EBADMSG },
		{ "ok root sealed\nfailed - sealed dmstack.conf:3: what\n", -EBADMSG },
	};
	_cleanup_(stack_done) struct stack stack = {};

	add(&stack, "root", "low", "sealed");
	add(&stack, "low", "/dev/vda", "phase=bootstrap");
	add(&stack, "data", "/dev/vdb", "phase=bootstrap");
	assert_int_equal(stack_link(&stack), 0);
	assert_true(gate_wants(stack_find(&stack, "low")));
	assert_false(gate_wants(stack_find(&stack, "data")));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(diag_done) struct diag diag = {};
		const int r = gate_check_state(&stack, cases[i].text, &diag);

		if (r != cases[i].r)
			fail_msg("\"%s\": %d, not %d", cases[i].text, r, cases[i].r);
		assert_int_equal(r < 0, diag.what != NULL);
	}
}

struct tree {
	char path[64];
	int fd;
};

static void tree_make(struct tree *tree)
{
	(void)snprintf(tree->path, sizeof(tree->path), "/tmp/dmstack-test-gate-XXXXXX");
	assert_non_null(mkdtemp(tree->path));
	tree->fd = open(tree->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(tree->fd >= 0);
}

static void tree_add(const struct tree *tree, const char *path, const char *link)
{
	char folder[128];

	(void)snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
	assert_int_equal(mkdir_parents(tree->fd, folder), 0);
	if (link)
		assert_int_equal(symlinkat(link, tree->fd, path), 0);
	else
		assert_int_equal(file_write_atomic(tree->fd, path, "x", 1, 0644), 0);
}

static void tree_remove(struct tree *tree)
{
	char command[128];

	(void)close(tree->fd);
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", tree->path);
	/* NOLINTNEXTLINE(cert-env33-c): a test. */
	assert_int_equal(system(command), 0);
}

static void test_guard_units(void **state)
{
	static const struct {
		const char *path, *link;
		bool refused;
	} cases[] = {
		{ "run/systemd/generator.early/dmstack-gate.service", "/dev/null", true },
		{ "run/systemd/generator.early/emergency.service.d/x.conf", NULL, true },
		{ "run/systemd/system.control/dmstack@.service.d/x.conf", NULL, true },
		{ "run/systemd/transient/sysroot.mount", NULL, true },
		{ "etc/systemd/system/dmstack-fail.service", "/dev/null", true },
		{ "run/credentials/@system/systemd.unit-dropin.foo.service", NULL, true },
		{ "run/credentials/@system/systemd.extra-unit.foo.service", NULL, true },
		{ "run/systemd/generator.early/plymouth.service", "/dev/null", false },
		{ "run/systemd/generator/dmstack@root.service.d/50-dmstack.conf", NULL, false },
		{ "etc/systemd/system/dmstack@root.service.d/mine.conf", NULL, false },
		{ "etc/systemd/system/emergency.service", NULL, false },
		{ "run/credentials/@system/root", NULL, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(diag_done) struct diag diag = {};
		struct tree tree;

		tree_make(&tree);
		assert_int_equal(guard_units(tree.fd, NULL), 0);
		tree_add(&tree, cases[i].path, cases[i].link);
		if (guard_units(tree.fd, &diag) != (cases[i].refused ? -EPERM : 0))
			fail_msg("%s", cases[i].path);
		tree_remove(&tree);
	}
}

/* Without a wait for udev, for users, or for I/O that is on its way. */
static void test_wipe(void **state)
{
	fake_reset();
	fake_mapping("data", "crypt-dmstack-data", 2048, "crypt aes-xts-plain64 00 0 8:1 0");
	fake_mapping_open("data", 3);
	assert_int_equal(mapping_wipe("data", NULL), 0);
	assert_string_equal(
		fake_log(), "load data rw 0 2048 error \nresume data 0 noflush nolockfs\n");
	fake_log_clear();
	assert_int_equal(mapping_wipe("absent", NULL), 0);
	assert_string_equal(fake_log(), "");
	fake_fail("load", "data", EBUSY);
	assert_int_equal(mapping_wipe("data", NULL), -EBUSY);
	fake_reset();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_guard_units),
		cmocka_unit_test(test_wipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
