/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keys from files and credentials, their sizes, and the sources that are refused.
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
#include "fd.h"
#include "keyring.h"
#include "keysource.h"

static char folder[] = "/tmp/dmstack-test-keys-XXXXXX";

static int setup(void **state)
{
	assert_non_null(mkdtemp(folder));
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", folder, 1), 0);
	return 0;
}

static int teardown(void **state)
{
	return rmdir(folder);
}

/* A file of that many bytes in the folder, until remove_file(). */
static const char *make_file(const char *name, size_t size, mode_t mode)
{
	static char path[200];
	_cleanup_free_ char *bytes = malloc(size + 1);

	assert_non_null(bytes);
	memset(bytes, 'k', size);
	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	assert_int_equal(file_write_atomic(AT_FDCWD, path, bytes, size, mode), 0);
	assert_int_equal(chmod(path, mode), 0);
	return path;
}

static int fetch(
	enum keyref_kind kind, const char *value, size_t size, bool sealed, struct diag *diag)
{
	const struct keyref ref = { .kind = kind, .value = (char *)value };
	const struct key_request request = {
		.ref = &ref,
		.size = size,
		.name = "data",
		.sealed = sealed,
	};
	_cleanup_(secret_freep) struct secret *key = NULL;
	int r;

	r = key_fetch(&request, &key, diag);
	assert_true((r == 0) == (key != NULL));
	if (r < 0 && diag)
		assert_non_null(diag->what);
	if (r == 0 && size > 0)
		assert_int_equal(secret_size(key), size);
	if (r == 0)
		assert_int_equal(*secret_peek(key), 'k');
	return r;
}

