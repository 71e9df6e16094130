/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The way to the TPM. Programs link tpm-tcti-device.c, which knows a character device and nothing
 * else; the tests put one in its place that talks to a software TPM.
 */

#include <tss2/tss2_tcti.h>

#include "macro.h"

/* True if there is something to open; it may come later. */
bool tpm_tcti_present(const char *device);
/*
 * As an initializer of the library: with tcti NULL it only says the size that a context has. Returns a
 * response code, which is 0 on success.
 */
uint32_t tpm_tcti_init(TSS2_TCTI_CONTEXT *tcti, size_t *size, const char *device) _must_check_;
