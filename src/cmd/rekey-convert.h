/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Re-encryption of a layer in place, piece by piece, each through the journal.
 */

#include "layer.h"
#include "seal-journal.h"
#include "workers.h"

struct rekey_keys {
	const struct secret *before, *after;
};

/* How layers of a type are re-keyed. */
struct rekey_type {
	const struct layer_type *type;
	/* Why this layer cannot be re-keyed. */
	int (*check)(const struct layer *layer, struct diag *diag);
	/* Where the layer's data begin on its device, bytes. */
	uint64_t (*offset)(const struct layer *layer);
	/* What convert() needs, for so many threads. */
	int (*open)(const struct layer *layer, const struct rekey_keys *keys, unsigned n_workers,
		void **ret, struct diag *diag);
	void (*close)(void *state);
	/* From what lies on the device at that sector of the layer to what is to lie there. */
	int (*convert)(void *state, unsigned worker, uint8_t *data, size_t size, uint64_t sector);
};

extern const struct rekey_type rekey_type_crypt;

struct rekey_job {
	const struct rekey_type *type;
	void *state; /* as open() made it for these workers */
	struct workers *workers;
	struct seal_journal *journal; /* begun */
	int fd;			      /* of the layer's device */
	uint64_t offset;	      /* bytes there */
	/* How many of journal->entry.size bytes are done; may be NULL. */
	void (*progress)(void *userdata, uint64_t done, uint64_t total);
	void *userdata;
};

/*
 * From where the journal says to the end. -ECANCELED: a signal came; like after any other failure it
 * can go on. What is done is on the medium.
 */
int rekey_convert(struct rekey_job *job, struct diag *diag) _must_check_;
