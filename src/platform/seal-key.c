/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keys of the seal; see the header for how they hang together.
 */

#include "seal-key.h"

#include <ctype.h>
#include <string.h>
#include <sys/random.h>

#include "bytes.h"
#include "cleanup.h"
#include "digest.h"
#include "hex.h"
#include "hkdf.h"
#include "kdf.h"
#include "sha256.h"
#include "tpm.h"

#define KIND_DERIVED 'D'
#define KIND_KEPT    'K'
#define KIND_NEXT    'N'
#define GROUP	     8 /* digits */
#define SUM_SIZE     (GROUP / 2)

static int slot_mac(const struct secret *root, const uint8_t *data, uint8_t ret[SEAL_MAC_SIZE])
{
	_cleanup_(secret_freep) struct secret *key = NULL;
	_cleanup_(digest_freep) struct digest *hmac = NULL;
	int r;

	r = hkdf_derive(root, "dmstack1 slot", NULL, SEAL_MAC_SIZE, &key);
	if (r < 0)
		return r;
	r = digest_new("hmac(sha256)", key, &hmac);
	if (r < 0)
		return r;
	return digest_data(hmac, data, SEAL_MAC_OFFSET, ret);
}

int seal_mac_put(const struct secret *root, uint8_t data[SEAL_SLOT_SIZE])
{
	return slot_mac(root, data, data + SEAL_MAC_OFFSET);
}

int seal_mac_check(const struct secret *root, const uint8_t data[SEAL_SLOT_SIZE])
{
	uint8_t mac[SEAL_MAC_SIZE];
	int r = slot_mac(root, data, mac);

	if (r < 0)
		return r;
	return bytes_are_equal_secret(mac, data + SEAL_MAC_OFFSET, sizeof(mac)) ? 0 : -EKEYREJECTED;
}

static int payload_new(char kind, const struct secret *key, struct secret **ret)
{
	int r = secret_new(secret_size(key) + 1, true, ret);

	if (r < 0)
		return r;
	secret_bytes(*ret)[0] = (uint8_t)kind;
	memcpy(secret_bytes(*ret) + 1, secret_peek(key), secret_size(key));
	return 0;
}

int seal_payload_kept(const struct secret *key, struct secret **ret)
{
	return payload_new(KIND_KEPT, key, ret);
}

static int wrapping_key(const struct secret *root, struct secret **ret)
{
	return hkdf_derive(root, "dmstack1 wrap", NULL, KEY_WRAP_SIZE, ret);
}

static int record_open(
	const struct secret *root, const struct seal_record *record, struct secret **ret)
{
	_cleanup_(secret_freep) struct secret *wrapping = NULL;
	int r = wrapping_key(root, &wrapping);

	return r < 0 ? r : key_unwrap(wrapping, record, ret);
}

/* Without regard to a re-keying. */
static int payload_present(const struct secret *root, const struct seal_slot *slot,
	const char *label, struct secret **ret)
{
	_cleanup_(secret_freep) struct secret *key = NULL;
	struct seal_record record;
	int r;

	r = seal_record_find(slot, SEAL_RECORD_OWN, label, &record);
	if (r == 0)
		r = seal_record_find(slot, SEAL_RECORD_KEY, label, &record);
	if (r < 0)
		return r;
	if (r == 0) {
		r = hkdf_derive(root, "dmstack1 key", label, HKDF_PRK_SIZE, &key);
		return r < 0 ? r : payload_new(KIND_DERIVED, key, ret);
	}
	r = record_open(root, &record, &key);
	return r < 0 ? r : payload_new(KIND_KEPT, key, ret);
}

int seal_key_payload(const struct secret *root, const struct seal_slot *slot, const char *label,
	struct secret **ret)
{
	static const uint8_t next[] = { KIND_NEXT, 0 };
	struct seal_record record;
	int r = seal_record_find(slot, SEAL_RECORD_NEXT, label, &record);

	if (r < 0)
		return r;
	if (r > 0)
		return secret_new_from(next, sizeof(next), true, ret);
	return payload_present(root, slot, label, ret);
}

int seal_key_use(const struct secret *payload, size_t size, struct secret **ret)
{
	_cleanup_(secret_freep) struct secret *prk = NULL;
	size_t n = secret_size(payload);
	int r;

	if (n < 2)
		return -EBADMSG;
	switch (secret_peek(payload)[0]) {
	case KIND_KEPT:
		return secret_new_from(secret_peek(payload) + 1, n - 1, true, ret);
	case KIND_DERIVED:
		if (n != HKDF_PRK_SIZE + 1)
			return -EBADMSG;
		r = secret_new_from(secret_peek(payload) + 1, HKDF_PRK_SIZE, true, &prk);
		if (r < 0)
			return r;
		return hkdf_expand(prk, "dmstack1 use", NULL, size ?: HKDF_PRK_SIZE, ret);
	case KIND_NEXT:
		return -EBUSY;
	default:
		return -EBADMSG;
	}
}

