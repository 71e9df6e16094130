/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Re-keying of dm-integrity's journal: of its MAC, which the superblock has too, or of what encrypts
 * it. The journal is empty, so it is written as an empty one with the new key; of the superblock
 * only the MAC changes.
 *
 *	superblock | section 0 | section 1 | ...	are the bytes that are made anew
 */

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "rekey-integrity.h"

struct journal_worker {
	struct journal_keys after;
	uint8_t *section; /* owned */
};

struct journal_state {
	struct rekey_state base;
	struct rekey_source source; /* its keys are not used any more */
	struct integrity_geometry geo;
	struct journal_keys before;
	bool has_sb_mac;
	unsigned n;
	struct journal_worker workers[];
};

/* The journal's keys, of which one is another before than after. */
struct journal_secrets {
	const struct secret *mac, *crypt; /* or NULL */
};

static const struct keyref *mac_key(const struct layer *layer)
{
	return integrity_journal_mac_alg(layer) ? &integrity_fields(layer)->journal_integrity_key
						: NULL;
}

static const struct keyref *crypt_key(const struct layer *layer)
{
	const struct integrity_fields *f = integrity_fields(layer);

	return f->journal_crypt ? &f->journal_crypt_key : NULL;
}

static void journal_close(struct rekey_state *state)
{
	struct journal_state *s = (struct journal_state *)state;

	if (s)
		journal_keys_done(&s->before);
	for (unsigned i = 0; s && i < s->n; i++) {
		journal_keys_done(&s->workers[i].after);
		free(s->workers[i].section);
	}
	free(s);
}

static void journal_statep(struct journal_state **p)
{
	journal_close((struct rekey_state *)*p);
}

static int journal_open(const struct rekey_source *source, const struct journal_secrets *before,
	const struct journal_secrets *after, struct rekey_state **ret, struct diag *diag)
{
	_cleanup_(journal_statep) struct journal_state *s =
		calloc(1, sizeof(*s) + source->n_workers * sizeof(s->workers[0]));
	int r;

	if (!s)
		return -ENOMEM;
	s->n = source->n_workers;
	s->base.fd = rekey_integrity_fd(source);
	s->source = *source;
	s->source.before = s->source.after = NULL;
	r = rekey_integrity_geometry(source, &s->geo, diag);
	if (r == 0)
		r = journal_keys_open(
			source->base, &s->geo, before->mac, before->crypt, &s->before, diag);
	if (r == 0)
		r = rekey_integrity_closed(source, &s->before, diag);
	for (unsigned i = 0; r == 0 && i < s->n; i++) {
		struct journal_worker *w = &s->workers[i];

		r = journal_keys_open(
			source->base, &s->geo, after->mac, after->crypt, &w->after, diag);
		w->section = malloc((size_t)s->geo.section_sectors * SECTOR_SIZE);
		if (r == 0 && !w->section)
			return -ENOMEM;
	}
	if (r < 0)
		return r;
	s->has_sb_mac = integrity_sb_has_mac(&integrity_fields(source->base)->sb);
	s->base.unit = INTEGRITY_SB_SIZE;
	s->base.size = INTEGRITY_SB_SIZE + integrity_journal_sectors(&s->geo) * SECTOR_SIZE;
	*ret = &take_ptr(s)->base;
	return 0;
}

/* The key that stays, if there is one. */
static int other_key(const struct rekey_source *source, const struct keyref *ref,
	struct secret **ret, struct diag *diag)
{
	return ref ? source->fetch(source->userdata, ref, ret, diag) : 0;
}

static int mac_open(const struct rekey_source *source, struct rekey_state **ret, struct diag *diag)
{
	_cleanup_(secret_freep) struct secret *crypt = NULL;
	int r = other_key(source, crypt_key(source->base), &crypt, diag);
	const struct journal_secrets before = { source->before, crypt };
	const struct journal_secrets after = { source->after, crypt };

	return r < 0 ? r : journal_open(source, &before, &after, ret, diag);
}

static int crypt_open(
	const struct rekey_source *source, struct rekey_state **ret, struct diag *diag)
{
	_cleanup_(secret_freep) struct secret *mac = NULL;
	int r = other_key(source, mac_key(source->base), &mac, diag);
	const struct journal_secrets before = { mac, source->before };
	const struct journal_secrets after = { mac, source->after };

	return r < 0 ? r : journal_open(source, &before, &after, ret, diag);
}

static void journal_place(const struct rekey_state *state, uint64_t position, uint64_t *ret_offset,
	uint64_t *ret_length)
{
	const struct journal_state *s = (const struct journal_state *)state;

	*ret_offset = s->geo.start_sector * SECTOR_SIZE + position;
	*ret_length = s->base.size - position;
}

/* One that somebody changed meanwhile gets no MAC from us. */
static int make_superblock(struct journal_state *s, struct journal_worker *w, uint8_t *ret)
{
	int r = rekey_integrity_superblock(&s->source, s->before.mac, ret);
	size_t end;

	if (r < 0 || !s->has_sb_mac)
		return r;
	end = integrity_sb_mac_offset(digest_size(w->after.mac));
	return digest_data(w->after.mac, ret, end, ret + end);
}

/* What both ranges have of the bytes at that position. */
static void put(uint8_t *ret, uint64_t position, size_t size, const uint8_t *from, uint64_t at,
	size_t from_size)
{
	uint64_t begin = MAX(position, at), end = MIN(position + size, at + from_size);

	if (begin < end)
		memcpy(ret + (begin - position), from + (begin - at), end - begin);
}

static int journal_make(
	struct rekey_state *state, unsigned worker, uint64_t position, uint8_t *ret, size_t size)
{
	struct journal_state *s = (struct journal_state *)state;
	struct journal_worker *w = &s->workers[worker];
	size_t section_size = (size_t)s->geo.section_sectors * SECTOR_SIZE;
	uint64_t end = position + size, i = 0;
	int r = 0;

	/* The first slice has all of it. */
	if (position < INTEGRITY_SB_SIZE) {
		uint8_t sb[INTEGRITY_SB_SIZE];

		r = make_superblock(s, w, sb);
		if (r == 0)
			put(ret, position, size, sb, 0, sizeof(sb));
	} else {
		i = (position - INTEGRITY_SB_SIZE) / section_size;
	}
	for (uint64_t at; r == 0 && (at = INTEGRITY_SB_SIZE + i * section_size) < end; i++) {
		r = integrity_journal_section(&w->after.journal, (uint32_t)i, w->section);
		if (r == 0)
			put(ret, position, size, w->section, at, section_size);
	}
	return r;
}

const struct rekey_type rekey_type_journal_mac = {
	.type = &layer_type_integrity,
	.key = mac_key,
	.check = rekey_integrity_check,
	.open = mac_open,
	.close = journal_close,
	.place = journal_place,
	.make = journal_make,
};

const struct rekey_type rekey_type_journal_crypt = {
	.type = &layer_type_integrity,
	.key = crypt_key,
	.check = rekey_integrity_check,
	.open = crypt_open,
	.close = journal_close,
	.place = journal_place,
	.make = journal_make,
};
