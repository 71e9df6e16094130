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

int keyring_read(const char *description, size_t limit, struct secret **ret, struct diag *diag)
{
	_cleanup_(secret_freep) struct secret *bytes = NULL;
	long serial, size;
	int r;

	serial = syscall(SYS_request_key, "user", description, NULL, 0);
	if (serial < 0)
		return failed(-errno, "find", description, diag);
	size = syscall(SYS_keyctl, KEYCTL_READ, serial, NULL, 0);
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
