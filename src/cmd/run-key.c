/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keys on their way from where the configuration says to the kernel keyring.
 */

#include "run-key.h"

#include "keysource.h"
#include "layer-luks.h"
#include "log.h"
#include "luks2-keyslot.h"

static int read_header(void *userdata, void *ret, size_t size, uint64_t offset, struct diag *diag)
{
	return blockdev_read(userdata, ret, size, offset, diag);
}

/* From the key that was fetched to that of the table: a keyslot of the header holds it. */
static int open_keyslot(struct run_layer *rl, struct secret **key, struct diag *diag)
{
	const struct layer_type *type = rl->layer->type;
	_cleanup_(secret_freep) struct secret *volume_key = NULL;
	struct luks2_reader reader = { .read = read_header };
	struct superblock_place place;
	int r;

	r = run_layer_probe(rl, diag);
	if (r >= 0)
		r = type->superblock(rl->layer, &place);
	if (r < 0)
		return r;
	reader.userdata = &rl->devices[place.role];
	r = luks2_unlock(type->keyslots(rl->layer), &reader, *key, luks_key_slot(rl->layer),
		&volume_key, diag);
	if (r < 0)
		return r;
	(void)!secret_free(*key);
	*key = take_ptr(volume_key);
	return 0;
}

/* Somebody mistyped: as often as crypttab(5) asks. */
#define ASK_TRIES 3

int run_key_fetch(
	struct run_layer *rl, const struct step *step, struct secret **ret, struct diag *diag)
{
	_cleanup_(secret_freep) struct secret *key = NULL;
	const struct key_request request = {
		.ref = step->key,
		.size = step->key_size,
		.name = rl->layer->name,
		/* Of what is no secret, only the content matters. */
		.sealed = rl->layer->common.phase != PHASE_BOOTSTRAP && !step->public_key,
		.timeout_usec = rl->layer->common.timeout_usec,
	};
	int r;

	for (unsigned int tries = 1;; tries++) {
		r = key_fetch(&request, &key, diag);
		if (r >= 0 && rl->layer->type->keyslots)
			r = open_keyslot(rl, &key, diag);
		if (r != -EKEYREJECTED || step->key->kind != KEYREF_ASK || tries == ASK_TRIES)
			break;
		(void)log_diag(r, diag);
		diag_done(diag);
		key = secret_free(key);
	}
	if (r < 0)
		return r;
	*ret = take_ptr(key);
	return 0;
}
