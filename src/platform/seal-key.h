/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The keys that hang on the root secret of the seal, by HKDF with these infos:
 *
 *	root -"dmstack1 key" NUL LABEL-> a key's PRK -"dmstack1 use"-> the key, of the size wanted
 *	     -"dmstack1 wrap"-> wraps keys that were there before the root secret
 *	     -"dmstack1 slot"-> authenticates the slots
 *	     -"dmstack1 lockout"-> the lockout hierarchy's auth value
 *	     -"dmstack1 rekey"-> authenticates the journal of a re-keying
 */

#include "diag.h"
#include "key-wrap.h"

#define RECOVERY_TEXT_SIZE 81 /* with the NUL: 9 groups of 8 digits */

/* The HMAC of an encoded slot, put behind it, and held against the one that is there. */
int seal_mac_put(const struct secret *root, uint8_t data[SEAL_SLOT_SIZE]) _must_check_;
/* -EKEYREJECTED: another one. */
int seal_mac_check(const struct secret *root, const uint8_t data[SEAL_SLOT_SIZE]) _must_check_;

/*
 * What the keyring holds for a label: a letter, then the key of the slot's record ('K') or the PRK
 * ('D') from which seal_key_use() makes it; or that the layer is being re-keyed ('N'), and has parts
 * of either key.
 */
int seal_key_payload(const struct secret *root, const struct seal_slot *slot, const char *label,
	struct secret **ret) _must_check_;
/* The same for a key that is not in a slot yet. */
int seal_payload_kept(const struct secret *key, struct secret **ret) _must_check_;
/* size 0: 32 bytes of a derived key. -EBADMSG: not such a payload. -EBUSY: it is being re-keyed. */
int seal_key_use(const struct secret *payload, size_t size, struct secret **ret) _must_check_;
/* Appends a record with a key that is to be kept. */
int seal_key_keep(const struct secret *root, const char *label, const struct secret *key,
	struct seal_slot *slot) _must_check_;

/*
 * Re-keying: the key that a label has without regard to it; a new one, which waits in the slot; that
 * one again; and what the slot is when it has become the label's. The key of the journal's HMAC.
 */
int seal_key_present(const struct secret *root, const struct seal_slot *slot, const char *label,
	size_t size, struct secret **ret) _must_check_;
int seal_next_make(const struct secret *root, const char *label, size_t size,
	struct seal_slot *slot) _must_check_;
int seal_next_open(const struct secret *root, const struct seal_record *record,
	struct secret **ret) _must_check_;
int seal_next_promote(
	const struct secret *root, const char *label, struct seal_slot *slot) _must_check_;
int seal_journal_key(const struct secret *root, struct secret **ret) _must_check_;

/* A new recovery key, and the record with the root secret under it. */
int seal_recovery_make(
	const struct secret *root, struct seal_slot *slot, struct secret **ret) _must_check_;
/* The root secret. -ENOENT: the slot has no such record; -EKEYREJECTED: another recovery key. */
int seal_recovery_open(const struct seal_slot *slot, const struct secret *recovery,
	struct secret **ret) _must_check_;
/* As it is shown: hex in groups, the last one a checksum. */
int seal_recovery_text(const struct secret *recovery, struct secret **ret) _must_check_;
/* Blanks and dashes do not count. -EINVAL: not such a text, or a typing error. */
int seal_recovery_parse(
	const struct secret *text, struct secret **ret, struct diag *diag) _must_check_;

/* New parameters for a PIN: Argon2 where it can be computed, else PBKDF2. */
int seal_pin_new(struct seal_pin *ret) _must_check_;
/* The auth value that a PIN stands for. */
int seal_pin_auth(const struct seal_pin *pin, const struct secret *text, struct secret **ret,
	struct diag *diag) _must_check_;
