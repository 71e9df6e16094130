/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A key under another one: AES-256-GCM with a random nonce, as a record of the seal's slot. What
 * kind and label it has is authenticated with it.
 */

#include "seal-slot.h"
#include "secret.h"

#define KEY_WRAP_SIZE 32 /* bytes of the wrapping key */

/* The ciphertext goes to the buffer, to which the record points then. */
int key_wrap(const struct secret *wrapping, const struct secret *key, struct seal_record *record,
	uint8_t ciphertext[SEAL_KEY_MAX]) _must_check_;
/* -EKEYREJECTED: another wrapping key, or a changed record. */
int key_unwrap(const struct secret *wrapping, const struct seal_record *record,
	struct secret **ret) _must_check_;
