/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The slot, all integers big endian:
 *
 *	  0  magic "DMSTPM01"		 68  latch index (be32)
 *	  8  version (be16): 1		 72  SHA-256 of the literal PCRs (32)
 *	 10  flags (be16)		104  Name of K (34)
 *	 12  size of the public (be16)	138  Name of the SRK (34)
 *	 14  size of the private (be16)	172  size of the records (be16)
 *	 16  uuid (16)			174  KDF of the PIN (be16)
 *	 32  epoch (be64)		176  its iterations (be32)
 *	 40  counter (be64)		180  its memory, KiB (be32)
 *	 48  bank (be16)		184  its parallelism (be32)
 *	 50  zero (2)			188  its salt (16)
 *	 52  signed PCRs (be32)		204  zero (4)
 *	 56  literal PCRs (be32)	208  public, private, records; then zeros
 *	 60  NV index (be32)	       4032  SHA-256 of the bytes before
 *	 64  NV attributes (be32)      4064  HMAC-SHA-256 of the bytes before
 *
 * A record: kind (1), size of the label (1), size of the ciphertext (be16), label, nonce (12), tag
 * (16), ciphertext.
 */

#include "seal-slot.h"

#include <string.h>

#include "bytes.h"
#include "sha256.h"

#define MAGIC		"DMSTPM01"
#define VERSION		1
#define BODY		208
#define CHECKSUM_OFFSET 4032
#define RECORD_HEAD	4
#define LATCH		"dmstack1 latch"

_Static_assert(BODY + SEAL_PUBLIC_MAX + SEAL_PRIVATE_MAX + SEAL_RECORDS_MAX <= CHECKSUM_OFFSET,
	"a slot has room for the largest of everything");

static void checksum(const uint8_t *data, uint8_t ret[SHA256_SIZE])
{
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, data, CHECKSUM_OFFSET);
	sha256_finish(&s, ret);
}

void seal_slot_latch(const struct seal_slot *slot, uint8_t ret[TPM_DIGEST_SIZE])
{
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, LATCH, sizeof(LATCH));
	sha256_add(&s, slot->uuid, sizeof(slot->uuid));
	sha256_finish(&s, ret);
}

static bool label_is_valid(const struct seal_record *record)
{
	size_t size = strlen(record->label);

	if (record->kind == SEAL_RECORD_RECOVERY)
		return size == 0;
	if (record->kind < SEAL_RECORD_KEY || record->kind > SEAL_RECORD_OWN)
		return false;
	for (size_t i = 0; i < size; i++)
		if (record->label[i] <= ' ' || record->label[i] > '~' || record->label[i] == '/')
			return false;
	return size > 0 && record->label[0] != '.';
}

int seal_record_next(const struct seal_slot *slot, size_t *offset, struct seal_record *ret)
{
	const uint8_t *p = slot->records + *offset;
	size_t left = slot->records_size - *offset;
	struct seal_record record = {};

	if (left == 0)
		return 0;
	if (left < RECORD_HEAD)
		return -EINVAL;

	size_t label_size = p[1];
	size_t whole = RECORD_HEAD + label_size + SEAL_NONCE_SIZE + SEAL_TAG_SIZE;

	record.kind = p[0];
	record.size = get_be16(p + 2);
	whole += record.size;
	if (label_size > SEAL_LABEL_MAX || record.size == 0 || record.size > SEAL_KEY_MAX ||
		whole > left)
		return -EINVAL;
	p += RECORD_HEAD;
	memcpy(record.label, p, label_size);
	memcpy(record.nonce, p + label_size, SEAL_NONCE_SIZE);
	memcpy(record.tag, p + label_size + SEAL_NONCE_SIZE, SEAL_TAG_SIZE);
	record.ciphertext = p + label_size + SEAL_NONCE_SIZE + SEAL_TAG_SIZE;
	if (strlen(record.label) != label_size || !label_is_valid(&record))
		return -EINVAL;
	*ret = record;
	*offset += whole;
	return 1;
}

