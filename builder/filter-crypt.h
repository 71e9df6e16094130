/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The crypt filter has two forms: filter-crypt.c encrypts only, crypt-aead.c authenticates too.
 */

#include "filter.h"

/* The second form; the arguments are those of filter_type.open. */
int crypt_aead_open(const struct filter_args *args, struct vdev **ret, struct diag *diag);
