/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * XTS-AES (IEEE Std 1619-2018) over whole sectors, thirty-two blocks side by side in the vector
 * registers. For CPUs with VAES and AVX-512 only; elsewhere libcrypto is the better choice.
 */

#include "macro.h"

#define AES_XTS_IV_SIZE	    16	/* bytes */
#define AES_XTS_SECTOR_STEP 512 /* bytes; sectors are a multiple of it */

struct aes_xts;

/* True if the CPU has what it takes, and $DMSTACK_AES is not "libcrypto". */
bool aes_xts_usable(void);

/* key_size: 32 or 64 bytes, both halves. -EINVAL: another; -ENOMEM. The CPU must be able to. */
int aes_xts_new(const uint8_t *key, size_t key_size, struct aes_xts **ret) _must_check_;
int aes_xts_clone(const struct aes_xts *xts, struct aes_xts **ret) _must_check_;
/* Wipes and frees; takes and returns NULL. */
struct aes_xts *aes_xts_free(struct aes_xts *xts);

/* n sectors of size bytes, with n IVs one behind the other. src and dst may be equal. */
void aes_xts_encrypt(const struct aes_xts *xts, const uint8_t *ivs, const uint8_t *src,
	uint8_t *dst, size_t size, size_t n);
void aes_xts_decrypt(const struct aes_xts *xts, const uint8_t *ivs, const uint8_t *src,
	uint8_t *dst, size_t size, size_t n);
