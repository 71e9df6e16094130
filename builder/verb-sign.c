/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmstack-build sign: a detached signature of a manifest, beside it as MANIFEST.p7s, or of the root
 * hashes in it, as LAYER.roothash.p7s.
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "build-verbs.h"
#include "fd.h"
#include "json-text.h"
#include "layer-verity.h"
#include "manifest.h"
#include "manifest-trust.h"
#include "signature.h"

struct sign_opts {
	const char *key, *certificate;
	bool root_hash, force, json, quiet;
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
	OPTION("root-hash", OPTION_FLAG, root_hash,
		.help = "sign the root hashes of verity layers for the kernel, not the manifest"),
	OPTION("force", OPTION_FLAG, force, .letter = 'f', .help = "replace what is there"),
	OPTION("json", OPTION_FLAG, json, .help = "print the result as JSON"),
	OPTION("quiet", OPTION_FLAG, quiet, .letter = 'q', .help = "print nothing but errors"),
};

/* What no target would take must not be signed. */
static int load(const char *path, struct manifest **ret_manifest, char **ret, size_t *ret_size,
	struct diag *diag)
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
	*ret_manifest = take_ptr(manifest);
	return 0;
}

static int check_output(const struct sign_opts *o, const char *output, struct diag *diag)
{
	if (!o->force && faccessat(AT_FDCWD, output, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return diag_set(diag, -EEXIST, "%s exists (--force replaces it)", output);
	return 0;
}

static int print_output(const struct sign_opts *o, const char *output)
{
	_cleanup_(buf_done) struct buf json = {};

	if (o->quiet)
		return 0;
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

static int put(const struct sign_opts *o, const struct buf *signature, const char *output,
	struct diag *diag)
{
	int r;

	r = file_write_atomic(AT_FDCWD, output, signature->data, signature->size, 0644);
	if (r < 0)
		return diag_set(diag, r, "cannot write %s: %s", output, strerror(-r));
	return print_output(o, output);
}

static int sign_manifest(const struct sign_opts *o, const struct signer *signer, const char *path,
	const struct buf *text, struct diag *diag)
{
	_cleanup_free_ char *output = manifest_signature_path(path);
	_cleanup_(buf_done) struct buf signature = {};
	int r;

	if (!output)
		return -ENOMEM;
	r = check_output(o, output, diag);
	if (r >= 0)
		r = signature_make(signer, text->data, text->size, true, &signature, diag);
	return r < 0 ? r : put(o, &signature, output, diag);
}

/* The kernel verifies the signature of the digits, in lower case and without a new line. */
static int sign_root_hash(const struct sign_opts *o, const struct signer *signer, const char *path,
	const struct layer *layer, struct diag *diag)
{
	const struct hexval *root = &verity_fields(layer)->root_hash;
	_cleanup_(buf_done) struct buf text = {}, output = {}, signature = {};
	const char *slash = strrchr(path, '/');
	int r;

	buf_hex(&text, root->data, root->size);
	if (slash)
		buf_printf(&output, "%.*s", (int)(slash + 1 - path), path);
	buf_printf(&output, "%s.roothash.p7s", layer->name);
	r = buf_error(&text) < 0 ? buf_error(&text) : buf_error(&output);
	if (r < 0)
		return r;
	r = check_output(o, buf_str(&output), diag);
	if (r >= 0)
		r = signature_make(signer, text.data, text.size, false, &signature, diag);
	return r < 0 ? r : put(o, &signature, buf_str(&output), diag);
}

static int sign_root_hashes(const struct sign_opts *o, const struct signer *signer,
	const char *path, const struct manifest *manifest, struct diag *diag)
{
	size_t n = 0;
	int r = 0;

	for (size_t i = 0; r >= 0 && i < manifest->n_layers; i++) {
		const struct layer *layer = manifest->layers[i];

		if (layer->type != &layer_type_verity)
			continue;
		n++;
		r = sign_root_hash(o, signer, path, layer, diag);
	}
	if (r >= 0 && n == 0)
		return diag_set(diag, -ENODATA, "%s has no verity layer", path);
	return r;
}

static int sign_run(const void *opts, const char *const *args, struct diag *diag)
{
	const struct sign_opts *o = opts;
	_cleanup_(manifest_freep) struct manifest *manifest = NULL;
	_cleanup_(signer_freep) struct signer *signer = NULL;
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	int r;

	if (!o->key || !o->certificate)
		return usage_error(
			diag, "sign: %s is missing", o->key ? "--certificate" : "--private-key");
	r = load(args[0], &manifest, &text, &size, diag);
	if (r >= 0)
		r = signer_new(o->key, o->certificate, &signer, diag);
	if (r < 0)
		return r;
	if (o->root_hash)
		return sign_root_hashes(o, signer, args[0], manifest, diag);
	return sign_manifest(o, signer, args[0], &(struct buf){ .data = text, .size = size }, diag);
}

const struct verb verb_sign = {
	.name = "sign",
	.args = "MANIFEST",
	.n_args = 1,
	.summary = "Sign a manifest, or a root hash, so that a target knows whose it is",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct sign_opts),
	.run = sign_run,
};