int seal_record_find(const struct seal_slot *slot, enum seal_record_kind kind, const char *label,
	struct seal_record *ret)
{
	struct seal_record record;
	size_t offset = 0;
	int r;

	while ((r = seal_record_next(slot, &offset, &record)) > 0)
		if (record.kind == kind && streq(record.label, label)) {
			*ret = record;
			return 1;
		}
	return r;
}

static size_t record_size(const struct seal_record *record)
{
	return RECORD_HEAD + strlen(record->label) + SEAL_NONCE_SIZE + SEAL_TAG_SIZE + record->size;
}

int seal_record_add(struct seal_slot *slot, const struct seal_record *record)
{
	size_t label_size = strlen(record->label);
	size_t whole = record_size(record);
	uint8_t *p = slot->records + slot->records_size;

	if (record->size == 0 || record->size > SEAL_KEY_MAX || !label_is_valid(record))
		return -EINVAL;
	if (whole > SEAL_RECORDS_MAX - (size_t)slot->records_size)
		return -ENOSPC;
	p[0] = record->kind;
	p[1] = (uint8_t)label_size;
	put_be16(p + 2, record->size);
	p += RECORD_HEAD;
	memcpy(p, record->label, label_size);
	p += label_size;
	memcpy(p, record->nonce, SEAL_NONCE_SIZE);
	memcpy(p + SEAL_NONCE_SIZE, record->tag, SEAL_TAG_SIZE);
	memcpy(p + SEAL_NONCE_SIZE + SEAL_TAG_SIZE, record->ciphertext, record->size);
	slot->records_size = (uint16_t)(slot->records_size + whole);
	return 0;
}

void seal_record_remove(struct seal_slot *slot, enum seal_record_kind kind, const char *label)
{
	struct seal_record record;
	size_t end = 0;

	while (seal_record_next(slot, &end, &record) > 0) {
		if (record.kind != kind || !streq(record.label, label))
			continue;

		size_t size = record_size(&record);

		memmove(slot->records + end - size, slot->records + end, slot->records_size - end);
		slot->records_size = (uint16_t)(slot->records_size - size);
		memset(slot->records + slot->records_size, 0, size);
		return;
	}
}

int seal_record_find_next(const struct seal_slot *slot, struct seal_record *ret)
{
	struct seal_record record;
	size_t offset = 0;
	int r;

	while ((r = seal_record_next(slot, &offset, &record)) > 0)
		if (record.kind == SEAL_RECORD_NEXT) {
			*ret = record;
			return 1;
		}
	return r;
}

static bool pin_is_valid(const struct seal_slot *slot)
{
	const struct seal_pin *pin = &slot->pin;
	bool empty = pin->iterations == 0 && pin->memory_kib == 0 && pin->parallelism == 0 &&
		     bytes_are_zero(pin->salt, sizeof(pin->salt));

	if (!(slot->flags & SEAL_SLOT_PIN) || pin->kdf == SEAL_KDF_NONE)
		return !(slot->flags & SEAL_SLOT_PIN) && pin->kdf == SEAL_KDF_NONE && empty;
	/* A header that is not authentic yet must not make the initrd work for hours. */
	if (pin->kdf == SEAL_KDF_PBKDF2)
		return pin->iterations >= 1000 && pin->iterations <= 100000000 &&
		       pin->memory_kib == 0 && pin->parallelism == 0;
	return pin->kdf == SEAL_KDF_ARGON2ID && pin->iterations >= 1 && pin->iterations <= 1000 &&
	       pin->memory_kib >= 8 * pin->parallelism && pin->memory_kib <= 4 << 20 &&
	       pin->parallelism >= 1 && pin->parallelism <= 16;
}

