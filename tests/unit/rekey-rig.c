/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What lies there at the end is computed apart, from the plaintext.
 */

#include "test.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bytes.h"
#include "cipher.h"
#include "fd.h"
#include "interrupt.h"
#include "layer-crypt.h"
#include "rekey-rig.h"

#define KEY_SIZE 64

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
	struct cipher_params params = { .sector_size = 4096 };

	assert_int_equal(cipher_spec_parse("aes-xts-plain64", &params.spec, NULL), 0);
	assert_int_equal(cipher_new(&params, key, &cipher, NULL), 0);
	assert_int_equal(cipher_encrypt(cipher, plain, ret, LAYER_SIZE, 0), 0);
}

void rekey_rig_make(struct rekey_rig *rig)
{
	_cleanup_free_ uint8_t *plain = malloc(LAYER_SIZE);

	*rig = (struct rekey_rig){
		.store = { .fd = make_file(SEAL_SIZE), .size = SEAL_SIZE },
		.fd = make_file(DEVICE_SIZE),
		.root = make_key(32, 1),
		.before = make_key(KEY_SIZE, 2),
		.after = make_key(KEY_SIZE, 3),
		.identity = { .id = { 9 }, .layer = { 8 }, .size = LAYER_SIZE },
		.old = malloc(LAYER_SIZE),
		.expected = malloc(LAYER_SIZE),
		.stop_at = UINT64_MAX,
	};
	assert_true(plain && rig->old && rig->expected);
	assert_int_equal(layer_new("data", &layer_type_crypt, &rig->layer, NULL), 0);
	assert_int_equal(layer_set_option(rig->layer, "sector-size=4096", NULL), 0);
	assert_int_equal(layer_set_option(rig->layer, "offset=8", NULL), 0);
	assert_int_equal(workers_new(3, &rig->workers), 0);
	for (size_t i = 0; i < LAYER_SIZE; i++)
		plain[i] = (uint8_t)(i * i >> 7);
	encrypt(rig->before, plain, rig->old);
	encrypt(rig->after, plain, rig->expected);
	assert_int_equal(fd_pwrite_full(rig->fd, rig->old, LAYER_SIZE, DATA_OFFSET), 0);
}

void rekey_rig_done(struct rekey_rig *rig)
{
	rig->workers = workers_free(rig->workers);
	rig->layer = layer_free(rig->layer);
	rig->root = secret_free(rig->root);
	rig->before = secret_free(rig->before);
	rig->after = secret_free(rig->after);
	free(rig->old);
	free(rig->expected);
	seal_store_done(&rig->store);
	cleanup_close(&rig->fd);
}

static void stop(void *userdata, uint64_t done, uint64_t total)
{
	struct rekey_rig *rig = userdata;

	assert_int_equal(total, LAYER_SIZE);
	interrupted = done >= rig->stop_at && done < total;
}

/* As dmstack does it, with another process each time. */
int rekey_rig_convert(struct rekey_rig *rig, bool begin)
{
	_cleanup_(seal_journal_done) struct seal_journal journal = {};
	const struct rekey_source source = {
		.layer = rig->layer,
		.before = rig->before,
		.after = rig->after,
		.fds = { rig->fd },
		.sectors = { (DATA_OFFSET + LAYER_SIZE) / SECTOR_SIZE },
		.n_workers = workers_count(rig->workers),
		.resumes = !begin,
	};
	struct rekey_job job = {
		.type = &rekey_type_crypt,
		.workers = rig->workers,
		.journal = &journal,
		.progress = stop,
		.userdata = rig,
	};
	int r;

	assert_int_equal(
		seal_journal_init(&rig->store, rig->root, &rig->identity, &journal, NULL), 0);
	if (begin)
		assert_int_equal(seal_journal_begin(&journal, NULL), 0);
	assert_int_equal(rekey_type_crypt.open(&source, &job.state, NULL), 0);
	assert_int_equal(job.state->size, LAYER_SIZE);
	r = rekey_convert(&job, NULL);
	rekey_type_crypt.close(job.state);
	interrupted = 0;
	return r;
}

void rekey_rig_expect_end(struct rekey_rig *rig)
{
	_cleanup_free_ uint8_t *data = malloc(DEVICE_SIZE);

	assert_non_null(data);
	assert_int_equal(fd_pread_full(rig->fd, data, DEVICE_SIZE, 0), 0);
	assert_memory_equal(data + DATA_OFFSET, rig->expected, LAYER_SIZE);
	/* Nothing else was touched. */
	assert_true(bytes_are_zero(data, DATA_OFFSET));
	assert_true(bytes_are_zero(data + DATA_OFFSET + LAYER_SIZE, 512));
}

uint32_t rekey_rig_piece(void)
{
	uint32_t ret;

	assert_int_equal(rekey_capacity(SEAL_SIZE, &ret, NULL), 0);
	return ret;
}
