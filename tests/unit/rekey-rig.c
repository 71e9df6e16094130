/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What lies there at the end is computed apart, from the plaintext.
 */

#include "test.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "aead.h"
#include "cipher.h"
#include "fd.h"
#include "interrupt.h"
#include "integrity-journal.h"
#include "layer-crypt.h"
#include "layer-integrity.h"
#include "rekey-rig.h"

#define KEY_SIZE     64
#define MAC_KEY_SIZE 32
#define LAYER_SIZE   (2U << 20)
#define BLOCK	     4096U
#define TAG_SIZE     32U
/* With superblock, journal and tags. */
#define STORE_SIZE (LAYER_SIZE + (1U << 18))

static int make_file(size_t size)
{
	int fd = memfd_create("rekey", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static struct secret *make_key(size_t size, uint8_t seed)
{
	struct secret *key;

	assert_int_equal(secret_new(size, false, &key), 0);
	for (size_t i = 0; i < size; i++)
		secret_bytes(key)[i] = (uint8_t)(seed + 7 * i);
	return key;
}

static void encrypt(const struct secret *key, const uint8_t *plain, uint8_t *ret)
{
	_cleanup_(cipher_freep) struct cipher *cipher = NULL;
	struct cipher_params params = { .sector_size = BLOCK };

	assert_int_equal(cipher_spec_parse("aes-xts-plain64", &params.spec, NULL), 0);
	assert_int_equal(cipher_new(&params, key, &cipher, NULL), 0);
	assert_int_equal(cipher_encrypt(cipher, plain, ret + DATA_OFFSET, LAYER_SIZE, 0), 0);
}

static void make_crypt(struct rekey_rig *rig)
{
	rig->device_size = DATA_OFFSET + LAYER_SIZE + 512;
	rig->identity.size = LAYER_SIZE;
	assert_int_equal(layer_new("data", &layer_type_crypt, &rig->layer, NULL), 0);
	assert_int_equal(layer_set_option(rig->layer, "sector-size=4096", NULL), 0);
	assert_int_equal(layer_set_option(rig->layer, "offset=8", NULL), 0);
	rig->base = rig->layer;
}

static const struct integrity_format store_format = {
	.data_sectors = STORE_SIZE / SECTOR_SIZE,
	.journal_sectors = 256,
	/* Pieces and even slices lie in several areas. */
	.interleave_sectors = 256,
	.tag_size = TAG_SIZE,
	.block_size = BLOCK,
	.fix_padding = true,
};

/* An empty tag store, as dm-integrity formats it. */
static void format_store(const struct integrity_geometry *geo, uint8_t *ret)
{
	const uint8_t salt[INTEGRITY_SALT_SIZE] = {};
	struct integrity_journal journal = { .geo = geo };
	size_t section_size = (size_t)geo->section_sectors * SECTOR_SIZE;
	struct integrity_sb sb;

	integrity_geometry_sb(geo, INTEGRITY_SB_FIX_PADDING, salt, &sb);
	integrity_sb_encode(&sb, ret);
	integrity_journal_commit_ids(NULL, journal.commit_ids);
	for (uint32_t i = 0; i < geo->journal_sections; i++)
		assert_int_equal(integrity_journal_section(
					 &journal, i, ret + INTEGRITY_SB_SIZE + i * section_size),
			0);
}

static void seal(const struct secret *key, const uint8_t *plain, uint8_t *ret)
{
	_cleanup_(aead_freep) struct aead *aead = NULL;
	struct aead_params params = { .sector_size = BLOCK, .tag_size = TAG_SIZE };
	struct integrity_geometry geo;

	assert_int_equal(integrity_geometry_format(&store_format, &geo, NULL), 0);
	format_store(&geo, ret);
	assert_int_equal(
		aead_spec_parse("aes-xts-plain64", "hmac-sha256", 0, &params.spec, NULL), 0);
	assert_int_equal(aead_new(&params, key, &aead, NULL), 0);
	for (uint64_t sector = 0; sector < geo.provided_sectors; sector += BLOCK / SECTOR_SIZE) {
		const struct aead_units unit = {
			.src = plain + sector * SECTOR_SIZE % LAYER_SIZE,
			.dst = ret + integrity_data_sector(&geo, sector) * SECTOR_SIZE,
			.n = 1,
			.sector = sector,
			.tags = ret + integrity_tag_byte(&geo, sector),
			.stride = TAG_SIZE,
		};

		assert_int_equal(aead_encrypt(aead, &unit), 0);
	}
}

static void make_aead(struct rekey_rig *rig)
{
	struct integrity_geometry geo;

	assert_int_equal(integrity_geometry_format(&store_format, &geo, NULL), 0);
	rig->device_size = STORE_SIZE + 512;
	rig->identity.size = geo.provided_sectors * SECTOR_SIZE / BLOCK * (BLOCK + TAG_SIZE);
	assert_int_equal(layer_new("data", &layer_type_crypt, &rig->layer, NULL), 0);
	assert_int_equal(layer_set_option(rig->layer, "sector-size=4096", NULL), 0);
	assert_int_equal(layer_set_option(rig->layer, "integrity=hmac-sha256", NULL), 0);
	assert_int_equal(layer_new("store", &layer_type_integrity, &rig->base, NULL), 0);
	assert_int_equal(layer_set_option(rig->base, "integrity-algorithm=none", NULL), 0);
	assert_int_equal(layer_set_option(rig->base, "tag-size=32", NULL), 0);
	assert_int_equal(layer_set_option(rig->base, "sector-size=4096", NULL), 0);
	rig->layer->devices[0].layer = rig->base;
}

static void adopt(struct rekey_rig *rig, const uint8_t *data)
{
	if (rig->base != rig->layer)
		assert_int_equal(integrity_adopt(rig->base, data, INTEGRITY_SB_SIZE, NULL), 0);
}

void rekey_rig_make(struct rekey_rig *rig, const struct rekey_type *type)
{
	bool is_aead = type == &rekey_type_aead;
	void (*fill)(const struct secret *key, const uint8_t *plain, uint8_t *ret) =
		is_aead ? seal : encrypt;
	_cleanup_free_ uint8_t *plain = malloc(LAYER_SIZE), *old = NULL;

	*rig = (struct rekey_rig){
		.type = type,
		.store = { .fd = make_file(SEAL_SIZE), .size = SEAL_SIZE },
		.root = make_key(32, 1),
		.before = make_key(is_aead ? KEY_SIZE + MAC_KEY_SIZE : KEY_SIZE, 2),
		.after = make_key(is_aead ? KEY_SIZE + MAC_KEY_SIZE : KEY_SIZE, 3),
		.identity = { .id = { 9 }, .layer = { 8 } },
		.stop_at = UINT64_MAX,
	};
	(is_aead ? make_aead : make_crypt)(rig);
	rig->fd = make_file(rig->device_size);
	old = calloc(1, rig->device_size);
	rig->expected = calloc(1, rig->device_size);
	assert_true(plain && old && rig->expected);
	assert_int_equal(workers_new(3, &rig->workers), 0);
	for (size_t i = 0; i < LAYER_SIZE; i++)
		plain[i] = i < BLOCK ? 0 : (uint8_t)(i * i >> 7);
	fill(rig->before, plain, old);
	fill(rig->after, plain, rig->expected);
	adopt(rig, old);
	assert_int_equal(fd_pwrite_full(rig->fd, old, rig->device_size, 0), 0);
}

void rekey_rig_done(struct rekey_rig *rig)
{
	rig->workers = workers_free(rig->workers);
	if (rig->base != rig->layer)
		(void)layer_free(rig->base);
	rig->layer = layer_free(rig->layer);
	rig->root = secret_free(rig->root);
	rig->before = secret_free(rig->before);
	rig->after = secret_free(rig->after);
	free(rig->expected);
	seal_store_done(&rig->store);
	cleanup_close(&rig->fd);
}

static void stop(void *userdata, uint64_t done, uint64_t total)
{
	struct rekey_rig *rig = userdata;

	assert_int_equal(total, rig->identity.size);
	interrupted = done >= rig->stop_at && done < total;
}

/* As dmstack does it, with another process each time. */
int rekey_rig_convert(struct rekey_rig *rig, bool begin)
{
	_cleanup_(seal_journal_done) struct seal_journal journal = {};
	const struct rekey_source source = {
		.layer = rig->layer,
		.base = rig->base,
		.before = rig->before,
		.after = rig->after,
		.fds = { rig->fd },
		.sectors = { (rig->device_size - 512) / SECTOR_SIZE },
		.n_workers = workers_count(rig->workers),
		.resumes = !begin,
	};
	struct rekey_job job = {
		.type = rig->type,
		.workers = rig->workers,
		.journal = &journal,
		.progress = stop,
		.userdata = rig,
	};
	int r;

	assert_int_equal(rig->type->open(&source, &job.state, NULL), 0);
	if (begin)
		assert_int_equal(rekey_prove(rig->type, job.state, NULL), 0);
	assert_int_equal(seal_journal_init(&rig->store, rig->root, &rig->identity, job.state->unit,
				 &journal, NULL),
		0);
	if (begin)
		assert_int_equal(seal_journal_begin(&journal, NULL), 0);
	r = rekey_convert(&job, NULL);
	rig->type->close(job.state);
	interrupted = 0;
	return r;
}

void rekey_rig_expect_end(struct rekey_rig *rig)
{
	_cleanup_free_ uint8_t *data = malloc(rig->device_size);

	assert_non_null(data);
	assert_int_equal(fd_pread_full(rig->fd, data, rig->device_size, 0), 0);
	assert_memory_equal(data, rig->expected, rig->device_size);
}

uint32_t rekey_rig_piece(void)
{
	uint32_t ret;

	assert_int_equal(rekey_capacity(SEAL_SIZE, &ret, NULL), 0);
	return ret;
}
