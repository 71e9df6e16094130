/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The exitrd without a shutdown: which mounts have to go, in which order its mappings go, and what
 * is in its folder.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test.h"

#include "cleanup.h"
#include "exitrd.h"
#include "fake-dm.h"
#include "fd.h"

static void test_mounts(void **state)
{
	static const char text[] =
		"37 1 0:24 /initramfs / rw,nosuid,nodev shared:3 - tmpfs tmpfs rw\n"
		"38 37 0:5 / /dev rw - devtmpfs devtmpfs rw\n"
		"39 37 0:22 / /proc rw - proc proc rw\n"
		"40 37 0:23 / /sys rw - sysfs sysfs rw\n"
		"41 37 0:24 / /run rw - tmpfs tmpfs rw\n"
		"42 41 0:30 / /run/credentials ro - ramfs ramfs rw\n"
		"22 37 253:1 / /oldroot ro,relatime - ext4 /dev/mapper/root ro\n"
		"23 22 0:5 / /oldroot/dev rw - devtmpfs devtmpfs rw\n"
		"24 22 253:2 / /oldroot/a\\040b\\134c rw - ext4 /dev/mapper/x rw\n"
		"25 37 253:3 / /runs rw - ext4 /dev/mapper/y rw\n"
		"26 22 253:2 / /oldroot/dev rw - ext4 /dev/mapper/x rw\n";
	static const char *const expected[] = { "/oldroot", "/oldroot/dev", "/oldroot/a b\\c",
		"/runs" };
	struct strset set = {};

	assert_int_equal(exitrd_mounts(text, &set), 0);
	assert_int_equal(set.n, ARRAY_SIZE(expected));
	for (size_t i = 0; i < set.n; i++)
		assert_string_equal(set.items[i], expected[i]);
	strset_done(&set);
}

/* Lines that the kernel does not write are none. */
static void test_mounts_malformed(void **state)
{
	static const char *const texts[] = { "", "\n\n", "1 2 3 4", "1 2 3:4 / relative rw",
		"     ", "37 1 0:24 / /\n" };
	struct strset set = {};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(exitrd_mounts(texts[i], &set), 0);
	assert_int_equal(set.n, 0);
	/* Not an escape: too short, and too large for a byte. */
	assert_int_equal(exitrd_mounts("1 2 3:4 / /a\\04 rw\n1 2 3:4 / /b\\777 rw\n", &set), 0);
	assert_int_equal(set.n, 2);
	assert_string_equal(set.items[0], "/a\\04");
	assert_string_equal(set.items[1], "/b\\777");
	strset_done(&set);
}

/* Those of others go as well, and what is in use goes in another pass. */
static void test_detach(void **state)
{
	fake_reset();
	fake_mapping("root", "CRYPT-dmstack-root", 8, "crypt x");
	fake_mapping("vg-root", "LVM-0123", 8, "linear x");
	assert_int_equal(exitrd_detach(), 0);
	assert_string_equal(fake_log(), "remove root\nremove vg-root\n");
	assert_false(fake_mapping_exists("root"));
	assert_false(fake_mapping_exists("vg-root"));
}

/* What stays loses its keys, but the mappings of others their tables not. */
static void test_detach_busy(void **state)
{
	fake_reset();
	fake_mapping("root", "CRYPT-dmstack-root", 8, "crypt x");
	fake_mapping("theirs", "LVM-0123", 8, "linear x");
	fake_mapping_open("root", 1);
	fake_mapping_open("theirs", 1);
	assert_int_equal(exitrd_detach(), 2);
	assert_string_equal(fake_log(), "load root rw 0 8 error \n"
					"resume root 0 noflush nolockfs\n");
}

static void test_actions(void **state)
{
	static const char *const known[] = { "poweroff", "reboot", "halt", "kexec", "exit" };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		assert_true(exitrd_knows(known[i]));
	assert_false(exitrd_knows(""));
	assert_false(exitrd_knows("powerof"));
	assert_false(exitrd_knows("--log-level"));
}

static int count_entries(const char *dir)
{
	char command[128];
	FILE *f;
	int n = 0, c;

	(void)snprintf(command, sizeof(command), "find %s ! -type d", dir);
	f = popen(command, "r");
	assert_non_null(f);
	while ((c = fgetc(f)) != EOF)
		n += c == '\n';
	(void)pclose(f);
	return n;
}

/* The test program itself, with its libraries: it runs with nothing else around it. */
static void test_fill(void **state)
{
	char dir[] = "/tmp/test-exitrd-XXXXXX", path[64], command[160];
	struct stat st;

	assert_non_null(mkdtemp(dir));
	assert_int_equal(exitrd_fill(dir, NULL), 0);
	(void)snprintf(path, sizeof(path), "%s/shutdown", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	/* Again, over what is there. */
	int n = count_entries(dir);

	assert_true(n > 2);
	assert_int_equal(exitrd_fill(dir, NULL), 0);
	assert_int_equal(count_entries(dir), n);
	(void)snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

/* Whole or not at all: no "shutdown", no library. */
static void test_fill_fails(void **state)
{
	char dir[] = "/tmp/test-exitrd-XXXXXX", path[64], command[160];
	_cleanup_(diag_done) struct diag diag = {};

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/shutdown", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_true(exitrd_fill(dir, &diag) < 0);
	assert_non_null(diag.what);
	(void)snprintf(command, sizeof(command), "find %s -type f | grep .", dir);
	assert_int_not_equal(system(command), 0);
	(void)snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_mounts_malformed),
		cmocka_unit_test(test_detach),
		cmocka_unit_test(test_detach_busy),
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_fill),
		cmocka_unit_test(test_fill_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
