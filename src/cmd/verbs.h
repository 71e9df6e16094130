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
extern const struct verb verb_watch;
extern const struct verb verb_import;
extern const struct verb verb_initrd_closure;
extern const struct verb verb_suspend;
extern const struct verb verb_resume;
extern const struct verb verb_enroll;
extern const struct verb verb_unseal;
extern const struct verb verb_cap;
extern const struct verb verb_rekey;
extern const struct verb verb_reseal;
extern const struct verb verb_recover;
extern const struct verb verb_reset;
extern const struct verb verb_tpm_status;
extern const struct verb verb_gate;
extern const struct verb verb_fail;
