/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The JSON text of a LUKS2 header that is made here, in the order in which cryptsetup has it.
 */

#include "luks2.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base64.h"
#include "json-text.h"

const char *const luks2_kdf_words[] = {
	[LUKS2_PBKDF2] = "pbkdf2",
	[LUKS2_ARGON2I] = "argon2i",
	[LUKS2_ARGON2ID] = "argon2id",
	[LUKS2_ARGON2ID + 1] = NULL,
};

const char *const luks2_priority_words[] = { "ignore", "normal", "prefer", NULL };

static void write_u64_text(struct buf *buf, const char *name, uint64_t value)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%" PRIu64, value);
	json_member(buf, name, text);
}

static void write_bytes(struct buf *buf, const char *name, const void *data, size_t size)
{
	json_name(buf, name);
	buf_putc(buf, '"');
	base64_append(buf, data, size);
	buf_putc(buf, '"');
}

static void write_keyslot(const struct luks2_keyslot *k, struct buf *buf)
{
	json_separate(buf);
	buf_printf(buf, "\"%u\":{", k->id);
	json_member(buf, "type", "luks2");
	json_member_u64(buf, "key_size", k->key_size);
	json_name(buf, "af");
	buf_puts(buf, "{\"type\":\"luks1\"");
	json_member_u64(buf, "stripes", k->stripes);
	json_member(buf, "hash", k->af_hash);
	buf_putc(buf, '}');
	json_name(buf, "area");
	buf_puts(buf, "{\"type\":\"raw\"");
	write_u64_text(buf, "offset", k->area_offset);
	write_u64_text(buf, "size", k->area_size);
	json_member(buf, "encryption", k->area_cipher);
	json_member_u64(buf, "key_size", k->area_key_size);
	buf_putc(buf, '}');
	json_name(buf, "kdf");
	buf_printf(buf, "{\"type\":\"%s\"", luks2_kdf_words[k->kdf.type]);
	if (k->kdf.type == LUKS2_PBKDF2) {
		json_member(buf, "hash", k->kdf.hash);
		json_member_u64(buf, "iterations", k->kdf.iterations);
	} else {
		json_member_u64(buf, "time", k->kdf.iterations);
		json_member_u64(buf, "memory", k->kdf.memory_kib);
		json_member_u64(buf, "cpus", k->kdf.parallelism);
	}
	write_bytes(buf, "salt", k->kdf.salt, k->kdf.salt_size);
	buf_putc(buf, '}');
	/* The usual one is not said. */
	if (k->priority != 1)
		json_member_u64(buf, "priority", k->priority);
	buf_putc(buf, '}');
}

static void write_segment(const struct luks2_segment *s, struct buf *buf)
{
	json_name(buf, "segments");
	buf_puts(buf, "{\"0\":{\"type\":\"crypt\"");
	write_u64_text(buf, "offset", s->offset);
	if (s->size)
		write_u64_text(buf, "size", s->size);
	else
		json_member(buf, "size", "dynamic");
	write_u64_text(buf, "iv_tweak", s->iv_tweak);
	json_member(buf, "encryption", s->cipher);
	json_member_u64(buf, "sector_size", s->sector_size);
	if (*s->integrity) {
		json_name(buf, "integrity");
		buf_putc(buf, '{');
		json_member(buf, "type", s->integrity);
		json_member(buf, "journal_encryption", "none");
		json_member(buf, "journal_integrity", "none");
		if (s->integrity_key_size)
			json_member_u64(buf, "key_size", s->integrity_key_size);
		buf_putc(buf, '}');
	}
	buf_puts(buf, "}}");
}

static void write_digest(const struct luks2_digest *d, struct buf *buf)
{
	json_separate(buf);
	buf_printf(buf, "\"%u\":{\"type\":\"pbkdf2\"", d->id);
	json_name(buf, "keyslots");
	buf_putc(buf, '[');
	for (unsigned i = 0; i < LUKS2_KEYSLOTS_MAX; i++)
		if (d->keyslots & UINT32_C(1) << i) {
			json_separate(buf);
			buf_printf(buf, "\"%u\"", i);
		}
	buf_putc(buf, ']');
	json_name(buf, "segments");
	buf_puts(buf, d->has_segment ? "[\"0\"]" : "[]");
	json_member(buf, "hash", d->hash);
	json_member_u64(buf, "iterations", d->iterations);
	write_bytes(buf, "salt", d->salt, d->salt_size);
	write_bytes(buf, "digest", d->digest, d->digest_size);
	buf_putc(buf, '}');
}

void luks2_json_encode(const struct luks2 *h, const char *tokens, struct buf *buf)
{
	buf_puts(buf, "{\"keyslots\":{");
	for (size_t i = 0; i < h->n_keyslots; i++)
		write_keyslot(&h->keyslots[i], buf);
	buf_printf(buf, "},\"tokens\":{%s}", tokens ?: "");
	write_segment(&h->segment, buf);
	json_name(buf, "digests");
	buf_putc(buf, '{');
	for (size_t i = 0; i < h->n_digests; i++)
		write_digest(&h->digests[i], buf);
	buf_putc(buf, '}');
	json_name(buf, "config");
	buf_putc(buf, '{');
	write_u64_text(buf, "json_size", h->header_size - LUKS2_BINARY_SIZE);
	write_u64_text(buf, "keyslots_size", h->keyslots_size);
	buf_puts(buf, "}}");
}
