/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A manifest and its signature are two files: NAME.json and NAME.json.p7s.
 */

#include "diag.h"
#include "options.h"

/*
 * Checks the manifest's signature against certificates in files. -ENOENT: it has none.
 * -EKEYREJECTED, -EBADMSG: as signature_verify().
 */
int manifest_check_signature(const char *manifest_path, const struct strlist *certificates,
	struct diag *diag) _must_check_;
