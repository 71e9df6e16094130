/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The crypto API takes a name like authenc(hmac(sha256),xts(aes)) apart and asks for a module for
 * each word of it; and some templates ask for more words while they are set up, which are in no name
 * (kernel: crypto/, MODULE_ALIAS_CRYPTO and the names given to crypto_grab_*()).
 */

#include "kernel-modules.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *word;
	const char *also;
} implied[] = {
	{ "xts", "ecb" },
	{ "gcm", "ctr" },
	{ "gcm", "ghash" },
	{ "ccm", "ctr" },
	{ "ccm", "cbcmac" },
	{ "rfc4309", "ccm" },
	{ "rfc4309", "ctr" },
	{ "rfc4309", "cbcmac" },
	{ "adiantum", "nhpoly1305" },
	{ "rfc7539", "chacha20" },
};

static int add_word(const char *word, struct strset *algorithms)
{
	char alias[96];
	int r;

	(void)snprintf(alias, sizeof(alias), "crypto-%s", word);
	r = strset_add(algorithms, alias);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(implied); i++) {
		if (!streq(implied[i].word, word))
			continue;
		(void)snprintf(alias, sizeof(alias), "crypto-%s", implied[i].also);
		r = strset_add(algorithms, alias);
	}
	return r;
}

int layer_add_modules(const struct layer *layer, struct strset *targets, struct strset *algorithms)
{
	_cleanup_(buf_done) struct buf names = {};
	int r = strset_add(targets, "dm_mod");

	for (const char *const *m = layer->type->modules; r >= 0 && m && *m; m++)
		r = strset_add(targets, *m);
	for (size_t i = 0; r >= 0 && i < layer->n_devices; i++)
		if (devref_is_file(&layer->devices[i].ref))
			r = strset_add(targets, "loop");
	if (layer->type->algorithms)
		layer->type->algorithms(layer, &names);
	if (r >= 0)
		r = buf_error(&names);
	if (r < 0)
		return r;
	/* A store of tags computes nothing. */
	if (names.size == 0)
		return 0;
	for (char *save = NULL, *word = strtok_r(names.data, " (),", &save); word;
		word = strtok_r(NULL, " (),", &save)) {
		r = add_word(word, algorithms);
		if (r < 0)
			return r;
	}
	return 0;
}