int seal_key_present(const struct secret *root, const struct seal_slot *slot, const char *label,
	size_t size, struct secret **ret)
{
	_cleanup_(secret_freep) struct secret *payload = NULL;
	int r = payload_present(root, slot, label, &payload);

	return r < 0 ? r : seal_key_use(payload, size, ret);
}

static int record_add(const struct secret *wrapping, const struct secret *key,
	struct seal_record *record, struct seal_slot *slot)
{
	uint8_t ciphertext[SEAL_KEY_MAX];
	int r = key_wrap(wrapping, key, record, ciphertext);

	return r < 0 ? r : seal_record_add(slot, record);
}

static int key_add(const struct secret *root, enum seal_record_kind kind, const char *label,
	const struct secret *key, struct seal_slot *slot)
{
	_cleanup_(secret_freep) struct secret *wrapping = NULL;
	struct seal_record record = { .kind = (uint8_t)kind };
	int r;

	if (strlen(label) > SEAL_LABEL_MAX)
		return -EINVAL;
	memcpy(record.label, label, strlen(label));
	r = wrapping_key(root, &wrapping);
	return r < 0 ? r : record_add(wrapping, key, &record, slot);
}

int seal_key_keep(const struct secret *root, const char *label, const struct secret *key,
	struct seal_slot *slot)
{
	return key_add(root, SEAL_RECORD_KEY, label, key, slot);
}

static int random_key(size_t size, struct secret **ret)
{
	_cleanup_(secret_freep) struct secret *key = NULL;
	int r = secret_new(size, true, &key);

	if (r < 0)
		return r;
	if (getrandom(secret_bytes(key), size, 0) != (ssize_t)size)
		return -EIO;
	*ret = take_ptr(key);
	return 0;
}

int seal_next_make(
	const struct secret *root, const char *label, size_t size, struct seal_slot *slot)
{
	_cleanup_(secret_freep) struct secret *key = NULL;
	int r = random_key(size, &key);

	return r < 0 ? r : key_add(root, SEAL_RECORD_NEXT, label, key, slot);
}

int seal_next_open(const struct secret *root, const struct seal_record *record, struct secret **ret)
{
	return record_open(root, record, ret);
}

int seal_next_promote(const struct secret *root, const char *label, struct seal_slot *slot)
{
	_cleanup_(secret_freep) struct secret *key = NULL;
	struct seal_record record;
	int r = seal_record_find(slot, SEAL_RECORD_NEXT, label, &record);

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	r = record_open(root, &record, &key);
	if (r < 0)
		return r;
	seal_record_remove(slot, SEAL_RECORD_NEXT, label);
	seal_record_remove(slot, SEAL_RECORD_KEY, label);
	seal_record_remove(slot, SEAL_RECORD_OWN, label);
	return key_add(root, SEAL_RECORD_OWN, label, key, slot);
}

int seal_journal_key(const struct secret *root, struct secret **ret)
{
	return hkdf_derive(root, "dmstack1 rekey", NULL, SEAL_MAC_SIZE, ret);
}

int seal_recovery_make(const struct secret *root, struct seal_slot *slot, struct secret **ret)
{
	_cleanup_(secret_freep) struct secret *recovery = NULL, *wrapping = NULL;
	struct seal_record record = { .kind = SEAL_RECORD_RECOVERY };
	int r;

	r = random_key(KEY_WRAP_SIZE, &recovery);
	if (r < 0)
		return r;
	r = hkdf_derive(recovery, "dmstack1 recovery", NULL, KEY_WRAP_SIZE, &wrapping);
	if (r < 0)
		return r;
	r = record_add(wrapping, root, &record, slot);
	if (r < 0)
		return r;
	*ret = take_ptr(recovery);
	return 0;
}

int seal_recovery_open(
	const struct seal_slot *slot, const struct secret *recovery, struct secret **ret)
{
	_cleanup_(secret_freep) struct secret *wrapping = NULL;
	struct seal_record record;
	int r;

	r = seal_record_find(slot, SEAL_RECORD_RECOVERY, "", &record);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	r = hkdf_derive(recovery, "dmstack1 recovery", NULL, KEY_WRAP_SIZE, &wrapping);
	if (r < 0)
		return r;
	return key_unwrap(wrapping, &record, ret);
}

