/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a LUKS2 header says: nothing in it is secret.
 */

#include <stdio.h>

#include "cleanup.h"
#include "fact-printer.h"
#include "luks2.h"

/* The numbers of the bits. */
static void fact_bits(struct fact_printer *p, const char *name, uint32_t bits)
{
	_cleanup_(buf_done) struct buf text = {};

	for (unsigned i = 0; i < 32; i++)
		if (bits & UINT32_C(1) << i)
			buf_printf(&text, "%s%u", text.size ? " " : "", i);
	fact_text(p, name, text.size ? buf_str(&text) : "-");
}

static void print_segment(struct fact_printer *p, const struct luks2_segment *s)
{
	fact_item_begin(p, "segment", 0);
	fact_u64(p, "offset", s->offset);
	if (s->size)
		fact_u64(p, "bytes", s->size);
	else
		fact_text(p, "bytes", "dynamic");
	fact_text(p, "cipher", s->cipher);
	fact_u64(p, "sector-size", s->sector_size);
	fact_u64(p, "iv-tweak", s->iv_tweak);
	if (*s->integrity)
		fact_text(p, "integrity", s->integrity);
	if (s->integrity_key_size)
		fact_u64(p, "integrity-key-bits", (uint64_t)s->integrity_key_size * 8);
	fact_item_end(p);
}

static void print_kdf(struct fact_printer *p, const struct luks2_kdf *kdf)
{
	fact_text(p, "pbkdf", luks2_kdf_words[kdf->type]);
	if (kdf->type == LUKS2_PBKDF2) {
		fact_text(p, "hash", kdf->hash);
		fact_u64(p, "iterations", kdf->iterations);
	} else {
		fact_u64(p, "time-cost", kdf->iterations);
		fact_u64(p, "memory-kib", kdf->memory_kib);
		fact_u64(p, "threads", kdf->parallelism);
	}
	fact_hex(p, "salt", kdf->salt, kdf->salt_size);
}

/* One that is about no key of the data gives the number of its digest too. */
static void print_keyslot(
	struct fact_printer *p, const struct luks2 *h, const struct luks2_keyslot *k)
{
	fact_item_begin(p, "keyslot", k->id);
	fact_u64(p, "key-bits", (uint64_t)k->key_size * 8);
	fact_text(p, "priority", luks2_priority_words[k->priority]);
	fact_text(p, "cipher", k->area_cipher);
	fact_u64(p, "cipher-key-bits", (uint64_t)k->area_key_size * 8);
	print_kdf(p, &k->kdf);
	fact_u64(p, "af-stripes", k->stripes);
	fact_text(p, "af-hash", k->af_hash);
	fact_u64(p, "area-offset", k->area_offset);
	fact_u64(p, "area-bytes", k->area_size);
	for (size_t i = 0; i < h->n_digests; i++)
		if (h->digests[i].keyslots & UINT32_C(1) << k->id)
			fact_u64(p, "digest", h->digests[i].id);
	fact_item_end(p);
}

static void print_digest(struct fact_printer *p, const struct luks2_digest *d)
{
	fact_item_begin(p, "digest", d->id);
	fact_text(p, "type", "pbkdf2");
	fact_bits(p, "keyslots", d->keyslots);
	fact_text(p, "segments", d->has_segment ? "0" : "-");
	fact_text(p, "hash", d->hash);
	fact_u64(p, "iterations", d->iterations);
	fact_hex(p, "salt", d->salt, d->salt_size);
	fact_hex(p, "digest", d->digest, d->digest_size);
	fact_item_end(p);
}

void luks_facts(struct fact_printer *p, const struct luks2 *h)
{
	fact_text(p, "uuid", h->uuid);
	fact_text(p, "label", h->label);
	fact_text(p, "subsystem", h->subsystem);
	fact_u64(p, "epoch", h->seqid);
	fact_u64(p, "header-bytes", h->header_size);
	fact_u64(p, "keyslots-bytes", h->keyslots_size);
	if (h->is_second)
		fact_text(p, "copy", "second: the first is broken or older");
	fact_list_begin(p, "segments");
	print_segment(p, &h->segment);
	fact_list_end(p);
	fact_list_begin(p, "keyslots");
	for (size_t i = 0; i < h->n_keyslots; i++)
		print_keyslot(p, h, &h->keyslots[i]);
	fact_list_end(p);
	fact_list_begin(p, "tokens");
	for (size_t i = 0; i < h->n_tokens; i++) {
		fact_item_begin(p, "token", h->tokens[i].id);
		fact_text(p, "type", h->tokens[i].type);
		fact_bits(p, "keyslots", h->tokens[i].keyslots);
		fact_item_end(p);
	}
	fact_list_end(p);
	fact_list_begin(p, "digests");
	for (size_t i = 0; i < h->n_digests; i++)
		print_digest(p, &h->digests[i]);
	fact_list_end(p);
}
