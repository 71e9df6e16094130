/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * QR codes (ISO/IEC 18004) by libqrencode, as text of UTF-8 half blocks for a terminal that is light
 * on dark: error correction level M, a margin of two modules.
 */

#include "diag.h"
#include "secret.h"

/* Whether dmstack was built with libqrencode, and it can be loaded. */
bool qr_is_supported(void);
/*
 * The code of a text of at most 1024 bytes, not NUL-terminated. -EOPNOTSUPP: no libqrencode;
 * -EFBIG: longer. What the library keeps of it within a call is not wiped.
 */
int qr_make(const struct secret *text, struct secret **ret, struct diag *diag) _must_check_;
