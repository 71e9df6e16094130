/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Parameters of a "crypt" layer: plain dm-crypt (kernel: admin-guide/device-mapper/dm-crypt).
 */

#include "aead-spec.h"
#include "layer.h"

struct crypt_fields {
	char *cipher;	      /* "aes-xts-plain64" or "capi:..." */
	uint64_t key_bits;    /* field "size", as in crypttab */
	uint64_t sector_size; /* bytes */
	uint64_t offset;      /* sectors on the device below */
	uint64_t skip;	      /* sectors added to the IV */
	char *integrity;      /* cryptsetup's word for authenticated encryption; NULL: none */
	uint64_t integrity_key_size; /* bytes of the MAC's key; 0: the default */
	uint64_t tag_size;	     /* bytes used of the tags below; 0: what the algorithm needs */
	bool iv_large_sectors;
	bool same_cpu_crypt;
	bool submit_from_crypt_cpus;
	bool no_read_workqueue;
	bool no_write_workqueue;
};

extern const struct layer_type layer_type_crypt;

static inline struct crypt_fields *crypt_fields(const struct layer *layer)
{
	return layer->params;
}

/* What the cipher is with its authentication. -ENODATA: it has none. */
int crypt_layer_aead(
	const struct layer *layer, struct aead_spec *ret, struct diag *diag) _must_check_;
/* Bytes of each sector's tag that the layer uses; 0 without authentication. */
uint32_t crypt_tag_size(const struct layer *layer);
