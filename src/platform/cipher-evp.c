/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Copies of libcrypto's cipher contexts.
 */

#include "cipher-evp.h"

#include <errno.h>

int cipher_evp_clone(EVP_CIPHER_CTX **ret, const EVP_CIPHER_CTX *from)
{
	if (!from)
		return 0;
	*ret = EVP_CIPHER_CTX_new();
	if (!*ret)
		return -ENOMEM;
	return EVP_CIPHER_CTX_copy(*ret, from) == 1 ? 0 : -EIO;
}
