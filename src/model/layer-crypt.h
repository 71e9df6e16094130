/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Parameters of a "crypt" layer: plain dm-crypt (kernel: admin-guide/device-mapper/dm-crypt).
 */

#include "layer.h"

struct crypt_fields {
	char *cipher;	      /* "aes-xts-plain64" or "capi:..." */
	uint64_t key_bits;    /* field "size", as in crypttab */
	uint64_t sector_size; /* bytes */
	uint64_t offset;      /* sectors on the device below */
	uint64_t skip;	      /* sectors added to the IV */
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
