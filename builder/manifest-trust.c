/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The signature beside a manifest.
 */

#include "manifest-trust.h"

#include <fcntl.h>
#include <string.h>

#include "fd.h"
#include "manifest.h"
#include "signature.h"

static int read_whole(
	const char *path, size_t limit, char **ret, size_t *ret_size, struct diag *diag)
{
	int r = file_read(AT_FDCWD, path, limit, ret, ret_size);

	return r < 0 ? diag_set(diag, r, "cannot read %s: %s", path, strerror(-r)) : 0;
}

int manifest_check_signature(
	const char *manifest_path, const struct strlist *certificates, struct diag *diag)
{
	_cleanup_free_ char *path = manifest_signature_path(manifest_path);
	_cleanup_free_ char *text = NULL, *signature = NULL;
	_cleanup_(trust_freep) struct trust *trust = NULL;
	size_t size = 0, signature_size = 0;
	int r;

	r = path ? trust_new(&trust) : -ENOMEM;
	for (size_t i = 0; r >= 0 && i < certificates->n; i++)
		r = trust_add(trust, certificates->items[i], diag);
	if (r >= 0)
		r = read_whole(manifest_path, MANIFEST_SIZE_MAX, &text, &size, diag);
	if (r >= 0)
		r = read_whole(path, SIGNATURE_SIZE_MAX, &signature, &signature_size, diag);
	if (r < 0)
		return r;
	r = signature_verify(trust, text, size, signature, signature_size, diag);
	return r < 0 ? diag_at(diag, r, "%s", path) : 0;
}
