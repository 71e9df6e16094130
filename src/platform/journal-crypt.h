/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The encryption of dm-integrity's journal (table option journal_crypt), to be used in a struct
 * integrity_journal_ops.
 */

#include "diag.h"
#include "integrity-journal.h"
#include "secret.h"

struct journal_crypt;

/*
 * alg: cbc(aes), ctr(aes), or integritysetup's cbc-aes, ctr-aes. page_size (bytes) is that of the
 * machine that opens the device; it counts for ctr only. -EOPNOTSUPP: another algorithm. -EINVAL:
 * key size.
 */
int journal_crypt_new(const char *alg, const struct secret *key,
	const struct integrity_geometry *geo, size_t page_size, struct journal_crypt **ret,
	struct diag *diag) _must_check_;
struct journal_crypt *journal_crypt_free(struct journal_crypt *jc);

/* The commit ids of this journal; for the stream modes they depend on the key. */
int journal_crypt_commit_ids(
	struct journal_crypt *jc, uint64_t ret[INTEGRITY_COMMIT_IDS]) _must_check_;
/*
 * One whole section in place, as struct integrity_journal_ops has it; userdata is the
 * journal_crypt.
 */
int journal_crypt_encrypt(
	void *userdata, uint32_t section, uint8_t *data, size_t size) _must_check_;
int journal_crypt_decrypt(
	struct journal_crypt *jc, uint32_t section, uint8_t *data, size_t size) _must_check_;

static inline void journal_crypt_freep(struct journal_crypt **p)
{
	if (*p)
		*p = journal_crypt_free(*p);
}
