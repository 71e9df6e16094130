/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The binary part of a LUKS2 header, and which of its two copies counts.
 */

#include "luks2.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "cleanup.h"
#include "parse.h"
#include "sha256.h"

#define OFFSET_VERSION	 6
#define OFFSET_SIZE	 8
#define OFFSET_SEQID	 16
#define OFFSET_LABEL	 24
#define OFFSET_ALGORITHM 72
#define OFFSET_SALT	 104
#define OFFSET_UUID	 168
#define OFFSET_SUBSYSTEM 208
#define OFFSET_OWN	 256
#define OFFSET_CHECKSUM	 448
#define CHECKSUM_FIELD	 64

static const uint8_t magics[2][6] = {
	{ 'L', 'U', 'K', 'S', 0xba, 0xbe },
	{ 'S', 'K', 'U', 'L', 0xba, 0xbe },
};

/* Over the whole copy, with the field itself as zeros. */
static void checksum(const uint8_t *copy, uint64_t header_size, uint8_t ret[SHA256_SIZE])
{
	static const uint8_t zeros[CHECKSUM_FIELD];
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, copy, OFFSET_CHECKSUM);
	sha256_add(&s, zeros, sizeof(zeros));
	sha256_add(&s, copy + OFFSET_CHECKSUM + CHECKSUM_FIELD,
		header_size - OFFSET_CHECKSUM - CHECKSUM_FIELD);
	sha256_finish(&s, ret);
}

/* The size of a copy that has the right magic at that place, or 0. */
static uint64_t copy_size(const uint8_t *copy, bool second)
{
	uint64_t size = get_be64(copy + OFFSET_SIZE);

	if (memcmp(copy, magics[second], sizeof(magics[0])) != 0)
		return 0;
	if (!is_pow2(size) || size < LUKS2_HEADER_SIZE_MIN || size > LUKS2_HEADER_SIZE_MAX)
		return 0;
	return get_be16(copy + OFFSET_VERSION) == 2 ? size : 0;
}

static int copy_text(const uint8_t *from, size_t size, char *ret)
{
	if (!memchr(from, 0, size))
		return -EUCLEAN;
	memcpy(ret, from, strlen((const char *)from) + 1);
	return 0;
}

/*
 * One copy. It must say that it has size bytes, which are all there: what it says itself decides
 * nothing about how much is read.
 */
static int decode_copy(
	const uint8_t *copy, uint64_t size, bool second, struct luks2 *ret, struct diag *diag)
{
	const char *json = (const char *)copy + LUKS2_BINARY_SIZE;
	const char *which = second ? "second" : "first";
	uint8_t sum[SHA256_SIZE], uuid[16];

	if (copy_size(copy, second) != size)
		return diag_set(diag, -EUCLEAN,
			"the %s copy of the header has no magic, or another size", which);
	if (get_be64(copy + OFFSET_OWN) != (second ? size : 0))
		return diag_set(diag, -EUCLEAN, "the %s copy of the header is elsewhere", which);
	if (memcmp(copy + OFFSET_ALGORITHM, "sha256", 7) != 0)
		return diag_set(
			diag, -EUCLEAN, "the header has a checksum of another kind than sha256");
	checksum(copy, size, sum);
	if (memcmp(copy + OFFSET_CHECKSUM, sum, sizeof(sum)) != 0)
		return diag_set(diag, -EUCLEAN, "the checksum of the %s copy is wrong", which);

	*ret = (struct luks2){
		.header_size = size,
		.seqid = get_be64(copy + OFFSET_SEQID),
		.is_second = second,
	};
	if (copy_text(copy + OFFSET_LABEL, 48, ret->label) < 0 ||
		copy_text(copy + OFFSET_SUBSYSTEM, 48, ret->subsystem) < 0 ||
		copy_text(copy + OFFSET_UUID, 40, ret->uuid) < 0 || parse_uuid(ret->uuid, uuid) < 0)
		return diag_set(diag, -EUCLEAN, "label, subsystem or UUID are no such text");
	return luks2_json_decode(json, strnlen(json, size - LUKS2_BINARY_SIZE), ret, diag);
}

/* It counts, though it may ask for what is not here. */
static bool is_sound(int r)
{
	return r >= 0 || r == -EOPNOTSUPP;
}

/*
 * Without a sound first copy, whose size cannot be believed then, the second is at one of nine
 * places. Returns 1 if more has to be seen; -ENODATA: none is sound.
 */
