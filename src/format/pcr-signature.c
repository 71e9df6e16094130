/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The reader and writer of signatures of PCR values.
 */

#include "pcr-signature.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base64.h"
#include "fd.h"
#include "hex.h"
#include "manifest-internal.h"

#define MEMBER "dmstack"

static const struct {
	const char *name;
	enum tpm_bank bank;
} banks[] = {
	{ "sha256", TPM_BANK_SHA256 },
	{ "sha384", TPM_BANK_SHA384 },
};

void pcr_signatures_done(struct pcr_signatures *list)
{
	free(list->items);
	*list = (struct pcr_signatures){};
}

int pcr_signatures_add(struct pcr_signatures *list, const struct pcr_signature *signature)
{
	struct pcr_signature *items;

	if (list->n >= PCR_SIGNATURES_MAX)
		return -E2BIG;
	items = reallocarray(list->items, list->n + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	items[list->n++] = *signature;
	list->items = items;
	return 0;
}

static int read_bank(const struct json_place *at, enum tpm_bank *ret)
{
	const char *text;
	int r;

	r = json_need_text(at, "bank", &text);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ARRAY_SIZE(banks); i++)
		if (streq(banks[i].name, text)) {
			*ret = banks[i].bank;
			return 0;
		}
	return json_fail(at, "bank", "\"%s\" is neither sha256 nor sha384", text);
}

/* In ascending order, so that a set can be written in one way only. */
static int read_pcrs(const struct json_place *at, uint32_t *ret)
{
	struct json_object *array = NULL;
	uint32_t mask = 0;
	int r;

	r = json_get_array(at, "pcrs", TPM_PCR_COUNT, &array);
	if (r < 0)
		return r;
	if (r == 0 || json_object_array_length(array) == 0)
		return json_fail(at, NULL, "\"pcrs\" is missing or empty");
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		struct json_object *value = json_object_array_get_idx(array, i);
		uint64_t n = json_object_get_uint64(value);

		if (!json_object_is_type(value, json_type_int) || n >= TPM_PCR_COUNT ||
			mask >> n != 0)
			return json_fail(at, "pcrs", "must be numbers below %d in ascending order",
				TPM_PCR_COUNT);
		mask |= UINT32_C(1) << n;
	}
	*ret = mask;
	return 0;
}

static int read_policy(const struct json_place *at, uint8_t ret[TPM_DIGEST_SIZE])
{
	const char *text;
	int r;

	r = json_need_text(at, "policy", &text);
	if (r < 0)
		return r;
	if (strlen(text) != (size_t)2 * TPM_DIGEST_SIZE ||
		hex_decode(text, ret, TPM_DIGEST_SIZE) < 0)
		return json_fail(
			at, "policy", "must be %d hexadecimal digits", 2 * TPM_DIGEST_SIZE);
	return 0;
}

static int read_ecdsa(const struct json_place *at, struct ecdsa_signature *ret)
{
	uint8_t der[ECDSA_DER_MAX];
	const char *text;
	size_t size;
	int r;

	r = json_need_text(at, "signature", &text);
	if (r < 0)
		return r;
	if (base64_decode(text, strlen(text), der, sizeof(der), &size) < 0 ||
		ecdsa_der_read(der, size, ret) < 0)
		return json_fail(
			at, "signature", "must be an ECDSA signature over P-256: DER in base64");
	return 0;
}

static int read_entry(const struct json_place *at, struct pcr_signatures *list)
{
	static const char *const members[] = { "bank", "pcrs", "epoch", "policy", "signature",
		NULL };
	struct pcr_signature signature = {};
	int r;

	if (!json_object_is_type(at->object, json_type_object))
		return json_fail(at, NULL, "must be an object");
	r = json_check_members(at, members);
	if (r >= 0)
		r = read_bank(at, &signature.bank);
	if (r >= 0)
		r = read_pcrs(at, &signature.mask);
	if (r >= 0)
		r = json_need_u64(at, "epoch", &signature.epoch);
	if (r >= 0)
		r = read_policy(at, signature.policy);
	if (r >= 0)
		r = read_ecdsa(at, &signature.signature);
	if (r < 0)
		return r;
	r = pcr_signatures_add(list, &signature);
	return r == -E2BIG ? json_fail(at, NULL, "more than %u signatures", PCR_SIGNATURES_MAX) : r;
}

static int read_entries(const struct json_place *root, struct pcr_signatures *list)
{
	struct json_object *array = NULL;
	int r;

	r = json_get_array(root, MEMBER, PCR_SIGNATURES_MAX, &array);
	if (r <= 0)
		return r;
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		char path[48];
		const struct json_place at = {
			.object = json_object_array_get_idx(array, i),
			.path = path,
			.diag = root->diag,
		};

		(void)snprintf(path, sizeof(path), "$.%s[%zu]", MEMBER, i);
		r = read_entry(&at, list);
		if (r < 0)
			return r;
	}
	return 0;
}

int pcr_signatures_parse(const char *text, size_t size, const char *file,
	struct pcr_signatures *list, struct diag *diag)
{
	_cleanup_(json_object_putp) struct json_object *object = NULL;
	struct json_place root = { .path = "$", .diag = diag };
	size_t before = list->n;
	int r;

