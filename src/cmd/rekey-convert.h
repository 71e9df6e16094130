/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Re-keying of a layer in place, piece by piece, each through the journal.
 */

#include "layer.h"
#include "seal-journal.h"
#include "workers.h"

struct rekey_source {
	struct layer *layer;
	struct layer *base; /* whose devices these are; its superblock is adopted */
	const struct secret *before, *after;
	int fds[LAYER_ROLES_MAX]; /* of the devices, by role */
	int header_fd;		  /* of the layer's own header, where base is another; else -1 */
	uint64_t sectors[LAYER_ROLES_MAX];
	unsigned n_workers;
	bool resumes; /* what is there may be half converted */
	/* Another key of the base, which stays as it is. */
	int (*fetch)(
		void *userdata, const struct keyref *ref, struct secret **ret, struct diag *diag);
	void *userdata;
};

/* What open() of a type makes; its own part follows. */
struct rekey_state {
	int fd;	     /* of the device that is written; not owned */
	int also[2]; /* of others that are written as well; not owned */
	unsigned n_also;
	uint64_t size; /* bytes that are made anew, whatever lies between them */
	uint32_t unit; /* bytes that are not made in two pieces */
	uint32_t last; /* bytes of the last piece, which is one; 0: it may be any */
};

/* What one unit tells of the key of before. */
enum rekey_sign {
	REKEY_SILENT, /* nothing: it was never written */
	REKEY_WRONG,  /* another key, or damage */
	REKEY_RIGHT,
};

/* How a key of the layers of a type is replaced. */
struct rekey_type {
	const struct layer_type *type;
	/* The layer below whose devices are used in its place; NULL: its own. */
	struct layer *(*base)(const struct layer *layer);
	/* The key, or NULL: this layer has none. */
	const struct keyref *(*key)(const struct layer *layer);
	/* Why it cannot be replaced; NULL: it can. */
	int (*check)(const struct layer *layer, struct diag *diag);
	/* Bytes of a new key. NULL: as many as the present one has. */
	size_t (*new_size)(const struct layer *layer, size_t before);
	int (*open)(const struct rekey_source *source, struct rekey_state **ret, struct diag *diag);
	void (*close)(struct rekey_state *state); /* takes NULL */
	/* What that unit tells: enum rekey_sign, or a negative errno. NULL: open() has checked the key. */
	int (*look)(struct rekey_state *state, uint64_t unit);
	/* Where those from position on lie on the device, and how many of them in a row. */
	void (*place)(const struct rekey_state *state, uint64_t position, uint64_t *ret_offset,
		uint64_t *ret_length);
	/* Makes them, from what lies on the devices. They are in a row. */
	int (*make)(struct rekey_state *state, unsigned worker, uint64_t position, uint8_t *ret,
		size_t size);
	/* Writes what was made so, where it is not just one place. May be NULL. */
	int (*write)(struct rekey_state *state, uint64_t position, uint8_t *data, size_t size);
	/*
	 * The last piece, when it goes on with that one: what the superblock is, and may be half
	 * written. May be NULL. What state->unit will be is known before.
	 */
	int (*mend)(const struct rekey_source *source, const uint8_t *piece, size_t size);
	uint32_t (*mend_unit)(const struct rekey_source *source);
};

extern const struct rekey_type rekey_type_crypt;
extern const struct rekey_type rekey_type_aead;
extern const struct rekey_type rekey_type_luks;
extern const struct rekey_type rekey_type_integrity;
extern const struct rekey_type rekey_type_journal_mac;
extern const struct rekey_type rekey_type_journal_crypt;

struct rekey_job {
	const struct rekey_type *type;
	struct rekey_state *state; /* for these workers */
	struct workers *workers;
	struct seal_journal *journal; /* begun */
	/* How many of journal->entry.size bytes are done; may be NULL. */
	void (*progress)(void *userdata, uint64_t done, uint64_t total);
	void *userdata;
};

/* What a unit tells by nothing but itself, encrypted and decrypted: whole sectors. */
enum rekey_sign rekey_sign_of(const uint8_t *raw, const uint8_t *plain, size_t size);
/* Reads here and there. -EKEYREJECTED: the key of before is not that of what lies there. */
int rekey_prove(
	const struct rekey_type *type, struct rekey_state *state, struct diag *diag) _must_check_;
/*
 * When it goes on, before the superblock of source->layer is read: writes what a power cut may have
 * left half written of it. Of the journal only the id counts yet.
 */
int rekey_mend(const struct rekey_type *type, const struct rekey_source *source,
	struct seal_journal *journal, struct diag *diag) _must_check_;
/*
 * From where the journal says to the end. -ECANCELED: a signal came; like after any other failure it
 * can go on. What is done is on the medium.
 */
int rekey_convert(struct rekey_job *job, struct diag *diag) _must_check_;
