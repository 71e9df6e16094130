/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Suspending and resuming against a fake kernel: the order, what is undone, and that no key is gone
 * before everything stands still.
 */

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "fake-dm.h"
#include "fd.h"
#include "run-suspend.h"

static char key_path[] = "/tmp/dmstack-test-suspend-XXXXXX";

struct world {
	struct stack stack;
	struct diag diag;
	size_t n;
};

static void key_write(void)
{
	_cleanup_close_ int fd = open(key_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	static const char bytes[] = "0123456789abcdef0123456789abcdef";

	assert_true(fd >= 0);
	assert_int_equal(fd_write_full(fd, bytes, 32), 0);
}

static int group_setup(void **state)
{
	int fd = mkstemp(key_path);

	assert_true(fd >= 0);
	(void)close(fd);
	key_write();
	return 0;
}

static int group_teardown(void **state)
{
	(void)unlink(key_path);
	return 0;
}

static struct layer *add(struct world *w, const char *name, const char *type, const char *below)
{
	struct layer *layer = NULL;

	assert_int_equal(layer_new(name, layer_type_find(type), &layer, NULL), 0);
	assert_int_equal(layer_set(layer, "data", below, NULL), 0);
	if (streq(type, "crypt")) {
		assert_int_equal(layer_set(layer, "cipher", "aes-cbc-essiv:sha256", NULL), 0);
		assert_int_equal(layer_set(layer, "size", "256", NULL), 0);
		assert_int_equal(layer_set(layer, "key", key_path, NULL), 0);
	}
	assert_int_equal(stack_add(&w->stack, layer, NULL), 0);
	return layer;
}

/* upper and beside on crypt on lower; crypt is to be wiped; other is a stack of its own. */
static int world_setup(void **state)
{
	static const char *const names[] = { "upper", "beside", "crypt", "lower", "other" };
	struct world *w = calloc(1, sizeof(*w));

	fake_reset();
	fake_device("/dev/d", 1, 4096, "", 1);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char uuid[64];
		const bool crypt = streq(names[i], "crypt");

		(void)snprintf(
			uuid, sizeof(uuid), "%s-dmstack-%s", crypt ? "crypt" : "linear", names[i]);
		fake_mapping(names[i], uuid, 4096, "linear 8:1 0");
	}
	(void)add(w, "upper", "linear", "crypt");
	(void)add(w, "beside", "linear", "crypt");
	assert_int_equal(layer_set(add(w, "crypt", "crypt", "lower"), "suspend", "wipe", NULL), 0);
	(void)add(w, "lower", "linear", "/dev/d");
	(void)add(w, "other", "linear", "/dev/e");
	assert_int_equal(stack_link(&w->stack), 0);
	fake_log_clear();
	*state = w;
	return 0;
}

static int world_teardown(void **state)
{
	struct world *w = *state;

	stack_done(&w->stack);
	diag_done(&w->diag);
	free(w);
	fake_reset();
	return 0;
}

#define SUSPENDED "suspend beside\nsuspend upper\nsuspend crypt\nmessage crypt key wipe\n"

static void test_suspend_order(void **state)
{
	struct world *w = *state;

	assert_int_equal(run_suspend(&w->stack, NULL, &w->n, &w->diag), 0);
	assert_int_equal(w->n, 1);
	assert_string_equal(fake_log(), SUSPENDED);
	assert_false(fake_mapping_is_suspended("lower"));
	assert_false(fake_mapping_is_suspended("other"));
}

static void test_suspend_again(void **state)
{
	struct world *w = *state;

	assert_int_equal(run_suspend(&w->stack, NULL, &w->n, &w->diag), 0);
	fake_log_clear();
	assert_int_equal(run_suspend(&w->stack, NULL, &w->n, &w->diag), 0);
	/* Whoever suspended it may not have wiped it. */
	assert_string_equal(fake_log(), "message crypt key wipe\n");
}