static bool masks_are_valid(const struct seal_slot *slot)
{
	bool has_signed = slot->flags & SEAL_SLOT_SIGNED;
	bool has_literal = slot->flags & SEAL_SLOT_LITERAL;

	return !((slot->signed_mask | slot->literal_mask) >> TPM_PCR_COUNT) &&
	       has_signed == (slot->signed_mask != 0) && has_literal == (slot->literal_mask != 0) &&
	       has_signed == !bytes_are_zero(slot->key_name, TPM_NAME_SIZE) &&
	       has_literal == !bytes_are_zero(slot->literal_values, TPM_DIGEST_SIZE);
}

static int check_fields(const struct seal_slot *slot, struct diag *diag)
{
	if (slot->flags & ~SEAL_SLOT_FLAGS)
		return diag_set(diag, -EPROTONOSUPPORT, "seal slot: unknown flags %#x",
			slot->flags & (unsigned)~SEAL_SLOT_FLAGS);
	if (tpm_bank_size((enum tpm_bank)slot->bank) == 0)
		return diag_set(diag, -EINVAL, "seal slot: bank %#x is out of range", slot->bank);
	if (!masks_are_valid(slot))
		return diag_set(diag, -EINVAL, "seal slot: the PCRs do not go with the flags");
	if (slot->nv_index >> 24 != 0x01 || slot->latch_index >> 24 != 0x01 ||
		slot->latch_index == slot->nv_index)
		return diag_set(diag, -EINVAL, "seal slot: the NV indices are out of range");
	if (slot->public_size > SEAL_PUBLIC_MAX || slot->private_size > SEAL_PRIVATE_MAX ||
		slot->records_size > SEAL_RECORDS_MAX || slot->public_size == 0 ||
		slot->private_size == 0)
		return diag_set(diag, -EINVAL, "seal slot: a size is out of range");
	if (!pin_is_valid(slot))
		return diag_set(diag, -EINVAL, "seal slot: the parameters of the PIN are no good");
	return 0;
}

static void get_fields(const uint8_t *data, struct seal_slot *slot)
{
	*slot = (struct seal_slot){
		.flags = get_be16(data + 10),
		.public_size = get_be16(data + 12),
		.private_size = get_be16(data + 14),
		.epoch = get_be64(data + 32),
		.counter = get_be64(data + 40),
		.bank = get_be16(data + 48),
		.signed_mask = get_be32(data + 52),
		.literal_mask = get_be32(data + 56),
		.nv_index = get_be32(data + 60),
		.nv_attributes = get_be32(data + 64),
		.latch_index = get_be32(data + 68),
		.records_size = get_be16(data + 172),
		.pin = {
			.kdf = get_be16(data + 174),
			.iterations = get_be32(data + 176),
			.memory_kib = get_be32(data + 180),
			.parallelism = get_be32(data + 184),
		},
	};
	memcpy(slot->uuid, data + 16, sizeof(slot->uuid));
	memcpy(slot->literal_values, data + 72, TPM_DIGEST_SIZE);
	memcpy(slot->key_name, data + 104, TPM_NAME_SIZE);
	memcpy(slot->srk_name, data + 138, TPM_NAME_SIZE);
	memcpy(slot->pin.salt, data + 188, SEAL_SALT_SIZE);
}

static int check_head(const uint8_t *data, struct diag *diag)
{
	uint8_t sum[SHA256_SIZE];

	if (bytes_are_zero(data, SEAL_SLOT_SIZE))
		return diag_set(diag, -ENODATA, "seal slot: it is empty");
	if (memcmp(data, MAGIC, 8) != 0)
		return diag_set(diag, -EBADMSG, "there is no seal slot");
	checksum(data, sum);
	if (memcmp(data + CHECKSUM_OFFSET, sum, sizeof(sum)) != 0)
		return diag_set(diag, -EBADMSG, "seal slot: the checksum is wrong");
	if (get_be16(data + 8) != VERSION)
		return diag_set(diag, -EPROTONOSUPPORT, "seal slot: unknown version %u",
			get_be16(data + 8));
	return 0;
}

