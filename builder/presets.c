/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Named stacks and defaults, as plain data.
 */

#include "presets.h"

const struct preset presets[] = {
	{ "crypt-only", { "crypt" } },
	{ "integrity-only", { "integrity" } },
	{ "integrity-then-crypt", { "integrity", "crypt" } },
	{ "crypt-then-integrity", { "crypt", "integrity" } },
	{ "verity-only", { "verity" } },
	{ "verity-then-crypt", { "verity", "crypt" } },
	{ "crypt-then-verity", { "crypt", "verity" } },
	{ "luks", { "luks" } },
	{ "luks-aead", { "integrity", "luks,integrity=hmac-sha256" } },
	{ "aead", { "integrity", "crypt,integrity=hmac-sha256" } },
};
const size_t n_presets = ARRAY_SIZE(presets);

const struct layer_default layer_defaults[] = {
	{ "crypt", "cipher", "aes-xts-plain64" },
	{ "crypt", "sector-size", "4096" },
	{ "luks", "cipher", "aes-xts-plain64" },
	{ "luks", "sector-size", "4096" },
	{ "integrity", "integrity-algorithm", "sha256" },
	{ "integrity", "sector-size", "4096" },
	{ "integrity", "mode", "journal" },
	{ "verity", "hash-algorithm", "sha256" },
	{ "verity", "data-block-size", "4096" },
	{ "verity", "hash-block-size", "4096" },
};
const size_t n_layer_defaults = ARRAY_SIZE(layer_defaults);

const struct preset *preset_find(const char *name)
{
	for (size_t i = 0; i < n_presets; i++)
		if (streq(presets[i].name, name))
			return &presets[i];
	return NULL;
}