static void recovery_sum(const struct secret *recovery, uint8_t ret[SHA256_SIZE])
{
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, secret_peek(recovery), KEY_WRAP_SIZE);
	sha256_finish(&s, ret);
	wipe(&s, sizeof(s));
}

int seal_recovery_text(const struct secret *recovery, struct secret **ret)
{
	char digits[2 * (KEY_WRAP_SIZE + SUM_SIZE) + 1];
	uint8_t sum[SHA256_SIZE];
	int r = secret_new(RECOVERY_TEXT_SIZE, true, ret);

	if (r < 0)
		return r;
	recovery_sum(recovery, sum);
	hex_encode(secret_peek(recovery), KEY_WRAP_SIZE, digits);
	hex_encode(sum, SUM_SIZE, digits + 2 * (size_t)KEY_WRAP_SIZE);
	for (size_t i = 0; i < sizeof(digits) - 1; i++)
		secret_bytes(*ret)[i + i / GROUP] = (uint8_t)digits[i];
	for (size_t i = GROUP; i < RECOVERY_TEXT_SIZE - 1; i += GROUP + 1)
		secret_bytes(*ret)[i] = '-';
	wipe(digits, sizeof(digits));
	return 0;
}

int seal_recovery_parse(const struct secret *text, struct secret **ret, struct diag *diag)
{
	_cleanup_(secret_freep) struct secret *digits = NULL, *bytes = NULL;
	size_t size = KEY_WRAP_SIZE + SUM_SIZE, n = 0;
	uint8_t sum[SHA256_SIZE];
	int r;

	r = secret_new(2 * size, true, &digits);
	if (r < 0)
		return r;
	for (size_t i = 0; i < secret_size(text); i++) {
		int c = secret_peek(text)[i];

		if (c == '-' || isspace(c))
			continue;
		if (n == 2 * size)
			return diag_set(diag, -EINVAL, "this is longer than a recovery key");
		secret_bytes(digits)[n++] = (uint8_t)c;
	}
	r = secret_new(size, true, &bytes);
	if (r < 0)
		return r;
	if (n != 2 * size ||
		hex_decode((const char *)secret_peek(digits), secret_bytes(bytes), size) < 0)
		return diag_set(diag, -EINVAL,
			"a recovery key is 9 groups of 8 hexadecimal digits; this has %zu digits",
			n);
	recovery_sum(bytes, sum);
	if (memcmp(sum, secret_peek(bytes) + KEY_WRAP_SIZE, SUM_SIZE) != 0)
		return diag_set(diag, -EINVAL, "there is a typing error in the recovery key");
	secret_truncate(bytes, KEY_WRAP_SIZE);
	*ret = take_ptr(bytes);
	return 0;
}

int seal_pin_new(struct seal_pin *ret)
{
	struct seal_pin pin = { .kdf = SEAL_KDF_PBKDF2, .iterations = 600000 };

	/* The TPM counts wrong tries, so this only has to slow down one who has broken it. */
	if (kdf_has_argon2())
		pin = (struct seal_pin){
			.kdf = SEAL_KDF_ARGON2ID,
			.iterations = 4,
			.memory_kib = 65536,
			.parallelism = 1,
		};
	if (getrandom(pin.salt, sizeof(pin.salt), 0) != sizeof(pin.salt))
		return -EIO;
	*ret = pin;
	return 0;
}

int seal_pin_auth(const struct seal_pin *pin, const struct secret *text, struct secret **ret,
	struct diag *diag)
{
	_cleanup_(secret_freep) struct secret *auth = NULL;
	struct luks2_kdf kdf = {
		.type = pin->kdf == SEAL_KDF_ARGON2ID ? LUKS2_ARGON2ID : LUKS2_PBKDF2,
		.hash = "sha256",
		.iterations = pin->iterations,
		.memory_kib = pin->memory_kib,
		.parallelism = pin->parallelism,
		.salt_size = SEAL_SALT_SIZE,
	};
	int r;

	memcpy(kdf.salt, pin->salt, SEAL_SALT_SIZE);
	r = secret_new(TPM_AUTH_SIZE, true, &auth);
	if (r < 0)
		return r;
	r = kdf_derive(&kdf, text, secret_bytes(auth), TPM_AUTH_SIZE, diag);
	if (r < 0)
		return r;
	/* A TPM drops zero bytes at the end of an auth value. */
	secret_bytes(auth)[TPM_AUTH_SIZE - 1] |= 1;
	*ret = take_ptr(auth);
	return 0;
}
