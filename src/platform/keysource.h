/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * From a key reference to the bytes.
 */

#include "diag.h"
#include "keyref.h"
#include "secret.h"

#define KEY_SIZE_MAX 4096 /* bytes */

/* The description of a key "tpm2:LABEL" in the user's keyring: the prefix and the label. */
#define TPM2_KEY_PREFIX		  "dmstack:tpm2:"
#define TPM2_KEY_DESCRIPTION_SIZE 128
int tpm2_key_description(const char *label, char ret[TPM2_KEY_DESCRIPTION_SIZE]) _must_check_;

struct key_request {
	const struct keyref *ref;
	size_t size;	       /* bytes that it must have; 0: any */
	const char *name;      /* of the layer, for the question and for messages */
	bool sealed;	       /* nobody is asked, and a file that others can read is refused */
	uint64_t timeout_usec; /* for the question; 0 or UINT64_MAX: none */
};

/*
 * In locked memory. -EKEYREJECTED: of another size; -EPERM: a source that the sealed phase does
 * not allow; -ENOKEY: it is not there.
 */
int key_fetch(
	const struct key_request *request, struct secret **ret, struct diag *diag) _must_check_;