static void test_file(void **state)
{
	const char *path = make_file("k", 32, 0600);

	assert_int_equal(fetch(KEYREF_FILE, path, 32, true, NULL), 0);
	assert_int_equal(fetch(KEYREF_FILE, path, 0, true, NULL), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(fetch(KEYREF_FILE, path, 32, true, NULL), -ENOENT);
}

static void test_file_sizes(void **state)
{
	_cleanup_(diag_done) struct diag diag = {};
	const char *path = make_file("k", 31, 0600);

	assert_int_equal(fetch(KEYREF_FILE, path, 32, false, &diag), -EKEYREJECTED);
	assert_string_equal(diag.what, "the key for \"data\" has 31 bytes where 32 are needed");
	assert_int_equal(unlink(path), 0);

	/* One that is too long must not be cut to what fits. */
	path = make_file("k", 33, 0600);
	assert_int_equal(fetch(KEYREF_FILE, path, 32, false, NULL), -EKEYREJECTED);
	assert_int_equal(unlink(path), 0);
	path = make_file("k", KEY_SIZE_MAX + 1, 0600);
	assert_int_equal(fetch(KEYREF_FILE, path, 0, false, NULL), -EKEYREJECTED);
	assert_int_equal(unlink(path), 0);
	path = make_file("k", 100000, 0600);
	assert_int_equal(fetch(KEYREF_FILE, path, 0, false, NULL), -EFBIG);
	assert_int_equal(unlink(path), 0);
	path = make_file("k", 0, 0600);
	assert_int_equal(fetch(KEYREF_FILE, path, 0, false, NULL), -ENODATA);
	assert_int_equal(unlink(path), 0);
}

static void test_file_mode(void **state)
{
	const char *path = make_file("k", 32, 0640);

	assert_int_equal(fetch(KEYREF_FILE, path, 32, true, NULL), -EPERM);
	assert_int_equal(fetch(KEYREF_FILE, path, 32, false, NULL), 0);
	assert_int_equal(unlink(path), 0);
}

/* Neither a folder nor a fifo, which would wait for a writer. */
static void test_file_kinds(void **state)
{
	char path[200];

	assert_int_equal(fetch(KEYREF_FILE, folder, 32, false, NULL), -EINVAL);
	(void)snprintf(path, sizeof(path), "%s/fifo", folder);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(fetch(KEYREF_FILE, path, 32, false, NULL), -EINVAL);
	assert_int_equal(unlink(path), 0);
}

static void test_credential(void **state)
{
	_cleanup_(diag_done) struct diag diag = {};
	const char *path = make_file("data-key", 64, 0400);

	assert_int_equal(fetch(KEYREF_CREDENTIAL, "data-key", 64, true, NULL), 0);
	assert_int_equal(fetch(KEYREF_CREDENTIAL, "other-key", 64, true, &diag), -ENOKEY);
	assert_non_null(strstr(diag.what, "other-key"));
	assert_int_equal(fetch(KEYREF_CREDENTIAL, "../data-key", 64, false, NULL), -EINVAL);
	assert_int_equal(fetch(KEYREF_CREDENTIAL, "..", 64, false, NULL), -EINVAL);
	assert_int_equal(unlink(path), 0);
}

static void test_refused(void **state)
{
	_cleanup_(diag_done) struct diag diag = {};

	assert_int_equal(fetch(KEYREF_ASK, NULL, 32, true, NULL), -EPERM);
	assert_int_equal(fetch(KEYREF_NONE, NULL, 32, false, NULL), -ENOKEY);
	assert_int_equal(fetch(KEYREF_TPM2, "nobody-put-this", 32, true, &diag), -ENOKEY);
	assert_non_null(strstr(diag.what, "tpm2:nobody-put-this"));
}

static void publish(const char *label, const char *payload, size_t size)
{
	_cleanup_(secret_freep) struct secret *secret = NULL;
	char description[TPM2_KEY_DESCRIPTION_SIZE];

	assert_int_equal(tpm2_key_description(label, description), 0);
	assert_int_equal(secret_new_from(payload, size, false, &secret), 0);
	assert_int_equal(keyring_publish(description, secret, 60, NULL), 0);
}

/* Of the size that is asked for. */
static size_t derived_size(char *label, size_t size)
{
	struct keyref ref = { .kind = KEYREF_TPM2, .value = label };
	struct key_request request = { .ref = &ref, .size = size, .name = "data" };
	_cleanup_(secret_freep) struct secret *key = NULL;

	assert_int_equal(key_fetch(&request, &key, NULL), 0);
	return secret_size(key);
}

/* Keys that an unseal left, of each kind, and their end. */
static void test_tpm2(void **state)
{
	_cleanup_(diag_done) struct diag diag = {};
	char label[200];

	/* A label of this process alone, since the keyring is the user's. */
	(void)snprintf(label, sizeof(label), "unit-%d", (int)getpid());
	if (keyring_unpublish("dmstack:tpm2:unit-none", NULL) < 0)
		test_skip("the kernel has no keyrings");
	publish(label, "Kkkkkkkkkkkkkkkkk", 17);
	assert_int_equal(fetch(KEYREF_TPM2, label, 16, true, NULL), 0);
	assert_int_equal(fetch(KEYREF_TPM2, label, 32, true, NULL), -EKEYREJECTED);
	publish(label, "D0123456789abcdef0123456789abcdef", 33);
	assert_int_equal(derived_size(label, 16), 16);
	assert_int_equal(derived_size(label, 64), 64);
	assert_int_equal(derived_size(label, 0), 32);
	publish(label, "Xwhat", 5);
	assert_int_equal(fetch(KEYREF_TPM2, label, 0, true, &diag), -EBADMSG);

	char prefix[TPM2_KEY_DESCRIPTION_SIZE];

	assert_int_equal(tpm2_key_description(label, prefix), 0);
	assert_int_equal(keyring_unpublish(prefix, NULL), 1);
	assert_int_equal(fetch(KEYREF_TPM2, label, 0, true, NULL), -ENOKEY);
	memset(label, 'x', sizeof(label) - 1);
	label[sizeof(label) - 1] = 0;
	assert_int_equal(fetch(KEYREF_TPM2, label, 0, true, NULL), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),
		cmocka_unit_test(test_file_sizes),
		cmocka_unit_test(test_file_mode),
		cmocka_unit_test(test_file_kinds),
		cmocka_unit_test(test_credential),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_tpm2),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