	r = json_read(text, size, file, &object, diag);
	if (r < 0)
		return r;
	root.object = object;
	r = read_entries(&root, list);
	if (r < 0) {
		list->n = before;
		return r == -ENOMEM ? r : diag_at(diag, r, "%s", file);
	}
	return 0;
}

static int load_file(
	const char *path, bool required, struct pcr_signatures *list, struct diag *diag)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	int r;

	r = file_read(AT_FDCWD, path, MANIFEST_SIZE_MAX, &text, &size);
	if ((r == -ENOENT || r == -ENOTDIR) && !required)
		return 0;
	if (r < 0) {
		(void)diag_at(diag, r, "%s", path);
		return diag_set(diag, r, "cannot be read: %s", strerror(-r));
	}
	return pcr_signatures_parse(text, size, path, list, diag);
}

int pcr_signatures_load(const char *extra, struct pcr_signatures *list, struct diag *diag)
{
	/* The first two are where systemd-stub(7) puts what came with the kernel. */
	static const char *const paths[] = {
		"/.extra/tpm2-pcr-signature.json",
		"/.extra/dmstack-pcr-signature.json",
		"/etc/dmstack/pcr-signature.json",
		"/run/dmstack/pcr-signature.json",
		"/usr/lib/dmstack/pcr-signature.json",
	};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(paths); i++)
		r = load_file(paths[i], false, list, diag);
	if (r >= 0 && extra)
		r = load_file(extra, true, list, diag);
	return r;
}

const struct pcr_signature *pcr_signatures_find(const struct pcr_signatures *list,
	enum tpm_bank bank, uint32_t mask, uint64_t epoch, const uint8_t *policy)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct pcr_signature *item = &list->items[i];

		if (item->bank != bank || item->mask != mask || item->epoch != epoch)
			continue;
		if (!policy || memcmp(item->policy, policy, TPM_DIGEST_SIZE) == 0)
			return item;
	}
	return NULL;
}

/* Takes the value over, in any case. */
static int put(struct json_object *object, const char *name, struct json_object *value)
{
	if (value && json_object_object_add(object, name, value) == 0)
		return 0;
	(void)json_object_put(value);
	return -ENOMEM;
}

static int put_pcrs(struct json_object *object, uint32_t mask)
{
	struct json_object *array = json_object_new_array();

	for (int i = 0; array && i < TPM_PCR_COUNT; i++)
		if (mask >> i & 1 && json_object_array_add(array, json_object_new_int(i)) != 0) {
			(void)json_object_put(array);
			return -ENOMEM;
		}
	return put(object, "pcrs", array);
}

static int put_entry(struct json_object *array, const struct pcr_signature *item)
{
	_cleanup_(buf_done) struct buf policy = {}, signature = {};
	struct json_object *object = json_object_new_object();
	const char *bank = item->bank == TPM_BANK_SHA384 ? "sha384" : "sha256";
	uint8_t der[ECDSA_DER_MAX];
	int r;

	buf_hex(&policy, item->policy, TPM_DIGEST_SIZE);
	base64_append(&signature, der, ecdsa_der_write(&item->signature, der));
	r = object ? buf_error(&policy) : -ENOMEM;
	if (r >= 0)
		r = buf_error(&signature);
	if (r >= 0)
		r = put(object, "bank", json_object_new_string(bank));
	if (r >= 0)
		r = put_pcrs(object, item->mask);
	if (r >= 0)
		r = put(object, "epoch", json_object_new_uint64(item->epoch));
	if (r >= 0)
		r = put(object, "policy", json_object_new_string(buf_str(&policy)));
	if (r >= 0)
		r = put(object, "signature", json_object_new_string(buf_str(&signature)));
	if (r >= 0 && json_object_array_add(array, object) != 0)
		r = -ENOMEM;
	if (r < 0)
		(void)json_object_put(object);
	return r;
}

static int put_entries(struct json_object *root, const struct pcr_signatures *list)
{
	struct json_object *array = json_object_new_array();
	int r = array ? 0 : -ENOMEM;

	for (size_t i = 0; r >= 0 && i < list->n; i++)
		r = put_entry(array, &list->items[i]);
	if (r < 0) {
		(void)json_object_put(array);
		return r;
	}
	return put(root, MEMBER, array);
}

int pcr_signatures_write(const struct pcr_signatures *list, const char *join, size_t join_size,
	const char *join_file, struct buf *ret, struct diag *diag)
{
	_cleanup_(json_object_putp) struct json_object *root = NULL;
	int r;

	if (join) {
		r = json_read(join, join_size, join_file, &root, diag);
		if (r < 0)
			return r;
	} else {
		root = json_object_new_object();
	}
	r = root ? put_entries(root, list) : -ENOMEM;
	if (r < 0)
		return r;

	const char *text = json_object_to_json_string_ext(
		root, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE);

	if (!text)
		return -ENOMEM;
	buf_puts(ret, text);
	buf_putc(ret, '\n');
	return buf_error(ret);
}