static int check_records(const struct seal_slot *slot, struct diag *diag)
{
	struct seal_record record, first;
	size_t offset = 0;
	int r;

	while ((r = seal_record_next(slot, &offset, &record)) > 0) {
		if (seal_record_find(slot, record.kind, record.label, &first) != 1 ||
			first.ciphertext != record.ciphertext)
			return diag_set(diag, -EINVAL, "seal slot: a record is there twice");
		if (record.kind == SEAL_RECORD_NEXT && seal_record_find_next(slot, &first) == 1 &&
			first.ciphertext != record.ciphertext)
			return diag_set(
				diag, -EINVAL, "seal slot: two layers are being re-keyed at once");
	}
	return r < 0 ? diag_set(diag, r, "seal slot: the records are not well formed") : 0;
}

int seal_slot_decode(const uint8_t data[SEAL_SLOT_SIZE], struct seal_slot *ret, struct diag *diag)
{
	struct seal_slot slot;
	int r;

	r = check_head(data, diag);
	if (r < 0)
		return r;
	get_fields(data, &slot);
	r = check_fields(&slot, diag);
	if (r < 0)
		return r;

	const uint8_t *p = data + BODY;

	memcpy(slot.public, p, slot.public_size);
	p += slot.public_size;
	memcpy(slot.private, p, slot.private_size);
	p += slot.private_size;
	memcpy(slot.records, p, slot.records_size);
	p += slot.records_size;
	if (!bytes_are_zero(p, (size_t)(data + CHECKSUM_OFFSET - p)) ||
		!bytes_are_zero(data + 50, 2) || !bytes_are_zero(data + 204, 4))
		return diag_set(diag, -EINVAL, "seal slot: reserved bytes are set");
	r = check_records(&slot, diag);
	if (r < 0)
		return r;
	*ret = slot;
	return 0;
}

static void put_fields(const struct seal_slot *slot, uint8_t *data)
{
	memcpy(data, MAGIC, 8);
	put_be16(data + 8, VERSION);
	put_be16(data + 10, slot->flags);
	put_be16(data + 12, slot->public_size);
	put_be16(data + 14, slot->private_size);
	memcpy(data + 16, slot->uuid, sizeof(slot->uuid));
	put_be64(data + 32, slot->epoch);
	put_be64(data + 40, slot->counter);
	put_be16(data + 48, slot->bank);
	put_be32(data + 52, slot->signed_mask);
	put_be32(data + 56, slot->literal_mask);
	put_be32(data + 60, slot->nv_index);
	put_be32(data + 64, slot->nv_attributes);
	put_be32(data + 68, slot->latch_index);
	memcpy(data + 72, slot->literal_values, TPM_DIGEST_SIZE);
	memcpy(data + 104, slot->key_name, TPM_NAME_SIZE);
	memcpy(data + 138, slot->srk_name, TPM_NAME_SIZE);
	put_be16(data + 172, slot->records_size);
	put_be16(data + 174, slot->pin.kdf);
	put_be32(data + 176, slot->pin.iterations);
	put_be32(data + 180, slot->pin.memory_kib);
	put_be32(data + 184, slot->pin.parallelism);
	memcpy(data + 188, slot->pin.salt, SEAL_SALT_SIZE);
}

void seal_slot_encode(const struct seal_slot *slot, uint8_t ret[SEAL_SLOT_SIZE])
{
	uint8_t *p = ret + BODY;

	memset(ret, 0, SEAL_SLOT_SIZE);
	put_fields(slot, ret);
	memcpy(p, slot->public, slot->public_size);
	p += slot->public_size;
	memcpy(p, slot->private, slot->private_size);
	p += slot->private_size;
	memcpy(p, slot->records, slot->records_size);
	checksum(ret, ret + CHECKSUM_OFFSET);
}
