/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Manifests of device-mapper-tools ("manifest_version": 1), with and without mount hints. Of its
 * seven shapes only plain encryption is sound; the others are refused, and the diag says why.
 */

#include "manifest.h"

/*
 * Reads such a manifest into one with a single layer of that name. It says neither where the data
 * lies nor which key it needs: the caller sets the layer's data device and key.
 * -EINVAL: no such manifest; -EOPNOTSUPP: refused; both with a diag. -ENOMEM.
 */
int manifest_v1_parse(const char *text, size_t size, const char *file, const char *name,
	struct manifest **ret, struct diag *diag) _must_check_;
