/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as the superblock of each layer type that has one. The first byte chooses the type;
 * what the type adopts must then give a length and a table, or an error, and nothing else.
 */

#include <string.h>

#include "fuzz.h"
#include "layer.h"

/* One layer of each type that reads superblocks, with as little said about it as possible. */
static const struct {
	const char *type;
	const char *options[4];
} layers[] = {
	{ "integrity", { "integrity-algorithm=crc32c" } },
	{ "integrity", { "integrity-algorithm=hmac-sha256", "key=/k", "mode=bitmap" } },
	{ "integrity", { "integrity-algorithm=sha256", "sector-size=4096", "meta=/dev/m" } },
	{ "verity",
		{ "root-hash=cb5d6d982fc27f1d59073bde0bc86b0b1027d47dbfc264f111e8c10f4ac58c93" } },
	{ "verity", { "root-hash=cb5d6d982fc27f1d59073bde0bc86b0b1027d47dbfc264f111e8c10f4ac58c93",
			    "hash=/dev/h" } },
};

static void adopt(struct layer *layer, const uint8_t *data, size_t size)
{
	const uint64_t below[LAYER_ROLES_MAX] = { 1 << 20, 1 << 16, 1 << 16, 0 };
	_cleanup_(dmtable_done) struct dmtable table = {};
	_cleanup_(diag_done) struct diag diag = {};
	_cleanup_(buf_done) struct buf text = {};
	struct superblock_place place;
	uint64_t sectors;

	if (layer->type->superblock(layer, &place) < 0)
		return;
	if (layer->type->adopt(layer, data, size, &diag) < 0) {
		fuzz_assert(diag.what || size < place.size);
		return;
	}
	if (layer_length(layer, below, &sectors, &diag) < 0) {
		fuzz_assert(diag.what);
		return;
	}
	fuzz_assert(sectors > 0);
	fuzz_assert(layer_table(layer, sectors, &table) == 0);
	dmtable_print(&table, &text);
	fuzz_assert(buf_error(&text) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(layer_freep) struct layer *layer = NULL;
	size_t i;

	if (size < 1)
		return 0;
	i = data[0] % ARRAY_SIZE(layers);
	fuzz_assert(layer_new("l", layer_type_find(layers[i].type), &layer, NULL) == 0);
	fuzz_assert(layer_set_device(layer, "data", "/dev/d", NULL) == 0);
	for (size_t j = 0; j < ARRAY_SIZE(layers[i].options) && layers[i].options[j]; j++)
		fuzz_assert(layer_set_option(layer, layers[i].options[j], NULL) == 0);
	fuzz_assert(layer_finish(layer, NULL) == 0);
	adopt(layer, data + 1, size - 1);
	return 0;
}
