/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * add_key(2), request_key(2) and keyctl(2); libkeyutils would be one library more in the initrd.
 */

#include "keyring.h"

#include <linux/keyctl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"

/* All that the possessor and the owner can do, nothing for others. */
#define OWNER_ONLY 0x3f3f0000U

static int failed(int r, const char *doing, const char *description, struct diag *diag)
{
	switch (-r) {
	case ENOSYS:
		return diag_set(diag, r, "the kernel has no keyrings: it needs CONFIG_KEYS");
	case EDQUOT:
		return diag_set(
			diag, r, "the kernel keyring is full: see /proc/sys/kernel/keys/*maxkeys");
	case ENOKEY:
		return diag_set(
			diag, r, "there is no key \"%s\" in the kernel keyring", description);
	default:
		return diag_set(
			diag, r, "cannot %s the key \"%s\": %s", doing, description, strerror(-r));
	}
}

int keyring_add(const char *type, const char *description, const struct secret *bytes, int32_t *ret,
	struct diag *diag)
{
	long serial = syscall(SYS_add_key, type, description, secret_peek(bytes),
		secret_size(bytes), KEY_SPEC_THREAD_KEYRING);

	if (serial < 0)
		return failed(-errno, "add", description, diag);
	*ret = (int32_t)serial;
	return 0;
}

void keyring_drop(int32_t serial)
{
	/* Either may fail when the key is gone already, which is what is wanted. */
	(void)syscall(SYS_keyctl, KEYCTL_REVOKE, serial);
	(void)syscall(SYS_keyctl, KEYCTL_UNLINK, serial, KEY_SPEC_THREAD_KEYRING);
}

static int read_serial(int32_t serial, const char *description, size_t limit, struct secret **ret,
	struct diag *diag)
{
	_cleanup_(secret_freep) struct secret *bytes = NULL;
	long size = syscall(SYS_keyctl, KEYCTL_READ, serial, NULL, 0);
	int r;

	if (size < 0)
		return failed(-errno, "read", description, diag);
	if ((size_t)size > limit)
		return diag_set(diag, -EFBIG,
			"the key \"%s\" has %ld bytes, more than the %zu "
			"that a key may have",
			description, size, limit);

	r = secret_new((size_t)size, true, &bytes);
	if (r < 0)
		return r;
	if (syscall(SYS_keyctl, KEYCTL_READ, serial, secret_bytes(bytes), size) != size)
		return failed(-EKEYREVOKED, "read", description, diag);
	*ret = take_ptr(bytes);
	return 0;
}

int keyring_read(const char *description, size_t limit, struct secret **ret, struct diag *diag)
{
	long serial = syscall(SYS_request_key, "user", description, NULL, 0);

	if (serial < 0)
		return failed(-errno, "find", description, diag);
	return read_serial((int32_t)serial, description, limit, ret, diag);
}

int keyring_publish(const char *description, const struct secret *bytes, unsigned timeout_seconds,
	struct diag *diag)
{
	long serial = syscall(SYS_add_key, "user", description, secret_peek(bytes),
		secret_size(bytes), KEY_SPEC_USER_KEYRING);

	if (serial < 0)
		return failed(-errno, "add", description, diag);
	if (syscall(SYS_keyctl, KEYCTL_SETPERM, serial, OWNER_ONLY) < 0 ||
		syscall(SYS_keyctl, KEYCTL_SET_TIMEOUT, serial, timeout_seconds) < 0) {
		int r = -errno;

		(void)syscall(SYS_keyctl, KEYCTL_REVOKE, serial);
		return failed(r, "protect", description, diag);
	}
	return 0;
}

int keyring_read_published(
	const char *description, size_t limit, struct secret **ret, struct diag *diag)
{
	long serial =
		syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_USER_KEYRING, "user", description, 0);

	if (serial < 0)
		return failed(-errno, "find", description, diag);
	return read_serial((int32_t)serial, description, limit, ret, diag);
}

/* Describes as "TYPE;UID;GID;PERM;DESCRIPTION". */
static bool has_prefix(int32_t serial, const char *prefix)
{
	char text[256] = "";
	const char *p = text;

	if (syscall(SYS_keyctl, KEYCTL_DESCRIBE, serial, text, sizeof(text) - 1) < 0)
		return false;
	for (int i = 0; p && i < 4; i++) {
		p = strchr(p, ';');
		p = p ? p + 1 : NULL;
	}
	return p && startswith(p, prefix);
}

int keyring_unpublish(const char *prefix, struct diag *diag)
{
	_cleanup_free_ int32_t *serials = NULL;
	long size = syscall(SYS_keyctl, KEYCTL_READ, KEY_SPEC_USER_KEYRING, NULL, 0);
	int n = 0;

	if (size < 0)
		return failed(-errno, "find", prefix, diag);
	serials = calloc((size_t)size / sizeof(*serials) + 1, sizeof(*serials));
	if (!serials)
		return -ENOMEM;
	size = MIN(size, syscall(SYS_keyctl, KEYCTL_READ, KEY_SPEC_USER_KEYRING, serials, size));
	for (long i = 0; i < size / (long)sizeof(*serials); i++) {
		if (!has_prefix(serials[i], prefix))
			continue;
		if (syscall(SYS_keyctl, KEYCTL_REVOKE, serials[i]) < 0 && errno != EKEYREVOKED)
			return failed(-errno, "revoke", prefix, diag);
		(void)syscall(SYS_keyctl, KEYCTL_UNLINK, serials[i], KEY_SPEC_USER_KEYRING);
		n++;
	}
	return n;
}
