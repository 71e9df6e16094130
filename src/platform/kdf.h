/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Keys from passphrases: PBKDF2 (RFC 8018) and Argon2 (RFC 9106), as keyslots of LUKS2 say.
 */

#include "diag.h"
#include "luks2.h"
#include "secret.h"

/*
 * Fills size bytes. -EOPNOTSUPP: Argon2, or a hash, that this build and its libraries do not have.
 * -ENOMEM: not as much memory as the parameters want.
 */
int kdf_derive(const struct luks2_kdf *kdf, const struct secret *passphrase, uint8_t *ret,
	size_t size, struct diag *diag) _must_check_;
/* True if Argon2 can be computed. */
bool kdf_has_argon2(void);
