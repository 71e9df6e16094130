/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Adiantum: a wide-block cipher of XChaCha, AES-256, NH and Poly1305, as the kernel's
 * adiantum(xchacha12,aes) and adiantum(xchacha20,aes). Source: Crowley and Biggers, "Adiantum:
 * length-preserving encryption for entry-level processors" (2018).
 *
 * A struct adiantum may be used by one thread at a time.
 */

#include "macro.h"

#define ADIANTUM_KEY_SIZE   32 /* bytes */
#define ADIANTUM_TWEAK_SIZE 32

struct adiantum;

/* rounds: 12 or 20. -EINVAL, -ENOMEM, -EIO: libcrypto failed. */
int adiantum_new(
	const uint8_t key[ADIANTUM_KEY_SIZE], unsigned rounds, struct adiantum **ret) _must_check_;
int adiantum_clone(const struct adiantum *a, struct adiantum **ret) _must_check_;
/* Wipes and frees; takes and returns NULL. */
struct adiantum *adiantum_free(struct adiantum *a);

/* size: at least 16 bytes, a multiple of 16. src and dst may be equal. */
int adiantum_encrypt(struct adiantum *a, const uint8_t tweak[ADIANTUM_TWEAK_SIZE],
	const uint8_t *src, uint8_t *dst, size_t size) _must_check_;
int adiantum_decrypt(struct adiantum *a, const uint8_t tweak[ADIANTUM_TWEAK_SIZE],
	const uint8_t *src, uint8_t *dst, size_t size) _must_check_;

static inline void adiantum_freep(struct adiantum **p)
{
	if (*p)
		*p = adiantum_free(*p);
}
