/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmstack-build sign: a detached signature of a manifest, beside it as MANIFEST.p7s.
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "build-verbs.h"
#include "fd.h"
#include "json-text.h"
#include "manifest.h"
#include "manifest-trust.h"
#include "signature.h"

struct sign_opts {
	const char *key, *certificate;
	bool force, json, quiet;
};

#define OPTION(n, k, member, ...)                                                                  \
	{                                                                                          \
		.name = (n), .kind = (k), .offset = offsetof(struct sign_opts, member),            \
		__VA_ARGS__                                                                        \
	}

static const struct option_def options[] = {
	OPTION("private-key", OPTION_STRING, key, .arg = "FILE",
		.help = "the private key: a PEM or DER file, or a URI such as pkcs11:..."),
	OPTION("certificate", OPTION_STRING, certificate, .letter = 'c', .arg = "FILE",
		.help = "its certificate, which the target trusts"),
	OPTION("force", OPTION_FLAG, force, .letter = 'f', .help = "replace what is there"),
	OPTION("json", OPTION_FLAG, json, .help = "print the result as JSON"),
	OPTION("quiet", OPTION_FLAG, quiet, .letter = 'q', .help = "print nothing but errors"),
};

/* What no target would take must not be signed. */
static int load(const char *path, char **ret, size_t *ret_size, struct diag *diag)
{
	_cleanup_(manifest_freep) struct manifest *manifest = NULL;
	_cleanup_free_ char *text = NULL;
	int r;

	r = file_read(AT_FDCWD, path, MANIFEST_SIZE_MAX, &text, ret_size);
	if (r < 0)
		return diag_set(diag, r, "cannot read %s: %s", path, strerror(-r));
	r = manifest_parse(text, *ret_size, path, &manifest, diag);
	if (r < 0)
		return r;
	*ret = take_ptr(text);
	return 0;
}

static int sign(const struct sign_opts *o, const char *path, const char *output, struct diag *diag)
{
	_cleanup_(signer_freep) struct signer *signer = NULL;
	_cleanup_(buf_done) struct buf signature = {};
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	int r;

	r = load(path, &text, &size, diag);
	if (r >= 0)
		r = signer_new(o->key, o->certificate, &signer, diag);
	if (r >= 0)
		r = signature_make(signer, text, size, true, &signature, diag);
	if (r < 0)
		return r;
	r = file_write_atomic(AT_FDCWD, output, signature.data, signature.size, 0644);
	return r < 0 ? diag_set(diag, r, "cannot write %s: %s", output, strerror(-r)) : 0;
}

static int sign_run(const void *opts, const char *const *args, struct diag *diag)
{
	const struct sign_opts *o = opts;
	_cleanup_free_ char *output = manifest_signature_path(args[0]);
	_cleanup_(buf_done) struct buf json = {};
	int r;

	if (!output)
		return -ENOMEM;
	if (!o->key || !o->certificate)
		return usage_error(
			diag, "sign: %s is missing", o->key ? "--certificate" : "--private-key");
	if (!o->force && faccessat(AT_FDCWD, output, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return diag_set(diag, -EEXIST, "%s exists (--force replaces it)", output);
	r = sign(o, args[0], output, diag);
	if (r < 0 || o->quiet)
		return r;
	if (!o->json) {
		puts(output);
		return 0;
	}
	buf_puts(&json, "{\"result\":{");
	json_member(&json, "signature", output);
	buf_puts(&json, "}}\n");
	fputs(buf_str(&json), stdout);
	return buf_error(&json);
}

const struct verb verb_sign = {
	.name = "sign",
	.args = "MANIFEST",
	.n_args = 1,
	.summary = "Sign a manifest, so that a target knows whose it is",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct sign_opts),
	.run = sign_run,
};