/* One that cannot be suspended leaves everything running, with its key. */
static void test_suspend_fails(void **state)
{
	struct world *w = *state;

	fake_fail("suspend", "crypt", EBUSY);
	assert_int_equal(run_suspend(&w->stack, NULL, &w->n, &w->diag), -EBUSY);
	assert_string_equal(fake_log(), "suspend beside\nsuspend upper\nsuspend crypt fails\n"
					"resume upper 0\nresume beside 0\n");
	assert_string_equal(w->diag.where, "crypt");
	assert_false(fake_mapping_is_suspended("upper"));
	assert_int_equal(w->n, 0);
}

static void test_wipe_fails(void **state)
{
	struct world *w = *state;

	fake_fail("message", "crypt", EINVAL);
	assert_int_equal(run_suspend(&w->stack, NULL, &w->n, &w->diag), -EINVAL);
	assert_int_equal(w->n, 0);
	assert_non_null(strstr(w->diag.what, "key wipe"));
}

static void test_resume_order(void **state)
{
	struct world *w = *state;

	assert_int_equal(run_suspend(&w->stack, NULL, &w->n, &w->diag), 0);
	fake_log_clear();
	assert_int_equal(run_resume(&w->stack, NULL, &w->n, &w->diag), 0);
	assert_int_equal(w->n, 1);
	assert_string_equal(fake_log(),
		"key+ logon dmstack:crypt 32\n"
		"message crypt key set :32:logon:dmstack:crypt\nkey- dmstack:crypt\n"
		"resume crypt 1c\nresume upper 0\nresume beside 0\n");
	assert_int_equal(fake_keys(), 0);
}

/* Without its key it stays suspended with all above it, and a second try works. */
static void test_resume_without_key(void **state)
{
	struct world *w = *state;

	assert_int_equal(run_suspend(&w->stack, NULL, &w->n, &w->diag), 0);
	fake_log_clear();
	assert_int_equal(unlink(key_path), 0);
	assert_int_equal(run_resume(&w->stack, NULL, &w->n, &w->diag), -ENOENT);
	assert_string_equal(fake_log(), "");
	assert_true(fake_mapping_is_suspended("upper"));
	assert_string_equal(w->diag.where, "crypt");
	key_write();
	diag_done(&w->diag);
	assert_int_equal(run_resume(&w->stack, NULL, &w->n, &w->diag), 0);
	assert_false(fake_mapping_is_suspended("upper"));
}

/* The kernel does not take the key: nothing above it may run on. */
static void test_resume_refused(void **state)
{
	struct world *w = *state;

	assert_int_equal(run_suspend(&w->stack, NULL, &w->n, &w->diag), 0);
	fake_fail("message", "crypt", EINVAL);
	assert_int_equal(run_resume(&w->stack, NULL, &w->n, &w->diag), -EINVAL);
	assert_true(fake_mapping_is_suspended("crypt"));
	assert_true(fake_mapping_is_suspended("beside"));
	assert_int_equal(fake_keys(), 0);
}

static void test_by_name(void **state)
{
	struct world *w = *state;

	stack_find(&w->stack, "crypt")->common.suspend = SUSPEND_KEEP;
	assert_int_equal(run_suspend(&w->stack, NULL, &w->n, &w->diag), 0);
	assert_string_equal(fake_log(), "");
	assert_int_equal(run_suspend(&w->stack, "crypt", &w->n, &w->diag), 0);
	assert_string_equal(fake_log(), SUSPENDED);
}

/* What is not possible is said when the configuration is read. */
static void test_refused(void **state)
{
	struct world *w = *state;
	struct layer *linear = add(w, "linear", "linear", "/dev/d");
	struct layer *root = add(w, "root", "crypt", "/dev/d");

	assert_int_equal(layer_set(linear, "suspend", "wipe", NULL), 0);
	assert_int_equal(layer_set(root, "suspend", "wipe", NULL), 0);
	assert_int_equal(layer_set(root, "x-initrd.attach", NULL, NULL), 0);
	assert_int_equal(stack_link(&w->stack), 2);
	assert_non_null(strstr(linear->error.what, "cannot forget the key of type linear"));
	assert_non_null(strstr(root->error.what, "the initrd"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_suspend_order, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_suspend_again, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_suspend_fails, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_wipe_fails, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_resume_order, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(
			test_resume_without_key, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_resume_refused, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_by_name, world_setup, world_teardown),
		cmocka_unit_test_setup_teardown(test_refused, world_setup, world_teardown),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
