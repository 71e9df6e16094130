/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Parameters of a "luks" layer: dm-crypt whose parameters and key come from a LUKS2 header. Roles:
 * data, header.
 */

#include "layer-crypt.h"
#include "luks2.h"

/* Bytes of header and keyslots where they have a device of their own, or none is given: as cryptsetup. */
#define LUKS2_DETACHED_SIZE (16U << 20)

struct luks_fields {
	/* First: what works on a crypt layer works on this one (crypt_fields()). */
	struct crypt_fields crypt;
	uint8_t uuid[16];
	char *label;		 /* or NULL */
	uint64_t key_slot;	 /* if it was given */
	bool volume_key;	 /* the layer's key is that of the data, and opens no keyslot */
	unsigned priority;	 /* of the keyslot, as in the header; created images */
	uint64_t metadata_size;	 /* bytes of one copy of the header; created images */
	uint64_t keyslots_size;	 /* bytes of all areas; 0: up to the data, created images */
	unsigned kdf;		 /* enum luks2_kdf_type; created images */
	uint64_t kdf_iterations; /* 0: a default of the KDF */
	uint64_t kdf_memory;	 /* bytes */
	uint64_t kdf_parallelism;
	struct luks2 *header; /* what adopt() found; owned; not a field */
	uint64_t wanted;      /* bytes that adopt() wants to see; 0: the first look */
};

extern const struct layer_type layer_type_luks;

static inline struct luks_fields *luks_fields(const struct layer *layer)
{
	return layer->params;
}

/* True if the header has a device of its own, or lies below another layer. */
bool luks_has_header_device(const struct layer *layer);
/* The integrity layer below that keeps the tags; NULL: there is none, or it is not linked. */
const struct layer *luks_tag_store(const struct layer *layer);
/* The keyslot that is to be used, or LUKS2_ANY_KEYSLOT or LUKS2_NO_KEYSLOT. */
int luks_key_slot(const struct layer *layer);
/* cryptsetup's word in the header for that of the field: hmac-sha256 -> hmac(sha256). */
int luks_integrity_word(const char *integrity, char ret[static 64]);
