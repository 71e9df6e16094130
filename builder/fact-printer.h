/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Facts of a superblock, one by one, as lines for people or as members of a JSON object.
 */

#include "buf.h"

struct luks2;

struct fact_printer {
	struct buf *buf;
	bool json;
	unsigned depth; /* of groups */
};

void fact_text(struct fact_printer *p, const char *name, const char *value);
void fact_u64(struct fact_printer *p, const char *name, uint64_t value);
void fact_hex(struct fact_printer *p, const char *name, const void *data, size_t size);
/*
 * Things of one kind: in JSON an array, the name of which is the plural, of objects that have the
 * number.
 */
void fact_list_begin(struct fact_printer *p, const char *plural);
void fact_list_end(struct fact_printer *p);
void fact_item_begin(struct fact_printer *p, const char *name, unsigned number);
void fact_item_end(struct fact_printer *p);

/* luks-facts.c: what a LUKS2 header says, as luksDump of cryptsetup(8) does. */
void luks_facts(struct fact_printer *p, const struct luks2 *header);
