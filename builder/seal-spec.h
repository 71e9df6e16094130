/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The seal of a manifest, as the command line has it: DEVICE[,OPTION[=VALUE]...].
 */

#include "seal.h"

/* The option name= is "machine" if it is not given. -EINVAL: the diag names the word. */
int seal_spec_parse(const char *spec, struct seal **ret, struct diag *diag) _must_check_;