static int find_second(
	const uint8_t *data, size_t size, struct luks2 *ret, size_t *ret_wanted, struct diag *diag)
{
	for (uint64_t s = LUKS2_HEADER_SIZE_MIN; s <= LUKS2_HEADER_SIZE_MAX; s *= 2) {
		_cleanup_(diag_done) struct diag why = {};
		int r;

		if (size < 2 * s && !ret_wanted)
			return -ENODATA;
		if (size < 2 * s) {
			*ret_wanted = 2 * s;
			return 1;
		}
		r = decode_copy(data + s, s, true, ret, &why);
		if (!is_sound(r))
			continue;
		diag_move(diag, &why);
		return r;
	}
	return -ENODATA;
}

/* The newer one of two sound copies counts, also if it cannot be used: the other is outdated. */
static int choose_copy(const uint8_t *data, size_t size, struct luks2 copies[2], size_t *ret_wanted,
	struct diag *diag)
{
	_cleanup_(diag_done) struct diag first_diag = {}, second_diag = {};
	uint64_t header_size = copy_size(data, false);
	int r = -ENODATA, r2;

	if (header_size)
		r = decode_copy(data, header_size, false, &copies[0], &first_diag);
	if (is_sound(r)) {
		r2 = decode_copy(data + header_size, header_size, true, &copies[1], &second_diag);
		if (is_sound(r2) && copies[1].seqid > copies[0].seqid) {
			diag_move(diag, &second_diag);
			copies[0] = copies[1];
			return r2;
		}
		diag_move(diag, &first_diag);
		return r;
	}
	r2 = find_second(data, size, &copies[0], ret_wanted, diag);
	if (r2 != -ENODATA)
		return r2;
	if (header_size == 0)
		return diag_set(diag, -ENODATA, "there is no LUKS2 header");
	diag_move(diag, &first_diag);
	return r;
}

int luks2_decode(
	const uint8_t *data, size_t size, struct luks2 *ret, size_t *ret_wanted, struct diag *diag)
{
	_cleanup_free_ struct luks2 *copies = calloc(2, sizeof(*copies));
	uint64_t wanted = LUKS2_BINARY_SIZE;
	int r;

	if (!copies)
		return -ENOMEM;
	if (size >= LUKS2_BINARY_SIZE)
		wanted = 2 * copy_size(data, false);
	if (size < wanted && !ret_wanted)
		return diag_set(diag, -ENODATA, "there is no whole LUKS2 header");
	if (size < wanted) {
		*ret_wanted = wanted;
		return 1;
	}
	if (memcmp(data, magics[0], sizeof(magics[0])) == 0 && get_be16(data + OFFSET_VERSION) != 2)
		return diag_set(diag, -ENODATA, "the header is one of LUKS%u, not of LUKS2",
			get_be16(data + OFFSET_VERSION));
	r = choose_copy(data, size, copies, ret_wanted, diag);
	if (r == 0)
		*ret = copies[0];
	return r;
}

static void encode_copy(
	const struct luks2_image *image, bool second, const struct buf *json, uint8_t *ret)
{
	const struct luks2 *h = image->header;

	memset(ret, 0, h->header_size);
	memcpy(ret, magics[second], sizeof(magics[0]));
	put_be16(ret + OFFSET_VERSION, 2);
	put_be64(ret + OFFSET_SIZE, h->header_size);
	put_be64(ret + OFFSET_SEQID, h->seqid);
	memcpy(ret + OFFSET_LABEL, h->label, MIN(strlen(h->label), (size_t)47));
	memcpy(ret + OFFSET_ALGORITHM, "sha256", 6);
	memcpy(ret + OFFSET_SALT, image->salts[second], sizeof(image->salts[0]));
	memcpy(ret + OFFSET_UUID, h->uuid, MIN(strlen(h->uuid), (size_t)39));
	memcpy(ret + OFFSET_SUBSYSTEM, h->subsystem, MIN(strlen(h->subsystem), (size_t)47));
	put_be64(ret + OFFSET_OWN, second ? h->header_size : 0);
	memcpy(ret + LUKS2_BINARY_SIZE, json->data, json->size);
	checksum(ret, h->header_size, ret + OFFSET_CHECKSUM);
}

int luks2_encode(const struct luks2_image *image, uint8_t *ret)
{
	_cleanup_(buf_done) struct buf json = {};
	int r;

	luks2_json_encode(image->header, image->tokens, &json);
	r = buf_error(&json);
	if (r < 0)
		return r;
	/* With the NUL. */
	if (json.size >= image->header->header_size - LUKS2_BINARY_SIZE)
		return -EFBIG;
	encode_copy(image, false, &json, ret);
	encode_copy(image, true, &json, ret + image->header->header_size);
	return 0;
}
