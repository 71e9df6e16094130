/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the files that encrypt with libcrypto share.
 */

#include <openssl/evp.h>

#include "macro.h"

/*
 * A copy with its own state, for another thread; the caller frees it. from NULL leaves *ret alone.
 * -EIO: libcrypto failed, and *ret is set nonetheless.
 */
int cipher_evp_clone(EVP_CIPHER_CTX **ret, const EVP_CIPHER_CTX *from) _must_check_;
