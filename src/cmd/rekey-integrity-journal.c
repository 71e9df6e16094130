/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Re-keying of the MAC of dm-integrity's journal and superblock. The journal is empty, so it is
 * written as an empty one with the new key; of the superblock only the MAC changes.
 *
 *	superblock | section 0 | section 1 | ...	are the bytes that are made anew
 */

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "rekey-integrity.h"

struct journal_worker {
	struct digest *before, *after;
	struct integrity_journal_ops ops;
	struct integrity_journal journal;
	uint8_t *section; /* owned */
};

struct journal_state {
	struct rekey_state base;
	struct rekey_source source; /* its keys are not used any more */
	struct integrity_geometry geo;
	bool has_sb_mac;
	unsigned n;
	struct journal_worker workers[];
};

static const struct keyref *journal_key(const struct layer *layer)
{
	return integrity_journal_mac_alg(layer) ? &integrity_fields(layer)->journal_integrity_key
						: NULL;
}

static void journal_close(struct rekey_state *state)
{
	struct journal_state *s = (struct journal_state *)state;

	for (unsigned i = 0; s && i < s->n; i++) {
		(void)digest_free(s->workers[i].before);
		(void)digest_free(s->workers[i].after);
		free(s->workers[i].section);
	}
	free(s);
}

static void journal_statep(struct journal_state **p)
{
	journal_close((struct rekey_state *)*p);
}

static int worker_open(struct journal_state *s, const struct rekey_source *source, unsigned number,
	struct diag *diag)
{
	const char *alg = integrity_journal_mac_alg(source->base);
	struct journal_worker *w = &s->workers[number];
	int r = digest_new(alg, source->before, &w->before);

	if (r == 0)
		r = digest_new(alg, source->after, &w->after);
	return r < 0 ? diag_set(diag, r, "journal-integrity: %s cannot be computed here", alg) : 0;
}

static int journal_open(
	const struct rekey_source *source, struct rekey_state **ret, struct diag *diag)
{
	_cleanup_(journal_statep) struct journal_state *s =
		calloc(1, sizeof(*s) + source->n_workers * sizeof(s->workers[0]));
	int r = 0;

	if (!s)
		return -ENOMEM;
	s->n = source->n_workers;
	s->base.fd = rekey_integrity_fd(source);
	s->base.data_fd = -1;
	s->source = *source;
	s->source.before = s->source.after = NULL;
	for (unsigned i = 0; r == 0 && i < s->n; i++)
		r = worker_open(s, source, i, diag);
	if (r == 0)
		r = rekey_integrity_prepare(source, s->workers[0].before, &s->geo, diag);
	if (r < 0)
		return r;
	s->has_sb_mac = integrity_sb_has_mac(&integrity_fields(source->base)->sb);
	for (unsigned i = 0; i < s->n; i++) {
		struct journal_worker *w = &s->workers[i];

		w->ops = (struct integrity_journal_ops){
			.mac = rekey_integrity_mac,
			.userdata = w->after,
		};
		rekey_integrity_journal(source, &s->geo, &w->ops, &w->journal);
		w->section = malloc((size_t)s->geo.section_sectors * SECTOR_SIZE);
		if (!w->section)
			return -ENOMEM;
	}
	s->base.unit = INTEGRITY_SB_SIZE;
	s->base.size = INTEGRITY_SB_SIZE + integrity_journal_sectors(&s->geo) * SECTOR_SIZE;
	*ret = &take_ptr(s)->base;
	return 0;
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
	size_t end = integrity_sb_mac_offset(digest_size(w->after));
	int r = rekey_integrity_superblock(&s->source, w->before, ret);

	return r < 0 || !s->has_sb_mac ? r : digest_data(w->after, ret, end, ret + end);
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
		r = integrity_journal_section(&w->journal, (uint32_t)i, w->section);
		if (r == 0)
			put(ret, position, size, w->section, at, section_size);
	}
	return r;
}

const struct rekey_type rekey_type_integrity_journal = {
	.type = &layer_type_integrity,
	.key = journal_key,
	.check = rekey_integrity_check,
	.open = journal_open,
	.close = journal_close,
	.place = journal_place,
	.make = journal_make,
};
