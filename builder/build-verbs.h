/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What dmstack-build can do: one file per verb.
 */

#include "options.h"

extern const struct verb verb_create;
extern const struct verb verb_verify;
extern const struct verb verb_extract;
extern const struct verb verb_inspect;
extern const struct verb verb_sign;
extern const struct verb verb_sign_policy;
extern const struct verb verb_repair;
extern const struct verb verb_recalculate;
