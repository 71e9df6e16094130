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
#include "layer-luks.h"
#include "luks2-keyslot.h"
#include "rekey-rig.h"

#define KEY_SIZE      64
#define MAC_KEY_SIZE  32
#define LAYER_SIZE    (2U << 20)
#define BLOCK	      4096U
#define TAG_SIZE      32U
#define LUKS_KEY_SIZE 32
#define LUKS_OFFSET   (1U << 18)
#define LUKS_SIZE     (1U << 19)
/* With superblock, journal and tags. */
#define STORE_SIZE (LAYER_SIZE / 2 + (1U << 18))

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

static const struct luks2 luks_header = {
	.header_size = LUKS2_HEADER_SIZE_MIN,
	.seqid = 1,
	.uuid = "01234567-89ab-4def-8123-456789abcdef",
	.keyslots_size = 131072,
	.keyslots = { {
		.priority = 1,
		.key_size = LUKS_KEY_SIZE,
		.stripes = LUKS2_STRIPES,
		.af_hash = "sha256",
		.area_offset = 2ULL * LUKS2_HEADER_SIZE_MIN,
		.area_size = 131072,
		.area_cipher = "aes-xts-plain64",
		.area_key_size = 64,
		.kdf = { LUKS2_PBKDF2, "sha256", .iterations = 1000, .salt_size = 32 },
	} },
	.n_keyslots = 1,
	.digests = { {
		.hash = "sha256",
		.iterations = 1000,
		.salt_size = 32,
		.digest_size = 32,
		.keyslots = 1,
		.has_segment = true,
	} },
	.n_digests = 1,
	.segment = { .offset = LUKS_OFFSET, .cipher = "aes-xts-plain64", .sector_size = BLOCK },
};

static void crypt_luks(
	const struct secret *volume_key, const uint8_t *from, uint8_t *ret, bool decrypt)
{
	_cleanup_(cipher_freep) struct cipher *cipher = NULL;
	struct cipher_params params = { .sector_size = BLOCK };

	assert_int_equal(cipher_spec_parse("aes-xts-plain64", &params.spec, NULL), 0);
	assert_int_equal(cipher_new(&params, volume_key, &cipher, NULL), 0);
	assert_int_equal(
		(decrypt ? cipher_decrypt : cipher_encrypt)(cipher, from, ret, LUKS_SIZE, 0), 0);
}

static void fill_luks(const struct secret *key, const uint8_t *plain, uint8_t *ret)
{
	_cleanup_(secret_freep) struct secret *volume_key = make_key(LUKS_KEY_SIZE, 4);
	_cleanup_free_ uint8_t *stripes = calloc(LUKS2_STRIPES, LUKS_KEY_SIZE);
	struct luks2 header = luks_header;
	const struct luks2_image image = { .header = &header, .salts = { { 1 }, { 2 } } };

	assert_non_null(stripes);
	assert_int_equal(luks2_make_digest(&header.digests[0], volume_key, NULL), 0);
	assert_int_equal(luks2_encode(&image, ret), 0);
	assert_int_equal(luks2_seal_keyslot(&header.keyslots[0], key, volume_key, stripes,
				 ret + header.keyslots[0].area_offset, NULL),
		0);
	crypt_luks(volume_key, plain, ret + LUKS_OFFSET, false);
}

static int read_rig(void *userdata, void *ret, size_t size, uint64_t offset, struct diag *diag)
{
	const struct rekey_rig *rig = userdata;

	return fd_pread_full(rig->fd, ret, size, offset);
}

/* Both copies of the header are good, the new key opens it, the old one does not. */
static void expect_luks(struct rekey_rig *rig)
{
	const struct luks2_reader reader = { .read = read_rig, .userdata = rig };
	_cleanup_free_ uint8_t *data = malloc(rig->device_size);
	_cleanup_(secret_freep) struct secret *volume_key = NULL;
	struct luks2 header;

	assert_non_null(data);
	assert_int_equal(fd_pread_full(rig->fd, data, rig->device_size, 0), 0);
	assert_int_equal(luks2_decode(data, LUKS_OFFSET, &header, NULL, NULL), 0);
	assert_true(header.seqid == 2 && !header.is_second);
	assert_int_equal(
		luks2_unlock(&header, &reader, rig->before, -1, &volume_key, NULL), -EKEYREJECTED);
	memset(data, 0, LUKS2_BINARY_SIZE);
	assert_int_equal(luks2_decode(data, LUKS_OFFSET, &header, NULL, NULL), 0);
	assert_true(header.seqid == 2 && header.is_second);
	assert_int_equal(luks2_unlock(&header, &reader, rig->after, -1, &volume_key, NULL), 0);
	crypt_luks(volume_key, data + LUKS_OFFSET, data, true);
	assert_memory_equal(data, rig->expected, LUKS_SIZE);
}

