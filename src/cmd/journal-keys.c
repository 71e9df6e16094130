/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Between the pure journal and libcrypto.
 */

#include "journal-keys.h"

#include <string.h>
#include <unistd.h>

#include "layer-integrity.h"

static int section_mac(
	void *userdata, const void *data, size_t size, uint8_t ret[INTEGRITY_JOURNAL_MAC_SIZE])
{
	const struct journal_keys *keys = userdata;
	uint8_t mac[DIGEST_SIZE_MAX] = {};
	int r = digest_data(keys->mac, data, size, mac);

	if (r == 0)
		memcpy(ret, mac, INTEGRITY_JOURNAL_MAC_SIZE);
	return r;
}

static int section_encrypt(void *userdata, uint32_t section, uint8_t *data, size_t size)
{
	const struct journal_keys *keys = userdata;

	return journal_crypt_encrypt(keys->crypt, section, data, size);
}

static int open_mac(
	const char *alg, const struct secret *key, struct journal_keys *keys, struct diag *diag)
{
	int r = digest_new(alg, key, &keys->mac);

	if (r < 0)
		return diag_set(diag, r, "journal-integrity: %s cannot be computed here", alg);
	keys->ops.mac = section_mac;
	return 0;
}

static int open_crypt(const char *alg, const struct secret *key,
	const struct integrity_geometry *geo, struct journal_keys *keys, struct diag *diag)
{
	int r = journal_crypt_new(alg, key, geo, (size_t)sysconf(_SC_PAGESIZE), &keys->crypt, diag);

	if (r < 0)
		return r;
	keys->ops.encrypt = section_encrypt;
	return journal_crypt_commit_ids(keys->crypt, keys->journal.commit_ids);
}

int journal_keys_open(const struct layer *layer, const struct integrity_geometry *geo,
	const struct secret *mac, const struct secret *crypt, struct journal_keys *ret,
	struct diag *diag)
{
	const struct integrity_fields *f = integrity_fields(layer);
	int r = 0;

	*ret = (struct journal_keys){
		.ops.userdata = ret,
		.journal = {
			.geo = geo,
			.ops = &ret->ops,
			.fix_hmac = f->sb.flags & INTEGRITY_SB_FIX_HMAC,
		},
	};
	memcpy(ret->journal.salt, f->sb.salt, sizeof(ret->journal.salt));
	integrity_journal_commit_ids(NULL, ret->journal.commit_ids);
	if (mac)
		r = open_mac(integrity_journal_mac_alg(layer), mac, ret, diag);
	if (r == 0 && crypt)
		r = open_crypt(f->journal_crypt, crypt, geo, ret, diag);
	return r;
}

void journal_keys_done(struct journal_keys *keys)
{
	keys->mac = digest_free(keys->mac);
	keys->crypt = journal_crypt_free(keys->crypt);
}

int journal_keys_decrypt(struct journal_keys *keys, uint32_t section, uint8_t *data)
{
	const struct integrity_geometry *geo = keys->journal.geo;

	return keys->crypt ? journal_crypt_decrypt(keys->crypt, section, data,
				     (size_t)geo->section_sectors * SECTOR_SIZE)
			   : 0;
}
