/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What dmstack can do: one file per verb.
 */

#include "options.h"

extern const struct verb verb_attach;
extern const struct verb verb_detach;
extern const struct verb verb_plan;
extern const struct verb verb_status;
extern const struct verb verb_list;
extern const struct verb verb_check;
extern const struct verb verb_import;
extern const struct verb verb_initrd_closure;
