/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a line of type "manifest" in dmstack.conf adds to the manifest that it names.
 */

#include "conf.h"
#include "manifest.h"

/*
 * "data=DEVICE" replaces the physical device below the top layer, "ROLE=DEVICE" the one device in
 * this role; the key column is for the one layer that needs a key and names none. Other options
 * are those that every layer has, and go to the top layer: they may not contradict the manifest,
 * and the phase gets only stricter. -EINVAL with a diag.
 */
int manifest_override(
	struct manifest *m, const struct conf_manifest *line, struct diag *diag) _must_check_;