static void make_luks(struct rekey_rig *rig)
{
	rig->device_size = LUKS_OFFSET + LUKS_SIZE + 512;
	rig->identity.size = LUKS_SIZE + 2 * LUKS2_HEADER_SIZE_MIN + 131072;
	assert_int_equal(layer_new("data", &layer_type_luks, &rig->layer, NULL), 0);
	rig->base = rig->layer;
}

/* Reads the superblock, if there is one. */
static void probe(struct rekey_rig *rig)
{
	const struct layer_type *type = rig->base->type;
	_cleanup_free_ uint8_t *data = malloc(rig->device_size);
	struct superblock_place place;
	int r = type->superblock ? 1 : 0;

	assert_non_null(data);
	while (r > 0) {
		assert_int_equal(type->superblock(rig->base, &place), 0);
		assert_int_equal(fd_pread_full(rig->fd, data, place.size, place.offset), 0);
		r = type->adopt(rig->base, data, place.size, NULL);
	}
	assert_int_equal(r, 0);
}

/* Made once for each type: the same rig is wanted for every single cut. */
struct image {
	const struct rekey_type *type;
	uint8_t *old, *expected; /* kept until the end */
};

static const struct image *image_get(const struct rekey_rig *rig)
{
	static struct image images[4];
	void (*fill)(const struct secret *key, const uint8_t *plain, uint8_t *ret) = encrypt;
	uint8_t *plain;
	size_t i = 0;

	while (images[i].type && images[i].type != rig->type)
		i++;
	if (images[i].type)
		return &images[i];
	plain = malloc(LAYER_SIZE);
	images[i].old = calloc(1, rig->device_size);
	images[i].expected = calloc(1, rig->device_size);
	assert_true(plain && images[i].old && images[i].expected);
	for (size_t at = 0; at < LAYER_SIZE; at++)
		plain[at] = at < BLOCK ? 0 : (uint8_t)(at * at >> 7);
	if (rig->type == &rekey_type_aead)
		fill = seal;
	else if (rig->type == &rekey_type_luks)
		fill = fill_luks;
	fill(rig->before, plain, images[i].old);
	if (rig->type == &rekey_type_luks)
		memcpy(images[i].expected, plain, LUKS_SIZE);
	else
		fill(rig->after, plain, images[i].expected);
	free(plain);
	images[i].type = rig->type;
	return &images[i];
}

void rekey_rig_make(struct rekey_rig *rig, const struct rekey_type *type)
{
	bool is_aead = type == &rekey_type_aead, is_luks = type == &rekey_type_luks;
	const struct image *image;

	*rig = (struct rekey_rig){
		.type = type,
		.store = { .fd = make_file(SEAL_SIZE), .size = SEAL_SIZE },
		.root = make_key(32, 1),
		.before = make_key(is_aead ? KEY_SIZE + MAC_KEY_SIZE : KEY_SIZE, 2),
		.after = make_key(is_aead ? KEY_SIZE + MAC_KEY_SIZE : KEY_SIZE, 3),
		.identity = { .id = { 9 }, .layer = { 8 } },
		.stop_at = UINT64_MAX,
	};
	(is_aead ? make_aead : is_luks ? make_luks : make_crypt)(rig);
	rig->fd = make_file(rig->device_size);
	assert_int_equal(workers_new(3, &rig->workers), 0);
	image = image_get(rig);
	rig->expected = image->expected;
	assert_int_equal(fd_pwrite_full(rig->fd, image->old, rig->device_size, 0), 0);
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

	assert_int_equal(
		seal_journal_init(&rig->store, rig->root, &rig->identity, BLOCK, &journal, NULL),
		0);
	if (!begin && rig->type->mend)
		assert_int_equal(rekey_mend(rig->type, &source, &journal, NULL), 0);
	seal_journal_done(&journal);
	probe(rig);
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
	if (rig->type == &rekey_type_luks) {
		expect_luks(rig);
		return;
	}
	assert_int_equal(fd_pread_full(rig->fd, data, rig->device_size, 0), 0);
	assert_memory_equal(data, rig->expected, rig->device_size);
}

uint32_t rekey_rig_piece(void)
{
	uint32_t ret;

	assert_int_equal(rekey_capacity(SEAL_SIZE, &ret, NULL), 0);
	return ret;
}
